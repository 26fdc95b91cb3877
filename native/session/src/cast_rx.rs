//! Opening multicast: sender keys by (network, origin, tree, key id), duplicates, and casts that came before their key.
//! Owned by one receiving thread.

use crate::aead::{Key, TAG};
use crate::cast::{AUTH_SHARED, SenderKey};
use crate::drops::{DropReason, Drops};
use crate::limits::{
    CAST_KEYS_MAX, CAST_KEYS_PER_ORIGIN, CAST_KEYS_PER_TREE, CAST_WINDOW, HELD_BYTES_MAX, HELD_FOR,
    HELD_KEYS_MAX, HELD_PER_KEY,
};
use crate::proof;
use crate::rx::HopCast;
use crate::signed::AUTH_SIGNED;
use crate::window::Window;
use crate::wire::{CAST_MIN, CAST_PARTIAL, HEADER, SEQUENCE_MASK, STAMP};
use std::collections::BTreeMap;
use std::ops::Range;

pub(crate) const WINDOW_WORDS: usize = (CAST_WINDOW as usize / 64) * 2;

type Origin = [u8; 8];
/// Tree 0: keys of what is sent directly. A cast is opened by a key of the tree that its stamp names, or by none.
type KeyName = (u32, Origin, u16, u32);

struct Entry {
    key: Key,
    scope: u32,
    lowest: u64,
    window: Window<WINDOW_WORDS>,
    /// When it was installed or last opened a cast: the longest unused is given up when the table is full.
    used: u64,
}

/// An opened cast; `packet` is its place in the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedCast {
    pub packet: Range<usize>,
    pub scope: u32,
    /// Without flags.
    pub sequence: u64,
    /// The packet's L4 checksum is partial.
    pub partial: bool,
}

/// A cast that waited for its key; give it to `open` again.
#[derive(Debug)]
pub struct HeldCast {
    pub cast: HopCast,
    pub frame: Vec<u8>,
}

struct Held {
    since: u64,
    casts: Vec<HeldCast>,
}

/// Sender keys that others gave us.
#[derive(Default)]
pub struct CastRx {
    keys: BTreeMap<KeyName, Entry>,
    held: BTreeMap<KeyName, Held>,
    held_bytes: usize,
    drops: Drops,
}

impl CastRx {
    pub fn new() -> CastRx {
        CastRx::default()
    }

    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// Sender keys known.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of casts that wait for a key.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Takes the key of an `Output::SenderKey`, or of a tree, and returns the casts that waited for it, oldest first. A key given
    /// again keeps its duplicate window.
    pub fn install(&mut self, now: u64, net: u32, origin: Origin, key: &SenderKey) -> Vec<HeldCast> {
        let name = (net, origin, key.tree(), key.key_id);
        let known = self.keys.get(&name).is_some_and(|e| e.scope == key.scope);
        if !known {
            self.make_room(net, origin, key.tree());
            let entry = Entry {
                key: Key::new(key.suite, &key.key),
                scope: key.scope,
                lowest: key.lowest,
                window: Window::new(),
                used: now,
            };
            self.keys.insert(name, entry);
        }
        self.expire(now);
        let held = self.held.remove(&name).map(|h| h.casts).unwrap_or_default();
        self.held_bytes -= held.iter().map(|h| h.frame.len()).sum::<usize>();
        held
    }

    /// Forgets the keys that an origin gave by frames (`Output::OriginForgotten`). Those of its trees stay: they do not go with
    /// a session.
    pub fn remove_origin(&mut self, net: u32, origin: Origin) {
        self.remove_tree(net, origin, 0);
    }

    /// Forgets the keys of an origin's tree.
    pub fn remove_tree(&mut self, net: u32, origin: Origin, tree: u16) {
        let name = (net, origin, tree);
        self.keys.retain(|(n, o, t, _), _| (*n, *o, *t) != name);
        self.forget_held(|(n, o, t, _)| (*n, *o, *t) == name);
    }

    /// Some key of that tree is known: this host is a subscriber.
    pub fn knows_tree(&self, net: u32, origin: Origin, tree: u16) -> bool {
        let names = (net, origin, tree, 0)..=(net, origin, tree, u32::MAX);
        self.keys.range(names).next().is_some()
    }

    /// Forgets all keys of a network.
    pub fn remove_network(&mut self, net: u32) {
        self.keys.retain(|(n, ..), _| *n != net);
        self.forget_held(|(n, ..)| *n == net);
    }

