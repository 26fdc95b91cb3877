//! One stream: what an origin sends down a tree under one key.

use super::gaps::Gaps;
use super::limits::{BEGIN_MAX, DOUBTED_AFTER, SEEN_SPAN, STREAMS_MAX};
use super::window::Seen;
use crate::builder::PeerId;

#[derive(Debug)]
pub struct Stream {
    pub key_id: u32,
    pub seen: Seen,
    pub gaps: Gaps,
    /// When it was last of use, µs.
    pub used: u64,
    /// Where it begins for this subscriber.
    lowest: Option<u64>,
    /// Who brought it where it stands.
    led_by: Option<PeerId>,
    /// Casts of others in a row that were far behind.
    behind: u32,
}

impl Stream {
    fn new(key_id: u32, now: u64) -> Stream {
        Stream {
            key_id,
            seen: Seen::default(),
            gaps: Gaps::new(),
            used: now,
            lowest: None,
            led_by: None,
            behind: 0,
        }
    }

    /// Whether where it stands is to be doubted: a node without the key cannot tell a sequence that was made up, and would take all that
    /// is true for old. Who led it there is not believed in this, others are when all that they bring is far behind.
    #[inline]
    pub fn is_doubted(&mut self, from: PeerId, sequence: u64) -> bool {
        if self.led_by == Some(from) {
            return false;
        }
        let is_behind = self
            .gaps
            .highest()
            .is_some_and(|highest| highest > sequence.saturating_add(SEEN_SPAN));
        self.behind = if is_behind { self.behind + 1 } else { 0 };
        self.behind >= DOUBTED_AFTER
    }

    /// Whether it is further ahead than any queue on the way can hold.
    #[inline]
    pub fn is_leap(&self, sequence: u64) -> bool {
        self.gaps
            .highest()
            .is_some_and(|highest| sequence > highest.saturating_add(SEEN_SPAN))
    }

    /// A cast that was not seen before. True: it is the newest so far.
    #[inline]
    pub fn came(&mut self, now: u64, from: PeerId, sequence: u64) -> bool {
        self.used = now;
        self.begin(sequence);
        let is_newest = self.gaps.highest().is_none_or(|highest| sequence > highest);
        if is_newest {
            self.led_by = Some(from);
        }
        self.seen.mark(sequence);
        self.gaps.came(now, sequence);
        is_newest
    }

    /// All up to `highest` was sent. True: that is news.
    pub fn told(&mut self, now: u64, from: PeerId, highest: u64) -> bool {
        self.used = now;
        self.begin(highest);
        let is_news = self.gaps.highest().is_none_or(|known| highest > known);
        if is_news {
            self.led_by = Some(from);
        }
        self.gaps.told(now, highest);
        is_news
    }

    /// The origin sent it.
    pub fn sent(&mut self, now: u64, sequence: u64) {
        self.used = now;
        self.gaps.skip(sequence);
    }

    /// Somebody below misses it: then so does this node, if it never came.
    pub fn want(&mut self, now: u64, first: u64, end: u64) {
        let mut from = None;
        for sequence in first..=end {
            let is_missing = sequence < end && !self.seen.has(sequence);
            match (from, is_missing) {
                (None, true) => from = Some(sequence),
                (Some(start), false) => {
                    self.gaps.want(now, start, sequence);
                    from = None;
                }
                _ => {}
            }
        }
    }

    pub fn set_lowest(&mut self, lowest: u64) {
        self.lowest = Some(lowest);
    }

    /// The first that is heard of: what lies before it and after the beginning of the key is missed, if it is little.
    fn begin(&mut self, sequence: u64) {
        if let (None, Some(lowest)) = (self.gaps.highest(), self.lowest) {
            if lowest < sequence && sequence - lowest <= BEGIN_MAX {
                self.gaps.begin(lowest);
            }
        }
    }
}

/// The streams of a tree, the newest first.
#[derive(Debug, Default)]
pub struct Streams(Vec<Stream>);

impl Streams {
    #[inline]
    pub fn get(&self, key_id: u32) -> Option<&Stream> {
        self.0.iter().find(|stream| stream.key_id == key_id)
    }

    /// That of the key, made if it is new; then the longest unused gives way beyond [`STREAMS_MAX`].
    #[inline]
    pub fn open(&mut self, now: u64, key_id: u32) -> &mut Stream {
        let place = self.0.iter().position(|stream| stream.key_id == key_id);
        let place = place.unwrap_or_else(|| self.add(now, key_id));
        &mut self.0[place]
    }

    fn add(&mut self, now: u64, key_id: u32) -> usize {
        if self.0.len() >= STREAMS_MAX {
            let idle = (0..self.0.len()).min_by_key(|place| self.0[*place].used);
            self.0.remove(idle.unwrap_or(0));
        }
        self.0.insert(0, Stream::new(key_id, now));
        0
    }

    /// Of which something came, the newest first.
    pub fn begun(&self) -> impl Iterator<Item = &Stream> {
        self.0.iter().filter(|stream| stream.gaps.highest().is_some())
    }

    /// Nothing is known of it but its key.
    pub fn begin_anew(&mut self, now: u64, key_id: u32) {
        if let Some(stream) = self.find(key_id) {
            *stream = Stream::new(key_id, now);
        }
    }

    pub fn find(&mut self, key_id: u32) -> Option<&mut Stream> {
        self.0.iter_mut().find(|stream| stream.key_id == key_id)
    }

    /// When something is to be asked for, `u64::MAX`: nothing is missing.
    pub fn next_due(&self) -> u64 {
        let due = self.0.iter().filter_map(|stream| stream.gaps.next_due());
        due.min().unwrap_or(u64::MAX)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.0.iter_mut()
    }

    /// Whether `key_id` is of a stream that began after that of `than`.
    pub fn is_later(&self, key_id: u32, than: u32) -> bool {
        let place = |id| self.0.iter().position(|stream| stream.key_id == id);
        match (place(key_id), place(than)) {
            (Some(a), Some(b)) => a < b,
            _ => false,
        }
    }

    /// [`Gaps::counts`] of all.
    pub fn counts(&self) -> (u64, u64) {
        let add = |(a, b), (c, d)| (a + c, b + d);
        self.0.iter().map(|stream| stream.gaps.counts()).fold((0, 0), add)
    }

    pub fn lost(&self) -> u64 {
        self.0.iter().map(|stream| stream.gaps.lost()).sum()
    }
}
