//! IGMPv1, v2 and v3.

use crate::bytes::be16;
use crate::report::{Message, Records, address};
use crate::{DropReason, L3, Version, checksum};

const QUERY: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE_V2: u8 = 0x17;
const REPORT_V3: u8 = 0x22;
const IGMP_LEN_MIN: usize = 8;

/// `packet`: a whole IPv4 packet with protocol IGMP.
///
/// # Errors
/// `Truncated`; `Malformed` for a wrong checksum, a fragment or an unknown type.
pub fn parse<'a>(packet: &L3<'a>) -> Result<Message<'a>, DropReason> {
    let b = packet.l4();
    if packet.fragment().is_some() {
        return Err(DropReason::Malformed);
    }
    if b.len() < IGMP_LEN_MIN {
        return Err(DropReason::Truncated);
    }
    if checksum::fold(checksum::sum(b)) != 0xffff {
        return Err(DropReason::Malformed);
    }
    let group = address(Version::V4, b, 4);
    match b[0] {
        QUERY => Ok(Message::Query),
        REPORT_V1 | REPORT_V2 if group.is_multicast() => Ok(Message::Join(group)),
        LEAVE_V2 if group.is_multicast() => Ok(Message::Leave(group)),
        REPORT_V3 => Records::parse(Version::V4, &b[8..], be16(b, 6)).map(Message::Records),
        _ => Err(DropReason::Malformed),
    }
}
