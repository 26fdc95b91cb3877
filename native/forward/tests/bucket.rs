//! Token buckets: never more than the limit in any stretch of time, the whole limit for who is patient, nothing shared.

mod lab;
use lab::*;
use weft_forward::{BucketLimit, ORIGINS_MAX, OriginBuckets, TokenBucket};

const CASES: u64 = 2_000;
const SECOND: u64 = 1_000_000;

#[test]
fn never_gives_more_than_the_limit_in_any_stretch() {
    for seed in 0..CASES {
        let mut dice = Dice::new(seed);
        let limit = BucketLimit {
            rate: dice.below(100_000) as u32,
            burst: dice.below(1_000) as u32,
        };
        let mut now = dice.below(1 << 40);
        let mut bucket = TokenBucket::new(limit, now);
        let mut given: Vec<(u64, u64)> = Vec::new();
        for _ in 0..60 {
            // Mostly forward; clocks of threads may differ a little.
            now = match dice.below(10) {
                0 => now.saturating_sub(dice.below(1000)),
                1 => now + dice.below(10 * SECOND),
                _ => now + dice.below(2000),
            };
            let wanted = dice.below(2_000) as u32;
            let got = bucket.take(now, wanted);
            assert!(got <= wanted);
            given.push((now, u64::from(got)));
        }
        let times: Vec<u64> = given.iter().map(|(at, _)| *at).collect();
        for (from, start) in times.iter().enumerate() {
            let mut sum = 0;
            let mut end = *start;
            for (at, got) in &given[from..] {
                sum += got;
                end = end.max(*at);
                let first = times[..=from].iter().max().copied().unwrap_or(*start).min(end);
                let most =
                    u64::from(limit.burst) + (end - first.min(*start)) * u64::from(limit.rate) / SECOND + 1;
                assert!(
                    sum <= most,
                    "{sum} of {most} in {} µs under {limit:?}",
                    end - start
                );
            }
        }
    }
}

#[test]
fn gives_all_of_it_to_the_patient() {
    for seed in 0..CASES {
        let mut dice = Dice::new(seed);
        let limit = BucketLimit {
            rate: 1 + dice.below(50_000) as u32,
            burst: 1 + dice.below(500) as u32,
        };
        let start = dice.below(1 << 40);
        let mut bucket = TokenBucket::new(limit, start);
        assert_eq!(bucket.take(start, u32::MAX), limit.burst);
        assert_eq!(bucket.take(start, 1), 0);
        // As soon as a whole packet is earned it is given.
        let one = SECOND.div_ceil(u64::from(limit.rate));
        assert_eq!(bucket.take(start + one, 1), 1, "{limit:?}");
        // Silence fills it, and no more than that.
        let later = start + one + 1000 * SECOND;
        assert_eq!(bucket.take(later, u32::MAX), limit.burst);
        assert_eq!(bucket.take(u64::MAX, u32::MAX), limit.burst);
    }
}

#[test]
fn a_limit_of_nothing_gives_nothing() {
    let mut bucket = TokenBucket::new(BucketLimit { rate: 0, burst: 0 }, 0);
    assert_eq!(bucket.take(u64::MAX, 10), 0);
    let mut origins = OriginBuckets::new(BucketLimit { rate: 0, burst: 3 });
    assert_eq!((origins.take(1, 0, 9), origins.take(1, u64::MAX, 9)), (3, 0));
}

#[test]
fn nobody_takes_from_another_however_loud() {
    let limit = BucketLimit { rate: 100, burst: 10 };
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut shared = OriginBuckets::new(limit);
        let mut alone = TokenBucket::new(limit, 0);
        let mut now = 0;
        for _ in 0..500 {
            now += dice.below(20_000);
            // As many others as fit beside it, each as loud as can be.
            let loud = 2 + dice.below(ORIGINS_MAX as u64 - 2);
            shared.take(loud, now, 1000);
            let wanted = dice.below(4) as u32;
            assert_eq!(shared.take(1, now, wanted), alone.take(now, wanted));
        }
        assert!(shared.len() <= ORIGINS_MAX);
    }
}

#[test]
fn the_table_is_bounded_and_forgets_who_is_silent() {
    let limit = BucketLimit { rate: 1, burst: 5 };
    let mut buckets = OriginBuckets::new(limit);
    // Those that speak on among many that pass by keep their empty buckets.
    let steady = [5_000_000u64, 6_000_001, 7_000_003];
    for origin in steady {
        assert_eq!(buckets.take(origin, 0, 5), 5);
    }
    for n in 1..20_000u64 {
        buckets.take(n, n, 1);
        for origin in steady {
            assert_eq!(buckets.take(origin, n, 1), 0, "{origin} after {n}");
        }
        assert!(buckets.len() <= ORIGINS_MAX);
    }
}
