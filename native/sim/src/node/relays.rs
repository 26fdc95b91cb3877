//! Frames inside of other members' frames: own ones by a relay, others' passed on. As `native/dataplane` does it.

use super::{Node, PeerName};
use crate::api::NetId;
use crate::math;
use crate::traffic::Kind;
use std::collections::BTreeMap;
use std::sync::Arc;
use weft_forward::{Budget, PeerId, Spare};
use weft_packet::L3;
use weft_session::wire::{CARRY, CARRY_HEAD, CARRY_MIN, CARRY_OVERHEAD, DATA, HEADER, NO_WAY};
use weft_session::{HopCarry, Path, Tx};

/// Hop limit of relayed frames of our own.
const CARRY_HOP_LIMIT: u8 = 4;
/// A relay that cannot deliver is left out for this destination this long, µs.
const CARRY_BLOCKED_US: u64 = 5_000_000;
/// A "no way" goes out this often per pair, µs.
const NO_WAY_EVERY_US: u64 = 100_000;
/// A carried frame up to this length inside is upkeep: no answer is awaited for it.
const UPKEEP_FRAME_MAX: usize = 64;
/// Pairs told apart for that; the longest silent makes room.
const NO_WAY_PAIRS_MAX: usize = 1_024;
/// IPv6 and UDP headers around each frame, bytes.
const UNDER_HEADERS: u64 = 48;

/// Why a relay cannot deliver.
const KNOWS_NO_WAY: u8 = 0;
const DOES_NOT_RELAY: u8 = 1;
const TOO_LONG: u8 = 2;
const FULL: u8 = 3;

/// One of the neighbours that a relayed member's flows are spread over.
#[derive(Debug)]
pub struct Share {
    pub via: PeerId,
    pub weight: u16,
    pub blocked_until: u64,
    /// What it has room for, as far as it said.
    pub spare: Spare,
}

/// Relaying of one network.
#[derive(Default)]
pub struct Relay {
    on: bool,
    pub budget: Arc<Budget>,
    /// Next hops towards origins without a session.
    pub routes: BTreeMap<[u8; 8], PeerId>,
    answered: BTreeMap<(PeerId, [u8; 8]), u64>,
}

impl Relay {
    pub fn set(&mut self, now: u64, on: bool, bytes_per_second: u64) {
        self.on = on;
        self.budget.set(now, bytes_per_second);
    }

    fn may_answer(&mut self, now: u64, hop: PeerId, destination: [u8; 8]) -> bool {
        let next = self.answered.get(&(hop, destination)).copied().unwrap_or(0);
        if now < next {
            return false;
        }
        if self.answered.len() >= NO_WAY_PAIRS_MAX {
            let oldest = self
                .answered
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(pair, _)| *pair);
            oldest.map(|pair| self.answered.remove(&pair));
        }
        self.answered.insert((hop, destination), now + NO_WAY_EVERY_US);
        true
    }
}

