//! Round-trip time, smoothed as in RFC 6298.

use crate::limits::{RTO_MAX, RTO_MIN, RTO_START};

/// A retransmission timer is doubled so often at most.
const DOUBLED_MOST: u32 = 5;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rtt {
    smoothed: Option<u64>,
    variation: u64,
    /// Timers that ran out since the last sample: what takes longer than the timer is never sampled, unless later ones wait longer.
    overdue: u32,
}

impl Rtt {
    pub fn sample(&mut self, rtt: u64) {
        self.overdue = 0;
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(s) => {
                self.variation = (3 * self.variation + s.abs_diff(rtt)) / 4;
                self.smoothed = Some((7 * s + rtt) / 8);
            }
        }
    }

    pub fn smoothed(&self) -> Option<u64> {
        self.smoothed
    }

    /// `times` round trips, but `least` at least (and before the first was measured).
    pub fn times(&self, times: u64, least: u64) -> u64 {
        self.smoothed.map_or(least, |s| least.max(times * s))
    }

    /// A retransmission timer ran out.
    pub fn timed_out(&mut self) {
        self.overdue = (self.overdue + 1).min(DOUBLED_MOST);
    }

    /// Retransmission timer after `tries` transmissions.
    pub fn rto(&self, tries: u32) -> u64 {
        let base = self
            .smoothed
            .map_or(RTO_START, |s| s + 4 * self.variation)
            .clamp(RTO_MIN, RTO_MAX);
        (base << tries.saturating_sub(1).max(self.overdue).min(DOUBLED_MOST)).min(RTO_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_samples_and_stays_in_bounds() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.rto(1), RTO_START);
        for _ in 0..50 {
            rtt.sample(20_000);
        }
        assert_eq!((rtt.smoothed(), rtt.rto(1)), (Some(20_000), RTO_MIN));
        assert_eq!(rtt.rto(2), 2 * RTO_MIN);
        assert_eq!(rtt.rto(30), RTO_MAX);
    }

    #[test]
    fn a_timer_that_ran_out_is_longer_for_all_until_a_round_trip_was_measured() {
        let mut rtt = Rtt::default();
        rtt.timed_out();
        rtt.timed_out();
        assert_eq!(
            (rtt.rto(1), rtt.rto(2), rtt.rto(4)),
            (4 * RTO_START, 4 * RTO_START, RTO_MAX)
        );
        rtt.sample(20_000);
        assert_eq!(rtt.rto(1), RTO_MIN);
    }
}
