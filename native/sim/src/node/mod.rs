//! One member's data plane without threads, sockets or clock: `weft-session` and `weft-forward` joined as the real data plane
//! joins them. `now` is the host's monotonic clock, µs. After every call do what [`Node::poll`] says, in order, and read
//! [`Node::next_deadline`] again.

mod casts;
mod commands;
mod ear;
mod holds;
mod hostile;
mod network;
mod outputs;
mod packets;
mod relays;
mod sending;
mod trees;

use crate::api::{Event, NetId};
use crate::kinds::Kinds;
use crate::rng::Rng;
use crate::traffic::{Kind, Traffic};
pub use commands::Addresses;
use hostile::Hoard;
use network::Net;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use weft_forward::{DropReason, PeerId};
use weft_session::{CastRx, Options, Path, Rx, Sessions, SignedRx, Suite, Tx, wire};

/// What the surroundings of a node have to do.
#[derive(Debug)]
pub enum Out {
    /// Send one UDP datagram.
    Send {
        to: SocketAddr,
        kind: Kind,
        bytes: Vec<u8>,
    },
    /// A member's packet for the applications of this host.
    Deliver {
        net: NetId,
        packet: Vec<u8>,
    },
    /// An Ethernet frame of the data plane itself for the adapter: queries, answers to ARP and neighbour solicitations.
    Frame {
        net: NetId,
        frame: Vec<u8>,
    },
    Event(Event),
}

/// Figures of a node's life.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub sent: Traffic,
    pub received: Traffic,
    pub casts_sealed: u64,
    pub copies_own: u64,
    /// Copies of others' casts.
    pub copies_relayed: u64,
    /// Casts of trees sent again, because somebody missed them.
    pub copies_again: u64,
    /// Most copies of one cast.
    pub outdegree_max: u64,
    /// Own casts by how many copies were sent of each.
    pub own_by_copies: Vec<u64>,
    /// Casts whose packet no application here wants.
    pub casts_unwanted: u64,
    pub delivered: u64,
    pub packet_drops: BTreeMap<&'static str, u64>,
    pub kinds: Kinds,
}

impl Figures {
    fn note_own(&mut self, copies: usize, casts: u64) {
        if self.own_by_copies.len() <= copies {
            self.own_by_copies.resize(copies + 1, 0);
        }
        self.own_by_copies[copies] += casts;
    }

    /// Adds those of another life; `drops` instead of its `packet_drops`.
    pub fn add(&mut self, other: &Figures, drops: &BTreeMap<&'static str, u64>) {
        self.sent.add_all(&other.sent);
        self.received.add_all(&other.received);
        self.casts_sealed += other.casts_sealed;
        self.copies_own += other.copies_own;
        self.copies_relayed += other.copies_relayed;
        self.copies_again += other.copies_again;
        self.outdegree_max = self.outdegree_max.max(other.outdegree_max);
        for (copies, casts) in other.own_by_copies.iter().enumerate() {
            self.note_own(copies, *casts);
        }
        self.kinds.add_all(&other.kinds);
        self.casts_unwanted += other.casts_unwanted;
        self.delivered += other.delivered;
        for (name, n) in drops {
            *self.packet_drops.entry(name).or_default() += n;
        }
    }
}

pub struct Node {
    sessions: Sessions,
    rx: Rx,
    cast_rx: CastRx,
    signed_rx: SignedRx,
    nets: BTreeMap<NetId, Net>,
    outs: VecDeque<Out>,
    rng: Rng,
    /// The UDP port of this host: packets from it must not go into the tunnel again.
    port: u16,
    plants: Plants,
    hoard: Hoard,
    figures: Figures,
}

/// Bugs, planted to see whether tests find them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plants {
    /// Nothing that is lost under way is asked for or given back.
    pub no_repair: bool,
    /// Signatures of casts are not looked at.
    pub no_verify: bool,
}

