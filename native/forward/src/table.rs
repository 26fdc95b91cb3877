//! The snapshot and the decision for packets that leave the adapter.

use crate::{DropReason, PeerId, SourceFilter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_packet::{L3, Mac};

/// What to do with a packet read from the adapter.
#[derive(Debug)]
pub enum Verdict<'t> {
    /// Seal for this member.
    Peer(PeerId),
    /// Seal once, send to each of these (never empty).
    Group(Receivers<'t>),
    /// Give it to the [`crate::Snooper`]; it goes nowhere else.
    Snoop,
    /// Give it to [`crate::answer_nd`]; it goes nowhere else.
    Answer,
    Drop(DropReason),
}

/// Iterates over the members that want this packet: group members after their source filters.
#[derive(Clone, Debug)]
pub struct Receivers<'t> {
    source: IpAddr,
    rest: std::slice::Iter<'t, (PeerId, SourceFilter)>,
}

impl Iterator for Receivers<'_> {
    type Item = PeerId;

    fn next(&mut self) -> Option<PeerId> {
        let source = self.source;
        self.rest.find(|(_, f)| f.passes(source)).map(|(peer, _)| *peer)
    }
}

/// Immutable snapshot of one network.
pub struct Table {}

impl Table {
    /// The decision for a packet read from the adapter (for a GSO run: its [`weft_packet::Splitter::packet`]).
    pub fn classify(&self, _packet: &L3<'_>) -> Verdict<'_> {
        todo!()
    }

    /// True when the packet's source is an address of `peer` (IPv4, ULA or fe80).
    pub fn check_inner_source(&self, _peer: PeerId, _packet: &L3<'_>) -> bool {
        todo!()
    }

    /// The member with this name in cast stamps.
    pub fn peer_of_origin(&self, _origin: u64) -> Option<PeerId> {
        todo!()
    }

    pub fn mac_of(&self, _peer: PeerId) -> Option<Mac> {
        todo!()
    }

    pub fn peer_of_ipv4(&self, _address: Ipv4Addr) -> Option<PeerId> {
        todo!()
    }

    /// ULA or fe80.
    pub fn peer_of_ipv6(&self, _address: Ipv6Addr) -> Option<PeerId> {
        todo!()
    }
}
