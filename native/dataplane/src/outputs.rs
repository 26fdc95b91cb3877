//! What the sessions want done.

use crate::api::{Event, NetId, PeerId};
use crate::core::Core;
use crate::lane::{Lane, neighbour};
use crate::limits::{CARRY_HOP_LIMIT, COOKIES_UP_TO_PERCENT, PRESSED_PERCENT};
use crate::outbox::{Exit, Outlet};
use crate::shared::{PeerState, add};
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_session::{Event as SessionEvent, Output, Path, SenderKey, Tx, wire};
use weft_socket::Message;

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

impl Core {
    /// A path as the engine reads it.
    pub(crate) fn transport_of(&self, path: Path) -> (String, String) {
        match path {
            Path::Udp { remote, .. } => ("udp".into(), remote.to_string()),
            Path::Link(id) => match self.common.links.get(id) {
                Some(link) => (link.transport.clone(), link.endpoint.clone()),
                None => ("link".into(), format!("link:{id}")),
            },
            Path::Carry { via, .. } => ("relay".into(), format!("via:{via}")),
        }
    }

    /// Does everything that the sessions have to say. Call after each use of them.
    pub(crate) fn drain(&mut self, now: u64) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit { path, bytes } if bytes.first() == Some(&wire::COOKIE) => {
                    self.transmit_cookie(now, path, &bytes);
                }
                Output::Transmit { path, bytes } => self.transmit(now, path, &bytes),
                Output::Event(event) => {
                    if let SessionEvent::Suspect { net, peer } = event {
                        self.tree_peer_suspect(now, net, peer);
                    }
                    self.tell(event);
                }
                Output::RxInstall(session) => self.rx.install(session),
                Output::RxRemove { index } => self.rx.remove(index),
                Output::TxPublished { net, peer, tx, fresh } => self.publish_tx(now, net, peer, tx, fresh),
                Output::TxWithdrawn { net, peer } => self.withdraw_tx(now, net, peer),
                Output::SenderKey { net, origin, key, .. } => self.take_sender_key(now, net, origin, &key),
                Output::SenderKeyAcked { .. } => {}
                Output::Heard { net, peer, heard } => self.said(now, (net, peer), &heard),
                Output::OriginForgotten { net, origin } => self.cast_rx.remove_origin(net, origin),
            }
        }
    }

    /// Whoever makes up senders' addresses must not fill the buffer that everything else leaves by.
    fn transmit_cookie(&mut self, now: u64, path: Path, bytes: &[u8]) {
        if let Some(Exit::Udp(socket, _)) = Exit::of(path) {
            let sockets = self.common.sockets.load();
            let fullness = sockets.get(usize::from(socket)).map_or(0, |udp| udp.fullness());
            if fullness >= PRESSED_PERCENT {
                self.sessions.press(now);
            }
            if fullness >= COOKIES_UP_TO_PERCENT {
                return;
            }
        }
        self.transmit(now, path, bytes);
    }

    pub(crate) fn transmit(&self, now: u64, path: Path, bytes: &[u8]) {
        let (socket, remote) = match Exit::of(path) {
            Some(Exit::Udp(socket, remote)) => (socket, remote),
            Some(Exit::Link(link)) => {
                let batch = [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
                let (links, counters) = (&self.common.links, &self.common.counters);
                return links.push(counters, now, link, batch, 1);
            }
            None => return self.transmit_carried(now, path, bytes),
        };
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        };
        let parts = [IoSlice::new(bytes)];
        outlet.send(
            socket,
            &[Message {
                class: 0,
                remote,
                segment: bytes.len(),
                parts: &parts,
            }],
            &mut |_, _| {},
        );
    }

    /// By the relay that the path names: handshakes ask each by itself. Frames of a session may take another.
    fn transmit_carried(&self, now: u64, path: Path, bytes: &[u8]) {
        let Path::Carry { net, via, origin } = path else {
            return;
        };
        let Some(view) = self.nets.get(&net).map(|n| &n.view) else {
            return;
        };
        let named = neighbour(view, via);
        let is_frame = matches!(bytes.first(), Some(&wire::DATA));
        let hop = if is_frame && named.as_ref().is_none_or(|(_, tx)| tx.hop().is_suspect()) {
            let far = view.table.peer_of_origin(u64::from_be_bytes(origin));
            let state = far.and_then(|peer| view.peers.get(&peer));
            match state.and_then(|s| Lane::of(view, s, path, now, 0)) {
                Some(Lane::Carried(hop)) => Some(hop.tx),
                _ => None,
            }
        } else {
            named.map(|(_, tx)| tx)
        };
        let Some((tx, counter)) = hop.and_then(|tx| tx.reserve(1).map(|c| (tx, c))) else {
            return add(&self.common.counters.no_relay, 1);
        };
        let mut frame = vec![0; bytes.len() + wire::CARRY_OVERHEAD];
        frame[wire::HEADER..wire::HEADER + 8].copy_from_slice(&origin);
        frame[wire::HEADER + 8..wire::CARRY_HEAD].copy_from_slice(&view.origin);
        frame[wire::CARRY_HEAD..wire::CARRY_HEAD + bytes.len()].copy_from_slice(bytes);
        tx.seal_carry(counter, 0, CARRY_HOP_LIMIT, &mut frame);
        // No wake of a resting manager from within its own outputs: an idle session's pings watch over themselves.
        tx.hop().note_carried(now, 1, frame.len() as u64);
        self.transmit(now, tx.path(), &frame);
    }

    fn state(&self, net: NetId, peer: PeerId) -> Option<&Arc<PeerState>> {
        self.nets.get(&net)?.peers.get(peer).map(|p| &p.state)
    }

    fn publish_tx(&mut self, now: u64, net: NetId, peer: PeerId, tx: Arc<Tx>, fresh: bool) {
        let Some(state) = self.state(net, peer).cloned() else {
            return;
        };
        if fresh {
            state.given.store(0, Relaxed);
            state
                .frame_max
                .store(self.options.frame_max.unwrap_or(0), Relaxed);
        }
        // The key counts from the present sequence on, so it is given before anything can be sealed for this peer.
        let key = self.nets.get(&net).map(|n| n.cast.sender_key());
        if let Some(key) = key.filter(|_| fresh && tx.hop().is_member()) {
            self.give_key(now, net, peer, key);
        }
        state.tx.store(Some(tx));
        if state.waiting.swap(false, Relaxed) {
            if let Some(net) = self.nets.get(&net) {
                net.wake_adapter();
            }
        }
    }

    fn withdraw_tx(&mut self, now: u64, net: NetId, peer: PeerId) {
        let Some(entry) = self.nets.get_mut(&net).and_then(|n| n.peers.get_mut(peer)) else {
            return;
        };
        entry.state.tx.store(None);
        entry.state.given.store(0, Relaxed);
        // Control messages die with their session; what the engine queued since then is refused one by one.
        let lost: usize = entry.backlog.drain(..).map(|m| m.len()).sum();
        entry.state.control_pending.fetch_sub(lost, Relaxed);
        self.tree_peer_lost(now, net, peer);
    }

    /// Gives a sender key of ours to a member, now and until acknowledged.
    pub(crate) fn give_key(&mut self, now: u64, net: NetId, peer: PeerId, key: SenderKey) {
        let Some(state) = self.state(net, peer).cloned() else {
            return;
        };
        state.given.store(key.key_id, Relaxed);
        if !self.sessions.give_sender_key(now, net, peer, key) {
            // No session (any more): the next cast asks again.
            state.given.store(0, Relaxed);
        }
    }

    fn take_sender_key(&mut self, now: u64, net: NetId, origin: [u8; 8], key: &SenderKey) {
        for mut held in self.cast_rx.install(now, net, origin, key) {
            add(&self.common.counters.casts_received, 1);
            self.open_single_cast(now, &held.cast, &mut held.frame);
        }
    }

    fn tell(&mut self, event: SessionEvent) {
        let event = match event {
            SessionEvent::Control { net, peer, bytes } => Event::Control { net, peer, bytes },
            SessionEvent::Line {
                net,
                peer,
                bytes_per_second,
            } => Event::Line {
                net,
                peer,
                bytes_per_second,
            },
            SessionEvent::Stranger {
                net,
                ask,
                key,
                hint,
                from,
            } => Event::Stranger {
                net,
                ask,
                key,
                hint,
                from: self.transport_of(from).1,
            },
            SessionEvent::Up {
                net,
                peer,
                path,
                observed,
                rtt_us,
            } => {
                let (transport, endpoint) = self.transport_of(path);
                let observed = observed.map(|a| a.to_string());
                Event::Up {
                    net,
                    peer,
                    transport,
                    endpoint,
                    link: path.link(),
                    observed,
                    rtt_ms: rtt_us.map(ms),
                }
            }
            SessionEvent::Suspect { net, peer } => Event::Suspect { net, peer },
            SessionEvent::Down { net, peer, reason } => Event::Down {
                net,
                peer,
                reason: reason.name(),
            },
        };
        self.common.events.push(event);
    }
}
