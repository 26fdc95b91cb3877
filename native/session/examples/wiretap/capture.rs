//! Weft's frames in a pcap file: Ethernet, IPv4 or IPv6, UDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const MAGIC: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];
const FILE_HEAD: usize = 24;
const RECORD_HEAD: usize = 16;
const ETHERNET: usize = 14;
const UDP: usize = 8;
const PROTOCOL_UDP: u8 = 17;

pub struct Packet {
    pub seconds: f64,
    pub from: IpAddr,
    pub to: SocketAddr,
    pub frame: Vec<u8>,
}

fn u32_le(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

/// All frames of the first version, in the order of the file.
pub fn read(path: &str) -> Result<Vec<Packet>, String> {
    let file = super::read(path)?;
    if file.len() < FILE_HEAD || file[..4] != MAGIC || u32_le(&file, 20) != 1 {
        return Err(format!(
            "{path}: not a little-endian pcap file of Ethernet frames"
        ));
    }
    let mut packets = Vec::new();
    let mut rest = &file[FILE_HEAD..];
    while rest.len() >= RECORD_HEAD {
        let seconds = f64::from(u32_le(rest, 0)) + f64::from(u32_le(rest, 4)) / 1e6;
        let (kept, whole) = (u32_le(rest, 8) as usize, u32_le(rest, 12) as usize);
        let Some(bytes) = rest.get(RECORD_HEAD..RECORD_HEAD + kept) else {
            break;
        };
        if kept != whole {
            return Err(format!("{path}: holds cut packets"));
        }
        packets.extend(parse(seconds, bytes));
        rest = &rest[RECORD_HEAD + kept..];
    }
    Ok(packets)
}

fn parse(seconds: f64, bytes: &[u8]) -> Option<Packet> {
    let ip = bytes.get(ETHERNET..)?;
    let (from, to, udp): (IpAddr, IpAddr, &[u8]) = match bytes[12..ETHERNET] {
        [0x08, 0x00] if ip.len() >= 20 && ip[9] == PROTOCOL_UDP => {
            let at = |i: usize| Ipv4Addr::new(ip[i], ip[i + 1], ip[i + 2], ip[i + 3]).into();
            (at(12), at(16), ip.get(usize::from(ip[0] & 15) * 4..)?)
        }
        [0x86, 0xdd] if ip.len() >= 40 && ip[6] == PROTOCOL_UDP => {
            let at = |i: usize| <[u8; 16]>::try_from(&ip[i..i + 16]).map(|a| Ipv6Addr::from(a).into());
            (at(8).ok()?, at(24).ok()?, ip.get(40..)?)
        }
        _ => return None,
    };
    let port = u16::from_be_bytes([*udp.get(2)?, *udp.get(3)?]);
    let length = usize::from(u16::from_be_bytes([*udp.get(4)?, *udp.get(5)?]));
    let frame = udp.get(UDP..length)?.to_vec();
    (frame.len() >= 16 && (0xF1..=0xF6).contains(&frame[0]) && frame[1] == 1).then_some(Packet {
        seconds,
        from,
        to: SocketAddr::new(to, port),
        frame,
    })
}
