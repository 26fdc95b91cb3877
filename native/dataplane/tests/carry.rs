//! What a relay passes on and what it refuses, asked by a member that keeps to no rule.
#![cfg(target_os = "linux")]
mod lab;

use lab::*;
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_dataplane::Way;
use weft_session::wire::{self, CARRY, CARRY_HEAD, DATA, HEADER, NO_WAY};
use weft_session::{Level, NetworkConfig, Options, Output, Path, PeerConfig, Rx, Sessions, Suite, TAG, Tx};

/// Flags, hop limit, destination, source, inner frame.
type Came = (u8, u8, [u8; 8], [u8; 8], Vec<u8>);

/// A member without adapter and without manners: it seals any carry that it likes for its own sessions.
struct Puppet {
    n: u8,
    socket: UdpSocket,
    sessions: Sessions,
    rx: Rx,
    txs: BTreeMap<u32, Arc<Tx>>,
    since: Instant,
    /// Carries that came.
    carries: Vec<Came>,
}

impl Puppet {
    fn new(n: u8) -> Puppet {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        // Nobody attacks this puppet's randomness.
        let mut state = u64::from(n);
        let entropy = move |out: &mut [u8]| {
            for byte in out {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 33) as u8;
            }
        };
        let options = Options {
            suites: Suite::here(),
            features: 0,
        };
        let mut sessions = Sessions::new(options, Box::new(entropy));
        let own = network(n);
        assert!(sessions.add_network(NetworkConfig {
            net: NET,
            network_id: own.network_id,
            secret_key: own.secret_key,
        }));
        Puppet {
            n,
            socket,
            sessions,
            rx: Rx::new(),
            txs: BTreeMap::new(),
            since: Instant::now(),
            carries: Vec::new(),
        }
    }

    fn now(&self) -> u64 {
        1_000_000 + self.since.elapsed().as_micros() as u64
    }

    fn join(&mut self, host: &mut Host) {
        let (now, known) = (self.now(), peer(host.n));
        let config = PeerConfig {
            peer: known.peer,
            key: known.key,
            level: Level::Member,
            origin: known.origin,
        };
        assert!(self.sessions.set_peer(now, NET, config));
        let remote = host.address;
        let path = Path::Udp { socket: 0, remote };
        self.sessions.connect(now, NET, known.peer, &[path], &[]);
        let deadline = Instant::now() + PATIENCE;
        while !self.txs.contains_key(&known.peer) {
            assert!(Instant::now() < deadline, "no session with {}", host.n);
            self.pump();
        }
        host.wait_up(self.n);
    }

    /// Sends what is to be sent and takes at most one datagram.
    fn pump(&mut self) {
        let now = self.now();
        self.sessions.handle_timeout(now);
        self.drain();
        let mut frame = vec![0; 65_536];
        let Ok((n, remote)) = self.socket.recv_from(&mut frame) else {
            return;
        };
        frame.truncate(n);
        let (now, path) = (self.now(), Path::Udp { socket: 0, remote });
        match frame[0] {
            DATA => {
                if let Ok(opened) = self.rx.open(now, path, &mut frame) {
                    let plaintext = frame[opened.plaintext()].to_vec();
                    self.sessions.opened(now, &opened, path, &plaintext);
                }
            }
            CARRY => {
                let c = self.rx.open_carry(now, path, &frame).unwrap();
                let inner = frame[c.opened.plaintext()].to_vec();
                self.carries
                    .push((c.flags, c.hop_limit, c.destination, c.source, inner));
            }
            _ => self.sessions.handle(now, path, &frame),
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit {
                    path: Path::Udp { remote, .. },
                    bytes,
                } => {
                    self.socket.send_to(&bytes, remote).unwrap();
                }
                Output::RxInstall(session) => self.rx.install(session),
                Output::RxRemove { index } => self.rx.remove(index),
                Output::TxPublished { peer, tx, .. } => {
                    self.txs.insert(peer, tx);
                }
                _ => {}
            }
        }
    }

    fn sealed(&self, hop: u8, flags: u8, limit: u8, ends: ([u8; 8], [u8; 8]), inner: &[u8]) -> Vec<u8> {
        let tx = &self.txs[&u32::from(hop)];
        let mut frame = [&[0; HEADER][..], &ends.1, &ends.0, inner, &[0; TAG]].concat();
        tx.seal_carry(tx.reserve(1).unwrap(), flags, limit, &mut frame);
        frame
    }

    fn send(&self, host: &Host, frame: &[u8]) {
        self.socket.send_to(frame, host.address).unwrap();
    }

    /// Gives the host time to do what it should not do, or to answer: until `done` or a third of a second.
    fn wait(&mut self, mut done: impl FnMut(&mut Puppet) -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_millis(350);
        while Instant::now() < deadline {
            self.pump();
            if done(self) {
                return true;
            }
        }
        false
    }
}

