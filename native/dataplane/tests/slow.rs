//! Slow ways: small packets travel together, flows take turns, control messages do not wait behind them.
#![cfg(target_os = "linux")]
mod lab;

use lab::wire::Wire;
use lab::*;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use weft_dataplane::{Event, Pace, Way};
use weft_device::VNET_LEN;

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

fn pair() -> (Host, Host, Wire) {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    let wire = Wire::new(a.address, b.address);
    let way = Way::Udp(wire.address);
    a.plane.connect(NET, 2, vec![way], vec![]).unwrap();
    a.wait_up(2);
    b.wait_up(1);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    (a, b, wire)
}

fn pace(host: &Host, bytes_per_second: u64, aggregate_ms: u64) {
    let pace = Pace {
        bytes_per_second,
        aggregate_us: aggregate_ms * 1_000,
    };
    host.plane.set_pace(NET, 2, pace);
    host.plane.stats();
}

fn send(a: &Host, to: Ipv4Addr, port: u16, tag: u8, len: usize) {
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), to, port, &vec![tag; len]));
}

/// Tags of the next `count` packets of `len` bytes, and how long they took.
fn come(b: &Host, count: usize, len: usize) -> (Vec<u8>, Duration) {
    let since = Instant::now();
    let payloads = b.payloads(ipv4(1), PORT, count, len);
    (payloads.iter().map(|p| p[0]).collect(), since.elapsed())
}

#[test]
fn small_packets_and_casts_travel_together_in_order() {
    let (a, b, _wire) = pair();
    // The sender key is on its way before anything is counted.
    send(&a, GROUP, PORT, 99, 100);
    come(&b, 1, 100);
    pace(&a, 0, 40);
    for round in 0..3u8 {
        let sent: Vec<u8> = (0..8).map(|i| round * 8 + i).collect();
        sent.iter().for_each(|tag| send(&a, ipv4(2), PORT, *tag, 100));
        let (got, time) = come(&b, 8, 100);
        assert_eq!(got, sent);
        assert!(time < Duration::from_millis(200), "{time:?}");
    }
    let (bundles, bundled) = (a.counter("bundlesSent"), a.counter("bundled"));
    assert!(bundled >= 20 && bundles <= bundled / 3, "{bundled} in {bundles}");
    (0..4).for_each(|tag| send(&a, GROUP, PORT, tag, 100));
    assert_eq!(come(&b, 4, 100).0, [0, 1, 2, 3]);
    assert!(a.counter("bundled") >= bundled + 4, "casts too");
    assert_eq!(b.drops("malformed"), 0);
}

#[test]
fn a_large_packet_waits_for_nobody_and_overtakes_nobody() {
    let (a, b, _wire) = pair();
    pace(&a, 0, 40);
    send(&a, ipv4(2), PORT, 1, 100);
    send(&a, ipv4(2), PORT, 2, 100);
    send(&a, ipv4(2), PORT, 3, 1_000);
    let mut got = Vec::new();
    while got.len() < 1_200 {
        got.extend(b.frame("packet", |f| udp_payload(f, ipv4(1), PORT).map(<[u8]>::to_vec)));
    }
    assert_eq!(got, [vec![1; 100], vec![2; 100], vec![3; 1_000]].concat());
}

#[test]
fn nothing_waits_that_was_not_asked_to() {
    let (a, b, _wire) = pair();
    let exchange = || {
        let since = Instant::now();
        for tag in 0..20 {
            send(&a, ipv4(2), PORT, tag, 100);
            assert_eq!(come(&b, 1, 100).0, [tag]);
        }
        since.elapsed()
    };
    let before = exchange();
    assert_eq!(a.counter("bundlesSent"), 0);
    pace(&a, 0, 40);
    let slow = exchange();
    assert!(
        slow >= Duration::from_millis(20 * 40),
        "each waited in vain: {slow:?}"
    );
    pace(&a, 0, 0);
    let after = exchange();
    assert!(after < slow / 2, "{before:?} {slow:?} {after:?}");
    assert_eq!(a.counter("bundlesSent"), 0, "one alone is no bundle");
}

#[test]
fn what_waits_goes_when_the_way_is_fast_again() {
    let (a, b, _wire) = pair();
    pace(&a, 1_000, 0);
    (0..4).for_each(|tag| send(&a, ipv4(2), PORT, tag, 900));
    let deadline = Instant::now() + PATIENCE;
    while a.counter("packetsOut") < 4 {
        assert!(Instant::now() < deadline);
    }
    pace(&a, 0, 0);
    let (got, time) = come(&b, 4, 900);
    assert_eq!(got, [0, 1, 2, 3]);
    assert!(time < Duration::from_millis(500), "{time:?}");
}

/// 64 kbit/s: a flood beside a group stream of 25 kbit/s and messages of the engines.
#[test]
fn a_flood_on_a_narrow_way_starves_neither_groups_nor_messages() {
    const RATE: u64 = 8_000;
    let (a, mut b, wire) = pair();
    send(&a, GROUP, PORT, 99, 500);
    come(&b, 1, 500);
    pace(&a, RATE, 40);
    let (since, bytes) = (Instant::now(), || {
        wire.bytes.load(Relaxed) + 28 * wire.frames.load(Relaxed)
    });
    let before = bytes();
    let (mut sent, mut stream, mut flood, mut messages, mut slowest) = (0u32, 0, 0, 0, Duration::ZERO);
    let mut asked: Option<Instant> = None;
    while since.elapsed() < Duration::from_secs(4) {
        send(&a, ipv4(2), 6_000, 1, 1_200);
        if since.elapsed().as_millis() as u32 / 160 > sent {
            sent += 1;
            send(&a, GROUP, PORT, 2, 500);
        }
        if asked.is_none() && messages < 5 {
            assert!(a.plane.send_control(NET, 2, vec![7; 100]));
            asked = Some(Instant::now());
        }
        if asked.is_some_and(|_| b.has(|e| matches!(e, Event::Control { .. }))) {
            b.wait("message", |e| matches!(e, Event::Control { .. }).then_some(()));
            slowest = slowest.max(asked.take().unwrap().elapsed());
            messages += 1;
        }
        for frame in b.frames() {
            stream += udp_payload(&frame, ipv4(1), PORT).map_or(0, |p| p.len() / 500);
            flood += udp_payload(&frame, ipv4(1), 6_000).map_or(0, |p| p.len() / 1_200);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let used = bytes() - before;
    let time = since.elapsed().as_secs_f64();
    // Both directions pass the wire: acknowledgements, pings and their answers are the rest.
    assert!(
        (used as f64) < RATE as f64 * time * 1.1 + 3_000.0,
        "{used} in {time} s"
    );
    assert!(stream as u32 + 4 >= sent, "{stream} of {sent} of the stream");
    assert!(flood >= 5, "the rest is used: {flood}");
    assert!(a.drops("paceFull") > 100);
    assert!(
        messages == 5 && slowest < Duration::from_secs(1),
        "{messages} {slowest:?}"
    );
}
