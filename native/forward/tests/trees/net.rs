//! Nodes with planes on a virtual clock: links that delay and lose, nodes that die without a word. All chance comes from the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weft_forward::PeerId;
use weft_forward::tree::{
    CastName, Options, Out, Repair, TreeConfig, TreeEvent, TreeName, TreePlane, TroubleCode,
};

pub const MS: u64 = 1_000;
pub const S: u64 = 1_000_000;
pub const TREE: TreeName = TreeName { origin: 77, tree: 1 };
/// epoch, key id, sequence, padding.
pub const BODY: usize = 200;
/// Of a message, all of them together.
const HEADERS: u64 = 80;

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    /// True in so many of a thousand cases.
    pub fn permille(&mut self, n: u64) -> bool {
        self.below(1_000) < n
    }
}

#[derive(Clone)]
enum What {
    Cast { hop_limit: u8, body: Vec<u8> },
    Control(Vec<u8>),
    Set(TreeConfig),
    Lost(PeerId),
}

struct Arrival {
    from: PeerId,
    to: PeerId,
    what: What,
}

pub struct Host {
    pub plane: TreePlane,
    pub alive: bool,
    /// (key id, sequence) → when.
    pub got: BTreeMap<(u32, u64), u64>,
    pub doubled: u64,
    pub events: Vec<(u64, TreeEvent)>,
    forwarded: BTreeSet<(u32, u64)>,
    ticked: u64,
    ticks: u64,
}

impl Host {
    pub fn grafts(&self) -> usize {
        let is_graft = |(_, e): &&(u64, TreeEvent)| matches!(e, TreeEvent::Grafted { .. });
        self.events.iter().filter(is_graft).count()
    }

    pub fn orphaned(&self) -> bool {
        let code = TroubleCode::NoParent;
        let is = |(_, e): &(u64, TreeEvent)| matches!(e, TreeEvent::Trouble { code: c, .. } if *c == code);
        self.events.iter().any(is)
    }

    /// The longest time between two casts after `since`.
    pub fn longest_gap(&self, since: u64) -> u64 {
        let mut times: Vec<u64> = self.got.values().copied().filter(|at| *at >= since).collect();
        times.sort_unstable();
        times.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0)
    }
}

/// Host 0 is the origin. A peer's handle is its place, for everybody.
pub struct Net {
    pub now: u64,
    pub dice: Dice,
    pub hosts: Vec<Host>,
    /// Of a thousand, on each link.
    pub loss: u64,
    pub delay: u64,
    pub jitter: u64,
    /// Pairs whose packets vanish.
    pub cut: BTreeSet<(PeerId, PeerId)>,
    pub sent: BTreeMap<(u32, u64), u64>,
    /// Control frames by verb.
    pub frames: [u64; 16],
    pub resent: u64,
    /// Given back by parity.
    pub recovered: u64,
    /// What each host's uplink is said to bear, bytes a second; 0: not known.
    pub line: u64,
    /// Bytes that each host sent, headers included.
    pub bytes: Vec<u64>,
    queue: BTreeMap<(u64, u64), Arrival>,
    serial: u64,
    next: BTreeMap<u32, u64>,
}

struct Wire<'a> {
    from: PeerId,
    now: u64,
    delay: u64,
    out: &'a mut Vec<(PeerId, What)>,
    events: &'a mut Vec<(u64, TreeEvent)>,
    recovered: &'a mut Vec<(PeerId, Vec<u8>)>,
    dead: &'a BTreeSet<PeerId>,
}

