//! The manager: commands in, outputs out.

use crate::api::{DownReason, Entropy, NetworkConfig, Options, Output, PeerConfig, PeerStats};
use crate::cast::SenderKey;
use crate::core::{Core, NetState, Network};
use crate::drops::Drops;
use crate::guard::Guard;
use crate::handshake::{STEADY, TRYING, call};
use crate::lifecycle::{CLOSE_BY_ENGINE, CLOSE_REMOVED, end, probe};
use crate::limits::{
    CANDIDATES_MAX, HANDSHAKE_GIVE_UP, HINT_MAX, IDLE_PING_LONGEST, IDLE_PING_MIN, KEYS_UNACKED_MAX,
    NETWORKS_MAX, PEERS_MAX, RTO_MIN, SLEPT, STRANGER_LIFETIME,
};
use crate::path::Path;
use crate::peer::{Gift, Peer};
use crate::peers::Peers;
use crate::slots::PeerName;
use crate::strangers::Strangers;
use crate::timers::{deadline, flush, link_closed, suspect, tick};
use std::collections::BTreeMap;

/// The cold half: all sessions of all networks of one process. After every call drain `poll_output` and read
/// `next_deadline` again. `now` never goes back (an earlier one is taken as the latest seen).
pub struct Sessions {
    pub(crate) core: Core,
    pub(crate) networks: BTreeMap<u32, Network>,
    pub(crate) guard: Guard,
    pub(crate) strangers: Strangers,
    latest: u64,
    /// For `handle_timeout`, which comes some ten times a second: kept.
    due: Vec<PeerName>,
}

impl Sessions {
    pub fn new(options: Options, mut entropy: Box<dyn Entropy>) -> Sessions {
        let guard = Guard::new(|b| entropy.fill(b));
        let core = Core::new(options, entropy);
        Sessions {
            core,
            networks: BTreeMap::new(),
            guard,
            strangers: Strangers::default(),
            latest: 0,
            due: Vec::new(),
        }
    }

    /// What goes out of a socket piles up there: cookies are rationed by claimed source for a while.
    pub fn press(&mut self, now: u64) {
        let now = self.advance(now);
        self.guard.press(now);
    }

    /// False when `NETWORKS_MAX` is reached or the handle is taken.
    pub fn add_network(&mut self, config: NetworkConfig) -> bool {
        let net = config.net;
        if self.networks.len() >= NETWORKS_MAX || self.networks.contains_key(&net) {
            return false;
        }
        self.networks.insert(
            net,
            Network {
                state: NetState::new(config),
                peers: Peers::default(),
            },
        );
        true
    }

    /// Ends its sessions with close frames and forgets it.
    pub fn remove_network(&mut self, now: u64, net: u32) {
        let now = self.advance(now);
        let peers: Vec<u32> = self
            .networks
            .get(&net)
            .map(|n| n.peers.handles().collect())
            .unwrap_or_default();
        for peer in peers {
            self.forget_peer(now, (net, peer), CLOSE_BY_ENGINE);
        }
        self.networks.remove(&net);
        self.strangers.remove_network(net);
    }

    /// Adds or replaces. A changed key ends the session; a changed level keeps it. False when the network is unknown
    /// or full, the key is its own, or another peer has that key.
    pub fn set_peer(&mut self, now: u64, net: u32, config: PeerConfig) -> bool {
        let now = self.advance(now);
        let Some(network) = self.networks.get(&net) else {
            return false;
        };
        let owner = network.peers.with_key(&config.key);
        let known = network.peers.config(config.peer).copied();
        let full = known.is_none() && network.peers.len() >= PEERS_MAX;
        if full || config.key == network.state.public || owner.is_some_and(|o| o != config.peer) {
            return false;
        }
        if known.is_some_and(|k| k.key != config.key) {
            self.forget_peer(now, (net, config.peer), CLOSE_REMOVED);
        } else if let Some(old) = known.filter(|k| k.origin != config.origin) {
            self.core.push(Output::OriginForgotten {
                net,
                origin: old.origin,
            });
        }
        let association = self.core.random();
        let Some(network) = self.networks.get_mut(&net) else {
            return false;
        };
        if !network.peers.put(config, association) {
            self.with_peer(now, (net, config.peer), |_, _, peer| change(peer, now, config));
        }
        true
    }

