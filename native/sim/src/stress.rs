//! Link stress: how often the same cast crossed the same physical link.

use crate::hash::Map;
use weft_session::wire::{CAST, HEADER, STAMP};

/// A cast's name, from its clear stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CastName {
    pub origin: u64,
    pub key: u32,
    pub sequence: u64,
}

impl CastName {
    /// Of a cast frame; `None` for anything else.
    pub fn of(frame: &[u8]) -> Option<CastName> {
        if frame.first() != Some(&CAST) || frame.len() < HEADER + STAMP {
            return None;
        }
        let stamp = weft_session::wire::Stamp::read(frame[HEADER..HEADER + STAMP].try_into().ok()?);
        Some(CastName {
            origin: u64::from_be_bytes(stamp.origin),
            key: stamp.key_id,
            sequence: stamp.sequence & weft_session::wire::SEQUENCE_MASK,
        })
    }
}

/// The last 64 sequences of one key on one link: each stripe has its own.
struct Seen {
    highest: u64,
    counts: [u8; 64],
}

impl Seen {
    fn new(cast: &CastName) -> Seen {
        Seen {
            highest: cast.sequence,
            counts: [0; 64],
        }
    }
}

/// Copies per packet and link.
#[derive(Default)]
pub struct Stress {
    seen: Map<(u32, u64, u32), Box<Seen>>,
    /// Packet and link pairs, and copies over them.
    pairs: u64,
    copies: u64,
    max: u8,
}

impl Stress {
    pub fn note(&mut self, link: u32, cast: CastName) {
        let seen = self
            .seen
            .entry((link, cast.origin, cast.key))
            .or_insert_with(|| Box::new(Seen::new(&cast)));
        if cast.sequence > seen.highest + 64 {
            **seen = Seen::new(&cast);
        }
        while seen.highest < cast.sequence {
            seen.highest += 1;
            seen.counts[(seen.highest % 64) as usize] = 0;
        }
        self.copies += 1;
        if cast.sequence + 64 <= seen.highest {
            // Too late to tell: counted as the first.
            self.pairs += 1;
            return;
        }
        let count = &mut seen.counts[(cast.sequence % 64) as usize];
        self.pairs += u64::from(*count == 0);
        *count = count.saturating_add(1);
        self.max = self.max.max(*count);
    }

    /// Mean over pairs of packet and link, and maximum.
    pub fn figures(&self) -> (f64, u8) {
        (self.copies as f64 / self.pairs.max(1) as f64, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_one_packet_on_one_link_count() {
        let mut stress = Stress::default();
        let cast = |sequence, key| CastName {
            origin: 1,
            key,
            sequence,
        };
        // Two stripes take turns.
        for sequence in 0..200 {
            for key in 1..=2 {
                stress.note(1, cast(sequence, key));
                (0..3).for_each(|_| stress.note(2, cast(sequence, key)));
            }
        }
        let (mean, max) = stress.figures();
        assert_eq!((mean, max), (2.0, 3));
    }
}
