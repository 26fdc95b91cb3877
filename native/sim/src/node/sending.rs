//! Groups that this host sends to: what waits for the engine's word, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use weft_forward::sending::{Said, Sending, Way as Course};

/// Groups that are told apart; more are served directly.
const STREAMS_MAX: usize = 256;

#[derive(Debug)]
struct Stream {
    sending: Sending,
    said: Said,
    trees: Vec<u16>,
    turn: usize,
    /// Of IP since the stream began.
    bytes: u64,
}

impl Stream {
    fn new(now: u64) -> Stream {
        Stream {
            sending: Sending::new(now),
            said: Said::Nothing,
            trees: Vec::new(),
            turn: 0,
            bytes: 0,
        }
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
pub struct Streams(BTreeMap<IpAddr, Stream>);

impl Streams {
    /// The way of a packet, and whether the engine is to be asked for trees. Held packets are taken from `packet`.
    pub fn plan(&mut self, now: u64, group: IpAddr, packet: &[u8]) -> (Way, bool) {
        let is_known = self.0.contains_key(&group);
        if !is_known && self.0.len() >= STREAMS_MAX {
            return (Way::Direct, false);
        }
        let stream = self.0.entry(group).or_insert_with(|| Stream::new(now));
        stream.bytes += packet.len() as u64;
        let (course, asks) = stream.sending.way(now, 1, stream.said);
        let way = match course {
            Course::Trees => {
                stream.turn += 1;
                Way::Tree(stream.trees[stream.turn % stream.trees.len()])
            }
            Course::Directly => Way::Direct,
            Course::Waits => {
                stream.sending.hold(packet.to_vec());
                Way::Held
            }
        };
        (way, asks || !is_known)
    }

    /// The engine decided: what waited, to be sent now. `None`: the host sends nothing to that group.
    pub fn decide(&mut self, now: u64, group: IpAddr, trees: Vec<u16>) -> VecDeque<Vec<u8>> {
        let Some(stream) = self.0.get_mut(&group) else {
            return VecDeque::new();
        };
        stream.said = if trees.is_empty() {
            Said::Directly(now)
        } else {
            Said::Trees
        };
        stream.trees = trees;
        stream.sending.release(now, stream.said)
    }

    /// What waited too long, and streams that ended.
    pub fn expire(&mut self, now: u64) -> (Vec<Vec<u8>>, Vec<IpAddr>) {
        let (mut late, mut over) = (Vec::new(), Vec::new());
        self.0.retain(|group, stream| {
            late.extend(stream.sending.release(now, stream.said));
            let is_over = stream.sending.has_ended(now);
            if is_over {
                over.push(*group);
            }
            !is_over
        });
        (late, over)
    }

    pub fn next_deadline(&self) -> u64 {
        let all = self.0.values();
        all.map(|stream| stream.sending.next_deadline())
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Groups with a stream, and the bytes of IP that the host sent to each since it began.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, u64)> {
        self.0.iter().map(|(group, stream)| (*group, stream.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_forward::sending::{ENDS_AFTER_US, HELD_FOR_US};

    fn group() -> IpAddr {
        [239, 1, 1, 1].into()
    }

    #[test]
    fn asks_once_and_holds_until_trees_are_named_and_then_takes_turns() {
        let mut streams = Streams::default();
        assert_eq!(streams.plan(0, group(), b"a"), (Way::Held, true));
        assert_eq!(streams.plan(1, group(), b"b"), (Way::Held, false));
        assert_eq!(
            streams.decide(2, group(), vec![7, 8]),
            [b"a".to_vec(), b"b".to_vec()]
        );
        let ways = [3, 4, 5].map(|now| streams.plan(now, group(), b"c").0);
        assert_eq!(ways, [Way::Tree(8), Way::Tree(7), Way::Tree(8)]);
        assert_eq!(streams.iter().collect::<Vec<_>>(), [(group(), 5)]);
        assert_eq!(streams.expire(5 + ENDS_AFTER_US), (vec![], vec![group()]));
        assert_eq!(streams.next_deadline(), u64::MAX);
    }

    #[test]
    fn without_an_answer_or_with_none_it_goes_directly() {
        let mut streams = Streams::default();
        streams.plan(0, group(), b"a");
        assert_eq!(streams.next_deadline(), HELD_FOR_US);
        assert_eq!(streams.expire(HELD_FOR_US), (vec![b"a".to_vec()], vec![]));
        assert_eq!(streams.plan(HELD_FOR_US, group(), b"b"), (Way::Direct, false));
        assert!(streams.decide(HELD_FOR_US + 1, group(), vec![]).is_empty());
        assert_eq!(streams.plan(HELD_FOR_US + 2, group(), b"b"), (Way::Direct, false));
    }
}
