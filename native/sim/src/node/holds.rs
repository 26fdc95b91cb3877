//! Packets that wait for a session, within the bounds of the real data plane.

use std::collections::{BTreeMap, VecDeque};
use weft_forward::PeerId;

/// Packets that wait for one member's session.
pub const HELD_PACKETS_MAX: usize = 64;
/// How long they wait, µs.
pub const HELD_FOR_US: u64 = 3_000_000;
/// Members that packets wait for at once.
pub const HELD_PEERS_MAX: usize = 256;
/// `want` is repeated this often per member, µs.
pub const WANT_EVERY_US: u64 = 1_000_000;

#[derive(Debug)]
pub struct HeldPacket {
    pub bytes: Vec<u8>,
    /// For a group: sealed as a cast when the session comes.
    pub cast: bool,
    since: u64,
}

#[derive(Default)]
struct Held {
    packets: VecDeque<HeldPacket>,
    wanted: Option<u64>,
}

#[derive(Default)]
pub struct Holds(BTreeMap<PeerId, Held>);

impl Holds {
    pub fn has(&self, peer: PeerId) -> bool {
        self.0.contains_key(&peer)
    }

    /// Keeps a packet; the oldest give way. Returns whether the engine is to be asked for a session, and how many were dropped.
    pub fn hold(&mut self, now: u64, peer: PeerId, cast: bool, bytes: Vec<u8>) -> (bool, u64) {
        if !self.has(peer) && self.0.len() >= HELD_PEERS_MAX {
            return (false, 1);
        }
        let held = self.0.entry(peer).or_default();
        held.packets.push_back(HeldPacket {
            bytes,
            cast,
            since: now,
        });
        let full = held.packets.len() > HELD_PACKETS_MAX;
        if full {
            held.packets.pop_front();
        }
        let want = held.wanted.is_none_or(|at| now >= at + WANT_EVERY_US);
        if want {
            held.wanted = Some(now);
        }
        (want, u64::from(full))
    }

    /// Everything that waits for `peer`, oldest first.
    pub fn take(&mut self, peer: PeerId) -> VecDeque<HeldPacket> {
        self.0.remove(&peer).map(|h| h.packets).unwrap_or_default()
    }

    pub fn next_deadline(&self) -> u64 {
        let oldest = self
            .0
            .values()
            .filter_map(|h| h.packets.front())
            .map(|p| p.since)
            .min();
        oldest.map_or(u64::MAX, |since| since + HELD_FOR_US)
    }

    /// Drops what waited too long; returns how many.
    pub fn expire(&mut self, now: u64) -> u64 {
        let mut dropped = 0;
        self.0.retain(|_, held| {
            while held.packets.front().is_some_and(|p| p.since + HELD_FOR_US <= now) {
                held.packets.pop_front();
                dropped += 1;
            }
            !held.packets.is_empty()
        });
        dropped
    }
}
