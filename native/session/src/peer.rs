//! What the manager knows about one peer.

use crate::api::{Level, PeerConfig};
use crate::cast::SenderKey;
use crate::control::Control;
use crate::ended::StreamWatch;
use crate::guard::Bucket;
use crate::heard::Hearing;
use crate::hop::Hop;
use crate::idle::Idle;
use crate::limits::{
    CROSSING_KINDS, CROSSING_WINDOW, DH_PER_PEER_PER_SECOND, GENERATIONS_MAX, HELLOS_REMEMBERED,
    OLD_KEYS_OPEN, PINGS_OUT,
};
use crate::line::{Count, Lines};
use crate::noise::Initiator;
use crate::path::Path;
use crate::rtt::Rtt;
use crate::tx::Tx;
use crate::wire::MAC;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One pair of keys: half-open until the initiator's first frame, then a generation.
pub(crate) struct Generation {
    /// Our receiver index.
    pub index: u32,
    pub tx: Arc<Tx>,
    pub heard: Arc<AtomicU64>,
    /// When the handshake was answered (by us or by the peer).
    pub created: u64,
    /// Rank of the kind of way that it was answered over.
    pub rank: u8,
    /// We were the initiator.
    pub initiator: bool,
    /// The peer's association in this handshake.
    pub association: u64,
    /// Bytes of the hop when it began, both directions.
    pub bytes_before: u64,
    /// Random share of the rekey time.
    pub jitter: u64,
}

impl Generation {
    pub fn last_heard(&self) -> u64 {
        self.heard.load(Relaxed)
    }
}

/// A hello that we answered.
pub(crate) struct HalfOpen {
    pub generation: Generation,
    pub ephemeral: [u8; 32],
    /// Sent again when the same hello comes again: Noise forbids a second answer with the same keys.
    pub answer: Vec<u8>,
}

/// One address that our hello goes to.
pub(crate) struct Target {
    pub path: Path,
    pub due: u64,
    pub wait: u64,
    pub sent: u32,
    pub sent_at: u64,
    pub cookie: Option<([u8; MAC], u64)>,
}

/// Our own hello, waiting for an answer.
pub(crate) struct Initiation {
    pub noise: Initiator,
    pub index: u32,
    /// The hello without its macs.
    pub message: Vec<u8>,
    pub mac1: [u8; MAC],
    /// Given up at this time.
    pub until: u64,
    /// Called off when the present way speaks again.
    pub urgent: bool,
    pub targets: Vec<Target>,
}

/// A sender key that the peer has not acknowledged.
pub(crate) struct Gift {
    pub key: SenderKey,
    pub due: u64,
    pub wait: u64,
}

/// What is known about whether the peer is there.
pub(crate) struct Liveness {
    /// Silence counts from here at the earliest.
    pub since: u64,
    /// Data or a ping went out at this time and nothing was heard since.
    pub expecting: Option<u64>,
    /// Something that asks for an answer, other than casts, went out at this time and nothing was heard since.
    pub waiting: Option<u64>,
    /// Data was heard at this time and nothing was sent since.
    pub owing: Option<u64>,
    /// A probe (after sleep or `poke`) that only a pong or a new handshake ends.
    pub probe: Option<u64>,
    pub suspect: bool,
    pub stream: StreamWatch,
    /// The last look at the timers: what else happens to the peer does not put off the next.
    pub looked: u64,
    pub last_ping: u64,
    /// That had passed both ways by then.
    pub frames_at_ping: u64,
    /// Stamps of those that are out, and what had left before each.
    pub pings: VecDeque<(u64, Count)>,
    /// What the way carries, and which way and session that is.
    /// By path and the peer's association.
    pub lines: Lines<(Path, Option<u64>)>,
    /// What is lost of its frames.
    pub hearing: Hearing,
    pub rtt: Rtt,
    pub observed: Option<SocketAddr>,
    pub idle: Idle,
    /// A renewal is due since.
    pub rekey: Option<u64>,
}

impl Liveness {
    fn new() -> Liveness {
        Liveness {
            since: 0,
            expecting: None,
            waiting: None,
            owing: None,
            probe: None,
            suspect: false,
            stream: StreamWatch::default(),
            looked: 0,
            last_ping: 0,
            frames_at_ping: 0,
            pings: VecDeque::new(),
            lines: Lines::default(),
            hearing: Hearing::default(),
            rtt: Rtt::default(),
            observed: None,
            idle: Idle::new(),
            rekey: None,
        }
    }

    /// A session begins or was renewed: everything is well.
    pub fn restart(&mut self, now: u64) {
        self.since = now;
        self.expecting = None;
        self.waiting = None;
        self.probe = None;
        self.suspect = false;
        self.rekey = None;
    }

    pub fn note_ping(&mut self, now: u64, sent: Count) {
        self.last_ping = now;
        if self.pings.len() >= PINGS_OUT {
            self.pings.pop_front();
        }
        self.pings.push_back((now, sent));
    }
}

