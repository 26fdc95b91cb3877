//! What goes into and comes out of the data plane. The binding maps it one to one (`native/addon/index.d.ts`).

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_forward::FilterMode;
use weft_packet::Mac;

/// Handle of a network, chosen by the engine, unique in the process.
pub type NetId = u32;
pub use weft_forward::PeerId;
pub use weft_forward::tree::Repair;

/// A member (or stranger) of a network.
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

/// This host in a network.
#[derive(Clone)]
pub struct NetworkConfig {
    pub net: NetId,
    pub network_id: [u8; 32],
    /// X25519 secret; wiped by the sessions when the network is removed.
    pub secret_key: weft_session::Secret,
    pub origin: [u8; 8],
    /// Address and prefix length.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    pub ipv6: Ipv6Addr,
    pub ipv6_prefix: u8,
    pub link_local: Ipv6Addr,
    pub mac: Mac,
    /// Bytes of an IP packet on the adapter.
    pub mtu: usize,
}

/// Receivers of one group on other hosts, who may send to it, whether that is signed. None of these: the group is forgotten.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    pub group: IpAddr,
    pub receivers: Vec<(PeerId, FilterMode, Vec<IpAddr>)>,
    /// `None`: every member.
    pub publishers: Option<Vec<PeerId>>,
    /// What the host sends to it is repaired, so it goes by trees however few receive it.
    pub repaired: bool,
    /// What comes by trees is believed only where its origin signed it.
    pub signed: bool,
    /// The receivers are beside those named before, and the rest of this says nothing.
    pub more: bool,
}

/// This node's part in one epoch of a tree.
#[derive(Clone, Debug)]
pub struct TreeConfig {
    /// First 8 bytes of the member id of whose packets travel here.
    pub origin: [u8; 8],
    /// ≥ 1.
    pub tree: u16,
    /// Wraps.
    pub epoch: u16,
    /// `None`: this node is the origin.
    pub parent: Option<PeerId>,
    /// In order: asked when the parent is silent.
    pub backups: Vec<PeerId>,
    pub children: Vec<PeerId>,
    /// Who may graft itself here.
    pub adoptable: Vec<PeerId>,
    pub repair: Repair,
    /// What this node may send for this tree, bytes a second; 0 = unlimited.
    pub bytes_per_second: u64,
    /// Groups whose packets travel here; each may bring a group's share. 0 counts as one.
    pub groups: u16,
    /// The host has left all of them since the tree was planned: nobody is asked to feed it.
    pub left: bool,
    /// The key that its casts are signed with (Ed25519), as its origin said; `None`: they are not. At the origin its own
    /// (`cast_signer`).
    pub signer: Option<[u8; 32]>,
    /// The origin only: name of the key that packets are sealed with from this epoch on, and the key.
    pub key: Option<(u32, weft_session::Secret)>,
}

/// Bytes a second, 0 = the data plane's own ceilings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FairRates {
    /// What one member, this host included, may send to one group.
    pub group: u64,
    /// What this host may send to all its groups.
    pub uplink: u64,
}

/// A subscriber's key of an origin's tree.
#[derive(Clone)]
pub struct CastKey {
    pub origin: [u8; 8],
    pub tree: u16,
    pub id: u32,
    /// Sequences below are not accepted under this key.
    pub lowest: u64,
    pub key: weft_session::Secret,
}

/// Datagrams that applications send by other interfaces than the overlay's.
#[derive(Debug)]
pub struct AnywhereConfig {
    /// The helper's end of a SOCK_SEQPACKET pair: each message is the interface's number (u32, big-endian) and an IP packet.
    pub packets: std::os::fd::OwnedFd,
    /// Addresses of this host: what others sent and this host only passes on is not taken.
    pub own: Vec<IpAddr>,
    pub groups: weft_anywhere::Groups,
    /// UDP ports, at either end, whose datagrams are Weft's own.
    pub except_ports: Vec<u16>,
    /// Where they go as well.
    pub nets: Vec<NetId>,
}

