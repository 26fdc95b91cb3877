//! What other threads ask of the receive thread.

use crate::api::{CastKey, FairRates, GroupConfig, NetId, PeerConfig, PeerId, Stats, Way};
use crate::limits::COMMANDS_MAX;
use crate::network::Net;
use crate::pace::Pace;
use crate::sys::Wake;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use weft_device::Device;
use weft_forward::tree::TreeName;
use weft_session::{CastTx, SenderKey};
use weft_socket::UdpSocket;

pub enum Command {
    AddSocket(Arc<UdpSocket>, bool),
    AddNetwork(Box<Net>),
    RemoveNetwork(NetId),
    Attach {
        net: NetId,
        device: Arc<dyn Device>,
    },
    Detach(NetId),
    SetPeers(NetId, Vec<PeerConfig>),
    RemovePeers(NetId, Vec<PeerId>),
    Connect {
        net: NetId,
        peer: PeerId,
        ways: Vec<Way>,
        hint: Vec<u8>,
    },
    SetRelay {
        net: NetId,
        on: bool,
        bytes_per_second: u64,
    },
    SetRoutes(NetId, Vec<([u8; 8], PeerId)>),
    /// Neighbours and their weights.
    SetRelays(NetId, PeerId, Vec<(PeerId, u16)>),
    SetPace(NetId, PeerId, Pace),
    SetFair(NetId, FairRates),
    SetWays(NetId, PeerId, Vec<Way>),
    TryWays(NetId, PeerId, Vec<Way>),
    LinkOpened(u32),
    LinkClosed(u32),
    /// Whole frames that came by a link.
    LinkFrames(u32, Vec<u8>),
    Disconnect(NetId, PeerId),
    AnswerStranger {
        net: NetId,
        ask: u32,
        accept: bool,
    },
    Control {
        net: NetId,
        peer: PeerId,
        bytes: Vec<u8>,
    },
    SetGroups(NetId, Vec<GroupConfig>),
    /// The part, and the origin's sealing key.
    /// With the key that its casts are signed with, and what own ones are sealed with.
    SetTree(
        NetId,
        Box<weft_forward::tree::TreeConfig>,
        Option<[u8; 32]>,
        Option<Arc<CastTx>>,
    ),
    DropTree(NetId, TreeName),
    SetCastKey(NetId, Box<CastKey>),
    SendOn(NetId, IpAddr, Vec<u16>),
    SendDirectly(NetId, IpAddr),
    /// The host's stream to a group is over.
    StreamEnded(NetId, IpAddr),
    RotateKeys(NetId),
    Poke,
    Stats(SyncSender<Stats>),
    Close,
    /// From an adapter's thread: frames were sent to a peer whose session rested.
    Activity(NetId, PeerId),
    /// From an adapter's thread: a cast goes to a peer that has not the current sender key.
    GiveKey(NetId, PeerId, SenderKey),
    /// From an adapter's thread: it ends. The flag tells it from a later adapter's.
    AdapterEnded(NetId, Arc<AtomicBool>),
}

/// Bounded; a lock per command, never per packet.
pub struct Commands {
    queue: Mutex<VecDeque<Command>>,
    wake: Arc<Wake>,
}

impl Commands {
    pub fn new(wake: Arc<Wake>) -> Commands {
        Commands {
            queue: Mutex::default(),
            wake,
        }
    }

    /// False when the queue is full: the receive thread is stuck or has ended.
    pub fn push(&self, command: Command) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= COMMANDS_MAX {
            return false;
        }
        queue.push_back(command);
        drop(queue);
        self.wake.wake();
        true
    }

    /// Lets the receive thread look at its deadlines anew.
    pub fn wake(&self) {
        self.wake.wake();
    }

    /// Takes everything.
    pub fn take(&self) -> VecDeque<Command> {
        self.wake.clear();
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
