//! Whatever may be a key: expanded AES-256 keys in memory (their rounds follow from one another, so they give themselves
//! away), and bytes that look random.

use snow::params::HashChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use std::collections::HashSet;

pub const KEY: usize = 32;
/// Bytes of an expanded key.
const SCHEDULE: usize = 240;
/// 32 random bytes have about 30 different ones, and fewer than this once in a hundred million times; pointers and text do.
const DIFFERENT_MIN: usize = 23;
/// Words in memory begin at multiples of this.
const ALIGNMENT: usize = 4;
const LABELS: [&[u8]; 2] = [b"weft 1 AES-256-GCM", b"weft 1 ChaCha20-Poly1305"];

#[derive(Default)]
pub struct Found {
    /// AES-256 keys that were in use.
    pub schedules: HashSet<[u8; KEY]>,
    /// What else in memory may be a key.
    pub windows: HashSet<[u8; KEY]>,
    /// What files may hold, and what the session's key derivation makes of it.
    pub secrets: HashSet<[u8; KEY]>,
}

impl Found {
    /// A process's memory.
    pub fn take_memory(&mut self, memory: &[u8]) {
        let sbox = sbox();
        for at in (0..memory.len().saturating_sub(KEY - 1)).step_by(ALIGNMENT) {
            let rest = &memory[at..];
            if is_schedule(&sbox, rest) {
                self.schedules.extend(<[u8; KEY]>::try_from(&rest[..KEY]));
            } else if looks_random(&rest[..KEY]) {
                self.windows.extend(<[u8; KEY]>::try_from(&rest[..KEY]));
            }
        }
    }

    /// A file of the state folder: any place in it, and what is written there in hexadecimal.
    pub fn take_file(&mut self, bytes: &[u8]) {
        for window in bytes
            .windows(KEY)
            .chain(hexadecimal(bytes).iter().map(|k| &k[..]))
        {
            if let (true, Ok(key)) = (looks_random(window), <[u8; KEY]>::try_from(window)) {
                self.secrets.insert(key);
                self.secrets.extend(LABELS.map(|label| derive(&key, label)));
            }
        }
    }
}

fn looks_random(bytes: &[u8]) -> bool {
    let mut seen = [0u64; 4];
    for b in bytes {
        seen[usize::from(b >> 6)] |= 1 << (b & 63);
    }
    seen.iter().map(|s| s.count_ones() as usize).sum::<usize>() >= DIFFERENT_MIN
}

fn hexadecimal(bytes: &[u8]) -> Vec<[u8; KEY]> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let mut keys = Vec::new();
    for window in bytes.windows(2 * KEY) {
        let pairs = window
            .chunks(2)
            .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
        if let Some(key) = pairs.collect::<Option<Vec<u8>>>() {
            keys.extend(<[u8; KEY]>::try_from(key));
        }
    }
    keys
}

/// What a session makes of a key that Noise split.
fn derive(split: &[u8; KEY], label: &[u8]) -> [u8; KEY] {
    let mut out = [[0u8; 64]; 3];
    let [one, two, three] = &mut out;
    if let Some(mut hash) = DefaultResolver.resolve_hash(&HashChoice::Blake2s) {
        hash.hkdf(split, label, 1, one, two, three);
    }
    let mut key = [0; KEY];
    key.copy_from_slice(&one[..KEY]);
    key
}

fn word(b: &[u8], i: usize) -> [u8; 4] {
    [b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3]]
}

/// FIPS 197, section 5.2, for eight key words: do the rounds follow from the first 32 bytes?
fn is_schedule(sbox: &[u8; 256], bytes: &[u8]) -> bool {
    if bytes.len() < SCHEDULE || bytes[..KEY].iter().all(|b| *b == bytes[0]) {
        return false;
    }
    let sub = |w: [u8; 4]| w.map(|b| sbox[usize::from(b)]);
    let mut constant = 1u8;
    (8..SCHEDULE / 4).all(|i| {
        let mut mixed = word(bytes, i - 1);
        if i % 8 == 0 {
            mixed.rotate_left(1);
            mixed = sub(mixed);
            mixed[0] ^= constant;
            constant = constant.wrapping_mul(2);
        } else if i % 8 == 4 {
            mixed = sub(mixed);
        }
        let before = word(bytes, i - 8);
        let now = word(bytes, i);
        (0..4).all(|b| now[b] == before[b] ^ mixed[b])
    })
}

/// AES's substitution: the inverse in GF(2^8), then an affine map.
fn sbox() -> [u8; 256] {
    let mut table = [0u8; 256];
    let (mut p, mut q) = (1u8, 1u8);
    loop {
        // p runs through all elements as powers of 3, q through their inverses.
        p ^= (p << 1) ^ if p & 0x80 != 0 { 0x1b } else { 0 };
        q ^= q << 1;
        q ^= q << 2;
        q ^= q << 4;
        q ^= if q & 0x80 != 0 { 0x09 } else { 0 };
        let affine = q ^ q.rotate_left(1) ^ q.rotate_left(2) ^ q.rotate_left(3) ^ q.rotate_left(4);
        table[usize::from(p)] = affine ^ 0x63;
        if p == 1 {
            break;
        }
    }
    table[0] = 0x63;
    table
}
