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

/// Where one buffer's datagrams lie.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub start: usize,
    pub end: usize,
    pub segment: usize,
    /// Never a v4-mapped address.
    pub from: SocketAddr,
    /// Traffic class byte of the IP headers: DSCP and ECN. The same for all datagrams of a run.
    pub class: u8,
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
            class: 0,
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

    /// All buffers as one slice: datagrams are worked on in place and gathered from here.
    pub fn storage(&mut self) -> &mut [u8] {
        &mut self.storage
    }

    /// Where in [`RecvBatch::storage`] buffer `i` (< `len`) has what; `None` when it was cut off or is empty.
    pub fn place(&self, i: usize) -> Option<Place> {
        let received = self.received[..self.count].get(i)?;
        let from = received
            .from
            .filter(|_| !received.truncated && received.len > 0)?;
        let start = i * Self::STRIDE;
        let segment = received.segment.clamp(1, received.len);
        Some(Place {
            start,
            end: start + received.len,
            segment,
            from: crate::normalise(from),
            class: received.class,
        })
    }

    /// The bytes of buffer `i`.
    pub fn datagrams(&mut self, i: usize) -> Option<Datagrams<'_>> {
        let place = self.place(i)?;
        let bytes = &mut self.storage[place.start..place.end];
        Some(Datagrams {
            bytes,
            segment: place.segment,
            from: place.from,
        })
    }
}

impl Default for RecvBatch {
    fn default() -> Self {
        RecvBatch::new()
    }
}
