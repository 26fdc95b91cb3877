//! The way in: frames are opened where they lie, packets merged, runs written.

use crate::api::{NetId, PeerId};
use crate::core::{Core, Single};
use crate::network::Net;
use crate::shared::{Counters, add};
use crate::sys;
use crate::tree_in::TreeCast;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use weft_packet::{DropReason, L3, RUN_SEGMENTS_MAX, ecn};
use weft_session::bundle::Entries;
use weft_session::fragment::What;
use weft_session::{HopCast, Path, wire};
use weft_socket::{Place, RecvBatch};

/// Offset of the packet after the kind byte of a data frame's plaintext.
const KIND: usize = 1;

impl Core {
    /// Opens everything in the batch, then writes what came out of it.
    pub(crate) fn take_batch(&mut self, batch: &mut RecvBatch, socket: u8) {
        let now = sys::now();
        for net in self.nets.values_mut() {
            net.local = net.shared.local.load_full();
        }
        self.places.clear();
        let mut datagrams = 0;
        for i in 0..batch.len() {
            if let Some(place) = batch.place(i) {
                datagrams += (place.end - place.start).div_ceil(place.segment) as u64;
                self.take_run(now, socket, batch.storage(), place);
            }
        }
        add(&self.common.counters.receive_calls, 1);
        add(&self.common.counters.datagrams_received, datagrams);
        self.take_trees(now, batch.storage());
        self.deliver(batch.storage());
        self.flush_relayed();
    }

    fn take_run(&mut self, now: u64, socket: u8, storage: &mut [u8], place: Place) {
        let path = Path::Udp {
            socket,
            remote: place.from,
        };
        let is_inside = self.common.outside.no_class.load(Relaxed);
        self.class = if is_inside { 0 } else { place.class };
        let mut at = place.start;
        while at < place.end {
            let end = place.end.min(at + place.segment);
            self.take_frame(now, path, storage, at..end);
            at = end;
        }
    }

    /// Takes one frame where it lies. True when it was authentic.
    #[inline]
    pub(crate) fn take_frame(
        &mut self,
        now: u64,
        path: Path,
        storage: &mut [u8],
        place: Range<usize>,
    ) -> bool {
        let at = place.start;
        if storage[at] == wire::CARRY {
            return self.take_carry(now, path, storage, place);
        }
        let frame = &mut storage[place];
        let authentic = match frame[0] {
            wire::DATA => self.take_data(now, path, at, frame),
            wire::CAST => self.take_cast(now, path, at, frame),
            _ => {
                self.sessions.handle(now, path, frame);
                self.drain(now);
                false
            }
        };
        // What waited until now is older than what follows.
        if !self.singles.is_empty() {
            self.deliver(storage);
        }
        authentic
    }

    /// Writes all that was merged, then the packets that have buffers of their own.
    pub(crate) fn deliver(&mut self, storage: &[u8]) {
        for net in self.nets.values_mut() {
            write_runs(net, &self.common.counters, storage, &self.places);
        }
        self.places.clear();
        self.deliver_singles();
    }

    /// `at`: where the frame begins in the receive buffers.
    #[inline]
    fn take_data(&mut self, now: u64, path: Path, at: usize, frame: &mut [u8]) -> bool {
        let Ok(opened) = self.rx.open(now, path, frame) else {
            return false;
        };
        let range = opened.plaintext();
        if opened.tell {
            self.sessions.opened(now, &opened, path, &frame[range.clone()]);
            self.drain(now);
        }
        match opened.kind() {
            wire::kind::PACKET if !self.unmark(&mut frame[range.start + KIND..range.end]) => {}
            wire::kind::PACKET => {
                let partial = opened.first_byte & wire::kind::PARTIAL != 0;
                let packet = range.start + KIND..range.end;
                let (name, start) = ((opened.net, opened.peer), at + packet.start);
                self.merge(now, name, start, &frame[packet], (partial, true));
            }
            wire::kind::BUNDLE => self.take_bundle(now, &opened, at + range.start, &mut frame[range]),
            wire::kind::FRAGMENT => self.take_fragment(now, &opened, &frame[range]),
            wire::kind::TREE => self.take_tree_message(now, &opened, &frame[range]),
            _ => {}
        }
        true
    }

