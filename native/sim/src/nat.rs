//! A NAT in front of one host: which address its datagrams bear outside, and which from outside come in.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// How datagrams pass between a host and the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nat {
    /// A public address, nothing between.
    #[default]
    Open,
    /// One outside port for all; everybody may answer to it.
    Independent,
    /// One outside port for all; in comes what is from an address that was sent to.
    AddressRestricted,
    /// One outside port for all; in comes what is from an address and port that were sent to.
    PortRestricted,
    /// An outside port for each address and port; only that may answer.
    Symmetric,
    /// No UDP at all.
    Blocked,
}

/// Mappings kept at once; the longest idle one makes room.
pub const MAPPINGS_MAX: usize = 4_096;
const PORT_FIRST: u16 = 20_000;

#[derive(Debug)]
struct Mapping {
    port: u16,
    used: u64,
}

/// The state of one NAT (also for open hosts, where it lets everything pass).
#[derive(Debug)]
pub struct NatBox {
    pub kind: Nat,
    pub public: Ipv4Addr,
    /// The host's own address and port.
    pub inner: SocketAddrV4,
    idle_us: u64,
    /// By the remote address that a mapping is for; unspecified: for all.
    mappings: BTreeMap<SocketAddrV4, Mapping>,
    /// When each remote was last sent to.
    sent_to: BTreeMap<SocketAddrV4, u64>,
    next_port: u16,
}

const ANYBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

impl NatBox {
    pub fn new(kind: Nat, public: Ipv4Addr, inner: SocketAddrV4, idle_us: u64) -> NatBox {
        let (mappings, sent_to) = (BTreeMap::new(), BTreeMap::new());
        NatBox {
            kind,
            public,
            inner,
            idle_us,
            mappings,
            sent_to,
            next_port: PORT_FIRST,
        }
    }

    /// The source that a datagram to `remote` bears outside; `None`: it does not leave.
    pub fn out(&mut self, now: u64, remote: SocketAddrV4) -> Option<SocketAddrV4> {
        let name = match self.kind {
            Nat::Open => return Some(self.inner),
            Nat::Blocked => return None,
            Nat::Symmetric => remote,
            Nat::Independent | Nat::AddressRestricted | Nat::PortRestricted => ANYBODY,
        };
        self.make_room(now, name);
        self.sent_to.insert(remote, now);
        let next = &mut self.next_port;
        let mapping = self.mappings.entry(name).or_insert_with(|| {
            let port = *next;
            *next = next.checked_add(1).unwrap_or(PORT_FIRST);
            Mapping { port, used: now }
        });
        mapping.used = now;
        Some(SocketAddrV4::new(self.public, mapping.port))
    }

    /// Whether a datagram from `remote` to the outside `port` reaches the host.
    pub fn takes(&self, now: u64, remote: SocketAddrV4, port: u16) -> bool {
        match self.kind {
            Nat::Open => return port == self.inner.port(),
            Nat::Blocked => return false,
            _ => {}
        }
        let alive = |used: u64| used + self.idle_us > now;
        let mapped = |m: &Mapping| m.port == port && alive(m.used);
        match self.kind {
            Nat::Symmetric => self.mappings.get(&remote).is_some_and(mapped),
            _ if !self.mappings.get(&ANYBODY).is_some_and(mapped) => false,
            Nat::AddressRestricted => {
                let ports = SocketAddrV4::new(*remote.ip(), 0)..=SocketAddrV4::new(*remote.ip(), u16::MAX);
                self.sent_to.range(ports).any(|(_, used)| alive(*used))
            }
            Nat::PortRestricted => self.sent_to.get(&remote).is_some_and(|used| alive(*used)),
            _ => true,
        }
    }

    /// An idle mapping that is used again gets another port; other idle ones do no harm, as `takes` looks at their age.
    fn make_room(&mut self, now: u64, name: SocketAddrV4) {
        let idle = self.idle_us;
        if self.mappings.get(&name).is_some_and(|m| m.used + idle <= now) {
            self.mappings.remove(&name);
        }
        if self.mappings.len() < MAPPINGS_MAX && self.sent_to.len() < MAPPINGS_MAX {
            return;
        }
        let oldest = self
            .mappings
            .iter()
            .min_by_key(|(_, m)| m.used)
            .map(|(name, _)| *name);
        oldest
            .filter(|_| self.mappings.len() >= MAPPINGS_MAX)
            .map(|name| self.mappings.remove(&name));
        let oldest = self
            .sent_to
            .iter()
            .min_by_key(|(_, used)| **used)
            .map(|(name, _)| *name);
        oldest
            .filter(|_| self.sent_to.len() >= MAPPINGS_MAX)
            .map(|name| self.sent_to.remove(&name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: u64 = 120_000_000;

    fn at(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    fn nat(kind: Nat) -> NatBox {
        NatBox::new(kind, Ipv4Addr::new(5, 0, 0, 1), at("192.168.0.2:4000"), IDLE)
    }

    #[test]
    fn each_kind_filters_as_its_name_says() {
        let (a, a2, b) = (at("6.0.0.1:1"), at("6.0.0.1:2"), at("6.0.0.2:1"));
        for (kind, expected) in [
            (Nat::Independent, [true, true, true]),
            (Nat::AddressRestricted, [true, true, false]),
            (Nat::PortRestricted, [true, false, false]),
            (Nat::Symmetric, [true, false, false]),
        ] {
            let mut nat = nat(kind);
            let port = nat.out(0, a).unwrap().port();
            assert_eq!(
                [a, a2, b].map(|from| nat.takes(1, from, port)),
                expected,
                "{kind:?}"
            );
            assert!(!nat.takes(1, a, port + 1), "{kind:?}: another port");
            assert!(!nat.takes(IDLE, a, port), "{kind:?}: idle");
        }
        assert_eq!(nat(Nat::Blocked).out(0, a), None);
        assert!(nat(Nat::Open).takes(0, b, 4_000));
    }

    #[test]
    fn only_symmetric_ones_change_the_port() {
        let (a, b) = (at("6.0.0.1:1"), at("6.0.0.2:1"));
        let mut one = nat(Nat::PortRestricted);
        assert_eq!(one.out(0, a), one.out(1, b));
        let mut each = nat(Nat::Symmetric);
        assert_ne!(each.out(0, a), each.out(1, b));
        assert_eq!(each.out(2, a), each.out(3, a));
        let before = each.out(3, a);
        assert_ne!(each.out(3 + IDLE, a), before, "an idle mapping is gone");
    }
}
