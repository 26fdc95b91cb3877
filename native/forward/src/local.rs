//! What applications on this host joined: a snapshot for the threads that receive.

use crate::SourceFilter;
use std::net::IpAddr;

/// Immutable; cheap to look up, replaced whole when [`crate::Snooper::take_changed`] says so.
#[derive(Clone, Debug, Default)]
pub struct LocalGroups {}

impl LocalGroups {
    /// Whether some application here wants `group` from `source`.
    pub fn wants(&self, _group: IpAddr, _source: IpAddr) -> bool {
        todo!()
    }

    /// Group and filter, sorted by group: what the engine tells other members.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &SourceFilter)> {
        [].into_iter()
    }
}
