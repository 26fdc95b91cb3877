//! The steady data path allocates nothing: not for a packet, a run, a batch or a turn.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/steady.rs"]
mod steady;
#[path = "lab/sys.rs"]
mod sys;
#[path = "lab/trees.rs"]
mod trees;

use lab::*;
use std::net::Ipv4Addr;
use std::time::Instant;
use steady::{allocates_nothing, alone};
use trees::{GROUP, Grove};
use weft_dataplane::{Event, Way};
use weft_device::VNET_LEN;
use weft_packet::{GsoKind, VnetHeader};

#[global_allocator]
static ALLOCATOR: sys::Counting = sys::Counting;

const PORT: u16 = 5_000;
/// Bytes of a datagram's payload.
const PAYLOAD: usize = 900;
/// Packets that are under way at once: fewer than any buffer between two hosts holds.
const BURST: usize = 20;
const WARM_UP: usize = 2_000;

/// Sends frames in bursts and takes their payloads off the cables of all `receivers`. Never sleeps: windows are to be shorter than what
/// lies between two pieces of upkeep.
fn datagrams(from: &Host, to: &[Ipv4Addr], receivers: &[&Host], count: usize) {
    let frames: Vec<Vec<u8>> = to
        .iter()
        .map(|to| udp_frame(ipv4(from.n), *to, PORT, &[7; PAYLOAD]))
        .collect();
    let burst = frames.len() * BURST;
    for _ in 0..count / burst {
        let deadline = Instant::now() + PATIENCE;
        for frame in &frames {
            (0..BURST).for_each(|_| from.inject([0; VNET_LEN], frame));
        }
        for receiver in receivers {
            let mut got = 0;
            while got < burst * PAYLOAD {
                let stats = || receiver.plane.stats();
                assert!(Instant::now() < deadline, "{got} bytes; {:?}", stats());
                for frame in receiver.frames() {
                    got += udp_payload(&frame, ipv4(from.n), PORT).map_or(0, <[u8]>::len);
                }
            }
        }
    }
}

fn pair() -> (Host, Host) {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    join(&mut a, &mut b);
    (a, b)
}

#[test]
fn datagrams_and_casts_that_take_no_tree() {
    let _alone = alone();
    let (a, mut b) = pair();
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    let to = [ipv4(2), GROUP];
    datagrams(&a, &to, &[&b], WARM_UP);
    allocates_nothing("datagrams and casts", |count| datagrams(&a, &to, &[&b], count));
}

const SEGMENT: usize = 1_340;
/// Segments of a frame as long as the kernel makes them.
const SEGMENTS: usize = 48;
const TCP_HEADERS: usize = 14 + 20 + 20;
/// Frames under way in each direction.
const FRAMES: usize = 2;

/// A run of TCP segments in one frame, and how the kernel asks to have it cut.
fn tcp_run(from: Ipv4Addr, to: Ipv4Addr) -> ([u8; VNET_LEN], Vec<u8>) {
    const ACK: u8 = 0x10;
    const LENGTH_IN_WORDS: u8 = 5 << 4;
    let mut tcp = [PORT.to_be_bytes(), PORT.to_be_bytes()].concat();
    tcp.extend([0, 0, 0, 1, 0, 0, 0, 1, LENGTH_IN_WORDS, ACK, 1, 0, 0, 0, 0, 0]);
    tcp.extend(std::iter::repeat_n(7, SEGMENT * SEGMENTS));
    let vnet = VnetHeader {
        needs_csum: true,
        gso: GsoKind::Tcp4,
        ecn: false,
        hdr_len: TCP_HEADERS as u16,
        gso_size: SEGMENT as u16,
        csum_start: 34,
        csum_offset: 16,
    };
    (vnet.encode(), ipv4_frame(from, to, 64, 6, &[], &tcp))
}

/// Runs both ways at once until `count` packets went each way. Answers with the longest frame that came out.
fn tcp_both_ways(a: &Host, b: &Host, count: usize) -> usize {
    let ways = [(a, b), (b, a)];
    let runs = ways.map(|(from, to)| tcp_run(ipv4(from.n), ipv4(to.n)));
    let (mut sent, mut longest) = (0, 0);
    while sent < count * SEGMENT {
        let deadline = Instant::now() + PATIENCE;
        for ((from, _), (vnet, frame)) in ways.iter().zip(&runs) {
            (0..FRAMES).for_each(|_| from.inject(*vnet, frame));
        }
        sent += FRAMES * SEGMENTS * SEGMENT;
        for (_, to) in ways {
            let mut got = 0;
            while got < FRAMES * SEGMENTS * SEGMENT {
                assert!(Instant::now() < deadline, "{got} bytes; {:?}", to.plane.stats());
                for frame in to.frames().iter().filter(|f| f.len() > TCP_HEADERS && f[23] == 6) {
                    got += frame.len() - TCP_HEADERS;
                    longest = longest.max(frame.len());
                }
            }
        }
    }
    longest
}

#[test]
fn runs_of_tcp_both_ways() {
    let _alone = alone();
    let (a, b) = pair();
    let longest = tcp_both_ways(&a, &b, WARM_UP);
    assert!(longest > 10 * SEGMENT, "they come out as runs: {longest} bytes");
    allocates_nothing("TCP both ways", |count| {
        tcp_both_ways(&a, &b, count);
    });
}

#[test]
fn frames_that_a_relay_passes_on() {
    let _alone = alone();
    let mut hosts: Vec<Host> = (1..=3).map(|n| Host::new(n, ALL, None)).collect();
    introduce(&mut hosts.iter_mut().collect::<Vec<_>>());
    for end in 0..2 {
        let (ends, relay) = hosts.split_at_mut(2);
        join(&mut ends[end], &mut relay[0]);
    }
    hosts[2].plane.set_relay(NET, true, 0);
    hosts[2].plane.stats();
    hosts[0].plane.connect(NET, 2, vec![Way::Via(3)], vec![]).unwrap();
    hosts[0].wait_up(2);
    hosts[1].wait_up(1);
    hosts[0].plane.set_relays(NET, 2, vec![(3, 1)]).unwrap();
    hosts[0].plane.stats();
    let pass = |count| datagrams(&hosts[0], &[ipv4(2)], &[&hosts[1]], count);
    pass(WARM_UP);
    let carried = hosts[2].counter("carried");
    let count = allocates_nothing("relayed frames", pass);
    assert!(hosts[2].counter("carried") - carried > (count - BURST) as u64);
}

/// Origin → relay without subscriber → two subscribers.
const EDGES: [(u8, u8); 3] = [(1, 2), (2, 3), (2, 4)];
const SUBSCRIBERS: [u8; 2] = [3, 4];
/// Casts that fill what a node keeps of a tree.
const CACHE_FULL: usize = 2 * (2 << 20) / PAYLOAD;

#[test]
fn casts_down_a_tree_that_keeps_them_for_who_asks() {
    let _alone = alone();
    let grove = Grove::new(4, &SUBSCRIBERS, &EDGES);
    grove.subscribe(1, &SUBSCRIBERS);
    grove.plant(1, 1, &EDGES, "nack");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let receivers = SUBSCRIBERS.map(|n| grove.host(n));
    let casts = |count| datagrams(grove.host(1), &[GROUP], &receivers, count);
    casts(CACHE_FULL);
    let relayed = grove.host(2).counter("treeCopiesSent");
    let count = allocates_nothing("casts down a tree", casts);
    let copies = grove.host(2).counter("treeCopiesSent") - relayed;
    assert!(copies > (SUBSCRIBERS.len() * (count - BURST)) as u64);
}
