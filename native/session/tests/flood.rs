//! Floods of hellos: memory flat, honest callers through, never more bytes out than in.

mod world;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use std::net::SocketAddr;
use weft_session::{DropReason, Event, Level, Output, limits, wire};
use world::{Dice, MS, NET, Node, S, World, addr, key, path};

/// The key of node 2's mac1: an attacker who knows its public key has it.
fn mac1_key() -> [u8; 32] {
    let mut hash = Blake2s256::new();
    Digest::update(&mut hash, b"weft mac1");
    Digest::update(&mut hash, key(2));
    hash.finalize().into()
}

/// Replaces mac1 by one that fits.
fn fit_mac1(hello: &mut [u8], mac1_key: &[u8; 32]) {
    let mut mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(mac1_key).unwrap();
    let at = hello.len() - 32;
    mac.update(&hello[..at]);
    hello[at..at + 16].copy_from_slice(&mac.finalize_fixed());
}

/// A hello of node `from` to node 2, sound in all respects.
fn hello(from: u32) -> Vec<u8> {
    let mut node = Node::new(from, u64::from(from), 3);
    node.know(1, 2, Level::Member);
    node.connect(1, 2, &[addr(2)]);
    node.sessions.handle_timeout(10 * MS);
    loop {
        if let Some(Output::Transmit { bytes, .. }) = node.sessions.poll_output() {
            return bytes;
        }
    }
}

fn anywhere(dice: &mut Dice) -> SocketAddr {
    let r = dice.roll();
    SocketAddr::from((
        [11, r as u8, (r >> 8) as u8, (r >> 16) as u8],
        (r >> 24) as u16 | 1,
    ))
}

/// Resident memory, bytes.
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
}

struct Flood {
    asked: usize,
    answered: usize,
    strangers: usize,
}

