//! Which groups programs on this host joined on an interface, as the kernel lists them.
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether some program joined the group there.
pub fn is_joined(interface: &str, group: IpAddr) -> bool {
    let read = |name| fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
    match group {
        IpAddr::V4(group) => has_v4(&read("igmp"), interface, group),
        IpAddr::V6(group) => has_v6(&read("igmp6"), interface, group),
    }
}

/// Lines of interfaces ("2 eth0 : 1 V3"), each followed by its groups, addresses as the machine's own 32-bit words.
fn has_v4(text: &str, interface: &str, group: Ipv4Addr) -> bool {
    let wanted = format!("{:08X}", u32::from_ne_bytes(group.octets()));
    let mut here = false;
    text.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace();
        if line.starts_with(char::is_whitespace) {
            return here && words.next() == Some(&wanted);
        }
        // A long name leaves no room in front of the colon.
        here = words
            .nth(1)
            .is_some_and(|name| name.trim_end_matches(':') == interface);
        false
    })
}

/// "2 eth0 ff0200000000000000000000000000fb 1 00000004 0".
fn has_v6(text: &str, interface: &str, group: Ipv6Addr) -> bool {
    let wanted = format!("{:032x}", group.to_bits());
    text.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(interface) && words.next() == Some(&wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
2\teth0      :     2      V3
\t\t\t\tFAFFFFEF     1 0:00000000\t\t0
\t\t\t\t010000E0     1 0:00000000\t\t0
3\tverylongname0:     1      V3
\t\t\t\t030201EF     1 0:00000000\t\t0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn groups_belong_to_the_interface_above_them() {
        let ssdp = Ipv4Addr::new(239, 255, 255, 250);
        assert!(has_v4(V4, "eth0", ssdp));
        assert!(!has_v4(V4, "lo", ssdp));
        assert!(!has_v4(V4, "eth", ssdp));
        assert!(has_v4(V4, "verylongname0", Ipv4Addr::new(239, 1, 2, 3)));
        assert!(!has_v4("", "eth0", ssdp));
    }

    #[test]
    fn ipv6_groups_are_spelled_out() {
        let text = "2    eth0            ff02000000000000000000000000000c     1 00000004 0\n";
        assert!(has_v6(text, "eth0", "ff02::c".parse().unwrap()));
        assert!(!has_v6(text, "eth0", "ff02::d".parse().unwrap()));
        assert!(!has_v6(text, "eth1", "ff02::c".parse().unwrap()));
    }
}
