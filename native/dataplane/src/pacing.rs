//! The adapter's thread in front of slow ways: packets pass a [`Pacer`] per session before they are sealed.

use crate::adapter::AdapterThread;
use crate::api::PeerId;
use crate::lane::{Lane, flow_of};
use crate::limits::{BUNDLE_MAX, UNDER_HEADERS};
use crate::pace::{Item, Pacer};
use crate::sealing::{DATA_OVERHEAD, KIND, To, kind_of, mode_of};
use crate::shared::{PeerState, View, add};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_packet::{L3, Splitter, ecn};
use weft_session::Tx;
use weft_session::bundle;
use weft_session::fragment::What;
use weft_session::wire::{FEATURE_BUNDLE, kind};

/// One slow session.
pub struct Slow {
    pacer: Pacer,
    /// Bytes that the session had sent when they were last counted, and frames.
    counted: (u64, u64),
}

/// All slow sessions of one adapter.
#[derive(Default)]
pub struct Slows(BTreeMap<PeerId, Slow>);

impl Slows {
    /// Whether packets to this peer pass here: it is slow, or others still wait.
    #[inline]
    pub fn has(&self, state: &PeerState) -> bool {
        state.is_slow() || (!self.0.is_empty() && self.0.contains_key(&state.peer))
    }

    pub fn next_deadline(&self) -> u64 {
        let deadlines = self.0.values().map(|s| s.pacer.next_deadline());
        deadlines.min().unwrap_or(u64::MAX)
    }

    fn push(&mut self, now: u64, state: &PeerState, flow: u64, of: (What, u8), bytes: Vec<u8>) -> u64 {
        let slow = self.0.entry(state.peer).or_insert_with(|| Slow {
            pacer: Pacer::new(now, state.pace()),
            counted: (u64::MAX, 0),
        });
        slow.pacer.set(state.pace());
        slow.pacer.push(now, flow, of, bytes)
    }
}

impl AdapterThread {
    pub(crate) fn pace_run(&mut self, now: u64, state: &PeerState, tx: &Tx, run: &Splitter<'_>, class: u8) {
        let (mode, flow) = (mode_of(tx), flow_of(run.packet()));
        for i in 0..run.count() {
            let mut plaintext = vec![0; KIND + run.segment_len(i)];
            plaintext[0] = kind_of(run.is_partial(mode));
            run.write(i, &mut plaintext[KIND..], mode);
            self.pace(now, state, flow, (What::Packet, class), plaintext);
        }
        add(&self.common.counters.packets_out, run.count() as u64);
    }

    /// A packet that waited for its session.
    pub(crate) fn pace_held(&mut self, now: u64, state: &PeerState, class: u8, packet: &[u8]) {
        let flow = L3::parse(packet).map_or(0, |packet| flow_of(&packet));
        let plaintext = [&[kind::PACKET], packet].concat();
        self.pace(now, state, flow, (What::Packet, class), plaintext);
    }

    /// The packets of a batch of casts for one neighbour. They are one flow: they go to the same group.
    pub(crate) fn pace_casts(&mut self, now: u64, state: &PeerState) {
        let flow = self.batch.flow;
        for i in 0..self.batch.len() {
            if let Some((what, bytes)) = self.batch.piece(i) {
                self.pace(now, state, flow, (what, self.batch.class), bytes);
            }
        }
    }

    pub(crate) fn pace(&mut self, now: u64, state: &PeerState, flow: u64, of: (What, u8), bytes: Vec<u8>) {
        let dropped = self.slows.push(now, state, flow, of, bytes);
        add(&self.common.counters.pace_full, dropped);
    }

    /// Seals what may leave now.
    pub(crate) fn release_slow(&mut self, now: u64, view: &Arc<View>) {
        if self.slows.0.is_empty() {
            return;
        }
        let mut slows = std::mem::take(&mut self.slows);
        slows.0.retain(|peer, slow| {
            let state = view.peers.get(peer);
            let tx = state.and_then(|s| s.tx.load_full());
            let (Some(state), Some(tx)) = (state, tx) else {
                // Its session is gone: what comes now waits for the next one, what is here is old.
                add(&self.common.counters.pace_full, slow.pacer.clear());
                return false;
            };
            slow.pacer.set(state.pace());
            self.release_one(now, view, (state, &tx), slow);
            // Kept while it is slow: what it has sent lately counts.
            state.is_slow() || !slow.pacer.is_empty()
        });
        self.slows = slows;
    }

    fn release_one(
        &mut self,
        now: u64,
        view: &View,
        (state, tx): (&Arc<PeerState>, &Arc<Tx>),
        slow: &mut Slow,
    ) {
        let bundles = tx.features() & FEATURE_BUNDLE != 0;
        loop {
            slow.count(tx);
            let Some(lane) = Lane::of(view, state, tx.path(), now, 0) else {
                add(&self.common.counters.no_relay, slow.pacer.clear());
                return;
            };
            let room = lane.room(state).saturating_sub(DATA_OVERHEAD).min(BUNDLE_MAX);
            let items = slow.pacer.pop(now, room, bundles);
            let Some(first) = items.first() else { return };
            self.outbox.class = first.class;
            let to = (state, tx, &lane);
            if items.len() == 1 {
                self.seal_item(now, to, first);
            } else {
                self.seal_bundle(now, to, &items);
            }
        }
    }

    fn seal_item(&mut self, now: u64, to: To<'_>, item: &Item) {
        match item.what {
            What::Cast | What::TreeCast => self.seal_cast_body(now, to, item.what, &item.bytes),
            What::Packet if item.bytes.len() + DATA_OVERHEAD > to.2.room(to.0) => {
                self.seal_fragments(now, to, What::Packet, &item.bytes);
            }
            What::Packet | What::TreeMessage => self.seal_plaintext(now, to, &[&item.bytes]),
        }
    }

    fn seal_bundle(&mut self, now: u64, to: To<'_>, items: &[Item]) {
        let mut plaintext = std::mem::take(&mut self.scratch);
        bundle::begin(&mut plaintext);
        for item in items {
            bundle::put(&mut plaintext, item.what, &item.bytes);
        }
        self.seal_plaintext(now, to, &[&plaintext]);
        self.scratch = plaintext;
        add(&self.common.counters.bundles_sent, 1);
        add(&self.common.counters.bundled, items.len() as u64);
    }

    /// The class of a packet's outer headers.
    pub(crate) fn class_of_packet(&self, packet: &[u8]) -> u8 {
        if self.common.outside.no_class.load(Relaxed) {
            0
        } else {
            ecn::class(packet)
        }
    }
}

impl Slow {
    /// Takes what the session has sent since the last look off the budget, upkeep and control messages included.
    fn count(&mut self, tx: &Tx) {
        let sent = tx.hop().sent();
        let (bytes, frames) = self.counted;
        if bytes <= sent.bytes {
            let headers = (sent.frames - frames) * UNDER_HEADERS;
            self.pacer.spent(sent.bytes - bytes + headers);
        }
        self.counted = (sent.bytes, sent.frames);
    }
}
