//! What other nodes of a tree say and ask.

use super::config::ControlRefusal;
use super::limits::{BEAT_ON, RESENDS_MAX};
use super::mend;
use super::node::Tree;
use super::out::Out;
use super::plane::TreePlane;
use super::resends::Resends;
use super::ticks::{Tools, search_on};
use super::wire::{self, Beat, Graft, Loss, Nack, Parity, Reason, Stay, Verb};
use crate::builder::PeerId;

pub(super) fn take(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    message: &[u8],
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let malformed = ControlRefusal::Malformed;
    let verb = message.first().ok_or(malformed)?;
    match Verb::of(*verb).ok_or(ControlRefusal::UnknownVerb)? {
        Verb::Beat => {
            let mut result = Ok(());
            for beat in wire::beats(message).ok_or(malformed)? {
                result = on_beat(plane, now, from, &beat).and(result);
            }
            result
        }
        Verb::Nack => on_nack(plane, now, from, wire::nack(message).ok_or(malformed)?, out),
        Verb::Graft => on_graft(plane, now, from, wire::graft(message).ok_or(malformed)?, out),
        Verb::Lease => on_lease(plane, now, from, wire::stay(message).ok_or(malformed)?, out),
        Verb::Ungraft => on_ungraft(plane, now, from, wire::stay(message).ok_or(malformed)?, out),
        Verb::Parity => on_parity(plane, now, from, wire::parity(message).ok_or(malformed)?, out),
        Verb::Loss => on_loss(plane, now, from, wire::loss(message).ok_or(malformed)?, out),
    }
}

type Found<'a, 'b> = (&'a mut Tree, Tools<'b>, &'b mut Resends, &'b mut u64);

fn find<'a>(plane: &'a mut TreePlane, name: super::TreeName, out: &'a mut dyn Out) -> Option<Found<'a, 'a>> {
    let place = plane.place(name)?;
    let tools = Tools {
        cache: &mut plane.cache,
        counters: &mut plane.counters,
        codec: &mut plane.codec,
        writer: &mut plane.writer,
        out,
    };
    let tree = plane.trees[usize::from(place)].as_deref_mut()?;
    Some((tree, tools, &mut plane.resends, &mut plane.due))
}

fn on_beat(plane: &mut TreePlane, now: u64, from: PeerId, beat: &Beat) -> Result<(), ControlRefusal> {
    let place = plane.place(beat.name).ok_or(ControlRefusal::UnknownTree)?;
    let tree = plane.trees[usize::from(place)].as_deref_mut();
    let tree = tree.ok_or(ControlRefusal::UnknownTree)?;
    if !tree.may_tell(now, from) {
        return Err(ControlRefusal::WrongPeer);
    }
    tree.hear(now, from, beat.epoch);
    let fresh = now.saturating_sub(u64::from(beat.age) * 1_000 + 1);
    tree.fresh = tree.fresh.max(fresh);
    let is_fed_by = tree.is_fed_by(now, from);
    let stream = tree.streams.open(now, beat.key_id);
    if (is_fed_by || !stream.is_leap(beat.highest)) && stream.told(now, from, beat.highest) {
        tree.news_at = now;
    }
    if tree.feeder() == Some(from) && now >= tree.spoke + BEAT_ON {
        tree.beat_now = true;
    }
    // What is due now is found by a tick.
    tree.due = now;
    plane.due = plane.due.min(now);
    Ok(())
}

fn on_nack(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    nack: Nack<'_>,
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let found = find(plane, nack.name, out);
    let (tree, mut tools, resends, due) = found.ok_or(ControlRefusal::UnknownTree)?;
    if !tree.may_ask(from) && !tree.has_adopted(now, from) {
        return Err(ControlRefusal::WrongPeer);
    }
    if nack.missing.is_empty() {
        // A child of before that knows of no newer epoch waits in vain: it is fed on.
        if !tree.is_fed_here(now, from) && tree.adopt(now, from).is_ok() {
            tools.counters.adopted += 1;
        }
        say_beat(tree, now, from, &mut tools);
        return Ok(());
    }
    let mut again = Again {
        now,
        to: from,
        left: RESENDS_MAX,
        resends,
    };
    for (first, end) in nack.missing.iter() {
        again.range(tree, nack.key_id, (first, end), &mut tools);
    }
    tree.due = tree.due.min(tree.streams.next_due());
    *due = (*due).min(tree.due);
    Ok(())
}

fn on_graft(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    graft: Graft<'_>,
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let name = graft.name;
    if plane.place(name).is_none() {
        plane.writer.ungraft(name, graft.epoch, Reason::UnknownTree);
        out.control(from, plane.writer.bytes());
        return Err(ControlRefusal::UnknownTree);
    }
    let found = find(plane, name, out);
    let (tree, mut tools, resends, due) = found.ok_or(ControlRefusal::UnknownTree)?;
    if let Err(reason) = tree.adopt(now, from) {
        tools.counters.not_adopted += 1;
        tools.writer.ungraft(name, tree.live, reason);
        tools.out.control(from, tools.writer.bytes());
        return if reason == Reason::NotAdoptable {
            Err(ControlRefusal::WrongPeer)
        } else {
            Ok(())
        };
    }
    tools.counters.adopted += 1;
    tools.writer.lease(name, tree.live);
    tools.out.control(from, tools.writer.bytes());
    if let Some(have) = graft.have {
        let mut again = Again {
            now,
            to: from,
            left: RESENDS_MAX,
            resends,
        };
        for range in graft.missing.iter() {
            again.range(tree, have.0, range, &mut tools);
        }
        again.newer(tree, have, &mut tools);
    }
    say_beat(tree, now, from, &mut tools);
    tree.due = now;
    *due = (*due).min(now);
    Ok(())
}

