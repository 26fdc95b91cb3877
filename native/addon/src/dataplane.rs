//! The class `Dataplane`.

use crate::adapter::is_own;
use crate::error::{Result, bad, coded, of_dataplane, of_device};
use crate::events::{DataplaneEvent, Stats};
use crate::{parse, sys};
use napi::Status;
use napi::bindgen_prelude::{Function, Uint8Array, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use std::sync::Arc;
use weft_dataplane as dp;
use weft_device::{Adapter, Kind, Offloads};

/// Calls of the engine that may wait in its loop: they are coalesced before.
const WAKES_WAITING: usize = 2;
/// Unreferenced: a data plane alone does not keep the process alive.
type WakeFunction = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true, WAKES_WAITING>;

type LinksFunction = ThreadsafeFunction<(), Unknown<'static>, Vec<u32>, Status, false, true, WAKES_WAITING>;

#[napi(object)]
pub struct DataplaneOptions {
    pub offloads: Option<String>,
    pub traffic_class: Option<String>,
}

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
    pub publishers: Option<Vec<u32>>,
    pub repaired: Option<bool>,
    pub signed: Option<bool>,
    pub more: Option<bool>,
}

fn peer_config(p: PeerConfig) -> Result<dp::PeerConfig> {
    let member = match p.level.as_str() {
        "member" => true,
        "stranger" => false,
        other => return Err(bad(format!("“{other}” is neither member nor stranger."))),
    };
    Ok(dp::PeerConfig {
        peer: p.peer,
        key: parse::bytes("A public key", &p.key)?,
        member,
        origin: parse::bytes("An origin", &p.origin)?,
        ipv4: p.ipv4.as_deref().map(parse::ipv4).transpose()?,
        ipv6: p.ipv6.as_deref().map(parse::ipv6).transpose()?,
        link_local: p.link_local.as_deref().map(parse::ipv6).transpose()?,
        mac: p.mac.as_deref().map(parse::mac_address).transpose()?,
    })
}

fn network_config(n: NetworkConfig) -> Result<dp::NetworkConfig> {
    let ipv4 = n.ipv4.as_deref().map(parse::ipv4).transpose()?;
    let mut secret_key = dp::Secret::default();
    secret_key.copy_from_slice(&parse::bytes::<32>("A secret key", &n.secret_key)?);
    Ok(dp::NetworkConfig {
        net: n.net,
        network_id: parse::bytes("A network id", &n.network_id)?,
        secret_key,
        origin: parse::bytes("An origin", &n.origin)?,
        ipv4: match ipv4 {
            Some(address) => Some((address, parse::prefix(n.ipv4_prefix.unwrap_or(32), 32)?)),
            None => None,
        },
        ipv6: parse::ipv6(&n.ipv6)?,
        ipv6_prefix: parse::prefix(n.ipv6_prefix, 128)?,
        link_local: parse::ipv6(&n.link_local)?,
        mac: parse::mac_address(&n.mac)?,
        mtu: n.mtu as usize,
    })
}

fn group_config(g: GroupConfig) -> Result<dp::GroupConfig> {
    let receiver = |r: Receiver| {
        let sources = r
            .sources
            .iter()
            .map(|s| parse::ip(s))
            .collect::<Result<Vec<_>>>()?;
        Ok((r.peer, parse::mode(&r.mode)?, sources))
    };
    let receivers = g
        .receivers
        .into_iter()
        .map(receiver)
        .collect::<Result<Vec<_>>>()?;
    Ok(dp::GroupConfig {
        group: parse::ip(&g.group)?,
        receivers,
        publishers: g.publishers,
        repaired: g.repaired.unwrap_or(false),
        signed: g.signed.unwrap_or(false),
        more: g.more.unwrap_or(false),
    })
}

#[napi(object)]
pub struct LinkOptions {
    pub transport: String,
    pub endpoint: String,
    pub queue_bytes: Option<u32>,
}

#[napi(object)]
pub struct Pace {
    pub bytes_per_second: Option<f64>,
    pub aggregate_ms: Option<f64>,
}

#[napi(object)]
pub struct FairOptions {
    pub bytes_per_second: Option<f64>,
    pub own_bytes_per_second: Option<f64>,
}

#[napi(object)]
pub struct RelayOptions {
    pub on: bool,
    pub bytes_per_second: f64,
}

#[napi(object)]
pub struct OutsideOptions {
    pub datagrams: bool,
    pub traffic_class: bool,
}

#[napi(object)]
pub struct AnywhereOptions {
    pub fd: i32,
    pub own: Vec<String>,
    pub groups: Vec<String>,
    pub except_ports: Vec<u16>,
    pub nets: Vec<u32>,
}

