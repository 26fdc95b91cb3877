//! What a machine passes on for others: one budget for all its networks, carried frames and trees, asked from any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What may pass at once after silence: a second's worth divided by this …
const BURST_SHARE: u64 = 20;
/// … but this many bytes at least, one long frame with its headers …
const BURST_LEAST: u64 = 1_600;
/// … and never more than a second's worth divided by this: a budget that is smaller than two long frames takes short ones only.
const BURST_MOST_SHARE: u64 = 2;
const NANOS: u128 = 1_000_000_000;

/// A rate that no second exceeds, wherever it begins: what may come at once is taken off what flows. `now`: microseconds.
#[derive(Debug, Default)]
pub struct Budget {
    /// Bytes a second, 0: unlimited.
    limit: AtomicU64,
    /// Until when what has passed lasts at the steady rate, ns.
    spent_until: AtomicU64,
}

impl Budget {
    /// `bytes_per_second`: 0 is unlimited. What is left of the old budget is not a gift to the new one; the same again changes nothing.
    pub fn set(&self, now: u64, bytes_per_second: u64) {
        if self.limit.swap(bytes_per_second, Relaxed) != bytes_per_second {
            let burst = lasts(burst(bytes_per_second), bytes_per_second);
            self.spent_until.store(now * 1_000 + burst, Relaxed);
        }
    }

    /// `bytes` leave whatever is left: up to a second's worth is taken off what comes next.
    pub fn charge(&self, now: u64, bytes: u64) {
        let limit = self.limit.load(Relaxed);
        if limit == 0 {
            return;
        }
        let now = now * 1_000;
        let most = now + lasts(limit, limit);
        let spend = |until: u64| Some((until.max(now) + lasts(bytes, limit)).min(most.max(until)));
        let _ = self.spent_until.fetch_update(Relaxed, Relaxed, spend);
    }

    /// Takes all of `bytes` or nothing. They are to include every header under the frame.
    pub fn take(&self, now: u64, bytes: u64) -> bool {
        let limit = self.limit.load(Relaxed);
        if limit == 0 {
            return true;
        }
        let now = now * 1_000;
        let last = now + lasts(burst(limit), limit);
        let spend = |until: u64| {
            let until = until.max(now) + lasts(bytes, limit);
            (until <= last).then_some(until)
        };
        self.spent_until.fetch_update(Relaxed, Relaxed, spend).is_ok()
    }
}

fn burst(limit: u64) -> u64 {
    let least = BURST_LEAST.min(limit / BURST_MOST_SHARE);
    (limit / BURST_SHARE).max(least)
}

/// How long so many bytes last at the steady rate, ns.
fn lasts(bytes: u64, limit: u64) -> u64 {
    let rate = u128::from((limit - burst(limit)).max(1));
    let nanos = (u128::from(bytes) * NANOS).div_ceil(rate);
    u64::try_from(nanos).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Offers frames of `len` bytes every `step` µs, rests in between; the most that passed in any second, and all.
    fn offered(limit: u64, len: u64, step: u64) -> (u64, u64) {
        let budget = Budget::default();
        budget.set(5, limit);
        let (mut window, mut inside, mut most, mut all) = (VecDeque::new(), 0, 0, 0);
        let mut now = 5;
        while now < 20_000_000 {
            now += if (now / 1_000_000) % 5 == 4 {
                1_500_000
            } else {
                step
            };
            if budget.take(now, len) {
                window.push_back(now);
                inside += len;
                all += len;
            }
            while window.front().is_some_and(|at| at + 1_000_000 <= now) {
                window.pop_front();
                inside -= len;
            }
            most = most.max(inside);
        }
        (most, all)
    }

    #[test]
    fn no_second_exceeds_it_and_it_is_used() {
        for (limit, len) in [
            (100_000, 1_200),
            (300_000, 1_456),
            (50_000, 80),
            (5_000_000, 1_456),
            (3_300, 1_456),
        ] {
            let (most, all) = offered(limit, len, 97);
            assert!(most <= limit, "{most} of {limit}");
            assert!(all >= limit * 13 * 45 / 100, "{all} of {limit}");
        }
    }

    #[test]
    fn a_tiny_one_takes_short_frames_only() {
        assert_eq!(offered(2_000, 1_456, 97), (0, 0));
        assert!(offered(2_000, 100, 97).0 >= 1_000);
    }

    #[test]
    fn setting_it_gives_nothing_away_and_setting_it_again_takes_nothing() {
        let budget = Budget::default();
        assert!(budget.take(0, 1 << 40), "0 is unlimited");
        budget.set(1_000, 1_000_000);
        assert!(!budget.take(1_000, 1_000));
        assert!(budget.take(3_000, 1_000));
        budget.set(3_000, 1_000_000);
        assert!(budget.take(4_100, 1_000));
        budget.set(4_100, 0);
        assert!(budget.take(4_100, 1 << 40));
    }
}
