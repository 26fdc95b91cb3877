//! The querier: when it asks and how, and what it takes for gone.

mod lab;
use lab::reports::*;
use lab::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_forward::{QUERY_MAX, Snooper, SnooperConfig};
use weft_packet::L3;

const MS: u64 = 1_000;
const MINUTE: u64 = 60_000 * MS;

/// Runs time on as the data plane does; returns when queries were asked.
fn run(snooper: &mut Snooper, until: u64, mut each: impl FnMut(&mut Snooper, u64)) -> Vec<u64> {
    let mut out = [0; QUERY_MAX];
    let mut asked = Vec::new();
    while let Some(at) = snooper.next_deadline().filter(|at| *at <= until) {
        snooper.handle_timeout(at);
        while let Some(n) = snooper.poll_query(&mut out) {
            check_query(&out[..n]);
            asked.push(at);
        }
        each(snooper, at);
    }
    asked
}

/// RFC 3376 and RFC 3810: from nobody's address, one hop, router alert, to all hosts, under a MAC that is not the host's.
fn check_query(frame: &[u8]) {
    let packet = L3::parse(&frame[14..]).unwrap();
    assert!(packet.has_router_alert() && packet.hop_limit() == 1);
    assert_ne!(frame[6..12], mac(0).0);
    let (target, message): (&[u8], Vec<u8>) = match packet.src() {
        IpAddr::V4(source) => {
            assert!(source.is_unspecified() && packet.dst() == IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)));
            (
                &[1, 0, 0x5e, 0, 0, 1],
                icmp(0x11, packet.l4()[1], &packet.l4()[4..]),
            )
        }
        IpAddr::V6(source) => {
            let all: Ipv6Addr = "ff02::1".parse().unwrap();
            assert!(
                source.segments()[0] == 0xfe80 && source != link_local(0) && packet.dst() == IpAddr::V6(all)
            );
            (
                &[0x33, 0x33, 0, 0, 0, 1],
                icmpv6(source, all, 130, 0, &packet.l4()[4..]),
            )
        }
    };
    assert_eq!(frame[..6], *target);
    assert_eq!(packet.l4(), message, "its checksum");
}

#[test]
fn asks_quickly_at_first_then_every_minute() {
    let mut snooper = Snooper::new(SnooperConfig::default());
    assert_eq!(snooper.next_deadline(), None);
    snooper.attach(0);
    let mut out = [0; QUERY_MAX];
    let mut first = 0;
    while let Some(n) = snooper.poll_query(&mut out) {
        check_query(&out[..n]);
        first += 1;
    }
    assert_eq!(first, 2, "IGMP and MLD at once");
    let asked = run(&mut snooper, 3 * MINUTE, |_, _| {});
    let minutes = [MINUTE, 2 * MINUTE].map(|at| at + 300 * MS);
    assert_eq!(
        asked,
        [
            100 * MS,
            100 * MS,
            300 * MS,
            300 * MS,
            minutes[0],
            minutes[0],
            minutes[1],
            minutes[1]
        ]
    );
}

#[test]
fn keeps_through_an_outage_what_is_reported_again_and_drops_the_rest() {
    let mut snooper = attached();
    for group in [GROUP.into(), GROUP6.into()] {
        hear(&mut snooper, MS, &report(&[(TO_EX, group, vec![])], 0)).unwrap();
    }
    // Soon enough that nothing is too old by itself.
    let back = 30_000 * MS;
    snooper.attach(back);
    assert_eq!(
        wanted(&snooper, GROUP.into()),
        ALL,
        "kept until the answers are in"
    );
    run(&mut snooper, back + 200 * MS, |_, _| {});
    hear(
        &mut snooper,
        back + 200 * MS,
        &report(&[(IS_EX, GROUP.into(), vec![])], 0),
    )
    .unwrap();
    run(&mut snooper, back + 2000 * MS, |_, _| {});
    assert_eq!(
        (wanted(&snooper, GROUP.into()), wanted(&snooper, GROUP6.into())),
        (ALL, 0)
    );
}

#[test]
fn a_standstill_of_the_process_costs_no_membership() {
    let mut snooper = attached();
    run(&mut snooper, 2 * MINUTE, |_, _| {});
    hear(
        &mut snooper,
        2 * MINUTE,
        &report(&[(TO_EX, GROUP.into(), vec![])], 0),
    )
    .unwrap();
    let late = 60 * MINUTE;
    snooper.handle_timeout(late);
    assert_eq!(wanted(&snooper, GROUP.into()), ALL);
    let mut out = [0; QUERY_MAX];
    assert!(snooper.poll_query(&mut out).is_some(), "asks at once");
    // Who does not answer now is gone soon after.
    run(&mut snooper, late + 2000 * MS, |_, _| {});
    assert_eq!(wanted(&snooper, GROUP.into()), 0);
}

#[test]
fn forgets_a_host_that_stops_reporting_not_one_that_misses_a_round() {
    let mut snooper = attached();
    let groups: [IpAddr; 2] = [GROUP.into(), GROUP6.into()];
    for group in groups {
        hear(&mut snooper, 500 * MS, &report(&[(TO_EX, group, vec![])], 0)).unwrap();
    }
    let mut round = 0;
    run(&mut snooper, 20 * MINUTE, |snooper, at| {
        round += 1;
        if round % 3 == 0 {
            hear(snooper, at + MS, &report(&[(IS_EX, GROUP.into(), vec![])], 0)).unwrap();
        }
        assert_eq!(wanted(snooper, GROUP.into()), ALL, "{at}");
        if at > 5 * MINUTE {
            assert_eq!(wanted(snooper, GROUP6.into()), 0, "{at}");
        }
    });
    assert!(round > 15);
}
