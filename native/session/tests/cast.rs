//! Multicast: sealed once, stamped per hop, opened once, whatever comes in between.

mod world;
use weft_session::{
    AUTH_SHARED, CastRx, CastTx, DropReason, HopCast, Path, Rx, SenderKey, Suite, TAG, limits, wire,
};
use world::{MS, NET, S, World, addr, origin, path};

const ROOM: usize = wire::HEADER + wire::STAMP;

fn cast_tx(id: u32, key_id: u32, suite: Suite) -> CastTx {
    let key = [key_id as u8; 32].into();
    CastTx::new(
        origin(id),
        SenderKey {
            key_id,
            scope: 0,
            lowest: 10,
            suite,
            key,
        },
    )
}

/// A sealed cast with room for a hop's header and tag.
fn sealed(tx: &CastTx, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0u8; ROOM + body.len() + 2 * TAG];
    frame[ROOM..ROOM + body.len()].copy_from_slice(body);
    tx.seal(tx.reserve(1), false, 0, 0, &mut frame);
    frame
}

fn stamp_and_send(world: &mut World, from: u32, to: u32, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let tx = world.node(from).txs[&to].clone();
    tx.seal_stamp(tx.reserve(1).unwrap(), AUTH_SHARED, 8, &mut frame);
    let (source, remote) = (world.node(from).addr, tx.path().remote().unwrap());
    world.send(source, remote, frame.clone());
    frame
}

fn give(world: &mut World, from: u32, to: u32, tx: &CastTx) {
    let now = world.now;
    assert!(
        world
            .node(from)
            .sessions
            .give_sender_key(now, NET, to, tx.sender_key())
    );
    world.drain(from);
}

#[test]
fn a_cast_is_sealed_once_and_opened_by_all_who_have_the_key() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let mut world = World::members(1, 4);
        for to in 2..=4 {
            world.connect(1, to);
        }
        world.run(S);
        let tx = cast_tx(1, 7, suite);
        for to in 2..=3 {
            give(&mut world, 1, to, &tx);
        }
        world.run(S);
        assert_eq!(world.node(1).acked, vec![7, 7]);
        for n in 0..20u8 {
            let frame = sealed(&tx, &[n; 300]);
            for to in 2..=4 {
                stamp_and_send(&mut world, 1, to, &frame);
            }
        }
        world.run(S);
        for to in 2..=3 {
            let casts = &world.node(to).casts;
            assert!(casts.len() == 20 && casts.iter().enumerate().all(|(i, c)| c.1 == [i as u8; 300]));
        }
        assert!(world.node(4).casts.is_empty(), "no key, no packet");
    }
}

#[test]
fn a_hop_restamps_without_the_key_and_the_inner_seal_holds() {
    let mut world = World::members(2, 3);
    world.connect(1, 2);
    world.connect(2, 3);
    world.connect(1, 3);
    world.run(S);
    let tx = cast_tx(1, 7, Suite::Aes256Gcm);
    give(&mut world, 1, 3, &tx);
    world.run(S);
    let frame = sealed(&tx, b"relayed");
    let first_hop = stamp_and_send(&mut world, 1, 2, &frame);
    world.run(S);
    assert!(world.node(2).casts.is_empty(), "the hop cannot read");
    let second_hop = stamp_and_send(&mut world, 2, 3, &first_hop);
    let n = second_hop.len();
    assert_eq!(
        second_hop[16..n - TAG],
        first_hop[16..n - TAG],
        "the hop changed header and hop tag only"
    );
    world.run(S);
    assert_eq!(world.node(3).casts, vec![(2, b"relayed".to_vec())]);
    // A hop that tampers with the body is found out by the inner seal.
    let mut spoiled = sealed(&tx, b"relayed");
    spoiled[ROOM] ^= 1;
    stamp_and_send(&mut world, 2, 3, &spoiled);
    world.run(S);
    assert_eq!(world.node(3).cast_rx.drops().get(DropReason::CastBadTag), 1);
    // The epoch may change on the way; origin, key, tree and sequence may not.
    let mut later = sealed(&tx, b"another epoch");
    later[30..32].copy_from_slice(&[3, 4]);
    stamp_and_send(&mut world, 2, 3, &later);
    world.run(S);
    assert_eq!(world.node(3).casts.len(), 2);
    for at in [16, 28, 32, 39] {
        let mut bad = sealed(&tx, b"x");
        bad[at] ^= 1;
        stamp_and_send(&mut world, 2, 3, &bad);
    }
    world.run(S);
    assert_eq!(world.node(3).casts.len(), 2);
}