/// A relay (3), a member behind it (2), and a puppet (1), with sessions of both with the relay.
fn scene(budget: u64) -> (Puppet, Puppet, Host) {
    let mut relay = Host::new(3, ALL, None);
    relay.plane.set_peers(NET, vec![peer(1), peer(2), peer(4)]);
    relay.plane.set_relay(NET, true, budget);
    relay.plane.stats();
    let (mut bad, mut far) = (Puppet::new(1), Puppet::new(2));
    bad.join(&mut relay);
    far.join(&mut relay);
    (bad, far, relay)
}

const FROM_1_TO_2: ([u8; 8], [u8; 8]) = ([1; 8], [2; 8]);
/// As long as the shortest data frame: the relay does not look inside.
const INNER: [u8; 200] = [0x77; 200];

/// Sends one frame and expects that it is counted under `reason` and passed on to nobody.
fn refused(bad: &mut Puppet, relay: &Host, frame: &[u8], reason: &str) {
    let (before, carried) = (relay.drops(reason), relay.counter("carried"));
    bad.send(relay, frame);
    let found = bad.wait(|_| relay.drops(reason) > before);
    assert!(found, "no {reason}: {:?}", relay.plane.stats().drops);
    assert_eq!(relay.counter("carried"), carried, "{reason}");
}

#[test]
fn a_relay_passes_on_with_one_hop_less_and_nothing_else_changed() {
    let (bad, mut far, relay) = scene(0);
    for limit in [255, 4, 2] {
        far.carries.clear();
        bad.send(&relay, &bad.sealed(3, 0, limit, FROM_1_TO_2, &INNER));
        assert!(far.wait(|p| !p.carries.is_empty()));
        let inner = INNER.to_vec();
        assert_eq!(far.carries, [(0, limit - 1, [2; 8], [1; 8], inner)]);
    }
}

#[test]
fn loops_foreigners_and_forgeries_go_nowhere() {
    let (mut bad, _far, relay) = scene(0);
    let spent = bad.sealed(3, 0, 1, FROM_1_TO_2, &INNER);
    refused(&mut bad, &relay, &spent, "carryLoop");
    let own = bad.sealed(3, 0, 4, ([3; 8], [2; 8]), &INNER);
    refused(&mut bad, &relay, &own, "carryLoop");
    // Inside of a carry for the relay itself is another one: sealed well, and yet not opened.
    let inside = bad.sealed(3, 0, 4, FROM_1_TO_2, &INNER);
    let nested = bad.sealed(3, 0, 4, ([1; 8], [3; 8]), &inside);
    refused(&mut bad, &relay, &nested, "carryLoop");
    let foreign = bad.sealed(3, 0, 4, ([9; 8], [2; 8]), &INNER);
    refused(&mut bad, &relay, &foreign, "carryForeign");
    // Known as a member, but without a session and without a route; no member at all; back to where it came from.
    for destination in [[4; 8], [9; 8], [1; 8]] {
        let frame = bad.sealed(3, 0, 4, ([1; 8], destination), &INNER);
        refused(&mut bad, &relay, &frame, "noWay");
    }
    let good = bad.sealed(3, 0, 4, FROM_1_TO_2, &INNER);
    let mut forged = good.clone();
    forged[HEADER + 3] ^= 1;
    refused(&mut bad, &relay, &forged, "badTag");
    bad.send(&relay, &good);
    assert!(bad.wait(|_| relay.counter("carried") == 1));
    refused(&mut bad, &relay, &good, "replay");
}

