//! How late this machine is with its own work. What others sent may wait here then, and they may be no faster: silence means less.

use crate::limits::{LATE_FREE, LATE_HALVES, SLACK_MOST};

/// The longest that a timer came late, of late.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lateness {
    late: u64,
    at: u64,
}

impl Lateness {
    /// A timer that was due at `due` comes now.
    pub fn note(&mut self, now: u64, due: u64) {
        let late = now.saturating_sub(due);
        if late > LATE_FREE && late >= self.late(now) {
            (self.late, self.at) = (late, now);
        }
    }

    fn late(&self, now: u64) -> u64 {
        self.late >> (now.saturating_sub(self.at) / LATE_HALVES).min(63)
    }

    /// What is waited for others on top of what they are given at best, µs.
    pub fn slack(&self, now: u64) -> u64 {
        (2 * self.late(now).saturating_sub(LATE_FREE)).min(SLACK_MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_time_waits_for_nobody_longer() {
        let mut lateness = Lateness::default();
        lateness.note(1_000_000 + LATE_FREE, 1_000_000);
        assert_eq!(lateness.slack(1_000_000), 0);
    }

    #[test]
    fn who_was_late_waits_longer_for_a_while() {
        let mut lateness = Lateness::default();
        lateness.note(1_100_000, 1_000_000);
        lateness.note(1_150_000, 1_120_000);
        assert_eq!(lateness.slack(1_150_000), 2 * (100_000 - LATE_FREE));
        assert_eq!(lateness.slack(1_100_000 + LATE_HALVES), 2 * (50_000 - LATE_FREE));
        assert_eq!(lateness.slack(1_100_000 + 64 * LATE_HALVES), 0);
        lateness.note(9_000_000, 1_000_000);
        assert_eq!(lateness.slack(9_000_000), SLACK_MOST);
    }
}
