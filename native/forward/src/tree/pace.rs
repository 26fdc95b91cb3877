//! How dense a stream is: whether its beats are worth what they cost.

use super::limits::DENSE_CASTS;

/// When the newest casts came or went, µs, a ring.
#[derive(Default)]
pub(super) struct Pace {
    times: [u64; DENSE_CASTS],
    next: usize,
}

impl Pace {
    #[inline]
    pub fn note(&mut self, now: u64) {
        self.times[self.next] = now;
        self.next = (self.next + 1) % DENSE_CASTS;
    }

    /// All of them are there and took no longer than this.
    pub fn is_within(&self, span: u64) -> bool {
        let oldest = self.times[self.next];
        let newest = self.times[(self.next + DENSE_CASTS - 1) % DENSE_CASTS];
        oldest > 0 && newest <= oldest + span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_newest_count() {
        let mut pace = Pace::default();
        for at in [10, 20, 30] {
            pace.note(at);
            assert!(!pace.is_within(100), "too few");
        }
        pace.note(40);
        assert!(pace.is_within(30) && !pace.is_within(29));
        pace.note(100);
        assert!(pace.is_within(80) && !pace.is_within(79));
    }
}
