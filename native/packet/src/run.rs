//! What the merger hands out: one write to the adapter.

use crate::VNET_LEN;

/// Segments in a run: what kernels accept in one UDP_L4 packet.
pub const RUN_SEGMENTS_MAX: usize = 64;
/// Bytes of a run's frame (without virtio-net header).
pub const RUN_BYTES_MAX: usize = 65_535;
/// Bytes of virtio-net + Ethernet + IP + L4 headers.
pub const RUN_HEAD_MAX: usize = 256;

/// A piece of payload: `len` bytes from `start` of the packet that was pushed with `index`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub index: u32,
    pub start: u16,
    pub len: u16,
}

/// One write: `head()` first, then the bytes of each of `slices()`.
#[derive(Clone)]
pub struct Run {
    pub(crate) head: [u8; RUN_HEAD_MAX],
    pub(crate) head_len: u16,
    pub(crate) count: u16,
    pub(crate) bytes: u32,
    pub(crate) slices: [Slice; RUN_SEGMENTS_MAX],
}

impl Run {
    /// virtio-net header, Ethernet header and rebuilt IP and L4 headers, in one piece.
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// The same for an adapter without virtio-net header.
    pub fn head_without_vnet(&self) -> &[u8] {
        &self.head()[VNET_LEN..]
    }

    /// Payload in order: 1 to 64 pieces (one may be empty).
    pub fn slices(&self) -> &[Slice] {
        &self.slices[..usize::from(self.count)]
    }

    /// Packets in this run.
    pub fn packets(&self) -> usize {
        usize::from(self.count)
    }

    /// Bytes of the frame, without virtio-net header.
    pub fn frame_len(&self) -> usize {
        self.bytes as usize
    }
}
