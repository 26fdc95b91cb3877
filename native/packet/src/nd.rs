//! IPv6 neighbour discovery: solicitations in, advertisements out.

use crate::bytes::{array, put16};
use crate::ether::{self, ETHER_LEN, ETHERTYPE_IPV6};
use crate::icmp::{icmpv6_is_valid, v6};
use crate::ipv6::IPV6_LEN;
use crate::{DropReason, L3, Mac, checksum, protocol};
use std::net::{IpAddr, Ipv6Addr};

const SOLICITATION_LEN: usize = 24;
const ADVERTISEMENT_LEN: usize = 32;
const HOP_LIMIT: u8 = 255;
const OPTION_TARGET_LINK: u8 = 2;
const FLAG_SOLICITED: u8 = 0x40;
const FLAG_OVERRIDE: u8 = 0x20;

/// A valid neighbour solicitation (RFC 4861, 7.1.1).
#[derive(Clone, Copy, Debug)]
pub struct Solicitation {
    /// `::` for duplicate address detection.
    pub source: Ipv6Addr,
    pub target: Ipv6Addr,
}

impl Solicitation {
    /// # Errors
    /// `Truncated`; `Malformed`: anything RFC 4861 says to discard, and fragments (RFC 6980).
    pub fn parse(packet: &L3<'_>) -> Result<Self, DropReason> {
        let b = packet.l4();
        if b.len() < SOLICITATION_LEN {
            return Err(DropReason::Truncated);
        }
        let IpAddr::V6(source) = packet.src() else {
            return Err(DropReason::Malformed);
        };
        let target = Ipv6Addr::from(array::<16>(b, 8));
        let valid = packet.protocol() == protocol::ICMPV6
            && packet.fragment().is_none()
            && packet.hop_limit() == HOP_LIMIT
            && b[0] == v6::NEIGHBOUR_SOLICITATION
            && b[1] == 0
            && !target.is_multicast()
            && icmpv6_is_valid(packet);
        if valid {
            Ok(Solicitation { source, target })
        } else {
            Err(DropReason::Malformed)
        }
    }
}

/// Bytes of the frame that `advertisement` writes.
pub const ADVERTISEMENT_FRAME_LEN: usize = ETHER_LEN + IPV6_LEN + ADVERTISEMENT_LEN;

/// "`question.target` is at `mac`", to the asker at `asker`: a whole Ethernet frame.
pub fn advertisement(question: &Solicitation, asker: Mac, mac: Mac) -> [u8; ADVERTISEMENT_FRAME_LEN] {
    let mut f = [0; ADVERTISEMENT_FRAME_LEN];
    f[..ETHER_LEN].copy_from_slice(&ether::header(asker, mac, ETHERTYPE_IPV6));
    let ip = &mut f[ETHER_LEN..];
    ip[0] = 0x60;
    put16(ip, 4, ADVERTISEMENT_LEN as u16);
    ip[6] = protocol::ICMPV6;
    ip[7] = HOP_LIMIT;
    ip[8..24].copy_from_slice(&question.target.octets());
    ip[24..40].copy_from_slice(&question.source.octets());
    let (ip, body) = ip.split_at_mut(IPV6_LEN);
    body[0] = v6::NEIGHBOUR_ADVERTISEMENT;
    body[4] = FLAG_SOLICITED | FLAG_OVERRIDE;
    body[8..24].copy_from_slice(&question.target.octets());
    body[24] = OPTION_TARGET_LINK;
    body[25] = 1;
    body[26..32].copy_from_slice(&mac.0);
    let sum = checksum::pseudo(&ip[8..40], protocol::ICMPV6, ADVERTISEMENT_LEN) + checksum::sum(body);
    put16(body, 2, checksum::finish(sum));
    f
}
