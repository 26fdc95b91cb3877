//! Streams of UDP packets from a host's application, which carry their own name.

use crate::api::NetId;
use crate::node::Addresses;
use std::net::IpAddr;
use weft_packet::{checksum, protocol};

/// A stream that the world sends.
#[derive(Clone, Debug)]
pub struct FlowOptions {
    pub node: u32,
    pub net: NetId,
    /// Group or member.
    pub to: IpAddr,
    /// Whole IP packets, bytes.
    pub bytes: usize,
    pub every_us: u64,
    pub start_us: u64,
    pub end_us: u64,
}

/// Which packet of which flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub flow: u32,
    pub number: u32,
}

const MAGIC: [u8; 8] = *b"weft-sim";
const TICKET_LEN: usize = 16;
const UDP_LEN: usize = 8;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const PORT: u16 = 5_004;
const HOPS: u8 = 16;
/// Shortest packet of a flow, bytes.
pub const BYTES_MIN: usize = IPV6_LEN + UDP_LEN + TICKET_LEN;

/// The packet; `None` when the host has no address of the destination's family.
pub fn packet(own: &Addresses, to: IpAddr, bytes: usize, ticket: Ticket) -> Option<Vec<u8>> {
    let head = match to {
        IpAddr::V4(to) => {
            let mut ip = vec![0x45, 0];
            ip.extend((bytes as u16).to_be_bytes());
            ip.extend([0, 0, 0x40, 0, HOPS, protocol::UDP, 0, 0]);
            ip.extend(own.ipv4?.octets());
            ip.extend(to.octets());
            let check = checksum::finish(checksum::sum(&ip));
            ip[10..12].copy_from_slice(&check.to_be_bytes());
            ip
        }
        IpAddr::V6(to) => {
            let mut ip = vec![0x60, 0, 0, 0];
            ip.extend(((bytes - IPV6_LEN) as u16).to_be_bytes());
            ip.extend([protocol::UDP, HOPS]);
            ip.extend(own.ipv6.octets());
            ip.extend(to.octets());
            ip
        }
    };
    let mut udp = Vec::with_capacity(bytes);
    udp.extend(PORT.to_be_bytes());
    udp.extend(PORT.to_be_bytes());
    udp.extend(((bytes - head.len()) as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(MAGIC);
    udp.extend(ticket.flow.to_be_bytes());
    udp.extend(ticket.number.to_be_bytes());
    udp.resize(bytes - head.len(), ticket.number as u8);
    let addresses = &head[head.len() - if to.is_ipv4() { 8 } else { 32 }..];
    let check =
        checksum::finish_udp(checksum::pseudo(addresses, protocol::UDP, udp.len()) + checksum::sum(&udp));
    udp[6..8].copy_from_slice(&check.to_be_bytes());
    Some([head, udp].concat())
}

/// The name of a flow's packet that came whole; `None` for any other packet.
pub fn ticket(packet: &[u8]) -> Option<Ticket> {
    let at = match packet.first()? >> 4 {
        4 => IPV4_LEN + UDP_LEN,
        _ => IPV6_LEN + UDP_LEN,
    };
    let body = packet.get(at..at + TICKET_LEN)?;
    if body[..8] != MAGIC {
        return None;
    }
    let number = |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
    let ticket = Ticket {
        flow: number(8),
        number: number(12),
    };
    let padding = &packet[at + TICKET_LEN..];
    padding
        .iter()
        .all(|b| *b == ticket.number as u8)
        .then_some(ticket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_packet::{L3, Mac, udp};

    #[test]
    fn packets_are_valid_and_name_themselves() {
        let own = Addresses {
            ipv4: Some("10.1.2.3".parse().unwrap()),
            ipv6: "fd00::1".parse().unwrap(),
            link_local: "fe80::1".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
        };
        for to in ["239.1.1.1", "ff15::1", "10.1.2.4", "fd00::2"] {
            let to: IpAddr = to.parse().unwrap();
            let name = Ticket { flow: 3, number: 77 };
            let mut bytes = packet(&own, to, 200, name).unwrap();
            let l3 = L3::parse(&bytes).unwrap();
            assert_eq!(
                (l3.dst(), l3.bytes().len(), l3.ports()),
                (to, 200, Some((PORT, PORT)))
            );
            let addresses = if to.is_ipv4() {
                &bytes[12..20]
            } else {
                &bytes[8..40]
            };
            let l4 = l3.l4();
            let sum = checksum::pseudo(addresses, protocol::UDP, l4.len()) + checksum::sum(l4);
            assert_eq!(checksum::fold(sum), 0xffff);
            assert!(udp::Udp::parse(l3.l4()).is_ok());
            assert_eq!(ticket(&bytes), Some(name));
            bytes[150] ^= 1;
            assert_eq!(ticket(&bytes), None, "a damaged packet is not delivered");
        }
        assert!(
            packet(
                &Addresses { ipv4: None, ..own },
                "239.1.1.1".parse().unwrap(),
                200,
                Ticket { flow: 0, number: 0 }
            )
            .is_none()
        );
    }
}
