//! Packets of this host's applications on their way out, and members' packets on their way in.

use super::relays::flow_of;
use super::sending::Way;
use super::{Node, Out, PeerName};
use crate::api::{Event, LocalGroup, NetId};
use crate::traffic::Kind;
use std::net::IpAddr;
use std::sync::Arc;
use weft_forward::{ANSWER_MAX, DropReason, PeerId, QUERY_MAX, Verdict, answer_arp, answer_nd};
use weft_packet::{Frame, L3, ether};
use weft_session::wire::CARRY_OVERHEAD;
use weft_session::{Path, TAG, Tx, wire};

/// What to do with a packet, taken out of the table's borrow.
enum Plan {
    Peer(PeerId),
    Group(IpAddr, Vec<PeerId>),
    Snoop,
    Answer(Result<Vec<u8>, DropReason>),
    Drop(DropReason),
}

impl Node {
    /// An Ethernet frame without offloads, as read from the adapter of a network.
    pub fn from_adapter(&mut self, now: u64, net: NetId, frame: &[u8]) {
        if let Err(reason) = self.try_from_adapter(now, net, frame) {
            self.drop_packet(reason);
        }
    }

    fn try_from_adapter(&mut self, now: u64, net: NetId, bytes: &[u8]) -> Result<(), DropReason> {
        let port = self.port;
        let Some(network) = self.nets.get_mut(&net).filter(|n| n.attached) else {
            return Ok(());
        };
        let frame = Frame::parse(bytes)?;
        if frame.ethertype() == ether::ETHERTYPE_ARP {
            let mut out = [0; ANSWER_MAX];
            let n = answer_arp(network.table(port), &frame, &mut out)?;
            self.outs.push_back(Out::Frame {
                net,
                frame: out[..n].to_vec(),
            });
            return Ok(());
        }
        let packet = L3::parse(frame.payload())?;
        if packet.bytes().len() > network.config.mtu {
            return Err(DropReason::TooBig);
        }
        let table = network.table(port);
        let plan = match table.classify(&packet) {
            Verdict::Peer(peer) => Plan::Peer(peer),
            Verdict::Group(receivers) => Plan::Group(packet.dst(), receivers.collect()),
            Verdict::Snoop => Plan::Snoop,
            Verdict::Answer => {
                let mut out = [0; ANSWER_MAX];
                Plan::Answer(answer_nd(table, &frame, &packet, &mut out).map(|n| out[..n].to_vec()))
            }
            Verdict::Drop(reason) => Plan::Drop(reason),
        };
        match plan {
            Plan::Peer(peer) => self.send_unicast(now, (net, peer), packet.bytes()),
            Plan::Group(group, receivers) => self.send_group(now, (net, group), &receivers, packet.bytes()),
            Plan::Snoop => {
                let result = network.snooper.handle(now, &packet);
                self.after_snooping(net);
                return result;
            }
            Plan::Answer(answer) => self.outs.push_back(Out::Frame { net, frame: answer? }),
            Plan::Drop(reason) => return Err(reason),
        }
        Ok(())
    }

