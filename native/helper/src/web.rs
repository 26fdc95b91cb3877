//! TCP port 443, which no program without rights may take.
use crate::request::{self, Refusal};
use nix::sys::socket::sockopt::{Ipv6V6Only, ReuseAddr};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, bind, listen as start,
    setsockopt, socket,
};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

pub const PORT: u16 = 443;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// A listening socket on all addresses of one family.
pub fn listen(address: &str) -> Result<OwnedFd, Refusal> {
    match address {
        "0.0.0.0" => {
            let all: SockaddrIn = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into();
            open(AddressFamily::Inet, &all)
        }
        "::" => {
            let all: SockaddrIn6 = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, PORT, 0, 0).into();
            open(AddressFamily::Inet6, &all)
        }
        _ => Err(request::bad("only 0.0.0.0 and ::, on port 443")),
    }
}

fn open(family: AddressFamily, address: &dyn SockaddrLike) -> Result<OwnedFd, Refusal> {
    let taken = |error: nix::Error| Refusal::new("port-taken", format!("port {PORT}: {error}"));
    let made = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(taken)?;
    if family == AddressFamily::Inet6 {
        setsockopt(&made, Ipv6V6Only, &true).map_err(taken)?;
    }
    setsockopt(&made, ReuseAddr, &true).map_err(taken)?;
    bind(made.as_raw_fd(), address).map_err(taken)?;
    start(&made, Backlog::new(BACKLOG).map_err(taken)?).map_err(taken)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_addresses_are_refused() {
        for address in ["", "127.0.0.1", "192.0.2.1", "::1", "0.0.0.0:80", "*"] {
            assert_eq!(listen(address).unwrap_err().code, "bad-argument", "{address}");
        }
    }
}
