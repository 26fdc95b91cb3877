//! IGMPv1–3 and MLDv1–2 of this host's applications against a model that only counts who wants what; forgeries and floods.

mod lab;
use lab::reports::*;
use lab::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use weft_forward::{DropReason, GROUPS_MAX, SOURCES_MAX};

const CASES: u64 = 1_000;
const STEPS: u64 = 40;
const MS: u64 = 1_000;

#[test]
fn any_mix_of_versions_leaves_what_the_applications_want() {
    let groups: [IpAddr; 6] = [
        GROUP.into(),
        "224.0.0.251".parse().unwrap(),
        GROUP6.into(),
        "ff02::fb".parse().unwrap(),
        // Groups of every host or of one interface: nobody else needs to know.
        "224.0.0.1".parse().unwrap(),
        "ff01::5".parse().unwrap(),
    ];
    for seed in 0..CASES {
        let mut dice = Dice::new(seed);
        let mut snooper = attached();
        let mut model: BTreeMap<IpAddr, u8> = BTreeMap::new();
        let mut now = 0;
        for _ in 0..STEPS {
            now += dice.below(100 * MS);
            let group = *dice.pick(&groups);
            let (join, leave) = if group.is_ipv6() {
                (vec![MLD_REPORT], MLD_DONE)
            } else {
                (vec![JOIN1, JOIN2], LEAVE2)
            };
            if dice.below(3) == 0 {
                let joins = dice.below(2) == 0;
                let kind = if joins { *dice.pick(&join) } else { leave };
                hear(&mut snooper, now, &old(kind, group)).unwrap();
                model.insert(group, if joins { ALL } else { 0 });
            } else {
                let aux = dice.below(3) as usize;
                let mut list: Vec<Record> = Vec::new();
                for _ in 0..=dice.below(3) {
                    let group =
                        *dice.pick(&groups.map(|g| if g.is_ipv6() == group.is_ipv6() { g } else { group }));
                    let bits = dice.below(16) as u8;
                    let chosen = sources(group.is_ipv6())
                        .into_iter()
                        .enumerate()
                        .filter(|(n, _)| bits >> n & 1 == 1);
                    // Types that do not exist are to be skipped.
                    let kind = dice.below(9) as u8;
                    list.push((kind, group, chosen.map(|(_, source)| source).collect()));
                    let state = model.entry(group).or_default();
                    *state = match kind {
                        IS_IN | TO_IN => bits,
                        IS_EX | TO_EX => ALL & !bits,
                        ALLOW => *state | bits,
                        BLOCK => *state & !bits,
                        _ => *state,
                    };
                }
                hear(&mut snooper, now, &report(&list, aux)).unwrap();
            }
            for group in groups {
                let silent = group == groups[4] || group == groups[5];
                let expected = if silent {
                    0
                } else {
                    model.get(&group).copied().unwrap_or(0)
                };
                assert_eq!(wanted(&snooper, group), expected, "{group}");
            }
        }
    }
}