pub(crate) struct Peer {
    pub config: PeerConfig,
    pub hop: Arc<Hop>,
    /// Names our side of the control streams; new whenever they start anew.
    pub association: u64,
    /// The peer's; None without a session.
    pub remote_association: Option<u64>,
    pub candidates: Vec<Path>,
    pub hint: Vec<u8>,
    pub generations: Vec<Generation>,
    /// Index of the generation that seals.
    pub current: Option<u32>,
    pub half_open: VecDeque<HalfOpen>,
    /// Much of it is Noise's, which few peers need at a time.
    pub initiation: Option<Box<Initiation>>,
    hellos_seen: VecDeque<[u8; 8]>,
    pub hellos: Bucket,
    pub control: Control,
    pub gifts: Vec<Gift>,
    pub live: Liveness,
    pub stranger_until: Option<u64>,
    /// Its entry in the manager's timers.
    pub deadline: u64,
}

impl Peer {
    pub fn new(config: PeerConfig, association: u64) -> Peer {
        let member = config.level == Level::Member;
        Peer {
            config,
            hop: Arc::new(Hop::new(Path::Link(0), member)),
            association,
            remote_association: None,
            candidates: Vec::new(),
            hint: Vec::new(),
            generations: Vec::new(),
            current: None,
            half_open: VecDeque::new(),
            initiation: None,
            hellos_seen: VecDeque::new(),
            hellos: Bucket::new(DH_PER_PEER_PER_SECOND),
            control: Control::new(member),
            gifts: Vec::new(),
            live: Liveness::new(),
            stranger_until: None,
            deadline: u64::MAX,
        }
    }

    pub fn is_up(&self) -> bool {
        self.current.is_some()
    }

    pub fn is_member(&self) -> bool {
        self.config.level == Level::Member
    }

    pub fn current(&self) -> Option<&Generation> {
        self.current
            .and_then(|index| self.generations.iter().find(|g| g.index == index))
    }

    /// The last time that anything passed, either way.
    pub fn quiet_since(&self) -> u64 {
        let (sent, heard) = (self.hop.sent(), self.hop.heard());
        let live = &self.live;
        sent.last
            .max(heard.last_data)
            .max(live.idle.upkeep)
            .max(live.since)
    }

    /// An answer is due from now on. What was expected before and has come (nobody looked yet) counts no more.
    pub fn expect_from(&mut self, now: u64) {
        let last = self.hop.heard().last.max(self.live.since);
        if self.live.expecting.is_none_or(|since| last >= since) {
            self.live.expecting = Some(now);
        }
    }

    /// False when this hello's ephemeral key was seen before; remembers it.
    pub fn is_new_hello(&mut self, ephemeral: &[u8; 32]) -> bool {
        let mut short = [0u8; 8];
        short.copy_from_slice(&ephemeral[..8]);
        if self.hellos_seen.contains(&short) {
            return false;
        }
        if self.hellos_seen.len() >= HELLOS_REMEMBERED {
            self.hellos_seen.pop_front();
        }
        self.hellos_seen.push_back(short);
        true
    }

    /// Both ends called each other at about the same time and one rule decides at both: over the same kind of way the
    /// session that the smaller key initiated carries (`ours_is_smaller`), else the better kind.
    pub fn current_wins(&self, candidate: &Generation, ours_is_smaller: bool) -> bool {
        self.current().is_some_and(|c| {
            let apart = c.created.abs_diff(candidate.created);
            let crossed = if c.rank == candidate.rank {
                apart <= CROSSING_WINDOW && c.initiator == ours_is_smaller
            } else {
                apart <= CROSSING_KINDS && c.rank > candidate.rank
            };
            c.initiator != candidate.initiator
                && c.association == candidate.association
                && crossed
                && !self.live.suspect
        })
    }

    /// The peer may move its path by a frame of this generation: of the current one or a newer. An older one counts only
    /// when the peer goes on with it long after (both called, and each holds the other's session for the better).
    pub fn may_move_by(&self, now: u64, index: u32) -> bool {
        let Some(by) = self.generations.iter().find(|g| g.index == index) else {
            return false;
        };
        let Some(current) = self.current() else {
            return false;
        };
        let left_alone = current.last_heard() == 0 && now > current.created + CROSSING_WINDOW;
        by.index == current.index || by.created > current.created || left_alone
    }

    /// Takes out generations that the peer has left behind, and the least recently heard above the limit. The one
    /// that we seal with stays, and so does the one that the peer was last heard on, whatever its age.
    pub fn outdated(&mut self) -> Vec<Generation> {
        let newest = self
            .generations
            .iter()
            .map(Generation::last_heard)
            .max()
            .unwrap_or(0);
        let current = self.current;
        let left = |g: &Generation| {
            Some(g.index) != current && newest >= g.last_heard().max(g.created) + OLD_KEYS_OPEN
        };
        let mut out: Vec<Generation> = Vec::new();
        while let Some(at) = self.generations.iter().position(left) {
            out.push(self.generations.remove(at));
        }
        while self.generations.len() > GENERATIONS_MAX {
            let spare = (0..self.generations.len())
                .filter(|i| Some(self.generations[*i].index) != current)
                .min_by_key(|i| (self.generations[*i].last_heard(), self.generations[*i].created));
            match spare {
                Some(at) => out.push(self.generations.remove(at)),
                None => break,
            }
        }
        out
    }
}
