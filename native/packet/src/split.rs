//! Adapter → network: one large frame becomes packets of at most one MTU.

use crate::bytes::{be16, be32, put16, put32};
use crate::ether::{ETHER_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Frame};
use crate::ipv6::IPV6_LEN;
use crate::tcp::{self, TCP_CHECKSUM_AT, TCP_FLAGS_AT, Tcp};
use crate::udp::{UDP_CHECKSUM_AT, UDP_LEN, Udp};
use crate::{DropReason, GsoKind, L3, VnetHeader, checksum, protocol};

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
    count: usize,
    /// L3 and L4 headers that every packet repeats.
    head_len: usize,
    /// Payload bytes of every packet but the last.
    step: usize,
    work: Work,
}

/// What `write` has to do besides copying.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Nothing: the packet is complete.
    Copy,
    /// A checksum that is neither TCP's nor UDP's: always computed here, as no receiver could derive it. Offsets in L3.
    Foreign { start: usize, field: usize },
    /// Repeat the headers, give each its lengths, numbers and checksum.
    Segments { l4: L4, ip_sum: u32, pseudo_sum: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum L4 {
    Tcp,
    Udp,
}

impl L4 {
    fn checksum_at(self) -> usize {
        match self {
            L4::Tcp => TCP_CHECKSUM_AT,
            L4::Udp => UDP_CHECKSUM_AT,
        }
    }
}

impl<'a> Splitter<'a> {
    /// `frame`: Ethernet header and everything after it, at most 64 KiB. `mtu`: of the adapter, in bytes of L3 packet.
    ///
    /// # Errors
    /// `NotIp`, `Truncated`, `Malformed`, `HeaderChain` as [`L3::parse`]; `BadOffload` when header and frame disagree;
    /// `TooBig` when a packet would exceed `mtu`.
    pub fn parse(vnet: &VnetHeader, frame: &'a [u8], mtu: usize) -> Result<Self, DropReason> {
        let frame = Frame::parse(frame)?;
        let packet = match frame.ethertype() {
            ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => L3::parse(frame.payload())?,
            _ => return Err(DropReason::NotIp),
        };
        if packet.is_v4() != (frame.ethertype() == ETHERTYPE_IPV4) {
            return Err(DropReason::Malformed);
        }
        let splitter = match vnet.gso {
            GsoKind::None => Self::single(vnet, packet)?,
            _ => Self::segments(vnet, packet)?,
        };
        if splitter.segment_len(0) > mtu {
            Err(DropReason::TooBig)
        } else {
            Ok(splitter)
        }
    }

    fn single(vnet: &VnetHeader, packet: L3<'a>) -> Result<Self, DropReason> {
        let len = packet.bytes().len();
        let whole = |work| Splitter {
            packet,
            count: 1,
            head_len: len,
            step: 1,
            work,
        };
        if !vnet.needs_csum {
            return Ok(whole(Work::Copy));
        }
        let field = usize::from(vnet.csum_start) + usize::from(vnet.csum_offset);
        if usize::from(vnet.csum_start) < ETHER_LEN || field + 2 > ETHER_LEN + len {
            return Err(DropReason::BadOffload);
        }
        let start = usize::from(vnet.csum_start) - ETHER_LEN;
        if let Some((l4, head_len)) = checksummed_l4(&packet) {
            if start == packet.l4_offset() && usize::from(vnet.csum_offset) == l4.checksum_at() {
                return Ok(Self::with_headers(packet, l4, head_len, len));
            }
        }
        Ok(whole(Work::Foreign {
            start,
            field: field - ETHER_LEN,
        }))
    }

    fn segments(vnet: &VnetHeader, packet: L3<'a>) -> Result<Self, DropReason> {
        let (l4, head_len) = checksummed_l4(&packet).ok_or(DropReason::BadOffload)?;
        let fits = match vnet.gso {
            GsoKind::Tcp4 => l4 == L4::Tcp && packet.is_v4(),
            GsoKind::Tcp6 => l4 == L4::Tcp && !packet.is_v4(),
            GsoKind::UdpL4 => l4 == L4::Udp,
            GsoKind::None => false,
        };
        if !fits || vnet.gso_size == 0 {
            return Err(DropReason::BadOffload);
        }
        Ok(Self::with_headers(
            packet,
            l4,
            head_len,
            usize::from(vnet.gso_size),
        ))
    }

    fn with_headers(packet: L3<'a>, l4: L4, head_len: usize, step: usize) -> Self {
        let b = packet.bytes();
        let step = step.max(1);
        let count = (b.len() - head_len).div_ceil(step).max(1);
        // The header's sum without length, id and checksum: subtracting is adding the complement.
        let ip_sum = if packet.is_v4() {
            let without = |at| u32::from(!be16(b, at));
            let header = checksum::sum(&b[..packet.l4_offset()]);
            u32::from(checksum::fold(header + without(2) + without(4) + without(10)))
        } else {
            0
        };
        let pseudo_sum = checksum::pseudo(packet.addresses(), packet.protocol(), 0);
        Splitter {
            packet,
            count,
            head_len,
            step,
            work: Work::Segments {
                l4,
                ip_sum,
                pseudo_sum,
            },
        }
    }

    /// The whole run seen as one packet: addresses, protocol and ports hold for every segment.
    pub fn packet(&self) -> &L3<'a> {
        &self.packet
    }

    /// Packets that come out: 1 without GSO, else up to 65,535 (a tiny segment size): callers batch.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of packet `i` (< `count`). All but the last are equal.
    #[inline]
    pub fn segment_len(&self, i: usize) -> usize {
        self.head_len + self.payload_range(i).len()
    }

    #[inline]
    fn payload_range(&self, i: usize) -> std::ops::Range<usize> {
        debug_assert!(i < self.count);
        let from = self.head_len + i * self.step;
        let to = if i + 1 == self.count {
            self.packet.bytes().len()
        } else {
            from + self.step
        };
        from..to
    }

    /// Whether packets written with `mode` have a partial checksum: the same for all of the run.
    pub fn is_partial(&self, mode: Checksum) -> bool {
        mode == Checksum::Partial && matches!(self.work, Work::Segments { .. })
    }

    /// Writes packet `i` to the start of `out` (at least `segment_len(i)` long, else it panics) and returns its length.
    #[inline]
    pub fn write(&self, i: usize, out: &mut [u8], mode: Checksum) -> usize {
        let b = self.packet.bytes();
        let payload = self.payload_range(i);
        let len = self.head_len + payload.len();
        let out = &mut out[..len];
        out[..self.head_len].copy_from_slice(&b[..self.head_len]);
        out[self.head_len..].copy_from_slice(&b[payload]);
        match self.work {
            Work::Copy => {}
            Work::Foreign { start, field } => {
                let check = checksum::finish_udp(checksum::sum(&out[start..]));
                put16(out, field, check);
            }
            Work::Segments {
                l4,
                ip_sum,
                pseudo_sum,
            } => {
                self.fix_ip(i, out, ip_sum);
                self.fix_l4(i, out, l4, pseudo_sum, mode);
            }
        }
        len
    }

    #[inline]
    fn fix_ip(&self, i: usize, out: &mut [u8], ip_sum: u32) {
        if self.packet.is_v4() {
            let len = out.len() as u16;
            let id = be16(out, 4).wrapping_add(i as u16);
            put16(out, 2, len);
            put16(out, 4, id);
            put16(out, 10, checksum::finish(ip_sum + u32::from(len) + u32::from(id)));
        } else {
            put16(out, 4, (out.len() - IPV6_LEN) as u16);
        }
    }

    #[inline]
    fn fix_l4(&self, i: usize, out: &mut [u8], l4: L4, pseudo_sum: u32, mode: Checksum) {
        let body = &mut out[self.packet.l4_offset()..];
        match l4 {
            L4::Tcp => {
                let seq = be32(body, 4).wrapping_add((i * self.step) as u32);
                put32(body, 4, seq);
                if i + 1 < self.count {
                    body[TCP_FLAGS_AT] &= !(tcp::FIN | tcp::PSH);
                }
                if i > 0 {
                    body[TCP_FLAGS_AT] &= !tcp::CWR;
                }
            }
            L4::Udp => put16(body, 4, body.len() as u16),
        }
        let at = l4.checksum_at();
        let seed = checksum::fold(pseudo_sum + body.len() as u32);
        put16(body, at, seed);
        if mode == Checksum::Full {
            // The seed stands in the field, so one pass over the bytes sums pseudo-header, header and payload.
            let sum = checksum::sum(body);
            put16(
                body,
                at,
                if l4 == L4::Udp {
                    checksum::finish_udp(sum)
                } else {
                    checksum::finish(sum)
                },
            );
        }
    }
}

/// TCP or UDP whose checksum covers exactly this packet, and the length of its L3 and L4 headers.
fn checksummed_l4(packet: &L3<'_>) -> Option<(L4, usize)> {
    if packet.fragment().is_some() {
        return None;
    }
    match packet.protocol() {
        protocol::TCP => Tcp::parse(packet.l4())
            .ok()
            .map(|t| (L4::Tcp, packet.l4_offset() + t.header_len())),
        protocol::UDP => {
            let udp = Udp::parse(packet.l4()).ok()?;
            udp.is_exact().then_some((L4::Udp, packet.l4_offset() + UDP_LEN))
        }
        _ => None,
    }
}
