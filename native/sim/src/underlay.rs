//! What lies between the hosts: addresses, NATs, access links, paths, partitions.

use crate::hash::Map;
use crate::link::{Access, Loss, PathState};
use crate::nat::{Nat, NatBox};
use crate::rng::Rng;
use crate::stress::{CastName, Stress};
use crate::traffic::UNDER_HEADERS;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// UDP port of every host.
pub const PORT: u16 = 4_000;
const OPEN_FIRST: u32 = 0x0500_0001;
const OUTSIDE_FIRST: u32 = 0x0600_0001;
const INSIDE_FIRST: u32 = 0xC0A8_0002;
/// A datagram out of order is late by up to this, µs.
const REORDER_US: u64 = 20_000;
/// Numbers of physical links: two per host, then two per region.
const REGION_LINKS: u32 = 1 << 30;

/// Shape and faults of the whole underlay. Times in µs, shares of 1.
#[derive(Clone, Debug)]
pub struct Shape {
    pub regions: u32,
    /// One-way delay across the whole plane.
    pub span_us: u64,
    pub access_us: (u64, u64),
    pub jitter_us: f64,
    pub loss: Loss,
    pub duplicate: f64,
    pub reorder: f64,
    pub nat_idle_us: u64,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            regions: 8,
            span_us: 60_000,
            access_us: (1_000, 10_000),
            jitter_us: 500.0,
            loss: Loss::default(),
            duplicate: 0.0,
            reorder: 0.0,
            nat_idle_us: 120_000_000,
        }
    }
}

/// A host's place in the underlay.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub nat: Nat,
    pub up_bps: u64,
    pub down_bps: u64,
    pub queue_bytes: u64,
    /// By chance when absent.
    pub access_us: Option<u64>,
    pub region: Option<u32>,
}

struct Site {
    nat: NatBox,
    region: u32,
    access_us: u64,
    up: Access,
    down: Access,
    partition: u32,
    alive: bool,
    lost_queue: u64,
}

/// One way, without jitter and queues, µs.
fn direct_us(a: &Site, b: &Site, regions: &[(f64, f64)], span_us: u64) -> u64 {
    let ((ax, ay), (bx, by)) = (regions[a.region as usize], regions[b.region as usize]);
    let (dx, dy) = (ax - bx, ay - by);
    let share = (dx * dx + dy * dy).sqrt() / std::f64::consts::SQRT_2;
    a.access_us + b.access_us + (share * span_us as f64) as u64
}

/// A datagram under way.
#[derive(Debug)]
pub struct Flight {
    pub to: u32,
    from: SocketAddrV4,
    sender: u32,
    port: u16,
    bytes: Vec<u8>,
}

/// A datagram that reached its host.
#[derive(Debug)]
pub struct Arrival {
    pub to: u32,
    pub from: SocketAddr,
    pub bytes: Vec<u8>,
}

/// Datagrams by fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    pub sent: u64,
    pub arrived: u64,
    pub lost_chance: u64,
    pub lost_queue: u64,
    pub lost_nat: u64,
    pub lost_partition: u64,
    pub lost_dead: u64,
    pub no_route: u64,
}

pub struct Underlay {
    pub shape: Shape,
    pub fates: Fates,
    pub stress: Stress,
    sites: Vec<Site>,
    /// Where regions lie, in shares of the plane.
    regions: Vec<(f64, f64)>,
    by_address: Map<u32, u32>,
    blocked: BTreeSet<(u32, u32)>,
    paths: Map<(u32, u32), PathState>,
    moves: u32,
    rng: Rng,
}

impl Underlay {
    pub fn new(shape: Shape, mut rng: Rng) -> Underlay {
        let regions = (0..shape.regions.max(1))
            .map(|_| (rng.unit(), rng.unit()))
            .collect();
        Underlay {
            shape,
            fates: Fates::default(),
            stress: Stress::default(),
            sites: Vec::new(),
            regions,
            by_address: Map::default(),
            blocked: BTreeSet::new(),
            paths: Map::default(),
            moves: 0,
            rng,
        }
    }

    pub fn add(&mut self, place: &Place) -> u32 {
        let index = self.sites.len() as u32;
        let (least, most) = self.shape.access_us;
        let by_chance = least + self.rng.below(most.saturating_sub(least) + 1);
        let region = self.rng.below(self.regions.len() as u64) as u32;
        let nat = self.new_nat(place.nat, index);
        self.by_address.insert(nat.public.into(), index);
        self.sites.push(Site {
            nat,
            region: place.region.map_or(region, |r| r % self.regions.len() as u32),
            access_us: place.access_us.unwrap_or(by_chance),
            up: Access::new(place.up_bps, place.queue_bytes),
            down: Access::new(place.down_bps, place.queue_bytes),
            partition: 0,
            alive: true,
            lost_queue: 0,
        });
        index
    }

    fn new_nat(&mut self, kind: Nat, index: u32) -> NatBox {
        let (open, outside) = (
            Ipv4Addr::from(OPEN_FIRST + self.moves),
            Ipv4Addr::from(OUTSIDE_FIRST + self.moves),
        );
        self.moves += 1;
        let inside = Ipv4Addr::from(INSIDE_FIRST + index);
        let (public, inner) = if kind == Nat::Open {
            (open, open)
        } else {
            (outside, inside)
        };
        NatBox::new(
            kind,
            public,
            SocketAddrV4::new(inner, PORT),
            self.shape.nat_idle_us,
        )
    }

