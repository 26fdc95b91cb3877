//! Carrying frames between other members: what is passed on, to whom, and how much. The inner frame stays sealed.

use crate::api::{NetId, PeerId};
use crate::command::Command;
use crate::core::Core;
use crate::lane::{Lane, neighbour};
use crate::limits::{
    CARRY_BLOCKED_US, NARROW_FRAME, NO_WAY_EVERY_US, NO_WAY_SLOTS, UNDER_HEADERS, UNDER_HEADERS_IPV6,
    UNDER_HEADERS_LINK, UPKEEP_FRAME_MAX,
};
use crate::outbox::Outlet;
use crate::shared::{PeerState, add};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_session::wire::{CARRY, CARRY_HEAD, CARRY_MIN, CARRY_OVERHEAD, HEADER, NO_WAY};
use weft_session::{HopCarry, Path, Tx};

/// Why a relay cannot deliver, in the first byte of a "no way".
mod reason {
    /// It knows no way, or has none now.
    pub const UNKNOWN: u8 = 0;
    /// It does not relay.
    pub const OFF: u8 = 1;
    /// The way takes no frame of that length.
    pub const TOO_LONG: u8 = 2;
    /// Its budget is used up for the moment.
    pub const FULL: u8 = 3;
}

/// Relaying of one network.
pub struct Relay {
    pub on: bool,
    /// Next hops towards origins without a session.
    pub routes: HashMap<[u8; 8], PeerId>,
    /// When a "no way" may go out again, by a hash of the pair: collisions only make fewer answers.
    answers: Vec<u64>,
}

impl Relay {
    pub fn new() -> Relay {
        Relay {
            on: false,
            routes: HashMap::new(),
            answers: vec![0; NO_WAY_SLOTS],
        }
    }

    fn may_answer(&mut self, now: u64, hop: PeerId, destination: &[u8; 8]) -> bool {
        let far = u64::from_be_bytes(*destination);
        let hash = (far ^ u64::from(hop).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let next = &mut self.answers[(hash >> 32) as usize % NO_WAY_SLOTS];
        let may = now >= *next;
        if may {
            *next = now + NO_WAY_EVERY_US;
        }
        may
    }
}

/// What a frame costs beside its own bytes.
fn headers_under(path: Path) -> u64 {
    match path {
        Path::Udp { remote, .. } if remote.is_ipv4() => UNDER_HEADERS,
        Path::Udp { .. } => UNDER_HEADERS_IPV6,
        _ => UNDER_HEADERS_LINK,
    }
}

impl Core {
    /// A frame inside another: for us, or to be passed on. True when the outer one was authentic.
    pub(crate) fn take_carry(
        &mut self,
        now: u64,
        path: Path,
        storage: &mut [u8],
        place: Range<usize>,
    ) -> bool {
        let frame = &storage[place.clone()];
        let Ok(carry) = self.rx.open_carry(now, path, frame) else {
            return false;
        };
        let (net, peer) = (carry.opened.net, carry.opened.peer);
        if carry.opened.tell {
            self.sessions.opened(now, &carry.opened, path, &[]);
            self.drain(now);
        }
        let Some(network) = self.nets.get(&net) else {
            return true;
        };
        let counters = &self.common.counters;
        if carry.source == network.config.origin {
            add(&counters.carry_loop, 1);
            return true;
        }
        let source = network
            .view
            .table
            .peer_of_origin(u64::from_be_bytes(carry.source));
        let Some(source) = source else {
            add(&counters.carry_foreign, 1);
            return true;
        };
        if carry.destination != network.config.origin {
            self.pass_on(now, &carry, &storage[place]);
            return true;
        }
        let inner = place.start + carry.opened.plaintext().start..place.start + carry.opened.plaintext().end;
        if carry.flags & NO_WAY != 0 {
            self.hear_no_way(now, (net, source), peer, storage[inner.start]);
        } else if storage[inner.start] == CARRY {
            add(&counters.carry_loop, 1);
        } else {
            let from = Path::Carry {
                net,
                via: peer,
                origin: carry.source,
            };
            self.take_frame(now, from, storage, inner);
        }
        true
    }

