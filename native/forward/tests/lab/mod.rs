//! Packets built byte by byte, written from the RFCs and not with the crates under test; a network of four; dice whose seed is
//! printed when a test fails.
#![allow(dead_code, reason = "each test uses a part")]

pub mod reports;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_forward::{FilterMode, LocalGroups, Member, Own, PeerId, SourceFilter, Table, TableBuilder};
use weft_packet::Mac;

pub const HOP_BY_HOP: u8 = 0;
pub const ICMP: u8 = 1;
pub const IGMP: u8 = 2;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ROUTING: u8 = 43;
pub const FRAGMENT: u8 = 44;
pub const ICMPV6: u8 = 58;
pub const DESTINATION: u8 = 60;
pub const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
pub const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 0x77);
pub const MEMBERS: PeerId = 3;

/// This host is number 0; members are 1 to 3.
pub fn ipv4(n: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 1, 2 + n as u8)
}

pub fn ipv6(n: u32) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, 1 + n as u16)
}

pub fn link_local(n: u32) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1 + n as u16)
}

pub fn mac(n: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, 1 + n as u8])
}

pub fn builder() -> TableBuilder {
    let mut table = TableBuilder::new(Own {
        origin: 100,
        ipv4: Some((ipv4(0), 16)),
        ipv6: ipv6(0),
        ipv6_prefix: 64,
        link_local: link_local(0),
        mac: mac(0),
    });
    for n in 1..=MEMBERS {
        table.member(Member {
            peer: n,
            origin: 100 + u64::from(n),
            ipv4: Some(ipv4(n)),
            ipv6: Some(ipv6(n)),
            link_local: Some(link_local(n)),
            mac: Some(mac(n)),
        });
    }
    let all = (1..=MEMBERS)
        .map(|n| (n, FilterMode::Exclude, Vec::new()))
        .collect();
    table.group(IpAddr::V4(Ipv4Addr::BROADCAST), all);
    table
}

pub fn table() -> Table {
    builder().build()
}

/// Applications here joined [`GROUP`] and [`GROUP6`], the first only from member 1.
pub fn joined() -> LocalGroups {
    LocalGroups::new(vec![
        (
            GROUP.into(),
            SourceFilter::new(FilterMode::Include, vec![ipv4(1).into()]),
        ),
        (GROUP6.into(), SourceFilter::new(FilterMode::Exclude, Vec::new())),
    ])
}

/// RFC 1071, the slow way.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

pub fn udp(source: u16, target: u16) -> Vec<u8> {
    let mut b = Vec::new();
    for word in [source, target, 12, 0, 0x6162, 0x6364] {
        b.extend(word.to_be_bytes());
    }
    b
}

/// An IPv4 packet. `options`: whole words.
pub fn v4(source: Ipv4Addr, target: Ipv4Addr, protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    v4_fragment(source, target, protocol, options, 0, payload)
}

/// `fragment`: flags and offset, as the header has them.
pub fn v4_fragment(
    source: Ipv4Addr,
    target: Ipv4Addr,
    protocol: u8,
    options: &[u8],
    fragment: u16,
    payload: &[u8],
) -> Vec<u8> {
    let head = 20 + options.len();
    let mut b = vec![0x40 | (head / 4) as u8, 0];
    b.extend(((head + payload.len()) as u16).to_be_bytes());
    b.extend([0, 7]);
    b.extend(fragment.to_be_bytes());
    b.extend([64, protocol, 0, 0]);
    b.extend(source.octets());
    b.extend(target.octets());
    b.extend(options);
    let sum = checksum(&b);
    b[10..12].copy_from_slice(&sum.to_be_bytes());
    b.extend(payload);
    b
}

/// An IPv6 packet whose extension headers are `chain` (kind and body without the first byte, which names the next).
pub fn v6(
    source: Ipv6Addr,
    target: Ipv6Addr,
    hops: u8,
    chain: &[(u8, &[u8])],
    last: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = Vec::new();
    for (at, (_, header)) in chain.iter().enumerate() {
        body.push(chain.get(at + 1).map_or(last, |next| next.0));
        body.extend(*header);
    }
    body.extend(payload);
    let mut b = vec![0x60, 0, 0, 0];
    b.extend((body.len() as u16).to_be_bytes());
    b.extend([chain.first().map_or(last, |first| first.0), hops]);
    b.extend(source.octets());
    b.extend(target.octets());
    b.extend(body);
    b
}

/// Options of 8 bytes: padding.
pub const PADDING: [u8; 7] = [0, 1, 4, 0, 0, 0, 0];
/// Hop-by-hop options with a router alert for MLD.
pub const ROUTER_ALERT: [u8; 7] = [0, 5, 2, 0, 0, 1, 0];

/// A fragment header's body.
pub fn fragment6(offset: u16, more: bool) -> [u8; 7] {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    [0, high, low, 0, 0, 0, 9]
}

/// An ICMPv6 message with its checksum.
pub fn icmpv6(source: Ipv6Addr, target: Ipv6Addr, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut b = vec![kind, code, 0, 0];
    b.extend(body);
    let mut pseudo = [source.octets(), target.octets()].concat();
    pseudo.extend((b.len() as u32).to_be_bytes());
    pseudo.extend([0, 0, 0, ICMPV6]);
    pseudo.extend(&b);
    let sum = checksum(&pseudo);
    b[2..4].copy_from_slice(&sum.to_be_bytes());
    b
}

/// An IGMP or ICMPv4 message with its checksum.
pub fn icmp(kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut b = vec![kind, code, 0, 0];
    b.extend(body);
    let sum = checksum(&b);
    b[2..4].copy_from_slice(&sum.to_be_bytes());
    b
}

/// Numbers that a seed decides (SplitMix64). When the test fails while they live, the seed is printed; `WEFT_SEED` repeats it.
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let seed = std::env::var("WEFT_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(seed);
        Dice { seed, state: seed }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("WEFT_SEED={} repeats this", self.seed);
        }
    }
}
