//! Transports that live outside of the data plane: a queue of frames towards each, names, and whom to call.

use crate::api::Error;
use crate::limits::{
    LINK_BATCH_MAX, LINK_DRAIN_WINDOW_US, LINK_QUEUE_FOR_US, LINK_QUEUE_MOST, LINK_QUEUE_RANGE,
    LINK_STALE_US, LINKS_MAX,
};
use crate::shared::{Counters, add};
use arc_swap::ArcSwap;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes before each frame of a batch: its length, u16.
pub const LENGTH: usize = 2;

/// Called from any thread when links have something to take; then `Links::pending` says which.
pub type LinkWaker = Box<dyn Fn() + Send + Sync>;

/// How a link is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// As `up` events and figures name it.
    pub transport: String,
    pub endpoint: String,
    /// Frames that wait to be taken, bytes; more may while they are taken fast.
    pub queue_bytes: usize,
}

/// Frames that were queued at one time: `u16 length | frame` …
struct Chunk {
    bytes: Vec<u8>,
    /// Where the first frame begins that is still there.
    at: usize,
    since: u64,
}

#[derive(Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// The transport was told since it last found nothing.
    told: bool,
    drain: Drain,
}

/// How fast frames are taken. A stream's own transport stops and goes, and a queue that is short for its rate loses much at each stop.
#[derive(Default)]
struct Drain {
    /// Begin of the window at hand, µs, and bytes taken in it.
    since: u64,
    taken: usize,
    /// What may wait by the window before, bytes.
    room: usize,
}

impl Drain {
    fn took(&mut self, now: u64, bytes: usize) {
        self.taken += bytes;
        let lasted = now.saturating_sub(self.since);
        if lasted >= LINK_DRAIN_WINDOW_US {
            let room = self.taken as u64 * LINK_QUEUE_FOR_US / lasted;
            self.room = usize::try_from(room).map_or(LINK_QUEUE_MOST, |room| room.min(LINK_QUEUE_MOST));
            (self.since, self.taken) = (now, 0);
        }
    }
}

/// One open link.
pub struct Link {
    pub id: u32,
    pub transport: String,
    pub endpoint: String,
    limit: usize,
    queue: Mutex<Queue>,
}

/// All open links. A lock is held for the time of a push or a pop, never while frames are sealed or copied.
#[derive(Default)]
pub struct Links {
    open: ArcSwap<HashMap<u32, Arc<Link>>>,
    last: AtomicU32,
    waker: Mutex<Option<LinkWaker>>,
    pending: Mutex<Vec<u32>>,
    called: AtomicBool,
    /// Bytes that came by links and wait for the receive thread.
    pub arriving: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change below is complete, whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The length of the frame (with its own two bytes) that begins at `at`; `None` at the end or when cut short.
pub fn step(batch: &[u8], at: usize) -> Option<usize> {
    let head = batch.get(at..at + LENGTH)?;
    let whole = LENGTH + usize::from(u16::from_be_bytes([head[0], head[1]]));
    (whole > LENGTH && at + whole <= batch.len()).then_some(whole)
}

/// Whether a batch is whole frames and nothing else.
pub fn is_whole(batch: &[u8]) -> bool {
    let mut at = 0;
    while let Some(whole) = step(batch, at) {
        at += whole;
    }
    at == batch.len()
}

impl Links {
    /// # Errors
    /// `too-many-links`; `bad-argument` for a queue outside of [`LINK_QUEUE_RANGE`].
    pub fn open(&self, options: LinkOptions) -> Result<u32, Error> {
        if !LINK_QUEUE_RANGE.contains(&options.queue_bytes) {
            return Err(Error::bad_argument("The queue of a link has 2 KiB to 16 MiB."));
        }
        // Only this call adds, and the binding's thread is one: the count cannot be passed by two at once.
        if self.open.load().len() >= LINKS_MAX {
            let message = format!("At most {LINKS_MAX} links can be open.");
            return Err(Error::new("too-many-links", message));
        }
        let id = self.last.fetch_add(1, Relaxed) + 1;
        let link = Arc::new(Link {
            id,
            transport: options.transport,
            endpoint: options.endpoint,
            limit: options.queue_bytes,
            queue: Mutex::default(),
        });
        self.open.rcu(|open| {
            let mut open = HashMap::clone(open);
            open.insert(id, link.clone());
            open
        });
        Ok(id)
    }

    /// False when it was not open.
    pub fn close(&self, id: u32) -> bool {
        let was = self.open.load().contains_key(&id);
        self.open.rcu(|open| {
            let mut open = HashMap::clone(open);
            open.remove(&id);
            open
        });
        was
    }

    pub fn get(&self, id: u32) -> Option<Arc<Link>> {
        self.open.load().get(&id).cloned()
    }

