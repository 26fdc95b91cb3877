//! Fair shares of broadcast and multicast: what one member may send in all and to one group, at the source and wherever its
//! packets arrive. Who goes beyond is dropped, counted, and told of.

use crate::bucket::{BucketLimit, TokenBucket};
use crate::builder::PeerId;
use crate::hash::Map;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shares told apart in one network; beyond, new ones of an origin count as one.
pub const SHARES_MAX: usize = 16_384;
/// Groups of one origin told apart; its further ones share a share.
pub const GROUPS_PER_ORIGIN_MAX: u32 = 256;
/// A share that nobody used for this long is forgotten, µs.
const IDLE_FOR: u64 = 60_000_000;
const SWEEP_EVERY: u64 = 10_000_000;
/// Nothing was dropped for this long: the next drop begins a new spell, µs.
pub const SPELL_ENDS: u64 = 2_000_000;
/// A spell is told of when it dropped this many packets …
const UNTOLD_PACKETS: u64 = 64;
/// … or lasts this long, µs, and then once in …
const UNTOLD_FOR: u64 = 250_000;
/// … µs.
const TOLD_EVERY: u64 = 1_000_000;
/// Words about spells a second, all shares together.
const WORDS: BucketLimit = BucketLimit { rate: 32, burst: 32 };

/// What may pass in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    pub packets: u32,
    /// Of IP packets or, where they are sealed, of frames.
    pub bytes: u32,
    /// Bursts are a second's worth divided by this.
    pub burst_share: u32,
}

impl Ceiling {
    /// What may arrive of who keeps to this: queues on the way make bursts of what left evenly.
    const fn on_arrival(self) -> Ceiling {
        Ceiling {
            packets: self.packets + self.packets / ARRIVAL_SLACK,
            bytes: self.bytes + self.bytes / ARRIVAL_SLACK,
            ..self
        }
    }

    /// The lower of this and so many bytes a second, in packets of `PACKET_LEAST`; 0: this.
    fn within(self, bytes_per_second: u64) -> Ceiling {
        if bytes_per_second == 0 {
            return self;
        }
        let bytes = bytes_per_second.min(u64::from(self.bytes)) as u32;
        let packets = (bytes / PACKET_LEAST).max(PACKETS_LEAST).min(self.packets);
        Ceiling {
            packets,
            bytes,
            ..self
        }
    }

    const fn part(self, of: u32) -> BucketLimit {
        BucketLimit {
            rate: of,
            burst: of / self.burst_share,
        }
    }
}

/// Ceilings of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FairLimits {
    /// Each of the groups that every host hears: broadcast, those that stay on a link, SSDP.
    pub chatter: Ceiling,
    /// Each other group.
    pub group: Ceiling,
    /// All together.
    pub origin: Ceiling,
}

/// By which hosts find each other: more than a busy LAN has, less than what others would notice.
pub const CHATTER: Ceiling = Ceiling {
    packets: 500,
    bytes: 1_000_000,
    burst_share: 1,
};
/// Twice the fastest stream that a host was seen to send.
pub const GROUP: Ceiling = Ceiling {
    packets: 300_000,
    bytes: 400_000_000,
    burst_share: 4,
};
pub const ORIGIN: Ceiling = Ceiling {
    packets: 600_000,
    bytes: 800_000_000,
    burst_share: 4,
};
/// Where packets arrive a ceiling is higher than at their source by itself divided by this: what the source let pass is not dropped.
const ARRIVAL_SLACK: u32 = 4;
/// Packets of an ordinary stream are not shorter on average, bytes: what a ceiling in bytes means in packets.
const PACKET_LEAST: u32 = 200;
/// However narrow a ceiling is, small packets have so many a second.
const PACKETS_LEAST: u32 = 1_000;

impl Default for FairLimits {
    fn default() -> FairLimits {
        FairLimits {
            chatter: CHATTER,
            group: GROUP,
            origin: ORIGIN,
        }
    }
}

impl FairLimits {
    /// The same with another ceiling for groups, bytes a second; 0: the default one.
    pub fn with_group(bytes_per_second: u64) -> FairLimits {
        FairLimits {
            group: GROUP.within(bytes_per_second),
            ..FairLimits::default()
        }
    }

