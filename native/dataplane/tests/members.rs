//! Whole data planes against each other.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use weft_dataplane::{Event, FilterMode, LocalGroup, PeerConfig, Way};
use weft_device::{Features, VNET_LEN};

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

fn pair(features: Features, frame_max: Option<usize>) -> (Host, Host) {
    let (mut a, mut b) = (
        Host::new(1, features, frame_max),
        Host::new(2, features, frame_max),
    );
    introduce(&mut [&mut a, &mut b]);
    (a, b)
}

fn numbered(count: usize, len: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| vec![i as u8; len]).collect()
}

#[test]
fn packets_before_the_session_wait_ask_and_arrive_in_order() {
    let (mut a, mut b) = pair(ALL, None);
    let sent = numbered(20, 100);
    for payload in &sent {
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, payload));
    }
    a.wait("want", |e| matches!(e, Event::Want { peer: 2, .. }).then_some(()));
    join(&mut a, &mut b);
    assert_eq!(b.payloads(ipv4(1), PORT, 20, 100), sent);
    assert!(
        !a.has(|e| matches!(e, Event::Want { .. })),
        "asked once a second at most"
    );
    assert_eq!(a.counter("packetsHeld"), 20);
}

#[test]
fn ethernet_is_rebuilt_and_sources_are_checked() {
    let (mut a, mut b) = pair(ALL, None);
    join(&mut a, &mut b);
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, b"hello"));
    let header = b.frame("datagram", |f| {
        udp_payload(f, ipv4(1), PORT).map(|_| f[..14].to_vec())
    });
    assert_eq!(header, [&mac(2).0[..], &mac(1).0, &[8, 0]].concat());
    // b thinks that host 1 is called 10.7.0.9: what it sends now is a lie.
    b.plane.set_peers(
        NET,
        vec![PeerConfig {
            ipv4: Some(ipv4(9)),
            ..peer(1)
        }],
    );
    let deadline = Instant::now() + PATIENCE;
    while b.drops("badSource") == 0 {
        assert!(Instant::now() < deadline, "{:?}", b.plane.stats());
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, b"lie"));
    }
    // From the adapter, a source that is not our own goes nowhere.
    let mut lie = udp_frame(ipv4(8), ipv4(2), PORT, b"lie");
    a.inject([0; VNET_LEN], &lie);
    lie[6..12].copy_from_slice(&mac(1).0);
    a.inject([0; VNET_LEN], &lie);
    while a.drops("foreignSource") == 0 || a.drops("bridged") == 0 {
        assert!(Instant::now() < deadline);
    }
}

/// One USO frame goes in, the same datagrams come out, as one frame where the adapter takes that.
#[test]
fn runs_survive_the_way_with_and_without_offloads() {
    for features in [ALL, NONE] {
        let (mut a, mut b) = pair(features, None);
        join(&mut a, &mut b);
        let payload: Vec<u8> = (0..30_000u32).map(|i| (i / 1_000) as u8).collect();
        let sent: Vec<Vec<u8>> = payload.chunks(1_000).map(<[u8]>::to_vec).collect();
        if features == ALL {
            let frame = udp_frame(ipv4(1), ipv4(2), PORT, &payload);
            let mut vnet = [0; VNET_LEN];
            (vnet[0], vnet[1]) = (1, 5);
            for (at, value) in [(2, 42u16), (4, 1_000), (6, 34), (8, 6)] {
                vnet[at..at + 2].copy_from_slice(&value.to_ne_bytes());
            }
            a.inject(vnet, &frame);
        } else {
            sent.iter()
                .for_each(|p| a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, p)));
        }
        assert_eq!(b.payloads(ipv4(1), PORT, 30, 1_000), sent);
        let writes = b.counter("adapterWrites");
        assert!(
            if features == ALL {
                writes < 20
            } else {
                writes >= 30
            },
            "{writes} writes"
        );
    }
}

#[test]
fn narrow_paths_get_fragments() {
    let (mut a, mut b) = pair(ALL, Some(600));
    join(&mut a, &mut b);
    let sent = numbered(5, 1_300);
    sent.iter()
        .for_each(|p| a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, p)));
    assert_eq!(b.payloads(ipv4(1), PORT, 5, 1_300), sent);
    a.receivers(GROUP.into(), &[2]);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    sent.iter()
        .for_each(|p| a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT + 1, p)));
    assert_eq!(b.payloads(ipv4(1), PORT + 1, 5, 1_300), sent);
    assert!(a.counter("fragmentsSent") >= 30);
}

