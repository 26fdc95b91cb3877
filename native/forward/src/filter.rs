//! Source filters as in IGMPv3 and MLDv2.

use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterMode {
    /// Only the listed sources.
    Include,
    /// All but the listed sources.
    Exclude,
}

/// A mode and its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFilter {
    pub mode: FilterMode,
    /// Sorted, without duplicates.
    pub sources: Vec<IpAddr>,
}

impl SourceFilter {
    pub fn new(mode: FilterMode, mut sources: Vec<IpAddr>) -> Self {
        sources.sort_unstable();
        sources.dedup();
        SourceFilter { mode, sources }
    }

    #[inline]
    pub fn passes(&self, source: IpAddr) -> bool {
        // The common filter is "everything" (exclude nothing): no search.
        let listed = !self.sources.is_empty() && self.sources.binary_search(&source).is_ok();
        listed == (self.mode == FilterMode::Include)
    }
}
