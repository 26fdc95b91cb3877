//! The AEADs of data and cast frames, by aws-lc-rs.

#[cfg(not(feature = "plaintext"))]
use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use snow::params::HashChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use zeroize::Zeroizing;

/// Bytes of an authentication tag.
pub const TAG: usize = 16;

/// A 32-byte secret that is wiped when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

#[cfg(not(feature = "plaintext"))]
const AES_BIT: u8 = 1;
#[cfg(not(feature = "plaintext"))]
const CHACHA_BIT: u8 = 2;
/// Bits that no normal build knows: it never agrees with one that seals nothing.
#[cfg(feature = "plaintext")]
const AES_BIT: u8 = 0x40;
#[cfg(feature = "plaintext")]
const CHACHA_BIT: u8 = 0x80;

/// An AEAD that both ends know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl Suite {
    /// Bits of the hello's mask.
    pub const fn bit(self) -> u8 {
        match self {
            Suite::Aes256Gcm => AES_BIT,
            Suite::ChaCha20Poly1305 => CHACHA_BIT,
        }
    }

    /// Mask of what this machine does well: ChaCha20-Poly1305 always, AES-256-GCM where the CPU has instructions for it.
    pub fn here() -> u8 {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let aes =
            std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
        #[cfg(target_arch = "aarch64")]
        let aes = std::arch::is_aarch64_feature_detected!("aes");
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
        let aes = false;
        Suite::ChaCha20Poly1305.bit() | if aes { Suite::Aes256Gcm.bit() } else { 0 }
    }

    pub fn from_bit(bit: u8) -> Option<Suite> {
        match bit {
            AES_BIT => Some(Suite::Aes256Gcm),
            CHACHA_BIT => Some(Suite::ChaCha20Poly1305),
            _ => None,
        }
    }

    /// The best of those that both masks have: AES where both have hardware for it.
    pub fn choose(ours: u8, theirs: u8) -> Option<Suite> {
        [Suite::Aes256Gcm, Suite::ChaCha20Poly1305]
            .into_iter()
            .find(|s| ours & theirs & s.bit() != 0)
    }

    #[cfg(not(feature = "plaintext"))]
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }

    fn label(self) -> &'static [u8] {
        match self {
            Suite::Aes256Gcm => b"weft 1 AES-256-GCM",
            Suite::ChaCha20Poly1305 => b"weft 1 ChaCha20-Poly1305",
        }
    }

    /// The transport key of one direction: HKDF-BLAKE2s of Noise's split key with the AEAD's name.
    pub(crate) fn derive(self, split: &[u8; 32]) -> Secret {
        let mut hash = DefaultResolver
            .resolve_hash(&HashChoice::Blake2s)
            .expect("this crate enables snow's BLAKE2s");
        let mut outs = Zeroizing::new([[0u8; 64]; 3]);
        let [one, two, three] = &mut *outs;
        hash.hkdf(split, self.label(), 1, one, two, three);
        let mut key = Zeroizing::new([0u8; 32]);
        key.copy_from_slice(&one[..32]);
        key
    }
}

/// A key ready for use; aws-lc wipes its schedule when dropped.
#[cfg(not(feature = "plaintext"))]
pub(crate) struct Key(LessSafeKey);

#[cfg(not(feature = "plaintext"))]
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0u8; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(not(feature = "plaintext"))]
impl Key {
    pub(crate) fn new(suite: Suite, key: &[u8; 32]) -> Key {
        let unbound = UnboundKey::new(suite.algorithm(), key).expect("both AEADs take 32 bytes");
        Key(LessSafeKey::new(unbound))
    }

    /// Seals `data` in place and returns the tag.
    #[inline]
    pub(crate) fn seal(&self, counter: u64, aad: &[u8], data: &mut [u8]) -> [u8; TAG] {
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(counter), Aad::from(aad), data)
            .expect("frames are far below the AEAD's length limit");
        let mut out = [0u8; TAG];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Opens `data` (ciphertext and tag) in place; false when it is not authentic, and then `data` is garbage.
    #[inline]
    pub(crate) fn open(&self, counter: u64, aad: &[u8], data: &mut [u8]) -> bool {
        self.0.open_in_place(nonce(counter), Aad::from(aad), data).is_ok()
    }
}

#[cfg(feature = "plaintext")]
pub(crate) use crate::plaintext::Key;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_suites_seal_and_open() {
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            let key = Key::new(suite, &[7; 32]);
            let mut frame = *b"hello, other side0123456789abcdef";
            let n = frame.len() - TAG;
            let tag = key.seal(5, b"head", &mut frame[..n]);
            assert_ne!(&frame[..n], b"hello, other side");
            frame[n..].copy_from_slice(&tag);
            let mut wrong = frame;
            assert!(!key.open(6, b"head", &mut wrong));
            let mut wrong = frame;
            assert!(!key.open(5, b"heaD", &mut wrong));
            assert!(key.open(5, b"head", &mut frame));
            assert_eq!(&frame[..n], b"hello, other side");
        }
    }

    #[test]
    fn derived_keys_differ_by_suite_and_input() {
        let a = Suite::Aes256Gcm.derive(&[1; 32]);
        let b = Suite::ChaCha20Poly1305.derive(&[1; 32]);
        let c = Suite::Aes256Gcm.derive(&[2; 32]);
        assert!(*a != *b && *a != *c && *b != *c);
    }

    #[test]
    fn the_common_best_suite_is_chosen() {
        assert_eq!(Suite::choose(3, 3), Some(Suite::Aes256Gcm));
        assert_eq!(Suite::choose(3, 2), Some(Suite::ChaCha20Poly1305));
        assert_eq!(Suite::choose(1, 2), None);
    }
}
