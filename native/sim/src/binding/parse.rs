//! From JavaScript's values to ours.

use super::{Result, bad};
use crate::nat::Nat;
use std::str::FromStr;
use weft_forward::FilterMode;
use weft_packet::Mac;

pub fn parsed<T: FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| bad(format!("“{text}” is not an address.")))
}

pub fn optional<T: FromStr>(text: Option<&String>) -> Result<Option<T>> {
    text.map(|t| parsed(t)).transpose()
}

pub fn mac(text: &str) -> Result<Mac> {
    let wrong = || bad(format!("“{text}” is not a MAC address (“02:…”)."));
    let bytes: Vec<u8> = text
        .split(':')
        .map(|part| u8::from_str_radix(part, 16).map_err(|_| wrong()))
        .collect::<Result<_>>()?;
    Ok(Mac(bytes.try_into().map_err(|_| wrong())?))
}

pub fn bytes<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| bad(format!("{what} has {N} bytes, not {}.", bytes.len())))
}

pub fn prefix(value: u32, most: u8) -> Result<u8> {
    let fits = u8::try_from(value).ok().filter(|p| *p <= most);
    fits.ok_or_else(|| bad(format!("/{value} is not a prefix length.")))
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

pub fn nat(text: &str) -> Result<Nat> {
    Ok(match text {
        "open" => Nat::Open,
        "independent" => Nat::Independent,
        "addressRestricted" => Nat::AddressRestricted,
        "portRestricted" => Nat::PortRestricted,
        "symmetric" => Nat::Symmetric,
        "blocked" => Nat::Blocked,
        _ => return Err(bad(format!("“{text}” is no kind of NAT."))),
    })
}

/// Milliseconds as µs.
pub fn us(ms: f64) -> u64 {
    (ms * 1_000.0).max(0.0) as u64
}
