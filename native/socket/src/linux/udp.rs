//! The socket.

use super::recv::RecvBatch;
use super::sys;
use crate::message::{Cutter, Message, SEGMENT_PARTS_MAX};
use crate::{BindError, Options, SendFailure};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bytes of kernel buffer to ask for, each way: 20 ms at 3 Gbit/s. Less is taken when the system allows no more.
const SOCKET_BUFFER: i32 = 8 << 20;
/// Segments that are sent together where the kernel does not cut.
const CUT_BATCH: usize = sys::SEND_BATCH;

/// A bound, non-blocking UDP socket. May be used by several threads at once.
#[derive(Debug)]
pub struct UdpSocket {
    fd: OwnedFd,
    local: SocketAddr,
    ipv6: bool,
    /// UDP_SEGMENT works so far.
    segmenting: AtomicBool,
    cut: AtomicU64,
    quiet: AtomicBool,
    /// What the kernel lets wait to be sent, bytes.
    room: usize,
    /// Bound to the same address; the kernel puts there what says that it may overtake.
    sparse: Option<OwnedFd>,
}

impl UdpSocket {
    /// A full send buffer is waited for this long, milliseconds; then the message is dropped.
    pub const FULL_WAIT_MS: u32 = 4;

    /// # Errors
    /// `port-taken`, `address-unavailable`, `no-rights`, `internal`.
    pub fn bind(address: SocketAddr, options: Options) -> Result<UdpSocket, BindError> {
        Self::try_bind(address, options).map_err(|error| match error.raw_os_error() {
            Some(libc::EAFNOSUPPORT) => BindError::from_io(address, &io::ErrorKind::AddrNotAvailable.into()),
            _ => BindError::from_io(address, &error),
        })
    }