/// A group that applications on this host joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalGroup {
    pub group: IpAddr,
    pub mode: FilterMode,
    pub sources: Vec<IpAddr>,
}

/// One way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Udp(std::net::SocketAddr),
    Link(u32),
    /// Relayed by this peer.
    Via(PeerId),
}

impl std::str::FromStr for Way {
    type Err = ();

    /// "192.0.2.1:4000", "link:7", "via:12".
    fn from_str(text: &str) -> Result<Way, ()> {
        let number = |text: &str| text.parse().map_err(|_| ());
        if let Some(link) = text.strip_prefix("link:") {
            return number(link).map(Way::Link);
        }
        if let Some(via) = text.strip_prefix("via:") {
            return number(via).map(Way::Via);
        }
        text.parse().map(Way::Udp).map_err(|_| ())
    }
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// An authentic frame came by it.
    Proven,
    /// None came for a minute.
    Unused,
}

/// For the engine.
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
        transport: String,
        endpoint: String,
        /// The link that carries, if one does.
        link: Option<u32>,
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
    Suspect {
        net: NetId,
        peer: PeerId,
    },
    Link {
        link: u32,
        state: LinkState,
    },
    Groups {
        net: NetId,
        groups: Vec<LocalGroup>,
    },
    /// The host sends to a group that more than `TREE_FROM` others receive, or any other where it is repaired.
    Stream {
        net: NetId,
        group: IpAddr,
    },
    StreamEnd {
        net: NetId,
        group: IpAddr,
    },
    /// This node moved to a backup parent by itself.
    Grafted {
        net: NetId,
        origin: [u8; 8],
        tree: u16,
        from: Option<PeerId>,
        to: PeerId,
    },
    TreeTrouble {
        net: NetId,
        origin: [u8; 8],
        tree: u16,
        code: &'static str,
        /// Who is to blame.
        peer: PeerId,
    },
    /// Broadcast or multicast beyond a member's share was dropped; at most once a second for each pair.
    Limited {
        net: NetId,
        /// Whose packets; `None`: this host's own.
        peer: Option<PeerId>,
        /// `None`: all its groups together, or those of a tree.
        group: Option<IpAddr>,
        /// Packets dropped since it began.
        dropped: u64,
    },
    AdapterLost {
        net: NetId,
        message: String,
    },
    Problem {
        net: NetId,
        code: &'static str,
        message: String,
    },
}

/// Figures of one peer.
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
    pub transport: Option<String>,
    pub endpoint: Option<String>,
    /// The link that carries, if one does.
    pub link: Option<u32>,
}

/// What the host sent to a group since its `Stream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStats {
    pub net: NetId,
    pub group: IpAddr,
    /// Of one copy of each packet with all headers, however many receive it.
    pub bytes: u64,
}

/// Figures of the whole data plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    pub peers: Vec<PeerStats>,
    /// Counts by reason since start.
    pub drops: BTreeMap<&'static str, u64>,
    pub counters: BTreeMap<&'static str, u64>,
    /// Groups between `Stream` and `StreamEnd`.
    pub streams: Vec<StreamStats>,
    /// Calls of the waker since start.
    pub wakes: u64,
}

/// How to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// No GSO, GRO, TSO, USO or checksum offload anywhere.
    pub no_offloads: bool,
    /// DSCP and ECN of packets stay inside of the tunnel: outer headers show none, and marks set under way are lost.
    pub no_class: bool,
    /// Longest datagram that paths are known to carry, bytes; longer frames go out as Weft's own fragments.
    pub frame_max: Option<usize>,
}

/// A code of the contract's error table, and a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: &'static str,
    pub message: String,
}

impl Error {
    pub fn new(code: &'static str, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
        }
    }

    pub fn bad_argument(message: impl Into<String>) -> Error {
        Error::new("bad-argument", message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<weft_socket::BindError> for Error {
    fn from(e: weft_socket::BindError) -> Error {
        Error::new(e.code.name(), e.message)
    }
}

impl From<weft_device::DeviceError> for Error {
    fn from(e: weft_device::DeviceError) -> Error {
        Error::new(e.code.name(), e.message)
    }
}
