//! The internet checksum (RFC 1071). Sums are kept as `u32` of network-order 16-bit words, not complemented, so that sums of
//! pieces can be added (each piece but the last of even length). Up to 65,536 folded sums may be added before folding.

use crate::bytes::{be16, put16};

/// Sum of `b` as 16-bit words in network order, folded to 16 bits; an odd last byte is padded with zero.
#[inline]
pub fn sum(b: &[u8]) -> u32 {
    // One's complement sums do not care about byte order (RFC 1071, 2.B): add native 32-bit words into 64-bit lanes,
    // which compilers turn into vector code, and swap once at the end. A lane overflows only after 16 GiB.
    let mut lanes = [0u64; 4];
    let mut blocks = b.chunks_exact(16);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
            *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
    }
    let mut acc = lanes[0] + lanes[1] + lanes[2] + lanes[3];
    let mut pairs = blocks.remainder().chunks_exact(2);
    for pair in &mut pairs {
        acc += u64::from(u16::from_ne_bytes([pair[0], pair[1]]));
    }
    if let [last] = pairs.remainder() {
        acc += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    acc = (acc >> 32) + (acc & 0xffff_ffff);
    acc = (acc >> 32) + (acc & 0xffff_ffff);
    let native = fold(fold_once(acc as u32));
    u32::from(u16::from_be_bytes(native.to_ne_bytes()))
}

#[inline(always)]
fn fold_once(sum: u32) -> u32 {
    (sum >> 16) + (sum & 0xffff)
}

/// 16 bits of a sum: what a partial checksum field holds.
#[inline(always)]
pub fn fold(sum: u32) -> u16 {
    fold_once(fold_once(sum)) as u16
}

/// The checksum to write: the complement.
#[inline(always)]
pub fn finish(sum: u32) -> u16 {
    !fold(sum)
}

/// As [`finish`], but 0 becomes 0xffff: in UDP 0 means "no checksum".
#[inline(always)]
pub fn finish_udp(sum: u32) -> u16 {
    match finish(sum) {
        0 => 0xffff,
        c => c,
    }
}

/// Sum of the pseudo-header. `addresses`: source and destination as they stand in the IP header (8 or 32 bytes).
#[inline]
pub fn pseudo(addresses: &[u8], protocol: u8, l4_len: usize) -> u32 {
    let len = l4_len as u32;
    sum(addresses) + u32::from(protocol) + (len >> 16) + (len & 0xffff)
}

/// Whether `l4` (with its checksum field filled in) is right.
#[inline]
pub fn is_valid(addresses: &[u8], protocol: u8, l4: &[u8]) -> bool {
    fold(pseudo(addresses, protocol, l4.len()) + sum(l4)) == 0xffff
}

/// The checksum after one 16-bit word of the covered bytes changed (RFC 1624, equation 3).
#[inline]
pub fn adjust(check: u16, old: u16, new: u16) -> u16 {
    !fold(u32::from(!check) + u32::from(!old) + u32::from(new))
}

/// Recomputes the header checksum of an IPv4 header.
#[inline]
pub(crate) fn fix_ipv4(header: &mut [u8]) {
    put16(header, 10, 0);
    let check = finish(sum(header));
    put16(header, 10, check);
}

/// Whether an IPv4 header's checksum is right.
#[inline]
pub(crate) fn ipv4_is_valid(header: &[u8]) -> bool {
    debug_assert!(be16(header, 0) >> 12 == 4);
    fold(sum(header)) == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(b: &[u8]) -> u16 {
        let mut s = 0u64;
        for (i, byte) in b.iter().enumerate() {
            s += u64::from(*byte) << if i % 2 == 0 { 8 } else { 0 };
        }
        while s > 0xffff {
            s = (s >> 16) + (s & 0xffff);
        }
        s as u16
    }

    #[test]
    fn rfc1071_example() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn extremes() {
        assert_eq!(sum(&[]), 0);
        assert_eq!(sum(&[0xff]), 0xff00);
        assert_eq!(sum(&vec![0xff; 65_535]), u32::from(naive(&vec![0xff; 65_535])));
        assert_eq!(finish_udp(0xffff), 0xffff);
        assert_eq!(finish(0xffff), 0);
        assert_eq!(fold(0xffff_ffff), 0xffff);
    }

    proptest! {
        #[test]
        fn equals_naive(b in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(sum(&b), u32::from(naive(&b)));
        }

        #[test]
        fn pieces_add_up(b in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..150) {
            let cut = (cut * 2).min(b.len() & !1);
            prop_assert_eq!(fold(sum(&b[..cut]) + sum(&b[cut..])), naive(&b));
        }

        #[test]
        fn adjust_equals_recomputing(mut b in proptest::collection::vec(any::<u8>(), 20..40), new: u16) {
            b.truncate(b.len() & !1);
            b[0] |= 1; // a sum that is not all zero, as in every real header
            let (check, old) = (finish(sum(&b)), be16(&b, 4));
            put16(&mut b, 4, new);
            prop_assert_eq!(adjust(check, old, new), finish(sum(&b)));
        }
    }
}
