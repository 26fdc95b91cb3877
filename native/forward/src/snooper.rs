//! IGMP and MLD: learns what applications on this host joined, and asks them as the link's querier.
//!
//! One host is on the link, so a report is the whole truth about its group and a leave needs no last-member query.

use crate::{DropReason, FilterMode, LocalGroups, SourceFilter};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_packet::query::{self, Query};
use weft_packet::report::{Message, Record, RecordKind};
use weft_packet::{L3, Mac, igmp, mld, protocol};

/// Groups that one adapter may join; more are counted as `tableFull`.
pub const GROUPS_MAX: usize = 256;
/// Sources per group; a filter with more becomes "all sources" and is counted.
pub const SOURCES_MAX: usize = 64;
/// Longest query in bytes (Ethernet frame, without virtio-net header).
pub const QUERY_MAX: usize = query::QUERY_FRAME_MAX;

const MS: u64 = 1_000;
/// Quick queries after `attach`, counted from it.
const QUICK_QUERIES: [u64; 3] = [0, 100 * MS, 300 * MS];
/// What was not reported again this long after `attach` is no longer joined.
const SETTLED_AFTER: u64 = 1_500 * MS;
const QUERY_INTERVAL: u64 = 60_000 * MS;
/// Three unanswered rounds: a host that does not report a group has left it without a word.
const MEMBERSHIP_TIMEOUT: u64 = 3 * QUERY_INTERVAL + 10_000 * MS;
/// A query that comes this late was held up.
const STANDSTILL: u64 = 5_000 * MS;
const QUICK_RESPONSE_MS: u16 = 100;
const RESPONSE_MS: u16 = 1_000;
/// fe80::77:6566:74, which no host derives from a member id in practice and no member may claim.
const QUERIER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x77, 0x6566, 0x74);

/// How the querier introduces itself.
#[derive(Clone, Copy, Debug)]
pub struct SnooperConfig {
    /// Source MAC of queries: any but the adapter's own.
    pub mac: Mac,
}

impl Default for SnooperConfig {
    fn default() -> Self {
        SnooperConfig {
            mac: Mac([0x02, 0x77, 0x65, 0x66, 0x74, 0x00]),
        }
    }
}

struct Joined {
    filter: SourceFilter,
    seen: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Igmp,
    Mld,
}

/// One adapter's memberships. `now`: microseconds, never going back.
///
/// Use: `attach(now)`; then for each `Snoop` packet `handle(now, packet)` and at each deadline `handle_timeout(now)`;
/// after any of them drain `poll_query` and, when `take_changed`, publish `local()`.
pub struct Snooper {
    config: SnooperConfig,
    joined: BTreeMap<IpAddr, Joined>,
    attached: Option<u64>,
    /// Quick queries asked since `attach`.
    quick: usize,
    next_query: u64,
    settled: bool,
    asks: Vec<Ask>,
    response_ms: u16,
    changed: bool,
}

impl Snooper {
    pub fn new(config: SnooperConfig) -> Self {
        Snooper {
            config,
            joined: BTreeMap::new(),
            attached: None,
            quick: 0,
            next_query: 0,
            settled: true,
            asks: Vec::with_capacity(2),
            response_ms: RESPONSE_MS,
            changed: false,
        }
    }

    /// The adapter came (back) up: three quick general queries, so that memberships are known within 300 ms.
    /// What was known is kept until the answers are in.
    pub fn attach(&mut self, now: u64) {
        self.attached = Some(now);
        self.quick = 0;
        self.settled = false;
        self.next_query = now;
        self.handle_timeout(now);
    }

    /// A report, leave or query from the adapter.
    ///
    /// # Errors
    /// `Malformed`, `Truncated`, `TableFull`; `LocalOnly` for queries and what is no report.
    pub fn handle(&mut self, now: u64, packet: &L3<'_>) -> Result<(), DropReason> {
        let message = if packet.protocol() == protocol::IGMP {
            igmp::parse(packet)?
        } else {
            mld::parse(packet)?
        };
        match message {
            Message::Query => Err(DropReason::LocalOnly),
            Message::Join(group) => self.set(now, group, SourceFilter::new(FilterMode::Exclude, Vec::new())),
            Message::Leave(group) => {
                self.leave(group);
                Ok(())
            }
            Message::Records(records) => {
                let mut outcome = Ok(());
                for record in records {
                    outcome = outcome.and(self.record(now, record));
                }
                outcome
            }
        }
    }

