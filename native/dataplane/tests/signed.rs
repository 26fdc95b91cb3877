//! Trees whose casts their origin signs, over loopback: what gets through, and what dies at the first hop.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/trees.rs"]
mod trees;

use lab::*;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trees::*;
use weft_dataplane::{Dataplane, Event, GroupConfig, NetworkConfig, Options};
use weft_device::{VNET_LEN, fake};

const PORT: u16 = 5_000;

/// Origin 1 → relay 2 (no subscriber) → 3, 4; 3 → 5, 6.
const EDGES: [(u8, u8); 5] = [(1, 2), (2, 3), (2, 4), (3, 5), (3, 6)];
const SUBSCRIBERS: [u8; 4] = [3, 4, 5, 6];

/// What comes to the group by trees is to be signed, as far as this host is concerned.
fn wants_signed(host: &Host) {
    let group = GroupConfig {
        group: GROUP.into(),
        receivers: vec![],
        publishers: None,
        repaired: false,
        signed: true,
        more: false,
    };
    host.plane.set_groups(NET, vec![group]).unwrap();
    host.plane.stats();
}

fn planted(repair: &str) -> Grove {
    let mut grove = Grove::new(6, &SUBSCRIBERS, &EDGES);
    grow(&mut grove, repair);
    grove
}

fn grow(grove: &mut Grove, repair: &str) {
    grove.signed = true;
    grove.subscribe(1, &SUBSCRIBERS);
    grove.plant(1, 1, &EDGES, repair);
    for n in SUBSCRIBERS {
        wants_signed(grove.host(n));
    }
    send_on(grove, &[1]);
}

fn send_on(grove: &Grove, trees: &[u16]) {
    let plane = &grove.host(1).plane;
    plane.send_on(NET, GROUP.into(), trees.to_vec()).unwrap();
    plane.stats();
}

fn nothing_was_wrong(grove: &Grove) {
    for host in &grove.hosts {
        let stats = host.plane.stats();
        for name in [
            "castWrongAuth",
            "castBadSignature",
            "castUnchecked",
            "castBadTag",
            "unsigned",
        ] {
            assert_eq!(stats.drops.get(name), None, "host {}: {name}", host.n);
        }
    }
}

#[test]
fn everybody_gets_each_packet_once_and_all_who_pass_on_check() {
    let grove = planted("off");
    let sent = grove.send(0..500);
    for n in SUBSCRIBERS {
        assert_eq!(grove.take(n, 500), sent, "host {n}");
    }
    let signatures = grove.host(1).counter("castsSigned");
    assert!((500 / 16..=500).contains(&signatures), "{signatures}");
    for host in &grove.hosts[1..] {
        assert_eq!(host.counter("signatureChecks"), signatures, "host {}", host.n);
        assert!(grove.is_quiet(host.n));
    }
    assert_eq!(
        grove.host(2).counter("treeOpened"),
        0,
        "who cannot read checks as well"
    );
    nothing_was_wrong(&grove);
}

#[test]
fn packets_that_come_faster_than_signatures_may_share_them_and_none_waits_alone() {
    let grove = planted("off");
    let began = Instant::now();
    for round in 0..16 {
        // As many as an adapter holds.
        grove.send(round * 250..(round + 1) * 250);
        for n in SUBSCRIBERS {
            assert_eq!(grove.take(n, 250).len(), 250, "host {n}");
        }
    }
    let ms = began.elapsed().as_millis() as u64;
    let signatures = grove.host(1).counter("castsSigned");
    assert!(signatures <= 4 * ms + 2 + 4_000 / 16, "{signatures} in {ms} ms");
    // The last one of a stream, whatever the one before was.
    for i in 4_000..4_020 {
        let began = Instant::now();
        grove.send(i..i + 1);
        grove.take(3, 1);
        assert!(began.elapsed() < Duration::from_millis(500));
        for n in [4, 5, 6] {
            grove.take(n, 1);
        }
    }
    nothing_was_wrong(&grove);
}

