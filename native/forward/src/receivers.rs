//! Who wants a group. In a large network nearly all want it from everybody: those are a number each.

use crate::{FilterMode, GroupReceiver, PeerId, SourceFilter};
use std::net::IpAddr;

/// Members that want a group, in the order in which they were named, with the filters of those that have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverList {
    peers: Vec<PeerId>,
    /// Places in `peers`, rising, and what those let through.
    filters: Vec<(usize, SourceFilter)>,
}

impl ReceiverList {
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Those that want what comes from `source`.
    pub(crate) fn of(&self, source: IpAddr) -> Receivers<'_> {
        Receivers {
            source,
            peers: self.peers.iter(),
            passed: 0,
            filters: &self.filters,
        }
    }
}

impl Extend<GroupReceiver> for ReceiverList {
    fn extend<I: IntoIterator<Item = GroupReceiver>>(&mut self, more: I) {
        for (peer, mode, sources) in more {
            if mode == FilterMode::Include || !sources.is_empty() {
                self.filters
                    .push((self.peers.len(), SourceFilter::new(mode, sources)));
            }
            self.peers.push(peer);
        }
    }
}

impl FromIterator<GroupReceiver> for ReceiverList {
    fn from_iter<I: IntoIterator<Item = GroupReceiver>>(receivers: I) -> Self {
        let mut list = ReceiverList::default();
        list.extend(receivers);
        list.peers.shrink_to_fit();
        list
    }
}

/// Iterates over the members that want this packet: group members after their source filters.
#[derive(Clone, Debug)]
pub struct Receivers<'t> {
    source: IpAddr,
    peers: std::slice::Iter<'t, PeerId>,
    /// Of the list's.
    passed: usize,
    /// Those not passed yet.
    filters: &'t [(usize, SourceFilter)],
}

impl Receivers<'_> {
    pub(crate) fn none(source: IpAddr) -> Self {
        Receivers {
            source,
            peers: [].iter(),
            passed: 0,
            filters: &[],
        }
    }
}

impl Iterator for Receivers<'_> {
    type Item = PeerId;

    #[inline]
    fn next(&mut self) -> Option<PeerId> {
        for peer in self.peers.by_ref() {
            let place = self.passed;
            self.passed += 1;
            match self.filters {
                [(at, filter), rest @ ..] if *at == place => {
                    self.filters = rest;
                    if filter.passes(self.source) {
                        return Some(*peer);
                    }
                }
                _ => return Some(*peer),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 2));

    fn everything(peer: PeerId) -> GroupReceiver {
        (peer, FilterMode::Exclude, Vec::new())
    }

    #[test]
    fn each_hears_whom_it_wants_in_the_order_named() {
        let mut list: ReceiverList = [
            (9, FilterMode::Include, vec![A]),
            everything(3),
            (7, FilterMode::Exclude, vec![B, A, B]),
        ]
        .into_iter()
        .collect();
        list.extend([everything(1), (2, FilterMode::Include, Vec::new()), everything(5)]);
        list.extend([(4, FilterMode::Exclude, vec![A])]);
        assert_eq!(list.len(), 7);
        assert_eq!(list.of(A).collect::<Vec<_>>(), [9, 3, 1, 5]);
        assert_eq!(list.of(B).collect::<Vec<_>>(), [3, 1, 5, 4]);
        assert_eq!(Receivers::none(A).next(), None);
    }

    #[test]
    fn whoever_wants_all_is_a_number() {
        let list: ReceiverList = (0..1_000).map(everything).collect();
        assert!(list.filters.is_empty() && !list.is_empty());
        assert_eq!(list.peers.capacity(), 1_000);
        assert_eq!(list.of(A).count(), 1_000);
    }
}
