//! The benchmark's floor: what everything but encryption costs. Compiled only with the feature `plaintext`, which refuses every
//! build that does not say that it is for the benchmark; a session of it agrees with no normal build.
use crate::aead::{Suite, TAG};

const _: () = assert!(
    option_env!("WEFT_BENCH_BUILD").is_some(),
    "the feature `plaintext` is for the benchmark's own build only"
);

/// Found in the binary by the test that no normal build holds it.
#[used]
static MARK: [u8; 26] = *b"weft-plaintext-bench-build";

pub(crate) struct Key;

impl Key {
    pub(crate) fn new(_suite: Suite, _key: &[u8; 32]) -> Key {
        Key
    }

    /// Seals nothing.
    #[inline]
    pub(crate) fn seal(&self, _counter: u64, _aad: &[u8], _data: &mut [u8]) -> [u8; TAG] {
        [0; TAG]
    }

    /// Opens everything.
    #[inline]
    pub(crate) fn open(&self, _counter: u64, _aad: &[u8], _data: &mut [u8]) -> bool {
        true
    }
}
