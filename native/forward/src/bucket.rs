//! Token buckets for broadcast and multicast, at the source and at every receiver.

/// Origins with a bucket of their own; beyond, the longest idle one makes room.
pub const ORIGINS_MAX: usize = 1024;

/// A rate and a burst, in packets. `UNLIMITED` never refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketLimit {
    /// Packets per second.
    pub rate: u32,
    /// Packets at once after silence.
    pub burst: u32,
}

impl BucketLimit {
    pub const UNLIMITED: BucketLimit = BucketLimit { rate: u32::MAX, burst: u32::MAX };
}

/// One bucket. `now`: microseconds.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    limit: BucketLimit,
}

impl TokenBucket {
    pub fn new(limit: BucketLimit, _now: u64) -> Self {
        TokenBucket { limit }
    }

    /// Takes up to `packets` tokens and returns how many it got: send that many, drop the rest as `rateLimited`.
    pub fn take(&mut self, _now: u64, _packets: u32) -> u32 {
        let _ = self.limit;
        todo!()
    }
}

/// A bucket per origin, bounded.
pub struct OriginBuckets {}

impl OriginBuckets {
    pub fn new(_limit: BucketLimit) -> Self {
        todo!()
    }

    /// As [`TokenBucket::take`], for `origin`.
    pub fn take(&mut self, _origin: u64, _now: u64, _packets: u32) -> u32 {
        todo!()
    }
}
