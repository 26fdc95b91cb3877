//! Frames inside of others: what a relay's session vouches for, and what it does not.

mod world;
use std::collections::BTreeMap;
use weft_session::{Event, HopCarry, Level, Output, Path, TAG, wire};
use world::{MS, NET, Node, S, World, addr, origin, path, sessions};

/// An inner frame inside a carry, not sealed yet.
fn wrap(from: u32, to: u32, inner: &[u8]) -> Vec<u8> {
    let head = [vec![0; wire::HEADER], origin(to).to_vec(), origin(from).to_vec()].concat();
    [&head[..], inner, &[0; TAG]].concat()
}

/// A carry for the session of `hop` with `next`, sealed with the next counter.
fn carried(world: &mut World, hop: u32, next: u32, from: u32, to: u32, inner: &[u8]) -> Vec<u8> {
    let tx = world.node(hop).txs[&next].clone();
    let mut frame = wrap(from, to, inner);
    tx.seal_carry(tx.reserve(1).unwrap(), 0, 4, &mut frame);
    frame
}

fn open(world: &mut World, at: u32, frame: &[u8]) -> Result<HopCarry, weft_session::DropReason> {
    let now = world.now;
    world.node(at).rx.open_carry(now, path(addr(1)), frame)
}

#[test]
fn every_byte_that_the_hop_vouches_for_is_under_its_tag() {
    let mut world = World::pair(1);
    let inner: Vec<u8> = (0..60).collect();
    let frame = carried(&mut world, 1, 2, 1, 2, &inner);
    let n = frame.len();
    for at in (0..wire::CARRY_HEAD + 2).chain(n - 2 * TAG - 2..n) {
        let mut forged = frame.clone();
        forged[at] ^= 1;
        // In the middle of the inner frame only its own seal speaks: the hop's tag covers that seal's last 16 bytes.
        let covered = at < wire::CARRY_HEAD || at >= n - 2 * TAG;
        assert_eq!(open(&mut world, 2, &forged).is_err(), covered, "byte {at}");
        if !covered {
            // Its counter is used up now: the next one needs another.
            world = World::pair(1);
            assert_eq!(carried(&mut world, 1, 2, 1, 2, &inner), frame);
        }
    }
    for cut in 0..n {
        assert!(open(&mut world, 2, &frame[..cut]).is_err(), "{cut} bytes");
    }
    let carry = open(&mut world, 2, &frame).unwrap();
    assert_eq!(frame[carry.opened.plaintext()], inner);
}

#[test]
fn a_carry_opens_once_and_shares_the_window_with_data() {
    let mut world = World::pair(2);
    let tx = world.node(1).txs[&2].clone();
    let counter = tx.reserve(1).unwrap();
    let mut frame = wrap(1, 2, &[9; 40]);
    tx.seal_carry(counter, 0, 4, &mut frame);
    open(&mut world, 2, &frame).unwrap();
    open(&mut world, 2, &frame).unwrap_err();
    // The same counter as a data frame: refused before anything is opened.
    let mut data = vec![0; wire::DATA_MIN + 5];
    data[wire::HEADER] = wire::kind::PACKET;
    tx.seal(counter, &mut data);
    let now = world.now;
    let refused = world.node(2).rx.open(now, path(addr(1)), &mut data).unwrap_err();
    assert_eq!(refused, weft_session::DropReason::Replay);
}

#[test]
fn a_strangers_session_carries_nothing() {
    let mut world = World::new(3);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Stranger);
    world.node(2).know(now, 1, Level::Stranger);
    world.connect(1, 2);
    world.run(S);
    let frame = carried(&mut world, 1, 2, 1, 2, &[9; 40]);
    let refused = open(&mut world, 2, &frame).unwrap_err();
    assert_eq!(refused, weft_session::DropReason::StrangerPacket);
}

/// Nodes 1 and 2 reach each other by node 3 alone, which changes nothing but stamps. Returns what it passed on.
struct Relayed {
    world: World,
    /// Every inner frame, with the node that it was for.
    passed: Vec<(u32, Vec<u8>)>,
    packets: BTreeMap<u32, Vec<Vec<u8>>>,
}

impl Relayed {
    fn new(seed: u64) -> Relayed {
        let mut world = World::new(seed);
        for id in [1, 2] {
            let mut node = Node::new(id, seed, 3);
            node.sessions = sessions(id, seed, 3);
            node.know(world.now, 3 - id, Level::Member);
            node.know(world.now, 3, Level::Member);
            world.nodes.insert(id, node);
        }
        Relayed {
            world,
            passed: Vec::new(),
            packets: BTreeMap::new(),
        }
    }

    fn via(&self, to: u32) -> Path {
        Path::Carry {
            net: NET,
            via: 3,
            origin: origin(to),
        }
    }

    fn deliver(&mut self, from: u32, to: u32, mut frame: Vec<u8>) {
        let (now, path) = (self.world.now, self.via(from));
        let node = self.world.node(to);
        if frame[0] != wire::DATA {
            return node.sessions.handle(now, path, &frame);
        }
        if let Ok(opened) = node.rx.open(now, path, &mut frame) {
            let plaintext = frame[opened.plaintext()].to_vec();
            if opened.kind() == wire::kind::PACKET {
                self.packets.entry(to).or_default().push(plaintext[1..].to_vec());
            }
            if opened.tell {
                node.sessions.opened(now, &opened, path, &plaintext);
            }
        }
    }

