//! Casts that their origin signs: a batch at a time at the origin, each by itself wherever it comes.

use crate::aead::Secret;
use crate::cast::AUTH_SHARED;
use crate::drops::{DropReason, Drops};
use crate::limits::{
    SIGNATURE_CHECKS_BURST, SIGNATURE_CHECKS_PER_SECOND, SIGNATURE_FAILURES_PER_SECOND, SIGNED_HOPS_MAX,
    SIGNED_ROOTS_KEPT,
};
use crate::proof::{Claim, Leaves, Node, Proofs, SIGNATURE, Signed};
use crate::wire::{STAMP, Stamp};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use std::collections::BTreeMap;
use std::fmt;

/// Authentication kind of a cast's header: sealed with the shared sender key, and signed by its origin.
pub const AUTH_SIGNED: u8 = 1;

const S: u64 = 1_000_000;

/// The key that one member signs its casts in one network with. It never leaves the process, and is new at each start.
pub struct CastSigner {
    pair: Ed25519KeyPair,
    network: [u8; 32],
    origin: [u8; 8],
}

impl CastSigner {
    /// `seed` from fresh randomness; `origin` = first 8 bytes of the own member id.
    ///
    /// # Panics
    /// Never: every 32 bytes are a seed.
    pub fn new(network: [u8; 32], origin: [u8; 8], seed: &Secret) -> CastSigner {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]).expect("every seed makes a key pair");
        CastSigner {
            pair,
            network,
            origin,
        }
    }

    pub fn public_key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        key
    }

    /// One signature for all of the batch.
    pub fn sign(&self, tree: u16, mut leaves: Leaves) -> Proofs {
        let root = leaves.root();
        let message = Signed::new(&self.network, self.origin, tree).with(&root);
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(self.pair.sign(&message).as_ref());
        leaves.signed(signature)
    }
}

impl fmt::Debug for CastSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CastSigner")
    }
}

/// What the casts of one tree are checked with.
struct Tree {
    /// None: the origin said one that cannot be, so nothing is its own.
    key: Option<ParsedPublicKey>,
    bytes: [u8; 32],
    signed: Signed,
    /// Roots whose signatures are right, a ring.
    known: Vec<(Node, [u8; SIGNATURE])>,
    next: usize,
}

enum Standing {
    Known,
    Bad,
    Unknown,
}

impl Tree {
    /// What is known without looking at the signature. An origin signs each root once: the same signature for another root, or
    /// another signature for the same, is somebody else's.
    fn standing(&self, claim: &Claim<'_>) -> Standing {
        // The newest come first.
        let (newer, older) = self.known.split_at(self.next);
        for (root, signature) in newer.iter().rev().chain(older.iter().rev()) {
            match (*root == claim.root, signature == claim.signature) {
                (true, true) => return Standing::Known,
                (false, false) => {}
                _ => return Standing::Bad,
            }
        }
        Standing::Unknown
    }

    fn keep(&mut self, claim: &Claim<'_>) {
        let entry = (claim.root, *claim.signature);
        if self.known.len() < SIGNED_ROOTS_KEPT {
            self.known.push(entry);
        } else {
            self.known[self.next % SIGNED_ROOTS_KEPT] = entry;
        }
        self.next = self.next % SIGNED_ROOTS_KEPT + 1;
    }
}

/// What may be checked of one previous hop: each is the time up to which its checks, and its failed ones, are used up, µs.
#[derive(Clone, Copy, Default)]
struct Hop {
    checks: u64,
    failures: u64,
}

impl Hop {
    fn may_check(&self, now: u64) -> bool {
        let burst = S * SIGNATURE_CHECKS_BURST / SIGNATURE_CHECKS_PER_SECOND;
        self.checks <= now + burst && self.failures <= now + S - S / SIGNATURE_FAILURES_PER_SECOND
    }

    fn checked(&mut self, now: u64, is_right: bool) {
        self.checks = self.checks.max(now) + S / SIGNATURE_CHECKS_PER_SECOND;
        if !is_right {
            self.failures = self.failures.max(now) + S / SIGNATURE_FAILURES_PER_SECOND;
        }
    }

    fn is_idle(&self, now: u64) -> bool {
        self.checks.max(self.failures) <= now
    }
}

/// Checks casts of trees before they are opened or passed on. Owned by one receiving thread.
#[derive(Default)]
pub struct SignedRx {
    /// By network, origin and tree.
    trees: BTreeMap<(u32, [u8; 8], u16), Tree>,
    /// By network and peer: those whose casts needed a check lately.
    hops: BTreeMap<(u32, u32), Hop>,
    drops: Drops,
    checks: u64,
}