    /// By trees, directly, or not before there are trees.
    fn send_group(&mut self, now: u64, (net, group): (NetId, IpAddr), receivers: &[PeerId], packet: &[u8]) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let directly = network.directly(group);
        let streams = &mut network.trees.streams;
        let (way, ask) = streams.plan(now, group, (receivers.len(), directly), packet);
        if ask {
            self.event(Event::Stream { net, group });
        }
        match way {
            Way::Direct => self.send_cast(now, net, receivers, packet),
            Way::Held => {}
            Way::Tree(tree) => self.send_tree_cast(now, net, tree, packet),
        }
    }

    /// A packet to a group that waited, and takes no trees.
    pub(super) fn send_packet_directly(&mut self, now: u64, net: NetId, packet: &[u8]) {
        let port = self.port;
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let Ok(parsed) = L3::parse(packet) else { return };
        if let Verdict::Group(receivers) = network.table(port).classify(&parsed) {
            let receivers: Vec<PeerId> = receivers.collect();
            self.send_cast(now, net, &receivers, packet);
        }
    }

    pub(super) fn network_timeout(&mut self, now: u64, net: NetId) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let dropped = network.holds.expire(now);
        *self.figures.packet_drops.entry("held").or_default() += dropped;
        self.trees_timeout(now, net);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        if network.attached && network.snooper.next_deadline().is_some_and(|at| at <= now) {
            network.snooper.handle_timeout(now);
            self.after_snooping(net);
        }
    }

    /// Injects queries and tells changes.
    pub(super) fn after_snooping(&mut self, net: NetId) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let mut query = [0; QUERY_MAX];
        while let Some(n) = network.snooper.poll_query(&mut query) {
            self.outs.push_back(Out::Frame {
                net,
                frame: query[..n].to_vec(),
            });
        }
        if network.snooper.take_changed() {
            network.local = network.snooper.local();
            let group = |(group, f): (_, &weft_forward::SourceFilter)| LocalGroup {
                group,
                mode: f.mode,
                sources: f.sources.clone(),
            };
            let groups = network.local.iter().map(group).collect();
            self.event(Event::Groups { net, groups });
        }
    }

    fn send_unicast(&mut self, now: u64, (net, peer): PeerName, packet: &[u8]) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let Some(entry) = network.peers.get(peer) else {
            return self.drop_packet(DropReason::NoRoute);
        };
        let Some(tx) = entry.tx.clone() else {
            return self.hold(now, (net, peer), false, packet);
        };
        self.seal_packet(now, &tx, packet);
    }

    fn seal_packet(&mut self, now: u64, tx: &Arc<Tx>, packet: &[u8]) {
        let Some(counter) = tx.reserve(1) else { return };
        let mut frame = vec![0; wire::HEADER + 1 + packet.len() + TAG];
        frame[wire::HEADER] = wire::kind::PACKET;
        frame[wire::HEADER + 1..wire::HEADER + 1 + packet.len()].copy_from_slice(packet);
        tx.seal(counter, &mut frame);
        self.send_sealed(now, tx, Kind::Packet, frame, flow_of(packet));
    }

    /// Keeps a packet until the member has a session, and asks the engine for one.
    pub(super) fn hold(&mut self, now: u64, (net, peer): PeerName, cast: bool, packet: &[u8]) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let (want, dropped) = network.holds.hold(now, peer, cast, packet.to_vec());
        *self.figures.packet_drops.entry("held").or_default() += dropped;
        if want {
            self.event(Event::Want { net, peer });
        }
    }

    /// The member has a session: what waited goes.
    pub(super) fn release(&mut self, now: u64, (net, peer): PeerName, tx: &Arc<Tx>) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        for held in network.holds.take(peer) {
            if held.cast {
                self.seal_late_cast(now, (net, peer), tx, &held.bytes);
            } else {
                self.seal_packet(now, tx, &held.bytes);
            }
        }
    }

    pub(super) fn take_data(&mut self, now: u64, path: Path, frame: &mut [u8]) {
        let opened = self.rx.open(now, path, frame);
        let kind = opened.as_ref().map_or(wire::kind::CONTROL, |o| o.kind());
        let is_packet = matches!(kind, wire::kind::PACKET | wire::kind::FRAGMENT);
        self.figures
            .received
            .add(if is_packet { Kind::Packet } else { Kind::Control }, frame.len());
        let Ok(opened) = opened else { return };
        let range = opened.plaintext();
        if !is_packet {
            let around = if matches!(path, Path::Carry { .. }) {
                CARRY_OVERHEAD
            } else {
                0
            };
            self.figures
                .kinds
                .opened(&frame[range.clone()], frame.len() + around);
        }
        if opened.tell {
            self.sessions.opened(now, &opened, path, &frame[range.clone()]);
            self.drain(now);
        }
        match opened.kind() {
            wire::kind::PACKET => {
                self.deliver(opened.net, opened.peer, &frame[range.start + 1..range.end]);
            }
            wire::kind::TREE => {
                self.take_tree_message(now, (opened.net, opened.peer), &frame[range]);
            }
            _ => {}
        }
    }

    /// Checks a packet of the member `from` and hands it to the applications. False when they have no use for it.
    pub(super) fn deliver(&mut self, net: NetId, from: PeerId, packet: &[u8]) -> bool {
        let port = self.port;
        let Some(network) = self.nets.get_mut(&net).filter(|n| n.attached) else {
            return false;
        };
        network.table(port);
        let local = std::mem::take(&mut network.local);
        let accepted = L3::parse(packet).and_then(|l3| network.table(port).accept(&l3, from, &local));
        network.local = local;
        match accepted {
            Ok(_) => {
                self.figures.delivered += 1;
                self.outs.push_back(Out::Deliver {
                    net,
                    packet: packet.to_vec(),
                });
                true
            }
            Err(reason) => {
                self.drop_packet(reason);
                false
            }
        }
    }
}