/// Datagrams have no order that is kept: neighbours were seen to change places.
fn in_any_order(a: &[Vec<u8>], b: &[Vec<u8>]) -> bool {
    let sorted = |packets: &[Vec<u8>]| {
        let mut packets = packets.to_vec();
        packets.sort();
        packets
    };
    sorted(a) == sorted(b)
}

#[test]
fn full_packets_with_their_proofs_pass_the_ways_that_bare_ones_pass() {
    // As narrow as a full packet needs when it is not signed, and narrower.
    for frame_max in [None, Some(1_380 + 72), Some(700)] {
        let mut grove = match frame_max {
            Some(most) => Grove::narrow(6, &SUBSCRIBERS, &EDGES, most),
            None => Grove::new(6, &SUBSCRIBERS, &EDGES),
        };
        grow(&mut grove, "nack");
        let full = 1_380 - 28;
        let sent = grove.send_long(0..60, full);
        for n in SUBSCRIBERS {
            let got = grove.take_long(n, 60, full);
            assert!(in_any_order(&got, &sent), "host {n}, {frame_max:?}");
        }
        assert!(grove.host(1).counter("fragmentsSent") >= 120, "{frame_max:?}");
        assert!(grove.host(2).counter("fragmentsSent") >= 240, "{frame_max:?}");
        // With room for a proof it goes whole.
        let before = grove.host(2).counter("fragmentsSent");
        let sent = grove.send_long(60..80, 500);
        let got = grove.take_long(6, 20, 500);
        assert!(in_any_order(&got, &sent), "host 6, {frame_max:?}");
        if frame_max != Some(700) {
            assert_eq!(grove.host(2).counter("fragmentsSent"), before);
        }
        nothing_was_wrong(&grove);
    }
}

#[test]
fn links_carry_them() {
    let mut hosts: Vec<Host> = (1..=3).map(|n| Host::new(n, ALL, None)).collect();
    introduce(&mut hosts.iter_mut().collect::<Vec<_>>());
    let mut pipes = Vec::new();
    for n in 0..2 {
        let (left, right) = hosts.split_at_mut(n + 1);
        let (a, b) = (&mut left[n], &mut right[0]);
        let pipe = Pipe::new(a, b);
        let ways = vec![weft_dataplane::Way::Link(pipe.ends[0])];
        a.plane.connect(NET, b.n.into(), ways, vec![]).unwrap();
        a.wait_up(b.n);
        b.wait_up(a.n);
        pipes.push(pipe);
    }
    hosts[2].inject([0; VNET_LEN], &igmp_join(ipv4(3), GROUP));
    hosts[2].wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    hosts[0].receivers(GROUP.into(), &[3]);
    let grove = Grove {
        hosts,
        signed: true,
        line: 0,
    };
    grove.subscribe(1, &[3]);
    grove.plant(1, 1, &[(1, 2), (2, 3)], "nack");
    send_on(&grove, &[1]);
    for len in [100, 1_352] {
        let sent = grove.send_long(0..40, len);
        assert_eq!(grove.take_long(3, 40, len), sent);
    }
    nothing_was_wrong(&grove);
}

#[test]
fn what_is_lost_is_asked_for_and_sent_again_as_it_was_signed() {
    for repair in ["nack", "fec"] {
        let mut grove = Grove::new(3, &[2, 3], &[(1, 2), (2, 3)]);
        grove.signed = true;
        grove.subscribe(1, &[2, 3]);
        grove.plant(1, 1, &[(1, 2), (2, 3)], repair);
        send_on(&grove, &[1]);
        let mut sent = grove.send(0..10);
        grove.take(2, 10);
        // 2 takes itself for a leaf for a moment, and 3 misses what comes meanwhile.
        for (children, numbers) in [(&[][..], 10..30), (&[3][..], 30..40)] {
            let mut config = part(1, 1, 1, Some(1), children, repair);
            config.signer = Some(grove.host(1).signer());
            grove.host(2).plane.set_tree(NET, config).unwrap();
            grove.host(2).plane.stats();
            let count = numbers.len();
            sent.extend(grove.send(numbers));
            grove.take(2, count);
        }
        let mut got = grove.take(3, 40);
        got.sort();
        assert_eq!(got, sent);
        assert!(grove.host(2).counter("treeResent") >= 20);
        nothing_was_wrong(&grove);
    }
}

