//! What may be asked, and the check of every argument before anything happens.
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

pub const VERSION: u32 = 1;
/// Holds the names of a network of a thousand members.
pub const LINE_BYTES_MAX: usize = 512 * 1024;
pub const MTU_MIN: u32 = 1280;
pub const MTU_MAX: u32 = 9000;
pub const NAME_CHARS_MAX: usize = 14;
pub const HOSTS_MAX: usize = 4096;
const DNS_NAME_CHARS_MAX: usize = 253;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    pub code: &'static str,
    pub why: String,
}

impl Refusal {
    pub fn new(code: &'static str, why: impl Into<String>) -> Self {
        Refusal {
            code,
            why: why.into(),
        }
    }
}

pub fn bad(why: impl Into<String>) -> Refusal {
    Refusal::new("bad-argument", why)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// 32 hex digits: which engine this is; adapters belong to the user and the owner.
    pub owner: String,
    #[serde(flatten)]
    pub verb: Verb,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "verb")]
pub enum Verb {
    /// Makes the adapter, or takes over the held one of that name; answers with its descriptor.
    #[serde(rename = "adapter.open")]
    Open(AdapterSpec),
    #[serde(rename = "adapter.carrier")]
    Carrier { name: String, on: bool },
    #[serde(rename = "adapter.address")]
    Address(AdapterSpec),
    #[serde(rename = "adapter.close")]
    Close { name: String },
    #[serde(rename = "dns.set")]
    Dns(DnsSpec),
    #[serde(rename = "dns.clear")]
    DnsClear { name: String },
    /// A UDP socket on port 53 of an overlay address that one of the own adapters has.
    #[serde(rename = "port.bind")]
    Bind {
        address: String,
        port: u16,
        proto: String,
    },
    /// TCP port 443 of all addresses of one family ("0.0.0.0" or "::"), listening: where members are reached from behind strict firewalls.
    #[serde(rename = "port.web")]
    Web { address: String },
    /// Datagrams that this host sends to these groups by other interfaces than Weft's: one end of a SOCK_SEQPACKET pair.
    #[serde(rename = "datagrams.watch")]
    Watch { groups: Vec<String> },
    /// What comes for these groups by an own adapter arrives as if by the interface on which applications joined them. Replaces.
    #[serde(rename = "mirror.set")]
    Mirror { name: String, entries: Vec<MirrorEntry> },
    #[serde(rename = "status")]
    Status {},
    /// The connection stays: the engine lives while it is open.
    #[serde(rename = "hold")]
    Hold {},
}

#[derive(Debug, Deserialize, Clone)]
pub struct AdapterSpec {
    pub name: String,
    pub mac: String,
    pub mtu: u32,
    #[serde(default)]
    pub ipv4: Option<String>,
    #[serde(default)]
    pub ipv6: Vec<String>,
}

#[derive(Debug, Deserialize, Clone, PartialEq, Eq)]
pub struct MirrorEntry {
    pub group: String,
    pub to: String,
}

#[derive(Debug, Deserialize, Clone)]
pub struct DnsSpec {
    pub name: String,
    pub domain: String,
    #[serde(default)]
    pub servers: Vec<String>,
    #[serde(default)]
    pub hosts: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    pub name: String,
    pub mac: [u8; 6],
    pub mtu: u32,
    pub ipv4: Option<(Ipv4Addr, u8)>,
    pub ipv6: Vec<(Ipv6Addr, u8)>,
}

pub fn parse(line: &[u8]) -> Result<Envelope, Refusal> {
    if line.len() > LINE_BYTES_MAX {
        return Err(bad("the request is too long"));
    }
    let text = std::str::from_utf8(line).map_err(|_| bad("the request is not UTF-8"))?;
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| bad(format!("not a request: {e}")))?;
    if value.get("v").and_then(serde_json::Value::as_u64) != Some(u64::from(VERSION)) {
        return Err(Refusal::new("version", "this helper speaks version 1"));
    }
    let owner = value
        .get("owner")
        .and_then(|v| v.as_str())
        .unwrap_or_default()
        .to_owned();
    if owner.len() != 32 || !owner.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad("owner must be 32 hex digits"));
    }
    let verb = serde_json::from_value(value).map_err(|e| bad(format!("not a request: {e}")))?;
    Ok(Envelope { owner, verb })
}

