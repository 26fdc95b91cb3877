//! Where packets go, who may send them, how much, and what goes down a tree.

use crate::frames::{address, igmp_join, udp};
use crate::{Case, Meter};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use weft_forward::tree::{CastName, Options, Repair, TreeConfig, TreeName, TreePlane};
use weft_forward::{
    BucketLimit, Budget, Fair, FilterMode, LocalGroups, Member, Own, PeerId, Snooper, SnooperConfig, Table,
    TableBuilder, TokenBucket, Verdict,
};
use weft_packet::{L3, Mac};

const PACKET: usize = 1_400;
const MEMBERS: u16 = 1_000;
/// Members that receive the group.
const RECEIVERS: u16 = 30;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
/// Groups that are joined on a busy host.
const GROUPS: u8 = 20;
const CHILDREN: PeerId = 4;
/// Of a cast, from stamp to inner tag.
const BODY: usize = 24 + PACKET + 16;
const HOP_LIMIT: u8 = 8;
/// Between casts: 10,000 in a second.
const STEP_US: u64 = 100;
const OWN: u16 = 1;
const SENDER: u16 = 500;

pub const CASES: &[Case] = &[
    Case {
        name: "forward/classify",
        what: "find whom a packet goes to, among 1,000 members",
        bytes: 0,
        run: |meter| {
            let packet = udp(address(OWN), address(SENDER), PACKET);
            meter.repeat((table(), packet), |(table, packet), _| {
                let l3 = L3::parse(black_box(packet)).expect("a packet");
                let verdict = table.classify(&l3);
                assert!(matches!(black_box(verdict), Verdict::Peer(_)));
            });
        },
    },
    Case {
        name: "forward/classify-group",
        what: "find the 30 receivers of a group",
        bytes: 0,
        run: |meter| {
            let packet = udp(address(OWN), GROUP, PACKET);
            let receivers: Vec<PeerId> = Vec::with_capacity(RECEIVERS.into());
            meter.repeat((table(), packet, receivers), |(table, packet, receivers), _| {
                let l3 = L3::parse(black_box(packet)).expect("a packet");
                let Verdict::Group(found) = table.classify(&l3) else {
                    panic!("it has receivers");
                };
                receivers.clear();
                receivers.extend(found);
                assert_eq!(black_box(receivers).len(), RECEIVERS.into());
            });
        },
    },
    Case {
        name: "forward/accept",
        what: "look whether a member's packet may come in",
        bytes: 0,
        run: |meter| accept(meter, address(OWN)),
    },
    Case {
        name: "forward/accept-group",
        what: "the same of a packet to a group, 20 being joined here",
        bytes: 0,
        run: |meter| accept(meter, GROUP),
    },
    Case {
        name: "forward/snoop",
        what: "take an IGMPv3 report of a group that is known",
        bytes: 0,
        run: |meter| {
            let mut snooper = Snooper::new(SnooperConfig::default());
            snooper.attach(0);
            let report = igmp_join(address(OWN), GROUP);
            meter.repeat((snooper, 0u64), |(snooper, now), _| {
                *now += STEP_US;
                let l3 = L3::parse(black_box(&report)).expect("a packet");
                snooper.handle(*now, &l3).expect("a report");
            });
        },
    },
    Case {
        name: "forward/bucket",
        what: "take a token",
        bytes: 0,
        run: |meter| {
            let limit = BucketLimit {
                rate: 1_000_000,
                burst: 100,
            };
            meter.repeat((TokenBucket::new(limit, 0), 0u64), |(bucket, now), _| {
                *now += STEP_US;
                assert_eq!(black_box(bucket.take(*now, 1)), 1);
            });
        },
    },
    Case {
        name: "forward/budget",
        what: "take what a relayed frame costs off the budget",
        bytes: 0,
        run: |meter| {
            let budget = Budget::default();
            budget.set(0, 100_000_000);
            meter.repeat((budget, 1_000_000u64), |(budget, now), _| {
                *now += STEP_US;
                assert!(black_box(budget.take(*now, BODY as u64)));
            });
        },
    },
    Case {
        name: "forward/fair",
        what: "take a packet off the shares of its sender and of its group, the same as before",
        bytes: 0,
        run: |meter| fair(meter, 1),
    },
    Case {
        name: "forward/fair-many",
        what: "the same where 64 senders take turns",
        bytes: 0,
        run: |meter| fair(meter, 64),
    },
    Case {
        name: "forward/tree-own",
        what: "an own cast: who of 4 children gets it",
        bytes: 0,
        run: |meter| own(meter, Repair::Off),
    },
    Case {
        name: "forward/tree-own-nack",
        what: "the same, and keep its 1440 B for who asks again",
        bytes: BODY,
        run: |meter| own(meter, Repair::Nack),
    },
    Case {
        name: "forward/tree-relay",
        what: "a parent's cast: look whether it may come, and which of 4 children get it",
        bytes: 0,
        run: |meter| relay(meter, Repair::Off),
    },
    Case {
        name: "forward/tree-relay-nack",
        what: "the same, and keep its 1440 B for who asks again",
        bytes: BODY,
        run: |meter| relay(meter, Repair::Nack),
    },
    Case {
        name: "forward/tree-duplicate",
        what: "refuse a cast that came before",
        bytes: 0,
        run: |meter| {
            let (mut plane, mut children) = (plane(Some(SENDER.into()), Repair::Off), Vec::new());
            take(&mut plane, STEP_US, 1, &[0; BODY], &mut children);
            meter.repeat(plane, |plane, _| {
                let refused = plane.check(2 * STEP_US, SENDER.into(), &cast(black_box(1)), BODY);
                black_box(refused.expect_err("it came before"));
            });
        },
    },
];

