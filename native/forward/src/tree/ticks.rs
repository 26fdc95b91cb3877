//! What a node says by itself: beats to those it feeds, signs of life to a backup, and asks for what is missing.

use super::cache::Cache;
use super::coding::Codec;
use super::config::{Repair, TreeEvent, TroubleCode};
use super::counters::Counters;
use super::feed::{Feed, State, answer_within, ask_again};
use super::gaps::Ask;
use super::limits::{
    BEAT_EVERY, BEATS_MAX, CACHE_FOR, IDLE_AFTER, PROBE_AFTER, PROBE_AGAIN, RANGES_MAX, RENEW_EVERY,
    RETURN_AFTER, RUNS_FOR,
};
use super::mend;
use super::node::Tree;
use super::out::Out;
use super::resends::Resends;
use super::wire::{Beat, GRAFT_HEAD, NACK_HEAD, Reason, Writer};
use crate::builder::PeerId;

pub(super) struct Tools<'a> {
    pub cache: &'a mut Cache,
    pub counters: &'a mut Counters,
    pub codec: &'a mut Codec,
    pub writer: &'a mut Writer,
    pub out: &'a mut dyn Out,
}

/// Beats of one tick, by peer: several trees share a message.
#[derive(Default)]
pub(super) struct Beats {
    all: Vec<(PeerId, Beat)>,
    listeners: Vec<PeerId>,
}

impl Beats {
    pub fn send(&mut self, tools: &mut Tools<'_>) {
        self.all.sort_by_key(|(peer, _)| *peer);
        for of_peer in self.all.chunk_by(|a, b| a.0 == b.0) {
            for some in of_peer.chunks(BEATS_MAX) {
                tools.writer.start_beats();
                some.iter().for_each(|(_, beat)| tools.writer.beat(beat));
                tools.out.control(some[0].0, tools.writer.bytes());
                tools.counters.beats_sent += 1;
            }
        }
        self.all.clear();
    }

    fn collect(&mut self, tree: &mut Tree, now: u64) {
        let is_due = tree.beat_now || beat_due(tree, now) <= now;
        if !is_due || !tree.runs(now) {
            return;
        }
        tree.beat_listeners(now, &mut self.listeners);
        for peer in &self.listeners {
            self.all.extend(tree.beats(now).map(|beat| (*peer, beat)));
        }
        (tree.spoke, tree.beat_at, tree.beat_now) = (now, now, false);
    }
}

fn beat_due(tree: &Tree, now: u64) -> u64 {
    let last = if now < tree.tell_all_until {
        tree.beat_at
    } else {
        tree.spoke
    };
    last + BEAT_EVERY
}

/// Does what is due and sets when the next thing is.
pub(super) fn tick_tree(
    tree: &mut Tree,
    now: u64,
    tools: &mut Tools<'_>,
    resends: &Resends,
    beats: &mut Beats,
) {
    if !tree.is_origin() {
        watch(tree, now, tools);
        say_farewell(tree, tools);
        if let Some(from) = tree.feed.moved.take() {
            tell_moved(tree, from, tools);
        }
        if tree.repair() == Repair::Fec {
            mend::tell_losses(tree, now, tools);
        }
        repair(tree, now, tools);
    }
    mend::send(tree, now, tools, resends);
    beats.collect(tree, now);
    if let Some(peer) = tree.over_rate.take() {
        complain(tree, now, TroubleCode::OverRate, peer, tools);
    }
    if let Some((hop, dropped)) = tree.over_share.take() {
        let name = Some(tree.name);
        tools.out.event(TreeEvent::Excess { name, hop, dropped });
    }
    let kept_until = tools.cache.expire(&mut tree.shelf, now);
    let lost = tree.streams.lost();
    tools.counters.lost += lost.saturating_sub(tree.lost);
    tree.lost = lost;
    tree.due = next(tree, now, tools).min(kept_until.unwrap_or(u64::MAX));
}

fn tell_moved(tree: &Tree, from: Option<PeerId>, tools: &mut Tools<'_>) {
    if let State::Foster { to, .. } = tree.feed.state {
        tools.counters.moved += 1;
        tools.out.event(TreeEvent::Grafted {
            name: tree.name,
            from,
            to,
        });
    }
}

fn complain(tree: &mut Tree, now: u64, code: TroubleCode, peer: PeerId, tools: &mut Tools<'_>) {
    if tree.may_complain(now, code) {
        let name = tree.name;
        tools.out.event(TreeEvent::Trouble { name, code, peer });
    }
}

fn say_farewell(tree: &mut Tree, tools: &mut Tools<'_>) {
    for peer in std::mem::take(&mut tree.feed.farewells) {
        tools.writer.ungraft(tree.name, tree.live, Reason::Leaves);
        tools.out.control(peer, tools.writer.bytes());
    }
}

