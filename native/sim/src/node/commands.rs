//! What an engine asks of its node: the calls of `native/addon/index.d.ts`.

use super::Node;
use super::network::{Net, PeerEntry, names_of};
use super::outputs::{ms, transport_of};
use super::relays::Share;
use crate::api::{Event, GroupConfig, NetId, NetworkConfig, PeerConfig, PeerStats, Way};
use std::net::{Ipv4Addr, Ipv6Addr};
use weft_forward::{PeerId, Spare};
use weft_packet::Mac;
use weft_session::{Level, NetworkConfig as SessionNetwork, Path, PeerConfig as SessionPeer};

/// Own addresses in a network, for what speaks as the host's applications.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Ipv6Addr,
    pub link_local: Ipv6Addr,
    pub mac: Mac,
}

impl Node {
    /// False when the handle is taken or there are too many.
    pub fn add_network(&mut self, config: NetworkConfig) -> bool {
        let (net, network_id, secret_key) = (config.net, config.network_id, config.secret_key.clone());
        let added = self.sessions.add_network(SessionNetwork {
            net,
            network_id,
            secret_key,
        });
        if added {
            let network = Net::new(config, &mut self.rng);
            self.nets.insert(net, network);
        }
        added
    }

    /// Ends its sessions with close frames and forgets it.
    pub fn remove_network(&mut self, now: u64, net: NetId) {
        self.sessions.remove_network(now, net);
        self.drain(now);
        self.cast_rx.remove_network(net);
        self.signed_rx.remove_network(net);
        self.nets.remove(&net);
    }

