//! What may come in from members: nothing under another's address, nothing that steers this host, nothing that is not for it.

mod lab;
use lab::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_forward::{Delivery, DropReason, LocalGroups, PeerId, Table};
use weft_packet::L3;

const CASES: u64 = 20_000;

fn accept_as(from: PeerId, bytes: &[u8]) -> Result<Delivery, DropReason> {
    let packet = L3::parse(bytes)?;
    table().accept(&packet, from, &joined())
}

fn accept(bytes: &[u8]) -> Result<Delivery, DropReason> {
    accept_as(1, bytes)
}

fn plain4(source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    v4(source, target, UDP, &[], &udp(5000, 6000))
}

fn plain6(source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    v6(source, target, 64, &[], UDP, &udp(5000, 6000))
}

#[test]
fn lets_in_what_is_for_this_host() {
    let all_nodes: Ipv6Addr = "ff02::1".parse().unwrap();
    for (bytes, mac_there) in [
        (plain4(ipv4(1), ipv4(0)), mac(0).0),
        (plain6(ipv6(1), ipv6(0)), mac(0).0),
        (plain6(link_local(1), link_local(0)), mac(0).0),
        (plain6(ipv6(1), link_local(0)), mac(0).0),
        (plain4(ipv4(1), Ipv4Addr::BROADCAST), [0xff; 6]),
        (plain4(ipv4(1), Ipv4Addr::new(10, 77, 255, 255)), [0xff; 6]),
        (
            plain4(ipv4(1), Ipv4Addr::new(224, 0, 0, 1)),
            [1, 0, 0x5e, 0, 0, 1],
        ),
        (plain6(link_local(1), all_nodes), [0x33, 0x33, 0, 0, 0, 1]),
        (plain4(ipv4(1), GROUP), [1, 0, 0x5e, 1, 2, 3]),
        (plain6(ipv6(1), GROUP6), [0x33, 0x33, 0, 0, 0, 0x77]),
    ] {
        let ether = accept(&bytes).unwrap().ether;
        // Nobody's own address above casts: that is how a host knows those that come back to it by a bridge.
        let source = if mac_there[0] & 1 == 1 {
            mac(1).of_casts()
        } else {
            mac(1)
        };
        assert_eq!((&ether[..6], &ether[6..12]), (&mac_there[..], &source.0[..]));
        assert_eq!(
            ether[12..],
            if bytes[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] }
        );
    }
}

#[test]
fn keeps_out_what_is_for_others() {
    let unknown = DropReason::NotForUs;
    for bytes in [
        plain4(ipv4(1), ipv4(2)),
        plain4(ipv4(1), Ipv4Addr::new(10, 77, 9, 9)),
        plain4(ipv4(1), Ipv4Addr::new(192, 168, 1, 1)),
        plain4(ipv4(1), Ipv4Addr::LOCALHOST),
        plain4(ipv4(1), Ipv4Addr::UNSPECIFIED),
        plain4(ipv4(1), Ipv4Addr::new(10, 255, 255, 255)),
        plain4(ipv4(1), Ipv4Addr::new(239, 9, 9, 9)),
        plain6(ipv6(1), ipv6(2)),
        plain6(ipv6(1), Ipv6Addr::LOCALHOST),
        plain6(ipv6(1), "ff02::2".parse().unwrap()),
        plain6(ipv6(1), "ff01::1".parse().unwrap()),
        plain6(ipv6(1), "2001:db8::1".parse().unwrap()),
    ] {
        assert_eq!(accept(&bytes), Err(unknown), "{bytes:x?}");
    }
    // The filter of the application: member 1 alone.
    assert_eq!(accept_as(2, &plain4(ipv4(2), GROUP)), Err(unknown));
    assert!(accept_as(2, &plain6(ipv6(2), GROUP6)).is_ok());
    let nothing = LocalGroups::default();
    let bytes = plain4(ipv4(1), GROUP);
    assert_eq!(
        table().accept(&L3::parse(&bytes).unwrap(), 1, &nothing),
        Err(unknown)
    );
}

#[test]
fn a_source_is_believed_from_its_member_alone() {
    let sources: Vec<Ipv4Addr> = (0..=MEMBERS)
        .map(ipv4)
        .chain(
            [
                "0.0.0.0",
                "127.0.0.1",
                "255.255.255.255",
                "10.77.255.255",
                "224.0.0.1",
                "239.1.2.3",
                "10.77.9.9",
                "8.8.8.8",
            ]
            .map(|a| a.parse().unwrap()),
        )
        .collect();
    let sources6: Vec<Ipv6Addr> = (0..=MEMBERS)
        .flat_map(|n| [ipv6(n), link_local(n)])
        .chain(
            [
                "::",
                "::1",
                "ff02::1",
                "fe80::99",
                "fd00:7::99",
                "::ffff:10.77.1.3",
                "2001:db8::1",
            ]
            .map(|a| a.parse().unwrap()),
        )
        .collect();
    for from in 0..=MEMBERS + 1 {
        let expected = |own: bool| match (1..=MEMBERS).contains(&from) {
            false => Some(DropReason::UnknownMember),
            true => (!own).then_some(DropReason::BadSource),
        };
        for source in &sources {
            let own = from > 0 && *source == ipv4(from);
            assert_eq!(
                accept_as(from, &plain4(*source, ipv4(0))).err(),
                expected(own),
                "{source} from {from}"
            );
        }
        for source in &sources6 {
            let own = from > 0 && [ipv6(from), link_local(from)].contains(source);
            assert_eq!(
                accept_as(from, &plain6(*source, ipv6(0))).err(),
                expected(own),
                "{source} from {from}"
            );
        }
    }
}

