//! What one receive call brought.

use super::sys::{RECV_BATCH, Received};
use std::net::SocketAddr;

/// Buffers lie this much further apart than they are long, so that their beginnings do not share cache sets.
const STAGGER: usize = 1_600;
/// Bytes of one buffer: the largest run of datagrams.
const BUFFER: usize = 65_536;

/// Buffers for [`crate::UdpSocket::recv_batch`], used again and again.
pub struct RecvBatch {
    pub(super) storage: Vec<u8>,
    pub(super) received: [Received; RECV_BATCH],
    pub(super) count: usize,
}

/// One buffer: datagrams of `segment` bytes each but the last, from one sender.
#[derive(Debug)]
pub struct Datagrams<'a> {
    pub bytes: &'a mut [u8],
    pub segment: usize,
    /// Never a v4-mapped address.
    pub from: SocketAddr,
}

impl RecvBatch {
    pub(super) const STRIDE: usize = BUFFER + STAGGER;
    /// Buffers of one batch.
    pub const BUFFERS: usize = RECV_BATCH;

    /// 2 MiB, touched only as far as datagrams reach.
    pub fn new() -> RecvBatch {
        let empty = Received {
            len: 0,
            segment: 0,
            from: None,
            truncated: false,
        };
        RecvBatch {
            storage: vec![0; RECV_BATCH * Self::STRIDE],
            received: [empty; RECV_BATCH],
            count: 0,
        }
    }

    /// Buffers filled by the last call.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes in all buffers.
    pub fn bytes(&self) -> usize {
        self.received[..self.count].iter().map(|r| r.len).sum()
    }

    /// Where buffer `i` begins in [`RecvBatch::storage`].
    pub fn offset(i: usize) -> usize {
        i * Self::STRIDE
    }

    /// All buffers as one slice, for gathering writes after the datagrams were worked on in place.
    pub fn storage(&self) -> &[u8] {
        &self.storage
    }

    /// Buffer `i` (< `len`); `None` when it was cut off or is empty.
    pub fn datagrams(&mut self, i: usize) -> Option<Datagrams<'_>> {
        let received = self.received[..self.count].get(i)?;
        let from = received
            .from
            .filter(|_| !received.truncated && received.len > 0)?;
        let start = Self::offset(i);
        Some(Datagrams {
            bytes: &mut self.storage[start..start + received.len],
            segment: received.segment.clamp(1, received.len),
            from: crate::normalise(from),
        })
    }
}

impl Default for RecvBatch {
    fn default() -> Self {
        RecvBatch::new()
    }
}
