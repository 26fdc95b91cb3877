//! What the host sends to groups with many receivers: streams that get trees, and packets that wait for them.

use crate::adapter::AdapterThread;
use crate::api::{Event, PeerId};
use crate::command::Command;
use crate::limits::{
    STREAM_ASK_AGAIN_US, STREAM_ENDS_US, STREAM_HELD_FOR_US, STREAM_HELD_MAX, STREAM_RELEASE_EVERY_US,
    STREAM_RELEASE_LASTS_US, STREAMS_MAX, TREE_FROM,
};
use crate::shared::{View, add};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use weft_forward::Verdict;
use weft_forward::tree::limits::COPY_OVERHEAD;
use weft_packet::{Checksum, L3, Splitter};

/// One group that the host sends to.
struct Stream {
    /// Bytes of one copy of all since its beginning; the engine sees them.
    bytes: Arc<AtomicU64>,
    /// The last packet, µs.
    last: u64,
    /// When the engine was last asked for its trees, µs.
    asked: u64,
    /// Packets that wait for the answer, and since when.
    held: VecDeque<(u64, Vec<u8>)>,
    /// There are trees, and what waited leaves by then; new packets queue up behind it.
    release_until: Option<u64>,
    pub turn: usize,
}

/// All of them at one adapter.
#[derive(Default)]
pub struct Streams {
    of: BTreeMap<IpAddr, Stream>,
    due: Option<u64>,
}

impl Streams {
    pub fn next_deadline(&self) -> u64 {
        self.due.unwrap_or(u64::MAX)
    }

    fn due_at(&mut self, at: u64) {
        self.due = Some(self.next_deadline().min(at));
    }

    /// The oldest packet that waits.
    fn pop(&mut self, group: IpAddr) -> Option<(u64, Vec<u8>)> {
        let stream = self.of.get_mut(&group)?;
        let first = stream.held.pop_front();
        if stream.held.is_empty() {
            stream.release_until = None;
        }
        first
    }

    fn waits(&self, group: IpAddr) -> bool {
        self.of.get(&group).is_some_and(|stream| !stream.held.is_empty())
    }

    /// The next number of the group's turns.
    pub(crate) fn turn(&mut self, group: IpAddr) -> usize {
        self.of.get_mut(&group).map_or(0, |stream| {
            stream.turn = stream.turn.wrapping_add(1);
            stream.turn
        })
    }
}

/// The group that the engine knows a packet's destination by: every broadcast is the limited one.
fn group_of(destination: IpAddr) -> IpAddr {
    if destination.is_multicast() {
        destination
    } else {
        Ipv4Addr::BROADCAST.into()
    }
}

impl AdapterThread {
    /// A run for a group: directly to few receivers, by trees to many.
    #[inline]
    pub(crate) fn send_group(
        &mut self,
        now: u64,
        view: &Arc<View>,
        receivers: &[PeerId],
        run: &Splitter<'_>,
    ) {
        let few = receivers.len() <= TREE_FROM;
        if few && view.send_on.is_empty() && view.repaired.is_empty() {
            return self.send_cast(now, view, receivers, run);
        }
        let group = group_of(run.packet().dst());
        let has_trees = view.send_on.contains_key(&group);
        if few && !has_trees && (receivers.is_empty() || !view.repaired.contains(&group)) {
            return self.send_cast(now, view, receivers, run);
        }
        let is_noted = self.note_stream(now, group, run, has_trees);
        if is_noted && has_trees {
            self.release_stream(now, view, group);
            if self.streams.waits(group) {
                self.hold_for_tree(now, group, run);
            } else {
                self.send_by_tree(now, view, group, run);
            }
        } else if is_noted && !view.directly.contains(&group) {
            self.hold_for_tree(now, group, run);
        } else {
            self.send_cast(now, view, receivers, run);
        }
    }

    /// Notes a run of a stream, which may begin with it, and asks the engine for its trees. False when there are too many streams.
    fn note_stream(&mut self, now: u64, group: IpAddr, run: &Splitter<'_>, has_trees: bool) -> bool {
        let net = self.net.net;
        let length = |i| run.segment_len(i) as u64 + COPY_OVERHEAD;
        let bytes: u64 = (0..run.count()).map(length).sum();
        if let Some(stream) = self.streams.of.get_mut(&group) {
            stream.last = now;
            stream.bytes.fetch_add(bytes, Relaxed);
            if !has_trees && now >= stream.asked + STREAM_ASK_AGAIN_US {
                stream.asked = now;
                self.common.events.push(Event::Stream { net, group });
            }
            return true;
        }
        if self.streams.of.len() >= STREAMS_MAX {
            return false;
        }
        let stream = Stream {
            bytes: Arc::new(AtomicU64::new(bytes)),
            last: now,
            asked: now,
            held: VecDeque::new(),
            release_until: None,
            turn: 0,
        };
        let mut shown = self.net.streams.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert(group, stream.bytes.clone());
        drop(shown);
        self.streams.of.insert(group, stream);
        self.streams.due_at(now + STREAM_ENDS_US);
        self.common.events.push(Event::Stream { net, group });
        true
    }

