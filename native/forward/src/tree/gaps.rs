//! What is missing of one stream (an origin's tree under one key), and when it is asked for again.

/// Gaps remembered; beyond, the oldest is given up.
pub const GAPS_MAX: usize = 64;
/// µs that a gap may be mere reordering.
pub const REORDER: u64 = 10_000;
/// µs between two asks for the same gap, at least.
pub const RETRY_MIN: u64 = 20_000;
/// Asks that go to the parent; one more goes to a backup, then the gap is given up.
pub const ASKS_OF_PARENT: u8 = 3;

#[derive(Clone, Copy, Debug)]
struct Gap {
    first: u64,
    /// The first after it that came.
    end: u64,
    /// When it is asked for next.
    due: u64,
    asks: u8,
}

/// Sequences `first..end` to be asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    pub first: u64,
    pub end: u64,
    /// The parent was asked in vain.
    pub of_backup: bool,
}

/// Sequences are without flags.
#[derive(Debug)]
pub struct Gaps {
    next: Option<u64>,
    /// In order of sequence. Capacity is there from the start.
    gaps: Vec<Gap>,
    lost: u64,
}

impl Default for Gaps {
    fn default() -> Gaps {
        Gaps::new()
    }
}

impl Gaps {
    pub fn new() -> Gaps {
        Gaps {
            next: None,
            gaps: Vec::with_capacity(GAPS_MAX + 1),
            lost: 0,
        }
    }

    /// The highest sequence that came or that a beat told of.
    pub fn highest(&self) -> Option<u64> {
        self.next.map(|next| next - 1)
    }

    /// What is missing, as ranges in order.
    pub fn missing(&self) -> impl Iterator<Item = (u64, u64)> {
        self.gaps.iter().map(|gap| (gap.first, gap.end))
    }

    /// Sequences that were given up.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// A packet came. The first one sets where the stream begins: what was before is not missed.
    #[inline]
    pub fn came(&mut self, now: u64, sequence: u64) {
        match self.next {
            Some(next) if sequence < next => self.fill(sequence),
            Some(next) if sequence == next => self.next = Some(next.saturating_add(1)),
            _ => {
                self.told(now, sequence);
                self.next = Some(sequence.saturating_add(1));
                self.fill(sequence);
            }
        }
    }

    /// A beat says that all up to `highest` was sent; without any packet so far it sets where the stream begins.
    pub fn told(&mut self, now: u64, highest: u64) {
        let end = highest.saturating_add(1);
        match self.next {
            Some(next) if next < end => {
                self.gaps.push(Gap {
                    first: next,
                    end,
                    due: now.saturating_add(REORDER),
                    asks: 0,
                });
                self.bound();
            }
            Some(_) => return,
            None => {}
        }
        self.next = Some(end);
    }

    /// What is to be asked for now, at most `max` ranges; each is due again after 1.5 × `rtt` µs ([`RETRY_MIN`] at least).
    pub fn due(&mut self, now: u64, rtt: u64, max: usize, hear: &mut dyn FnMut(Ask)) {
        let again = now.saturating_add(RETRY_MIN.max(rtt.saturating_add(rtt / 2)));
        let mut left = max;
        let lost = &mut self.lost;
        self.gaps.retain_mut(|gap| {
            if gap.due > now || left == 0 {
                return true;
            }
            if gap.asks > ASKS_OF_PARENT {
                *lost += gap.end - gap.first;
                return false;
            }
            left -= 1;
            hear(Ask {
                first: gap.first,
                end: gap.end,
                of_backup: gap.asks == ASKS_OF_PARENT,
            });
            gap.asks += 1;
            gap.due = again;
            true
        });
    }

    /// When `due` has something to say next.
    pub fn next_due(&self) -> Option<u64> {
        self.gaps.iter().map(|gap| gap.due).min()
    }

