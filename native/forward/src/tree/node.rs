//! One tree as this node knows it: its part in the newest epochs, whom it feeds, and the streams that come down.

use super::cache::Shelf;
use super::coding::Coding;
use super::config::{CastName, CastRefusal, Repair, TreeConfig, TreeError, TreeName, TroubleCode, is_newer};
use super::excess::bytes_limit;
use super::feed::{Feed, State};
use super::limits::{
    ADOPTED_MAX, ASKED_AGAIN_WITHIN, COPY_HEADERS, EPOCH_LINGER, EPOCHS_KEPT, FED_FREELY, JUDGED_FOR, LEASE,
    LEFT_FOR, ORIGIN_SILENCE, REFUSED_MAX, RUNS_FOR, SILENCE_MOST, TROUBLE_EVERY,
};
use super::losses::Measured;
use super::mend::Mending;
use super::stream::Streams;
use super::wire::{Beat, Reason};
use crate::bucket::TokenBucket;
use crate::budget::Budget;
use crate::builder::PeerId;
use crate::fair::Spell;
use crate::uplink::Flow;
use std::sync::Arc;

/// What this node may send in this tree, and this machine for others in everything.
pub(super) struct Purse {
    bucket: TokenBucket,
    relay: Arc<Budget>,
    uplink: Arc<Flow>,
}

/// Why a copy may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broke {
    /// What was given to the tree, or to what is passed on for others, is spent.
    Rate,
    /// The uplink is full, and others want their shares of it.
    Uplink,
}

impl Purse {
    /// Takes `copies` of `bytes` each, all or none.
    pub fn take(&mut self, now: u64, is_origin: bool, copies: usize, bytes: usize) -> Result<(), Broke> {
        // Asking for nothing would have to wait until the packet's copy for repair has reached the memory.
        if copies == 0 {
            return Ok(());
        }
        let all = (copies * bytes).min(u32::MAX as usize) as u32;
        let with_headers = copies as u64 * (bytes as u64 + COPY_HEADERS);
        if !self.uplink.take(now, with_headers) {
            return Err(Broke::Uplink);
        }
        let may = (is_origin || self.relay.take(now, with_headers)) && self.bucket.take_all(now, all);
        may.then_some(()).ok_or(Broke::Rate)
    }
}

#[derive(Debug)]
struct Adopted {
    peer: PeerId,
    until: u64,
}

pub(super) struct Tree {
    pub name: TreeName,
    /// Newest first, never empty.
    parts: Vec<TreeConfig>,
    /// The newest epoch of which something came; the newest of all before anything did, and at the origin.
    pub live: u16,
    /// The one before, whose children still hear beats until then.
    lingering: Option<(u16, u64)>,
    adopted: Vec<Adopted>,
    /// Who was told that this node feeds enough, and until when its next try counts as a second one.
    refused: Vec<(PeerId, u64)>,
    pub streams: Streams,
    pub shelf: Shelf,
    pub feed: Feed,
    /// Parity for those that are fed here.
    pub coding: Coding,
    /// Parity that came.
    pub mending: Mending,
    pub measured: Measured,
    pub purse: Purse,
    rate: u64,
    /// When the newest sequence was learnt; 0: never.
    pub news_at: u64,
    /// When all children were last sent something.
    pub spoke: u64,
    /// The last beat, and until when older streams are told of as well: their last casts may be missing.
    pub beat_at: u64,
    pub tell_all_until: u64,
    pub beat_now: bool,
    /// When the origin last spoke, as far as is known here.
    pub fresh: u64,
    /// When this node last began to look for another feeder.
    pub fed_since: u64,
    /// Next call of `tick`.
    pub due: u64,
    trouble: [u64; 4],
    pub over_rate: Option<PeerId>,
    /// It wants more than its share of the uplink: who brings it, and how much was dropped.
    pub over_share: Option<(PeerId, u64)>,
    /// What may come of it.
    pub taking: TokenBucket,
    pub excess: Spell,
    /// Wrong tags and signatures that were not told of.
    pub bad_casts: u32,
    /// Sequences given up, as far as counted.
    pub lost: u64,
}