    fn hold_for_tree(&mut self, now: u64, group: IpAddr, run: &Splitter<'_>) {
        let Some(stream) = self.streams.of.get_mut(&group) else {
            return;
        };
        for i in 0..run.count() {
            let mut packet = vec![0; run.segment_len(i)];
            run.write(i, &mut packet, Checksum::Full);
            stream.held.push_back((now, packet));
            add(&self.common.counters.packets_held, 1);
            if stream.held.len() > STREAM_HELD_MAX {
                stream.held.pop_front();
                add(&self.common.counters.held_dropped, 1);
            }
        }
        self.streams.due_at(now + STREAM_HELD_FOR_US);
    }

    /// After a change: what waited for trees that are there now goes down them, and what needs none goes directly.
    pub(crate) fn release_streams(&mut self, now: u64, view: &Arc<View>) {
        let is_decided = |group: &IpAddr| view.send_on.contains_key(group) || view.directly.contains(group);
        let waiting = |(group, stream): (&IpAddr, &Stream)| {
            (!stream.held.is_empty() && is_decided(group)).then_some(*group)
        };
        let groups: Vec<IpAddr> = self.streams.of.iter().filter_map(waiting).collect();
        for group in groups {
            self.release_stream(now, view, group);
        }
    }

    /// Sends what waited: down the trees as the line has room, or directly when there are to be none.
    fn release_stream(&mut self, now: u64, view: &Arc<View>, group: IpAddr) {
        let Some(stream) = self.streams.of.get_mut(&group).filter(|s| !s.held.is_empty()) else {
            return;
        };
        if !view.send_on.contains_key(&group) {
            stream.release_until = None;
            let held = std::mem::take(&mut stream.held);
            held.iter()
                .for_each(|(_, packet)| self.send_packet_directly(now, view, packet));
            return;
        }
        stream.release_until.get_or_insert(now + STREAM_RELEASE_LASTS_US);
        while self.net.lock_trees().has_room(now) {
            let Some((_, packet)) = self.streams.pop(group) else {
                return;
            };
            self.send_packet_by_tree(now, view, group, &packet);
            // Only what has left counts on the line.
            self.flush_casts(now, view);
        }
        self.streams.due_at(now + STREAM_RELEASE_EVERY_US);
    }

    /// To each receiver by itself.
    fn send_packet_directly(&mut self, now: u64, view: &Arc<View>, packet: &[u8]) {
        let Ok(parsed) = L3::parse(packet) else { return };
        let Verdict::Group(receivers) = view.table.classify(&parsed) else {
            return;
        };
        self.outbox.class = self.class_of_packet(packet);
        for peer in receivers {
            let Some(state) = view.peers.get(&peer) else {
                continue;
            };
            match state.tx.load_full() {
                Some(tx) => {
                    if let Some(lane) = self.plain_lane(now, view, state, &tx) {
                        self.seal_late_cast(now, view, (state, &tx, &lane), packet);
                    }
                }
                None => self.hold_packet(now, state, true, packet.to_vec()),
            }
        }
    }

    /// Streams that end, and packets that waited in vain.
    pub(crate) fn watch_streams(&mut self, now: u64) {
        let net = self.net.net;
        let common = &self.common;
        let mut shown = self.net.streams.lock().unwrap_or_else(PoisonError::into_inner);
        self.streams.of.retain(|group, stream| {
            let is_late = |since: u64| match stream.release_until {
                Some(until) => until <= now,
                None => since + STREAM_HELD_FOR_US <= now,
            };
            let late = stream
                .held
                .iter()
                .take_while(|(since, _)| is_late(*since))
                .count();
            stream.held.drain(..late);
            add(&common.counters.held_dropped, late as u64);
            if stream.held.is_empty() {
                stream.release_until = None;
            }
            let ended = stream.last + STREAM_ENDS_US <= now;
            if ended {
                shown.remove(group);
                common.events.push(Event::StreamEnd { net, group: *group });
                common.commands.push(Command::StreamEnded(net, *group));
            }
            !ended
        });
        drop(shown);
        let next = |stream: &Stream| {
            let waits = match stream.release_until {
                Some(until) => Some(until.min(now + STREAM_RELEASE_EVERY_US)),
                None => stream.held.front().map(|(since, _)| since + STREAM_HELD_FOR_US),
            };
            waits.unwrap_or(u64::MAX).min(stream.last + STREAM_ENDS_US)
        };
        self.streams.due = self.streams.of.values().map(next).min();
    }

    /// The adapter goes: nothing is sent any more.
    pub(crate) fn end_streams(&mut self) {
        let mut shown = self.net.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, stream) in std::mem::take(&mut self.streams.of) {
            shown.remove(&group);
            add(&self.common.counters.held_dropped, stream.held.len() as u64);
            let net = self.net.net;
            self.common.events.push(Event::StreamEnd { net, group });
        }
    }
}