    /// Sends a carry to its next hop, if that may be.
    fn pass_on(&mut self, now: u64, carry: &HopCarry, frame: &[u8]) {
        let (net, from) = (carry.opened.net, carry.opened.peer);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let counters = &self.common.counters;
        if !network.relay.on {
            return self.say_no_way(now, carry, reason::OFF);
        }
        if carry.hop_limit <= 1 {
            return add(&counters.carry_loop, 1);
        }
        let next = network.next_hop(&carry.destination);
        let Some((state, tx)) = next.filter(|(state, _)| state.peer != from) else {
            return self.say_no_way(now, carry, reason::UNKNOWN);
        };
        if frame.len() > state.room() {
            return self.say_no_way(now, carry, reason::TOO_LONG);
        }
        let cost = frame.len() as u64 + headers_under(tx.path());
        if !self.common.relay_budget.take(now, cost) {
            add(&counters.relay_budget, 1);
            return self.say_no_way(now, carry, reason::FULL);
        }
        let is_upkeep = frame.len() <= CARRY_OVERHEAD + UPKEEP_FRAME_MAX;
        if !is_upkeep && !self.flows.of(u64::from(from)).take(now, cost) {
            add(&counters.uplink_full, 1);
            return self.say_no_way(now, carry, reason::FULL);
        }
        let silent = tx.hop().is_suspect();
        let Some(counter) = tx.reserve(1) else { return };
        let sockets = self.common.sockets.load();
        let outlet = Outlet {
            sockets: &sockets,
            counters,
            links: &self.common.links,
        };
        let lane = Lane::Straight(tx.path());
        // As a router would: what is marked stays marked.
        self.outbox.class = self.class;
        let Some(slot) = self.outbox.slot(&outlet, &state, &lane, frame.len()) else {
            return;
        };
        slot.copy_from_slice(frame);
        tx.seal_carry(counter, carry.flags, carry.hop_limit - 1, slot);
        add(&counters.carried, 1);
        add(&counters.carried_bytes, frame.len() as u64);
        if is_upkeep {
            tx.hop().note_carried(now, 1, frame.len() as u64);
        } else if tx.hop().note_sent(now, 1, frame.len() as u64) {
            self.outbox.woken.push(tx);
        }
        if silent {
            // It may be wrong about the silence, so the frame went on; but who has another relay takes that one.
            self.say_no_way(now, carry, reason::UNKNOWN);
        }
    }

    /// Ends a turn: what was passed on goes out.
    pub(crate) fn flush_relayed(&mut self) {
        let sockets = self.common.sockets.load();
        self.outbox.flush(&Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        });
        for tx in self.outbox.woken.drain(..) {
            self.common.commands.push(Command::Activity(tx.net(), tx.peer()));
        }
    }

    /// Tells the hop before that its frame went nowhere. Never in answer to such an answer.
    fn say_no_way(&mut self, now: u64, carry: &HopCarry, reason: u8) {
        add(&self.common.counters.no_way, 1);
        let (net, hop) = (carry.opened.net, carry.opened.peer);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        if carry.flags & NO_WAY != 0 || !network.relay.may_answer(now, hop, &carry.destination) {
            return;
        }
        let Some((_, tx)) = neighbour(&network.view, hop) else {
            return;
        };
        let Some(counter) = tx.reserve(1) else { return };
        let mut frame = [0; CARRY_MIN];
        frame[HEADER..HEADER + 8].copy_from_slice(&carry.source);
        frame[HEADER + 8..CARRY_HEAD].copy_from_slice(&carry.destination);
        frame[CARRY_HEAD] = reason;
        tx.seal_carry(counter, NO_WAY, crate::limits::CARRY_HOP_LIMIT, &mut frame);
        self.transmit(now, tx.path(), &frame);
        tx.hop().note_carried(now, 1, frame.len() as u64);
    }

    /// The relay `via` cannot deliver to `peer`.
    fn hear_no_way(&mut self, now: u64, (net, peer): (NetId, PeerId), via: PeerId, why: u8) {
        let entry = self.nets.get(&net).and_then(|n| n.peers.get(peer));
        let Some(state) = entry.map(|e| e.state.clone()) else {
            return;
        };
        if why == reason::TOO_LONG {
            state.frame_max.store(NARROW_FRAME - CARRY_OVERHEAD, Relaxed);
            return;
        }
        if why == reason::FULL {
            let shares = state.relays.load();
            let shares = shares.iter().flat_map(|shares| shares.iter());
            return shares.filter(|s| s.via == via).for_each(|s| s.spare.full(now));
        }
        if let Some(shares) = state.relays.load().as_ref() {
            for share in shares.iter().filter(|s| s.via == via) {
                share.blocked_until.store(now + CARRY_BLOCKED_US, Relaxed);
            }
        }
        self.sessions.no_way(now, net, peer, via);
        self.drain(now);
    }
}

impl crate::network::Net {
    /// Who gets a carry for this member: itself, or the neighbour towards it. Only ever a member with a session.
    fn next_hop(&self, destination: &[u8; 8]) -> Option<(Arc<PeerState>, Arc<Tx>)> {
        let peer = self.view.table.peer_of_origin(u64::from_be_bytes(*destination))?;
        let tx = self.view.peers.get(&peer)?.tx.load_full();
        let via = match tx.as_ref().map(|tx| tx.path()) {
            Some(Path::Carry { via, .. }) => via,
            Some(_) => peer,
            None => *self.relay.routes.get(destination)?,
        };
        neighbour(&self.view, via)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_is_said_ten_times_a_second_at_most() {
        let mut relay = Relay::new();
        let said = (0..1_000u64).filter(|ms| relay.may_answer(1_000_000 + ms * 1_000, 3, &[1; 8]));
        assert_eq!(said.count(), 10);
    }
}
