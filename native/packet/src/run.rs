//! What the merger hands out: one write to the adapter.

use crate::bytes::{be16, put16};
use crate::ether::ETHER_LEN;
use crate::ipv6::IPV6_LEN;
use crate::tcp::TCP_CHECKSUM_AT;
use crate::udp::UDP_CHECKSUM_AT;
use crate::{GsoKind, VNET_LEN, VnetHeader, checksum, protocol};

/// Segments in a run: what kernels accept in one UDP_L4 packet.
pub const RUN_SEGMENTS_MAX: usize = 64;
/// Bytes of a run's frame (without virtio-net header).
pub const RUN_BYTES_MAX: usize = 65_535;
/// Bytes of virtio-net + Ethernet + IP + L4 headers.
pub const RUN_HEAD_MAX: usize = 256;
/// Where L3 begins in the head.
pub(crate) const L3_AT: usize = VNET_LEN + ETHER_LEN;

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
    head: [u8; RUN_HEAD_MAX],
    head_len: u16,
    /// Where L4 begins in the head; only for runs whose headers are in the head.
    l4_at: u16,
    /// TCP or UDP.
    protocol: u8,
    /// The checksum field is ours to fill.
    partial: bool,
    /// Payload bytes per segment.
    step: u16,
    count: u16,
    bytes: u32,
    slices: [Slice; RUN_SEGMENTS_MAX],
}

impl Run {
    /// virtio-net header, Ethernet header and, where they were rebuilt, IP and L4 headers, in one piece.
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// The same for an adapter without virtio-net header.
    pub fn head_without_vnet(&self) -> &[u8] {
        &self.head()[VNET_LEN..]
    }

    /// What follows the head, in order: 1 to 64 pieces (a piece may be empty).
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

    pub(crate) fn new() -> Self {
        Run {
            head: [0; RUN_HEAD_MAX],
            head_len: 0,
            l4_at: 0,
            protocol: 0,
            partial: false,
            step: 0,
            count: 0,
            bytes: 0,
            slices: [Slice::default(); RUN_SEGMENTS_MAX],
        }
    }

    /// Starts with one packet that is written exactly as it is.
    pub(crate) fn start_verbatim(&mut self, ether: &[u8; ETHER_LEN], index: u32, packet: &[u8]) {
        self.start(ether, packet, 0);
        self.l4_at = 0;
        self.partial = false;
        self.slices[0] = Slice {
            index,
            start: 0,
            len: packet.len() as u16,
        };
    }

    /// Starts with one packet whose headers, L4 included, move into the head. `headers` bytes, which must fit.
    pub(crate) fn start_headers(&mut self, ether: &[u8; ETHER_LEN], index: u32, packet: &[u8], shape: Shape) {
        self.start(ether, packet, shape.headers);
        self.l4_at = (L3_AT + shape.l4_offset) as u16;
        self.protocol = shape.protocol;
        self.partial = shape.partial;
        self.step = (packet.len() - shape.headers) as u16;
        self.slices[0] = Slice {
            index,
            start: shape.headers as u16,
            len: self.step,
        };
    }

    fn start(&mut self, ether: &[u8; ETHER_LEN], packet: &[u8], headers: usize) {
        self.head[..VNET_LEN].fill(0);
        self.head[VNET_LEN..L3_AT].copy_from_slice(ether);
        self.head[L3_AT..L3_AT + headers].copy_from_slice(&packet[..headers]);
        self.head_len = (L3_AT + headers) as u16;
        self.count = 1;
        self.bytes = (ETHER_LEN + packet.len()) as u32;
    }

    /// Adds the payload of another packet. The caller has checked that it belongs here.
    #[inline]
    pub(crate) fn append(&mut self, index: u32, start: usize, len: usize) {
        self.slices[usize::from(self.count)] = Slice {
            index,
            start: start as u16,
            len: len as u16,
        };
        self.count += 1;
        self.bytes += len as u32;
    }

    pub(crate) fn has_room(&self, len: usize) -> bool {
        usize::from(self.count) < RUN_SEGMENTS_MAX && self.bytes as usize + len <= RUN_BYTES_MAX
    }

