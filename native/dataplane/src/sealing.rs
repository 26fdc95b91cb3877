//! From decision to frame: the sending half of the adapter's thread.

use crate::adapter::AdapterThread;
use crate::api::PeerId;
use crate::casts::{CAST_OVERHEAD, Child};
use crate::command::Command;
use crate::lane::{Lane, flow_of};
use crate::limits::CAST_HOP_LIMIT;
use crate::outbox::Outlet;
use crate::shared::{PeerState, View, add};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_packet::{Checksum, DropReason, Splitter};
use weft_session::fragment::{self, What};
use weft_session::wire::{FEATURE_PARTIAL, FEATURE_SPARSE, HEADER, SPARSE, kind};
use weft_session::{AUTH_SHARED, Path, TAG, Tx};

/// Bytes that a data frame adds to its plaintext.
pub(crate) const DATA_OVERHEAD: usize = HEADER + TAG;
/// The kind byte before a packet.
pub(crate) const KIND: usize = 1;

/// A peer, the keys that seal for it, and how its frames leave.
pub(crate) type To<'a> = (&'a Arc<PeerState>, &'a Arc<Tx>, &'a Lane);

pub(crate) fn mode_of(tx: &Tx) -> Checksum {
    if tx.features() & FEATURE_PARTIAL != 0 {
        Checksum::Partial
    } else {
        Checksum::Full
    }
}

pub(crate) fn kind_of(partial: bool) -> u8 {
    if partial {
        kind::PACKET | kind::PARTIAL
    } else {
        kind::PACKET
    }
}

impl AdapterThread {
    pub(crate) fn send_unicast(&mut self, now: u64, view: &Arc<View>, peer: PeerId, run: &Splitter<'_>) {
        let Some(state) = view.peers.get(&peer) else {
            return self
                .common
                .counters
                .drop_packet(DropReason::NoRoute, run.count() as u64);
        };
        let tx = state.tx.load();
        let Some(tx) = tx.as_ref() else {
            return self.hold(now, state, false, run);
        };
        if !self.holds.is_empty() && self.holds.has(peer) {
            self.release(now, view, state, tx);
        }
        let class = self.class_of(run);
        if self.slows.has(state) {
            return self.pace_run(now, state, tx, run, class);
        }
        let Some(lane) = self.lane(now, view, state, tx, run) else {
            return;
        };
        self.outbox.class = class;
        let may_overtake = tx.features() & FEATURE_SPARSE != 0;
        self.outbox.sparse = self.sparse.takes(now, run) && may_overtake;
        self.seal_run(now, state, tx, &lane, run);
        self.outbox.sparse = false;
    }

    /// What the outer headers of a run say: as RFC 6040 has it, the same as the inner ones.
    #[inline]
    fn class_of(&self, run: &Splitter<'_>) -> u8 {
        self.class_of_packet(run.packet().bytes())
    }

    /// The way that a run goes; relayed ones are spread by flow.
    #[inline]
    fn lane(&self, now: u64, view: &View, state: &PeerState, tx: &Tx, run: &Splitter<'_>) -> Option<Lane> {
        let path = tx.path();
        if !matches!(path, Path::Carry { .. }) {
            return Some(Lane::Straight(path));
        }
        let lane = Lane::of(view, state, path, now, flow_of(run.packet()));
        if lane.is_none() {
            add(&self.common.counters.no_relay, run.count() as u64);
        }
        lane
    }

    /// The same for a frame that belongs to no flow.
    pub(crate) fn plain_lane(&self, now: u64, view: &View, state: &PeerState, tx: &Tx) -> Option<Lane> {
        let lane = Lane::of(view, state, tx.path(), now, 0);
        if lane.is_none() {
            add(&self.common.counters.no_relay, 1);
        }
        lane
    }

    pub(crate) fn seal_run(
        &mut self,
        now: u64,
        state: &Arc<PeerState>,
        tx: &Arc<Tx>,
        lane: &Lane,
        run: &Splitter<'_>,
    ) {
        let count = run.count();
        let longest = run.segment_len(0) + KIND + DATA_OVERHEAD;
        if longest > lane.room(state) {
            return self.seal_narrow_run(now, state, tx, lane, run);
        }
        let Some(counter) = tx.reserve(count as u32) else {
            return;
        };
        let mode = mode_of(tx);
        let first_byte = kind_of(run.is_partial(mode));
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let flags = if self.outbox.sparse { SPARSE } else { 0 };
        let mut bytes = 0;
        for i in 0..count {
            let len = run.segment_len(i) + KIND + DATA_OVERHEAD;
            let Some(slot) = self.outbox.slot(&outlet, state, lane, len) else {
                break;
            };
            slot[HEADER] = first_byte;
            run.write(i, &mut slot[HEADER + KIND..], mode);
            tx.seal_flagged(counter + i as u64, flags, slot);
            bytes += len;
        }
        add(&self.common.counters.packets_out, count as u64);
        self.note(now, tx, count as u64, bytes as u64);
    }

