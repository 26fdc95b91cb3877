//! Tries keys on frames until nothing more opens: frames that open give away the sender keys that they hand over.

use crate::capture::Packet;
use crate::frames::{Lock, Seal, What, seals};
use crate::keys::{Found, KEY};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::collections::{HashMap, HashSet};

/// Kind of a data frame that hands over a sender key, and where the key is in its plaintext.
const SENDER_KEY: u8 = 6;
const SENDER_KEY_AT: usize = 18;
/// Frames of a lock that keys are tried on: the shortest ones, so that one damaged frame hides nothing.
const SAMPLES: usize = 2;

#[derive(Default)]
pub struct Count {
    pub seen: usize,
    pub opened: usize,
}

#[derive(Default)]
pub struct Report {
    pub data: Count,
    pub casts: Count,
    /// Tags of casts and carries that the key of their hop verifies.
    pub hops: Count,
    /// Sender keys that opened frames handed over.
    pub learned: usize,
}

struct Sealed {
    seal: Seal,
    counts: bool,
}

/// Opens `seal`: its plaintext.
fn open(key: &LessSafeKey, seal: &Seal) -> Option<Vec<u8>> {
    let mut nonce = [0u8; 12];
    nonce[4..].copy_from_slice(&seal.nonce.to_be_bytes());
    let mut data = seal.sealed.clone();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let n = key
        .open_in_place(nonce, Aad::from(&seal.aad[..]), &mut data)
        .ok()?
        .len();
    data.truncate(n);
    Some(data)
}

fn ready(algorithm: &'static Algorithm, key: &[u8; KEY]) -> Option<LessSafeKey> {
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

/// The frames of each lock; each frame once, however many places it was recorded at.
fn by_lock(packets: &[Packet], counts: &dyn Fn(&Packet) -> bool) -> HashMap<Lock, Vec<Sealed>> {
    let mut known = HashSet::new();
    let mut locks: HashMap<Lock, Vec<Sealed>> = HashMap::new();
    for packet in packets.iter().filter(|p| known.insert((p.to, &p.frame))) {
        let counts = counts(packet);
        for seal in seals(packet.to, &packet.frame) {
            locks.entry(seal.lock).or_default().push(Sealed { seal, counts });
        }
    }
    for frames in locks.values_mut() {
        frames.sort_by_key(|f| f.seal.sealed.len());
    }
    locks
}

struct Solver {
    closed: HashMap<Lock, Vec<Sealed>>,
    /// Locks with frames that count: looked up, because millions of keys are tried.
    counted: HashSet<Lock>,
    opened: Vec<(LessSafeKey, Vec<Sealed>)>,
}

impl Solver {
    /// Tries `keys`; returns the sender keys that were learned.
    fn try_keys<'a>(
        &mut self,
        algorithms: &[&'static Algorithm],
        keys: impl Iterator<Item = &'a [u8; KEY]>,
        only_counted: bool,
    ) -> HashSet<[u8; KEY]> {
        let mut learned = HashSet::new();
        for key in keys {
            for algorithm in algorithms {
                let Some(ready_key) = ready(algorithm, key) else {
                    continue;
                };
                let fits = |lock: &Lock, frames: &Vec<Sealed>| {
                    (!only_counted || self.counted.contains(lock))
                        && frames
                            .iter()
                            .take(SAMPLES)
                            .any(|f| open(&ready_key, &f.seal).is_some())
                };
                let hits: Vec<Lock> = self
                    .closed
                    .iter()
                    .filter(|(lock, frames)| fits(lock, frames))
                    .map(|(lock, _)| *lock)
                    .collect();
                for lock in hits {
                    let frames = self.closed.remove(&lock).unwrap_or_default();
                    let Some(ready_key) = ready(algorithm, key) else {
                        continue;
                    };
                    for frame in frames.iter().filter(|f| f.seal.what == What::Data) {
                        learned.extend(open(&ready_key, &frame.seal).and_then(|p| handed_over(&p)));
                    }
                    self.opened.push((ready_key, frames));
                }
            }
        }
        learned
    }
}

fn handed_over(plaintext: &[u8]) -> Option<[u8; KEY]> {
    let is_key = plaintext.first().is_some_and(|b| b & 15 == SENDER_KEY);
    let key = plaintext.get(SENDER_KEY_AT..SENDER_KEY_AT + KEY)?;
    is_key.then(|| key.try_into().ok()).flatten()
}

pub fn solve(packets: &[Packet], found: &Found, counts: &dyn Fn(&Packet) -> bool) -> Report {
    let both = [&AES_256_GCM, &CHACHA20_POLY1305];
    let closed = by_lock(packets, counts);
    let mut solver = Solver {
        counted: (closed
            .iter()
            .filter(|(_, frames)| frames.iter().any(|f| f.counts)))
        .map(|(lock, _)| *lock)
        .collect(),
        closed,
        opened: Vec::new(),
    };
    let mut new = solver.try_keys(&both, found.schedules.iter().chain(&found.secrets), false);
    // Keys of the other AEAD have no schedule in memory that gives them away.
    new.extend(solver.try_keys(&[&CHACHA20_POLY1305], found.windows.iter(), true));
    let mut report = Report::default();
    while !new.is_empty() {
        report.learned += new.len();
        new = solver.try_keys(&both, new.iter(), false);
    }
    for frames in solver.closed.values() {
        count(&mut report, None, frames);
    }
    for (key, frames) in &solver.opened {
        count(&mut report, Some(key), frames);
    }
    report
}

fn count(report: &mut Report, key: Option<&LessSafeKey>, frames: &[Sealed]) {
    for Sealed { seal, .. } in frames.iter().filter(|f| f.counts) {
        let count = match seal.what {
            What::Data => &mut report.data,
            What::Cast => &mut report.casts,
            What::Hop => &mut report.hops,
        };
        count.seen += 1;
        count.opened += usize::from(key.is_some_and(|key| open(key, seal).is_some()));
    }
}
