//! IGMPv3 and MLDv2 queries: whole Ethernet frames, to be written with an all-zero virtio-net header.

use crate::bytes::put16;
use crate::ether::{self, ETHER_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::icmp::v6;
use crate::ipv6::IPV6_LEN;
use crate::{Mac, checksum, protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Sources in one query; more are left out.
pub const QUERY_SOURCES_MAX: usize = 64;
/// Longest query in bytes.
pub const QUERY_FRAME_MAX: usize = ETHER_LEN + IPV6_LEN + 8 + 28 + 16 * QUERY_SOURCES_MAX;

const IPV4_LEN: usize = 24;
const HOP_BY_HOP_LEN: usize = 8;
const INTERNETWORK_CONTROL: u8 = 0xc0;
const IGMP_QUERY: u8 = 0x11;

/// What the querier asks and promises.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `None`: a general query.
    pub group: Option<IpAddr>,
    /// Sources of the group's family; the others are left out.
    pub sources: &'a [IpAddr],
    /// Within this time hosts answer, in ms: 100 to 12,700 (steps of 100 in IGMP).
    pub max_response_ms: u16,
    /// The querier's robustness variable, ≤ 7.
    pub robustness: u8,
    /// The querier's interval in seconds, ≤ 127.
    pub interval_s: u8,
}

/// IGMPv3 from `source` (0.0.0.0 is what Linux accepts whatever its reverse-path filter). Returns the frame's length.
pub fn igmpv3(query: &Query<'_>, source: Ipv4Addr, mac: Mac, out: &mut [u8; QUERY_FRAME_MAX]) -> usize {
    let group = match query.group {
        Some(IpAddr::V4(g)) => g,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    let dst = if group.is_unspecified() {
        Ipv4Addr::new(224, 0, 0, 1)
    } else {
        group
    };
    out[..ETHER_LEN].copy_from_slice(&ether::header(Mac::of_group(dst.into()), mac, ETHERTYPE_IPV4));
    let (ip, igmp) = out[ETHER_LEN..].split_at_mut(IPV4_LEN);
    igmp[0] = IGMP_QUERY;
    igmp[1] = (query.max_response_ms / 100).clamp(1, 127) as u8;
    put16(igmp, 2, 0);
    igmp[4..8].copy_from_slice(&group.octets());
    let mut len = 12;
    for source in query.sources.iter().take(QUERY_SOURCES_MAX) {
        if let IpAddr::V4(s) = source {
            igmp[len..len + 4].copy_from_slice(&s.octets());
            len += 4;
        }
    }
    put_tail(&mut igmp[8..12], query, (len - 12) / 4);
    let check = checksum::finish(checksum::sum(&igmp[..len]));
    put16(igmp, 2, check);
    // Version, header of six words, router alert option.
    ip[..20].copy_from_slice(&[
        0x46,
        INTERNETWORK_CONTROL,
        0,
        0,
        0,
        0,
        0x40,
        0,
        1,
        protocol::IGMP,
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
    ip[20..24].copy_from_slice(&[148, 4, 0, 0]);
    put16(ip, 2, (IPV4_LEN + len) as u16);
    ip[12..16].copy_from_slice(&source.octets());
    ip[16..20].copy_from_slice(&dst.octets());
    checksum::fix_ipv4(ip);
    ETHER_LEN + IPV4_LEN + len
}

/// MLDv2 from `source`, which must be a link-local address and not the host's own. Returns the frame's length.
pub fn mldv2(query: &Query<'_>, source: Ipv6Addr, mac: Mac, out: &mut [u8; QUERY_FRAME_MAX]) -> usize {
    let group = match query.group {
        Some(IpAddr::V6(g)) => g,
        _ => Ipv6Addr::UNSPECIFIED,
    };
    let dst = if group.is_unspecified() {
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)
    } else {
        group
    };
    out[..ETHER_LEN].copy_from_slice(&ether::header(Mac::of_group(dst.into()), mac, ETHERTYPE_IPV6));
    let (ip, rest) = out[ETHER_LEN..].split_at_mut(IPV6_LEN);
    let (hop, mld) = rest.split_at_mut(HOP_BY_HOP_LEN);
    // Router alert for MLD, padded.
    hop.copy_from_slice(&[protocol::ICMPV6, 0, 5, 2, 0, 0, 1, 0]);
    mld[..8].copy_from_slice(&[v6::MLD_QUERY, 0, 0, 0, 0, 0, 0, 0]);
    put16(mld, 4, query.max_response_ms.clamp(1, 0x7fff));
    mld[8..24].copy_from_slice(&group.octets());
    let mut len = 28;
    for source in query.sources.iter().take(QUERY_SOURCES_MAX) {
        if let IpAddr::V6(s) = source {
            mld[len..len + 16].copy_from_slice(&s.octets());
            len += 16;
        }
    }
    put_tail(&mut mld[24..28], query, (len - 28) / 16);
    ip[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 0, 0, 1]);
    put16(ip, 4, (HOP_BY_HOP_LEN + len) as u16);
    ip[8..24].copy_from_slice(&source.octets());
    ip[24..40].copy_from_slice(&dst.octets());
    let sum = checksum::pseudo(&ip[8..40], protocol::ICMPV6, len) + checksum::sum(&mld[..len]);
    put16(mld, 2, checksum::finish(sum));
    ETHER_LEN + IPV6_LEN + HOP_BY_HOP_LEN + len
}

/// Robustness, interval, number of sources: the same four bytes in both protocols.
fn put_tail(b: &mut [u8], query: &Query<'_>, sources: usize) {
    b[0] = query.robustness & 7;
    b[1] = query.interval_s.min(127);
    put16(b, 2, sources as u16);
}
