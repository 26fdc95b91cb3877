//! Groups that this host sends to and that have more receivers than are served directly: what waits for trees, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use weft_forward::tree::limits::COPY_OVERHEAD;

/// Groups with up to so many receivers are served directly.
pub const TREE_FROM: usize = 4;
/// Packets of one group that wait for its trees, and how long, µs; then they are dropped.
const HELD_MAX: usize = 1_024;
pub const HELD_FOR_US: u64 = 1_500_000;
/// Once there are trees, what waited leaves as the line has room, and is looked at so often; what waits still after so long is dropped, µs.
const RELEASE_EVERY_US: u64 = 5_000;
const RELEASE_LASTS_US: u64 = 4_000_000;
/// An engine that answered nothing, or "directly", is asked again after this, µs.
const ASK_AGAIN_US: u64 = 10_000_000;
/// A stream ends after so much silence, µs.
const ENDS_AFTER_US: u64 = 60_000_000;
/// Groups that are told apart; more are served directly.
const STREAMS_MAX: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The engine was asked.
    Asked,
    Direct,
    Trees,
}

#[derive(Debug)]
struct Sending {
    state: State,
    /// When the engine was last asked; `None`: it is to be asked with the next packet.
    asked: Option<u64>,
    trees: Vec<u16>,
    turn: usize,
    held: VecDeque<(u64, Vec<u8>)>,
    /// When packets may go that still wait though there are trees.
    release: Option<Release>,
    last: u64,
    /// Of IP since the stream began.
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Release {
    next: u64,
    until: u64,
}

impl Sending {
    fn hold(&mut self, now: u64, packet: &[u8]) {
        if self.held.len() >= HELD_MAX {
            self.held.pop_front();
        }
        self.held.push_back((now, packet.to_vec()));
    }
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
            state: State::Asked,
            asked: None,
            trees: Vec::new(),
            turn: 0,
            held: VecDeque::new(),
            release: None,
            last: now,
            bytes: 0,
        });
        sending.last = now;
        sending.bytes += packet.len() as u64 + COPY_OVERHEAD;
        if sending.state == State::Trees && sending.held.is_empty() {
            sending.turn += 1;
            let tree = sending.trees[sending.turn % sending.trees.len()];
            return (Way::Tree(tree), false);
        }
        if few && sending.state != State::Trees {
            return (Way::Direct, false);
        }
        if sending.state == State::Trees {
            sending.hold(now, packet);
            return (Way::Held, false);
        }
        let ask = sending.asked.is_none_or(|asked| now >= asked + ASK_AGAIN_US);
        if ask {
            sending.asked = Some(now);
        }
        if sending.state == State::Direct {
            return (Way::Direct, ask);
        }
        sending.hold(now, packet);
        (Way::Held, ask)
    }

    /// The engine names trees, or takes them away again: then it is asked anew. What waited is to be taken by `release`.
    pub fn decide(&mut self, now: u64, group: IpAddr, trees: Vec<u16>) {
        let Some(sending) = self.0.get_mut(&group) else {
            return;
        };
        sending.release = None;
        if trees.is_empty() {
            (sending.state, sending.asked) = (State::Asked, None);
            return;
        }
        if !sending.held.is_empty() {
            let until = now + RELEASE_LASTS_US;
            sending.release = Some(Release { next: now, until });
        }
        (sending.state, sending.trees) = (State::Trees, trees);
    }

    /// The next packet that waited, and the tree that it takes; `None`: that is all.
    pub fn release(&mut self) -> Option<(u16, Vec<u8>)> {
        let waiting = |sending: &&mut Sending| sending.release.is_some();
        let sending = self.0.values_mut().find(waiting)?;
        let (_, packet) = sending.held.pop_front()?;
        if sending.held.is_empty() {
            sending.release = None;
        }
        sending.turn += 1;
        Some((sending.trees[sending.turn % sending.trees.len()], packet))
    }

    /// The line is full: the others go on waiting.
    pub fn pause(&mut self, now: u64) {
        let releases = self.0.values_mut().filter_map(|s| s.release.as_mut());
        releases.for_each(|release| release.next = now + RELEASE_EVERY_US);
    }

    /// The engine wants no trees for it. Returns what waited, to be sent now.
    pub fn directly(&mut self, group: IpAddr) -> Vec<Vec<u8>> {
        let Some(sending) = self.0.get_mut(&group) else {
            return Vec::new();
        };
        (sending.state, sending.release) = (State::Direct, None);
        sending.held.drain(..).map(|(_, packet)| packet).collect()
    }

    /// How many packets waited too long, and streams that ended.
    pub fn expire(&mut self, now: u64) -> (u64, Vec<IpAddr>) {
        let mut late = 0;
        for sending in self.0.values_mut() {
            let before = sending.held.len();
            match sending.release {
                Some(Release { until, .. }) if now < until => {}
                Some(_) => {
                    sending.held.clear();
                    sending.release = None;
                }
                None => sending.held.retain(|(since, _)| now < since + HELD_FOR_US),
            }
            late += (before - sending.held.len()) as u64;
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
        let due = |sending: &Sending| {
            let waits = match sending.release {
                Some(release) => Some(release.next),
                None => sending.held.front().map(|(since, _)| since + HELD_FOR_US),
            };
            waits.unwrap_or(u64::MAX).min(sending.last + ENDS_AFTER_US)
        };
        self.0.values().map(due).min().unwrap_or(u64::MAX)
    }

    /// Groups with a stream, and the bytes of one copy of all that the host sent to each since it began.
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
        streams.decide(2, group(), vec![7, 8]);
        assert_eq!(streams.release(), Some((8, b"a".to_vec())));
        streams.pause(2);
        assert_eq!(streams.next_deadline(), 2 + RELEASE_EVERY_US);
        assert_eq!(streams.plan(3, group(), (5, TREE_FROM), b"c"), (Way::Held, false));
        assert_eq!(streams.release(), Some((7, b"b".to_vec())));
        assert_eq!(streams.release(), Some((8, b"c".to_vec())));
        assert_eq!(streams.release(), None);
        let ways = [3, 4, 5].map(|now| streams.plan(now, group(), (5, TREE_FROM), b"c").0);
        assert_eq!(ways, [Way::Tree(7), Way::Tree(8), Way::Tree(7)]);
        assert_eq!(
            streams.iter().collect::<Vec<_>>(),
            [(group(), 6 * (1 + COPY_OVERHEAD))]
        );
        assert_eq!(streams.expire(5 + ENDS_AFTER_US), (0, vec![group()]));
        assert_eq!(streams.next_deadline(), u64::MAX);
    }

    #[test]
    fn without_an_answer_it_is_dropped_and_the_engine_asked_again() {
        let mut streams = Streams::default();
        streams.plan(0, group(), (5, TREE_FROM), b"a");
        assert_eq!(streams.next_deadline(), HELD_FOR_US);
        assert_eq!(streams.expire(HELD_FOR_US), (1, vec![]));
        let asks = [HELD_FOR_US, ASK_AGAIN_US - 1, ASK_AGAIN_US];
        let asks = asks.map(|now| streams.plan(now, group(), (5, TREE_FROM), b"b"));
        assert_eq!(asks, [(Way::Held, false), (Way::Held, false), (Way::Held, true)]);
        streams.decide(ASK_AGAIN_US, group(), vec![7]);
        assert_eq!(streams.release(), Some((7, b"b".to_vec())));
        assert_eq!(
            streams.expire(ASK_AGAIN_US + RELEASE_LASTS_US).0,
            2,
            "late for everybody"
        );
        streams.decide(ASK_AGAIN_US, group(), vec![]);
        let again = streams.plan(ASK_AGAIN_US, group(), (5, TREE_FROM), b"c");
        assert_eq!(again, (Way::Held, true), "its trees were taken away");
    }

    #[test]
    fn what_is_to_have_none_goes_directly_and_the_engine_is_asked_now_and_then() {
        let mut streams = Streams::default();
        streams.plan(0, group(), (5, TREE_FROM), b"a");
        assert_eq!(streams.directly(group()), [b"a".to_vec()]);
        let ways =
            [1, ASK_AGAIN_US, ASK_AGAIN_US + 1].map(|now| streams.plan(now, group(), (5, TREE_FROM), b"b"));
        assert_eq!(
            ways,
            [(Way::Direct, false), (Way::Direct, true), (Way::Direct, false)]
        );
    }
}
