//! What trees, origins and hops may bring, and who brings more.

use super::config::{CastName, CastRefusal, TreeEvent};
use super::node::Tree;
use super::out::Options;
use crate::bucket::{BucketLimit, ORIGINS_MAX, OriginBuckets, TokenBucket};
use crate::builder::PeerId;
use crate::fair::Spell;
use crate::hash::Map;

/// A bucket holds so much of a second …
const BURST_SHARE: u64 = 5;
/// … but at least so many bytes.
const BURST_MIN: u64 = 64 << 10;

/// The buckets of all origins and hops, and the words about who is beyond.
pub(super) struct Takings {
    options: Options,
    origins: OriginBuckets,
    hops: OriginBuckets,
    spells: Map<PeerId, Spell>,
    /// To be told at the next tick.
    words: Vec<TreeEvent>,
}

impl Takings {
    pub fn new(options: Options) -> Takings {
        Takings {
            options,
            origins: OriginBuckets::new(bytes_limit(options.origin_rate)),
            hops: OriginBuckets::new(bytes_limit(options.hop_rate)),
            spells: Map::default(),
            words: Vec::new(),
        }
    }

    /// A full bucket for what comes of one tree.
    pub fn of_tree(&self, now: u64, groups: u16) -> TokenBucket {
        let rate = self.options.group_rate.saturating_mul(u64::from(groups.max(1)));
        TokenBucket::new(bytes_limit(rate), now)
    }

    /// True when it was another rate before: buckets of trees are to be made anew.
    pub fn set_group_rate(&mut self, bytes_per_second: u64) -> bool {
        std::mem::replace(&mut self.options.group_rate, bytes_per_second) != bytes_per_second
    }

    pub fn hop(&mut self, now: u64, hop: PeerId, len: usize) -> Result<(), CastRefusal> {
        if self.hops.take_all(u64::from(hop), now, len as u32) {
            return Ok(());
        }
        if self.spells.len() >= ORIGINS_MAX && !self.spells.contains_key(&hop) {
            self.spells.clear();
        }
        let spell = self.spells.entry(hop).or_default();
        if let Some(dropped) = spell.drop(now, 1) {
            spell.told(now);
            let name = None;
            self.words.push(TreeEvent::Excess { name, hop, dropped });
        }
        Err(CastRefusal::HopRate)
    }

    pub fn cast(
        &mut self,
        now: u64,
        tree: &mut Tree,
        cast: &CastName,
        (hop, len): (PeerId, usize),
    ) -> Result<(), CastRefusal> {
        let len = len as u32;
        if tree.taking.take_all(now, len) && self.origins.take_all(cast.tree.origin, now, len) {
            return Ok(());
        }
        if let Some(dropped) = tree.excess.drop(now, 1) {
            tree.excess.told(now);
            let name = Some(tree.name);
            self.words.push(TreeEvent::Excess { name, hop, dropped });
        }
        Err(CastRefusal::OriginRate)
    }

    pub fn has_words(&self) -> bool {
        !self.words.is_empty()
    }

    pub fn words(&mut self) -> impl Iterator<Item = TreeEvent> + '_ {
        self.words.drain(..)
    }
}

/// A bucket of bytes; 0 = unlimited.
pub(super) fn bytes_limit(bytes_per_second: u64) -> BucketLimit {
    if bytes_per_second == 0 {
        return BucketLimit::UNLIMITED;
    }
    let fit = |n: u64| n.min(u64::from(u32::MAX - 1)) as u32;
    BucketLimit {
        rate: fit(bytes_per_second),
        burst: fit((bytes_per_second / BURST_SHARE).max(BURST_MIN)),
    }
}