/// From a child: feed me on. From the one that was asked: yes.
fn on_lease(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    stay: Stay,
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let found = find(plane, stay.name, out);
    let (tree, tools, _, due) = found.ok_or(ControlRefusal::UnknownTree)?;
    if tree.feed.is_foster(now, from) {
        let epoch = tree.live;
        tree.hear(now, from, epoch);
        tree.due = now;
        *due = (*due).min(now);
    } else if !tree.renew(now, from) {
        // Its lease ran out: it has to say what it lacks.
        tools.writer.ungraft(stay.name, tree.live, Reason::NotAdoptable);
        tools.out.control(from, tools.writer.bytes());
        return Err(ControlRefusal::WrongPeer);
    }
    Ok(())
}

fn on_ungraft(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    stay: Stay,
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let found = find(plane, stay.name, out);
    let (tree, mut tools, _, due) = found.ok_or(ControlRefusal::UnknownTree)?;
    if stay.reason == Reason::Leaves {
        tree.disown(from);
    } else if tree.feed.takes_from(from) {
        search_on(tree, now, from, &mut tools);
        tree.due = now;
        *due = (*due).min(now);
    }
    Ok(())
}

fn on_parity(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    parity: Parity<'_>,
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let found = find(plane, parity.name, out);
    let (tree, mut tools, ..) = found.ok_or(ControlRefusal::UnknownTree)?;
    if !tree.may_tell(now, from) {
        return Err(ControlRefusal::WrongPeer);
    }
    mend::take(tree, now, from, &parity, &mut tools);
    Ok(())
}

/// A child tells how much it loses.
fn on_loss(
    plane: &mut TreePlane,
    now: u64,
    from: PeerId,
    loss: Loss,
    out: &mut dyn Out,
) -> Result<(), ControlRefusal> {
    let (tree, ..) = find(plane, loss.name, out).ok_or(ControlRefusal::UnknownTree)?;
    if !tree.is_fed_here(now, from) {
        return Err(ControlRefusal::WrongPeer);
    }
    tree.coding.losses.told(now, from, loss.permille);
    Ok(())
}

fn say_beat(tree: &Tree, now: u64, to: PeerId, tools: &mut Tools<'_>) {
    tools.writer.start_beats();
    let mut any = false;
    for beat in tree.beats(now) {
        tools.writer.beat(&beat);
        any = true;
    }
    if any {
        tools.out.control(to, tools.writer.bytes());
        tools.counters.beats_sent += 1;
    }
}

/// Sends again what one message asks for.
struct Again<'a> {
    now: u64,
    to: PeerId,
    /// Casts that this message may still cause.
    left: usize,
    resends: &'a mut Resends,
}

impl Again<'_> {
    fn range(&mut self, tree: &mut Tree, key_id: u32, (first, end): (u64, u64), tools: &mut Tools<'_>) {
        let end = end.min(first.saturating_add(self.left as u64));
        let mut is_missing = false;
        // What left less than a round trip ago may have crossed with the ask.
        let rtt = tools.out.rtt(self.to);
        for sequence in first..end {
            match tools.cache.get(&tree.shelf, self.now, key_id, sequence) {
                Some(kept) if self.now < kept.at + rtt => {}
                Some(kept) => {
                    let is_allowed = self.may(tree, kept.body.len());
                    count(is_allowed, tools.counters);
                    if is_allowed {
                        tools.out.resend(self.to, kept.hop_limit, kept.body);
                    }
                }
                None => {
                    is_missing = true;
                    tools.counters.not_resent += 1;
                }
            }
        }
        if is_missing && !tree.is_origin() {
            if let Some(stream) = tree.streams.find(key_id) {
                stream.want(self.now, first, end);
            }
        }
    }

    /// All that came after what the other one has.
    fn newer(&mut self, tree: &mut Tree, (key_id, highest): (u32, u64), tools: &mut Tools<'_>) {
        let is_origin = tree.is_origin();
        let Tree {
            streams,
            shelf,
            purse,
            ..
        } = tree;
        for kept in tools.cache.each(shelf, self.now) {
            let is_same = kept.key_id == key_id && kept.sequence > highest;
            if !is_same && !streams.is_later(kept.key_id, key_id) {
                continue;
            }
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let is_allowed = self.resends.may(self.now, self.to, kept.body.len())
                && purse.take(self.now, is_origin, 1, kept.body.len()).is_ok();
            count(is_allowed, tools.counters);
            if is_allowed {
                tools.out.resend(self.to, kept.hop_limit, kept.body);
            }
        }
    }

    fn may(&mut self, tree: &mut Tree, bytes: usize) -> bool {
        self.left = self.left.saturating_sub(1);
        let is_origin = tree.is_origin();
        self.resends.may(self.now, self.to, bytes) && tree.purse.take(self.now, is_origin, 1, bytes).is_ok()
    }
}

fn count(is_sent: bool, counters: &mut super::Counters) {
    *(if is_sent {
        &mut counters.resent
    } else {
        &mut counters.not_resent
    }) += 1;
}
