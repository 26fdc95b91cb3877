//! Socket system calls.

use crate::message::Message;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Messages of one sendmmsg call.
pub const SEND_BATCH: usize = 32;
/// Messages of one recvmmsg call.
pub const RECV_BATCH: usize = 32;
pub const UDP_SEGMENT: c_int = 103;
pub const UDP_GRO: c_int = 104;

/// Room for the largest address.
type Address = libc::sockaddr_in6;
const ADDRESS_LEN: usize = size_of::<Address>();

/// Room for two control messages with an int each, aligned as the kernel wants it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A non-blocking UDP socket.
pub fn socket(ipv6: bool) -> io::Result<OwnedFd> {
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: plain arguments.
    let fd = check(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: socket returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn set_option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let pointer = std::ptr::from_ref(&value).cast::<c_void>();
    // SAFETY: pointer and length describe `value`.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, pointer, size_of::<c_int>() as u32) })
        .map(|_| ())
}

/// # Errors
/// As of getsockopt.
pub fn option(fd: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as u32;
    let pointer = std::ptr::from_mut(&mut value).cast::<c_void>();
    // SAFETY: pointer and length describe `value`.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, pointer, &mut len) }).map(|_| value)
}

/// Bytes of memory that wait to be sent, as the kernel counts them against the send buffer.
pub fn queued(fd: BorrowedFd<'_>) -> usize {
    let mut bytes: c_int = 0;
    // SAFETY: the request writes one int.
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) };
    if done < 0 { 0 } else { bytes.max(0) as usize }
}

/// Of the two sockets at one address the first gets all datagrams from now on but those that begin as a data frame that may overtake (docs/frames.md): type 0xF4, version 1, flag 0x80.
pub fn sort_sparse(fd: BorrowedFd<'_>) -> io::Result<()> {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    // Reading beyond the end of a datagram ends the program with 0, the first socket.
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, 0xFFFF_8000),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 0xF401_8000),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    let pointer = std::ptr::from_ref(&program).cast::<c_void>();
    let (name, len) = (
        libc::SO_ATTACH_REUSEPORT_CBPF,
        size_of::<libc::sock_fprog>() as u32,
    );
    // SAFETY: pointer and length describe `program`, whose instructions live until the call ends.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, name, pointer, len) }).map(|_| ())
}

/// Writes `address` for a socket of the given family; returns its length.
fn encode(address: SocketAddr, ipv6: bool, out: &mut Address) -> u32 {
    let (ip, flow, scope) = match address {
        SocketAddr::V4(a) if !ipv6 => {
            let four = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: a.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(a.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_in is smaller than sockaddr_in6 and has no stricter alignment.
            unsafe { std::ptr::from_mut(out).cast::<libc::sockaddr_in>().write(four) };
            return size_of::<libc::sockaddr_in>() as u32;
        }
        SocketAddr::V4(a) => (a.ip().to_ipv6_mapped(), 0, 0),
        SocketAddr::V6(a) => (*a.ip(), a.flowinfo(), a.scope_id()),
    };
    *out = libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: address.port().to_be(),
        sin6_flowinfo: flow,
        sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
        sin6_scope_id: scope,
    };
    ADDRESS_LEN as u32
}

fn decode(address: &Address) -> Option<SocketAddr> {
    match c_int::from(address.sin6_family) {
        libc::AF_INET => {
            // SAFETY: the kernel wrote a sockaddr_in, which is smaller and has no stricter alignment.
            let four = unsafe { std::ptr::from_ref(address).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(four.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(four.sin_port))))
        }
        libc::AF_INET6 => {
            let (ip, port) = (
                Ipv6Addr::from(address.sin6_addr.s6_addr),
                u16::from_be(address.sin6_port),
            );
            Some(SocketAddr::V6(SocketAddrV6::new(
                ip,
                port,
                address.sin6_flowinfo,
                address.sin6_scope_id,
            )))
        }
        _ => None,
    }
}

pub fn bind(fd: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    // SAFETY: sockaddr_in6 is plain data for which all zeros is a valid value.
    let mut storage: Address = unsafe { zeroed() };
    let length = encode(address, address.is_ipv6(), &mut storage);
    let pointer = std::ptr::from_ref(&storage).cast::<libc::sockaddr>();
    // SAFETY: pointer and length describe `storage`.
    check(unsafe { libc::bind(fd.as_raw_fd(), pointer, length) }).map(|_| ())
}

pub fn local_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    // SAFETY: sockaddr_in6 is plain data for which all zeros is a valid value.
    let mut storage: Address = unsafe { zeroed() };
    let mut length = ADDRESS_LEN as u32;
    let pointer = std::ptr::from_mut(&mut storage).cast::<libc::sockaddr>();
    // SAFETY: pointer and length describe `storage`, which holds every address of the families used here.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), pointer, &mut length) })?;
    decode(&storage).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Writes the control messages that a message needs; returns their length, 0 for none.
fn write_controls(control: &mut Control, message: &Message<'_>) -> usize {
    let mut used = 0;
    if message.len() > message.segment {
        let segment = (message.segment as u16).to_ne_bytes();
        used += put_control(control, used, libc::SOL_UDP, UDP_SEGMENT, &segment);
    }
    if message.class != 0 {
        // What leaves as IPv4 wants IPv4's, whatever the family of the socket.
        let (level, kind) = match message.remote {
            SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TOS),
            SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        };
        let class = c_int::from(message.class).to_ne_bytes();
        used += put_control(control, used, level, kind, &class);
    }
    used
}

