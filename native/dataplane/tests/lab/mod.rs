//! Members on loopback with adapters in memory: needs no rights.
#![allow(dead_code)]

pub mod wire;

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use weft_dataplane::{
    Dataplane, Event, FilterMode, GroupConfig, LinkOptions, Mac, NetworkConfig, Options, PeerConfig, Secret,
    Way,
};
use weft_device::{Device, FRAME_BUFFER, Features, VNET_LEN, fake};

pub const NET: u32 = 7;
pub const PATIENCE: Duration = Duration::from_secs(10);
pub const ALL: Features = Features {
    checksum: true,
    tcp: true,
    udp: true,
};
pub const NONE: Features = Features {
    checksum: false,
    tcp: false,
    udp: false,
};

/// The engine's side and the computer's side of one member.
pub struct Host {
    pub n: u8,
    pub plane: Arc<Dataplane>,
    pub address: SocketAddr,
    /// The other end of its adapter's cable.
    pub cable: fake::FakeDevice,
    seen: Vec<Event>,
}

pub fn ipv4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 7, 0, n)
}

fn secret(n: u8) -> Secret {
    let mut secret = Secret::default();
    secret.fill(n);
    secret
}

pub fn mac(n: u8) -> Mac {
    Mac([2, 7, 0, 0, 0, n])
}

pub fn peer(n: u8) -> PeerConfig {
    PeerConfig {
        peer: n.into(),
        key: weft_session::public_key(&secret(n)),
        member: true,
        origin: [n; 8],
        ipv4: Some(ipv4(n)),
        ipv6: Some(Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, n.into())),
        link_local: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 7, n.into())),
        mac: Some(mac(n)),
    }
}

pub fn network(n: u8) -> NetworkConfig {
    NetworkConfig {
        net: NET,
        network_id: [9; 32],
        secret_key: secret(n),
        origin: [n; 8],
        ipv4: Some((ipv4(n), 24)),
        ipv6: Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, n.into()),
        ipv6_prefix: 64,
        link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 7, n.into()),
        mac: mac(n),
        mtu: 1380,
    }
}

/// Where others could call this machine; loopback when it has no network.
pub fn own_address() -> IpAddr {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system says which of its addresses it would use.
    match socket.connect("192.0.2.1:9") {
        Ok(()) => socket.local_addr().unwrap().ip(),
        Err(_) => Ipv4Addr::LOCALHOST.into(),
    }
}

impl Host {
    pub fn new(n: u8, features: Features, frame_max: Option<usize>) -> Host {
        let plane = Dataplane::start(Options {
            no_offloads: features == NONE,
            frame_max,
            ..Options::default()
        })
        .unwrap();
        let address = plane.listen(&["127.0.0.1:0".parse().unwrap()]).unwrap()[0];
        plane.add_network(network(n)).unwrap();
        let (device, cable) = fake::pair(features).unwrap();
        plane.attach(NET, Arc::new(device));
        Host::of(n, plane, address, cable)
    }

    /// Around a data plane that was started otherwise.
    pub fn of(n: u8, plane: Dataplane, address: SocketAddr, cable: fake::FakeDevice) -> Host {
        Host {
            n,
            plane: Arc::new(plane),
            address,
            cable,
            seen: vec![],
        }
    }

    /// Waits for an event that `pick` wants; the others are kept.
    pub fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.seen.extend(self.plane.poll(None));
            if let Some((i, found)) = self
                .seen
                .iter()
                .enumerate()
                .find_map(|(i, e)| Some((i, pick(e)?)))
            {
                self.seen.remove(i);
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "host {}: no {what}; {:?}",
                self.n,
                self.seen
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn has(&mut self, mut pick: impl FnMut(&Event) -> bool) -> bool {
        self.seen.extend(self.plane.poll(None));
        self.seen.iter().any(&mut pick)
    }

    pub fn wait_up(&mut self, other: u8) {
        self.wait("up", |e| {
            matches!(e, Event::Up { peer, .. } if *peer == u32::from(other)).then_some(())
        });
    }

    /// A frame from the host's applications.
    pub fn inject(&self, vnet: [u8; VNET_LEN], frame: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.cable.send(&[IoSlice::new(&vnet), IoSlice::new(frame)]) {
            assert!(Instant::now() < deadline, "{error}");
            std::thread::yield_now();
        }
    }

    /// The next frame to the host's applications, without virtio-net header, that `pick` wants.
    pub fn frame<T>(&self, what: &str, mut pick: impl FnMut(&[u8]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.frames().iter().find_map(|f| pick(f)) {
                return found;
            }
            let late = Instant::now() >= deadline;
            assert!(!late, "host {}: no {what}; {:?}", self.n, self.plane.stats());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What is there, at most one frame.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let (mut buffers, mut lengths) = ([vec![0; FRAME_BUFFER]], [0]);
        let n = self.cable.recv_batch(&mut buffers, &mut lengths).unwrap();
        if n == 0 {
            vec![]
        } else {
            vec![buffers[0][VNET_LEN..lengths[0]].to_vec()]
        }
    }

    /// UDP payloads from `source` until `count` came: runs that were merged are taken apart again.
    pub fn payloads(&self, source: Ipv4Addr, port: u16, count: usize, each: usize) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        while got.len() < count {
            let payload = self.frame("datagram", |f| udp_payload(f, source, port).map(<[u8]>::to_vec));
            got.extend(payload.chunks(each).map(<[u8]>::to_vec));
        }
        got
    }

    pub fn drops(&self, name: &str) -> u64 {
        self.plane.stats().drops.get(name).copied().unwrap_or(0)
    }

    pub fn counter(&self, name: &str) -> u64 {
        // Empty until the receive thread has answered once: a machine may be busy.
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(count) = self.plane.stats().counters.get(name) {
                return *count;
            }
            assert!(Instant::now() < deadline, "no counter {name}");
        }
    }

