//! Casts of trees on their way on, and what trees say: from the receive thread to neighbours.

use crate::adapter::Common;
use crate::api::{Event, NetId, PeerId};
use crate::casts::CAST_OVERHEAD;
use crate::core::Core;
use crate::lane::Lane;
use crate::outbox::{Outbox, Outlet};
use crate::shared::{PeerState, View, add};
use std::ops::Range;
use std::sync::Arc;
use weft_forward::tree::{Out, TreeEvent};
use weft_session::fragment::{self, What};
use weft_session::wire::{HEADER, Stamp, kind};
use weft_session::{AUTH_SHARED, Sessions, SignedRx, TAG, Tx};

/// How a cast goes on: authentication kind, hop limit, traffic class.
#[derive(Clone, Copy)]
pub(crate) struct Onward {
    pub auth: u8,
    pub hop_limit: u8,
    pub class: u8,
}

struct Kept {
    body: Range<usize>,
    onward: Onward,
}

/// What goes on of one batch. Its buffers are kept from batch to batch.
#[derive(Default)]
pub(crate) struct Passing {
    arena: Vec<u8>,
    bodies: Vec<Kept>,
    /// Whom to, and which of the bodies.
    copies: Vec<(PeerId, usize)>,
    /// For the trees' answers.
    pub children: Vec<PeerId>,
}

impl Passing {
    /// Keeps a body (opening it happens in place).
    pub fn keep(&mut self, body: &[u8], onward: Onward) {
        let start = self.arena.len();
        self.arena.extend_from_slice(body);
        self.bodies.push(Kept {
            body: start..self.arena.len(),
            onward,
        });
    }

    /// The body that was kept last.
    pub fn last(&self) -> &[u8] {
        self.bodies
            .last()
            .map_or(&[], |kept| &self.arena[kept.body.clone()])
    }

    /// It goes to all `children`.
    pub fn copy_last(&mut self) {
        let last = self.bodies.len().saturating_sub(1);
        self.copies
            .extend(self.children.iter().map(|child| (*child, last)));
    }

    /// It goes nowhere.
    pub fn forget_last(&mut self) {
        if let Some(kept) = self.bodies.pop() {
            self.arena.truncate(kept.body.start);
        }
    }

    fn clear(&mut self) {
        self.arena.clear();
        self.bodies.clear();
        self.copies.clear();
    }
}

/// The way out of one network, for as long as its trees are asked.
pub(crate) struct TreeOut<'a> {
    pub net: NetId,
    pub now: u64,
    pub view: &'a View,
    pub common: &'a Common,
    pub outbox: &'a mut Outbox,
    pub sessions: &'a Sessions,
    pub signed_rx: &'a SignedRx,
    pub fragment_id: &'a mut u32,
    pub recovered: &'a mut Vec<(NetId, PeerId, Vec<u8>)>,
}