impl Tree {
    /// `taking`: what may come of it.
    pub fn new(
        now: u64,
        config: TreeConfig,
        (relay, uplink): (Arc<Budget>, Arc<Flow>),
        taking: TokenBucket,
    ) -> Tree {
        let rate = config.bytes_per_second;
        Tree {
            name: config.name,
            live: config.epoch,
            parts: vec![config],
            lingering: None,
            adopted: Vec::new(),
            refused: Vec::new(),
            streams: Streams::default(),
            shelf: Shelf::default(),
            feed: Feed::new(now),
            coding: Coding::default(),
            mending: Mending::default(),
            measured: Measured::default(),
            purse: Purse {
                bucket: TokenBucket::new(bytes_limit(rate), now),
                relay,
                uplink,
            },
            rate,
            news_at: 0,
            spoke: 0,
            beat_at: 0,
            tell_all_until: 0,
            beat_now: false,
            fresh: 0,
            fed_since: now,
            due: u64::MAX,
            trouble: [0; 4],
            over_rate: None,
            over_share: None,
            taking,
            excess: Spell::default(),
            bad_casts: 0,
            lost: 0,
        }
    }

    /// Adds an epoch or replaces it; beyond [`EPOCHS_KEPT`] the oldest goes that is not the one by which casts come.
    pub fn set(&mut self, now: u64, config: TreeConfig) -> Result<(), TreeError> {
        let place = self
            .parts
            .iter()
            .position(|part| !is_newer(part.epoch, config.epoch));
        let place = place.unwrap_or(self.parts.len());
        if place >= EPOCHS_KEPT {
            return Err(TreeError::OldEpoch);
        }
        if place == 0 && config.bytes_per_second != self.rate {
            self.rate = config.bytes_per_second;
            self.purse.bucket = TokenBucket::new(bytes_limit(self.rate), now);
        }
        let is_known = self
            .parts
            .get(place)
            .is_some_and(|part| part.epoch == config.epoch);
        if is_known {
            self.parts[place] = config;
        } else {
            self.parts.insert(place, config);
            if self.parts.len() > EPOCHS_KEPT {
                let live = self.live;
                let oldest = self.parts.iter().rposition(|part| part.epoch != live);
                self.parts.remove(oldest.unwrap_or(EPOCHS_KEPT));
            }
        }
        let newest = &self.parts[0];
        if self.news_at == 0 || newest.parent.is_none() || self.part(self.live).is_none() {
            let epoch = newest.epoch;
            self.go_live(now, epoch);
        }
        self.due = now;
        Ok(())
    }

    pub fn part(&self, epoch: u16) -> Option<&TreeConfig> {
        self.parts.iter().find(|part| part.epoch == epoch)
    }

    pub fn newest(&self) -> &TreeConfig {
        &self.parts[0]
    }

    pub fn live_part(&self) -> &TreeConfig {
        self.part(self.live).unwrap_or(&self.parts[0])
    }

    pub fn is_origin(&self) -> bool {
        self.parts[0].parent.is_none()
    }

    pub fn repair(&self) -> Repair {
        self.parts[0].repair
    }

    pub fn go_live(&mut self, now: u64, epoch: u16) {
        if epoch != self.live {
            let before = self.live_part().parent;
            self.lingering = Some((self.live, now + EPOCH_LINGER));
            self.live = epoch;
            self.feed.epoch_changed(now, before != self.live_part().parent);
            self.beat_now = true;
        }
    }

    /// Whether a cast of that epoch may come from `from`: its parent in it, its parent in a newer one (which repairs what was
    /// lost at a switch), the backup that this node went to, or the parent that feeds it: that one may know of newer epochs earlier,
    /// and what describes them may have been lost on its way here.
    pub fn may_bring(&self, now: u64, epoch: u16, from: PeerId) -> Result<(), CastRefusal> {
        // An origin takes its own casts from nobody, whatever else is set.
        let brings = |part: &TreeConfig| part.parent == Some(from) && !is_newer(epoch, part.epoch);
        if !self.is_origin() && (self.is_fed_by(now, from) || self.parts.iter().any(brings)) {
            Ok(())
        } else if self.part(epoch).is_none() {
            Err(CastRefusal::UnknownEpoch)
        } else {
            Err(CastRefusal::WrongParent)
        }
    }

    /// Whether `from` feeds this node now, rather than in an epoch that others have left.
    pub fn is_fed_by(&self, now: u64, from: PeerId) -> bool {
        self.live_part().parent == Some(from) || self.feed.is_foster(now, from)
    }

