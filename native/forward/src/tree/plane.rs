//! All trees of one network that this node is a part of.

use super::cache::Cache;
use super::coding::Codec;
use super::config::{
    CastName, CastRefusal, ControlRefusal, TreeConfig, TreeError, TreeEvent, TreeName, TroubleCode,
};
use super::counters::Counters;
use super::excess::Takings;
use super::limits::{
    ADOPTABLE_MAX, BACKUPS_MAX, BAD_CASTS_UNTOLD, BEAT_EVERY, CHILDREN_MAX, EPOCH_LINGER, REORDER,
    SEQUENCE_END, TREES_MAX,
};
use super::node::Tree;
use super::out::{Options, Out};
use super::pass::pass_on;
use super::resends::Resends;
use super::ticks::{Beats, Tools, tick_tree};
use super::wire::Writer;
use crate::budget::Budget;
use crate::builder::PeerId;
use crate::hash::Map;
use crate::uplink::Uplink;
use std::sync::Arc;

/// A cast that may be taken: what [`TreePlane::check`] found. Use it before the next change of trees.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    place: u16,
    from: PeerId,
    cast: CastName,
}

pub struct TreePlane {
    pub(super) trees: Vec<Option<Box<Tree>>>,
    names: Map<u128, u16>,
    free: Vec<u16>,
    pub(super) cache: Cache,
    pub(super) counters: Counters,
    pub(super) codec: Codec,
    pub(super) writer: Writer,
    pub(super) resends: Resends,
    /// What this machine passes on for others, in everything.
    relay: Arc<Budget>,
    /// What leaves this machine at all.
    uplink: Arc<Uplink>,
    takings: Takings,
    beats: Beats,
    pub(super) due: u64,
}

impl TreePlane {
    /// `relay`: what this machine may pass on for others, shared with whatever else it passes on.
    pub fn new(options: Options, relay: Arc<Budget>) -> TreePlane {
        TreePlane {
            trees: Vec::new(),
            names: Map::default(),
            free: Vec::new(),
            cache: Cache::new(options.cache_bytes),
            counters: Counters::default(),
            codec: Codec::default(),
            writer: Writer::default(),
            resends: Resends::new(),
            relay,
            uplink: Arc::default(),
            takings: Takings::new(options),
            beats: Beats::default(),
            due: u64::MAX,
        }
    }

    /// The same with an uplink that others share. Before any tree.
    #[must_use]
    pub fn with_uplink(mut self, uplink: Arc<Uplink>) -> TreePlane {
        self.uplink = uplink;
        self
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Another rate for what each group of a tree may bring, bytes a second, 0 = unlimited.
    pub fn set_group_rate(&mut self, now: u64, bytes_per_second: u64) {
        if self.takings.set_group_rate(bytes_per_second) {
            for tree in self.trees.iter_mut().flatten() {
                tree.taking = self.takings.of_tree(now, tree.newest().groups);
            }
        }
    }

    /// Adds an epoch of a tree or replaces it; the newest `EPOCHS_KEPT` are followed. At the origin the newest one is what
    /// children hear of from now on.
    ///
    /// # Errors
    /// Nothing changes when a bound is passed or the epoch is older than all that are kept.
    pub fn set(&mut self, now: u64, config: TreeConfig) -> Result<(), TreeError> {
        if config.children.len() > CHILDREN_MAX
            || config.backups.len() > BACKUPS_MAX
            || config.adoptable.len() > ADOPTABLE_MAX
        {
            return Err(TreeError::TooManyPeers);
        }
        self.due = self.due.min(now);
        self.resends.set_line(now, config.bytes_per_second);
        if let Some(place) = self.place(config.name) {
            let Some(tree) = &mut self.trees[usize::from(place)] else {
                return Ok(());
            };
            let groups = tree.newest().groups;
            tree.set(now, config)?;
            if tree.newest().groups != groups {
                tree.taking = self.takings.of_tree(now, tree.newest().groups);
            }
            return Ok(());
        }
        if self.names.len() >= TREES_MAX {
            return Err(TreeError::TooManyTrees);
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.trees.push(None);
            (self.trees.len() - 1) as u16
        });
        self.names.insert(config.name.key(), place);
        let taking = self.takings.of_tree(now, config.groups);
        let uplink = self.uplink.flow(config.name.origin);
        let mut tree = Box::new(Tree::new(now, config, (self.relay.clone(), uplink), taking));
        tree.due = now;
        self.trees[usize::from(place)] = Some(tree);
        Ok(())
    }

    /// Whether an own cast that waited for its tree may leave now; always where the uplink is not known.
    pub fn has_room(&self, now: u64) -> bool {
        self.resends.has_room(now)
    }

    /// Forgets the tree with all its epochs and adopted children.
    pub fn drop(&mut self, name: TreeName) {
        let Some(place) = self.names.remove(&name.key()) else {
            return;
        };
        if let Some(mut tree) = self.trees[usize::from(place)].take() {
            self.cache.clear(&mut tree.shelf);
        }
        self.free.push(place);
    }

