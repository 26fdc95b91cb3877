//! The handle: checks what the engine asks and passes it to the receive thread.

use crate::adapter::Common;
use crate::anywhere::Taking;
use crate::api::{
    AnywhereConfig, Error, Event, FairRates, GroupConfig, NetId, NetworkConfig, Options, PeerConfig, PeerId,
    Stats, Way,
};
use crate::command::{Command, Commands};
use crate::core::Core;
use crate::events::{Events, Waker};
use crate::limits::{
    AGGREGATE_MAX_US, CLOSE_WAIT_MS, CONTROL_MESSAGE_MAX, CONTROL_QUEUE_MAX, ENDPOINTS_MAX, PACE_RATE_LEAST,
    POLL_DEFAULT, RELAYS_PER_PEER_MAX, ROUTES_MAX, SOCKETS_MAX, STATS_WAIT_MS,
};
use crate::network::Net;
use crate::pace::Pace;
use crate::shared::{NetShared, Outside};
use crate::spawn;
use crate::sys::Wake;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weft_device::Device;
use weft_socket::UdpSocket;

/// MTUs of networks, bytes: IPv6 needs the least, the largest UDP datagram bounds the most.
pub const MTU_RANGE: std::ops::RangeInclusive<usize> = 1_280..=65_000;

/// A running data plane. All calls return at once; what they ask happens on its threads.
pub struct Dataplane {
    pub(crate) common: Common,
    options: Options,
    bound: Mutex<Vec<SocketAddr>>,
    pub(crate) nets: Arc<Mutex<HashMap<NetId, Arc<NetShared>>>>,
    /// The thread that takes datagrams from other interfaces.
    anywhere: Mutex<Option<Taking>>,
    last_stats: Mutex<Stats>,
    /// Hears nothing but the end of the receive thread.
    pub(crate) ended: Mutex<Option<Receiver<()>>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The IPv6 wildcard carries IPv4 too, unless IPv4 has a wildcard of its own or a socket with the same port.
fn takes_ipv4_from(other: &SocketAddr, wildcard: &SocketAddr) -> bool {
    let same_port = other.port() == wildcard.port() && other.port() != 0;
    other.is_ipv4() && (other.ip().is_unspecified() || same_port)
}

pub(crate) fn is_group(address: &IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(a) if a.is_broadcast())
}

fn few(ways: &[Way]) -> Result<(), Error> {
    if ways.len() > ENDPOINTS_MAX {
        let message = format!("At most {ENDPOINTS_MAX} ways can be tried together.");
        return Err(Error::bad_argument(message));
    }
    Ok(())
}

impl Dataplane {
    /// Starts the receive thread.
    ///
    /// # Errors
    /// `internal`: the system has no thread or descriptor left.
    pub fn start(options: Options) -> Result<Dataplane, Error> {
        let failed =
            |e: std::io::Error| Error::new("internal", format!("The data plane could not start: {e}."));
        let wake = Arc::new(Wake::new().map_err(failed)?);
        let common = Common {
            sockets: Arc::default(),
            counters: Arc::default(),
            events: Arc::new(Events::new(wake.clone())),
            commands: Arc::new(Commands::new(wake.clone())),
            links: Arc::default(),
            anywhere: Arc::default(),
            outside: Arc::new(Outside {
                no_class: options.no_class.into(),
                ..Outside::default()
            }),
            relay_budget: Arc::default(),
            uplink: Arc::default(),
        };
        let core = Core::new(common.clone(), options, &wake).map_err(failed)?;
        let (alive, ended) = sync_channel(0);
        spawn::guarded("weft-receive", 0, common.clone(), move || {
            // Dropped at the end, panic or not: that is what `close` waits for.
            let _alive = alive;
            core.run();
        })
        .map_err(failed)?;
        Ok(Dataplane {
            common,
            options,
            bound: Mutex::default(),
            nets: Arc::default(),
            anywhere: Mutex::default(),
            last_stats: Mutex::default(),
            ended: Mutex::new(Some(ended)),
        })
    }

    /// `waker` is called from threads of the data plane when `poll` has something, at most 50 times a second.
    pub fn on_wake(&self, waker: Waker) {
        self.common.events.on_wake(waker);
    }

    /// Events, oldest first.
    pub fn poll(&self, max: Option<usize>) -> Vec<Event> {
        self.common.events.poll(max.unwrap_or(POLL_DEFAULT))
    }

    pub(crate) fn push(&self, command: Command) {
        // After `close` nobody would take it. A receive thread that does not take 65,536 commands is beyond help; it has said
        // so by a `problem`.
        if lock(&self.ended).is_some() {
            self.common.commands.push(command);
        }
    }