    /// Whether the cast is new, from one who may bring it. `Err(Duplicate)`: its bringer lives all the same.
    pub fn admits(&mut self, now: u64, from: PeerId, cast: &CastName) -> Result<(), CastRefusal> {
        self.may_bring(now, cast.epoch, from)?;
        let is_fed_by = self.is_fed_by(now, from);
        let Some(stream) = self.streams.find(cast.key_id) else {
            return Ok(());
        };
        if is_fed_by && stream.is_doubted(from, cast.sequence) {
            self.streams.begin_anew(now, cast.key_id);
            return Ok(());
        }
        if stream.seen.has(cast.sequence) {
            return Err(CastRefusal::Duplicate);
        }
        if !is_fed_by && stream.is_leap(cast.sequence) {
            return Err(CastRefusal::Malformed);
        }
        Ok(())
    }

    /// Whether `from` may tell this node about the stream.
    pub fn may_tell(&self, now: u64, from: PeerId) -> bool {
        let is_parent = self.parts.iter().any(|part| part.parent == Some(from));
        !self.is_origin() && (is_parent || self.feed.is_foster(now, from))
    }

    /// Whether `peer` may ask this node for what it misses.
    pub fn may_ask(&self, peer: PeerId) -> bool {
        let has = |part: &TreeConfig| part.children.contains(&peer) || part.adoptable.contains(&peer);
        self.parts.iter().any(has)
    }

    /// Something of the stream came from one who may. `epoch`: of the cast, or in which the sender lives.
    pub fn hear(&mut self, now: u64, from: PeerId, epoch: u16) {
        // A parent of before that feeds this node on, though another one should by then, is not left for that one's silence.
        let stays = |part: &TreeConfig| part.parent == Some(from) || self.live_part().parent != Some(from);
        if is_newer(epoch, self.live) && self.part(epoch).is_some_and(stays) {
            self.go_live(now, epoch);
        }
        let is_parent = self.live_part().parent == Some(from);
        if self.feed.heard(now, from, is_parent) {
            self.due = now;
        }
    }

    /// Everybody to whom a cast of that epoch goes, each once, never back.
    pub fn listeners(&self, now: u64, epoch: u16, from: Option<PeerId>, into: &mut Vec<PeerId>) {
        into.clear();
        // By an epoch that is not known here it goes on as it came.
        let part = self.part(epoch).unwrap_or(self.live_part());
        into.extend(part.children.iter().copied().filter(|peer| Some(*peer) != from));
        for adopted in &self.adopted {
            let peer = adopted.peer;
            if adopted.until > now && Some(peer) != from && !part.children.contains(&peer) {
                into.push(peer);
            }
        }
    }

    /// Everybody who hears beats.
    pub fn beat_listeners(&self, now: u64, into: &mut Vec<PeerId>) {
        self.listeners(now, self.live, None, into);
        let lingering = self.lingering.filter(|(_, until)| *until > now);
        if let Some(part) = lingering.and_then(|(epoch, _)| self.part(epoch)) {
            for peer in &part.children {
                if !into.contains(peer) {
                    into.push(*peer);
                }
            }
        }
    }

    pub fn has_listeners(&self, now: u64) -> bool {
        let lingers = self.lingering.is_some_and(|(_, until)| until > now);
        lingers || !self.live_part().children.is_empty() || self.adopted.iter().any(|a| a.until > now)
    }

    /// Feeds `peer` for a lease.
    pub fn adopt(&mut self, now: u64, peer: PeerId) -> Result<(), Reason> {
        if !self.may_ask(peer) {
            return Err(Reason::NotAdoptable);
        }
        // Whom this node takes from, or just asked, does not take from it.
        if self.feeder() == Some(peer) || self.feed.asks(peer) {
            return Err(Reason::NotAdoptable);
        }
        let may_be_hungry = self.is_judged(now) || self.newest().left;
        if !self.is_origin() && may_be_hungry && !self.is_fed(now) {
            return Err(Reason::Hungry);
        }
        self.adopted.retain(|a| a.until > now && a.peer != peer);
        let fed = self.live_part().children.len() + self.adopted.len();
        if self.adopted.len() >= ADOPTED_MAX || (fed >= FED_FREELY && !self.asks_again(now, peer)) {
            return Err(Reason::Full);
        }
        let until = now + LEASE;
        self.adopted.push(Adopted { peer, until });
        Ok(())
    }

    /// Refused before, a moment ago: nobody else takes it.
    fn asks_again(&mut self, now: u64, peer: PeerId) -> bool {
        self.refused.retain(|(_, until)| *until > now);
        if let Some(place) = self.refused.iter().position(|(asker, _)| *asker == peer) {
            self.refused.swap_remove(place);
            return true;
        }
        if self.refused.len() < REFUSED_MAX {
            self.refused.push((peer, now + ASKED_AGAIN_WITHIN));
        }
        false
    }

