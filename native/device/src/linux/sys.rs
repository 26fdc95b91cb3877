//! System calls on descriptors of /dev/net/tun and on interfaces by name.

use std::ffi::{c_int, c_short, c_uint, c_ulong};
use std::io::{self, IoSlice};
use std::mem::zeroed;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const IFF_TUN: c_short = 0x0001;
const IFF_TAP: c_short = 0x0002;
const IFF_NO_PI: c_short = 0x1000;
const IFF_VNET_HDR: c_short = 0x4000;
/// Refuse an interface that exists already.
const IFF_TUN_EXCL: c_short = 0x8000_u16 as c_short;

const TUNSETIFF: c_ulong = 0x4004_54ca;
const TUNSETOFFLOAD: c_ulong = 0x4004_54d0;
const TUNGETIFF: c_ulong = 0x8004_54d2;
const TUNSETVNETHDRSZ: c_ulong = 0x4004_54d8;
const TUNSETCARRIER: c_ulong = 0x4004_54e2;

pub const TUN_F_CSUM: c_uint = 0x01;
pub const TUN_F_TSO4: c_uint = 0x02;
pub const TUN_F_TSO6: c_uint = 0x04;
pub const TUN_F_TSO_ECN: c_uint = 0x08;
pub const TUN_F_USO4: c_uint = 0x20;
pub const TUN_F_USO6: c_uint = 0x40;

/// Longest interface name in bytes, without the final zero.
pub const NAME_MAX: usize = libc::IFNAMSIZ - 1;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn ifreq(name: &str) -> libc::ifreq {
    // SAFETY: ifreq is plain data for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(NAME_MAX)) {
        *to = from as libc::c_char;
    }
    request
}

fn name_of(request: &libc::ifreq) -> String {
    request
        .ifr_name
        .iter()
        .take_while(|c| **c != 0)
        .map(|c| char::from(*c as u8))
        .collect()
}

/// An ioctl that takes a pointer to `T`, which is what every request below is documented to take.
fn ioctl<T>(fd: RawFd, request: c_ulong, argument: &mut T) -> io::Result<c_int> {
    // SAFETY: the callers in this file pair each request with its argument type; the pointer is valid and exclusive
    // for the duration of the call. The request's type differs between libcs.
    check(unsafe { libc::ioctl(fd, request as _, std::ptr::from_mut(argument)) })
}

/// An ioctl that takes a number.
fn ioctl_value(fd: RawFd, request: c_ulong, value: c_ulong) -> io::Result<c_int> {
    // SAFETY: the request takes its argument by value.
    check(unsafe { libc::ioctl(fd, request as _, value) })
}

/// Opens /dev/net/tun, non-blocking and closed on exec.
pub fn open_tun() -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: the path is a C string literal.
    let fd = check(unsafe { libc::open(c"/dev/net/tun".as_ptr(), flags) })?;
    // SAFETY: open returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes the interface behind `fd` and returns its name.
pub fn create(fd: BorrowedFd<'_>, tap: bool, name: &str) -> io::Result<String> {
    let mut request = ifreq(name);
    let kind = if tap { IFF_TAP } else { IFF_TUN };
    let exclusive = if name.is_empty() { 0 } else { IFF_TUN_EXCL };
    request.ifr_ifru.ifru_flags = kind | IFF_NO_PI | IFF_VNET_HDR | exclusive;
    ioctl(fd.as_raw_fd(), TUNSETIFF, &mut request)?;
    Ok(name_of(&request))
}

/// Name, whether it is a TAP, and whether its frames are as this crate wants them (virtio-net header, no packet information).
pub fn describe(fd: BorrowedFd<'_>) -> io::Result<(String, bool, bool)> {
    let mut request = ifreq("");
    ioctl(fd.as_raw_fd(), TUNGETIFF, &mut request)?;
    // SAFETY: TUNGETIFF has filled the flags of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    let fits = flags & IFF_NO_PI != 0 && flags & IFF_VNET_HDR != 0;
    Ok((name_of(&request), flags & IFF_TAP != 0, fits))
}

pub fn set_vnet_header_len(fd: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let mut size = bytes as c_int;
    ioctl(fd.as_raw_fd(), TUNSETVNETHDRSZ, &mut size).map(|_| ())
}

pub fn set_offload(fd: BorrowedFd<'_>, mask: c_uint) -> io::Result<()> {
    ioctl_value(fd.as_raw_fd(), TUNSETOFFLOAD, c_ulong::from(mask)).map(|_| ())
}

pub fn set_carrier(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let mut value = c_uint::from(on);
    ioctl(fd.as_raw_fd(), TUNSETCARRIER, &mut value).map(|_| ())
}

pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: fcntl on an open descriptor with integer arguments.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) }).map(|_| ())
}

pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length describe the exclusive slice.
    let n = unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

