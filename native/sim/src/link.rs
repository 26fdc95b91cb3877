//! Links: access queues with a rate, and paths with delay, jitter and bursts of loss.

use crate::math;
use crate::rng::Rng;

/// Loss by Gilbert and Elliott in continuous time. Shares of 1; mean times in µs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    pub good: f64,
    pub bad: f64,
    pub good_us: f64,
    /// 0: there is no bad state.
    pub bad_us: f64,
}

/// The state of one path, brought up to date when a datagram asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathState {
    is_bad: bool,
    known: bool,
    seen: u64,
    /// Nothing overtakes what arrives then.
    pub last_arrival: u64,
    /// Delay without jitter and queues, µs.
    pub direct_us: u64,
}

impl PathState {
    pub fn new(direct_us: u64) -> PathState {
        PathState {
            direct_us,
            ..PathState::default()
        }
    }

    /// Whether a datagram sent now is lost.
    pub fn loses(&mut self, now: u64, loss: &Loss, rng: &mut Rng) -> bool {
        if loss.bad_us > 0.0 {
            self.advance(now, loss, rng);
        } else {
            self.is_bad = false;
        }
        rng.chance(if self.is_bad { loss.bad } else { loss.good })
    }

    /// Two states with exponential times: the chance to be bad after `t` has a closed form.
    fn advance(&mut self, now: u64, loss: &Loss, rng: &mut Rng) {
        let (to_bad, to_good) = (1.0 / loss.good_us.max(1.0), 1.0 / loss.bad_us);
        let resting = to_bad / (to_bad + to_good);
        let chance = if self.known {
            let before = if self.is_bad { 1.0 } else { 0.0 };
            let elapsed = now.saturating_sub(self.seen) as f64;
            resting + (before - resting) * math::exp_of_minus((to_bad + to_good) * elapsed)
        } else {
            resting
        };
        self.is_bad = rng.unit() < chance;
        self.known = true;
        self.seen = now;
    }
}

/// One direction of a host's access: a rate and a drop-tail queue.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// bits/s; 0: no limit.
    pub bps: u64,
    /// Bytes that wait at most.
    pub queue_bytes: u64,
    /// When what was accepted so far has left.
    busy_until: u64,
}

/// Bits of a byte, in millionths of a second.
const BIT_MICROS: u64 = 8 * 1_000_000;

impl Access {
    pub fn new(bps: u64, queue_bytes: u64) -> Access {
        Access {
            bps,
            queue_bytes,
            busy_until: 0,
        }
    }

    /// When a datagram of `bytes` offered now has passed; `None` when the queue is full.
    pub fn pass(&mut self, now: u64, bytes: u64) -> Option<u64> {
        if self.bps == 0 {
            return Some(now);
        }
        let start = self.busy_until.max(now);
        let waiting = u128::from(start - now) * u128::from(self.bps) / u128::from(BIT_MICROS);
        if waiting as u64 + bytes > self.queue_bytes {
            return None;
        }
        self.busy_until = start + (bytes * BIT_MICROS).div_ceil(self.bps);
        Some(self.busy_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_have_their_share_and_length() {
        let loss = Loss {
            good: 0.0,
            bad: 1.0,
            good_us: 900_000.0,
            bad_us: 100_000.0,
        };
        let (mut rng, mut path) = (Rng::new(3), PathState::default());
        let lost: Vec<bool> = (0..1_000_000u64)
            .map(|i| path.loses(i * 10_000, &loss, &mut rng))
            .collect();
        let share = lost.iter().filter(|l| **l).count() as f64 / lost.len() as f64;
        assert!((0.095..0.105).contains(&share), "{share}");
        let bursts = lost.windows(2).filter(|w| !w[0] && w[1]).count() as f64;
        let length = share * lost.len() as f64 / bursts;
        assert!(
            (9.0..12.5).contains(&length),
            "{length} datagrams of 10 ms for a mean of 100 ms"
        );
    }

    #[test]
    fn the_rate_is_kept_and_the_queue_is_finite() {
        let mut access = Access::new(8_000_000, 10_000);
        let passed: Vec<Option<u64>> = (0..12).map(|_| access.pass(0, 1_000)).collect();
        assert_eq!(passed[..3], [Some(1_000), Some(2_000), Some(3_000)]);
        assert_eq!(passed.iter().flatten().count(), 10);
        assert_eq!(access.pass(5_000, 1_000), Some(11_000));
        assert_eq!(access.pass(60_000, 1_000), Some(61_000));
        assert_eq!(Access::new(0, 0).pass(7, 1 << 30), Some(7));
    }
}
