//! The uplink of the machine: what other ends say of it, and whether frames may take it while it is full.

use crate::adapter::AdapterThread;
use crate::api::{NetId, PeerId};
use crate::casts::CAST_OVERHEAD;
use crate::core::Core;
use crate::lane::flow_of;
use crate::limits::{UNDER_HEADERS, UPLINK_FLOWS};
use crate::shared::add;
use std::sync::Arc;
use weft_forward::{Flow, Said};
use weft_packet::Splitter;
use weft_session::{Heard, Path};

/// Flows told apart by a number each; some share one.
pub struct Flows(Vec<Arc<Flow>>);

impl Flows {
    pub fn new(make: &dyn Fn(usize) -> Arc<Flow>) -> Flows {
        Flows((0..UPLINK_FLOWS).map(make).collect())
    }

    #[inline]
    pub fn of(&self, number: u64) -> &Flow {
        &self.0[(number % UPLINK_FLOWS as u64) as usize]
    }
}

impl AdapterThread {
    /// Whether a run may leave for so many receivers, one by one; counted when not.
    #[inline]
    pub(crate) fn may_leave(&mut self, now: u64, receivers: usize, run: &Splitter<'_>) -> bool {
        let own: usize = (0..run.count()).map(|i| run.segment_len(i)).sum();
        let bytes = own + run.count() * (CAST_OVERHEAD + UNDER_HEADERS as usize);
        let may = self
            .flows
            .of(flow_of(run.packet()))
            .take(now, (bytes * receivers) as u64);
        if !may {
            let frames = run.count() * receivers;
            add(&self.common.counters.uplink_full, frames as u64);
        }
        may
    }
}

fn way_of(net: NetId, peer: PeerId) -> u64 {
    (u64::from(net) << 32) | u64::from(peer)
}

impl Core {
    /// A peer says what it heard lately.
    pub(crate) fn said(&self, now: u64, (net, peer): (NetId, PeerId), heard: &Heard) {
        let said = Said {
            span: heard.span,
            passed: heard.passed,
            came: heard.came,
            bytes: heard.bytes,
        };
        let way = way_of(net, peer);
        self.common.uplink.said(now, way, &said);
    }

    /// Shares the uplink anew when it is time.
    pub(crate) fn watch_uplink(&mut self, now: u64) {
        if now < self.common.uplink.next_deadline() {
            return;
        }
        let peers = self.nets.iter().flat_map(|(net, of)| {
            let peers = of.view.peers.values();
            peers.map(|state| (way_of(*net, state.peer), state))
        });
        let sent = peers.filter_map(|(way, state)| {
            let tx = state.tx.load_full()?;
            // What others carry was counted with their frames.
            let is_straight = !matches!(tx.path(), Path::Carry { .. });
            let sent = tx.hop().sent();
            is_straight.then_some((way, sent.bytes + sent.frames * UNDER_HEADERS))
        });
        self.common.uplink.look(now, sent);
    }
}
