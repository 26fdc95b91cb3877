//! One end of a network of numbered hosts, without the engine: for measuring and trying the data plane alone.
//!
//! `pair --number 1 --listen 10.9.0.1:7000 --peer 2@10.9.0.2:7000 --adapter weft0 [--peer 3@…] [--offloads none] [--mtu 1380]
//! [--frame-max 600]`
//!
//! Host N has 10.88.0.N, fd88::N and a secret that anybody can guess. Members tell each other their groups. Ends when its
//! standard input does, and prints its figures as it goes.
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use weft_dataplane::{
    Dataplane, Event, FilterMode, GroupConfig, LocalGroup, Mac, NetworkConfig, Options, PeerConfig, Secret,
    Way,
};
use weft_device::{Adapter, Kind, Offloads, link};

const NET: u32 = 1;

struct Args {
    number: u8,
    listen: SocketAddr,
    adapter: String,
    peers: BTreeMap<u32, SocketAddr>,
    mtu: u32,
    no_offloads: bool,
    frame_max: Option<usize>,
}

fn parse() -> Result<Args, String> {
    let mut args = Args {
        number: 0,
        listen: ([0, 0, 0, 0], 7000).into(),
        adapter: "weft0".into(),
        peers: BTreeMap::new(),
        mtu: 1380,
        no_offloads: false,
        frame_max: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let wrong = |e: &dyn std::fmt::Display| format!("{word} {value}: {e}");
        match word.as_str() {
            "--number" => args.number = value.parse().map_err(|e| wrong(&e))?,
            "--listen" => args.listen = value.parse().map_err(|e| wrong(&e))?,
            "--adapter" => args.adapter = value,
            "--mtu" => args.mtu = value.parse().map_err(|e| wrong(&e))?,
            "--offloads" => args.no_offloads = value == "none",
            "--frame-max" => args.frame_max = Some(value.parse().map_err(|e| wrong(&e))?),
            "--peer" => {
                let (number, address) = value.split_once('@').ok_or("--peer wants N@ADDRESS:PORT")?;
                let number: u8 = number.parse().map_err(|e| wrong(&e))?;
                args.peers
                    .insert(number.into(), address.parse().map_err(|e| wrong(&e))?);
            }
            _ => return Err(format!("{word} is not known")),
        }
    }
    if args.number == 0 {
        Err("--number is missing".into())
    } else {
        Ok(args)
    }
}

fn ipv4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 88, 0, n)
}

fn ipv6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, n.into())
}

fn link_local(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x88, n.into())
}

fn mac(n: u8) -> [u8; 6] {
    [2, 0x88, 0, 0, 0, n]
}

fn secret(n: u8) -> Secret {
    let mut secret = Secret::default();
    secret.fill(n);
    secret
}

fn peer_config(number: u32) -> PeerConfig {
    let n = number as u8;
    PeerConfig {
        peer: number,
        key: weft_session::public_key(&secret(n)),
        member: true,
        origin: [n; 8],
        ipv4: Some(ipv4(n)),
        ipv6: Some(ipv6(n)),
        link_local: Some(link_local(n)),
        mac: Some(Mac(mac(n))),
    }
}

fn network_config(args: &Args) -> NetworkConfig {
    let n = args.number;
    NetworkConfig {
        net: NET,
        network_id: [0x88; 32],
        secret_key: secret(n),
        origin: [n; 8],
        ipv4: Some((ipv4(n), 24)),
        ipv6: ipv6(n),
        ipv6_prefix: 64,
        link_local: link_local(n),
        mac: Mac(mac(n)),
        mtu: args.mtu as usize,
    }
}

fn adapter(args: &Args) -> Result<Adapter, weft_device::DeviceError> {
    let mut adapter = Adapter::create(Kind::Tap, Some(&args.adapter))?;
    let (name, n) = (adapter.name().to_string(), args.number);
    link::set_mac(&name, mac(n))?;
    link::set_mtu(&name, args.mtu)?;
    // By hand, as the helper does it: no address is made up by the kernel.
    let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/addr_gen_mode"), "1");
    let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/accept_dad"), "0");
    link::set_up(&name, true)?;
    link::set_ipv4(&name, ipv4(n), 24)?;
    // A namespace may be without IPv6.
    let _ = link::add_ipv6(&name, ipv6(n), 64);
    let _ = link::add_ipv6(&name, link_local(n), 64);
    adapter.set_offloads(if args.no_offloads {
        Offloads::None
    } else {
        Offloads::Auto
    })?;
    Ok(adapter)
}