#[test]
fn a_tree_that_is_not_signed_brings_nothing_to_a_group_that_is() {
    let edges = [(1, 2), (2, 3)];
    let grove = Grove::new(3, &[2, 3], &edges);
    grove.subscribe(1, &[2, 3]);
    grove.plant(1, 1, &edges, "off");
    wants_signed(grove.host(2));
    send_on(&grove, &[1]);
    grove.send(0..10);
    until("they were refused", || grove.host(2).drops("unsigned") == 10);
    assert_eq!(grove.host(3).counter("treeCasts"), 0, "nor are they passed on");
    // Directly from its origin it needs no signature: nobody stands between.
    grove.host(1).receivers(GROUP.into(), &[2]);
    send_on(&grove, &[]);
    let sent = grove.send(10..15);
    assert_eq!(grove.take(2, 5), sent);
}

/// A member that has the tree's key, speaks as host 1 to host 3, and is its parent in the tree.
fn impostor(grove: &mut Grove) -> Host {
    let plane = Dataplane::start(Options::default()).unwrap();
    let address = plane.listen(&["127.0.0.1:0".parse().unwrap()]).unwrap()[0];
    // Its sessions are its own; what it seals and what its host sends is another's.
    let config = NetworkConfig {
        secret_key: network(2).secret_key,
        ..network(1)
    };
    plane.add_network(config).unwrap();
    let (device, cable) = fake::pair(ALL).unwrap();
    plane.attach(NET, Arc::new(device));
    let mut impostor = Host::of(2, plane, address, cable);
    impostor.plane.set_peers(NET, vec![peer(3)]);
    impostor.receivers(GROUP.into(), &[3]);
    let at = grove.place(3);
    join(&mut impostor, &mut grove.hosts[at]);
    impostor
}

/// What host 3 makes of packets in the name of 1 that 2, which has the key, made up; `auth`: as it stamps them.
fn forge(is_signed: bool, impostor_signs: bool) -> (Grove, Host) {
    // 1 is known, and silent.
    let mut grove = Grove::new(4, &[3, 4], &[(3, 4)]);
    grove.kill(2);
    let impostor = impostor(&mut grove);
    grove.signed = is_signed;
    grove.subscribe(1, &[3, 4]);
    grove.plant(1, 1, &[(1, 2), (2, 3), (3, 4)], "nack");
    let mut own = part(1, 1, 1, None, &[3], "nack");
    own.signer = impostor_signs.then(|| impostor.signer());
    impostor.plane.set_tree(NET, own).unwrap();
    impostor.plane.send_on(NET, IpAddr::V4(GROUP), vec![1]).unwrap();
    impostor.plane.stats();
    for i in 0..20u32 {
        let frame = udp_frame(ipv4(1), GROUP, PORT, &i.to_be_bytes());
        impostor.inject([0; VNET_LEN], &frame);
        // One signature each.
        std::thread::sleep(Duration::from_millis(3));
    }
    (grove, impostor)
}

#[test]
fn a_subscriber_that_has_the_key_forges_in_a_tree_that_is_not_signed() {
    // What SECURITY.md says of them; and that the tests below would notice.
    let (grove, _impostor) = forge(false, false);
    assert_eq!(grove.take(3, 20).len(), 20);
    assert_eq!(grove.take(4, 20).len(), 20);
}

