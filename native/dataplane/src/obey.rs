//! Commands, done on the receive thread.

use crate::api::{Event, NetId, PeerConfig, PeerId, PeerStats, Stats, Way};
use crate::command::Command;
use crate::core::Core;
use crate::guard::Guard;
use crate::lane::Share;
use crate::limits::ENDPOINTS_MAX;
use crate::network::{Net, PeerEntry, new_sender_key};
use crate::pace::Pace;
use crate::shared::PeerState;
use crate::sys;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_device::Device;
use weft_forward::Spare;
use weft_session::{Level, NetworkConfig as SessionNetwork, Path, PeerConfig as SessionPeer};
use weft_socket::UdpSocket;

impl Core {
    /// Takes all commands that wait; then publishes what changed.
    pub(crate) fn obey(&mut self) {
        let commands = self.common.commands.take();
        let now = sys::now();
        for command in commands {
            self.obey_one(now, command);
            self.drain(now);
        }
        self.deliver_singles();
        self.publish();
    }

    /// Gives the adapters' threads what changed.
    fn publish(&mut self) {
        let stale = self.nets.values_mut().filter(|n| n.is_stale);
        stale.for_each(|n| n.publish(&self.ports));
    }

    fn obey_one(&mut self, now: u64, command: Command) {
        match command {
            Command::AddSocket(socket, v6_only) => self.add_socket(&socket, v6_only),
            Command::AddNetwork(network) => self.add_network(*network),
            Command::RemoveNetwork(net) => self.remove_network(now, net),
            Command::Attach { net, device } => self.attach(net, device),
            Command::Detach(net) => self.detach(net),
            Command::AdapterEnded(net, flag) => {
                let adapter = self.nets.get(&net).and_then(|n| n.adapter.as_ref());
                if adapter.is_some_and(|a| Arc::ptr_eq(&a.stop, &flag)) {
                    self.detach(net);
                }
            }
            Command::SetPeers(net, peers) => peers.into_iter().for_each(|p| self.set_peer(now, net, p)),
            Command::RemovePeers(net, peers) => peers.into_iter().for_each(|p| self.remove_peer(now, net, p)),
            Command::Connect {
                net,
                peer,
                ways,
                hint,
            } => {
                let paths = self.paths_of((net, peer), &ways);
                self.sessions.connect(now, net, peer, &paths, &hint);
            }
            Command::SetRelay {
                net,
                on,
                bytes_per_second,
            } => {
                self.common.relay_budget.set(now, bytes_per_second);
                if let Some(net) = self.nets.get_mut(&net) {
                    net.relay.on = on;
                }
            }
            Command::SetRoutes(net, routes) => {
                if let Some(net) = self.nets.get_mut(&net) {
                    net.relay.routes = routes.into_iter().collect();
                }
            }
            Command::SetRelays(net, peer, relays) => self.set_relays(net, peer, &relays),
            Command::SetPace(net, peer, pace) => self.set_pace(net, peer, pace),
            Command::SetFair(net, rates) => self.set_fair(now, net, rates),
            Command::SetWays(net, peer, ways) => {
                let paths = self.paths_of((net, peer), &ways);
                self.sessions.set_ways(now, net, peer, &paths);
            }
            Command::TryWays(net, peer, ways) => {
                let paths = self.paths_of((net, peer), &ways);
                self.sessions.try_ways(now, net, peer, &paths);
            }
            Command::LinkOpened(link) => self.link_opened(now, link),
            Command::LinkClosed(link) => {
                self.links.remove(&link);
                self.sessions.link_closed(now, link);
            }
            Command::LinkFrames(link, batch) => self.take_link(now, link, batch),
            Command::Disconnect(net, peer) => self.sessions.disconnect(now, net, peer),
            Command::AnswerStranger { net, ask, accept } => {
                self.sessions.answer_stranger(now, net, ask, accept)
            }
            Command::Control { net, peer, bytes } => self.queue_control(net, peer, bytes),
            Command::SetGroups(net, groups) => {
                if let Some(net) = self.nets.get_mut(&net) {
                    groups.into_iter().for_each(|g| net.set_group(g));
                }
            }
            Command::SetTree(net, tree, signer, cast) => self.set_tree(now, net, *tree, (signer, cast)),
            Command::DropTree(net, name) => self.drop_tree(net, name),
            Command::SetCastKey(net, key) => self.set_cast_key(now, net, *key),
            Command::SendOn(net, group, trees) => self.send_on(net, group, trees),
            Command::SendDirectly(net, group) => self.send_directly(net, group),
            Command::StreamEnded(net, group) => self.stream_ended(net, group),
            Command::RotateKeys(net) => self.rotate(net),
            Command::Poke => self.sessions.poke(now),
            Command::Stats(reply) => {
                // Who has the figures knows that what was asked before is in force.
                self.publish();
                // Nobody may be waiting any more.
                let _ = reply.try_send(self.stats(now));
            }
            Command::Close => {
                self.sessions.close(now);
                self.closing = true;
            }
            Command::Activity(net, peer) => self.sessions.activity(now, net, peer),
            Command::GiveKey(net, peer, key) => self.give_key(now, net, peer, key),
        }
    }

