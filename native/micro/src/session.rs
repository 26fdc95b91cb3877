//! Seals and what goes with them.

use crate::pair::{End, NET, PATH, Pair, pair};
use crate::{BATCH, Case, Meter};
use std::hint::black_box;
use weft_session::wire::{CARRY_OVERHEAD, CAST_MIN, DATA_MIN, HEADER, kind};
use weft_session::{
    AUTH_SHARED, CastRx, CastTx, HopCast, SenderKey, Suite, Suite::Aes256Gcm, Suite::ChaCha20Poly1305, Window,
};

const SMALL: usize = 64;
const FULL: usize = 1_400;
const ORIGIN: [u8; 8] = [1; 8];
const HOP_LIMIT: u8 = 8;
/// As large as a session's.
const WINDOW_WORDS: usize = 2_048;
/// Counters apart that overtake one another.
const OVERTAKEN_BY: u64 = 8;

pub const CASES: &[Case] = &[
    Case {
        name: "session/seal-64",
        what: "seal a data frame of 64 B, AES-256-GCM",
        bytes: SMALL,
        run: |meter| seal(meter, Aes256Gcm, SMALL),
    },
    Case {
        name: "session/seal-1400",
        what: "seal a data frame of 1400 B, AES-256-GCM",
        bytes: FULL,
        run: |meter| seal(meter, Aes256Gcm, FULL),
    },
    Case {
        name: "session/seal-1400-chacha",
        what: "the same, ChaCha20-Poly1305",
        bytes: FULL,
        run: |meter| seal(meter, ChaCha20Poly1305, FULL),
    },
    Case {
        name: "session/open-64",
        what: "open a data frame of 64 B with its replay window, AES-256-GCM",
        bytes: SMALL,
        run: |meter| open(meter, Aes256Gcm, SMALL),
    },
    Case {
        name: "session/open-1400",
        what: "open a data frame of 1400 B with its replay window, AES-256-GCM",
        bytes: FULL,
        run: |meter| open(meter, Aes256Gcm, FULL),
    },
    Case {
        name: "session/open-1400-chacha",
        what: "the same, ChaCha20-Poly1305",
        bytes: FULL,
        run: |meter| open(meter, ChaCha20Poly1305, FULL),
    },
    Case {
        name: "session/replay",
        what: "refuse a data frame that came before",
        bytes: 0,
        run: replay,
    },
    Case {
        name: "session/window",
        what: "replay window: check and mark a counter that is the next",
        bytes: 0,
        run: |meter| window(meter, |counter| counter),
    },
    Case {
        name: "session/window-overtaken",
        what: "the same where packets overtake one another",
        bytes: 0,
        run: |meter| window(meter, |counter| counter ^ OVERTAKEN_BY),
    },
    Case {
        name: "session/cast-seal-1400",
        what: "seal a cast of 1400 B, once for all",
        bytes: FULL,
        run: cast_seal,
    },
    Case {
        name: "session/cast-stamp",
        what: "stamp a sealed cast for one child",
        bytes: 0,
        run: cast_stamp,
    },
    Case {
        name: "session/cast-hop",
        what: "verify the hop tag of a cast",
        bytes: 0,
        run: cast_hop,
    },
    Case {
        name: "session/cast-open-1400",
        what: "open a cast of 1400 B whose hop tag was verified",
        bytes: FULL,
        run: cast_open,
    },
    Case {
        name: "session/carry-on",
        what: "verify the hop tag of a carried frame and stamp it for the next hop",
        bytes: 0,
        run: carry_on,
    },
    Case {
        name: "session/flood-mac",
        what: "refuse a hello whose first mac is wrong",
        bytes: 0,
        run: |meter| flood(meter, true),
    },
    Case {
        name: "session/flood-cookie",
        what: "answer a hello with a cookie while hellos flood",
        bytes: 0,
        run: |meter| flood(meter, false),
    },
];

/// A data frame of so many bytes, not sealed yet.
fn plain(bytes: usize) -> Vec<u8> {
    let mut frame = vec![7u8; DATA_MIN + bytes];
    frame[HEADER] = kind::PACKET;
    frame
}

fn seal(meter: &mut Meter, suite: Suite, bytes: usize) {
    meter.repeat((pair(suite), plain(bytes)), |(pair, frame), _| {
        let counter = pair.tx.reserve(1).expect("the session lives");
        pair.tx.seal(counter, black_box(frame));
    });
}

/// A session and a batch of frames.
type Frames = (Pair, Vec<Vec<u8>>);

fn seal_batch((pair, frames): &mut Frames, bytes: usize) {
    for frame in frames {
        frame.clone_from(&plain(bytes));
        let counter = pair.tx.reserve(1).expect("the session lives");
        pair.tx.seal(counter, frame);
    }
}

fn open(meter: &mut Meter, suite: Suite, bytes: usize) {
    let state = (pair(suite), vec![Vec::new(); BATCH]);
    let ready = |state: &mut Frames| seal_batch(state, bytes);
    meter.run(state, ready, |(pair, frames), turn| {
        let opened = pair.rx.open(1, PATH, black_box(&mut frames[turn]));
        black_box(opened.expect("authentic"));
    });
}

