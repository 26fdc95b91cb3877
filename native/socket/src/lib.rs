//! UDP in batches: one call sends runs of equal datagrams to many destinations, one call receives many such runs.
//!
//! * [`UdpSocket::send_batch`]: each [`Message`] is one destination and any number of equal segments, gathered from the
//!   caller's slices (UDP_SEGMENT inside sendmmsg). Where the kernel or a device cannot, segments go out one by one.
//! * [`UdpSocket::recv_batch`]: a [`RecvBatch`] holds what came, runs of equal datagrams in one piece (UDP_GRO).
mod error;
mod message;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod platform;

pub use error::{BindError, ErrorCode, SendFailure};
pub use message::{Message, RUN_BYTES_MAX, RUN_SEGMENTS_MAX};
pub use platform::{Datagrams, Place, RecvBatch, UdpSocket};

use std::net::{SocketAddr, SocketAddrV6};

/// How to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Use UDP_SEGMENT and UDP_GRO where there are any.
    pub offloads: bool,
    /// "[::]" carries IPv6 alone: set it when another socket has the IPv4 wildcard.
    pub v6_only: bool,
}

/// An IPv4 address that came in IPv6 clothes (::ffff:1.2.3.4) is an IPv4 address. Flow labels are dropped.
pub fn normalise(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(a) => match a.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), a.port()),
            None => SocketAddr::V6(SocketAddrV6::new(*a.ip(), a.port(), 0, a.scope_id())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_unwrapped() {
        let n = |s: &str| normalise(s.parse().unwrap()).to_string();
        assert_eq!(n("[::ffff:1.2.3.4]:5"), "1.2.3.4:5");
        assert_eq!(n("[fe80::1%3]:5"), "[fe80::1%3]:5");
        assert_eq!(n("1.2.3.4:5"), "1.2.3.4:5");
        assert_eq!(n("[::1]:5"), "[::1]:5");
    }
}
