//! Network → adapter: packets in order of arrival become few large writes.

use crate::ether::ETHER_LEN;
use crate::{DropReason, L3, Run};

/// Flows that may have an open run at the same time.
pub const MERGE_FLOWS_MAX: usize = 16;

/// What the adapter takes. All false (`WEFT_OFFLOADS=none`): nothing is merged, partial checksums are completed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MergeConfig {
    /// Checksums may be left to the kernel. Without it the other two have no effect.
    pub checksum: bool,
    /// Runs of TCP segments as TSO.
    pub tcp: bool,
    /// Runs of equal datagrams as UDP_L4 (Linux 6.2 and newer).
    pub udp: bool,
}

/// Collects one batch. Per batch: `push` each packet, then take `runs()` and write them in that order, then `clear()`.
/// Packets of one flow never change places. Nothing allocates once the largest batch has been seen.
pub struct Merger {
    config: MergeConfig,
    runs: Vec<Run>,
    used: usize,
}

impl Merger {
    pub fn new(config: MergeConfig) -> Self {
        Merger { config, runs: Vec::new(), used: 0 }
    }

    /// Adds `packet`, which the caller keeps in place under `index` until the runs are written. `partial`: its checksum
    /// holds only the pseudo-header's sum (the flag that travelled with it; the sum itself is not trusted).
    /// `ether`: from [`crate::ether::header_for`].
    ///
    /// # Errors
    /// `BadPartial`: said to be partial but is not whole TCP or UDP. `HeaderChain`: headers longer than a run can hold.
    pub fn push(&mut self, _index: u32, _packet: &L3<'_>, _partial: bool, _ether: &[u8; ETHER_LEN]) -> Result<(), DropReason> {
        let _ = self.config;
        todo!()
    }

    /// Every run of this batch, in the order to write them. Valid at any time; later pushes may still extend the last ones.
    pub fn runs(&self) -> &[Run] {
        &self.runs[..self.used]
    }

    /// Starts the next batch; keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}
