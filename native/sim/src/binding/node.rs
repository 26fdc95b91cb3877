//! The class `SimNode`: the engine's data plane of one host.

use super::trees::{JsCastKey, JsTreeConfig, cast_key, refused, tree_config, tree_number};
use super::values::{JsPolled, JsStats, JsStreamStats, numbers};
use super::{Result, bad, parse};
use crate::api;
use crate::node::Node;
use crate::world::World;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

const POLL_DEFAULT: u32 = 512;
const WAYS_MAX: usize = 16;

#[napi(object)]
pub struct PeerConfig {
    pub peer: u32,
    pub key: Uint8Array,
    pub level: String,
    pub origin: Uint8Array,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
    pub link_local: Option<String>,
    pub mac: Option<String>,
}

#[napi(object)]
pub struct NetworkConfig {
    pub net: u32,
    pub network_id: Uint8Array,
    pub secret_key: Uint8Array,
    pub origin: Uint8Array,
    pub ipv4: Option<String>,
    pub ipv4_prefix: Option<u32>,
    pub ipv6: String,
    pub ipv6_prefix: u32,
    pub link_local: String,
    pub mac: String,
    pub mtu: u32,
}

#[napi(object)]
pub struct Receiver {
    pub peer: u32,
    pub mode: String,
    pub sources: Vec<String>,
}

#[napi(object)]
pub struct GroupConfig {
    pub group: String,
    pub receivers: Vec<Receiver>,
    pub repaired: Option<bool>,
    pub signed: Option<bool>,
    pub more: Option<bool>,
}

#[napi(object)]
pub struct RelayOptions {
    pub on: bool,
    pub bytes_per_second: f64,
}

#[napi(object)]
pub struct Route {
    pub origin: Uint8Array,
    pub via: u32,
}

#[napi(object)]
pub struct RelayShare {
    pub via: u32,
    pub weight: u32,
}

fn ways_of(texts: &[String]) -> Result<Vec<api::Way>> {
    if texts.len() > WAYS_MAX {
        return Err(bad(format!("At most {WAYS_MAX} ways can be tried together.")));
    }
    let way = |text: &String| match text.strip_prefix("via:") {
        Some(via) => via.parse().ok().map(api::Way::Via),
        None => text.parse().ok().map(api::Way::Udp),
    };
    Ok(texts.iter().filter_map(way).collect())
}

fn peer_config(p: PeerConfig) -> Result<api::PeerConfig> {
    let member = match p.level.as_str() {
        "member" => true,
        "stranger" => false,
        other => return Err(bad(format!("“{other}” is neither member nor stranger."))),
    };
    Ok(api::PeerConfig {
        peer: p.peer,
        key: parse::bytes("A public key", &p.key)?,
        member,
        origin: parse::bytes("An origin", &p.origin)?,
        ipv4: parse::optional(p.ipv4.as_ref())?,
        ipv6: parse::optional(p.ipv6.as_ref())?,
        link_local: parse::optional(p.link_local.as_ref())?,
        mac: p.mac.as_deref().map(parse::mac).transpose()?,
    })
}

fn network_config(n: NetworkConfig) -> Result<api::NetworkConfig> {
    let mut secret_key = weft_session::Secret::default();
    secret_key.copy_from_slice(&parse::bytes::<32>("A secret key", &n.secret_key)?);
    Ok(api::NetworkConfig {
        net: n.net,
        network_id: parse::bytes("A network id", &n.network_id)?,
        secret_key,
        origin: parse::bytes("An origin", &n.origin)?,
        ipv4: match parse::optional(n.ipv4.as_ref())? {
            Some(address) => Some((address, parse::prefix(n.ipv4_prefix.unwrap_or(32), 32)?)),
            None => None,
        },
        ipv6: parse::parsed(&n.ipv6)?,
        ipv6_prefix: parse::prefix(n.ipv6_prefix, 128)?,
        link_local: parse::parsed(&n.link_local)?,
        mac: parse::mac(&n.mac)?,
        mtu: n.mtu as usize,
    })
}

