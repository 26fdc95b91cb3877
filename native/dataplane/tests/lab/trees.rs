//! Hosts with sessions along given edges, and the trees of one of them.
#![allow(dead_code)]

use crate::lab::*;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::{Duration, Instant};
use weft_dataplane::{CastKey, FilterMode, GroupConfig, Repair, Secret, TreeConfig};
use weft_device::VNET_LEN;

pub const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
pub const PORT: u16 = 5_000;

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not yet: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn secret(tree: u16, what: u8) -> Secret {
    let mut secret = Secret::default();
    secret.fill(what ^ tree as u8);
    secret
}

/// `what` 7 is the right one.
pub fn cast_key(origin: u8, tree: u16, what: u8) -> CastKey {
    CastKey {
        origin: [origin; 8],
        tree,
        id: 1,
        lowest: 0,
        key: secret(tree, what),
    }
}

pub fn part(
    origin: u8,
    tree: u16,
    epoch: u16,
    parent: Option<u8>,
    children: &[u8],
    repair: &str,
) -> TreeConfig {
    TreeConfig {
        origin: [origin; 8],
        tree,
        epoch,
        parent: parent.map(u32::from),
        backups: vec![],
        children: children.iter().map(|c| u32::from(*c)).collect(),
        adoptable: vec![],
        repair: match repair {
            "nack" => Repair::Nack,
            "fec" => Repair::Fec,
            _ => Repair::Off,
        },
        bytes_per_second: 0,
        groups: 1,
        left: false,
        signer: None,
        key: parent.is_none().then(|| (1, secret(tree, 7))),
    }
}

pub struct Grove {
    pub hosts: Vec<Host>,
    /// Trees that are planted from now on are signed.
    pub signed: bool,
    /// What the origin's line bears, as it is told with trees that are planted from now on, bytes a second; 0: not known.
    pub line: u64,
}

impl Grove {
    /// Hosts 1 to `count`. What host 1 sends to the group is received by `receivers`; there are sessions along the edges.
    pub fn new(count: u8, receivers: &[u8], edges: &[(u8, u8)]) -> Grove {
        Grove::of(count, receivers, edges, (None, 0))
    }

    /// Host `plain` has an adapter that takes nothing but whole packets.
    pub fn with_plain(count: u8, receivers: &[u8], edges: &[(u8, u8)], plain: u8) -> Grove {
        Grove::of(count, receivers, edges, (None, plain))
    }

    /// No path takes frames of more than `frame_max` bytes.
    pub fn narrow(count: u8, receivers: &[u8], edges: &[(u8, u8)], frame_max: usize) -> Grove {
        Grove::of(count, receivers, edges, (Some(frame_max), 0))
    }

    fn of(count: u8, receivers: &[u8], edges: &[(u8, u8)], (frame_max, plain): (Option<usize>, u8)) -> Grove {
        let features = |n| if n == plain { NONE } else { ALL };
        let host = |n| Host::new(n, features(n), frame_max);
        let mut hosts: Vec<Host> = (1..=count).map(host).collect();
        introduce(&mut hosts.iter_mut().collect::<Vec<_>>());
        let mut joined = Vec::new();
        for (a, b) in edges {
            let (a, b) = (*a.min(b), *a.max(b));
            if !joined.contains(&(a, b)) {
                joined.push((a, b));
                let (left, right) = hosts.split_at_mut(usize::from(b) - 1);
                join(&mut left[usize::from(a) - 1], &mut right[0]);
            }
        }
        for n in receivers {
            let host = &mut hosts[usize::from(*n) - 1];
            host.inject([0; VNET_LEN], &igmp_join(ipv4(*n), GROUP));
            host.wait("groups", |e| {
                matches!(e, weft_dataplane::Event::Groups { .. }).then_some(())
            });
        }
        hosts[0].receivers(GROUP.into(), receivers);
        Grove {
            hosts,
            signed: false,
            line: 0,
        }
    }

    pub fn place(&self, n: u8) -> usize {
        self.hosts.iter().position(|h| h.n == n).unwrap()
    }

    pub fn host(&self, n: u8) -> &Host {
        &self.hosts[self.place(n)]
    }

    /// It is gone without a word.
    pub fn kill(&mut self, n: u8) {
        let host = self.hosts.remove(self.place(n));
        // Its frames of farewell would tell the others: they are to find out by themselves.
        std::mem::forget(host.plane.clone());
        for other in &self.hosts {
            host.plane.set_peers(NET, vec![stranger(other.n)]);
        }
        host.plane.stats();
    }

    pub fn subscribe(&self, origin: u8, subscribers: &[u8]) {
        self.subscribe_tree(origin, 1, subscribers);
    }