fn replay(meter: &mut Meter) {
    let mut state = (pair(Aes256Gcm), vec![Vec::new(); BATCH]);
    seal_batch(&mut state, FULL);
    let again = state.1.clone();
    for frame in &mut state.1 {
        state.0.rx.open(1, PATH, frame).expect("authentic");
    }
    meter.repeat((state.0, again), |(pair, frames), turn| {
        let opened = pair.rx.open(1, PATH, black_box(&mut frames[turn]));
        black_box(opened.expect_err("it came before"));
    });
}

fn window(meter: &mut Meter, order: fn(u64) -> u64) {
    let state = (Window::<WINDOW_WORDS>::new(), 0u64);
    meter.repeat(state, |(window, next), _| {
        let counter = black_box(order(*next));
        *next += 1;
        assert!(window.check(counter));
        black_box(window.commit(counter));
    });
}

fn sender() -> CastTx {
    let key = SenderKey {
        key_id: 1,
        scope: 0,
        lowest: 0,
        suite: Aes256Gcm,
        key: [7; 32].into(),
    };
    CastTx::new(ORIGIN, key)
}

fn cast_seal(meter: &mut Meter) {
    let state = (sender(), vec![7u8; CAST_MIN + FULL]);
    meter.repeat(state, |(sender, frame), _| {
        sender.seal(sender.reserve(1), false, 0, 0, black_box(frame));
    });
}

fn cast_stamp(meter: &mut Meter) {
    let (sender, mut frame) = (sender(), vec![7u8; CAST_MIN + FULL]);
    sender.seal(sender.reserve(1), false, 0, 0, &mut frame);
    meter.repeat((pair(Aes256Gcm), frame), |(pair, frame), _| {
        let counter = pair.tx.reserve(1).expect("the session lives");
        pair.tx
            .seal_stamp(counter, AUTH_SHARED, HOP_LIMIT, black_box(frame));
    });
}

struct Casts {
    sender: CastTx,
    pair: Pair,
    opener: CastRx,
    frames: Vec<Vec<u8>>,
    hops: Vec<HopCast>,
}

impl Casts {
    fn new() -> Casts {
        let (sender, mut opener) = (sender(), CastRx::new());
        opener.install(0, NET, ORIGIN, &sender.sender_key());
        Casts {
            sender,
            pair: pair(Aes256Gcm),
            opener,
            frames: vec![vec![7u8; CAST_MIN + FULL]; BATCH],
            hops: Vec::with_capacity(BATCH),
        }
    }

    fn seal(&mut self) {
        for frame in &mut self.frames {
            self.sender.seal(self.sender.reserve(1), false, 0, 0, frame);
            let counter = self.pair.tx.reserve(1).expect("the session lives");
            self.pair.tx.seal_stamp(counter, AUTH_SHARED, HOP_LIMIT, frame);
        }
    }

    fn verify(&mut self, turn: usize) -> HopCast {
        let hop = self.pair.rx.open_cast(1, PATH, black_box(&self.frames[turn]));
        hop.expect("authentic")
    }
}

fn cast_hop(meter: &mut Meter) {
    meter.run(Casts::new(), Casts::seal, |casts, turn| {
        black_box(casts.verify(turn));
    });
}

fn cast_open(meter: &mut Meter) {
    let ready = |casts: &mut Casts| {
        casts.seal();
        casts.hops.clear();
        for turn in 0..BATCH {
            let hop = casts.verify(turn);
            casts.hops.push(hop);
        }
    };
    meter.run(Casts::new(), ready, |casts, turn| {
        let frame = black_box(&mut casts.frames[turn]);
        let opened = casts.opener.open(1, &casts.hops[turn], frame);
        black_box(opened.expect("authentic"));
    });
}

fn carry_on(meter: &mut Meter) {
    let state = (
        pair(Aes256Gcm),
        vec![vec![7u8; CARRY_OVERHEAD + DATA_MIN + FULL]; BATCH],
    );
    let ready = |(pair, frames): &mut Frames| {
        for frame in frames {
            let counter = pair.tx.reserve(1).expect("the session lives");
            pair.tx.seal_carry(counter, 0, HOP_LIMIT, frame);
        }
    };
    meter.run(state, ready, |(pair, frames), turn| {
        let frame = black_box(&mut frames[turn]);
        let carry = pair.rx.open_carry(1, PATH, frame).expect("authentic");
        let counter = pair.tx.reserve(1).expect("the session lives");
        pair.tx
            .seal_carry(counter, carry.flags, carry.hop_limit - 1, frame);
    });
}

fn flood(meter: &mut Meter, spoilt: bool) {
    /// Into the ephemeral key, which the first mac covers.
    const COVERED: usize = 20;
    let (mut a, mut b) = (End::new(1, 2, Aes256Gcm), End::new(2, 1, Aes256Gcm));
    a.sessions.connect(1_000, NET, 2, &[PATH], &[]);
    let mut hello = a.step(10_000, &[]).swap_remove(0);
    if spoilt {
        hello[COVERED] ^= 1;
    }
    let mut handle = move |path: u32| {
        b.sessions
            .handle(20_000, weft_session::Path::Link(path), black_box(&hello));
        let mut answers = 0;
        while b.sessions.poll_output().is_some() {
            answers += 1;
        }
        answers
    };
    // Until the gate asks for cookies.
    let mut path = 0;
    for _ in 0..BATCH * 4 {
        path += 1;
        handle(path);
    }
    meter.repeat((), |(), _| {
        path += 1;
        assert_eq!(handle(path), usize::from(!spoilt));
    });
}
