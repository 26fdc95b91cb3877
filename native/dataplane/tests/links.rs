//! Transports outside of the data plane: everything goes by links as it goes by UDP.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use weft_dataplane::{Event, LinkState, Way};
use weft_device::VNET_LEN;

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

fn pair() -> (Host, Host) {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    (a, b)
}

fn join_by_link(a: &mut Host, b: &mut Host) -> Pipe {
    let pipe = Pipe::new(a, b);
    let way = Way::Link(pipe.ends[0]);
    a.plane.connect(NET, b.n.into(), vec![way], vec![]).unwrap();
    a.wait_up(b.n);
    b.wait_up(a.n);
    pipe
}

fn transport(host: &Host) -> (String, String) {
    let stats = host.plane.stats();
    let peer = stats.peers.iter().find(|p| p.up).expect("a session");
    (peer.transport.clone().unwrap(), peer.endpoint.clone().unwrap())
}

/// Sends numbered datagrams until `done`; returns those that came, in the order of their coming, and how many were sent.
fn stream(a: &Host, b: &Host, mut done: impl FnMut(u32) -> bool) -> (Vec<u32>, u32) {
    let (mut sent, mut came) = (0u32, Vec::new());
    let collect = |came: &mut Vec<u32>| {
        for frame in b.frames() {
            if let Some(payload) = udp_payload(&frame, ipv4(1), PORT) {
                let number = |c: &[u8]| u32::from_be_bytes([c[0], c[1], c[2], c[3]]);
                came.extend(payload.chunks(100).map(number));
            }
        }
    };
    while !done(sent) {
        let payload = [&sent.to_be_bytes()[..], &[0; 96]].concat();
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, &payload));
        sent += 1;
        std::thread::sleep(Duration::from_millis(1));
        collect(&mut came);
    }
    let end = Instant::now() + Duration::from_millis(300);
    while Instant::now() < end {
        collect(&mut came);
    }
    (came, sent)
}

#[test]
fn packets_casts_and_messages_go_by_a_link_and_it_is_proven() {
    let (mut a, mut b) = pair();
    let pipe = join_by_link(&mut a, &mut b);
    for (host, end) in [(&mut a, pipe.ends[0]), (&mut b, pipe.ends[1])] {
        host.wait("proof", |e| {
            (*e == Event::Link {
                link: end,
                state: LinkState::Proven,
            })
            .then_some(())
        });
        assert_eq!(transport(host), ("tcp".into(), format!("pipe:{}", host.n)));
    }
    let sent: Vec<Vec<u8>> = (0..50).map(|i| vec![i; 1_300]).collect();
    for payload in &sent {
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, payload));
    }
    assert_eq!(b.payloads(ipv4(1), PORT, 50, 1_300), sent);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    for payload in &sent {
        a.inject([0; VNET_LEN], &udp_frame(ipv4(1), GROUP, PORT, payload));
    }
    assert_eq!(b.payloads(ipv4(1), PORT, 50, 1_300), sent);
    assert_eq!(a.counter("castsSent"), 50);
    assert!(b.plane.send_control(NET, 1, vec![7; 50_000]));
    a.wait("message", |e| {
        matches!(e, Event::Control { bytes, .. } if bytes.len() == 50_000).then_some(())
    });
}

#[test]
fn narrow_frames_go_by_links_as_fragments() {
    let (mut a, mut b) = (Host::new(1, ALL, Some(600)), Host::new(2, ALL, Some(600)));
    introduce(&mut [&mut a, &mut b]);
    let _pipe = join_by_link(&mut a, &mut b);
    let payload = vec![9; 1_300];
    a.inject([0; VNET_LEN], &udp_frame(ipv4(1), ipv4(2), PORT, &payload));
    assert_eq!(b.payloads(ipv4(1), PORT, 1, 1_300), [payload]);
}

#[test]
fn a_session_goes_from_udp_to_a_link_and_back_without_loss() {
    let (mut a, mut b) = pair();
    join(&mut a, &mut b);
    let pipe = Pipe::new(&a, &b);
    let address = b.address;
    let (came, sent) = stream(&a, &b, |n| {
        match n {
            200 => a.plane.try_ways(NET, 2, vec![Way::Link(pipe.ends[0])]).unwrap(),
            // The crossing rule must not keep a session where its initiator does not want it.
            600 => {
                assert_eq!(transport(&a).0, "tcp");
                assert_eq!(a.plane.stats().peers[0].link, Some(pipe.ends[0]));
            }
            700 => a.plane.try_ways(NET, 2, vec![Way::Udp(address)]).unwrap(),
            _ => {}
        }
        n == 1_200
    });
    assert_eq!((transport(&a).0, transport(&b).0), ("udp".into(), "udp".into()));
    let mut sorted = came.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        (0..sent).collect::<Vec<_>>(),
        "nothing lost, nothing twice"
    );
}

#[test]
fn a_closed_link_is_left_at_once() {
    let (mut a, mut b) = pair();
    let pipe = join_by_link(&mut a, &mut b);
    a.plane
        .set_ways(NET, 2, vec![Way::Link(pipe.ends[0]), Way::Udp(b.address)])
        .unwrap();
    let since = Instant::now();
    a.plane.close_link(pipe.ends[0]);
    a.wait("suspicion", |e| {
        matches!(e, Event::Suspect { peer: 2, .. }).then_some(())
    });
    a.wait("the other way", |e| {
        matches!(e, Event::Up { transport, link: None, .. } if transport == "udp").then_some(())
    });
    assert!(
        since.elapsed() < Duration::from_millis(300),
        "{:?}",
        since.elapsed()
    );
    b.wait("the other way", |e| {
        matches!(e, Event::Up { transport, .. } if transport == "udp").then_some(())
    });
}

#[test]
fn a_spare_takes_over_within_a_second_when_the_link_falls_silent() {
    let (mut a, mut b) = pair();
    let (first, spare) = (join_by_link(&mut a, &mut b), Pipe::new(&a, &b));
    a.plane.set_ways(NET, 2, vec![Way::Link(spare.ends[0])]).unwrap();
    let mut blocked_at = None;
    let (came, sent) = stream(&a, &b, |n| {
        if n == 100 {
            first.blocked.store(true, Relaxed);
            blocked_at = Some(Instant::now());
        }
        blocked_at.is_some_and(|t| t.elapsed() > Duration::from_secs(2))
    });
    let longest = came.windows(2).map(|w| w[1].saturating_sub(w[0])).max().unwrap();
    // One datagram a millisecond (or slower): the gap in numbers bounds the gap in time.
    assert!(longest < 1_000, "{longest} of {sent} lost in a row");
    assert!(
        came.last().is_some_and(|n| *n > sent - 100),
        "{:?} of {sent}",
        came.last()
    );
}

#[test]
fn junk_by_links_is_refused_or_dropped() {
    let (a, b) = pair();
    let pipe = Pipe::new(&a, &b);
    let receive = |batch: Vec<u8>| a.plane.link_receive(pipe.ends[0], batch);
    assert_eq!(receive(vec![0, 9, 1]).unwrap_err().code, "bad-argument");
    assert_eq!(receive(vec![0, 0]).unwrap_err().code, "bad-argument");
    assert_eq!(receive(vec![0; (1 << 20) + 1]).unwrap_err().code, "bad-argument");
    receive([&[0, 40][..], &[0xF4; 40]].concat()).unwrap();
    receive([&[0, 1], &[0xF6][..]].concat()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while a.counter("linkFramesReceived") < 2 {
        assert!(Instant::now() < deadline);
    }
}
