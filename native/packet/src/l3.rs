//! A parsed IPv4 or IPv6 packet.

use crate::bytes::{array, be16};
use crate::{DropReason, ipv4, ipv6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IP protocol numbers that anything here looks at.
pub mod protocol {
    pub const ICMP: u8 = 1;
    pub const IGMP: u8 = 2;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Bytes before it in the whole.
    pub offset: u16,
    /// More follow.
    pub more: bool,
}

/// What a walk along the headers found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub version: Version,
    pub protocol: u8,
    pub l4: u16,
    pub fragment: Option<Fragment>,
    pub source_route: bool,
    pub router_alert: bool,
}

/// A checked view: lengths are consistent and every header before L4 lies inside `bytes`. L4 itself is not checked:
/// [`crate::tcp::Tcp`], [`crate::udp::Udp`] and the others do that.
#[derive(Clone, Copy, Debug)]
pub struct L3<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> L3<'a> {
    /// Version by the first nibble; bytes beyond the IP length are cut off.
    ///
    /// # Errors
    /// `NotIp`, `Truncated`, `Malformed`, `HeaderChain`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DropReason> {
        let (layout, total) = match bytes.first().map(|b| b >> 4) {
            Some(4) => ipv4::parse(bytes)?,
            Some(6) => ipv6::parse(bytes)?,
            Some(_) => return Err(DropReason::NotIp),
            None => return Err(DropReason::Truncated),
        };
        Ok(L3 {
            bytes: &bytes[..total],
            layout,
        })
    }

    /// The packet, exactly.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn version(&self) -> Version {
        self.layout.version
    }

    pub fn is_v4(&self) -> bool {
        self.layout.version == Version::V4
    }

    #[inline]
    pub fn src(&self) -> IpAddr {
        match self.layout.version {
            Version::V4 => IpAddr::V4(Ipv4Addr::from(array::<4>(self.bytes, 12))),
            Version::V6 => IpAddr::V6(Ipv6Addr::from(array::<16>(self.bytes, 8))),
        }
    }

    #[inline]
    pub fn dst(&self) -> IpAddr {
        match self.layout.version {
            Version::V4 => IpAddr::V4(Ipv4Addr::from(array::<4>(self.bytes, 16))),
            Version::V6 => IpAddr::V6(Ipv6Addr::from(array::<16>(self.bytes, 24))),
        }
    }

    /// Source and destination as they stand in the header (8 or 32 bytes): the start of the pseudo-header.
    #[inline]
    pub fn addresses(&self) -> &'a [u8] {
        match self.layout.version {
            Version::V4 => &self.bytes[12..20],
            Version::V6 => &self.bytes[8..40],
        }
    }

    /// The protocol after all extension headers.
    pub fn protocol(&self) -> u8 {
        self.layout.protocol
    }

    /// TTL or hop limit.
    pub fn hop_limit(&self) -> u8 {
        match self.layout.version {
            Version::V4 => self.bytes[8],
            Version::V6 => self.bytes[7],
        }
    }

    /// L4 header and payload; for a later fragment just its bytes.
    #[inline]
    pub fn l4(&self) -> &'a [u8] {
        &self.bytes[self.l4_offset()..]
    }

    /// Offset of L4 in `bytes`.
    #[inline]
    pub fn l4_offset(&self) -> usize {
        usize::from(self.layout.l4)
    }

    /// `None` for a whole packet (IPv6 atomic fragments are fragments too).
    pub fn fragment(&self) -> Option<Fragment> {
        self.layout.fragment
    }

    /// Whole, or the first fragment: `l4` begins with the L4 header.
    pub fn has_l4_header(&self) -> bool {
        self.layout.fragment.is_none_or(|f| f.offset == 0)
    }

    /// LSRR, SSRR or any routing header.
    pub fn has_source_route(&self) -> bool {
        self.layout.source_route
    }

    pub fn has_router_alert(&self) -> bool {
        self.layout.router_alert
    }

    /// UDP or TCP ports (source, destination), unless it is a later fragment, truncated or something else.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let l4 = self.l4();
        if matches!(self.protocol(), protocol::TCP | protocol::UDP) && self.has_l4_header() && l4.len() >= 4 {
            Some((be16(l4, 0), be16(l4, 2)))
        } else {
            None
        }
    }

    /// Neither IPv4 options nor IPv6 extension headers nor a fragment: what may be merged.
    pub(crate) fn is_plain(&self) -> bool {
        let plain = match self.layout.version {
            Version::V4 => ipv4::IPV4_LEN_MIN,
            Version::V6 => ipv6::IPV6_LEN,
        };
        self.l4_offset() == plain && self.layout.fragment.is_none()
    }
}
