//! Waiting, waking, time and randomness of Linux.

use std::ffi::c_int;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Readiness reports taken by one call.
const EVENTS_MAX: usize = 64;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn owned(result: c_int) -> io::Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the callers pass the result of a call that makes a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Microseconds of a clock that goes on during suspend.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is valid; this clock exists on every kernel since 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}

/// Fills `out` from the system's generator.
///
/// # Panics
/// When the kernel gives no randomness: nothing here is safe without.
pub fn random(out: &mut [u8]) {
    let mut filled = 0;
    while filled < out.len() {
        let rest = &mut out[filled..];
        // SAFETY: pointer and length describe the exclusive slice.
        let n = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(n) {
            Ok(n) => filled += n,
            Err(_) => {
                let error = io::Error::last_os_error();
                assert!(
                    error.kind() == io::ErrorKind::Interrupted,
                    "the system gives no randomness: {error}"
                );
            }
        }
    }
}

/// Whether no interface but loopback (and the overlay's own) has an address that others could call.
pub fn only_loopback() -> bool {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer is valid; the list is freed below.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return false;
    }
    let mut found = false;
    let mut next = first;
    while !next.is_null() {
        // SAFETY: an entry of the list, whose name is a C string, and whose address is null or of the family that it says.
        let (entry, name) = unsafe { (&*next, std::ffi::CStr::from_ptr((*next).ifa_name)) };
        let is_own = name.to_bytes().starts_with(b"weft");
        let is_loopback = entry.ifa_flags & libc::IFF_LOOPBACK as u32 != 0;
        found |= !is_own && !is_loopback && has_address(entry.ifa_addr);
        next = entry.ifa_next;
    }
    // SAFETY: what getifaddrs gave, once.
    unsafe { libc::freeifaddrs(first) };
    !found
}

/// An IP address that is not link-local.
fn has_address(address: *const libc::sockaddr) -> bool {
    if address.is_null() {
        return false;
    }
    // SAFETY: not null, and as large as its family says.
    unsafe {
        match c_int::from((*address).sa_family) {
            libc::AF_INET => {
                let ip = u32::from_be((*address.cast::<libc::sockaddr_in>()).sin_addr.s_addr);
                !Ipv4Addr::from(ip).is_link_local()
            }
            libc::AF_INET6 => {
                let ip = (*address.cast::<libc::sockaddr_in6>()).sin6_addr.s6_addr;
                !Ipv6Addr::from(ip).is_unicast_link_local()
            }
            _ => false,
        }
    }
}

/// Wakes a waiting thread; any number of wakes before it looks are one.
#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    pub fn new() -> io::Result<Wake> {
        // SAFETY: plain arguments.
        owned(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) }).map(Wake)
    }

    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight valid bytes. It fails only when the counter is full, and then the other side is awake.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Forgets the wakes so far.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight writable bytes. It fails only when there was no wake.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    pub fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Lets the thread rest, µs.
pub fn rest(us: u64) {
    if us > 0 {
        std::thread::sleep(std::time::Duration::from_micros(us));
    }
}

/// Waits for many descriptors.
#[derive(Debug)]
pub struct Poller(OwnedFd);

impl Poller {
    pub fn new() -> io::Result<Poller> {
        // SAFETY: plain arguments.
        owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Poller)
    }

    /// `fd` has to stay open as long as the poller is used.
    pub fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token,
        };
        // SAFETY: the event is valid for the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) }).map(|_| ())
    }

    /// Calls `ready` with the token of everything readable, after at most `timeout_ms` (-1: no limit).
    pub fn wait(&self, timeout_ms: i32, mut ready: impl FnMut(u64)) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        // SAFETY: the array is valid for EVENTS_MAX entries. An interrupted wait reports nothing, as if time had passed.
        let n = unsafe {
            libc::epoll_wait(
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                EVENTS_MAX as c_int,
                timeout_ms,
            )
        };
        for event in events.iter().take(usize::try_from(n).unwrap_or(0)) {
            ready(event.u64);
        }
    }
}

/// One message of a socket, without waiting.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: pointer and length describe the exclusive slice.
    let n = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Waits until one of two descriptors is readable (or broken), after at most `timeout_ms` (-1: no limit).
pub fn wait_two(a: RawFd, b: RawFd, timeout_ms: i32) -> (bool, bool) {
    let entry = |fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut fds = [entry(a), entry(b)];
    // SAFETY: two valid entries. An interrupted wait reports nothing.
    let n = unsafe { libc::poll(fds.as_mut_ptr(), 2, timeout_ms) };
    if n <= 0 {
        (false, false)
    } else {
        (fds[0].revents != 0, fds[1].revents != 0)
    }
}