/// Only our own kind of names: `weft`, then letters, digits and hyphens.
pub fn adapter_name(name: &str) -> Result<&str, Refusal> {
    let rest = name.strip_prefix("weft");
    let fine = rest.is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    });
    if fine && name.len() <= NAME_CHARS_MAX {
        Ok(name)
    } else {
        Err(bad(
            "adapters are called weft0, weft1 … (weft, then small letters, digits, hyphens)",
        ))
    }
}

pub fn adapter(spec: &AdapterSpec) -> Result<Adapter, Refusal> {
    let name = adapter_name(&spec.name)?.to_owned();
    let mac = mac(&spec.mac)?;
    if !(MTU_MIN..=MTU_MAX).contains(&spec.mtu) {
        return Err(bad(format!("the MTU must be {MTU_MIN} to {MTU_MAX}")));
    }
    if spec.ipv6.len() > 2 {
        return Err(bad("at most two IPv6 addresses"));
    }
    let ipv6 = spec
        .ipv6
        .iter()
        .map(|text| ipv6_prefix(text))
        .collect::<Result<_, _>>()?;
    let ipv4 = spec.ipv4.as_deref().map(ipv4_prefix).transpose()?;
    Ok(Adapter {
        name,
        mac,
        mtu: spec.mtu,
        ipv4,
        ipv6,
    })
}

fn mac(text: &str) -> Result<[u8; 6], Refusal> {
    let wrong = || bad("the MAC must be a local unicast address like 02:00:00:00:00:01");
    let mut mac = [0u8; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let hex = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let part = parts.next().filter(hex).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() || mac[0] & 0x03 != 0x02 {
        return Err(wrong());
    }
    Ok(mac)
}

fn split_prefix(text: &str) -> Result<(&str, u8), Refusal> {
    let (address, bits) = text
        .split_once('/')
        .ok_or_else(|| bad("an address needs its prefix length"))?;
    if bits.is_empty() || bits.len() > 3 || !bits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("a prefix length is a number"));
    }
    Ok((
        address,
        bits.parse().map_err(|_| bad("a prefix length is a number"))?,
    ))
}

/// Private space only.
pub fn overlay_ipv4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private() || (a == 100 && (64..128).contains(&b))
}

pub fn overlay_ipv6(address: Ipv6Addr) -> bool {
    address.octets()[0] == 0xfd
}

fn ipv4_prefix(text: &str) -> Result<(Ipv4Addr, u8), Refusal> {
    let (address, bits) = split_prefix(text)?;
    let address: Ipv4Addr = address.parse().map_err(|_| bad("not an IPv4 address"))?;
    if !overlay_ipv4(address) || !(12..=30).contains(&bits) {
        return Err(bad(
            "the IPv4 address must be private, with a prefix of 12 to 30 bits",
        ));
    }
    Ok((address, bits))
}

fn ipv6_prefix(text: &str) -> Result<(Ipv6Addr, u8), Refusal> {
    let (address, bits) = split_prefix(text)?;
    let address: Ipv6Addr = address.parse().map_err(|_| bad("not an IPv6 address"))?;
    let link_local = address.segments()[0] == 0xfe80 && address.segments()[1..4] == [0, 0, 0];
    if !(overlay_ipv6(address) || link_local) || bits != 64 {
        return Err(bad("IPv6 addresses must be fd…/64 or fe80::…/64"));
    }
    Ok((address, bits))
}

/// A name below `.weft`.
pub fn dns_name(name: &str) -> Result<&str, Refusal> {
    let labels_fine = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    });
    if labels_fine && name.len() <= DNS_NAME_CHARS_MAX && name.ends_with(".weft") {
        Ok(name)
    } else {
        Err(bad("only names below .weft"))
    }
}