/// Watches over who feeds this node.
fn watch(tree: &mut Tree, now: u64, tools: &mut Tools<'_>) {
    let rtt = tree.feeder().map_or(0, |peer| tools.out.rtt(peer));
    let slack = tools.out.slack();
    let is_late = now >= tree.feed.silent_at(rtt, slack) || now >= tree.starving_at() + slack;
    let is_silent = tree.is_judged(now) && is_late;
    match tree.feed.state {
        State::Parent => {
            if is_silent || (tree.feed.parent_gone && is_wanted(tree, now)) {
                search(tree, now, 0, tools);
            } else {
                probe(tree, now, tools);
            }
        }
        State::Asking { place, since, .. } => {
            if now >= since + patience(&tree.feed, tools) {
                tree.feed.leave_asked(now);
                search(tree, now, place + 1, tools);
            }
        }
        State::Foster {
            to, place, renewed, ..
        } => {
            if !is_wanted(tree, now) || (tree.feed.parent_speaks(now, RETURN_AFTER) && !tree.is_starving(now))
            {
                tree.feed.back(now);
            } else if is_silent {
                tree.feed.leave(now, to);
                search(tree, now, place + 1, tools);
            } else {
                if now >= renewed + RENEW_EVERY {
                    renew(tree, now, to, tools);
                }
                probe(tree, now, tools);
            }
        }
        State::Waiting { again } if now >= again => {
            if is_wanted(tree, now) {
                search(tree, now, 0, tools);
            } else {
                tree.feed.back(now);
            }
        }
        State::Waiting { .. } => {}
    }
}

/// For those that were asked.
fn patience(feed: &Feed, tools: &Tools<'_>) -> u64 {
    let State::Asking { to, also, .. } = feed.state else {
        return u64::MAX;
    };
    let rtt = also.map_or(0, |also| tools.out.rtt(also)).max(tools.out.rtt(to));
    answer_within(rtt, tools.out.slack())
}

/// Of use to be fed: the stream ran a while ago.
fn is_wanted(tree: &Tree, now: u64) -> bool {
    tree.is_of_use() && now < tree.news_at + IDLE_AFTER
}

fn renew(tree: &mut Tree, now: u64, to: PeerId, tools: &mut Tools<'_>) {
    tools.writer.lease(tree.name, tree.live);
    tools.out.control(to, tools.writer.bytes());
    if let State::Foster { renewed, .. } = &mut tree.feed.state {
        *renewed = now;
    }
}

/// Asks a feeder that is silent for a sign of life, twice.
fn probe(tree: &mut Tree, now: u64, tools: &mut Tools<'_>) {
    let Some(peer) = tree.feeder() else { return };
    let silence = now.saturating_sub(tree.feed.heard_at());
    let probes = tree.feed.probes;
    let patience = PROBE_AFTER + u64::from(probes) * PROBE_AGAIN + tools.out.slack() / 2;
    if tree.is_judged(now) && probes < 2 && silence >= patience {
        tree.feed.probes += 1;
        let key_id = tree.streams.begun().next().map_or(0, |stream| stream.key_id);
        tools.writer.nack(tree.name, key_id);
        tools.out.control(peer, tools.writer.bytes());
        tools.counters.asks_sent += 1;
    }
}

/// `peer`, which was asked, or fed, does not want to.
pub(super) fn search_on(tree: &mut Tree, now: u64, peer: PeerId, tools: &mut Tools<'_>) {
    if tree.feed.refused(peer) {
        return;
    }
    if let State::Asking { place, .. } | State::Foster { place, .. } = tree.feed.state {
        search(tree, now, place + 1, tools);
    }
}

/// Asks the candidates from `place` on, until one has a session, or two where somebody was asked before.
fn search(tree: &mut Tree, now: u64, place: usize, tools: &mut Tools<'_>) {
    if let Some(feeder) = tree.feeder() {
        tree.feed.before = Some(feeder);
    }
    let asked_before = matches!(tree.feed.state, State::Asking { .. });
    // It has to speak anew to be gone back to.
    tree.feed.parent_gone |= tree.feed.state == State::Parent;
    tree.fed_since = now;
    if let Some((to, place)) = graft_next(tree, now, place, tools) {
        let second = (asked_before && tree.feed.round == 0).then(|| graft_next(tree, now, place + 1, tools));
        let second = second.flatten();
        tree.feed.state = State::Asking {
            to,
            also: second.map(|(also, _)| also),
            place: second.map_or(place, |(_, place)| place),
            since: now,
        };
        return;
    }
    tree.feed.state = State::Waiting {
        again: now + ask_again(tree.feed.round),
    };
    tree.feed.round += 1;
    // At once: the engine makes sessions with those that were not asked for want of one.
    let peer = tree.live_part().parent.unwrap_or(0);
    complain(tree, now, TroubleCode::NoParent, peer, tools);
}

