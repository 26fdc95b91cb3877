//! The thread of one adapter: reads frames, decides, seals, sends. It owns the snooper and the packets that wait.

use crate::ahead::Ahead;
use crate::anywhere::Anywhere;
use crate::api::{Event, LocalGroup, PeerId};
use crate::casts::CastBatch;
use crate::command::{Command, Commands};
use crate::company::Company;
use crate::events::Events;
use crate::hold::Holds;
use crate::limits::SIGN_EVERY_US;
use crate::links::Links;
use crate::outbox::{Outbox, Outlet};
use crate::pacing::Slows;
use crate::shared::{Counters, NetShared, Outside, Sockets, View, add};
use crate::sparse::SparseFlows;
use crate::streams::Streams;
use crate::sys::{self, Wake};
use crate::uplink::Flows;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use weft_device::{Device, VNET_LEN};
use weft_forward::{
    ANSWER_MAX, Budget, Fair, QUERY_MAX, Snooper, SnooperConfig, Uplink, Verdict, answer_arp, answer_nd,
};
use weft_packet::answer::{ICMP_ERROR_MAX, IcmpError, icmp_error};
use weft_packet::{DropReason, Frame, L3, Mac, Splitter, VnetHeader, ether};
use weft_session::limits::SIGNED_BATCH_MAX;

/// A virtio-net header that asks for nothing.
const PLAIN: [u8; VNET_LEN] = [0; VNET_LEN];
/// Source of ICMP errors and queries: no member's address.
const WEFT_MAC: Mac = Mac([0x02, 0x77, 0x65, 0x66, 0x74, 0x00]);

/// What all threads of the data plane have.
#[derive(Clone)]
pub struct Common {
    pub sockets: Arc<Sockets>,
    pub counters: Arc<Counters>,
    pub events: Arc<Events>,
    pub commands: Arc<Commands>,
    pub links: Arc<Links>,
    pub anywhere: Arc<Anywhere>,
    pub outside: Arc<Outside>,
    /// What is passed on for others, in all networks.
    pub relay_budget: Arc<Budget>,
    /// What leaves at all.
    pub uplink: Arc<Uplink>,
}

/// Everything that the adapter's thread owns.
pub struct AdapterThread {
    pub net: Arc<NetShared>,
    pub device: Arc<dyn Device>,
    pub common: Common,
    pub wake: Arc<Wake>,
    pub stop: Arc<AtomicBool>,
    pub(crate) outbox: Outbox,
    pub(crate) batch: CastBatch,
    pub(crate) holds: Holds,
    pub(crate) slows: Slows,
    pub(crate) scratch: Vec<u8>,
    pub(crate) receivers: Vec<PeerId>,
    pub(crate) fragment_id: u32,
    pub(crate) streams: Streams,
    /// For the trees' answers: to whom a batch goes, and one of its packets.
    pub(crate) children: Vec<PeerId>,
    pub(crate) receivers_of_tree: Vec<PeerId>,
    /// The last signature of casts, µs.
    pub(crate) signed_at: u64,
    /// What this host sent to groups.
    pub(crate) fair: Fair,
    /// What goes to each receiver directly.
    pub(crate) flows: Flows,
    pub(crate) sparse: SparseFlows,
    snooper: Snooper,
    pub(crate) ahead: Ahead,
    company: Company,
    /// Of the turn at hand: frames to groups, and whether there were frames to members.
    casts: u32,
    others: bool,
}

impl AdapterThread {
    pub fn new(
        net: Arc<NetShared>,
        device: Arc<dyn Device>,
        common: Common,
        wake: Arc<Wake>,
        stop: Arc<AtomicBool>,
    ) -> AdapterThread {
        let known = net.snooper.lock().ok().and_then(|mut s| s.take());
        let (uplink, own) = (common.uplink.clone(), net.view.load().origin);
        let flows_of = move |_| uplink.flow(u64::from_be_bytes(own));
        AdapterThread {
            snooper: known.unwrap_or_else(|| Snooper::new(SnooperConfig { mac: WEFT_MAC })),
            net,
            device,
            common,
            wake,
            stop,
            outbox: Outbox::new(),
            batch: CastBatch::new(),
            holds: Holds::default(),
            slows: Slows::default(),
            scratch: Vec::with_capacity(65_536),
            receivers: Vec::new(),
            fragment_id: 0,
            streams: Streams::default(),
            children: Vec::new(),
            receivers_of_tree: Vec::new(),
            signed_at: 0,
            fair: Fair::default(),
            flows: Flows::new(&flows_of),
            sparse: SparseFlows::default(),
            ahead: Ahead::default(),
            company: Company::default(),
            casts: 0,
            others: false,
        }
    }