#[test]
fn a_stranger_carries_nothing() {
    let (mut bad, _far, relay) = scene(0);
    let stranger = weft_dataplane::PeerConfig {
        member: false,
        ..peer(1)
    };
    relay.plane.set_peers(NET, vec![stranger]);
    relay.plane.stats();
    let frame = bad.sealed(3, 0, 4, FROM_1_TO_2, &INNER);
    refused(&mut bad, &relay, &frame, "strangerPacket");
}

/// A destination is a member, never an address: whatever the eight bytes spell, nothing is sent there.
#[test]
fn no_destination_leads_to_an_address() {
    let (mut bad, _far, relay) = scene(0);
    let victim = UdpSocket::bind("127.0.0.1:0").unwrap();
    victim.set_nonblocking(true).unwrap();
    let port = victim.local_addr().unwrap().port().to_be_bytes();
    let own = relay.address.port().to_be_bytes();
    let loopback = [127, 0, 0, 1, port[0], port[1], 0, 0];
    let mapped = [0xff, 0xff, 127, 0, 0, 1, port[0], port[1]];
    let link_local = [0xfe, 0x80, 0, 0, 0, 0, port[0], port[1]];
    let itself = [127, 0, 0, 1, own[0], own[1], 0, 0];
    for spelled in [loopback, mapped, link_local, itself, [0; 8], [0xff; 8]] {
        let frame = bad.sealed(3, 0, 4, ([1; 8], spelled), &INNER);
        refused(&mut bad, &relay, &frame, "noWay");
    }
    assert!(victim.recv(&mut [0; 9]).is_err(), "nothing came");
    assert_eq!(relay.counter("carried"), 0);
}

/// What members say of their addresses is no order to send there.
#[test]
fn hellos_go_to_single_hosts_that_are_not_this_one() {
    let host = Host::new(1, ALL, None);
    host.plane.set_peers(NET, vec![peer(2)]);
    let victim = UdpSocket::bind("127.0.0.1:0").unwrap();
    victim.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    let both = host.plane.listen(&["[::]:0".parse().unwrap()]).unwrap()[0];
    let port = victim.local_addr().unwrap().port();
    let refused = [
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        "127.0.0.1:0".into(),
        format!("255.255.255.255:{port}"),
        format!("224.0.0.1:{port}"),
        format!("169.254.169.254:{port}"),
        format!("[fe80::1]:{port}"),
        format!("[::127.0.0.1]:{port}"),
        format!("{}:{port}", ipv4(9)),
        format!("[fd07::9]:{port}"),
        host.address.to_string(),
        format!("127.0.0.1:{}", both.port()),
        format!("[::1]:{}", both.port()),
    ];
    let sent = host.counter("datagramsSent");
    for text in &refused {
        let ways: Vec<Way> = vec![text.parse().unwrap()];
        host.plane.connect(NET, 2, ways, vec![]).unwrap();
        host.plane.stats();
        host.plane.disconnect(NET, 2);
    }
    assert!(victim.recv(&mut [0; 2_000]).is_err(), "a hello came");
    assert_eq!(host.counter("datagramsSent"), sent);
    let way = Way::Udp(victim.local_addr().unwrap());
    host.plane.connect(NET, 2, vec![way], vec![]).unwrap();
    assert!(
        victim.recv(&mut [0; 2_000]).is_ok(),
        "the guard is not all there is"
    );
}

/// Programs on loopback trust whoever is on this machine: a member's word leads there only where there is nothing else.
#[test]
fn hellos_go_to_loopback_only_from_there_or_on_a_machine_without_a_network() {
    let plane = weft_dataplane::Dataplane::start(weft_dataplane::Options::default()).unwrap();
    plane
        .listen(&["0.0.0.0:0".parse().unwrap(), "[::]:0".parse().unwrap()])
        .unwrap();
    plane.add_network(network(1)).unwrap();
    plane.set_peers(NET, vec![peer(2)]);
    let victim = UdpSocket::bind("127.0.0.1:0").unwrap();
    victim.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    let way = Way::Udp(victim.local_addr().unwrap());
    plane.connect(NET, 2, vec![way], vec![]).unwrap();
    let came = victim.recv(&mut [0; 2_000]).is_ok();
    assert_eq!(came, own_address().is_loopback());
}

