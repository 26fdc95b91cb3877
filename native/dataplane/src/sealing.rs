//! From decision to frame: the sending half of the adapter's thread.

use crate::adapter::AdapterThread;
use crate::api::{Event, PeerId};
use crate::casts::{CAST_OVERHEAD, Child};
use crate::command::Command;
use crate::hold::HeldPacket;
use crate::limits::CAST_HOP_LIMIT;
use crate::outbox::Outlet;
use crate::shared::{PeerState, View, add};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_packet::{Checksum, DropReason, Splitter};
use weft_session::fragment::{self, What};
use weft_session::wire::{FEATURE_PARTIAL, HEADER, STAMP, kind};
use weft_session::{AUTH_SHARED, TAG, Tx};

/// Bytes that a data frame adds to its plaintext.
const DATA_OVERHEAD: usize = HEADER + TAG;
/// The kind byte before a packet.
const KIND: usize = 1;

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
        self.seal_run(now, state, tx, run);
    }

    fn seal_run(&mut self, now: u64, state: &Arc<PeerState>, tx: &Arc<Tx>, run: &Splitter<'_>) {
        let count = run.count();
        let longest = run.segment_len(0) + KIND + DATA_OVERHEAD;
        if longest > state.room() {
            return self.seal_narrow_run(now, state, tx, run);
        }
        let Some(counter) = tx.reserve(count as u32) else {
            return;
        };
        let (mode, path) = (mode_of(tx), tx.path());
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
            let Some(slot) = self.outbox.slot(&outlet, state, path, len) else {
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
    fn seal_narrow_run(&mut self, now: u64, state: &Arc<PeerState>, tx: &Arc<Tx>, run: &Splitter<'_>) {
        let mode = mode_of(tx);
        let mut plaintext = std::mem::take(&mut self.scratch);
        for i in 0..run.count() {
            plaintext.resize(KIND + run.segment_len(i), 0);
            plaintext[0] = kind_of(run.is_partial(mode));
            run.write(i, &mut plaintext[KIND..], mode);
            if plaintext.len() + DATA_OVERHEAD > state.room() {
                self.seal_fragments(now, state, tx, What::Packet, &plaintext);
            } else {
                self.seal_plaintext(now, state, tx, &[&plaintext]);
            }
        }
        add(&self.common.counters.packets_out, run.count() as u64);
        self.scratch = plaintext;
    }

    fn seal_fragments(&mut self, now: u64, state: &Arc<PeerState>, tx: &Arc<Tx>, what: What, bytes: &[u8]) {
        self.fragment_id = self.fragment_id.wrapping_add(1);
        let room = state.room().saturating_sub(DATA_OVERHEAD);
        match fragment::split(self.fragment_id, what, bytes, room) {
            Some(pieces) => {
                for (head, body) in pieces {
                    self.seal_plaintext(now, state, tx, &[&head, body]);
                    add(&self.common.counters.fragments_sent, 1);
                }
            }
            None => self.common.counters.drop_packet(DropReason::TooBig, 1),
        }
    }

    /// One data frame around the concatenation of `parts`.
    fn seal_plaintext(&mut self, now: u64, state: &Arc<PeerState>, tx: &Arc<Tx>, parts: &[&[u8]]) {
        let len = parts.iter().map(|p| p.len()).sum::<usize>() + DATA_OVERHEAD;
        let Some(counter) = tx.reserve(1) else { return };
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let Some(slot) = self.outbox.slot(&outlet, state, tx.path(), len) else {
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
        for HeldPacket { bytes, cast, .. } in self.holds.take(state.peer) {
            if cast {
                self.seal_late_cast(now, view, state, tx, &bytes);
            } else if bytes.len() + KIND + DATA_OVERHEAD > state.room() {
                let plaintext = [&[kind::PACKET], &bytes[..]].concat();
                self.seal_fragments(now, state, tx, What::Packet, &plaintext);
            } else {
                self.seal_plaintext(now, state, tx, &[&[kind::PACKET], &bytes]);
            }
        }
    }

    /// A cast for one receiver whose session came late: sealed anew, because its key counts from now on.
    fn seal_late_cast(&mut self, now: u64, view: &View, state: &Arc<PeerState>, tx: &Arc<Tx>, packet: &[u8]) {
        self.give_key(view, state);
        let mut frame = vec![0; packet.len() + CAST_OVERHEAD];
        frame[HEADER + STAMP..HEADER + STAMP + packet.len()].copy_from_slice(packet);
        view.cast.seal(view.cast.reserve(1), false, 0, 0, &mut frame);
        if frame.len() > state.room() {
            let end = frame.len() - TAG;
            return self.seal_fragments(now, state, tx, What::Cast, &frame[HEADER..end]);
        }
        let Some(counter) = tx.reserve(1) else { return };
        tx.seal_stamp(counter, AUTH_SHARED, CAST_HOP_LIMIT, &mut frame);
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        if let Some(slot) = self.outbox.slot(&outlet, state, tx.path(), frame.len()) {
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
        if self.batch.is_empty() || self.batch.receivers != receivers || !self.batch.takes(run.segment_len(0))
        {
            self.flush_casts(now, view);
            self.begin_casts(view, receivers, run.segment_len(0));
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
                self.begin_casts(view, receivers, run.segment_len(i));
            }
            self.batch.add(&view.cast, view.cast.reserve(1), run, i, mode);
        }
        add(&self.common.counters.casts_sealed, count as u64);
    }

    /// Looks up the neighbours that a batch goes to.
    fn begin_casts(&mut self, view: &Arc<View>, receivers: &[PeerId], packet: usize) {
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
            let narrow = packet + CAST_OVERHEAD > state.room();
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
            for packet in 0..self.batch.len() {
                let body = self.batch.body(packet).to_vec();
                self.seal_fragments(now, &state, &tx, What::Cast, &body);
            }
        }
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let commands = &self.common.commands;
        self.batch.flush(&outlet, &mut self.outbox, &mut |sent| {
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