impl Node {
    pub fn new(mut rng: Rng, port: u16, plants: Plants) -> Node {
        let mut entropy = Rng::new(rng.draw());
        // What the machine can do fast must not decide what a run does: AES-256-GCM everywhere.
        let options = Options {
            suites: Suite::Aes256Gcm.bit(),
            features: 0,
        };
        Node {
            sessions: Sessions::new(options, Box::new(move |out: &mut [u8]| entropy.fill(out))),
            rx: Rx::new(),
            cast_rx: CastRx::new(),
            signed_rx: SignedRx::new(),
            nets: BTreeMap::new(),
            outs: VecDeque::new(),
            rng,
            port,
            plants,
            hoard: Hoard::default(),
            figures: Figures::default(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Out> {
        self.outs.pop_front()
    }

    /// When to call [`Node::handle_timeout`], by the host's clock; `u64::MAX`: never.
    pub fn next_deadline(&self) -> u64 {
        let nets = self
            .nets
            .values()
            .map(Net::next_deadline)
            .min()
            .unwrap_or(u64::MAX);
        self.sessions.next_deadline().min(nets)
    }

    pub fn handle_timeout(&mut self, now: u64) {
        if self.sessions.next_deadline() <= now {
            self.sessions.handle_timeout(now);
            self.drain(now);
        }
        let due: Vec<NetId> = self
            .nets
            .iter()
            .filter(|(_, n)| n.next_deadline() <= now)
            .map(|(id, _)| *id)
            .collect();
        for net in due {
            self.network_timeout(now, net);
        }
    }

    /// A datagram from the underlay.
    pub fn receive(&mut self, now: u64, from: SocketAddr, bytes: Vec<u8>) {
        let path = Path::Udp {
            socket: 0,
            remote: from,
        };
        self.take_frame(now, path, bytes);
    }

    /// A frame that came straight or inside of a relay's.
    fn take_frame(&mut self, now: u64, path: Path, mut bytes: Vec<u8>) {
        let len = bytes.len();
        match bytes.first() {
            Some(&wire::DATA) => self.take_data(now, path, &mut bytes),
            Some(&wire::CAST) => {
                self.figures.received.add(Kind::Cast, len);
                self.take_cast(now, path, &mut bytes);
            }
            Some(&wire::CARRY) => self.take_carry(now, path, bytes),
            _ => {
                self.figures.received.add(Kind::Hello, len);
                self.sessions.handle(now, path, &bytes);
                self.drain(now);
            }
        }
    }

    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Everything that was dropped, by reason.
    pub fn drops(&self) -> BTreeMap<&'static str, u64> {
        let mut all = self.figures.packet_drops.clone();
        let casts = [self.cast_rx.drops(), self.signed_rx.drops()];
        for drops in [self.sessions.drops(), self.rx.drops(), casts[0], casts[1]] {
            for (name, n) in drops.iter() {
                *all.entry(name).or_default() += n;
            }
        }
        all
    }

    /// What the trees did, by name, over all networks.
    pub fn tree_counters(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for (name, n) in self
            .nets
            .values()
            .flat_map(|net| net.trees.plane.counters().iter())
        {
            *all.entry(name).or_default() += n;
        }
        all
    }

    fn event(&mut self, event: Event) {
        self.outs.push_back(Out::Event(event));
    }

    fn drop_packet(&mut self, reason: DropReason) {
        *self.figures.packet_drops.entry(reason.name()).or_default() += 1;
    }

    /// `flow`: of a packet, for what a relay may have to carry.
    fn send(&mut self, now: u64, path: Path, kind: Kind, bytes: Vec<u8>, flow: Option<u64>) {
        match path {
            Path::Udp { remote: to, .. } => {
                self.figures.sent.add(kind, bytes.len());
                if kind == Kind::Hello {
                    self.figures.kinds.leaves(&bytes);
                }
                self.outs.push_back(Out::Send { to, kind, bytes });
            }
            Path::Carry { .. } => self.send_carried(now, path, kind, &bytes, flow),
            // Stream transports live outside of the data plane; the simulator has none yet.
            Path::Link(_) => {}
        }
    }

    /// Sends a frame sealed by `tx` and tells the session that it did.
    fn send_sealed(&mut self, now: u64, tx: &Tx, kind: Kind, frame: Vec<u8>, flow: u64) {
        let bytes = frame.len() as u64;
        self.send(now, tx.path(), kind, frame, Some(flow));
        let wakes = if kind == Kind::Cast {
            tx.hop().note_cast(now, 1, bytes)
        } else {
            tx.hop().note_sent(now, 1, bytes)
        };
        if wakes {
            self.sessions.activity(now, tx.net(), tx.peer());
            self.drain(now);
        }
    }
}

/// (net, peer)
type PeerName = (NetId, PeerId);
