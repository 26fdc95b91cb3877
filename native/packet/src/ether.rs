//! Ethernet II frames without tags: what the adapter (a TAP) reads and writes.

use crate::bytes::{array, be16};
use crate::{DropReason, L3};
use std::fmt;
use std::net::IpAddr;

/// Bytes of an Ethernet header.
pub const ETHER_LEN: usize = 14;
pub const ETHERTYPE_IPV4: u16 = 0x0800;
pub const ETHERTYPE_ARP: u16 = 0x0806;
pub const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Of the first byte: neither the bit of groups nor that of local addresses.
const CAST_BIT: u8 = 4;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// The Ethernet address of an IP group (RFC 1112, RFC 2464).
    pub fn of_group(group: IpAddr) -> Mac {
        match group {
            IpAddr::V4(a) => {
                let o = a.octets();
                Mac([0x01, 0x00, 0x5e, o[1] & 0x7f, o[2], o[3]])
            }
            IpAddr::V6(a) => {
                let o = a.octets();
                Mac([0x33, 0x33, o[12], o[13], o[14], o[15]])
            }
        }
    }

    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The source under which casts of the host with this address are written to other hosts' adapters. It is nobody's own, so a
    /// host that gets its cast back from its own adapter, by a bridge to a LAN that another member is bridged to as well, sees that
    /// it did not send this frame.
    pub fn of_casts(self) -> Mac {
        let mut bytes = self.0;
        bytes[0] ^= CAST_BIT;
        Mac(bytes)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.0;
        write!(
            f,
            "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
            m[0], m[1], m[2], m[3], m[4], m[5]
        )
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A whole frame, without virtio-net header and without FCS.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DropReason> {
        if bytes.len() < ETHER_LEN {
            Err(DropReason::Truncated)
        } else {
            Ok(Frame { bytes })
        }
    }

    pub fn dst(&self) -> Mac {
        Mac(array(self.bytes, 0))
    }

    pub fn src(&self) -> Mac {
        Mac(array(self.bytes, 6))
    }

    pub fn ethertype(&self) -> u16 {
        be16(self.bytes, 12)
    }

    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[ETHER_LEN..]
    }
}

/// A header from its parts.
pub fn header(dst: Mac, src: Mac, ethertype: u16) -> [u8; ETHER_LEN] {
    let mut h = [0; ETHER_LEN];
    h[..6].copy_from_slice(&dst.0);
    h[6..12].copy_from_slice(&src.0);
    h[12..].copy_from_slice(&ethertype.to_be_bytes());
    h
}

/// The header under which a packet from `sender` is written to the adapter with address `own`. `broadcast`: the IPv4
/// destination is the subnet's directed broadcast (only the table knows its prefix); groups and 255.255.255.255 are seen here.
pub fn header_for(packet: &L3<'_>, sender: Mac, own: Mac, broadcast: bool) -> [u8; ETHER_LEN] {
    let (dst, ethertype) = match packet.dst() {
        IpAddr::V4(a) if broadcast || a.is_broadcast() => (Mac::BROADCAST, ETHERTYPE_IPV4),
        IpAddr::V4(a) if a.is_multicast() => (Mac::of_group(a.into()), ETHERTYPE_IPV4),
        IpAddr::V4(_) => (own, ETHERTYPE_IPV4),
        IpAddr::V6(a) if a.is_multicast() => (Mac::of_group(a.into()), ETHERTYPE_IPV6),
        IpAddr::V6(_) => (own, ETHERTYPE_IPV6),
    };
    let src = if dst.is_group() { sender.of_casts() } else { sender };
    header(dst, src, ethertype)
}