/// ICMP types that would change routes, neighbours or memberships.
const STEERS4: [u8; 4] = [4, 5, 9, 10];
const STEERS6: [u8; 13] = [130, 131, 132, 133, 134, 135, 136, 137, 138, 141, 142, 143, 151];

fn steers6(kind: u8) -> bool {
    STEERS6.contains(&kind) || kind == 152 || kind == 153
}

#[test]
fn nothing_steers_this_host() {
    for kind in 0..=255u8 {
        let message = icmp(kind, 0, &[0; 20]);
        let verdict = accept(&v4(ipv4(1), ipv4(0), ICMP, &[], &message)).err();
        assert_eq!(
            verdict,
            STEERS4.contains(&kind).then_some(DropReason::HostControl),
            "type {kind}"
        );
        for target in [ipv6(0), "ff02::1".parse().unwrap()] {
            let message = icmpv6(link_local(1), target, kind, 0, &[0; 20]);
            let verdict = accept(&v6(link_local(1), target, 255, &[], ICMPV6, &message)).err();
            assert_eq!(
                verdict,
                steers6(kind).then_some(DropReason::HostControl),
                "type {kind}"
            );
        }
    }
    for kind in [0x11, 0x12, 0x16, 0x17, 0x22, 0x00] {
        let message = icmp(kind, 0, &GROUP.octets());
        for options in [&[][..], &[148, 4, 0, 0]] {
            for target in [ipv4(0), GROUP, Ipv4Addr::new(224, 0, 0, 1)] {
                let bytes = v4(ipv4(1), target, IGMP, options, &message);
                assert_eq!(accept(&bytes), Err(DropReason::HostControl));
            }
        }
    }
}

#[test]
fn nor_behind_other_headers_or_in_pieces() {
    let control = Err(DropReason::HostControl);
    for kind in STEERS6 {
        let message = icmpv6(link_local(1), link_local(0), kind, 0, &[0; 28]);
        let chains: [&[(u8, &[u8])]; 5] = [
            &[(HOP_BY_HOP, &ROUTER_ALERT)],
            &[(DESTINATION, &PADDING)],
            &[
                (HOP_BY_HOP, &PADDING),
                (DESTINATION, &PADDING),
                (DESTINATION, &PADDING),
            ],
            &[(FRAGMENT, &fragment6(0, false))],
            &[
                (HOP_BY_HOP, &ROUTER_ALERT),
                (FRAGMENT, &fragment6(0, true)),
                (DESTINATION, &PADDING),
            ],
        ];
        for chain in chains {
            let bytes = v6(link_local(1), link_local(0), 1, chain, ICMPV6, &message);
            assert_eq!(accept(&bytes), control, "{kind} behind {chain:x?}");
        }
    }
    // IGMP in fragments, first and later.
    for fragment in [0x2000, 0x0001, 0x2001] {
        let bytes = v4_fragment(ipv4(1), ipv4(0), IGMP, &[], fragment, &[0x17; 16]);
        assert_eq!(accept(&bytes), control);
    }
}

#[test]
fn a_first_fragment_shows_what_it_begins() {
    // Only extension headers in the first piece: what follows would come in unseen (RFC 7112).
    for last in [ICMPV6, UDP, TCP] {
        let chain: [(u8, &[u8]); 2] = [(FRAGMENT, &fragment6(0, true)), (DESTINATION, &PADDING)];
        let bytes = v6(link_local(1), link_local(0), 255, &chain, last, &[]);
        assert_eq!(accept(&bytes), Err(DropReason::Malformed), "{last}");
    }
    let bytes = v4_fragment(ipv4(1), ipv4(0), ICMP, &[], 0x2000, &[]);
    assert_eq!(accept(&bytes), Err(DropReason::Malformed));
    // Honest pieces of a long datagram come in.
    for (offset, more) in [(0, true), (1232, true), (2464, false)] {
        let chain: [(u8, &[u8]); 1] = [(FRAGMENT, &fragment6(offset, more))];
        let bytes = v6(ipv6(1), ipv6(0), 64, &chain, UDP, &[0x55; 64]);
        assert!(accept(&bytes).is_ok());
    }
    for fragment in [0x2000, 0x2010, 0x0020] {
        assert!(accept(&v4_fragment(ipv4(1), ipv4(0), UDP, &[], fragment, &[0x55; 64])).is_ok());
    }
}

