//! The bounded queue towards the engine, and its coalesced waker.

use crate::api::Event;
use crate::limits::{EVENTS_MAX, WAKE_EVERY_US, WAKES_AT_ONCE};
use crate::sys::{self, Wake};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called from any thread of the data plane, once per [`WAKE_EVERY_US`] for long, and up to [`WAKES_AT_ONCE`] times one right after another.
pub type Waker = Box<dyn Fn() + Send>;

#[derive(Default)]
struct Inner {
    queue: VecDeque<Event>,
    waker: Option<Waker>,
    lost: bool,
    /// The engine was called and has not emptied the queue since.
    called: bool,
    /// Up to here the calls that were made are paid for.
    paid_until: u64,
    /// The engine is to be called at this time.
    due: Option<u64>,
    wakes: u64,
}

/// Shared by all threads. A lock is taken per event, never per packet.
pub struct Events {
    inner: Mutex<Inner>,
    /// The receive thread, which makes late calls.
    thread: Arc<Wake>,
}

impl Events {
    pub fn new(thread: Arc<Wake>) -> Events {
        Events {
            inner: Mutex::default(),
            thread,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the queue whole: every change below is complete.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn on_wake(&self, waker: Waker) {
        let mut inner = self.lock();
        inner.waker = Some(waker);
        inner.called = false;
        self.request(&mut inner);
    }

    pub fn push(&self, event: Event) {
        let mut inner = self.lock();
        if inner.queue.len() >= EVENTS_MAX {
            inner.lost = true;
            return;
        }
        inner.queue.push_back(event);
        self.request(&mut inner);
    }

    /// Calls the engine now or plans it.
    fn request(&self, inner: &mut Inner) {
        if inner.called || inner.due.is_some() || inner.queue.is_empty() || inner.waker.is_none() {
            return;
        }
        let saved = WAKE_EVERY_US * (WAKES_AT_ONCE - 1);
        let (now, next) = (sys::now(), inner.paid_until.saturating_sub(saved));
        if now >= next {
            Self::call(inner, now);
        } else {
            inner.due = Some(next);
            self.thread.wake();
        }
    }

    fn call(inner: &mut Inner, now: u64) {
        inner.due = None;
        inner.called = true;
        inner.paid_until = inner.paid_until.max(now) + WAKE_EVERY_US;
        inner.wakes += 1;
        if let Some(waker) = &inner.waker {
            waker();
        }
    }

    /// When the receive thread has to call [`Events::handle_timeout`].
    pub fn next_deadline(&self) -> u64 {
        self.lock().due.unwrap_or(u64::MAX)
    }

    pub fn handle_timeout(&self, now: u64) {
        let mut inner = self.lock();
        if inner.due.is_some_and(|due| due <= now) {
            Self::call(&mut inner, now);
        }
    }

    /// Oldest first; a `problem` when some were lost.
    pub fn poll(&self, max: usize) -> Vec<Event> {
        let mut inner = self.lock();
        let n = inner.queue.len().min(max);
        let mut out: Vec<Event> = inner.queue.drain(..n).collect();
        if inner.queue.is_empty() && std::mem::take(&mut inner.lost) {
            let message = "The data plane had more to say than fits: read the state again.".into();
            out.push(Event::Problem {
                net: 0,
                code: "events-lost",
                message,
            });
        }
        inner.called = false;
        self.request(&mut inner);
        out
    }

    pub fn wakes(&self) -> u64 {
        self.lock().wakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    fn want(peer: u32) -> Event {
        Event::Want { net: 1, peer }
    }

    fn queue() -> (Events, Arc<AtomicU64>) {
        let events = Events::new(Arc::new(Wake::new().unwrap()));
        let calls = Arc::new(AtomicU64::new(0));
        let counter = calls.clone();
        events.on_wake(Box::new(move || {
            counter.fetch_add(1, Relaxed);
        }));
        (events, calls)
    }

    #[test]
    fn one_call_until_polled_and_then_only_a_few_at_once() {
        let (events, calls) = queue();
        (0..100).for_each(|i| events.push(want(i)));
        assert_eq!(calls.load(Relaxed), 1);
        for call in 1..WAKES_AT_ONCE {
            assert_eq!(calls.load(Relaxed), call);
            assert_eq!(events.poll(3).len(), 3);
        }
        assert_eq!(events.poll(15).len(), 15);
        assert_eq!(
            calls.load(Relaxed),
            WAKES_AT_ONCE,
            "the rest waits for the interval"
        );
        let due = events.next_deadline();
        events.handle_timeout(due - 1);
        assert_eq!(calls.load(Relaxed), WAKES_AT_ONCE);
        events.handle_timeout(due);
        assert_eq!(
            (calls.load(Relaxed), events.next_deadline()),
            (WAKES_AT_ONCE + 1, u64::MAX)
        );
        assert_eq!(events.poll(100), (60..100).map(want).collect::<Vec<_>>());
    }

    #[test]
    fn an_overflow_is_told_once() {
        let (events, _) = queue();
        (0..EVENTS_MAX as u32 + 5).for_each(|i| events.push(want(i)));
        let all = events.poll(usize::MAX);
        assert_eq!(all.len(), EVENTS_MAX + 1);
        assert!(matches!(
            all[EVENTS_MAX],
            Event::Problem {
                code: "events-lost",
                ..
            }
        ));
        assert!(events.poll(9).is_empty());
    }

    #[test]
    fn events_before_the_waker_are_not_forgotten() {
        let events = Events::new(Arc::new(Wake::new().unwrap()));
        events.push(want(1));
        let (calls, seen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counter = calls.clone();
        events.on_wake(Box::new(move || {
            counter.fetch_add(1, Relaxed);
        }));
        seen.store(events.poll(9).len() as u64, Relaxed);
        assert_eq!((calls.load(Relaxed), seen.load(Relaxed)), (1, 1));
    }
}