    /// Is sent all casts.
    pub fn is_fed_here(&self, now: u64, peer: PeerId) -> bool {
        self.live_part().children.contains(&peer) || self.has_adopted(now, peer)
    }

    /// True when it was adopted.
    pub fn renew(&mut self, now: u64, peer: PeerId) -> bool {
        let found = self.adopted.iter_mut().find(|a| a.peer == peer && a.until > now);
        found.map(|a| a.until = now + LEASE).is_some()
    }

    pub fn has_adopted(&self, now: u64, peer: PeerId) -> bool {
        self.adopted.iter().any(|a| a.peer == peer && a.until > now)
    }

    pub fn disown(&mut self, peer: PeerId) {
        self.adopted.retain(|a| a.peer != peer);
    }

    /// From whom the stream is to come now.
    pub fn feeder(&self) -> Option<PeerId> {
        match self.feed.state {
            State::Parent => self.live_part().parent,
            State::Foster { to, .. } => Some(to),
            State::Asking { .. } | State::Waiting { .. } => None,
        }
    }

    /// A stream comes down that ended less than [`JUDGED_FOR`] ago: silence means something.
    pub fn is_judged(&self, now: u64) -> bool {
        self.is_of_use() && now < self.news_at + JUDGED_FOR
    }

    /// A stream came, and this node has a part in it.
    pub fn is_of_use(&self) -> bool {
        self.news_at > 0 && !self.newest().left
    }

    pub fn runs(&self, now: u64) -> bool {
        self.news_at > 0 && now < self.news_at + RUNS_FOR
    }

    /// Has somebody who speaks and who knows of the origin.
    fn is_fed(&self, now: u64) -> bool {
        self.feeder().is_some() && now < self.feed.heard_at() + SILENCE_MOST && !self.is_starving(now)
    }

    /// Whoever speaks has not heard of the origin for too long: it is cut off itself, or a ring was closed.
    pub fn is_starving(&self, now: u64) -> bool {
        now >= self.fresh + ORIGIN_SILENCE
    }

    /// When somebody else is looked for: the feeder speaks, but knows nothing of the origin. A new one is given time to say so.
    pub fn starving_at(&self) -> u64 {
        (self.fresh + ORIGIN_SILENCE).max(self.fed_since + SILENCE_MOST)
    }

    /// What children are to know, the newest stream first.
    pub fn beats(&self, now: u64) -> impl Iterator<Item = Beat> {
        let age = if self.is_origin() {
            0
        } else {
            now.saturating_sub(self.fresh)
        };
        let all = usize::from(now < self.tell_all_until) * usize::MAX;
        let told = self.streams.begun().take(all.max(1));
        let told = told.filter(move |stream| now < stream.used + RUNS_FOR);
        told.map(move |stream| Beat {
            name: self.name,
            epoch: self.live,
            key_id: stream.key_id,
            highest: stream.gaps.highest().unwrap_or(0),
            age: (age / 1_000).min(u64::from(u16::MAX)) as u16,
        })
    }

    /// Peers that may stand in for the parent, in order: the parent of an epoch to come, then the backups.
    pub fn candidate(&self, place: usize) -> Option<PeerId> {
        let (live, newest) = (self.live_part(), self.newest());
        let parent = newest.parent.filter(|_| newest.epoch != live.epoch);
        let all = || {
            parent
                .into_iter()
                .chain(live.backups.iter().copied())
                .chain(newest.backups.iter().copied())
        };
        let fresh = all().enumerate().filter(|(at, peer)| {
            Some(*peer) != live.parent && !all().take(*at).any(|earlier| earlier == *peer)
        });
        fresh.map(|(_, peer)| peer).nth(place)
    }

    /// Whether trouble of this kind may be told now.
    pub fn may_complain(&mut self, now: u64, code: TroubleCode) -> bool {
        let next = &mut self.trouble[code as usize];
        let may = now >= *next;
        if may {
            *next = now + TROUBLE_EVERY;
        }
        may
    }

    /// A peer's session ended. True when this node was fed by it.
    pub fn peer_lost(&mut self, now: u64, peer: PeerId) -> bool {
        self.disown(peer);
        let is_parent = self.live_part().parent == Some(peer);
        self.feed.lost(now, peer, is_parent)
    }

    pub fn left_until(now: u64) -> u64 {
        now + LEFT_FOR
    }
}
