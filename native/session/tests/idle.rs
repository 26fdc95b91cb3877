//! Idle sessions: pings as rare as the address translators on the way bear.

mod world;
use std::net::SocketAddr;
use weft_session::{DownReason, Event, limits, wire};
use world::{MS, S, World, addr};

const HOUR: u64 = 3_600 * S;
/// A ping, and a pong with an IPv4 address and counts of what was heard, with headers.
const EXCHANGE: usize = 41 + 28 + 56 + 28;

/// A pair whose ends adapt from their first path on.
fn pair(seed: u64, adapts: [bool; 2]) -> World {
    let mut world = World::members(seed, 2);
    world.delay = (20 * MS, 30 * MS);
    for id in [1, 2] {
        world.node(id).sessions.adapt_idle(adapts[id as usize - 1]);
    }
    let now = world.now;
    world.node(1).connect(now, 2, &[addr(2)]);
    world.run(S);
    assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
    world
}

/// Bytes on the wire of both ends in `time`, headers included, and how many frames.
fn spoken(world: &mut World, time: u64) -> (usize, usize) {
    world.log.borrow_mut().clear();
    world.run(time);
    let log = world.log.borrow();
    (log.iter().map(|l| l.3.len() + 28).sum(), log.len())
}

fn stays_up(world: &mut World) {
    for id in [1, 2] {
        assert!(world.node(id).downs().is_empty() && world.node(id).is_up(3 - id));
        let suspects = |e: &(u64, Event)| matches!(e.1, Event::Suspect { .. });
        assert!(!world.node(id).events.iter().any(suspects), "node {id}");
    }
}

#[test]
fn an_open_way_is_asked_ever_more_rarely() {
    let mut world = pair(1, [true, true]);
    let (_, first) = spoken(&mut world, 100 * S);
    assert!((6..=10).contains(&first), "{first} frames in the first 100 s");
    world.run(1_000 * S);
    let (bytes, frames) = spoken(&mut world, HOUR);
    let exchanges = 3_600 / 110;
    assert!(frames <= 2 * (exchanges + 1), "{frames} frames in an hour");
    assert!(bytes <= EXCHANGE * (exchanges + 1), "{bytes} bytes in an hour");
    stays_up(&mut world);
}

#[test]
fn ends_that_do_not_adapt_are_followed() {
    for adapts in [[true, false], [false, true]] {
        let mut world = pair(2, adapts);
        world.run(600 * S);
        let (_, frames) = spoken(&mut world, HOUR);
        assert!(
            (250..=400).contains(&frames),
            "{adapts:?}: {frames} frames in an hour"
        );
        stays_up(&mut world);
    }
}

/// Whatever the translator's timeout: the way in is closed for some seconds, once, and open from then on.
#[test]
fn a_translator_that_forgets_is_found_out_and_kept_awake() {
    for (timeout, behind) in [(30, 1), (30, 2), (60, 1), (60, 2), (90, 2)] {
        let mut world = pair(3, [true, true]);
        let now = world.now;
        let inside: SocketAddr = addr(behind);
        world.nats.insert(inside, (timeout * S, now));
        let mut closed = 0;
        for second in 0..7_200u64 {
            world.run(S);
            let (timeout, last) = world.nats[&inside];
            closed += u64::from(world.now > last + timeout && second > 600);
        }
        assert!(
            closed <= 20,
            "{timeout} s, node {behind}: closed {closed} s of 6,600"
        );
        let (_, frames) = spoken(&mut world, HOUR);
        assert!(frames < 330, "{frames} frames in an hour");
        stays_up(&mut world);
    }
}

#[test]
fn loss_makes_it_careful_and_nothing_else() {
    let mut world = pair(4, [true, true]);
    world.loss = 2;
    world.run(4 * HOUR);
    for id in [1, 2] {
        assert!(world.node(id).is_up(3 - id));
        assert!(world.node(id).downs().is_empty());
    }
}

#[test]
fn a_path_that_died_is_begun_anew() {
    let mut world = pair(5, [true, true]);
    world.run(HOUR);
    let (_, rare) = spoken(&mut world, 300 * S);
    let moved: SocketAddr = "10.9.9.9:999".parse().unwrap();
    world.node(1).addr = moved;
    assert!(world.packet(1, 2, b"here I am"));
    world.run(15 * S);
    // 25 s again, from both ends' view: before, at most one exchange fell into that time.
    let (_, frames) = spoken(&mut world, 60 * S);
    assert!(frames >= 4 && rare <= 6, "{frames} after, {rare} in 300 s before");
    stays_up(&mut world);
}

#[test]
fn who_vanishes_from_a_quiet_session_is_missed_in_time() {
    let mut world = pair(6, [true, true]);
    world.run(HOUR);
    world.dead.insert(addr(2));
    let since = world.now;
    world.run(400 * S);
    let (at, reason) = world.node(1).downs()[0];
    let longest = limits::IDLE_STEPS[7] + 2 * limits::IDLE_PING + 10 * S;
    assert_eq!(reason, DownReason::Silent);
    assert!(at - since <= longest, "{} s", (at - since) / S);
    let hellos = world
        .log
        .borrow()
        .iter()
        .filter(|l| l.3[0] == wire::HELLO)
        .count();
    assert!(hellos > 1, "it asked again before it gave up");
}
