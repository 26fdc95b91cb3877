//! At the edges: bad arguments, shared ports, lies and junk.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use weft_dataplane::{Dataplane, Event, Options, PeerConfig, Way};
use weft_device::VNET_LEN;

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

#[test]
fn bad_arguments_are_refused_with_a_code() {
    let host = Host::new(1, ALL, None);
    let taken = host.plane.listen(&[host.address]).unwrap_err();
    assert_eq!(taken.code, "port-taken");
    let unicast = vec![weft_dataplane::GroupConfig {
        group: IpAddr::V4(ipv4(3)),
        receivers: vec![],
        publishers: None,
        repaired: false,
        signed: false,
        more: false,
    }];
    assert_eq!(
        host.plane.set_groups(NET, unicast).unwrap_err().code,
        "bad-argument"
    );
    assert_eq!(
        host.plane
            .connect(NET, 2, vec![Way::Udp(host.address); 17], vec![])
            .unwrap_err()
            .code,
        "bad-argument"
    );
}

#[test]
fn both_wildcards_may_have_one_port_and_one_may_serve_both() {
    let host = Host::new(1, ALL, None);
    let four = host.plane.listen(&["0.0.0.0:0".parse().unwrap()]).unwrap()[0];
    let six = format!("[::]:{}", four.port()).parse().unwrap();
    assert_eq!(host.plane.listen(&[six]).unwrap(), [six]);
    // Alone, the IPv6 wildcard reaches IPv4 too.
    let (a, b) = (
        Dataplane::start(Options::default()).unwrap(),
        Host::new(2, ALL, None),
    );
    let there = b.plane.listen(&[SocketAddr::new(own_address(), 0)]).unwrap()[0];
    a.listen(&["[::]:0".parse().unwrap()]).unwrap();
    a.add_network(network(1)).unwrap();
    a.set_peers(NET, vec![peer(2)]);
    b.plane.set_peers(NET, vec![peer(1)]);
    a.connect(NET, 2, vec![Way::Udp(there)], vec![]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let endpoint = loop {
        let up = a.poll(None).into_iter().find_map(|e| match e {
            Event::Up { endpoint, .. } => Some(endpoint),
            _ => None,
        });
        if let Some(endpoint) = up {
            break endpoint;
        }
        assert!(Instant::now() < deadline, "no session");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(endpoint, there.to_string());
}

/// Host 2 has joined the group that host 1 sends to.
fn caster_and_receiver() -> (Host, Host) {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    join(&mut a, &mut b);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    (a, b)
}

/// Nobody speaks for another member in a group.
#[test]
fn casts_in_other_names_and_junk_go_nowhere() {
    let (a, b) = caster_and_receiver();
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, b"mine"));
    assert_eq!(b.payloads(ipv4(1), PORT, 1, 4), [b"mine".to_vec()]);
    // The name that host 1 uses in its casts is host 3's, as b sees it; and so is the address.
    let three = PeerConfig {
        origin: [1; 8],
        ipv4: Some(ipv4(1)),
        ..peer(3)
    };
    b.plane.set_peers(
        NET,
        vec![
            PeerConfig {
                origin: [9; 8],
                ipv4: Some(ipv4(9)),
                ..peer(1)
            },
            three,
        ],
    );
    b.plane.stats();
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, b"lie!"));
    let deadline = Instant::now() + PATIENCE;
    while b.drops("badSource") == 0 {
        assert!(Instant::now() < deadline, "{:?}", b.plane.stats());
    }
    assert!(b.frames().iter().all(|f| udp_payload(f, ipv4(1), PORT).is_none()));
}

/// Two adapters in bridges to one LAN: what comes to one host's adapter goes by the LAN into the other's.
#[test]
fn a_cast_that_comes_back_by_a_bridge_stays_there() {
    let (mut a, b) = caster_and_receiver();
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, b"once"));
    let came = b.frame("cast", |f| {
        udp_payload(f, ipv4(1), PORT).is_some().then(|| f.to_vec())
    });
    a.inject([0; VNET_LEN], &came);
    // Nor does somebody else's report change what is joined here.
    a.inject([0; VNET_LEN], &{
        let mut report = igmp_join(ipv4(9), GROUP);
        report[6..12].copy_from_slice(&[2, 9, 9, 9, 9, 9]);
        report
    });
    let deadline = Instant::now() + PATIENCE;
    while a.drops("bridged") < 2 {
        assert!(Instant::now() < deadline, "{:?}", a.plane.stats());
    }
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, b"then"));
    assert_eq!(b.payloads(ipv4(1), PORT, 1, 4), [b"then".to_vec()]);
    assert!(!a.has(|e| matches!(e, Event::Groups { .. })));
}

#[test]
fn junk_changes_nothing() {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    join(&mut a, &mut b);
    let junk = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for i in 0..2_000u32 {
        let mut bytes: Vec<u8> = (0..i % 300)
            .map(|k| (i.wrapping_mul(2_654_435_761) >> (k % 24)) as u8)
            .collect();
        if let [first, version, ..] = &mut bytes[..] {
            (*first, *version) = (0xF0 + (i % 8) as u8, 1);
        }
        junk.send_to(&bytes, b.address).unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    while b.frames().iter().all(|f| udp_payload(f, ipv4(1), PORT).is_none()) {
        assert!(Instant::now() < deadline, "{:?}", b.plane.stats());
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, b"fine"));
        std::thread::sleep(Duration::from_millis(1));
    }
    let few = b
        .plane
        .poll(None)
        .into_iter()
        .filter(|e| matches!(e, Event::Stranger { .. }))
        .count();
    assert!(
        few == 0 && b.drops("unknownType") + b.drops("malformed") > 500,
        "{:?}",
        b.plane.stats()
    );
}

/// Without datagrams nothing leaves by UDP, whatever asks for it, nor is anything that comes answered.
#[test]
fn without_datagrams_sockets_are_mute_and_deaf() {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    a.plane.set_outside(false, true);
    // One that is bound afterwards, too.
    let later = a.plane.listen(&["127.0.0.1:0".parse().unwrap()]).unwrap()[0];
    a.plane.set_peers(NET, vec![peer(2)]);
    b.plane.set_peers(NET, vec![peer(1)]);
    let sent = a.counter("datagramsSent");
    a.plane
        .connect(NET, 2, vec![Way::Udp(b.address)], vec![])
        .unwrap();
    for address in [a.address, later] {
        b.plane.connect(NET, 1, vec![Way::Udp(address)], vec![]).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(
        (a.counter("datagramsSent"), a.counter("datagramsReceived")),
        (sent, 0)
    );
    a.plane.set_outside(true, true);
    b.plane
        .connect(NET, 1, vec![Way::Udp(a.address)], vec![])
        .unwrap();
    a.wait_up(2);
    b.wait_up(1);
}
