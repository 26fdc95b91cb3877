//! Runs a piece of work in batches, of which only the work itself is measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Turns of a batch: reading the clock costs as much as a small turn.
pub const BATCH: usize = 64;

pub struct Meter {
    batches: u64,
    /// Time spent in the work of all batches.
    pub elapsed: Duration,
}

impl Meter {
    pub fn new(batches: u64) -> Meter {
        Meter {
            batches,
            elapsed: Duration::ZERO,
        }
    }

    /// `ready` prepares [`BATCH`] turns; `once` does the turn of that number. One batch more is done first: what is looked up,
    /// allocated or compiled the first time is no part of the figures.
    pub fn run<S>(
        &mut self,
        mut state: S,
        mut ready: impl FnMut(&mut S),
        mut once: impl FnMut(&mut S, usize),
    ) {
        let work: &mut dyn FnMut(&mut S) = &mut |state| (0..BATCH).for_each(|turn| once(state, turn));
        ready(&mut state);
        black_box(&mut *work)(&mut state);
        for _ in 0..self.batches {
            ready(&mut state);
            let began = Instant::now();
            measured(&mut || work(&mut state));
            self.elapsed += began.elapsed();
        }
    }

    /// Work that needs no preparation.
    pub fn repeat<S>(&mut self, state: S, once: impl FnMut(&mut S, usize)) {
        self.run(state, |_| (), once);
    }
}

/// Callgrind counts what runs in here: test/bench/micro.ts names it.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}
