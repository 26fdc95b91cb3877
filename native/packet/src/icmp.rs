//! ICMP and ICMPv6: type, code and checksum (the rest belongs to `nd` and `mld`).

use crate::bytes::be16;
use crate::{DropReason, L3, checksum, protocol};

pub const ICMP_LEN: usize = 8;

/// ICMPv4 types.
pub mod v4 {
    pub const ECHO_REPLY: u8 = 0;
    pub const UNREACHABLE: u8 = 3;
    pub const SOURCE_QUENCH: u8 = 4;
    pub const REDIRECT: u8 = 5;
    pub const ECHO: u8 = 8;
    pub const ROUTER_ADVERTISEMENT: u8 = 9;
    pub const ROUTER_SOLICITATION: u8 = 10;
    pub const TIME_EXCEEDED: u8 = 11;
    pub const PARAMETER_PROBLEM: u8 = 12;
}

/// ICMPv6 types.
pub mod v6 {
    pub const UNREACHABLE: u8 = 1;
    pub const TOO_BIG: u8 = 2;
    pub const ECHO: u8 = 128;
    pub const MLD_QUERY: u8 = 130;
    pub const MLD_REPORT: u8 = 131;
    pub const MLD_DONE: u8 = 132;
    pub const ROUTER_SOLICITATION: u8 = 133;
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    pub const REDIRECT: u8 = 137;
    pub const RENUMBERING: u8 = 138;
    pub const INVERSE_SOLICITATION: u8 = 141;
    pub const INVERSE_ADVERTISEMENT: u8 = 142;
    pub const MLD_REPORT_V2: u8 = 143;
    pub const MRD_ADVERTISEMENT: u8 = 151;
    pub const MRD_SOLICITATION: u8 = 152;
    pub const MRD_TERMINATION: u8 = 153;
}

/// Header of an ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<'a> {
    bytes: &'a [u8],
}

impl<'a> Icmp<'a> {
    /// # Errors
    /// `Truncated`: every message has at least 8 bytes.
    pub fn parse(l4: &'a [u8]) -> Result<Self, DropReason> {
        if l4.len() < ICMP_LEN {
            Err(DropReason::Truncated)
        } else {
            Ok(Icmp { bytes: l4 })
        }
    }

    pub fn kind(&self) -> u8 {
        self.bytes[0]
    }

    pub fn code(&self) -> u8 {
        self.bytes[1]
    }

    pub fn checksum(&self) -> u16 {
        be16(self.bytes, 2)
    }

    /// Everything after type, code and checksum.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[4..]
    }
}

/// The type of a whole ICMPv6 packet or of its first fragment.
pub fn icmpv6_kind(packet: &L3<'_>) -> Option<u8> {
    if packet.is_v4() || packet.protocol() != protocol::ICMPV6 || !packet.has_l4_header() {
        return None;
    }
    packet.l4().first().copied()
}

/// Whether the ICMPv6 checksum of a whole packet is right.
pub fn icmpv6_is_valid(packet: &L3<'_>) -> bool {
    checksum::is_valid(packet.addresses(), protocol::ICMPV6, packet.l4())
}
