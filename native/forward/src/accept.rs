//! The decision for packets that arrive from members.

use crate::table::{ALL_HOSTS, ALL_NODES, DHCP_PORTS};
use crate::{DropReason, LocalGroups, PeerId, Table};
use std::net::IpAddr;
use weft_packet::ether::{self, ETHER_LEN};
use weft_packet::icmp::{self, icmpv6_kind, v6};
use weft_packet::{L3, mld, protocol};

/// An accepted packet: write it to the adapter under this Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub ether: [u8; ETHER_LEN],
}

impl Table {
    /// Checks a decrypted packet from `from` (for a cast: the member of its origin, not the hop) before it may reach the adapter.
    /// `local`: what applications here joined, from [`crate::Snooper::local`].
    ///
    /// # Errors
    /// `UnknownMember`, `BadSource`, `SourceRoute`, `Malformed`, `HostControl`, `Dhcp`, `NoRight`, `NotForUs`.
    pub fn accept(&self, packet: &L3<'_>, from: PeerId, local: &LocalGroups) -> Result<Delivery, DropReason> {
        if !self.is_member(from) {
            return Err(DropReason::UnknownMember);
        }
        if !self.check_inner_source(from, packet) {
            return Err(DropReason::BadSource);
        }
        if packet.has_source_route() {
            return Err(DropReason::SourceRoute);
        }
        if hides_l4(packet) {
            return Err(DropReason::Malformed);
        }
        if steers_host(packet) {
            return Err(DropReason::HostControl);
        }
        if is_dhcp(packet) {
            return Err(DropReason::Dhcp);
        }
        self.may_publish(from, packet)?;
        let directed = match packet.dst() {
            IpAddr::V4(a) => self.is_broadcast(a),
            IpAddr::V6(_) => false,
        };
        if !directed && !self.is_for_us(packet, local) {
            return Err(DropReason::NotForUs);
        }
        let mac = self.mac_of(from).ok_or(DropReason::UnknownMember)?;
        Ok(Delivery {
            ether: ether::header_for(packet, mac, self.own.mac, directed),
        })
    }

    fn is_for_us(&self, packet: &L3<'_>, local: &LocalGroups) -> bool {
        let dst = packet.dst();
        if !dst.is_multicast() {
            return self.is_own(dst);
        }
        dst == IpAddr::V4(ALL_HOSTS) || dst == IpAddr::V6(ALL_NODES) || local.wants(dst, packet.src())
    }
}

/// What would change this host's routes, neighbours or memberships. Only its own data plane may say such things.
fn steers_host(packet: &L3<'_>) -> bool {
    match packet.protocol() {
        protocol::IGMP => true,
        protocol::ICMP if packet.has_l4_header() => packet.l4().first().is_some_and(|kind| {
            matches!(
                *kind,
                icmp::v4::REDIRECT
                    | icmp::v4::SOURCE_QUENCH
                    | icmp::v4::ROUTER_ADVERTISEMENT
                    | icmp::v4::ROUTER_SOLICITATION
            )
        }),
        protocol::ICMPV6 => icmpv6_kind(packet).is_some_and(|kind| {
            mld::is_mld(kind)
                || (v6::ROUTER_SOLICITATION..=v6::RENUMBERING).contains(&kind)
                || (v6::INVERSE_SOLICITATION..=v6::INVERSE_ADVERTISEMENT).contains(&kind)
                || (v6::MRD_ADVERTISEMENT..=v6::MRD_TERMINATION).contains(&kind)
        }),
        _ => false,
    }
}

/// A first fragment that ends before L4 begins: the host would put together what nobody has looked at (RFC 7112).
fn hides_l4(packet: &L3<'_>) -> bool {
    packet.fragment().is_some_and(|f| f.offset == 0 && f.more) && packet.l4().is_empty()
}

/// By the target alone, as for what leaves: clients take answers from any port.
fn is_dhcp(packet: &L3<'_>) -> bool {
    packet.protocol() == protocol::UDP
        && packet
            .ports()
            .is_some_and(|(_, target)| DHCP_PORTS.contains(&target))
}
