//! The steady data path allocates nothing.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use weft_dataplane::Event;
use weft_device::VNET_LEN;

thread_local! {
    /// Set on the test's own thread, which may allocate.
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: passes everything to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !EXEMPT.try_with(Cell::get).unwrap_or(true) {
            ALLOCATIONS.fetch_add(1, Relaxed);
        }
        // SAFETY: the caller keeps the allocator's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the allocator's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    EXEMPT.with(|e| e.set(true));
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    introduce(&mut [&mut a, &mut b]);
    join(&mut a, &mut b);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    traffic(&a, &b, 50);
    let before = ALLOCATIONS.load(Relaxed);
    traffic(&a, &b, 100);
    let during = ALLOCATIONS.load(Relaxed) - before;
    // 4,000 packets: what is left is upkeep of the session (pings and timers), which is not per packet.
    assert!(during < 40, "{during} allocations for 4,000 packets");
}