impl Flood {
    /// One hello from a spoofed address.
    fn one(&mut self, world: &mut World, from: SocketAddr, bytes: &[u8]) {
        let now = world.now;
        let node = world.node(2);
        node.sessions.handle(now, path(from), bytes);
        self.asked += bytes.len();
        let mut answered = 0;
        while let Some(output) = node.sessions.poll_output() {
            match output {
                Output::Transmit { path: to, bytes } => {
                    assert_eq!(to, path(from));
                    answered += bytes.len();
                }
                Output::Event(Event::Stranger { .. }) => self.strangers += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(answered <= bytes.len());
        self.answered += answered;
    }
}

/// Floods node 2 with what `next` makes, 20,000 a second for `ms`, while node 1 joins at half time. Returns the time
/// until the joiner was up and the growth of memory in the second half.
fn join_under(world: &mut World, ms: u64, mut next: impl FnMut(&mut Dice) -> Vec<u8>) -> (u64, i64, Flood) {
    let mut flood = Flood {
        asked: 0,
        answered: 0,
        strangers: 0,
    };
    let (mut dice, mut joined, mut up) = (Dice(99), 0, None);
    let mut before = 0;
    world.keep_log = false;
    for i in 0..ms {
        for _ in 0..20 {
            let bytes = next(&mut dice);
            let from = anywhere(&mut dice);
            flood.one(world, from, &bytes);
        }
        if i == ms / 2 {
            before = resident();
            joined = world.now;
            world.connect(1, 2);
        }
        world.run(MS);
        if joined > 0 && up.is_none() && world.node(2).is_up(1) && world.node(1).is_up(2) {
            up = Some(world.now - joined);
        }
    }
    assert!(flood.answered <= flood.asked);
    (up.expect("the joiner did not get in"), resident() - before, flood)
}

#[test]
fn hellos_without_mac_get_nothing() {
    let mut world = World::members(1, 2);
    let base = hello(9);
    let (up, _, flood) = join_under(&mut world, 1_000, |dice| {
        let mut bytes = base.clone();
        dice.fill(&mut bytes[4..]);
        bytes
    });
    assert_eq!((flood.answered, flood.strangers), (0, 0));
    assert!(up < 200 * MS);
    assert!(world.node(2).sessions.drops().get(DropReason::BadMac) >= 20_000);
}

#[test]
fn an_honest_member_gets_in_with_a_cookie_and_memory_stays_flat() {
    let mut world = World::members(2, 2);
    let (base, mac1_key) = (hello(9), mac1_key());
    let (up, grown, flood) = join_under(&mut world, 3_000, |dice| {
        let mut bytes = base.clone();
        dice.fill(&mut bytes[8..40]);
        fit_mac1(&mut bytes, &mac1_key);
        bytes
    });
    assert!(up <= 300 * MS, "{} ms", up / MS);
    assert!(grown < 1 << 20, "{grown} bytes more");
    assert!(flood.answered > 0 && flood.strangers == 0);
    assert!(world.node(2).sessions.drops().get(DropReason::HelloFlood) > 50_000);
}

#[test]
fn an_honest_stranger_gets_in_among_thousands_of_false_ones() {
    let mut world = World::new(3);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.node(2).welcome = Some(Level::Stranger);
    let sound: Vec<Vec<u8>> = (100..500).map(hello).collect();
    let (up, grown, flood) = join_under(&mut world, 3_000, |dice| {
        sound[dice.below(sound.len() as u64) as usize].clone()
    });
    assert!(up <= 500 * MS, "{} ms", up / MS);
    assert!(grown < 1 << 20, "{grown} bytes more");
    // Without proof of address at most 16 wait in any 3 s.
    assert!(
        flood.strangers <= 2 * limits::STRANGERS_UNPROVEN_MAX,
        "{}",
        flood.strangers
    );
}

#[test]
fn a_cookie_serves_only_the_address_it_was_sent_to() {
    let mut world = World::members(4, 2);
    let (base, mac1_key) = (hello(9), mac1_key());
    let mut flood = Flood {
        asked: 0,
        answered: 0,
        strangers: 0,
    };
    let mut dice = Dice(1);
    for _ in 0..200 {
        let mut bytes = base.clone();
        dice.fill(&mut bytes[8..40]);
        fit_mac1(&mut bytes, &mac1_key);
        let from = anywhere(&mut dice);
        flood.one(&mut world, from, &bytes);
    }
    world.connect(1, 2);
    world.run(22 * MS);
    let log = world.log.borrow().clone();
    let cookie = log
        .iter()
        .find(|l| l.3[0] == wire::COOKIE)
        .expect("a cookie was demanded");
    assert_eq!(
        (cookie.1, cookie.2, cookie.3.len()),
        (addr(2), addr(1), wire::COOKIE_LEN)
    );
    let proven = log
        .iter()
        .rev()
        .find(|l| l.3[0] == wire::HELLO)
        .unwrap()
        .3
        .clone();
    assert_ne!(
        proven[proven.len() - 16..],
        [0; 16],
        "the joiner said hello again with the cookie"
    );
    let (now, drops) = (
        world.now,
        world.node(2).sessions.drops().get(DropReason::HelloFlood),
    );
    world.node(2).sessions.handle(now, path(addr(66)), &proven);
    assert_eq!(
        world.node(2).sessions.drops().get(DropReason::HelloFlood),
        drops + 1
    );
    world.run(S);
    assert!(world.node(1).is_up(2));
}

#[test]
fn captured_hellos_of_a_member_do_not_keep_it_out() {
    // Somebody has 300 old hellos of node 1 and answers cookies from its own address.
    let mut world = World::members(5, 2);
    let mut old = Vec::new();
    for _ in 0..300 {
        let now = world.now;
        world.node(1).sessions.disconnect(now, NET, 2);
        world.connect(1, 2);
        world.run(MS);
        old.extend(
            world
                .log
                .borrow()
                .iter()
                .filter(|l| l.3[0] == wire::HELLO)
                .map(|l| l.3.clone()),
        );
        world.log.borrow_mut().clear();
        world.drop_if(|_| true);
    }
    let now = world.now;
    world.node(1).sessions.disconnect(now, NET, 2);
    world.run(20 * S);
    let thief: SocketAddr = "6.6.6.6:6".parse().unwrap();
    let (mut up, began) = (None, world.now);
    for i in 0..3_000usize {
        // 30 a second: below the rate at which cookies are demanded.
        if i % 33 == 0 {
            world.send(thief, addr(2), old[(i / 33) % old.len()].clone());
        }
        if i == 500 {
            world.connect(1, 2);
        }
        world.run(MS);
        if up.is_none() && world.node(2).is_up(1) && world.node(1).is_up(2) {
            up = Some(world.now - began - 500 * MS);
        }
        assert!(world.node(2).rx.len() <= limits::HALF_OPEN_MAX + limits::GENERATIONS_MAX);
    }
    assert!(up.expect("kept out") <= 2 * S);
}