/// Equal for all packets of a flow.
pub fn flow_of(packet: &[u8]) -> u64 {
    let Ok(packet) = L3::parse(packet) else { return 0 };
    let ports = packet.ports().unwrap_or((0, 0));
    let seed = (u64::from(packet.protocol()) << 32) | (u64::from(ports.0) << 16) | u64::from(ports.1);
    let words = packet.addresses().chunks(4);
    words.fold(mix(seed + 1), |hash, word| {
        word.iter().fold(hash, |h, b| mix(h ^ u64::from(*b)))
    })
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Weighted rendezvous: a relay that comes or goes moves no flow between the others.
fn score(flow: u64, share: &Share, now: u64) -> f64 {
    let dice = mix(flow ^ mix(u64::from(share.via) + 1));
    let fraction = ((dice >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    // Thousandths.
    let spare = share.spare.share(now) as f64;
    -f64::from(share.weight.max(1)) * spare / math::ln(fraction)
}

impl Node {
    /// A member with a session of its own that is not itself relayed.
    fn neighbour(&self, net: NetId, peer: PeerId) -> Option<Arc<Tx>> {
        let tx = self.nets.get(&net)?.peers.get(peer)?.tx.clone()?;
        let fits = tx.hop().is_member() && !matches!(tx.path(), Path::Carry { .. });
        fits.then_some(tx)
    }

    /// Who carries a frame to the peer with this path: one of its relays by the flow, else the one that the path names.
    fn carrier(
        &self,
        now: u64,
        net: NetId,
        via: PeerId,
        origin: [u8; 8],
        flow: Option<u64>,
    ) -> Option<Arc<Tx>> {
        let named = self.neighbour(net, via);
        let Some(flow) = flow else { return named };
        let peers = &self.nets.get(&net)?.peers;
        let origin = u64::from_be_bytes(origin);
        let far = peers.values().find(|entry| entry.names.origin == origin);
        let shares = far.map(|entry| &entry.shares[..]).unwrap_or_default();
        let usable = shares.iter().filter(|s| s.blocked_until <= now).filter_map(|s| {
            let tx = self.neighbour(net, s.via).filter(|tx| !tx.hop().is_suspect())?;
            Some((score(flow, s, now), tx))
        });
        usable
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, tx)| tx)
            .or(named)
    }

    /// Sends a frame to where `Path::Carry` says, inside of a neighbour's. `flow`: of a packet; handshakes and upkeep have none
    /// and ask the relay that they name, unless that one is silent.
    pub(super) fn send_carried(&mut self, now: u64, path: Path, kind: Kind, bytes: &[u8], flow: Option<u64>) {
        let Path::Carry { net, via, origin } = path else {
            return;
        };
        let is_packet = flow.is_some();
        let silent = self.neighbour(net, via).is_none_or(|tx| tx.hop().is_suspect());
        let flow = flow.or((silent && bytes.first() == Some(&DATA)).then_some(0));
        let Some(tx) = self.carrier(now, net, via, origin, flow) else {
            *self.figures.packet_drops.entry("noRelay").or_default() += 1;
            return;
        };
        let (Some(counter), Some(network)) = (tx.reserve(1), self.nets.get(&net)) else {
            return;
        };
        let mut frame = vec![0; bytes.len() + CARRY_OVERHEAD];
        frame[HEADER..HEADER + 8].copy_from_slice(&origin);
        frame[HEADER + 8..CARRY_HEAD].copy_from_slice(&network.config.origin);
        frame[CARRY_HEAD..CARRY_HEAD + bytes.len()].copy_from_slice(bytes);
        tx.seal_carry(counter, 0, CARRY_HOP_LIMIT, &mut frame);
        self.note_carried(now, &tx, frame.len(), is_packet);
        self.send(now, tx.path(), kind, frame, None);
    }

    /// Packets inside count as sent: the hop has to learn when nothing comes back. Upkeep does not.
    fn note_carried(&mut self, now: u64, tx: &Tx, bytes: usize, is_packet: bool) {
        if !is_packet {
            tx.hop().note_carried(now, 1, bytes as u64);
        } else if tx.hop().note_sent(now, 1, bytes as u64) {
            self.sessions.activity(now, tx.net(), tx.peer());
        }
    }

    /// A frame inside another: for us, or to be passed on.
    pub(super) fn take_carry(&mut self, now: u64, path: Path, mut frame: Vec<u8>) {
        self.figures.received.add(Kind::Carry, frame.len());
        let Ok(carry) = self.rx.open_carry(now, path, &frame) else {
            return;
        };
        let (net, via) = (carry.opened.net, carry.opened.peer);
        if carry.opened.tell {
            self.sessions.opened(now, &carry.opened, path, &[]);
            self.drain(now);
        }
        let port = self.port;
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        let own = network.config.origin;
        let source = network
            .table(port)
            .peer_of_origin(u64::from_be_bytes(carry.source));
        let Some(source) = source.filter(|_| carry.source != own) else {
            *self.figures.packet_drops.entry("carryForeign").or_default() += 1;
            return;
        };
        if carry.destination != own {
            return self.pass_on(now, &carry, frame);
        }
        let inner = carry.opened.plaintext();
        if carry.flags & NO_WAY != 0 {
            self.hear_no_way(now, (net, source), via, frame[inner.start]);
        } else if frame[inner.start] != CARRY {
            frame.truncate(inner.end);
            frame.drain(..inner.start);
            let origin = carry.source;
            self.take_frame(now, Path::Carry { net, via, origin }, frame);
        }
    }

    fn pass_on(&mut self, now: u64, carry: &HopCarry, mut frame: Vec<u8>) {
        let (net, from) = (carry.opened.net, carry.opened.peer);
        let next = self
            .next_hop(net, &carry.destination)
            .filter(|tx| tx.peer() != from);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        if !network.relay.on {
            return self.say_no_way(now, carry, DOES_NOT_RELAY);
        }
        let Some(tx) = next else {
            return self.say_no_way(now, carry, KNOWS_NO_WAY);
        };
        let refused = match carry.hop_limit {
            0 | 1 => Some("carryLoop"),
            _ if !network.relay.budget.take(now, frame.len() as u64 + UNDER_HEADERS) => Some("relayBudget"),
            _ => None,
        };
        if let Some(reason) = refused {
            *self.figures.packet_drops.entry(reason).or_default() += 1;
            if reason == "relayBudget" {
                self.say_no_way(now, carry, FULL);
            }
            return;
        }
        let Some(counter) = tx.reserve(1) else { return };
        let silent = tx.hop().is_suspect();
        tx.seal_carry(counter, carry.flags, carry.hop_limit - 1, &mut frame);
        let is_packet = frame.len() > CARRY_OVERHEAD + UPKEEP_FRAME_MAX;
        self.note_carried(now, &tx, frame.len(), is_packet);
        self.send(now, tx.path(), Kind::Carry, frame, None);
        if silent {
            self.say_no_way(now, carry, KNOWS_NO_WAY);
        }
        self.drain(now);
    }

    /// Who gets a carry for this member: itself, or the neighbour towards it.
    fn next_hop(&mut self, net: NetId, destination: &[u8; 8]) -> Option<Arc<Tx>> {
        let port = self.port;
        let network = self.nets.get_mut(&net)?;
        let peer = network
            .table(port)
            .peer_of_origin(u64::from_be_bytes(*destination))?;
        let path = network.peers.get(peer)?.tx.as_ref().map(|tx| tx.path());
        let via = match path {
            Some(Path::Carry { via, .. }) => via,
            Some(_) => peer,
            None => *network.relay.routes.get(destination)?,
        };
        self.neighbour(net, via)
    }

    /// Tells the hop before that its frame went nowhere. Never in answer to such an answer.
    fn say_no_way(&mut self, now: u64, carry: &HopCarry, reason: u8) {
        let (net, hop) = (carry.opened.net, carry.opened.peer);
        let Some(network) = self.nets.get_mut(&net) else {
            return;
        };
        if carry.flags & NO_WAY != 0 || !network.relay.may_answer(now, hop, carry.destination) {
            return;
        }
        let Some(tx) = self.neighbour(net, hop) else {
            return;
        };
        let Some(counter) = tx.reserve(1) else { return };
        let mut frame = vec![0; CARRY_MIN];
        frame[HEADER..HEADER + 8].copy_from_slice(&carry.source);
        frame[HEADER + 8..CARRY_HEAD].copy_from_slice(&carry.destination);
        frame[CARRY_HEAD] = reason;
        tx.seal_carry(counter, NO_WAY, CARRY_HOP_LIMIT, &mut frame);
        tx.hop().note_carried(now, 1, frame.len() as u64);
        self.send(now, tx.path(), Kind::Carry, frame, None);
    }

    /// The relay `via` cannot deliver to `peer`.
    fn hear_no_way(&mut self, now: u64, (net, peer): PeerName, via: PeerId, why: u8) {
        // Paths of the simulator take every length.
        if why == TOO_LONG {
            return;
        }
        let entry = self.nets.get_mut(&net).and_then(|n| n.peers.get_mut(peer));
        for share in entry
            .into_iter()
            .flat_map(|e| &mut e.shares)
            .filter(|s| s.via == via)
        {
            if why == FULL {
                share.spare.full(now);
            } else {
                share.blocked_until = now + CARRY_BLOCKED_US;
            }
        }
        if why == FULL {
            return;
        }
        self.sessions.no_way(now, net, peer, via);
        self.drain(now);
    }
}
