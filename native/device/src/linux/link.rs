//! A network interface by its name. All but reading needs CAP_NET_ADMIN.

use super::sys;
use crate::{DeviceError, ErrorCode};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Smallest and largest MTU that is accepted, bytes. Less cannot carry IPv4; IPv6 needs 1280.
pub const MTU_RANGE: std::ops::RangeInclusive<u32> = 576..=65_521;

fn done<T>(what: &str, name: &str, result: io::Result<T>) -> Result<T, DeviceError> {
    result.map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO) => DeviceError::new(
            ErrorCode::AdapterLost,
            format!("The adapter {name} does not exist any more."),
        ),
        Some(libc::EINVAL) => DeviceError::new(
            ErrorCode::BadArgument,
            format!("{name} does not accept this {what}."),
        ),
        _ => DeviceError::from_io(&format!("setting or reading the {what} of {name}"), &error),
    })
}

/// Bytes.
///
/// # Errors
/// As all functions here: `adapter-lost`, `no-rights`, `bad-argument`, `internal`.
pub fn mtu(name: &str) -> Result<u32, DeviceError> {
    done("MTU", name, sys::mtu(name))
}

/// # Errors
/// See [`mtu`]; `bad-argument` outside of [`MTU_RANGE`].
pub fn set_mtu(name: &str, mtu: u32) -> Result<(), DeviceError> {
    if !MTU_RANGE.contains(&mtu) {
        let message = format!(
            "The MTU {mtu} is not between {} and {}.",
            MTU_RANGE.start(),
            MTU_RANGE.end()
        );
        return Err(DeviceError::new(ErrorCode::BadArgument, message));
    }
    done("MTU", name, sys::set_mtu(name, mtu))
}

/// # Errors
/// See [`mtu`].
pub fn mac(name: &str) -> Result<[u8; 6], DeviceError> {
    done("MAC address", name, sys::mac(name))
}

/// # Errors
/// See [`mtu`]; `bad-argument` for group addresses.
pub fn set_mac(name: &str, mac: [u8; 6]) -> Result<(), DeviceError> {
    if mac[0] & 1 != 0 {
        return Err(DeviceError::new(
            ErrorCode::BadArgument,
            "An adapter's MAC address cannot be a group address.",
        ));
    }
    done("MAC address", name, sys::set_mac(name, mac))
}

/// # Errors
/// See [`mtu`].
pub fn is_up(name: &str) -> Result<bool, DeviceError> {
    done("state", name, sys::flags(name)).map(|flags| i32::from(flags) & libc::IFF_UP != 0)
}

/// # Errors
/// See [`mtu`].
pub fn set_up(name: &str, up: bool) -> Result<(), DeviceError> {
    let flags = i32::from(done("state", name, sys::flags(name))?);
    let wanted = if up {
        flags | libc::IFF_UP
    } else {
        flags & !libc::IFF_UP
    };
    done("state", name, sys::set_flags(name, wanted as i16))
}

/// Address and prefix length.
///
/// # Errors
/// See [`mtu`].
pub fn ipv4(name: &str) -> Result<Option<(Ipv4Addr, u8)>, DeviceError> {
    match sys::ipv4(name) {
        Ok((address, mask)) => Ok(Some((address, u32::from(mask).count_ones() as u8))),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(None),
        Err(error) => done("IPv4 address", name, Err(error)),
    }
}

/// Replaces the first address.
///
/// # Errors
/// See [`mtu`]; `bad-argument` for prefixes above 32.
pub fn set_ipv4(name: &str, address: Ipv4Addr, prefix: u8) -> Result<(), DeviceError> {
    if prefix > 32 {
        return Err(DeviceError::new(
            ErrorCode::BadArgument,
            format!("/{prefix} is not an IPv4 prefix length."),
        ));
    }
    let mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0));
    done("IPv4 address", name, sys::set_ipv4(name, address, mask))
}

/// Global and unique local addresses with prefix lengths, in the kernel's order; link-local ones last.
///
/// # Errors
/// `internal` when the kernel's list cannot be read.
pub fn ipv6(name: &str) -> Result<Vec<(Ipv6Addr, u8)>, DeviceError> {
    let list = match std::fs::read_to_string("/proc/thread-self/net/if_inet6") {
        Ok(list) => list,
        // A kernel without IPv6 has no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return done("IPv6 addresses", name, Err(error)),
    };
    let mut found: Vec<(Ipv6Addr, u8)> = list.lines().filter_map(|line| parse_line(line, name)).collect();
    found.sort_by_key(|(address, _)| address.is_unicast_link_local());
    Ok(found)
}

/// "address index prefix scope flags name", all hexadecimal but the name.
fn parse_line(line: &str, name: &str) -> Option<(Ipv6Addr, u8)> {
    let mut words = line.split_ascii_whitespace();
    let address = u128::from_str_radix(words.next()?, 16).ok()?;
    let prefix = u8::from_str_radix(words.nth(1)?, 16).ok()?;
    (words.nth(2)? == name).then_some((Ipv6Addr::from(address), prefix))
}

/// Adds an address; one that is there already is fine.
///
/// # Errors
/// See [`mtu`]; `bad-argument` for prefixes above 128.
pub fn add_ipv6(name: &str, address: Ipv6Addr, prefix: u8) -> Result<(), DeviceError> {
    if prefix > 128 {
        return Err(DeviceError::new(
            ErrorCode::BadArgument,
            format!("/{prefix} is not an IPv6 prefix length."),
        ));
    }
    match sys::add_ipv6(name, address, prefix) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => done("IPv6 address", name, other),
    }
}

/// # Errors
/// See [`mtu`].
pub fn remove_ipv6(name: &str, address: Ipv6Addr, prefix: u8) -> Result<(), DeviceError> {
    done("IPv6 address", name, sys::remove_ipv6(name, address, prefix))
}