    /// Opens the inner seal in place; afterwards `frame[opened.packet]` is the IP packet. Stamp the frame for other
    /// hops before this. On failure the frame's content is undefined.
    ///
    /// # Errors
    /// `UnknownKey`: a copy is kept for a moment if there is room (see `install`); of a tree only where another of its keys is
    /// known, so that who merely passes casts on keeps none. `CastDuplicate`, `CastBadTag`. Signatures are not looked at: those of
    /// trees are `SignedRx`'s to check before.
    pub fn open(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) -> Result<OpenedCast, DropReason> {
        let result = self.try_open(now, cast, frame);
        if let Err(reason) = result {
            self.drops.count(reason);
        }
        result
    }

    fn try_open(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) -> Result<OpenedCast, DropReason> {
        if frame.len() < CAST_MIN {
            return Err(DropReason::Malformed);
        }
        let stamp = &cast.stamp;
        let start = HEADER + STAMP + proof_of(cast, frame)?;
        let Some(entry) = self.keys.get_mut(&name_of(cast)) else {
            if stamp.tree == 0 || self.knows_tree(cast.opened.net, stamp.origin, stamp.tree) {
                self.hold(now, cast, frame);
            }
            return Err(DropReason::UnknownKey);
        };
        let sequence = stamp.sequence & SEQUENCE_MASK;
        if sequence < entry.lowest || !entry.window.check(sequence) {
            return Err(DropReason::CastDuplicate);
        }
        let end = frame.len() - 2 * TAG;
        let sealed = &mut frame[start..end + TAG];
        if !entry
            .key
            .open(stamp.sequence, &stamp.inner_aad(cast.auth), sealed)
        {
            return Err(DropReason::CastBadTag);
        }
        entry.window.commit(sequence);
        entry.used = now;
        let partial = stamp.sequence & CAST_PARTIAL != 0;
        Ok(OpenedCast {
            packet: start..end,
            scope: entry.scope,
            sequence,
            partial,
        })
    }

    fn hold(&mut self, now: u64, cast: &HopCast, frame: &[u8]) {
        self.expire(now);
        let name = name_of(cast);
        let fits = self.held_bytes + frame.len() <= HELD_BYTES_MAX;
        if !fits || (self.held.len() >= HELD_KEYS_MAX && !self.held.contains_key(&name)) {
            return;
        }
        let held = self.held.entry(name).or_insert_with(|| Held {
            since: now,
            casts: Vec::new(),
        });
        if held.casts.len() < HELD_PER_KEY {
            held.casts.push(HeldCast {
                cast: *cast,
                frame: frame.to_vec(),
            });
            self.held_bytes += frame.len();
        }
    }

    fn expire(&mut self, now: u64) {
        let old: Vec<KeyName> = self
            .held
            .iter()
            .filter(|(_, h)| h.since + HELD_FOR < now)
            .map(|(n, _)| *n)
            .collect();
        if !old.is_empty() {
            self.forget_held(|name| old.contains(name));
        }
    }

    fn forget_held(&mut self, forget: impl Fn(&KeyName) -> bool) {
        let bytes = &mut self.held_bytes;
        self.held.retain(|name, held| {
            let gone = forget(name);
            if gone {
                *bytes -= held.casts.iter().map(|h| h.frame.len()).sum::<usize>();
            }
            !gone
        });
    }

    /// Gives up the longest unused key of this origin and tree, or of all, until one more fits.
    fn make_room(&mut self, net: u32, origin: Origin, tree: u16) {
        let of_origin = (net, origin, tree, 0)..=(net, origin, tree, u32::MAX);
        let most = if tree == 0 {
            CAST_KEYS_PER_ORIGIN
        } else {
            CAST_KEYS_PER_TREE
        };
        if self.keys.range(of_origin.clone()).count() >= most {
            let oldest = self
                .keys
                .range(of_origin)
                .min_by_key(|(_, e)| e.used)
                .map(|(n, _)| *n);
            oldest.map(|name| self.keys.remove(&name));
        }
        if self.keys.len() >= CAST_KEYS_MAX {
            let oldest = self.keys.iter().min_by_key(|(_, e)| e.used).map(|(n, _)| *n);
            oldest.map(|name| self.keys.remove(&name));
        }
    }
}

/// Bytes of the proof between stamp and packet. What takes no tree is never signed: its hop is its origin.
fn proof_of(cast: &HopCast, frame: &[u8]) -> Result<usize, DropReason> {
    let most = frame.len() - 2 * TAG;
    match cast.auth {
        AUTH_SHARED => Ok(0),
        AUTH_SIGNED if cast.stamp.tree != 0 => {
            proof::length(&frame[HEADER + STAMP..most]).ok_or(DropReason::Malformed)
        }
        _ => Err(DropReason::CastWrongAuth),
    }
}

fn name_of(cast: &HopCast) -> KeyName {
    let stamp = &cast.stamp;
    (cast.opened.net, stamp.origin, stamp.tree, stamp.key_id)
}