#[test]
fn each_cast_is_opened_once_whatever_hop_it_comes_by() {
    let mut world = World::members(3, 3);
    world.connect(1, 2);
    world.connect(2, 3);
    world.connect(1, 3);
    world.run(S);
    let tx = cast_tx(1, 7, Suite::Aes256Gcm);
    give(&mut world, 1, 3, &tx);
    world.run(S);
    let frame = sealed(&tx, b"once");
    for _ in 0..3 {
        stamp_and_send(&mut world, 1, 3, &frame);
        stamp_and_send(&mut world, 2, 3, &frame);
    }
    world.run(S);
    assert_eq!(world.node(3).casts.len(), 1);
    assert_eq!(world.node(3).cast_rx.drops().get(DropReason::CastDuplicate), 5);
    // The hop's own replay window takes a copy of a whole frame, in reach of the receiver's thread only.
    let copy = world
        .log
        .borrow()
        .iter()
        .rev()
        .find(|l| l.3[0] == wire::CAST)
        .unwrap()
        .clone();
    world.send(copy.1, copy.2, copy.3);
    world.run(S);
    assert_eq!(world.node(3).rx.drops().get(DropReason::Replay), 1);
}

#[test]
fn forged_hop_tags_are_refused() {
    let mut world = World::pair(4);
    let tx = cast_tx(1, 7, Suite::Aes256Gcm);
    give(&mut world, 1, 2, &tx);
    world.run(S);
    let frame = sealed(&tx, b"body");
    let hop = world.node(1).txs[&2].clone();
    let mut good = frame.clone();
    hop.seal_stamp(hop.reserve(1).unwrap(), AUTH_SHARED, 8, &mut good);
    let body = ROOM..good.len() - 2 * TAG;
    for at in (0..good.len()).filter(|at| !body.contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let now = world.now;
        let result = world.node(2).rx.open_cast(now, path(addr(1)), &bad);
        assert!(result.is_err(), "byte {at}");
        assert!(
            world
                .node(2)
                .rx
                .open_cast(now, path(addr(1)), &good[..at])
                .is_err()
        );
    }
    let now = world.now;
    assert!(world.node(2).rx.open_cast(now, path(addr(1)), &good).is_ok());
}

#[test]
fn casts_that_come_before_their_key_wait_for_it() {
    let mut world = World::pair(5);
    let tx = cast_tx(1, 7, Suite::Aes256Gcm);
    let key_first = tx.sender_key();
    for n in 0..limits::HELD_PER_KEY as u8 + 10 {
        let frame = sealed(&tx, &[n; 100]);
        stamp_and_send(&mut world, 1, 2, &frame);
    }
    world.run(100 * MS);
    assert!(world.node(2).casts.is_empty());
    let now = world.now;
    assert!(world.node(1).sessions.give_sender_key(now, NET, 2, key_first));
    world.run(100 * MS);
    assert_eq!(world.node(2).casts.len(), limits::HELD_PER_KEY);
    assert_eq!(world.node(2).cast_rx.held_bytes(), 0);
    // Another receiver's key names a later lowest sequence: older casts stay closed to it.
    let late = tx.sender_key();
    assert_eq!(late.lowest, 10 + limits::HELD_PER_KEY as u64 + 10);
}