    pub fn attach(&mut self, now: u64, net: NetId) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.attached = true;
            network.snooper.attach(now);
            self.after_snooping(net);
        }
    }

    pub fn detach(&mut self, net: NetId) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.attached = false;
        }
    }

    pub fn is_attached(&self, net: NetId) -> bool {
        self.nets.get(&net).is_some_and(|n| n.attached)
    }

    /// Networks with an adapter.
    pub fn attached(&self) -> Vec<NetId> {
        self.nets
            .iter()
            .filter(|(_, n)| n.attached)
            .map(|(net, _)| *net)
            .collect()
    }

    pub fn addresses(&self, net: NetId) -> Option<Addresses> {
        let NetworkConfig {
            ipv4,
            ipv6,
            link_local,
            mac,
            ..
        } = self.nets.get(&net)?.config;
        Some(Addresses {
            ipv4: ipv4.map(|(a, _)| a),
            ipv6,
            link_local,
            mac,
        })
    }

    pub fn set_peer(&mut self, now: u64, net: NetId, config: PeerConfig) {
        let level = if config.member {
            Level::Member
        } else {
            Level::Stranger
        };
        let (peer, key, origin) = (config.peer, config.key, config.origin);
        if !self.sessions.set_peer(
            now,
            net,
            SessionPeer {
                peer,
                key,
                level,
                origin,
            },
        ) {
            let message =
                format!("The peer {peer} was not accepted: its key is another's, or the network is full.");
            return self.event(Event::Problem {
                net,
                code: "internal",
                message,
            });
        }
        self.drain(now);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        network.change();
        let (is_member, names) = (config.member, names_of(&config));
        match network.peers.get_mut(peer) {
            Some(entry) => (entry.is_member, entry.names) = (is_member, names),
            None => {
                let entry = PeerEntry {
                    is_member,
                    names,
                    tx: None,
                    given: 0,
                    shares: Box::default(),
                };
                network.peers.insert(peer, entry);
            }
        }
    }

    pub fn remove_peer(&mut self, now: u64, net: NetId, peer: PeerId) {
        self.sessions.remove_peer(now, net, peer);
        self.drain(now);
        if let Some(network) = self.nets.get_mut(&net) {
            network.holds.take(peer);
            network.peers.remove(peer);
            network.change();
        }
    }

    /// What leads nowhere is left out: the host's one socket is IPv4.
    fn paths_of(&self, net: NetId, peer: PeerId, ways: &[Way]) -> Vec<Path> {
        let entry = self.nets.get(&net).and_then(|n| n.peers.get(peer));
        let path = |way: &Way| match *way {
            Way::Udp(remote) => remote.is_ipv4().then_some(Path::Udp { socket: 0, remote }),
            Way::Via(via) => {
                let origin = entry.filter(|_| via != peer)?.names.origin.to_be_bytes();
                Some(Path::Carry { net, via, origin })
            }
        };
        ways.iter().filter_map(path).collect()
    }

    pub fn connect(&mut self, now: u64, net: NetId, peer: PeerId, ways: &[Way], hint: &[u8]) {
        let paths = self.paths_of(net, peer, ways);
        self.sessions.connect(now, net, peer, &paths, hint);
        self.drain(now);
    }

    pub fn set_ways(&mut self, now: u64, net: NetId, peer: PeerId, ways: &[Way]) {
        let paths = self.paths_of(net, peer, ways);
        self.sessions.set_ways(now, net, peer, &paths);
        self.drain(now);
    }

    pub fn try_ways(&mut self, now: u64, net: NetId, peer: PeerId, ways: &[Way]) {
        let paths = self.paths_of(net, peer, ways);
        self.sessions.try_ways(now, net, peer, &paths);
        self.drain(now);
    }

    pub fn set_relay(&mut self, now: u64, net: NetId, on: bool, bytes_per_second: u64) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.relay.set(now, on, bytes_per_second);
        }
    }

    /// Replaces the next hops towards destinations without a session.
    pub fn set_routes(&mut self, net: NetId, routes: impl IntoIterator<Item = ([u8; 8], PeerId)>) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.relay.routes = routes.into_iter().collect();
        }
    }

    /// Spreads what goes to a relayed member over these neighbours by flow.
    pub fn set_relays(&mut self, net: NetId, peer: PeerId, relays: &[(PeerId, u16)]) {
        let Some(entry) = self.nets.get_mut(&net).and_then(|n| n.peers.get_mut(peer)) else {
            return;
        };
        let old = std::mem::take(&mut entry.shares);
        let share = |(via, weight): &(PeerId, u16)| {
            let known = old.iter().find(|s| s.via == *via);
            Share {
                via: *via,
                weight: *weight,
                blocked_until: known.map_or(0, |s| s.blocked_until),
                spare: known.map_or_else(Spare::default, |s| Spare::like(&s.spare)),
            }
        };
        entry.shares = relays.iter().filter(|(via, _)| *via != peer).map(share).collect();
    }

    pub fn disconnect(&mut self, now: u64, net: NetId, peer: PeerId) {
        self.sessions.disconnect(now, net, peer);
        self.drain(now);
    }

    pub fn answer_stranger(&mut self, now: u64, net: NetId, ask: u32, accept: bool) {
        self.sessions.answer_stranger(now, net, ask, accept);
        self.drain(now);
    }

    pub fn send_control(&mut self, now: u64, net: NetId, peer: PeerId, bytes: &[u8]) -> bool {
        let taken = self.sessions.send_control(now, net, peer, bytes);
        self.drain(now);
        taken
    }

    pub fn set_group(&mut self, net: NetId, group: GroupConfig) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.set_group(group);
        }
    }

    pub fn rotate_keys(&mut self, net: NetId) {
        self.rotate(net);
    }

    pub fn poke(&mut self, now: u64) {
        self.sessions.poke(now);
        self.drain(now);
    }

    pub fn stats(&self, now: u64) -> Vec<PeerStats> {
        let names = self
            .nets
            .iter()
            .flat_map(|(net, n)| n.peers.handles().map(|peer| (*net, peer)));
        names
            .filter_map(|(net, peer)| self.peer_stats(now, net, peer))
            .collect()
    }

    fn peer_stats(&self, now: u64, net: NetId, peer: PeerId) -> Option<PeerStats> {
        let s = self.sessions.stats(now, net, peer)?;
        let path = s.path.map(transport_of);
        Some(PeerStats {
            net,
            peer,
            rx_bytes: s.rx_bytes,
            tx_bytes: s.tx_bytes,
            rx_packets: s.rx_frames,
            tx_packets: s.tx_frames,
            rtt_ms: s.rtt_us.map(ms),
            silent_ms: s.silent_us.map(ms),
            up: s.up,
            transport: path.as_ref().map(|p| p.0),
            endpoint: path.map(|p| p.1),
        })
    }
}
