//! Beginning of sessions: loss, crossing, replay, forgery, negotiation.

mod world;
use weft_session::{DownReason, DropReason, Event, Level, NetworkConfig, PeerConfig, Suite, limits, wire};
use world::{MS, NET, Node, S, World, addr, key, path, secret};

#[test]
fn two_members_meet_and_both_learn_round_trip_and_address() {
    let mut world = World::pair(1);
    for (a, b) in [(1, 2), (2, 1)] {
        let stats = world.node(a).sessions.stats(0, NET, b).unwrap();
        assert_eq!(stats.path, Some(path(addr(b))));
        assert!((20 * MS..25 * MS).contains(&stats.rtt_us.unwrap()));
        let seen = world.node(a).events.iter().rev().find_map(|(_, e)| match e {
            Event::Up { observed, .. } => Some(*observed),
            _ => None,
        });
        assert_eq!(seen, Some(Some(addr(a))));
        assert!(world.packet(a, b, b"hello"));
        world.run(100 * MS);
        assert_eq!(world.node(b).packets, vec![(a, b"hello".to_vec())]);
    }
    assert_eq!((world.node(1).fresh, world.node(2).fresh), (1, 1));
    assert_eq!(world.node(2).downs(), vec![]);
}

#[test]
fn it_begins_under_loss_duplication_and_reordering() {
    for seed in 0..30 {
        let mut world = World::members(seed, 2);
        (world.loss, world.duplicate, world.delay) = (30, 10, (5 * MS, 80 * MS));
        world.connect(1, 2);
        assert!(
            world.run_until(8 * S, |w| w.node(1).is_up(2) && w.node(2).is_up(1)),
            "seed {seed}"
        );
    }
}

#[test]
fn crossing_hellos_converge_on_one_session() {
    for seed in 0..40 {
        let mut world = World::members(seed, 2);
        world.loss = if seed % 2 == 0 { 0 } else { 20 };
        world.delay = (5 * MS, 40 * MS);
        world.connect(1, 2);
        let apart = world.dice.below(60 * MS);
        world.run(apart);
        world.connect(2, 1);
        assert!(
            world.run_until(9 * S, |w| w.node(1).is_up(2) && w.node(2).is_up(1)),
            "seed {seed}"
        );
        world.loss = 0;
        world.run(S);
        for round in 0..300u32 {
            assert!(world.packet(1, 2, &round.to_be_bytes()) && world.packet(2, 1, &round.to_be_bytes()));
            world.run(100 * MS);
        }
        assert_eq!(
            (world.node(1).packets.len(), world.node(2).packets.len()),
            (300, 300),
            "seed {seed}"
        );
        // Half-open leftovers and the losing session are gone; one pair of keys is left.
        assert_eq!(
            (world.node(1).rx.len(), world.node(2).rx.len()),
            (1, 1),
            "seed {seed}"
        );
        assert!(world.node(1).downs().is_empty() && world.node(2).downs().is_empty());
    }
}

#[test]
fn replayed_hellos_and_answers_change_nothing() {
    let mut world = World::pair(3);
    let log = world.log.borrow().clone();
    let thief: std::net::SocketAddr = "6.6.6.6:6".parse().unwrap();
    world.run(20 * S);
    world.events_clear();
    world.log.borrow_mut().clear();
    for _ in 0..3 {
        for (_, from, to, bytes) in &log {
            if bytes[0] < wire::DATA {
                world.send(*from, *to, bytes.clone());
                world.send(thief, *to, bytes.clone());
            }
        }
        world.run(S);
    }
    assert_eq!(world.node(2).sessions.drops().get(DropReason::HelloReplay), 6);
    let from_two = |l: &&world::Sent| l.1 == addr(2) && l.3[0] == wire::ANSWER;
    assert_eq!(
        world.log.borrow().iter().filter(from_two).count(),
        3,
        "the replayed ones only"
    );
    for (a, b) in [(1, 2), (2, 1)] {
        assert_eq!(
            world.node(a).sessions.stats(0, NET, b).unwrap().path,
            Some(path(addr(b)))
        );
        assert!(world.node(a).events.is_empty(), "{:?}", world.node(a).events);
        assert!(world.packet(a, b, b"still here"));
    }
    world.run(limits::HALF_OPEN_LIFETIME + S);
    assert_eq!((world.node(1).packets.len(), world.node(2).packets.len()), (1, 1));
    assert_eq!((world.node(1).rx.len(), world.node(2).rx.len()), (1, 1));
}

