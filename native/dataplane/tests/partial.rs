//! Checksums that the origin's kernel left to whoever writes a packet to an adapter, on their way by a tree.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/trees.rs"]
mod trees;

use lab::*;
use std::net::Ipv4Addr;
use trees::*;
use weft_packet::VnetHeader;
use weft_packet::checksum::{fold, is_valid, pseudo};

const UDP: u8 = 17;
const ADDRESSES_AT: usize = 26;
const UDP_AT: usize = 34;
const UDP_CHECKSUM_AT: usize = UDP_AT + 6;

/// What a kernel hands over that leaves the sum over the payload to the card.
fn half_summed(from: Ipv4Addr, payload: &[u8]) -> ([u8; weft_packet::VNET_LEN], Vec<u8>) {
    let mut frame = udp_frame(from, GROUP, PORT, payload);
    let half = half_of(&frame).to_be_bytes();
    frame[UDP_CHECKSUM_AT..][..2].copy_from_slice(&half);
    let vnet = VnetHeader {
        needs_csum: true,
        csum_start: UDP_AT as u16,
        csum_offset: (UDP_CHECKSUM_AT - UDP_AT) as u16,
        ..VnetHeader::default()
    };
    (vnet.encode(), frame)
}

fn half_of(frame: &[u8]) -> u16 {
    let addresses = &frame[ADDRESSES_AT..UDP_AT];
    fold(pseudo(addresses, UDP, frame.len() - UDP_AT))
}

/// The frame in which the datagram came, and what stands where its checksum belongs.
fn came(host: &Host) -> (Vec<u8>, u16) {
    let frame = host.frame("datagram", |f| {
        udp_payload(f, ipv4(1), PORT).is_some().then(|| f.to_vec())
    });
    let sum = u16::from_be_bytes([frame[UDP_CHECKSUM_AT], frame[UDP_CHECKSUM_AT + 1]]);
    (frame, sum)
}

#[test]
fn is_left_to_every_kernel_down_the_tree_and_completed_for_an_adapter_that_takes_no_half_sums() {
    let edges = [(1, 2), (2, 3), (3, 4)];
    let grove = Grove::with_plain(4, &[2, 3, 4], &edges, 3);
    grove.subscribe(1, &[2, 3, 4]);
    grove.plant(1, 1, &edges, "off");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let (vnet, frame) = half_summed(ipv4(1), b"what the tree carries");
    grove.hosts[0].inject(vnet, &frame);
    for n in [2, 4] {
        let (frame, sum) = came(grove.host(n));
        assert_eq!(
            sum,
            half_of(&frame),
            "host {n}: the sum is its kernel's to complete"
        );
    }
    let (frame, _) = came(grove.host(3));
    assert!(
        is_valid(&frame[ADDRESSES_AT..UDP_AT], UDP, &frame[UDP_AT..]),
        "the sum is whole"
    );
}
