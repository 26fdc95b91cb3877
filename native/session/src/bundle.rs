//! Bundles (kind 9): small plaintexts to one peer that travel in one data frame, for slow ways.

use crate::fragment::What;
use crate::wire::{kind, u16_at};
use std::ops::Range;

/// Before each entry: what u8, length u16.
pub const ENTRY_HEAD: usize = 3;

/// Begins the plaintext of a bundle.
pub fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.push(kind::BUNDLE);
}

/// Adds an entry: the plaintext of a packet (kind byte included), or a cast as in a fragment.
///
/// # Panics
/// When `bytes` has more than 65,535 bytes.
pub fn put(out: &mut Vec<u8>, what: What, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("entries are far shorter than a frame");
    out.push(what as u8);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The entries of an authentic bundle, as ranges of `plaintext` (its kind byte included), up to the first that is malformed.
pub struct Entries {
    at: usize,
    /// Something was wrong: what follows is lost.
    pub malformed: bool,
}

impl Entries {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Entries {
        Entries {
            at: 1,
            malformed: false,
        }
    }

    /// The next entry. Ask with the same plaintext each time (which may be changed within entries meanwhile).
    pub fn next(&mut self, plaintext: &[u8]) -> Option<(What, Range<usize>)> {
        let rest = plaintext
            .get(self.at..)
            .filter(|r| !r.is_empty() && !self.malformed)?;
        let found = (rest.len() > ENTRY_HEAD).then(|| {
            let what = What::of(rest[0])?;
            let start = self.at + ENTRY_HEAD;
            let end = start + usize::from(u16_at(rest, 1));
            (end > start && end <= plaintext.len()).then_some((what, start..end))
        });
        match found.flatten() {
            Some((what, range)) => {
                self.at = range.end;
                Some((what, range))
            }
            None => {
                self.malformed = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(plaintext: &[u8]) -> (Vec<(What, Vec<u8>)>, bool) {
        let (mut entries, mut out) = (Entries::new(), Vec::new());
        while let Some((what, range)) = entries.next(plaintext) {
            out.push((what, plaintext[range].to_vec()));
        }
        (out, entries.malformed)
    }

    #[test]
    fn what_went_in_comes_out_and_cut_ones_end_early() {
        let parts = [
            (What::Packet, vec![1, 2, 3]),
            (What::Cast, vec![9; 300]),
            (What::Packet, vec![1]),
        ];
        let mut plaintext = Vec::new();
        begin(&mut plaintext);
        parts
            .iter()
            .for_each(|(what, bytes)| put(&mut plaintext, *what, bytes));
        assert_eq!(all(&plaintext), (parts.to_vec(), false));
        let ends = [1, 1 + 6, 1 + 6 + 303];
        for n in 1..plaintext.len() {
            let (found, malformed) = all(&plaintext[..n]);
            assert_eq!(malformed, !ends.contains(&n), "{n}");
            assert!(parts.starts_with(&found));
        }
    }

    #[test]
    fn empty_and_unknown_entries_are_malformed() {
        assert_eq!(all(&[9]), (vec![], false));
        assert!(all(&[9, 1, 0, 0, 1, 0, 1, 7]).1);
        assert!(all(&[9, 5, 0, 1, 7]).1);
        assert!(all(&[9, 0, 0, 1, 7]).1);
        assert!(all(&[9, 1, 0xff, 0xff, 7]).1);
    }
}
