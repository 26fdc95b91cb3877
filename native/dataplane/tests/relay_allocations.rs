//! A relay that passes frames on allocates nothing for them, and neither does who is relayed.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/sys.rs"]
mod sys;

use lab::*;
use std::time::Instant;
use weft_dataplane::Way;
use weft_device::VNET_LEN;

#[global_allocator]
static ALLOCATOR: sys::Counting = sys::Counting;

const PORT: u16 = 5_000;
const PACKET: usize = 900;

fn traffic(a: &Host, b: &Host, rounds: usize) {
    let frame = udp_frame(ipv4(1), ipv4(2), PORT, &[7; PACKET]);
    let (mut sent, mut got) = (0, 0);
    let deadline = Instant::now() + PATIENCE;
    for _ in 0..rounds {
        (0..20).for_each(|_| a.inject([0; VNET_LEN], &frame));
        sent += 20 * PACKET;
        while got < sent {
            assert!(Instant::now() < deadline, "{got} of {sent} bytes");
            for frame in b.frames() {
                got += udp_payload(&frame, ipv4(1), PORT).map_or(0, <[u8]>::len);
            }
        }
    }
}

#[test]
fn steady_relaying_allocates_nothing() {
    sys::exempt_this_thread();
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
    traffic(&hosts[0], &hosts[1], 50);
    let carried = hosts[2].counter("carried");
    let before = sys::allocations();
    traffic(&hosts[0], &hosts[1], 150);
    let during = sys::allocations() - before;
    assert!(hosts[2].counter("carried") >= carried + 3_000);
    // 3,000 packets over three hosts: what is left is upkeep of three sessions, which is not per packet.
    assert!(during < 120, "{during} allocations for 3,000 packets");
}
