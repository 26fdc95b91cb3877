//! The host's uplink, shared by all that is sent to many and passed on for others. While it is full ([`Fullness`]) its origins have equal shares
//! of it, and the flows of one origin equal shares of its; who asks for less than a share loses nothing.

use crate::budget::Budget;
use crate::fullness::{Fullness, LOOK_EVERY, Said};
use crate::hash::Map;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Flows told apart; more share one share.
pub const FLOWS_MAX: usize = 8_192;
/// Whatever else leaves, this part of what may leave is for flows.
const FLOWS_LEAST_SHARE: u64 = 4;
/// A look after a longer rest begins anew, µs.
const STALE_AFTER: u64 = 2_000_000;
const SECOND: u64 = 1_000_000;

/// Something that asks for the uplink again and again. Any thread may.
#[derive(Debug)]
pub struct Flow {
    owner: u64,
    asked: AtomicU64,
    refused: AtomicU64,
    budget: Budget,
}

impl Flow {
    fn new(owner: u64) -> Flow {
        Flow {
            owner,
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            budget: Budget::default(),
        }
    }

    /// Whether so many bytes may leave, headers and all copies included.
    #[inline]
    pub fn take(&self, now: u64, bytes: u64) -> bool {
        self.asked.fetch_add(bytes, Relaxed);
        let may = self.budget.take(now, bytes);
        if !may {
            self.refused.fetch_add(bytes, Relaxed);
        }
        may
    }
}

/// What is known of a flow, bytes and bytes a second.
#[derive(Debug, Default)]
struct Account {
    asked: u64,
    refused: u64,
    wants: u64,
    limit: u64,
}

#[derive(Debug)]
struct Books {
    flows: Vec<(Weak<Flow>, Account)>,
    fullness: Fullness,
    /// When the last look was, and what had left by each way.
    looked: u64,
    sent: Map<u64, u64>,
}

/// One for the machine. Only its look takes time.
#[derive(Debug)]
pub struct Uplink {
    books: Mutex<Books>,
    rest: Arc<Flow>,
    due: AtomicU64,
    limit: AtomicU64,
}

impl Default for Uplink {
    fn default() -> Uplink {
        let rest = Arc::new(Flow::new(0));
        let books = Books {
            flows: vec![(Arc::downgrade(&rest), Account::default())],
            fullness: Fullness::default(),
            looked: 0,
            sent: Map::default(),
        };
        Uplink {
            books: Mutex::new(books),
            rest,
            due: AtomicU64::new(u64::MAX),
            limit: AtomicU64::new(0),
        }
    }
}

impl Uplink {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new flow of this origin (any name of it). It ends with its last holder.
    pub fn flow(&self, owner: u64) -> Arc<Flow> {
        let mut books = self.books();
        if books.flows.len() >= FLOWS_MAX {
            books.flows.retain(|(flow, _)| flow.strong_count() > 0);
            if books.flows.len() >= FLOWS_MAX {
                return self.rest.clone();
            }
        }
        let flow = Arc::new(Flow::new(owner));
        books.flows.push((Arc::downgrade(&flow), Account::default()));
        flow
    }

    /// What the other end of a way says it heard.
    pub fn said(&self, now: u64, way: u64, said: &Said) {
        let mut books = self.books();
        books.fullness.said(now, way, said);
        self.due.fetch_min(now.max(books.looked + LOOK_EVERY), Relaxed);
    }

    /// When to look, µs; `u64::MAX`: there is nothing to see.
    pub fn next_deadline(&self) -> u64 {
        self.due.load(Relaxed)
    }

    /// What may leave, bytes a second; 0: all.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Shares the uplink anew. `ways`: bytes that left by each so far, with headers, whatever they were.
    pub fn look(&self, now: u64, ways: impl Iterator<Item = (u64, u64)>) {
        let mut books = self.books();
        let time = now.saturating_sub(books.looked);
        if time < LOOK_EVERY {
            self.due.store(books.looked + LOOK_EVERY, Relaxed);
            return;
        }
        books.looked = now;
        let (left, silent) = books.left(ways);
        let (passed, refused) = books.count(time);
        if time <= STALE_AFTER {
            let (left, silent) = (left * SECOND / time, silent * SECOND / time);
            let limit = books.fullness.look(now, silent, refused > 0);
            let others = left.saturating_sub(passed);
            let shared = limit.saturating_sub(others).max(limit / FLOWS_LEAST_SHARE);
            books.share(now, shared);
            self.limit.store(limit, Relaxed);
        }
        let is_awake = books.fullness.is_awake();
        let due = if is_awake { now + LOOK_EVERY } else { u64::MAX };
        self.due.store(due, Relaxed);
    }
}

impl Books {
    /// What left since the last look, and what of it by ways of which nobody says anything.
    fn left(&mut self, ways: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
        let before = std::mem::take(&mut self.sent);
        let (mut all, mut silent) = (0, 0);
        for (way, sent) in ways {
            // A way that is new here may have begun long ago.
            let left = sent.saturating_sub(before.get(&way).copied().unwrap_or(sent));
            all += left;
            silent += if self.fullness.speaks(way) { 0 } else { left };
            self.sent.insert(way, sent);
        }
        (all, silent)
    }

