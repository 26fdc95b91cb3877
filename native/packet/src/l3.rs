//! A parsed IPv4 or IPv6 packet.

use crate::DropReason;
use std::net::IpAddr;

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

/// A checked view: lengths are consistent and every header up to L4 lies inside `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct L3<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) version: Version,
    pub(crate) protocol: u8,
    pub(crate) l4: u16,
    pub(crate) fragment: Option<Fragment>,
    pub(crate) source_route: bool,
    pub(crate) router_alert: bool,
}

impl<'a> L3<'a> {
    /// Version by the first nibble; bytes beyond the IP length are cut off.
    ///
    /// # Errors
    /// `NotIp`, `Truncated`, `Malformed`, `HeaderChain`.
    pub fn parse(_bytes: &'a [u8]) -> Result<Self, DropReason> {
        todo!()
    }

    /// The packet, exactly.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn src(&self) -> IpAddr {
        todo!()
    }

    pub fn dst(&self) -> IpAddr {
        todo!()
    }

    /// The protocol after all extension headers.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// TTL or hop limit.
    pub fn hop_limit(&self) -> u8 {
        todo!()
    }

    /// L4 header and payload; for a later fragment just its bytes.
    pub fn l4(&self) -> &'a [u8] {
        &self.bytes[usize::from(self.l4)..]
    }

    /// Offset of L4 in `bytes`.
    pub fn l4_offset(&self) -> usize {
        usize::from(self.l4)
    }

    /// `None` for a whole packet (IPv6 atomic fragments are fragments too).
    pub fn fragment(&self) -> Option<Fragment> {
        self.fragment
    }

    /// LSRR, SSRR or any routing header.
    pub fn has_source_route(&self) -> bool {
        self.source_route
    }

    pub fn has_router_alert(&self) -> bool {
        self.router_alert
    }

    /// UDP or TCP ports (source, destination), unless it is a later fragment or something else.
    pub fn ports(&self) -> Option<(u16, u16)> {
        todo!()
    }
}