#[test]
fn no_way_is_told_ten_times_a_second_and_never_in_answer_to_one() {
    let (mut bad, _far, relay) = scene(0);
    let since = Instant::now();
    for _ in 0..300 {
        let frame = bad.sealed(3, 0, 4, ([1; 8], [4; 8]), &INNER);
        bad.send(&relay, &frame);
        bad.pump();
    }
    assert!(bad.wait(|_| relay.drops("noWay") == 300));
    let most = since.elapsed().as_millis() / 100 + 1;
    assert!(
        (1..=most).contains(&(bad.carries.len() as u128)),
        "{}",
        bad.carries.len()
    );
    let (flags, _, destination, source, body) = bad.carries[0].clone();
    assert_eq!((flags, destination, source, body[0]), (NO_WAY, [1; 8], [4; 8], 0));
    assert_eq!(body.len(), TAG);
    std::thread::sleep(Duration::from_millis(110));
    bad.carries.clear();
    for _ in 0..20 {
        let frame = bad.sealed(3, NO_WAY, 4, ([1; 8], [4; 8]), &INNER);
        refused(&mut bad, &relay, &frame, "noWay");
    }
    assert!(bad.carries.is_empty(), "an answer to an answer");
}

/// In no second does more pass than the rate, headers included, in two networks together.
#[test]
fn the_budget_holds_in_every_second_over_all_networks() {
    const RATE: u64 = 400_000;
    /// IPv4 and UDP.
    const HEADERS: u64 = 28;
    let (bad, _far, relay) = scene(RATE);
    relay
        .plane
        .add_network(weft_dataplane::NetworkConfig {
            net: NET + 1,
            network_id: [8; 32],
            ..network(3)
        })
        .unwrap();
    let mut looks = Vec::new();
    let since = Instant::now();
    let mut renewed = Duration::from_millis(500);
    while since.elapsed() < Duration::from_millis(2_500) {
        for len in [60, 400, 1_400] {
            for _ in 0..10 {
                bad.send(&relay, &bad.sealed(3, 0, 4, FROM_1_TO_2, &vec![1; len]));
            }
        }
        if since.elapsed() > renewed {
            // Another network says the same: that is no second budget.
            relay.plane.set_relay(NET + 1, true, RATE);
            renewed += Duration::from_millis(100);
        }
        let before = Instant::now();
        let stats = relay.plane.stats().counters;
        let sent = stats["carriedBytes"] + stats["carried"] * HEADERS;
        looks.push((before, sent, Instant::now()));
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = Duration::from_secs(1);
    for (i, (from, low, _)) in looks.iter().enumerate() {
        let within = looks[i..].iter().filter(|(_, _, until)| *until - *from <= second);
        let high = within.map(|(_, high, _)| *high).max().unwrap_or(*low);
        assert!(high - low <= RATE, "{} in a second", high - low);
    }
    let all = looks.last().unwrap().1;
    assert!(all > RATE * 2, "and it is used: {all}");
    assert!(relay.drops("relayBudget") > 0);
}

/// Who sends more than a relay may pass on learns it, and may take another.
#[test]
fn a_full_relay_says_so() {
    const FULL: u8 = 3;
    let (mut bad, _far, relay) = scene(20_000);
    for _ in 0..40 {
        bad.send(&relay, &bad.sealed(3, 0, 4, FROM_1_TO_2, &[1; 1_000]));
    }
    let told = |p: &mut Puppet| {
        p.carries
            .iter()
            .any(|c| c.0 == NO_WAY && c.2 == [1; 8] && c.4[0] == FULL)
    };
    assert!(bad.wait(told), "{:?}", bad.carries);
}

/// Long enough to be no frame of the carry's own: nothing shorter is read.
#[test]
fn what_is_cut_short_is_malformed() {
    let (mut bad, _far, relay) = scene(0);
    let frame = bad.sealed(3, 0, 4, FROM_1_TO_2, &INNER);
    for len in [1, 15, 16, CARRY_HEAD, wire::CARRY_MIN - 1] {
        refused(&mut bad, &relay, &frame[..len], "malformed");
    }
    refused(&mut bad, &relay, &frame[..frame.len() - 1], "badTag");
}
