//! The adapters that this process holds: what keeps them alive while an engine restarts.
use crate::overlap;
use crate::request::{Adapter as Spec, Refusal};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use weft_device::{Adapter, DeviceError, Kind, link};

pub const ADAPTERS_MAX: usize = 16;

/// Whose an adapter is: a user's engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pub uid: u32,
    pub engine: String,
}

struct Held {
    adapter: Adapter,
    spec: Spec,
    owner: Owner,
    /// Since when no `hold` connection of the owner is open.
    alone: Option<Instant>,
}

#[derive(Default)]
pub struct Adapters {
    held: BTreeMap<String, Held>,
    holds: BTreeMap<Owner, usize>,
}

fn device(error: &DeviceError) -> Refusal {
    Refusal::new(error.code.name(), error.message.clone())
}

impl Adapters {
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub fn names(&self) -> Vec<String> {
        self.held.keys().cloned().collect()
    }

    /// Makes it, or takes over the held one of the same user: never remade, because applications would lose their memberships.
    pub fn open(&mut self, owner: &Owner, spec: Spec) -> Result<OwnedFd, Refusal> {
        if let Some(held) = self.held.get_mut(&spec.name) {
            if held.owner.uid != owner.uid || (held.owner != *owner && held.alone.is_none()) {
                return Err(Refusal::new(
                    "name-taken",
                    format!("{} belongs to another engine", spec.name),
                ));
            }
            held.owner = owner.clone();
            held.alone = (!self.holds.contains_key(owner)).then(Instant::now);
            if link::mtu(&spec.name).is_err() {
                self.held.remove(&spec.name);
                return self.open(owner, spec);
            }
            check_overlap(&spec)?;
            reconfigure(held, &spec)?;
            return duplicate(held);
        }
        if self.held.len() >= ADAPTERS_MAX {
            return Err(Refusal::new(
                "too-many",
                format!("at most {ADAPTERS_MAX} adapters"),
            ));
        }
        // Not by /sys: a mount there may show another network namespace.
        if nix::net::if_::if_nametoindex(spec.name.as_str()).is_ok() {
            return Err(Refusal::new(
                "name-taken",
                format!("a device called {} exists", spec.name),
            ));
        }
        check_overlap(&spec)?;
        let adapter = Adapter::create(Kind::Tap, Some(&spec.name)).map_err(|e| device(&e))?;
        let alone = (!self.holds.contains_key(owner)).then(Instant::now);
        let held = Held {
            adapter,
            spec: spec.clone(),
            owner: owner.clone(),
            alone,
        };
        configure_new(&held.adapter, &spec)?;
        let fd = duplicate(&held)?;
        self.held.insert(spec.name, held);
        Ok(fd)
    }

    fn own(&mut self, owner: &Owner, name: &str) -> Result<&mut Held, Refusal> {
        match self.held.get_mut(name) {
            Some(held) if held.owner == *owner => Ok(held),
            _ => Err(Refusal::new(
                "no-such-adapter",
                format!("{name} is not held for this engine"),
            )),
        }
    }

    /// The toggle. Addresses and memberships stay through it.
    pub fn carrier(&mut self, owner: &Owner, name: &str, on: bool) -> Result<(), Refusal> {
        let held = self.own(owner, name)?;
        held.adapter.set_carrier(on).map_err(|e| device(&e))?;
        if on {
            // Losing the carrier may have taken IPv6 addresses or routes along.
            set_addresses(&held.spec.clone(), &held.spec)?;
        }
        Ok(())
    }

    pub fn readdress(&mut self, owner: &Owner, spec: &Spec) -> Result<(), Refusal> {
        check_overlap(spec)?;
        let held = self.own(owner, &spec.name)?;
        reconfigure(held, spec)
    }

    pub fn close(&mut self, owner: &Owner, name: &str) -> Result<(), Refusal> {
        self.own(owner, name)?;
        self.held.remove(name);
        Ok(())
    }

    /// Whether this overlay address is on an adapter of this owner.
    pub fn has_address(&self, owner: &Owner, address: std::net::IpAddr) -> bool {
        self.held.values().any(|held| {
            held.owner == *owner
                && match address {
                    std::net::IpAddr::V4(v4) => held.spec.ipv4.is_some_and(|(own, _)| own == v4),
                    std::net::IpAddr::V6(v6) => held.spec.ipv6.iter().any(|(own, _)| *own == v6),
                }
        })
    }

    pub fn is_own(&mut self, owner: &Owner, name: &str) -> Result<(), Refusal> {
        self.own(owner, name).map(|_| ())
    }