impl Out for Wire<'_> {
    fn control(&mut self, to: PeerId, plaintext: &[u8]) -> bool {
        let is_parity = plaintext[0] == 0x5a;
        assert!(is_parity || plaintext.len() <= weft_forward::tree::limits::MESSAGE_MAX);
        assert_ne!(to, self.from);
        let has_session = !self.dead.contains(&to);
        if has_session {
            self.out.push((to, What::Control(plaintext.to_vec())));
        }
        has_session
    }

    fn resend(&mut self, to: PeerId, hop_limit: u8, body: &[u8]) {
        let body = body.to_vec();
        self.out.push((to, What::Cast { hop_limit, body }));
    }

    fn recovered(&mut self, from: PeerId, body: &[u8]) {
        self.recovered.push((from, body.to_vec()));
    }

    fn rtt(&self, _: PeerId) -> u64 {
        2 * self.delay
    }

    fn event(&mut self, event: TreeEvent) {
        self.events.push((self.now, event));
    }
}

fn body_of(cast: &CastName) -> Vec<u8> {
    // Not all of one length.
    let mut body = vec![0xA5; BODY - cast.sequence as usize % 17];
    body[..2].copy_from_slice(&cast.epoch.to_be_bytes());
    body[2..6].copy_from_slice(&cast.key_id.to_be_bytes());
    body[6..14].copy_from_slice(&cast.sequence.to_be_bytes());
    body
}

fn name_of(body: &[u8]) -> CastName {
    CastName {
        tree: TREE,
        epoch: u16::from_be_bytes([body[0], body[1]]),
        key_id: u32::from_be_bytes(body[2..6].try_into().unwrap()),
        sequence: u64::from_be_bytes(body[6..14].try_into().unwrap()),
    }
}

impl Net {
    pub fn new(seed: u64, hosts: usize) -> Net {
        let host = |_| Host {
            plane: TreePlane::new(Options::default(), Arc::default()),
            alive: true,
            got: BTreeMap::new(),
            doubled: 0,
            events: Vec::new(),
            forwarded: BTreeSet::new(),
            ticked: 0,
            ticks: 0,
        };
        Net {
            now: S,
            dice: Dice::new(seed),
            hosts: (0..hosts).map(host).collect(),
            loss: 0,
            delay: 5 * MS,
            jitter: MS,
            cut: BTreeSet::new(),
            sent: BTreeMap::new(),
            frames: [0; 16],
            resent: 0,
            recovered: 0,
            line: 0,
            bytes: vec![0; hosts],
            queue: BTreeMap::new(),
            serial: 0,
            next: BTreeMap::new(),
        }
    }

    fn post(&mut self, at: u64, from: PeerId, to: PeerId, what: What) {
        self.serial += 1;
        self.queue.insert((at, self.serial), Arrival { from, to, what });
    }

    fn send(&mut self, from: PeerId, to: PeerId, what: What) {
        if let What::Control(message) = &what {
            self.frames[usize::from(message[0] >> 4)] += 1;
        }
        if let What::Control(body) | What::Cast { body, .. } = &what {
            self.bytes[from as usize] += body.len() as u64 + HEADERS;
        }
        let is_lost = self.dice.permille(self.loss) || self.cut.contains(&(from, to));
        let at = self.now + self.delay + self.dice.below(self.jitter + 1);
        if !is_lost && (to as usize) < self.hosts.len() {
            self.post(at, from, to, what);
        }
    }

    /// Uses the plane of a host and sends what it says.
    pub fn with<R>(&mut self, host: PeerId, call: impl FnOnce(&mut TreePlane, &mut dyn Out) -> R) -> R {
        let mut out = Vec::new();
        let (dead, mut recovered) = (BTreeSet::new(), Vec::new());
        let node = &mut self.hosts[host as usize];
        let mut wire = Wire {
            from: host,
            now: self.now,
            delay: self.delay,
            out: &mut out,
            events: &mut node.events,
            recovered: &mut recovered,
            dead: &dead,
        };
        let result = call(&mut node.plane, &mut wire);
        for (from, body) in recovered {
            // What a liar makes up is no cast: sealing tells, which this network does not have.
            if body.is_empty() {
                continue;
            }
            assert_eq!(body, body_of(&name_of(&body)), "as it was sent");
            self.recovered += 1;
            self.post(self.now, from, host, What::Cast { hop_limit: 15, body });
        }
        for (to, what) in out {
            self.resent += u64::from(matches!(what, What::Cast { .. }));
            self.send(host, to, what);
        }
        result
    }

