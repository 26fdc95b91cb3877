//! The receive thread: owns sessions, opening keys with their replay windows, and what is merged for the adapters.

use crate::adapter::{Common, timeout_ms};
use crate::api::{NetId, Options, PeerId};
use crate::limits::{RECEIVE_BYTES_GOAL, RECEIVES_PER_TURN, SPARSE_BUFFERS, SPARSE_LOOK};
use crate::network::Net;
use crate::outbox::Outbox;
use crate::sys::{self, Poller, Wake};
use crate::tree_in::TreeCast;
use crate::tree_out::Passing;
use crate::uplink::Flows;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use weft_session::fragment::Reassembly;
use weft_session::{CastRx, Options as SessionOptions, Rx, Sessions, SignedRx, Suite, wire};
use weft_socket::{RecvBatch, UdpSocket};

/// Token of the wake descriptor; sockets have their index …
const WAKE_TOKEN: u64 = u64::MAX;
/// … and what they have for sparse flows this beside it.
const SPARSE_TOKEN: u64 = 1 << 32;

/// A packet that did not come in place in a receive buffer: put together from fragments, or held until its key came.
pub struct Single {
    pub net: NetId,
    pub peer: PeerId,
    pub packet: Vec<u8>,
    pub partial: bool,
    /// What goes to many counts against its sender's share.
    pub charge: bool,
}

/// What the receive thread knows about a link.
pub struct LinkUse {
    /// An authentic frame came by it.
    pub proven: bool,
    /// The last one, or its opening, µs.
    pub last: u64,
    /// The engine knows that it lies idle.
    pub unused: bool,
}

/// Everything that the receive thread owns.
pub struct Core {
    pub common: Common,
    pub options: Options,
    pub sessions: Sessions,
    pub rx: Rx,
    pub cast_rx: CastRx,
    /// What signed casts are checked with.
    pub signed_rx: SignedRx,
    pub reassembly: Reassembly,
    pub nets: BTreeMap<NetId, Net>,
    pub singles: Vec<Single>,
    /// Where packets of this batch begin in the receive buffers, by their index in mergers.
    pub places: Vec<u32>,
    /// Sockets that keep to IPv6, by index.
    pub v6_only: Vec<bool>,
    pub ports: Vec<u16>,
    /// Open links as far as frames came by them.
    pub(crate) links: BTreeMap<u32, LinkUse>,
    /// Traffic class of the datagram that is being taken; 0 for what came by links.
    pub(crate) class: u8,
    /// Frames of others on their way through.
    pub(crate) outbox: Outbox,
    pub(crate) poller: Poller,
    pub(crate) closing: bool,
    /// Casts of trees in the batch at hand, and what goes on of them.
    pub(crate) tree_casts: Vec<TreeCast>,
    pub(crate) passing: Passing,
    /// Casts that parity gave back: network, who stands for them, from stamp to inner tag.
    pub(crate) recovered: Vec<(NetId, PeerId, Vec<u8>)>,
    pub(crate) fragment_id: u32,
    /// What is carried for others, by who brings it.
    pub(crate) flows: Flows,
    /// Control messages wait for room in the sessions.
    pub(crate) is_backlogged: bool,
    /// How many buffers the next receive call offers.
    limit: usize,
    ready: Vec<u64>,
}

impl Core {
    /// # Errors
    /// The system has no descriptor left.
    pub fn new(common: Common, options: Options, wake: &Wake) -> io::Result<Core> {
        let poller = Poller::new()?;
        poller.add(wake.raw_fd(), WAKE_TOKEN)?;
        let session_options = SessionOptions {
            suites: Suite::here(),
            features: wire::FEATURE_PARTIAL | wire::FEATURE_BUNDLE | wire::FEATURE_SPARSE,
        };
        let mut sessions = Sessions::new(session_options, Box::new(sys::random));
        sessions.adapt_idle(true);
        let flows = Flows::new(&|slot| common.uplink.flow(u64::MAX - slot as u64));
        Ok(Core {
            common,
            options,
            sessions,
            rx: Rx::new(),
            cast_rx: CastRx::new(),
            signed_rx: SignedRx::new(),
            reassembly: Reassembly::new(),
            nets: BTreeMap::new(),
            singles: Vec::new(),
            places: Vec::with_capacity(4_096),
            v6_only: Vec::new(),
            ports: Vec::new(),
            links: BTreeMap::new(),
            class: 0,
            outbox: Outbox::new(),
            poller,
            tree_casts: Vec::new(),
            passing: Passing::default(),
            recovered: Vec::new(),
            fragment_id: 0,
            flows,
            closing: false,
            is_backlogged: false,
            limit: RecvBatch::BUFFERS,
            ready: Vec::with_capacity(64),
        })
    }

