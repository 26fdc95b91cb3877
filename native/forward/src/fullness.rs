//! Whether this host's uplink is full and what it carries, from what other ends say they heard. Pure: time is an argument.
//!
//! Losses alone say little: radio loses, and so does a receiver that is out of breath. So it takes much of what leaves, lost on several ways at
//! once, and then a trial: less is sent, and only when the losses end by that was it the uplink. More is tried again soon.

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

/// Between two looks, µs at least.
pub const LOOK_EVERY: u64 = 100 * MS;
/// What another end said counts for this long.
const SAID_FOR: u64 = 350 * MS;
/// Ways told apart; more say nothing.
const WAYS_MAX: usize = 256;
/// So many ways lose at once: one may be the other end's line.
const WAYS_LEAST: usize = 2;
/// Lost of what left, ‰ …
const FULL_LOST: u64 = 250;
/// … in so many looks in a row, …
const FULL_LOOKS: u32 = 3;
/// … on ways that take this much of all that leaves, %.
const FULL_SHARE: u64 = 60;
/// Where the uplink is known to be narrow this much more than it always loses shows that it is full again, ‰.
const AGAIN_LOST: u64 = 30;
/// Of what it carried while it was full so much is sent in the trial, %: its queue is to run empty …
const TRIAL_SHARE: u64 = 75;
/// … and so much afterwards.
const HELD_SHARE: u64 = 90;
/// The losses are down to this part when it was the uplink …
const HELPED_PART: u64 = 3;
/// … in so many looks in a row where they were few …
const HELPED_LOOKS: u32 = 5;
/// … judged no earlier than this, µs, and where nobody says anything any more after …
const TRIAL_LEAST: u64 = 300 * MS;
const SILENT_AFTER: u64 = S;
/// … and no later: what stood in its queue has come by then.
const TRIAL_MOST: u64 = 3 * S;
/// Trials in a row; then it was something else …
const TRIALS_MAX: u32 = 2;
/// … and losses mean nothing for this long, twice as long each time …
const DEAF_FIRST: u64 = 60 * S;
/// … up to this.
const DEAF_MOST: u64 = 600 * S;
/// More is tried this long after it was full, twice as long after each try in vain …
const HOLD_FIRST: u64 = 2 * S;
/// … up to this, …
const HOLD_MOST: u64 = 60 * S;
/// … a step this often, …
const STEP_EVERY: u64 = 500 * MS;
/// … at first by this part of what is sent, and twice as much after so many steps, up to a half.
const STEP_PART_LOG2: u32 = 5;
const STEPS_ALIKE: u32 = 4;
/// Nobody wanted more for this long: nothing is held back any more.
const RELEASED_AFTER: u64 = 30 * S;
/// However little came through, so much may be sent, bytes a second.
const LIMIT_LEAST: u64 = 32_000;

/// No way carries more, bytes a second: whoever says so.
const RATE_MOST: u64 = 1 << 40;

/// What another end heard within a while of what was sent to it.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// µs.
    pub span: u64,
    /// Frames that left, and those that came.
    pub passed: u32,
    pub came: u32,
    /// Of the latter.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Way {
    id: u64,
    at: u64,
    /// Bytes a second.
    offered: u64,
    carried: u64,
}

impl Way {
    fn lost(&self) -> u64 {
        1_000 - self.carried * 1_000 / self.offered.max(1)
    }
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing is held back; so many looks in a row found it full.
    Free { looks: u32 },
    /// Less is sent than before; whether that helps is to be seen.
    Trial {
        since: u64,
        /// Lost before, ‰.
        before: u64,
        trials: u32,
        /// Looks in a row that found that it does.
        helped: u32,
        /// What may be sent when it does not help; 0: all.
        undo: u64,
    },
    /// It helped.
    Held { looks: u32 },
    /// Losses mean nothing until then.
    Deaf { until: u64 },
}

