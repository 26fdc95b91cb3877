//! Makes this machine ask Weft about names below `.weft`: systemd-resolved, else resolvconf, else a block in /etc/hosts.
use crate::request::{DnsSpec, HOSTS_MAX, Refusal, adapter_name, bad, dns_name, overlay_address};
use crate::{hosts, resolvconf};
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
    let service = if resolved_runs() {
        with_resolved(name, spec).then_some("systemd-resolved")
    } else {
        resolvconf::set(spec).then_some("resolvconf")
    };
    // What a service answers needs no block, not even one from before.
    let entries: &[_] = if service.is_some() { &[] } else { &spec.hosts };
    let written = hosts::write(Path::new(hosts::PATH), name, entries);
    match (service, written) {
        (Some(service), _) => Ok(service),
        (None, Ok(())) => Ok("hosts"),
        (None, Err(e)) => Err(Refusal::new("dns-unavailable", format!("/etc/hosts: {e}"))),
    }
}

pub fn clear(name: &str) {
    if adapter_name(name).is_err() {
        return;
    }
    if resolved_runs() {
        quiet(command("resolvectl").args(["revert", name]));
    } else {
        resolvconf::clear(name);
    }
    let _ = hosts::write(Path::new(hosts::PATH), name, &[]);
}

fn resolved_runs() -> bool {
    Path::new("/run/systemd/resolve/io.systemd.Resolve").exists()
}

fn with_resolved(name: &str, spec: &DnsSpec) -> bool {
    let route = format!("~{}", spec.domain);
    !spec.servers.is_empty()
        && quiet(command("resolvectl").arg("dns").arg(name).args(&spec.servers))
        && quiet(command("resolvectl").args(["domain", name, &route]))
        && quiet(command("resolvectl").args(["default-route", name, "no"]))
}

/// A program of the system's, whatever the environment that the helper was started in.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    command
}

pub fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
