//! ICMP errors to the own host: whole Ethernet frames, to be written with an all-zero virtio-net header.

use crate::{L3, Mac};

/// Longest error in bytes (Ethernet frame): an IPv6 error is at most the minimum MTU.
pub const ICMP_ERROR_MAX: usize = 14 + 1280;

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

/// Answers `packet` with an error that seems to come from its destination. Returns the frame's length, or `None` where
/// RFC 1122/4443 forbid an answer (errors, groups, later fragments, unspecified sources).
pub fn icmp_error(_packet: &L3<'_>, _error: IcmpError, _from: Mac, _own: Mac, _out: &mut [u8; ICMP_ERROR_MAX]) -> Option<usize> {
    todo!()
}