pub fn write_vectored(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    let count = parts.len().min(libc::UIO_MAXIOV as usize) as c_int;
    // SAFETY: IoSlice is guaranteed to have the layout of iovec, and the slices outlive the call.
    let n = unsafe { libc::writev(fd.as_raw_fd(), parts.as_ptr().cast(), count) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// A socket for interface ioctls.
pub fn control_socket(ipv6: bool) -> io::Result<OwnedFd> {
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: plain arguments.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: socket returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn with_interface(
    name: &str,
    request: c_ulong,
    fill: impl FnOnce(&mut libc::ifreq),
) -> io::Result<libc::ifreq> {
    let socket = control_socket(false)?;
    let mut argument = ifreq(name);
    fill(&mut argument);
    ioctl(socket.as_raw_fd(), request, &mut argument)?;
    Ok(argument)
}

pub fn index(name: &str) -> io::Result<c_int> {
    let request = with_interface(name, libc::SIOCGIFINDEX as c_ulong, |_| {})?;
    // SAFETY: SIOCGIFINDEX has filled the index of the union.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex })
}

pub fn mtu(name: &str) -> io::Result<u32> {
    let request = with_interface(name, libc::SIOCGIFMTU as c_ulong, |_| {})?;
    // SAFETY: SIOCGIFMTU has filled the MTU of the union.
    Ok(unsafe { request.ifr_ifru.ifru_mtu } as u32)
}

pub fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    with_interface(name, libc::SIOCSIFMTU as c_ulong, |r| {
        r.ifr_ifru.ifru_mtu = mtu as c_int
    })
    .map(|_| ())
}

pub fn flags(name: &str) -> io::Result<c_short> {
    let request = with_interface(name, libc::SIOCGIFFLAGS as c_ulong, |_| {})?;
    // SAFETY: SIOCGIFFLAGS has filled the flags of the union.
    Ok(unsafe { request.ifr_ifru.ifru_flags })
}

pub fn set_flags(name: &str, flags: c_short) -> io::Result<()> {
    with_interface(name, libc::SIOCSIFFLAGS as c_ulong, |r| {
        r.ifr_ifru.ifru_flags = flags
    })
    .map(|_| ())
}

pub fn mac(name: &str) -> io::Result<[u8; 6]> {
    let request = with_interface(name, libc::SIOCGIFHWADDR as c_ulong, |_| {})?;
    // SAFETY: SIOCGIFHWADDR has filled the hardware address of the union.
    let data = unsafe { request.ifr_ifru.ifru_hwaddr.sa_data };
    Ok(std::array::from_fn(|i| data[i] as u8))
}

pub fn set_mac(name: &str, mac: [u8; 6]) -> io::Result<()> {
    let fill = |r: &mut libc::ifreq| {
        // SAFETY: sockaddr is plain data for which all zeros is a valid value.
        let mut address: libc::sockaddr = unsafe { zeroed() };
        address.sa_family = libc::ARPHRD_ETHER;
        for (to, from) in address.sa_data.iter_mut().zip(mac) {
            *to = from as libc::c_char;
        }
        r.ifr_ifru.ifru_hwaddr = address;
    };
    with_interface(name, libc::SIOCSIFHWADDR as c_ulong, fill).map(|_| ())
}

fn as_sockaddr(ip: Ipv4Addr) -> libc::sockaddr {
    // SAFETY: sockaddr is plain data for which all zeros is a valid value.
    let mut address: libc::sockaddr = unsafe { zeroed() };
    address.sa_family = libc::AF_INET as libc::sa_family_t;
    // sockaddr_in: port in the first two bytes of the data, address in the next four.
    for (to, from) in address.sa_data[2..6].iter_mut().zip(ip.octets()) {
        *to = from as libc::c_char;
    }
    address
}

pub fn set_ipv4(name: &str, ip: Ipv4Addr, mask: Ipv4Addr) -> io::Result<()> {
    with_interface(name, libc::SIOCSIFADDR as c_ulong, |r| {
        r.ifr_ifru.ifru_addr = as_sockaddr(ip)
    })?;
    with_interface(name, libc::SIOCSIFNETMASK as c_ulong, |r| {
        r.ifr_ifru.ifru_netmask = as_sockaddr(mask)
    })
    .map(|_| ())
}

fn ipv4_request(name: &str, request: c_ulong) -> io::Result<Ipv4Addr> {
    let filled = with_interface(name, request, |r| {
        r.ifr_ifru.ifru_addr = as_sockaddr(Ipv4Addr::UNSPECIFIED)
    })?;
    // SAFETY: both requests fill an address of the union.
    let data = unsafe { filled.ifr_ifru.ifru_addr.sa_data };
    Ok(Ipv4Addr::new(
        data[2] as u8,
        data[3] as u8,
        data[4] as u8,
        data[5] as u8,
    ))
}

/// Address and mask; `AddrNotAvailable` without one.
pub fn ipv4(name: &str) -> io::Result<(Ipv4Addr, Ipv4Addr)> {
    let address = ipv4_request(name, libc::SIOCGIFADDR as c_ulong)?;
    Ok((address, ipv4_request(name, libc::SIOCGIFNETMASK as c_ulong)?))
}

#[repr(C)]
struct In6Ifreq {
    address: [u8; 16],
    prefix: u32,
    index: c_int,
}

fn ipv6_request(name: &str, request: c_ulong, ip: Ipv6Addr, prefix: u8) -> io::Result<()> {
    let mut argument = In6Ifreq {
        address: ip.octets(),
        prefix: u32::from(prefix),
        index: index(name)?,
    };
    let socket = control_socket(true)?;
    ioctl(socket.as_raw_fd(), request, &mut argument).map(|_| ())
}

pub fn add_ipv6(name: &str, ip: Ipv6Addr, prefix: u8) -> io::Result<()> {
    ipv6_request(name, libc::SIOCSIFADDR as c_ulong, ip, prefix)
}

pub fn remove_ipv6(name: &str, ip: Ipv6Addr, prefix: u8) -> io::Result<()> {
    ipv6_request(name, libc::SIOCDIFADDR as c_ulong, ip, prefix)
}
