//! Answers that are on their way: where one usually comes within a fraction of a millisecond, the receive thread awaits it awake, for its own
//! wake-up takes as long as the way there and back.

use crate::limits::{AWAIT_SCORE_LEAST, AWAIT_SCORE_MOST, AWAIT_TRIES, AWAIT_US};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Between the adapters' threads, which send, and the receive thread. What goes wrong between two of them costs a wake-up, or one in vain.
#[derive(Debug)]
pub struct Awaiting {
    /// Until then, µs.
    until: AtomicU64,
    is_asleep: AtomicBool,
    /// Rises with answers that came in time, sinks with those that did not.
    score: AtomicU32,
    tries: AtomicU32,
}

impl Default for Awaiting {
    fn default() -> Awaiting {
        Awaiting {
            until: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            score: AtomicU32::new(AWAIT_SCORE_LEAST),
            tries: AtomicU32::new(0),
        }
    }
}

impl Awaiting {
    /// Something leaves that may be answered at once. True: the receive thread is to be woken.
    pub fn expect(&self, now: u64) -> bool {
        if !self.is_asleep.load(Relaxed) {
            return false;
        }
        let hopeful = self.score.load(Relaxed) >= AWAIT_SCORE_LEAST;
        if !hopeful && self.tries.fetch_add(1, Relaxed) % AWAIT_TRIES != 0 {
            return false;
        }
        self.until.store(now + AWAIT_US, Relaxed);
        true
    }

    /// Until when the receive thread stays awake; 0: it may sleep.
    pub fn until(&self) -> u64 {
        self.until.load(Relaxed)
    }

    /// The wait is over.
    pub fn over(&self, came: bool) {
        self.until.store(0, Relaxed);
        let score = self.score.load(Relaxed);
        let next = if came {
            (score + 4).min(AWAIT_SCORE_MOST)
        } else {
            score.saturating_sub(1)
        };
        self.score.store(next, Relaxed);
    }

    pub fn sleeps(&self, is_asleep: bool) {
        self.is_asleep.store(is_asleep, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_awake_is_not_woken() {
        let awaiting = Awaiting::default();
        assert!(!awaiting.expect(5));
        awaiting.sleeps(true);
        assert!(awaiting.expect(5));
        assert_eq!(awaiting.until(), 5 + AWAIT_US);
        awaiting.over(true);
        assert_eq!(awaiting.until(), 0);
    }

    #[test]
    fn where_nothing_comes_in_time_it_is_soon_tried_seldom_and_always_again_once_it_does() {
        let awaiting = Awaiting::default();
        awaiting.sleeps(true);
        let woken = |came: bool| {
            let woken = awaiting.expect(5);
            if woken {
                awaiting.over(came);
            }
            woken
        };
        let in_vain = (0..10 * AWAIT_TRIES).filter(|_| woken(false)).count() as u32;
        assert!((10..=10 + AWAIT_SCORE_MOST).contains(&in_vain), "{in_vain}");
        let first = (0..AWAIT_TRIES).position(|_| woken(true));
        assert!(first.is_some());
        assert!((0..100).all(|_| woken(true)), "as long as answers come");
    }
}
