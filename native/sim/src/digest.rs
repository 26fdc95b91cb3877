//! A running digest of a run: quick, not cryptographic.

const MIX: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];

#[derive(Clone, Debug)]
pub struct Digest([u64; 2]);

impl Digest {
    pub fn new(seed: u64) -> Digest {
        Digest([seed ^ MIX[1], !seed])
    }

    pub fn number(&mut self, n: u64) {
        for (lane, mix) in self.0.iter_mut().zip(MIX) {
            *lane = (*lane ^ n).wrapping_mul(mix);
            *lane ^= *lane >> 31;
        }
        // The second lane sees the first, so that they do not fail together.
        self.0[1] = self.0[1].rotate_left(17) ^ self.0[0];
    }

    /// Length and content.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        for word in words {
            self.number(u64::from_le_bytes([
                word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7],
            ]));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.number(u64::from_le_bytes(word));
        }
    }

    /// 32 hex digits.
    pub fn text(&self) -> String {
        format!("{:016x}{:016x}", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_the_order_count() {
        let of = |parts: &[&[u8]]| {
            let mut digest = Digest::new(1);
            parts.iter().for_each(|p| digest.bytes(p));
            digest.text()
        };
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"c", b"ab"]));
        assert_ne!(of(&[b"0123456789"]), of(&[b"0123456788"]));
    }
}
