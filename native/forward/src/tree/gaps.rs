//! What is missing of one stream (an origin's tree under one key), and when it is asked for again.

use super::limits::{ASKS_IN_A_ROW, ASKS_OF_PARENT, GAPS_MAX, REORDER, RETRY_MIN, RETRY_MOST, SEEN_SPAN};

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
    /// In order of sequence.
    gaps: Vec<Gap>,
    lost: u64,
    /// A gap is asked for after this, µs.
    patience: u64,
    /// Sequences that were passed, …
    passed: u64,
    /// … and how many of them did not come in their turn.
    jumped: u64,
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
            gaps: Vec::new(),
            lost: 0,
            patience: REORDER,
            passed: 0,
            jumped: 0,
        }
    }

    /// The highest sequence that came or that a beat told of.
    pub fn highest(&self) -> Option<u64> {
        self.next.and_then(|next| next.checked_sub(1))
    }

    /// What is missing, as ranges in order.
    pub fn missing(&self) -> impl Iterator<Item = (u64, u64)> {
        self.gaps.iter().map(|gap| (gap.first, gap.end))
    }

    /// Sequences that were given up.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Sequences that were passed so far, and those of them that did not come in their turn.
    pub fn counts(&self) -> (u64, u64) {
        (self.passed, self.jumped)
    }

    /// New gaps are asked for after `patience` µs.
    pub fn set_patience(&mut self, patience: u64) {
        self.patience = patience;
    }

    pub fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }

    /// The stream begins here, though nothing came yet.
    pub fn begin(&mut self, first: u64) {
        self.next = self.next.or(Some(first));
    }

    /// All up to `sequence` is past, and nothing of it missed.
    pub fn skip(&mut self, sequence: u64) {
        self.next = self.next.max(Some(sequence + 1));
    }

    /// Somebody else misses `first..end`, and none of it came here.
    pub fn want(&mut self, now: u64, first: u64, end: u64) {
        let end = end.min(self.next.unwrap_or(0));
        let at = self.gaps.partition_point(|gap| gap.end <= first);
        let is_known = self.gaps.get(at).is_some_and(|gap| gap.first < end);
        if first < end && !is_known {
            self.gaps.insert(
                at,
                Gap {
                    first,
                    end,
                    due: now,
                    asks: 0,
                },
            );
            self.bound();
        }
    }

    /// All that is missing was just asked for in another way.
    pub fn asked(&mut self, now: u64, rtt: u64) {
        let again = again(now, rtt);
        for gap in &mut self.gaps {
            (gap.due, gap.asks) = (again, gap.asks.min(1));
        }
    }

    /// Gives up what is missing since longer than the caches hold it; without asks.
    pub fn forget(&mut self, due_before: u64) {
        let lost = &mut self.lost;
        self.gaps.retain(|gap| {
            let is_old = gap.due < due_before;
            *lost += if is_old { gap.end - gap.first } else { 0 };
            !is_old
        });
    }

    /// A packet came. The first one sets where the stream begins: what was before is not missed.
    #[inline]
    pub fn came(&mut self, now: u64, sequence: u64) {
        match self.next {
            Some(next) if sequence < next => self.fill(sequence),
            Some(next) if sequence == next => {
                self.passed += 1;
                self.next = Some(next.saturating_add(1));
            }
            _ => {
                let jumped = self.next.is_some();
                self.told(now, sequence);
                self.next = Some(sequence.saturating_add(1));
                self.fill(sequence);
                // The one that came did so in its turn.
                self.jumped -= u64::from(jumped);
            }
        }
    }

    /// A beat says that all up to `highest` was sent; without any packet so far it sets where the stream begins.
    pub fn told(&mut self, now: u64, highest: u64) {
        let end = highest.saturating_add(1);
        match self.next {
            Some(next) if next < end => {
                // What lies further back than windows reach is past help.
                let first = next.max(end.saturating_sub(SEEN_SPAN));
                self.lost += first - next;
                self.passed += end - next;
                self.jumped += end - next;
                self.gaps.push(Gap {
                    first,
                    end,
                    due: now.saturating_add(self.patience),
                    asks: 0,
                });
                self.bound();
            }
            Some(_) => return,
            None => {}
        }
        self.next = Some(end);
    }

    /// What is to be asked for now, at most `max` ranges; each is due again after 1.5 × `rtt` µs ([`RETRY_MIN`] at least), later ones after more.
    pub fn due(&mut self, now: u64, rtt: u64, max: usize, hear: &mut dyn FnMut(Ask)) {
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
            let pause = again(0, rtt) << gap.asks.saturating_sub(ASKS_IN_A_ROW);
            gap.due = now.saturating_add(pause.min(RETRY_MOST.max(again(0, rtt))));
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

fn again(now: u64, rtt: u64) -> u64 {
    now.saturating_add(RETRY_MIN.max(rtt.saturating_add(rtt / 2)))
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
            let pause = RETRY_MIN << (n + 1).saturating_sub(ASKS_IN_A_ROW);
            let pause = pause.min(RETRY_MOST);
            assert_eq!(asks(&mut gaps, now), [(101, 105, n == ASKS_OF_PARENT)]);
            assert_eq!(asks(&mut gaps, now + pause - 1), []);
            now += pause;
        }
        assert!(now < super::super::limits::CACHE_FOR, "while it is kept");
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
