//! Data planes in multicast trees, over loopback.
#![cfg(target_os = "linux")]
mod lab;
#[path = "lab/trees.rs"]
mod trees;

use lab::*;
use std::time::Duration;
use trees::*;
use weft_dataplane::Event;
use weft_forward::tree::limits::COPY_OVERHEAD;

/// Origin 1 → relay 2 (no subscriber) → 3, 4; 3 → 5, 6.
const EDGES: [(u8, u8); 5] = [(1, 2), (2, 3), (2, 4), (3, 5), (3, 6)];
const SUBSCRIBERS: [u8; 4] = [3, 4, 5, 6];

#[test]
fn everybody_gets_each_packet_once_and_the_relay_cannot_read() {
    let grove = Grove::new(6, &SUBSCRIBERS, &EDGES);
    grove.subscribe(1, &SUBSCRIBERS);
    grove.plant(1, 1, &EDGES, "off");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let sent = grove.send(0..500);
    for n in SUBSCRIBERS {
        assert_eq!(grove.take(n, 500), sent, "host {n}");
        assert_eq!(grove.host(n).counter("treeOpened"), 500, "host {n}");
    }
    let relay = grove.host(2);
    assert_eq!(
        (relay.counter("treeCasts"), relay.counter("treeOpened")),
        (500, 0)
    );
    assert_eq!(relay.counter("treeCopiesSent"), 1_000);
    assert_eq!(
        grove.host(1).counter("treeCopiesSent"),
        500,
        "the origin has one child"
    );
    assert_eq!(grove.host(1).plane.cast_sequence(NET, 1), 500);
    for host in &grove.hosts {
        assert_eq!(host.drops("treeUnknown") + host.drops("treeWrongParent"), 0);
        assert!(
            grove.is_quiet(host.n),
            "host {}: nothing more than was sent",
            host.n
        );
    }
}

#[test]
fn a_new_epoch_loses_and_doubles_nothing() {
    let all = [2, 3, 4, 5, 6];
    let first = [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)];
    let second = [(1, 6), (6, 5), (5, 4), (4, 3), (3, 2)];
    let both: Vec<(u8, u8)> = first.iter().chain(&second).copied().collect();
    let grove = Grove::new(6, &all, &both);
    grove.subscribe(1, &all);
    grove.plant(1, 1, &first, "off");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let mut sent = Vec::new();
    for epoch in 2..12 {
        sent.extend(grove.send(sent.len()..sent.len() + 40));
        let edges = if epoch % 2 == 0 { &second } else { &first };
        grove.plant(1, epoch, edges, "off");
        sent.extend(grove.send(sent.len()..sent.len() + 10));
    }
    for n in all {
        let mut got = grove.take(n, 500);
        got.sort();
        assert_eq!(got, sent, "host {n}");
        assert!(grove.is_quiet(n), "host {n}");
    }
}

#[test]
fn what_the_parent_did_not_bring_dies_at_the_first_hop() {
    let edges = [(1, 2), (2, 3), (4, 2), (1, 4)];
    let grove = Grove::new(5, &[2, 3], &edges);
    grove.subscribe(1, &[2, 3]);
    grove.plant(1, 1, &[(1, 2), (2, 3)], "off");
    // 4 believes that it is the parent of 2 in 1's tree, and 1 that 4 is its child.
    let lie = |n: u8, parent: Option<u8>, children: &[u8]| {
        let part = part(1, 1, 2, parent, children, "off");
        grove.host(n).plane.set_tree(NET, part).unwrap();
        grove.host(n).plane.stats();
    };
    lie(4, Some(1), &[2]);
    lie(1, None, &[4]);
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    grove.send(0..20);
    let (relay, victim) = (grove.host(4), grove.host(2));
    until("the copies went", || relay.counter("treeCopiesSent") == 20);
    until("they were refused", || {
        victim.drops("treeUnknownEpoch") + victim.drops("treeWrongParent") == 20
    });
    // The same epoch, another parent.
    let part = part(1, 1, 2, Some(1), &[3], "off");
    victim.plane.set_tree(NET, part).unwrap();
    victim.plane.stats();
    grove.send(20..40);
    until("they were refused", || victim.drops("treeWrongParent") >= 20);
    assert_eq!(victim.counter("treeOpened") + victim.counter("treeCopiesSent"), 0);
    assert_eq!(grove.host(3).counter("treeCasts"), 0);
}

