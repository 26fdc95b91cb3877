//! The snapshot and the decision for packets that leave the adapter.

use crate::hash::Map;
use crate::rows::Rows;
use crate::{DropReason, Own, PeerId, ReceiverList, Receivers, TableBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use weft_packet::icmp::{icmpv6_kind, v6};
use weft_packet::{L3, Mac, mld, protocol};

/// What to do with a packet read from the adapter.
#[derive(Debug)]
pub enum Verdict<'t> {
    /// Seal for this member.
    Peer(PeerId),
    /// Seal once, send to each of these (never empty).
    Group(Receivers<'t>),
    /// Give it to the [`crate::Snooper`]; it goes nowhere else.
    Snoop,
    /// Give it to [`crate::answer_nd`]; it goes nowhere else.
    Answer,
    Drop(DropReason),
}

pub(crate) const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const INTERFACE_LOCAL: u8 = 0x01;

/// DHCP for IPv4 and IPv6, servers and clients.
pub(crate) const DHCP_PORTS: [u16; 4] = [67, 68, 546, 547];

/// Immutable snapshot of one network.
pub struct Table {
    pub(crate) own: Own,
    /// The subnet's directed broadcast.
    directed: Option<Ipv4Addr>,
    rows: Rows,
    groups4: Map<u32, Arc<ReceiverList>>,
    groups6: Map<u128, Arc<ReceiverList>>,
    own_ports: Vec<u16>,
    /// Who may send to a group; groups that are missing are open to all members. Sorted.
    publishers: Map<u128, Vec<PeerId>>,
    /// Groups whose packets are believed only where their origin signed them, or brought them itself. Sorted.
    signed: Vec<u128>,
}

/// A group in the table of publishers: IPv4 as IPv6 maps it.
fn group_key(group: IpAddr) -> u128 {
    match group {
        IpAddr::V4(a) => a.to_ipv6_mapped().into(),
        IpAddr::V6(a) => a.into(),
    }
}

impl Table {
    pub(crate) fn from_parts(parts: TableBuilder) -> Table {
        let directed = parts.own.ipv4.map(|(address, bits)| {
            let host = u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) | host)
        });
        let mut table = Table {
            own: parts.own,
            directed,
            rows: Rows::new(parts.members),
            groups4: Map::default(),
            groups6: Map::default(),
            own_ports: parts.own_ports,
            publishers: Map::default(),
            signed: parts.signed.into_iter().map(group_key).collect(),
        };
        table.signed.sort_unstable();
        for (group, mut publishers) in parts.publishers {
            publishers.sort_unstable();
            table.publishers.insert(group_key(group), publishers);
        }
        for (group, receivers) in parts.groups {
            match group {
                IpAddr::V4(group) => table.groups4.insert(group.into(), receivers),
                IpAddr::V6(group) => table.groups6.insert(group.into(), receivers),
            };
        }
        table
    }

    /// The decision for a packet read from the adapter (for a GSO run: its [`weft_packet::Splitter::packet`]).
    pub fn classify(&self, packet: &L3<'_>) -> Verdict<'_> {
        if let Some(special) = self.special(packet) {
            return special;
        }
        if !self.is_own(packet.src()) {
            return Verdict::Drop(DropReason::ForeignSource);
        }
        match packet.dst() {
            IpAddr::V4(dst) => self.to_ipv4(dst, packet),
            IpAddr::V6(dst) => self.to_ipv6(dst, packet),
        }
    }

    /// What is between this host and its link, or must not leave.
    fn special(&self, packet: &L3<'_>) -> Option<Verdict<'static>> {
        if packet.has_source_route() {
            return Some(Verdict::Drop(DropReason::SourceRoute));
        }
        if packet.hop_limit() == 0 {
            return Some(Verdict::Drop(DropReason::LocalOnly));
        }
        match packet.protocol() {
            protocol::IGMP if packet.is_v4() => Some(Verdict::Snoop),
            protocol::ICMPV6 => self.control6(packet),
            protocol::UDP => {
                let (source, target) = packet.ports()?;
                if DHCP_PORTS.contains(&target) {
                    Some(Verdict::Drop(DropReason::Dhcp))
                } else if self.own_ports.contains(&source) {
                    Some(Verdict::Drop(DropReason::TunnelLoop))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    fn control6(&self, packet: &L3<'_>) -> Option<Verdict<'static>> {
        match icmpv6_kind(packet)? {
            kind if mld::is_mld(kind) => Some(Verdict::Snoop),
            v6::NEIGHBOUR_SOLICITATION if packet.src().is_unspecified() => {
                Some(Verdict::Drop(DropReason::LocalOnly))
            }
            v6::NEIGHBOUR_SOLICITATION => Some(Verdict::Answer),
            v6::ROUTER_SOLICITATION..=v6::REDIRECT => Some(Verdict::Drop(DropReason::HostControl)),
            _ => None,
        }
    }

    fn to_ipv4(&self, dst: Ipv4Addr, packet: &L3<'_>) -> Verdict<'_> {
        if dst.is_multicast() {
            let listed = self.groups4.get(&dst.into());
            let all = (dst == ALL_HOSTS).then(|| self.everybody()).flatten();
            return receivers(listed.or(all), packet);
        }
        if self.is_broadcast(dst) {
            return receivers(self.everybody(), packet);
        }
        if self.own.ipv4.is_some_and(|(own, _)| own == dst) {
            return Verdict::Drop(DropReason::OwnDestination);
        }
        self.peer_of_ipv4(dst)
            .map_or(Verdict::Drop(DropReason::NoRoute), Verdict::Peer)
    }

    fn to_ipv6(&self, dst: Ipv6Addr, packet: &L3<'_>) -> Verdict<'_> {
        if dst.is_multicast() {
            if dst.octets()[1] & 0x0f <= INTERFACE_LOCAL {
                return Verdict::Drop(DropReason::LocalOnly);
            }
            let listed = self.groups6.get(&dst.into());
            let all = (dst == ALL_NODES).then(|| self.everybody()).flatten();
            return receivers(listed.or(all), packet);
        }
        if dst == self.own.ipv6 || dst == self.own.link_local {
            return Verdict::Drop(DropReason::OwnDestination);
        }
        self.peer_of_ipv6(dst)
            .map_or(Verdict::Drop(DropReason::NoRoute), Verdict::Peer)
    }

    /// All members: whichever of the three names of "everybody" the engine used.
    fn everybody(&self) -> Option<&Arc<ReceiverList>> {
        self.groups4
            .get(&u32::from(Ipv4Addr::BROADCAST))
            .or_else(|| self.groups4.get(&u32::from(ALL_HOSTS)))
            .or_else(|| self.groups6.get(&u128::from(ALL_NODES)))
    }

    /// Limited broadcast, or this subnet's directed one.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast() || self.directed == Some(address)
    }

    /// One of this host's overlay addresses.
    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.own.ipv4.is_some_and(|(own, _)| own == a),
            IpAddr::V6(a) => a == self.own.ipv6 || a == self.own.link_local,
        }
    }

    /// True when the packet's source is an address of `peer` (IPv4, ULA or fe80).
    pub fn check_inner_source(&self, peer: PeerId, packet: &L3<'_>) -> bool {
        self.rows.of_peer(peer).is_some_and(|row| match packet.src() {
            IpAddr::V4(a) => row.has_ipv4(a),
            IpAddr::V6(a) => row.has_ipv6(a),
        })
    }

    /// # Errors
    /// `NoRight`: the packet's group is not this member's to send to.
    #[inline]
    pub fn may_publish(&self, peer: PeerId, packet: &L3<'_>) -> Result<(), DropReason> {
        if self.publishers.is_empty() {
            return Ok(());
        }
        match self.publishers.get(&group_key(packet.dst())) {
            Some(publishers) if publishers.binary_search(&peer).is_err() => Err(DropReason::NoRight),
            _ => Ok(()),
        }
    }

    /// For a packet that came by a tree whose casts its origin does not sign: everybody with that tree's key could have made it.
    ///
    /// # Errors
    /// `Unsigned`: its group takes nothing of the kind.
    #[inline]
    pub fn may_come_unsigned(&self, packet: &L3<'_>) -> Result<(), DropReason> {
        if !self.signed.is_empty() && self.signed.binary_search(&group_key(packet.dst())).is_ok() {
            return Err(DropReason::Unsigned);
        }
        Ok(())
    }

    pub(crate) fn is_member(&self, peer: PeerId) -> bool {
        self.rows.of_peer(peer).is_some()
    }

    /// The member with this name in cast stamps.
    pub fn peer_of_origin(&self, origin: u64) -> Option<PeerId> {
        self.rows.of_origin(origin).map(|row| row.peer)
    }

    pub fn mac_of(&self, peer: PeerId) -> Option<Mac> {
        self.rows.of_peer(peer)?.mac
    }

    pub fn peer_of_ipv4(&self, address: Ipv4Addr) -> Option<PeerId> {
        self.rows.of_ipv4(address).map(|row| row.peer)
    }

    /// ULA or fe80.
    pub fn peer_of_ipv6(&self, address: Ipv6Addr) -> Option<PeerId> {
        self.rows.of_ipv6(address).map(|row| row.peer)
    }
}

fn receivers<'t>(list: Option<&'t Arc<ReceiverList>>, packet: &L3<'_>) -> Verdict<'t> {
    let source = packet.src();
    let found = list.map_or(Receivers::none(source), |list| list.of(source));
    if found.clone().next().is_some() {
        Verdict::Group(found)
    } else {
        Verdict::Drop(DropReason::NoReceiver)
    }
}
