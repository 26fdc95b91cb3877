//! TCP headers.

use crate::DropReason;
use crate::bytes::{be16, be32};

pub const TCP_LEN_MIN: usize = 20;
/// Offset of the checksum in the header.
pub const TCP_CHECKSUM_AT: usize = 16;
pub(crate) const TCP_FLAGS_AT: usize = 13;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;
pub const URG: u8 = 0x20;
pub const ECE: u8 = 0x40;
pub const CWR: u8 = 0x80;

/// A TCP header that lies wholly inside the packet.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    bytes: &'a [u8],
}

impl<'a> Tcp<'a> {
    /// # Errors
    /// `Truncated`, `Malformed` (data offset).
    pub fn parse(l4: &'a [u8]) -> Result<Self, DropReason> {
        if l4.len() < TCP_LEN_MIN {
            return Err(DropReason::Truncated);
        }
        let t = Tcp { bytes: l4 };
        if t.header_len() < TCP_LEN_MIN || t.header_len() > l4.len() {
            return Err(DropReason::Malformed);
        }
        Ok(t)
    }

    pub fn header_len(&self) -> usize {
        usize::from(self.bytes[12] >> 4) * 4
    }

    pub fn src_port(&self) -> u16 {
        be16(self.bytes, 0)
    }

    pub fn dst_port(&self) -> u16 {
        be16(self.bytes, 2)
    }

    pub fn seq(&self) -> u32 {
        be32(self.bytes, 4)
    }

    pub fn ack(&self) -> u32 {
        be32(self.bytes, 8)
    }

    pub fn flags(&self) -> u8 {
        self.bytes[TCP_FLAGS_AT]
    }

    pub fn window(&self) -> u16 {
        be16(self.bytes, 14)
    }

    pub fn checksum(&self) -> u16 {
        be16(self.bytes, TCP_CHECKSUM_AT)
    }

    pub fn options(&self) -> &'a [u8] {
        &self.bytes[TCP_LEN_MIN..self.header_len()]
    }

    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.header_len()..]
    }
}
