//! All hosts, their underlay and their applications on one clock.

mod apps;

use crate::api::{Event, NetId};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::flow::{self, FlowOptions, Ticket};
use crate::kinds::Kinds;
use crate::node::{Figures, Node, Out, Plants};
use crate::queue::Queue;
use crate::receipts::Receipts;
use crate::rng::Rng;
use crate::stack::Stack;
use crate::underlay::{Arrival, Flight, PORT, Place, Shape, Underlay};
use std::collections::VecDeque;

/// Shortest time between two calls of one engine, µs: as the real data plane coalesces them.
const WAKE_EVERY_US: u64 = 20_000;
/// … but for so many after a rest.
const WAKES_AT_ONCE: u64 = 16;
/// Streams of chance.
const OF_UNDERLAY: u64 = 1;
const OF_HOSTS: u64 = 2;
const OF_NODES: u64 = 3;

#[derive(Clone, Debug, Default)]
pub struct WorldOptions {
    pub shape: Shape,
    /// Every n-th packet that a node would deliver is lost: a bug, planted to see whether tests find it.
    pub plant_drop_every: Option<u64>,
    pub plants: Plants,
}

#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    pub place: Place,
    pub clock: Clock,
}

enum Work {
    /// At a host's access.
    Flight(Flight),
    /// In a host's hands.
    Arrival(Arrival),
    Timer(u32),
    Wake(u32),
    Flow(u32),
    /// The host's stack answers a query.
    Answer {
        host: u32,
        net: NetId,
        v4: bool,
    },
}

struct Host {
    node: Option<Box<Node>>,
    lives: u64,
    clock: Clock,
    stack: Stack,
    events: VecDeque<Event>,
    /// The engine is told of events at a planned time, or was told and has not asked since.
    told: bool,
    /// Up to here its calls are paid for.
    paid_until: u64,
    /// World time of the planned timer; earlier plans are void.
    timer_at: u64,
    /// Of earlier lives.
    past: Figures,
}

pub struct World {
    seed: u64,
    now: u64,
    queue: Queue<Work>,
    hosts: Vec<Host>,
    pub underlay: Underlay,
    flows: Vec<(FlowOptions, Receipts)>,
    /// Nodes with events, not yet returned.
    ready: Vec<u32>,
    rng: Rng,
    digest: Digest,
    plant_drop_every: Option<u64>,
    plants: Plants,
    deliveries: u64,
}

impl World {
    pub fn new(seed: u64, options: WorldOptions) -> World {
        World {
            seed,
            now: 0,
            queue: Queue::new(),
            hosts: Vec::new(),
            underlay: Underlay::new(options.shape, Rng::fork(seed, &[OF_UNDERLAY])),
            flows: Vec::new(),
            ready: Vec::new(),
            rng: Rng::fork(seed, &[OF_HOSTS]),
            digest: Digest::new(seed),
            plant_drop_every: options.plant_drop_every,
            plants: options.plants,
            deliveries: 0,
        }
    }

    /// µs since the start.
    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn len(&self) -> u32 {
        self.hosts.len() as u32
    }

    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    pub fn add_host(&mut self, options: &HostOptions) -> u32 {
        let index = self.underlay.add(&options.place);
        self.hosts.push(Host {
            node: None,
            lives: 0,
            clock: options.clock,
            stack: Stack::default(),
            events: VecDeque::new(),
            told: false,
            paid_until: 0,
            timer_at: u64::MAX,
            past: Figures::default(),
        });
        self.restart(index);
        index
    }

    /// Power cut: sessions and keys are gone; the host's applications stay.
    pub fn kill(&mut self, index: u32) {
        let host = &mut self.hosts[index as usize];
        if let Some(node) = host.node.take() {
            host.past.add(node.figures(), &node.drops());
        }
        host.events.clear();
        host.told = false;
        host.timer_at = u64::MAX;
        self.underlay.set_alive(index, false);
    }

    /// A new process on a dead host.
    pub fn restart(&mut self, index: u32) {
        let host = &mut self.hosts[index as usize];
        if host.node.is_none() {
            host.lives += 1;
            let rng = Rng::fork(self.seed, &[OF_NODES, u64::from(index), host.lives]);
            host.node = Some(Box::new(Node::new(rng, PORT, self.plants)));
            self.underlay.set_alive(index, true);
        }
    }

    pub fn is_alive(&self, index: u32) -> bool {
        self.hosts[index as usize].node.is_some()
    }

    pub fn clock(&self, index: u32) -> Clock {
        self.hosts[index as usize].clock
    }

    /// Lets an engine use its node; `None` when the host is dead.
    pub fn with_node<R>(&mut self, index: u32, act: impl FnOnce(&mut Node, u64) -> R) -> Option<R> {
        let host = &mut self.hosts[index as usize];
        let local = host.clock.local(self.now);
        let result = act(host.node.as_mut()?, local);
        self.settle(index);
        Some(result)
    }

    /// Events for a node's engine, oldest first.
    pub fn poll(&mut self, index: u32, max: usize) -> Vec<Event> {
        let host = &mut self.hosts[index as usize];
        let n = host.events.len().min(max);
        let events = host.events.drain(..n).collect();
        host.told = false;
        self.plan_wake(index);
        events
    }