/// "group mode source source", one a line.
fn encode(groups: &[LocalGroup]) -> Vec<u8> {
    let line = |g: &LocalGroup| {
        let sources: String = g.sources.iter().map(|s| format!(" {s}")).collect();
        format!("{} {:?}{sources}\n", g.group, g.mode)
    };
    format!("groups\n{}", groups.iter().map(line).collect::<String>()).into_bytes()
}

type Wishes = BTreeMap<IpAddr, (FilterMode, Vec<IpAddr>)>;

fn decode(bytes: &[u8]) -> Wishes {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let group = words.next()?.parse().ok()?;
        let mode = if words.next()? == "Include" {
            FilterMode::Include
        } else {
            FilterMode::Exclude
        };
        Some((group, (mode, words.filter_map(|s| s.parse().ok()).collect())))
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// All members, for broadcast and ff02::1.
fn everybody(args: &Args) -> Vec<GroupConfig> {
    let receivers: Vec<_> = args
        .peers
        .keys()
        .map(|p| (*p, FilterMode::Exclude, vec![]))
        .collect();
    let groups = [
        IpAddr::V4(Ipv4Addr::BROADCAST),
        IpAddr::V6("ff02::1".parse().expect("an address")),
    ];
    groups
        .map(|group| GroupConfig {
            group,
            receivers: receivers.clone(),
            publishers: None,
            repaired: false,
            signed: false,
            more: false,
        })
        .to_vec()
}

struct Host {
    args: Args,
    plane: Dataplane,
    own: Vec<LocalGroup>,
    wishes: BTreeMap<u32, Wishes>,
}

impl Host {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Up {
                peer,
                endpoint,
                rtt_ms,
                ..
            } => {
                eprintln!("up {peer} {endpoint} {rtt_ms:?} ms");
                self.plane.send_control(NET, peer, encode(&self.own));
            }
            Event::Want { peer, .. } => self.call(peer),
            Event::Groups { groups, .. } => {
                self.own = groups;
                for peer in self.args.peers.keys() {
                    self.plane.send_control(NET, *peer, encode(&self.own));
                }
            }
            Event::Control { peer, bytes, .. } => self.learn(peer, decode(&bytes)),
            other => eprintln!("{other:?}"),
        }
    }

    fn call(&self, peer: u32) {
        if let Some(address) = self.args.peers.get(&peer) {
            // One address is never too many.
            let _ = self.plane.connect(NET, peer, vec![Way::Udp(*address)], vec![]);
        }
    }

    fn learn(&mut self, peer: u32, wishes: Wishes) {
        let old = self.wishes.insert(peer, wishes).unwrap_or_default();
        let mut groups: Vec<IpAddr> = old
            .into_keys()
            .chain(self.wishes[&peer].keys().copied())
            .collect();
        groups.sort_unstable();
        groups.dedup();
        let receivers = |group: &IpAddr| {
            let wish = |(peer, w): (&u32, &Wishes)| w.get(group).map(|(m, s)| (*peer, *m, s.clone()));
            self.wishes.iter().filter_map(wish).collect()
        };
        let everybody = everybody(&self.args);
        let configs = groups.iter().filter(|g| everybody.iter().all(|e| e.group != **g));
        let configs = configs
            .map(|g| GroupConfig {
                group: *g,
                receivers: receivers(g),
                publishers: None,
                repaired: false,
                signed: false,
                more: false,
            })
            .collect();
        if let Err(e) = self.plane.set_groups(NET, configs) {
            eprintln!("{e}");
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args = parse()?;
    let plane = Dataplane::start(Options {
        no_offloads: args.no_offloads,
        frame_max: args.frame_max,
        ..Options::default()
    })?;
    plane.listen(&[args.listen])?;
    plane.add_network(network_config(&args))?;
    plane.set_peers(NET, args.peers.keys().map(|n| peer_config(*n)).collect());
    plane.set_groups(NET, everybody(&args))?;
    plane.attach(NET, Arc::new(adapter(&args)?));
    let (tell, told) = channel();
    plane.on_wake(Box::new(move || {
        // Nobody listens any more at the very end.
        let _ = tell.send(());
    }));
    let mut host = Host {
        args,
        plane,
        own: vec![],
        wishes: BTreeMap::new(),
    };
    host.args.peers.keys().for_each(|p| host.call(*p));
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Relaxed);
    });
    while !ended.load(Relaxed) {
        match told.recv_timeout(Duration::from_millis(100)) {
            Ok(()) => host.plane.poll(None).into_iter().for_each(|e| host.handle(e)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    eprintln!("{:#?}", host.plane.stats());
    host.plane.close();
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        eprintln!("pair: {error}");
        std::process::exit(1);
    }
}
