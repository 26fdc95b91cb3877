//! UDP headers.

use crate::DropReason;
use crate::bytes::be16;

pub const UDP_LEN: usize = 8;
/// Offset of the checksum in the header.
pub const UDP_CHECKSUM_AT: usize = 6;

/// A UDP header whose length fits the packet.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    bytes: &'a [u8],
}

impl<'a> Udp<'a> {
    /// # Errors
    /// `Truncated`, `Malformed` (length field).
    pub fn parse(l4: &'a [u8]) -> Result<Self, DropReason> {
        if l4.len() < UDP_LEN {
            return Err(DropReason::Truncated);
        }
        let len = usize::from(be16(l4, 4));
        if len < UDP_LEN || len > l4.len() {
            return Err(DropReason::Malformed);
        }
        Ok(Udp { bytes: l4 })
    }

    pub fn src_port(&self) -> u16 {
        be16(self.bytes, 0)
    }

    pub fn dst_port(&self) -> u16 {
        be16(self.bytes, 2)
    }

    /// Header and payload as the header says.
    pub fn len(&self) -> usize {
        usize::from(be16(self.bytes, 4))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == UDP_LEN
    }

    /// The length field accounts for everything after the IP header.
    pub fn is_exact(&self) -> bool {
        self.len() == self.bytes.len()
    }

    pub fn checksum(&self) -> u16 {
        be16(self.bytes, UDP_CHECKSUM_AT)
    }

    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[UDP_LEN..self.len()]
    }
}
