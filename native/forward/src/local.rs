//! What applications on this host joined: a snapshot for the threads that receive.

use crate::SourceFilter;
use std::net::IpAddr;

/// Immutable; cheap to look up, replaced whole when [`crate::Snooper::take_changed`] says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalGroups {
    /// Sorted by group.
    groups: Vec<(IpAddr, SourceFilter)>,
}

impl LocalGroups {
    /// `groups` in any order, each group once.
    pub fn new(mut groups: Vec<(IpAddr, SourceFilter)>) -> Self {
        groups.sort_unstable_by_key(|(group, _)| *group);
        LocalGroups { groups }
    }

    /// Whether some application here wants `group` from `source`.
    #[inline]
    pub fn wants(&self, group: IpAddr, source: IpAddr) -> bool {
        self.groups
            .binary_search_by_key(&group, |(g, _)| *g)
            .is_ok_and(|at| self.groups[at].1.passes(source))
    }

    /// Group and filter, sorted by group: what the engine tells other members.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &SourceFilter)> {
        self.groups.iter().map(|(group, filter)| (*group, filter))
    }
}
