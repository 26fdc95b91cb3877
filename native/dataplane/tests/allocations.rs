//! The steady data path allocates nothing.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/sys.rs"]
mod sys;

use lab::*;
use std::net::Ipv4Addr;
use std::time::Instant;
use weft_dataplane::Event;
use weft_device::VNET_LEN;

#[global_allocator]
static ALLOCATOR: sys::Counting = sys::Counting;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// Sends rounds of packets to host 2 and to the group, and takes them off the other cable.
fn traffic(a: &Host, b: &Host, rounds: usize) {
    let frames = [
        udp_frame(ipv4(1), ipv4(2), 5_000, &[7; 900]),
        udp_frame(ipv4(1), GROUP, 5_000, &[8; 900]),
    ];
    let (mut sent, mut got) = (0, 0);
    let deadline = Instant::now() + PATIENCE;
    for _ in 0..rounds {
        for frame in &frames {
            (0..20).for_each(|_| a.inject([0; VNET_LEN], frame));
            sent += 20 * 900;
        }
        while got < sent {
            assert!(
                Instant::now() < deadline,
                "{got} of {sent} bytes; {:?}",
                b.plane.stats()
            );
            for frame in b.frames() {
                got += udp_payload(&frame, ipv4(1), 5_000).map_or(0, <[u8]>::len);
            }
        }
    }
}

#[test]
fn steady_traffic_allocates_nothing() {
    sys::exempt_this_thread();
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    join(&mut a, &mut b);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    traffic(&a, &b, 50);
    let before = sys::allocations();
    traffic(&a, &b, 100);
    let during = sys::allocations() - before;
    // 4,000 packets: what is left is upkeep of the session (pings and timers), which is not per packet.
    assert!(during < 40, "{during} allocations for 4,000 packets");
}
