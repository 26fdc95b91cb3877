//! Traffic classes through a tunnel (RFC 6040): the inner byte goes to the outer header, outer congestion marks come back in.

use crate::bytes::{be16, put16};
use crate::checksum;

/// The ECN bits of a traffic class.
pub const ECN: u8 = 0b11;
const NOT_ECT: u8 = 0b00;
const ECT_1: u8 = 0b01;
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

/// Traffic class byte (DSCP and ECN) of a packet; 0 for what is no IP packet.
#[inline]
pub fn class(packet: &[u8]) -> u8 {
    match packet {
        [first, second, ..] if first >> 4 == 4 => *second,
        [first, second, ..] if first >> 4 == 6 => (first << 4) | (second >> 4),
        _ => 0,
    }
}

/// Combines the ECN field of the outer header with the packet's own (RFC 6040, 4.2). False: the packet has to be dropped,
/// because it was marked under way and its sender would not understand the mark. Too short packets are left alone.
#[inline]
pub fn combine(packet: &mut [u8], outer: u8) -> bool {
    match (class(packet) & ECN, outer & ECN) {
        (NOT_ECT, CE) => return packet.len() < IPV4_CHECKSUM_END,
        (ECT_0 | ECT_1, CE) => set(packet, CE),
        (ECT_0, ECT_1) => set(packet, ECT_1),
        _ => {}
    }
    true
}

const IPV4_CHECKSUM_AT: usize = 10;
const IPV4_CHECKSUM_END: usize = 12;

fn set(packet: &mut [u8], ecn: u8) {
    if packet.len() < IPV4_CHECKSUM_END {
        return;
    }
    if packet[0] >> 4 == 6 {
        packet[1] = (packet[1] & !(ECN << 4)) | (ecn << 4);
        return;
    }
    let old = be16(packet, 0);
    packet[1] = (packet[1] & !ECN) | ecn;
    // The header's checksum by what changed (RFC 1624).
    let sum = u32::from(!be16(packet, IPV4_CHECKSUM_AT)) + u32::from(!old) + u32::from(be16(packet, 0));
    put16(packet, IPV4_CHECKSUM_AT, checksum::finish(sum));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(class: u8) -> Vec<u8> {
        let mut b = vec![
            0x45, class, 0, 20, 1, 2, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let sum = checksum::finish(checksum::sum(&b));
        put16(&mut b, IPV4_CHECKSUM_AT, sum);
        b
    }

    fn ipv6(class: u8) -> Vec<u8> {
        let mut b = vec![0x60 | (class >> 4), (class << 4) | 0x5, 7, 7];
        b.resize(40, 1);
        b
    }

    #[test]
    fn the_table_of_rfc_6040() {
        // [inner][outer], in the order Not-ECT, ECT(1), ECT(0), CE; `None` = drop.
        let table = [
            [Some(NOT_ECT), Some(NOT_ECT), Some(NOT_ECT), None],
            [Some(ECT_1), Some(ECT_1), Some(ECT_1), Some(CE)],
            [Some(ECT_0), Some(ECT_1), Some(ECT_0), Some(CE)],
            [Some(CE), Some(CE), Some(CE), Some(CE)],
        ];
        for (inner, row) in table.iter().enumerate() {
            for (outer, expected) in row.iter().enumerate() {
                for make in [ipv4, ipv6] {
                    let dscp = 0xB8;
                    let mut packet = make(dscp | inner as u8);
                    // The outer DSCP says nothing about the inner one.
                    let kept = combine(&mut packet, 0x40 | outer as u8);
                    assert_eq!(kept, expected.is_some(), "{inner} in {outer}");
                    if let Some(ecn) = expected {
                        // Length, checksum, flow label and all else as if it had been so from the beginning.
                        assert_eq!(packet, make(dscp | ecn), "{inner} in {outer}");
                        assert_eq!(class(&packet), dscp | ecn);
                    }
                }
            }
        }
    }

    #[test]
    fn rubbish_is_left_alone() {
        for len in 0..12 {
            for first in [0x45, 0x60, 0x00, 0xff] {
                let mut packet = vec![first; len];
                let before = packet.clone();
                assert!(combine(&mut packet, CE));
                assert_eq!(packet, before);
            }
        }
    }
}
