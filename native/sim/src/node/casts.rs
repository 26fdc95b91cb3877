//! The path of casts without a tree: sealed once, stamped and copied for each neighbour; checked, opened and delivered.

use super::network::new_sender_key;
use super::{Node, PeerName};
use crate::api::NetId;
use crate::traffic::Kind;
use std::sync::Arc;
use weft_forward::{DropReason, PeerId};
use weft_session::wire::{HEADER, STAMP};
use weft_session::{AUTH_SHARED, HopCast, Path, SenderKey, TAG, Tx};

/// Hop limit of own casts.
const CAST_HOP_LIMIT: u8 = 8;
pub const CAST_OVERHEAD: usize = HEADER + STAMP + 2 * TAG;

impl Node {
    /// A packet of an application to a group: to each receiver by a copy of its own.
    pub(super) fn send_cast(&mut self, now: u64, net: NetId, receivers: &[PeerId], packet: &[u8]) {
        let mut children: Vec<Arc<Tx>> = Vec::with_capacity(receivers.len());
        for peer in receivers {
            let Some(network) = self.nets.get(&net) else {
                return;
            };
            match network.peers.get(*peer).map(|entry| entry.tx.clone()) {
                Some(Some(tx)) => {
                    self.give_current_key(now, (net, *peer));
                    children.push(tx);
                }
                Some(None) => self.hold(now, (net, *peer), true, packet),
                None => {}
            }
        }
        if children.is_empty() {
            return;
        }
        let Some(frame) = self.seal_cast(net, packet) else {
            return;
        };
        self.figures.casts_sealed += 1;
        let copies = self.copy_to(now, &children, (AUTH_SHARED, CAST_HOP_LIMIT), &frame);
        self.note_own(copies);
    }

    /// So many copies of an own cast were sent.
    pub(super) fn note_own(&mut self, copies: u64) {
        self.figures.copies_own += copies;
        self.figures.note_own(copies as usize, 1);
    }

    fn seal_cast(&mut self, net: NetId, packet: &[u8]) -> Option<Vec<u8>> {
        let cast = &self.nets.get(&net)?.cast;
        let mut frame = vec![0; packet.len() + CAST_OVERHEAD];
        frame[HEADER + STAMP..HEADER + STAMP + packet.len()].copy_from_slice(packet);
        cast.seal(cast.reserve(1), false, 0, 0, &mut frame);
        Some(frame)
    }

    /// Stamps a sealed cast for each neighbour and sends it; returns how many copies went.
    pub(super) fn copy_to(
        &mut self,
        now: u64,
        children: &[Arc<Tx>],
        (auth, hop_limit): (u8, u8),
        frame: &[u8],
    ) -> u64 {
        let mut copies = 0;
        for tx in children {
            let Some(counter) = tx.reserve(1) else { continue };
            let mut copy = frame.to_vec();
            tx.seal_stamp(counter, auth, hop_limit, &mut copy);
            self.send_sealed(now, tx, Kind::Cast, copy, 0);
            copies += 1;
        }
        self.figures.outdegree_max = self.figures.outdegree_max.max(copies);
        copies
    }

    /// A cast for one receiver whose session came late: sealed anew, because its key counts from now on.
    pub(super) fn seal_late_cast(&mut self, now: u64, (net, peer): PeerName, tx: &Arc<Tx>, packet: &[u8]) {
        self.give_current_key(now, (net, peer));
        if let Some(frame) = self.seal_cast(net, packet) {
            let copies = self.copy_to(
                now,
                std::slice::from_ref(tx),
                (AUTH_SHARED, CAST_HOP_LIMIT),
                &frame,
            );
            self.note_own(copies);
        }
    }

    /// Sees to it that the neighbour gets the sender key, before the sequence of the first cast for it is taken.
    fn give_current_key(&mut self, now: u64, (net, peer): PeerName) {
        let Some(network) = self.nets.get(&net) else {
            return;
        };
        let given = network.peers.get(peer).map(|entry| entry.given);
        if given.is_some_and(|id| id != network.cast.key_id()) {
            let key = network.cast.sender_key();
            self.give_key(now, (net, peer), key);
        }
    }

    /// Gives a sender key of ours to a member, now and until acknowledged.
    pub(super) fn give_key(&mut self, now: u64, (net, peer): PeerName, key: SenderKey) {
        let id = key.key_id;
        let taken = self.sessions.give_sender_key(now, net, peer, key);
        if let Some(entry) = self.nets.get_mut(&net).and_then(|n| n.peers.get_mut(peer)) {
            // Not taken without a session: the next cast asks again.
            entry.given = if taken { id } else { 0 };
        }
        self.drain(now);
    }

    pub(super) fn rotate(&mut self, net: NetId) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.cast = new_sender_key(network.config.origin, &mut self.rng);
        }
    }

    /// A sender key came: what waited for it is opened.
    pub(super) fn take_sender_key(&mut self, now: u64, net: NetId, origin: [u8; 8], key: &SenderKey) {
        for mut held in self.cast_rx.install(now, net, origin, key) {
            self.open_cast(now, &held.cast, &mut held.frame);
        }
    }

    pub(super) fn take_cast(&mut self, now: u64, path: Path, frame: &mut [u8]) {
        let Ok(cast) = self.rx.open_cast(now, path, frame) else {
            return;
        };
        if cast.opened.tell {
            self.sessions.opened(now, &cast.opened, path, &[]);
            self.drain(now);
        }
        if cast.stamp.tree > 0 {
            return self.take_tree_cast(now, &cast, frame);
        }
        self.open_cast(now, &cast, frame);
    }

    fn open_cast(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) {
        let Some(peer) = self.origin_of(cast) else { return };
        if let Ok(opened) = self.cast_rx.open(now, cast, frame) {
            let wanted = self.deliver(cast.opened.net, peer, &frame[opened.packet]);
            self.figures.casts_unwanted += u64::from(!wanted);
        }
    }

    /// The member that a cast claims to be from. Without trees the hop that brings a cast is its origin: nobody else may speak
    /// for it.
    fn origin_of(&mut self, cast: &HopCast) -> Option<PeerId> {
        let port = self.port;
        let table = self.nets.get_mut(&cast.opened.net)?.table(port);
        let reason = match table.peer_of_origin(u64::from_be_bytes(cast.stamp.origin)) {
            Some(peer) if peer == cast.opened.peer => return Some(peer),
            Some(_) => DropReason::BadSource,
            None => DropReason::UnknownMember,
        };
        self.drop_packet(reason);
        None
    }
}
