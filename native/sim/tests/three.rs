//! Three members without engines: sessions, casts, faults, and the same run again.

mod support;

use support::*;
use weft_sim::{Event, Kind, Loss, Way, World, WorldOptions};

#[test]
fn sessions_come_up_and_packets_arrive_once() {
    let mut world = world(7, WorldOptions::default(), 3);
    let events = run(&mut world, 2 * SECOND);
    for me in 0..3 {
        let ups = events
            .iter()
            .filter(|(node, e)| *node == me && matches!(e, Event::Up { .. }))
            .count();
        assert!(ups >= 2, "node {me}: {events:?}");
        assert!(
            events.iter().any(
                |(node, e)| *node == me && matches!(e, Event::Groups { groups, .. } if groups.len() == 1)
            )
        );
    }
    let (cast, unicast) = (flow(&mut world, 0, GROUP, 3), flow(&mut world, 1, "10.7.0.3", 3));
    run(&mut world, 6 * SECOND);
    for (flow, node, expected) in [
        (cast, 1, 300),
        (cast, 2, 300),
        (cast, 0, 0),
        (unicast, 2, 300),
        (unicast, 0, 0),
    ] {
        let audit = world.flow(flow).unwrap().1.audit(node, 0, 9 * SECOND);
        assert_eq!(
            (audit.sent, audit.delivered, audit.duplicates),
            (300, expected, 0),
            "flow {flow} at {node}"
        );
    }
    let figures = world.figures(0);
    assert_eq!(
        (figures.casts_sealed, figures.copies_own, figures.outdegree_max),
        (300, 600, 2)
    );
    assert_eq!(world.figures(2).delivered, 600);
}

#[test]
fn a_member_that_left_its_group_gets_nothing() {
    let mut world = world(7, WorldOptions::default(), 3);
    run(&mut world, 2 * SECOND);
    world.leave(1, GROUP.parse().unwrap());
    let cast = flow(&mut world, 0, GROUP, 2);
    run(&mut world, 5 * SECOND);
    let receipts = &world.flow(cast).unwrap().1;
    assert_eq!(receipts.audit(1, 0, 9 * SECOND).delivered, 0);
    assert_eq!(receipts.audit(2, 0, 9 * SECOND).delivered, 200);
    // Without an engine nobody told the sender.
    assert_eq!(world.figures(1).casts_unwanted, 200);
}

fn faulty(seed: u64) -> (World, u32) {
    let mut options = WorldOptions::default();
    options.shape.loss = Loss {
        good: 0.01,
        bad: 0.5,
        good_us: 2e6,
        bad_us: 1e5,
    };
    options.shape.duplicate = 0.01;
    options.shape.reorder = 0.01;
    let mut world = world(seed, options, 5);
    let cast = flow(&mut world, 0, GROUP, 10);
    run(&mut world, 4 * SECOND);
    world.kill(2);
    run(&mut world, 5 * SECOND);
    world.restart(2);
    start(&mut world, 2, 5);
    world.underlay.set_partition(3, 1);
    run(&mut world, 12 * SECOND);
    (world, cast)
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (a, cast) = faulty(42);
    let (b, _) = faulty(42);
    assert_eq!(a.digest(), b.digest());
    assert_eq!(a.underlay.fates, b.underlay.fates);
    assert_ne!(a.digest(), faulty(43).0.digest());
    let fates = a.underlay.fates;
    assert!(
        fates.lost_chance > 10 && fates.lost_partition > 10 && fates.lost_dead > 10,
        "{fates:?}"
    );
    let audit = |node, from, to| a.flow(cast).unwrap().1.audit(node, from * SECOND, to * SECOND);
    // The restarted node hears again; the separated one does not.
    assert!(audit(2, 6, 10).delivered > 300, "{:?}", audit(2, 6, 10));
    assert_eq!(audit(3, 6, 10).delivered, 0);
    for node in 1..5 {
        assert_eq!(
            audit(node, 0, 12).duplicates,
            0,
            "node {node}: the network's duplicates stop here"
        );
    }
}

#[test]
fn a_planted_loss_is_seen() {
    let options = WorldOptions {
        plant_drop_every: Some(100),
        ..WorldOptions::default()
    };
    let mut world = world(7, options, 3);
    run(&mut world, 2 * SECOND);
    let cast = flow(&mut world, 0, GROUP, 3);
    run(&mut world, 6 * SECOND);
    let delivered: u64 = (1..3)
        .map(|node| world.flow(cast).unwrap().1.audit(node, 0, 9 * SECOND).delivered)
        .sum();
    assert_eq!(delivered, 600 - 6);
}

/// 1 and 2 cannot hear each other; 0 hears both.
fn apart(relays: bool) -> (World, u32) {
    let mut world = world(7, WorldOptions::default(), 3);
    world.underlay.set_blocked(1, 2, true);
    world.with_node(0, |node, now| node.set_relay(now, NET, relays, 0));
    run(&mut world, 2 * SECOND);
    for (me, other) in [(1, 2), (2, 1)] {
        world.with_node(me, |node, now| {
            node.connect(now, NET, other, &[Way::Via(0)], b"");
        });
    }
    run(&mut world, 4 * SECOND);
    let unicast = flow(&mut world, 1, "10.7.0.3", 3);
    run(&mut world, 9 * SECOND);
    (world, unicast)
}

#[test]
fn a_relay_carries_for_those_who_cannot_hear_each_other() {
    let (world, unicast) = apart(true);
    let audit = world.flow(unicast).unwrap().1.audit(2, 0, 9 * SECOND);
    assert_eq!((audit.sent, audit.delivered, audit.duplicates), (300, 300, 0));
    let carried = world.figures(0).sent.get(Kind::Carry).frames;
    assert!(carried >= 300, "{carried}");
    assert_eq!(world.figures(0).delivered, 0, "a relay does not read");
}

#[test]
fn who_does_not_consent_carries_nothing() {
    let (world, unicast) = apart(false);
    assert_eq!(
        world.flow(unicast).unwrap().1.audit(2, 0, 9 * SECOND).delivered,
        0
    );
}