    fn note(&self, now: u64, tx: &Tx, frames: u64, bytes: u64) {
        if tx.hop().note_sent(now, frames, bytes) {
            self.common.commands.push(Command::Activity(tx.net(), tx.peer()));
        }
    }

    /// For a path that does not take whole frames.
    fn seal_narrow_run(
        &mut self,
        now: u64,
        state: &Arc<PeerState>,
        tx: &Arc<Tx>,
        lane: &Lane,
        run: &Splitter<'_>,
    ) {
        let mode = mode_of(tx);
        let mut plaintext = std::mem::take(&mut self.scratch);
        for i in 0..run.count() {
            plaintext.resize(KIND + run.segment_len(i), 0);
            plaintext[0] = kind_of(run.is_partial(mode));
            run.write(i, &mut plaintext[KIND..], mode);
            if plaintext.len() + DATA_OVERHEAD > lane.room(state) {
                self.seal_fragments(now, (state, tx, lane), What::Packet, &plaintext);
            } else {
                self.seal_plaintext(now, (state, tx, lane), &[&plaintext]);
            }
        }
        add(&self.common.counters.packets_out, run.count() as u64);
        self.scratch = plaintext;
    }

    /// Longest frame to this neighbour, bytes.
    fn room(&self, to: To<'_>) -> usize {
        to.2.room(to.0).min(self.net.view.load().mtu + CAST_OVERHEAD)
    }

    pub(crate) fn seal_fragments(&mut self, now: u64, to: To<'_>, what: What, bytes: &[u8]) {
        self.fragment_id = self.fragment_id.wrapping_add(1);
        let room = self.room(to).saturating_sub(DATA_OVERHEAD);
        match fragment::split(self.fragment_id, what, bytes, room) {
            Some(pieces) => {
                for (head, body) in pieces {
                    self.seal_plaintext(now, to, &[&head, body]);
                    add(&self.common.counters.fragments_sent, 1);
                }
            }
            None => self.common.counters.drop_packet(DropReason::TooBig, 1),
        }
    }

