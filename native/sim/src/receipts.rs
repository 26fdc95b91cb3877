//! Who got which packet of a flow, how often, when.

/// Not sent: the host was dead or had no adapter.
pub const UNSENT: u64 = u64::MAX;
const NOT_HERE: u32 = u32::MAX;
const MISSING_TOLD: usize = 16;

/// What became of packets at one receiver.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    pub sent: u64,
    pub delivered: u64,
    pub duplicates: u64,
    pub delay_sum_us: u64,
    pub delay_max_us: u64,
    pub gap_max_us: u64,
    /// All gaps longer than was asked for, in order.
    pub gaps_us: Vec<u64>,
    /// The first that did not arrive.
    pub missing: Vec<u32>,
}

#[derive(Clone, Default)]
struct Receiver {
    /// By packet: arrivals, and the first one's delay in µs.
    counts: Vec<u8>,
    delays: Vec<u32>,
}

/// One flow's book.
#[derive(Default)]
pub struct Receipts {
    /// When each packet was sent, µs.
    sent: Vec<u64>,
    /// By node.
    receivers: Vec<Receiver>,
    delays: Histogram,
}

impl Receipts {
    /// The next packet's number.
    pub fn next_number(&self) -> u32 {
        self.sent.len() as u32
    }

    pub fn send(&mut self, at: u64) {
        self.sent.push(at);
    }

    pub fn sent(&self) -> &[u64] {
        &self.sent
    }

    pub fn receive(&mut self, node: u32, number: u32, now: u64) {
        let at = number as usize;
        let Some(sent) = self.sent.get(at).copied() else {
            return;
        };
        let node = node as usize;
        if self.receivers.len() <= node {
            self.receivers.resize_with(node + 1, Receiver::default);
        }
        let receiver = &mut self.receivers[node];
        if receiver.counts.len() <= at {
            receiver.counts.resize(at + 1, 0);
            receiver.delays.resize(at + 1, NOT_HERE);
        }
        if receiver.counts[at] == 0 {
            let delay = now.saturating_sub(sent).min(u64::from(NOT_HERE) - 1);
            receiver.delays[at] = delay as u32;
            self.delays.add(delay);
        }
        receiver.counts[at] = receiver.counts[at].saturating_add(1);
    }

    /// How often each packet arrived.
    pub fn counts(&self, node: u32) -> Vec<u8> {
        let mut counts = self
            .receivers
            .get(node as usize)
            .map(|r| r.counts.clone())
            .unwrap_or_default();
        counts.resize(self.sent.len(), 0);
        counts
    }

    /// Of packets sent at `from` ≤ t < `to`.
    pub fn audit(&self, node: u32, from: u64, to: u64) -> Audit {
        self.audit_gaps(node, from, to, u64::MAX)
    }

    /// Gaps longer than `longer` µs are told one by one.
    pub fn audit_gaps(&self, node: u32, from: u64, to: u64, longer: u64) -> Audit {
        let mut audit = Audit::default();
        let none = Receiver::default();
        let receiver = self.receivers.get(node as usize).unwrap_or(&none);
        let mut last = None;
        let mut silent = 0;
        // Sending times only grow, but for packets that were not sent.
        for (at, sent) in self
            .sent
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, t)| (from..to).contains(t))
        {
            audit.sent += 1;
            let before = *last.get_or_insert(sent);
            let count = receiver.counts.get(at).copied().unwrap_or(0);
            if count == 0 {
                if audit.missing.len() < MISSING_TOLD {
                    audit.missing.push(at as u32);
                }
                // Nothing since `before`, at the least until now.
                silent = sent.saturating_sub(before);
                audit.gap_max_us = audit.gap_max_us.max(silent);
                continue;
            }
            let delay = u64::from(receiver.delays[at]);
            audit.delivered += 1;
            audit.duplicates += u64::from(count) - 1;
            audit.delay_sum_us += delay;
            audit.delay_max_us = audit.delay_max_us.max(delay);
            let gap = (sent + delay).saturating_sub(before);
            audit.gap_max_us = audit.gap_max_us.max(gap);
            if gap > longer {
                audit.gaps_us.push(gap);
            }
            silent = 0;
            last = Some(before.max(sent + delay));
        }
        if silent > longer {
            audit.gaps_us.push(silent);
        }
        audit
    }

    /// Delays of first arrivals, µs.
    pub fn quantile(&self, q: f64) -> u64 {
        self.delays.quantile(q)
    }
}

/// Logarithmic buckets of 1/16 of their value.
struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

const STEPS: u64 = 16;

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: vec![0; 64 * STEPS as usize],
            count: 0,
        }
    }
}

impl Histogram {
    fn add(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
    }

    fn quantile(&self, q: f64) -> u64 {
        let wanted = (q * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (at, n) in self.buckets.iter().enumerate() {
            seen += n;
            if *n > 0 && seen >= wanted {
                return lowest(at);
            }
        }
        0
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let power = 63 - value.leading_zeros() as u64 - 4;
    (power * STEPS + (value >> power)) as usize
}

fn lowest(at: usize) -> u64 {
    let at = at as u64;
    if at < 2 * STEPS {
        at
    } else {
        (at % STEPS + STEPS) << (at / STEPS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_duplicates_and_gaps_are_seen() {
        let mut book = Receipts::default();
        for i in 0..10u64 {
            book.send(i * 100);
        }
        for number in [0, 1, 2, 6, 7, 8, 8] {
            book.receive(3, number, u64::from(number) * 100 + 20);
        }
        let audit = book.audit_gaps(3, 0, 1_000, 150);
        assert_eq!((audit.sent, audit.delivered, audit.duplicates), (10, 6, 1));
        assert_eq!(audit.missing, [3, 4, 5, 9]);
        assert_eq!(audit.gap_max_us, 400);
        assert_eq!(audit.gaps_us, [400]);
        assert_eq!((audit.delay_sum_us, audit.delay_max_us), (120, 20));
        assert_eq!(book.audit(4, 0, 1_000).delivered, 0);
        assert_eq!(book.audit(3, 0, 300).sent, 3);
        assert_eq!(book.counts(3), [1, 1, 1, 0, 0, 0, 1, 1, 2, 0]);
        book.receive(3, 99, 0);
        assert_eq!(book.quantile(0.5), 20);
    }

    #[test]
    fn buckets_are_in_order_and_near() {
        let mut before = 0;
        for value in (0..2_000_000u64).step_by(37) {
            let at = bucket(value);
            assert!(at >= before);
            before = at;
            let low = lowest(at);
            assert!(low <= value && value - low <= value / 16, "{value} {low}");
        }
    }
}