    /// What an uplink of this many bytes a second leaves of these; 0: it is not known.
    pub fn with_uplink(self, bytes_per_second: u64) -> FairLimits {
        FairLimits {
            group: self.group.within(bytes_per_second),
            origin: self.origin.within(bytes_per_second),
            ..self
        }
    }

    /// For what comes of others, whose own hosts keep to these limits.
    pub fn on_arrival(self) -> FairLimits {
        FairLimits {
            chatter: self.chatter.on_arrival(),
            group: self.group.on_arrival(),
            origin: self.origin.on_arrival(),
        }
    }
}

/// Seals, headers, parity and what is sent again, in packets of `PACKET_LEAST` and more: so many times their own bytes.
const SEALED_FACTOR: u64 = 2;

/// What packets under this ceiling are at most while they are sealed, bytes a second.
pub fn sealed(ceiling: Ceiling) -> u64 {
    u64::from(ceiling.bytes) * SEALED_FACTOR
}

/// Packets beyond a member's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offence {
    pub peer: PeerId,
    /// `None`: all its groups together, or too many of them.
    pub group: Option<IpAddr>,
    /// Packets of this spell that were dropped so far.
    pub dropped: u64,
}

/// Drop it. `Some`: and tell of it, at most once a second for each share.
pub type Excess = Option<Offence>;

/// Drops that follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spell {
    dropped: u64,
    dropped_at: u64,
    began: u64,
    told_at: Option<u64>,
}

impl Spell {
    /// Packets of this spell so far, when it is time to tell.
    pub fn drop(&mut self, now: u64, packets: u32) -> Option<u64> {
        if self.dropped == 0 || now > self.dropped_at + SPELL_ENDS {
            *self = Spell {
                began: now,
                ..Spell::default()
            };
        }
        self.dropped_at = now;
        self.dropped += u64::from(packets);
        let is_time = match self.told_at {
            None => self.dropped >= UNTOLD_PACKETS || now >= self.began + UNTOLD_FOR,
            Some(told) => now >= told + TOLD_EVERY,
        };
        is_time.then_some(self.dropped)
    }

    pub fn told(&mut self, now: u64) {
        self.told_at = Some(now);
    }
}

struct Share {
    packets: TokenBucket,
    bytes: TokenBucket,
    used: u64,
    spell: Spell,
}

impl Share {
    fn new(ceiling: Ceiling, now: u64) -> Share {
        Share {
            packets: TokenBucket::new(ceiling.part(ceiling.packets), now),
            bytes: TokenBucket::new(ceiling.part(ceiling.bytes), now),
            used: now,
            spell: Spell::default(),
        }
    }

    fn take(&mut self, now: u64, packets: u32, bytes: u32) -> bool {
        self.used = now;
        // What is refused costs nothing.
        let is_there = self.packets.has(now, packets) && self.bytes.has(now, bytes);
        is_there && self.packets.take_all(now, packets) && self.bytes.take_all(now, bytes)
    }
}

/// The share of an origin as a whole, and of its groups beyond the bounds.
const WHOLE: u128 = 0;
const REST: u128 = 1;

/// The shares of all members of one network, as one thread sees them. `now`: microseconds.
pub struct Fair {
    limits: FairLimits,
    places: Map<(PeerId, u128), u32>,
    shares: Vec<Share>,
    groups: Map<PeerId, u32>,
    /// Packets mostly follow others of the same share.
    last: Option<((PeerId, u128), u32)>,
    swept: u64,
    words: TokenBucket,
}

impl Default for Fair {
    fn default() -> Fair {
        Fair::new(FairLimits::default())
    }
}

impl Fair {
    pub fn new(limits: FairLimits) -> Fair {
        Fair {
            limits,
            places: Map::default(),
            shares: Vec::new(),
            groups: Map::default(),
            last: None,
            swept: 0,
            words: TokenBucket::new(WORDS, 0),
        }
    }

    /// Other limits begin with full buckets.
    #[inline]
    pub fn set(&mut self, limits: FairLimits) {
        if limits != self.limits {
            *self = Fair::new(limits);
        }
    }

    /// All that `peer` sends to groups, before anybody looks at it closely. `bytes`: of the frame.
    ///
    /// # Errors
    /// It is more than the peer's share.
    #[inline]
    pub fn origin(&mut self, now: u64, peer: PeerId, packets: u32, bytes: u32) -> Result<(), Excess> {
        let ceiling = self.limits.origin;
        self.take(now, (peer, WHOLE), None, ceiling, (packets, bytes))
    }

