//! Casts that travel by trees: `weft_forward::tree` decides, this file seals, stamps, opens and sends what it says.

use super::casts::CAST_OVERHEAD;
use super::sending::Streams;
use super::{Node, PeerName};
use crate::api::{CastKey, Event, NetId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use weft_forward::tree::limits::HOP_LIMIT;
use weft_forward::tree::{CastName, Options, Repair, TreeConfig, TreeError, TreeName, TreePlane};
use weft_forward::{Budget, PeerId};
use weft_packet::L3;
use weft_session::wire::{HEADER, SEQUENCE_MASK, STAMP, Stamp};
use weft_session::{AUTH_SHARED, CastTx, DropReason, HopCast, Leaves, Opened, SenderKey, TAG, Tx};

/// Trees of this host's own: what it seals with.
struct Own {
    epoch: u16,
    cast: CastTx,
}

/// What a node knows of the trees of one network.
pub struct NetTrees {
    pub plane: TreePlane,
    pub streams: Streams,
    own: BTreeMap<u16, Own>,
    children: Vec<PeerId>,
}

impl NetTrees {
    pub fn new(relay: Arc<Budget>) -> NetTrees {
        NetTrees {
            plane: TreePlane::new(Options::default(), relay),
            streams: Streams::default(),
            own: BTreeMap::new(),
            children: Vec::new(),
        }
    }

    pub fn next_deadline(&self) -> u64 {
        self.plane.next_deadline().min(self.streams.next_deadline())
    }
}

fn name_of(cast: &HopCast) -> CastName {
    CastName {
        tree: TreeName {
            origin: u64::from_be_bytes(cast.stamp.origin),
            tree: cast.stamp.tree,
        },
        epoch: cast.stamp.epoch,
        key_id: cast.stamp.key_id,
        sequence: cast.stamp.sequence & SEQUENCE_MASK,
    }
}

/// A batch of one: the proof goes between stamp and packet.
pub(super) fn sign(cast: &CastTx, frame: &mut Vec<u8>) {
    let mut leaves = Leaves::default();
    leaves.add(&frame[HEADER..frame.len() - TAG]);
    if let Some(proofs) = cast.sign(leaves) {
        let mut proof = vec![0; proofs.length()];
        proofs.write(0, &mut proof);
        let at = HEADER + STAMP;
        frame.splice(at..at, proof);
    }
}

impl Node {
    /// Adds or replaces an epoch. `signer`: what its casts are signed with, if they are; `key`: what own ones are sealed with.
    ///
    /// # Errors
    /// A bound is passed.
    pub fn set_tree(
        &mut self,
        now: u64,
        net: NetId,
        mut config: TreeConfig,
        (signer, key): (Option<[u8; 32]>, Option<(u32, weft_session::Secret)>),
    ) -> Result<(), TreeError> {
        let Some(network) = self.nets.get_mut(&net) else {
            return Ok(());
        };
        if self.plants.no_repair {
            config.repair = Repair::Off;
        }
        let (epoch, tree) = (config.epoch, config.name.tree);
        let name = (config.name.origin.to_be_bytes(), tree);
        let origin = network.config.origin;
        let is_own = config.parent.is_none() && config.name.origin == u64::from_be_bytes(origin);
        network.trees.plane.set(now, config)?;
        let network_id = &network.config.network_id;
        self.signed_rx.set(net, network_id, name, signer.as_ref());
        if let Some((key_id, key)) = key.filter(|_| is_own) {
            let known = network
                .trees
                .own
                .get_mut(&tree)
                .filter(|own| own.cast.key_id() == key_id);
            if let Some(own) = known {
                own.epoch = epoch;
            } else {
                let key = SenderKey::of_tree(tree, key_id, 0, key);
                let cast = match signer {
                    Some(_) => CastTx::signed(origin, key, network.signer.clone()),
                    None => CastTx::new(origin, key),
                };
                network.trees.own.insert(tree, Own { epoch, cast });
            }
        }
        Ok(())
    }

    pub fn drop_tree(&mut self, net: NetId, origin: [u8; 8], tree: u16) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let name = TreeName {
            origin: u64::from_be_bytes(origin),
            tree,
        };
        network.trees.plane.drop(name);
        self.cast_rx.remove_tree(net, origin, tree);
        self.signed_rx.remove_tree(net, origin, tree);
        if origin == network.config.origin {
            network.trees.own.remove(&tree);
        }
    }

    pub fn set_cast_key(&mut self, now: u64, net: NetId, given: CastKey) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        self.hoard.keep_key(net, &given);
        let name = TreeName {
            origin: u64::from_be_bytes(given.origin),
            tree: given.tree,
        };
        network.trees.plane.lowest(now, name, given.id, given.lowest);
        let key = SenderKey::of_tree(given.tree, given.id, given.lowest, given.key);
        for mut held in self.cast_rx.install(now, net, given.origin, &key) {
            // One that does not open has been passed on already; it is counted.
            self.deliver_tree_cast(now, &held.cast, &mut held.frame).ok();
        }
    }

    /// Groups with a stream, and the bytes of one copy of all that the host sent to each since it began.
    pub fn streams(&self) -> Vec<(NetId, IpAddr, u64)> {
        let all = self.nets.iter();
        all.flat_map(|(net, network)| {
            network
                .trees
                .streams
                .iter()
                .map(|(group, bytes)| (*net, group, bytes))
        })
        .collect()
    }

    /// What casts of own trees are signed with.
    pub fn cast_signer(&self, net: NetId) -> Option<[u8; 32]> {
        Some(self.nets.get(&net)?.signer.public_key())
    }

    /// The next sequence of an own tree.
    pub fn cast_sequence(&self, net: NetId, tree: u16) -> u64 {
        let own = self
            .nets
            .get(&net)
            .and_then(|network| network.trees.own.get(&tree));
        own.map_or(0, |own| own.cast.sender_key().lowest)
    }

    /// The host's packets to the group take these own trees by turns; none: they wait, and the engine is asked.
    pub fn send_on(&mut self, now: u64, net: NetId, group: IpAddr, trees: Vec<u16>) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let trees: Vec<u16> = trees
            .into_iter()
            .filter(|tree| network.trees.own.contains_key(tree))
            .collect();
        network.trees.streams.decide(now, group, trees);
        self.release_held(now, net);
    }

    /// What waited for trees goes as the line has room.
    fn release_held(&mut self, now: u64, net: NetId) {
        while let Some(network) = self.nets.get_mut(&net) {
            let NetTrees { plane, streams, .. } = &mut network.trees;
            if !plane.has_room(now) {
                return streams.pause(now);
            }
            let Some((tree, packet)) = streams.release() else {
                return;
            };
            self.send_tree_cast(now, net, tree, &packet);
        }
    }

    /// The host's packets to the group take no trees.
    pub fn send_directly(&mut self, now: u64, net: NetId, group: IpAddr) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        for packet in network.trees.streams.directly(group) {
            self.send_packet_directly(now, net, &packet);
        }
    }

    /// Seals a packet and sends it down an own tree.
    pub(super) fn send_tree_cast(&mut self, now: u64, net: NetId, tree: u16, packet: &[u8]) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let trees = &mut network.trees;
        let Some(own) = trees.own.get(&tree) else { return };
        let mut frame = vec![0; packet.len() + CAST_OVERHEAD];
        frame[HEADER + STAMP..HEADER + STAMP + packet.len()].copy_from_slice(packet);
        let sequence = own.cast.reserve(1);
        own.cast.seal(sequence, false, tree, own.epoch, &mut frame);
        sign(&own.cast, &mut frame);
        let auth = own.cast.auth();
        let cast = CastName {
            tree: TreeName {
                origin: u64::from_be_bytes(network.config.origin),
                tree,
            },
            epoch: own.epoch,
            key_id: own.cast.key_id(),
            sequence,
        };
        let body = &frame[HEADER..frame.len() - TAG];
        trees.plane.own(now, &cast, HOP_LIMIT, body, &mut trees.children);
        let children = std::mem::take(&mut trees.children);
        self.figures.casts_sealed += 1;
        let copies = self.copy_to_peers(now, net, &children, (auth, HOP_LIMIT), &frame);
        self.note_own(copies);
        self.keep_list(net, children);
    }

    /// A cast of a tree whose hop tag is right.
    pub(super) fn take_tree_cast(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) {
        let (net, from, name) = (cast.opened.net, cast.opened.peer, name_of(cast));
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let Ok(pass) = network.trees.plane.check(now, from, &name, frame.len()) else {
            return;
        };
        let body = &frame[HEADER..frame.len() - TAG];
        let checked = self.signed_rx.check(now, (net, from), cast.auth, body);
        if let Err(reason) = checked.or_else(|reason| self.plants.no_verify.then_some(()).ok_or(reason)) {
            if reason == DropReason::CastBadSignature {
                self.with_plane(now, net, |plane, out| {
                    plane.bad_signature(now, from, name.tree, out)
                });
            }
            return;
        }
        // Opening is in place: what goes on is the copy.
        let copy = frame.to_vec();
        self.hoard.keep(net, cast.auth, &copy);
        if self.deliver_tree_cast(now, cast, frame) == Err(DropReason::CastBadTag) {
            return self.with_plane(now, net, |plane, out| plane.bad_tag(now, from, name.tree, out));
        }
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let trees = &mut network.trees;
        let hop_limit = cast.hop_limit.saturating_sub(1);
        let body = &copy[HEADER..copy.len() - TAG];
        trees.plane.take(now, pass, hop_limit, body, &mut trees.children);
        let children = std::mem::take(&mut trees.children);
        self.figures.copies_relayed += self.copy_to_peers(now, net, &children, (cast.auth, hop_limit), &copy);
        self.keep_list(net, children);
    }

    /// Opens it for the applications here.
    fn deliver_tree_cast(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) -> Result<(), DropReason> {
        let (net, port) = (cast.opened.net, self.port);
        let Some(network) = self.nets.get_mut(&net) else {
            return Ok(());
        };
        let opened = self.cast_rx.open(now, cast, frame)?;
        let origin = network
            .table(port)
            .peer_of_origin(u64::from_be_bytes(cast.stamp.origin));
        let Some(origin) = origin else {
            self.drop_packet(weft_forward::DropReason::UnknownMember);
            return Ok(());
        };
        let packet = &frame[opened.packet];
        if cast.auth == AUTH_SHARED && !self.plants.no_verify {
            let table = network.table(port);
            let parsed = L3::parse(packet);
            if let Err(reason) = parsed.and_then(|packet| table.may_come_unsigned(&packet)) {
                self.drop_packet(reason);
                return Ok(());
            }
        }
        let wanted = self.deliver(net, origin, packet);
        self.figures.casts_unwanted += u64::from(!wanted);
        Ok(())
    }

    fn copy_to_peers(&mut self, now: u64, net: NetId, peers: &[PeerId], how: (u8, u8), frame: &[u8]) -> u64 {
        let Some(network) = self.nets.get(&net) else {
            return 0;
        };
        let tx = |peer: &PeerId| network.peers.get(*peer)?.tx.clone();
        let children: Vec<Arc<Tx>> = peers.iter().filter_map(tx).collect();
        self.copy_to(now, &children, how, frame)
    }

    fn keep_list(&mut self, net: NetId, children: Vec<PeerId>) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.trees.children = children;
        }
    }

    /// A message of another node of a tree.
    pub(super) fn take_tree_message(&mut self, now: u64, (net, from): PeerName, plaintext: &[u8]) {
        // What is refused is counted by the plane.
        self.with_plane(now, net, |plane, out| {
            plane.on_control(now, from, plaintext, out).ok()
        });
    }

    pub(super) fn tree_peer_lost(&mut self, now: u64, (net, peer): PeerName) {
        self.with_plane(now, net, |plane, out| plane.peer_lost(now, peer, out));
    }

    pub(super) fn tree_peer_suspect(&mut self, now: u64, (net, peer): PeerName) {
        self.with_plane(now, net, |plane, out| plane.peer_suspect(now, peer, out));
    }

    pub(super) fn trees_timeout(&mut self, now: u64, net: NetId) {
        self.with_plane(now, net, |plane, out| plane.tick(now, out));
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let (late, over) = network.trees.streams.expire(now);
        *self.figures.packet_drops.entry("held").or_default() += late;
        for group in over {
            self.event(Event::StreamEnd { net, group });
        }
        self.release_held(now, net);
    }

    /// A cast that parity gave back: as if it had come.
    pub(super) fn take_recovered(&mut self, now: u64, (net, from): PeerName, body: &[u8]) {
        let Some(stamp) = body.first_chunk::<STAMP>().map(Stamp::read) else {
            return;
        };
        let cast = HopCast {
            opened: Opened::given_back(net, from),
            auth: self.signed_rx.auth_of(net, &stamp),
            hop_limit: HOP_LIMIT,
            stamp,
        };
        let mut frame = vec![0; HEADER + body.len() + TAG];
        frame[HEADER..HEADER + body.len()].copy_from_slice(body);
        self.take_tree_cast(now, &cast, &mut frame);
    }
}
