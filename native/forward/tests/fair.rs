//! Shares of broadcast and multicast: who floods loses its own, and nobody else anything.

use std::net::IpAddr;
use weft_forward::{CHATTER, Excess, Fair, FairLimits, GROUP, GROUPS_PER_ORIGIN_MAX, ORIGIN, is_chatter};

const S: u64 = 1_000_000;
const LEN: u32 = 200;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `rate` packets a second for `seconds`, and what became of them: passed, words about it with their times.
fn flood(fair: &mut Fair, peer: u32, group: &str, rate: u64, seconds: u64) -> (u64, Vec<(u64, u64)>) {
    let (mut passed, mut words) = (0, Vec::new());
    for i in 0..rate * seconds {
        let now = S + i * S / rate;
        match fair.group(now, peer, ip(group), 1, LEN) {
            Ok(()) => passed += 1,
            Err(None) => {}
            Err(Some(offence)) => {
                assert_eq!((offence.peer, offence.group), (peer, Some(ip(group))));
                words.push((now - S, offence.dropped));
            }
        }
    }
    (passed, words)
}

#[test]
fn a_flood_of_broadcast_is_cut_down_and_named_within_a_second() {
    let mut fair = Fair::default();
    let (passed, words) = flood(&mut fair, 7, "255.255.255.255", 200_000, 5);
    let most = u64::from(CHATTER.packets) * 6 + 1;
    assert!((most * 9 / 10..=most).contains(&passed), "{passed}");
    let (first, _) = words[0];
    assert!(first < S / 10, "named after {first} µs");
    assert!((5..=6).contains(&words.len()), "once a second: {words:?}");
    assert!(words.is_sorted_by(|a, b| a.1 < b.1), "{words:?}");
    // The directed broadcast of its network is no way around.
    assert!(fair.group(6 * S, 7, ip("10.7.0.255"), 1_000, LEN).is_err());
    // Another group of the same member, and everything of others, is as before.
    assert_eq!(fair.group(6 * S, 7, ip("239.1.2.3"), 1_000, LEN), Ok(()));
    assert_eq!(fair.group(6 * S, 8, ip("255.255.255.255"), 1_000, LEN), Ok(()));
}

#[test]
fn honest_use_is_never_limited() {
    let mut fair = Fair::default();
    // Busy discovery, and the fastest stream that a host was measured to send.
    for (group, rate) in [
        ("224.0.0.251", 450),
        ("239.255.255.250", 450),
        ("239.1.2.3", 250_000),
    ] {
        assert_eq!(flood(&mut fair, 1, group, rate, 3), (rate * 3, vec![]), "{group}");
    }
}

#[test]
fn bytes_count_as_well_as_packets() {
    let mut fair = Fair::new(FairLimits::with_group(1_000_000));
    let mut bytes = 0;
    for i in 0..20_000u64 {
        if fair.group(S + i * 100, 1, ip("239.1.2.3"), 1, 1_400).is_ok() {
            bytes += 1_400;
        }
    }
    assert!((2_000_000..=2_260_000).contains(&bytes), "{bytes} in two seconds");
    // 0, and more than there is, mean the default.
    assert_eq!(FairLimits::with_group(0), FairLimits::default());
    assert_eq!(FairLimits::with_group(u64::MAX).group, GROUP);
    // A narrow uplink bounds all groups together, and leaves discovery as it is.
    let narrow = FairLimits::with_group(1_000_000).with_uplink(125_000);
    assert_eq!(
        (narrow.group.bytes, narrow.origin.bytes, narrow.chatter),
        (125_000, 125_000, CHATTER)
    );
    assert_eq!(
        FairLimits::with_group(1_000).with_uplink(125_000).group.bytes,
        1_000
    );
    assert_eq!(FairLimits::default().with_uplink(0), FairLimits::default());
}

#[test]
fn all_groups_together_are_bounded_and_tables_stay_small() {
    let mut fair = Fair::default();
    let refused = |result: Result<(), Excess>| result.is_err();
    // More groups than are told apart share what one discovery group gets.
    let mut passed = 0;
    for i in 0..100_000u32 {
        let group = IpAddr::from([239, (i >> 16) as u8, (i >> 8) as u8, i as u8]);
        passed += u32::from(!refused(fair.group(S, 5, group, 1, LEN)));
    }
    assert_eq!(passed, GROUPS_PER_ORIGIN_MAX + CHATTER.packets);
    assert_eq!(fair.len() as u32, GROUPS_PER_ORIGIN_MAX + 1);
    // A minute later they are forgotten.
    assert_eq!(fair.group(90 * S, 6, ip("239.1.1.1"), 1, LEN), Ok(()));
    assert_eq!(fair.len(), 1);
    // And whatever the groups are, an origin has a ceiling.
    let burst = ORIGIN.packets / ORIGIN.burst_share;
    assert_eq!(fair.origin(91 * S, 5, burst, LEN), Ok(()));
    assert!(refused(fair.origin(91 * S, 5, 1, LEN)));
}

#[test]
fn what_every_host_hears_is_chatter() {
    for group in [
        "255.255.255.255",
        "10.7.0.255",
        "224.0.0.251",
        "239.255.255.250",
        "ff02::fb",
        "ff05::c",
    ] {
        assert!(is_chatter(ip(group)), "{group}");
    }
    for group in ["224.0.1.1", "239.255.255.251", "239.1.2.3", "ff05::d", "ff15::1"] {
        assert!(!is_chatter(ip(group)), "{group}");
    }
}