    /// What `peer` sends to `group`: a multicast group, or any address that means broadcast.
    ///
    /// # Errors
    /// It is more than the peer's share.
    #[inline]
    pub fn group(
        &mut self,
        now: u64,
        peer: PeerId,
        group: IpAddr,
        packets: u32,
        bytes: u32,
    ) -> Result<(), Excess> {
        let chatter = is_chatter(group);
        let ceiling = if chatter {
            self.limits.chatter
        } else {
            self.limits.group
        };
        let key = match group {
            // The broadcast addresses of one network are one group.
            IpAddr::V4(a) if !a.is_multicast() => Ipv4Addr::BROADCAST.to_ipv6_mapped().into(),
            IpAddr::V4(a) => a.to_ipv6_mapped().into(),
            IpAddr::V6(a) => a.into(),
        };
        self.take(now, (peer, key), Some(group), ceiling, (packets, bytes))
    }

    #[inline]
    fn take(
        &mut self,
        now: u64,
        key: (PeerId, u128),
        group: Option<IpAddr>,
        ceiling: Ceiling,
        (packets, bytes): (u32, u32),
    ) -> Result<(), Excess> {
        let place = match self.last {
            Some((last, place)) if last == key => place,
            _ => self.place(now, key, ceiling),
        };
        let share = &mut self.shares[place as usize];
        if share.take(now, packets, bytes) {
            return Ok(());
        }
        let Some(dropped) = share.spell.drop(now, packets) else {
            return Err(None);
        };
        if !self.words.take_all(now, 1) {
            return Err(None);
        }
        share.spell.told(now);
        let peer = key.0;
        Err(Some(Offence { peer, group, dropped }))
    }

    /// Where the share is, made when there is none.
    fn place(&mut self, now: u64, key: (PeerId, u128), ceiling: Ceiling) -> u32 {
        let known = self.places.get(&key).copied();
        let place = known.unwrap_or_else(|| self.make(now, key, ceiling));
        self.last = Some((key, place));
        place
    }

    fn make(&mut self, now: u64, key: (PeerId, u128), ceiling: Ceiling) -> u32 {
        self.sweep(now);
        let is_group = key.1 > REST;
        let groups = self.groups.get(&key.0).copied().unwrap_or(0);
        if is_group && (groups >= GROUPS_PER_ORIGIN_MAX || self.shares.len() >= SHARES_MAX) {
            // Without one of its own the group has what is least.
            return self.place(now, (key.0, REST), self.limits.chatter);
        }
        if is_group {
            self.groups.insert(key.0, groups + 1);
        }
        let place = self.shares.len() as u32;
        self.shares.push(Share::new(ceiling, now));
        self.places.insert(key, place);
        place
    }

    /// Forgets who has been silent. What was dropped a moment ago is still known.
    fn sweep(&mut self, now: u64) {
        if now < self.swept + SWEEP_EVERY {
            return;
        }
        (self.swept, self.last) = (now, None);
        let mut kept = Vec::with_capacity(self.shares.len());
        let mut old: Vec<Option<Share>> = std::mem::take(&mut self.shares).into_iter().map(Some).collect();
        self.groups.clear();
        let groups = &mut self.groups;
        self.places.retain(|(peer, group), place| {
            let share = old[*place as usize].take();
            let Some(share) = share.filter(|share| now < share.used + IDLE_FOR) else {
                return false;
            };
            *place = kept.len() as u32;
            kept.push(share);
            *groups.entry(*peer).or_default() += u32::from(*group > REST);
            true
        });
        self.shares = kept;
    }

    pub fn len(&self) -> usize {
        self.shares.len()
    }

    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }
}

const SSDP4: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const SSDP6: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0xc);

/// Broadcast (any IPv4 address that is no group), what stays on one link, and SSDP: what every host hears.
#[inline]
pub fn is_chatter(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(a) => !a.is_multicast() || a.octets()[..3] == [224, 0, 0] || a == SSDP4,
        IpAddr::V6(a) => a.octets()[..2] == [0xff, 0x02] || a == SSDP6,
    }
}
