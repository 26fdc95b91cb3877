//! Members that reach each other only through a third one.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use weft_dataplane::{Event, Way};
use weft_device::VNET_LEN;

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// Hosts 1 and 2, and relays from 3 on that both have sessions with.
fn world(relays: u8) -> Vec<Host> {
    let mut hosts: Vec<Host> = (1..=2 + relays).map(|n| Host::new(n, ALL, None)).collect();
    introduce(&mut hosts.iter_mut().collect::<Vec<_>>());
    for relay in 2..hosts.len() {
        for end in 0..2 {
            let (ends, others) = hosts.split_at_mut(2);
            join(&mut ends[end], &mut others[relay - 2]);
        }
    }
    hosts
}

fn relay_on(host: &Host, bytes_per_second: u64) {
    host.plane.set_relay(NET, true, bytes_per_second);
    host.plane.stats();
}

fn join_via(hosts: &mut [Host], via: u32) {
    hosts[0]
        .plane
        .connect(NET, 2, vec![Way::Via(via)], vec![])
        .unwrap();
    hosts[0].wait_up(2);
    hosts[1].wait_up(1);
}

fn send(from: &Host, payloads: &[Vec<u8>], to: Ipv4Addr) {
    for payload in payloads {
        from.inject([0; VNET_LEN], &udp_frame(ipv4(from.n), to, PORT, payload));
    }
}

fn numbered(count: u8, len: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| vec![i; len]).collect()
}

#[test]
fn packets_casts_and_messages_go_through_a_relay() {
    let mut hosts = world(1);
    relay_on(&hosts[2], 0);
    join_via(&mut hosts, 3);
    let stats = hosts[1].plane.stats();
    let peer = stats.peers.iter().find(|p| p.peer == 1).unwrap();
    assert_eq!(peer.transport.as_deref(), Some("relay"));
    let sent = numbered(50, 1_300);
    send(&hosts[0], &sent, ipv4(2));
    assert_eq!(hosts[1].payloads(ipv4(1), PORT, 50, 1_300), sent);
    send(&hosts[1], &sent, ipv4(1));
    assert_eq!(hosts[0].payloads(ipv4(2), PORT, 50, 1_300), sent);
    hosts[1].inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    hosts[1].wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    hosts[0].receivers(GROUP.into(), &[2]);
    send(&hosts[0], &sent, GROUP);
    assert_eq!(hosts[1].payloads(ipv4(1), PORT, 50, 1_300), sent);
    assert!(hosts[0].plane.send_control(NET, 2, vec![7; 50_000]));
    hosts[1].wait("message", |e| {
        matches!(e, Event::Control { bytes, .. } if bytes.len() == 50_000).then_some(())
    });
    assert!(hosts[2].counter("carried") >= 150);
    assert_eq!(hosts[2].counter("packetsIn"), 0, "the relay opens nothing");
}

#[test]
fn who_does_not_consent_carries_nothing_and_says_so() {
    let mut hosts = world(2);
    relay_on(&hosts[3], 0);
    let ways = vec![Way::Via(3), Way::Via(4)];
    hosts[0].plane.connect(NET, 2, ways, vec![]).unwrap();
    hosts[0].wait_up(2);
    assert_eq!(hosts[2].counter("carried"), 0);
    assert!(hosts[2].drops("noWay") > 0);
}

#[test]
fn the_budget_is_kept() {
    let mut hosts = world(1);
    relay_on(&hosts[2], 50_000);
    join_via(&mut hosts, 3);
    let (before, since) = (hosts[2].counter("carriedBytes"), Instant::now());
    while since.elapsed() < Duration::from_secs(2) {
        send(&hosts[0], &numbered(10, 1_000), ipv4(2));
        std::thread::sleep(Duration::from_millis(10));
    }
    let passed = hosts[2].counter("carriedBytes") - before;
    let seconds = since.elapsed().as_secs_f64();
    assert!(
        (passed as f64) <= 50_000.0 * seconds + 5_000.0,
        "{passed} in {seconds} s"
    );
    assert!(passed > 50_000, "{passed}");
    assert!(hosts[2].drops("relayBudget") > 0);
}

