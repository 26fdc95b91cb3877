//! Callers with an unknown key: asked about, let in to talk, sent away.

mod world;
use weft_session::{DownReason, DropReason, Event, Level, limits};
use world::{MS, NET, S, World, addr, key, path};

#[test]
fn a_stranger_is_asked_about_once_and_may_talk_but_not_send_packets() {
    let mut world = World::new(11);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.node(2).welcome = Some(Level::Stranger);
    world.connect(1, 2);
    world.run(2 * S);
    assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
    let asked: Vec<_> = world
        .node(2)
        .events
        .iter()
        .filter(|(_, e)| matches!(e, Event::Stranger { .. }))
        .collect();
    assert!(
        matches!(asked[0].1, Event::Stranger { key: k, ref hint, from, .. }
        if k == key(1) && hint == b"hint" && from == path(addr(1)))
    );
    assert_eq!(asked.len(), 1);
    world.say(1, 2, b"let me in");
    world.packet(1, 2, b"smuggled");
    world.run(S);
    assert_eq!(world.node(2).messages(), vec![b"let me in".to_vec()]);
    assert!(world.node(2).packets.is_empty());
    assert_eq!(world.node(2).rx.drops().get(DropReason::StrangerPacket), 1);
    // It becomes a member: same session, packets pass, no lifetime any more.
    let now = world.now;
    world.node(2).know(now, 1, Level::Member);
    world.packet(1, 2, b"welcome");
    world.run(limits::STRANGER_LIFETIME + 10 * S);
    assert_eq!(world.node(2).packets.len(), 1);
    assert!(world.node(2).is_up(1) && world.node(2).downs().is_empty() && world.node(2).fresh == 1);
}

#[test]
fn a_stranger_that_stays_one_is_sent_away_and_a_refused_one_hears_nothing() {
    let mut world = World::new(12);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.node(2).welcome = Some(Level::Stranger);
    world.connect(1, 2);
    world.run(limits::STRANGER_LIFETIME + 2 * S);
    assert_eq!(world.node(2).downs()[0].1, DownReason::Closed);
    assert_eq!(world.node(1).downs()[0].1, DownReason::Closed);

    let mut world = World::new(13);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.connect(1, 2);
    world.run(20 * MS);
    let asks: Vec<u32> = world
        .node(2)
        .events
        .iter()
        .filter_map(|(_, e)| match e {
            Event::Stranger { ask, .. } => Some(*ask),
            _ => None,
        })
        .collect();
    let now = world.now;
    world.node(2).sessions.answer_stranger(now, NET, asks[0], false);
    world.run(12 * S);
    assert!(
        world.log.borrow().iter().all(|l| l.1 == addr(1)),
        "node 2 said something"
    );
}

#[test]
fn a_waiting_stranger_whose_key_becomes_known_is_answered_at_its_next_try() {
    let mut world = World::new(15);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.connect(1, 2);
    world.run(100 * MS);
    let now = world.now;
    world.node(2).know(now, 1, Level::Member);
    world.run(400 * MS);
    assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
}

#[test]
fn a_slow_engine_is_asked_again() {
    let mut world = World::new(16);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.connect(1, 2);
    world.run(limits::STRANGER_WAIT + 2 * S);
    let ask = |(_, e): &(u64, Event)| match e {
        Event::Stranger { ask, .. } => Some(*ask),
        _ => None,
    };
    let asks: Vec<u32> = world.node(2).events.iter().filter_map(ask).collect();
    assert_eq!(asks.len(), 2);
    let now = world.now;
    world.node(2).know(now, 1, Level::Stranger);
    world.node(2).sessions.answer_stranger(now, NET, asks[0], true);
    assert!(world.node(2).rx.is_empty(), "too late for the first");
    world.node(2).sessions.answer_stranger(now, NET, asks[1], true);
    world.run(100 * MS);
    assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
}
