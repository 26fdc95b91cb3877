//! What a plane is told at its making, and what it asks of its surroundings.

use super::config::TreeEvent;
use super::limits::CACHE_MAX;
use crate::builder::PeerId;
use crate::fair::{GROUP, ORIGIN, sealed};

/// What a plane asks of its surroundings. Nothing here is acknowledged or repeated: send it as a packet is sent.
pub trait Out {
    /// Sends a data frame with this plaintext. False: there is no session with that peer.
    fn control(&mut self, to: PeerId, plaintext: &[u8]) -> bool;
    /// Stamps a cast that was kept and sends it to one peer. `body`: from stamp to inner tag.
    fn resend(&mut self, to: PeerId, hop_limit: u8, body: &[u8]);
    /// A cast that was lost and that parity gave back: as if `from` had brought it.
    fn recovered(&mut self, from: PeerId, body: &[u8]);
    /// Round trip to that peer, µs; 0: not known.
    fn rtt(&self, peer: PeerId) -> u64;
    /// What peers are given on top of the time that they have at best, because this machine is late itself, µs.
    fn slack(&self) -> u64 {
        0
    }
    fn event(&mut self, event: TreeEvent);
}

/// Limits of a plane. Rates are bytes per second of sealed casts that come in, 0 = unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Of casts that may be asked for again, all trees together.
    pub cache_bytes: usize,
    /// What one tree may bring for each of its groups: who has not its key cannot tell them apart.
    pub group_rate: u64,
    /// What one origin may send through this node.
    pub origin_rate: u64,
    /// What one previous hop may bring.
    pub hop_rate: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: CACHE_MAX,
            group_rate: sealed(GROUP),
            origin_rate: sealed(ORIGIN),
            // It stands for more than one origin.
            hop_rate: 2 * sealed(ORIGIN),
        }
    }
}