impl TreeOut<'_> {
    fn neighbour(&self, peer: PeerId) -> Option<(&Arc<PeerState>, Arc<Tx>, Lane)> {
        let state = self.view.peers.get(&peer)?;
        let tx = state.tx.load_full()?;
        let lane = Lane::of(self.view, state, tx.path(), self.now, 0)?;
        Some((state, tx, lane))
    }

    /// Longest frame to this neighbour, bytes: no proof of a signature takes a wider way than packets need without.
    fn room(&self, state: &PeerState, lane: &Lane) -> usize {
        lane.room(state).min(self.view.mtu + CAST_OVERHEAD)
    }

    /// A cast for one neighbour. A way that is too narrow gets fragments.
    fn cast(&mut self, (state, tx, lane): (&Arc<PeerState>, &Arc<Tx>, &Lane), onward: Onward, body: &[u8]) {
        let len = HEADER + body.len() + TAG;
        self.outbox.class = onward.class;
        if len > self.room(state, lane) {
            return self.fragments((state, tx, lane), onward, body);
        }
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
        slot[HEADER..HEADER + body.len()].copy_from_slice(body);
        tx.seal_stamp(counter, onward.auth, onward.hop_limit, slot);
        self.note(tx, len, true);
    }

    fn fragments(
        &mut self,
        (state, tx, lane): (&Arc<PeerState>, &Arc<Tx>, &Lane),
        onward: Onward,
        body: &[u8],
    ) {
        let bytes = [&[onward.auth, onward.hop_limit], body].concat();
        self.pieces((state, tx, lane), What::TreeCast, &bytes);
    }

    /// False when it cannot leave.
    fn pieces(
        &mut self,
        (state, tx, lane): (&Arc<PeerState>, &Arc<Tx>, &Lane),
        what: What,
        bytes: &[u8],
    ) -> bool {
        *self.fragment_id = self.fragment_id.wrapping_add(1);
        let room = self.room(state, lane).saturating_sub(HEADER + TAG);
        let Some(pieces) = fragment::split(*self.fragment_id, what, bytes, room) else {
            return false;
        };
        let mut is_sent = true;
        for (head, piece) in pieces {
            is_sent &= self.data((state, tx, lane), &[&head, piece], true);
            add(&self.common.counters.fragments_sent, 1);
        }
        is_sent
    }

    /// A data frame around the concatenation of `parts`. False when it cannot leave.
    fn data(
        &mut self,
        (state, tx, lane): (&Arc<PeerState>, &Arc<Tx>, &Lane),
        parts: &[&[u8]],
        is_data: bool,
    ) -> bool {
        let len = parts.iter().map(|p| p.len()).sum::<usize>() + HEADER + TAG;
        let Some(counter) = tx.reserve(1) else {
            return false;
        };
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let Some(slot) = self.outbox.slot(&outlet, state, lane, len) else {
            return false;
        };
        let mut at = HEADER;
        for part in parts {
            slot[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        tx.seal(counter, slot);
        self.note(tx, len, is_data);
        true
    }

    /// What is no data is answered by nothing, so nobody waits for it.
    fn note(&mut self, tx: &Arc<Tx>, len: usize, is_data: bool) {
        if !is_data {
            tx.hop().note_carried(self.now, 1, len as u64);
        } else if tx.hop().note_sent(self.now, 1, len as u64) {
            self.outbox.woken.push(tx.clone());
        }
    }
}

impl Out for TreeOut<'_> {
    fn control(&mut self, to: PeerId, plaintext: &[u8]) -> bool {
        let view = self.view;
        let Some((_, tx, lane)) = self.neighbour(to) else {
            return false;
        };
        let Some(state) = view.peers.get(&to) else {
            return false;
        };
        self.outbox.class = 0;
        let is_data = plaintext.first() != Some(&kind::TREE_BEAT);
        // Parity of the longest casts is a little longer than they are.
        if HEADER + plaintext.len() + TAG > self.room(state, &lane) {
            return self.pieces((state, &tx, &lane), What::TreeMessage, plaintext);
        }
        self.data((state, &tx, &lane), &[plaintext], is_data)
    }

    fn resend(&mut self, to: PeerId, hop_limit: u8, body: &[u8]) {
        let view = self.view;
        let found = self.neighbour(to).map(|(_, tx, lane)| (tx, lane));
        let (Some((tx, lane)), Some(state)) = (found, view.peers.get(&to)) else {
            return;
        };
        let stamp = body.first_chunk().map(Stamp::read);
        // What is sent again belongs to no class: the one it came with is not kept.
        let onward = Onward {
            auth: stamp.map_or(AUTH_SHARED, |stamp| self.signed_rx.auth_of(self.net, &stamp)),
            hop_limit,
            class: 0,
        };
        self.cast((state, &tx, &lane), onward, body);
        add(&self.common.counters.tree_copies, 1);
    }

    fn recovered(&mut self, from: PeerId, body: &[u8]) {
        self.recovered.push((self.net, from, body.to_vec()));
    }

    fn rtt(&self, peer: PeerId) -> u64 {
        let stats = self.sessions.stats(self.now, self.net, peer);
        stats.and_then(|s| s.rtt_us).unwrap_or(0)
    }

    fn slack(&self) -> u64 {
        self.sessions.slack(self.now)
    }

    fn event(&mut self, event: TreeEvent) {
        let net = self.net;
        let peer_of = |origin| self.view.table.peer_of_origin(origin);
        self.common.events.push(match event {
            TreeEvent::Grafted { name, from, to } => Event::Grafted {
                net,
                origin: name.origin.to_be_bytes(),
                tree: name.tree,
                from,
                to,
            },
            TreeEvent::Trouble { name, code, peer } => Event::TreeTrouble {
                net,
                origin: name.origin.to_be_bytes(),
                tree: name.tree,
                code: code.name(),
                peer,
            },
            TreeEvent::Excess { name, hop, dropped } => Event::Limited {
                net,
                // Of who has left by now the hop is left to name.
                peer: Some(name.and_then(|name| peer_of(name.origin)).unwrap_or(hop)),
                group: None,
                dropped,
            },
        });
    }
}

impl Core {
    pub(crate) fn tree_out<'a>(&'a mut self, now: u64, net: NetId, view: &'a View) -> TreeOut<'a> {
        TreeOut {
            net,
            now,
            view,
            common: &self.common,
            outbox: &mut self.outbox,
            sessions: &self.sessions,
            signed_rx: &self.signed_rx,
            fragment_id: &mut self.fragment_id,
            recovered: &mut self.recovered,
        }
    }

    /// Puts what was kept into the outbox, neighbour by neighbour, so that each gets runs.
    pub(crate) fn pass_casts_on(&mut self, now: u64, net: NetId, view: &View) {
        let mut passing = std::mem::take(&mut self.passing);
        passing.copies.sort_unstable();
        for copies in passing.copies.chunk_by(|a, b| a.0 == b.0) {
            let mut out = self.tree_out(now, net, view);
            let state = view.peers.get(&copies[0].0);
            let found = out.neighbour(copies[0].0).map(|(_, tx, lane)| (tx, lane));
            let (Some(state), Some((tx, lane))) = (state, found) else {
                add(&self.common.counters.tree_unreached, copies.len() as u64);
                continue;
            };
            for (_, which) in copies {
                let kept = &passing.bodies[*which];
                out.cast(
                    (state, &tx, &lane),
                    kept.onward,
                    &passing.arena[kept.body.clone()],
                );
            }
            add(&self.common.counters.tree_copies, copies.len() as u64);
        }
        passing.clear();
        self.passing = passing;
    }
}
