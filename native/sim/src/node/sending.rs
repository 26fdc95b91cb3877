//! Groups that this host sends to and that have more receivers than are served directly: what waits for trees, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Groups with up to so many receivers are served directly.
pub const TREE_FROM: usize = 4;
/// Packets of one group that wait for its trees, and how long, µs; then what waits goes directly.
const HELD_MAX: usize = 256;
pub const HELD_FOR_US: u64 = 1_500_000;
/// The engine said "directly": it is asked again after this, µs.
const DIRECT_FOR_US: u64 = 10_000_000;
/// A stream ends after so much silence, µs.
const ENDS_AFTER_US: u64 = 60_000_000;
/// Groups that are told apart; more are served directly.
const STREAMS_MAX: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The engine was asked.
    Asked {
        since: u64,
    },
    Direct {
        until: u64,
    },
    Trees,
}

#[derive(Debug)]
struct Sending {
    state: State,
    trees: Vec<u16>,
    turn: usize,
    held: VecDeque<Vec<u8>>,
    last: u64,
    /// Of IP since the stream began.
    bytes: u64,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    Held,
    Tree(u16),
}

#[derive(Debug, Default)]
pub struct Streams(BTreeMap<IpAddr, Sending>);

impl Streams {
    /// The way of a packet, and whether the engine is to be asked for trees. `receivers`: how many, and how many of them are served
    /// directly. Held packets are taken from `packet`.
    pub fn plan(&mut self, now: u64, group: IpAddr, receivers: (usize, usize), packet: &[u8]) -> (Way, bool) {
        let is_known = self.0.contains_key(&group);
        let few = receivers.0 <= receivers.1;
        if !is_known && (few || self.0.len() >= STREAMS_MAX) {
            return (Way::Direct, false);
        }
        let sending = self.0.entry(group).or_insert_with(|| Sending {
            state: State::Asked { since: now },
            trees: Vec::new(),
            turn: 0,
            held: VecDeque::new(),
            last: now,
            bytes: 0,
        });
        sending.last = now;
        sending.bytes += packet.len() as u64;
        match sending.state {
            State::Trees => {
                sending.turn += 1;
                (
                    Way::Tree(sending.trees[sending.turn % sending.trees.len()]),
                    false,
                )
            }
            _ if few => (Way::Direct, false),
            State::Direct { until } if now < until => (Way::Direct, false),
            State::Direct { .. } => {
                // Long since asked: what follows goes on directly while the engine thinks.
                let since = now.saturating_sub(HELD_FOR_US);
                sending.state = State::Asked { since };
                (Way::Direct, true)
            }
            State::Asked { since } if now < since + HELD_FOR_US => {
                if sending.held.len() >= HELD_MAX {
                    sending.held.pop_front();
                }
                sending.held.push_back(packet.to_vec());
                (Way::Held, !is_known)
            }
            State::Asked { .. } => (Way::Direct, false),
        }
    }

    /// The engine decided: what waited, to be sent now. `None`: the host sends nothing to that group.
    pub fn decide(&mut self, now: u64, group: IpAddr, trees: Vec<u16>) -> VecDeque<Vec<u8>> {
        let Some(sending) = self.0.get_mut(&group) else {
            return VecDeque::new();
        };
        sending.state = match trees.is_empty() {
            true => State::Direct {
                until: now + DIRECT_FOR_US,
            },
            false => State::Trees,
        };
        sending.trees = trees;
        std::mem::take(&mut sending.held)
    }

    /// What waited too long, and streams that ended.
    pub fn expire(&mut self, now: u64) -> (Vec<Vec<u8>>, Vec<IpAddr>) {
        let mut late = Vec::new();
        for sending in self.0.values_mut() {
            if matches!(sending.state, State::Asked { since } if now >= since + HELD_FOR_US) {
                late.extend(sending.held.drain(..));
            }
        }
        let is_over = |s: &Sending| now >= s.last + ENDS_AFTER_US;
        let over: Vec<IpAddr> = self
            .0
            .iter()
            .filter(|(_, s)| is_over(s))
            .map(|(g, _)| *g)
            .collect();
        self.0.retain(|_, sending| !is_over(sending));
        (late, over)
    }

    pub fn next_deadline(&self) -> u64 {
        let due = |sending: &Sending| match sending.state {
            State::Asked { since } if !sending.held.is_empty() => since + HELD_FOR_US,
            _ => sending.last + ENDS_AFTER_US,
        };
        self.0.values().map(due).min().unwrap_or(u64::MAX)
    }

    /// Groups with a stream, and the bytes of IP that the host sent to each since it began.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, u64)> {
        self.0.iter().map(|(group, sending)| (*group, sending.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> IpAddr {
        [239, 1, 1, 1].into()
    }

    #[test]
    fn asks_once_and_holds_until_trees_are_named_and_then_takes_turns() {
        let mut streams = Streams::default();
        assert_eq!(
            streams.plan(0, group(), (TREE_FROM, TREE_FROM), b"x"),
            (Way::Direct, false)
        );
        assert_eq!(streams.plan(0, group(), (5, TREE_FROM), b"a"), (Way::Held, true));
        assert_eq!(streams.plan(1, group(), (5, TREE_FROM), b"b"), (Way::Held, false));
        assert_eq!(
            streams.decide(2, group(), vec![7, 8]),
            [b"a".to_vec(), b"b".to_vec()]
        );
        let ways = [3, 4, 5].map(|now| streams.plan(now, group(), (5, TREE_FROM), b"c").0);
        assert_eq!(ways, [Way::Tree(8), Way::Tree(7), Way::Tree(8)]);
        assert_eq!(streams.iter().collect::<Vec<_>>(), [(group(), 5)]);
        assert_eq!(streams.expire(5 + ENDS_AFTER_US), (vec![], vec![group()]));
        assert_eq!(streams.next_deadline(), u64::MAX);
    }

    #[test]
    fn without_an_answer_or_with_none_it_goes_directly() {
        let mut streams = Streams::default();
        streams.plan(0, group(), (5, TREE_FROM), b"a");
        assert_eq!(streams.next_deadline(), HELD_FOR_US);
        assert_eq!(streams.expire(HELD_FOR_US), (vec![b"a".to_vec()], vec![]));
        assert_eq!(
            streams.plan(HELD_FOR_US, group(), (5, TREE_FROM), b"b"),
            (Way::Direct, false)
        );
        let now = 2 * HELD_FOR_US;
        assert!(streams.decide(now, group(), vec![]).is_empty());
        assert_eq!(
            streams.plan(now, group(), (5, TREE_FROM), b"b"),
            (Way::Direct, false)
        );
        let later = now + DIRECT_FOR_US;
        assert_eq!(
            streams.plan(later, group(), (5, TREE_FROM), b"c"),
            (Way::Direct, true),
            "asked again"
        );
        assert_eq!(
            streams.plan(later, group(), (5, TREE_FROM), b"d"),
            (Way::Direct, false)
        );
    }
}
