//! What waits in front of a slow way: small packets for company, all of them for their turn. Pure: time is an argument.

use crate::limits::{
    PACE_BURST_LEAST, PACE_BURST_SHARE, PACE_FLOWS, PACE_QUANTUM, PACE_QUEUE_LEAST, PACE_QUEUE_SHARE,
    SMALL_PACKET,
};
use std::collections::VecDeque;
use weft_session::bundle::ENTRY_HEAD;
use weft_session::fragment::What;

const MICROS: u64 = 1_000_000;

/// How slow a way is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// What it carries, with IP and UDP headers; 0 = no limit.
    pub bytes_per_second: u64,
    /// Small packets wait this long for others, µs; 0 = never.
    pub aggregate_us: u64,
}

/// A packet (plaintext with its kind byte) or a cast (from its stamp on, without hop tag).
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub what: What,
    pub bytes: Vec<u8>,
    pub class: u8,
    since: u64,
}

impl Item {
    fn is_small(&self) -> bool {
        self.bytes.len() < SMALL_PACKET
    }
}

/// Packets of some flows, oldest first.
#[derive(Default)]
struct Flow {
    items: VecDeque<Item>,
    bytes: usize,
    /// What it may send in this round.
    credit: usize,
}

/// One session's queue: flows take turns by bytes (deficit round robin), so that one that sends much starves none.
pub struct Pacer {
    pace: Pace,
    flows: Vec<Flow>,
    /// Flows with items, in the order of their turns.
    turns: VecDeque<usize>,
    bytes: usize,
    large: usize,
    /// Bytes × 1,000,000 that may leave now; below zero after a frame that was longer than what was left.
    tokens: i128,
    at: u64,
}

impl Pacer {
    pub fn new(now: u64, pace: Pace) -> Pacer {
        Pacer {
            pace,
            flows: (0..PACE_FLOWS).map(|_| Flow::default()).collect(),
            turns: VecDeque::new(),
            bytes: 0,
            large: 0,
            tokens: 0,
            at: now,
        }
    }

    pub fn set(&mut self, pace: Pace) {
        self.pace = pace;
    }

    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Drops all that waits; returns how many.
    pub fn clear(&mut self) -> u64 {
        let count = self.flows.iter().map(|f| f.items.len() as u64).sum();
        self.flows.iter_mut().for_each(|f| *f = Flow::default());
        self.turns.clear();
        (self.bytes, self.large) = (0, 0);
        count
    }

    /// Bytes that may wait: half a second's worth.
    fn most(&self) -> usize {
        (self.pace.bytes_per_second / PACE_QUEUE_SHARE).max(PACE_QUEUE_LEAST) as usize
    }

    /// Adds an item; `flow` tells flows apart. Returns how many old ones gave way: those of the flow that has most waiting.
    pub fn push(&mut self, now: u64, flow: u64, (what, class): (What, u8), bytes: Vec<u8>) -> u64 {
        // Without a limit nothing piles up and order is kept over all flows.
        let index = if self.pace.bytes_per_second == 0 {
            0
        } else {
            (flow % PACE_FLOWS as u64) as usize
        };
        let item = Item {
            what,
            bytes,
            class,
            since: now,
        };
        self.bytes += item.bytes.len();
        self.large += usize::from(!item.is_small());
        let queue = &mut self.flows[index];
        if queue.items.is_empty() {
            self.turns.push_back(index);
        }
        queue.bytes += item.bytes.len();
        queue.items.push_back(item);
        let mut dropped = 0;
        while self.bytes > self.most() && self.turns.len() + self.flows[self.turns[0]].items.len() > 2 {
            let Some(longest) = (0..PACE_FLOWS).max_by_key(|i| self.flows[*i].bytes) else {
                break;
            };
            self.take(longest);
            dropped += 1;
        }
        dropped
    }

    /// Removes the oldest item of a flow.
    fn take(&mut self, index: usize) -> Option<Item> {
        let flow = &mut self.flows[index];
        let item = flow.items.pop_front()?;
        flow.bytes -= item.bytes.len();
        self.bytes -= item.bytes.len();
        self.large -= usize::from(!item.is_small());
        if flow.items.is_empty() {
            flow.credit = 0;
            self.turns.retain(|i| *i != index);
        }
        Some(item)
    }

    /// The flow whose turn it is: its front item fits its credit.
    fn turn(&mut self) -> Option<usize> {
        loop {
            let index = *self.turns.front()?;
            let flow = &mut self.flows[index];
            let need = flow.items.front()?.bytes.len();
            if need <= flow.credit {
                return Some(index);
            }
            flow.credit += PACE_QUANTUM;
            self.turns.rotate_left(1);
        }
    }

