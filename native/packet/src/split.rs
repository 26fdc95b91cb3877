//! Adapter → network: one large frame becomes packets of at most one MTU.

use crate::{DropReason, L3, VnetHeader};

/// What the receiver of the packets can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Where the kernel left the checksum to us, leave only the pseudo-header's sum: the receiver finishes it.
    Partial,
    /// Compute it.
    Full,
}

/// A frame of the adapter, ready to be written out packet by packet.
///
/// ```ignore
/// let s = Splitter::parse(&vnet, frame, mtu)?;       // once per frame
/// match table.classify(s.packet()) { … }             // one decision for the whole run
/// for i in 0..s.count() {
///     let flag = s.is_partial(mode);                 // the flag that must travel with each packet
///     let n = s.write(i, &mut buffer[at..], mode);   // n == s.segment_len(i)
/// }
/// ```
#[derive(Debug)]
pub struct Splitter<'a> {
    packet: L3<'a>,
}

impl<'a> Splitter<'a> {
    /// `frame`: Ethernet header and everything after it, at most 64 KiB. `mtu`: of the adapter, in bytes of L3 packet.
    ///
    /// # Errors
    /// `NotIp`, `Truncated`, `Malformed`, `HeaderChain` as [`L3::parse`]; `BadOffload` when header and frame disagree;
    /// `TooBig` when a packet would exceed `mtu`.
    pub fn parse(_vnet: &VnetHeader, _frame: &'a [u8], _mtu: usize) -> Result<Self, DropReason> {
        todo!()
    }

    /// The whole run seen as one packet: addresses, protocol and ports hold for every segment.
    pub fn packet(&self) -> &L3<'a> {
        &self.packet
    }

    /// Packets that come out: 1 without GSO, else up to 65,535 (a tiny segment size): callers batch.
    pub fn count(&self) -> usize {
        todo!()
    }

    /// Bytes of packet `i` (< `count`). All but the last are equal.
    pub fn segment_len(&self, _i: usize) -> usize {
        todo!()
    }

    /// Whether packets written with `mode` have a partial checksum: the same for all of the run.
    pub fn is_partial(&self, _mode: Checksum) -> bool {
        todo!()
    }

    /// Writes packet `i` to the start of `out` (at least `segment_len(i)` long, else it panics) and returns its length.
    pub fn write(&self, _i: usize, _out: &mut [u8], _mode: Checksum) -> usize {
        todo!()
    }
}