/// A receiver with a session but no keys, fed by hand.
fn feed(world: &mut World, now: u64, key_id: u32, size: usize) -> (HopCast, Vec<u8>) {
    let tx = cast_tx(1, key_id, Suite::Aes256Gcm);
    let mut frame = sealed(&tx, &vec![1; size]);
    let hop = world.node(1).txs[&2].clone();
    hop.seal_stamp(hop.reserve(1).unwrap(), AUTH_SHARED, 8, &mut frame);
    let rx: &mut Rx = &mut world.node(2).rx;
    (rx.open_cast(now, Path::Link(0), &frame).unwrap(), frame)
}

#[test]
fn what_waits_is_bounded_in_keys_bytes_and_time() {
    let mut world = World::pair(6);
    let mut cast_rx = CastRx::new();
    for key_id in 0..200 {
        for _ in 0..3 {
            let (cast, mut frame) = feed(&mut world, 1_000, key_id, 60_000);
            assert_eq!(
                cast_rx.open(1_000, &cast, &mut frame),
                Err(DropReason::UnknownKey)
            );
            assert!(cast_rx.held_bytes() <= limits::HELD_BYTES_MAX);
        }
    }
    assert!(cast_rx.held_bytes() > limits::HELD_BYTES_MAX / 2);
    let later = 1_001 + limits::HELD_FOR;
    let (cast, mut frame) = feed(&mut world, later, 500, 100);
    assert_eq!(
        cast_rx.open(later, &cast, &mut frame),
        Err(DropReason::UnknownKey)
    );
    assert_eq!(cast_rx.held_bytes(), frame.len());
    let key = cast_tx(1, 500, Suite::Aes256Gcm).sender_key();
    assert_eq!(
        cast_rx
            .install(later + limits::HELD_FOR + 1, NET, origin(1), &key)
            .len(),
        0
    );
}

#[test]
fn keys_are_bounded_per_origin_and_go_with_it() {
    let mut cast_rx = CastRx::new();
    for key_id in 0..1_000 {
        let key = cast_tx(1, key_id, Suite::Aes256Gcm).sender_key();
        cast_rx.install(u64::from(key_id), NET, origin(1), &key);
        assert!(cast_rx.len() <= limits::CAST_KEYS_PER_ORIGIN);
    }
    cast_rx.install(0, NET, origin(2), &cast_tx(2, 1, Suite::Aes256Gcm).sender_key());
    cast_rx.remove_origin(NET, origin(1));
    assert_eq!(cast_rx.len(), 1);
    cast_rx.remove_network(NET);
    assert!(cast_rx.is_empty());
}

#[test]
fn a_key_is_given_until_acknowledged_and_again_after_a_restart() {
    let mut world = World::pair(7);
    world.loss = 60;
    let tx = cast_tx(1, 7, Suite::Aes256Gcm);
    give(&mut world, 1, 2, &tx);
    assert!(world.run_until(30 * S, |w| w.node(1).acked == vec![7]));
    world.loss = 0;
    let before = world.node(1).fresh;
    world.restart(2);
    world.connect(2, 1);
    world.run(S);
    assert_eq!(
        world.node(1).fresh,
        before + 1,
        "the caller is told to give its keys again"
    );
    give(&mut world, 1, 2, &tx);
    world.run(S);
    assert_eq!(world.node(1).acked, vec![7, 7]);
    assert_eq!(world.node(2).given.len(), 1);
}

#[test]
fn removing_a_member_forgets_its_keys() {
    let mut world = World::pair(8);
    let tx = cast_tx(1, 7, Suite::Aes256Gcm);
    give(&mut world, 1, 2, &tx);
    world.run(S);
    assert_eq!(world.node(2).cast_rx.len(), 1);
    let now = world.now;
    world.node(2).sessions.remove_peer(now, NET, 1);
    world.drain(2);
    assert!(world.node(2).cast_rx.is_empty());
}

