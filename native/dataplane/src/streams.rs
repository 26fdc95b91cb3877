//! What the host sends to groups: streams that get trees, and packets that wait until the engine has said which.

use crate::adapter::AdapterThread;
use crate::api::{Event, PeerId};
use crate::limits::STREAMS_MAX;
use crate::shared::{View, add};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use weft_forward::Verdict;
use weft_forward::sending::{Said, Sending, Way};
use weft_packet::{Checksum, L3, Splitter};

/// One group that the host sends to.
struct Stream {
    /// IP bytes since its beginning; the engine sees them.
    bytes: Arc<AtomicU64>,
    sending: Sending,
    turn: usize,
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

/// What the engine last said about the group.
fn said(view: &View, group: IpAddr) -> Said {
    match view.directly.get(&group) {
        _ if view.send_on.contains_key(&group) => Said::Trees,
        Some(at) => Said::Directly(*at),
        None => Said::Nothing,
    }
}

impl AdapterThread {
    /// A run for a group: by its trees, directly to each receiver, or later.
    #[inline]
    pub(crate) fn send_group(
        &mut self,
        now: u64,
        view: &Arc<View>,
        receivers: &[PeerId],
        run: &Splitter<'_>,
    ) {
        let group = group_of(run.packet().dst());
        match self.way(now, view, group, run) {
            Way::Trees => {
                self.release_stream(now, view, group);
                self.send_by_tree(now, view, group, run);
            }
            Way::Waits => self.hold_for_tree(group, run),
            Way::Directly => {
                self.release_stream(now, view, group);
                self.send_cast(now, view, receivers, run);
            }
        }
    }

    /// Notes a run of a stream, which may begin with it. Beyond [`STREAMS_MAX`] all goes directly.
    fn way(&mut self, now: u64, view: &View, group: IpAddr, run: &Splitter<'_>) -> Way {
        let bytes: usize = (0..run.count()).map(|i| run.segment_len(i)).sum();
        let is_known = self.streams.of.contains_key(&group);
        if !is_known && self.streams.of.len() >= STREAMS_MAX {
            return Way::Directly;
        }
        let net = &self.net;
        let stream = self.streams.of.entry(group).or_insert_with(|| {
            let bytes = Arc::default();
            let mut shown = net.streams.lock().unwrap_or_else(PoisonError::into_inner);
            shown.insert(group, Arc::clone(&bytes));
            Stream {
                bytes,
                sending: Sending::new(now),
                turn: 0,
            }
        });
        stream.bytes.fetch_add(bytes as u64, Relaxed);
        let (way, asks) = stream.sending.way(now, run.count(), said(view, group));
        if asks || !is_known {
            let due = stream.sending.next_deadline();
            self.streams.due_at(due);
            let net = self.net.net;
            self.common.events.push(Event::Stream { net, group });
        }
        way
    }

    fn hold_for_tree(&mut self, group: IpAddr, run: &Splitter<'_>) {
        let Some(stream) = self.streams.of.get_mut(&group) else {
            return;
        };
        for i in 0..run.count() {
            let mut packet = vec![0; run.segment_len(i)];
            run.write(i, &mut packet, Checksum::Full);
            let fits = stream.sending.hold(packet);
            add(&self.common.counters.packets_held, 1);
            add(&self.common.counters.held_dropped, u64::from(!fits));
        }
        let due = stream.sending.next_deadline();
        self.streams.due_at(due);
    }

    /// After a change or at its time: what waited goes, down the trees that are there now, or directly.
    pub(crate) fn release_streams(&mut self, now: u64, view: &Arc<View>) {
        let waiting = |(group, stream): (&IpAddr, &Stream)| (stream.sending.waiting() > 0).then_some(*group);
        let groups: Vec<IpAddr> = self.streams.of.iter().filter_map(waiting).collect();
        for group in groups {
            self.release_stream(now, view, group);
        }
    }

    fn release_stream(&mut self, now: u64, view: &Arc<View>, group: IpAddr) {
        let Some(stream) = self
            .streams
            .of
            .get_mut(&group)
            .filter(|s| s.sending.waiting() > 0)
        else {
            return;
        };
        let said = said(view, group);
        let held = stream.sending.release(now, said);
        for packet in &held {
            if said == Said::Trees {
                self.send_packet_by_tree(now, view, group, packet);
            } else {
                self.send_packet_directly(now, view, packet);
            }
        }
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
    pub(crate) fn watch_streams(&mut self, now: u64, view: &Arc<View>) {
        self.release_streams(now, view);
        let (net, events) = (self.net.net, &self.common.events);
        let mut shown = self.net.streams.lock().unwrap_or_else(PoisonError::into_inner);
        self.streams.of.retain(|group, stream| {
            let ended = stream.sending.has_ended(now);
            if ended {
                shown.remove(group);
                events.push(Event::StreamEnd { net, group: *group });
            }
            !ended
        });
        drop(shown);
        let all = self.streams.of.values();
        self.streams.due = all.map(|stream| stream.sending.next_deadline()).min();
    }

    /// The adapter goes: nothing is sent any more.
    pub(crate) fn end_streams(&mut self) {
        let mut shown = self.net.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, stream) in std::mem::take(&mut self.streams.of) {
            shown.remove(&group);
            add(
                &self.common.counters.held_dropped,
                stream.sending.waiting() as u64,
            );
            let net = self.net.net;
            self.common.events.push(Event::StreamEnd { net, group });
        }
    }
}
