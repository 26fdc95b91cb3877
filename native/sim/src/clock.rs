//! A host's monotonic clock against the world's.

const MILLION: u64 = 1_000_000;
/// Up to here (about 100 days) a product with a million and a bit fits 64 bits, whose division is much quicker.
const NEAR: u64 = 1 << 43;

/// Starts at `offset_us` when the world is at 0 and runs `ppm` millionths faster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    pub offset_us: u64,
    pub ppm: i32,
}

impl Clock {
    /// Of its µs in a million of the world's.
    fn rate(&self) -> u64 {
        MILLION.saturating_add_signed(i64::from(self.ppm)).max(1)
    }

    /// What the host's clock shows.
    pub fn local(&self, world: u64) -> u64 {
        let rate = self.rate();
        let elapsed = if world < NEAR {
            world * rate / MILLION
        } else {
            (u128::from(world) * u128::from(rate) / u128::from(MILLION)) as u64
        };
        self.offset_us + elapsed
    }

    /// The first moment of the world at which the host's clock shows `local` or more; `u64::MAX` stays.
    pub fn world(&self, local: u64) -> u64 {
        if local == u64::MAX {
            return u64::MAX;
        }
        let (elapsed, rate) = (local.saturating_sub(self.offset_us), self.rate());
        if elapsed < NEAR {
            (elapsed * MILLION).div_ceil(rate)
        } else {
            (u128::from(elapsed) * u128::from(MILLION)).div_ceil(u128::from(rate)) as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_met_and_not_by_much() {
        for clock in [
            Clock::default(),
            Clock {
                offset_us: 5_000_000,
                ppm: 200,
            },
            Clock {
                offset_us: 1,
                ppm: -500_000,
            },
        ] {
            for local in [
                5_000_001,
                5_000_777,
                99_999_999,
                86_400_000_000,
                NEAR - 1,
                NEAR + 5_000_000,
                3 * NEAR,
            ] {
                let at = clock.world(local);
                assert!(clock.local(at) >= local, "{clock:?} {local}");
                assert!(at == 0 || clock.local(at - 1) < local, "{clock:?} {local}");
            }
        }
        assert_eq!(Clock { offset_us: 9, ppm: 3 }.world(u64::MAX), u64::MAX);
    }
}
