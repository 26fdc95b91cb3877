//! Applications that take a group from one interface only (Java's do) hear it from the overlay too: what comes for it by Weft's adapter is
//! handed on as if it had come there. Done by the kernel's traffic control; the own LAN sees nothing of it.
use crate::joined::is_joined;
use crate::request::{MirrorEntry, Refusal, bad};
use crate::resolver::{command, quiet};
use std::net::IpAddr;
use weft_anywhere::is_never;

pub const ENTRIES_MAX: usize = 64;
const INTERFACE_CHARS_MAX: usize = 15;
/// Of our filters; others may have put their own there. Two families may not share one.
const FAMILIES: [(&str, &str, u32, &str); 2] = [("ip", "ip", 32, "7656"), ("ipv6", "ip6", 128, "7657")];

/// Replaces what was set for this adapter before.
pub fn set(adapter: &str, entries: &[MirrorEntry]) -> Result<(), Refusal> {
    if entries.len() > ENTRIES_MAX {
        return Err(bad(format!("at most {ENTRIES_MAX} groups")));
    }
    let checked = entries.iter().map(check).collect::<Result<Vec<_>, _>>()?;
    // It may be there already.
    tc(&["qdisc", "add", "dev", adapter, "ingress"]);
    for (protocol, _, _, priority) in FAMILIES {
        tc(&[
            "filter", "del", "dev", adapter, "parent", "ffff:", "protocol", protocol, "prio", priority,
        ]);
    }
    for (group, to) in checked {
        let (protocol, kind, bits, priority) = FAMILIES[usize::from(group.is_ipv6())];
        let dst = format!("{group}/{bits}");
        let mut args = vec![
            "filter", "add", "dev", adapter, "parent", "ffff:", "protocol", protocol, "prio", priority,
        ];
        args.extend([
            "u32", "match", kind, "dst", &dst, "action", "mirred", "ingress", "redirect", "dev", to,
        ]);
        let done = tc(&args);
        if !done {
            return Err(Refusal::new(
                "unsupported",
                "this kernel or system has no traffic control (tc, u32, mirred)",
            ));
        }
    }
    Ok(())
}

fn tc(args: &[&str]) -> bool {
    quiet(command("tc").args(args))
}

/// Only groups that programs joined there: nothing else would take them anyway.
fn check(entry: &MirrorEntry) -> Result<(IpAddr, &str), Refusal> {
    let group: IpAddr = entry.group.parse().map_err(|_| bad("not an address"))?;
    if !group.is_multicast() || is_never(group) {
        return Err(bad("only groups, and none that belong to one link"));
    }
    let to = entry.to.as_str();
    let is_name = !to.is_empty()
        && to.len() <= INTERFACE_CHARS_MAX
        && !to.starts_with('-')
        && to.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    if !is_name || to.starts_with("weft") || to == "lo" {
        return Err(bad("only other interfaces of this host"));
    }
    if !is_joined(to, group) {
        return Err(bad(format!("nobody joined {group} on {to}")));
    }
    Ok((group, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_joined_on_other_interfaces() {
        for (group, to) in [
            ("10.0.0.1", "eth0"),
            ("224.0.0.251", "eth0"),
            ("ff02::1", "eth0"),
            ("239.1.2.3", "weft0"),
            ("239.1.2.3", "lo"),
            ("239.1.2.3", "-x"),
            ("239.1.2.3", "a/b"),
            ("239.1.2.3", "a b"),
            ("239.1.2.3", ""),
            ("239.1.2.3", "no-such-device0"),
            ("x", "eth0"),
        ] {
            let entry = MirrorEntry {
                group: group.into(),
                to: to.into(),
            };
            assert!(check(&entry).is_err(), "{group} {to}");
        }
    }
}