    fn problem(&self, net: NetId, message: String) {
        self.common.events.push(Event::Problem {
            net,
            code: "internal",
            message,
        });
    }

    fn add_socket(&mut self, socket: &Arc<UdpSocket>, v6_only: bool) {
        let mut sockets = (*self.common.sockets.load_full()).clone();
        if let Err(error) = self.watch_socket(socket, sockets.len()) {
            return self.problem(
                0,
                format!("The socket {} cannot be used: {error}.", socket.local_address()),
            );
        }
        sockets.push(socket.clone());
        self.common.sockets.store(Arc::new(sockets));
        socket.set_quiet(self.common.outside.no_datagrams.load(Relaxed));
        self.v6_only.push(v6_only);
        self.ports.push(socket.local_address().port());
        self.nets.values_mut().for_each(|n| n.is_stale = true);
    }

    fn add_network(&mut self, network: Net) {
        let config = &network.config;
        let (net, secret_key) = (config.net, config.secret_key.clone());
        let session = SessionNetwork {
            net,
            network_id: config.network_id,
            secret_key,
        };
        if self.sessions.add_network(session) {
            self.nets.insert(net, network);
        } else {
            self.problem(net, "The network is there already, or there are too many.".into());
        }
    }

    fn remove_network(&mut self, now: u64, net: NetId) {
        self.sessions.remove_network(now, net);
        self.drain(now);
        self.cast_rx.remove_network(net);
        self.signed_rx.remove_network(net);
        if let Some(mut net) = self.nets.remove(&net) {
            net.detach();
        }
    }

    fn attach(&mut self, net: NetId, device: Arc<dyn Device>) {
        let common = self.common.clone();
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        if let Err(error) = network.attach(device, common) {
            let message = format!("The adapter's thread could not be started: {error}.");
            self.common.events.push(Event::AdapterLost { net, message });
        }
    }

    fn detach(&mut self, net: NetId) {
        if let Some(net) = self.nets.get_mut(&net) {
            net.detach();
        }
    }

    fn set_peer(&mut self, now: u64, net: NetId, config: PeerConfig) {
        let level = if config.member {
            Level::Member
        } else {
            Level::Stranger
        };
        let session = SessionPeer {
            peer: config.peer,
            key: config.key,
            level,
            origin: config.origin,
        };
        if !self.sessions.set_peer(now, net, session) {
            return self.problem(
                net,
                format!(
                    "The peer {} was not accepted: its key is another's, or the network is full.",
                    config.peer
                ),
            );
        }
        self.drain(now);
        let frame_max = self.options.frame_max.unwrap_or(0);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        network.is_stale = true;
        let peer = config.peer;
        match network.peers.get_mut(peer) {
            Some(entry) => entry.config = config,
            None => {
                let state = Arc::new(PeerState::new(peer, frame_max));
                network.peers.insert(
                    peer,
                    PeerEntry {
                        config,
                        state,
                        backlog: VecDeque::new(),
                    },
                );
            }
        }
    }

    fn remove_peer(&mut self, now: u64, net: NetId, peer: PeerId) {
        self.sessions.remove_peer(now, net, peer);
        self.drain(now);
        if let Some(net) = self.nets.get_mut(&net) {
            net.is_stale |= net.peers.remove(peer).is_some();
        }
    }

    fn set_relays(&mut self, net: NetId, peer: PeerId, relays: &[(PeerId, u16)]) {
        let Some(entry) = self.nets.get(&net).and_then(|n| n.peers.get(peer)) else {
            return;
        };
        let old = entry.state.relays.load_full();
        let share = |(via, weight): &(PeerId, u16)| {
            let known = old.iter().flat_map(|s| s.iter()).find(|s| s.via == *via);
            Share {
                via: *via,
                weight: *weight,
                blocked_until: known.map_or(0, |s| s.blocked_until.load(Relaxed)).into(),
                spare: known.map_or_else(Spare::default, |s| Spare::like(&s.spare)),
            }
        };
        let shares: Vec<Share> = relays.iter().filter(|r| r.0 != peer).map(share).collect();
        let shares = (!shares.is_empty()).then(|| Arc::new(shares));
        entry.state.relays.store(shares);
    }

    fn set_pace(&self, net: NetId, peer: PeerId, pace: Pace) {
        let Some(net) = self.nets.get(&net) else { return };
        let Some(entry) = net.peers.get(peer) else { return };
        entry.state.pace_rate.store(pace.bytes_per_second, Relaxed);
        entry.state.pace_wait.store(pace.aggregate_us, Relaxed);
        // What waits may go now.
        net.wake_adapter();
    }