    fn record(&mut self, now: u64, record: Record<'_>) -> Result<(), DropReason> {
        let group = record.group;
        if record.kind == RecordKind::Block && !self.joined.contains_key(&group) {
            return Ok(());
        }
        if record.sources.count() > SOURCES_MAX {
            return self
                .set(now, group, SourceFilter::new(FilterMode::Exclude, Vec::new()))
                .and(Err(DropReason::TableFull));
        }
        let sources: Vec<IpAddr> = record.sources.collect();
        let known = self.joined.get(&group).map(|joined| joined.filter.clone());
        let filter = match (record.kind, known) {
            (RecordKind::IsInclude | RecordKind::ToInclude, _) => {
                SourceFilter::new(FilterMode::Include, sources)
            }
            (RecordKind::IsExclude | RecordKind::ToExclude, _) => {
                SourceFilter::new(FilterMode::Exclude, sources)
            }
            (RecordKind::Allow | RecordKind::Block, None) => SourceFilter::new(FilterMode::Include, sources),
            (kind, Some(filter)) => amended(filter, kind == RecordKind::Allow, sources),
        };
        if filter.mode == FilterMode::Include && filter.sources.is_empty() {
            self.leave(group);
            return Ok(());
        }
        if filter.sources.len() > SOURCES_MAX {
            return self
                .set(now, group, SourceFilter::new(FilterMode::Exclude, Vec::new()))
                .and(Err(DropReason::TableFull));
        }
        self.set(now, group, filter)
    }

    fn set(&mut self, now: u64, group: IpAddr, filter: SourceFilter) -> Result<(), DropReason> {
        if !is_spread(group) {
            return Ok(());
        }
        if let Some(joined) = self.joined.get_mut(&group) {
            joined.seen = now;
            if joined.filter != filter {
                joined.filter = filter;
                self.changed = true;
            }
            return Ok(());
        }
        if self.joined.len() >= GROUPS_MAX {
            return Err(DropReason::TableFull);
        }
        self.joined.insert(group, Joined { filter, seen: now });
        self.changed = true;
        Ok(())
    }

    fn leave(&mut self, group: IpAddr) {
        self.changed |= self.joined.remove(&group).is_some();
    }

    pub fn handle_timeout(&mut self, now: u64) {
        let Some(attached) = self.attached else { return };
        if self.settled && now >= self.next_query + STANDSTILL {
            // The process stood still: that nobody reported says nothing.
            return self.attach(now);
        }
        if now >= self.next_query {
            self.ask(now, attached);
        }
        if !self.settled && now >= attached + SETTLED_AFTER {
            self.settled = true;
            self.drop_unseen(|seen| seen < attached);
        }
        if self.settled {
            self.drop_unseen(|seen| seen + MEMBERSHIP_TIMEOUT < now);
        }
    }

    fn ask(&mut self, now: u64, attached: u64) {
        let quick = self.quick < QUICK_QUERIES.len();
        self.quick += usize::from(quick);
        self.response_ms = if quick { QUICK_RESPONSE_MS } else { RESPONSE_MS };
        self.next_query = match QUICK_QUERIES.get(self.quick) {
            Some(after) => attached + after,
            None => now + QUERY_INTERVAL,
        };
        self.asks.clear();
        self.asks.extend([Ask::Igmp, Ask::Mld]);
    }

    fn drop_unseen(&mut self, gone: impl Fn(u64) -> bool) {
        let before = self.joined.len();
        self.joined.retain(|_, joined| !gone(joined.seen));
        self.changed |= self.joined.len() != before;
    }

    /// When `handle_timeout` wants to be called; `None` before `attach`.
    pub fn next_deadline(&self) -> Option<u64> {
        let attached = self.attached?;
        Some(if self.settled {
            self.next_query
        } else {
            self.next_query.min(attached + SETTLED_AFTER)
        })
    }

    /// The next query to inject (a whole Ethernet frame, to be written with an all-zero virtio-net header); returns its length.
    pub fn poll_query(&mut self, out: &mut [u8; QUERY_MAX]) -> Option<usize> {
        let ask = if self.asks.is_empty() {
            return None;
        } else {
            self.asks.remove(0)
        };
        let general = Query {
            group: None,
            sources: &[],
            max_response_ms: self.response_ms,
            robustness: 2,
            interval_s: (QUERY_INTERVAL / MS / 1000) as u8,
        };
        Some(match ask {
            Ask::Igmp => query::igmpv3(&general, Ipv4Addr::UNSPECIFIED, self.config.mac, out),
            Ask::Mld => query::mldv2(&general, QUERIER, self.config.mac, out),
        })
    }

    /// True once after memberships changed.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The complete list, sorted by group.
    pub fn local(&self) -> LocalGroups {
        LocalGroups::new(
            self.joined
                .iter()
                .map(|(group, joined)| (*group, joined.filter.clone()))
                .collect(),
        )
    }
}

/// Groups that others need to know about: not those of every host, of this interface alone, or of address resolution.
fn is_spread(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(a) => a.is_multicast() && a != crate::table::ALL_HOSTS,
        IpAddr::V6(a) => {
            let s = a.segments();
            let solicited = s[..6] == [0xff02, 0, 0, 0, 0, 1] && s[6] >> 8 == 0xff;
            a.is_multicast() && s[0] & 0x0f > 1 && a != crate::table::ALL_NODES && !solicited
        }
    }
}

/// The filter after "allow these" or "block these".
fn amended(filter: SourceFilter, allow: bool, sources: Vec<IpAddr>) -> SourceFilter {
    let grows = allow == (filter.mode == FilterMode::Include);
    let mut list = filter.sources;
    if grows {
        list.extend(sources);
    } else {
        list.retain(|source| !sources.contains(source));
    }
    SourceFilter::new(filter.mode, list)
}