#[test]
fn a_subscriber_that_has_the_key_forges_nothing_in_a_signed_tree() {
    let (mut grove, _impostor) = forge(true, true);
    until("they were refused", || {
        grove.host(3).drops("castBadSignature") == 20
    });
    let victim = grove.host(3);
    assert_eq!(victim.drops("treeBadSignatures"), 20);
    assert_eq!(victim.counter("treeOpened") + victim.counter("treeCasts"), 0);
    assert_eq!(grove.host(4).counter("treeCasts"), 0, "nothing is passed on");
    assert!(grove.is_quiet(3) && grove.is_quiet(4));
    let at = grove.place(3);
    grove.hosts[at].wait("trouble", |e| {
        let is = matches!(
            e,
            Event::TreeTrouble {
                code: "bad-signatures",
                peer: 2,
                ..
            }
        );
        is.then_some(())
    });
}

#[test]
fn leaving_the_signature_out_helps_nobody() {
    let (grove, _impostor) = forge(true, false);
    until("they were refused", || grove.host(3).drops("castWrongAuth") == 20);
    assert_eq!(
        grove.host(3).counter("treeOpened") + grove.host(3).counter("treeCasts"),
        0
    );
    assert!(grove.is_quiet(3) && grove.is_quiet(4));
}

#[test]
fn own_trees_are_signed_with_the_own_key_only() {
    let grove = Grove::new(2, &[2], &[(1, 2)]);
    let mut own = part(1, 1, 1, None, &[2], "off");
    own.signer = Some(grove.host(2).signer());
    assert_eq!(
        grove.host(1).plane.set_tree(NET, own).unwrap_err().code,
        "bad-argument"
    );
    assert_ne!(grove.host(1).signer(), grove.host(2).signer());
    assert_eq!(
        grove.host(1).plane.cast_signer(99).unwrap_err().code,
        "no-such-network"
    );
}

/// Time that threads of this name had a processor, µs.
fn busy(name: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of_name = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    });
    let ns = |text: String| text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    let all = of_name.filter_map(|task| ns(std::fs::read_to_string(task.path().join("schedstat")).ok()?));
    all.sum::<f64>() / 1_000.0
}

/// `cargo test --release -p weft-dataplane --test signed -- --ignored --nocapture figures`: a relay and two receivers.
#[test]
#[ignore = "prints figures and judges none: run it by the command above"]
fn figures() {
    for (len, signed) in [
        (200, false),
        (200, true),
        (1_200, false),
        (1_200, true),
        (1_352, false),
        (1_352, true),
    ] {
        let mut grove = Grove::new(4, &[3, 4], &[(1, 2), (2, 3), (2, 4)]);
        grove.signed = signed;
        grove.subscribe(1, &[3, 4]);
        grove.plant(1, 1, &[(1, 2), (2, 3), (2, 4)], "off");
        send_on(&grove, &[1]);
        let (count, began) = (40_000, Instant::now());
        let before = [busy("weft-adapter"), busy("weft-receive")];
        let frame = udp_frame(ipv4(1), GROUP, PORT, &vec![7; len]);
        let (mut sent, mut got) = (0, [0usize; 2]);
        // No more under way than the receivers' buffers hold.
        while got.iter().any(|n| *n < count * len) {
            if sent < count && got.iter().all(|n| sent - n / len < 100) {
                grove.host(1).inject([0; VNET_LEN], &frame);
                sent += 1;
                continue;
            }
            for (n, got) in [3, 4].into_iter().zip(&mut got) {
                for frame in grove.host(n).frames() {
                    *got += udp_payload(&frame, ipv4(1), PORT).map_or(0, <[u8]>::len);
                }
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{got:?} of {}",
                count * len
            );
        }
        let s = began.elapsed().as_secs_f64();
        let each = |name: &str, before: f64| (busy(name) - before) / count as f64;
        println!(
            "{len} bytes, signed {signed}: {:.0} packets/s; µs a packet: origin's adapter {:.2}, the receive threads of all {:.2}; {} signatures, {} fragments",
            count as f64 / s,
            each("weft-adapter", before[0]),
            each("weft-receive", before[1]),
            grove.host(1).counter("castsSigned"),
            grove.host(1).counter("fragmentsSent"),
        );
    }
}
