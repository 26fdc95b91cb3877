//! MLDv1 and v2.

use crate::bytes::be16;
use crate::icmp::{icmpv6_is_valid, v6};
use crate::report::{Message, Records, address};
use crate::{DropReason, L3, Version};

const MLD_V1_LEN: usize = 24;
const MLD_V2_REPORT_LEN_MIN: usize = 8;

/// `packet`: a whole ICMPv6 packet of an MLD type.
///
/// # Errors
/// `Truncated`; `Malformed` for a wrong checksum, a fragment or another type.
pub fn parse<'a>(packet: &L3<'a>) -> Result<Message<'a>, DropReason> {
    let b = packet.l4();
    if packet.fragment().is_some() || packet.is_v4() {
        return Err(DropReason::Malformed);
    }
    let kind = *b.first().ok_or(DropReason::Truncated)?;
    let shortest = if kind == v6::MLD_REPORT_V2 {
        MLD_V2_REPORT_LEN_MIN
    } else {
        MLD_V1_LEN
    };
    if b.len() < shortest {
        return Err(DropReason::Truncated);
    }
    if !icmpv6_is_valid(packet) {
        return Err(DropReason::Malformed);
    }
    match kind {
        v6::MLD_QUERY => Ok(Message::Query),
        v6::MLD_REPORT_V2 => Records::parse(Version::V6, &b[8..], be16(b, 6)).map(Message::Records),
        v6::MLD_REPORT | v6::MLD_DONE => {
            let group = address(Version::V6, b, 8);
            match group.is_multicast() {
                true if kind == v6::MLD_REPORT => Ok(Message::Join(group)),
                true => Ok(Message::Leave(group)),
                false => Err(DropReason::Malformed),
            }
        }
        _ => Err(DropReason::Malformed),
    }
}

/// Whether an ICMPv6 type belongs to MLD.
pub fn is_mld(kind: u8) -> bool {
    matches!(
        kind,
        v6::MLD_QUERY | v6::MLD_REPORT | v6::MLD_DONE | v6::MLD_REPORT_V2
    )
}
