//! The applications of the hosts: group memberships, packets, flows.

use super::{Work, World};
use crate::api::NetId;
use crate::flow::{self, FlowOptions, Ticket};
use crate::receipts::{Receipts, UNSENT};
use crate::stack;
use std::net::IpAddr;
use weft_forward::SourceFilter;

impl World {
    pub(super) fn hear_frame(&mut self, host: u32, net: NetId, frame: &[u8]) {
        if let Some((v4, within)) = stack::question(frame) {
            let at = self.now + self.rng.below(within);
            self.queue.push(at, Work::Answer { host, net, v4 });
        }
    }

    pub(super) fn answer_query(&mut self, index: u32, net: NetId, v4: bool) {
        let host = &self.hosts[index as usize];
        let own = host.node.as_ref().and_then(|node| node.addresses(net));
        let Some(own) = own else { return };
        for frame in host.stack.report_all(&own, v4) {
            self.with_node(index, |node, now| node.from_adapter(now, net, &frame));
        }
    }

    pub fn join(&mut self, index: u32, group: IpAddr, filter: SourceFilter) {
        if self.hosts[index as usize].stack.join(group, filter) {
            self.report_change(index, group);
        }
    }

    pub fn leave(&mut self, index: u32, group: IpAddr) {
        if self.hosts[index as usize].stack.leave(group) {
            self.report_change(index, group);
        }
    }

    fn report_change(&mut self, index: u32, group: IpAddr) {
        let host = &self.hosts[index as usize];
        let Some(node) = &host.node else { return };
        let addresses = node
            .attached()
            .into_iter()
            .filter_map(|net| Some((net, node.addresses(net)?)));
        let frames: Vec<_> = addresses
            .map(|(net, own)| (net, host.stack.report_change(&own, group)))
            .collect();
        for (net, frame) in frames {
            self.with_node(index, |node, now| node.from_adapter(now, net, &frame));
        }
    }

    /// An application sends an IP packet; false when the host is dead or has no adapter in that network.
    pub fn inject(&mut self, index: u32, net: NetId, packet: &[u8]) -> bool {
        let node = self.hosts[index as usize]
            .node
            .as_ref()
            .filter(|node| node.is_attached(net));
        let Some(own) = node.and_then(|node| node.addresses(net)) else {
            return false;
        };
        let frame = stack::ethernet(&own, packet);
        self.with_node(index, |node, now| node.from_adapter(now, net, &frame))
            .is_some()
    }

    pub fn add_flow(&mut self, options: FlowOptions) -> u32 {
        let flow = self.flows.len() as u32;
        self.queue.push(options.start_us.max(self.now), Work::Flow(flow));
        self.flows.push((options, Receipts::default()));
        flow
    }

    pub(super) fn send_flow(&mut self, flow: u32) {
        let (options, receipts) = &mut self.flows[flow as usize];
        if self.now >= options.end_us {
            return;
        }
        let FlowOptions {
            node: index,
            net,
            to,
            bytes,
            every_us,
            ..
        } = options.clone();
        let number = receipts.next_number();
        let node = self.hosts[index as usize]
            .node
            .as_ref()
            .filter(|node| node.is_attached(net));
        let own = node.and_then(|node| node.addresses(net));
        let packet = own.and_then(|own| flow::packet(&own, to, bytes, Ticket { flow, number }));
        receipts.send(if packet.is_some() { self.now } else { UNSENT });
        self.queue.push(self.now + every_us, Work::Flow(flow));
        if let Some(packet) = packet {
            self.inject(index, net, &packet);
        }
    }

    pub fn flow(&self, flow: u32) -> Option<&(FlowOptions, Receipts)> {
        self.flows.get(flow as usize)
    }
}