#[test]
fn a_wrong_key_is_a_bad_tag_and_goes_no_further() {
    let edges = [(1, 2), (2, 3)];
    let mut grove = Grove::new(3, &[2, 3], &edges);
    let wrong = cast_key(1, 1, 99);
    grove.host(2).plane.set_cast_key(NET, wrong).unwrap();
    grove.subscribe_some(1, &[3]);
    grove.plant(1, 1, &edges, "off");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    grove.send(0..10);
    until("they were refused", || grove.host(2).drops("treeBadTags") == 10);
    assert_eq!(grove.host(2).drops("castBadTag"), 10);
    assert_eq!(grove.host(3).counter("treeCasts"), 0);
    let at = grove.place(2);
    grove.hosts[at].wait("trouble", |e| {
        matches!(
            e,
            Event::TreeTrouble {
                code: "bad-tags",
                peer: 1,
                ..
            }
        )
        .then_some(())
    });
}

#[test]
fn long_casts_pass_narrow_ways_in_pieces() {
    let edges = [(1, 2), (2, 3)];
    let grove = Grove::narrow(3, &[3], &edges, 700);
    grove.subscribe(1, &[3]);
    grove.plant(1, 1, &edges, "off");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let sent = grove.send_long(0..30, 1_200);
    assert_eq!(grove.take_long(3, 30, 1_200), sent);
    assert!(grove.host(1).counter("fragmentsSent") >= 60);
    assert!(
        grove.host(2).counter("fragmentsSent") >= 60,
        "the relay cuts anew"
    );
    assert_eq!(grove.host(2).counter("treeOpened"), 0);
}

#[test]
fn packets_wait_for_their_tree_and_go_down_it() {
    let edges = [(1, 2), (2, 3), (2, 4), (3, 5), (3, 6)];
    let all = [2, 3, 4, 5, 6];
    let mut grove = Grove::new(6, &all, &edges);
    grove.subscribe(1, &all);
    let sent = grove.send(0..20);
    grove.hosts[0].wait("stream", |e| {
        matches!(e, Event::Stream { group, .. } if *group == GROUP).then_some(())
    });
    until("all wait", || grove.host(1).counter("packetsHeld") == 20);
    grove.plant(1, 1, &edges, "off");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    for n in all {
        assert_eq!(grove.take(n, 20), sent, "host {n}");
    }
    assert_eq!(grove.host(2).counter("treeCasts"), 20);
    let streams = grove.host(1).plane.stats().streams;
    assert_eq!(
        (streams.len(), streams[0].bytes),
        (1, 20 * (4 + 28 + COPY_OVERHEAD))
    );
    // Taken away again: they wait anew, and go directly when that is said.
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![]).unwrap();
    grove.hosts[0].plane.stats();
    let sent = grove.send(20..30);
    grove.hosts[0].wait("stream", |e| matches!(e, Event::Stream { .. }).then_some(()));
    grove.hosts[0].plane.send_directly(NET, GROUP.into()).unwrap();
    assert_eq!(grove.take(2, 10), sent);
    assert_eq!(grove.host(1).counter("treeCopiesSent"), 20);
    grove.hosts[0].wait("want", |e| matches!(e, Event::Want { peer: 6, .. }).then_some(()));
}

#[test]
fn what_waited_leaves_in_order_as_the_line_has_room() {
    let edges = [(1, 2), (2, 3), (2, 4), (3, 5), (3, 6)];
    let all = [2, 3, 4, 5, 6];
    let mut grove = Grove::new(6, &all, &edges);
    grove.subscribe(1, &all);
    // 180 kB, of which a line of 200 kB/s takes a second.
    let mut sent = grove.send_long(0..150, 1_200);
    grove.hosts[0].wait("stream", |e| matches!(e, Event::Stream { .. }).then_some(()));
    until("all wait", || grove.host(1).counter("packetsHeld") == 150);
    grove.line = 200_000;
    grove.plant(1, 1, &edges, "off");
    let begun = std::time::Instant::now();
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    sent.extend(grove.send_long(150..160, 1_200));
    assert_eq!(
        grove.take_long(6, 160, 1_200),
        sent,
        "new ones behind those that waited"
    );
    let took = begun.elapsed().as_millis();
    assert!((500..4_000).contains(&took), "{took} ms");
    assert_eq!(grove.host(1).counter("heldDropped"), 0);
}

#[test]
fn what_went_directly_is_asked_for_at_once_when_that_is_taken_back() {
    let all = [2, 3, 4, 5, 6];
    let mut grove = Grove::new(6, &all, &[(1, 2), (2, 3), (1, 4), (4, 5), (4, 6)]);
    let asked = |e: &Event| matches!(e, Event::Stream { .. }).then_some(());
    grove.send(0..1);
    grove.hosts[0].wait("stream", asked);
    grove.hosts[0].plane.send_directly(NET, GROUP.into()).unwrap();
    assert_eq!(grove.take(2, 1).len(), 1);
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![]).unwrap();
    grove.hosts[0].wait("stream", asked);
}