    pub fn subscribe_some(&self, origin: u8, subscribers: &[u8]) {
        self.subscribe_tree(origin, 1, subscribers);
    }

    pub fn subscribe_tree(&self, origin: u8, tree: u16, subscribers: &[u8]) {
        for n in subscribers {
            let key = cast_key(origin, tree, 7);
            self.host(*n).plane.set_cast_key(NET, key).unwrap();
        }
    }

    /// Tells everybody its part in tree 1: children first, the origin last.
    pub fn plant(&self, origin: u8, epoch: u16, edges: &[(u8, u8)], repair: &str) {
        self.plant_tree(origin, 1, epoch, edges, repair);
    }

    pub fn plant_tree(&self, origin: u8, tree: u16, epoch: u16, edges: &[(u8, u8)], repair: &str) {
        self.tell(origin, tree, epoch, edges, (repair, &[]));
    }

    pub fn plant_with_backup(
        &self,
        origin: u8,
        epoch: u16,
        edges: &[(u8, u8)],
        repair: &str,
        backups: &[(u8, u8)],
    ) {
        self.tell(origin, 1, epoch, edges, (repair, backups));
    }

    fn tell(
        &self,
        origin: u8,
        tree: u16,
        epoch: u16,
        edges: &[(u8, u8)],
        (repair, backups): (&str, &[(u8, u8)]),
    ) {
        let signer = self.signed.then(|| self.host(origin).signer());
        for host in self.hosts.iter().rev() {
            let parent = edges.iter().find(|(_, child)| *child == host.n).map(|e| e.0);
            if parent.is_none() && host.n != origin {
                continue;
            }
            let children: Vec<u8> = edges.iter().filter(|e| e.0 == host.n).map(|e| e.1).collect();
            let mut config = part(origin, tree, epoch, parent, &children, repair);
            let of = |pick: fn(&(u8, u8)) -> (u8, u8)| -> Vec<u32> {
                let mine = backups.iter().map(pick).filter(|(a, _)| *a == host.n);
                mine.map(|(_, b)| u32::from(b)).collect()
            };
            config.backups = of(|(child, backup)| (*child, *backup));
            config.signer = signer;
            config.bytes_per_second = if host.n == origin { self.line } else { 0 };
            config.adoptable = of(|(child, backup)| (*backup, *child));
            host.plane.set_tree(NET, config).unwrap();
            // In force when the figures come.
            host.plane.stats();
        }
    }

    /// Numbered packets of host 1 to the group.
    pub fn send(&self, numbers: Range<usize>) -> Vec<Vec<u8>> {
        self.send_long(numbers, 4)
    }

    pub fn send_long(&self, numbers: Range<usize>, len: usize) -> Vec<Vec<u8>> {
        let payload = |i: usize| -> Vec<u8> {
            let number = (i as u32).to_be_bytes();
            number.iter().copied().cycle().take(len).collect()
        };
        let sent: Vec<Vec<u8>> = numbers.map(payload).collect();
        for payload in &sent {
            let frame = udp_frame(ipv4(1), GROUP, PORT, payload);
            self.hosts[0].inject([0; VNET_LEN], &frame);
        }
        sent
    }

    pub fn take(&self, n: u8, count: usize) -> Vec<Vec<u8>> {
        self.take_long(n, count, 4)
    }

    /// No datagram of host 1 is left to take.
    pub fn is_quiet(&self, n: u8) -> bool {
        loop {
            match self.host(n).frames().first() {
                None => return true,
                Some(frame) if udp_payload(frame, ipv4(1), PORT).is_some() => return false,
                Some(_) => {}
            }
        }
    }

    pub fn take_long(&self, n: u8, count: usize, len: usize) -> Vec<Vec<u8>> {
        self.host(n).payloads(ipv4(1), PORT, count, len)
    }
}

/// Somebody else's key under a known number: frames of the old one are no longer opened.
fn stranger(n: u8) -> weft_dataplane::PeerConfig {
    let mut config = peer(n);
    config.key[0] ^= 1;
    config
}

impl Host {
    pub fn signer(&self) -> [u8; 32] {
        self.plane.cast_signer(NET).unwrap()
    }

    /// Only these may send to the group, as far as this host is concerned.
    pub fn publishers(&self, group: std::net::IpAddr, members: &[u8]) {
        let publishers = Some(members.iter().map(|n| u32::from(*n)).collect());
        let receivers: Vec<(u32, FilterMode, Vec<std::net::IpAddr>)> = vec![];
        self.plane
            .set_groups(
                NET,
                vec![GroupConfig {
                    group,
                    receivers,
                    publishers,
                    repaired: false,
                    signed: false,
                    more: false,
                }],
            )
            .unwrap();
        self.plane.stats();
    }
}
