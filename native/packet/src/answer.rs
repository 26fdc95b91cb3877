//! ICMP errors to the own host: whole Ethernet frames, to be written with an all-zero virtio-net header.

use crate::bytes::put16;
use crate::ether::{self, ETHER_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::icmp::{self, ICMP_LEN};
use crate::ipv4::IPV4_LEN_MIN;
use crate::ipv6::IPV6_LEN;
use crate::{L3, Mac, checksum, protocol};
use std::net::IpAddr;

/// Longest error in bytes (Ethernet frame): an IPv6 error is at most the minimum MTU.
pub const ICMP_ERROR_MAX: usize = ETHER_LEN + ERROR_V6_MAX;
/// L3 bytes of an error (RFC 4443, 2.4; RFC 1812, 4.3.2.3).
const ERROR_V6_MAX: usize = 1280;
const ERROR_V4_MAX: usize = 576;
const TTL: u8 = 64;

/// What went wrong with a packet read from the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// ICMP "fragmentation needed" or ICMPv6 "packet too big"; bytes of L3 packet.
    TooBig { mtu: u16 },
    /// No member has that address.
    NoRoute,
    /// The member has no session now.
    HostUnreachable,
}

/// Answers `packet` with an error that seems to come from its destination. `from`: MAC of the member (or any but the own),
/// `own`: MAC of the adapter. Returns the frame's length, or `None` where RFC 1122 and 4443 forbid an answer (errors,
/// groups, broadcasts, later fragments, unspecified sources).
pub fn icmp_error(
    packet: &L3<'_>,
    error: IcmpError,
    from: Mac,
    own: Mac,
    out: &mut [u8; ICMP_ERROR_MAX],
) -> Option<usize> {
    if !may_be_answered(packet) {
        return None;
    }
    let ethertype = if packet.is_v4() {
        ETHERTYPE_IPV4
    } else {
        ETHERTYPE_IPV6
    };
    out[..ETHER_LEN].copy_from_slice(&ether::header(own, from, ethertype));
    let l3 = &mut out[ETHER_LEN..];
    let len = if packet.is_v4() {
        error_v4(packet, error, l3)
    } else {
        error_v6(packet, error, l3)
    };
    Some(ETHER_LEN + len)
}

fn may_be_answered(packet: &L3<'_>) -> bool {
    let broadcast = matches!(packet.dst(), IpAddr::V4(a) if a.is_broadcast());
    if packet.src().is_unspecified()
        || packet.src().is_multicast()
        || packet.dst().is_multicast()
        || broadcast
        || !packet.has_l4_header()
    {
        return false;
    }
    match (packet.protocol(), packet.l4().first()) {
        (protocol::ICMP, Some(&kind)) => matches!(kind, icmp::v4::ECHO | icmp::v4::ECHO_REPLY),
        (protocol::ICMPV6, Some(&kind)) => kind >= icmp::v6::ECHO,
        (protocol::ICMP | protocol::ICMPV6, None) => false,
        _ => true,
    }
}

fn error_v4(packet: &L3<'_>, error: IcmpError, out: &mut [u8]) -> usize {
    let quote = packet.bytes().len().min(ERROR_V4_MAX - IPV4_LEN_MIN - ICMP_LEN);
    let len = IPV4_LEN_MIN + ICMP_LEN + quote;
    let (ip, body) = out[..len].split_at_mut(IPV4_LEN_MIN);
    ip.copy_from_slice(&[
        0x45,
        0xc0,
        0,
        0,
        0,
        0,
        0x40,
        0,
        TTL,
        protocol::ICMP,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ]);
    put16(ip, 2, len as u16);
    ip[12..16].copy_from_slice(&packet.addresses()[4..]);
    ip[16..20].copy_from_slice(&packet.addresses()[..4]);
    checksum::fix_ipv4(ip);
    let (code, mtu) = match error {
        IcmpError::TooBig { mtu } => (4, mtu),
        IcmpError::NoRoute => (0, 0),
        IcmpError::HostUnreachable => (1, 0),
    };
    body[..ICMP_LEN].copy_from_slice(&[icmp::v4::UNREACHABLE, code, 0, 0, 0, 0, 0, 0]);
    put16(body, 6, mtu);
    body[ICMP_LEN..].copy_from_slice(&packet.bytes()[..quote]);
    let check = checksum::finish(checksum::sum(body));
    put16(body, 2, check);
    len
}

fn error_v6(packet: &L3<'_>, error: IcmpError, out: &mut [u8]) -> usize {
    let quote = packet.bytes().len().min(ERROR_V6_MAX - IPV6_LEN - ICMP_LEN);
    let len = IPV6_LEN + ICMP_LEN + quote;
    let (ip, body) = out[..len].split_at_mut(IPV6_LEN);
    ip[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 0, protocol::ICMPV6, TTL]);
    put16(ip, 4, body.len() as u16);
    ip[8..24].copy_from_slice(&packet.addresses()[16..]);
    ip[24..40].copy_from_slice(&packet.addresses()[..16]);
    let (kind, code, mtu) = match error {
        IcmpError::TooBig { mtu } => (icmp::v6::TOO_BIG, 0, mtu),
        IcmpError::NoRoute => (icmp::v6::UNREACHABLE, 0, 0),
        IcmpError::HostUnreachable => (icmp::v6::UNREACHABLE, 3, 0),
    };
    body[..ICMP_LEN].copy_from_slice(&[kind, code, 0, 0, 0, 0, 0, 0]);
    put16(body, 6, mtu);
    body[ICMP_LEN..].copy_from_slice(&packet.bytes()[..quote]);
    let sum = checksum::pseudo(&ip[8..40], protocol::ICMPV6, body.len()) + checksum::sum(body);
    put16(body, 2, checksum::finish(sum));
    len
}
