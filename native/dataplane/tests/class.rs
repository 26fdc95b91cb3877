//! Traffic classes through the tunnel (RFC 6040), with a box between the members that marks congestion.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use weft_dataplane::{Dataplane, Event, Options, Way};
use weft_device::{VNET_LEN, fake};
use weft_socket::{Message, Options as SocketOptions, RecvBatch, UdpSocket};

const PORT: u16 = 5_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const ECT_0: u8 = 2;
const CE: u8 = 3;
/// Expedited forwarding.
const EF: u8 = 0xB8;
/// Longer frames carry packets, not upkeep.
const LONG: usize = 500;

/// A router between two sockets that writes down the class of long frames and replaces their ECN bits.
struct Marker {
    address: SocketAddr,
    seen: Arc<AtomicU8>,
    frames: Arc<AtomicU64>,
    /// ECN bits to set; 0xff leaves them.
    mark: Arc<AtomicU8>,
    stop: Arc<AtomicBool>,
}

impl Marker {
    fn new(a: SocketAddr, b: SocketAddr) -> Marker {
        let options = SocketOptions {
            offloads: true,
            v6_only: false,
        };
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), options).unwrap();
        let marker = Marker {
            address: socket.local_address(),
            seen: Arc::default(),
            frames: Arc::default(),
            mark: Arc::new(AtomicU8::new(0xff)),
            stop: Arc::default(),
        };
        let (seen, frames) = (marker.seen.clone(), marker.frames.clone());
        let (mark, stop) = (marker.mark.clone(), marker.stop.clone());
        std::thread::spawn(move || {
            let mut batch = RecvBatch::new();
            while !stop.load(Relaxed) {
                let count = socket.recv_batch(&mut batch, RecvBatch::BUFFERS).unwrap();
                for i in 0..count {
                    let place = batch.place(i).unwrap();
                    let mut class = place.class;
                    if place.segment > LONG {
                        seen.store(class, Relaxed);
                        frames.fetch_add(1, Relaxed);
                        let ecn = mark.load(Relaxed);
                        class = if ecn == 0xff { class } else { (class & !3) | ecn };
                    }
                    let parts = [IoSlice::new(&batch.storage()[place.start..place.end])];
                    let message = Message {
                        remote: if place.from == b { a } else { b },
                        segment: place.segment,
                        class,
                        parts: &parts,
                    };
                    socket.send_batch(&[message], &mut |_, f| panic!("{f:?}"));
                }
                if count == 0 {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        marker
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn joined(a: &mut Host, b: &mut Host) -> Marker {
    let marker = Marker::new(a.address, b.address);
    introduce(&mut [a, b]);
    let way = Way::Udp(marker.address);
    a.plane.connect(NET, 2, vec![way], vec![]).unwrap();
    a.wait_up(2);
    b.wait_up(1);
    marker
}

/// A frame of 1,000 bytes with this class and a right header checksum.
fn classed(to: Ipv4Addr, class: u8, tag: u8) -> Vec<u8> {
    let mut frame = udp_frame(ipv4(1), to, PORT, &[tag; 1_000]);
    frame[15] = class;
    frame[24..26].fill(0);
    let sum: u32 = frame[14..34]
        .chunks(2)
        .map(|c| u32::from(u16::from_be_bytes([c[0], c[1]])))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The class that the packet with this tag arrives with.
fn class_of(b: &Host, tag: u8) -> u8 {
    b.frame("packet", |f| {
        let payload = udp_payload(f, ipv4(1), PORT)?;
        if payload[0] != tag {
            return None;
        }
        let sum: u32 = f[14..34]
            .chunks(2)
            .map(|c| u32::from(u16::from_be_bytes([c[0], c[1]])))
            .sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "header checksum");
        Some(f[15])
    })
}

#[test]
fn classes_show_outside_and_marks_come_back_in() {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    let marker = joined(&mut a, &mut b);
    b.inject([0; VNET_LEN], &igmp_join(ipv4(2), GROUP));
    b.wait("groups", |e| matches!(e, Event::Groups { .. }).then_some(()));
    a.receivers(GROUP.into(), &[2]);
    let mut tag = 0;
    for to in [ipv4(2), GROUP] {
        // Class, mark under way, class at the end.
        for (class, mark, end) in [
            (0, 0xff, 0),
            (EF, 0xff, EF),
            (EF | ECT_0, 0xff, EF | ECT_0),
            (EF | ECT_0, CE, EF | CE),
            (ECT_0, 0, ECT_0),
            (CE, 0, CE),
        ] {
            tag += 1;
            marker.mark.store(mark, Relaxed);
            a.inject([0; VNET_LEN], &classed(to, class, tag));
            assert_eq!(class_of(&b, tag), end, "{class} marked {mark} to {to}");
            assert_eq!(marker.seen.load(Relaxed), class, "the outer header, to {to}");
        }
        // Who does not know of marks gets a loss instead, as on any router.
        let dropped = b.drops("ecnDropped");
        marker.mark.store(CE, Relaxed);
        a.inject([0; VNET_LEN], &classed(to, EF, 99));
        let deadline = Instant::now() + PATIENCE;
        while b.drops("ecnDropped") == dropped {
            assert!(Instant::now() < deadline);
        }
        assert!(b.frames().iter().all(|f| udp_payload(f, ipv4(1), PORT).is_none()));
    }
}

#[test]
fn runs_of_mixed_classes_keep_their_order_and_their_classes() {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    let _marker = joined(&mut a, &mut b);
    let classes: Vec<u8> = (0..60).map(|i| if i % 7 < 4 { 0 } else { EF }).collect();
    for (i, class) in classes.iter().enumerate() {
        a.inject([0; VNET_LEN], &classed(ipv4(2), *class, i as u8));
    }
    let mut got = Vec::new();
    while got.len() < classes.len() {
        got.extend(b.frame("packet", |f| {
            let payload = udp_payload(f, ipv4(1), PORT)?;
            Some(payload.chunks(1_000).map(|c| (c[0], f[15])).collect::<Vec<_>>())
        }));
    }
    let expected: Vec<(u8, u8)> = classes.iter().enumerate().map(|(i, c)| (i as u8, *c)).collect();
    assert_eq!(got, expected);
}

#[test]
fn switched_off_nothing_shows_and_nothing_comes_in() {
    let plane = |n: u8| {
        let options = Options {
            no_class: true,
            ..Options::default()
        };
        let plane = Dataplane::start(options).unwrap();
        let address = plane.listen(&["127.0.0.1:0".parse().unwrap()]).unwrap()[0];
        plane.add_network(network(n)).unwrap();
        let (device, cable) = fake::pair(ALL).unwrap();
        plane.attach(NET, Arc::new(device));
        Host::of(n, plane, address, cable)
    };
    let (mut a, mut b) = (plane(1), plane(2));
    let marker = joined(&mut a, &mut b);
    for (class, mark) in [(EF | ECT_0, 0xff), (EF, CE), (ECT_0, CE)] {
        marker.mark.store(mark, Relaxed);
        a.inject([0; VNET_LEN], &classed(ipv4(2), class, class));
        assert_eq!(class_of(&b, class), class);
        assert_eq!(marker.seen.load(Relaxed), 0);
    }
}

#[test]
fn switched_off_later_nothing_shows_from_then_on() {
    let (mut a, mut b) = (Host::new(1, ALL, None), Host::new(2, ALL, None));
    let marker = joined(&mut a, &mut b);
    for (shows, class) in [(true, EF), (false, 0), (true, EF)] {
        a.plane.set_outside(true, shows);
        marker.mark.store(0xff, Relaxed);
        a.inject([0; VNET_LEN], &classed(ipv4(2), EF, EF));
        assert_eq!(class_of(&b, EF), EF);
        assert_eq!(marker.seen.load(Relaxed), class);
    }
}
