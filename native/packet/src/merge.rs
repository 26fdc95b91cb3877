//! Network → adapter: packets in order of arrival become few large writes.

use crate::bytes::{be16, be32};
use crate::ether::ETHER_LEN;
use crate::ipv4::FLAG_DF;
use crate::run::{L3_AT, RUN_BYTES_MAX, RUN_HEAD_MAX, Shape};
use crate::tcp::{self, TCP_FLAGS_AT, TCP_LEN_MIN, Tcp};
use crate::udp::{UDP_LEN, Udp};
use crate::{DropReason, L3, Run, checksum, protocol};

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
    /// Runs that may still grow, oldest first.
    open: [Open; MERGE_FLOWS_MAX],
    open_len: usize,
}

/// A run that waits for the next packet of its flow.
#[derive(Clone, Copy, Default)]
struct Open {
    slot: u32,
    flow: u64,
    /// Of the next segment (TCP).
    seq: u32,
    /// Of the next packet (IPv4).
    id: u16,
}

impl Merger {
    pub fn new(config: MergeConfig) -> Self {
        Merger {
            config,
            runs: Vec::new(),
            used: 0,
            open: [Open::default(); MERGE_FLOWS_MAX],
            open_len: 0,
        }
    }

    /// Adds `packet`, which the caller keeps in place under `index` until the runs are written. `partial`: its checksum
    /// holds only the pseudo-header's sum (the flag that travelled with it; the sum itself is not trusted).
    /// `ether`: from [`crate::ether::header_for`].
    ///
    /// # Errors
    /// `BadPartial`: said to be partial but is not whole TCP or UDP. `HeaderChain`: headers longer than a run can hold.
    /// `TooBig`: larger than a run.
    pub fn push(
        &mut self,
        index: u32,
        packet: &L3<'_>,
        partial: bool,
        ether: &[u8; ETHER_LEN],
    ) -> Result<(), DropReason> {
        let b = packet.bytes();
        if ETHER_LEN + b.len() > RUN_BYTES_MAX {
            return Err(DropReason::TooBig);
        }
        let shape = shape_of(packet, partial);
        if partial {
            let headers = shape.ok_or(DropReason::BadPartial)?.headers;
            if L3_AT + headers > RUN_HEAD_MAX {
                return Err(DropReason::HeaderChain);
            }
        }
        let Some(shape) = shape else {
            // ICMP, fragments and the like have no flow to look up: nothing between the two addresses may be overtaken.
            self.close_between(packet);
            self.start().start_verbatim(ether, index, b);
            return Ok(());
        };
        let flow = flow_of(packet);
        let place = self.find(flow, packet);
        if !self.may_merge(packet, &shape) {
            self.close(place);
            self.start_alone(index, packet, &shape, ether);
            return Ok(());
        }
        if let Some(at) = place {
            if self.try_append(at, index, packet, &shape, ether) {
                return Ok(());
            }
            self.close(place);
        }
        self.start().start_headers(ether, index, b, shape);
        if !ends_run(packet, &shape) {
            self.keep_open(flow, packet, &shape);
        }
        Ok(())
    }

    /// Every run of this batch, in the order to write them. Packets pushed afterwards start new runs.
    pub fn runs(&mut self) -> &[Run] {
        self.open_len = 0;
        for run in &mut self.runs[..self.used] {
            run.seal();
        }
        &self.runs[..self.used]
    }

