//! Builds a [`Table`].

use crate::{FilterMode, ReceiverList, Table};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use weft_packet::Mac;

/// Handle of a member, chosen by the engine, unique in its network.
pub type PeerId = u32;

/// A member as packets know it.
#[derive(Clone, Debug)]
pub struct Member {
    pub peer: PeerId,
    /// First 8 bytes of the member id, big-endian: its name in cast stamps.
    pub origin: u64,
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Option<Ipv6Addr>,
    pub link_local: Option<Ipv6Addr>,
    pub mac: Option<Mac>,
}

/// This host in the network.
#[derive(Clone, Debug)]
pub struct Own {
    pub origin: u64,
    /// Address and prefix length.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    pub ipv6: Ipv6Addr,
    pub ipv6_prefix: u8,
    pub link_local: Ipv6Addr,
    pub mac: Mac,
}

/// Who wants a group, and from whom.
pub type GroupReceiver = (PeerId, FilterMode, Vec<IpAddr>);

/// Collects what a snapshot holds. Later entries with the same key replace earlier ones.
pub struct TableBuilder {
    pub(crate) own: Own,
    pub(crate) members: Vec<Member>,
    pub(crate) groups: Vec<(IpAddr, Arc<ReceiverList>)>,
    pub(crate) own_ports: Vec<u16>,
    pub(crate) publishers: Vec<(IpAddr, Vec<PeerId>)>,
    pub(crate) signed: Vec<IpAddr>,
}

impl TableBuilder {
    pub fn new(own: Own) -> Self {
        TableBuilder {
            own,
            members: Vec::new(),
            groups: Vec::new(),
            own_ports: Vec::new(),
            publishers: Vec::new(),
            signed: Vec::new(),
        }
    }

    pub fn member(&mut self, member: Member) -> &mut Self {
        self.members.push(member);
        self
    }

    /// Receivers of `group` on other hosts: peer, mode, sources. "255.255.255.255" is every broadcast; 224.0.0.1 and
    /// ff02::1 fall back to one another and to it, so listing all members once is enough.
    pub fn group(&mut self, group: IpAddr, receivers: Vec<GroupReceiver>) -> &mut Self {
        self.shared_group(group, Arc::new(receivers.into_iter().collect()))
    }

    /// As `group`, for a list that the caller keeps as well.
    pub fn shared_group(&mut self, group: IpAddr, receivers: Arc<ReceiverList>) -> &mut Self {
        self.groups.push((group, receivers));
        self
    }

    /// Only these members may send to `group`; what others send to it is dropped where it arrives.
    pub fn publishers(&mut self, group: IpAddr, members: Vec<PeerId>) -> &mut Self {
        self.publishers.push((group, members));
        self
    }

    /// What takes a tree to `group` is signed by its origin, or dropped where it arrives.
    pub fn signed(&mut self, group: IpAddr) -> &mut Self {
        self.signed.push(group);
        self
    }

    /// UDP ports this process is bound to: datagrams from them must never enter the adapter.
    pub fn own_ports(&mut self, ports: &[u16]) -> &mut Self {
        self.own_ports = ports.to_vec();
        self
    }

    pub fn build(self) -> Table {
        Table::from_parts(self)
    }
}
