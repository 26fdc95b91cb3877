//! Token buckets for broadcast and multicast, at the source and at every receiver.

use crate::hash::Map;

/// Origins with a bucket of their own; beyond, the longest idle one makes room.
pub const ORIGINS_MAX: usize = 1024;
const MICROS: u64 = 1_000_000;

/// A rate and a burst, in packets. `UNLIMITED` never refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketLimit {
    /// Packets per second.
    pub rate: u32,
    /// Packets at once after silence.
    pub burst: u32,
}

impl BucketLimit {
    pub const UNLIMITED: BucketLimit = BucketLimit {
        rate: u32::MAX,
        burst: u32::MAX,
    };
}

/// One bucket. `now`: microseconds.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    limit: BucketLimit,
    /// Millionths of a packet.
    held: u64,
    last: u64,
}

impl TokenBucket {
    pub fn new(limit: BucketLimit, now: u64) -> Self {
        TokenBucket {
            limit,
            held: u64::from(limit.burst) * MICROS,
            last: now,
        }
    }

    /// Takes up to `packets` tokens and returns how many it got: send that many, drop the rest as `rateLimited`.
    pub fn take(&mut self, now: u64, packets: u32) -> u32 {
        if self.limit == BucketLimit::UNLIMITED {
            return packets;
        }
        self.fill(now);
        let got = packets.min((self.held / MICROS) as u32);
        self.held -= u64::from(got) * MICROS;
        got
    }

    /// Takes all of `tokens` or none; more than the burst when the bucket is full, so that nothing is too large for ever.
    pub fn take_all(&mut self, now: u64, tokens: u32) -> bool {
        if self.limit == BucketLimit::UNLIMITED {
            return true;
        }
        self.fill(now);
        let full = u64::from(self.limit.burst) * MICROS;
        let need = (u64::from(tokens) * MICROS).min(full);
        let is_there = self.held >= need;
        self.held -= if is_there { need } else { 0 };
        is_there
    }

    /// Whether [`TokenBucket::take_all`] would get them.
    pub fn has(&mut self, now: u64, tokens: u32) -> bool {
        if self.limit == BucketLimit::UNLIMITED {
            return true;
        }
        self.fill(now);
        self.held >= (u64::from(tokens) * MICROS).min(u64::from(self.limit.burst) * MICROS)
    }

    fn fill(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.last);
        self.last = self.last.max(now);
        let full = u64::from(self.limit.burst) * MICROS;
        self.held = self
            .held
            .saturating_add(elapsed.saturating_mul(u64::from(self.limit.rate)))
            .min(full);
    }
}

/// A bucket per origin, bounded.
pub struct OriginBuckets {
    limit: BucketLimit,
    buckets: Map<u64, TokenBucket>,
}

impl OriginBuckets {
    pub fn new(limit: BucketLimit) -> Self {
        OriginBuckets {
            limit,
            buckets: Map::default(),
        }
    }

    /// As [`TokenBucket::take`], for `origin`.
    pub fn take(&mut self, origin: u64, now: u64, packets: u32) -> u32 {
        if self.limit == BucketLimit::UNLIMITED {
            return packets;
        }
        self.bucket(origin, now).take(now, packets)
    }

    /// As [`TokenBucket::take_all`], for `origin`.
    pub fn take_all(&mut self, origin: u64, now: u64, tokens: u32) -> bool {
        self.limit == BucketLimit::UNLIMITED || self.bucket(origin, now).take_all(now, tokens)
    }

    fn bucket(&mut self, origin: u64, now: u64) -> &mut TokenBucket {
        if !self.buckets.contains_key(&origin) && self.buckets.len() >= ORIGINS_MAX {
            let idle = self
                .buckets
                .iter()
                .min_by_key(|(_, bucket)| bucket.last)
                .map(|(origin, _)| *origin);
            if let Some(idle) = idle {
                self.buckets.remove(&idle);
            }
        }
        let limit = self.limit;
        self.buckets
            .entry(origin)
            .or_insert_with(|| TokenBucket::new(limit, now))
    }

    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: BucketLimit = BucketLimit { rate: 10, burst: 5 };

    #[test]
    fn gives_the_burst_then_the_rate() {
        let mut bucket = TokenBucket::new(TEN, 0);
        assert_eq!(bucket.take(0, 8), 5);
        assert_eq!(bucket.take(50_000, 1), 0);
        assert_eq!(bucket.take(100_000, 1), 1);
        let mut got = 0;
        for now in (200_000..10_200_000).step_by(1_000) {
            got += bucket.take(now, 1);
        }
        assert!((99..=101).contains(&got), "{got}");
        assert_eq!(bucket.take(1 << 50, 100), 5);
        assert_eq!(bucket.take(0, 1), 0, "time going back gives nothing");
    }

    #[test]
    fn all_or_none() {
        let mut bucket = TokenBucket::new(TEN, 0);
        assert!(bucket.take_all(0, 3) && !bucket.take_all(0, 3));
        assert!(bucket.take_all(100_000, 3), "what was refused cost nothing");
        assert!(!bucket.take_all(500_000, 9), "not full");
        assert!(bucket.take_all(600_000, 9), "larger than the burst");
    }

    #[test]
    fn unlimited_is_unlimited() {
        assert_eq!(
            TokenBucket::new(BucketLimit::UNLIMITED, 0).take(0, u32::MAX),
            u32::MAX
        );
    }

    #[test]
    fn origins_do_not_share_and_are_bounded() {
        let mut buckets = OriginBuckets::new(TEN);
        assert_eq!(buckets.take(1, 0, 9), 5);
        assert_eq!(buckets.take(2, 0, 9), 5);
        for origin in 0..10_000 {
            buckets.take(origin, origin, 1);
        }
        assert_eq!(buckets.len(), ORIGINS_MAX);
    }
}