    fn refill(&mut self, now: u64) {
        let rate = self.pace.bytes_per_second;
        let most = i128::from((rate / PACE_BURST_SHARE).max(PACE_BURST_LEAST) * MICROS);
        let gained = i128::from(now.saturating_sub(self.at)) * i128::from(rate);
        self.tokens = (self.tokens + gained).min(most);
        self.at = self.at.max(now);
    }

    /// Something went out: `bytes` on the wire, headers and all. Upkeep that did not pass here counts as well.
    pub fn spent(&mut self, bytes: u64) {
        if self.pace.bytes_per_second > 0 {
            self.tokens -= i128::from(bytes) * i128::from(MICROS);
        }
    }

    fn oldest(&self) -> u64 {
        let fronts = self.turns.iter().filter_map(|i| self.flows[*i].items.front());
        fronts.map(|item| item.since).min().unwrap_or(u64::MAX)
    }

    /// Whether waiting longer would gain nothing. `room`: bytes of plaintext that one frame takes.
    fn is_ripe(&self, now: u64, room: usize) -> bool {
        self.large > 0 || self.bytes >= room || now >= self.oldest().saturating_add(self.pace.aggregate_us)
    }

    /// The next frame's items, if it is time: one, or several small ones of one class that fit `room` together (only one when
    /// `bundles` is false). Tell [`Pacer::spent`] before asking again.
    pub fn pop(&mut self, now: u64, room: usize, bundles: bool) -> Vec<Item> {
        self.refill(now);
        let limited = self.pace.bytes_per_second > 0 && self.tokens < 0;
        if self.is_empty() || limited || (bundles && !self.is_ripe(now, room)) {
            return Vec::new();
        }
        let mut out: Vec<Item> = Vec::new();
        // The kind byte of the bundle.
        let mut used = 1;
        while let Some(index) = self.turn() {
            let Some(next) = self.flows[index].items.front() else {
                break;
            };
            used += ENTRY_HEAD + next.bytes.len();
            let joins = |first: &Item| {
                bundles && first.is_small() && next.is_small() && first.class == next.class && used <= room
            };
            if out.first().is_some_and(|first| !joins(first)) {
                break;
            }
            self.flows[index].credit -= next.bytes.len();
            out.extend(self.take(index));
        }
        out
    }

