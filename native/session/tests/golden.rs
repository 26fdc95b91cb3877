//! One vector of every frame in test/golden/frames/: written once (`WEFT_GOLDEN=write`), checked from then on. A
//! difference means that the wire changed: a new version, never a new vector for an old one.

mod world;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use weft_session::fragment::{What, split};
use weft_session::{
    AUTH_SHARED, AUTH_SIGNED, CastSigner, CastTx, Leaves, Level, Path, SenderKey, SignedRx, Suite, TAG,
    bundle, wire,
};
use world::{NET, Node, S, World, addr, key, origin, secret, sessions_from};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn file(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../../test/golden/frames").join(format!("{name}.json"))
}

/// Compares with the kept vector, or keeps it.
fn check(name: &str, fields: &[(&str, String)]) {
    let mut text = String::from("{\n");
    for (i, (field, value)) in fields.iter().enumerate() {
        let comma = if i + 1 < fields.len() { "," } else { "" };
        let _ = writeln!(text, "  \"{field}\": \"{value}\"{comma}");
    }
    text.push_str("}\n");
    if std::env::var_os("WEFT_GOLDEN").is_some_and(|v| v == "write") {
        std::fs::create_dir_all(file(name).parent().unwrap()).unwrap();
        std::fs::write(file(name), text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(file(name)).unwrap_or_else(|e| panic!("{name}.json: {e}"));
    assert_eq!(kept, text, "{name}: the frame changed");
}

/// Every random byte of a node: the vectors depend on no order in which random numbers are drawn.
fn byte(id: u32) -> u8 {
    0xA0 + id as u8
}

/// Nodes 1 and 2 with every random number fixed.
fn world(suites: u8) -> World {
    let mut world = World::new(0);
    for id in [1, 2] {
        let mut node = Node::new(id, 0, suites);
        node.sessions = sessions_from(id, suites, move |out| out.fill(byte(id)));
        world.nodes.insert(id, node);
    }
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.node(2).know(now, 1, Level::Member);
    world.connect(1, 2);
    world.run(S);
    assert!(world.node(1).is_up(2) && world.node(2).is_up(1));
    world
}

fn sent(world: &World, kind: u8) -> Vec<u8> {
    world
        .log
        .borrow()
        .iter()
        .find(|l| l.3[0] == kind)
        .unwrap()
        .3
        .clone()
}

#[test]
fn handshake() {
    let world = world(3);
    let common = [
        ("version", "1".to_string()),
        ("networkId", hex(&[42; 32])),
        ("initiatorSecret", hex(&secret(1))),
        ("initiatorPublic", hex(&key(1))),
        ("responderSecret", hex(&secret(2))),
        ("responderPublic", hex(&key(2))),
        ("initiatorEphemeral", hex(&[byte(1); 32])),
        ("responderEphemeral", hex(&[byte(2); 32])),
    ];
    for (name, kind) in [("hello", wire::HELLO), ("answer", wire::ANSWER)] {
        check(
            name,
            &[&common[..], &[("frame", hex(&sent(&world, kind)))]].concat(),
        );
    }
}

#[test]
fn cookie() {
    let mut world = world(3);
    world.run(20 * S);
    let hello = sent(&world, wire::HELLO);
    world.log.borrow_mut().clear();
    // The same hello often enough: the 41st in a second is asked to prove its address.
    for _ in 0..60 {
        world.send(addr(1), addr(2), hello.clone());
    }
    world.run(S);
    let fields = [
        ("version", "1".to_string()),
        ("responderPublic", hex(&key(2))),
        ("hello", hex(&hello)),
        ("frame", hex(&sent(&world, wire::COOKIE))),
    ];
    check("cookie", &fields);
}

/// Every kind of plaintext, sealed by node 1 with the keys of the handshake above.
#[test]
fn data() {
    for (suites, suffix) in [(1, "aes256gcm"), (2, "chacha20poly1305")] {
        let mut world = world(suites);
        let tx = world.node(1).txs[&2].clone();
        let mut vectors = Vec::new();
        for (name, plaintext) in plaintexts() {
            let mut frame = vec![0u8; wire::DATA_MIN + plaintext.len()];
            frame[wire::HEADER..wire::HEADER + plaintext.len()].copy_from_slice(&plaintext);
            // Far from what upkeep uses, so that the vectors do not depend on its pings.
            tx.seal(1_000 + vectors.len() as u64, &mut frame);
            let mut opened = frame.clone();
            let now = world.now;
            let got = world.node(2).rx.open(now, Path::Link(0), &mut opened).unwrap();
            assert_eq!(opened[got.plaintext()], plaintext, "{name}");
            vectors.push((format!("{name}Plaintext"), hex(&plaintext)));
            vectors.push((format!("{name}Frame"), hex(&frame)));
        }
        let fields: Vec<(&str, String)> = std::iter::once(("version", "1".to_string()))
            .chain(vectors.iter().map(|(n, v)| (n.as_str(), v.clone())))
            .collect();
        check(&format!("data-{suffix}"), &fields);
    }
}

fn plaintexts() -> Vec<(&'static str, Vec<u8>)> {
    let stamp = 0x0102_0304_0506_0708u64.to_be_bytes();
    let (head, body) = split(9, What::Packet, b"piece by piece", 15)
        .unwrap()
        .nth(1)
        .unwrap();
    vec![
        ("keepalive", vec![]),
        ("packet", [&[wire::kind::PACKET][..], b"an IP packet"].concat()),
        (
            "packetPartial",
            [&[wire::kind::PACKET | wire::kind::PARTIAL][..], b"an IP packet"].concat(),
        ),
        ("ping", [&[wire::kind::PING][..], &stamp].concat()),
        (
            "pong",
            [&[wire::kind::PONG][..], &stamp, &[4, 10, 0, 0, 1, 0x0F, 0xA0]].concat(),
        ),
        ("fragment", [&head[..], body].concat()),
        ("senderKeyAck", vec![wire::kind::SENDER_KEY_ACK, 0, 0, 0, 7]),
        ("close", vec![wire::kind::CLOSE, 1]),
        ("fragmentOfTree", fragment_of_tree()),
        ("treeBeat", tree_beat()),
    ]
}

/// A whole cast of tree 2, epoch 3, with hop limit 15, as one fragment.
fn fragment_of_tree() -> Vec<u8> {
    let key = SenderKey::of_tree(2, 7, 10, [9; 32].into());
    let tx = CastTx::new(origin(1), key);
    let mut frame = vec![0; wire::CAST_MIN + 7];
    frame[40..47].copy_from_slice(b"to many");
    tx.seal(tx.reserve(1), false, 2, 3, &mut frame);
    let bytes = [&[AUTH_SHARED, 15][..], &frame[wire::HEADER..frame.len() - TAG]].concat();
    let mut pieces = split(9, What::TreeCast, &bytes, 200).unwrap();
    let (head, body) = pieces.next().unwrap();
    [&head[..], body].concat()
}

/// Tree 2 of node 1, epoch 3, key 7: the highest sequence is 10, the origin was heard 40 ms ago.
fn tree_beat() -> Vec<u8> {
    let numbers = [0, 2, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 10, 0, 40];
    [&[wire::kind::TREE_BEAT][..], &origin(1), &numbers].concat()
}

/// Plaintexts that the manager itself makes, as they leave node 1.
#[test]
fn managed() {
    let mut world = world(1);
    world.say(1, 2, b"a message of the engine");
    let control = last_plaintext(&mut world);
    world.run(S);
    let key = SenderKey {
        key_id: 7,
        scope: 0,
        lowest: 10,
        suite: Suite::Aes256Gcm,
        key: [9; 32].into(),
    };
    let now = world.now;
    assert!(world.node(1).sessions.give_sender_key(now, NET, 2, key));
    world.drain(1);
    let gift = last_plaintext(&mut world);
    let fields = [
        ("version", "1".to_string()),
        ("control", hex(&control)),
        ("senderKey", hex(&gift)),
    ];
    check("managed", &fields);
}

fn last_plaintext(world: &mut World) -> Vec<u8> {
    let mut frame = world.log.borrow().last().unwrap().3.clone();
    let now = world.now;
    let opened = world.node(2).rx.open(now, Path::Link(0), &mut frame).unwrap();
    frame[opened.plaintext()].to_vec()
}

#[test]
fn cast() {
    let mut vectors = vec![("version", "1".to_string()), ("senderKey", hex(&[9; 32]))];
    for (suite, name) in [
        (Suite::Aes256Gcm, "aes256gcm"),
        (Suite::ChaCha20Poly1305, "chacha20poly1305"),
    ] {
        let mut world = world(1);
        let key = SenderKey {
            suite,
            ..SenderKey::of_tree(2, 7, 10, [9; 32].into())
        };
        let tx = CastTx::new(origin(1), key);
        let body = b"to many";
        let mut frame = vec![0u8; wire::CAST_MIN + body.len()];
        frame[40..40 + body.len()].copy_from_slice(body);
        tx.seal(tx.reserve(1), true, 2, 3, &mut frame);
        let hop = world.node(1).txs[&2].clone();
        hop.seal_stamp(1_000, AUTH_SHARED, 8, &mut frame);
        let now = world.now;
        let cast = world.node(2).rx.open_cast(now, Path::Link(0), &frame).unwrap();
        assert_eq!((cast.stamp.tree, cast.stamp.epoch, cast.hop_limit), (2, 3, 8));
        world
            .node(2)
            .cast_rx
            .install(now, NET, origin(1), &tx_key(&tx, suite));
        let mut opened = frame.clone();
        let got = world.node(2).cast_rx.open(now, &cast, &mut opened).unwrap();
        assert!(opened[got.packet.clone()] == body[..] && got.partial && got.sequence == 10);
        assert_eq!(frame.len(), wire::HEADER + wire::STAMP + body.len() + 2 * TAG);
        vectors.push((name, hex(&frame)));
    }
    check("cast", &vectors);
}

/// A frame of node 3 for node 2 on its way through node 1, and what node 2 says when it cannot deliver.
/// A batch of three, as it is between stamp and inner tag.
#[test]
fn signed_casts() {
    let signer = Arc::new(CastSigner::new([42; 32], origin(1), &[6; 32].into()));
    let key = SenderKey::of_tree(2, 7, 10, [9; 32].into());
    let tx = CastTx::signed(origin(1), key, signer.clone());
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for packet in [&b"one"[..], b"two", b"and three"] {
        let mut frame = vec![0; wire::HEADER + wire::STAMP + packet.len() + 2 * TAG];
        frame[wire::HEADER + wire::STAMP..][..packet.len()].copy_from_slice(packet);
        tx.seal(tx.reserve(1), false, 2, 3, &mut frame);
        frames.push(frame[wire::HEADER..frame.len() - TAG].to_vec());
    }
    let mut leaves = Leaves::default();
    frames.iter().for_each(|body| leaves.add(body));
    let proofs = tx.sign(leaves).unwrap();
    let mut rx = SignedRx::new();
    rx.set(NET, &[42; 32], (origin(1), 2), Some(&signer.public_key()));
    let mut vectors = vec![
        ("version", "1".to_string()),
        ("networkId", hex(&[42; 32])),
        ("senderKey", hex(&[9; 32])),
        ("signerSeed", hex(&[6; 32])),
        ("signerPublic", hex(&signer.public_key())),
    ];
    for (i, (name, body)) in ["first", "second", "third"].into_iter().zip(frames).enumerate() {
        let mut proof = vec![0; proofs.length()];
        proofs.write(i, &mut proof);
        let whole = [&body[..wire::STAMP], &proof, &body[wire::STAMP..]].concat();
        assert_eq!(rx.check(0, (NET, 2), AUTH_SIGNED, &whole), Ok(()));
        vectors.push((name, hex(&whole)));
    }
    check("cast-signed", &vectors);
}

#[test]
fn carry() {
    let mut vectors = vec![("version", "1".to_string())];
    for (suites, names) in [
        (1, ["aes256gcm", "aes256gcmNoWay"]),
        (2, ["chacha20poly1305", "chacha20poly1305NoWay"]),
    ] {
        let mut world = world(suites);
        let (now, hop) = (world.now, world.node(1).txs[&2].clone());
        let back = world.node(2).txs[&1].clone();
        let inner: Vec<u8> = (0xC0..0xE8).collect();
        let answer = [vec![1], vec![0; TAG - 1]].concat();
        for (name, body, flags, from, to) in [
            (names[0], &inner, 0, 3, 2),
            (names[1], &answer, wire::NO_WAY, 2, 3),
        ] {
            let head = [vec![0; wire::HEADER], origin(to).to_vec(), origin(from).to_vec()].concat();
            let mut frame = [&head[..], body, &[0; TAG]].concat();
            let (tx, rx) = if flags == 0 { (&hop, 2) } else { (&back, 1) };
            tx.seal_carry(1_000, flags, 3, &mut frame);
            let carry = world.node(rx).rx.open_carry(now, Path::Link(0), &frame).unwrap();
            assert_eq!((carry.flags, carry.hop_limit), (flags, 3));
            assert_eq!((carry.destination, carry.source), (origin(to), origin(from)));
            assert_eq!(frame[carry.opened.plaintext()], body[..]);
            assert_eq!(frame.len(), body.len() + wire::CARRY_OVERHEAD);
            vectors.push((name, hex(&frame)));
        }
    }
    check("carry", &vectors);
}

/// Two packets and a cast (from its stamp on) in one frame.
#[test]
fn bundle() {
    let mut world = world(1);
    let mut plaintext = Vec::new();
    bundle::begin(&mut plaintext);
    let packet = [&[wire::kind::PACKET][..], b"an IP packet"].concat();
    bundle::put(&mut plaintext, What::Packet, &packet);
    bundle::put(&mut plaintext, What::Cast, &[0xCA; wire::STAMP + TAG]);
    bundle::put(&mut plaintext, What::Packet, &packet);
    let tx = world.node(1).txs[&2].clone();
    let mut frame = [vec![0; wire::HEADER], plaintext.clone(), vec![0; TAG]].concat();
    tx.seal(2_000, &mut frame);
    let (now, mut opened) = (world.now, frame.clone());
    let got = world.node(2).rx.open(now, Path::Link(0), &mut opened).unwrap();
    assert_eq!(
        (got.kind(), &opened[got.plaintext()]),
        (wire::kind::BUNDLE, &plaintext[..])
    );
    let fields = [
        ("version", "1".to_string()),
        ("plaintext", hex(&plaintext)),
        ("frame", hex(&frame)),
    ];
    check("bundle", &fields);
}

fn tx_key(tx: &CastTx, suite: Suite) -> SenderKey {
    SenderKey {
        lowest: 10,
        suite,
        ..tx.sender_key()
    }
}