fn group_config(g: GroupConfig) -> Result<api::GroupConfig> {
    let receiver = |r: Receiver| {
        let sources = r
            .sources
            .iter()
            .map(|s| parse::parsed(s))
            .collect::<Result<Vec<IpAddr>>>()?;
        Ok((r.peer, parse::mode(&r.mode)?, sources))
    };
    let receivers = g
        .receivers
        .into_iter()
        .map(receiver)
        .collect::<Result<Vec<_>>>()?;
    Ok(api::GroupConfig {
        group: parse::parsed(&g.group)?,
        receivers,
        repaired: g.repaired.unwrap_or(false),
        signed: g.signed.unwrap_or(false),
        more: g.more.unwrap_or(false),
    })
}

#[napi]
pub struct SimNode {
    world: Rc<RefCell<World>>,
    index: u32,
}

impl SimNode {
    pub(super) fn of(world: Rc<RefCell<World>>, index: u32) -> SimNode {
        SimNode { world, index }
    }

    /// Nothing happens on a dead host.
    fn with<R>(&self, act: impl FnOnce(&mut Node, u64) -> R) -> Option<R> {
        self.world.borrow_mut().with_node(self.index, act)
    }
}

#[napi]
impl SimNode {
    #[napi]
    pub fn poll(&self, max: Option<u32>) -> JsPolled {
        let max = max.unwrap_or(POLL_DEFAULT) as usize;
        JsPolled::of(self.world.borrow_mut().poll(self.index, max))
    }

    #[napi]
    pub fn add_network(&self, config: NetworkConfig) -> Result<()> {
        let config = network_config(config)?;
        let net = config.net;
        match self.with(|node, _| node.add_network(config)) {
            Some(false) => Err(bad(format!(
                "The network {net} is there already, or there are too many."
            ))),
            _ => Ok(()),
        }
    }

    #[napi]
    pub fn remove_network(&self, net: u32) {
        self.with(|node, now| node.remove_network(now, net));
    }

    #[napi]
    pub fn attach_adapter(&self, net: u32, _fd: i32, _name: String) {
        self.with(|node, now| node.attach(now, net));
    }

    #[napi]
    pub fn detach_adapter(&self, net: u32) {
        self.with(|node, _| node.detach(net));
    }

    #[napi]
    pub fn set_peers(&self, net: u32, peers: Vec<PeerConfig>) -> Result<()> {
        let peers = peers.into_iter().map(peer_config).collect::<Result<Vec<_>>>()?;
        self.with(|node, now| peers.into_iter().for_each(|peer| node.set_peer(now, net, peer)));
        Ok(())
    }

    #[napi]
    pub fn remove_peers(&self, net: u32, peers: Vec<u32>) {
        self.with(|node, now| {
            peers
                .into_iter()
                .for_each(|peer| node.remove_peer(now, net, peer))
        });
    }

    /// What is no way is left out: it comes from other members.
    #[napi]
    pub fn connect(&self, net: u32, peer: u32, ways: Vec<String>, hint: Option<Uint8Array>) -> Result<()> {
        let ways = ways_of(&ways)?;
        let hint = hint.map(|h| h.to_vec()).unwrap_or_default();
        self.with(|node, now| node.connect(now, net, peer, &ways, &hint));
        Ok(())
    }

    #[napi]
    pub fn set_ways(&self, net: u32, peer: u32, ways: Vec<String>) -> Result<()> {
        let ways = ways_of(&ways)?;
        self.with(|node, now| node.set_ways(now, net, peer, &ways));
        Ok(())
    }

    #[napi]
    pub fn try_ways(&self, net: u32, peer: u32, ways: Vec<String>) -> Result<()> {
        let ways = ways_of(&ways)?;
        self.with(|node, now| node.try_ways(now, net, peer, &ways));
        Ok(())
    }

    #[napi]
    pub fn set_relay(&self, net: u32, options: RelayOptions) {
        let rate = options.bytes_per_second as u64;
        self.with(|node, now| node.set_relay(now, net, options.on, rate));
    }

    #[napi]
    pub fn set_routes(&self, net: u32, routes: Vec<Route>) -> Result<()> {
        let route = |r: Route| Ok((parse::bytes("An origin", &r.origin)?, r.via));
        let routes = routes.into_iter().map(route).collect::<Result<Vec<_>>>()?;
        self.with(|node, _| node.set_routes(net, routes));
        Ok(())
    }

    #[napi]
    pub fn set_relays(&self, net: u32, peer: u32, relays: Vec<RelayShare>) {
        let share = |r: &RelayShare| (r.via, r.weight.min(u32::from(u16::MAX)) as u16);
        let relays: Vec<_> = relays.iter().map(share).collect();
        self.with(|node, _| node.set_relays(net, peer, &relays));
    }