    /// Ends the session, wipes its keys and forgets the peer.
    pub fn remove_peer(&mut self, now: u64, net: u32, peer: u32) {
        let now = self.advance(now);
        self.forget_peer(now, (net, peer), CLOSE_REMOVED);
    }

    fn forget_peer(&mut self, now: u64, name: PeerName, code: u8) {
        if self.peer(name).is_some() {
            self.with_peer(now, name, |core, net, peer| {
                end(core, net, peer, now, DownReason::Removed, Some(code));
            });
        }
        let Some(network) = self.networks.get_mut(&name.0) else {
            return;
        };
        if let Some((config, state)) = network.peers.remove(name.1) {
            self.core.push(Output::OriginForgotten {
                net: name.0,
                origin: config.origin,
            });
            if let Some(mut peer) = state {
                self.core.unschedule(name, &mut peer);
            }
        }
    }

    /// Starts a handshake over these candidates (at most `CANDIDATES_MAX`), or adds them to the one under way. A live
    /// session over one of them is kept and probed; over another path it stays until one of them answers. The hint (at
    /// most `HINT_MAX` bytes, cut beyond) is shown to an engine that does not know us.
    pub fn connect(&mut self, now: u64, net: u32, peer: u32, candidates: &[Path], hint: &[u8]) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |core, net, peer| {
            peer.candidates = first_of(candidates);
            peer.hint = hint[..hint.len().min(HINT_MAX)].to_vec();
            let carries = peer.is_up() && peer.candidates.contains(&peer.hop.path.get());
            if carries {
                probe(core, peer, now);
            } else {
                let paths = peer.candidates.clone();
                call(core, net, peer, now, &paths, STEADY);
            }
        });
    }

    /// Replaces the ways that are tried when the present path falls silent; starts nothing.
    pub fn set_ways(&mut self, now: u64, net: u32, peer: u32, ways: &[Path]) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |_, _, peer| peer.candidates = first_of(ways));
    }

    /// A handshake over these ways beside the running session: the first that answers within `TRY_GIVE_UP` takes over.
    /// Nothing without a session.
    pub fn try_ways(&mut self, now: u64, net: u32, peer: u32, ways: &[Path]) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |core, net, peer| {
            let present = peer.hop.path.get();
            let mut ways = first_of(ways);
            ways.retain(|p| *p != present);
            if peer.is_up() && !ways.is_empty() {
                call(core, net, peer, now, &ways, TRYING);
            }
        });
    }

    /// A link is no more: sessions on it try their other ways at once.
    pub fn link_closed(&mut self, now: u64, link: u32) {
        let now = self.advance(now);
        for name in self.names() {
            self.with_peer(now, name, |core, net, peer| {
                link_closed(core, net, peer, now, link);
            });
        }
    }

    /// The relay `via` cannot deliver to this peer: when it is the present path, others are tried at once.
    pub fn no_way(&mut self, now: u64, net: u32, peer: u32, via: u32) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |core, net, peer| {
            let present = matches!(peer.hop.path.get(), Path::Carry { via: v, .. } if v == via);
            if peer.is_up() && present && !peer.live.suspect {
                peer.expect_from(now);
                suspect(core, net, peer, now);
            }
        });
    }

    /// Sends close and drops the session; the peer stays known.
    pub fn disconnect(&mut self, now: u64, net: u32, peer: u32) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |core, net, peer| {
            end(core, net, peer, now, DownReason::Closed, Some(CLOSE_BY_ENGINE));
        });
    }

    /// The engine's word about an `Event::Stranger`, after `set_peer` with that key: true answers the waiting hello.
    pub fn answer_stranger(&mut self, now: u64, net: u32, ask: u32, accept: bool) {
        let now = self.advance(now);
        let Some(hello) = self.strangers.take(now, net, ask) else {
            return;
        };
        let by_key = self
            .networks
            .get(&net)
            .and_then(|n| n.peers.with_key(&hello.responder.remote));
        let Some(peer) = by_key.filter(|_| accept) else {
            return;
        };
        if let Err(reason) = self.answer_known(now, (net, peer), hello) {
            self.core.count(reason);
        }
    }

    /// The machine's addresses or routes changed, or it slept: every session probes its path at once.
    pub fn poke(&mut self, now: u64) {
        let now = self.advance(now);
        self.probe_all(now, false);
    }

    /// Reliable and in order while the session lives. False (nothing queued) without a session, above `MESSAGE_MAX`
    /// bytes, for no bytes, or when `QUEUE_MAX` (strangers: `STRANGER_QUEUE_MAX`) would be exceeded.
    pub fn send_control(&mut self, now: u64, net: u32, peer: u32, bytes: &[u8]) -> bool {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |_, _, peer| {
            peer.is_up() && peer.control.send(bytes)
        })
        .unwrap_or(false)
    }

    /// Hands a sender key to a member, again and again until `Output::SenderKeyAcked`. False without a session, to a
    /// stranger, or when `KEYS_UNACKED_MAX` are under way. Once the peer's association is new (`TxPublished.fresh`) it
    /// has to be given again.
    pub fn give_sender_key(&mut self, now: u64, net: u32, peer: u32, key: SenderKey) -> bool {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |core, net, peer| {
            peer.gifts.retain(|g| g.key.key_id != key.key_id);
            let fits = peer.gifts.len() < KEYS_UNACKED_MAX;
            if !peer.is_up() || !peer.is_member() || !fits {
                return false;
            }
            peer.gifts.push(Gift {
                key,
                due: now,
                wait: 2 * RTO_MIN,
            });
            tick(core, net, peer, now);
            true
        })
        .unwrap_or(false)
    }

    /// Whether idle sessions over UDP find out how rarely they may ping (`IDLE_STEPS`), from their next path on. Both ends
    /// have to; one that does not keeps the other at `IDLE_PING`.
    pub fn adapt_idle(&mut self, adapts: bool) {
        self.core.adapts_idle = adapts;
    }

    /// How often an idle session to this peer pings (µs, `IDLE_PING_MIN` to `IDLE_PING_LONGEST`).
    pub fn set_idle_interval(&mut self, now: u64, net: u32, peer: u32, interval: u64) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |_, _, peer| {
            peer.live
                .idle
                .fix(interval.clamp(IDLE_PING_MIN, IDLE_PING_LONGEST));
        });
    }

    /// `Hop::note_sent` returned true: the peer was resting and sends again.
    pub fn activity(&mut self, now: u64, net: u32, peer: u32) {
        let now = self.advance(now);
        self.with_peer(now, (net, peer), |core, net, peer| tick(core, net, peer, now));
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: u64) {
        let now = self.advance(now);
        if let Some(due) = self.core.next_deadline() {
            self.core.lateness.note(now, due);
        }
        let mut due = std::mem::take(&mut self.due);
        self.core.due(now, &mut due);
        for name in &due {
            self.with_peer(now, *name, |core, net, peer| tick(core, net, peer, now));
        }
        self.due = due;
    }

    /// What others are given on top of the time that they have at best, because this machine is late itself, µs.
    pub fn slack(&self, now: u64) -> u64 {
        self.core.lateness.slack(now)
    }

    /// When to call `handle_timeout`; u64::MAX = never.
    pub fn next_deadline(&self) -> u64 {
        self.core.next_deadline().unwrap_or(u64::MAX)
    }

    /// The next thing to do. Outputs are to be done in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.pop()
    }

    /// Counts of what `handle` and `opened` did not take.
    pub fn drops(&self) -> &Drops {
        &self.core.drops
    }

    pub fn stats(&self, now: u64, net: u32, peer: u32) -> Option<PeerStats> {
        let Some(peer) = self.peer((net, peer)) else {
            let known = self.networks.get(&net)?.peers.config(peer);
            return known.map(|_| PeerStats::default());
        };
        let (sent, heard) = (peer.hop.sent(), peer.hop.heard());
        Some(PeerStats {
            up: peer.is_up(),
            suspect: peer.live.suspect,
            path: peer.is_up().then(|| peer.hop.path.get()),
            rtt_us: peer.live.rtt.smoothed(),
            silent_us: (heard.frames > 0).then(|| now.saturating_sub(heard.last)),
            rx_bytes: heard.bytes,
            tx_bytes: sent.bytes,
            rx_frames: heard.frames,
            tx_frames: sent.frames,
        })
    }

    /// Ends everything with close frames.
    pub fn close(&mut self, now: u64) {
        let nets: Vec<u32> = self.networks.keys().copied().collect();
        for net in nets {
            self.remove_network(now, net);
        }
    }

    /// None for one that is unknown, or that nothing was done with yet.
    pub(crate) fn peer(&self, name: PeerName) -> Option<&Peer> {
        self.networks.get(&name.0)?.peers.awake(name.1)
    }

    /// Does something to a peer, then sends what its control stream has and sets its timer.
    pub(crate) fn with_peer<R>(
        &mut self,
        now: u64,
        name: PeerName,
        act: impl FnOnce(&mut Core, &mut NetState, &mut Peer) -> R,
    ) -> Option<R> {
        let network = self.networks.get_mut(&name.0)?;
        let peer = network.peers.wake(name.1)?;
        let result = act(&mut self.core, &mut network.state, peer);
        flush(&mut self.core, peer, now);
        peer.hop.set_suspect(peer.live.suspect);
        let at = deadline(peer, now);
        self.core.schedule(name, peer, at);
        Some(result)
    }

    /// Time as everything here sees it. A deadline missed by far means that the machine slept: then nobody is judged
    /// by the silence, all are asked.
    pub(crate) fn advance(&mut self, now: u64) -> u64 {
        let now = now.max(self.latest);
        self.latest = now;
        if self.core.next_deadline().is_some_and(|at| now > at + SLEPT) {
            self.probe_all(now, true);
        }
        now
    }

    /// Those that something was done with: only they have sessions.
    fn names(&self) -> Vec<PeerName> {
        let of = |n: &Network| n.peers.all_awake().map(|p| n.state.name(p)).collect::<Vec<_>>();
        self.networks.values().flat_map(of).collect()
    }

    fn probe_all(&mut self, now: u64, slept: bool) {
        for name in self.names() {
            self.with_peer(now, name, |core, _, peer| {
                if slept {
                    peer.live.since = now;
                    peer.live.expecting = None;
                }
                probe(core, peer, now);
                if let Some(initiation) = &mut peer.initiation {
                    initiation.until = initiation.until.max(now + HANDSHAKE_GIVE_UP);
                    initiation.targets.iter_mut().for_each(|t| t.due = now);
                }
            });
        }
    }
}

fn first_of(ways: &[Path]) -> Vec<Path> {
    ways.iter().take(CANDIDATES_MAX).map(|p| p.normal()).collect()
}

fn change(peer: &mut Peer, now: u64, config: PeerConfig) {
    let was_member = peer.is_member();
    peer.config = config;
    let member = peer.is_member();
    if member != was_member {
        peer.hop.set_member(member);
        peer.control.set_member(member);
        peer.stranger_until = (!member && peer.is_up()).then_some(now + STRANGER_LIFETIME);
    }
}
