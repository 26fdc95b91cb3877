//! Counters of what a host sent and received, by kind.

use weft_session::wire;

/// IPv4 and UDP headers of each datagram, bytes.
pub const UNDER_HEADERS: u64 = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Handshakes.
    Hello,
    /// What sessions say for themselves and for engines: control messages, acknowledgements, pings, keys, closes.
    Control,
    /// Unicast packets.
    Packet,
    Cast,
    /// Others' frames that were passed on; own relayed frames count as what they are. Of what comes, every relayed frame.
    Carry,
}

impl Kind {
    pub const COUNT: usize = 5;

    /// Of a datagram that the session manager sends; what it seals is never a packet.
    pub fn of_upkeep(bytes: &[u8]) -> Kind {
        match bytes.first() {
            Some(&wire::DATA) => Kind::Control,
            _ => Kind::Hello,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub frames: u64,
    /// With IPv4 and UDP headers.
    pub bytes: u64,
}

/// By `Kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic([Count; Kind::COUNT]);

impl Traffic {
    pub fn add(&mut self, kind: Kind, bytes: usize) {
        let count = &mut self.0[kind as usize];
        count.frames += 1;
        count.bytes += bytes as u64 + UNDER_HEADERS;
    }

    pub fn add_all(&mut self, other: &Traffic) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            count.frames += more.frames;
            count.bytes += more.bytes;
        }
    }

    pub fn get(&self, kind: Kind) -> Count {
        self.0[kind as usize]
    }
}
