//! Ways that die without a word: how long until another carries.
#![cfg(target_os = "linux")]
mod lab;

use lab::wire::{Flow, Wire, stream};
use lab::*;
use std::time::{Duration, Instant};
use weft_dataplane::Way;

const PORT: u16 = 5_000;

fn hosts(count: u8) -> Vec<Host> {
    let mut hosts: Vec<Host> = (1..=count).map(|n| Host::new(n, ALL, None)).collect();
    introduce(&mut hosts.iter_mut().collect::<Vec<_>>());
    hosts
}

fn transport(host: &Host, peer: u32) -> String {
    let stats = host.plane.stats();
    let peer = stats.peers.iter().find(|p| p.peer == peer).unwrap();
    peer.transport.clone().expect("a session")
}

/// A session of `a` with `b` over a path that can be blocked.
fn join_by_wire(a: &mut Host, b: &mut Host) -> Wire {
    let wire = Wire::new(a.address, b.address);
    let way = Way::Udp(wire.address);
    a.plane.connect(NET, b.n.into(), vec![way], vec![]).unwrap();
    a.wait_up(b.n);
    b.wait_up(a.n);
    wire
}

/// Hosts 1 and 2 without a straight way; each of the others relays and has a path to both that can be blocked:
/// `[relay][end]`.
fn relayed(relays: u8) -> (Vec<Host>, Vec<[Wire; 2]>) {
    let mut hosts = hosts(2 + relays);
    let mut wires = Vec::new();
    for relay in 2..hosts.len() {
        let (ends, others) = hosts.split_at_mut(2);
        let relay = &mut others[relay - 2];
        wires.push([0, 1].map(|end| join_by_wire(&mut ends[end], relay)));
        relay.plane.set_relay(NET, true, 0);
    }
    let ways: Vec<Way> = (3..3 + u32::from(relays)).map(Way::Via).collect();
    for (end, far) in [(0, 2), (1, 1)] {
        hosts[end].plane.set_ways(NET, far, ways.clone()).unwrap();
    }
    hosts[0]
        .plane
        .connect(NET, 2, ways[..1].to_vec(), vec![])
        .unwrap();
    hosts[0].wait_up(2);
    hosts[1].wait_up(1);
    for (end, far) in [(0, 2), (1, 1)] {
        hosts[end].plane.set_ways(NET, far, ways.clone()).unwrap();
    }
    (hosts, wires)
}

#[test]
fn a_relay_that_dies_without_a_word_is_left_within_two_seconds() {
    let (hosts, wires) = relayed(2);
    let mut flows = [Flow::new(PORT)];
    let mut died = None;
    stream(&hosts[0], &hosts[1], &mut flows, |ms| {
        if ms >= 500 && died.is_none() {
            wires[0].iter().for_each(|w| w.block(true));
            died = Some(Instant::now());
        }
        ms >= 4_000
    });
    let died = died.unwrap();
    let gap = flows[0].gap(died, died + Duration::from_secs(3));
    assert!(gap < Duration::from_secs(2), "{gap:?}");
    assert!(hosts[3].counter("carried") > 500, "{:?}", hosts[3].plane.stats());
}

/// The session itself hears its other relays and notices nothing: each hop has to watch over what it carries.
#[test]
fn flows_leave_a_relay_that_dies_within_two_seconds_whichever_leg_it_is() {
    for legs in [&[0, 1][..], &[0], &[1]] {
        let (hosts, wires) = relayed(3);
        for (end, far) in [(0, 2), (1, 1)] {
            let shares = vec![(3, 1), (4, 1), (5, 1)];
            hosts[end].plane.set_relays(NET, far, shares).unwrap();
        }
        let mut flows: Vec<Flow> = (0..8).map(|i| Flow::new(PORT + i)).collect();
        let mut died = None;
        stream(&hosts[0], &hosts[1], &mut flows, |ms| {
            if ms >= 500 && died.is_none() {
                legs.iter().for_each(|end| wires[1][*end].block(true));
                died = Some(Instant::now());
            }
            ms >= 3_500
        });
        let died = died.unwrap();
        for flow in &flows {
            let gap = flow.gap(died, died + Duration::from_millis(2_500));
            assert!(
                gap < Duration::from_secs(2),
                "legs {legs:?}: {gap:?} on {}",
                flow.port
            );
        }
        assert!(hosts[3].counter("carried") > 100, "it carried some of them");
    }
}

#[test]
fn udp_that_gets_blocked_costs_a_second_at_most_and_coming_back_costs_nothing() {
    let mut hosts = hosts(2);
    let (left, right) = hosts.split_at_mut(1);
    let (a, b) = (&mut left[0], &mut right[0]);
    let wire = join_by_wire(a, b);
    let spare = Pipe::new(a, b);
    let straight = Way::Udp(wire.address);
    a.plane
        .set_ways(NET, 2, vec![straight, Way::Link(spare.ends[0])])
        .unwrap();
    let mut flows = [Flow::new(PORT)];
    let (mut blocked, mut back) = (None, None);
    stream(a, b, &mut flows, |ms| {
        if ms >= 500 && blocked.is_none() {
            wire.block(true);
            blocked = Some(Instant::now());
        }
        if ms >= 2_500 && back.is_none() {
            assert_eq!(transport(a, 2), "tcp");
            wire.block(false);
            a.plane.try_ways(NET, 2, vec![straight]).unwrap();
            back = Some((Instant::now(), ms));
        }
        ms >= 4_000
    });
    let (blocked, (back, _)) = (blocked.unwrap(), back.unwrap());
    let gap = flows[0].gap(blocked, back);
    assert!(gap <= Duration::from_secs(1), "{gap:?} of loss");
    assert_eq!((transport(a, 2), transport(b, 1)), ("udp".into(), "udp".into()));
    let resumed = flows[0].came.iter().find(|c| c.1 > blocked + gap).unwrap().0;
    assert_eq!(flows[0].faults(resumed), (vec![], vec![]), "back without loss");
}

#[test]
fn a_blocked_way_that_opens_again_by_itself_is_taken_up_again() {
    let mut hosts = hosts(2);
    let (left, right) = hosts.split_at_mut(1);
    let (a, b) = (&mut left[0], &mut right[0]);
    let wire = join_by_wire(a, b);
    let mut flows = [Flow::new(PORT)];
    let mut opened = None;
    stream(a, b, &mut flows, |ms| {
        match ms {
            500..2_000 => wire.block(true),
            2_000.. if opened.is_none() => {
                wire.block(false);
                opened = Some(Instant::now());
            }
            _ => {}
        }
        ms >= 4_000
    });
    let opened = opened.unwrap();
    let gap = flows[0].gap(opened, opened + Duration::from_secs(2));
    assert!(gap < Duration::from_secs(1), "{gap:?} after it opened");
}
