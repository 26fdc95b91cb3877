//! What the threads share about one network: immutable snapshots and atomics.

use crate::adapter::Common;
use crate::anywhere::Injected;
use crate::api::{NetId, PeerId};
use crate::lane::Share;
use crate::pace::Pace;
use crate::tree_calls::OwnCasts;
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weft_forward::tree::{Options as TreeOptions, TreePlane};
use weft_forward::{FairLimits, LocalGroups, Snooper, Table};
use weft_packet::{DropReason, Mac};
use weft_session::{CastSigner, CastTx, Tx};
use weft_socket::{SendFailure, UdpSocket};

/// One peer, as long as the engine knows it.
#[derive(Default)]
pub struct PeerState {
    pub peer: PeerId,
    /// The sealing keys; none without a session.
    pub tx: ArcSwapOption<Tx>,
    /// Name of the sender key that it was given, 0 for none.
    pub given: AtomicU32,
    /// Packets wait for its session: wake the adapter when it comes.
    pub waiting: AtomicBool,
    /// Longest frame that its path takes, bytes; 0 while nothing is known.
    pub frame_max: AtomicUsize,
    /// Control messages on their way to the sessions, bytes.
    pub control_pending: AtomicUsize,
    /// How slow its way is: bytes a second and the wait for company, µs; both 0 for one that is not.
    pub pace_rate: AtomicU64,
    pub pace_wait: AtomicU64,
    /// Neighbours that its flows are spread over while its path is relayed.
    pub relays: ArcSwapOption<Vec<Share>>,
}

impl PeerState {
    pub fn new(peer: PeerId, frame_max: usize) -> PeerState {
        PeerState {
            peer,
            frame_max: AtomicUsize::new(frame_max),
            ..PeerState::default()
        }
    }

    #[inline]
    pub fn is_slow(&self) -> bool {
        self.pace_rate.load(Relaxed) | self.pace_wait.load(Relaxed) != 0
    }

    pub fn pace(&self) -> Pace {
        Pace {
            bytes_per_second: self.pace_rate.load(Relaxed),
            aggregate_us: self.pace_wait.load(Relaxed),
        }
    }

    /// The narrower of what is known and `default`.
    pub fn room(&self) -> usize {
        match self.frame_max.load(Relaxed) {
            0 => usize::MAX,
            n => n,
        }
    }
}

/// Immutable: replaced whole when members or groups change.
pub struct View {
    /// What casts of own trees are sealed with, by tree.
    pub own_trees: HashMap<u16, OwnTree>,
    /// Own trees that the packets of a group take by turns; none of them is missing in `own_trees`.
    pub send_on: HashMap<IpAddr, Vec<u16>>,
    /// Groups whose packets take none, however many receive them.
    pub directly: HashSet<IpAddr>,
    /// Groups that take trees however few receive them.
    pub repaired: HashSet<IpAddr>,
    pub table: Table,
    /// What this host may send to groups.
    pub fair: FairLimits,
    /// Strangers too: the table does not lead to them.
    pub peers: HashMap<PeerId, Arc<PeerState>>,
    pub cast: Arc<CastTx>,
    pub mac: Mac,
    /// First 8 bytes of the own member id.
    pub origin: [u8; 8],
    pub mtu: usize,
    /// Own overlay addresses.
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Ipv6Addr,
}

/// An own tree: where its packets go is in the [`TreePlane`].
#[derive(Clone)]
pub struct OwnTree {
    pub epoch: u16,
    pub cast: Arc<CastTx>,
}

impl OwnTree {
    /// The same epoch and key.
    pub fn is(&self, other: &OwnTree) -> bool {
        self.epoch == other.epoch && Arc::ptr_eq(&self.cast, &other.cast)
    }
}

/// One network for all threads.
pub struct NetShared {
    pub net: NetId,
    /// All trees that this node is a part of: locked once per batch, by the receive thread for what comes, by the adapter's for
    /// what the host sends.
    pub trees: Mutex<TreePlane>,
    /// Until when the receive thread sleeps as far as trees are concerned, µs; changed under the lock above.
    pub trees_due: AtomicU64,
    /// What casts of own trees are signed with, where they are.
    pub signer: Arc<CastSigner>,
    /// Newest sealing keys of own trees, as the engine set them.
    pub own_casts: Mutex<OwnCasts>,
    /// Bytes that the host sent to each group between `Stream` and `StreamEnd`.
    pub streams: Mutex<BTreeMap<IpAddr, Arc<AtomicU64>>>,
    pub view: ArcSwap<View>,
    /// What applications here joined; written by the adapter's thread.
    pub local: ArcSwap<LocalGroups>,
    /// The snooper between two adapters.
    pub snooper: Mutex<Option<Snooper>>,
    /// Frames for the adapter's thread beside those of the adapter.
    pub injected: Injected,
}

impl NetShared {
    pub fn new(net: NetId, view: Arc<View>, signer: Arc<CastSigner>, common: &Common) -> NetShared {
        let (relay, uplink) = (common.relay_budget.clone(), common.uplink.clone());
        let trees = TreePlane::new(TreeOptions::default(), relay).with_uplink(uplink);
        NetShared {
            net,
            trees: Mutex::new(trees),
            trees_due: AtomicU64::new(u64::MAX),
            signer,
            own_casts: Mutex::default(),
            streams: Mutex::default(),
            view: ArcSwap::new(view),
            local: ArcSwap::default(),
            snooper: Mutex::new(None),
            injected: Injected::default(),
        }
    }

