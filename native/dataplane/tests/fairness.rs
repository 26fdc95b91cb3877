//! One member floods: its own packets are cut down at its own host, and where they arrive when its host does not.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/trees.rs"]
mod trees;

use lab::*;
use std::net::{IpAddr, Ipv4Addr};
use weft_dataplane::{Event, FairRates, LocalGroup};
use weft_device::VNET_LEN;

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const OTHER: Ipv4Addr = Ipv4Addr::new(239, 9, 9, 9);
const NARROW: FairRates = FairRates {
    group: 100_000,
    uplink: 0,
};
/// More than the burst of any ceiling that the tests set.
const FLOOD: usize = 4_000;

fn flood(host: &Host, to: Ipv4Addr) {
    for i in 0..FLOOD {
        let payload = (i as u32).to_be_bytes();
        host.inject([0; VNET_LEN], &udp_frame(ipv4(1), to, PORT, &payload));
    }
}

/// Reads what `to` got of the flood, so that its adapter has room again.
fn drain(to: &Host) {
    let mut last = u64::MAX;
    trees::until("the flood is over", || {
        let all = to.counter("castsReceived") + to.drops("rateLimited");
        let is_over = all == std::mem::replace(&mut last, all) && to.frames().is_empty();
        while !to.frames().is_empty() {}
        is_over
    });
}

fn limited(host: &mut Host, who: Option<u32>, to: Option<Ipv4Addr>) -> u64 {
    host.wait("limited", |e| match e {
        Event::Limited {
            peer, group, dropped, ..
        } if *peer == who && *group == to.map(IpAddr::V4) => Some(*dropped),
        _ => None,
    })
}

fn pair() -> (Host, Host) {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    join(&mut a, &mut b);
    for group in [GROUP, OTHER] {
        b.inject([0; VNET_LEN], &igmp_join(ipv4(2), group));
        b.wait("groups", |e| match e {
            Event::Groups { groups, .. } => {
                let is = |g: &LocalGroup| g.group == IpAddr::V4(group);
                groups.iter().any(is).then_some(())
            }
            _ => None,
        });
        a.receivers(group.into(), &[2]);
    }
    a.receivers(Ipv4Addr::BROADCAST.into(), &[2]);
    (a, b)
}

#[test]
fn the_own_host_limits_a_flood_of_broadcast_before_it_leaves() {
    let (mut a, mut b) = pair();
    flood(&a, Ipv4Addr::BROADCAST);
    assert!(limited(&mut a, None, Some(Ipv4Addr::BROADCAST)) > 0);
    drain(&b);
    // What follows in another group comes all the same.
    let sent: Vec<Vec<u8>> = (0..200u32).map(|i| i.to_be_bytes().to_vec()).collect();
    for payload in &sent {
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), OTHER, PORT + 1, payload));
    }
    assert_eq!(b.payloads(ipv4(1), PORT + 1, sent.len(), 4), sent);
    let (dropped, sealed) = (a.drops("rateLimited"), a.counter("castsSealed"));
    assert_eq!(dropped + sealed, (FLOOD + sent.len()) as u64);
    assert!(dropped > 1_000, "{dropped}");
    assert_eq!(b.drops("rateLimited"), 0, "nothing is left to limit");
    assert!(!b.has(|e| matches!(e, Event::Limited { .. })));
}

/// A source that limits nothing, as far as its receiver is concerned: its own ceiling is far above.
#[test]
fn a_receiver_limits_and_names_a_source_that_does_not() {
    let (a, mut b) = pair();
    b.plane.set_fair(NET, NARROW);
    b.plane.stats();
    flood(&a, GROUP);
    assert!(limited(&mut b, Some(1), Some(GROUP)) > 0);
    drain(&b);
    let sent: Vec<Vec<u8>> = (0..200u32).map(|i| i.to_be_bytes().to_vec()).collect();
    for payload in &sent {
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), OTHER, PORT + 1, payload));
    }
    assert_eq!(b.payloads(ipv4(1), PORT + 1, sent.len(), 4), sent);
    assert_eq!(a.drops("rateLimited"), 0);
    assert!(b.drops("rateLimited") > 1_000);
}

#[test]
fn a_relay_without_the_key_limits_and_names_the_origin() {
    let edges = [(1, 2), (2, 3)];
    let mut grove = trees::Grove::new(3, &[3], &edges);
    grove.subscribe(1, &[3]);
    grove.plant(1, 1, &edges, "off");
    grove.hosts[0]
        .plane
        .send_on(NET, trees::GROUP.into(), vec![1])
        .unwrap();
    grove.hosts[0].plane.stats();
    grove.host(2).plane.set_fair(NET, NARROW);
    grove.host(2).plane.stats();
    grove.send_long(0..FLOOD, 200);
    let at = grove.place(2);
    assert!(limited(&mut grove.hosts[at], Some(1), None) > 0);
    assert!(grove.host(2).drops("treeOriginRate") > 1_000);
    assert!(grove.host(3).counter("treeOpened") < 1_500);
}
