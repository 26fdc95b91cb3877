//! A small internet on a virtual clock: nodes with addresses, and one link between all of them that loses, delays,
//! reorders and duplicates by a seed.
#![allow(dead_code)] // each test file uses its part

mod node;

pub use node::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use weft_session::{Event, Level, Output, PeerConfig, Suite, wire};

pub const NET: u32 = 1;
pub const MS: u64 = 1_000;
pub const S: u64 = 1_000_000;

/// splitmix64: enough to be repeatable.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }
    pub fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }
    pub fn fill(&mut self, out: &mut [u8]) {
        for b in out {
            *b = self.roll() as u8;
        }
    }
}

/// (time, from, to, bytes)
pub type Sent = (u64, SocketAddr, SocketAddr, Vec<u8>);

pub struct World {
    pub now: u64,
    pub nodes: BTreeMap<u32, Node>,
    pub dice: Dice,
    pub loss: u64,
    pub duplicate: u64,
    pub delay: (u64, u64),
    /// Datagrams under way by arrival.
    wire: BTreeMap<(u64, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    serial: u64,
    /// Addresses that nothing reaches and nothing leaves.
    pub dead: BTreeSet<SocketAddr>,
    /// Address translators: what comes in is lost when nothing went out for so long (µs); when something did last.
    pub nats: BTreeMap<SocketAddr, (u64, u64)>,
    /// Further addresses of nodes; what they send comes from the one that was last asked.
    aliases: BTreeMap<SocketAddr, u32>,
    /// Everything ever sent.
    pub log: Rc<RefCell<Vec<Sent>>>,
    pub keep_log: bool,
    /// `packet` tells the sessions that it sent a cast.
    pub as_casts: bool,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            now: 1_000 * S,
            nodes: BTreeMap::new(),
            dice: Dice(seed),
            loss: 0,
            duplicate: 0,
            delay: (10 * MS, 10 * MS),
            wire: BTreeMap::new(),
            serial: 0,
            dead: BTreeSet::new(),
            nats: BTreeMap::new(),
            aliases: BTreeMap::new(),
            log: Rc::default(),
            keep_log: true,
            as_casts: false,
        }
    }

    /// `n` nodes that know each other as members.
    pub fn members(seed: u64, n: u32) -> World {
        let mut world = World::new(seed);
        for id in 1..=n {
            world.add(id);
        }
        for a in 1..=n {
            for b in (1..=n).filter(|b| *b != a) {
                let now = world.now;
                world.node(a).know(now, b, Level::Member);
            }
        }
        world
    }

    pub fn add(&mut self, id: u32) {
        let seed = self.dice.roll();
        self.nodes.insert(
            id,
            Node::new(id, seed, Suite::Aes256Gcm.bit() | Suite::ChaCha20Poly1305.bit()),
        );
    }

    pub fn node(&mut self, id: u32) -> &mut Node {
        self.nodes.get_mut(&id).unwrap()
    }

    /// Nodes 1 and 2, up both ways.
    pub fn pair(seed: u64) -> World {
        let mut world = World::members(seed, 2);
        let now = world.now;
        world.node(1).connect(now, 2, &[addr(2)]);
        world.run(S);
        assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
        world
    }

    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.keep_log {
            self.log.borrow_mut().push((self.now, from, to, bytes.clone()));
        }
        if self.dead.contains(&from) || self.dead.contains(&to) {
            return;
        }
        if let Some((_, last)) = self.nats.get_mut(&from) {
            *last = self.now;
        }
        if self
            .nats
            .get(&to)
            .is_some_and(|(timeout, last)| self.now > last + timeout)
        {
            return;
        }
        let copies = 1 + u64::from(self.dice.percent(self.duplicate));
        for _ in 0..copies {
            if self.dice.percent(self.loss) {
                continue;
            }
            let delay = self.delay.0 + self.dice.below(self.delay.1 - self.delay.0 + 1);
            self.serial += 1;
            self.wire
                .insert((self.now + delay, self.serial), (from, to, bytes.clone()));
        }
    }

    /// Sends a packet over the hot half.
    pub fn packet(&mut self, from: u32, to: u32, body: &[u8]) -> bool {
        let (now, as_casts) = (self.now, self.as_casts);
        let node = self.node(from);
        let Some(tx) = node.txs.get(&to).cloned() else {
            return false;
        };
        let Some(counter) = tx.reserve(1) else {
            return false;
        };
        let mut frame = vec![0u8; 33 + body.len()];
        frame[16] = wire::kind::PACKET;
        frame[17..17 + body.len()].copy_from_slice(body);
        tx.seal(counter, &mut frame);
        let wakes = if as_casts {
            tx.hop().note_cast(now, 1, frame.len() as u64)
        } else {
            tx.hop().note_sent(now, 1, frame.len() as u64)
        };
        if wakes {
            node.sessions.activity(now, NET, to);
        }
        let source = node.addr;
        let remote = tx.path().remote().unwrap();
        self.send(source, remote, frame);
        self.drain(from);
        true
    }

    pub fn drain(&mut self, id: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let source = node.addr;
        let mut out = Vec::new();
        while let Some(output) = node.sessions.poll_output() {
            match output {
                Output::Transmit { path, bytes } => out.push((path.remote().unwrap(), bytes)),
                Output::Event(event) => {
                    if let (
                        Event::Stranger {
                            ask, key: stranger, ..
                        },
                        Some(level),
                    ) = (&event, node.welcome)
                    {
                        let peer = (0..2_000).find(|i| key(*i) == *stranger).unwrap();
                        let config = PeerConfig {
                            peer,
                            key: *stranger,
                            level,
                            origin: origin(peer),
                        };
                        node.sessions.set_peer(now, NET, config);
                        node.sessions.answer_stranger(now, NET, *ask, true);
                    }
                    node.events.push((now, event));
                }
                Output::RxInstall(session) => node.rx.install(session),
                Output::RxRemove { index } => node.rx.remove(index),
                Output::TxPublished { peer, tx, fresh, .. } => {
                    node.fresh += usize::from(fresh);
                    node.txs.insert(peer, tx);
                }
                Output::TxWithdrawn { peer, .. } => {
                    node.txs.remove(&peer);
                }
                Output::SenderKey { net, origin, key, .. } => {
                    for mut held in node.cast_rx.install(now, net, origin, &key) {
                        let cast = held.cast;
                        node.open_cast(now, &cast, &mut held.frame);
                    }
                    node.given.push(key);
                }
                Output::SenderKeyAcked { key_id, .. } => node.acked.push(key_id),
                Output::Heard { heard, .. } => node.heard.push(heard),
                Output::OriginForgotten { net, origin } => node.cast_rx.remove_origin(net, origin),
            }
        }
        for (to, bytes) in out {
            self.send(source, to, bytes);
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let now = self.now;
        let alias = self.aliases.get(&to).copied();
        if let Some(id) = alias.filter(|_| bytes.first() == Some(&wire::HELLO)) {
            self.node(id).addr = to; // an answer comes from the address that was asked
        }
        let owner = |n: &&mut Node| n.addr == to || alias == Some(n.id);
        let Some(node) = self.nodes.values_mut().find(owner) else {
            return;
        };
        let id = node.id;
        if node.asleep {
            node.waiting.push((from, bytes));
            return;
        }
        node.receive(now, from, bytes);
        self.drain(id);
    }

    /// Wakes a node: first what waits in its socket, then its timers.
    pub fn wake(&mut self, id: u32) {
        let now = self.now;
        self.node(id).asleep = false;
        for (from, bytes) in std::mem::take(&mut self.node(id).waiting) {
            self.node(id).receive(now, from, bytes);
        }
        self.drain(id);
    }

    /// Lets time pass.
    pub fn run(&mut self, time: u64) {
        self.run_until(time, |_| false);
    }

    /// Lets time pass until `done`; true when that came before `time` was over.
    pub fn run_until(&mut self, time: u64, mut done: impl FnMut(&mut World) -> bool) -> bool {
        let end = self.now + time;
        let ids: Vec<u32> = self.nodes.keys().copied().collect();
        ids.iter().for_each(|id| self.drain(*id));
        loop {
            if done(self) {
                return true;
            }
            let awake = self.nodes.values().filter(|n| !n.asleep);
            let timer = awake.map(|n| (n.sessions.next_deadline(), n.id)).min();
            let arrival = self.wire.keys().next().map(|(t, _)| *t).unwrap_or(u64::MAX);
            let next = timer.map_or(u64::MAX, |t| t.0).min(arrival);
            if next > end {
                self.now = end;
                return done(self);
            }
            self.now = self.now.max(next);
            if arrival <= next {
                let (_, (from, to, bytes)) = self.wire.pop_first().unwrap();
                self.deliver(from, to, bytes);
            } else if let Some((_, id)) = timer {
                let now = self.now;
                self.node(id).sessions.handle_timeout(now);
                self.drain(id);
            }
        }
    }

    /// Loses what is under way and matches.
    pub fn drop_if(&mut self, matches: impl Fn(&[u8]) -> bool) {
        self.wire.retain(|_, (_, _, bytes)| !matches(bytes));
    }

    /// Gives a node one more address.
    pub fn also(&mut self, id: u32, address: SocketAddr) {
        let first = self.node(id).addr;
        self.aliases.extend([(first, id), (address, id)]);
    }

    /// Sends a message and expects it to be taken.
    pub fn say(&mut self, from: u32, to: u32, bytes: &[u8]) {
        let now = self.now;
        assert!(self.node(from).sessions.send_control(now, NET, to, bytes));
        self.drain(from);
    }

    pub fn connect(&mut self, from: u32, to: u32) {
        let now = self.now;
        let target = self.nodes.get(&to).map_or(addr(to), |n| n.addr);
        self.node(from).connect(now, to, &[target]);
        self.drain(from);
    }

    /// Replaces a node's process by a new one that knows the same members.
    pub fn restart(&mut self, id: u32) {
        let (now, old) = (self.now, self.nodes.remove(&id).unwrap());
        self.add(id);
        self.node(id).addr = old.addr;
        let others: Vec<u32> = self.nodes.keys().copied().filter(|o| *o != id).collect();
        for other in others {
            self.node(id).know(now, other, Level::Member);
        }
    }
}

/// Packets both ways every `gap` for `time`; returns how many were sent each way.
pub fn talk(world: &mut World, time: u64, gap: u64, bytes: usize) -> usize {
    let rounds = time / gap;
    for round in 0..rounds {
        let mut body = vec![0u8; bytes];
        body[..8].copy_from_slice(&round.to_be_bytes());
        assert!(world.packet(1, 2, &body), "no session at {}", world.now);
        assert!(world.packet(2, 1, &body), "no session at {}", world.now);
        world.run(gap);
    }
    rounds as usize
}

/// Handshakes answered so far.
pub fn handshakes(world: &World) -> usize {
    world
        .log
        .borrow()
        .iter()
        .filter(|l| l.3[0] == wire::ANSWER)
        .count()
}