/// Writes one control message of at most four bytes at `at`; returns the room that it takes.
fn put_control(control: &mut Control, at: usize, level: c_int, kind: c_int, data: &[u8]) -> usize {
    // SAFETY: plain arithmetic.
    let (space, length) = unsafe {
        (
            libc::CMSG_SPACE(data.len() as u32) as usize,
            libc::CMSG_LEN(data.len() as u32) as usize,
        )
    };
    let room = &mut control.0[at..at + space];
    // SAFETY: `room` holds a cmsghdr and its data (checked by the slice), `Control` and every CMSG_SPACE are aligned for one.
    unsafe {
        let header = room.as_mut_ptr().cast::<libc::cmsghdr>();
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = length as _;
        std::ptr::copy_nonoverlapping(data.as_ptr(), libc::CMSG_DATA(header), data.len());
    }
    space
}

/// Sends messages in order; returns how many were taken (at least one). `ipv6`: the family of the socket.
pub fn send(fd: BorrowedFd<'_>, ipv6: bool, messages: &[Message<'_>]) -> io::Result<usize> {
    // SAFETY: all three are plain data for which all zeros is a valid value.
    let (mut headers, mut addresses, mut controls): (
        [libc::mmsghdr; SEND_BATCH],
        [Address; SEND_BATCH],
        [Control; SEND_BATCH],
    ) = unsafe { (zeroed(), zeroed(), zeroed()) };
    let count = messages.len().min(SEND_BATCH);
    for (i, message) in messages.iter().take(count).enumerate() {
        let header = &mut headers[i].msg_hdr;
        header.msg_namelen = encode(message.remote, ipv6, &mut addresses[i]);
        header.msg_name = std::ptr::from_mut(&mut addresses[i]).cast();
        // The kernel does not write to what it sends; IoSlice has the layout of iovec.
        header.msg_iov = message.parts.as_ptr().cast_mut().cast();
        header.msg_iovlen = message.parts.len() as _;
        let length = write_controls(&mut controls[i], message);
        if length > 0 {
            header.msg_controllen = length as _;
            header.msg_control = controls[i].0.as_mut_ptr().cast();
        }
    }
    // SAFETY: the first `count` headers point to addresses, slices and control messages that outlive the call.
    let n = check(unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count as u32,
            libc::MSG_NOSIGNAL as _,
        )
    })?;
    Ok(n as usize)
}

/// What came into one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub len: usize,
    /// Bytes of each datagram but the last; `len` when there is one.
    pub segment: usize,
    pub from: Option<SocketAddr>,
    /// Traffic class byte of the IP header.
    pub class: u8,
    /// The buffer was too short.
    pub truncated: bool,
}

/// What the control messages of one buffer say: the segment size (0 when none was told) and the traffic class.
fn read_controls(header: &libc::msghdr) -> (usize, u8) {
    let (mut segment, mut class) = (0, 0);
    // SAFETY: the kernel wrote `msg_controllen` bytes of well-formed control messages to `msg_control`; each has the data that
    // its kind has by the kernel's interface: an int, or a byte for IP_TOS.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            match ((*at).cmsg_level, (*at).cmsg_type) {
                (libc::SOL_UDP, UDP_GRO) => {
                    segment = usize::try_from(data.cast::<c_int>().read_unaligned()).unwrap_or(0);
                }
                (libc::IPPROTO_IP, libc::IP_TOS) => class = data.read(),
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                    class = data.cast::<c_int>().read_unaligned() as u8;
                }
                _ => {}
            }
            at = libc::CMSG_NXTHDR(header, at);
        }
    }
    (segment, class)
}

/// Receives what is there, one run of datagrams per buffer of `stride` bytes; returns how many buffers were filled.
pub fn receive(
    fd: BorrowedFd<'_>,
    storage: &mut [u8],
    stride: usize,
    out: &mut [Received],
) -> io::Result<usize> {
    // SAFETY: all four are plain data for which all zeros is a valid value.
    let (mut headers, mut addresses, mut controls, mut slices): (
        [libc::mmsghdr; RECV_BATCH],
        [Address; RECV_BATCH],
        [Control; RECV_BATCH],
        [libc::iovec; RECV_BATCH],
    ) = unsafe { (zeroed(), zeroed(), zeroed(), zeroed()) };
    let count = out.len().min(RECV_BATCH);
    for (i, buffer) in storage.chunks_exact_mut(stride).take(count).enumerate() {
        slices[i] = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        let header = &mut headers[i].msg_hdr;
        header.msg_name = std::ptr::from_mut(&mut addresses[i]).cast();
        header.msg_namelen = ADDRESS_LEN as u32;
        header.msg_iov = &mut slices[i];
        header.msg_iovlen = 1;
        header.msg_control = controls[i].0.as_mut_ptr().cast();
        header.msg_controllen = size_of::<Control>() as _;
    }
    let count = count.min(storage.len() / stride);
    let flags = libc::MSG_DONTWAIT as _;
    // SAFETY: the first `count` headers point to exclusive buffers that outlive the call.
    let n = check(unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count as u32,
            flags,
            std::ptr::null_mut(),
        )
    })?;
    for i in 0..n as usize {
        let (header, len) = (&headers[i].msg_hdr, headers[i].msg_len as usize);
        let (segment, class) = read_controls(header);
        out[i] = Received {
            len,
            segment: if segment > 0 { segment } else { len },
            from: decode(&addresses[i]),
            class,
            truncated: header.msg_flags & libc::MSG_TRUNC != 0,
        };
    }
    Ok(n as usize)
}

/// Waits until the socket takes more, or `ms` milliseconds.
pub fn wait_writable(fd: BorrowedFd<'_>, ms: c_int) {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one pollfd, exclusively ours. Errors end the wait, which is all that the caller needs.
    unsafe { libc::poll(&mut poll, 1, ms) };
}