    /// What flows asked for since the last look. Returns what of it left and what did not, bytes a second.
    fn count(&mut self, time: u64) -> (u64, u64) {
        let (mut passed, mut kept_back) = (0, 0);
        self.flows.retain_mut(|(flow, account)| {
            let Some(flow) = flow.upgrade() else {
                return false;
            };
            let (asked, refused) = (flow.asked.load(Relaxed), flow.refused.load(Relaxed));
            let wants = (asked - account.asked) * SECOND / time;
            let not = (refused - account.refused) * SECOND / time;
            // What comes in bursts wants what it wanted a moment ago.
            account.wants = wants.max(account.wants * 3 / 4);
            (account.asked, account.refused) = (asked, refused);
            passed += wants.saturating_sub(not);
            kept_back += not;
            true
        });
        (passed, kept_back)
    }

    /// `all`: bytes a second for all of them; 0: whatever they want.
    fn share(&mut self, now: u64, all: u64) {
        let mut owners: Vec<(u64, Vec<usize>)> = Vec::new();
        if all > 0 {
            let owner = |place: &usize| self.flows[*place].0.upgrade().map_or(0, |flow| flow.owner);
            let mut places: Vec<usize> = (0..self.flows.len()).collect();
            places.sort_by_cached_key(owner);
            owners = places
                .chunk_by(|a, b| owner(a) == owner(b))
                .map(|of_one| {
                    (
                        of_one.iter().map(|i| self.flows[*i].1.wants).sum(),
                        of_one.to_vec(),
                    )
                })
                .collect();
        }
        self.flows.iter_mut().for_each(|(_, account)| account.limit = 0);
        let each = level(owners.iter().map(|(wants, _)| *wants), all);
        for (_, flows) in owners.iter().filter(|(wants, _)| *wants > each) {
            let wants = flows.iter().map(|i| self.flows[*i].1.wants);
            let each = level(wants, each);
            for place in flows {
                let account = &mut self.flows[*place].1;
                account.limit = if account.wants > each { each.max(1) } else { 0 };
            }
        }
        for (flow, account) in &self.flows {
            if let Some(flow) = flow.upgrade() {
                flow.budget.set(now, account.limit);
            }
        }
    }
}

/// The most that each of these may have so that all together have no more than `all`.
fn level(wants: impl Iterator<Item = u64>, all: u64) -> u64 {
    let mut wants: Vec<u64> = wants.filter(|wants| *wants > 0).collect();
    wants.sort_unstable();
    let mut left = all;
    for (place, want) in wants.iter().enumerate() {
        let each = left / (wants.len() - place) as u64;
        if *want > each {
            return each;
        }
        left -= want;
    }
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    #[test]
    fn what_is_asked_for_is_shared_from_the_least() {
        let level = |wants: &[u64], all| level(wants.iter().copied(), all);
        assert_eq!(level(&[10, 20, 30], 60), u64::MAX);
        assert_eq!(level(&[10, 20, 300], 60), 30);
        assert_eq!(level(&[10, 200, 300], 60), 25);
        assert_eq!(level(&[100, 200, 300], 60), 20);
        assert_eq!(level(&[], 60), u64::MAX);
    }

    /// Three flows through an uplink of 2.5 MB/s to two ways: mallory’s flood, her other channel, and anna’s. Nothing is refused
    /// before it is full, then of the flood alone, and no more leaves than it carries.
    #[test]
    fn one_that_floods_gives_way_and_nobody_else() {
        const CARRIES: u64 = 2_500_000;
        let uplink = Uplink::default();
        let (flood, other, anna) = (uplink.flow(7), uplink.flow(7), uplink.flow(8));
        let (mut sent, mut offered, mut refused) = (0, 0, [0, 0, 0]);
        let mut late = 0;
        for tick in 0..3_000u64 {
            let now = SECOND + tick * MS;
            // The other channel sends five large frames of video a second, far more at once than its share bears at once.
            let video = if tick % 200 == 50 { 100_000 } else { 0 };
            let asked = [(&flood, 20_000), (&other, video), (&anna, 50)];
            for (which, (flow, bytes)) in asked.into_iter().enumerate() {
                if flow.take(now, bytes) {
                    (sent, offered) = (sent + bytes, offered + bytes);
                    late += if tick > 2_000 { bytes } else { 0 };
                } else {
                    refused[which] += 1;
                }
            }
            if tick % 200 == 199 {
                let came = offered.min(CARRIES / 5);
                for way in 0..2 {
                    let said = Said {
                        span: 200 * MS,
                        passed: (offered / 100) as u32,
                        came: (came / 100) as u32,
                        bytes: came / 2,
                    };
                    uplink.said(now, way, &said);
                }
                offered = 0;
            }
            if now >= uplink.next_deadline() {
                uplink.look(now, (0..2).map(|way| (way, sent / 2)));
            }
        }
        assert!(refused[0] > 1_000 && refused[1..] == [0, 0], "{refused:?}");
        assert!(late < CARRIES && late > CARRIES / 2, "{late}");
    }

    #[test]
    fn flows_end_and_are_bounded() {
        let uplink = Uplink::default();
        let all: Vec<_> = (0..FLOWS_MAX as u64).map(|owner| uplink.flow(owner)).collect();
        assert!(Arc::ptr_eq(&all[FLOWS_MAX - 1], &uplink.rest));
        drop(all);
        assert!(!Arc::ptr_eq(&uplink.flow(1), &uplink.rest));
        assert_eq!(uplink.books().flows.len(), 2);
    }
}
