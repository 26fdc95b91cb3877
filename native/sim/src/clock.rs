//! A host's monotonic clock against the world's.

const MILLION: i128 = 1_000_000;

/// Starts at `offset_us` when the world is at 0 and runs `ppm` millionths faster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    pub offset_us: u64,
    pub ppm: i32,
}

impl Clock {
    /// What the host's clock shows.
    pub fn local(&self, world: u64) -> u64 {
        let elapsed = i128::from(world) * (MILLION + i128::from(self.ppm)) / MILLION;
        self.offset_us + elapsed as u64
    }

    /// The first moment of the world at which the host's clock shows `local` or more; `u64::MAX` stays.
    pub fn world(&self, local: u64) -> u64 {
        if local == u64::MAX {
            return u64::MAX;
        }
        let elapsed = i128::from(local.saturating_sub(self.offset_us));
        let rate = MILLION + i128::from(self.ppm);
        ((elapsed * MILLION + rate - 1) / rate) as u64
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
            for local in [5_000_001, 5_000_777, 99_999_999, 86_400_000_000] {
                let at = clock.world(local);
                assert!(clock.local(at) >= local, "{clock:?} {local}");
                assert!(at == 0 || clock.local(at - 1) < local, "{clock:?} {local}");
            }
        }
        assert_eq!(Clock { offset_us: 9, ppm: 3 }.world(u64::MAX), u64::MAX);
    }
}
