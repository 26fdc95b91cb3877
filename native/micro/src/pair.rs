//! Two ends that have shaken hands, without sockets.

use std::sync::Arc;
use weft_session::{
    Level, NetworkConfig, Options, Output, Path, PeerConfig, Rx, Sessions, Suite, Tx, public_key, wire,
};

pub const NET: u32 = 1;
pub const PATH: Path = Path::Link(0);
/// Exchanges until both have keys, with room to spare.
const ROUNDS: u64 = 10;
const ROUND_US: u64 = 2_000;

pub struct End {
    pub sessions: Sessions,
    rx: Rx,
    tx: Option<Arc<Tx>>,
}

impl End {
    pub fn new(own: u8, other: u8, suite: Suite) -> End {
        let mut state = u64::from(own);
        // The same each time: it is work that is measured, not secrets.
        let entropy = move |out: &mut [u8]| {
            for byte in out {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 33) as u8;
            }
        };
        let options = Options {
            suites: suite.bit(),
            features: 0,
        };
        let mut sessions = Sessions::new(options, Box::new(entropy));
        sessions.add_network(NetworkConfig {
            net: NET,
            network_id: [1; 32],
            secret_key: [own; 32].into(),
        });
        let peer = PeerConfig {
            peer: u32::from(other),
            key: public_key(&[other; 32]),
            level: Level::Member,
            origin: [other; 8],
        };
        sessions.set_peer(1, NET, peer);
        End {
            sessions,
            rx: Rx::new(),
            tx: None,
        }
    }

    /// Takes what came, and answers with what it has to say.
    pub fn step(&mut self, now: u64, inbox: &[Vec<u8>]) -> Vec<Vec<u8>> {
        for frame in inbox {
            if frame[0] == wire::DATA {
                let mut frame = frame.clone();
                if let Ok(opened) = self.rx.open(now, PATH, &mut frame) {
                    self.sessions
                        .opened(now, &opened, PATH, &frame[opened.plaintext()]);
                }
            } else {
                self.sessions.handle(now, PATH, frame);
            }
        }
        self.sessions.handle_timeout(now);
        let mut out = Vec::new();
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => out.push(bytes),
                Output::RxInstall(session) => self.rx.install(session),
                Output::TxPublished { tx, .. } => self.tx = Some(tx),
                _ => {}
            }
        }
        out
    }
}

/// The sealing half of one end and the opening half of the other.
pub struct Pair {
    pub tx: Arc<Tx>,
    pub rx: Rx,
    // The manager owns what both halves share.
    _ends: (Sessions, Sessions),
}

pub fn pair(suite: Suite) -> Pair {
    let (mut a, mut b) = (End::new(1, 2, suite), End::new(2, 1, suite));
    a.sessions.connect(1_000, NET, 2, &[PATH], &[]);
    let mut to_a = Vec::new();
    for round in 1..=ROUNDS {
        let to_b = a.step(round * ROUND_US, &to_a);
        to_a = b.step(round * ROUND_US + ROUND_US / 2, &to_b);
    }
    Pair {
        tx: a.tx.expect("the handshake is over"),
        rx: b.rx,
        _ends: (a.sessions, b.sessions),
    }
}
