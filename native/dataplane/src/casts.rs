//! Multicast on its way out: sealed once, stamped for each neighbour, sent as one run per neighbour. The bytes between
//! stamp and inner tag exist once: each neighbour's message gathers them between its own headers and tags.

use crate::api::PeerId;
use crate::lane::Lane;
use crate::limits::{CAST_HOP_LIMIT, TREE_HOP_LIMIT};
use crate::outbox::{Outbox, Outlet};
use crate::shared::{OwnTree, PeerState, add};
use std::io::IoSlice;
use std::sync::Arc;
use weft_packet::{Checksum, Splitter};
use weft_session::fragment::What;
use weft_session::limits::SIGNED_BATCH_MAX;
use weft_session::wire::{HEADER, STAMP};
use weft_session::{AUTH_SHARED, AUTH_SIGNED, CastTx, Leaves, PROOF_MAX, Path, TAG, Tx};
use weft_socket::{Message, RUN_BYTES_MAX, RUN_SEGMENTS_MAX};

/// Bytes that a cast adds to a packet.
pub const CAST_OVERHEAD: usize = HEADER + STAMP + 2 * TAG;
/// Header and tag: what is each neighbour's own.
const OWN: usize = HEADER + TAG;
/// Neighbours served by one system call.
const CHILDREN: usize = 8;
const _: () = assert!(
    RUN_SEGMENTS_MAX <= u64::BITS as usize,
    "one bit of `refused` each"
);
/// Parts of one message: own and shared ones take turns.
const PARTS: usize = 2 * RUN_SEGMENTS_MAX + 1;

/// A neighbour that gets the batch, with the keys it had when the batch began.
pub struct Child {
    pub state: Arc<PeerState>,
    pub tx: Arc<Tx>,
}

/// Packets of one length to the same neighbours. Lives no longer than a turn of the adapter's thread.
pub struct CastBatch {
    arena: Vec<u8>,
    /// Bytes of all sealed packets but the last, from stamp to inner tag, with proofs once it is signed.
    shared: usize,
    /// Where each begins is `i * shared`; where the last ends.
    used: usize,
    count: usize,
    ended: bool,
    /// Traffic class of the packets: the same for all.
    pub class: u8,
    pub receivers: Vec<PeerId>,
    pub children: Vec<Child>,
    /// Neighbours whose paths are too narrow for these frames: they get fragments.
    pub narrow: Vec<Child>,
    /// Neighbours behind slow ways: their packets wait for their turn.
    pub slow: Vec<Child>,
    /// The own tree that it takes, with the key that seals it; none: to each receiver directly.
    pub tree: Option<(u16, OwnTree)>,
    /// Of a tree: packets that may not leave now, as a mask of 64.
    pub refused: u64,
    /// What tells this flow from others there.
    pub flow: u64,
    /// Receivers without a session when the batch began.
    pub missing: Vec<Arc<PeerState>>,
    own: Vec<u8>,
}

/// What a flush did.
pub struct Sent<'a> {
    pub child: &'a Child,
    pub frames: u64,
    pub bytes: u64,
}

