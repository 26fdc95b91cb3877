//! Who may bring, say and ask what; and whatever else comes.

use crate::net::Net;
use crate::net::{BODY, Dice, MS, S, Shape, TREE};
use crate::planted;
use std::sync::Arc;
use weft_forward::tree::limits::DOUBTED_AFTER;
use weft_forward::tree::{
    CastName, CastRefusal, Options, Repair, TreeConfig, TreeEvent, TreeName, TreePlane, TroubleCode, wire,
};
use weft_forward::{Budget, PeerId};

fn body_of(sequence: u64) -> Vec<u8> {
    vec![sequence as u8; BODY]
}

fn name(sequence: u64) -> CastName {
    CastName {
        tree: TREE,
        epoch: 1,
        key_id: 1,
        sequence,
    }
}

#[test]
fn takes_from_nobody_else() {
    let shape = Shape::regular(13, 3);
    let mut net = planted(9, &shape, Repair::Nack);
    let plane = &mut net.hosts[4].plane;
    for other in [0, 2, 3, 5, 13, 14] {
        assert_eq!(
            plane.check(S, other, &name(1), 9).err(),
            Some(CastRefusal::WrongParent)
        );
    }
    let wrong = CastName { epoch: 2, ..name(1) };
    assert_eq!(
        plane.check(S, 9, &wrong, 9).err(),
        Some(CastRefusal::UnknownEpoch)
    );
    // The parent may have heard of a newer epoch earlier.
    assert!(plane.check(S, 1, &wrong, 9).is_ok());
    let tree = TreeName { origin: 1, tree: 1 };
    let wrong = CastName { tree, ..name(1) };
    assert_eq!(plane.check(S, 1, &wrong, 9).err(), Some(CastRefusal::UnknownTree));
    assert_eq!(
        plane.check(S, 1, &name(1 << 50), 9).err(),
        Some(CastRefusal::Malformed)
    );
    assert_eq!(plane.counters().wrong_parent, 6);
    // The origin takes its own from nobody.
    let origin = &mut net.hosts[0].plane;
    assert_eq!(
        origin.check(S, 1, &name(1), 9).err(),
        Some(CastRefusal::WrongParent)
    );
    // Beats and refusals of strangers mean nothing; asks of those who may not ask are not answered.
    let mut writer = wire::Writer::default();
    writer.nack(TREE, 1);
    for (from, to) in [(9, 4), (4, 5), (1, 4)] {
        let message = writer.bytes().to_vec();
        let result = net.with(to, |plane, out| plane.on_control(S, from, &message, out));
        assert!(result.is_err(), "{from} asks {to}");
    }
    assert_eq!(net.frames, [0; 16]);
}

#[test]
fn parity_of_strangers_and_parity_that_does_not_fit_do_nothing() {
    let shape = Shape::regular(13, 3);
    let mut net = planted(17, &shape, Repair::Fec);
    net.stream(1, 1, 8, 10 * MS);
    net.run(net.now + 100 * MS);
    let mut dice = Dice::new(17);
    let mut writer = wire::Writer::default();
    let now = net.now;
    let mut say = |net: &mut Net, from: PeerId, block: wire::Block, shard: &[u8], index| {
        let parity = wire::Parity {
            name: TREE,
            block,
            index,
            shard,
        };
        writer.parity(&parity);
        let message = writer.bytes().to_vec();
        net.with(4, |plane, out| plane.on_control(now, from, &message, out))
    };
    // All of it came, but 20 and 21.
    let block = wire::Block {
        key_id: 1,
        first: 0,
        which: 1 | 1 << 20 | 1 << 21,
    };
    for other in [0, 2, 5, 13] {
        assert!(say(&mut net, other, block, &[1; 220], 0).is_err());
    }
    // Shards of two lengths, too short for what came; none that fits is made up.
    assert_eq!(say(&mut net, 1, block, &[1; 20], 0), Ok(()));
    assert_eq!(say(&mut net, 1, block, &[1; 40], 1), Ok(()));
    assert_eq!(say(&mut net, 1, block, &[1; 20], 1), Ok(()));
    assert_eq!((net.recovered, net.hosts[4].plane.counters().malformed), (0, 1));
    for n in 0..20_000 {
        let block = wire::Block {
            key_id: dice.below(2) as u32,
            first: dice.below(40),
            which: dice.below(1 << 32) as u32 | 1,
        };
        // Of an odd length: malformed. Even ones of all zeros that "give back" a cast say that it has no bytes.
        let shard = vec![0; dice.below(300) as usize];
        say(&mut net, 1, block, &shard, (n % 9) as u8).ok();
    }
    assert_eq!(net.hosts[4].doubled, 0);
    // What a child says of its losses counts from children only.
    let mut loss = wire::Writer::default();
    loss.loss(TREE, 100);
    for (from, fits) in [(4, true), (2, false), (0, false), (13, false)] {
        let said = net.with(1, |plane, out| plane.on_control(now, from, loss.bytes(), out));
        assert_eq!(said.is_ok(), fits, "{from}");
    }
}