    /// Binds UDP sockets and returns the bound addresses. None is kept when one fails.
    ///
    /// # Errors
    /// `port-taken`, `address-unavailable`, `no-rights`, `bad-argument`.
    pub fn listen(&self, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, Error> {
        let mut bound = lock(&self.bound);
        if bound.len() + addresses.len() > SOCKETS_MAX {
            return Err(Error::bad_argument(format!(
                "At most {SOCKETS_MAX} addresses can be listened on."
            )));
        }
        let all: Vec<SocketAddr> = bound.iter().chain(addresses).copied().collect();
        let mut sockets = Vec::new();
        for address in addresses {
            let v6_only = address.is_ipv6() && all.iter().any(|other| takes_ipv4_from(other, address));
            let options = weft_socket::Options {
                offloads: !self.options.no_offloads,
                v6_only,
            };
            sockets.push((Arc::new(UdpSocket::bind(*address, options)?), v6_only));
        }
        let locals: Vec<SocketAddr> = sockets.iter().map(|(s, _)| s.local_address()).collect();
        bound.extend(&locals);
        for (socket, v6_only) in sockets {
            self.push(Command::AddSocket(socket, v6_only));
        }
        Ok(locals)
    }

    /// What may be seen outside of the tunnel, from now on: datagrams at all (else only links carry, and what comes by UDP is for nobody), and
    /// traffic classes of what is inside.
    pub fn set_outside(&self, datagrams: bool, traffic_class: bool) {
        self.common.outside.no_class.store(!traffic_class, Relaxed);
        self.common.outside.no_datagrams.store(!datagrams, Relaxed);
        // Sockets that are on their way there find it when they come.
        let sockets = self.common.sockets.load();
        sockets.iter().for_each(|socket| socket.set_quiet(!datagrams));
    }

    /// # Errors
    /// `bad-argument`: the handle is taken, or the MTU is outside of [`MTU_RANGE`].
    pub fn add_network(&self, config: NetworkConfig) -> Result<(), Error> {
        if !MTU_RANGE.contains(&config.mtu) {
            let (least, most) = (MTU_RANGE.start(), MTU_RANGE.end());
            return Err(Error::bad_argument(format!(
                "The MTU {} is not between {least} and {most}.",
                config.mtu
            )));
        }
        let mut nets = lock(&self.nets);
        if nets.contains_key(&config.net) {
            return Err(Error::bad_argument(format!(
                "The network {} is there already.",
                config.net
            )));
        }
        let net = Net::new(config, &self.common);
        nets.insert(net.config.net, net.shared.clone());
        self.push(Command::AddNetwork(Box::new(net)));
        Ok(())
    }

    /// Ends its sessions (with close frames) and forgets it.
    pub fn remove_network(&self, net: NetId) {
        lock(&self.nets).remove(&net);
        self.push(Command::RemoveNetwork(net));
    }

    /// Takes over an adapter; it is closed on detach.
    pub fn attach(&self, net: NetId, device: Arc<dyn Device>) {
        self.push(Command::Attach { net, device });
    }

    pub fn detach(&self, net: NetId) {
        self.push(Command::Detach(net));
    }

    /// Adds or replaces; a changed key ends the session.
    pub fn set_peers(&self, net: NetId, peers: Vec<PeerConfig>) {
        self.push(Command::SetPeers(net, peers));
    }

    pub fn remove_peers(&self, net: NetId, peers: Vec<PeerId>) {
        self.push(Command::RemovePeers(net, peers));
    }

    /// Starts (or refreshes with new candidates) a handshake.
    ///
    /// # Errors
    /// `bad-argument`: more than 16 ways.
    pub fn connect(&self, net: NetId, peer: PeerId, ways: Vec<Way>, hint: Vec<u8>) -> Result<(), Error> {
        few(&ways)?;
        self.push(Command::Connect {
            net,
            peer,
            ways,
            hint,
        });
        Ok(())
    }

    /// Replaces the ways that are tried when the present path falls silent.
    ///
    /// # Errors
    /// `bad-argument`: more than 16 ways.
    pub fn set_ways(&self, net: NetId, peer: PeerId, ways: Vec<Way>) -> Result<(), Error> {
        few(&ways)?;
        self.push(Command::SetWays(net, peer, ways));
        Ok(())
    }

    /// A handshake over these ways beside the running session.
    ///
    /// # Errors
    /// `bad-argument`: more than 16 ways.
    pub fn try_ways(&self, net: NetId, peer: PeerId, ways: Vec<Way>) -> Result<(), Error> {
        few(&ways)?;
        self.push(Command::TryWays(net, peer, ways));
        Ok(())
    }

    /// Whether frames of others are carried, and how many bytes a second (0: any) this machine passes on in all its networks together,
    /// their headers and what trees pass on included.
    pub fn set_relay(&self, net: NetId, on: bool, bytes_per_second: u64) {
        self.push(Command::SetRelay {
            net,
            on,
            bytes_per_second,
        });
    }

    /// Replaces the next hops towards members without a session.
    ///
    /// # Errors
    /// `bad-argument`: more than 4,096.
    pub fn set_routes(&self, net: NetId, routes: Vec<([u8; 8], PeerId)>) -> Result<(), Error> {
        if routes.len() > ROUTES_MAX {
            return Err(Error::bad_argument(format!("At most {ROUTES_MAX} routes.")));
        }
        self.push(Command::SetRoutes(net, routes));
        Ok(())
    }

    /// Spreads the flows to a relayed member over these neighbours by weight.
    ///
    /// # Errors
    /// `bad-argument`: more than 8.
    pub fn set_relays(&self, net: NetId, peer: PeerId, relays: Vec<(PeerId, u16)>) -> Result<(), Error> {
        if relays.len() > RELAYS_PER_PEER_MAX {
            let message = format!("At most {RELAYS_PER_PEER_MAX} relays for one member.");
            return Err(Error::bad_argument(message));
        }
        self.push(Command::SetRelays(net, peer, relays));
        Ok(())
    }

    pub fn disconnect(&self, net: NetId, peer: PeerId) {
        self.push(Command::Disconnect(net, peer));
    }

    pub fn answer_stranger(&self, net: NetId, ask: u32, accept: bool) {
        self.push(Command::AnswerStranger { net, ask, accept });
    }

    /// Reliable and ordered while the session lives. False (nothing queued) without a session, for empty or too long
    /// messages, or when too much is queued for this peer.
    pub fn send_control(&self, net: NetId, peer: PeerId, bytes: Vec<u8>) -> bool {
        let Some(shared) = lock(&self.nets).get(&net).cloned() else {
            return false;
        };
        let view = shared.view.load();
        let Some(state) = view.peers.get(&peer) else {
            return false;
        };
        let len = bytes.len();
        let fits = state.control_pending.load(Relaxed) + len <= CONTROL_QUEUE_MAX;
        if len == 0 || len > CONTROL_MESSAGE_MAX || !fits || state.tx.load().is_none() {
            return false;
        }
        state.control_pending.fetch_add(len, Relaxed);
        let queued = self.common.commands.push(Command::Control { net, peer, bytes });
        if !queued {
            state.control_pending.fetch_sub(len, Relaxed);
        }
        queued
    }

    /// Replaces what is known about these groups.
    ///
    /// # Errors
    /// `bad-argument`: an address that is neither a group nor the broadcast address.
    pub fn set_groups(&self, net: NetId, groups: Vec<GroupConfig>) -> Result<(), Error> {
        if let Some(wrong) = groups.iter().find(|g| !is_group(&g.group)) {
            return Err(Error::bad_argument(format!(
                "{} is not a group address.",
                wrong.group
            )));
        }
        self.push(Command::SetGroups(net, groups));
        Ok(())
    }

    /// The way to this peer is slow: `bytes_per_second` limits what goes there (0 = does not), and small packets wait
    /// `aggregate_us` for company, at most [`AGGREGATE_MAX_US`] (0 = never). Holds until changed, whatever way carries.
    pub fn set_pace(&self, net: NetId, peer: PeerId, pace: Pace) {
        let bytes_per_second = match pace.bytes_per_second {
            0 => 0,
            n => n.max(PACE_RATE_LEAST),
        };
        let aggregate_us = pace.aggregate_us.min(AGGREGATE_MAX_US);
        let pace = Pace {
            bytes_per_second,
            aggregate_us,
        };
        self.push(Command::SetPace(net, peer, pace));
    }

    /// What members may send to groups. More is dropped and told of.
    pub fn set_fair(&self, net: NetId, rates: FairRates) {
        self.push(Command::SetFair(net, rates));
    }

    /// Takes datagrams of applications from other interfaces (or, with `None`, no more). Replaces what was said before.
    ///
    /// # Errors
    /// `internal`: the system has no thread or descriptor left.
    pub fn set_anywhere(&self, config: Option<AnywhereConfig>) -> Result<(), Error> {
        let mut taking = lock(&self.anywhere);
        // Ends the thread before: two at a time would take everything twice.
        *taking = None;
        self.common
            .anywhere
            .set_groups(config.as_ref().map(|c| c.groups.clone()));
        let Some(config) = config else {
            return Ok(());
        };
        let started = Taking::start(config, self.nets.clone(), &self.common);
        *taking = Some(started.map_err(|e| {
            Error::new(
                "internal",
                format!("Datagrams of other interfaces cannot be taken: {e}."),
            )
        })?);
        Ok(())
    }

    pub fn rotate_keys(&self, net: NetId) {
        self.push(Command::RotateKeys(net));
    }

    /// Every session probes its path at once.
    pub fn poke(&self) {
        self.push(Command::Poke);
    }

    /// Figures of this moment; those of the last call when the receive thread is too busy to answer soon.
    pub fn stats(&self) -> Stats {
        let (reply, answer) = sync_channel(1);
        self.push(Command::Stats(reply));
        let mut last = lock(&self.last_stats);
        // Ends at once when the command was not taken.
        if let Ok(stats) = answer.recv_timeout(Duration::from_millis(STATS_WAIT_MS)) {
            *last = stats;
        }
        last.clone()
    }

    /// Ends sessions with close frames, stops threads, closes descriptors. Calls after it do nothing.
    pub fn close(&self) {
        self.push(Command::Close);
        let Some(ended) = lock(&self.ended).take() else {
            return;
        };
        *lock(&self.anywhere) = None;
        lock(&self.nets).clear();
        // An error is the end of the thread, which is what is awaited; one that is stuck is left behind.
        let _ = ended.recv_timeout(Duration::from_millis(CLOSE_WAIT_MS));
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        self.close();
    }
}
