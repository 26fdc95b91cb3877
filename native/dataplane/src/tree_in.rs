//! Casts of trees as they come: checked, opened where the key is known, delivered, passed on.

use crate::api::{NetId, PeerId};
use crate::core::{Core, Single};
use crate::limits::CAST_HOP_LIMIT;
use crate::receive::framed;
use crate::shared::{View, add};
use crate::tree_out::Onward;
use std::ops::Range;
use std::sync::Arc;
use weft_forward::tree::{CastName, TreeName, TreePlane};
use weft_packet::{DropReason, L3};
use weft_session::{AUTH_SHARED, DropReason as SealReason, HopCast, OpenedCast, TAG, wire};

/// One that waits for the end of its batch: then all are taken under one lock.
pub(crate) struct TreeCast {
    pub cast: HopCast,
    /// Where the frame begins in the receive buffers.
    pub at: usize,
    pub len: usize,
    pub class: u8,
}

/// What is to be delivered here: whose it is, and where the packet lies in the frame.
type Delivered = (PeerId, Range<usize>, bool);

fn name_of(cast: &HopCast) -> CastName {
    let stamp = &cast.stamp;
    CastName {
        tree: TreeName {
            origin: u64::from_be_bytes(stamp.origin),
            tree: stamp.tree,
        },
        epoch: stamp.epoch,
        key_id: stamp.key_id,
        sequence: stamp.sequence & wire::SEQUENCE_MASK,
    }
}

impl Core {
    /// Takes the casts of trees that the batch brought. `storage`: the receive buffers.
    pub(crate) fn take_trees(&mut self, now: u64, storage: &mut [u8]) {
        if self.tree_casts.is_empty() {
            return;
        }
        let casts = std::mem::take(&mut self.tree_casts);
        for of_net in casts.chunk_by(|a, b| a.cast.opened.net == b.cast.opened.net) {
            let net = of_net[0].cast.opened.net;
            let Some((shared, view)) = self.nets.get(&net).map(|n| (n.shared.clone(), n.view.clone())) else {
                continue;
            };
            let mut trees = shared.lock_trees();
            let mut opened = 0;
            for TreeCast { cast, at, len, class } in of_net {
                self.class = *class;
                let frame = &mut storage[*at..at + len];
                if let Some((peer, packet, partial)) =
                    self.take_tree_cast(now, &mut trees, &view, cast, frame)
                {
                    let (name, start) = ((net, peer), at + packet.start);
                    self.merge(now, name, start, &frame[packet], (partial, false));
                    opened += 1;
                }
            }
            add(&self.common.counters.tree_opened, opened);
            self.pass_casts_on(now, net, &view);
        }
        self.tree_casts = casts;
        self.tree_casts.clear();
    }

    /// What goes on is left in `passing`.
    fn take_tree_cast(
        &mut self,
        now: u64,
        trees: &mut TreePlane,
        view: &Arc<View>,
        cast: &HopCast,
        frame: &mut [u8],
    ) -> Option<Delivered> {
        let (net, from, name) = (cast.opened.net, cast.opened.peer, name_of(cast));
        let pass = trees.check(now, from, &name, frame.len()).ok()?;
        let body = &frame[wire::HEADER..frame.len() - TAG];
        if let Err(reason) = self.signed_rx.check(now, (net, from), cast.auth, body) {
            if reason == SealReason::CastBadSignature {
                trees.bad_signature(now, from, name.tree, &mut self.tree_out(now, net, view));
            }
            return None;
        }
        let onward = Onward {
            auth: cast.auth,
            hop_limit: cast.hop_limit.saturating_sub(1),
            class: self.class,
        };
        self.passing.keep(&frame[wire::HEADER..frame.len() - TAG], onward);
        let opened = match self.cast_rx.open(now, cast, frame) {
            Ok(opened) => Some(opened),
            Err(SealReason::CastBadTag) => {
                self.passing.forget_last();
                trees.bad_tag(now, from, name.tree, &mut self.tree_out(now, net, view));
                return None;
            }
            // No subscriber here, or not from that sequence on: others may be.
            Err(SealReason::UnknownKey | SealReason::CastDuplicate) => None,
            Err(_) => {
                self.passing.forget_last();
                return None;
            }
        };
        let mine = opened.map(|opened| self.may_come(now, view, cast, &opened, frame));
        if let Some(None) = mine {
            self.passing.forget_last();
            return None;
        }
        let mut children = std::mem::take(&mut self.passing.children);
        trees.take(now, pass, onward.hop_limit, self.passing.last(), &mut children);
        self.passing.children = children;
        if self.passing.children.is_empty() {
            self.passing.forget_last();
        } else {
            self.passing.copy_last();
        }
        let (peer, packet, partial) = mine??;
        self.unmark(&mut frame[packet.clone()])
            .then_some((peer, packet, partial))
    }