fn anywhere_config(options: AnywhereOptions) -> Result<dp::AnywhereConfig> {
    // Taken over first: whatever is wrong with the rest, it is closed.
    let packets = sys::take_fd(options.fd).map_err(|e| bad(format!("The descriptor is not usable: {e}.")))?;
    let groups = dp::Groups::new(&options.groups).map_err(|at| match options.groups.get(at) {
        Some(wrong) => bad(format!("“{wrong}” is no group and no range of groups.")),
        None => bad(format!("At most {at} groups.")),
    })?;
    let own = options
        .own
        .iter()
        .map(|text| parse::ip(text))
        .collect::<Result<_>>()?;
    Ok(dp::AnywhereConfig {
        packets,
        own,
        groups,
        except_ports: options.except_ports,
        nets: options.nets,
    })
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

/// What is no way is left out: ways come from other members.
fn ways_of(ways: &[String]) -> Vec<dp::Way> {
    ways.iter().filter_map(|w| w.parse().ok()).collect()
}

#[napi]
pub struct Dataplane {
    pub(crate) inner: dp::Dataplane,
    no_offloads: bool,
}

#[napi]
impl Dataplane {
    #[napi(constructor)]
    pub fn new(options: Option<DataplaneOptions>) -> Result<Self> {
        let (offloads, class) = options.map_or((None, None), |o| (o.offloads, o.traffic_class));
        let no_class = match class.as_deref() {
            None | Some("copy") => false,
            Some("none") => true,
            Some(other) => {
                return Err(bad(format!(
                    "The traffic class is “copy” or “none”, not “{other}”."
                )));
            }
        };
        let no_offloads = match offloads.as_deref() {
            None | Some("auto") => false,
            Some("none") => true,
            Some(other) => return Err(bad(format!("Offloads are “auto” or “none”, not “{other}”."))),
        };
        let options = dp::Options {
            no_offloads,
            no_class,
            frame_max: None,
        };
        Ok(Dataplane {
            inner: dp::Dataplane::start(options).map_err(of_dataplane)?,
            no_offloads,
        })
    }

    #[napi]
    pub fn on_wake(&self, callback: Function<'_, (), Unknown<'static>>) -> Result<()> {
        let function: WakeFunction = callback
            .build_threadsafe_function()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<WAKES_WAITING>()
            .build()
            .map_err(|e| coded("internal", e.reason.clone()))?;
        self.inner.on_wake(Box::new(move || {
            // A full queue means that a call is on its way already.
            function.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        Ok(())
    }

    #[napi]
    pub fn poll(&self, max: Option<u32>) -> Vec<DataplaneEvent> {
        self.inner
            .poll(max.map(|n| n as usize))
            .into_iter()
            .map(Into::into)
            .collect()
    }

    #[napi]
    pub fn listen(&self, addresses: Vec<String>) -> Result<Vec<String>> {
        let addresses = addresses
            .iter()
            .map(|a| parse::socket_address(a))
            .collect::<Result<Vec<_>>>()?;
        let bound = self.inner.listen(&addresses).map_err(of_dataplane)?;
        Ok(bound.iter().map(ToString::to_string).collect())
    }

    #[napi]
    pub fn add_network(&self, config: NetworkConfig) -> Result<()> {
        self.inner
            .add_network(network_config(config)?)
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn remove_network(&self, net: u32) {
        self.inner.remove_network(net);
    }

    /// A descriptor of our own `Tap` is duplicated, so that both may close theirs; any other is taken over.
    #[napi]
    pub fn attach_adapter(&self, net: u32, fd: i32, name: String) -> Result<()> {
        let taken = if is_own(fd) {
            sys::duplicate(fd)
        } else {
            sys::take_fd(fd)
        };
        let fd = taken.map_err(|e| bad(format!("The descriptor of {name} is not usable: {e}.")))?;
        let offloads = if self.no_offloads {
            Offloads::None
        } else {
            Offloads::Auto
        };
        let adapter = Adapter::from_fd(fd, offloads).map_err(of_device)?;
        if adapter.kind() != Kind::Tap {
            return Err(bad(format!("{name} is not a TAP.")));
        }
        // An interface that is down has no carrier to set; it gets one when it comes up.
        let _ = adapter.set_carrier(true);
        self.inner.attach(net, Arc::new(adapter));
        Ok(())
    }

    #[napi]
    pub fn detach_adapter(&self, net: u32) {
        self.inner.detach(net);
    }

    #[napi]
    pub fn set_peers(&self, net: u32, peers: Vec<PeerConfig>) -> Result<()> {
        let peers = peers.into_iter().map(peer_config).collect::<Result<Vec<_>>>()?;
        self.inner.set_peers(net, peers);
        Ok(())
    }

    #[napi]
    pub fn remove_peers(&self, net: u32, peers: Vec<u32>) {
        self.inner.remove_peers(net, peers);
    }

    #[napi]
    pub fn connect(&self, net: u32, peer: u32, ways: Vec<String>, hint: Option<Uint8Array>) -> Result<()> {
        let hint = hint.map(|h| h.to_vec()).unwrap_or_default();
        self.inner
            .connect(net, peer, ways_of(&ways), hint)
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn set_ways(&self, net: u32, peer: u32, ways: Vec<String>) -> Result<()> {
        self.inner
            .set_ways(net, peer, ways_of(&ways))
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn try_ways(&self, net: u32, peer: u32, ways: Vec<String>) -> Result<()> {
        self.inner
            .try_ways(net, peer, ways_of(&ways))
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn set_relay(&self, net: u32, options: RelayOptions) {
        // Negative and NaN become 0 by the cast, which would mean unlimited.
        let rate = options.bytes_per_second.max(0.0);
        let on = options.on && !options.bytes_per_second.is_nan() && options.bytes_per_second >= 0.0;
        self.inner.set_relay(net, on, rate as u64);
    }

    #[napi]
    pub fn set_outside(&self, options: OutsideOptions) {
        self.inner.set_outside(options.datagrams, options.traffic_class);
    }

    #[napi]
    pub fn set_pace(&self, net: u32, peer: u32, pace: Pace) {
        let whole = |n: Option<f64>| n.unwrap_or(0.0) as u64;
        let pace = dp::Pace {
            bytes_per_second: whole(pace.bytes_per_second),
            aggregate_us: whole(pace.aggregate_ms.map(|ms| ms * 1_000.0)),
        };
        self.inner.set_pace(net, peer, pace);
    }

    #[napi]
    pub fn set_fair(&self, net: u32, options: FairOptions) {
        // Negative and NaN become 0 by the cast: the default.
        let rates = dp::FairRates {
            group: options.bytes_per_second.unwrap_or(0.0) as u64,
            uplink: options.own_bytes_per_second.unwrap_or(0.0) as u64,
        };
        self.inner.set_fair(net, rates);
    }

    #[napi]
    pub fn set_routes(&self, net: u32, routes: Vec<Route>) -> Result<()> {
        let route = |r: Route| Ok((parse::bytes("An origin", &r.origin)?, r.via));
        let routes = routes.into_iter().map(route).collect::<Result<Vec<_>>>()?;
        self.inner.set_routes(net, routes).map_err(of_dataplane)
    }

    #[napi]
    pub fn set_relays(&self, net: u32, peer: u32, relays: Vec<RelayShare>) -> Result<()> {
        let weight = |n: u32| n.clamp(1, u32::from(u16::MAX)) as u16;
        let relays = relays.iter().map(|r| (r.via, weight(r.weight))).collect();
        self.inner.set_relays(net, peer, relays).map_err(of_dataplane)
    }

    #[napi]
    pub fn open_link(&self, options: LinkOptions) -> Result<u32> {
        let queue_bytes = options
            .queue_bytes
            .map_or(dp::limits::LINK_QUEUE_DEFAULT, |n| n as usize);
        let options = dp::LinkOptions {
            transport: options.transport,
            endpoint: options.endpoint,
            queue_bytes,
        };
        self.inner.open_link(options).map_err(of_dataplane)
    }

    #[napi]
    pub fn close_link(&self, link: u32) {
        self.inner.close_link(link);
    }

    #[napi]
    pub fn link_receive(&self, link: u32, batch: Uint8Array) -> Result<()> {
        self.inner
            .link_receive(link, batch.to_vec())
            .map_err(of_dataplane)
    }

    #[napi]
    pub fn link_take(&self, link: u32, max_bytes: u32) -> Uint8Array {
        self.inner.link_take(link, max_bytes as usize).into()
    }

    #[napi]
    pub fn on_links(&self, callback: Function<'_, Vec<u32>, Unknown<'static>>) -> Result<()> {
        let links = self.inner.links();
        let function: LinksFunction = callback
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<WAKES_WAITING>()
            // Asked when the call is made, not when it is ordered: what comes meanwhile needs no call of its own.
            .build_callback(move |_| Ok(links.take()))
            .map_err(|e| coded("internal", e.reason.clone()))?;
        self.inner.on_links(Box::new(move || {
            function.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        Ok(())
    }

    #[napi]
    pub fn disconnect(&self, net: u32, peer: u32) {
        self.inner.disconnect(net, peer);
    }

    #[napi]
    pub fn answer_stranger(&self, net: u32, ask: u32, accept: bool) {
        self.inner.answer_stranger(net, ask, accept);
    }

    #[napi]
    pub fn send_control(&self, net: u32, peer: u32, bytes: Uint8Array) -> bool {
        self.inner.send_control(net, peer, bytes.to_vec())
    }

    #[napi]
    pub fn set_groups(&self, net: u32, groups: Vec<GroupConfig>) -> Result<()> {
        let groups = groups.into_iter().map(group_config).collect::<Result<Vec<_>>>()?;
        self.inner.set_groups(net, groups).map_err(of_dataplane)
    }

    #[napi]
    pub fn set_anywhere(&self, options: Option<AnywhereOptions>) -> Result<()> {
        let config = options.map(anywhere_config).transpose()?;
        self.inner.set_anywhere(config).map_err(of_dataplane)
    }

    #[napi]
    pub fn rotate_keys(&self, net: u32) {
        self.inner.rotate_keys(net);
    }

    #[napi]
    pub fn poke(&self) {
        self.inner.poke();
    }

    #[napi]
    pub fn stats(&self) -> Stats {
        self.inner.stats().into()
    }

    #[napi]
    pub fn close(&self) {
        self.inner.close();
    }
}