    /// Runs until closed.
    pub fn run(mut self) {
        let mut batch = RecvBatch::new();
        while !self.closing {
            let deadline = self
                .sessions
                .next_deadline()
                .min(self.common.events.next_deadline())
                .min(self.links_deadline())
                .min(self.common.uplink.next_deadline())
                .min(self.trees_deadline());
            let mut ready = std::mem::take(&mut self.ready);
            ready.clear();
            self.poller
                .wait(timeout_ms(sys::now(), deadline), |token| ready.push(token));
            for token in &ready {
                match *token {
                    WAKE_TOKEN => self.obey(),
                    sparse if sparse & SPARSE_TOKEN != 0 => {
                        self.receive_sparse(&mut batch, (sparse & !SPARSE_TOKEN) as usize);
                    }
                    socket => self.receive(&mut batch, socket as usize),
                }
            }
            self.ready = ready;
            let now = sys::now();
            if self.is_backlogged {
                self.retry_control(now);
                self.drain(now);
            }
            if now >= self.sessions.next_deadline() {
                self.sessions.handle_timeout(now);
                self.drain(now);
                self.deliver_singles();
            }
            self.watch_links(now);
            self.watch_uplink(now);
            self.watch_trees(now);
            self.common.events.handle_timeout(now);
        }
        self.nets.values_mut().for_each(Net::detach);
        // The handle may live on: its copy of the list must not keep the sockets open.
        self.common.sockets.store(Arc::default());
    }

    /// Waits for a socket from now on.
    pub(crate) fn watch_socket(&mut self, socket: &UdpSocket, index: usize) -> io::Result<()> {
        self.poller.add(socket.raw_fd(), index as u64)?;
        match socket.sparse_fd() {
            Some(fd) => self.poller.add(fd, index as u64 | SPARSE_TOKEN),
            None => Ok(()),
        }
    }

    /// Takes what a socket has, up to a bound, and writes it to the adapters batch by batch. After each batch of a stream, which takes its
    /// time, come a few frames of sparse flows.
    fn receive(&mut self, batch: &mut RecvBatch, index: usize) {
        let sockets = self.common.sockets.load_full();
        let Some(socket) = sockets.get(index) else { return };
        for _ in 0..RECEIVES_PER_TURN {
            // A socket that fails for good says so again at the next wait; there is nothing else to do about it here.
            let count = socket.recv_batch(batch, self.limit).unwrap_or(0);
            if count == 0 {
                break;
            }
            if !socket.is_quiet() {
                self.take_batch(batch, index as u8);
                self.adapt(batch);
            }
            if batch.bytes() >= SPARSE_LOOK {
                self.receive_sparse(batch, index);
            }
        }
    }

    /// Takes a few frames of sparse flows.
    fn receive_sparse(&mut self, batch: &mut RecvBatch, index: usize) {
        let sockets = self.common.sockets.load_full();
        let Some(socket) = sockets.get(index) else { return };
        let count = socket.recv_sparse(batch, SPARSE_BUFFERS).unwrap_or(0);
        if count > 0 && !socket.is_quiet() {
            self.take_batch(batch, index as u8);
        }
    }

    /// Runs of datagrams fill a buffer each: then fewer buffers at a time, so that their bytes are still in the cache when
    /// they are written.
    fn adapt(&mut self, batch: &RecvBatch) {
        let each = (batch.bytes() / batch.len().max(1)).max(1);
        self.limit = (RECEIVE_BYTES_GOAL / each).clamp(1, RecvBatch::BUFFERS);
    }
}
