//! Nothing that comes in makes it panic, whether authentic or not, and the session goes on.

mod world;
use proptest::prelude::*;
use weft_session::fragment::Reassembly;
use weft_session::{Path, wire};
use world::{NET, S, World, addr, path};

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        Just(wire::HELLO),
        Just(wire::ANSWER),
        Just(wire::COOKIE),
        Just(wire::DATA),
        Just(wire::CAST)
    ];
    let length = prop_oneof![0usize..40, 60usize..70, 100usize..200, 400usize..460];
    (first, length, any::<u64>()).prop_map(|(first, length, seed)| {
        let mut bytes = vec![0u8; length];
        world::Dice(seed).fill(&mut bytes);
        for (at, head) in [first, wire::VERSION, 0, 0].into_iter().enumerate().take(length) {
            bytes[at] = head;
        }
        bytes
    })
}

fn plaintext() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..80);
    (0u8..=255, body, any::<bool>()).prop_map(|(first, body, zeros)| {
        let body = if zeros { vec![0; body.len()] } else { body };
        [vec![first & 0x1F], body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_authentic_changes_nothing(frames in prop::collection::vec(datagram(), 1..40)) {
        let mut world = World::pair(1);
        let before = world.node(2).events.len();
        let index = world.log.borrow().iter().find(|l| l.2 == addr(2) && l.3[0] == wire::DATA).unwrap().3[4..8].to_vec();
        for mut frame in frames {
            world.send(addr(9), addr(2), frame.clone());
            if frame.len() > 8 {
                // The same for an index that exists.
                let at = if frame[0] == wire::ANSWER { 8 } else { 4 };
                let end = (at + 4).min(frame.len());
                frame[at..end].copy_from_slice(&index[..end - at]);
                world.send(addr(1), addr(2), frame);
            }
        }
        world.run(S);
        prop_assert_eq!(world.node(2).events.len(), before);
        prop_assert!(world.packet(1, 2, b"still well"));
        world.run(S);
        prop_assert_eq!(world.node(2).packets.len(), 1);
    }

    #[test]
    fn an_authentic_peer_may_send_nonsense(plaintexts in prop::collection::vec(plaintext(), 1..40)) {
        let mut world = World::pair(2);
        let tx = world.node(1).txs[&2].clone();
        let mut reassembly = Reassembly::new();
        for plaintext in plaintexts.iter().filter(|p| p[0] & 0x0F != wire::kind::CLOSE) {
            let mut frame = vec![0u8; wire::DATA_MIN + plaintext.len()];
            frame[wire::HEADER..wire::HEADER + plaintext.len()].copy_from_slice(plaintext);
            tx.seal(tx.reserve(1).unwrap(), &mut frame);
            world.send(addr(1), addr(2), frame);
            let _ = reassembly.insert(0, (1, 1), plaintext);
        }
        world.run(20 * S);
        prop_assert!(world.node(2).is_up(1));
        prop_assert_eq!(world.node(2).sessions.stats(0, NET, 1).unwrap().path, Some(path(addr(1))));
        world.node(2).packets.clear();
        prop_assert!(world.packet(1, 2, b"still well"));
        world.run(S);
        prop_assert_eq!(world.node(2).packets.len(), 1);
    }

    #[test]
    fn paths_of_all_kinds_may_speak(frames in prop::collection::vec(datagram(), 1..40), link in any::<u32>()) {
        let mut world = World::pair(3);
        let now = world.now;
        for frame in frames {
            world.node(2).sessions.handle(now, Path::Link(link), &frame);
            let _ = world.node(2).rx.open_cast(now, Path::Link(link), &frame);
            let _ = world.node(2).rx.open(now, Path::Link(link), &mut frame.clone());
        }
    }
}