impl CastBatch {
    pub fn new() -> CastBatch {
        CastBatch {
            arena: vec![0; 2 * 65_536 + CAST_OVERHEAD],
            shared: 0,
            used: 0,
            count: 0,
            ended: false,
            class: 0,
            receivers: Vec::new(),
            children: Vec::new(),
            narrow: Vec::new(),
            slow: Vec::new(),
            tree: None,
            refused: 0,
            flow: 0,
            missing: Vec::new(),
            own: vec![0; CHILDREN * RUN_SEGMENTS_MAX * OWN],
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a packet of `len` bytes may join (for the same receivers).
    pub fn takes(&self, len: usize) -> bool {
        let shared = STAMP + len + TAG;
        let (most, proof) = if self.is_signed() {
            (SIGNED_BATCH_MAX, PROOF_MAX)
        } else {
            (RUN_SEGMENTS_MAX, 0)
        };
        let frames = self.used + self.count * (OWN + proof);
        self.count == 0
            || (!self.ended
                && shared <= self.shared
                && self.count < most
                && frames + shared + OWN + proof <= RUN_BYTES_MAX)
    }

    /// Seals packet `i` of a run. Call [`CastBatch::takes`] first.
    pub fn add(&mut self, cast: &CastTx, sequence: u64, run: &Splitter<'_>, i: usize, mode: Checksum) {
        let of = (run.segment_len(i), run.is_partial(mode));
        self.put(cast, sequence, of, |out| {
            run.write(i, out, mode);
        });
    }

    /// Seals a packet with full checksums.
    pub fn add_packet(&mut self, cast: &CastTx, sequence: u64, packet: &[u8]) {
        self.put(cast, sequence, (packet.len(), false), |out| {
            out[..packet.len()].copy_from_slice(packet);
        });
    }

    fn put(
        &mut self,
        cast: &CastTx,
        sequence: u64,
        (len, partial): (usize, bool),
        write: impl FnOnce(&mut [u8]),
    ) {
        let shared = STAMP + len + TAG;
        if self.count == 0 {
            self.shared = shared;
        }
        // `seal` wants room for a hop header before and a hop tag after: the former lies over what was sealed before, so
        // those 16 bytes are kept; the latter is overwritten by the next.
        let start = self.used;
        let frame = &mut self.arena[start..start + HEADER + shared + TAG];
        write(&mut frame[HEADER + STAMP..]);
        let (tree, epoch) = self
            .tree
            .as_ref()
            .map_or((0, 0), |(tree, own)| (*tree, own.epoch));
        cast.seal(sequence, partial, tree, epoch, frame);
        self.used += shared;
        self.count += 1;
        self.ended = shared < self.shared;
    }

    /// Authentication kind of its casts.
    pub fn auth(&self) -> u8 {
        self.tree.as_ref().map_or(AUTH_SHARED, |(_, own)| own.cast.auth())
    }

    pub fn is_signed(&self) -> bool {
        self.auth() == AUTH_SIGNED
    }

    /// Signs a full batch of a tree that is signed: the proofs go between stamps and packets. False: it is not.
    pub fn sign(&mut self) -> bool {
        let Some((_, own)) = self.tree.as_ref().filter(|_| self.is_signed()) else {
            return false;
        };
        let mut leaves = Leaves::default();
        (0..self.count).for_each(|i| leaves.add(self.body(i)));
        let Some(proofs) = own.cast.sign(leaves) else {
            return false;
        };
        let (shared, proof) = (self.shared, proofs.length());
        // From the last on: each moves to where nothing is needed any more.
        for i in (0..self.count).rev() {
            let (from, to) = (HEADER + i * shared, HEADER + i * (shared + proof));
            let end = (HEADER + self.used).min(from + shared);
            self.arena.copy_within(from + STAMP..end, to + STAMP + proof);
            self.arena.copy_within(from..from + STAMP, to);
            proofs.write(i, &mut self.arena[to + STAMP..to + STAMP + proof]);
        }
        self.shared += proof;
        self.used += self.count * proof;
        true
    }

    /// Bytes of its longest packet, with its proof: the first.
    pub fn longest(&self) -> usize {
        self.shared.saturating_sub(STAMP + TAG)
    }

    pub fn hop_limit(&self) -> u8 {
        if self.tree.is_some() {
            TREE_HOP_LIMIT
        } else {
            CAST_HOP_LIMIT
        }
    }

    /// Whether packet `i` may leave.
    #[inline]
    pub fn leaves(&self, i: usize) -> bool {
        self.refused & (1 << i) == 0
    }

    /// All neighbours that have a session.
    pub fn served(&self) -> impl Iterator<Item = &Child> {
        self.children.iter().chain(&self.narrow).chain(&self.slow)
    }

    /// Packets in the batch.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The part of packet `i` that all neighbours share: from stamp to inner tag.
    pub fn body(&self, i: usize) -> &[u8] {
        let start = HEADER + i * self.shared;
        let end = if i + 1 == self.count {
            HEADER + self.used
        } else {
            start + self.shared
        };
        &self.arena[start..end]
    }

    /// Packet `i` as fragments and bundles carry it; `None` when it may not leave.
    pub fn piece(&self, i: usize) -> Option<(What, Vec<u8>)> {
        if !self.leaves(i) {
            return None;
        }
        let body = self.body(i);
        Some(match self.tree {
            Some(_) => (What::TreeCast, [&[self.auth(), self.hop_limit()], body].concat()),
            None => (What::Cast, body.to_vec()),
        })
    }

    /// Stamps and sends to every child; then the batch is empty. `done` hears of each child that was served.
    /// Neighbours that are not reached by UDP get their frames by `outbox`.
    pub fn flush(
        &mut self,
        outlet: &Outlet<'_>,
        outbox: &mut Outbox,
        lane: &dyn Fn(&Child) -> Option<Lane>,
        done: &mut dyn FnMut(Sent<'_>),
    ) {
        let mut own = std::mem::take(&mut self.own);
        outbox.class = self.class;
        let mut from = 0;
        while from < self.children.len() && self.count > 0 {
            let group = &self.children[from..self.children.len().min(from + CHILDREN)];
            let stride = self.count * OWN;
            let mut ready = [None; CHILDREN];
            for (i, child) in group.iter().enumerate() {
                if self.refused != 0 || !matches!(child.tx.path(), Path::Udp { .. }) {
                    match lane(child) {
                        Some(lane) => self.send_singly(outlet, outbox, (child, &lane), done),
                        None => add(&outlet.counters.no_relay, self.count as u64),
                    }
                    continue;
                }
                ready[i] = self.stamp(child, &mut own[i * stride..(i + 1) * stride]);
            }
            self.send(outlet, group, &ready, &own, done);
            from += group.len();
        }
        self.own = own;
        self.clear();
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.count = 0;
        self.used = 0;
        self.ended = false;
        self.refused = 0;
        self.clear_receivers();
    }

    /// Forgets for whom the (empty) batch was.
    pub fn clear_receivers(&mut self) {
        self.children.clear();
        self.narrow.clear();
        self.slow.clear();
        self.missing.clear();
        self.receivers.clear();
        self.tree = None;
    }

    /// Whole frames, one after the other: for ways that do not gather.
    fn send_singly(
        &self,
        outlet: &Outlet<'_>,
        outbox: &mut Outbox,
        (child, lane): (&Child, &Lane),
        done: &mut dyn FnMut(Sent<'_>),
    ) {
        // Counters that nobody sees would be taken for frames that were lost.
        let count = (0..self.count).filter(|i| self.leaves(*i)).count();
        let Some(mut counter) = child.tx.reserve(count as u32) else {
            return;
        };
        let (mut frames, mut bytes) = (0, 0);
        for i in (0..self.count).filter(|i| self.leaves(*i)) {
            let body = self.body(i);
            let len = body.len() + OWN;
            let Some(slot) = outbox.slot(outlet, &child.state, lane, len) else {
                continue;
            };
            slot[HEADER..HEADER + body.len()].copy_from_slice(body);
            child.tx.seal_stamp(counter, self.auth(), self.hop_limit(), slot);
            counter += 1;
            frames += 1;
            bytes += len as u64;
        }
        add(&outlet.counters.casts_sent, frames);
        done(Sent { child, frames, bytes });
    }

    /// Writes a child's headers and tags: header 0 | tag 0, header 1 | … | tag n−1. `None` when it cannot be sent to.
    fn stamp(&self, child: &Child, own: &mut [u8]) -> Option<(u8, std::net::SocketAddr)> {
        let Path::Udp { socket, remote } = child.tx.path() else {
            return None;
        };
        let counter = child.tx.reserve(self.count as u32)?;
        for (i, pair) in own.chunks_exact_mut(OWN).enumerate() {
            let body = self.body(i);
            let (mut stamp, mut inner) = ([0; STAMP], [0; TAG]);
            stamp.copy_from_slice(&body[..STAMP]);
            inner.copy_from_slice(&body[body.len() - TAG..]);
            let (header, tag) =
                child
                    .tx
                    .stamp(counter + i as u64, self.auth(), self.hop_limit(), &stamp, &inner);
            pair[..HEADER].copy_from_slice(&header);
            pair[HEADER..].copy_from_slice(&tag);
        }
        Some((socket, remote))
    }

    fn send(
        &self,
        outlet: &Outlet<'_>,
        group: &[Child],
        ready: &[Option<(u8, std::net::SocketAddr)>; CHILDREN],
        own: &[u8],
        done: &mut dyn FnMut(Sent<'_>),
    ) {
        let stride = self.count * OWN;
        let bytes = (self.used + self.count * OWN) as u64;
        let mut parts = [[IoSlice::new(&[]); PARTS]; CHILDREN];
        for (i, parts) in parts.iter_mut().enumerate().take(group.len()) {
            self.gather(&own[i * stride..(i + 1) * stride], parts);
        }
        // Neighbours mostly share one socket; one call per stretch that does.
        let mut messages = [Message {
            class: 0,
            remote: ([0, 0, 0, 0], 0).into(),
            segment: 0,
            parts: &[],
        }; CHILDREN];
        let (mut n, mut socket) = (0, 0);
        for (i, target) in ready.iter().enumerate().take(group.len()) {
            let Some((through, remote)) = *target else {
                continue;
            };
            if n > 0 && through != socket {
                outlet.send(socket, &messages[..n], &mut |_, _| {});
                n = 0;
            }
            socket = through;
            messages[n] = Message {
                class: self.class,
                remote,
                segment: self.shared + OWN,
                parts: &parts[i][..2 * self.count + 1],
            };
            n += 1;
            done(Sent {
                child: &group[i],
                frames: self.count as u64,
                bytes,
            });
        }
        if n > 0 {
            outlet.send(socket, &messages[..n], &mut |_, _| {});
        }
        add(
            &outlet.counters.casts_sent,
            ready.iter().flatten().count() as u64 * self.count as u64,
        );
    }

    fn gather<'a>(&'a self, own: &'a [u8], parts: &mut [IoSlice<'a>; PARTS]) {
        let (mut start, mut end) = (0, HEADER);
        for i in 0..self.count {
            parts[2 * i] = IoSlice::new(&own[start..end]);
            parts[2 * i + 1] = IoSlice::new(self.body(i));
            // The tag of this one and the header of the next, if there is one.
            (start, end) = (end, (end + OWN).min(own.len()));
        }
        parts[2 * self.count] = IoSlice::new(&own[start..end]);
    }
}
