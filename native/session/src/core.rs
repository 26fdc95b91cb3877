//! What all parts of the manager share: outputs, indices, timers, randomness, counts.

use crate::api::{Entropy, Event, NetworkConfig, Options, Output};
use crate::drops::{DropReason, Drops};
use crate::lateness::Lateness;
use crate::limits::FRAME_MAX;
use crate::mac::{MacKey, mac_key};
use crate::noise::public_key;
use crate::path::Path;
use crate::peer::Peer;
use crate::peers::Peers;
use crate::slots::{PeerName, Slots};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use zeroize::Zeroizing;

pub(crate) struct Core {
    pub options: Options,
    pub slots: Slots,
    pub drops: Drops,
    /// Idle pings over UDP become as rare as the way bears.
    pub adapts_idle: bool,
    pub lateness: Lateness,
    outputs: VecDeque<Output>,
    timers: BTreeSet<(u64, PeerName)>,
    entropy: Box<dyn Entropy>,
}

impl Core {
    pub fn new(options: Options, entropy: Box<dyn Entropy>) -> Core {
        Core {
            options,
            slots: Slots::default(),
            drops: Drops::default(),
            adapts_idle: false,
            lateness: Lateness::default(),
            outputs: VecDeque::new(),
            timers: BTreeSet::new(),
            entropy,
        }
    }

    pub fn fill(&mut self, out: &mut [u8]) {
        self.entropy.fill(out);
    }

    pub fn secret(&mut self) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0u8; 32]);
        self.fill(&mut out[..]);
        out
    }

    pub fn random(&mut self) -> u64 {
        let mut out = [0u8; 8];
        self.fill(&mut out);
        u64::from_be_bytes(out)
    }

    /// 0 .. `below`, for jitter.
    pub fn jitter(&mut self, below: u64) -> u64 {
        self.random() % below
    }

    pub fn index(&mut self, owner: PeerName) -> Option<u32> {
        let random = self.random() as u16;
        self.slots.take(owner, random)
    }

    pub fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub fn transmit(&mut self, path: Path, bytes: Vec<u8>) {
        debug_assert!(bytes.len() <= FRAME_MAX);
        self.push(Output::Transmit { path, bytes });
    }

    /// Answers a datagram whose sender is not authentic: never with more bytes than it had.
    pub fn reply(&mut self, path: Path, asked: usize, bytes: Vec<u8>) {
        assert!(
            bytes.len() <= asked,
            "an answer of {} bytes to {asked}",
            bytes.len()
        );
        self.transmit(path, bytes);
    }

    pub fn count(&mut self, reason: DropReason) {
        self.drops.count(reason);
    }

    /// Frees an index whose keys the `Rx` has.
    pub fn forget_rx(&mut self, index: u32) {
        self.slots.release(index);
        self.push(Output::RxRemove { index });
    }

    pub fn schedule(&mut self, name: PeerName, peer: &mut Peer, deadline: u64) {
        if peer.deadline != deadline {
            self.unschedule(name, peer);
            peer.deadline = deadline;
            if deadline != u64::MAX {
                self.timers.insert((deadline, name));
            }
        }
    }

    pub fn unschedule(&mut self, name: PeerName, peer: &mut Peer) {
        self.timers.remove(&(peer.deadline, name));
        peer.deadline = u64::MAX;
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }

    /// Fills `into` anew with the peers whose deadline has come.
    pub fn due(&self, now: u64, into: &mut Vec<PeerName>) {
        into.clear();
        into.extend(self.timers.range(..(now + 1, (0, 0))).map(|(_, name)| *name));
    }
}

/// One network, but for its peers.
pub(crate) struct NetState {
    pub net: u32,
    pub network_id: [u8; 32],
    pub secret: Zeroizing<[u8; 32]>,
    pub public: [u8; 32],
    pub mac_key: MacKey,
    /// Answered hellos by their ephemeral key.
    pub half_open: BTreeMap<[u8; 32], u32>,
    pub initiations: usize,
}

impl NetState {
    pub fn new(config: NetworkConfig) -> NetState {
        let public = public_key(&config.secret_key);
        NetState {
            net: config.net,
            network_id: config.network_id,
            secret: config.secret_key,
            public,
            mac_key: mac_key(&public),
            half_open: BTreeMap::new(),
            initiations: 0,
        }
    }

    pub fn name(&self, peer: &Peer) -> PeerName {
        (self.net, peer.config.peer)
    }
}

pub(crate) struct Network {
    pub state: NetState,
    pub peers: Peers,
}