fn mac(n: u16) -> Mac {
    let [high, low] = n.to_be_bytes();
    Mac([2, 7, 0, 0, high, low])
}

fn table() -> Table {
    let mut builder = TableBuilder::new(Own {
        origin: OWN.into(),
        ipv4: Some((address(OWN), 16)),
        ipv6: Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, OWN),
        ipv6_prefix: 64,
        link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 7, OWN),
        mac: mac(OWN),
    });
    for n in OWN + 1..=MEMBERS {
        builder.member(Member {
            peer: n.into(),
            origin: n.into(),
            ipv4: Some(address(n)),
            ipv6: Some(Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, n)),
            link_local: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 7, n)),
            mac: Some(mac(n)),
        });
    }
    let receivers = (OWN + 1..=OWN + RECEIVERS).map(|n| (n.into(), FilterMode::Exclude, vec![]));
    builder.group(GROUP.into(), receivers.collect());
    builder.build()
}

fn accept(meter: &mut Meter, to: Ipv4Addr) {
    let everybody = || weft_forward::SourceFilter::new(FilterMode::Exclude, vec![]);
    let others = (0..GROUPS - 1).map(|n| IpAddr::from(Ipv4Addr::new(239, 9, 9, n)));
    let groups = others.chain([GROUP.into()]).map(|group| (group, everybody()));
    let state = (
        table(),
        LocalGroups::new(groups.collect()),
        udp(address(SENDER), to, PACKET),
    );
    meter.repeat(state, |(table, local, packet), _| {
        let l3 = L3::parse(black_box(packet)).expect("a packet");
        black_box(table.accept(&l3, SENDER.into(), local).expect("it may"));
    });
}

fn fair(meter: &mut Meter, senders: u32) {
    meter.repeat((Fair::default(), 0u64), |(fair, now), turn| {
        *now += STEP_US;
        let peer = turn as u32 % senders;
        fair.origin(*now, peer, 1, BODY as u32).expect("its share");
        let group = black_box(IpAddr::from(GROUP));
        fair.group(*now, peer, group, 1, PACKET as u32)
            .expect("its share");
    });
}

fn cast(sequence: u64) -> CastName {
    CastName {
        tree: TreeName { origin: 9, tree: 1 },
        epoch: 1,
        key_id: 1,
        sequence,
    }
}

/// A node of a tree; without a parent the origin.
fn plane(parent: Option<PeerId>, repair: Repair) -> TreePlane {
    let mut plane = TreePlane::new(Options::default(), Arc::default());
    let config = TreeConfig {
        name: cast(0).tree,
        epoch: 1,
        parent,
        backups: vec![],
        children: (1..=CHILDREN).collect(),
        adoptable: vec![],
        repair,
        bytes_per_second: 0,
        groups: 1,
        left: false,
    };
    plane.set(0, config).expect("within all bounds");
    plane
}

/// Plane, time, sequence, body, whom it goes to.
type State = (TreePlane, u64, Vec<u8>, Vec<PeerId>);

fn state(parent: Option<PeerId>, repair: Repair) -> State {
    (plane(parent, repair), 0, vec![7; BODY], Vec::new())
}

fn own(meter: &mut Meter, repair: Repair) {
    meter.repeat(state(None, repair), |(plane, sequence, body, children), _| {
        *sequence += 1;
        plane.own(
            *sequence * STEP_US,
            &cast(*sequence),
            HOP_LIMIT,
            black_box(body),
            children,
        );
        assert_eq!(black_box(children).len(), CHILDREN as usize);
    });
}

fn relay(meter: &mut Meter, repair: Repair) {
    let begin = state(Some(SENDER.into()), repair);
    meter.repeat(begin, |(plane, sequence, body, children), _| {
        *sequence += 1;
        take(plane, *sequence * STEP_US, *sequence, black_box(body), children);
        assert_eq!(black_box(children).len(), CHILDREN as usize);
    });
}

fn take(plane: &mut TreePlane, now: u64, sequence: u64, body: &[u8], children: &mut Vec<PeerId>) {
    let pass = plane.check(now, SENDER.into(), &cast(sequence), body.len());
    plane.take(now, pass.expect("it may come"), HOP_LIMIT, body, children);
}