    pub fn is_open(&self, id: u32) -> bool {
        self.open.load().contains_key(&id)
    }

    pub fn on_links(&self, waker: LinkWaker) {
        *lock(&self.waker) = Some(waker);
        self.called.store(false, Relaxed);
        let waiting: Vec<Arc<Link>> = self.open.load().values().cloned().collect();
        for link in waiting {
            if !lock(&link.queue).chunks.is_empty() {
                self.tell(link.id);
            }
        }
    }

    /// The links to tell about. To be asked when the call that the waker ordered is made, not before.
    pub fn pending(&self) -> Vec<u32> {
        self.called.store(false, Relaxed);
        std::mem::take(&mut *lock(&self.pending))
    }

    fn tell(&self, id: u32) {
        lock(&self.pending).push(id);
        if !self.called.swap(true, AcqRel) {
            if let Some(waker) = &*lock(&self.waker) {
                waker();
            }
        }
    }

    /// Queues frames (`u16 length | frame` …) towards a link. What does not fit pushes the oldest out.
    pub fn push(&self, counters: &Counters, now: u64, id: u32, bytes: Vec<u8>, frames: u64) {
        let open = self.open.load();
        let Some(link) = open.get(&id) else {
            return add(&counters.link_gone, frames);
        };
        add(&counters.link_frames_sent, frames);
        let told = {
            let mut queue = lock(&link.queue);
            queue.bytes += bytes.len();
            queue.chunks.push_back(Chunk {
                bytes,
                at: 0,
                since: now,
            });
            queue.shed(counters, now, link.limit);
            std::mem::replace(&mut queue.told, true)
        };
        if !told {
            self.tell(id);
        }
    }