/// A key opens casts of its own tree only, whatever the stamp says: a neighbour may write any tree into it.
#[test]
fn keys_of_trees_and_of_hops_do_not_mix() {
    let mut world = World::members(1, 2);
    world.connect(1, 2);
    world.run(S);
    let secret = [7; 32];
    let tree_key = |tree| SenderKey::of_tree(tree, 7, 0, secret.into());
    let direct = SenderKey {
        scope: 0,
        ..tree_key(2)
    };
    let body = b"to many";
    for (sealing, stamped, given, opens) in [
        (tree_key(2), 2, tree_key(2), true),
        (tree_key(2), 3, tree_key(2), false),
        (tree_key(2), 0, tree_key(2), false),
        (tree_key(2), 2, direct.clone(), false),
        (direct.clone(), 2, direct.clone(), false),
        (direct.clone(), 0, direct.clone(), true),
    ] {
        let tx = CastTx::new(origin(1), sealing.clone());
        let mut frame = vec![0; ROOM + body.len() + 2 * TAG];
        frame[ROOM..ROOM + body.len()].copy_from_slice(body);
        tx.seal(tx.reserve(1), false, sealing.tree(), 1, &mut frame);
        frame[wire::HEADER + 12..wire::HEADER + 14].copy_from_slice(&u16::to_be_bytes(stamped));
        let hop = world.node(1).txs[&2].clone();
        hop.seal_stamp(hop.reserve(1).unwrap(), AUTH_SHARED, 16, &mut frame);
        let now = world.now;
        let cast = world.node(2).rx.open_cast(now, path(addr(1)), &frame).unwrap();
        let mut keys = CastRx::new();
        keys.install(now, NET, origin(1), &given);
        let got = keys.open(now, &cast, &mut frame);
        assert_eq!(
            got.is_ok(),
            opens,
            "{sealing:?} as {stamped} by {given:?}: {got:?}"
        );
    }
}

/// The keys of a tree outlive the origin's session; relays keep nothing of what they cannot read.
#[test]
fn keys_of_trees_do_not_go_with_a_session() {
    let mut world = World::members(1, 2);
    world.connect(1, 2);
    world.run(S);
    let now = world.now;
    let mut keys = CastRx::new();
    for key_id in 1..=6 {
        keys.install(
            now,
            NET,
            origin(1),
            &SenderKey::of_tree(2, key_id, 0, [1; 32].into()),
        );
    }
    keys.install(now, NET, origin(1), &cast_tx(1, 1, Suite::Aes256Gcm).sender_key());
    assert_eq!(keys.len(), limits::CAST_KEYS_PER_TREE + 1);
    keys.remove_origin(NET, origin(1));
    assert_eq!(keys.len(), limits::CAST_KEYS_PER_TREE);
    for (tree, held) in [(2, true), (3, false)] {
        assert_eq!(keys.knows_tree(NET, origin(1), tree), held);
        let tx = CastTx::new(origin(1), SenderKey::of_tree(tree, 99, 0, [9; 32].into()));
        let mut frame = vec![0; ROOM + 5 + 2 * TAG];
        tx.seal(tx.reserve(1), false, tree, 1, &mut frame);
        let hop = world.node(1).txs[&2].clone();
        hop.seal_stamp(hop.reserve(1).unwrap(), AUTH_SHARED, 16, &mut frame);
        let cast = world.node(2).rx.open_cast(now, path(addr(1)), &frame).unwrap();
        let before = keys.held_bytes();
        assert_eq!(keys.open(now, &cast, &mut frame), Err(DropReason::UnknownKey));
        assert_eq!(keys.held_bytes() > before, held, "tree {tree}");
    }
    keys.remove_tree(NET, origin(1), 2);
    assert!(keys.is_empty() && keys.held_bytes() == 0);
}