    /// A panic elsewhere may have cut a change of the trees short; what is there is bounded and safe to go on with.
    pub fn lock_trees(&self) -> MutexGuard<'_, TreePlane> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may be seen from outside of the tunnel; changed at any time.
#[derive(Debug, Default)]
pub struct Outside {
    /// Traffic classes stay inside.
    pub no_class: AtomicBool,
    /// No datagrams, in or out: only links carry.
    pub no_datagrams: AtomicBool,
}

/// All sockets, for sending from any thread. Grows only.
pub type Sockets = ArcSwap<Vec<Arc<UdpSocket>>>;

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// Atomic counts; `list` gives them their stable names.
        #[derive(Default)]
        pub struct Counters {
            $($(#[$doc])* pub $field: AtomicU64,)*
            pub packet_drops: [AtomicU64; DropReason::COUNT],
            pub send_failures: [AtomicU64; SendFailure::ALL.len()],
        }

        impl Counters {
            /// Counts of work.
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$(($name, self.$field.load(Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Frames read from adapters (a run is one).
    adapter_reads = "adapterReads",
    /// Frames written to adapters (a run is one).
    adapter_writes = "adapterWrites",
    /// Packets in them.
    packets_out = "packetsOut",
    packets_in = "packetsIn",
    /// Frames that an adapter did not take.
    adapter_full = "adapterFull",
    datagrams_sent = "datagramsSent",
    datagrams_received = "datagramsReceived",
    receive_calls = "receiveCalls",
    send_calls = "sendCalls",
    /// Casts of our own, and copies of them that went to neighbours.
    casts_sealed = "castsSealed",
    /// Signatures made for casts: one for each batch.
    casts_signed = "castsSigned",
    casts_sent = "castsSent",
    casts_received = "castsReceived",
    fragments_sent = "fragmentsSent",
    packets_held = "packetsHeld",
    /// Waited in vain or beyond the bounds.
    held_dropped = "heldDropped",
    queue_full = "queueFull",
    /// Frames to and from links.
    link_frames_sent = "linkFramesSent",
    link_frames_received = "linkFramesReceived",
    /// Frames that a link did not take in time, that came to a full queue, or to a link that is no more.
    link_stale = "linkStale",
    link_full = "linkFull",
    link_gone = "linkGone",
    /// Frames from links while the receive thread was behind.
    link_busy = "linkBusy",
    /// Frames of others that were passed on, and their bytes.
    carried = "carried",
    carried_bytes = "carriedBytes",
    /// Frames of others beyond the budget, without a way, gone round, or from no member.
    relay_budget = "relayBudget",
    no_way = "noWay",
    carry_loop = "carryLoop",
    carry_foreign = "carryForeign",
    /// Frames that held several small packets, and those packets.
    bundles_sent = "bundlesSent",
    bundled = "bundled",
    /// Packets that gave way to newer ones in front of a slow way.
    pace_full = "paceFull",
    /// Datagrams taken from other interfaces, the same again, and those of others or without room.
    anywhere_taken = "anywhereTaken",
    anywhere_same = "anywhereSame",
    anywhere_foreign = "anywhereForeign",
    anywhere_full = "anywhereFull",
    /// Packets marked under way whose senders would not understand the mark.
    ecn_dropped = "ecnDropped",
    /// Copies of casts in trees that left: own ones, and those passed on or sent again.
    tree_copies = "treeCopiesSent",
    /// Copies for children without a session.
    tree_unreached = "treeUnreached",
    /// Casts of trees that were opened here.
    tree_opened = "treeOpened",
    /// Frames of our own that no neighbour was there to carry.
    no_relay = "noRelay",
    /// Frames that did not leave because the uplink is full and others want their shares of it.
    uplink_full = "uplinkFull",
}

impl Counters {
    pub fn drop_packet(&self, reason: DropReason, packets: u64) {
        self.packet_drops[reason as usize].fetch_add(packets, Relaxed);
    }

    pub fn fail_send(&self, failure: SendFailure, datagrams: u64) {
        self.send_failures[failure as usize].fetch_add(datagrams, Relaxed);
    }

    /// Everything that was dropped, by reason.
    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        let packets = DropReason::ALL
            .iter()
            .map(|r| (r.name(), self.packet_drops[*r as usize].load(Relaxed)));
        let sends = SendFailure::ALL
            .iter()
            .map(|f| (f.name(), self.send_failures[*f as usize].load(Relaxed)));
        let full = [
            ("queueFull", self.queue_full.load(Relaxed)),
            ("held", self.held_dropped.load(Relaxed)),
            ("linkStale", self.link_stale.load(Relaxed)),
            ("linkFull", self.link_full.load(Relaxed)),
            ("linkGone", self.link_gone.load(Relaxed)),
            ("linkBusy", self.link_busy.load(Relaxed)),
            ("relayBudget", self.relay_budget.load(Relaxed)),
            ("noWay", self.no_way.load(Relaxed)),
            ("carryLoop", self.carry_loop.load(Relaxed)),
            ("carryForeign", self.carry_foreign.load(Relaxed)),
            ("noRelay", self.no_relay.load(Relaxed)),
            ("uplinkFull", self.uplink_full.load(Relaxed)),
            ("paceFull", self.pace_full.load(Relaxed)),
            ("ecnDropped", self.ecn_dropped.load(Relaxed)),
        ];
        packets.chain(sends).chain(full).filter(|(_, n)| *n > 0).collect()
    }
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}
