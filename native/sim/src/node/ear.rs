//! What the tree plane asks of its node: messages to others, casts once more, events.

use super::network::PeerEntry;
use super::{Node, PeerName};
use crate::api::{Event, NetId};
use crate::traffic::Kind;
use std::sync::Arc;
use weft_forward::PeerId;
use weft_forward::tree::{Out, TreeEvent, TreePlane};
use weft_session::wire::{HEADER, Stamp, kind};
use weft_session::{AUTH_SHARED, ByHandle, Sessions, TAG, Tx};

/// What the plane asked for, done when it is no longer borrowed.
enum Effect {
    Control(PeerId, Vec<u8>),
    Resend(PeerId, u8, Vec<u8>),
    Recovered(PeerId, Vec<u8>),
    Event(TreeEvent),
}

struct Ear<'a> {
    net: NetId,
    now: u64,
    peers: &'a ByHandle<PeerEntry>,
    sessions: &'a Sessions,
    effects: Vec<Effect>,
}

impl Out for Ear<'_> {
    fn control(&mut self, to: PeerId, plaintext: &[u8]) -> bool {
        let has_session = self.peers.get(to).is_some_and(|entry| entry.tx.is_some());
        if has_session {
            self.effects.push(Effect::Control(to, plaintext.to_vec()));
        }
        has_session
    }

    fn resend(&mut self, to: PeerId, hop_limit: u8, body: &[u8]) {
        self.effects.push(Effect::Resend(to, hop_limit, body.to_vec()));
    }

    fn recovered(&mut self, from: PeerId, body: &[u8]) {
        self.effects.push(Effect::Recovered(from, body.to_vec()));
    }

    fn rtt(&self, peer: PeerId) -> u64 {
        let stats = self.sessions.stats(self.now, self.net, peer);
        stats.and_then(|stats| stats.rtt_us).unwrap_or(0)
    }

    fn event(&mut self, event: TreeEvent) {
        self.effects.push(Effect::Event(event));
    }
}

impl Node {
    /// Uses the plane and does what it asks for.
    pub(super) fn with_plane<R: Default>(
        &mut self,
        now: u64,
        net: NetId,
        call: impl FnOnce(&mut TreePlane, &mut dyn Out) -> R,
    ) -> R {
        let Some(network) = self.nets.get_mut(&net) else {
            return R::default();
        };
        let mut ear = Ear {
            net,
            now,
            peers: &network.peers,
            sessions: &self.sessions,
            effects: Vec::new(),
        };
        let result = call(&mut network.trees.plane, &mut ear);
        for effect in ear.effects {
            match effect {
                Effect::Control(to, plaintext) => self.send_tree_message(now, (net, to), &plaintext),
                Effect::Resend(to, hop_limit, body) => self.send_again(now, (net, to), hop_limit, &body),
                Effect::Recovered(from, body) => self.take_recovered(now, (net, from), &body),
                Effect::Event(event) => self.event(Event::Tree { net, event }),
            }
        }
        result
    }

    fn tx_of(&self, (net, peer): PeerName) -> Option<Arc<Tx>> {
        self.nets.get(&net)?.peers.get(peer)?.tx.clone()
    }

    fn send_tree_message(&mut self, now: u64, name: PeerName, plaintext: &[u8]) {
        let Some(tx) = self.tx_of(name) else { return };
        let Some(counter) = tx.reserve(1) else { return };
        let mut frame = vec![0; HEADER + plaintext.len() + TAG];
        frame[HEADER..HEADER + plaintext.len()].copy_from_slice(plaintext);
        tx.seal(counter, &mut frame);
        if plaintext.first() != Some(&kind::TREE_BEAT) {
            return self.send_sealed(now, &tx, Kind::Control, frame, 0);
        }
        // Beats are answered by nothing, so nobody waits for it.
        tx.hop().note_carried(now, 1, frame.len() as u64);
        self.send(now, tx.path(), Kind::Control, frame, Some(0));
    }

    fn send_again(&mut self, now: u64, name: PeerName, hop_limit: u8, body: &[u8]) {
        let Some(tx) = self.tx_of(name) else { return };
        let Some(counter) = tx.reserve(1) else { return };
        let mut frame = vec![0; HEADER + body.len() + TAG];
        frame[HEADER..HEADER + body.len()].copy_from_slice(body);
        let stamp = body.first_chunk().map(Stamp::read);
        let auth = stamp.map_or(AUTH_SHARED, |stamp| self.signed_rx.auth_of(tx.net(), &stamp));
        tx.seal_stamp(counter, auth, hop_limit, &mut frame);
        self.figures.copies_again += 1;
        self.send_sealed(now, &tx, Kind::Cast, frame, 0);
    }
}
