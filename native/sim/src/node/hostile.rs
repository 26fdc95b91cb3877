//! What a member that means ill does with the casts that it got: for tests of the others.

use super::Node;
use super::trees::sign;
use crate::api::{CastKey, NetId};
use crate::traffic::Kind;
use std::collections::VecDeque;
use std::sync::Arc;
use weft_forward::tree::limits::HOP_LIMIT;
use weft_session::wire::{HEADER, STAMP, Stamp};
use weft_session::{AUTH_SIGNED, CastRx, CastTx, HopCast, Opened, SenderKey, TAG, Tx};

/// Casts kept at once; the oldest makes room.
pub const HOARD_MAX: usize = 256;
/// Keys of trees kept at once.
const KEYS_MAX: usize = 256;
/// A forged cast is so far ahead of the one that it was made from: within what is told from duplicates.
const AHEAD: u64 = 1_000;

struct Kept {
    net: NetId,
    auth: u8,
    frame: Vec<u8>,
}

/// Casts as they came, with their inner seal, and the keys of trees that it subscribes to.
#[derive(Default)]
pub struct Hoard {
    on: bool,
    casts: VecDeque<Kept>,
    keys: VecDeque<(NetId, CastKey)>,
}

impl Hoard {
    pub fn keep(&mut self, net: NetId, auth: u8, frame: &[u8]) {
        if !self.on {
            return;
        }
        if self.casts.len() >= HOARD_MAX {
            self.casts.pop_front();
        }
        let frame = frame.to_vec();
        self.casts.push_back(Kept { net, auth, frame });
    }

    /// Everybody has these: who means ill later on knows them by then.
    pub fn keep_key(&mut self, net: NetId, key: &CastKey) {
        if self.keys.len() >= KEYS_MAX {
            self.keys.pop_front();
        }
        self.keys.push_back((net, key.clone()));
    }

    fn key_of(&self, net: NetId, stamp: &Stamp) -> Option<SenderKey> {
        let fits = |(n, key): &&(NetId, CastKey)| {
            (*n, key.origin, key.tree, key.id) == (net, stamp.origin, stamp.tree, stamp.key_id)
        };
        let (_, key) = self.keys.iter().find(fits)?;
        Some(SenderKey::of_tree(key.tree, key.id, 0, key.key.clone()))
    }
}

impl Node {
    /// From now on casts of others are kept.
    pub fn hoard(&mut self) {
        self.hoard.on = true;
    }

    /// Sends what it kept to everybody it has a session with, whoever should get it from whom; `damaged`: with a wrong byte inside.
    /// Returns how many frames went.
    pub fn replay(&mut self, now: u64, damaged: bool) -> u32 {
        let mut sent = 0;
        for Kept { net, auth, mut frame } in std::mem::take(&mut self.hoard.casts) {
            if damaged && frame.len() > HEADER + STAMP + 2 * TAG {
                frame[HEADER + STAMP] ^= 1;
            }
            sent += self.send_to_all(now, net, auth, &frame);
        }
        sent
    }

    /// Makes new casts in their origins' names of what it kept and can read: the same packets under sequences to come, sealed with the
    /// trees' own keys. Where casts are signed it signs them itself, every second one with a signature of the origin's that it
    /// got. Returns how many frames went.
    pub fn forge(&mut self, now: u64) -> u32 {
        let mut sent = 0;
        for (turn, kept) in std::mem::take(&mut self.hoard.casts).into_iter().enumerate() {
            if let Some(forged) = self.forged(&kept, turn % 2 == 1) {
                sent += self.send_to_all(now, kept.net, kept.auth, &forged);
            }
        }
        sent
    }

    fn forged(&self, kept: &Kept, borrows: bool) -> Option<Vec<u8>> {
        let stamp = Stamp::read(kept.frame[HEADER..].first_chunk()?);
        let key = self.hoard.key_of(kept.net, &stamp)?;
        let cast = HopCast {
            opened: Opened::given_back(kept.net, 0),
            auth: kept.auth,
            hop_limit: 1,
            stamp,
        };
        let mut reader = CastRx::new();
        reader.install(0, kept.net, stamp.origin, &key);
        let mut frame = kept.frame.clone();
        let packet = reader.open(0, &cast, &mut frame).ok()?.packet;
        let tx = if kept.auth == AUTH_SIGNED {
            CastTx::signed(stamp.origin, key, self.nets.get(&kept.net)?.signer.clone())
        } else {
            CastTx::new(stamp.origin, key)
        };
        let mut forged = vec![0; HEADER + STAMP + packet.len() + 2 * TAG];
        forged[HEADER + STAMP..][..packet.len()].copy_from_slice(&frame[packet.clone()]);
        let sequence = stamp.sequence + AHEAD;
        tx.seal(sequence, false, stamp.tree, stamp.epoch, &mut forged);
        sign(&tx, &mut forged);
        let proof = HEADER + STAMP..packet.start;
        if borrows && forged.len() == frame.len() {
            forged[proof.clone()].copy_from_slice(&frame[proof]);
        }
        Some(forged)
    }

    fn send_to_all(&mut self, now: u64, net: NetId, auth: u8, frame: &[u8]) -> u32 {
        let peers = self.nets.get(&net).into_iter().flat_map(|n| n.peers.values());
        let all: Vec<Arc<Tx>> = peers.filter_map(|entry| entry.tx.clone()).collect();
        let mut sent = 0;
        for tx in all {
            let Some(counter) = tx.reserve(1) else { continue };
            let mut copy = frame.to_vec();
            tx.seal_stamp(counter, auth, HOP_LIMIT, &mut copy);
            self.send_sealed(now, &tx, Kind::Cast, copy, 0);
            sent += 1;
        }
        sent
    }
}
