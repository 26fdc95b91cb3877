//! How much is lost on the way to a node, and how much parity that calls for.

use super::limits::{
    BLOCKS_BEYOND_PERMILLE, LOSS_CASTS_MIN, LOSS_EVERY, LOSS_FOR, LOSS_PERMILLE_MAX, PARITY_MAX,
};
use crate::builder::PeerId;

/// What counts of the looks before, in a hundred.
const REMEMBERED: u64 = 85;

/// What a node sees lost of what it is fed.
#[derive(Debug, Default)]
pub struct Measured {
    /// When to look next, µs.
    pub next: u64,
    /// Of the streams' counts, at the last look.
    base: (u64, u64),
    /// In millionths.
    share: Option<u64>,
    told: u16,
}

impl Measured {
    /// `counts`: passed and jumped so far. Returns what to tell the feeder, if it is worth telling.
    pub fn look(&mut self, now: u64, counts: (u64, u64)) -> Option<u16> {
        self.next = now + LOSS_EVERY;
        // A stream that went out of use took its counts along.
        let passed = counts.0.saturating_sub(self.base.0);
        let jumped = counts.1.saturating_sub(self.base.1);
        if counts.0 >= self.base.0 && passed < LOSS_CASTS_MIN {
            return self.tell();
        }
        self.base = counts;
        if let Some(seen) = (1_000_000 * jumped).checked_div(passed) {
            let share = |before| (REMEMBERED * before + (100 - REMEMBERED) * seen) / 100;
            self.share = Some(self.share.map_or(seen, share));
        }
        self.tell()
    }

    /// Parity is to be expected.
    pub fn is_told(&self) -> bool {
        self.told > 0
    }

    fn tell(&mut self) -> Option<u16> {
        let permille = (self.share.unwrap_or(0) + 500) / 1_000;
        let permille = permille.min(u64::from(LOSS_PERMILLE_MAX)) as u16;
        let before = std::mem::replace(&mut self.told, permille);
        (permille > 0 || before > 0).then_some(permille)
    }
}

/// What those that are fed here said of their losses.
#[derive(Debug, Default)]
pub struct Losses(Vec<(PeerId, u16, u64)>);

impl Losses {
    pub fn told(&mut self, now: u64, peer: PeerId, permille: u16) {
        self.0.retain(|(known, _, until)| *known != peer && *until > now);
        if permille > 0 {
            let permille = permille.min(LOSS_PERMILLE_MAX);
            self.0.push((peer, permille, now + LOSS_FOR));
        }
    }

    pub fn any(&self, now: u64) -> bool {
        self.0.iter().any(|(_, _, until)| *until > now)
    }

    /// In ‰; 0: nothing, or not told.
    pub fn of(&self, now: u64, peer: PeerId) -> u16 {
        let told = |(known, _, until): &&(PeerId, u16, u64)| *known == peer && *until > now;
        self.0.iter().find(told).map_or(0, |(_, permille, _)| *permille)
    }
}

/// How many shards of parity a block of so many casts gets, so that hardly one in 40 needs more
/// ([`BLOCKS_BEYOND_PERMILLE`]): losses are taken as independent.
pub fn shards(casts: usize, permille: u16) -> usize {
    if permille == 0 || casts == 0 {
        return 0;
    }
    let lost = f64::from(permille.min(LOSS_PERMILLE_MAX)) / 1_000.0;
    let most = PARITY_MAX.min(casts);
    let beyond = f64::from(BLOCKS_BEYOND_PERMILLE) / 1_000.0;
    (0..most)
        .find(|parity| more_lost_than(*parity, casts + parity, lost) <= beyond)
        .unwrap_or(most)
}

/// How likely more than `most` of `all` are lost.
fn more_lost_than(most: usize, all: usize, lost: f64) -> f64 {
    let mut exactly = (1.0 - lost).powi(all as i32);
    let mut up_to = exactly;
    for n in 1..=most {
        exactly *= lost / (1.0 - lost) * (all + 1 - n) as f64 / n as f64;
        up_to += exactly;
    }
    1.0 - up_to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_grows_with_losses_and_is_nothing_without() {
        assert_eq!(shards(32, 0), 0);
        assert_eq!((shards(4, 10), shards(4, 50), shards(16, 50)), (1, 1, 3));
        assert_eq!((shards(1, 100), shards(32, 500), shards(3, 500)), (1, 8, 3));
        for casts in 1..=32 {
            let all: Vec<_> = (0..=500).map(|permille| shards(casts, permille)).collect();
            assert!(all.is_sorted(), "{casts}: {all:?}");
        }
    }

    #[test]
    fn enough_for_what_is_lost() {
        // By counting: every block of 8 that loses more than its parity.
        let parity = shards(8, 100);
        let all = 8 + parity;
        let beyond: f64 = (0u32..1 << all)
            .filter(|which| which.count_ones() as usize > parity)
            .map(|which| {
                let lost = which.count_ones() as i32;
                0.1f64.powi(lost) * 0.9f64.powi(all as i32 - lost)
            })
            .sum();
        assert!(beyond <= 0.025, "{beyond}");
        assert!((beyond - more_lost_than(parity, all, 0.1)).abs() < 1e-9);
    }

    #[test]
    fn tells_while_something_is_lost_and_once_that_it_ended() {
        let mut measured = Measured::default();
        assert_eq!(measured.look(0, (100, 0)), None);
        assert_eq!(measured.look(0, (200, 10)), Some(15));
        assert_eq!(measured.look(0, (205, 15)), Some(15), "too few to tell");
        let mut passed = 205;
        let told: Vec<_> = (0..60)
            .map(|_| {
                passed += 100;
                measured.look(0, (passed, 15))
            })
            .collect();
        let end = told.iter().position(|told| *told == Some(0)).unwrap();
        assert!(told[end + 1..].iter().all(Option::is_none));
        // A stream less.
        assert_eq!(measured.look(0, (50, 0)), None);
        assert_eq!(measured.look(0, (150, 50)), Some(75));
    }

    #[test]
    fn what_children_told_ends() {
        let mut losses = Losses::default();
        losses.told(0, 7, 900);
        losses.told(0, 8, 20);
        assert_eq!((losses.of(1, 7), losses.of(1, 8), losses.of(1, 9)), (500, 20, 0));
        losses.told(1, 7, 0);
        assert_eq!(losses.of(1, 7), 0);
        assert!(losses.any(LOSS_FOR - 1) && !losses.any(LOSS_FOR));
    }
}
