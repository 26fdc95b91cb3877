//! A datagram becomes Ethernet frames as the adapter would have brought them: own source, right checksums, no longer than the MTU.

use crate::Datagram;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_packet::{Mac, checksum};

const ETHER_LEN: usize = 14;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const FRAGMENT_LEN: usize = 8;
const UDP_LEN: usize = 8;
const UDP: u8 = 17;
const FRAGMENT_HEADER: u8 = 44;
const MORE: u16 = 0x2000;

/// This host on the overlay.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Ipv6Addr,
    pub mac: Mac,
    /// Bytes of an IP packet on the adapter.
    pub mtu: usize,
}

/// Calls `give` with each frame. `id`: of its fragments. False: this host has no address of the family there.
pub fn write(source: &Source, datagram: &Datagram<'_>, id: u32, mut give: impl FnMut(&[u8])) -> bool {
    let l4_len = UDP_LEN + datagram.payload.len();
    let mut l4 = Vec::with_capacity(l4_len);
    l4.extend(datagram.src_port.to_be_bytes());
    l4.extend(datagram.dst_port.to_be_bytes());
    l4.extend((l4_len as u16).to_be_bytes());
    l4.extend([0, 0]);
    l4.extend(datagram.payload);
    match (datagram.dst, source.ipv4) {
        (IpAddr::V4(dst), Some(src)) => {
            let addresses = [src.octets(), dst.octets()].concat();
            finish(&mut l4, &addresses);
            let room = source.mtu - IPV4_LEN;
            each_part(&l4, room, |part, at, more| {
                let mut frame = head(mac_of_v4(dst), source.mac, 0x0800, IPV4_LEN + part.len());
                let whole = at == 0 && !more;
                let word = (at / 8) as u16 | if more { MORE } else { 0 };
                let total = (IPV4_LEN + part.len()) as u16;
                frame.extend([0x45, datagram.class]);
                frame.extend(total.to_be_bytes());
                frame.extend(if whole { 0u16 } else { id as u16 }.to_be_bytes());
                frame.extend(word.to_be_bytes());
                frame.extend([datagram.hop_limit, UDP, 0, 0]);
                frame.extend(&addresses);
                let sum = checksum::finish(checksum::sum(&frame[ETHER_LEN..]));
                frame[ETHER_LEN + 10..ETHER_LEN + 12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(part);
                give(&frame);
            });
            true
        }
        (IpAddr::V6(dst), _) => {
            let addresses = [source.ipv6.octets(), dst.octets()].concat();
            finish(&mut l4, &addresses);
            let whole = IPV6_LEN + l4.len() <= source.mtu;
            let room = source.mtu - IPV6_LEN - if whole { 0 } else { FRAGMENT_LEN };
            each_part(&l4, room, |part, at, more| {
                let len = part.len() + if whole { 0 } else { FRAGMENT_LEN };
                let mut frame = head(mac_of_v6(dst), source.mac, 0x86dd, IPV6_LEN + len);
                frame.extend([0x60 | (datagram.class >> 4), datagram.class << 4, 0, 0]);
                frame.extend((len as u16).to_be_bytes());
                frame.extend([if whole { UDP } else { FRAGMENT_HEADER }, datagram.hop_limit]);
                frame.extend(&addresses);
                if !whole {
                    frame.extend([UDP, 0]);
                    frame.extend((at as u16 | u16::from(more)).to_be_bytes());
                    frame.extend(id.to_be_bytes());
                }
                frame.extend(part);
                give(&frame);
            });
            true
        }
        (IpAddr::V4(_), None) => false,
    }
}

fn finish(l4: &mut [u8], addresses: &[u8]) {
    let sum = checksum::pseudo(addresses, UDP, l4.len()) + checksum::sum(l4);
    l4[6..8].copy_from_slice(&checksum::finish_udp(sum).to_be_bytes());
}

/// Parts of at most `room` bytes; all but the last a multiple of eight.
fn each_part(l4: &[u8], room: usize, mut give: impl FnMut(&[u8], usize, bool)) {
    if l4.len() <= room {
        return give(l4, 0, false);
    }
    let step = room / 8 * 8;
    for at in (0..l4.len()).step_by(step) {
        let end = l4.len().min(at + step);
        give(&l4[at..end], at, end < l4.len());
    }
}

fn head(dst: [u8; 6], src: Mac, kind: u16, len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHER_LEN + len);
    frame.extend(dst);
    frame.extend(src.0);
    frame.extend(kind.to_be_bytes());
    frame
}

