//! Nanoseconds per frame of 1400 bytes: `cargo run --release -p weft-session --example speed`.

use std::sync::Arc;
use std::time::Instant;
use weft_session::{
    AUTH_SHARED, CastTx, Level, NetworkConfig, Options, Output, Path, PeerConfig, Rx, SenderKey, Sessions,
    Suite, Tx, public_key, wire,
};

const FRAMES: usize = 200_000;
const BATCH: u32 = 64;
const BODY: usize = 1_400;

struct End {
    sessions: Sessions,
    rx: Rx,
    tx: Option<Arc<Tx>>,
}

impl End {
    fn new(own: u8, other: u8, suite: Suite) -> End {
        let mut count = u64::from(own);
        let entropy = move |out: &mut [u8]| {
            for b in out {
                count = count
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *b = (count >> 33) as u8;
            }
        };
        let options = Options {
            suites: suite.bit(),
            features: 0,
        };
        let mut sessions = Sessions::new(options, Box::new(entropy));
        sessions.add_network(NetworkConfig {
            net: 1,
            network_id: [1; 32],
            secret_key: [own; 32].into(),
        });
        let key = public_key(&[other; 32]);
        let peer = PeerConfig {
            peer: u32::from(other),
            key,
            level: Level::Member,
            origin: [other; 8],
        };
        sessions.set_peer(1, 1, peer);
        End {
            sessions,
            rx: Rx::new(),
            tx: None,
        }
    }

    /// What it has to say; frames for the hot half go there.
    fn step(&mut self, now: u64, inbox: &[Vec<u8>]) -> Vec<Vec<u8>> {
        for frame in inbox {
            if frame[0] == wire::DATA {
                let mut frame = frame.clone();
                if let Ok(opened) = self.rx.open(now, Path::Link(0), &mut frame) {
                    self.sessions
                        .opened(now, &opened, Path::Link(0), &frame[opened.plaintext()]);
                }
            } else {
                self.sessions.handle(now, Path::Link(0), frame);
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

fn pair(suite: Suite) -> (Arc<Tx>, Rx) {
    let (mut a, mut b) = (End::new(1, 2, suite), End::new(2, 1, suite));
    a.sessions.connect(1_000, 1, 2, &[Path::Link(0)], &[]);
    let mut to_a = Vec::new();
    for i in 0..10 {
        let to_b = a.step(10_000 + i * 2_000, &to_a);
        to_a = b.step(11_000 + i * 2_000, &to_b);
    }
    (a.tx.expect("the handshake is over"), b.rx)
}

fn report(what: &str, suite: Suite, began: Instant) {
    let each = began.elapsed().as_nanos() as f64 / FRAMES as f64;
    let rate = BODY as f64 * 8.0 / each;
    println!("{what:<28} {suite:<18?} {each:>8.0} ns/frame {rate:>8.1} Gbit/s");
}

/// What a flood costs: hellos with a wrong mac1, and hellos that are asked for a cookie.
fn flood() {
    let (mut a, mut b) = (End::new(1, 2, Suite::Aes256Gcm), End::new(2, 1, Suite::Aes256Gcm));
    a.sessions.connect(1_000, 1, 2, &[Path::Link(0)], &[]);
    let good = a.step(10_000, &[])[0].clone();
    let mut bad = good.clone();
    bad[20] ^= 1;
    for (what, hello) in [
        ("hello with a wrong mac1", bad),
        ("hello answered by a cookie", good),
    ] {
        let began = Instant::now();
        for i in 0..FRAMES {
            b.sessions.handle(20_000, Path::Link(i as u32), &hello);
            while b.sessions.poll_output().is_some() {}
        }
        let each = began.elapsed().as_nanos() as f64 / FRAMES as f64;
        println!("{what:<28} {each:>27.0} ns each {:>9.0} k/s", 1e6 / each);
    }
}

fn main() {
    flood();
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let (tx, mut rx) = pair(suite);
        let mut frames = vec![vec![0u8; wire::DATA_MIN + 1 + BODY]; FRAMES];
        let began = Instant::now();
        for batch in frames.chunks_mut(BATCH as usize) {
            let first = tx.reserve(batch.len() as u32).expect("the session lives");
            for (i, frame) in batch.iter_mut().enumerate() {
                frame[wire::HEADER] = wire::kind::PACKET;
                tx.seal(first + i as u64, frame);
            }
        }
        report("seal", suite, began);
        let began = Instant::now();
        for frame in &mut frames {
            rx.open(1, Path::Link(0), frame).expect("authentic");
        }
        report("open, with replay window", suite, began);

        let key = SenderKey {
            key_id: 1,
            scope: 0,
            lowest: 0,
            suite,
            key: [7; 32].into(),
        };
        let cast = CastTx::new([1; 8], key);
        let mut frame = vec![0u8; wire::CAST_MIN + BODY];
        cast.seal(cast.reserve(1), false, 0, 0, &mut frame);
        let began = Instant::now();
        for _ in 0..FRAMES {
            let counter = tx.reserve(1).expect("the session lives");
            tx.seal_stamp(counter, AUTH_SHARED, 8, std::hint::black_box(&mut frame));
        }
        report("stamp of a cast for one hop", suite, began);
    }
}
