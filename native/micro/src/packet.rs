//! Views, checksums and the two conversions of the fast path.

use crate::frames::{ETHER, address, tcp_run, udp};
use crate::{Case, Meter};
use std::hint::black_box;
use weft_packet::{Checksum, L3, MergeConfig, Merger, Splitter, checksum};

/// Bytes of a packet that fills an adapter of that MTU.
const PACKET: usize = 1_400;
/// Payload of a TCP segment that does.
const SEGMENT: usize = PACKET - 40;
/// Segments in the longest frame that the kernel hands over.
const SEGMENTS: usize = 47;
const RUN: usize = SEGMENT * SEGMENTS;
const ETHER_HEAD: [u8; ETHER] = [2, 7, 0, 0, 0, 2, 2, 7, 0, 0, 0, 1, 8, 0];

pub const CASES: &[Case] = &[
    Case {
        name: "packet/parse-1400",
        what: "parse an IPv4 packet",
        bytes: 0,
        run: |meter| {
            meter.repeat(datagram(), |packet, _| {
                black_box(L3::parse(black_box(packet)).expect("a packet"));
            });
        },
    },
    Case {
        name: "packet/checksum-1400",
        what: "parse a datagram of 1400 B and verify its checksum",
        bytes: PACKET,
        run: |meter| {
            meter.repeat(datagram(), |packet, _| {
                let l3 = L3::parse(black_box(packet)).expect("a packet");
                let valid = checksum::is_valid(l3.addresses(), l3.protocol(), l3.l4());
                assert!(black_box(valid));
            });
        },
    },
    Case {
        name: "packet/split-64k",
        what: "cut a TCP run of 64 kB into 47 packets, checksums left to the receiver",
        bytes: RUN,
        run: |meter| split(meter, Checksum::Partial),
    },
    Case {
        name: "packet/split-64k-sums",
        what: "the same with checksums",
        bytes: RUN,
        run: |meter| split(meter, Checksum::Full),
    },
    Case {
        name: "packet/merge-64k",
        what: "join 47 TCP packets into one write, checksums left to the kernel",
        bytes: RUN,
        run: |meter| merge(meter, Checksum::Partial),
    },
    Case {
        name: "packet/merge-64k-sums",
        what: "the same of packets whose checksums are verified first",
        bytes: RUN,
        run: |meter| merge(meter, Checksum::Full),
    },
];

fn datagram() -> Vec<u8> {
    udp(address(1), address(2), PACKET)
}

fn split(meter: &mut Meter, mode: Checksum) {
    let (vnet, frame) = tcp_run(address(1), address(2), RUN, SEGMENT);
    let out = vec![0u8; PACKET * SEGMENTS];
    meter.repeat((frame, out), |(frame, out), _| {
        let run = Splitter::parse(&vnet, black_box(frame), PACKET).expect("a run");
        assert_eq!(run.count(), SEGMENTS);
        for (i, slot) in out.chunks_exact_mut(PACKET).enumerate() {
            black_box(run.write(i, slot, mode));
        }
    });
}

fn merge(meter: &mut Meter, mode: Checksum) {
    let (vnet, frame) = tcp_run(address(1), address(2), RUN, SEGMENT);
    let run = Splitter::parse(&vnet, &frame, PACKET).expect("a run");
    let mut packets = vec![vec![0u8; PACKET]; SEGMENTS];
    for (i, packet) in packets.iter_mut().enumerate() {
        assert_eq!(run.write(i, packet, mode), PACKET);
    }
    let merger = Merger::new(MergeConfig {
        checksum: true,
        tcp: true,
        udp: true,
    });
    meter.repeat((merger, packets), |(merger, packets), _| {
        for (i, packet) in black_box(packets).iter().enumerate() {
            let l3 = L3::parse(packet).expect("a packet");
            merger
                .push(i as u32, &l3, mode == Checksum::Partial, &ETHER_HEAD)
                .expect("it fits");
        }
        assert_eq!(black_box(merger.runs()).len(), 1);
        merger.clear();
    });
}