    /// Frames to send, oldest first: at least one if there is any, no more than `most` bytes otherwise.
    pub fn take(&self, counters: &Counters, now: u64, id: u32, most: usize) -> Vec<u8> {
        let Some(link) = self.get(id) else {
            return Vec::new();
        };
        let most = most.min(LINK_BATCH_MAX);
        let mut parts: Vec<(Vec<u8>, usize, usize)> = Vec::new();
        let mut total = 0;
        {
            let mut queue = lock(&link.queue);
            queue.shed(counters, now, link.limit);
            while let Some(chunk) = queue.chunks.front_mut() {
                let room = most.saturating_sub(total);
                let rest = chunk.bytes.len() - chunk.at;
                if rest <= room {
                    total += rest;
                    queue.bytes -= rest;
                    let whole = queue.chunks.pop_front();
                    parts.extend(whole.map(|c| (c.bytes, c.at, c.at + rest)));
                    continue;
                }
                let end = chunk.fitting(room, total == 0);
                let (at, taken) = (chunk.at, end - chunk.at);
                if taken > 0 {
                    let piece = chunk.bytes[at..end].to_vec();
                    chunk.at = end;
                    total += taken;
                    queue.bytes -= taken;
                    if queue.chunks.front().is_some_and(|c| c.at == c.bytes.len()) {
                        queue.chunks.pop_front();
                    }
                    parts.push((piece, 0, taken));
                }
                break;
            }
            queue.drain.took(now, total);
            if parts.is_empty() {
                queue.told = false;
            }
        }
        match &mut parts[..] {
            [(bytes, 0, end)] if *end == bytes.len() => std::mem::take(bytes),
            _ => {
                let mut out = Vec::with_capacity(total);
                for (bytes, start, end) in &parts {
                    out.extend_from_slice(&bytes[*start..*end]);
                }
                out
            }
        }
    }
}

impl Chunk {
    /// Where the frames end that fit into `room`; one more when `at_least_one` and none does.
    fn fitting(&self, room: usize, at_least_one: bool) -> usize {
        let mut end = self.at;
        while let Some(whole) = step(&self.bytes, end) {
            let first = at_least_one && end == self.at;
            if !first && end + whole - self.at > room {
                break;
            }
            end += whole;
        }
        end
    }
}

impl Queue {
    /// Drops the oldest frames: too old ones, and what is beyond `least` and what is taken quickly.
    fn shed(&mut self, counters: &Counters, now: u64, least: usize) {
        let limit = self.drain.room.max(least);
        while let Some(chunk) = self.chunks.front_mut() {
            let stale = now > chunk.since + LINK_STALE_US;
            if !stale && self.bytes <= limit {
                return;
            }
            // The newest frame of all stays, however long.
            let Some(whole) = step(&chunk.bytes, chunk.at) else {
                self.chunks.pop_front();
                continue;
            };
            add(
                if stale {
                    &counters.link_stale
                } else {
                    &counters.link_full
                },
                1,
            );
            chunk.at += whole;
            self.bytes -= whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn framed(frames: &[&[u8]]) -> Vec<u8> {
        let framed = |f: &&[u8]| [&(f.len() as u16).to_be_bytes()[..], f].concat();
        frames.iter().flat_map(framed).collect()
    }

    fn options(queue_bytes: usize) -> LinkOptions {
        LinkOptions {
            transport: "tcp".into(),
            endpoint: "192.0.2.1:443".into(),
            queue_bytes,
        }
    }

    #[test]
    fn frames_come_out_whole_and_in_order_and_one_call_is_under_way_at_a_time() {
        let (links, counters) = (Links::default(), Counters::default());
        let calls = Arc::new(AtomicUsize::new(0));
        let copy = calls.clone();
        links.on_links(Box::new(move || {
            copy.fetch_add(1, Relaxed);
        }));
        let id = links.open(options(4_096)).unwrap();
        links.push(&counters, 0, id, framed(&[b"one", b"three"]), 2);
        links.push(&counters, 0, id, framed(&[b"five"]), 1);
        assert_eq!((calls.load(Relaxed), links.pending()), (1, vec![id]));
        assert_eq!(links.take(&counters, 0, id, 6), framed(&[b"one"]));
        assert_eq!(
            links.take(&counters, 0, id, 1),
            framed(&[b"three"]),
            "one at least"
        );
        links.push(&counters, 0, id, framed(&[b"six"]), 1);
        assert_eq!(calls.load(Relaxed), 1, "it knows already");
        assert_eq!(links.take(&counters, 0, id, 100), framed(&[b"five", b"six"]));
        assert!(links.take(&counters, 0, id, 100).is_empty());
        links.push(&counters, 0, id, framed(&[b"seven"]), 1);
        assert_eq!(calls.load(Relaxed), 2);
    }

    #[test]
    fn as_much_may_wait_as_is_taken_quickly() {
        let (links, counters) = (Links::default(), Counters::default());
        let id = links.open(options(2_048)).unwrap();
        let push = |now| links.push(&counters, now, id, framed(&[&[7; 998]]), 1);
        let full = || counters.link_full.load(Relaxed);
        // 1 MB/s: 12.5 kB may wait.
        for ms in 0..200 {
            push(ms * 1_000);
            links.take(&counters, ms * 1_000, id, 1 << 20);
        }
        assert_eq!(full(), 0);
        (0..12).for_each(|_| push(200_000));
        assert_eq!(full(), 0);
        (0..3).for_each(|_| push(200_000));
        assert_eq!(full(), 3);
        // Who takes little for a while is slow again: six of the twelve are left, and two may wait.
        links.take(&counters, 200_000, id, 3_000);
        links.take(&counters, 600_000, id, 3_000);
        push(600_000);
        assert_eq!(full(), 3 + 5);
        // Even the fastest has a limit.
        for ms in 0..500 {
            for _ in 0..1_000 {
                push(1_000_000 + ms * 1_000);
            }
            links.take(&counters, 1_000_000 + ms * 1_000, id, 1 << 20);
        }
        let before = full();
        (0..5_000).for_each(|_| push(1_500_000));
        assert_eq!(full() - before, 5_000 - (LINK_QUEUE_MOST / 1_000) as u64);
    }

    #[test]
    fn the_oldest_go_when_the_queue_is_full_or_they_are_stale() {
        let (links, counters) = (Links::default(), Counters::default());
        let id = links.open(options(2_048)).unwrap();
        for n in 0..5u8 {
            links.push(&counters, 0, id, framed(&[&[n; 600]]), 1);
        }
        assert_eq!(counters.link_full.load(Relaxed), 2);
        let left = links.take(&counters, LINK_STALE_US, id, 1 << 20);
        assert_eq!((left.len(), left[2]), (3 * 602, 2));
        links.push(&counters, 0, id, framed(&[b"old"]), 1);
        assert!(links.take(&counters, LINK_STALE_US + 1, id, 100).is_empty());
        assert_eq!(counters.link_stale.load(Relaxed), 1);
    }

    #[test]
    fn numbers_are_never_used_twice_and_bounded() {
        let links = Links::default();
        let ids: Vec<u32> = (0..LINKS_MAX)
            .map(|_| links.open(options(2_048)).unwrap())
            .collect();
        assert_eq!(links.open(options(2_048)).unwrap_err().code, "too-many-links");
        assert!(links.close(ids[0]) && !links.close(ids[0]));
        assert!(links.open(options(2_048)).unwrap() > ids[LINKS_MAX - 1]);
    }

    #[test]
    fn only_whole_frames_are_a_batch() {
        let batch = framed(&[b"a", b"bc"]);
        assert!(is_whole(&batch) && is_whole(&[]));
        for n in [1, 2, 4, 5, 6] {
            assert!(!is_whole(&batch[..n]), "{n}");
        }
        assert!(!is_whole(&[0, 0]), "frames are not empty");
    }
}
