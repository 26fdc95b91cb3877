//! Packets that wait for a session: bounded in number, bytes and time.

use crate::api::PeerId;
use crate::limits::{HELD_BYTES_MAX, HELD_FOR_US, HELD_PACKETS_MAX, HELD_PEERS_MAX, WANT_EVERY_US};
use std::collections::{BTreeMap, VecDeque};

/// A whole IP packet with full checksums.
#[derive(Debug, PartialEq, Eq)]
pub struct HeldPacket {
    pub bytes: Vec<u8>,
    /// For a group: sealed as a cast when the session comes.
    pub cast: bool,
    since: u64,
}

#[derive(Default)]
struct Held {
    packets: VecDeque<HeldPacket>,
    bytes: usize,
    wanted: Option<u64>,
}

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Tell the engine.
    pub want: bool,
    /// Packets that gave way.
    pub dropped: u64,
}

/// All packets that wait at one adapter.
#[derive(Default)]
pub struct Holds {
    peers: BTreeMap<PeerId, Held>,
}

impl Holds {
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub fn has(&self, peer: PeerId) -> bool {
        self.peers.contains_key(&peer)
    }

    pub fn peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.peers.keys().copied()
    }

    /// Keeps a packet; the oldest give way.
    pub fn hold(&mut self, now: u64, peer: PeerId, cast: bool, bytes: Vec<u8>) -> Outcome {
        if !self.has(peer) && self.peers.len() >= HELD_PEERS_MAX {
            return Outcome {
                want: false,
                dropped: 1,
            };
        }
        let held = self.peers.entry(peer).or_default();
        held.bytes += bytes.len();
        held.packets.push_back(HeldPacket {
            bytes,
            cast,
            since: now,
        });
        let mut dropped = 0;
        while held.packets.len() > HELD_PACKETS_MAX || held.bytes > HELD_BYTES_MAX {
            held.drop_oldest();
            dropped += 1;
        }
        let want = held.wanted.is_none_or(|at| now >= at + WANT_EVERY_US);
        if want {
            held.wanted = Some(now);
        }
        Outcome { want, dropped }
    }

    /// Everything that waits for `peer`, oldest first.
    pub fn take(&mut self, peer: PeerId) -> VecDeque<HeldPacket> {
        self.peers.remove(&peer).map(|h| h.packets).unwrap_or_default()
    }

    pub fn next_deadline(&self) -> u64 {
        let oldest = self
            .peers
            .values()
            .filter_map(|h| h.packets.front())
            .map(|p| p.since)
            .min();
        oldest.map_or(u64::MAX, |since| since + HELD_FOR_US)
    }

    /// Drops what waited too long; returns how many.
    pub fn expire(&mut self, now: u64) -> u64 {
        let mut dropped = 0;
        self.peers.retain(|_, held| {
            while held.packets.front().is_some_and(|p| p.since + HELD_FOR_US <= now) {
                held.drop_oldest();
                dropped += 1;
            }
            !held.packets.is_empty()
        });
        dropped
    }
}

impl Held {
    fn drop_oldest(&mut self) {
        if let Some(packet) = self.packets.pop_front() {
            self.bytes -= packet.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_order_is_kept() {
        let mut holds = Holds::default();
        for i in 0..100u8 {
            let outcome = holds.hold(0, 1, false, vec![i; 10]);
            assert_eq!(
                outcome,
                Outcome {
                    want: i == 0,
                    dropped: u64::from(usize::from(i) >= HELD_PACKETS_MAX)
                }
            );
        }
        let first: Vec<u8> = holds.take(1).iter().map(|p| p.bytes[0]).collect();
        assert_eq!(first, (36..100).collect::<Vec<u8>>());
        assert!(holds.is_empty());
        for _ in 0..10 {
            holds.hold(0, 1, false, vec![0; 60_000]);
        }
        assert_eq!(holds.take(1).len(), 4);
        for peer in 0..1_000 {
            holds.hold(0, peer, true, vec![]);
        }
        assert_eq!(holds.peers().count(), HELD_PEERS_MAX);
    }

    #[test]
    fn it_asks_once_a_second_and_forgets_in_time() {
        let mut holds = Holds::default();
        assert!(holds.hold(0, 1, false, vec![1]).want);
        assert!(!holds.hold(WANT_EVERY_US - 1, 1, false, vec![2]).want);
        assert!(holds.hold(WANT_EVERY_US, 1, true, vec![3]).want);
        assert_eq!(holds.next_deadline(), HELD_FOR_US);
        assert_eq!(holds.expire(HELD_FOR_US - 1), 0);
        assert_eq!(holds.expire(HELD_FOR_US), 1);
        assert_eq!(holds.expire(u64::MAX / 2), 2);
        assert_eq!((holds.is_empty(), holds.next_deadline()), (true, u64::MAX));
    }
}