/// The first candidate from `place` on that has a session, and its place.
fn graft_next(tree: &mut Tree, now: u64, mut place: usize, tools: &mut Tools<'_>) -> Option<(PeerId, usize)> {
    while let Some(to) = tree.candidate(place) {
        if send_graft(tree, now, to, tools) {
            return Some((to, place));
        }
        place += 1;
    }
    None
}

fn send_graft(tree: &mut Tree, now: u64, to: PeerId, tools: &mut Tools<'_>) -> bool {
    let stream = tree.streams.begun().next();
    let have = stream.map(|stream| (stream.key_id, stream.gaps.highest().unwrap_or(0)));
    tools.writer.graft(tree.name, tree.live, have);
    for (first, end) in stream
        .iter()
        .flat_map(|stream| stream.gaps.missing())
        .take(RANGES_MAX)
    {
        tools.writer.range(GRAFT_HEAD, first, end);
    }
    let is_sent = tools.out.control(to, tools.writer.bytes());
    if is_sent {
        tools.counters.grafts_sent += 1;
        let (rtt, key_id) = (tools.out.rtt(to), have.map(|(key_id, _)| key_id));
        let mut asked = tree
            .streams
            .iter_mut()
            .filter(|stream| Some(stream.key_id) == key_id);
        asked.by_ref().for_each(|stream| stream.gaps.asked(now, rtt));
    }
    is_sent
}

/// Asks for what is missing.
fn repair(tree: &mut Tree, now: u64, tools: &mut Tools<'_>) {
    if tree.repair() == Repair::Off {
        let old = now.saturating_sub(CACHE_FOR);
        tree.streams.iter_mut().for_each(|stream| stream.gaps.forget(old));
        return;
    }
    let Some(feeder) = tree.feeder() else { return };
    let backup = (0..)
        .map_while(|place| tree.candidate(place))
        .find(|peer| *peer != feeder);
    let (rtt, name) = (tools.out.rtt(feeder), tree.name);
    for stream in tree.streams.iter_mut() {
        let mut asks = [None; RANGES_MAX];
        let mut n = 0;
        stream.gaps.due(now, rtt, RANGES_MAX, &mut |ask| {
            asks[n] = Some(ask);
            n += 1;
        });
        let asks = &asks[..n];
        ask(
            feeder,
            (name, stream.key_id),
            asks.iter().flatten().filter(|ask| !ask.of_backup),
            tools,
        );
        let of_backup = asks.iter().flatten().filter(|ask| ask.of_backup);
        ask(backup.unwrap_or(feeder), (name, stream.key_id), of_backup, tools);
    }
}

fn ask<'a>(
    of: PeerId,
    (name, key_id): (super::config::TreeName, u32),
    asks: impl Iterator<Item = &'a Ask>,
    tools: &mut Tools<'_>,
) {
    let mut asks = asks.peekable();
    if asks.peek().is_none() {
        return;
    }
    tools.writer.nack(name, key_id);
    for ask in asks {
        tools.writer.range(NACK_HEAD, ask.first, ask.end);
    }
    tools.out.control(of, tools.writer.bytes());
    tools.counters.asks_sent += 1;
}

/// When something is due next.
fn next(tree: &mut Tree, now: u64, tools: &Tools<'_>) -> u64 {
    let mut due = u64::MAX;
    if tree.runs(now) && tree.has_listeners(now) {
        due = due.min(beat_due(tree, now).max(now + 1));
    }
    due = due.min(tree.coding.due().max(now + 1));
    if tree.is_origin() {
        return due;
    }
    let feeder = tree.feeder();
    if let Some(feeder) = feeder {
        if tree.is_judged(now) {
            let probes = u64::from(tree.feed.probes);
            let slack = tools.out.slack();
            let probe = tree.feed.heard_at() + PROBE_AFTER + probes * PROBE_AGAIN + slack / 2;
            let silent = tree.feed.silent_at(tools.out.rtt(feeder), slack);
            due = due.min(if probes < 2 { probe.min(silent) } else { silent });
            due = due.min(tree.starving_at() + slack);
        }
        if tree.repair() != Repair::Off {
            due = due.min(tree.streams.next_due());
        }
        if tree.repair() == Repair::Fec && tree.runs(now) {
            due = due.min(tree.measured.next);
        }
    }
    let feed = match tree.feed.state {
        State::Parent => u64::MAX,
        State::Asking { since, .. } => since.saturating_add(patience(&tree.feed, tools)),
        State::Foster { renewed, .. } => {
            let back = tree.feed.parent_since + RETURN_AFTER;
            let back = if back > now { back } else { u64::MAX };
            (renewed + RENEW_EVERY).min(back)
        }
        State::Waiting { again } => again,
    };
    due.min(feed).max(now + 1)
}

const _: () = assert!(RUNS_FOR > super::limits::JUDGED_FOR);