    /// `start`: where the plaintext begins in the receive buffers.
    fn take_bundle(&mut self, now: u64, opened: &weft_session::Opened, start: usize, plaintext: &mut [u8]) {
        let mut entries = Entries::new();
        while let Some((what, range)) = entries.next(plaintext) {
            let first = plaintext[range.start];
            match what {
                What::Cast => self.take_fragmented_cast(now, opened, &plaintext[range]),
                What::TreeCast => self.take_fragmented_tree_cast(now, opened, &plaintext[range]),
                What::TreeMessage => self.take_tree_message(now, opened, &plaintext[range]),
                What::Packet if first & wire::kind::MASK == wire::kind::PACKET => {
                    let packet = range.start + KIND..range.end;
                    if self.unmark(&mut plaintext[packet.clone()]) {
                        let partial = first & wire::kind::PARTIAL != 0;
                        let place = start + packet.start;
                        let name = (opened.net, opened.peer);
                        self.merge(now, name, place, &plaintext[packet], (partial, true));
                    }
                }
                What::Packet => self.common.counters.drop_packet(DropReason::Malformed, 1),
            }
        }
        if entries.malformed {
            self.common.counters.drop_packet(DropReason::Malformed, 1);
        }
    }

    fn take_fragment(&mut self, now: u64, opened: &weft_session::Opened, plaintext: &[u8]) {
        let name = (opened.net, opened.peer);
        // A fragment that does not fit is dropped; the others of its packet run into their time limit.
        let Ok(Some((what, whole))) = self.reassembly.insert(now, name, plaintext) else {
            return;
        };
        match what {
            What::Packet => {
                let [first, packet @ ..] = &whole[..] else { return };
                if first & wire::kind::MASK == wire::kind::PACKET {
                    let partial = first & wire::kind::PARTIAL != 0;
                    let mut packet = packet.to_vec();
                    if self.unmark(&mut packet) {
                        let (net, peer) = name;
                        self.singles.push(Single {
                            net,
                            peer,
                            packet,
                            partial,
                            charge: true,
                        });
                    }
                }
            }
            What::Cast => self.take_fragmented_cast(now, opened, &whole),
            What::TreeCast => self.take_fragmented_tree_cast(now, opened, &whole),
            What::TreeMessage => self.take_tree_message(now, opened, &whole),
        }
    }

    /// A cast from its stamp on: the hop was authenticated by the fragments, so only the inner seal is left to open.
    fn take_fragmented_cast(&mut self, now: u64, opened: &weft_session::Opened, body: &[u8]) {
        let Some((stamp, _)) = body.split_first_chunk::<{ wire::STAMP }>() else {
            return;
        };
        let stamp = wire::Stamp::read(stamp);
        if stamp.tree != 0 {
            return self.common.counters.drop_packet(DropReason::Malformed, 1);
        }
        let cast = HopCast {
            opened: *opened,
            auth: weft_session::AUTH_SHARED,
            hop_limit: 1,
            stamp,
        };
        self.open_single_cast(now, &cast, &mut framed(body));
    }

    /// Opens a cast that has a buffer of its own.
    pub(crate) fn open_single_cast(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) {
        let Some(peer) = self.origin_of(cast) else { return };
        if !self.may_bring(now, cast, peer, frame.len()) {
            return;
        }
        if let Ok(opened) = self.cast_rx.open(now, cast, frame) {
            let packet = frame[opened.packet].to_vec();
            self.singles.push(Single {
                net: cast.opened.net,
                peer,
                packet,
                partial: opened.partial,
                charge: true,
            });
        }
    }

    /// The member that a cast claims to be from. What takes no tree is brought by its origin: nobody else may speak for it.
    fn origin_of(&self, cast: &HopCast) -> Option<PeerId> {
        let table = &self.nets.get(&cast.opened.net)?.view.table;
        let reason = match table.peer_of_origin(u64::from_be_bytes(cast.stamp.origin)) {
            Some(peer) if peer == cast.opened.peer => return Some(peer),
            Some(_) => DropReason::BadSource,
            None => DropReason::UnknownMember,
        };
        self.common.counters.drop_packet(reason, 1);
        None
    }

    /// Before the inner seal is opened: who sends too much in all costs no more than that.
    #[inline]
    fn may_bring(&mut self, now: u64, cast: &HopCast, peer: PeerId, len: usize) -> bool {
        let net = cast.opened.net;
        let result = self.nets.get_mut(&net).map(|n| n.may_bring(now, peer, len));
        let Some(Err(excess)) = result else { return true };
        self.exceeded(net, excess);
        false
    }