    /// Runs until told to stop or the adapter is gone.
    pub fn run(mut self) {
        let now = sys::now();
        self.snooper.attach(now);
        self.after_snooping();
        let result = self.serve();
        self.end_streams();
        if let Ok(mut place) = self.net.snooper.lock() {
            *place = Some(self.snooper);
        }
        if let Err(error) = result {
            let message = format!("The adapter is gone or failed: {error}.");
            self.common.events.push(Event::AdapterLost {
                net: self.net.net,
                message,
            });
            self.common
                .commands
                .push(Command::AdapterEnded(self.net.net, self.stop));
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        loop {
            let timeout = timeout_ms(sys::now(), self.next_deadline());
            let (readable, woken) = sys::wait_two(self.device.raw_fd(), self.wake.raw_fd(), timeout);
            if woken {
                self.wake.clear();
                if self.stop.load(Relaxed) {
                    return Ok(());
                }
            }
            let now = sys::now();
            let view = self.net.view.load_full();
            if woken && !self.holds.is_empty() {
                self.release_all(now, &view);
            }
            if woken {
                self.release_streams(now, &view);
                self.take_injected(now, &view);
            }
            let is_drained = !readable || self.turn(now, &view)?;
            self.finish(now, &view);
            if self.casts > 0 || self.others {
                let (casts, others) = (std::mem::take(&mut self.casts), std::mem::take(&mut self.others));
                self.company.saw(now, casts, others);
                if is_drained {
                    sys::rest(self.company.rest(now, sys::now()));
                }
            }
            if now >= self.next_deadline() {
                self.handle_timeout(now, &view);
            }
        }
    }

    fn next_deadline(&self) -> u64 {
        self.snooper
            .next_deadline()
            .unwrap_or(u64::MAX)
            .min(self.holds.next_deadline())
            .min(self.slows.next_deadline())
            .min(self.streams.next_deadline())
            .min(if self.batch.is_empty() {
                u64::MAX
            } else {
                self.gathers_until()
            })
    }

    /// Until when a batch of a signed tree may grow: what follows faster than signatures may shares one.
    fn gathers_until(&self) -> u64 {
        if self.batch.is_signed() && self.batch.len() < SIGNED_BATCH_MAX {
            self.signed_at + SIGN_EVERY_US
        } else {
            0
        }
    }

    fn handle_timeout(&mut self, now: u64, view: &Arc<View>) {
        if now >= self.streams.next_deadline() {
            self.watch_streams(now);
            self.release_streams(now, view);
            self.finish(now, view);
        }
        add(&self.common.counters.held_dropped, self.holds.expire(now));
        if self.snooper.next_deadline().is_some_and(|at| at <= now) {
            self.snooper.handle_timeout(now);
            self.after_snooping();
        }
    }

    /// What applications sent by other interfaces.
    fn take_injected(&mut self, now: u64, view: &Arc<View>) {
        while let Some(frame) = self.net.injected.take() {
            if let Err(reason) = self.decide(now, view, &frame) {
                self.common.counters.drop_packet(reason, 1);
            }
        }
    }

    /// Ends a turn: nothing that was sealed stays behind, but a batch that waits for its signature.
    fn finish(&mut self, now: u64, view: &Arc<View>) {
        if now >= self.gathers_until() {
            self.flush_casts(now, view);
        }
        self.release_slow(now, view);
        self.flush();
    }

    /// Sends what was sealed.
    pub(crate) fn flush(&mut self) {
        let sockets = self.common.sockets.load();
        self.outbox.flush(&Outlet {
            sockets: &sockets,
            counters: &self.common.counters,
            links: &self.common.links,
        });
        for tx in self.outbox.woken.drain(..) {
            self.common.commands.push(Command::Activity(tx.net(), tx.peer()));
        }
    }

    /// A frame that the host sent by the adapter itself.
    pub(crate) fn handle(&mut self, now: u64, view: &Arc<View>, bytes: &[u8]) -> Result<(), DropReason> {
        if self.common.anywhere.is_on() && self.common.anywhere.is_again(now, bytes) {
            return Err(DropReason::SentElsewhere);
        }
        self.decide(now, view, bytes)
    }

    fn decide(&mut self, now: u64, view: &Arc<View>, bytes: &[u8]) -> Result<(), DropReason> {
        let (head, frame) = bytes
            .split_first_chunk::<VNET_LEN>()
            .ok_or(DropReason::Truncated)?;
        let vnet = VnetHeader::decode(head).ok_or(DropReason::BadOffload)?;
        let ethernet = Frame::parse(frame)?;
        // Whatever comes here by a bridge would go round: by the members, to the LAN behind the bridge, and back.
        if ethernet.src() != view.mac {
            return Err(DropReason::Bridged);
        }
        if ethernet.ethertype() == ether::ETHERTYPE_ARP {
            let mut out = [0; ANSWER_MAX];
            let n = answer_arp(&view.table, &ethernet, &mut out)?;
            self.write_plain(&out[..n]);
            return Ok(());
        }
        let run = match Splitter::parse(&vnet, frame, view.mtu) {
            Ok(run) => run,
            Err(DropReason::TooBig) => return self.answer_too_big(view, &ethernet),
            Err(reason) => return Err(reason),
        };
        match view.table.classify(run.packet()) {
            Verdict::Peer(peer) => {
                self.others = true;
                self.send_unicast(now, view, peer, &run);
            }
            Verdict::Group(receivers) => {
                self.casts += 1;
                if let Err(reason) = self.may_send(now, view, &run) {
                    self.common.counters.drop_packet(reason, run.count() as u64);
                    return Ok(());
                }
                let mut list = std::mem::take(&mut self.receivers);
                list.clear();
                list.extend(receivers);
                self.send_group(now, view, &list, &run);
                self.receivers = list;
            }
            Verdict::Snoop => {
                let result = self.snooper.handle(now, run.packet());
                self.after_snooping();
                return result;
            }
            Verdict::Answer => {
                let mut out = [0; ANSWER_MAX];
                let n = answer_nd(&view.table, &ethernet, run.packet(), &mut out)?;
                self.write_plain(&out[..n]);
            }
            Verdict::Drop(reason) => self.common.counters.drop_packet(reason, run.count() as u64),
        }
        Ok(())
    }

    /// Path MTU discovery of applications ends at the adapter: larger packets than its MTU get an answer from here.
    fn answer_too_big(&mut self, view: &View, ethernet: &Frame<'_>) -> Result<(), DropReason> {
        let packet = L3::parse(ethernet.payload())?;
        let mut out = [0; ICMP_ERROR_MAX];
        let error = IcmpError::TooBig {
            mtu: view.mtu.min(usize::from(u16::MAX)) as u16,
        };
        if let Some(n) = icmp_error(&packet, error, WEFT_MAC, view.mac, &mut out) {
            self.write_plain(&out[..n]);
        }
        Err(DropReason::TooBig)
    }

    /// Injects queries and tells changes.
    fn after_snooping(&mut self) {
        let mut query = [0; QUERY_MAX];
        while let Some(n) = self.snooper.poll_query(&mut query) {
            self.write_plain(&query[..n]);
        }
        if self.snooper.take_changed() {
            let local = self.snooper.local();
            let groups = local
                .iter()
                .map(|(group, f)| LocalGroup {
                    group,
                    mode: f.mode,
                    sources: f.sources.clone(),
                })
                .collect();
            self.net.local.store(Arc::new(local));
            self.common.events.push(Event::Groups {
                net: self.net.net,
                groups,
            });
        }
    }

    /// Writes an Ethernet frame of our own to the adapter. A frame that it does not take is lost, as on any link.
    fn write_plain(&self, frame: &[u8]) {
        if self
            .device
            .send(&[IoSlice::new(&PLAIN), IoSlice::new(frame)])
            .is_err()
        {
            add(&self.common.counters.adapter_full, 1);
        }
    }
}

/// Milliseconds until `deadline`, rounded up; -1 for never.
pub fn timeout_ms(now: u64, deadline: u64) -> i32 {
    match deadline {
        u64::MAX => -1,
        _ => i32::try_from(deadline.saturating_sub(now).div_ceil(1_000)).unwrap_or(i32::MAX),
    }
}
