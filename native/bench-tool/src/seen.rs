//! Which sequence numbers came, how often, in which time.
use std::time::Instant;

/// Numbers beyond this are counted but not told apart; 64 Mi bits are 8 MiB.
const SEQUENCES_MAX: u64 = 64 << 20;

#[derive(Default)]
pub struct Seen {
    bits: Vec<u64>,
    packets: u64,
    unique: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Seen {
    /// One datagram of `bytes`, at `now`.
    pub fn take(&mut self, sequence: u64, bytes: usize, now: Instant) {
        self.packets += 1;
        self.bytes += bytes as u64;
        self.first.get_or_insert(now);
        self.last = Some(now);
        if sequence >= SEQUENCES_MAX {
            return;
        }
        let (word, bit) = ((sequence / 64) as usize, 1u64 << (sequence % 64));
        if word >= self.bits.len() {
            self.bits.resize((word + 1).next_power_of_two(), 0);
        }
        self.unique += u64::from(self.bits[word] & bit == 0);
        self.bits[word] |= bit;
    }

    /// {"packets", "unique", "bytes", "seconds" between the first and the last}
    pub fn report(&self) -> String {
        let seconds = match (self.first, self.last) {
            (Some(first), Some(last)) => (last - first).as_secs_f64(),
            _ => 0.0,
        };
        format!(
            "{{\"packets\":{},\"unique\":{},\"bytes\":{},\"seconds\":{seconds:.6}}}",
            self.packets, self.unique, self.bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_told_apart() {
        let mut seen = Seen::default();
        for sequence in [0, 5, 5, 130, SEQUENCES_MAX] {
            seen.take(sequence, 100, Instant::now());
        }
        assert!(
            seen.report()
                .starts_with("{\"packets\":5,\"unique\":3,\"bytes\":500,")
        );
    }
}