#[test]
fn queries_and_broken_messages_change_nothing() {
    let mut snooper = attached();
    for group in [GROUP.into(), GROUP6.into()] {
        hear(&mut snooper, 1, &report(&[(TO_EX, group, vec![])], 0)).unwrap();
    }
    assert!(snooper.take_changed());
    let deadline = snooper.next_deadline();
    // Queries, as if somebody else were the querier: general, of the group, old and new.
    let group = GROUP6.octets();
    for bytes in [
        igmp(0x11, Ipv4Addr::new(224, 0, 0, 1), &[0; 4]),
        igmp(0x11, GROUP, &[&GROUP.octets()[..], &[2, 20, 0, 0]].concat()),
        mld(130, "ff02::1".parse().unwrap(), &[0; 24]),
        mld(130, GROUP6, &[&[0; 4][..], &group, &[2, 20, 0, 0]].concat()),
    ] {
        assert_eq!(hear(&mut snooper, 2, &bytes), Err(DropReason::LocalOnly));
    }
    let leave4 = old(LEAVE2, GROUP.into());
    let leave6 = old(MLD_DONE, GROUP6.into());
    let records = [(TO_IN, GROUP.into(), vec![])];
    for good in [leave4, leave6, report(&records, 0)] {
        let header = if good[0] >> 4 == 4 { 24 } else { 48 };
        // A flipped bit, a missing byte, a count that lies.
        for at in header..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(hear(&mut snooper, 3, &bad).is_err(), "byte {at}");
        }
        let mut short = good.clone();
        short.truncate(header + 4);
        let length = (short.len() - if header == 24 { 0 } else { 40 }) as u16;
        let at = if header == 24 { 2 } else { 4 };
        short[at..at + 2].copy_from_slice(&length.to_be_bytes());
        if header == 24 {
            short[10..12].copy_from_slice(&[0, 0]);
            let sum = checksum(&short[..24]);
            short[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        assert!(hear(&mut snooper, 3, &short).is_err());
    }
    let lying = igmp(
        REPORT3,
        Ipv4Addr::new(224, 0, 0, 22),
        &[0, 0, 0xff, 0xff, TO_IN, 0, 0, 0, 239, 1, 2, 3],
    );
    assert!(hear(&mut snooper, 3, &lying).is_err());
    let many = igmp(
        REPORT3,
        Ipv4Addr::new(224, 0, 0, 22),
        &[0, 0, 0, 1, TO_IN, 0, 0xff, 0xff, 239, 1, 2, 3],
    );
    assert!(hear(&mut snooper, 3, &many).is_err());
    // In pieces, or about what is no group.
    let message = icmp(LEAVE2, 0, &GROUP.octets());
    assert!(
        hear(
            &mut snooper,
            3,
            &v4_fragment(ipv4(0), GROUP, IGMP, &[], 0x2000, &message)
        )
        .is_err()
    );
    assert!(hear(&mut snooper, 3, &old(LEAVE2, ipv4(1).into())).is_err());
    let _ = hear(&mut snooper, 3, &report(&[(TO_EX, ipv4(1).into(), vec![])], 0));
    assert_eq!(
        (wanted(&snooper, GROUP.into()), wanted(&snooper, GROUP6.into())),
        (ALL, ALL)
    );
    assert!(!snooper.take_changed());
    assert_eq!(snooper.local().iter().count(), 2);
    assert_eq!(snooper.next_deadline(), deadline);
}

#[test]
fn a_flood_of_groups_and_sources_is_bounded() {
    let mut snooper = attached();
    let many = |from: u32, n: u32| -> Vec<IpAddr> {
        (from..from + n)
            .map(|i| Ipv4Addr::from(0x0a4d_0000 + i).into())
            .collect()
    };
    let group = |n: u32| IpAddr::V4(Ipv4Addr::from(0xef00_0000 + n));
    for n in 0..GROUPS_MAX as u32 {
        hear(&mut snooper, 1, &report(&[(TO_EX, group(n), vec![])], 0)).unwrap();
    }
    assert_eq!(
        hear(&mut snooper, 1, &report(&[(TO_EX, group(9999), vec![])], 0)),
        Err(DropReason::TableFull)
    );
    assert_eq!(snooper.local().iter().count(), GROUPS_MAX);
    // Known ones still change, and one that left makes room.
    hear(&mut snooper, 1, &report(&[(TO_IN, group(3), vec![])], 0)).unwrap();
    hear(&mut snooper, 1, &report(&[(TO_EX, group(9999), vec![])], 0)).unwrap();
    // Too many sources: rather all than too few.
    let limit = SOURCES_MAX as u32;
    hear(&mut snooper, 1, &report(&[(TO_IN, group(5), many(0, limit))], 0)).unwrap();
    assert!(!snooper.local().wants(group(5), ipv4(1).into()));
    assert_eq!(
        hear(&mut snooper, 1, &report(&[(ALLOW, group(5), many(500, 1))], 0)),
        Err(DropReason::TableFull)
    );
    assert!(snooper.local().wants(group(5), ipv4(1).into()));
    assert_eq!(
        hear(
            &mut snooper,
            1,
            &report(&[(TO_IN, group(6), many(0, limit + 1))], 0)
        ),
        Err(DropReason::TableFull)
    );
    assert!(snooper.local().wants(group(6), ipv4(1).into()));
    // But blocking sources of a group that nobody joined joins it for nobody.
    let before = snooper.local();
    let _ = hear(&mut snooper, 1, &report(&[(TO_IN, group(7), vec![])], 0));
    let _ = hear(
        &mut snooper,
        1,
        &report(&[(BLOCK, group(7), many(0, limit + 1))], 0),
    );
    assert_eq!(snooper.local().iter().count(), before.iter().count() - 1);
}
