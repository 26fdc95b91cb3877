//! What a member that means ill does with the casts that it got: for tests of the others.

use super::Node;
use crate::api::NetId;
use crate::traffic::Kind;
use std::collections::VecDeque;
use std::sync::Arc;
use weft_forward::tree::limits::HOP_LIMIT;
use weft_session::wire::{HEADER, STAMP};
use weft_session::{AUTH_SHARED, TAG, Tx};

/// Casts kept at once; the oldest makes room.
pub const HOARD_MAX: usize = 256;

/// Casts as they came, with their inner seal.
#[derive(Default)]
pub struct Hoard {
    on: bool,
    casts: VecDeque<(NetId, Vec<u8>)>,
}

impl Hoard {
    pub fn keep(&mut self, net: NetId, frame: &[u8]) {
        if !self.on {
            return;
        }
        if self.casts.len() >= HOARD_MAX {
            self.casts.pop_front();
        }
        self.casts.push_back((net, frame.to_vec()));
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
        for (net, mut frame) in std::mem::take(&mut self.hoard.casts) {
            if damaged && frame.len() > HEADER + STAMP + 2 * TAG {
                frame[HEADER + STAMP] ^= 1;
            }
            let peers = self.nets.get(&net).into_iter().flat_map(|n| n.peers.values());
            let all: Vec<Arc<Tx>> = peers.filter_map(|entry| entry.tx.clone()).collect();
            for tx in all {
                let Some(counter) = tx.reserve(1) else { continue };
                let mut copy = frame.clone();
                tx.seal_stamp(counter, AUTH_SHARED, HOP_LIMIT, &mut copy);
                self.send_sealed(now, &tx, Kind::Cast, copy, 0);
                sent += 1;
            }
        }
        sent
    }
}