    pub fn receivers(&self, group: IpAddr, peers: &[u8]) {
        self.tell_receivers(group, peers, false);
    }

    /// Beside those of before.
    pub fn more_receivers(&self, group: IpAddr, peers: &[u8]) {
        self.tell_receivers(group, peers, true);
    }

    fn tell_receivers(&self, group: IpAddr, peers: &[u8], more: bool) {
        let receivers = peers
            .iter()
            .map(|p| (u32::from(*p), FilterMode::Exclude, vec![]))
            .collect();
        self.plane
            .set_groups(
                NET,
                vec![GroupConfig {
                    group,
                    receivers,
                    publishers: None,
                    repaired: false,
                    signed: false,
                    more,
                }],
            )
            .unwrap();
        // In force when the figures come.
        self.plane.stats();
    }
}

/// Makes them know each other; sessions come on demand.
pub fn introduce(hosts: &mut [&mut Host]) {
    let numbers: Vec<u8> = hosts.iter().map(|h| h.n).collect();
    for host in hosts.iter() {
        host.plane.set_peers(
            NET,
            numbers
                .iter()
                .filter(|n| **n != host.n)
                .map(|n| peer(*n))
                .collect(),
        );
        // In force when the figures come.
        host.plane.stats();
    }
}

/// A session between two.
pub fn join(a: &mut Host, b: &mut Host) {
    a.plane
        .connect(NET, b.n.into(), vec![Way::Udp(b.address)], vec![])
        .unwrap();
    a.wait_up(b.n);
    b.wait_up(a.n);
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|c| u32::from(u16::from_be_bytes([c[0], *c.get(1).unwrap_or(&0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An Ethernet frame around an IPv4 packet.
pub fn ipv4_frame(from: Ipv4Addr, to: Ipv4Addr, ttl: u8, protocol: u8, options: &[u8], l4: &[u8]) -> Vec<u8> {
    let ether_to = if to.is_multicast() {
        Mac::of_group(to.into())
    } else {
        mac(to.octets()[3])
    };
    let mut ip = vec![
        0x45 + (options.len() / 4) as u8,
        0,
        0,
        0,
        0,
        0,
        0x40,
        0,
        ttl,
        protocol,
        0,
        0,
    ];
    ip.extend(from.octets());
    ip.extend(to.octets());
    ip.extend(options);
    let total = (ip.len() + l4.len()) as u16;
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    [&ether_to.0[..], &mac(from.octets()[3]).0, &[8, 0], &ip, l4].concat()
}

/// An Ethernet frame around a UDP datagram without checksum.
pub fn udp_frame(from: Ipv4Addr, to: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut udp = [port.to_be_bytes(), port.to_be_bytes()].concat();
    udp.extend((payload.len() as u16 + 8).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    ipv4_frame(from, to, 64, 17, &[], &udp)
}

/// The payload of a UDP frame from that source and to that port.
pub fn udp_payload(frame: &[u8], source: Ipv4Addr, port: u16) -> Option<&[u8]> {
    let fits =
        frame.len() > 42 && frame[12..14] == [8, 0] && frame[23] == 17 && frame[26..30] == source.octets();
    (fits && frame[36..38] == port.to_be_bytes()).then(|| &frame[42..])
}

/// An IGMPv3 report that joins a group.
pub fn igmp_join(from: Ipv4Addr, group: Ipv4Addr) -> Vec<u8> {
    let mut report = vec![0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0];
    report.extend(group.octets());
    let sum = checksum(&report);
    report[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4_frame(
        from,
        Ipv4Addr::new(224, 0, 0, 22),
        1,
        2,
        &[0x94, 4, 0, 0],
        &report,
    )
}

/// Two links joined back to back, as a transport in JavaScript would: a thread carries batches to and fro.
pub struct Pipe {
    pub ends: [u32; 2],
    /// Nothing passes while this is set.
    pub blocked: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pipe {
    pub fn new(a: &Host, b: &Host) -> Pipe {
        let open = |host: &Host| {
            let options = LinkOptions {
                transport: "tcp".into(),
                endpoint: format!("pipe:{}", host.n),
                queue_bytes: 1 << 20,
            };
            host.plane.open_link(options).unwrap()
        };
        let ends = [open(a), open(b)];
        let (stop, blocked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let planes = [a.plane.clone(), b.plane.clone()];
        let (halt, block) = (stop.clone(), blocked.clone());
        let thread = std::thread::spawn(move || {
            while !halt.load(Relaxed) {
                let mut carried = 0;
                for (from, to) in [(0, 1), (1, 0)] {
                    let batch = planes[from].link_take(ends[from], 65_536);
                    carried += batch.len();
                    if !block.load(Relaxed) {
                        planes[to].link_receive(ends[to], batch).unwrap();
                    }
                }
                if carried == 0 {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        Pipe {
            ends,
            blocked,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
