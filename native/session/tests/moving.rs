//! New addresses, better paths and sleep.

mod world;
use std::net::SocketAddr;
use weft_session::{DownReason, Event};
use world::{MS, NET, S, World, addr, handshakes, path, talk};

#[test]
fn the_session_follows_a_peer_to_its_new_address() {
    let mut world = World::pair(9);
    talk(&mut world, 2 * S, 100 * MS, 100);
    let moved: SocketAddr = "10.9.9.9:999".parse().unwrap();
    world.dead.insert(world.nodes[&1].addr);
    world.node(1).addr = moved;
    let before = world.node(1).packets.len();
    world.packet(1, 2, b"here I am");
    world.run(50 * MS);
    assert!(world.packet(2, 1, b"I see"));
    world.run(50 * MS);
    assert_eq!(world.node(1).packets.len(), before + 1);
    let (_, last) = world.node(2).events.last().unwrap().clone();
    assert!(
        matches!(last, Event::Up { path: p, .. } if p == path(moved)),
        "{last:?}"
    );
    // Its own address as others see it comes with the next pong.
    world.run(30 * S);
    let (_, last) = world.node(1).events.last().unwrap().clone();
    assert!(
        matches!(last, Event::Up { observed: Some(o), .. } if o == moved),
        "{last:?}"
    );
    assert_eq!(handshakes(&world), 1);
    assert!(world.node(1).downs().is_empty() && world.node(2).downs().is_empty());
}

#[test]
fn old_frames_replayed_from_elsewhere_do_not_move_the_path() {
    let mut world = World::pair(10);
    talk(&mut world, 2 * S, 100 * MS, 100);
    let thief: SocketAddr = "6.6.6.6:6".parse().unwrap();
    let log = world.log.borrow().clone();
    for (_, _, to, bytes) in log {
        world.send(thief, to, bytes);
    }
    world.run(S);
    for (a, b) in [(1, 2), (2, 1)] {
        assert_eq!(
            world.node(a).sessions.stats(0, NET, b).unwrap().path,
            Some(path(addr(b)))
        );
    }
}

#[test]
fn poke_finds_out_at_once() {
    let mut world = World::pair(11);
    world.run(10 * S);
    // Node 1 has a new address; its engine is told by the operating system.
    let moved: SocketAddr = "10.9.9.9:999".parse().unwrap();
    world.node(1).addr = moved;
    let now = world.now;
    world.node(1).sessions.poke(now);
    world.run(100 * MS);
    assert_eq!(
        world.node(2).sessions.stats(0, NET, 1).unwrap().path,
        Some(path(moved))
    );
    assert!(world.packet(2, 1, b"x"));
    world.run(100 * MS);
    assert_eq!(world.node(1).packets.len(), 1);
}

#[test]
fn a_sleeper_is_back_in_two_seconds() {
    for seconds in [20, 60, 120, 4_000] {
        for busy in [false, true] {
            let mut world = World::pair(13);
            talk(&mut world, 5 * S, 100 * MS, 100);
            world.node(1).asleep = true;
            for _ in 0..seconds {
                if busy {
                    world.packet(2, 1, b"are you there?");
                }
                world.run(S);
            }
            world.wake(1);
            let awake = world.now;
            let deadline = world.node(1).sessions.next_deadline();
            assert!(deadline <= awake || world.node(1).sessions.stats(0, NET, 2).unwrap().up);
            let before = world.node(2).packets.len();
            let mut ok = false;
            while world.now < awake + 2 * S && !ok {
                world.packet(1, 2, b"good morning");
                world.packet(2, 1, b"good morning");
                world.run(50 * MS);
                let newest = world.nodes[&1].packets.last().map(|p| p.1.clone());
                ok = world.node(2).packets.len() > before && newest == Some(b"good morning".to_vec());
            }
            assert!(ok, "{seconds} s, busy {busy}: {:?}", world.node(1).events);
            world.run(10 * S);
            assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
            let silent = world
                .node(1)
                .downs()
                .iter()
                .filter(|d| d.1 == DownReason::Silent)
                .count();
            assert_eq!(silent, 0, "the sleeper judged nobody by its own sleep");
        }
    }
}

#[test]
fn a_sleeper_whose_neighbour_is_gone_says_so_soon() {
    let mut world = World::pair(14);
    world.run(60 * S);
    world.node(1).asleep = true;
    world.dead.insert(addr(2));
    world.run(120 * S);
    world.wake(1);
    let awake = world.now;
    world.run(20 * S);
    let (at, reason) = world.node(1).downs()[0];
    assert_eq!(reason, DownReason::Silent);
    assert!(at - awake <= 6 * S, "{}", (at - awake) / MS);
}

#[test]
fn connect_moves_a_live_session_to_a_better_address() {
    let mut world = World::pair(17);
    talk(&mut world, S, 100 * MS, 100);
    let second: SocketAddr = "10.8.8.8:8".parse().unwrap();
    world.also(2, second);
    let now = world.now;
    world.node(1).connect(now, 2, &[second]);
    talk(&mut world, S, 10 * MS, 100);
    assert_eq!(
        world.node(1).sessions.stats(0, NET, 2).unwrap().path,
        Some(path(second))
    );
    assert!(world.node(1).downs().is_empty() && world.node(2).downs().is_empty());
    world.run(100 * MS);
    assert_eq!(
        (world.node(1).packets.len(), world.node(2).packets.len()),
        (110, 110)
    );
}

#[test]
fn late_frames_of_the_old_path_do_not_move_it_back() {
    // Roaming: a frame from the old address, not seen before, comes after the first from the new one.
    for control in [false, true] {
        let mut world = World::pair(20);
        if control {
            world.say(1, 2, b"late");
        } else {
            world.packet(1, 2, b"late");
        }
        let late = world.log.borrow().last().unwrap().clone();
        world.drop_if(|_| true);
        let moved: SocketAddr = "10.9.9.9:999".parse().unwrap();
        world.node(1).addr = moved;
        world.packet(1, 2, b"from here");
        world.run(50 * MS);
        world.send(late.1, late.2, late.3);
        world.run(50 * MS);
        let taken = world.node(2).packets.len() + world.node(2).messages().len();
        assert_eq!(taken, 2, "the late one was taken");
        assert_eq!(
            world.node(2).sessions.stats(0, NET, 1).unwrap().path,
            Some(path(moved))
        );
    }

    // A better path by a new handshake: frames under the old keys still come by the old path.
    for seed in 0..10 {
        let mut world = World::pair(21 + seed);
        world.delay = (10 * MS, 60 * MS);
        talk(&mut world, S, 20 * MS, 100);
        let second: SocketAddr = "10.8.8.8:8".parse().unwrap();
        world.also(2, second);
        let now = world.now;
        world.node(1).events.clear();
        world.node(1).connect(now, 2, &[second]);
        talk(&mut world, S, 5 * MS, 100);
        let paths = |(_, e): &(u64, Event)| match e {
            Event::Up { path, .. } => Some(*path),
            _ => None,
        };
        let paths: Vec<_> = world.node(1).events.iter().filter_map(paths).collect();
        assert!(paths.iter().all(|p| *p == path(second)), "seed {seed}: {paths:?}");
    }
}