#[test]
fn packets_that_wait_in_vain_are_dropped() {
    let all = [2, 3, 4, 5, 6];
    let grove = Grove::new(6, &all, &[(1, 2), (2, 3), (1, 4), (4, 5), (4, 6)]);
    grove.send(0..20);
    until("they are dropped", || grove.host(1).counter("heldDropped") == 20);
    assert!(grove.is_quiet(2), "nobody got a copy");
}

#[test]
fn stripes_take_turns() {
    let (left, right) = ([(1, 2), (2, 3)], [(1, 3), (3, 2)]);
    let grove = Grove::new(3, &[2, 3], &[(1, 2), (2, 3), (1, 3)]);
    for tree in [1, 2] {
        grove.subscribe_tree(1, tree, &[2, 3]);
    }
    grove.plant_tree(1, 1, 1, &left, "off");
    grove.plant_tree(1, 2, 1, &right, "off");
    grove.hosts[0]
        .plane
        .send_on(NET, GROUP.into(), vec![1, 2])
        .unwrap();
    grove.hosts[0].plane.stats();
    let sent = grove.send(0..200);
    for n in [2, 3] {
        let mut got = grove.take(n, 200);
        got.sort();
        assert_eq!(got, sent, "host {n}");
    }
    for tree in [1, 2] {
        let share = grove.host(1).plane.cast_sequence(NET, tree);
        assert!((50..=150).contains(&share), "{share} of tree {tree}");
    }
}

#[test]
fn who_may_not_publish_is_dropped_where_it_arrives() {
    let edges = [(1, 2), (2, 3)];
    let grove = Grove::new(3, &[2, 3], &edges);
    grove.subscribe(1, &[2, 3]);
    grove.plant(1, 1, &edges, "off");
    grove.host(2).publishers(GROUP.into(), &[3]);
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    grove.send(0..10);
    until("they were refused", || grove.host(2).drops("noRight") == 10);
    assert_eq!(grove.host(3).counter("treeCasts"), 0, "nor are they passed on");
    // Directly as well.
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![]).unwrap();
    grove.hosts[0].plane.stats();
    grove.send(10..15);
    until("they were refused", || grove.host(2).drops("noRight") == 15);
}

#[test]
fn when_the_relay_dies_its_children_move_and_lose_nothing() {
    // 2 feeds 3 and 4; their backup is 5, a child of the origin as 2 is.
    let edges = [(1, 2), (1, 5), (2, 3), (2, 4), (5, 3), (5, 4), (1, 3), (1, 4)];
    let tree = [(1, 2), (1, 5), (2, 3), (2, 4)];
    let all = [2, 3, 4, 5];
    let mut grove = Grove::new(5, &all, &edges);
    grove.subscribe(1, &all);
    grove.plant_with_backup(1, 1, &tree, "nack", &[(3, 5), (4, 5)]);
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let mut sent = grove.send(0..50);
    for n in all {
        assert_eq!(grove.take(n, 50), sent, "host {n}");
    }
    grove.kill(2);
    for i in 50..250 {
        sent.extend(grove.send(i..i + 1));
        std::thread::sleep(Duration::from_millis(5));
    }
    for n in [3, 4] {
        let mut got = grove.take(n, 200);
        got.sort();
        assert_eq!(got, sent[50..], "host {n}");
        let at = grove.place(n);
        let to = grove.hosts[at].wait("graft", |e| match e {
            Event::Grafted {
                from: Some(2), to, ..
            } => Some(*to),
            _ => None,
        });
        assert_eq!(to, 5);
        assert_eq!(grove.hosts[at].counter("treeMoved"), 1);
    }
    assert_eq!(grove.host(5).counter("treeAdopted"), 2);
}

#[test]
fn what_is_lost_is_asked_for() {
    let edges = [(1, 2), (2, 3)];
    let grove = Grove::new(3, &[2, 3], &edges);
    grove.subscribe(1, &[2, 3]);
    grove.plant(1, 1, &edges, "nack");
    grove.hosts[0].plane.send_on(NET, GROUP.into(), vec![1]).unwrap();
    grove.hosts[0].plane.stats();
    let mut sent = grove.send(0..10);
    grove.take(2, 10);
    // 2 takes itself for a leaf for a moment, and 3 misses what comes meanwhile.
    let forget = part(1, 1, 1, Some(1), &[], "nack");
    grove.host(2).plane.set_tree(NET, forget).unwrap();
    grove.host(2).plane.stats();
    sent.extend(grove.send(10..30));
    grove.take(2, 20);
    let again = part(1, 1, 1, Some(1), &[3], "nack");
    grove.host(2).plane.set_tree(NET, again).unwrap();
    grove.host(2).plane.stats();
    sent.extend(grove.send(30..40));
    let mut got = grove.take(3, 40);
    got.sort();
    assert_eq!(got, sent);
    assert_eq!(grove.host(3).counter("treeFilled"), 20);
    assert!(grove.host(2).counter("treeResent") >= 20);
    assert!(grove.is_quiet(3));
}