    /// One data frame around the concatenation of `parts`.
    pub(crate) fn seal_plaintext(&mut self, now: u64, (state, tx, lane): To<'_>, parts: &[&[u8]]) {
        let len = parts.iter().map(|p| p.len()).sum::<usize>() + DATA_OVERHEAD;
        let Some(counter) = tx.reserve(1) else { return };
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let Some(slot) = self.outbox.slot(&outlet, state, lane, len) else {
            return;
        };
        let mut at = HEADER;
        for part in parts {
            slot[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        tx.seal(counter, slot);
        self.note(now, tx, 1, len as u64);
    }

    /// A sealed cast for one neighbour: `bytes` as in a fragment.
    pub(crate) fn seal_cast_body(&mut self, now: u64, (state, tx, lane): To<'_>, what: What, bytes: &[u8]) {
        let (auth, hop_limit, body) = match (what, bytes) {
            (What::TreeCast, [auth, hop_limit, body @ ..]) => (*auth, *hop_limit, body),
            _ => (AUTH_SHARED, CAST_HOP_LIMIT, bytes),
        };
        let len = HEADER + body.len() + TAG;
        if len > self.room((state, tx, lane)) {
            return self.seal_fragments(now, (state, tx, lane), what, bytes);
        }
        let Some(counter) = tx.reserve(1) else { return };
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        if let Some(slot) = self.outbox.slot(&outlet, state, lane, len) {
            slot[HEADER..HEADER + body.len()].copy_from_slice(body);
            tx.seal_stamp(counter, auth, hop_limit, slot);
        }
        self.note(now, tx, 1, len as u64);
    }

    /// Sees to it that the neighbour gets the sender key: once per key, repeated by the sessions until acknowledged. Call it
    /// before the sequence of the first cast for this neighbour is taken: the key counts from the present one on.
    pub(crate) fn give_key(&self, view: &View, state: &PeerState) {
        let current = view.cast.key_id();
        if state.given.load(Relaxed) != current && state.given.swap(current, Relaxed) != current {
            let key = view.cast.sender_key();
            self.common
                .commands
                .push(Command::GiveKey(self.net.net, state.peer, key));
        }
    }

    pub(crate) fn send_cast(&mut self, now: u64, view: &Arc<View>, receivers: &[PeerId], run: &Splitter<'_>) {
        if !self.may_leave(now, receivers.len(), run) {
            return;
        }
        let class = self.class_of(run);
        let joins =
            self.batch.tree.is_none() && self.batch.receivers == receivers && self.batch.class == class;
        if self.batch.is_empty() || !joins || !self.batch.takes(run.segment_len(0)) {
            self.flush_casts(now, view);
            self.begin_casts(now, view, receivers, run.segment_len(0));
            self.batch.class = class;
            self.batch.flow = flow_of(run.packet());
        }
        for i in 0..self.batch.missing.len() {
            let state = self.batch.missing[i].clone();
            self.hold(now, &state, true, run);
        }
        if self.batch.served().next().is_none() {
            return self.batch.clear_receivers();
        }
        let all = self.batch.served();
        let mode = all
            .map(|c| mode_of(&c.tx))
            .find(|m| *m == Checksum::Full)
            .unwrap_or(Checksum::Partial);
        let count = run.count();
        for i in 0..count {
            if !self.batch.takes(run.segment_len(i)) {
                self.flush_casts(now, view);
                self.begin_casts(now, view, receivers, run.segment_len(i));
            }
            self.batch.add(&view.cast, view.cast.reserve(1), run, i, mode);
        }
        add(&self.common.counters.casts_sealed, count as u64);
    }

    /// Looks up the neighbours that a batch goes to.
    fn begin_casts(&mut self, now: u64, view: &Arc<View>, receivers: &[PeerId], packet: usize) {
        self.batch.receivers.extend_from_slice(receivers);
        for peer in receivers {
            let Some(state) = view.peers.get(peer) else {
                continue;
            };
            let Some(tx) = state.tx.load_full() else {
                self.batch.missing.push(state.clone());
                continue;
            };
            self.give_key(view, state);
            self.add_child(now, view, (state, tx), packet);
        }
    }

    /// Sorts a neighbour in by how frames of that packet's length get there.
    pub(crate) fn add_child(
        &mut self,
        now: u64,
        view: &View,
        (state, tx): (&Arc<PeerState>, Arc<Tx>),
        packet: usize,
    ) {
        let child = Child {
            state: state.clone(),
            tx,
        };
        let lane = Lane::of(view, state, child.tx.path(), now, 0);
        let room = lane.map_or(usize::MAX, |lane| lane.room(state));
        // No proof of a signature takes a wider way than packets need without.
        let narrow = packet > view.mtu || packet + CAST_OVERHEAD > room;
        if self.slows.has(state) {
            &mut self.batch.slow
        } else if narrow {
            &mut self.batch.narrow
        } else {
            &mut self.batch.children
        }
        .push(child);
    }

    pub(crate) fn flush_casts(&mut self, now: u64, view: &Arc<View>) {
        if self.batch.is_empty() {
            return;
        }
        if self.batch.sign() {
            self.signed_at = now;
            add(&self.common.counters.casts_signed, 1);
        }
        if !self.route_batch(now, view) {
            return;
        }
        // Casts that waited for a neighbour come first.
        if !self.holds.is_empty() {
            self.release_held_of_batch(now, view);
        }
        for i in 0..self.batch.slow.len() {
            let state = self.batch.slow[i].state.clone();
            self.pace_casts(now, &state);
        }
        for i in 0..self.batch.narrow.len() {
            let (state, tx) = (
                self.batch.narrow[i].state.clone(),
                self.batch.narrow[i].tx.clone(),
            );
            let Some(lane) = self.plain_lane(now, view, &state, &tx) else {
                continue;
            };
            self.outbox.class = self.batch.class;
            for packet in 0..self.batch.len() {
                if let Some((what, bytes)) = self.batch.piece(packet) {
                    self.seal_fragments(now, (&state, &tx, &lane), what, &bytes);
                }
            }
        }
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let commands = &self.common.commands;
        let lane = |child: &Child| Lane::of(view, &child.state, child.tx.path(), now, 0);
        self.batch.flush(&outlet, &mut self.outbox, &lane, &mut |sent| {
            let tx = &sent.child.tx;
            if tx.hop().note_cast(now, sent.frames, sent.bytes) {
                commands.push(Command::Activity(tx.net(), tx.peer()));
            }
        });
    }
}