impl SignedRx {
    pub fn new() -> SignedRx {
        SignedRx::default()
    }

    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// Signatures looked at since the start: the expensive part.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// What the tree's origin says of it: `key`, with which it signs all of its casts, or none, and then it signs none. The same key
    /// again changes nothing.
    pub fn set(
        &mut self,
        net: u32,
        network: &[u8; 32],
        (origin, tree): ([u8; 8], u16),
        key: Option<&[u8; 32]>,
    ) {
        let name = (net, origin, tree);
        let Some(bytes) = key else {
            self.trees.remove(&name);
            return;
        };
        if self.trees.get(&name).is_some_and(|known| known.bytes == *bytes) {
            return;
        }
        let known = Tree {
            key: ParsedPublicKey::new(&ED25519, bytes).ok(),
            bytes: *bytes,
            signed: Signed::new(network, origin, tree),
            known: Vec::with_capacity(SIGNED_ROOTS_KEPT),
            next: 0,
        };
        self.trees.insert(name, known);
    }

    pub fn remove_tree(&mut self, net: u32, origin: [u8; 8], tree: u16) {
        self.trees.remove(&(net, origin, tree));
    }

    pub fn remove_network(&mut self, net: u32) {
        self.trees.retain(|(n, ..), _| *n != net);
        self.hops.retain(|(n, _), _| *n != net);
    }

    /// The authentication kind that the tree's origin said.
    pub fn auth_of(&self, net: u32, stamp: &Stamp) -> u8 {
        if !self.trees.is_empty() && self.trees.contains_key(&(net, stamp.origin, stamp.tree)) {
            AUTH_SIGNED
        } else {
            AUTH_SHARED
        }
    }

    /// Whether the cast may be opened and passed on. `hop`: the peer that brought it. `body`: from its stamp to its inner tag.
    ///
    /// # Errors
    /// Counted here. `CastWrongAuth`: not of the kind that the tree's origin said. `CastBadSignature`: not what the origin sent, and the hop is
    /// to blame, for it should have found out. `CastUnchecked`: the hop's budget of checks is used up.
    #[inline]
    pub fn check(
        &mut self,
        now: u64,
        (net, hop): (u32, u32),
        auth: u8,
        body: &[u8],
    ) -> Result<(), DropReason> {
        let result = self.try_check(now, (net, hop), auth, body);
        if let Err(reason) = result {
            self.drops.count(reason);
        }
        result
    }

    fn try_check(&mut self, now: u64, hop: (u32, u32), auth: u8, body: &[u8]) -> Result<(), DropReason> {
        if self.trees.is_empty() && auth == AUTH_SHARED {
            return Ok(());
        }
        let stamp = body.first_chunk::<STAMP>().map(Stamp::read);
        let stamp = stamp.ok_or(DropReason::Malformed)?;
        let tree = self.trees.get_mut(&(hop.0, stamp.origin, stamp.tree));
        let tree = match (auth, tree) {
            (AUTH_SHARED, None) => return Ok(()),
            (AUTH_SIGNED, Some(tree)) => tree,
            _ => return Err(DropReason::CastWrongAuth),
        };
        let claim = Claim::read(body).ok_or(DropReason::CastBadSignature)?;
        match tree.standing(&claim) {
            Standing::Known => return Ok(()),
            Standing::Bad => return Err(DropReason::CastBadSignature),
            Standing::Unknown => {}
        }
        if self.hops.len() >= SIGNED_HOPS_MAX && !self.hops.contains_key(&hop) {
            self.hops.retain(|_, hop| !hop.is_idle(now));
            if self.hops.len() >= SIGNED_HOPS_MAX {
                return Err(DropReason::CastUnchecked);
            }
        }
        let budget = self.hops.entry(hop).or_default();
        if !budget.may_check(now) {
            return Err(DropReason::CastUnchecked);
        }
        let message = tree.signed.with(&claim.root);
        let verify = |key: &ParsedPublicKey| key.verify_sig(&message, claim.signature).is_ok();
        let is_right = tree.key.as_ref().is_some_and(verify);
        budget.checked(now, is_right);
        self.checks += 1;
        if !is_right {
            return Err(DropReason::CastBadSignature);
        }
        tree.keep(&claim);
        Ok(())
    }
}