    fn plan_wake(&mut self, index: u32) {
        let host = &mut self.hosts[index as usize];
        if !host.told && !host.events.is_empty() {
            host.told = true;
            let earliest = host
                .paid_until
                .saturating_sub(WAKE_EVERY_US * (WAKES_AT_ONCE - 1));
            self.queue.push(earliest.max(self.now), Work::Wake(index));
        }
    }

    /// Runs until some node has events for its engine, or until `until`; returns those nodes.
    pub fn advance(&mut self, until: u64) -> Vec<u32> {
        loop {
            let next = self.queue.next_at();
            if !self.ready.is_empty() && next > self.now {
                break;
            }
            if next > until {
                self.now = self.now.max(until);
                break;
            }
            if let Some((at, work)) = self.queue.pop() {
                self.now = self.now.max(at);
                self.work(at, work);
            }
        }
        std::mem::take(&mut self.ready)
    }

    fn work(&mut self, at: u64, work: Work) {
        match work {
            Work::Flight(flight) => {
                let queue = &mut self.queue;
                let mut now = None;
                self.underlay.arrive(at, flight, &mut |ready, arrival| {
                    if ready <= at {
                        now = Some(arrival)
                    } else {
                        queue.push(ready, Work::Arrival(arrival))
                    }
                });
                if let Some(arrival) = now {
                    self.hand_over(arrival);
                }
            }
            Work::Arrival(arrival) => self.hand_over(arrival),
            Work::Timer(index) => {
                let host = &mut self.hosts[index as usize];
                if host.timer_at == at {
                    host.timer_at = u64::MAX;
                    self.with_node(index, |node, now| node.handle_timeout(now));
                }
            }
            Work::Wake(index) => {
                let host = &mut self.hosts[index as usize];
                if host.told && !host.events.is_empty() {
                    host.paid_until = host.paid_until.max(at) + WAKE_EVERY_US;
                    self.ready.push(index);
                }
            }
            Work::Flow(flow) => self.send_flow(flow),
            Work::Answer { host, net, v4 } => self.answer_query(host, net, v4),
        }
    }

    fn hand_over(&mut self, arrival: Arrival) {
        let Arrival { to, from, bytes } = arrival;
        self.with_node(to, |node, now| node.receive(now, from, bytes));
    }

    /// Does what a node asks for, and plans its next timer.
    fn settle(&mut self, index: u32) {
        while let Some(out) = self.hosts[index as usize]
            .node
            .as_mut()
            .and_then(|node| node.poll())
        {
            match out {
                Out::Send { to, bytes, .. } => {
                    self.digest.number(self.now ^ u64::from(index) << 40);
                    self.digest.bytes(&bytes);
                    let queue = &mut self.queue;
                    self.underlay.send(self.now, index, to, bytes, &mut |at, flight| {
                        queue.push(at, Work::Flight(flight))
                    });
                }
                Out::Deliver { packet, .. } => self.deliver(index, &packet),
                Out::Frame { net, frame } => self.hear_frame(index, net, &frame),
                Out::Event(event) => self.hosts[index as usize].events.push_back(event),
            }
        }
        self.plan_wake(index);
        let host = &mut self.hosts[index as usize];
        let deadline = host.node.as_ref().map_or(u64::MAX, |node| node.next_deadline());
        let at = host.clock.world(deadline).max(self.now);
        // A later deadline than planned costs one timer in vain; an earlier one is planned anew.
        if deadline != u64::MAX && at < host.timer_at {
            host.timer_at = at;
            self.queue.push(at, Work::Timer(index));
        }
    }

    fn deliver(&mut self, index: u32, packet: &[u8]) {
        self.deliveries += 1;
        if self.plant_drop_every.is_some_and(|n| self.deliveries % n == 0) {
            return;
        }
        self.digest.number(self.now ^ u64::from(index));
        self.digest.bytes(packet);
        if let Some(Ticket { flow, number }) = flow::ticket(packet) {
            if let Some((_, receipts)) = self.flows.get_mut(flow as usize) {
                receipts.receive(index, number, self.now);
            }
        }
    }

    // ---- figures ----

    /// Of all lives of a host.
    pub fn figures(&self, index: u32) -> Figures {
        let host = &self.hosts[index as usize];
        let mut figures = host.past.clone();
        if let Some(node) = &host.node {
            figures.add(node.figures(), &node.drops());
        }
        figures
    }

    /// Control traffic of all hosts in all their lives, by what is said.
    pub fn kinds(&self) -> Kinds {
        let mut all = Kinds::default();
        for host in &self.hosts {
            all.add_all(&host.past.kinds);
            if let Some(node) = &host.node {
                all.add_all(&node.figures().kinds);
            }
        }
        all
    }

    /// Folds bytes of the harness into the digest.
    pub fn note(&mut self, bytes: &[u8]) {
        self.digest.bytes(bytes);
    }

    pub fn digest(&self) -> String {
        self.digest.text()
    }
}
