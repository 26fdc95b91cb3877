//! The members of a table, found by what packets name them by. Each is kept once; an index is a number for each.

use crate::hash::Quick;
use crate::{Member, PeerId};
use std::hash::{BuildHasher, BuildHasherDefault, Hash};
use std::net::{Ipv4Addr, Ipv6Addr};
use weft_packet::Mac;

/// A member, 56 bytes. Unspecified addresses are none.
pub struct Row {
    pub origin: u64,
    pub peer: PeerId,
    ipv4: u32,
    ipv6: [u8; 16],
    link_local: [u8; 16],
    pub mac: Option<Mac>,
}

impl Row {
    fn of(member: Member) -> Row {
        let octets = |address: Option<Ipv6Addr>| address.map_or([0; 16], |a| a.octets());
        Row {
            origin: member.origin,
            peer: member.peer,
            ipv4: member.ipv4.map_or(0, u32::from),
            ipv6: octets(member.ipv6),
            link_local: octets(member.link_local),
            mac: member.mac,
        }
    }

    #[inline]
    pub fn has_ipv4(&self, address: Ipv4Addr) -> bool {
        self.ipv4 == u32::from(address) && !address.is_unspecified()
    }

    /// ULA or fe80.
    #[inline]
    pub fn has_ipv6(&self, address: Ipv6Addr) -> bool {
        let octets = address.octets();
        (self.ipv6 == octets || self.link_local == octets) && !address.is_unspecified()
    }
}

#[derive(Default)]
pub struct Rows {
    rows: Vec<Row>,
    peers: Index,
    origins: Index,
    ipv4: Index,
    ipv6: Index,
}

impl Rows {
    /// Later members replace earlier ones with the same names.
    pub fn new(members: Vec<Member>) -> Rows {
        let count = members.len();
        // Not collected: that would keep the list's memory, which is larger.
        let mut rows = Vec::with_capacity(count);
        rows.extend(members.into_iter().map(Row::of));
        let mut peers = Index::for_names(count);
        let mut origins = Index::for_names(count);
        let mut ipv4 = Index::for_names(count);
        let mut ipv6 = Index::for_names(2 * count);
        for (at, row) in rows.iter().enumerate() {
            peers.put(&row.peer, at, |other| rows[other].peer == row.peer);
            origins.put(&row.origin, at, |other| rows[other].origin == row.origin);
            if row.ipv4 != 0 {
                ipv4.put(&row.ipv4, at, |other| rows[other].ipv4 == row.ipv4);
            }
            for octets in [row.ipv6, row.link_local] {
                let address = Ipv6Addr::from(octets);
                if !address.is_unspecified() {
                    ipv6.put(&u128::from(address), at, |other| rows[other].has_ipv6(address));
                }
            }
        }
        Rows {
            rows,
            peers,
            origins,
            ipv4,
            ipv6,
        }
    }

    #[inline]
    pub fn of_peer(&self, peer: PeerId) -> Option<&Row> {
        let at = self.peers.get(&peer, |at| self.rows[at].peer == peer)?;
        self.rows.get(at)
    }

    pub fn of_origin(&self, origin: u64) -> Option<&Row> {
        let at = self.origins.get(&origin, |at| self.rows[at].origin == origin)?;
        self.rows.get(at)
    }

    #[inline]
    pub fn of_ipv4(&self, address: Ipv4Addr) -> Option<&Row> {
        let at = self
            .ipv4
            .get(&u32::from(address), |at| self.rows[at].has_ipv4(address))?;
        self.rows.get(at)
    }

    /// ULA or fe80.
    #[inline]
    pub fn of_ipv6(&self, address: Ipv6Addr) -> Option<&Row> {
        let at = self
            .ipv6
            .get(&u128::from(address), |at| self.rows[at].has_ipv6(address))?;
        self.rows.get(at)
    }
}

