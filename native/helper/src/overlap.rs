//! Does something else on this machine already use that IPv4 prefix?
use nix::ifaddrs::getifaddrs;
use std::net::Ipv4Addr;

fn network(address: Ipv4Addr, bits: u8) -> u32 {
    let mask = if bits == 0 {
        0
    } else {
        u32::MAX << (32 - u32::from(bits))
    };
    u32::from(address) & mask
}

/// Two prefixes that share an address.
pub fn overlap(a: (Ipv4Addr, u8), b: (Ipv4Addr, u8)) -> bool {
    let bits = a.1.min(b.1);
    network(a.0, bits) == network(b.0, bits)
}

/// The first local prefix ("10.3.0.0/16 on eth0") that overlaps, on other interfaces than `own`.
pub fn find(own: &str, wanted: (Ipv4Addr, u8)) -> Option<String> {
    for (name, address, bits) in addresses() {
        if name != own && !address.is_loopback() && overlap(wanted, (address, bits)) {
            return Some(format!(
                "{}/{bits} on {name}",
                Ipv4Addr::from(network(address, bits))
            ));
        }
    }
    routes().into_iter().find_map(|(name, target, bits)| {
        // A default route overlaps everything and takes nothing away.
        let clash = name != own && bits >= 8 && overlap(wanted, (target, bits));
        clash.then(|| format!("{target}/{bits} on {name}"))
    })
}

fn addresses() -> Vec<(String, Ipv4Addr, u8)> {
    let Ok(list) = getifaddrs() else { return Vec::new() };
    list.filter_map(|one| {
        let address = one.address?.as_sockaddr_in()?.ip();
        let mask = one.netmask?.as_sockaddr_in()?.ip();
        Some((one.interface_name, address, u32::from(mask).count_ones() as u8))
    })
    .collect()
}

fn routes() -> Vec<(String, Ipv4Addr, u8)> {
    let text = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok().map(u32::from_be);
            let (target, mask) = (number(1)?, number(7)?);
            Some((
                (*fields.first()?).to_owned(),
                Ipv4Addr::from(target),
                mask.count_ones() as u8,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_share_addresses_when_one_holds_the_other() {
        let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        assert!(overlap((ip("10.3.0.1"), 16), (ip("10.3.9.9"), 24)));
        assert!(overlap((ip("10.3.0.1"), 16), (ip("10.0.0.0"), 8)));
        assert!(!overlap((ip("10.3.0.1"), 16), (ip("10.4.0.1"), 16)));
    }
}
