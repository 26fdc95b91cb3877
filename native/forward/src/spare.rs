//! How much of a relay is free for a member's flows, learnt from its "full".

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Of all, in thousandths.
const WHOLE: u64 = 1_000;
/// A relay that is full keeps at least this share of its weight: who asks it again learns when it has room.
const LEAST: u64 = 2;
/// Each "full" divides the share by this …
const FULL_DIVIDES: u64 = 2;
/// … at most this often, µs: what is under way at the time says nothing new.
const FULL_EVERY_US: u64 = 150_000;
/// What comes back in a second, thousandths: flows return one after the other.
const BACK_PER_SECOND: u64 = 20;

/// Any thread may ask; one tells it.
#[derive(Debug)]
pub struct Spare {
    share: AtomicU64,
    /// When that was so, µs.
    at: AtomicU64,
}

impl Default for Spare {
    fn default() -> Spare {
        Spare {
            share: AtomicU64::new(WHOLE),
            at: AtomicU64::new(0),
        }
    }
}

impl Spare {
    /// Thousandths of the relay's weight that count at `now`, 1 at least.
    pub fn share(&self, now: u64) -> u64 {
        let rested = now.saturating_sub(self.at.load(Relaxed));
        let back = rested.saturating_mul(BACK_PER_SECOND) / 1_000_000;
        (self.share.load(Relaxed) + back).min(WHOLE)
    }

    /// The relay dropped a frame for want of budget.
    pub fn full(&self, now: u64) {
        let at = self.at.load(Relaxed);
        if at != 0 && now < at + FULL_EVERY_US {
            return;
        }
        self.share
            .store((self.share(now) / FULL_DIVIDES).max(LEAST), Relaxed);
        self.at.store(now, Relaxed);
    }

    /// What was known of the same relay under another weight.
    pub fn like(other: &Spare) -> Spare {
        Spare {
            share: AtomicU64::new(other.share.load(Relaxed)),
            at: AtomicU64::new(other.at.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_relay_gives_way_quickly_and_returns_slowly() {
        let spare = Spare::default();
        assert_eq!(spare.share(0), 1_000);
        spare.full(1_000_000);
        spare.full(1_010_000);
        assert_eq!(spare.share(1_010_000), 500, "two of one moment are one");
        for n in 1..=20 {
            spare.full(1_000_000 + n * FULL_EVERY_US);
        }
        assert!(spare.share(4_000_000) <= 5, "{}", spare.share(4_000_000));
        assert_eq!(Spare::like(&spare).share(4_000_000), spare.share(4_000_000));
        assert!(spare.share(14_000_000) >= 200);
        assert_eq!(spare.share(90_000_000), 1_000);
    }
}
