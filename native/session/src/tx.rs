//! The sealing side of one key generation: shared by all sending threads, no lock, no allocation.

use crate::aead::{Key, Suite, TAG};
use crate::hop::Hop;
use crate::limits::FRAMES_MAX;
use crate::path::Path;
use crate::wire::{
    CARRY, CARRY_HEAD, CARRY_MIN, CAST, CAST_MIN, DATA, DATA_MIN, HEADER, STAMP, write_header,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Seals frames for one peer. Share as `Arc<Tx>`; a new one comes by `Output::TxPublished` at each renewal, and the old
/// one may be used until then.
pub struct Tx {
    net: u32,
    peer: u32,
    /// Receiver index at the other end.
    index: u32,
    suite: Suite,
    key: Key,
    next: AtomicU64,
    closed: AtomicBool,
    features: u16,
    hop: Arc<Hop>,
}

impl Tx {
    pub(crate) fn new(
        (net, peer): (u32, u32),
        index: u32,
        suite: Suite,
        key: &[u8; 32],
        features: u16,
        hop: Arc<Hop>,
    ) -> Tx {
        let (next, closed) = (AtomicU64::new(0), AtomicBool::new(false));
        Tx {
            net,
            peer,
            index,
            suite,
            key: Key::new(suite, key),
            next,
            closed,
            features,
            hop,
        }
    }

    /// Takes `n` counters for a batch: the first of them. None when the session has ended or its keys are used up;
    /// drop the batch then (a `TxWithdrawn` or `TxPublished` is on its way).
    #[inline]
    pub fn reserve(&self, n: u32) -> Option<u64> {
        // Checked before adding, so that refused calls cannot wrap the counter round to nonces used before.
        if self.closed.load(Relaxed) || self.next.load(Relaxed) + u64::from(n) > FRAMES_MAX {
            return None;
        }
        let first = self.next.fetch_add(u64::from(n), Relaxed);
        (first + u64::from(n) <= FRAMES_MAX).then_some(first)
    }

    /// Seals a data frame in place. `frame` = 16 bytes of room for the header | plaintext | 16 bytes of room for the
    /// tag; `counter` comes from `reserve` and must be used once.
    ///
    /// # Panics
    /// When `frame` is shorter than 32 bytes.
    #[inline]
    pub fn seal(&self, counter: u64, frame: &mut [u8]) {
        self.seal_flagged(counter, 0, frame);
    }

    /// The same with flags in the header: `wire::SPARSE` where the other end has `FEATURE_SPARSE`.
    ///
    /// # Panics
    /// When `frame` is shorter than 32 bytes.
    #[inline]
    pub fn seal_flagged(&self, counter: u64, flags: u8, frame: &mut [u8]) {
        assert!(
            frame.len() >= DATA_MIN,
            "a data frame needs room for header and tag"
        );
        let (header, rest) = frame.split_at_mut(HEADER);
        let (plain, tag) = rest.split_at_mut(rest.len() - TAG);
        write_header(header, DATA, [flags, 0], self.index, counter);
        tag.copy_from_slice(&self.key.seal(counter, header, plain));
    }

    /// Stamps a sealed cast for this hop: the header before the stamp and the hop tag after the inner tag. The body
    /// in between is the same for all hops and need not be copied. `counter` comes from `reserve`.
    #[inline]
    pub fn stamp(
        &self,
        counter: u64,
        auth: u8,
        hop_limit: u8,
        stamp: &[u8; STAMP],
        inner_tag: &[u8; TAG],
    ) -> ([u8; HEADER], [u8; TAG]) {
        let mut aad = [0u8; HEADER + STAMP + TAG];
        write_header(&mut aad, CAST, [auth, hop_limit], self.index, counter);
        aad[HEADER..HEADER + STAMP].copy_from_slice(stamp);
        aad[HEADER + STAMP..].copy_from_slice(inner_tag);
        let tag = self.key.seal(counter, &aad, &mut []);
        let mut header = [0u8; HEADER];
        header.copy_from_slice(&aad[..HEADER]);
        (header, tag)
    }

    /// `stamp` in place: `frame` = 16 bytes header (overwritten) | stamp 24 | sealed | inner tag 16 | hop tag 16
    /// (overwritten). Serves both a cast of our own and one that came from another hop.
    ///
    /// # Panics
    /// When `frame` is shorter than an empty cast (72 bytes).
    #[inline]
    pub fn seal_stamp(&self, counter: u64, auth: u8, hop_limit: u8, frame: &mut [u8]) {
        let n = frame.len();
        assert!(n >= CAST_MIN, "a cast needs room for header, stamp and both tags");
        let (mut stamp, mut inner) = ([0u8; STAMP], [0u8; TAG]);
        stamp.copy_from_slice(&frame[HEADER..HEADER + STAMP]);
        inner.copy_from_slice(&frame[n - 2 * TAG..n - TAG]);
        let (header, tag) = self.stamp(counter, auth, hop_limit, &stamp, &inner);
        frame[..HEADER].copy_from_slice(&header);
        frame[n - TAG..].copy_from_slice(&tag);
    }

    /// Stamps a carry for this hop in place: `frame` = 16 bytes header (overwritten) | destination origin 8 | source
    /// origin 8 | inner frame | hop tag 16 (overwritten). Serves both a frame of our own and one that is passed on.
    ///
    /// # Panics
    /// When `frame` is shorter than `wire::CARRY_MIN`.
    #[inline]
    pub fn seal_carry(&self, counter: u64, flags: u8, hop_limit: u8, frame: &mut [u8]) {
        let n = frame.len();
        assert!(n >= CARRY_MIN, "a carry needs room for head, inner frame and tag");
        write_header(frame, CARRY, [flags, hop_limit], self.index, counter);
        let mut aad = [0u8; CARRY_HEAD + TAG];
        aad[..CARRY_HEAD].copy_from_slice(&frame[..CARRY_HEAD]);
        aad[CARRY_HEAD..].copy_from_slice(&frame[n - 2 * TAG..n - TAG]);
        let tag = self.key.seal(counter, &aad, &mut []);
        frame[n - TAG..].copy_from_slice(&tag);
    }

    pub fn net(&self) -> u32 {
        self.net
    }

    pub fn peer(&self) -> u32 {
        self.peer
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Features that both ends have (`wire::FEATURE_PARTIAL`).
    pub fn features(&self) -> u16 {
        self.features
    }

    /// Where frames go now; it changes when the peer roams.
    #[inline]
    pub fn path(&self) -> Path {
        self.hop.path.get()
    }

    /// Activity of the peer; call `hop().note_sent(…)` after each batch.
    pub fn hop(&self) -> &Arc<Hop> {
        &self.hop
    }

    /// Frames sealed so far.
    pub fn sealed(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// False once the session has ended: threads that still hold this `Arc` send no more.
    pub fn is_open(&self) -> bool {
        !self.closed.load(Relaxed)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (net, peer, index) = (self.net, self.peer, self.index);
        f.debug_struct("Tx")
            .field("net", &net)
            .field("peer", &peer)
            .field("index", &index)
            .finish()
    }
}