    fn try_bind(address: SocketAddr, options: Options) -> io::Result<UdpSocket> {
        let ipv6 = address.is_ipv6();
        let owned = receiving(ipv6, options)?;
        let fd = owned.as_fd();
        allow_fragments(fd, ipv6);
        enlarge(fd, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF);
        // Old kernels ignore the control message and would send one huge datagram: ask by socket option first.
        let segmenting = options.offloads && sys::set_option(fd, libc::SOL_UDP, sys::UDP_SEGMENT, 0).is_ok();
        // Without sharing: an address that somebody has is not taken from them.
        sys::bind(fd, address)?;
        let bound = sys::local_address(fd)?;
        let local = crate::normalise(bound);
        // A kernel that refuses leaves one queue for all.
        let sparse = beside(fd, bound, options).ok();
        let room = sys::option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF)?.max(1) as usize;
        let segmenting = AtomicBool::new(segmenting);
        Ok(UdpSocket {
            fd: owned,
            local,
            ipv6,
            segmenting,
            cut: AtomicU64::new(0),
            quiet: AtomicBool::new(false),
            room,
            sparse,
        })
    }

    /// How full the send buffer is, percent. What waits for an address that nobody has counts.
    pub fn fullness(&self) -> u32 {
        (sys::queued(self.fd.as_fd()).saturating_mul(100) / self.room) as u32
    }

    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Whether a datagram for `remote` can leave through this socket: same family, or IPv4 through "[::]".
    pub fn reaches(&self, remote: SocketAddr, v6_only: bool) -> bool {
        remote.is_ipv6() == self.ipv6 || (self.ipv6 && self.local.ip().is_unspecified() && !v6_only)
    }

    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Messages that had to be cut here because the kernel or the path would not.
    pub fn cut(&self) -> u64 {
        self.cut.load(Relaxed)
    }

    /// While it is quiet nothing leaves through it: messages vanish, and what comes is for nobody.
    pub fn set_quiet(&self, on: bool) {
        self.quiet.store(on, Relaxed);
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// Fills the batch with what is there, at most `limit` buffers; returns how many, 0 for none.
    ///
    /// # Errors
    /// The socket failed. ICMP errors of earlier datagrams are not errors here.
    pub fn recv_batch(&self, batch: &mut RecvBatch, limit: usize) -> io::Result<usize> {
        receive(self.fd.as_fd(), batch, limit)
    }

    /// The same for what may overtake: always 0 where the kernel keeps one queue.
    ///
    /// # Errors
    /// As of [`UdpSocket::recv_batch`].
    pub fn recv_sparse(&self, batch: &mut RecvBatch, limit: usize) -> io::Result<usize> {
        batch.count = 0;
        self.sparse
            .as_ref()
            .map_or(Ok(0), |fd| receive(fd.as_fd(), batch, limit))
    }

    /// What is readable when [`UdpSocket::recv_sparse`] has something.
    pub fn sparse_fd(&self) -> Option<RawFd> {
        self.sparse.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Sends all messages in order, waiting a bounded time for room. `failed` hears of each one that was not sent, by index.
    /// Returns the datagrams that went out.
    pub fn send_batch(&self, messages: &[Message<'_>], failed: &mut dyn FnMut(usize, SendFailure)) -> u64 {
        if self.is_quiet() {
            return 0;
        }
        let (mut at, mut sent) = (0, 0);
        while at < messages.len() {
            let rest = &messages[at..];
            let whole = rest.iter().take_while(|m| self.takes(m)).count();
            if whole == 0 {
                sent += self.send_cut(&rest[0], &mut |failure| failed(at, failure));
                at += 1;
                continue;
            }
            let mut patience = Self::FULL_WAIT_MS;
            match self.send_some(&rest[..whole], &mut patience) {
                Ok(n) => {
                    sent += rest[..n].iter().map(|m| m.datagrams() as u64).sum::<u64>();
                    at += n;
                }
                Err(error) => {
                    if !self.blame_segments(&rest[0], &error) {
                        failed(at, classify(&error));
                    } else {
                        sent += self.send_cut(&rest[0], &mut |failure| failed(at, failure));
                    }
                    at += 1;
                }
            }
        }
        sent
    }

    fn takes(&self, message: &Message<'_>) -> bool {
        message.datagrams() == 1 || self.segmenting.load(Relaxed)
    }

    /// Whether this failure may be due to UDP_SEGMENT: then segments are tried one by one.
    fn blame_segments(&self, message: &Message<'_>, error: &io::Error) -> bool {
        if message.datagrams() == 1 {
            return false;
        }
        match error.raw_os_error() {
            // The device cannot checksum what the kernel would cut: it never will.
            Some(libc::EIO) => {
                self.segmenting.store(false, Relaxed);
                true
            }
            // Segments longer than the path's MTU: one by one the kernel fragments them.
            Some(libc::EINVAL | libc::EMSGSIZE) => true,
            _ => false,
        }
    }

    /// One sendmmsg; waits while the buffer is full as long as there is patience (milliseconds).
    fn send_some(&self, messages: &[Message<'_>], patience: &mut u32) -> io::Result<usize> {
        let mut refused = false;
        loop {
            let error = match sys::send(self.fd.as_fd(), self.ipv6, messages) {
                Ok(n) => return Ok(n),
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                // Reported once for an earlier datagram: this one was not tried.
                Some(libc::ECONNREFUSED) if !refused => refused = true,
                Some(libc::EAGAIN | libc::ENOBUFS) if *patience > 0 => {
                    *patience -= 1;
                    match error.raw_os_error() {
                        Some(libc::EAGAIN) => sys::wait_writable(self.fd.as_fd(), 1),
                        // The device's queue is full; the socket itself stays writable.
                        _ => std::thread::sleep(Duration::from_millis(1)),
                    }
                }
                _ => return Err(error),
            }
        }
    }

    /// Sends a message's segments as datagrams of their own.
    fn send_cut(&self, message: &Message<'_>, failed: &mut dyn FnMut(SendFailure)) -> u64 {
        self.cut.fetch_add(1, Relaxed);
        let mut cutter = Cutter::new(message);
        let (mut sent, mut failure) = (0, None);
        loop {
            let mut slices = [IoSlice::new(&[]); SEGMENT_PARTS_MAX * 2];
            let (mut used, mut ends, mut count) = (0, [0; CUT_BATCH], 0);
            // Each segment may take SEGMENT_PARTS_MAX slices; stop while the next one surely fits.
            while count < CUT_BATCH && used + SEGMENT_PARTS_MAX <= slices.len() {
                match cutter.next(&mut slices[used..]) {
                    0 => break,
                    n => used += n,
                }
                ends[count] = used;
                count += 1;
            }
            if count == 0 {
                break;
            }
            let (n, error) = self.send_segments(message, &slices, &ends[..count]);
            sent += n;
            failure = failure.or(error);
        }
        if let Some(failure) = failure {
            failed(failure);
        }
        sent
    }

    /// `ends[i]`: where segment `i` ends in `slices`. Returns what was sent and the first failure.
    fn send_segments(
        &self,
        of: &Message<'_>,
        slices: &[IoSlice<'_>],
        ends: &[usize],
    ) -> (u64, Option<SendFailure>) {
        let mut messages = [Message {
            class: of.class,
            remote: of.remote,
            segment: usize::MAX,
            parts: &[],
        }; CUT_BATCH];
        let mut start = 0;
        for (message, end) in messages.iter_mut().zip(ends) {
            message.parts = &slices[start..*end];
            start = *end;
        }
        let (mut at, mut sent, mut failure) = (0, 0, None);
        let mut patience = Self::FULL_WAIT_MS;
        while at < ends.len() {
            match self.send_some(&messages[at..ends.len()], &mut patience) {
                Ok(n) => {
                    sent += n as u64;
                    at += n;
                }
                Err(error) => {
                    failure = failure.or(Some(classify(&error)));
                    at += 1;
                }
            }
        }
        (sent, failure)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn receive(fd: BorrowedFd<'_>, batch: &mut RecvBatch, limit: usize) -> io::Result<usize> {
    let limit = limit.clamp(1, RecvBatch::BUFFERS);
    batch.count = 0;
    loop {
        let received = &mut batch.received[..limit];
        match sys::receive(fd, &mut batch.storage, RecvBatch::STRIDE, received) {
            Ok(n) => {
                batch.count = n;
                return Ok(n);
            }
            Err(e) => match e.raw_os_error() {
                Some(libc::EAGAIN) => return Ok(0),
                // Each reports, and thereby clears, the ICMP error of one earlier datagram.
                Some(
                    libc::EINTR | libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EPROTO,
                ) => {}
                _ => return Err(e),
            },
        }
    }
}

/// A socket that is ready to receive, not bound yet.
fn receiving(ipv6: bool, options: Options) -> io::Result<OwnedFd> {
    let owned = sys::socket(ipv6)?;
    let fd = owned.as_fd();
    if ipv6 {
        sys::set_option(
            fd,
            libc::IPPROTO_IPV6,
            libc::IPV6_V6ONLY,
            i32::from(options.v6_only),
        )?;
    }
    enlarge(fd, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF);
    if options.offloads {
        // Without it datagrams come one by one, which works as well.
        let _ = sys::set_option(fd, libc::SOL_UDP, sys::UDP_GRO, 1);
    }
    report_class(fd, ipv6);
    Ok(owned)
}

/// A second socket at the address of `first`, for the frames that say `SPARSE`. Others may come to it before they are told apart: it does not
/// matter, as both are read.
fn beside(first: BorrowedFd<'_>, bound: SocketAddr, options: Options) -> io::Result<OwnedFd> {
    let second = receiving(bound.is_ipv6(), options)?;
    let fd = second.as_fd();
    sys::set_option(first, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    sys::set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    sys::bind(fd, bound)?;
    sys::sort_sparse(first)?;
    Ok(second)
}

/// Narrow paths get IP fragments of our datagrams rather than nothing; Weft's own fragments are for paths that are known.
fn allow_fragments(fd: BorrowedFd<'_>, ipv6: bool) {
    // On a dual-stack socket both matter. A system that refuses keeps its default.
    let _ = sys::set_option(
        fd,
        libc::IPPROTO_IP,
        libc::IP_MTU_DISCOVER,
        libc::IP_PMTUDISC_DONT,
    );
    if ipv6 {
        let _ = sys::set_option(
            fd,
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_DONT,
        );
    }
}

/// Asks for the traffic class of what comes. Without it everything seems unmarked.
fn report_class(fd: BorrowedFd<'_>, ipv6: bool) {
    // A dual-stack socket gets IPv4 as well.
    let _ = sys::set_option(fd, libc::IPPROTO_IP, libc::IP_RECVTOS, 1);
    if ipv6 {
        let _ = sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1);
    }
}

fn enlarge(fd: BorrowedFd<'_>, forced: i32, plain: i32) {
    if sys::set_option(fd, libc::SOL_SOCKET, forced, SOCKET_BUFFER).is_err() {
        // The kernel clamps to its own maximum; smaller buffers only drop earlier.
        let _ = sys::set_option(fd, libc::SOL_SOCKET, plain, SOCKET_BUFFER);
    }
}

fn classify(error: &io::Error) -> SendFailure {
    match error.raw_os_error() {
        Some(libc::EMSGSIZE) => SendFailure::TooBig,
        Some(libc::ECONNREFUSED) => SendFailure::Refused,
        Some(libc::EAGAIN | libc::ENOBUFS) => SendFailure::Full,
        Some(
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EADDRNOTAVAIL
            | libc::EPERM
            | libc::EACCES
            | libc::EAFNOSUPPORT
            | libc::ENODEV,
        ) => SendFailure::Unreachable,
        _ => SendFailure::Other,
    }
}