#[test]
fn a_group_reaches_those_who_joined_and_nobody_else() {
    for features in [ALL, NONE] {
        let mut hosts: Vec<Host> = (1..=4).map(|n| Host::new(n, features, None)).collect();
        let [a, b, c, d] = &mut hosts[..] else {
            unreachable!()
        };
        introduce(&mut [a, b, c, d]);
        for other in [&mut *b, &mut *c, &mut *d] {
            join(a, other);
        }
        for host in [&mut *b, &mut *c] {
            host.inject([0; VNET_LEN], &igmp_join(ipv4(host.n), GROUP));
            let groups = host.wait("groups", |e| match e {
                Event::Groups { groups, .. } if !groups.is_empty() => Some(groups.clone()),
                _ => None,
            });
            let wanted = LocalGroup {
                group: GROUP.into(),
                mode: FilterMode::Exclude,
                sources: vec![],
            };
            assert!(groups.contains(&wanted), "{groups:?}");
        }
        // d is in the list but did not join: it must not let the packets pass.
        a.receivers(GROUP.into(), &[2]);
        a.more_receivers(GROUP.into(), &[3, 4]);
        let sent = numbered(200, 500);
        sent.iter()
            .for_each(|p| a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, p)));
        for host in [&*b, &*c] {
            assert_eq!(host.payloads(ipv4(1), PORT, 200, 500), sent, "host {}", host.n);
        }
        let deadline = Instant::now() + PATIENCE;
        while d.drops("notForUs") < 200 {
            assert!(Instant::now() < deadline, "{:?}", d.plane.stats());
        }
        assert!(d.frames().iter().all(|f| udp_payload(f, ipv4(1), PORT).is_none()));
    }
}

#[test]
fn casts_wait_for_sessions_too_and_survive_new_keys() {
    let (mut a, mut b) = pair(ALL, None);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    let deadline = Instant::now() + PATIENCE;
    let sent = numbered(30, 300);
    // The receivers are known a moment later; packets before that go nowhere.
    while a.counter("packetsHeld") == 0 {
        assert!(Instant::now() < deadline);
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT + 1, b"first"));
        std::thread::sleep(Duration::from_millis(5));
    }
    a.wait("want", |e| matches!(e, Event::Want { peer: 2, .. }).then_some(()));
    sent.iter()
        .for_each(|p| a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, p)));
    while a.counter("packetsHeld") < 31 {
        assert!(Instant::now() < deadline);
    }
    join(&mut a, &mut b);
    assert_eq!(b.payloads(ipv4(1), PORT, 30, 300), sent);
    a.plane.rotate_keys(NET);
    sent.iter()
        .for_each(|p| a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, p)));
    assert_eq!(b.payloads(ipv4(1), PORT, 30, 300), sent);
}

#[test]
fn control_messages_are_whole_ordered_and_bounded() {
    let (mut a, mut b) = pair(ALL, None);
    assert!(!a.plane.send_control(NET, 2, vec![1]), "no session");
    join(&mut a, &mut b);
    assert!(!a.plane.send_control(NET, 2, vec![0; 60_001]) && !a.plane.send_control(NET, 2, vec![]));
    let sent: Vec<Vec<u8>> = (0..60).map(|i| vec![i; 50_000]).collect();
    for message in &sent {
        let deadline = Instant::now() + PATIENCE;
        while !a.plane.send_control(NET, 2, message.clone()) {
            assert!(Instant::now() < deadline, "{:?}", a.plane.stats());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    for message in &sent {
        let bytes = b.wait("control", |e| match e {
            Event::Control { bytes, .. } => Some(bytes.clone()),
            _ => None,
        });
        assert!(
            bytes == *message,
            "message {} came instead of {}",
            bytes[0],
            message[0]
        );
    }
}

#[test]
fn an_unknown_caller_is_asked_about_and_a_closed_end_says_so() {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    a.plane.set_peers(NET, vec![peer(2)]);
    a.plane
        .connect(NET, 2, vec![Way::Udp(b.address)], b"it is me".to_vec())
        .unwrap();
    let (ask, key) = b.wait("stranger", |e| match e {
        Event::Stranger { ask, key, hint, .. } if hint == b"it is me" => Some((*ask, *key)),
        _ => None,
    });
    assert_eq!(key, peer(1).key);
    b.plane.set_peers(
        NET,
        vec![PeerConfig {
            member: false,
            ..peer(1)
        }],
    );
    b.plane.answer_stranger(NET, ask, true);
    b.wait_up(1);
    a.wait_up(2);
    assert!(b.plane.send_control(NET, 1, b"hello".to_vec()));
    a.wait("control", |e| {
        matches!(e, Event::Control { bytes, .. } if bytes == b"hello").then_some(())
    });
    // Strangers exchange no packets.
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, b"x"));
    let deadline = Instant::now() + PATIENCE;
    while b.drops("strangerPacket") == 0 {
        assert!(Instant::now() < deadline);
    }
    let start = Instant::now();
    a.plane.close();
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
    // Its port is free again, although the handle lives.
    std::net::UdpSocket::bind(a.address).unwrap();
    b.wait("down", |e| {
        matches!(
            e,
            Event::Down {
                peer: 1,
                reason: "closed",
                ..
            }
        )
        .then_some(())
    });
}

#[test]
fn an_adapter_can_go_and_come_back() {
    let (mut a, mut b) = pair(ALL, None);
    join(&mut a, &mut b);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    b.plane.detach(NET);
    let (device, cable) = weft_device::fake::pair(ALL).unwrap();
    b.plane.attach(NET, std::sync::Arc::new(device));
    b.cable = cable;
    // It asks at once who is there, and what it knew holds until the answers are in.
    b.frame("query", |f| (f[12..14] == [8, 0] && f[23] == 2).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    let deadline = Instant::now() + PATIENCE;
    while !b.frames().iter().any(|f| udp_payload(f, ipv4(1), PORT).is_some()) {
        assert!(Instant::now() < deadline, "{:?}", b.plane.stats());
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, b"again"));
        std::thread::sleep(Duration::from_millis(1));
    }
}
