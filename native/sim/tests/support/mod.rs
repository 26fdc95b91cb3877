//! Hosts without engines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_forward::{FilterMode, SourceFilter};
use weft_packet::Mac;
use weft_session::{Secret, public_key};
use weft_sim::{
    Event, FlowOptions, GroupConfig, HostOptions, NetworkConfig, PeerConfig, Way, World, WorldOptions,
};

pub const NET: u32 = 1;
pub const SECOND: u64 = 1_000_000;
pub const GROUP: &str = "239.1.1.1";

pub fn secret(i: u32) -> Secret {
    let mut key = Secret::default();
    key.fill(i as u8 + 1);
    key
}

pub fn ipv6(kind: u16, i: u32) -> Ipv6Addr {
    Ipv6Addr::new(kind, 0, 0, 0, 0, 0, 0, i as u16 + 1)
}

pub fn network(i: u32) -> NetworkConfig {
    NetworkConfig {
        net: NET,
        network_id: [9; 32],
        secret_key: secret(i),
        origin: [i as u8 + 1; 8],
        ipv4: Some((Ipv4Addr::new(10, 7, 0, i as u8 + 1), 16)),
        ipv6: ipv6(0xfd00, i),
        ipv6_prefix: 64,
        link_local: ipv6(0xfe80, i),
        mac: Mac([2, 0, 0, 0, 0, i as u8]),
        mtu: 1_380,
    }
}

pub fn peer(i: u32) -> PeerConfig {
    let own = network(i);
    PeerConfig {
        peer: i,
        key: public_key(&own.secret_key),
        member: true,
        origin: own.origin,
        ipv4: own.ipv4.map(|(a, _)| a),
        ipv6: Some(own.ipv6),
        link_local: Some(own.link_local),
        mac: Some(own.mac),
    }
}

pub fn start(world: &mut World, me: u32, count: u32) {
    let others: Vec<u32> = (0..count).filter(|i| *i != me).collect();
    let endpoints: Vec<_> = others
        .iter()
        .map(|i| world.underlay.endpoint(*i).into())
        .collect();
    world.with_node(me, |node, now| {
        assert!(node.add_network(network(me)));
        node.attach(now, NET);
        for (i, endpoint) in others.iter().zip(endpoints) {
            node.set_peer(now, NET, peer(*i));
            node.connect(now, NET, *i, &[Way::Udp(endpoint)], b"");
        }
        // One after another, as members come.
        for i in &others {
            node.set_group(
                NET,
                GroupConfig {
                    group: GROUP.parse().unwrap(),
                    receivers: vec![(*i, FilterMode::Exclude, Vec::new())],
                    repaired: false,
                    signed: false,
                    more: true,
                },
            );
        }
    });
}

pub fn world(seed: u64, options: WorldOptions, count: u32) -> World {
    let mut world = World::new(seed, options);
    (0..count).for_each(|_| {
        world.add_host(&HostOptions::default());
    });
    for i in 0..count {
        start(&mut world, i, count);
        world.join(
            i,
            GROUP.parse().unwrap(),
            SourceFilter::new(FilterMode::Exclude, Vec::new()),
        );
    }
    world
}

pub fn run(world: &mut World, until: u64) -> Vec<(u32, Event)> {
    let mut events = Vec::new();
    while world.now() < until {
        for node in world.advance(until) {
            events.extend(world.poll(node, 512).into_iter().map(|event| (node, event)));
        }
    }
    events
}

pub fn flow(world: &mut World, node: u32, to: &str, seconds: u64) -> u32 {
    let start_us = world.now();
    let to: IpAddr = to.parse().unwrap();
    world.add_flow(FlowOptions {
        node,
        net: NET,
        to,
        bytes: 200,
        every_us: 10_000,
        start_us,
        end_us: start_us + seconds * SECOND,
    })
}
