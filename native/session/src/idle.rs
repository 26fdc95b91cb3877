//! How rarely an idle session may speak before an address translator forgets it. Ends take turns: a ping that comes through
//! after a silence proves that the other end's way in outlived that silence; a ping of one's own proves nothing about one's
//! own, for it opens the way again. When both ends' held, the next longer interval is tried; when a ping went unheard, the
//! last that held is taken again.

use crate::limits::{IDLE_CEILING_FOR, IDLE_PING, IDLE_SLACK, IDLE_STEPS, IDLE_UNHEARD};

#[derive(Debug)]
pub(crate) struct Idle {
    /// Off: the first step for ever.
    adapts: bool,
    /// Set by the engine: no steps.
    fixed: Option<u64>,
    step: usize,
    /// The longest step that is tried before this time.
    ceiling: (usize, u64),
    /// Pings came through after the present interval: ours, theirs.
    ours: bool,
    theirs: bool,
    my_turn: bool,
    /// Our ping that ended a silence, unanswered so far.
    asked: Option<u64>,
    /// When upkeep was heard last.
    pub upkeep: u64,
}

impl Idle {
    pub fn new() -> Idle {
        Idle {
            adapts: false,
            fixed: None,
            step: 0,
            ceiling: (0, 0),
            ours: false,
            theirs: false,
            my_turn: false,
            asked: None,
            upkeep: 0,
        }
    }

    /// A session over a new path: nothing is known of it.
    pub fn restart(&mut self, adapts: bool, my_turn: bool) {
        *self = Idle {
            adapts,
            my_turn,
            fixed: self.fixed,
            ..Idle::new()
        };
    }

    pub fn fix(&mut self, interval: u64) {
        self.fixed = Some(interval);
    }

    pub fn interval(&self) -> u64 {
        self.fixed.unwrap_or(IDLE_STEPS[self.step])
    }

    /// After a ping that was missed: no longer than the shortest step.
    pub fn retry(&self) -> u64 {
        self.interval().min(IDLE_PING)
    }

    /// Whether the other end is expected to ping first.
    pub fn waits(&self, initiator: bool) -> bool {
        if self.adapts { !self.my_turn } else { !initiator }
    }

    /// We ping after this long a silence.
    pub fn pinging(&mut self, now: u64, silence: u64) {
        if !self.adapts {
            return;
        }
        if !self.my_turn || self.asked.is_some() {
            self.fail(now);
        }
        let proves = silence + IDLE_SLACK >= self.interval();
        self.asked = proves.then_some(now);
    }

    /// The answer to our ping of that time.
    pub fn answered(&mut self, now: u64, stamp: u64) {
        if self.asked == Some(stamp) {
            self.asked = None;
            self.ours = true;
            self.my_turn = false;
            self.grow(now);
        }
    }

    /// The other end pings after this long a silence.
    pub fn pinged(&mut self, now: u64, silence: u64) {
        if !self.adapts {
            return;
        }
        if self.asked.is_some_and(|at| now >= at + IDLE_UNHEARD) {
            // It speaks, but did not hear our ping: its way in was closed.
            self.asked = None;
            self.fail(now);
            self.my_turn = true;
        } else if silence + IDLE_SLACK >= self.interval() {
            self.theirs = true;
            self.my_turn = true;
            self.grow(now);
        } else if silence + IDLE_SLACK >= IDLE_STEPS[0] {
            // It keeps to a shorter interval: ours would never be tested.
            while self.step > 0 && IDLE_STEPS[self.step] > silence + IDLE_SLACK {
                self.step -= 1;
            }
            (self.ours, self.theirs) = (false, true);
            self.my_turn = true;
        }
    }

    fn grow(&mut self, now: u64) {
        if !(self.ours && self.theirs) {
            return;
        }
        (self.ours, self.theirs) = (false, false);
        let top = if now < self.ceiling.1 {
            self.ceiling.0
        } else {
            IDLE_STEPS.len() - 1
        };
        self.step = (self.step + 1).min(top);
    }

    fn fail(&mut self, now: u64) {
        (self.ours, self.theirs) = (false, false);
        if self.step > 0 {
            self.step -= 1;
            self.ceiling = (self.step, now + IDLE_CEILING_FOR);
        }
    }
}