#[test]
fn a_replayed_hello_while_its_first_answer_waits_gets_the_same_answer() {
    let mut world = World::members(4, 2);
    world.connect(1, 2);
    world.run(5 * MS);
    let hello = world.log.borrow()[0].3.clone();
    let now = world.now;
    let node = world.node(2);
    let mut answers = Vec::new();
    for _ in 0..30 {
        node.sessions.handle(now, path(addr(1)), &hello);
        while let Some(output) = node.sessions.poll_output() {
            match output {
                weft_session::Output::Transmit { bytes, .. } => answers.push(bytes),
                weft_session::Output::RxInstall(session) => node.rx.install(session),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(answers.len() == 30 && answers.iter().all(|a| *a == answers[0] && a.len() <= hello.len()));
    assert_eq!(node.rx.len(), 1);
}

#[test]
fn replayed_and_forged_data_is_dropped() {
    let mut world = World::pair(5);
    world.packet(1, 2, b"once");
    world.run(S);
    let frame = world
        .log
        .borrow()
        .iter()
        .rev()
        .find(|l| l.1 == addr(1) && l.3[0] == wire::DATA)
        .unwrap()
        .3
        .clone();
    let log = world.log.borrow().clone();
    for (_, from, to, bytes) in log.iter().filter(|l| l.3[0] == wire::DATA) {
        world.send(*from, *to, bytes.clone());
    }
    for at in 0..frame.len() {
        let mut bad = frame.clone();
        bad[at] ^= 0x40;
        world.send(addr(1), addr(2), bad);
        world.send(addr(1), addr(2), frame[..at].to_vec());
    }
    world.run(S);
    assert_eq!(world.node(2).packets.len(), 1);
    assert!(world.node(2).rx.drops().get(DropReason::Replay) > 0);
    assert!(world.node(2).rx.drops().get(DropReason::BadTag) > 0);
}

#[test]
fn a_wrong_key_or_network_is_met_with_silence() {
    let mut world = World::members(6, 2);
    let now = world.now;
    // Node 1 believes that node 2 has another key.
    world.node(1).sessions.remove_peer(now, NET, 2);
    let config = PeerConfig {
        peer: 2,
        key: key(9),
        level: Level::Member,
        origin: [0; 8],
    };
    assert!(world.node(1).sessions.set_peer(now, NET, config));
    world.connect(1, 2);
    world.run(20 * S);
    assert!(
        world.log.borrow().iter().all(|l| l.1 == addr(1)),
        "node 2 said something"
    );
    assert!(world.node(2).sessions.drops().get(DropReason::BadMac) > 5);
    let downs = world.node(1).downs();
    assert_eq!(downs.len(), 1);
    assert_eq!(
        (downs[0].0 - now, downs[0].1),
        (limits::HANDSHAKE_GIVE_UP, DownReason::Unreachable)
    );
}

#[test]
fn the_first_of_several_candidates_that_answers_carries() {
    let mut world = World::members(7, 2);
    let now = world.now;
    let dead: Vec<_> = (50..54).map(addr).collect();
    let candidates = [dead.as_slice(), &[addr(2)]].concat();
    world.node(1).connect(now, 2, &candidates);
    assert!(world.run_until(S, |w| w.node(2).is_up(1)));
    let hellos: Vec<_> = world
        .log
        .borrow()
        .iter()
        .filter(|l| l.3[0] == wire::HELLO)
        .cloned()
        .collect();
    assert_eq!(hellos.len(), 5);
    assert!(hellos.windows(2).all(|w| w[1].0 - w[0].0 <= 20 * MS));
    assert!(world.now - now <= 150 * MS, "{}", world.now - now);
}

#[test]
fn an_answer_from_an_address_that_was_not_asked_is_not_taken() {
    let mut world = World::members(8, 2);
    world.connect(1, 2);
    world.run(12 * MS);
    let answer = world
        .log
        .borrow()
        .iter()
        .find(|l| l.3[0] == wire::ANSWER)
        .unwrap()
        .3
        .clone();
    let now = world.now;
    world.node(1).sessions.handle(now, path(addr(77)), &answer);
    assert!(!world.node(1).is_up(2));
    assert_eq!(
        world.node(1).sessions.drops().get(DropReason::UnexpectedAnswer),
        1
    );
    for at in 12..answer.len() - 32 {
        let mut forged = answer.clone();
        forged[at] ^= 1;
        world.node(1).sessions.handle(now, path(addr(2)), &forged);
    }
    assert!(!world.node(1).is_up(2));
    world.run(S);
    assert!(
        world.node(1).is_up(2) && world.node(2).is_up(1),
        "forgeries did no harm"
    );
}

#[test]
fn suites_are_negotiated() {
    let (aes, chacha) = (Suite::Aes256Gcm, Suite::ChaCha20Poly1305);
    let both = aes.bit() | chacha.bit();
    for (a, b, expected) in [
        (both, both, aes),
        (both, chacha.bit(), chacha),
        (aes.bit(), both, aes),
    ] {
        let mut world = World::new(9);
        let now = world.now;
        world.nodes.insert(1, Node::new(1, 1, a));
        world.nodes.insert(2, Node::new(2, 2, b));
        world.node(1).know(now, 2, Level::Member);
        world.node(2).know(now, 1, Level::Member);
        world.connect(1, 2);
        world.run(S);
        assert!(world.packet(1, 2, b"x") && world.packet(2, 1, b"y"));
        world.run(S);
        assert_eq!(world.node(1).txs[&2].suite(), expected);
        assert_eq!(world.node(1).txs[&2].features(), wire::FEATURE_PARTIAL);
        assert_eq!((world.node(1).packets.len(), world.node(2).packets.len()), (1, 1));
    }
    let mut world = World::new(10);
    let now = world.now;
    world.nodes.insert(1, Node::new(1, 1, aes.bit()));
    world.nodes.insert(2, Node::new(2, 2, chacha.bit()));
    world.node(1).know(now, 2, Level::Member);
    world.node(2).know(now, 1, Level::Member);
    world.connect(1, 2);
    world.run(12 * S);
    assert!(!world.node(1).is_up(2) && world.node(1).downs()[0].1 == DownReason::Unreachable);
}

#[test]
fn several_networks_share_one_socket() {
    let mut world = World::members(14, 2);
    let now = world.now;
    for (id, other) in [(1u32, 2u32), (2, 1)] {
        let config = NetworkConfig {
            net: 7,
            network_id: [7; 32],
            secret_key: secret(id + 100).into(),
        };
        assert!(world.node(id).sessions.add_network(config));
        let peer = PeerConfig {
            peer: other,
            key: key(other + 100),
            level: Level::Member,
            origin: [0; 8],
        };
        assert!(world.node(id).sessions.set_peer(now, 7, peer));
    }
    world.node(1).sessions.connect(now, 7, 2, &[path(addr(2))], &[]);
    world.run(S);
    assert!(world.node(1).sessions.stats(0, 7, 2).unwrap().up);
    assert!(!world.node(1).is_up(2));
    let now = world.now;
    world.node(1).sessions.remove_network(now, 7);
    world.run(S);
    assert_eq!(
        world.node(2).downs().last().map(|d| d.1),
        Some(DownReason::Closed)
    );
    assert!(world.node(1).rx.is_empty() && world.node(2).rx.is_empty());
}

impl World {
    fn events_clear(&mut self) {
        self.nodes.values_mut().for_each(|n| n.events.clear());
    }
}