    /// Carries until nobody has anything to say; `lost`: what the relay drops instead.
    fn settle(&mut self, lost: impl Fn(&[u8]) -> bool) {
        loop {
            let mut moved = false;
            for id in [1, 2] {
                while let Some(output) = self.world.node(id).sessions.poll_output() {
                    moved = true;
                    match output {
                        Output::Transmit { path, bytes } => {
                            assert_eq!(path, self.via(3 - id), "the only way there is");
                            self.passed.push((3 - id, bytes.clone()));
                            if !lost(&bytes) {
                                self.deliver(id, 3 - id, bytes);
                            }
                        }
                        Output::RxInstall(session) => self.world.node(id).rx.install(session),
                        Output::RxRemove { index } => self.world.node(id).rx.remove(index),
                        Output::TxPublished { peer, tx, .. } => {
                            self.world.node(id).txs.insert(peer, tx);
                        }
                        Output::Event(event) => {
                            let now = self.world.now;
                            self.world.node(id).events.push((now, event));
                        }
                        _ => {}
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn join(&mut self) {
        let (now, ways) = (self.world.now, [self.via(2)]);
        self.world.node(1).sessions.connect(now, NET, 2, &ways, &[]);
        self.world.node(1).sessions.handle_timeout(now + MS);
        self.settle(|_| false);
        assert!(self.world.node(1).is_up(2) && self.world.node(2).is_up(1));
    }

    fn packet(&mut self, from: u32, body: &[u8]) -> Vec<u8> {
        let tx = self.world.node(from).txs[&(3 - from)].clone();
        let mut frame = vec![0; wire::DATA_MIN + 1 + body.len()];
        frame[wire::HEADER] = wire::kind::PACKET;
        frame[wire::HEADER + 1..wire::HEADER + 1 + body.len()].copy_from_slice(body);
        tx.seal(tx.reserve(1).unwrap(), &mut frame);
        frame
    }
}

#[test]
fn a_session_over_a_relay_comes_up_and_names_it() {
    let mut relayed = Relayed::new(4);
    relayed.join();
    for id in [1, 2] {
        let stats = relayed.world.node(id).sessions.stats(0, NET, 3 - id).unwrap();
        assert_eq!(stats.path, Some(relayed.via(3 - id)));
        let up = |e: &(u64, Event)| matches!(e.1, Event::Up { observed: None, .. });
        assert!(
            relayed.world.node(id).events.iter().any(up),
            "a relay shows no address"
        );
    }
}

#[test]
fn what_a_relay_keeps_and_sends_again_is_refused() {
    let mut relayed = Relayed::new(5);
    relayed.join();
    let frame = relayed.packet(1, b"once");
    relayed.deliver(1, 2, frame.clone());
    for _ in 0..3 {
        relayed.deliver(1, 2, frame.clone());
    }
    assert_eq!(relayed.packets[&2], [b"once".to_vec()]);
    // The whole conversation again, handshake included: nothing goes up or down, nothing is delivered.
    let events = relayed.world.node(2).events.len();
    for (to, frame) in relayed.passed.clone() {
        relayed.deliver(3 - to, to, frame);
        relayed.settle(|_| false);
    }
    assert_eq!(relayed.packets[&2], [b"once".to_vec()]);
    assert_eq!(relayed.world.node(2).events.len(), events);
    assert!(relayed.world.node(1).is_up(2) && relayed.world.node(2).is_up(1));
}

#[test]
fn frames_move_no_path_from_or_to_a_relay() {
    let mut relayed = Relayed::new(6);
    relayed.join();
    let now = relayed.world.now;
    let mut frame = relayed.packet(1, b"by another way");
    let straight = path(addr(1));
    let opened = relayed.world.node(2).rx.open(now, straight, &mut frame).unwrap();
    relayed.world.node(2).sessions.opened(now, &opened, straight, &[]);
    let stats = relayed.world.node(2).sessions.stats(now, NET, 1).unwrap();
    assert_eq!(stats.path, Some(relayed.via(1)));
}

#[test]
fn a_relay_that_lies_about_the_source_gets_nothing_opened() {
    let mut relayed = Relayed::new(7);
    relayed.join();
    // The relay makes up a frame: right index, right counter, no key.
    let mut made_up = relayed.packet(1, b"never said");
    let n = made_up.len();
    made_up[n - TAG..].fill(0x55);
    relayed.deliver(1, 2, made_up);
    assert!(!relayed.packets.contains_key(&2));
    // And a bit of a true one.
    let mut turned = relayed.packet(1, b"turned");
    turned[wire::HEADER + 2] ^= 1;
    relayed.deliver(1, 2, turned);
    assert!(!relayed.packets.contains_key(&2));
}

#[test]
fn no_way_sends_a_session_to_its_other_ways_and_only_that_one() {
    let mut relayed = Relayed::new(8);
    relayed.join();
    let (now, other) = (relayed.world.now + S, path(addr(2)));
    let node = relayed.world.node(1);
    node.sessions.set_ways(now, NET, 2, &[other]);
    // Another relay's word means nothing to a path that it does not carry.
    node.sessions.no_way(now, NET, 2, 4);
    assert!(!node.sessions.stats(now, NET, 2).unwrap().suspect);
    node.sessions.no_way(now, NET, 2, 3);
    node.sessions.handle_timeout(now + 2 * MS);
    let mut asked = Vec::new();
    while let Some(output) = node.sessions.poll_output() {
        if let Output::Transmit { path, .. } = output {
            asked.push(path);
        }
    }
    assert!(asked.contains(&other), "{asked:?}");
}