    /// Where a key begins for this subscriber: what lies between and its first cast is missed, if it is little.
    pub fn lowest(&mut self, now: u64, name: TreeName, key_id: u32, lowest: u64) {
        if let Some(tree) = self.place(name).and_then(|place| self.tree(place)) {
            tree.streams.open(now, key_id).set_lowest(lowest);
        }
    }

    /// A cast of a tree (≥ 1) whose hop tag is right, before its inner seal is opened. `len`: bytes of the frame. Who has the key
    /// opens the seal next, and then calls [`TreePlane::take`], [`TreePlane::bad_tag`] or [`TreePlane::bad_signature`].
    ///
    /// # Errors
    /// Why it is to be dropped: counted here, nothing else changes.
    pub fn check(
        &mut self,
        now: u64,
        from: PeerId,
        cast: &CastName,
        len: usize,
    ) -> Result<Pass, CastRefusal> {
        let result = self.try_check(now, from, cast, len);
        if self.takings.has_words() {
            self.due = self.due.min(now);
        }
        if let Err(refusal) = result {
            let counters = &mut self.counters;
            *match refusal {
                CastRefusal::UnknownTree => &mut counters.unknown_tree,
                CastRefusal::UnknownEpoch => &mut counters.unknown_epoch,
                CastRefusal::WrongParent => &mut counters.wrong_parent,
                CastRefusal::Duplicate => &mut counters.duplicates,
                CastRefusal::Malformed => &mut counters.malformed,
                CastRefusal::HopRate => &mut counters.hop_rate,
                CastRefusal::OriginRate => &mut counters.origin_rate,
            } += 1;
        }
        result
    }

    fn try_check(
        &mut self,
        now: u64,
        from: PeerId,
        cast: &CastName,
        len: usize,
    ) -> Result<Pass, CastRefusal> {
        if cast.sequence >= SEQUENCE_END {
            return Err(CastRefusal::Malformed);
        }
        // Before anything else: who brings too much is not looked at closely.
        self.takings.hop(now, from, len)?;
        let place = self.place(cast.tree).ok_or(CastRefusal::UnknownTree)?;
        let Some(tree) = self.tree(place) else {
            return Err(CastRefusal::UnknownTree);
        };
        let admitted = tree.admits(now, from, cast);
        if admitted == Err(CastRefusal::Duplicate) {
            // It came another way as well: its bringer lives.
            tree.hear(now, from, cast.epoch);
            let due = tree.due;
            self.due = self.due.min(due);
        }
        admitted?;
        if let Some(tree) = &mut self.trees[usize::from(place)] {
            self.takings.cast(now, tree, cast, (from, len))?;
        }
        Ok(Pass {
            place,
            from,
            cast: *cast,
        })
    }

    /// Takes a cast that passed. `body`: from stamp to inner tag, as it came. `hop_limit`: to go on with, 0: to nobody.
    /// `children` is filled anew with those to whom it goes now.
    pub fn take(&mut self, now: u64, pass: Pass, hop_limit: u8, body: &[u8], children: &mut Vec<PeerId>) {
        let Pass { place, from, cast } = pass;
        children.clear();
        let TreePlane {
            trees,
            cache,
            counters,
            resends,
            due,
            ..
        } = self;
        let tree = trees.get_mut(usize::from(place)).and_then(Option::as_mut);
        let Some(tree) = tree.filter(|tree| tree.name == cast.tree) else {
            return;
        };
        let is_known = tree.streams.get(cast.key_id).is_some();
        let stream = tree.streams.open(now, cast.key_id);
        // The same may have come while this one waited.
        if stream.seen.has(cast.sequence) {
            counters.duplicates += 1;
            return;
        }
        let is_newest = stream.came(now, from, cast.sequence);
        let has_gaps = !stream.gaps.is_empty();
        counters.taken += 1;
        counters.filled += u64::from(!is_newest);
        tree.hear(now, from, cast.epoch);
        if is_newest {
            (tree.news_at, tree.fresh) = (now, now);
        }
        if !is_known {
            tree.tell_all_until = now + EPOCH_LINGER;
        }
        pass_on(
            tree,
            now,
            (&cast, Some(from), hop_limit, body),
            (cache, counters, resends),
            children,
        );
        tree.due = tree.due.min(now + if has_gaps { REORDER } else { BEAT_EVERY });
        *due = (*due).min(tree.due);
    }

