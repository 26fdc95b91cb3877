//! A sliding window over 64-bit counters: each is accepted once, and none that is older than the window.

/// Words of a ring at first: enough for a session that only gossips.
const WORDS_FIRST: usize = 8;

/// `WORDS` words of 64 bits; remembers at least the last `(WORDS - 1) * 64` counters.
///
/// A ring of words as in RFC 6479: moving forward clears whole words, never shifts. The ring starts small and
/// becomes full size with the first counter that needs it, so that half-open and idle sessions stay cheap.
pub struct Window<const WORDS: usize> {
    /// One more than the highest counter committed; 0 = none yet.
    next: u64,
    words: Vec<u64>,
}

impl<const WORDS: usize> Default for Window<WORDS> {
    fn default() -> Self {
        Window {
            next: 0,
            words: Vec::new(),
        }
    }
}

impl<const WORDS: usize> Window<WORDS> {
    /// Counters that the window surely remembers.
    pub const SPAN: u64 = (WORDS as u64 - 1) * 64;

    pub fn new() -> Self {
        const { assert!(WORDS.is_power_of_two() && WORDS >= 2) };
        Self::default()
    }

    /// One more than the highest counter committed; 0 = none yet.
    #[inline]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// True when `counter` was not seen and is not too old. Changes nothing: commit after the tag was verified.
    #[inline]
    pub fn check(&self, counter: u64) -> bool {
        if counter >= self.next {
            return counter < u64::MAX;
        }
        if self.next - counter > Self::SPAN {
            return false;
        }
        let (word, bit) = Self::place(counter);
        self.words[word] & bit == 0
    }

    /// Marks a counter that `check` allowed. Returns true when it is a new highest.
    #[inline]
    pub fn commit(&mut self, counter: u64) -> bool {
        self.make_room(counter);
        let is_new_highest = counter >= self.next;
        if is_new_highest {
            self.advance(counter);
        }
        let (word, bit) = Self::place(counter);
        self.words[word] |= bit;
        is_new_highest
    }

    /// Until the ring is full size nothing wraps, so every counter has its place in a larger one as well.
    #[inline]
    fn make_room(&mut self, counter: u64) {
        if self.words.len() == WORDS || counter / 64 < self.words.len() as u64 {
            return;
        }
        let need = (counter / 64 + 1).min(WORDS as u64) as usize;
        self.words
            .resize(need.next_power_of_two().clamp(WORDS_FIRST.min(WORDS), WORDS), 0);
    }

    fn advance(&mut self, counter: u64) {
        // With nothing committed yet all words are clear already.
        let from = if self.next == 0 { 0 } else { (self.next - 1) / 64 };
        let steps = (counter / 64 - from).min(WORDS as u64);
        for i in 1..=steps {
            self.words[((from + i) % WORDS as u64) as usize] = 0;
        }
        if steps == WORDS as u64 {
            self.words.fill(0);
        }
        self.next = counter + 1;
    }

    #[inline]
    fn place(counter: u64) -> (usize, u64) {
        ((counter / 64) as usize & (WORDS - 1), 1 << (counter % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// The obvious way: a set and the highest.
    #[derive(Default)]
    struct Naive {
        seen: HashSet<u64>,
        highest: Option<u64>,
    }

    impl Naive {
        fn accept(&mut self, counter: u64, span: u64) -> bool {
            let too_old = self
                .highest
                .is_some_and(|h| h >= counter && h + 1 - counter > span);
            let fresh = !too_old && self.seen.insert(counter);
            if fresh {
                self.highest = Some(self.highest.map_or(counter, |h| h.max(counter)));
            }
            fresh
        }
    }

    fn agree<const W: usize>(counters: impl IntoIterator<Item = u64>) {
        let (mut window, mut naive) = (Window::<W>::new(), Naive::default());
        for c in counters {
            let expected = naive.accept(c, Window::<W>::SPAN);
            let highest = naive.highest == Some(c);
            assert_eq!(window.check(c), expected, "counter {c}");
            if expected {
                assert_eq!(window.commit(c), highest, "counter {c}");
                assert!(!window.check(c));
            }
        }
    }

    proptest! {
        #[test]
        fn small_steps(steps in prop::collection::vec(-300i64..300, 1..600)) {
            let mut at = 1_000i64;
            agree::<4>(steps.into_iter().map(|s| { at = (at + s).max(0); at as u64 }));
        }

        #[test]
        fn anywhere_near_the_ring(counters in prop::collection::vec(0u64..2_000, 1..600)) {
            agree::<8>(counters);
        }

        #[test]
        fn long_jumps(counters in prop::collection::vec(prop_oneof![0u64..500, 60_000u64..70_000, any::<u32>().prop_map(u64::from)], 1..200)) {
            agree::<1024>(counters);
        }
    }

    #[test]
    fn is_small_until_a_counter_needs_more() {
        let mut window = Window::<2048>::new();
        let mut sizes = Vec::new();
        for counter in [0, 511, 512, 4_000, 131_072, 131_073] {
            assert!(window.commit(counter));
            sizes.push(window.words.len());
        }
        assert_eq!(sizes, [8, 8, 16, 64, 2048, 2048]);
        // What was seen in the small ring is seen in the large one, as far as it reaches back.
        assert!(!window.check(4_000) && !window.check(131_072) && window.check(4_001) && !window.check(0));
    }

    #[test]
    fn spans_what_the_limits_promise() {
        const { assert!(Window::<{ crate::rx::WINDOW_WORDS }>::SPAN >= crate::limits::REPLAY_WINDOW) };
        const { assert!(Window::<{ crate::cast_rx::WINDOW_WORDS }>::SPAN >= crate::limits::CAST_WINDOW) };
    }

    #[test]
    fn the_last_counter_is_never_accepted_so_that_next_cannot_wrap() {
        assert!(!Window::<4>::new().check(u64::MAX));
    }
}
