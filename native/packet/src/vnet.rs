//! The virtio-net header before every frame of an adapter opened with `IFF_VNET_HDR` (10 bytes, host byte order).

/// Bytes of the header (the legacy layout without `num_buffers`, the TAP's default).
pub const VNET_LEN: usize = 10;

const F_NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// How the kernel wants (or may be asked) to cut a large packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GsoKind {
    #[default]
    None,
    Tcp4,
    Tcp6,
    /// A run of equal datagrams (USO), IPv4 or IPv6.
    UdpL4,
}

/// Decoded header. `csum_start` counts from the first byte of the Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VnetHeader {
    /// The checksum at `csum_start + csum_offset` holds only the pseudo-header's sum.
    pub needs_csum: bool,
    pub gso: GsoKind,
    /// The first segment carries CWR, the others must not (TCP only).
    pub ecn: bool,
    /// Ethernet + IP + L4 header length; a hint, 0 without GSO.
    pub hdr_len: u16,
    /// Payload bytes per segment; 0 without GSO.
    pub gso_size: u16,
    pub csum_start: u16,
    pub csum_offset: u16,
}

impl VnetHeader {
    /// `None` for a kind that was never negotiated (UFO and unknown values).
    pub fn decode(b: &[u8; VNET_LEN]) -> Option<Self> {
        let gso = match b[1] & !GSO_ECN {
            GSO_NONE => GsoKind::None,
            GSO_TCPV4 => GsoKind::Tcp4,
            GSO_TCPV6 => GsoKind::Tcp6,
            GSO_UDP_L4 => GsoKind::UdpL4,
            _ => return None,
        };
        let word = |at: usize| u16::from_ne_bytes([b[at], b[at + 1]]);
        Some(VnetHeader {
            needs_csum: b[0] & F_NEEDS_CSUM != 0,
            gso,
            ecn: b[1] & GSO_ECN != 0,
            hdr_len: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        })
    }

    pub fn encode(&self) -> [u8; VNET_LEN] {
        let kind = match self.gso {
            GsoKind::None => GSO_NONE,
            GsoKind::Tcp4 => GSO_TCPV4,
            GsoKind::Tcp6 => GSO_TCPV6,
            GsoKind::UdpL4 => GSO_UDP_L4,
        };
        let mut b = [0; VNET_LEN];
        b[0] = if self.needs_csum { F_NEEDS_CSUM } else { 0 };
        b[1] = kind | if self.ecn { GSO_ECN } else { 0 };
        b[2..4].copy_from_slice(&self.hdr_len.to_ne_bytes());
        b[4..6].copy_from_slice(&self.gso_size.to_ne_bytes());
        b[6..8].copy_from_slice(&self.csum_start.to_ne_bytes());
        b[8..10].copy_from_slice(&self.csum_offset.to_ne_bytes());
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for gso in [GsoKind::None, GsoKind::Tcp4, GsoKind::Tcp6, GsoKind::UdpL4] {
            for flag in [false, true] {
                let h = VnetHeader {
                    needs_csum: flag,
                    gso,
                    ecn: !flag,
                    hdr_len: 54,
                    gso_size: 1340,
                    csum_start: 34,
                    csum_offset: 16,
                };
                assert_eq!(VnetHeader::decode(&h.encode()), Some(h));
            }
        }
        assert_eq!(VnetHeader::default().encode(), [0; VNET_LEN]);
    }

    #[test]
    fn ufo_and_unknown_kinds_are_refused() {
        for kind in [2, 3, 6, 7, 0x83] {
            let mut b = [0; VNET_LEN];
            b[1] = kind;
            assert_eq!(VnetHeader::decode(&b), None);
        }
    }
}
