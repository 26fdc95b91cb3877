//! That nothing is allocated, seen in windows of traffic.

use super::sys;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Packets of a window at first, …
const WINDOW: usize = 2_000;
/// … and at least: more than a batch, a run or a block of a cache holds.
const WINDOW_LEAST: usize = 250;
/// Windows of one length that are tried.
const TRIES: usize = 10;

/// One test at a time: the allocator counts for all threads.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    sys::exempt_this_thread();
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `pass` bring so many packets through, until such a window passes without a single allocation. What allocates for a packet, a
/// run or a batch does so in each of them; upkeep (pings, timers of sessions) comes some times a second and leaves windows free. On a
/// busy machine they last longer than its pauses, so they become shorter. Answers with the packets of the free one.
pub fn allocates_nothing(what: &str, mut pass: impl FnMut(usize)) -> usize {
    let (mut window, mut least) = (WINDOW, u64::MAX);
    while window >= WINDOW_LEAST {
        for _ in 0..TRIES {
            let before = sys::allocations();
            pass(window);
            least = least.min(sys::allocations() - before);
            if least == 0 {
                return window;
            }
        }
        window /= 2;
    }
    panic!("{what}: {least} allocations or more in each window");
}
