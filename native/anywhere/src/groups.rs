//! Which groups are looked at.

use crate::limits::GROUPS_MAX;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A group, or a range of groups: "239.255.255.250", "239.255.0.0/16", "ff05::c", "255.255.255.255".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub address: IpAddr,
    pub bits: u8,
}

impl Prefix {
    pub fn holds(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32, self.bits),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn same(a: u128, b: u128, all: u32, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (all - u32::from(bits).min(all)) == 0
}

impl FromStr for Prefix {
    type Err = ();

    /// Groups and the broadcast address only, and nothing beside the prefix.
    fn from_str(text: &str) -> Result<Prefix, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.map_or(Ok(all), |b| b.parse().map_err(|_| ()))?;
        let least = if address.is_ipv4() { 4 } else { 8 };
        let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST) && bits == 32;
        if is_broadcast || (address.is_multicast() && (least..=all).contains(&bits)) {
            Ok(Prefix { address, bits })
        } else {
            Err(())
        }
    }
}

/// What belongs to one link alone: routers, neighbours, memberships, names (mDNS and LLMNR answers tell of the own LAN).
pub fn is_never(group: IpAddr) -> bool {
    const V6: [([u16; 8], u32); 6] = [
        // Interface-local.
        ([0xff01, 0, 0, 0, 0, 0, 0, 0], 16),
        // ff02::1, ff02::2 and the other nodes and routers of the link, but not SSDP's ff02::c.
        ([0xff02, 0, 0, 0, 0, 0, 0, 0], 125),
        ([0xff02, 0, 0, 0, 0, 0, 0, 0x0016], 128),
        ([0xff02, 0, 0, 0, 0, 0, 0, 0x00fb], 128),
        // Solicited nodes; DHCP and LLMNR.
        ([0xff02, 0, 0, 0, 0, 1, 0xff00, 0], 104),
        ([0xff02, 0, 0, 0, 0, 0, 1, 0], 112),
    ];
    match group {
        IpAddr::V4(group) => group.octets()[..3] == [224, 0, 0] && !PROGRAMS.contains(&group.octets()[3]),
        IpAddr::V6(group) => V6
            .iter()
            .any(|(net, bits)| same(group.to_bits(), Ipv6Addr::from(*net).to_bits(), 128, *bits as u8)),
    }
}

/// Of 224.0.0.0/24, what programs use and no router or name service: Zenoh's 224.0.0.224.
const PROGRAMS: [u8; 1] = [224];

/// The chosen ones.
#[derive(Clone, Debug, Default)]
pub struct Groups(Vec<Prefix>);

impl Groups {
    /// # Errors
    /// More than [`GROUPS_MAX`], or what is no group: its place.
    pub fn new(texts: &[String]) -> Result<Groups, usize> {
        if texts.len() > GROUPS_MAX {
            return Err(GROUPS_MAX);
        }
        let parsed = texts.iter().enumerate();
        parsed
            .map(|(at, text)| text.parse().map_err(|()| at))
            .collect::<Result<_, _>>()
            .map(Groups)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn prefixes(&self) -> &[Prefix] {
        &self.0
    }

    pub fn holds(&self, group: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.holds(group)) && !is_never(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_ranges_are_told_from_everything_else() {
        for text in [
            "239.255.255.250",
            "239.255.0.0/16",
            "224.0.0.0/4",
            "255.255.255.255",
            "ff05::c",
            "ff00::/8",
        ] {
            assert!(text.parse::<Prefix>().is_ok(), "{text}");
        }
        for text in [
            "",
            "10.0.0.1",
            "239.0.0.0/3",
            "239.0.0.0/33",
            "255.255.255.255/8",
            "fd00::1",
            "ff00::/7",
            "all",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_belongs_to_the_link_is_never_taken() {
        let all = Groups::new(&["224.0.0.0/4".into(), "ff00::/8".into(), "255.255.255.255".into()]).unwrap();
        for text in [
            "239.1.2.3",
            "224.0.2.60",
            "224.0.0.224",
            "ff02::c",
            "ff05::1:3",
            "ff15::1",
            "255.255.255.255",
        ] {
            assert!(all.holds(text.parse().unwrap()), "{text}");
        }
        let never = [
            "224.0.0.1",
            "224.0.0.5",
            "224.0.0.22",
            "224.0.0.251",
            "224.0.0.252",
            "ff01::1",
            "ff02::1",
            "ff02::2",
            "ff02::16",
            "ff02::fb",
            "ff02::1:2",
            "ff02::1:3",
            "ff02::1:ff00:1",
            "10.0.0.1",
            "fe80::1",
        ];
        for text in never {
            assert!(!all.holds(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_wrong_one_is_named() {
        assert_eq!(Groups::new(&["239.1.1.1".into(), "x".into()]).err(), Some(1));
        assert_eq!(
            Groups::new(&vec!["239.1.1.1".into(); GROUPS_MAX + 1]).err(),
            Some(GROUPS_MAX)
        );
    }
}