#[test]
fn no_source_routes() {
    for option in [131u8, 137] {
        let bytes = v4(
            ipv4(1),
            ipv4(0),
            UDP,
            &[option, 7, 4, 10, 77, 1, 3, 0],
            &udp(1, 2),
        );
        assert_eq!(accept(&bytes), Err(DropReason::SourceRoute));
    }
    for kind in 0..=4 {
        let routing = [
            2, kind, 1, 0, 0, 0, 0, 0xfd, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
        ];
        let bytes = v6(ipv6(1), ipv6(0), 64, &[(ROUTING, &routing)], UDP, &udp(1, 2));
        assert_eq!(accept(&bytes), Err(DropReason::SourceRoute));
    }
}

#[test]
fn no_dhcp_whatever_port_it_comes_from() {
    for target in [67, 68, 546, 547] {
        for source in [67, 68, 546, 547, 1, 40_000] {
            let to = Ipv4Addr::BROADCAST;
            let bytes = v4(ipv4(1), to, UDP, &[], &udp(source, target));
            assert_eq!(accept(&bytes), Err(DropReason::Dhcp), "{source} → {target}");
            let bytes = v6(link_local(1), link_local(0), 64, &[], UDP, &udp(source, target));
            assert_eq!(accept(&bytes), Err(DropReason::Dhcp), "{source} → {target}");
        }
    }
    // A client's port as a source alone harms nobody.
    assert!(accept(&v4(ipv4(1), ipv4(0), UDP, &[], &udp(68, 5000))).is_ok());
}

/// Whether a packet may be let in from member 1, by what its bytes say; an own walk along the headers.
fn harmless(packet: &L3<'_>, table: &Table, local: &LocalGroups) -> bool {
    let target = packet.dst();
    let ours = [
        IpAddr::V4(ipv4(0)),
        IpAddr::V6(ipv6(0)),
        IpAddr::V6(link_local(0)),
    ]
    .contains(&target)
        || ["255.255.255.255", "10.77.255.255", "224.0.0.1", "ff02::1"]
            .iter()
            .any(|a| a.parse() == Ok(target))
        || local.wants(target, packet.src());
    let from = [
        IpAddr::V4(ipv4(1)),
        IpAddr::V6(ipv6(1)),
        IpAddr::V6(link_local(1)),
    ]
    .contains(&packet.src());
    ours && from && table.check_inner_source(1, packet)
}

#[test]
fn whatever_comes_only_the_harmless_gets_in() {
    let (table, local) = (table(), joined());
    let mut let_in = 0;
    for seed in 0..CASES {
        let mut dice = Dice::new(seed);
        let sources = [ipv4(1), ipv4(2), ipv4(0)];
        let sources6 = [ipv6(1), link_local(1), ipv6(2)];
        let targets = [
            ipv4(0),
            GROUP,
            Ipv4Addr::BROADCAST,
            ipv4(2),
            "224.0.0.1".parse().unwrap(),
        ];
        let targets6 = [
            ipv6(0),
            link_local(0),
            GROUP6,
            "ff02::1".parse().unwrap(),
            ipv6(3),
        ];
        let length = dice.below(60) as usize;
        let payload = dice.bytes(length);
        let last = *dice.pick(&[UDP, TCP, ICMP, ICMPV6, IGMP, 59, 47]);
        let mut bytes = if dice.below(2) == 0 {
            let fragment = *dice.pick(&[0, 0, 0, 0x2000, 0x0010]);
            v4_fragment(
                *dice.pick(&sources),
                *dice.pick(&targets),
                last,
                &[],
                fragment,
                &payload,
            )
        } else {
            let (first, later) = (fragment6(0, dice.below(2) == 0), fragment6(64, true));
            let all: [(u8, &[u8]); 4] = [
                (DESTINATION, &PADDING),
                (HOP_BY_HOP, &ROUTER_ALERT),
                (FRAGMENT, &first),
                (FRAGMENT, &later),
            ];
            let chain: Vec<(u8, &[u8])> = (0..dice.below(3)).map(|_| *dice.pick(&all)).collect();
            v6(
                *dice.pick(&sources6),
                *dice.pick(&targets6),
                64,
                &chain,
                last,
                &payload,
            )
        };
        for _ in 0..dice.below(3) {
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] = dice.next() as u8;
        }
        bytes.truncate(bytes.len() - dice.below(3) as usize);
        let Ok(packet) = L3::parse(&bytes) else { continue };
        if table.accept(&packet, 1, &local).is_ok() {
            assert!(harmless(&packet, &table, &local), "{bytes:x?}");
            let_in += 1;
        }
    }
    assert!(
        let_in > CASES / 100,
        "only {let_in} of {CASES}: the generator is too wild"
    );
}