    pub fn hold(&mut self, owner: &Owner) {
        *self.holds.entry(owner.clone()).or_default() += 1;
        for held in self.held.values_mut().filter(|held| held.owner == *owner) {
            held.alone = None;
        }
    }

    pub fn release(&mut self, owner: &Owner) {
        let left = self.holds.get(owner).copied().unwrap_or(1) - 1;
        if left > 0 {
            self.holds.insert(owner.clone(), left);
            return;
        }
        self.holds.remove(owner);
        for held in self.held.values_mut().filter(|held| held.owner == *owner) {
            held.alone = Some(Instant::now());
        }
    }

    /// Deletes what nobody came back for; returns the names.
    pub fn expire(&mut self, grace: Duration) -> Vec<String> {
        let over = |held: &Held| held.alone.is_some_and(|since| since.elapsed() >= grace);
        let gone: Vec<String> = self
            .held
            .iter()
            .filter(|(_, held)| over(held))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &gone {
            self.held.remove(name);
        }
        gone
    }
}

fn duplicate(held: &Held) -> Result<OwnedFd, Refusal> {
    held.adapter
        .as_fd()
        .try_clone_to_owned()
        .map_err(|e| Refusal::new("internal", format!("duplicating the descriptor: {e}")))
}

fn check_overlap(spec: &Spec) -> Result<(), Refusal> {
    match spec.ipv4.and_then(|wanted| overlap::find(&spec.name, wanted)) {
        Some(local) => Err(Refusal::new("prefix-overlaps", local)),
        None => Ok(()),
    }
}

fn sysctl(family: &str, name: &str, key: &str, value: &str) {
    // Kernels without IPv6, or old ones without the key: the adapter works without it.
    let _ = std::fs::write(format!("/proc/sys/net/{family}/conf/{name}/{key}"), value);
}

fn configure_new(adapter: &Adapter, spec: &Spec) -> Result<(), Refusal> {
    let name = spec.name.as_str();
    // Before up: only our own fe80 address, no router advertisements, no probing of addresses that are unique by their making.
    sysctl("ipv6", name, "disable_ipv6", "0");
    sysctl("ipv6", name, "addr_gen_mode", "1");
    sysctl("ipv6", name, "accept_ra", "0");
    sysctl("ipv6", name, "accept_dad", "0");
    sysctl("ipv6", name, "keep_addr_on_down", "1");
    sysctl("ipv6", name, "accept_redirects", "0");
    sysctl("ipv4", name, "accept_redirects", "0");
    link::set_mac(name, spec.mac).map_err(|e| device(&e))?;
    link::set_mtu(name, spec.mtu).map_err(|e| device(&e))?;
    link::set_up(name, true).map_err(|e| device(&e))?;
    adapter.set_carrier(true).map_err(|e| device(&e))?;
    set_addresses(spec, spec)
}

fn reconfigure(held: &mut Held, spec: &Spec) -> Result<(), Refusal> {
    let name = spec.name.as_str();
    if held.spec.mac != spec.mac {
        link::set_mac(name, spec.mac).map_err(|e| device(&e))?;
    }
    if held.spec.mtu != spec.mtu {
        link::set_mtu(name, spec.mtu).map_err(|e| device(&e))?;
    }
    if !link::is_up(name).unwrap_or(false) {
        link::set_up(name, true).map_err(|e| device(&e))?;
    }
    held.adapter.set_carrier(true).map_err(|e| device(&e))?;
    let before = std::mem::replace(&mut held.spec, spec.clone());
    set_addresses(&before, spec)
}

/// Brings the addresses to what `spec` says, changing only what differs.
fn set_addresses(before: &Spec, spec: &Spec) -> Result<(), Refusal> {
    let name = spec.name.as_str();
    let present = link::ipv4(name).unwrap_or(None);
    if present != spec.ipv4 {
        match spec.ipv4 {
            Some((address, bits)) => link::set_ipv4(name, address, bits).map_err(|e| device(&e))?,
            None => {
                let _ = link::set_ipv4(name, std::net::Ipv4Addr::UNSPECIFIED, 0);
            }
        }
    }
    let have = link::ipv6(name).unwrap_or_default();
    for old in before.ipv6.iter().filter(|old| !spec.ipv6.contains(old)) {
        let _ = link::remove_ipv6(name, old.0, old.1);
    }
    for (address, bits) in spec
        .ipv6
        .iter()
        .filter(|one| !have.iter().any(|(a, _)| a == &one.0))
    {
        link::add_ipv6(name, *address, *bits).map_err(|e| device(&e))?;
    }
    Ok(())
}
