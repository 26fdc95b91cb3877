//! What goes into and comes out of `Sessions`.

use crate::cast::SenderKey;
use crate::path::Path;
use crate::rx::RxSession;
use crate::tx::Tx;
use std::net::SocketAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Randomness, injected. Use the operating system's generator outside of tests.
pub trait Entropy: Send {
    fn fill(&mut self, out: &mut [u8]);
}

impl<F: FnMut(&mut [u8]) + Send> Entropy for F {
    fn fill(&mut self, out: &mut [u8]) {
        self(out);
    }
}

/// What this end offers in handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Mask of `Suite::bit`s; see `Suite::here`.
    pub suites: u8,
    /// `wire::FEATURE_PARTIAL` when partial checksums are understood.
    pub features: u16,
}

/// A network as the sessions know it.
#[derive(Clone)]
pub struct NetworkConfig {
    /// Handle, unique in the process.
    pub net: u32,
    pub network_id: [u8; 32],
    /// Own X25519 secret in this network.
    pub secret_key: Zeroizing<[u8; 32]>,
}

/// Members exchange packets; strangers only control messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Member,
    Stranger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// Handle, unique in its network.
    pub peer: u32,
    /// X25519 public key.
    pub key: [u8; 32],
    pub level: Level,
    /// First 8 bytes of the member id.
    pub origin: [u8; 8],
}

/// Why a session went down; `name()` is the event's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DownReason {
    /// By the engine here, by a close frame, or because the peer started anew.
    Closed,
    /// Nothing was heard for too long.
    Silent,
    /// No candidate answered a handshake.
    Unreachable,
    /// The peer or its network was removed here or there.
    Removed,
}

impl DownReason {
    pub const fn name(self) -> &'static str {
        match self {
            DownReason::Closed => "closed",
            DownReason::Silent => "silent",
            DownReason::Unreachable => "unreachable",
            DownReason::Removed => "removed",
        }
    }
}

/// For the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A control message, whole and in order.
    Control { net: u32, peer: u32, bytes: Vec<u8> },
    /// A hello with an unknown key; answer with `answer_stranger` within `STRANGER_WAIT`.
    Stranger {
        net: u32,
        ask: u32,
        key: [u8; 32],
        hint: Vec<u8>,
        from: Path,
    },
    /// A session became usable both ways, roamed, was renewed over another path, or learned more about itself (the
    /// first round trip, another observed address).
    Up {
        net: u32,
        peer: u32,
        path: Path,
        observed: Option<SocketAddr>,
        rtt_us: Option<u64>,
    },
    /// Data went out and nothing comes back, or its link was closed: a handshake asks all ways that are known. Once per
    /// silence.
    Suspect { net: u32, peer: u32 },
    /// What the way to the peer carries, measured while it was full: bytes a second with IP and UDP headers; 0: it is not slow any more.
    Line {
        net: u32,
        peer: u32,
        bytes_per_second: u64,
    },
    /// The session ended (or could not be made). Control messages not acknowledged are lost.
    Down { net: u32, peer: u32, reason: DownReason },
}

/// What the caller has to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send one datagram. Handshakes and upkeep only: packets are sealed by `Tx`.
    Transmit {
        path: Path,
        bytes: Vec<u8>,
    },
    Event(Event),
    /// Hand to the `Rx` before what follows is done.
    RxInstall(Box<RxSession>),
    /// Remove from the `Rx`.
    RxRemove {
        index: u32,
    },
    /// From now on frames to this peer are sealed by `tx`; replaces the one before. `fresh`: the other end knows
    /// nothing of before, so sender keys have to be given again.
    TxPublished {
        net: u32,
        peer: u32,
        tx: Arc<Tx>,
        fresh: bool,
    },
    /// The peer has no session; threads that still hold its `Tx` find it closed.
    TxWithdrawn {
        net: u32,
        peer: u32,
    },
    /// Hand to the `CastRx` (`install`), then open the casts that it returns.
    SenderKey {
        net: u32,
        peer: u32,
        origin: [u8; 8],
        key: SenderKey,
    },
    /// The peer acknowledged a sender key.
    SenderKeyAcked {
        net: u32,
        peer: u32,
        key_id: u32,
    },
    /// The peer says what it heard lately of this end's frames, for some are lost on the way.
    Heard {
        net: u32,
        peer: u32,
        heard: Heard,
    },
    /// Remove the origin's sender keys from the `CastRx`.
    OriginForgotten {
        net: u32,
        origin: [u8; 8],
    },
}

/// What one end heard of the other's frames within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// µs.
    pub span: u64,
    /// Frames that left, and how many of them came.
    pub passed: u32,
    pub came: u32,
    /// Of what came, with IP and UDP headers.
    pub bytes: u64,
}

/// Figures of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerStats {
    pub up: bool,
    /// No answer for a while; other paths are being tried.
    pub suspect: bool,
    pub path: Option<Path>,
    /// Smoothed.
    pub rtt_us: Option<u64>,
    /// Since the last authentic frame.
    pub silent_us: Option<u64>,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_frames: u64,
    pub tx_frames: u64,
}