pub fn overlay_address(text: &str) -> Result<std::net::IpAddr, Refusal> {
    let address: std::net::IpAddr = text.parse().map_err(|_| bad("not an address"))?;
    let fine = match address {
        std::net::IpAddr::V4(v4) => overlay_ipv4(v4),
        std::net::IpAddr::V6(v6) => overlay_ipv6(v6),
    };
    if fine {
        Ok(address)
    } else {
        Err(bad("only overlay addresses"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, mac: &str, mtu: u32, ipv4: Option<&str>, ipv6: &[&str]) -> AdapterSpec {
        AdapterSpec {
            name: name.into(),
            mac: mac.into(),
            mtu,
            ipv4: ipv4.map(Into::into),
            ipv6: ipv6.iter().map(|&s| s.into()).collect(),
        }
    }

    #[test]
    fn takes_what_weft_asks_for() {
        let made = adapter(&spec(
            "weft0",
            "02:01:02:03:04:05",
            1380,
            Some("10.77.1.2/16"),
            &["fd00::1/64", "fe80::1/64"],
        ));
        assert!(made.is_ok(), "{made:?}");
    }

    #[test]
    fn refuses_what_is_not_weft_s() {
        let good = ("weft0", "02:01:02:03:04:05", 1380, Some("10.77.1.2/16"));
        let cases = [
            ("eth0", good.1, good.2, good.3),
            ("weft", good.1, good.2, good.3),
            ("weft0\0", good.1, good.2, good.3),
            ("weft/../x", good.1, good.2, good.3),
            ("weft0123456789abc", good.1, good.2, good.3),
            ("WEFT0", good.1, good.2, good.3),
            (good.0, "00:01:02:03:04:05", good.2, good.3),
            (good.0, "03:01:02:03:04:05", good.2, good.3),
            (good.0, "02:01:02:03:04", good.2, good.3),
            (good.0, "02:01:02:03:04:05:06", good.2, good.3),
            (good.0, "+2:01:02:03:04:05", good.2, good.3),
            (good.0, good.1, 68, good.3),
            (good.0, good.1, 70_000, good.3),
            (good.0, good.1, good.2, Some("8.8.8.8/16")),
            (good.0, good.1, good.2, Some("10.0.0.1/8")),
            (good.0, good.1, good.2, Some("10.0.0.1")),
            (good.0, good.1, good.2, Some("127.0.0.1/16")),
            (good.0, good.1, good.2, Some("10.0.0.1/ 16")),
        ];
        for (name, mac, mtu, ipv4) in cases {
            assert!(
                adapter(&spec(name, mac, mtu, ipv4, &[])).is_err(),
                "{name:?} {mac} {mtu} {ipv4:?}"
            );
        }
        for ipv6 in [
            "2001:db8::1/64",
            "fd00::1/48",
            "::1/64",
            "ff02::1/64",
            "fe80:1::1/64",
        ] {
            assert!(
                adapter(&spec(good.0, good.1, good.2, None, &[ipv6])).is_err(),
                "{ipv6}"
            );
        }
    }

    #[test]
    fn refuses_broken_requests() {
        let owner = "0".repeat(32);
        let cases = [
            "".to_owned(),
            "{}".to_owned(),
            format!(r#"{{"v":2,"owner":"{owner}","verb":"status"}}"#),
            r#"{"v":1,"owner":"short","verb":"status"}"#.to_owned(),
            format!(r#"{{"v":1,"owner":"{owner}","verb":"reboot"}}"#),
            format!(r#"{{"v":1,"owner":"{owner}","verb":"adapter.close"}}"#),
            format!(r#"{{"v":1,"owner":"{owner}","verb":"adapter.close","name":7}}"#),
        ];
        for line in cases {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
        assert!(parse(&vec![b' '; LINE_BYTES_MAX + 1]).is_err());
        assert!(parse(format!(r#"{{"v":1,"owner":"{owner}","verb":"status"}}"#).as_bytes()).is_ok());
    }

    #[test]
    fn reads_every_request_of_version_1() {
        let kept = include_str!("../../../test/golden/helper/v1.json");
        let lines: std::collections::BTreeMap<String, serde_json::Value> =
            serde_json::from_str(kept).expect("lines");
        assert_eq!(lines.len(), 11);
        for (verb, mut line) in lines {
            line["owner"] = "0".repeat(32).into();
            let read = parse(line.to_string().as_bytes());
            assert!(read.is_ok(), "{verb}: {read:?}");
        }
    }

    #[test]
    fn names_stay_below_weft() {
        assert!(dns_name("anna.home.weft").is_ok());
        for name in [
            "anna.home.com",
            "weft",
            "a..weft",
            "anna.home.weft ",
            "anna\n.weft",
            "A.weft",
            "google.com\u{0}.weft",
        ] {
            assert!(dns_name(name).is_err(), "{name:?}");
        }
    }
}