fn mac_of_v4(group: Ipv4Addr) -> [u8; 6] {
    if group.is_broadcast() {
        return [0xff; 6];
    }
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

fn mac_of_v6(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gather;
    use weft_packet::{Frame, L3};

    fn source(mtu: usize) -> Source {
        Source {
            ipv4: Some(Ipv4Addr::new(10, 7, 0, 1)),
            ipv6: "fd00::1".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu,
        }
    }

    fn datagram<'a>(dst: &str, payload: &'a [u8]) -> Datagram<'a> {
        Datagram {
            src: "192.0.2.1".parse().unwrap(),
            dst: dst.parse().unwrap(),
            hop_limit: 3,
            class: 0x28,
            src_port: 1000,
            dst_port: 1900,
            payload,
        }
    }

    #[test]
    fn small_ones_are_one_right_packet() {
        for (dst, own, mac) in [
            ("239.255.255.250", "10.7.0.1", [0x01, 0, 0x5e, 0x7f, 0xff, 0xfa]),
            ("255.255.255.255", "10.7.0.1", [0xff; 6]),
            ("ff05::c", "fd00::1", [0x33, 0x33, 0, 0, 0, 0x0c]),
        ] {
            let mut frames = Vec::new();
            assert!(write(&source(1380), &datagram(dst, b"hello"), 9, |f| frames
                .push(f.to_vec())));
            let [frame] = &frames[..] else {
                panic!("{frames:?}")
            };
            assert_eq!(frame[..6], mac);
            let packet = L3::parse(Frame::parse(frame).unwrap().payload()).unwrap();
            assert_eq!(packet.src().to_string(), own);
            assert_eq!(packet.fragment(), None);
            assert!(checksum::is_valid(packet.addresses(), UDP, packet.l4()));
            let read = Datagram::parse(&packet, packet.l4()).unwrap();
            assert_eq!(
                (read.src_port, read.dst_port, read.payload),
                (1000, 1900, &b"hello"[..])
            );
            assert_eq!((read.hop_limit, read.class), (3, 0x28));
        }
    }

    #[test]
    fn large_ones_are_fragments_that_come_together_again() {
        let payload: Vec<u8> = (0..5_000u32).map(|n| n as u8).collect();
        for dst in ["239.1.2.3", "ff05::1:3"] {
            let (mut gather, mut whole, mut count) = (Gather::default(), None, 0);
            write(&source(1380), &datagram(dst, &payload), 77, |frame| {
                let packet = L3::parse(Frame::parse(frame).unwrap().payload()).unwrap();
                assert!(packet.bytes().len() <= 1380);
                assert!(whole.is_none());
                whole = gather
                    .add(0, 1, &packet)
                    .map(|l4| (packet.addresses().to_vec(), l4));
                count += 1;
            });
            let (addresses, l4) = whole.expect(dst);
            assert_eq!(count, 4);
            assert!(checksum::is_valid(&addresses, UDP, &l4));
            assert_eq!(&l4[UDP_LEN..], &payload[..]);
        }
    }

    #[test]
    fn without_an_ipv4_address_there_is_no_ipv4() {
        let none = Source {
            ipv4: None,
            ..source(1380)
        };
        assert!(!write(&none, &datagram("239.1.2.3", b"x"), 1, |_| panic!(
            "nothing to give"
        )));
    }
}
