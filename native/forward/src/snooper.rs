//! IGMP and MLD: learns what applications on this host joined, and asks them as the link's querier.

use crate::{DropReason, LocalGroups};
use weft_packet::{L3, Mac};

/// Groups that one adapter may join; more are counted as `tableFull`.
pub const GROUPS_MAX: usize = 256;
/// Sources per group; a filter with more becomes "all sources" and is counted.
pub const SOURCES_MAX: usize = 64;
/// Longest query in bytes (Ethernet frame, without virtio-net header).
pub const QUERY_MAX: usize = 14 + 40 + 8 + 28 + 16 * SOURCES_MAX;

/// How the querier introduces itself.
#[derive(Clone, Copy, Debug)]
pub struct SnooperConfig {
    /// Source MAC of queries: any but the adapter's own.
    pub mac: Mac,
}

impl Default for SnooperConfig {
    fn default() -> Self {
        SnooperConfig { mac: Mac([0x02, 0x77, 0x65, 0x66, 0x74, 0x00]) }
    }
}

/// One adapter's memberships. `now`: microseconds, never going back.
///
/// Use: `attach(now)`; then for each `Snoop` packet `handle(now, packet)` and at each deadline `handle_timeout(now)`;
/// after any of them drain `poll_query` and, when `take_changed`, publish `local()`.
pub struct Snooper {}

impl Snooper {
    pub fn new(_config: SnooperConfig) -> Self {
        todo!()
    }

    /// The adapter came (back) up: three quick general queries, so that memberships are known within 300 ms.
    /// What was known is kept until the answers are in.
    pub fn attach(&mut self, _now: u64) {
        todo!()
    }

    /// A report, leave or query from the adapter.
    ///
    /// # Errors
    /// `Malformed`, `Truncated`, `TableFull`; `LocalOnly` for queries and what is no report.
    pub fn handle(&mut self, _now: u64, _packet: &L3<'_>) -> Result<(), DropReason> {
        todo!()
    }

    pub fn handle_timeout(&mut self, _now: u64) {
        todo!()
    }

    /// When `handle_timeout` wants to be called; `None` before `attach`.
    pub fn next_deadline(&self) -> Option<u64> {
        todo!()
    }

    /// The next query to inject (a whole Ethernet frame, to be written with an all-zero virtio-net header); returns its length.
    pub fn poll_query(&mut self, _out: &mut [u8; QUERY_MAX]) -> Option<usize> {
        todo!()
    }

    /// True once after memberships changed.
    pub fn take_changed(&mut self) -> bool {
        todo!()
    }

    /// The complete list, sorted by group.
    pub fn local(&self) -> LocalGroups {
        todo!()
    }
}