    /// Whether the origin may send this packet; counted when not. What it may not is not passed on either.
    fn may_come(
        &mut self,
        now: u64,
        view: &View,
        cast: &HopCast,
        opened: &OpenedCast,
        frame: &[u8],
    ) -> Option<Delivered> {
        let net = cast.opened.net;
        let origin = u64::from_be_bytes(cast.stamp.origin);
        let nets = &mut self.nets;
        let checked = view
            .table
            .peer_of_origin(origin)
            .ok_or(DropReason::UnknownMember)
            .and_then(|peer| {
                let packet = L3::parse(&frame[opened.packet.clone()])?;
                view.table.may_publish(peer, &packet)?;
                if cast.auth == AUTH_SHARED {
                    view.table.may_come_unsigned(&packet)?;
                }
                let share = nets.get_mut(&net).map(|n| n.may_arrive(now, peer, &packet));
                Ok((peer, share.unwrap_or(Ok(()))))
            });
        match checked {
            Ok((peer, Ok(()))) => Some((peer, opened.packet.clone(), opened.partial)),
            Ok((_, Err(excess))) => {
                self.exceeded(net, excess);
                None
            }
            Err(reason) => {
                self.common.counters.drop_packet(reason, 1);
                None
            }
        }
    }

    /// A cast of a tree that came in pieces or among others: auth, hop limit, then from its stamp on.
    pub(crate) fn take_fragmented_tree_cast(
        &mut self,
        now: u64,
        opened: &weft_session::Opened,
        bytes: &[u8],
    ) {
        let [auth, hop_limit, body @ ..] = bytes else {
            return;
        };
        self.take_single_tree_cast(now, opened, (*auth, *hop_limit), body);
    }

    fn take_single_tree_cast(
        &mut self,
        now: u64,
        opened: &weft_session::Opened,
        (auth, hop_limit): (u8, u8),
        body: &[u8],
    ) {
        let stamp = body
            .first_chunk::<{ wire::STAMP }>()
            .map(wire::Stamp::read)
            .filter(|stamp| stamp.tree != 0);
        let Some(stamp) = stamp else {
            return self.common.counters.drop_packet(DropReason::Malformed, 1);
        };
        let cast = HopCast {
            opened: *opened,
            auth,
            hop_limit,
            stamp,
        };
        let net = opened.net;
        let Some((shared, view)) = self.nets.get(&net).map(|n| (n.shared.clone(), n.view.clone())) else {
            return;
        };
        let mut frame = framed(body);
        let taken = self.take_tree_cast(now, &mut shared.lock_trees(), &view, &cast, &mut frame);
        self.pass_casts_on(now, net, &view);
        if let Some(taken) = taken {
            add(&self.common.counters.tree_opened, 1);
            self.keep_single(net, taken, &frame);
        }
    }

    /// A packet of a tree that does not come with a batch; its sender's share was taken where it was let in.
    fn keep_single(
        &mut self,
        net: NetId,
        (peer, packet, partial): (PeerId, Range<usize>, bool),
        frame: &[u8],
    ) {
        self.singles.push(Single {
            net,
            peer,
            packet: frame[packet].to_vec(),
            partial,
            charge: false,
        });
    }

    /// Casts that waited for their key: they were checked and passed on when they came.
    pub(crate) fn open_held_tree_cast(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) {
        let net = cast.opened.net;
        let Some(view) = self.nets.get(&net).map(|n| n.view.clone()) else {
            return;
        };
        let Ok(opened) = self.cast_rx.open(now, cast, frame) else {
            return;
        };
        let Some(taken) = self.may_come(now, &view, cast, &opened, frame) else {
            return;
        };
        add(&self.common.counters.tree_opened, 1);
        self.keep_single(net, taken, frame);
    }

    /// A data frame of kind 10.
    pub(crate) fn take_tree_message(&mut self, now: u64, opened: &weft_session::Opened, plaintext: &[u8]) {
        use weft_forward::tree::ControlRefusal::{Malformed, UnknownVerb};
        let net = opened.net;
        let Some((shared, view)) = self.nets.get(&net).map(|n| (n.shared.clone(), n.view.clone())) else {
            return;
        };
        let mut trees = shared.lock_trees();
        let result = trees.on_control(now, opened.peer, plaintext, &mut self.tree_out(now, net, &view));
        if let Err(Malformed | UnknownVerb) = result {
            self.common.counters.drop_packet(DropReason::Malformed, 1);
        }
    }

    /// Casts that parity gave back: as if they had come.
    pub(crate) fn take_recovered(&mut self, now: u64) {
        for (net, from, body) in std::mem::take(&mut self.recovered) {
            let opened = weft_session::Opened::given_back(net, from);
            // Parity does not cover how they came; a tree's casts are all of one kind.
            let stamp = body.first_chunk().map(wire::Stamp::read);
            let auth = stamp.map_or(AUTH_SHARED, |stamp| self.signed_rx.auth_of(net, &stamp));
            self.take_single_tree_cast(now, &opened, (auth, CAST_HOP_LIMIT), &body);
        }
    }
}
