//! Membership messages of all versions, and what a [`Snooper`] makes of them.
#![allow(dead_code, reason = "each test uses a part")]

use super::*;
use weft_forward::{DropReason, QUERY_MAX, Snooper, SnooperConfig};
use weft_packet::L3;

pub const JOIN1: u8 = 0x12;
pub const JOIN2: u8 = 0x16;
pub const LEAVE2: u8 = 0x17;
pub const REPORT3: u8 = 0x22;
pub const MLD_REPORT: u8 = 131;
pub const MLD_DONE: u8 = 132;
pub const MLD_REPORT2: u8 = 143;
/// Group record types.
pub const IS_IN: u8 = 1;
pub const IS_EX: u8 = 2;
pub const TO_IN: u8 = 3;
pub const TO_EX: u8 = 4;
pub const ALLOW: u8 = 5;
pub const BLOCK: u8 = 6;

pub type Record = (u8, IpAddr, Vec<IpAddr>);

pub fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

pub fn records(list: &[Record], aux: usize) -> Vec<u8> {
    let mut b = vec![0, 0];
    b.extend((list.len() as u16).to_be_bytes());
    for (kind, group, sources) in list {
        b.extend([*kind, aux as u8]);
        b.extend((sources.len() as u16).to_be_bytes());
        b.extend(octets(*group));
        b.extend(sources.iter().flat_map(|source| octets(*source)));
        b.extend(vec![0x5a; 4 * aux]);
    }
    b
}

/// A report packet of the family of its groups; auxiliary data is to be skipped.
pub fn report(list: &[Record], aux: usize) -> Vec<u8> {
    if list.iter().any(|(_, group, _)| group.is_ipv6()) {
        mld(MLD_REPORT2, "ff02::16".parse().unwrap(), &records(list, aux))
    } else {
        igmp(REPORT3, Ipv4Addr::new(224, 0, 0, 22), &records(list, aux))
    }
}

pub fn igmp(kind: u8, target: Ipv4Addr, body: &[u8]) -> Vec<u8> {
    v4(ipv4(0), target, IGMP, &[148, 4, 0, 0], &icmp(kind, 0, body))
}

pub fn mld(kind: u8, target: Ipv6Addr, body: &[u8]) -> Vec<u8> {
    let message = icmpv6(link_local(0), target, kind, 0, body);
    v6(
        link_local(0),
        target,
        1,
        &[(HOP_BY_HOP, &ROUTER_ALERT)],
        ICMPV6,
        &message,
    )
}

/// One of the older versions' messages about `group`.
pub fn old(kind: u8, group: IpAddr) -> Vec<u8> {
    match group {
        IpAddr::V4(a) => igmp(kind, a, &a.octets()),
        IpAddr::V6(a) => mld(kind, a, &[&[0; 4][..], &a.octets()].concat()),
    }
}

pub fn hear(snooper: &mut Snooper, now: u64, bytes: &[u8]) -> Result<(), DropReason> {
    snooper.handle(now, &L3::parse(bytes).unwrap())
}

pub fn attached() -> Snooper {
    let mut snooper = Snooper::new(SnooperConfig::default());
    snooper.attach(0);
    let mut out = [0; QUERY_MAX];
    while snooper.poll_query(&mut out).is_some() {}
    snooper
}

pub fn sources(v6: bool) -> Vec<IpAddr> {
    (0..4)
        .map(|n| {
            if v6 {
                ipv6(40 + n).into()
            } else {
                ipv4(40 + n).into()
            }
        })
        .collect()
}

/// Bits 0 to 3: the sources; bit 4: everybody else.
pub const ALL: u8 = 0b1_1111;

pub fn wanted(snooper: &Snooper, group: IpAddr) -> u8 {
    let mut who = sources(group.is_ipv6());
    who.push(if group.is_ipv6() {
        ipv6(99).into()
    } else {
        ipv4(99).into()
    });
    let local = snooper.local();
    (0..5)
        .filter(|n| local.wants(group, who[*n]))
        .fold(0, |bits, n| bits | 1 << n)
}
