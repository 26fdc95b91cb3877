//! Multicast trees without engines: the test says who feeds whom.

mod support;

use support::*;
use weft_forward::tree::{Repair, TreeConfig, TreeEvent, TreeName};
use weft_session::Secret;
use weft_sim::{CastKey, Event, Loss, World, WorldOptions};

const HOSTS: u32 = 13;
const MS: u64 = 1_000;

fn parent(host: u32) -> Option<u32> {
    (host > 0).then(|| (host - 1) / 3)
}

fn children(host: u32) -> Vec<u32> {
    (1..HOSTS).filter(|other| parent(*other) == Some(host)).collect()
}

/// The grandparent, then the parent's siblings.
fn backups(host: u32) -> Vec<u32> {
    let Some(parent_of) = parent(host).filter(|parent| *parent > 0) else {
        return Vec::new();
    };
    let aunts = children(0).into_iter().filter(|aunt| *aunt != parent_of);
    std::iter::once(0).chain(aunts).collect()
}

fn key() -> Secret {
    let mut key = Secret::default();
    key.fill(7);
    key
}

/// All hosts, a tree of the first one, and the keys for those who may read.
fn grown(seed: u64, options: WorldOptions, readers: impl Fn(u32) -> bool) -> World {
    let mut world = world(seed, options, HOSTS);
    run(&mut world, 3 * SECOND);
    let origin = network(0).origin;
    for host in 0..HOSTS {
        let config = TreeConfig {
            name: TreeName {
                origin: u64::from_be_bytes(origin),
                tree: 1,
            },
            epoch: 1,
            parent: parent(host),
            backups: backups(host),
            children: children(host),
            adoptable: (0..HOSTS)
                .filter(|other| backups(*other).contains(&host))
                .collect(),
            repair: Repair::Nack,
            bytes_per_second: 0,
            groups: 1,
            left: false,
        };
        let own = (host == 0).then(|| (5, key()));
        let read = CastKey {
            origin,
            tree: 1,
            id: 5,
            lowest: 0,
            key: key(),
        };
        world.with_node(host, |node, now| {
            node.set_tree(now, NET, config, (None, own)).unwrap();
            if host > 0 && readers(host) {
                node.set_cast_key(now, NET, read);
            }
        });
    }
    world
}

fn grafts(events: &[(u32, Event)]) -> Vec<u32> {
    let is = |e: &Event| {
        matches!(
            e,
            Event::Tree {
                event: TreeEvent::Grafted { .. },
                ..
            }
        )
    };
    events
        .iter()
        .filter(|(_, e)| is(e))
        .map(|(host, _)| *host)
        .collect()
}

#[test]
fn a_stream_waits_for_its_tree_and_each_link_carries_it_once() {
    let mut world = grown(1, WorldOptions::default(), |host| host != 1);
    let cast = flow(&mut world, 0, GROUP, 5);
    let asked = on(&mut world, 300 * MS);
    let is_asked = |(host, e): &(u32, Event)| *host == 0 && matches!(e, Event::Stream { .. });
    assert_eq!(asked.iter().filter(|event| is_asked(event)).count(), 1);
    world.with_node(0, |node, now| {
        node.send_on(now, NET, GROUP.parse().unwrap(), vec![1])
    });
    let events = on(&mut world, 8 * SECOND);
    for host in 1..HOSTS {
        let audit = world.flow(cast).unwrap().1.audit(host, 0, 99 * SECOND);
        let expected = if host == 1 { 0 } else { 500 };
        assert_eq!((audit.delivered, audit.duplicates), (expected, 0), "{host}");
    }
    let figures = world.figures(0);
    assert_eq!(
        (figures.casts_sealed, figures.copies_own, figures.copies_again),
        (500, 1_500, 0)
    );
    // A relay without the key passes on all the same, and can read nothing.
    assert_eq!(
        (world.figures(1).copies_relayed, world.figures(1).delivered),
        (1_500, 0)
    );
    assert_eq!(grafts(&events), []);
    assert_eq!(
        world.with_node(0, |node, _| node.cast_sequence(NET, 1)),
        Some(500)
    );
    let end = on(&mut world, 70 * SECOND);
    assert!(
        end.iter()
            .any(|(host, e)| *host == 0 && matches!(e, Event::StreamEnd { .. }))
    );
}

/// Lets so much time pass.
fn on(world: &mut World, time: u64) -> Vec<(u32, Event)> {
    let until = world.now() + time;
    run(world, until)
}

#[test]
fn what_is_to_go_directly_loses_nothing() {
    let mut world = grown(2, WorldOptions::default(), |_| true);
    let cast = flow(&mut world, 0, GROUP, 2);
    on(&mut world, SECOND);
    assert_eq!(world.figures(0).copies_own, 0, "it waits for an answer");
    world.with_node(0, |node, now| {
        node.send_directly(now, NET, GROUP.parse().unwrap());
    });
    run(&mut world, 8 * SECOND);
    for host in 1..HOSTS {
        let audit = world.flow(cast).unwrap().1.audit(host, 0, 99 * SECOND);
        assert_eq!((audit.delivered, audit.duplicates), (200, 0), "{host}");
    }
    assert_eq!(world.figures(0).copies_own, 2_400);
}

#[test]
fn without_an_answer_nothing_is_sent() {
    let mut world = grown(2, WorldOptions::default(), |_| true);
    flow(&mut world, 0, GROUP, 2);
    run(&mut world, 8 * SECOND);
    assert_eq!(world.figures(0).copies_own, 0);
}

#[test]
fn losses_are_repaired_and_a_dead_relay_is_left() {
    let mut options = WorldOptions::default();
    options.shape.loss = Loss {
        good: 0.05,
        bad: 0.0,
        good_us: 1e6,
        bad_us: 0.0,
    };
    let mut world = grown(3, options, |_| true);
    let cast = flow(&mut world, 0, GROUP, 10);
    on(&mut world, 200 * MS);
    world.with_node(0, |node, now| {
        node.send_on(now, NET, GROUP.parse().unwrap(), vec![1])
    });
    on(&mut world, 4 * SECOND);
    world.kill(1);
    let events = on(&mut world, 10 * SECOND);
    let mut moved = grafts(&events);
    moved.sort_unstable();
    moved.dedup();
    assert!(children(1).iter().all(|child| moved.contains(child)), "{moved:?}");
    let mut missing = 0;
    for host in 2..HOSTS {
        let audit = world.flow(cast).unwrap().1.audit(host, 0, 99 * SECOND);
        missing += audit.sent - audit.delivered;
        assert_eq!(audit.duplicates, 0);
        // A parent's death is noticed within 290 ms; then one graft in ten or its answer is lost, and one in ten of those once more.
        assert!(audit.gap_max_us < SECOND, "{host}: {}", audit.gap_max_us);
    }
    assert!(missing <= 11, "{missing} of 11,000");
    assert!(world.figures(0).copies_again > 0);
}