#[test]
fn flows_are_spread_and_a_relay_that_stops_relaying_is_left() {
    let mut hosts = world(3);
    for relay in &hosts[2..] {
        relay_on(relay, 0);
    }
    join_via(&mut hosts, 3);
    hosts[0]
        .plane
        .set_relays(NET, 2, vec![(3, 1), (4, 1), (5, 1)])
        .unwrap();
    let ways: Vec<Way> = (3..=5).map(Way::Via).collect();
    hosts[0].plane.set_ways(NET, 2, ways).unwrap();
    hosts[0].plane.stats();
    for port in 0..60u16 {
        let frame = udp_frame(ipv4(1), ipv4(2), 6_000 + port, &[1; 100]);
        hosts[0].inject([0; VNET_LEN], &frame);
    }
    let deadline = Instant::now() + PATIENCE;
    while hosts[2..].iter().any(|h| h.counter("carried") < 8) {
        assert!(Instant::now() < deadline);
    }
    let ups = |host: &mut Host| host.has(|e| matches!(e, Event::Up { peer: 2, .. }));
    assert!(!ups(&mut hosts[0]), "frames by several relays move no path");
    hosts[2].plane.set_relay(NET, false, 0);
    let since = Instant::now();
    let mut last = Instant::now();
    let mut gap = Duration::ZERO;
    while since.elapsed() < Duration::from_secs(4) {
        send(&hosts[0], &numbered(1, 100), ipv4(2));
        std::thread::sleep(Duration::from_millis(5));
        if hosts[1]
            .frames()
            .iter()
            .any(|f| udp_payload(f, ipv4(1), PORT).is_some())
        {
            gap = gap.max(last.elapsed());
            last = Instant::now();
        }
    }
    gap = gap.max(last.elapsed());
    assert!(gap < Duration::from_secs(2), "{gap:?}");
}

#[test]
fn a_session_goes_from_a_relay_to_udp_without_loss() {
    let mut hosts = world(1);
    relay_on(&hosts[2], 0);
    join_via(&mut hosts, 3);
    let sent = numbered(200, 200);
    for (i, payload) in sent.iter().enumerate() {
        if i == 50 {
            let way = Way::Udp(hosts[1].address);
            hosts[0].plane.try_ways(NET, 2, vec![way]).unwrap();
        }
        send(&hosts[0], std::slice::from_ref(payload), ipv4(2));
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut came = hosts[1].payloads(ipv4(1), PORT, 200, 200);
    came.sort();
    assert_eq!(came, sent);
    let stats = hosts[0].plane.stats();
    let peer = stats.peers.iter().find(|p| p.peer == 2).unwrap();
    assert_eq!(peer.transport.as_deref(), Some("udp"));
}

#[test]
fn routes_lead_on_where_the_relay_has_no_session() {
    // 1 – 3 – 4 – 2: only neighbours have sessions.
    let mut hosts: Vec<Host> = (1..=4).map(|n| Host::new(n, ALL, None)).collect();
    introduce(&mut hosts.iter_mut().collect::<Vec<_>>());
    for (a, b) in [(0, 2), (2, 3), (1, 3)] {
        let (left, right) = hosts.split_at_mut(b);
        join(&mut left[a], &mut right[0]);
    }
    relay_on(&hosts[2], 0);
    relay_on(&hosts[3], 0);
    hosts[2].plane.set_routes(NET, vec![([2; 8], 4)]).unwrap();
    hosts[3].plane.set_routes(NET, vec![([1; 8], 3)]).unwrap();
    join_via(&mut hosts, 3);
    let sent = numbered(20, 500);
    send(&hosts[0], &sent, ipv4(2));
    assert_eq!(hosts[1].payloads(ipv4(1), PORT, 20, 500), sent);
}