#[test]
fn a_wrong_inner_tag_marks_nothing_and_is_told() {
    let shape = Shape::regular(5, 2);
    let mut net = planted(10, &shape, Repair::Nack);
    for _ in 0..8 {
        let plane = &mut net.hosts[1].plane;
        plane.check(S, 0, &name(1), 9).unwrap();
        net.with(1, |plane, out| plane.bad_tag(S, 0, TREE, out));
    }
    let blamed = TreeEvent::Trouble {
        name: TREE,
        code: TroubleCode::BadTags,
        peer: 0,
    };
    assert_eq!(net.hosts[1].events, [(S, blamed)], "once a second");
    let (plane, mut children) = (&mut net.hosts[1].plane, Vec::new());
    let pass = plane.check(S, 0, &name(1), 9).unwrap();
    plane.take(S, pass, 7, &body_of(1), &mut children);
    assert_eq!(children, [3, 4]);
    plane.take(S, pass, 7, &body_of(1), &mut children);
    assert!(children.is_empty(), "the same pass again");
}

#[test]
fn who_sends_too_much_is_held_back_and_named() {
    let shape = Shape::regular(4, 3);
    let mut net = Net::new(11, 4);
    let config = TreeConfig {
        bytes_per_second: 100_000,
        ..shape.config(0, 1, Repair::Nack)
    };
    net.hosts[0].plane.set(S, config).unwrap();
    let mut copies = 0;
    for sequence in 0..10_000 {
        let (now, mut children) = (S + sequence * 500, Vec::new());
        net.hosts[0]
            .plane
            .own(now, &name(sequence), 7, &body_of(sequence), &mut children);
        copies += children.len();
    }
    net.now = 6 * S;
    net.with(0, |plane, out| plane.tick(6 * S, out));
    let bytes = copies * BODY;
    assert!((450_000..=580_000).contains(&bytes), "{bytes} in five seconds");
    let told = |(_, event): &(u64, TreeEvent)| {
        matches!(
            event,
            TreeEvent::Trouble {
                code: TroubleCode::OverRate,
                ..
            }
        )
    };
    assert!(net.hosts[0].events.iter().any(told));
}

/// Whatever peers say and bring, in any order: nothing panics, and tables stay as large as they may be.
#[test]
fn whatever_is_said_nothing_breaks() {
    for seed in 0..200 {
        let hosts = 6;
        let mut dice = Dice::new(seed);
        let mut net = planted(seed, &Shape::random(&mut dice, hosts), Repair::Nack);
        for _ in 0..300 {
            let (host, from) = (
                dice.below(hosts as u64) as PeerId,
                dice.below(hosts as u64 + 1) as PeerId,
            );
            let now = net.now;
            match dice.below(8) {
                0..=3 => {
                    let message = gossip(&mut dice);
                    let _ = net.with(host, |plane, out| {
                        if from == host {
                            Ok(())
                        } else {
                            plane.on_control(now, from, &message, out)
                        }
                    });
                }
                4 => net.cast(1 + dice.below(3) as u16, dice.below(3) as u32),
                5 => {
                    let sequence = 1 << dice.below(48);
                    let odd = CastName {
                        key_id: dice.below(3) as u32,
                        ..name(sequence)
                    };
                    let (plane, mut children) = (&mut net.hosts[host as usize].plane, Vec::new());
                    if let Ok(pass) = plane.check(now, from, &odd, 99) {
                        plane.take(now, pass, 3, &body_of(1), &mut children);
                    }
                }
                6 => {
                    let shape = Shape::random(&mut dice, hosts);
                    let config = shape.config(host, dice.below(9) as u16, Repair::Nack);
                    let _ = net.hosts[host as usize].plane.set(now, config);
                }
                _ => net.with(host, |plane, out| plane.peer_lost(now, from, out)),
            }
            let until = now + dice.below(50 * MS);
            net.run(until);
        }
    }
}

/// Often well formed.
fn gossip(dice: &mut Dice) -> Vec<u8> {
    let mut writer = wire::Writer::default();
    let (epoch, key_id) = (dice.below(4) as u16, dice.below(3) as u32);
    let highest = if dice.permille(100) {
        dice.below(1 << 48)
    } else {
        dice.below(500)
    };
    match dice.below(5) {
        0 => {
            writer.start_beats();
            let age = dice.below(3_000) as u16;
            writer.beat(&wire::Beat {
                name: TREE,
                epoch,
                key_id,
                highest,
                age,
            });
        }
        1 => {
            writer.nack(TREE, key_id);
            writer.range(wire::NACK_HEAD, highest, highest + 1 + dice.below(70_000));
        }
        2 => {
            writer.graft(TREE, epoch, dice.permille(800).then_some((key_id, highest)));
            writer.range(wire::GRAFT_HEAD, highest, highest + 1 + dice.below(100));
        }
        3 => writer.lease(TREE, epoch),
        _ => writer.ungraft(TREE, epoch, wire::Reason::Hungry),
    }
    let mut message = writer.bytes().to_vec();
    if dice.permille(100) {
        let at = dice.below(message.len() as u64) as usize;
        message[at] ^= 1 << dice.below(8);
        message.truncate(1 + dice.below(message.len() as u64) as usize);
    }
    message
}

