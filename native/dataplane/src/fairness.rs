//! Shares of broadcast and multicast: this host's own before anything is sealed, others' where they arrive.

use crate::adapter::AdapterThread;
use crate::api::{Event, FairRates, NetId, PeerId};
use crate::core::Core;
use crate::network::Net;
use crate::shared::View;
use std::net::IpAddr;
use weft_forward::{Excess, Fair, FairLimits, Offence, sealed};
use weft_packet::{DropReason, L3, Splitter};

/// Stands for this host in the shares of its adapter's thread.
const OWN: PeerId = 0;

/// Whether a packet goes to many: a group, or an IPv4 broadcast address of this network.
fn is_for_many(view: &View, to: IpAddr) -> bool {
    to.is_multicast() || matches!(to, IpAddr::V4(a) if view.table.is_broadcast(a))
}

impl AdapterThread {
    /// Whether the host may send this run to a group now.
    ///
    /// # Errors
    /// `RateLimited`: all of it is to be dropped; who has to know was told.
    pub(crate) fn may_send(&mut self, now: u64, view: &View, run: &Splitter<'_>) -> Result<(), DropReason> {
        self.fair.set(view.fair);
        let (packets, group) = (run.count() as u32, run.packet().dst());
        let bytes: usize = (0..run.count()).map(|i| run.segment_len(i)).sum();
        let result = self.fair.group(now, OWN, group, packets, bytes as u32);
        let result = result.and_then(|()| self.fair.origin(now, OWN, packets, bytes as u32));
        result.map_err(|excess| {
            if let Some(Offence { group, dropped, .. }) = excess {
                let (net, peer) = (self.net.net, None);
                self.common.events.push(Event::Limited {
                    net,
                    peer,
                    group,
                    dropped,
                });
            }
            DropReason::RateLimited
        })
    }
}

impl Net {
    /// Whether a member may send this packet, if it goes to many.
    pub(crate) fn may_arrive(&mut self, now: u64, peer: PeerId, packet: &L3<'_>) -> Result<(), Excess> {
        let group = packet.dst();
        if !is_for_many(&self.view, group) {
            return Ok(());
        }
        self.fair.group(now, peer, group, 1, packet.bytes().len() as u32)
    }

    /// Whether a member may bring a cast of its own of that length at all.
    pub(crate) fn may_bring(&mut self, now: u64, peer: PeerId, bytes: usize) -> Result<(), Excess> {
        self.fair.origin(now, peer, 1, bytes as u32)
    }
}

impl Core {
    /// Counts a packet beyond a share and tells who has to know.
    #[cold]
    pub(crate) fn exceeded(&self, net: NetId, excess: Excess) {
        self.common.counters.drop_packet(DropReason::RateLimited, 1);
        if let Some(Offence { peer, group, dropped }) = excess {
            let peer = Some(peer);
            self.common.events.push(Event::Limited {
                net,
                peer,
                group,
                dropped,
            });
        }
    }

    pub(crate) fn set_fair(&mut self, now: u64, net: NetId, rates: FairRates) {
        let Some(net) = self.nets.get_mut(&net) else {
            return;
        };
        let limits = FairLimits::with_group(rates.group);
        net.own_limits = limits.with_uplink(rates.uplink);
        net.is_stale = true;
        net.fair = Fair::new(limits.on_arrival());
        let rate = sealed(limits.group);
        net.shared.lock_trees().set_group_rate(now, rate);
    }
}
