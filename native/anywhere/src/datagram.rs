//! A whole UDP datagram.

use std::net::IpAddr;
use weft_packet::L3;
use weft_packet::udp::Udp;

/// What the application sent, whoever carried it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub class: u8,
    pub src_port: u16,
    pub dst_port: u16,
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// `l4`: everything after the IP headers of the (first fragment's) `packet`. `None`: no UDP. Checksums are not looked at: what
    /// is taken off an interface before the hardware finished it has none.
    pub fn parse(packet: &L3<'_>, l4: &'a [u8]) -> Option<Datagram<'a>> {
        let udp = Udp::parse(l4).ok()?;
        let bytes = packet.bytes();
        let class = if packet.is_v4() {
            bytes[1]
        } else {
            (bytes[0] << 4) | (bytes[1] >> 4)
        };
        Some(Datagram {
            src: packet.src(),
            dst: packet.dst(),
            hop_limit: packet.hop_limit(),
            class,
            src_port: udp.src_port(),
            dst_port: udp.dst_port(),
            payload: udp.payload(),
        })
    }
}