    /// Another access network.
    pub fn relocate(&mut self, node: u32) {
        let nat = self.new_nat(self.sites[node as usize].nat.kind, node);
        let site = &mut self.sites[node as usize];
        self.by_address.remove(&site.nat.public.into());
        self.by_address.insert(nat.public.into(), node);
        site.nat = nat;
    }

    /// The host's own address.
    pub fn endpoint(&self, node: u32) -> SocketAddrV4 {
        self.sites[node as usize].nat.inner
    }

    pub fn set_alive(&mut self, node: u32, alive: bool) {
        self.sites[node as usize].alive = alive;
    }

    pub fn set_partition(&mut self, node: u32, partition: u32) {
        self.sites[node as usize].partition = partition;
    }

    pub fn set_blocked(&mut self, a: u32, b: u32, blocked: bool) {
        let pair = (a.min(b), a.max(b));
        if blocked {
            self.blocked.insert(pair);
        } else {
            self.blocked.remove(&pair);
        }
    }

    pub fn set_rates(&mut self, node: u32, up_bps: u64, down_bps: u64) {
        let site = &mut self.sites[node as usize];
        site.up.bps = up_bps;
        site.down.bps = down_bps;
    }

    pub fn lost_queue(&self, node: u32) -> u64 {
        self.sites[node as usize].lost_queue
    }

    /// Delay of the direct path, one way, without jitter and queues, µs.
    pub fn direct_us(&self, from: u32, to: u32) -> u64 {
        let (a, b) = (&self.sites[from as usize], &self.sites[to as usize]);
        direct_us(a, b, &self.regions, self.shape.span_us)
    }

    /// A host sends; what goes on its way is given to `plan` with its time of arrival.
    pub fn send(
        &mut self,
        now: u64,
        from: u32,
        to: SocketAddr,
        bytes: Vec<u8>,
        plan: &mut dyn FnMut(u64, Flight),
    ) {
        self.fates.sent += 1;
        let SocketAddr::V4(remote) = to else {
            self.fates.no_route += 1;
            return;
        };
        let site = &mut self.sites[from as usize];
        let Some(source) = site.nat.out(now, remote) else {
            self.fates.lost_nat += 1;
            return;
        };
        let Some(left) = site.up.pass(now, bytes.len() as u64 + UNDER_HEADERS) else {
            site.lost_queue += 1;
            self.fates.lost_queue += 1;
            return;
        };
        let Some(target) = self
            .by_address
            .get(&u32::from(*remote.ip()))
            .copied()
            .filter(|t| *t != from)
        else {
            self.fates.no_route += 1;
            return;
        };
        self.note_stress(from, target, &bytes);
        let (sites, regions, span_us) = (&self.sites, &self.regions, self.shape.span_us);
        let path = self.paths.entry((from, target)).or_insert_with(|| {
            let ends = (&sites[from as usize], &sites[target as usize]);
            PathState::new(direct_us(ends.0, ends.1, regions, span_us))
        });
        if path.loses(left, &self.shape.loss, &mut self.rng) {
            self.fates.lost_chance += 1;
            return;
        }
        let flight = Flight {
            to: target,
            from: source,
            sender: from,
            port: remote.port(),
            bytes,
        };
        let arrival = left + path.direct_us + self.rng.exponential(self.shape.jitter_us) as u64;
        if self.rng.chance(self.shape.reorder) {
            return plan(arrival + self.rng.below(REORDER_US), flight);
        }
        let arrival = arrival.max(path.last_arrival);
        path.last_arrival = arrival;
        if self.rng.chance(self.shape.duplicate) {
            let twin = Flight {
                bytes: flight.bytes.clone(),
                ..flight
            };
            plan(arrival + self.rng.below(REORDER_US), twin);
        }
        plan(arrival, flight);
    }

    fn note_stress(&mut self, from: u32, to: u32, bytes: &[u8]) {
        let Some(cast) = CastName::of(bytes) else { return };
        let (a, b) = (self.sites[from as usize].region, self.sites[to as usize].region);
        self.stress.note(2 * from, cast);
        self.stress.note(2 * to + 1, cast);
        if a != b {
            self.stress.note(REGION_LINKS + 2 * a, cast);
            self.stress.note(REGION_LINKS + 2 * b + 1, cast);
        }
    }

    /// A flight reaches its host's access; what gets through is given to `plan` with the time when the host has it.
    pub fn arrive(&mut self, now: u64, flight: Flight, plan: &mut dyn FnMut(u64, Arrival)) {
        let pair = (flight.sender.min(flight.to), flight.sender.max(flight.to));
        let apart = self.sites[flight.sender as usize].partition != self.sites[flight.to as usize].partition;
        let site = &mut self.sites[flight.to as usize];
        if !site.alive {
            self.fates.lost_dead += 1;
        } else if apart || self.blocked.contains(&pair) {
            self.fates.lost_partition += 1;
        } else if !site.nat.takes(now, flight.from, flight.port) {
            self.fates.lost_nat += 1;
        } else if let Some(at) = site.down.pass(now, flight.bytes.len() as u64 + UNDER_HEADERS) {
            self.fates.arrived += 1;
            plan(
                at,
                Arrival {
                    to: flight.to,
                    from: flight.from.into(),
                    bytes: flight.bytes,
                },
            );
        } else {
            site.lost_queue += 1;
            self.fates.lost_queue += 1;
        }
    }
}