/// Numbers of rows by the hash of a name: open addressing, never more than three quarters full.
#[derive(Default)]
struct Index {
    /// A power of two of them, or none; 0 is empty, others are one more than the row.
    slots: Vec<u32>,
}

impl Index {
    fn for_names(count: usize) -> Index {
        let room = if count == 0 {
            0
        } else {
            (count + count / 3 + 1).next_power_of_two()
        };
        Index { slots: vec![0; room] }
    }

    /// Where this name is, or would be.
    #[inline]
    fn find(&self, name: &impl Hash, is_it: impl Fn(usize) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let hash = BuildHasherDefault::<Quick>::default().hash_one(name);
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 && !is_it(self.slots[at] as usize - 1) {
            at = (at + 1) & mask;
        }
        at
    }

    fn put(&mut self, name: &impl Hash, row: usize, is_it: impl Fn(usize) -> bool) {
        let at = self.find(name, is_it);
        self.slots[at] = row as u32 + 1;
    }

    #[inline]
    fn get(&self, name: &impl Hash, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        (self.slots[self.find(name, is_it)] as usize).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u32) -> Member {
        Member {
            peer: n,
            origin: u64::from(n) << 40,
            ipv4: Some(Ipv4Addr::from(0x0a4d_0000 + n)),
            ipv6: Some(Ipv6Addr::from((0xfd << 120) + u128::from(n))),
            link_local: Some(Ipv6Addr::from((0xfe80 << 112) + u128::from(n))),
            mac: None,
        }
    }

    #[test]
    fn each_is_found_by_all_its_names() {
        let count = 3_000;
        let rows = Rows::new((1..=count).map(member).collect());
        for n in 1..=count {
            let Member {
                origin,
                ipv4,
                ipv6,
                link_local,
                ..
            } = member(n);
            let found = [
                rows.of_peer(n),
                rows.of_origin(origin),
                rows.of_ipv4(ipv4.expect("has one")),
                rows.of_ipv6(ipv6.expect("has one")),
                rows.of_ipv6(link_local.expect("has one")),
            ];
            assert!(found.iter().all(|row| row.is_some_and(|r| r.peer == n)), "{n}");
        }
        assert!(rows.of_peer(count + 1).is_none() && rows.of_origin(1).is_none());
        assert!(rows.of_ipv4(Ipv4Addr::from(0x0a4d_0000 + count + 1)).is_none());
        assert!(Rows::default().of_peer(1).is_none());
    }

    #[test]
    fn the_later_replaces_the_earlier_and_no_address_is_nobodys() {
        let bare = Member {
            ipv4: None,
            ipv6: None,
            link_local: None,
            ..member(7)
        };
        let moved = Member {
            ipv4: Some(Ipv4Addr::new(10, 9, 9, 9)),
            ..member(8)
        };
        let rows = Rows::new(vec![bare, member(8), moved, member(9)]);
        assert!(rows.of_ipv4(Ipv4Addr::UNSPECIFIED).is_none());
        assert!(rows.of_ipv6(Ipv6Addr::UNSPECIFIED).is_none());
        let found = rows.of_peer(8).expect("known");
        assert!(found.has_ipv4(Ipv4Addr::new(10, 9, 9, 9)));
        let bare = rows.of_peer(7).expect("known");
        assert!(!bare.has_ipv4(Ipv4Addr::UNSPECIFIED) && !bare.has_ipv6(Ipv6Addr::UNSPECIFIED));
    }

    #[test]
    fn a_member_takes_little() {
        assert!(size_of::<Row>() <= 56, "{}", size_of::<Row>());
        let rows = Rows::new((1..=3_000).map(member).collect());
        assert_eq!(rows.rows.capacity(), 3_000);
        let indexes = [&rows.peers, &rows.origins, &rows.ipv4, &rows.ipv6];
        let slots: usize = indexes.iter().map(|index| index.slots.len()).sum();
        assert!(slots <= 3_000 * 8, "{slots}");
    }
}