    /// The simulator opens no links.
    #[napi]
    pub fn close_link(&self, _link: u32) {}

    #[napi]
    pub fn disconnect(&self, net: u32, peer: u32) {
        self.with(|node, now| node.disconnect(now, net, peer));
    }

    #[napi]
    pub fn answer_stranger(&self, net: u32, ask: u32, accept: bool) {
        self.with(|node, now| node.answer_stranger(now, net, ask, accept));
    }

    #[napi]
    pub fn send_control(&self, net: u32, peer: u32, bytes: Uint8Array) -> bool {
        self.with(|node, now| node.send_control(now, net, peer, &bytes))
            .unwrap_or(false)
    }

    #[napi]
    pub fn set_groups(&self, net: u32, groups: Vec<GroupConfig>) -> Result<()> {
        let groups = groups.into_iter().map(group_config).collect::<Result<Vec<_>>>()?;
        let is_group = |a: &IpAddr| a.is_multicast() || matches!(a, IpAddr::V4(a) if a.is_broadcast());
        if let Some(wrong) = groups.iter().find(|g| !is_group(&g.group)) {
            return Err(bad(format!("{} is not a group address.", wrong.group)));
        }
        self.with(|node, _| groups.into_iter().for_each(|group| node.set_group(net, group)));
        Ok(())
    }

    #[napi]
    pub fn set_tree(&self, net: u32, tree: JsTreeConfig) -> Result<()> {
        let (config, keys) = tree_config(tree)?;
        let set = self.with(|node, now| node.set_tree(now, net, config, keys));
        set.unwrap_or(Ok(())).map_err(refused)
    }

    #[napi]
    pub fn drop_tree(&self, net: u32, origin: Uint8Array, tree: u32) -> Result<()> {
        let (origin, tree) = (parse::bytes("An origin", &origin)?, tree_number(tree)?);
        self.with(|node, _| node.drop_tree(net, origin, tree));
        Ok(())
    }

    #[napi]
    pub fn set_cast_key(&self, net: u32, key: JsCastKey) -> Result<()> {
        let key = cast_key(&key)?;
        self.with(|node, now| node.set_cast_key(now, net, key));
        Ok(())
    }

    #[napi]
    pub fn send_on(&self, net: u32, group: String, trees: Vec<u32>) -> Result<()> {
        let group: IpAddr = parse::parsed(&group)?;
        let trees = trees.into_iter().map(tree_number).collect::<Result<Vec<_>>>()?;
        self.with(|node, now| node.send_on(now, net, group, trees));
        Ok(())
    }

    #[napi]
    pub fn send_directly(&self, net: u32, group: String) -> Result<()> {
        let group: IpAddr = parse::parsed(&group)?;
        self.with(|node, now| node.send_directly(now, net, group));
        Ok(())
    }

    #[napi]
    pub fn cast_signer(&self, net: u32) -> Result<Uint8Array> {
        let key = self.with(|node, _| node.cast_signer(net)).flatten();
        key.map(|key| key.to_vec().into())
            .ok_or_else(|| bad(format!("There is no network {net} here.")))
    }

    #[napi]
    pub fn cast_sequence(&self, net: u32, tree: u32) -> Result<f64> {
        let tree = tree_number(tree)?;
        let next = self.with(|node, _| node.cast_sequence(net, tree));
        Ok(next.unwrap_or(0) as f64)
    }

    #[napi]
    pub fn rotate_keys(&self, net: u32) {
        self.with(|node, _| node.rotate_keys(net));
    }

    #[napi]
    pub fn poke(&self) {
        self.with(|node, now| node.poke(now));
    }

    #[napi]
    pub fn stats(&self) -> JsStats {
        let figures = self.with(|node, now| {
            let streams = node.streams();
            (node.stats(now), node.drops(), node.tree_counters(), streams)
        });
        let Some((peers, drops, counters, streams)) = figures else {
            return JsStats::default();
        };
        JsStats {
            peers: peers.into_iter().map(Into::into).collect(),
            streams: streams.into_iter().map(JsStreamStats::of).collect(),
            drops: numbers(drops),
            counters: numbers(counters),
            ..JsStats::default()
        }
    }
}