    fn fill(&mut self, sequence: u64) {
        let at = self.gaps.partition_point(|gap| gap.end <= sequence);
        let Some(gap) = self.gaps.get_mut(at).filter(|gap| gap.first <= sequence) else {
            return;
        };
        let rest = Gap {
            first: sequence + 1,
            ..*gap
        };
        gap.end = sequence;
        let (before, after) = (gap.first < gap.end, rest.first < rest.end);
        match (before, after) {
            (true, true) => {
                self.gaps.insert(at + 1, rest);
                self.bound();
            }
            (false, true) => self.gaps[at] = rest,
            (true, false) => {}
            (false, false) => drop(self.gaps.remove(at)),
        }
    }

    fn bound(&mut self) {
        if self.gaps.len() > GAPS_MAX {
            let oldest = self.gaps.remove(0);
            self.lost += oldest.end - oldest.first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn asks(gaps: &mut Gaps, now: u64) -> Vec<(u64, u64, bool)> {
        let mut all = Vec::new();
        gaps.due(now, 0, 64, &mut |ask| {
            all.push((ask.first, ask.end, ask.of_backup))
        });
        all
    }

    #[test]
    fn asks_the_parent_then_a_backup_then_gives_up() {
        let mut gaps = Gaps::new();
        gaps.came(0, 100);
        assert_eq!(
            gaps.missing().count(),
            0,
            "the stream begins with what came first"
        );
        gaps.came(0, 105);
        assert_eq!(asks(&mut gaps, REORDER - 1), []);
        let mut now = REORDER;
        for n in 0..=ASKS_OF_PARENT {
            assert_eq!(asks(&mut gaps, now), [(101, 105, n == ASKS_OF_PARENT)]);
            assert_eq!(asks(&mut gaps, now + RETRY_MIN - 1), []);
            now += RETRY_MIN;
        }
        assert_eq!((asks(&mut gaps, now), gaps.lost()), (vec![], 4));
        assert_eq!(gaps.next_due(), None);
    }

    #[test]
    fn a_beat_tells_of_the_tail_and_a_late_packet_splits() {
        let mut gaps = Gaps::new();
        gaps.came(0, 1);
        gaps.told(0, 9);
        gaps.told(0, 4);
        gaps.came(5, 5);
        gaps.came(5, 5);
        assert_eq!(gaps.missing().collect::<Vec<_>>(), [(2, 5), (6, 10)]);
        assert_eq!(gaps.highest(), Some(9));
        let mut few = 0;
        gaps.due(REORDER, 0, 1, &mut |_| few += 1);
        assert_eq!(few, 1);
    }

    #[test]
    fn waits_for_the_round_trip() {
        let mut gaps = Gaps::new();
        gaps.came(0, 0);
        gaps.came(0, 2);
        gaps.due(REORDER, 100_000, 64, &mut |_| {});
        assert_eq!(gaps.next_due(), Some(REORDER + 150_000));
    }

    #[test]
    fn as_a_set_of_numbers_says() {
        for seed in 0..300u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut dice = |below: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % below
            };
            let (mut gaps, mut came, mut top) = (Gaps::new(), BTreeSet::from([50u64]), 50u64);
            gaps.came(0, 50);
            let mut most = 0;
            for _ in 0..200 {
                let sequence = (top + dice(6)).saturating_sub(dice(20)).max(51);
                gaps.came(0, sequence);
                came.insert(sequence);
                top = top.max(sequence);
                most = most.max(gaps.gaps.len());
                let missing: BTreeSet<u64> = gaps.missing().flat_map(|(first, end)| first..end).collect();
                let wanted: BTreeSet<u64> = (50..=top).filter(|n| !came.contains(n)).collect();
                // What was given up is the oldest; nothing that came is asked for.
                assert!(missing.is_subset(&wanted), "seed {seed}");
                assert!(
                    missing.len() as u64 + gaps.lost() >= wanted.len() as u64,
                    "seed {seed}"
                );
                if gaps.lost() == 0 {
                    assert_eq!(missing, wanted, "seed {seed}");
                }
                assert_eq!(gaps.highest(), Some(top), "seed {seed}");
            }
            assert!(most <= GAPS_MAX, "seed {seed}");
        }
    }
}
