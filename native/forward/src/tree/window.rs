//! Which sequences of a stream came: each is taken once, and none that is older than the window.

use super::limits::SEEN_SPAN;

const WORDS: usize = SEEN_SPAN as usize / 64;

/// A ring of words, as RFC 6479: moving on clears whole words. Full size from the first sequence on.
#[derive(Debug, Default)]
pub struct Seen {
    /// One more than the highest that came; 0: none.
    next: u64,
    words: Vec<u64>,
}

impl Seen {
    /// True when it came, or is too old to tell.
    #[inline]
    pub fn has(&self, sequence: u64) -> bool {
        if sequence >= self.next {
            return false;
        }
        // The word of the newest holds bits of what is a whole ring older.
        self.next - sequence > SEEN_SPAN - 64 || self.words[place(sequence).0] & place(sequence).1 != 0
    }

    /// Marks it; call when [`Seen::has`] denied.
    #[inline]
    pub fn mark(&mut self, sequence: u64) {
        if self.words.is_empty() {
            self.words = vec![0; WORDS];
        }
        if sequence >= self.next {
            let from = self.next.saturating_sub(1) / 64;
            let steps = (sequence / 64 - from).min(WORDS as u64);
            for step in 1..=steps {
                self.words[((from + step) % WORDS as u64) as usize] = 0;
            }
            self.next = sequence + 1;
        }
        let (word, bit) = place(sequence);
        self.words[word] |= bit;
    }
}

#[inline]
fn place(sequence: u64) -> (usize, u64) {
    ((sequence / 64) as usize % WORDS, 1 << (sequence % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn as_a_set_says(steps in prop::collection::vec(prop_oneof![-300i64..300, 7_000i64..9_000, Just(100_000)], 1..600)) {
            let (mut seen, mut set, mut at, mut top) = (Seen::default(), HashSet::new(), 20_000i64, 0u64);
            for step in steps {
                at = (at + step).max(0);
                let n = at as u64;
                let old = top > n && top - n > SEEN_SPAN - 64;
                prop_assert_eq!(seen.has(n), old || set.contains(&n), "{}", n);
                if !seen.has(n) {
                    seen.mark(n);
                    set.insert(n);
                    top = top.max(n + 1);
                }
            }
        }
    }
}
