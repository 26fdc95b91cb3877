//! Address resolution: answers for members with a MAC address, never for the own addresses, never to probes.

mod lab;
use lab::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use weft_forward::{ANSWER_MAX, DropReason, Member, Table, answer_arp, answer_nd};
use weft_packet::{Frame, L3, Mac};

const CASES: u64 = 20_000;
const SOLICITATION: u8 = 135;

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &mac(0).0, &kind.to_be_bytes(), payload].concat()
}

fn arp(operation: u16, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut b = vec![0, 1, 8, 0, 6, 4];
    b.extend(operation.to_be_bytes());
    b.extend(mac(0).0);
    b.extend(sender.octets());
    b.extend([0; 6]);
    b.extend(target.octets());
    ethernet(0x0806, &b)
}

fn ask_arp(table: &Table, bytes: &[u8]) -> Result<Vec<u8>, DropReason> {
    let mut out = [0; ANSWER_MAX];
    let n = answer_arp(table, &Frame::parse(bytes)?, &mut out)?;
    Ok(out[..n].to_vec())
}

/// A solicitation from `source` for `target`, with these hops and extension headers.
fn solicitation(source: Ipv6Addr, target: Ipv6Addr, hops: u8, chain: &[(u8, &[u8])]) -> Vec<u8> {
    let s = target.segments();
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (s[6] & 0xff), s[7]);
    let body = [&[0; 4][..], &target.octets(), &[1, 1], &mac(0).0].concat();
    let message = icmpv6(source, group, SOLICITATION, 0, &body);
    ethernet(0x86dd, &v6(source, group, hops, chain, ICMPV6, &message))
}

fn ask_nd(table: &Table, bytes: &[u8]) -> Result<Vec<u8>, DropReason> {
    let frame = Frame::parse(bytes)?;
    let packet = L3::parse(frame.payload())?;
    let mut out = [0; ANSWER_MAX];
    let n = answer_nd(table, &frame, &packet, &mut out)?;
    Ok(out[..n].to_vec())
}

/// A network in which member 9 claims the addresses of this host, and member 8 has no MAC.
fn contested() -> Table {
    let mut builder = builder();
    builder.member(Member {
        peer: 9,
        origin: 999,
        ipv4: Some(ipv4(0)),
        ipv6: Some(ipv6(0)),
        link_local: Some(link_local(0)),
        mac: Some(mac(9)),
    });
    builder.member(Member {
        peer: 8,
        origin: 998,
        ipv4: Some(ipv4(8)),
        ipv6: Some(ipv6(8)),
        link_local: None,
        mac: None,
    });
    builder.build()
}

#[test]
fn says_where_members_are() {
    for n in 1..=MEMBERS {
        let answer = ask_arp(&table(), &arp(1, ipv4(0), ipv4(n))).unwrap();
        let mut expected = [
            &mac(0).0[..],
            &mac(n).0,
            &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
            &mac(n).0,
        ]
        .concat();
        expected.extend(ipv4(n).octets());
        expected.extend(mac(0).0);
        expected.extend(ipv4(0).octets());
        assert_eq!(answer, expected);
        for target in [ipv6(n), link_local(n)] {
            let answer = ask_nd(&table(), &solicitation(link_local(0), target, 255, &[])).unwrap();
            assert_eq!((&answer[..6], &answer[6..12]), (&mac(0).0[..], &mac(n).0[..]));
            // From the target to the asker, hop limit 255: an advertisement, solicited, override, with the MAC as an option.
            let ip = &answer[14..];
            assert_eq!(
                (ip[7], &ip[8..24], &ip[24..40]),
                (255, &target.octets()[..], &link_local(0).octets()[..])
            );
            assert_eq!((ip[40], ip[44], &ip[48..64]), (136, 0x60, &target.octets()[..]));
            assert_eq!(ip[64..], [&[2, 1][..], &mac(n).0].concat());
            let valid = icmpv6(target, link_local(0), 136, 0, &ip[44..]);
            assert_eq!(ip[40..], valid, "its checksum");
        }
    }
}

#[test]
fn never_speaks_for_the_own_addresses() {
    for table in [table(), contested()] {
        for sender in [ipv4(0), ipv4(1), Ipv4Addr::new(192, 168, 1, 5)] {
            assert_eq!(
                ask_arp(&table, &arp(1, sender, ipv4(0))),
                Err(DropReason::Unanswered)
            );
        }
        for target in [ipv6(0), link_local(0)] {
            for source in [ipv6(0), link_local(0), link_local(1)] {
                let question = solicitation(source, target, 255, &[]);
                assert_eq!(ask_nd(&table, &question), Err(DropReason::Unanswered));
            }
        }
    }
}

