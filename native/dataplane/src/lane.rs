//! How frames to a peer leave: straight, or inside the frames of a neighbour that relays.

use crate::api::PeerId;
use crate::shared::{PeerState, View};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use weft_forward::Spare;
use weft_packet::L3;
use weft_session::wire::CARRY_OVERHEAD;
use weft_session::{Path, Tx};

/// One of the neighbours that a relayed member's flows are spread over.
#[derive(Debug)]
pub struct Share {
    pub via: PeerId,
    pub weight: u16,
    /// It said that it cannot deliver: left out until then, µs.
    pub blocked_until: AtomicU64,
    /// What it has room for, as far as it said.
    pub spare: Spare,
}

/// Where the frames of one flow go.
pub enum Lane {
    Straight(Path),
    Carried(Hop),
}

/// The neighbour that carries, and for whom.
pub struct Hop {
    pub state: Arc<PeerState>,
    pub tx: Arc<Tx>,
    pub destination: [u8; 8],
    pub source: [u8; 8],
}

impl Lane {
    /// `None` when nobody is there to carry. `flow` tells flows apart: see [`flow_of`].
    pub fn of(view: &View, state: &PeerState, path: Path, now: u64, flow: u64) -> Option<Lane> {
        let Path::Carry { via, origin, .. } = path else {
            return Some(Lane::Straight(path));
        };
        let shared = state.relays.load();
        let spread = shared.as_ref().and_then(|shares| {
            let usable = |s: &&Share| s.blocked_until.load(Relaxed) <= now;
            let hops = shares.iter().filter(usable).filter_map(|s| {
                let hop = neighbour(view, s.via).filter(|(_, tx)| !tx.hop().is_suspect())?;
                Some((score(flow, s, now), hop))
            });
            hops.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, hop)| hop)
        });
        let (state, tx) = spread.or_else(|| neighbour(view, via))?;
        Some(Lane::Carried(Hop {
            state,
            tx,
            destination: origin,
            source: view.origin,
        }))
    }

    /// Longest frame of this peer that passes, bytes.
    pub fn room(&self, state: &PeerState) -> usize {
        match self {
            Lane::Straight(_) => state.room(),
            Lane::Carried(hop) => state.room().min(hop.state.room().saturating_sub(CARRY_OVERHEAD)),
        }
    }
}

/// A member with a session of its own that is not itself relayed.
pub fn neighbour(view: &View, peer: PeerId) -> Option<(Arc<PeerState>, Arc<Tx>)> {
    let state = view.peers.get(&peer)?;
    let tx = state.tx.load_full()?;
    let fits = tx.hop().is_member() && !matches!(tx.path(), Path::Carry { .. });
    fits.then(|| (state.clone(), tx))
}

/// Mixes all bits (splitmix64).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Weighted rendezvous: each flow goes to the neighbour with the highest score, so that one that comes or goes moves no
/// flow between the others, and one that says that it is full gives way a flow at a time.
fn score(flow: u64, share: &Share, now: u64) -> f64 {
    let dice = mix(flow ^ mix(u64::from(share.via) + 1));
    let fraction = ((dice >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    // Thousandths.
    let spare = share.spare.share(now) as f64;
    -f64::from(share.weight.max(1)) * spare / fraction.ln()
}

/// Equal for all packets of a flow: addresses, protocol, ports.
pub fn flow_of(packet: &L3<'_>) -> u64 {
    let ports = packet.ports().unwrap_or((0, 0));
    let seed = (u64::from(packet.protocol()) << 32) | (u64::from(ports.0) << 16) | u64::from(ports.1);
    let words = packet.addresses().chunks_exact(8);
    words.fold(mix(seed + 1), |hash, word| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        mix(hash ^ u64::from_be_bytes(bytes))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_spread_by_weight_and_stay_when_another_relay_goes() {
        let share = |via, weight| Share {
            via,
            weight,
            blocked_until: AtomicU64::new(0),
            spare: Spare::default(),
        };
        let shares = [share(1, 1), share(2, 2), share(3, 1)];
        let best = |flow: u64, of: &[Share]| {
            let by = |a: &&Share, b: &&Share| score(flow, a, 1).total_cmp(&score(flow, b, 1));
            of.iter().max_by(by).unwrap().via
        };
        let mut count = [0; 4];
        for flow in 0..40_000u64 {
            let flow = mix(flow);
            let via = best(flow, &shares);
            count[via as usize] += 1;
            if via != 3 {
                assert_eq!(best(flow, &shares[..2]), via);
            }
        }
        assert!((9_000..11_000).contains(&count[1]), "{count:?}");
        assert!((19_000..21_000).contains(&count[2]), "{count:?}");
        // A full one gives way, and what was not its stays where it was.
        let before: Vec<_> = (0..1_000).map(|flow| best(mix(flow), &shares)).collect();
        shares[1].spare.full(1);
        let after = (0..1_000).map(|flow| best(mix(flow), &shares));
        let moved = before.iter().zip(after).filter(|(a, b)| **a != *b);
        let moved: Vec<_> = moved.map(|(a, b)| (*a, b)).collect();
        assert!(moved.iter().all(|(a, _)| *a == 2), "{moved:?}");
        assert!((100..240).contains(&moved.len()), "{}", moved.len());
    }
}
