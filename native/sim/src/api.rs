//! What an engine and its node say to each other; the shapes of `native/addon/index.d.ts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use weft_forward::tree::TreeEvent;
use weft_forward::{FilterMode, PeerId};
use weft_packet::Mac;
use weft_session::Secret;

pub type NetId = u32;

#[derive(Clone, Debug)]
pub struct PeerConfig {
    pub peer: PeerId,
    /// X25519 public key.
    pub key: [u8; 32],
    /// Members exchange packets; strangers only control messages.
    pub member: bool,
    /// First 8 bytes of the member id.
    pub origin: [u8; 8],
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Option<Ipv6Addr>,
    pub link_local: Option<Ipv6Addr>,
    pub mac: Option<Mac>,
}

#[derive(Clone)]
pub struct NetworkConfig {
    pub net: NetId,
    pub network_id: [u8; 32],
    pub secret_key: Secret,
    pub origin: [u8; 8],
    pub ipv4: Option<(Ipv4Addr, u8)>,
    pub ipv6: Ipv6Addr,
    pub ipv6_prefix: u8,
    pub link_local: Ipv6Addr,
    pub mac: Mac,
    pub mtu: usize,
}

/// Receivers of one group on other hosts, and whether it is signed; neither removes it.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    pub group: IpAddr,
    pub receivers: Vec<(PeerId, FilterMode, Vec<IpAddr>)>,
    /// What the host sends to it goes by trees however few receive it.
    pub repaired: bool,
    /// What comes by trees is believed only where its origin signed it.
    pub signed: bool,
    /// The receivers are beside those named before, and the rest of this says nothing.
    pub more: bool,
}

/// A subscriber's key of an origin's tree.
#[derive(Clone)]
pub struct CastKey {
    pub origin: [u8; 8],
    pub tree: u16,
    pub id: u32,
    /// Sequences below are not accepted.
    pub lowest: u64,
    pub key: Secret,
}

/// How a peer may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Udp(SocketAddr),
    /// Relayed by the peer with this handle.
    Via(PeerId),
}

/// A group that applications on this host joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalGroup {
    pub group: IpAddr,
    pub mode: FilterMode,
    pub sources: Vec<IpAddr>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Control {
        net: NetId,
        peer: PeerId,
        bytes: Vec<u8>,
    },
    Stranger {
        net: NetId,
        ask: u32,
        key: [u8; 32],
        hint: Vec<u8>,
        from: String,
    },
    Up {
        net: NetId,
        peer: PeerId,
        transport: &'static str,
        endpoint: String,
        observed: Option<String>,
        rtt_ms: Option<f64>,
    },
    Down {
        net: NetId,
        peer: PeerId,
        reason: &'static str,
    },
    Want {
        net: NetId,
        peer: PeerId,
    },
    /// What the way to the peer carries, measured while it was full: bytes a second with IP and UDP headers; 0: it is not slow any more.
    Line {
        net: NetId,
        peer: PeerId,
        bytes_per_second: u64,
    },
    /// Data went out and nothing comes back.
    Suspect {
        net: NetId,
        peer: PeerId,
    },
    Groups {
        net: NetId,
        groups: Vec<LocalGroup>,
    },
    /// The host sends to a group with many receivers.
    Stream {
        net: NetId,
        group: IpAddr,
    },
    StreamEnd {
        net: NetId,
        group: IpAddr,
    },
    Tree {
        net: NetId,
        event: TreeEvent,
    },
    Problem {
        net: NetId,
        code: &'static str,
        message: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerStats {
    pub net: NetId,
    pub peer: PeerId,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_packets: u64,
    pub tx_packets: u64,
    pub rtt_ms: Option<f64>,
    pub silent_ms: Option<f64>,
    pub up: bool,
    pub transport: Option<&'static str>,
    pub endpoint: Option<String>,
}