/// All ways together.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// Ways that lose.
    ways: usize,
    /// Sent to those, to all that said something, and to all; what came of that. Bytes a second: who says nothing lost nothing.
    losing: u64,
    offered: u64,
    sent: u64,
    came: u64,
}

impl Sum {
    fn lost(&self) -> u64 {
        let kept = self.sent - self.offered;
        let came = self.came.saturating_sub(kept);
        if self.offered == 0 {
            return 0;
        }
        1_000 - came.min(self.offered) * 1_000 / self.offered
    }

    fn is_full(&self, lost: u64) -> bool {
        self.ways >= WAYS_LEAST && self.lost() >= lost && self.losing * 100 >= self.sent * FULL_SHARE
    }
}

/// One uplink.
#[derive(Debug)]
pub struct Fullness {
    ways: Vec<Way>,
    phase: Phase,
    /// What may be sent, bytes a second; 0: all.
    limit: u64,
    /// Lost whatever is sent, ‰.
    always: u64,
    hold: u64,
    grows_at: u64,
    steps: u32,
    wanted_at: u64,
    deaf_for: u64,
}

impl Default for Fullness {
    fn default() -> Fullness {
        Fullness {
            ways: Vec::new(),
            phase: Phase::Free { looks: 0 },
            limit: 0,
            always: 0,
            hold: HOLD_FIRST,
            grows_at: 0,
            steps: 0,
            wanted_at: 0,
            deaf_for: DEAF_FIRST,
        }
    }
}

impl Fullness {
    /// `way`: any name of it.
    pub fn said(&mut self, now: u64, way: u64, said: &Said) {
        if said.span == 0 || said.came == 0 || said.bytes == 0 {
            return;
        }
        let carried = (said.bytes.saturating_mul(S) / said.span).min(RATE_MOST);
        let offered = carried.saturating_mul(u64::from(said.passed)) / u64::from(said.came);
        let offered = offered.min(RATE_MOST);
        let known = self.ways.iter().position(|known| known.id == way);
        let way = Way {
            id: way,
            at: now,
            offered,
            carried: carried.min(offered),
        };
        match known {
            Some(place) => self.ways[place] = way,
            None if self.ways.len() < WAYS_MAX => self.ways.push(way),
            None => {}
        }
    }

    /// Whether looks are of use.
    pub fn is_awake(&self) -> bool {
        self.limit != 0 || !self.ways.is_empty()
    }

    /// Whether its other end said something lately.
    pub fn speaks(&self, way: u64) -> bool {
        self.ways.iter().any(|known| known.id == way)
    }

    /// What may be sent, bytes a second; 0: all. `silent`: what left since the look before by ways whose other ends say nothing, bytes a
    /// second; `is_wanted`: more was to leave.
    pub fn look(&mut self, now: u64, silent: u64, is_wanted: bool) -> u64 {
        self.ways.retain(|way| now < way.at + SAID_FOR);
        if is_wanted {
            self.wanted_at = now;
        }
        match self.phase {
            Phase::Free { looks } => self.look_free(now, silent, looks),
            Phase::Trial {
                since,
                before,
                trials,
                helped,
                undo,
            } => self.look_trial(now, silent, (since, before, helped), (trials, undo)),
            Phase::Held { looks } => self.look_held(now, silent, looks),
            Phase::Deaf { until } if now >= until => self.phase = Phase::Free { looks: 0 },
            Phase::Deaf { .. } => {}
        }
        self.limit
    }

    fn sum(&self, silent: u64, lost: u64) -> Sum {
        let mut sum = Sum {
            sent: silent,
            came: silent,
            ..Sum::default()
        };
        for way in &self.ways {
            if way.lost() >= lost / 2 {
                sum.ways += 1;
                sum.losing += way.offered;
            }
            sum.offered += way.offered;
            sum.sent += way.offered;
            sum.came += way.carried;
        }
        sum
    }

