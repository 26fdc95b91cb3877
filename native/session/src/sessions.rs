//! The manager.
use crate::aead::Suite;
use crate::api::*;
use crate::cast::SenderKey;
use crate::drops::Drops;
use crate::path::Path;
use crate::rx::Opened;

/// The cold half: all sessions of all networks of one process.
pub struct Sessions {
    drops: Drops,
}

#[allow(unused_variables)]
impl Sessions {
    pub fn new(options: Options, entropy: Box<dyn Entropy>) -> Sessions {
        let _ = Suite::here();
        Sessions {
            drops: Drops::default(),
        }
    }
    /// False when `NETWORKS_MAX` is reached or the handle is taken.
    pub fn add_network(&mut self, config: NetworkConfig) -> bool {
        true
    }
    /// Ends its sessions with close frames and forgets it.
    pub fn remove_network(&mut self, now: u64, net: u32) {}
    /// Adds or replaces. A changed key ends the session; a changed level keeps it. False when the network is unknown
    /// or full, or another peer has that key.
    pub fn set_peer(&mut self, now: u64, net: u32, config: PeerConfig) -> bool {
        true
    }
    pub fn remove_peer(&mut self, now: u64, net: u32, peer: u32) {}
    /// Starts (or refreshes with new candidates) a handshake. A live session over one of the candidates is kept as it is.
    pub fn connect(&mut self, now: u64, net: u32, peer: u32, candidates: &[Path], hint: &[u8]) {}
    pub fn disconnect(&mut self, now: u64, net: u32, peer: u32) {}
    pub fn answer_stranger(&mut self, now: u64, net: u32, ask: u32, accept: bool) {}
    /// Every session probes its path at once.
    pub fn poke(&mut self, now: u64) {}
    pub fn send_control(&mut self, now: u64, net: u32, peer: u32, bytes: &[u8]) -> bool {
        true
    }
    /// Hands a sender key to a member, again and again until acknowledged (`Output::SenderKeyAcked`).
    pub fn give_sender_key(&mut self, now: u64, net: u32, peer: u32, key: SenderKey) -> bool {
        true
    }
    /// NAT keepalive interval of one peer.
    pub fn set_idle_interval(&mut self, now: u64, net: u32, peer: u32, interval: u64) {}
    /// Takes a datagram whose first byte is F1, F2 or F3. Others are counted and dropped.
    pub fn handle(&mut self, now: u64, path: Path, datagram: &[u8]) {}
    /// Takes what the hot half said to `tell`. `plaintext` = the frame's plaintext; for kinds 1 and 5 and casts it may be empty.
    pub fn opened(&mut self, now: u64, opened: &Opened, path: Path, plaintext: &[u8]) {}
    /// A `Hop::note_sent` returned true.
    pub fn activity(&mut self, now: u64, net: u32, peer: u32) {}
    pub fn handle_timeout(&mut self, now: u64) {}
    /// When to call `handle_timeout`; u64::MAX = never.
    pub fn next_deadline(&self) -> u64 {
        u64::MAX
    }
    /// Next thing to do, in order; drain after every call above.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
    pub fn drops(&self) -> &Drops {
        &self.drops
    }
    pub fn stats(&self, now: u64, net: u32, peer: u32) -> Option<PeerStats> {
        None
    }
    /// Close frames to all; keys wiped.
    pub fn close(&mut self, now: u64) {}
}
