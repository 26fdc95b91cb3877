//! Where datagrams may be sent first: addresses come from other members, who may lie.

use crate::network::Net;
use crate::sys;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use weft_socket::UdpSocket;

/// For one command: what this process and machine are at the moment.
pub(crate) struct Guard<'a> {
    own: Vec<SocketAddr>,
    overlays: Vec<&'a Net>,
}

impl<'a> Guard<'a> {
    pub(crate) fn new(sockets: &[Arc<UdpSocket>], nets: impl Iterator<Item = &'a Net>) -> Self {
        Self {
            own: sockets.iter().map(|s| s.local_address()).collect(),
            // Through the overlay would be through itself. Without an adapter its addresses may be somebody else's.
            overlays: nets.filter(|n| n.adapter.is_some()).collect(),
        }
    }

    /// Nothing is sent to what names no single host, is this process itself, or lies in the overlay. Loopback is for a socket that is bound
    /// there, and for a machine that has nothing else.
    pub(crate) fn may_call(&self, through: &UdpSocket, remote: SocketAddr) -> bool {
        let ip = remote.ip();
        let own = |local: &SocketAddr| {
            *local == remote
                || (local.port() == remote.port() && local.ip().is_unspecified() && ip.is_loopback())
        };
        let is_near =
            ip.is_loopback() && (through.local_address().ip().is_loopback() || sys::only_loopback());
        (is_near || is_host(ip))
            && remote.port() != 0
            && !self.own.iter().any(own)
            && !self.overlays.iter().any(|net| holds(net, ip))
    }
}

/// A single host of some network: no group, nothing that means another host on each link, no IPv4 inside IPv6 (rules for IPv4 would not
/// see it), nothing reserved.
fn is_host(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            first != 0 && first < 224 && !ip.is_loopback() && !ip.is_link_local()
        }
        // ::/96 holds ::, ::1 and IPv4 as it was once written into IPv6.
        IpAddr::V6(ip) => {
            let inside = ip.to_ipv4_mapped().is_some() || ip.segments()[..6] == [0; 6];
            !inside && !ip.is_multicast() && !ip.is_unicast_link_local()
        }
    }
}

fn holds(net: &Net, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => net.config.ipv4.is_some_and(|(own, bits)| same4(own, ip, bits)),
        IpAddr::V6(ip) => same6(net.config.ipv6, ip, net.config.ipv6_prefix),
    }
}

fn same4(a: Ipv4Addr, b: Ipv4Addr, bits: u8) -> bool {
    let differ = u32::from(a) ^ u32::from(b);
    differ.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
}

fn same6(a: Ipv6Addr, b: Ipv6Addr, bits: u8) -> bool {
    let differ = u128::from(a) ^ u128::from(b);
    differ.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_single_ones_of_some_network() {
        for ip in [
            "192.168.1.20",
            "10.0.0.1",
            "203.0.113.7",
            "2001:db8::7",
            "fd99::1",
        ] {
            assert!(is_host(ip.parse().unwrap()), "{ip}");
        }
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:192.0.2.1",
            "fe80::1",
            "ff02::1",
        ];
        for ip in never {
            assert!(!is_host(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn prefixes_hold_what_they_name() {
        let own = Ipv4Addr::new(10, 87, 3, 9);
        assert!(same4(own, Ipv4Addr::new(10, 87, 200, 1), 16));
        assert!(!same4(own, Ipv4Addr::new(10, 88, 3, 9), 16));
        let own: Ipv6Addr = "fd12::9".parse().unwrap();
        assert!(same6(own, "fd12::77".parse().unwrap(), 64));
        assert!(!same6(own, "fd12:0:0:1::9".parse().unwrap(), 64));
    }
}