    /// When to ask again, µs; `u64::MAX` when nothing waits. As exact as can be known without the room: never late.
    pub fn next_deadline(&self) -> u64 {
        if self.is_empty() {
            return u64::MAX;
        }
        let rate = i128::from(self.pace.bytes_per_second);
        let may = if rate > 0 && self.tokens < 0 {
            self.at + u64::try_from((-self.tokens + rate - 1) / rate).unwrap_or(MICROS)
        } else {
            self.at
        };
        let wants = if self.large > 0 {
            0
        } else {
            self.oldest().saturating_add(self.pace.aggregate_us)
        };
        may.max(wants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1_300;
    const MS: u64 = 1_000;

    fn pace(bytes_per_second: u64, aggregate_ms: u64) -> Pace {
        Pace {
            bytes_per_second,
            aggregate_us: aggregate_ms * MS,
        }
    }

    fn put(pacer: &mut Pacer, now: u64, flow: u64, len: usize, tag: u8) -> u64 {
        pacer.push(now, flow, (What::Packet, 0), vec![tag; len])
    }

    fn tags(items: &[Item]) -> Vec<u8> {
        items.iter().map(|i| i.bytes[0]).collect()
    }

    #[test]
    fn small_ones_wait_for_company_and_no_longer() {
        let mut pacer = Pacer::new(0, pace(0, 40));
        for i in 0..3 {
            put(&mut pacer, u64::from(i) * 10 * MS, 1, 100, i);
        }
        assert_eq!(pacer.next_deadline(), 40 * MS);
        assert!(pacer.pop(40 * MS - 1, ROOM, true).is_empty());
        assert_eq!(tags(&pacer.pop(40 * MS, ROOM, true)), [0, 1, 2]);
        assert_eq!(pacer.next_deadline(), u64::MAX);
    }

    #[test]
    fn a_large_one_takes_those_before_it_along_in_order() {
        let mut pacer = Pacer::new(0, pace(0, 40));
        for (len, tag) in [(100, 0), (399, 1), (400, 2), (10, 3)] {
            put(&mut pacer, 0, u64::from(tag), len, tag);
        }
        assert_eq!(tags(&pacer.pop(0, ROOM, true)), [0, 1]);
        assert_eq!(tags(&pacer.pop(0, ROOM, true)), [2]);
        assert!(pacer.pop(0, ROOM, true).is_empty(), "what came after it waits");
        assert_eq!(tags(&pacer.pop(40 * MS, ROOM, true)), [3]);
    }

    #[test]
    fn a_full_frame_goes_at_once_and_never_exceeds_the_room() {
        let mut pacer = Pacer::new(0, pace(0, 40));
        (0..9).for_each(|i| {
            put(&mut pacer, 0, 1, 300, i);
        });
        let first = pacer.pop(0, ROOM, true);
        assert_eq!(tags(&first), [0, 1, 2, 3]);
        let bytes: usize = first.iter().map(|i| i.bytes.len() + ENTRY_HEAD).sum();
        assert!(bytes < ROOM);
    }

    #[test]
    fn without_bundles_at_the_other_end_nothing_waits() {
        let mut pacer = Pacer::new(0, pace(0, 40));
        put(&mut pacer, 0, 1, 50, 1);
        put(&mut pacer, 0, 1, 50, 2);
        assert_eq!(tags(&pacer.pop(0, ROOM, false)), [1]);
        assert_eq!(tags(&pacer.pop(0, ROOM, false)), [2]);
    }

    #[test]
    fn classes_do_not_mix() {
        let mut pacer = Pacer::new(0, pace(0, 40));
        for class in [0, 0, 8, 0] {
            pacer.push(0, 1, (What::Packet, class), vec![class; 50]);
        }
        assert_eq!(pacer.pop(40 * MS, ROOM, true).len(), 2);
        assert_eq!(pacer.pop(40 * MS, ROOM, true).len(), 1);
    }

    /// 64 kbit/s: a greedy flow and a stream of half the line's rate. The stream gets all it asks for, the line is full, and
    /// never fuller than it bears.
    #[test]
    fn a_greedy_flow_starves_no_stream_and_the_rate_is_kept() {
        let mut pacer = Pacer::new(0, pace(8_000, 40));
        let (mut sent, mut stream, mut greedy, mut dropped) = (0u64, 0, 0, 0);
        for ms in 0..10_000u64 {
            let now = ms * MS;
            dropped += put(&mut pacer, now, 1, 1_200, 1);
            if ms % 160 == 0 {
                // 500 bytes every 160 ms: 3,125 bytes a second.
                dropped += put(&mut pacer, now, 2, 500, 2);
            }
            loop {
                let items = pacer.pop(now, ROOM, true);
                if items.is_empty() {
                    break;
                }
                let bytes: u64 = items.iter().map(|i| i.bytes.len() as u64 + 60).sum();
                pacer.spent(bytes);
                sent += bytes;
                stream += items.iter().filter(|i| i.bytes[0] == 2).count();
                greedy += items.iter().filter(|i| i.bytes[0] == 1).count();
            }
            assert!(sent <= 8 * ms + 3_500, "{sent} bytes in {ms} ms");
        }
        assert!(stream >= 61, "{stream} of 63 of the stream");
        assert!(greedy >= 25 && dropped > 9_000, "{greedy}, {dropped} dropped");
        assert!(sent > 76_000, "the line was not used: {sent}");
    }

    #[test]
    fn the_oldest_of_the_longest_flow_give_way() {
        let mut pacer = Pacer::new(0, pace(8_000, 0));
        put(&mut pacer, 0, 2, 500, 200);
        let dropped: u64 = (0..20).map(|i| put(&mut pacer, 0, 1, 1_000, i)).sum();
        assert!(dropped >= 15 && pacer.bytes <= pacer.most(), "{dropped}");
        let mut left = Vec::new();
        for second in 0..20 {
            let items = pacer.pop(second * MICROS, ROOM, true);
            items.iter().for_each(|i| pacer.spent(i.bytes.len() as u64));
            left.extend(tags(&items));
        }
        assert!(left.contains(&200), "the short flow lost nothing");
        assert!(left.contains(&19) && !left.contains(&0), "{left:?}");
        assert!(pacer.is_empty() && pacer.bytes == 0 && pacer.large == 0);
    }

    #[test]
    fn the_deadline_is_when_the_line_is_free() {
        let mut pacer = Pacer::new(0, pace(1_000, 0));
        put(&mut pacer, 0, 1, 500, 1);
        assert_eq!(pacer.pop(0, ROOM, true).len(), 1);
        pacer.spent(600);
        put(&mut pacer, 0, 1, 500, 2);
        assert_eq!(pacer.next_deadline(), 600 * MS);
        assert!(pacer.pop(600 * MS - 2, ROOM, true).is_empty());
        assert_eq!(pacer.pop(600 * MS, ROOM, true).len(), 1);
    }
}
