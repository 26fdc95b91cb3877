//! Packets as a host's applications make them.

use std::net::Ipv4Addr;
use weft_packet::{GsoKind, VnetHeader, checksum};

pub const ETHER: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;
const TCP: usize = 20;
pub const PROTOCOL_IGMP: u8 = 2;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;

/// Member `n` of at most 65,534.
pub fn address(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(10, 7, high, low)
}

/// An IPv4 packet around `l4`.
pub fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, l4: &[u8]) -> Vec<u8> {
    let len = (IP + l4.len()) as u16;
    let mut packet = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0];
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum::finish(checksum::sum(&packet));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend_from_slice(l4);
    packet
}

/// Ethernet before a packet.
pub fn ether(packet: &[u8]) -> Vec<u8> {
    [&[2, 7, 0, 0, 0, 2, 2, 7, 0, 0, 0, 1, 8, 0][..], packet].concat()
}

/// A UDP packet of `len` bytes in all, with its checksum.
pub fn udp(from: Ipv4Addr, to: Ipv4Addr, len: usize) -> Vec<u8> {
    let l4_len = len - IP;
    let mut l4 = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0];
    l4[4..6].copy_from_slice(&(l4_len as u16).to_be_bytes());
    l4.extend((0..l4_len - UDP).map(|i| i as u8));
    let both = [from.octets(), to.octets()].concat();
    let sum = checksum::pseudo(&both, PROTOCOL_UDP, l4_len) + checksum::sum(&l4);
    l4[6..8].copy_from_slice(&checksum::finish_udp(sum).to_be_bytes());
    ipv4(from, to, PROTOCOL_UDP, &l4)
}

/// A run of TCP as the kernel hands it over: one frame, and how it wants it cut into segments of `step` payload bytes.
pub fn tcp_run(from: Ipv4Addr, to: Ipv4Addr, payload: usize, step: usize) -> (VnetHeader, Vec<u8>) {
    const ACK: u8 = 0x10;
    let mut l4 = vec![
        0x13, 0x88, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, ACK, 1, 0, 0, 0, 0, 0,
    ];
    l4.extend((0..payload).map(|i| i as u8));
    let both = [from.octets(), to.octets()].concat();
    let seed = checksum::fold(checksum::pseudo(&both, PROTOCOL_TCP, l4.len()));
    l4[16..18].copy_from_slice(&seed.to_be_bytes());
    let vnet = VnetHeader {
        needs_csum: true,
        gso: GsoKind::Tcp4,
        ecn: false,
        hdr_len: (ETHER + IP + TCP) as u16,
        gso_size: step as u16,
        csum_start: (ETHER + IP) as u16,
        csum_offset: 16,
    };
    (vnet, ether(&ipv4(from, to, PROTOCOL_TCP, &l4)))
}

/// An IGMPv3 report that joins a group.
pub fn igmp_join(from: Ipv4Addr, group: Ipv4Addr) -> Vec<u8> {
    const REPORT: u8 = 0x22;
    const TO_EXCLUDE: u8 = 4;
    let mut report = vec![REPORT, 0, 0, 0, 0, 0, 0, 1, TO_EXCLUDE, 0, 0, 0];
    report.extend(group.octets());
    let sum = checksum::finish(checksum::sum(&report));
    report[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(from, Ipv4Addr::new(224, 0, 0, 22), PROTOCOL_IGMP, &report)
}