    /// Payload bytes of each segment but the last.
    pub(crate) fn step(&self) -> usize {
        usize::from(self.step)
    }

    pub(crate) fn ether(&self) -> &[u8] {
        &self.head[VNET_LEN..L3_AT]
    }

    pub(crate) fn l3(&self) -> &[u8] {
        &self.head[L3_AT..usize::from(self.head_len)]
    }

    pub(crate) fn l4(&self) -> &[u8] {
        &self.head[usize::from(self.l4_at)..usize::from(self.head_len)]
    }

    pub(crate) fn l4_mut(&mut self) -> &mut [u8] {
        &mut self.head[usize::from(self.l4_at)..usize::from(self.head_len)]
    }

    /// Fills in what is known only at the end: lengths, checksums, the virtio-net header. Idempotent.
    pub(crate) fn seal(&mut self) {
        if self.count == 1 && !self.partial {
            return;
        }
        let l3_len = self.bytes as usize - ETHER_LEN;
        let l4_len = l3_len + L3_AT - usize::from(self.l4_at);
        if self.count > 1 {
            self.fix_lengths(l3_len, l4_len);
        }
        let at = usize::from(self.l4_at) + self.checksum_at();
        let seed = checksum::fold(checksum::pseudo(self.addresses(), self.protocol, l4_len));
        put16(&mut self.head, at, seed);
        let many = self.count > 1;
        let vnet = VnetHeader {
            needs_csum: true,
            gso: if many { self.gso_kind() } else { GsoKind::None },
            ecn: false,
            hdr_len: if many { self.head_len - VNET_LEN as u16 } else { 0 },
            gso_size: if many { self.step } else { 0 },
            csum_start: self.l4_at - VNET_LEN as u16,
            csum_offset: self.checksum_at() as u16,
        };
        self.head[..VNET_LEN].copy_from_slice(&vnet.encode());
    }

    /// Completes the checksum of a single packet in software: for adapters that take no partial ones.
    pub(crate) fn complete(&mut self, l4: &[u8]) {
        let field = self.checksum_at();
        // What stands in the field is the peer's and not trusted: subtract it.
        let sum = checksum::pseudo(self.addresses(), self.protocol, l4.len())
            + checksum::sum(l4)
            + u32::from(!be16(l4, field));
        let check = if self.protocol == protocol::UDP {
            checksum::finish_udp(sum)
        } else {
            checksum::finish(sum)
        };
        put16(&mut self.head, usize::from(self.l4_at) + field, check);
        self.partial = false;
    }

    fn fix_lengths(&mut self, l3_len: usize, l4_len: usize) {
        let l4_at = usize::from(self.l4_at);
        if self.is_v4() {
            put16(&mut self.head, L3_AT + 2, l3_len as u16);
            checksum::fix_ipv4(&mut self.head[L3_AT..l4_at]);
        } else {
            put16(&mut self.head, L3_AT + 4, (l3_len - IPV6_LEN) as u16);
        }
        if self.protocol == protocol::UDP {
            put16(&mut self.head, l4_at + 4, l4_len as u16);
        }
    }

    fn is_v4(&self) -> bool {
        self.head[L3_AT] >> 4 == 4
    }

    fn addresses(&self) -> &[u8] {
        let range = if self.is_v4() { 12..20 } else { 8..40 };
        &self.head[L3_AT..][range]
    }

    fn checksum_at(&self) -> usize {
        if self.protocol == protocol::UDP {
            UDP_CHECKSUM_AT
        } else {
            TCP_CHECKSUM_AT
        }
    }

    fn gso_kind(&self) -> GsoKind {
        match (self.protocol, self.is_v4()) {
            (protocol::UDP, _) => GsoKind::UdpL4,
            (_, true) => GsoKind::Tcp4,
            (_, false) => GsoKind::Tcp6,
        }
    }
}

/// Where the parts of a TCP or UDP packet lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub protocol: u8,
    pub partial: bool,
    pub l4_offset: usize,
    /// L3 and L4 headers.
    pub headers: usize,
}
