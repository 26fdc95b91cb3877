//! Sealing multicast: once per packet, whatever the number of hops.

use crate::aead::{Key, Secret, Suite, TAG};
use crate::proof::{Leaves, Proofs};
use crate::signed::{AUTH_SIGNED, CastSigner};
use crate::wire::{CAST_MIN, CAST_PARTIAL, HEADER, SEQUENCE_MASK, STAMP, Stamp};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Authentication kind of a cast's header: sealed with the shared sender key.
pub const AUTH_SHARED: u8 = 0;

/// Scopes from here on are trees: the low half is the tree's number. Their keys are never handed out by frames (kind 6).
pub const TREE_SCOPE: u32 = 0x8000_0000;
/// What casts of trees are sealed with: origin and subscribers have no handshake to agree in.
pub const TREE_SUITE: Suite = Suite::Aes256Gcm;

/// A sender key: handed to receivers by frames of kind 6, or, of a tree, by the engines.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderKey {
    pub key_id: u32,
    /// 0 = the network's open groups, sent directly; from [`TREE_SCOPE`] on: a tree.
    pub scope: u32,
    /// Receivers accept this sequence and later ones.
    pub lowest: u64,
    pub suite: Suite,
    pub key: Secret,
}

impl SenderKey {
    /// The key of a tree (≥ 1).
    pub fn of_tree(tree: u16, key_id: u32, lowest: u64, key: Secret) -> SenderKey {
        SenderKey {
            key_id,
            scope: TREE_SCOPE | u32::from(tree),
            lowest,
            suite: TREE_SUITE,
            key,
        }
    }

    /// The tree whose casts it seals; 0: those that are sent directly.
    pub fn tree(&self) -> u16 {
        if self.scope >= TREE_SCOPE {
            self.scope as u16
        } else {
            0
        }
    }
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
    signer: Option<Arc<CastSigner>>,
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
            signer: None,
        }
    }

    /// The same for a tree whose casts are signed as well: seal, then [`CastTx::sign`].
    pub fn signed(origin: [u8; 8], sender_key: SenderKey, signer: Arc<CastSigner>) -> CastTx {
        CastTx {
            signer: Some(signer),
            ..CastTx::new(origin, sender_key)
        }
    }

    /// Authentication kind of its casts.
    pub fn auth(&self) -> u8 {
        if self.signer.is_some() {
            AUTH_SIGNED
        } else {
            AUTH_SHARED
        }
    }

    /// The proofs of what was sealed, to be put behind each stamp; none where casts are not signed.
    pub fn sign(&self, leaves: Leaves) -> Option<Proofs> {
        let signer = self.signer.as_ref()?;
        Some(signer.sign(self.given.tree(), leaves))
    }

    pub fn key_id(&self) -> u32 {
        self.given.key_id
    }

    /// The sequence that the next cast gets.
    pub fn next(&self) -> u64 {
        self.next.load(Relaxed) & SEQUENCE_MASK
    }

    /// First 8 bytes of the own member id.
    pub fn origin(&self) -> [u8; 8] {
        self.origin
    }

    /// What to hand to a neighbour (`Sessions::give_sender_key`) that may read from the next sequence on.
    pub fn sender_key(&self) -> SenderKey {
        SenderKey {
            lowest: self.next(),
            ..self.given.clone()
        }
    }

    /// Takes `n` sequences: the first of them. Each must be used once. (2^56 of them: no end to check for.)
    #[inline]
    pub fn reserve(&self, n: u32) -> u64 {
        self.next.fetch_add(u64::from(n), Relaxed)
    }

    /// Seals a cast in place and writes its stamp. `frame` = 16 bytes room for a hop header | 24 for the stamp |
    /// packet | 16 for the inner tag | 16 for a hop tag. Then stamp it for each hop (`Tx::stamp`, `Tx::seal_stamp`); where casts
    /// are signed, put the proof between stamp and packet before.
    ///
    /// # Panics
    /// When `frame` is shorter than 72 bytes, or the key is not that tree's.
    #[inline]
    pub fn seal(&self, sequence: u64, partial: bool, tree: u16, epoch: u16, frame: &mut [u8]) {
        let n = frame.len();
        assert!(tree == self.given.tree(), "a tree's casts take its own key");
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
        let tag = self.key.seal(sequence, &stamp.inner_aad(self.auth()), body);
        frame[n - 2 * TAG..n - TAG].copy_from_slice(&tag);
    }
}

impl fmt::Debug for CastTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CastTx({:?})", self.given)
    }
}
