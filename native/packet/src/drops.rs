//! Why a packet was not carried on: one list for the whole data plane's packet path.

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// Reason of a drop. Names are stable: they appear in statistics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $variant,)* }

        impl DropReason {
            /// Every reason, in the order of its index.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant,)*];
            /// How many there are: the length of an array of counters.
            pub const COUNT: usize = Self::ALL.len();

            /// The stable name, as in the binding's statistics.
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$variant => $name,)* }
            }
        }
    };
}

drop_reasons! {
    /// Shorter than its own headers say.
    Truncated => "truncated",
    /// Lengths or fields that contradict each other.
    Malformed => "malformed",
    /// Neither IPv4, IPv6 nor ARP (VLAN tags and foreign EtherTypes too).
    NotIp => "notIp",
    /// More or longer extension headers than we are willing to walk.
    HeaderChain => "headerChain",
    /// A virtio-net header that does not fit its frame, or a kind that was never negotiated.
    BadOffload => "badOffload",
    /// Larger than the adapter's MTU.
    TooBig => "tooBig",
    /// Said to have a partial checksum, but nothing in it has one.
    BadPartial => "badPartial",
    /// The source is not an address of the member that sent it.
    BadSource => "badSource",
    /// Sent from the adapter with a source that is not an own overlay address.
    ForeignSource => "foreignSource",
    /// Received, but neither for an own address nor for a joined group.
    NotForUs => "notForUs",
    /// No member has this destination address.
    NoRoute => "noRoute",
    /// A group without receivers elsewhere, or none that wants this source.
    NoReceiver => "noReceiver",
    /// To an own address: the host should have looped it back itself.
    OwnDestination => "ownDestination",
    /// Source routes and routing headers are never forwarded.
    SourceRoute => "sourceRoute",
    /// Redirects, router messages, neighbour discovery, IGMP and MLD from other hosts: they would steer this host.
    HostControl => "hostControl",
    /// DHCP in either direction: addresses come from the engine.
    Dhcp => "dhcp",
    /// Our own outer datagrams, routed into the adapter by mistake.
    TunnelLoop => "tunnelLoop",
    /// Came out of the adapter without being this host's own: somebody bridged the adapter.
    Bridged => "bridged",
    /// Valid only on this host or link (interface-local groups, hop limit 0, duplicate address probes, gratuitous ARP).
    LocalOnly => "localOnly",
    /// Duplicate address probes and questions nobody here may answer.
    Unanswered => "unanswered",
    /// Broadcast or multicast above the rate its origin may send.
    RateLimited => "rateLimited",
    /// A group or source beyond the bounds of the snooping table.
    TableFull => "tableFull",
    /// Sent to a group that is not this member's to send to.
    NoRight => "noRight",
    /// To a group whose packets are signed, by a tree whose casts are not.
    Unsigned => "unsigned",
    /// Cast by a member that is not (or no longer) one.
    UnknownMember => "unknownMember",
    /// The same datagram left on another interface a moment ago and was taken from there.
    SentElsewhere => "sentElsewhere",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_camel_case() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), DropReason::COUNT);
        for name in names {
            assert!(
                name.chars().all(|c| c.is_ascii_alphanumeric())
                    && name.starts_with(|c: char| c.is_lowercase())
            );
        }
        for (i, r) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*r as usize, i);
        }
    }
}
