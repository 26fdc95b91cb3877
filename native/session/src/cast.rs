//! Sealing multicast: once per packet, whatever the number of hops.

use crate::aead::{Key, Secret, Suite, TAG};
use crate::wire::{CAST_MIN, CAST_PARTIAL, HEADER, SEQUENCE_MASK, STAMP, Stamp};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Authentication kind of a cast's header: sealed with the shared sender key.
pub const AUTH_SHARED: u8 = 0;

/// A sender key as it is handed to receivers (frame kind 6).
#[derive(Clone, PartialEq, Eq)]
pub struct SenderKey {
    pub key_id: u32,
    /// 0 = the network's open groups; others are channels.
    pub scope: u32,
    /// Receivers accept this sequence and later ones.
    pub lowest: u64,
    pub suite: Suite,
    pub key: Secret,
}

impl fmt::Debug for SenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SenderKey({:#010x}, scope {})", self.key_id, self.scope)
    }
}

/// The own sender key of one scope: shared by all sending threads, no lock, no allocation.
pub struct CastTx {
    origin: [u8; 8],
    key: Key,
    given: SenderKey,
    next: AtomicU64,
}

impl CastTx {
    /// `origin` = first 8 bytes of the own member id. Take `sender_key` from fresh randomness; its `lowest` is where
    /// the sequence starts.
    pub fn new(origin: [u8; 8], sender_key: SenderKey) -> CastTx {
        let next = AtomicU64::new(sender_key.lowest);
        CastTx {
            origin,
            key: Key::new(sender_key.suite, &sender_key.key),
            given: sender_key,
            next,
        }
    }

    pub fn key_id(&self) -> u32 {
        self.given.key_id
    }

    /// What to hand to a neighbour (`Sessions::give_sender_key`) that may read from the next sequence on.
    pub fn sender_key(&self) -> SenderKey {
        SenderKey {
            lowest: self.next.load(Relaxed) & SEQUENCE_MASK,
            ..self.given.clone()
        }
    }

    /// Takes `n` sequences: the first of them. Each must be used once. (2^56 of them: no end to check for.)
    #[inline]
    pub fn reserve(&self, n: u32) -> u64 {
        self.next.fetch_add(u64::from(n), Relaxed)
    }

    /// Seals a cast in place and writes its stamp. `frame` = 16 bytes room for a hop header | 24 for the stamp |
    /// packet | 16 for the inner tag | 16 for a hop tag. Then stamp it for each hop (`Tx::stamp`, `Tx::seal_stamp`).
    ///
    /// # Panics
    /// When `frame` is shorter than 72 bytes.
    #[inline]
    pub fn seal(&self, sequence: u64, partial: bool, tree: u16, epoch: u16, frame: &mut [u8]) {
        let n = frame.len();
        assert!(n >= CAST_MIN, "a cast needs room for header, stamp and both tags");
        let flags = if partial { CAST_PARTIAL } else { 0 };
        let sequence = (sequence & SEQUENCE_MASK) | flags;
        let stamp = Stamp {
            origin: self.origin,
            key_id: self.given.key_id,
            tree,
            epoch,
            sequence,
        };
        frame[HEADER..HEADER + STAMP].copy_from_slice(&stamp.write());
        let body = &mut frame[HEADER + STAMP..n - 2 * TAG];
        let tag = self.key.seal(sequence, &stamp.inner_aad(AUTH_SHARED), body);
        frame[n - 2 * TAG..n - TAG].copy_from_slice(&tag);
    }
}

impl fmt::Debug for CastTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CastTx({:?})", self.given)
    }
}
