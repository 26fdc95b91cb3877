//! Makes this machine ask Weft about names below `.weft`: systemd-resolved, else resolvconf, else a block in /etc/hosts.
use crate::hosts;
use crate::request::{DnsSpec, HOSTS_MAX, Refusal, adapter_name, bad, dns_name, overlay_address};
use std::path::Path;
use std::process::{Command, Stdio};

/// What was used; the engine shows it.
pub fn set(spec: &DnsSpec) -> Result<&'static str, Refusal> {
    let name = adapter_name(&spec.name)?;
    dns_name(&spec.domain)?;
    if spec.hosts.len() > HOSTS_MAX || spec.servers.len() > 3 {
        return Err(bad(format!("at most {HOSTS_MAX} names and 3 servers")));
    }
    for server in &spec.servers {
        overlay_address(server)?;
    }
    for (address, host) in &spec.hosts {
        overlay_address(address)?;
        let below = host
            .strip_suffix(spec.domain.as_str())
            .is_some_and(|rest| rest.ends_with('.'));
        if dns_name(host).is_err() || !below {
            return Err(bad(format!("names must be below {}", spec.domain)));
        }
    }
    if resolved_runs() && !spec.servers.is_empty() && with_resolved(name, spec) {
        return Ok("systemd-resolved");
    }
    hosts::write(Path::new(hosts::PATH), name, &spec.hosts)
        .map_err(|e| Refusal::new("dns-unavailable", format!("/etc/hosts: {e}")))?;
    Ok("hosts")
}

pub fn clear(name: &str) {
    if resolved_runs() {
        quiet(Command::new("resolvectl").args(["revert", name]));
    }
    if adapter_name(name).is_ok() {
        let _ = hosts::write(Path::new(hosts::PATH), name, &[]);
    }
}

fn resolved_runs() -> bool {
    Path::new("/run/systemd/resolve/io.systemd.Resolve").exists()
}

fn with_resolved(name: &str, spec: &DnsSpec) -> bool {
    let route = format!("~{}", spec.domain);
    quiet(
        Command::new("resolvectl")
            .arg("dns")
            .arg(name)
            .args(&spec.servers),
    ) && quiet(Command::new("resolvectl").args(["domain", name, &route]))
        && quiet(Command::new("resolvectl").args(["default-route", name, "no"]))
}

pub fn quiet(command: &mut Command) -> bool {
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