    /// The origin sends one cast in this epoch.
    pub fn cast(&mut self, epoch: u16, key_id: u32) {
        let next = self.next.entry(key_id).or_insert(0);
        let sequence = *next;
        *next += 1;
        let cast = CastName {
            tree: TREE,
            epoch,
            key_id,
            sequence,
        };
        self.sent.insert((key_id, sequence), self.now);
        let (body, mut children) = (body_of(&cast), Vec::new());
        let now = self.now;
        self.with(0, |plane, _| plane.own(now, &cast, 15, &body, &mut children));
        for to in children {
            let body = body.clone();
            self.send(0, to, What::Cast { hop_limit: 15, body });
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, until: u64) {
        loop {
            let arrival = self.queue.first_key_value().map(|((at, _), _)| *at);
            let alive = self.hosts.iter().enumerate().filter(|(_, host)| host.alive);
            let (deadline, host) = alive
                .map(|(place, host)| (host.plane.next_deadline(), place as PeerId))
                .min()
                .unwrap_or((u64::MAX, 0));
            let at = arrival.unwrap_or(u64::MAX).min(deadline);
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            let now = self.now;
            if deadline <= at {
                self.with(host, |plane, out| plane.tick(now, out));
                let host = &mut self.hosts[host as usize];
                assert!(host.plane.next_deadline() > now, "a tick leaves nothing due");
                host.ticks = if now < host.ticked + 10 { host.ticks + 1 } else { 0 };
                assert!(host.ticks < 50, "ticks round and round");
                host.ticked = now;
            } else if let Some((_, arrival)) = self.queue.pop_first() {
                self.arrive(arrival);
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, Arrival { from, to, what }: Arrival) {
        if !self.hosts[to as usize].alive {
            return;
        }
        let now = self.now;
        match what {
            What::Control(message) => {
                let _ = self.with(to, |plane, out| plane.on_control(now, from, &message, out));
            }
            What::Set(config) => self.with(to, |plane, _| plane.set(now, config)).unwrap(),
            What::Lost(peer) => self.with(to, |plane, out| plane.peer_lost(now, peer, out)),
            What::Cast { hop_limit, body } => {
                let (cast, mut children) = (name_of(&body), Vec::new());
                let host = &mut self.hosts[to as usize];
                let Ok(pass) = host.plane.check(now, from, &cast, body.len()) else {
                    return;
                };
                let name = (cast.key_id, cast.sequence);
                host.plane.take(now, pass, hop_limit - 1, &body, &mut children);
                host.doubled += u64::from(host.got.insert(name, now).is_some());
                assert!(host.forwarded.insert(name), "a cast goes on once");
                assert!(!children.contains(&from), "never back");
                for child in children {
                    let (hop_limit, body) = (hop_limit - 1, body.clone());
                    self.send(to, child, What::Cast { hop_limit, body });
                }
            }
        }
    }

    pub fn kill(&mut self, host: PeerId) {
        self.hosts[host as usize].alive = false;
    }

    /// Every host but the dead one hears that the session with it ended.
    pub fn sessions_end(&mut self, at: u64, gone: PeerId) {
        for to in 0..self.hosts.len() as PeerId {
            self.post(at, gone, to, What::Lost(gone));
        }
    }

    /// Tells a host its part at a time to come.
    pub fn set_at(&mut self, at: u64, host: PeerId, config: TreeConfig) {
        self.post(at, host, host, What::Set(config));
    }

    /// Of all that was sent from `from` to `to`, what a host did not get.
    pub fn missing(&self, host: PeerId, from: u64, to: u64) -> usize {
        let got = &self.hosts[host as usize].got;
        let due = self.sent.iter().filter(|(_, at)| (from..to).contains(*at));
        due.filter(|(name, _)| !got.contains_key(*name)).count()
    }
}

/// The shape of a tree: whose child everybody is (host 0 is the root).
#[derive(Clone, Debug)]
pub struct Shape(pub Vec<PeerId>);

impl Shape {
    /// Each has `degree` children, filled in order.
    pub fn regular(hosts: usize, degree: usize) -> Shape {
        let parent = |host: usize| {
            if host == 0 {
                0
            } else {
                ((host - 1) / degree) as PeerId
            }
        };
        Shape((0..hosts).map(parent).collect())
    }

    /// Any tree over all hosts.
    pub fn random(dice: &mut Dice, hosts: usize) -> Shape {
        let mut order: Vec<PeerId> = (1..hosts as PeerId).collect();
        for n in (1..order.len()).rev() {
            order.swap(n, dice.below(n as u64 + 1) as usize);
        }
        order.insert(0, 0);
        let mut parents = vec![0; hosts];
        for (n, host) in order.iter().enumerate().skip(1) {
            let near = dice.below(n.min(6) as u64) as usize;
            parents[*host as usize] = order[n - 1 - near];
        }
        Shape(parents)
    }

    pub fn parent(&self, host: PeerId) -> Option<PeerId> {
        (host != 0).then(|| self.0[host as usize])
    }

    pub fn children(&self, host: PeerId) -> Vec<PeerId> {
        (1..self.0.len() as PeerId)
            .filter(|other| self.0[*other as usize] == host)
            .collect()
    }

    /// The rule of docs/trees.md.
    pub fn backups(&self, host: PeerId) -> Vec<PeerId> {
        let Some(parent) = self.parent(host) else {
            return Vec::new();
        };
        let grandparent = self.parent(parent).unwrap_or(0);
        let aunts = self.children(grandparent).into_iter();
        let aunts: Vec<PeerId> = aunts.filter(|aunt| *aunt != parent && *aunt != host).collect();
        let above = self.parent(grandparent).filter(|above| *above != 0);
        let last = (grandparent != 0).then_some(0);
        let most = if parent == 0 { 6 } else { 3 };
        let turn = self
            .children(parent)
            .iter()
            .position(|child| *child == host)
            .unwrap_or(0);
        let own = (parent != 0).then_some(grandparent);
        let aunts = (0..aunts.len()).map(|step| aunts[(step + turn) % aunts.len()]);
        let aunts = aunts.take(most);
        own.into_iter().chain(aunts).chain(above).chain(last).collect()
    }

    pub fn config(&self, host: PeerId, epoch: u16, repair: Repair) -> TreeConfig {
        let others = 1..self.0.len() as PeerId;
        TreeConfig {
            name: TREE,
            epoch,
            parent: self.parent(host),
            backups: self.backups(host),
            children: self.children(host),
            adoptable: others
                .filter(|other| self.backups(*other).contains(&host))
                .collect(),
            repair,
            bytes_per_second: 0,
            groups: 1,
            left: false,
        }
    }
}

impl Net {
    /// All know the tree now.
    pub fn plant(&mut self, shape: &Shape, epoch: u16, repair: Repair) {
        let now = self.now;
        for host in 0..self.hosts.len() as PeerId {
            let mut config = shape.config(host, epoch, repair);
            config.bytes_per_second = self.line;
            self.hosts[host as usize].plane.set(now, config).unwrap();
        }
    }

    /// A stream of so many casts, `every` µs.
    pub fn stream(&mut self, epoch: u16, key_id: u32, casts: u64, every: u64) {
        for _ in 0..casts {
            self.cast(epoch, key_id);
            self.run(self.now + every);
        }
    }

    pub fn doubled(&self) -> u64 {
        self.hosts.iter().map(|host| host.doubled).sum()
    }

    pub fn grafts(&self) -> usize {
        self.hosts.iter().map(Host::grafts).sum()
    }
}
