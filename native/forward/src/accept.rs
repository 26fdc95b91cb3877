//! The decision for packets that arrive from members.

use crate::{DropReason, LocalGroups, PeerId, Table};
use weft_packet::L3;
use weft_packet::ether::ETHER_LEN;

/// An accepted packet: write it to the adapter under this Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub ether: [u8; ETHER_LEN],
}

impl Table {
    /// Checks a decrypted packet from `from` (for a cast: the member of its origin, not the hop) before it may reach the adapter.
    /// `local`: what applications here joined, from [`crate::Snooper::local`].
    ///
    /// # Errors
    /// `UnknownMember`, `BadSource`, `SourceRoute`, `HostControl`, `Dhcp`, `NotForUs`.
    pub fn accept(&self, _packet: &L3<'_>, _from: PeerId, _local: &LocalGroups) -> Result<Delivery, DropReason> {
        todo!()
    }
}
