//! Trees allocate nothing while they run: casts, what is kept of them, beats, asks for what is missing and answers to them.
#[path = "../../dataplane/tests/lab/sys.rs"]
#[allow(dead_code)]
mod sys;

use std::sync::Arc;
use weft_forward::PeerId;
use weft_forward::tree::limits::MESSAGE_MAX;
use weft_forward::tree::{CastName, Options, Out, Repair, TreeConfig, TreeEvent, TreeName, TreePlane};

#[global_allocator]
static ALLOCATOR: sys::Counting = sys::Counting;

const MS: u64 = 1_000;
const TREE: TreeName = TreeName { origin: 77, tree: 1 };
const BODY: usize = 1_440;
const HOP_LIMIT: u8 = 8;
const RTT: u64 = MS;
/// Origin 0 → relay 1 → 2 and 3.
const PARENTS: [Option<PeerId>; 4] = [None, Some(0), Some(1), Some(1)];
/// One of so many casts is lost on each link, another one on each.
const LOST_EVERY: u64 = 50;
/// After so many casts the origin rests: then beats speak for it.
const REST_EVERY: u64 = 100;
const REST_MS: u64 = 400;
/// They fill what a node keeps of a tree.
const WARM_UP: u64 = 4_000;
const MEASURED: u64 = 4_000;
/// Messages and copies under way at once.
const POST_MAX: usize = 64;

#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "a box would be an allocation")]
enum What {
    Message([u8; MESSAGE_MAX], usize),
    /// The sequence of a cast that is sent again.
    Again(u64),
}

/// What nodes say, without a heap.
struct Post {
    from: PeerId,
    letters: [(PeerId, PeerId, What); POST_MAX],
    used: usize,
}

impl Post {
    fn put(&mut self, to: PeerId, what: What) {
        self.letters[self.used] = (self.from, to, what);
        self.used += 1;
    }
}

impl Out for Post {
    fn control(&mut self, to: PeerId, plaintext: &[u8]) -> bool {
        let mut message = [0; MESSAGE_MAX];
        message[..plaintext.len()].copy_from_slice(plaintext);
        self.put(to, What::Message(message, plaintext.len()));
        true
    }

    fn resend(&mut self, to: PeerId, _hop_limit: u8, body: &[u8]) {
        let sequence = body.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
        self.put(to, What::Again(sequence));
    }

    fn recovered(&mut self, _from: PeerId, _body: &[u8]) {
        unreachable!("there is no parity");
    }

    fn rtt(&self, _peer: PeerId) -> u64 {
        RTT
    }

    fn event(&mut self, event: TreeEvent) {
        panic!("{event:?}");
    }
}

struct Grove {
    now: u64,
    sequence: u64,
    planes: [TreePlane; 4],
    /// Whom each sends to.
    children: [Vec<PeerId>; 4],
    post: Box<[Post; 2]>,
    body: Vec<u8>,
}

fn node(n: usize) -> TreePlane {
    let mut plane = TreePlane::new(Options::default(), Arc::default());
    let children = (0..4).filter(|child| PARENTS[*child] == Some(n as PeerId));
    let config = TreeConfig {
        name: TREE,
        epoch: 1,
        parent: PARENTS[n],
        backups: vec![],
        children: children.map(|child| child as PeerId).collect(),
        adoptable: vec![],
        repair: Repair::Nack,
        bytes_per_second: 0,
        groups: 1,
        left: false,
    };
    plane.set(1, config).expect("within all bounds");
    plane
}

impl Grove {
    fn new() -> Grove {
        let post = || Post {
            from: 0,
            letters: [(0, 0, What::Again(0)); POST_MAX],
            used: 0,
        };
        Grove {
            now: 1,
            sequence: 0,
            planes: std::array::from_fn(node),
            children: std::array::from_fn(|_| Vec::new()),
            post: Box::new([post(), post()]),
            body: vec![7; BODY],
        }
    }