#[test]
fn probes_and_announcements_stay_unanswered() {
    let unanswered = Err(DropReason::Unanswered);
    for n in 0..=MEMBERS {
        // Duplicate address detection in both families; gratuitous; an answer of somebody.
        assert_eq!(
            ask_arp(&table(), &arp(1, Ipv4Addr::UNSPECIFIED, ipv4(n))),
            unanswered
        );
        assert_eq!(ask_arp(&table(), &arp(1, ipv4(n), ipv4(n))), unanswered);
        assert_eq!(ask_arp(&table(), &arp(2, ipv4(0), ipv4(n))), unanswered);
        let probe = solicitation(Ipv6Addr::UNSPECIFIED, ipv6(n), 255, &[]);
        assert_eq!(ask_nd(&table(), &probe), unanswered);
    }
    for target in [
        "10.77.9.9",
        "255.255.255.255",
        "224.0.0.1",
        "0.0.0.0",
        "192.168.1.1",
    ] {
        assert_eq!(
            ask_arp(&table(), &arp(1, ipv4(0), target.parse().unwrap())),
            unanswered
        );
    }
    for target in ["fd00:7::99", "::", "::1", "2001:db8::1"] {
        let question = solicitation(link_local(0), target.parse().unwrap(), 255, &[]);
        assert_eq!(ask_nd(&table(), &question), unanswered);
    }
    // Nobody can send to a member without a MAC.
    assert_eq!(ask_arp(&contested(), &arp(1, ipv4(0), ipv4(8))), unanswered);
    assert_eq!(
        ask_nd(&contested(), &solicitation(link_local(0), ipv6(8), 255, &[])),
        unanswered
    );
}

#[test]
fn solicitations_that_the_rfcs_discard() {
    let good = solicitation(link_local(0), ipv6(1), 255, &[]);
    let malformed = Err(DropReason::Malformed);
    for hops in [0, 1, 64, 254] {
        assert_eq!(
            ask_nd(&table(), &solicitation(link_local(0), ipv6(1), hops, &[])),
            malformed
        );
    }
    for more in [false, true] {
        let pieces = fragment6(0, more);
        assert_eq!(
            ask_nd(
                &table(),
                &solicitation(link_local(0), ipv6(1), 255, &[(FRAGMENT, &pieces)])
            ),
            malformed
        );
    }
    assert_eq!(
        ask_nd(
            &table(),
            &solicitation(link_local(0), "ff02::1".parse().unwrap(), 255, &[])
        ),
        malformed
    );
    // Any flipped bit of the message spoils its checksum.
    for at in 54..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(ask_nd(&table(), &bad).is_err(), "byte {at}");
    }
    for cut in 0..good.len() {
        assert!(ask_nd(&table(), &good[..cut]).is_err(), "{cut} bytes");
    }
    let good = arp(1, ipv4(0), ipv4(1));
    for cut in 0..good.len() {
        assert!(ask_arp(&table(), &good[..cut]).is_err(), "{cut} bytes");
    }
}

#[test]
fn whatever_is_asked_the_answer_is_a_member_s() {
    let table = contested();
    let members: Vec<Mac> = (1..=MEMBERS).map(mac).collect();
    let mut answered = 0;
    for seed in 0..CASES {
        let mut dice = Dice::new(seed);
        let target = dice.below(11) as u32;
        let mut bytes = if dice.below(2) == 0 {
            arp(
                1 + dice.below(2) as u16,
                *dice.pick(&[ipv4(0), ipv4(1), Ipv4Addr::UNSPECIFIED]),
                ipv4(target),
            )
        } else {
            solicitation(
                *dice.pick(&[link_local(0), ipv6(0), Ipv6Addr::UNSPECIFIED]),
                ipv6(target),
                255,
                &[],
            )
        };
        for _ in 0..dice.below(3) {
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] = dice.next() as u8;
        }
        let answer = if bytes[12..14] == [8, 6] {
            ask_arp(&table, &bytes)
        } else {
            ask_nd(&table, &bytes)
        };
        if let Ok(answer) = answer {
            let from = Mac(answer[6..12].try_into().unwrap());
            assert!(members.contains(&from), "{from} for {bytes:x?}");
            answered += 1;
        }
    }
    assert!(answered > CASES / 100, "only {answered} of {CASES}");
}
