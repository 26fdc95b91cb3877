//! Packets that wait for a session: kept by the adapter's thread, sent when it comes.

use crate::adapter::AdapterThread;
use crate::api::{Event, PeerId};
use crate::casts::CAST_OVERHEAD;
use crate::hold::HeldPacket;
use crate::outbox::Outlet;
use crate::sealing::{DATA_OVERHEAD, KIND, To};
use crate::shared::{PeerState, View, add};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_packet::{Checksum, Splitter};
use weft_session::fragment::What;
use weft_session::wire::{HEADER, STAMP, kind};
use weft_session::{TAG, Tx};

impl AdapterThread {
    /// Keeps a run's packets until the member has a session, and asks the engine for one.
    pub(crate) fn hold(&mut self, now: u64, state: &Arc<PeerState>, cast: bool, run: &Splitter<'_>) {
        // Set before the check that follows at the next wake: a session that comes meanwhile wakes us.
        state.waiting.store(true, Relaxed);
        for i in 0..run.count() {
            let mut packet = vec![0; run.segment_len(i)];
            run.write(i, &mut packet, Checksum::Full);
            self.keep(now, state, cast, packet);
        }
        if state.tx.load().is_some() {
            self.wake.wake();
        }
    }

    /// The same for one packet.
    pub(crate) fn hold_packet(&mut self, now: u64, state: &Arc<PeerState>, cast: bool, packet: Vec<u8>) {
        state.waiting.store(true, Relaxed);
        self.keep(now, state, cast, packet);
        if state.tx.load().is_some() {
            self.wake.wake();
        }
    }

    fn keep(&mut self, now: u64, state: &PeerState, cast: bool, packet: Vec<u8>) {
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

    pub(crate) fn release(&mut self, now: u64, view: &Arc<View>, state: &Arc<PeerState>, tx: &Arc<Tx>) {
        state.waiting.store(false, Relaxed);
        let Some(lane) = self.plain_lane(now, view, state, tx) else {
            return;
        };
        for HeldPacket { bytes, cast, .. } in self.holds.take(state.peer) {
            self.outbox.class = self.class_of_packet(&bytes);
            if !cast && self.slows.has(state) {
                self.pace_held(now, state, self.outbox.class, &bytes);
            } else if cast {
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
    pub(crate) fn seal_late_cast(&mut self, now: u64, view: &View, to: To<'_>, packet: &[u8]) {
        self.give_key(view, to.0);
        let mut frame = vec![0; packet.len() + CAST_OVERHEAD];
        frame[HEADER + STAMP..HEADER + STAMP + packet.len()].copy_from_slice(packet);
        view.cast.seal(view.cast.reserve(1), false, 0, 0, &mut frame);
        let body = HEADER..frame.len() - TAG;
        if self.slows.has(to.0) {
            let (class, flow) = (self.outbox.class, 0);
            return self.pace(now, to.0, flow, (What::Cast, class), frame[body].to_vec());
        }
        self.seal_cast_body(now, to, What::Cast, &frame[body]);
    }

    pub(crate) fn release_held_of_batch(&mut self, now: u64, view: &Arc<View>) {
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
