//! The host's packets on their way into its own trees: sealed once, handed to the epoch's children.

use crate::adapter::AdapterThread;
use crate::limits::{STRIPE_TURN, TREE_HOP_LIMIT};
use crate::shared::{OwnTree, View, add};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_forward::tree::{CastName, TreeName};
use weft_packet::{Checksum, Splitter};
use weft_session::wire::{SEQUENCE_MASK, STAMP, Stamp};

impl AdapterThread {
    pub(crate) fn send_by_tree(&mut self, now: u64, view: &Arc<View>, group: IpAddr, run: &Splitter<'_>) {
        let class = self.class_of_packet(run.packet().bytes());
        for i in 0..run.count() {
            let Some(cast) = self.join_tree(now, view, group, class, run.segment_len(i)) else {
                return;
            };
            let sequence = cast.cast.reserve(1);
            self.batch.add(&cast.cast, sequence, run, i, Checksum::Partial);
        }
        add(&self.common.counters.casts_sealed, run.count() as u64);
    }

    /// A packet that waited, its checksums whole.
    pub(crate) fn send_packet_by_tree(&mut self, now: u64, view: &Arc<View>, group: IpAddr, packet: &[u8]) {
        let class = self.class_of_packet(packet);
        let Some(own) = self.join_tree(now, view, group, class, packet.len()) else {
            return;
        };
        let sequence = own.cast.reserve(1);
        self.batch.add_packet(&own.cast, sequence, packet);
        add(&self.common.counters.casts_sealed, 1);
    }

    /// Makes the batch take a packet of the group: of several trees each takes a few in its turn.
    fn join_tree(
        &mut self,
        now: u64,
        view: &Arc<View>,
        group: IpAddr,
        class: u8,
        len: usize,
    ) -> Option<OwnTree> {
        let trees = view.send_on.get(&group)?;
        if let Some((tree, own)) = &self.batch.tree {
            let same = !self.batch.is_empty()
                && self.batch.class == class
                && trees.contains(tree)
                && view.own_trees.get(tree).is_some_and(|o| o.is(own));
            let its_turn = trees.len() == 1 || self.batch.len() < STRIPE_TURN;
            if same && its_turn && self.batch.takes(len) {
                return Some(own.clone());
            }
        }
        self.flush_casts(now, view);
        let turn = if trees.len() > 1 {
            self.streams.turn(group)
        } else {
            0
        };
        let tree = *trees.get(turn % trees.len())?;
        let own = view.own_trees.get(&tree)?;
        self.batch.tree = Some((tree, own.clone()));
        self.batch.class = class;
        self.batch.flow = u64::from(tree);
        Some(own.clone())
    }

    /// Asks the trees where a full batch goes. False when it goes nowhere.
    pub(crate) fn route_batch(&mut self, now: u64, view: &Arc<View>) -> bool {
        let Some((tree, own)) = self.batch.tree.take() else {
            return true;
        };
        let tree_name = TreeName {
            origin: u64::from_be_bytes(own.cast.origin()),
            tree,
        };
        let mut goes_to = std::mem::take(&mut self.children);
        let mut refused = 0u64;
        let mut list = std::mem::take(&mut self.receivers_of_tree);
        goes_to.clear();
        let mut trees = self.net.lock_trees();
        for i in 0..self.batch.len() {
            let body = self.batch.body(i);
            let sequence = body
                .first_chunk::<STAMP>()
                .map_or(0, |stamp| Stamp::read(stamp).sequence & SEQUENCE_MASK);
            let name = CastName {
                tree: tree_name,
                epoch: own.epoch,
                key_id: own.cast.key_id(),
                sequence,
            };
            trees.own(now, &name, TREE_HOP_LIMIT, body, &mut list);
            if list.is_empty() {
                refused |= 1 << i;
            } else if goes_to.is_empty() {
                goes_to.extend_from_slice(&list);
            }
        }
        let due = trees.next_deadline();
        if due < self.net.trees_due.load(Relaxed) {
            self.net.trees_due.store(due, Relaxed);
            self.common.commands.wake();
        }
        drop(trees);
        self.batch.refused = refused;
        let packet = self.batch.longest();
        for child in &goes_to {
            let Some(state) = view.peers.get(child) else {
                continue;
            };
            match state.tx.load_full() {
                Some(tx) => self.add_child(now, view, (state, tx), packet),
                None => add(&self.common.counters.tree_unreached, self.batch.len() as u64),
            }
        }
        let copies = self.batch.served().count() * (self.batch.len() - refused.count_ones() as usize);
        add(&self.common.counters.tree_copies, copies as u64);
        (self.children, self.receivers_of_tree) = (goes_to, list);
        if copies == 0 {
            self.batch.clear();
            return false;
        }
        self.batch.tree = Some((tree, own));
        true
    }
}
