//! The trees' upkeep on the receive thread: what the engine says, time, and lost neighbours.

use crate::api::{CastKey, Event, NetId, PeerId, Stats, StreamStats};
use crate::core::Core;
use crate::shared::{NetShared, OwnTree, View};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use weft_forward::tree::{TreeConfig, TreeError, TreeName, TreePlane};
use weft_session::{CastTx, SenderKey};

/// Counts of trees that are drops: they are listed as such too.
const DROPS: [&str; 13] = [
    "treeUnknown",
    "treeUnknownEpoch",
    "treeWrongParent",
    "treeDuplicates",
    "treeMalformed",
    "treeHopRate",
    "treeOriginRate",
    "treeRate",
    "treeUplinkFull",
    "treeBadTags",
    "treeBadSignatures",
    "treeWrongPeer",
    "treeLost",
];

impl Core {
    fn trees_of(&self, net: NetId) -> Option<(Arc<NetShared>, Arc<View>)> {
        let net = self.nets.get(&net)?;
        net.has_trees.then(|| (net.shared.clone(), net.view.clone()))
    }

    /// `signer`: what its casts are signed with, if they are; `cast`: what an own one's are sealed with.
    pub(crate) fn set_tree(
        &mut self,
        now: u64,
        net: NetId,
        config: TreeConfig,
        (signer, cast): (Option<[u8; 32]>, Option<Arc<CastTx>>),
    ) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        network.has_trees = true;
        let (name, epoch, is_own) = (config.name, config.epoch, config.parent.is_none());
        let result = network.shared.lock_trees().set(now, config);
        if result.is_ok() {
            let tree = (name.origin.to_be_bytes(), name.tree);
            let network_id = &network.config.network_id;
            self.signed_rx.set(net, network_id, tree, signer.as_ref());
        }
        if result.is_ok() && is_own {
            // Without a key nothing is sealed for it: packets of its groups go on as before.
            if let Some(cast) = cast {
                let newer = |old: &OwnTree| epoch.wrapping_sub(old.epoch) as i16 >= 0;
                if network.own_trees.get(&name.tree).is_none_or(newer) {
                    network.own_trees.insert(name.tree, OwnTree { epoch, cast });
                    network.is_stale = true;
                }
            }
        }
        if let Err(TreeError::TooManyTrees | TreeError::TooManyPeers) = result {
            let message = "The host is a part of too many multicast trees.".into();
            let code = "internal";
            self.common.events.push(Event::Problem { net, code, message });
        }
    }

    pub(crate) fn drop_tree(&mut self, net: NetId, name: TreeName) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        TreePlane::drop(&mut network.shared.lock_trees(), name);
        if network.config.origin == name.origin.to_be_bytes() {
            network.is_stale |= network.own_trees.remove(&name.tree).is_some();
        }
        let origin = name.origin.to_be_bytes();
        self.cast_rx.remove_tree(net, origin, name.tree);
        self.signed_rx.remove_tree(net, origin, name.tree);
    }

    pub(crate) fn set_cast_key(&mut self, now: u64, net: NetId, key: CastKey) {
        let CastKey {
            origin,
            tree,
            id,
            lowest,
            key,
        } = key;
        let Some(network) = self.nets.get(&net) else {
            return;
        };
        let name = TreeName {
            origin: u64::from_be_bytes(origin),
            tree,
        };
        network.shared.lock_trees().lowest(now, name, id, lowest);
        let key = SenderKey::of_tree(tree, id, lowest, key);
        for mut held in self.cast_rx.install(now, net, origin, &key) {
            self.open_held_tree_cast(now, &held.cast, &mut held.frame);
        }
    }

    pub(crate) fn send_on(&mut self, net: NetId, group: IpAddr, trees: Vec<u16>) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        network.directly.remove(&group);
        if trees.is_empty() {
            network.send_on.remove(&group);
            let streams = &network.shared.streams;
            // It goes on: what follows waits for the answer.
            if streams
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&group)
            {
                self.common.events.push(Event::Stream { net, group });
            }
        } else {
            network.send_on.insert(group, trees);
        }
        network.is_stale = true;
    }

    pub(crate) fn send_directly(&mut self, net: NetId, group: IpAddr) {
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        network.send_on.remove(&group);
        network.directly.insert(group);
        network.is_stale = true;
    }

    pub(crate) fn stream_ended(&mut self, net: NetId, group: IpAddr) {
        if let Some(network) = self.nets.get_mut(&net) {
            network.is_stale |= network.directly.remove(&group);
        }
    }

    pub(crate) fn tree_peer_lost(&mut self, now: u64, net: NetId, peer: PeerId) {
        if let Some((shared, view)) = self.trees_of(net) {
            let mut trees = shared.lock_trees();
            trees.peer_lost(now, peer, &mut self.tree_out(now, net, &view));
        }
    }

    pub(crate) fn tree_peer_suspect(&mut self, now: u64, net: NetId, peer: PeerId) {
        if let Some((shared, view)) = self.trees_of(net) {
            let mut trees = shared.lock_trees();
            trees.peer_suspect(now, peer, &mut self.tree_out(now, net, &view));
        }
    }

    /// When trees have something to do. An adapter's thread wakes this one when that comes nearer.
    pub(crate) fn trees_deadline(&self) -> u64 {
        let deadline = |shared: &NetShared| {
            let trees = shared.lock_trees();
            let due = trees.next_deadline();
            shared.trees_due.store(due, Relaxed);
            due
        };
        let nets = self.nets.values().filter(|net| net.has_trees);
        nets.map(|net| deadline(&net.shared)).min().unwrap_or(u64::MAX)
    }

    /// Lets time pass for the trees, and sends what is left from outside of batches.
    pub(crate) fn watch_trees(&mut self, now: u64) {
        let mut next = self.nets.keys().next().copied();
        while let Some(net) = next {
            let above = (Bound::Excluded(net), Bound::Unbounded);
            next = self.nets.range(above).next().map(|(net, _)| *net);
            let Some((shared, view)) = self.trees_of(net) else {
                continue;
            };
            let mut trees = shared.lock_trees();
            if trees.next_deadline() <= now {
                trees.tick(now, &mut self.tree_out(now, net, &view));
            }
        }
        if !self.recovered.is_empty() {
            self.take_recovered(now);
            self.deliver_singles();
        }
        self.flush_relayed();
    }

    pub(crate) fn tree_stats(&self, stats: &mut Stats) {
        for (net, network) in &self.nets {
            for (name, n) in network.shared.lock_trees().counters().iter() {
                *stats.counters.entry(name).or_default() += n;
                if n > 0 && DROPS.contains(&name) {
                    *stats.drops.entry(name).or_default() += n;
                }
            }
            let streams = network
                .shared
                .streams
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            stats
                .streams
                .extend(streams.iter().map(|(group, bytes)| StreamStats {
                    net: *net,
                    group: *group,
                    bytes: bytes.load(Relaxed),
                }));
        }
    }
}