    /// An address is tried through the first socket that reaches it. What leads nowhere is left out.
    fn paths_of(&self, (net, peer): (NetId, PeerId), ways: &[Way]) -> Vec<Path> {
        let sockets = self.common.sockets.load_full();
        let guard = Guard::new(&sockets, self.nets.values());
        let path = |remote: SocketAddr| {
            let reaches = |(i, s): &(usize, &Arc<UdpSocket>)| s.reaches(remote, self.v6_only[*i]);
            let (socket, through) = sockets.iter().enumerate().find(reaches)?;
            guard.may_call(through, remote).then_some(Path::Udp {
                socket: socket as u8,
                remote,
            })
        };
        let origin = self.nets.get(&net).and_then(|n| n.peers.get(peer));
        let origin = origin.map(|p| p.config.origin);
        let of = |way: &Way| match *way {
            Way::Udp(remote) => path(remote),
            Way::Link(link) => self.common.links.is_open(link).then_some(Path::Link(link)),
            Way::Via(via) => {
                let origin = origin.filter(|_| via != peer)?;
                Some(Path::Carry { net, via, origin })
            }
        };
        ways.iter().filter_map(of).take(ENDPOINTS_MAX).collect()
    }

    fn queue_control(&mut self, net: NetId, peer: PeerId, bytes: Vec<u8>) {
        if let Some(entry) = self.nets.get_mut(&net).and_then(|n| n.peers.get_mut(peer)) {
            entry.backlog.push_back(bytes);
            self.is_backlogged = true;
        }
    }

    /// Hands queued control messages to the sessions as far as they take them. Without a session they are lost, as promised.
    pub(crate) fn retry_control(&mut self, now: u64) {
        if !std::mem::take(&mut self.is_backlogged) {
            return;
        }
        for (net, network) in &mut self.nets {
            for (peer, entry) in network.peers.iter_mut().filter(|(_, e)| !e.backlog.is_empty()) {
                let is_up = entry.state.tx.load().is_some();
                while let Some(message) = entry.backlog.front() {
                    let taken = self.sessions.send_control(now, *net, peer, message);
                    if !taken && is_up {
                        self.is_backlogged = true;
                        break;
                    }
                    entry.state.control_pending.fetch_sub(message.len(), Relaxed);
                    entry.backlog.pop_front();
                }
            }
        }
    }

    /// New sender keys; members get them with the next cast.
    fn rotate(&mut self, net: NetId) {
        if let Some(net) = self.nets.get_mut(&net) {
            net.cast = new_sender_key(net.config.origin);
            net.is_stale = true;
        }
    }

    fn stats(&self, now: u64) -> Stats {
        let mut stats = Stats {
            wakes: self.common.events.wakes(),
            ..Stats::default()
        };
        for (net, network) in &self.nets {
            stats.peers.extend(
                network
                    .peers
                    .handles()
                    .filter_map(|peer| self.peer_stats(now, *net, peer)),
            );
        }
        let counters = &self.common.counters;
        let casts = [self.cast_rx.drops(), self.signed_rx.drops()];
        let all = [self.sessions.drops(), self.rx.drops(), casts[0], casts[1]];
        for (name, n) in all.iter().flat_map(|d| d.iter()).chain(counters.drops()) {
            *stats.drops.entry(name).or_default() += n;
        }
        stats.counters.extend(counters.list());
        self.tree_stats(&mut stats);
        let cut: u64 = self.common.sockets.load().iter().map(|s| s.cut()).sum();
        stats.counters.insert("runsCut", cut);
        stats.counters.insert("signatureChecks", self.signed_rx.checks());
        stats.counters.insert("uplinkLimit", self.common.uplink.limit());
        stats.counters.insert("sessionsInstalled", self.rx.len() as u64);
        stats
    }

    fn peer_stats(&self, now: u64, net: NetId, peer: PeerId) -> Option<PeerStats> {
        let s = self.sessions.stats(now, net, peer)?;
        let path = s.path.map(|p| self.transport_of(p));
        Some(PeerStats {
            net,
            peer,
            rx_bytes: s.rx_bytes,
            tx_bytes: s.tx_bytes,
            rx_packets: s.rx_frames,
            tx_packets: s.tx_frames,
            rtt_ms: s.rtt_us.map(|us| us as f64 / 1_000.0),
            silent_ms: s.silent_us.map(|us| us as f64 / 1_000.0),
            up: s.up,
            transport: path.as_ref().map(|p| p.0.clone()),
            endpoint: path.map(|p| p.1),
            link: s.path.and_then(|p| p.link()),
        })
    }
}
