//! What the two halves share about one peer: path, level and activity, all in atomics.

use crate::path::{Path, PathCell};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// One cache line, so that the sending and the receiving thread do not disturb each other.
#[repr(align(64))]
#[derive(Debug, Default)]
struct Direction {
    last: AtomicU64,
    last_data: AtomicU64,
    last_cast: AtomicU64,
    bytes: AtomicU64,
    frames: AtomicU64,
    passed: AtomicU64,
}

/// A snapshot of one direction. Times are the injected clock's µs; 0 = never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub last: u64,
    /// The last frame that carried data (a packet, a cast, a control message), not upkeep.
    pub last_data: u64,
    /// The last cast that was sent; `last_data` does not count them.
    pub last_cast: u64,
    /// Bytes of whole frames, without IP and UDP headers.
    pub bytes: u64,
    pub frames: u64,
    /// Frames of the other end up to the newest that came: more than `frames` by those that were lost. Nothing of what was sent.
    pub passed: u64,
}

impl Direction {
    fn note(&self, now: u64, frames: u64, bytes: u64, data: bool) {
        self.last.store(now, Relaxed);
        if data {
            self.last_data.store(now, Relaxed);
        }
        self.bytes.fetch_add(bytes, Relaxed);
        self.frames.fetch_add(frames, Relaxed);
    }

    fn read(&self) -> Traffic {
        Traffic {
            last: self.last.load(Relaxed),
            last_data: self.last_data.load(Relaxed),
            last_cast: self.last_cast.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            frames: self.frames.load(Relaxed),
            passed: self.passed.load(Relaxed),
        }
    }
}

/// State of the hop to one peer, shared by all its key generations.
#[derive(Debug)]
pub struct Hop {
    sent: Direction,
    heard: Direction,
    /// Where frames to this peer go now.
    pub path: PathCell,
    member: AtomicBool,
    /// False while the manager rests: the next frame must wake it.
    watched: AtomicBool,
    suspect: AtomicBool,
}

impl Hop {
    pub(crate) fn new(path: Path, member: bool) -> Hop {
        Hop {
            sent: Direction::default(),
            heard: Direction::default(),
            path: PathCell::new(path),
            member: AtomicBool::new(member),
            watched: AtomicBool::new(true),
            suspect: AtomicBool::new(false),
        }
    }

    /// Call once per batch of frames sent with this peer's `Tx`: `bytes` of whole frames. When it returns true call
    /// `Sessions::activity(now, net, peer)` soon: the manager was resting and must watch for answers again.
    #[inline]
    #[must_use]
    pub fn note_sent(&self, now: u64, frames: u64, bytes: u64) -> bool {
        self.sent.note(now, frames, bytes, true);
        self.wake()
    }

    /// As `note_sent`, of casts: a receiver that misses some asks for them or finds another parent by itself, so nobody is in a
    /// hurry to learn that it is gone.
    #[inline]
    #[must_use]
    pub fn note_cast(&self, now: u64, frames: u64, bytes: u64) -> bool {
        self.sent.note(now, frames, bytes, false);
        self.sent.last_cast.store(now, Relaxed);
        self.wake()
    }

    /// Upkeep of another session left inside of this one's frames: that session watches over it, nothing here waits for an
    /// answer. Packets inside count as sent ([`Hop::note_sent`]): who spreads flows over relays has to learn which is silent.
    pub fn note_carried(&self, now: u64, frames: u64, bytes: u64) {
        self.sent.note(now, frames, bytes, false);
    }

    pub(crate) fn note_upkeep_sent(&self, now: u64, bytes: u64, data: bool) {
        self.sent.note(now, 1, bytes, data);
    }

    #[inline]
    pub(crate) fn note_heard(&self, now: u64, bytes: u64, data: bool, passed: u64) {
        self.heard.note(now, 1, bytes, data);
        self.heard.passed.fetch_add(passed, Relaxed);
    }

    /// True for the one caller that has to wake the manager.
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        !self.watched.load(Relaxed) && !self.watched.swap(true, Relaxed)
    }

    pub(crate) fn set_watched(&self, watched: bool) {
        self.watched.store(watched, Relaxed);
    }

    /// No answer for a while: who has the choice sends by another neighbour.
    #[inline]
    pub fn is_suspect(&self) -> bool {
        self.suspect.load(Relaxed)
    }

    pub(crate) fn set_suspect(&self, suspect: bool) {
        self.suspect.store(suspect, Relaxed);
    }

    pub fn sent(&self) -> Traffic {
        self.sent.read()
    }

    pub fn heard(&self) -> Traffic {
        self.heard.read()
    }

    /// Members exchange packets; strangers only control messages.
    #[inline]
    pub fn is_member(&self) -> bool {
        self.member.load(Relaxed)
    }

    pub(crate) fn set_member(&self, member: bool) {
        self.member.store(member, Relaxed);
    }
}