    fn look_free(&mut self, now: u64, silent: u64, looks: u32) {
        let sum = self.sum(silent, FULL_LOST);
        if !sum.is_full(FULL_LOST) {
            self.phase = Phase::Free { looks: 0 };
        } else if looks + 1 < FULL_LOOKS {
            self.phase = Phase::Free { looks: looks + 1 };
        } else {
            self.always = 0;
            self.hold = HOLD_FIRST;
            self.wanted_at = now;
            self.begin_trial(now, &sum, (1, 0));
        }
    }

    /// Lost where it is full again, ‰.
    fn again(&self) -> u64 {
        self.always * 3 / 2 + AGAIN_LOST
    }

    fn begin_trial(&mut self, now: u64, sum: &Sum, (trials, undo): (u32, u64)) {
        let most = if self.limit == 0 { u64::MAX } else { self.limit };
        let came = sum.came.min(most);
        self.limit = (came * TRIAL_SHARE / 100).max(LIMIT_LEAST);
        self.phase = Phase::Trial {
            since: now,
            before: sum.lost(),
            trials,
            helped: 0,
            undo,
        };
    }

    fn look_trial(
        &mut self,
        now: u64,
        silent: u64,
        (since, before, looks): (u64, u64, u32),
        (trials, undo): (u32, u64),
    ) {
        let sum = self.sum(silent, self.again());
        let enough = self.always + before.saturating_sub(self.always) / HELPED_PART;
        let is_silent = self.ways.is_empty();
        let helped = if is_silent {
            now >= since + SILENT_AFTER
        } else {
            now >= since + TRIAL_LEAST && sum.lost() <= enough
        };
        if let Phase::Trial { helped: looks, .. } = &mut self.phase {
            *looks = if helped { *looks + 1 } else { 0 };
        }
        // Few losses may just happen to be fewer.
        if helped && (before >= FULL_LOST || looks + 1 >= HELPED_LOOKS) {
            self.limit = self.limit * HELD_SHARE / TRIAL_SHARE;
            self.always = if is_silent { 0 } else { sum.lost() };
            self.deaf_for = DEAF_FIRST;
            self.hold_on(now);
        } else if now < since + TRIAL_MOST {
        } else if trials < TRIALS_MAX {
            self.begin_trial(now, &sum, (trials + 1, undo));
        } else if undo == 0 {
            self.limit = 0;
            let until = now + self.deaf_for;
            self.phase = Phase::Deaf { until };
            self.deaf_for = (self.deaf_for * 2).min(DEAF_MOST);
        } else {
            self.limit = undo;
            self.always = sum.lost();
            self.hold_on(now);
        }
    }

    fn hold_on(&mut self, now: u64) {
        self.steps = 0;
        self.grows_at = now + self.hold;
        self.phase = Phase::Held { looks: 0 };
    }

    fn look_held(&mut self, now: u64, silent: u64, looks: u32) {
        let lost = self.again();
        let sum = self.sum(silent, lost);
        if sum.is_full(lost) {
            if looks + 1 < FULL_LOOKS {
                self.phase = Phase::Held { looks: looks + 1 };
            } else {
                self.hold = (self.hold * 2).min(HOLD_MOST);
                self.begin_trial(now, &sum, (1, self.limit));
            }
            return;
        }
        self.phase = Phase::Held { looks: 0 };
        self.always = (7 * self.always + sum.lost()) / 8;
        if now >= self.wanted_at + RELEASED_AFTER {
            self.limit = 0;
            self.phase = Phase::Free { looks: 0 };
        } else if self.wanted_at == now && now >= self.grows_at {
            let part = STEP_PART_LOG2.saturating_sub(self.steps / STEPS_ALIKE).max(1);
            self.limit += self.limit >> part;
            self.steps += 1;
            self.grows_at = now + STEP_EVERY;
        }
    }
}

#[cfg(test)]
mod tests;