    /// An own cast, sealed. `body`: from stamp to inner tag. `children` is filled anew with those to whom it goes.
    pub fn own(&mut self, now: u64, cast: &CastName, hop_limit: u8, body: &[u8], children: &mut Vec<PeerId>) {
        children.clear();
        let Some(place) = self.place(cast.tree) else {
            return;
        };
        let TreePlane {
            trees,
            cache,
            counters,
            resends,
            due,
            ..
        } = self;
        let Some(tree) = trees[usize::from(place)].as_mut().filter(|tree| tree.is_origin()) else {
            return;
        };
        if tree.streams.get(cast.key_id).is_none() {
            tree.tell_all_until = now + EPOCH_LINGER;
        }
        tree.streams.open(now, cast.key_id).sent(now, cast.sequence);
        (tree.news_at, tree.fresh) = (now, now);
        pass_on(
            tree,
            now,
            (cast, None, hop_limit, body),
            (cache, counters, resends),
            children,
        );
        tree.due = tree.due.min(now + BEAT_EVERY);
        *due = (*due).min(tree.due);
    }

    /// The inner tag of a cast that passed was wrong: instead of `take`. Nothing is marked or passed on; `from` is to blame.
    pub fn bad_tag(&mut self, now: u64, from: PeerId, name: TreeName, out: &mut dyn Out) {
        self.counters.bad_tags += 1;
        self.blame(now, from, (name, TroubleCode::BadTags), out);
    }

    /// The same for a signature.
    pub fn bad_signature(&mut self, now: u64, from: PeerId, name: TreeName, out: &mut dyn Out) {
        self.counters.bad_signatures += 1;
        self.blame(now, from, (name, TroubleCode::BadSignatures), out);
    }

    fn blame(&mut self, now: u64, peer: PeerId, (name, code): (TreeName, TroubleCode), out: &mut dyn Out) {
        let Some(tree) = self.place(name).and_then(|place| self.tree(place)) else {
            return;
        };
        tree.bad_casts += 1;
        if tree.bad_casts >= BAD_CASTS_UNTOLD && tree.may_complain(now, code) {
            tree.bad_casts = 0;
            out.event(TreeEvent::Trouble { name, code, peer });
        }
    }

    /// The plaintext of a data frame of kind 10, its first byte included.
    ///
    /// # Errors
    /// Why it, or a part of it, means nothing here.
    pub fn on_control(
        &mut self,
        now: u64,
        from: PeerId,
        plaintext: &[u8],
        out: &mut dyn Out,
    ) -> Result<(), ControlRefusal> {
        let result = super::control::take(self, now, from, plaintext, out);
        if result == Err(ControlRefusal::WrongPeer) {
            self.counters.wrong_peer += 1;
        }
        result
    }

    /// The session with a peer ended: it feeds nobody and is fed no more.
    pub fn peer_lost(&mut self, now: u64, peer: PeerId, out: &mut dyn Out) {
        for tree in self.trees.iter_mut().flatten() {
            if tree.peer_lost(now, peer) {
                tree.due = now;
                self.due = self.due.min(now);
            }
        }
        self.tick(now, out);
    }

    /// Data to a peer stays unanswered: whoever takes a running stream from it looks for another.
    pub fn peer_suspect(&mut self, now: u64, peer: PeerId, out: &mut dyn Out) {
        let slack = out.slack();
        for tree in self.trees.iter_mut().flatten() {
            if tree.feeder() == Some(peer)
                && tree.is_judged(now)
                && tree.feed.silent_at(0, slack) <= now + SUSPECT_AHEAD
            {
                let is_parent = tree.live_part().parent == Some(peer);
                tree.feed.lost(now, peer, is_parent);
                tree.due = now;
                self.due = self.due.min(now);
            }
        }
        self.tick(now, out);
    }

    /// When to call [`TreePlane::tick`], µs; `u64::MAX`: never. Any call may bring it nearer.
    pub fn next_deadline(&self) -> u64 {
        self.due
    }

    /// Says and asks what is due.
    pub fn tick(&mut self, now: u64, out: &mut dyn Out) {
        if now < self.due {
            return;
        }
        let mut due = u64::MAX;
        self.takings.words().for_each(|event| out.event(event));
        let mut tools = Tools {
            cache: &mut self.cache,
            counters: &mut self.counters,
            codec: &mut self.codec,
            writer: &mut self.writer,
            out,
        };
        for tree in self.trees.iter_mut().flatten() {
            if tree.due <= now {
                tick_tree(tree, now, &mut tools, &self.resends, &mut self.beats);
            }
            due = due.min(tree.due);
        }
        self.beats.send(&mut tools);
        self.due = due;
    }

    /// Who feeds this node in that tree now; `None`: it is the origin, or nobody does.
    pub fn feeder(&self, name: TreeName) -> Option<PeerId> {
        let place = self.place(name)?;
        self.trees[usize::from(place)].as_ref()?.feeder()
    }

    pub(super) fn place(&self, name: TreeName) -> Option<u16> {
        self.names.get(&name.key()).copied()
    }

    fn tree(&mut self, place: u16) -> Option<&mut Tree> {
        self.trees[usize::from(place)].as_deref_mut()
    }
}

/// A peer that speaks up to now is not left because one of its other frames stayed unanswered, µs before its silence would count.
const SUSPECT_AHEAD: u64 = super::limits::SILENCE / 2;