    #[inline]
    fn take_cast(&mut self, now: u64, path: Path, at: usize, frame: &mut [u8]) -> bool {
        let Ok(cast) = self.rx.open_cast(now, path, frame) else {
            return false;
        };
        if cast.opened.tell {
            self.sessions.opened(now, &cast.opened, path, &[]);
            self.drain(now);
        }
        if cast.stamp.tree != 0 {
            self.tree_casts.push(TreeCast {
                cast,
                at,
                len: frame.len(),
                class: self.class,
            });
            return true;
        }
        let Some(peer) = self.origin_of(&cast) else {
            return true;
        };
        if !self.may_bring(now, &cast, peer, frame.len()) {
            return true;
        }
        let Ok(opened) = self.cast_rx.open(now, &cast, frame) else {
            return true;
        };
        add(&self.common.counters.casts_received, 1);
        if !self.unmark(&mut frame[opened.packet.clone()]) {
            return true;
        }
        let (name, start) = ((cast.opened.net, peer), at + opened.packet.start);
        let how = (opened.partial, true);
        self.merge(now, name, start, &frame[opened.packet], how);
        true
    }

    /// Takes over the congestion mark that the datagram got under way. False: the packet cannot bear it and is dropped.
    #[inline]
    pub(crate) fn unmark(&self, packet: &mut [u8]) -> bool {
        let keeps = self.class & ecn::ECN == 0 || ecn::combine(packet, self.class);
        if !keeps {
            add(&self.common.counters.ecn_dropped, 1);
        }
        keeps
    }

    /// Checks a packet and adds it to its network's runs. `start`: where it begins in the receive buffers. `charge`: what goes to
    /// many counts against its sender's share; of trees it has.
    #[inline]
    pub(crate) fn merge(
        &mut self,
        now: u64,
        (net, peer): (NetId, PeerId),
        start: usize,
        packet: &[u8],
        (partial, charge): (bool, bool),
    ) {
        let name = net;
        let Some(net) = self.nets.get_mut(&net) else {
            return;
        };
        if net.adapter.is_none() {
            return;
        }
        let merged = L3::parse(packet).and_then(|l3| {
            if charge {
                if let Err(excess) = net.may_arrive(now, peer, &l3) {
                    return Ok(Some(excess));
                }
            }
            let delivery = net.view.table.accept(&l3, peer, &net.local)?;
            if let Some(adapter) = &mut net.adapter {
                let place = self.places.len() as u32;
                adapter.merger.push(place, &l3, partial, &delivery.ether)?;
            }
            Ok(None)
        });
        match merged {
            Ok(None) => self.places.push(start as u32),
            Ok(Some(excess)) => self.exceeded(name, excess),
            Err(reason) => self.common.counters.drop_packet(reason, 1),
        }
    }

    /// Writes packets that have buffers of their own. Only between batches: their runs hold one packet each.
    pub(crate) fn deliver_singles(&mut self) {
        if self.singles.is_empty() {
            return;
        }
        let now = sys::now();
        for single in std::mem::take(&mut self.singles) {
            self.places.clear();
            let how = (single.partial, single.charge);
            self.merge(now, (single.net, single.peer), 0, &single.packet, how);
            if let Some(net) = self.nets.get_mut(&single.net) {
                write_runs(net, &self.common.counters, &single.packet, &self.places);
            }
        }
    }
}

/// A cast from stamp to inner tag, with the room around it that `CastRx::open` wants.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; wire::HEADER + body.len() + weft_session::TAG];
    frame[wire::HEADER..wire::HEADER + body.len()].copy_from_slice(body);
    frame
}

/// Writes and forgets a network's runs. `storage`: what `places` point into.
fn write_runs(net: &mut Net, counters: &Counters, storage: &[u8], places: &[u32]) {
    let Some(adapter) = &mut net.adapter else { return };
    for run in adapter.merger.runs() {
        let mut parts = [IoSlice::new(&[]); RUN_SEGMENTS_MAX + 1];
        parts[0] = IoSlice::new(run.head());
        for (part, slice) in parts[1..].iter_mut().zip(run.slices()) {
            let start = places[slice.index as usize] as usize + usize::from(slice.start);
            *part = IoSlice::new(&storage[start..start + usize::from(slice.len)]);
        }
        match adapter.device.send(&parts[..=run.slices().len()]) {
            Ok(()) => {
                add(&counters.adapter_writes, 1);
                add(&counters.packets_in, run.packets() as u64);
            }
            // Its own thread finds out when it is gone; until then a full or switched-off adapter loses frames like any link.
            Err(_) => add(&counters.adapter_full, 1),
        }
    }
    adapter.merger.clear();
}
