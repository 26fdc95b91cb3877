//! From JavaScript's values to ours.

use crate::error::{Result, bad};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use weft_dataplane::{FilterMode, Mac};

fn parsed<T: FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| bad(format!("“{text}” is not {what}.")))
}

pub fn ipv4(text: &str) -> Result<Ipv4Addr> {
    parsed("an IPv4 address", text)
}

pub fn ipv6(text: &str) -> Result<Ipv6Addr> {
    parsed("an IPv6 address", text)
}

pub fn ip(text: &str) -> Result<IpAddr> {
    parsed("an IP address", text)
}

pub fn socket_address(text: &str) -> Result<SocketAddr> {
    parsed("an address with port (“0.0.0.0:0”, “[::]:51820”)", text)
}

pub fn mac(text: &str) -> Result<[u8; 6]> {
    let wrong = || bad(format!("“{text}” is not a MAC address (“02:…”)."));
    let mut out = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut out {
        let part = parts.next().filter(|p| p.len() == 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() {
        Err(wrong())
    } else {
        Ok(out)
    }
}

pub fn mac_address(text: &str) -> Result<Mac> {
    mac(text).map(Mac)
}

/// "10.1.2.3/24"
pub fn with_prefix<T: FromStr>(text: &str) -> Result<(T, u8)> {
    let wrong = || {
        bad(format!(
            "“{text}” is not an address with prefix length (“10.1.2.3/24”)."
        ))
    };
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    Ok((
        address.parse().map_err(|_| wrong())?,
        prefix.parse().map_err(|_| wrong())?,
    ))
}

pub fn bytes<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| bad(format!("{what} has {N} bytes, not {}.", bytes.len())))
}

pub fn prefix(value: u32, most: u8) -> Result<u8> {
    u8::try_from(value)
        .ok()
        .filter(|p| *p <= most)
        .ok_or_else(|| bad(format!("/{value} is not a prefix length.")))
}

pub fn mode(text: &str) -> Result<FilterMode> {
    match text {
        "include" => Ok(FilterMode::Include),
        "exclude" => Ok(FilterMode::Exclude),
        _ => Err(bad(format!("“{text}” is neither include nor exclude."))),
    }
}

pub fn mode_name(mode: FilterMode) -> &'static str {
    match mode {
        FilterMode::Include => "include",
        FilterMode::Exclude => "exclude",
    }
}
