//! One node: both halves of the crate, wired as a data plane would.

use super::{Dice, NET};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use weft_session::{
    CastRx, DownReason, Event, HopCast, Level, NetworkConfig, OpenedCast, Options, Path, PeerConfig, Rx,
    SenderKey, Sessions, Tx, public_key, wire,
};

pub struct Node {
    pub id: u32,
    pub addr: SocketAddr,
    pub sessions: Sessions,
    pub rx: Rx,
    pub cast_rx: CastRx,
    pub txs: BTreeMap<u32, Arc<Tx>>,
    pub events: Vec<(u64, Event)>,
    /// Packets of kind 1, by peer.
    pub packets: Vec<(u32, Vec<u8>)>,
    pub casts: Vec<(u32, Vec<u8>)>,
    pub given: Vec<SenderKey>,
    pub acked: Vec<u32>,
    /// What others said they heard.
    pub heard: Vec<weft_session::Heard>,
    pub fresh: usize,
    /// Does nothing, hears nothing; datagrams wait in its socket.
    pub asleep: bool,
    pub waiting: Vec<(SocketAddr, Vec<u8>)>,
    /// The stranger's policy: Some(level) accepts with that level.
    pub welcome: Option<Level>,
}

pub fn secret(id: u32) -> [u8; 32] {
    let mut out = [0u8; 32];
    Dice(u64::from(id) * 77 + 5).fill(&mut out);
    out
}

pub fn key(id: u32) -> [u8; 32] {
    public_key(&secret(id))
}

pub fn origin(id: u32) -> [u8; 8] {
    u64::from(id).to_be_bytes()
}

pub fn addr(id: u32) -> SocketAddr {
    format!("10.0.{}.{}:4000", id / 256, id % 256).parse().unwrap()
}

pub fn path(to: SocketAddr) -> Path {
    Path::Udp {
        socket: 0,
        remote: to,
    }
}

pub fn peer_config(id: u32, level: Level) -> PeerConfig {
    PeerConfig {
        peer: id,
        key: key(id),
        level,
        origin: origin(id),
    }
}

pub fn sessions(id: u32, seed: u64, suites: u8) -> Sessions {
    let mut dice = Dice(seed ^ (u64::from(id) << 32));
    sessions_from(id, suites, move |b| dice.fill(b))
}

/// A manager whose random numbers come from `fill`.
pub fn sessions_from(id: u32, suites: u8, fill: impl FnMut(&mut [u8]) + Send + 'static) -> Sessions {
    let options = Options {
        suites,
        features: wire::FEATURE_PARTIAL,
    };
    let mut sessions = Sessions::new(options, Box::new(fill));
    let config = NetworkConfig {
        net: NET,
        network_id: [42; 32],
        secret_key: secret(id).into(),
    };
    assert!(sessions.add_network(config));
    sessions
}

impl Node {
    pub fn new(id: u32, seed: u64, suites: u8) -> Node {
        Node {
            id,
            addr: addr(id),
            sessions: sessions(id, seed, suites),
            rx: Rx::new(),
            cast_rx: CastRx::new(),
            txs: BTreeMap::new(),
            events: Vec::new(),
            packets: Vec::new(),
            casts: Vec::new(),
            given: Vec::new(),
            acked: Vec::new(),
            heard: Vec::new(),
            fresh: 0,
            asleep: false,
            waiting: Vec::new(),
            welcome: None,
        }
    }

    pub fn know(&mut self, now: u64, id: u32, level: Level) {
        assert!(self.sessions.set_peer(now, NET, peer_config(id, level)));
    }

    pub fn connect(&mut self, now: u64, id: u32, to: &[SocketAddr]) {
        let paths: Vec<Path> = to.iter().map(|a| path(*a)).collect();
        self.sessions.connect(now, NET, id, &paths, b"hint");
    }

    pub fn is_up(&self, id: u32) -> bool {
        self.sessions.stats(0, NET, id).is_some_and(|s| s.up)
    }

    pub fn ups(&self, id: u32) -> usize {
        self.events
            .iter()
            .filter(|(_, e)| matches!(e, Event::Up { peer, .. } if *peer == id))
            .count()
    }

    pub fn downs(&self) -> Vec<(u64, DownReason)> {
        let down = |(t, e): &(u64, Event)| match e {
            Event::Down { reason, .. } => Some((*t, *reason)),
            _ => None,
        };
        self.events.iter().filter_map(down).collect()
    }

    pub fn messages(&self) -> Vec<Vec<u8>> {
        let control = |(_, e): &(u64, Event)| match e {
            Event::Control { bytes, .. } => Some(bytes.clone()),
            _ => None,
        };
        self.events.iter().filter_map(control).collect()
    }

    pub fn receive(&mut self, now: u64, from: SocketAddr, mut frame: Vec<u8>) {
        let path = path(from);
        match frame.first() {
            Some(&wire::DATA) => {
                if let Ok(opened) = self.rx.open(now, path, &mut frame) {
                    let plaintext = &frame[opened.plaintext()];
                    if opened.kind() == wire::kind::PACKET {
                        self.packets.push((opened.peer, plaintext[1..].to_vec()));
                    }
                    if opened.tell {
                        self.sessions.opened(now, &opened, path, plaintext);
                    }
                }
            }
            Some(&wire::CAST) => {
                if let Ok(cast) = self.rx.open_cast(now, path, &frame) {
                    if cast.opened.tell {
                        self.sessions.opened(now, &cast.opened, path, &[]);
                    }
                    self.open_cast(now, &cast, &mut frame);
                }
            }
            _ => self.sessions.handle(now, path, &frame),
        }
    }

    pub fn open_cast(&mut self, now: u64, cast: &HopCast, frame: &mut [u8]) {
        if let Ok(OpenedCast { packet, .. }) = self.cast_rx.open(now, cast, frame) {
            self.casts.push((cast.opened.peer, frame[packet].to_vec()));
        }
    }
}
