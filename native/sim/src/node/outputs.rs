//! What the sessions ask for.

use super::{Node, PeerName};
use crate::api::Event;
use crate::traffic::Kind;
use std::sync::Arc;
use weft_session::{Event as SessionEvent, Output, Path, Tx};

/// A path as the engine reads it.
pub fn transport_of(path: Path) -> (&'static str, String) {
    match path {
        Path::Udp { remote, .. } => ("udp", remote.to_string()),
        Path::Link(id) => ("link", id.to_string()),
        Path::Carry { via, .. } => ("relay", format!("via:{via}")),
    }
}

pub fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

impl Node {
    /// Does everything that the sessions have to say. Call after each use of them.
    pub(super) fn drain(&mut self, now: u64) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit { path, bytes } => {
                    self.send(now, path, Kind::of_upkeep(&bytes), bytes, None)
                }
                Output::Event(event) => {
                    if let SessionEvent::Suspect { net, peer } = event {
                        self.tree_peer_suspect(now, (net, peer));
                    }
                    self.tell(event);
                }
                Output::RxInstall(session) => self.rx.install(session),
                Output::RxRemove { index } => self.rx.remove(index),
                Output::TxPublished { net, peer, tx, fresh } => self.publish_tx(now, (net, peer), tx, fresh),
                Output::TxWithdrawn { net, peer } => {
                    if let Some(entry) = self.nets.get_mut(&net).and_then(|n| n.peers.get_mut(peer)) {
                        entry.tx = None;
                        entry.given = 0;
                    }
                    self.tree_peer_lost(now, (net, peer));
                }
                Output::SenderKey { net, origin, key, .. } => self.take_sender_key(now, net, origin, &key),
                Output::SenderKeyAcked { .. } | Output::Heard { .. } => {}
                Output::OriginForgotten { net, origin } => self.cast_rx.remove_origin(net, origin),
            }
        }
    }

    fn publish_tx(&mut self, now: u64, (net, peer): PeerName, tx: Arc<Tx>, fresh: bool) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let key = network.cast.sender_key();
        let waits = network.holds.has(peer);
        let Some(entry) = network.peers.get_mut(peer) else {
            return;
        };
        entry.tx = Some(tx.clone());
        if fresh {
            entry.given = 0;
            // The key counts from the present sequence on, so it is given before anything can be sealed for this peer.
            if tx.hop().is_member() {
                self.give_key(now, (net, peer), key);
            }
        }
        if waits {
            self.release(now, (net, peer), &tx);
        }
    }

    fn tell(&mut self, event: SessionEvent) {
        self.event(match event {
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
            } => {
                let from = transport_of(from).1;
                Event::Stranger {
                    net,
                    ask,
                    key,
                    hint,
                    from,
                }
            }
            SessionEvent::Up {
                net,
                peer,
                path,
                observed,
                rtt_us,
            } => {
                let (transport, endpoint) = transport_of(path);
                let observed = observed.map(|a| a.to_string());
                Event::Up {
                    net,
                    peer,
                    transport,
                    endpoint,
                    observed,
                    rtt_ms: rtt_us.map(ms),
                }
            }
            SessionEvent::Down { net, peer, reason } => Event::Down {
                net,
                peer,
                reason: reason.name(),
            },
            SessionEvent::Suspect { net, peer } => Event::Suspect { net, peer },
        });
    }
}