    fn name(sequence: u64) -> CastName {
        CastName {
            tree: TREE,
            epoch: 1,
            key_id: 1,
            sequence,
        }
    }

    /// A cast reaches a node, which passes it on.
    fn arrive(&mut self, from: PeerId, to: PeerId, sequence: u64) {
        let at = to as usize;
        self.body[..8].copy_from_slice(&sequence.to_be_bytes());
        let name = Grove::name(sequence);
        let Ok(pass) = self.planes[at].check(self.now, from, &name, BODY) else {
            return;
        };
        let mut children = std::mem::take(&mut self.children[at]);
        self.planes[at].take(self.now, pass, HOP_LIMIT, &self.body, &mut children);
        for child in &children {
            self.send(to, *child, sequence);
        }
        self.children[at] = children;
    }

    fn send(&mut self, from: PeerId, to: PeerId, sequence: u64) {
        if sequence % LOST_EVERY != u64::from(7 * to) {
            self.arrive(from, to, sequence);
        }
    }

    fn cast(&mut self) {
        self.sequence += 1;
        self.body[..8].copy_from_slice(&self.sequence.to_be_bytes());
        let mut children = std::mem::take(&mut self.children[0]);
        let name = Grove::name(self.sequence);
        self.planes[0].own(self.now, &name, HOP_LIMIT, &self.body, &mut children);
        assert_eq!(children, [1]);
        self.send(0, 1, self.sequence);
        self.children[0] = children;
    }

    /// A millisecond passes: what is due is said and arrives.
    fn pass(&mut self) {
        self.now += MS;
        for (n, plane) in self.planes.iter_mut().enumerate() {
            self.post[0].from = n as PeerId;
            plane.tick(self.now, &mut self.post[0]);
        }
        while self.post[0].used > 0 {
            self.post.swap(0, 1);
            for i in 0..self.post[1].used {
                let (from, to, what) = self.post[1].letters[i];
                self.post[0].from = to;
                match what {
                    What::Message(message, len) => {
                        let plane = &mut self.planes[to as usize];
                        let result = plane.on_control(self.now, from, &message[..len], &mut self.post[0]);
                        assert_eq!(result, Ok(()));
                    }
                    What::Again(sequence) => self.arrive(from, to, sequence),
                }
            }
            self.post[1].used = 0;
        }
    }

    fn run(&mut self, casts: u64) {
        for _ in 0..casts {
            self.cast();
            self.pass();
            if self.sequence % REST_EVERY == 0 {
                (0..REST_MS).for_each(|_| self.pass());
            }
        }
    }

    fn sum(&self, of: impl Fn(&weft_forward::tree::Counters) -> u64) -> u64 {
        self.planes.iter().map(|plane| of(plane.counters())).sum()
    }
}

#[test]
fn trees_in_steady_state_allocate_nothing() {
    let mut grove = Grove::new();
    grove.run(WARM_UP);
    let figures = |grove: &Grove| {
        [
            grove.sum(|c| c.taken),
            grove.sum(|c| c.beats_sent),
            grove.sum(|c| c.asks_sent),
            grove.sum(|c| c.resent),
            grove.sum(|c| c.filled),
        ]
    };
    let before = (sys::allocations(), figures(&grove));
    grove.run(MEASURED);
    let (allocations, after) = (sys::allocations() - before.0, figures(&grove));
    let [taken, beats, asks, resent, filled] = std::array::from_fn(|i| after[i] - before.1[i]);
    assert_eq!(taken, 3 * MEASURED);
    assert!(beats > MEASURED / REST_EVERY, "{beats} beats");
    let lost = MEASURED / LOST_EVERY;
    assert!(
        asks >= lost && resent >= 3 * lost && filled >= 3 * lost,
        "{asks} {resent} {filled}"
    );
    assert_eq!((grove.sum(|c| c.lost), grove.sum(|c| c.not_kept)), (0, 0));
    assert_eq!(
        allocations, 0,
        "for {taken} casts, {beats} beats, {asks} asks, {resent} sent again"
    );
}