    /// Starts the next batch; keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
        self.open_len = 0;
    }

    fn start(&mut self) -> &mut Run {
        if self.used == self.runs.len() {
            self.runs.push(Run::new());
        }
        self.used += 1;
        &mut self.runs[self.used - 1]
    }

    fn start_alone(&mut self, index: u32, packet: &L3<'_>, shape: &Shape, ether: &[u8; ETHER_LEN]) {
        let complete = shape.partial && !self.config.checksum;
        let run = self.start();
        if !shape.partial {
            run.start_verbatim(ether, index, packet.bytes());
            return;
        }
        run.start_headers(ether, index, packet.bytes(), *shape);
        if complete {
            run.complete(packet.l4());
        }
    }

    /// Whether this packet may share a run with others at all.
    fn may_merge(&self, packet: &L3<'_>, shape: &Shape) -> bool {
        let b = packet.bytes();
        let enabled = match shape.protocol {
            protocol::TCP => self.config.tcp && is_bulk(packet.l4()),
            _ => self.config.udp,
        };
        if !enabled || !self.config.checksum || !packet.is_plain() || b.len() == shape.headers {
            return false;
        }
        // A rebuilt header would hide a wrong sum: only right ones are merged, wrong ones reach the kernel as they are.
        if packet.is_v4() && !checksum::ipv4_is_valid(&b[..shape.l4_offset]) {
            return false;
        }
        if shape.partial {
            return true;
        }
        let absent = shape.protocol == protocol::UDP && be16(packet.l4(), 6) == 0;
        !absent && checksum::is_valid(packet.addresses(), shape.protocol, packet.l4())
    }

    fn find(&self, flow: u64, packet: &L3<'_>) -> Option<usize> {
        let b = packet.bytes();
        (0..self.open_len).rev().find(|&at| {
            let open = &self.open[at];
            open.flow == flow && {
                let run = &self.runs[open.slot as usize];
                same_addresses(run.l3(), b) && run.l4()[..4] == packet.l4()[..4]
            }
        })
    }

    fn close(&mut self, place: Option<usize>) {
        if let Some(at) = place {
            self.open.copy_within(at + 1..self.open_len, at);
            self.open_len -= 1;
        }
    }

    fn close_between(&mut self, packet: &L3<'_>) {
        for at in (0..self.open_len).rev() {
            let run = &self.runs[self.open[at].slot as usize];
            if same_addresses(run.l3(), packet.bytes()) {
                self.close(Some(at));
            }
        }
    }

    fn keep_open(&mut self, flow: u64, packet: &L3<'_>, shape: &Shape) {
        if self.open_len == MERGE_FLOWS_MAX {
            self.close(Some(0));
        }
        let b = packet.bytes();
        let payload = (b.len() - shape.headers) as u32;
        self.open[self.open_len] = Open {
            slot: (self.used - 1) as u32,
            flow,
            seq: if shape.protocol == protocol::TCP {
                be32(packet.l4(), 4).wrapping_add(payload)
            } else {
                0
            },
            id: be16(b, 4).wrapping_add(1),
        };
        self.open_len += 1;
    }

    /// Appends when the packet is exactly what cutting the grown run would give at this place.
    fn try_append(
        &mut self,
        at: usize,
        index: u32,
        packet: &L3<'_>,
        shape: &Shape,
        ether: &[u8; ETHER_LEN],
    ) -> bool {
        let b = packet.bytes();
        let payload = b.len() - shape.headers;
        let open = &mut self.open[at];
        let run = &mut self.runs[open.slot as usize];
        let fits = run.ether() == ether
            && run.l3().len() == shape.headers
            && payload <= run.step()
            && run.has_room(payload)
            && same_ip(run.l3(), b, open.id)
            && (shape.protocol == protocol::UDP || same_tcp(run.l4(), packet.l4(), open.seq, shape));
        if !fits {
            return false;
        }
        run.append(index, shape.headers, payload);
        let short = payload < run.step();
        let last = ends_run(packet, shape);
        if last {
            let flags = packet.l4()[TCP_FLAGS_AT] & (tcp::PSH | tcp::FIN);
            run.l4_mut()[TCP_FLAGS_AT] |= flags;
        }
        open.seq = open.seq.wrapping_add(payload as u32);
        open.id = open.id.wrapping_add(1);
        if short || last {
            self.close(Some(at));
        }
        true
    }
}

/// `None` unless it is a whole TCP segment or UDP datagram.
fn shape_of(packet: &L3<'_>, partial: bool) -> Option<Shape> {
    if packet.fragment().is_some() {
        return None;
    }
    let l4_offset = packet.l4_offset();
    let l4_header = match packet.protocol() {
        protocol::TCP => Tcp::parse(packet.l4()).ok()?.header_len(),
        protocol::UDP => Udp::parse(packet.l4())
            .ok()
            .filter(Udp::is_exact)
            .map(|_| UDP_LEN)?,
        _ => return None,
    };
    Some(Shape {
        protocol: packet.protocol(),
        partial,
        l4_offset,
        headers: l4_offset + l4_header,
    })
}

/// A TCP segment that only carries data: anything with another meaning travels alone.
fn is_bulk(l4: &[u8]) -> bool {
    l4[TCP_FLAGS_AT] & !(tcp::PSH | tcp::FIN | tcp::ECE) == tcp::ACK
}

/// Cutting puts PSH and FIN on the last segment only.
fn ends_run(packet: &L3<'_>, shape: &Shape) -> bool {
    shape.protocol == protocol::TCP && packet.l4()[TCP_FLAGS_AT] & (tcp::PSH | tcp::FIN) != 0
}

fn same_addresses(a: &[u8], b: &[u8]) -> bool {
    if a[0] >> 4 != b[0] >> 4 {
        false
    } else if a[0] >> 4 == 4 {
        a[12..20] == b[12..20]
    } else {
        a[8..40] == b[8..40]
    }
}

/// Everything in the IP header but lengths, checksum and id. `id`: the one that cutting would give.
fn same_ip(a: &[u8], b: &[u8], id: u16) -> bool {
    if a[0] >> 4 == 4 {
        // An id without meaning (DF, never a fragment: RFC 6864) may be anything.
        let id_fits = be16(b, 6) & FLAG_DF != 0 || be16(b, 4) == id;
        id_fits && a[..2] == b[..2] && a[6..10] == b[6..10]
    } else {
        a[..4] == b[..4] && a[6..8] == b[6..8]
    }
}

/// Everything in the TCP header but checksum, PSH and FIN; `seq` is the expected one.
fn same_tcp(a: &[u8], b: &[u8], seq: u32, shape: &Shape) -> bool {
    let ending = tcp::PSH | tcp::FIN;
    let header = shape.headers - shape.l4_offset;
    be32(b, 4) == seq
        && a[8..13] == b[8..13]
        && (a[TCP_FLAGS_AT] ^ b[TCP_FLAGS_AT]) & !ending == 0
        && a[14..16] == b[14..16]
        && a[18..header] == b[18..header]
        && header >= TCP_LEN_MIN
}

/// Addresses, ports and protocol in one word; equality is checked afterwards.
#[inline]
fn flow_of(packet: &L3<'_>) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let ports = be32(packet.l4(), 0);
    let mut hash = (u64::from(ports) << 8 | u64::from(packet.protocol())).wrapping_mul(MIX);
    for word in packet.addresses().chunks_exact(8) {
        let word = u64::from(be32(word, 0)) << 32 | u64::from(be32(word, 4));
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(MIX);
    }
    hash
}
