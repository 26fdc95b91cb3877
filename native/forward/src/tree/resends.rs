//! How much may be sent again, and as parity: a line that is full makes casts late, late ones are asked for, and answers to that make it
//! fuller still.

use super::limits::{COPY_HEADERS, RESENDS_LINE_PERMILLE, RESENDS_PER_SECOND, WAITED_LINE_PERMILLE};
use crate::bucket::{BucketLimit, OriginBuckets};
use crate::budget::Budget;
use crate::builder::PeerId;

pub(super) struct Resends {
    /// Casts to each peer.
    peers: OriginBuckets,
    /// Bytes of all casts, of which parity and those that are sent again take what the others leave; without a limit where the uplink is not known.
    line: Budget,
    /// The same for own casts that waited for their trees: all at once they would fill the line's queue and be lost there.
    waited: Budget,
}

impl Resends {
    pub fn new() -> Resends {
        let limit = BucketLimit {
            rate: RESENDS_PER_SECOND,
            burst: RESENDS_PER_SECOND,
        };
        Resends {
            peers: OriginBuckets::new(limit),
            line: Budget::default(),
            waited: Budget::default(),
        }
    }

    /// What the uplink bears, bytes a second; 0: not known.
    pub fn set_line(&self, now: u64, bytes_per_second: u64) {
        self.line
            .set(now, bytes_per_second * RESENDS_LINE_PERMILLE / 1_000);
        self.waited
            .set(now, bytes_per_second * WAITED_LINE_PERMILLE / 1_000);
    }

    /// So many copies of a cast leave for the first time.
    #[inline]
    pub fn passed(&self, now: u64, copies: usize, bytes: usize) {
        let bytes = copies as u64 * (bytes as u64 + COPY_HEADERS);
        self.line.charge(now, bytes);
        self.waited.charge(now, bytes);
    }

    /// Whether an own cast that waited may leave now.
    #[inline]
    pub fn has_room(&self, now: u64) -> bool {
        self.waited.take(now, 0)
    }

    /// Whether one cast of so many bytes may go again.
    pub fn may(&mut self, now: u64, to: PeerId, bytes: usize) -> bool {
        self.peers.take_all(u64::from(to), now, 1) && self.may_add(now, bytes)
    }

    /// Whether so many bytes beside the casts may leave.
    pub fn may_add(&self, now: u64, bytes: usize) -> bool {
        let bytes = bytes as u64 + COPY_HEADERS;
        let may = self.line.take(now, bytes);
        if may {
            self.waited.charge(now, bytes);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    /// Ten children ask for 1,300 bytes each every 10 ms, for ten seconds, while so many casts a second leave: bytes that go again.
    fn sent(line: u64, casts: u64) -> u64 {
        let mut resends = Resends::new();
        resends.set_line(0, line);
        let mut again = 0;
        for turn in 0..1_000 {
            let now = turn * 10 * MS;
            if turn * casts % 100 < casts {
                resends.passed(now, 1, 1_300);
            }
            again += (0..10).filter(|child| resends.may(now, *child, 1_300)).count() as u64 * 1_380;
        }
        again
    }

    #[test]
    fn casts_that_go_again_take_what_others_leave_of_a_known_line() {
        let idle = sent(100_000, 0);
        assert!((750_000..=850_000).contains(&idle), "{idle}");
        // 50 a second are 69 kB.
        let busy = sent(100_000, 50);
        assert!((100_000..=170_000).contains(&busy), "{busy}");
        assert_eq!(sent(100_000, 70), 0);
        assert_eq!(sent(0, 50), 13_800_000);
    }

    /// 200 casts wait, another comes every 5 ms; each leaves as so many copies. When none waited any more, ms.
    fn waited(line: u64, copies: usize) -> Option<u64> {
        let resends = Resends::new();
        resends.set_line(0, line);
        let mut waiting = 200u64;
        for now in (0..6_000 * MS).step_by(5 * MS as usize) {
            waiting += 1;
            while waiting > 0 && resends.has_room(now) {
                resends.passed(now, copies, 1_320);
                waiting -= 1;
            }
            if waiting == 0 {
                return Some(now / MS);
            }
        }
        None
    }

    #[test]
    fn what_waited_leaves_by_what_others_leave_of_a_known_line() {
        // 280 kB/s of new ones leave some 160 kB/s for 280 kB.
        let took = waited(500_000, 1).unwrap_or(u64::MAX);
        assert!((1_200..=2_200).contains(&took), "{took}");
        assert_eq!(waited(500_000, 2), None, "no line for two copies");
        assert_eq!(waited(0, 2), Some(0));
    }
}
