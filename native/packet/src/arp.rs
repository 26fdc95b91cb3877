//! ARP for IPv4 over Ethernet.

use crate::bytes::{array, be16, put16};
use crate::ether::{self, ETHER_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4};
use crate::{DropReason, Mac};
use std::net::Ipv4Addr;

pub const ARP_LEN: usize = 28;
const HARDWARE_ETHERNET: u16 = 1;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// A checked view of an ARP message.
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a> {
    bytes: &'a [u8],
}

impl<'a> Arp<'a> {
    /// `payload`: of an Ethernet frame with `ETHERTYPE_ARP`.
    ///
    /// # Errors
    /// `Truncated`, `Malformed` (other than IPv4 over Ethernet).
    pub fn parse(payload: &'a [u8]) -> Result<Self, DropReason> {
        if payload.len() < ARP_LEN {
            return Err(DropReason::Truncated);
        }
        let fits = be16(payload, 0) == HARDWARE_ETHERNET
            && be16(payload, 2) == ETHERTYPE_IPV4
            && payload[4] == 6
            && payload[5] == 4;
        if fits {
            Ok(Arp { bytes: payload })
        } else {
            Err(DropReason::Malformed)
        }
    }

    pub fn is_request(&self) -> bool {
        be16(self.bytes, 6) == REQUEST
    }

    pub fn sender_mac(&self) -> Mac {
        Mac(array(self.bytes, 8))
    }

    pub fn sender(&self) -> Ipv4Addr {
        array::<4>(self.bytes, 14).into()
    }

    pub fn target(&self) -> Ipv4Addr {
        array::<4>(self.bytes, 24).into()
    }
}

/// Bytes of the frame that `reply` writes.
pub const ARP_REPLY_LEN: usize = ETHER_LEN + ARP_LEN;

/// "`target` of `request` is at `mac`": a whole Ethernet frame.
pub fn reply(request: &Arp<'_>, mac: Mac) -> [u8; ARP_REPLY_LEN] {
    let mut f = [0; ARP_REPLY_LEN];
    f[..ETHER_LEN].copy_from_slice(&ether::header(request.sender_mac(), mac, ETHERTYPE_ARP));
    let arp = &mut f[ETHER_LEN..];
    arp[..6].copy_from_slice(&request.bytes[..6]);
    put16(arp, 6, REPLY);
    arp[8..14].copy_from_slice(&mac.0);
    arp[14..18].copy_from_slice(&request.target().octets());
    arp[18..24].copy_from_slice(&request.sender_mac().0);
    arp[24..28].copy_from_slice(&request.sender().octets());
    f
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> [u8; ARP_LEN] {
        let mut b = [0; ARP_LEN];
        b[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
        b[8..14].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        b[14..18].copy_from_slice(&[10, 1, 0, 1]);
        b[24..28].copy_from_slice(&[10, 1, 0, 2]);
        b
    }

    #[test]
    fn reply_swaps_the_ends() {
        let q = request();
        let mac = Mac([2, 0, 0, 0, 0, 2]);
        let f = reply(&Arp::parse(&q).unwrap(), mac);
        let frame = crate::Frame::parse(&f).unwrap();
        assert_eq!(
            (frame.dst(), frame.src(), frame.ethertype()),
            (Mac([2, 0, 0, 0, 0, 1]), mac, ETHERTYPE_ARP)
        );
        let r = Arp::parse(frame.payload()).unwrap();
        assert!(!r.is_request());
        assert_eq!((r.sender(), r.sender_mac()), (Ipv4Addr::new(10, 1, 0, 2), mac));
        assert_eq!(r.target(), Ipv4Addr::new(10, 1, 0, 1));
        assert_eq!(&frame.payload()[18..24], &[2, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn other_hardware_is_refused() {
        for (at, v) in [(1, 6), (2, 0x86), (4, 8), (5, 16)] {
            let mut q = request();
            q[at] = v;
            assert_eq!(Arp::parse(&q).err(), Some(DropReason::Malformed));
        }
        assert_eq!(Arp::parse(&request()[..27]).err(), Some(DropReason::Truncated));
    }
}
