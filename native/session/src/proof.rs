//! Proofs of signed casts (docs/frames.md, "Signed casts"): where they lie in a frame, and the hash tree over the casts of a batch.
//!
//! What is hashed is the ciphertext with its tag, not the tag alone: who has the key of an AES-GCM seal can make another ciphertext
//! with the same tag.

use crate::aead::TAG;
use crate::limits::SIGNED_BATCH_MAX;
use crate::wire::{STAMP, Stamp};
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// Bytes of an Ed25519 signature.
pub const SIGNATURE: usize = 64;
/// Bytes of a node of the hash tree: SHA-256, cut. Forging takes a second preimage.
pub const NODE: usize = 16;
/// Place u8 (high nibble: depth of the tree, low nibble: which of its leaves), signature.
const HEAD: usize = 1 + SIGNATURE;
const DEPTH_MAX: usize = SIGNED_BATCH_MAX.trailing_zeros() as usize;
/// Bytes of the longest proof.
pub const PROOF_MAX: usize = HEAD + DEPTH_MAX * NODE;

// A place is a nibble.
const _: () = assert!(SIGNED_BATCH_MAX.is_power_of_two() && SIGNED_BATCH_MAX <= 16);

const LEAF: u8 = 0;
const INNER: u8 = 1;
const CONTEXT: &[u8; 19] = b"weft signed cast 1\0";
/// What is signed: context, network id, origin, tree, root.
pub(crate) const SIGNED: usize = CONTEXT.len() + 32 + 8 + 2 + NODE;

pub(crate) type Node = [u8; NODE];

/// What all signatures of one tree begin with.
#[derive(Clone, Copy)]
pub(crate) struct Signed([u8; SIGNED]);

impl Signed {
    pub fn new(network: &[u8; 32], origin: [u8; 8], tree: u16) -> Signed {
        let mut out = [0; SIGNED];
        let mut at = 0;
        for part in [&CONTEXT[..], network, &origin, &tree.to_be_bytes()] {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        Signed(out)
    }

    pub fn with(&self, root: &Node) -> [u8; SIGNED] {
        let mut out = self.0;
        out[SIGNED - NODE..].copy_from_slice(root);
        out
    }
}

fn cut(bytes: &[u8]) -> Node {
    let mut node = [0; NODE];
    node.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..NODE]);
    node
}

/// `stamp`: its epoch does not count, which changes when trees do. `sealed`: ciphertext and inner tag.
fn leaf(stamp: &[u8; STAMP], sealed: &[u8]) -> Node {
    let stamp = Stamp {
        epoch: 0,
        ..Stamp::read(stamp)
    };
    let mut all = [0; 1 + STAMP + SHA256_OUTPUT_LEN];
    all[0] = LEAF;
    all[1..1 + STAMP].copy_from_slice(&stamp.write());
    all[1 + STAMP..].copy_from_slice(digest(&SHA256, sealed).as_ref());
    cut(&all)
}

fn inner(left: &Node, right: &Node) -> Node {
    let mut all = [INNER; 1 + 2 * NODE];
    all[1..1 + NODE].copy_from_slice(left);
    all[1 + NODE..].copy_from_slice(right);
    cut(&all)
}

/// Length of the proof that begins here, bytes; `None`: there is none.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let place = usize::from(*bytes.first()?);
    let (depth, index) = (place >> 4, place & 15);
    let length = HEAD + depth * NODE;
    (depth <= DEPTH_MAX && index < 1 << depth && length <= bytes.len()).then_some(length)
}

/// Length of the proofs of a batch of so many casts (1 to 16), bytes.
pub const fn proof_len(casts: usize) -> usize {
    HEAD + casts.next_power_of_two().trailing_zeros() as usize * NODE
}

/// What a cast says: the root that it leads to, and the signature over that.
pub(crate) struct Claim<'a> {
    pub root: Node,
    pub signature: &'a [u8; SIGNATURE],
}

impl<'a> Claim<'a> {
    /// `body`: stamp, proof, ciphertext, inner tag. `None`: malformed.
    pub fn read(body: &'a [u8]) -> Option<Claim<'a>> {
        let (stamp, rest) = body.split_first_chunk::<STAMP>()?;
        let (proof, sealed) = rest.split_at(length(rest)?);
        if sealed.len() < TAG {
            return None;
        }
        let (signature, path) = proof[1..].split_first_chunk::<SIGNATURE>()?;
        let mut root = leaf(stamp, sealed);
        let mut index = proof[0] & 15;
        for bytes in path.chunks_exact(NODE) {
            let mut sibling = [0; NODE];
            sibling.copy_from_slice(bytes);
            root = if index & 1 == 0 {
                inner(&root, &sibling)
            } else {
                inner(&sibling, &root)
            };
            index >>= 1;
        }
        Some(Claim { root, signature })
    }
}

/// The hash tree over the casts of one batch.
pub struct Leaves {
    /// Leaves first, then each level above, the root last.
    nodes: [Node; 2 * SIGNED_BATCH_MAX - 1],
    count: usize,
}

impl Default for Leaves {
    fn default() -> Leaves {
        Leaves {
            nodes: [[0; NODE]; 2 * SIGNED_BATCH_MAX - 1],
            count: 0,
        }
    }
}

impl Leaves {
    /// `body`: stamp, ciphertext, inner tag: without room for the proof.
    ///
    /// # Panics
    /// When there are 16, or `body` is shorter than an empty cast's (40 bytes).
    pub fn add(&mut self, body: &[u8]) {
        assert!(body.len() >= STAMP + TAG && self.count < SIGNED_BATCH_MAX);
        let mut stamp = [0; STAMP];
        stamp.copy_from_slice(&body[..STAMP]);
        self.nodes[self.count] = leaf(&stamp, &body[STAMP..]);
        self.count += 1;
    }

    /// Computes all levels; the root. Leaves that are not there are zeros.
    pub(crate) fn root(&mut self) -> Node {
        let (mut at, mut width) = (0, self.count.next_power_of_two());
        while width > 1 {
            for i in (0..width).step_by(2) {
                let node = inner(&self.nodes[at + i], &self.nodes[at + i + 1]);
                self.nodes[at + width + i / 2] = node;
            }
            at += width;
            width /= 2;
        }
        self.nodes[at]
    }

    pub(crate) fn signed(self, signature: [u8; SIGNATURE]) -> Proofs {
        Proofs {
            leaves: self,
            signature,
        }
    }
}

/// The proofs of one batch, all of the same length.
pub struct Proofs {
    leaves: Leaves,
    signature: [u8; SIGNATURE],
}

impl Proofs {
    /// Bytes of each.
    pub fn length(&self) -> usize {
        proof_len(self.leaves.count)
    }

    /// The proof of cast `index`, in the order in which they were added.
    ///
    /// # Panics
    /// When `out` is not [`Proofs::length`] bytes long.
    pub fn write(&self, index: usize, out: &mut [u8]) {
        assert!(out.len() == self.length() && index < self.leaves.count);
        let depth = (out.len() - HEAD) / NODE;
        out[0] = ((depth as u8) << 4) | index as u8;
        out[1..HEAD].copy_from_slice(&self.signature);
        let (mut at, mut width, mut index) = (0, 1 << depth, index);
        for node in out[HEAD..].chunks_exact_mut(NODE) {
            node.copy_from_slice(&self.leaves.nodes[at + (index ^ 1)]);
            at += width;
            width /= 2;
            index /= 2;
        }
    }
}
