//! From decision to frame: the sending half of the adapter's thread.

use crate::adapter::AdapterThread;
use crate::api::{Event, PeerId};
use crate::casts::{CAST_OVERHEAD, Child};
use crate::command::Command;
use crate::hold::HeldPacket;
use crate::lane::{Lane, flow_of};
use crate::limits::CAST_HOP_LIMIT;
use crate::outbox::Outlet;
use crate::shared::{PeerState, View, add};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_packet::{Checksum, DropReason, Splitter, ecn};
use weft_session::fragment::{self, What};
use weft_session::wire::{FEATURE_PARTIAL, HEADER, STAMP, kind};
use weft_session::{AUTH_SHARED, Path, TAG, Tx};

/// Bytes that a data frame adds to its plaintext.
const DATA_OVERHEAD: usize = HEADER + TAG;
/// The kind byte before a packet.
const KIND: usize = 1;

/// A peer, the keys that seal for it, and how its frames leave.
type To<'a> = (&'a Arc<PeerState>, &'a Arc<Tx>, &'a Lane);

fn mode_of(tx: &Tx) -> Checksum {
    if tx.features() & FEATURE_PARTIAL != 0 {
        Checksum::Partial
    } else {
        Checksum::Full
    }
}

fn kind_of(partial: bool) -> u8 {
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
        let Some(lane) = self.lane(now, view, state, tx, run) else {
            return;
        };
        self.outbox.class = self.class_of(run);
        self.seal_run(now, state, tx, &lane, run);
    }

    /// What the outer headers of a run say: as RFC 6040 has it, the same as the inner ones.
    #[inline]
    fn class_of(&self, run: &Splitter<'_>) -> u8 {
        if self.common.no_class {
            0
        } else {
            ecn::class(run.packet().bytes())
        }
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
    fn plain_lane(&self, now: u64, view: &View, state: &PeerState, tx: &Tx) -> Option<Lane> {
        let lane = Lane::of(view, state, tx.path(), now, 0);
        if lane.is_none() {
            add(&self.common.counters.no_relay, 1);
        }
        lane
    }

    fn seal_run(&mut self, now: u64, state: &Arc<PeerState>, tx: &Arc<Tx>, lane: &Lane, run: &Splitter<'_>) {
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
        let mut bytes = 0;
        for i in 0..count {
            let len = run.segment_len(i) + KIND + DATA_OVERHEAD;
            let Some(slot) = self.outbox.slot(&outlet, state, lane, len) else {
                break;
            };
            slot[HEADER] = first_byte;
            run.write(i, &mut slot[HEADER + KIND..], mode);
            tx.seal(counter + i as u64, slot);
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

    fn seal_fragments(&mut self, now: u64, to: To<'_>, what: What, bytes: &[u8]) {
        self.fragment_id = self.fragment_id.wrapping_add(1);
        let room = to.2.room(to.0).saturating_sub(DATA_OVERHEAD);
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
    fn seal_plaintext(&mut self, now: u64, (state, tx, lane): To<'_>, parts: &[&[u8]]) {
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

    /// Keeps a run's packets until the member has a session, and asks the engine for one.
    fn hold(&mut self, now: u64, state: &Arc<PeerState>, cast: bool, run: &Splitter<'_>) {
        // Set before the check that follows at the next wake: a session that comes meanwhile wakes us.
        state.waiting.store(true, Relaxed);
        for i in 0..run.count() {
            let mut packet = vec![0; run.segment_len(i)];
            run.write(i, &mut packet, Checksum::Full);
            let outcome = self.holds.hold(now, state.peer, cast, packet);
            add(&self.common.counters.packets_held, 1);
            add(&self.common.counters.held_dropped, outcome.dropped);
            if outcome.want {
                self.common.events.push(Event::Want {
                    net: self.net.net,
                    peer: state.peer,
                });
            }
        }
        if state.tx.load().is_some() {
            self.wake.wake();
        }
    }

    /// After a wake: sends what waited for sessions that are there now.
    pub(crate) fn release_all(&mut self, now: u64, view: &Arc<View>) {
        let waiting: Vec<PeerId> = self.holds.peers().collect();
        for peer in waiting {
            match view.peers.get(&peer) {
                None => add(
                    &self.common.counters.held_dropped,
                    self.holds.take(peer).len() as u64,
                ),
                Some(state) => {
                    if let Some(tx) = state.tx.load().as_ref() {
                        self.release(now, view, state, tx);
                    }
                }
            }
        }
    }

    fn release(&mut self, now: u64, view: &Arc<View>, state: &Arc<PeerState>, tx: &Arc<Tx>) {
        state.waiting.store(false, Relaxed);
        let Some(lane) = self.plain_lane(now, view, state, tx) else {
            return;
        };
        for HeldPacket { bytes, cast, .. } in self.holds.take(state.peer) {
            self.outbox.class = if self.common.no_class {
                0
            } else {
                ecn::class(&bytes)
            };
            if cast {
                self.seal_late_cast(now, view, (state, tx, &lane), &bytes);
            } else if bytes.len() + KIND + DATA_OVERHEAD > lane.room(state) {
                let plaintext = [&[kind::PACKET], &bytes[..]].concat();
                self.seal_fragments(now, (state, tx, &lane), What::Packet, &plaintext);
            } else {
                self.seal_plaintext(now, (state, tx, &lane), &[&[kind::PACKET], &bytes]);
            }
        }
    }

    /// A cast for one receiver whose session came late: sealed anew, because its key counts from now on.
    fn seal_late_cast(&mut self, now: u64, view: &View, (state, tx, lane): To<'_>, packet: &[u8]) {
        self.give_key(view, state);
        let mut frame = vec![0; packet.len() + CAST_OVERHEAD];
        frame[HEADER + STAMP..HEADER + STAMP + packet.len()].copy_from_slice(packet);
        view.cast.seal(view.cast.reserve(1), false, 0, 0, &mut frame);
        if frame.len() > lane.room(state) {
            let end = frame.len() - TAG;
            return self.seal_fragments(now, (state, tx, lane), What::Cast, &frame[HEADER..end]);
        }
        let Some(counter) = tx.reserve(1) else { return };
        tx.seal_stamp(counter, AUTH_SHARED, CAST_HOP_LIMIT, &mut frame);
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        if let Some(slot) = self.outbox.slot(&outlet, state, lane, frame.len()) {
            slot.copy_from_slice(&frame);
        }
        self.note(now, tx, 1, frame.len() as u64);
    }

    /// Sees to it that the neighbour gets the sender key: once per key, repeated by the sessions until acknowledged. Call it
    /// before the sequence of the first cast for this neighbour is taken: the key counts from the present one on.
    fn give_key(&self, view: &View, state: &PeerState) {
        let current = view.cast.key_id();
        if state.given.load(Relaxed) != current && state.given.swap(current, Relaxed) != current {
            let key = view.cast.sender_key();
            self.common
                .commands
                .push(Command::GiveKey(self.net.net, state.peer, key));
        }
    }

    pub(crate) fn send_cast(&mut self, now: u64, view: &Arc<View>, receivers: &[PeerId], run: &Splitter<'_>) {
        let class = self.class_of(run);
        let joins = self.batch.receivers == receivers && self.batch.class == class;
        if self.batch.is_empty() || !joins || !self.batch.takes(run.segment_len(0)) {
            self.flush_casts(now, view);
            self.begin_casts(now, view, receivers, run.segment_len(0));
            self.batch.class = class;
        }
        for i in 0..self.batch.missing.len() {
            let state = self.batch.missing[i].clone();
            self.hold(now, &state, true, run);
        }
        if self.batch.children.is_empty() && self.batch.narrow.is_empty() {
            return self.batch.clear_receivers();
        }
        let all = self.batch.children.iter().chain(&self.batch.narrow);
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
            let child = Child {
                state: state.clone(),
                tx,
            };
            let lane = Lane::of(view, state, child.tx.path(), now, 0);
            let room = lane.map_or(usize::MAX, |lane| lane.room(state));
            let narrow = packet + CAST_OVERHEAD > room;
            if narrow {
                &mut self.batch.narrow
            } else {
                &mut self.batch.children
            }
            .push(child);
        }
    }

    pub(crate) fn flush_casts(&mut self, now: u64, view: &Arc<View>) {
        if self.batch.is_empty() {
            return;
        }
        // Casts that waited for a neighbour come first.
        if !self.holds.is_empty() {
            self.release_held_of_batch(now, view);
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
                let body = self.batch.body(packet).to_vec();
                self.seal_fragments(now, (&state, &tx, &lane), What::Cast, &body);
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
            if tx.hop().note_sent(now, sent.frames, sent.bytes) {
                commands.push(Command::Activity(tx.net(), tx.peer()));
            }
        });
    }

    fn release_held_of_batch(&mut self, now: u64, view: &Arc<View>) {
        let children: Vec<PeerId> = self.batch.children.iter().map(|c| c.state.peer).collect();
        for peer in children
            .into_iter()
            .filter(|p| self.holds.has(*p))
            .collect::<Vec<_>>()
        {
            if let Some(state) = view.peers.get(&peer) {
                if let Some(tx) = state.tx.load().as_ref() {
                    self.release(now, view, state, tx);
                }
            }
        }
        let sockets = self.common.sockets.load();
        self.outbox.flush(&Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        });
    }
}