/// Trees of two networks through one machine share what it may pass on; what its own host sends is not counted.
#[test]
fn relays_pass_on_within_the_budget_of_the_machine() {
    const LIMIT: u64 = 100_000;
    let budget = Arc::new(Budget::default());
    budget.set(0, LIMIT);
    let shape = Shape::regular(7, 2);
    let plane = |host: PeerId| {
        let mut plane = TreePlane::new(Options::default(), budget.clone());
        plane.set(S, shape.config(host, 1, Repair::Nack)).unwrap();
        plane
    };
    let (mut one, mut two, mut origin) = (plane(1), plane(1), plane(0));
    let (mut passed, mut own) = (0, 0);
    for sequence in 0..2_000 {
        let (now, mut children) = (S + sequence * 500, Vec::new());
        for plane in [&mut one, &mut two] {
            let pass = plane.check(now, 0, &name(sequence), BODY).unwrap();
            plane.take(now, pass, 7, &body_of(sequence), &mut children);
            passed += children.len();
        }
        origin.own(now, &name(sequence), 7, &body_of(sequence), &mut children);
        own += children.len();
    }
    let bytes = passed as u64 * (BODY as u64 + 28);
    assert!(bytes <= LIMIT, "{bytes} in one second");
    assert!(bytes > LIMIT / 2, "{bytes}: it is used");
    assert_eq!(own, 4_000);
}

/// Hands casts of a sequence to a host, as they come of `from`; how many went on.
fn bring(net: &mut Net, host: usize, from: PeerId, epoch: u16, sequences: std::ops::Range<u64>) -> u64 {
    let mut passed = 0;
    for sequence in sequences {
        let (plane, mut children) = (&mut net.hosts[host].plane, Vec::new());
        let cast = CastName {
            epoch,
            ..name(sequence)
        };
        if let Ok(pass) = plane.check(S, from, &cast, BODY) {
            plane.take(S, pass, 7, &body_of(sequence), &mut children);
            passed += u64::from(!children.is_empty());
        }
    }
    passed
}

/// A relay without the key cannot tell a sequence that was made up: it believes its parent, and the next parent more than that.
#[test]
fn sequences_that_a_relay_made_up_stop_nothing_once_it_is_no_parent() {
    // 0 → 1 → 2 → 3: 2 is a relay without the key, 1 lies to it.
    let shape = Shape(vec![0, 0, 1, 2]);
    let mut net = planted(12, &shape, Repair::Off);
    assert_eq!(bring(&mut net, 2, 1, 1, 0..100), 100);
    assert_eq!(bring(&mut net, 2, 1, 1, 1 << 40..(1 << 40) + 1), 1);
    assert_eq!(
        bring(&mut net, 2, 1, 1, 100..200),
        0,
        "what is true is too old now"
    );
    // The origin heard of bad tags, and feeds 2 itself by its next epoch.
    let honest = Shape(vec![0, 0, 0, 2]);
    for host in [3, 2, 0] {
        let config = honest.config(host, 2, Repair::Off);
        net.hosts[host as usize].plane.set(S, config).unwrap();
    }
    let doubted = u64::from(DOUBTED_AFTER);
    assert_eq!(bring(&mut net, 2, 0, 2, 200..1_200), 1_000 - doubted);
    // Who is a parent only in an epoch that others left leads it away no more, by casts or by beats.
    assert_eq!(bring(&mut net, 2, 1, 1, 1 << 41..(1 << 41) + 1), 0);
    let mut writer = wire::Writer::default();
    writer.start_beats();
    writer.beat(&wire::Beat {
        name: TREE,
        epoch: 1,
        key_id: 1,
        highest: 1 << 42,
        age: 0,
    });
    let beat = writer.bytes().to_vec();
    net.with(2, |plane, out| plane.on_control(S, 1, &beat, out))
        .unwrap();
    assert_eq!(bring(&mut net, 2, 0, 2, 1_200..2_200), 1_000);
    // Recordings of all that, by whomever, are dropped as ever.
    for (from, epoch) in [(0, 2), (1, 1)] {
        assert_eq!(bring(&mut net, 2, from, epoch, 200 + doubted..2_200), 0);
    }
}
