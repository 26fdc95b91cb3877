//! The one unsafe corner: a descriptor that systemd passes by number, and packet sockets.
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

const FIRST_PASSED: i32 = 3;

/// The listening socket of a socket-activated unit (LISTEN_FDS), if that is how we were started.
pub fn passed_socket() -> Option<OwnedFd> {
    let pid = std::env::var("LISTEN_PID").ok()?.parse::<u32>().ok()?;
    let count = std::env::var("LISTEN_FDS").ok()?.parse::<u32>().ok()?;
    if pid != std::process::id() || count != 1 {
        return None;
    }
    // SAFETY: systemd opened descriptor 3 for this very process (LISTEN_PID matches), and nothing else has taken it: this is
    // called once, before any other descriptor is opened.
    Some(unsafe { OwnedFd::from_raw_fd(FIRST_PASSED) })
}

/// One instruction of a classic socket filter.
pub type Instruction = libc::sock_filter;

/// A packet socket that sees what the filter lets through, from the IP header on, of all interfaces. The filter cannot be changed.
pub fn packet_socket(filter: &mut [Instruction]) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: plain arguments. Protocol 0: nothing comes before the filter is there.
    let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above made this descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    set(fd, libc::SO_ATTACH_FILTER, &program)?;
    set(fd, libc::SO_LOCK_FILTER, &1i32)?;
    // SAFETY: sockaddr_ll is plain data for which all zeros is a valid value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    // Only this "protocol" brings what leaves.
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    let len = size_of::<libc::sockaddr_ll>() as u32;
    // SAFETY: pointer and length describe a valid address.
    if unsafe { libc::bind(fd, (&raw const address).cast(), len) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

fn set<T>(fd: RawFd, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: pointer and length describe a valid value; the kernel copies it (and the filter that it points to).
    let done = unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            name,
            (value as *const T).cast(),
            size_of::<T>() as u32,
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// One packet, and the number of the interface that it left by.
pub fn receive_packet(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<(usize, u32)> {
    // SAFETY: sockaddr_ll is plain data for which all zeros is a valid value.
    let mut from: libc::sockaddr_ll = unsafe { zeroed() };
    let mut len = size_of::<libc::sockaddr_ll>() as u32;
    // SAFETY: both pointers and lengths describe exclusive memory.
    let n = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
            (&raw mut from).cast(),
            &mut len,
        )
    };
    let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    Ok((n, u32::try_from(from.sll_ifindex).unwrap_or(0)))
}
