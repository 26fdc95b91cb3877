//! Sparse flows: packets that come one by one (questions, answers, keystrokes, acknowledgements) may overtake the queues that streams make,
//! where a receiver is their narrowest place. What belongs to a flow that lately had larger packets keeps its place among them.

use crate::lane::flow_of;
use crate::limits::{SPARSE_PACKET_MAX, SPARSE_REST_MS, SPARSE_SLOTS};
use weft_packet::Splitter;

/// When flows had their last large packet: several may share a slot, and then none of them is sparse while one of them is not.
pub struct SparseFlows(Box<[u32; SPARSE_SLOTS]>);

impl Default for SparseFlows {
    fn default() -> SparseFlows {
        SparseFlows(Box::new([0; SPARSE_SLOTS]))
    }
}

impl SparseFlows {
    /// Whether a run may overtake others. `now`: µs, far from 0.
    #[inline]
    pub fn takes(&mut self, now: u64, run: &Splitter<'_>) -> bool {
        let is_large = run.count() > 1 || run.packet().bytes().len() > SPARSE_PACKET_MAX;
        self.sees(now, flow_of(run.packet()), is_large)
    }

    #[inline]
    pub fn sees(&mut self, now: u64, flow: u64, is_large: bool) -> bool {
        let slot = &mut self.0[flow as usize % SPARSE_SLOTS];
        let ms = (now / 1_000) as u32;
        if is_large {
            *slot = ms;
            return false;
        }
        ms.wrapping_sub(*slot) >= SPARSE_REST_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_packets_of_a_stream_keep_their_place_until_it_rests() {
        let (mut flows, now) = (SparseFlows::default(), 5_000_000);
        assert!(flows.sees(now, 7, false), "nothing large came");
        assert!(!flows.sees(now, 7, true), "large itself");
        assert!(!flows.sees(now + 99_000, 7, false), "soon after a large one");
        assert!(flows.sees(now + 99_000, 8, false), "another flow");
        assert!(flows.sees(now + 100_000, 7, false), "rested");
        assert!(!flows.sees(now + 200_000, 7 + SPARSE_SLOTS as u64, true));
        assert!(!flows.sees(now + 210_000, 7, false), "shares the slot");
    }
}
