//! Layout of every frame (docs/frames.md): offsets, readers and writers. Big-endian throughout.

use crate::aead::TAG;
use crate::drops::DropReason;
use crate::limits::HINT_MAX;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub const HELLO: u8 = 0xF1;
pub const ANSWER: u8 = 0xF2;
pub const COOKIE: u8 = 0xF3;
pub const DATA: u8 = 0xF4;
pub const CAST: u8 = 0xF5;
pub const CARRY: u8 = 0xF6;
/// Byte 1 of every frame.
pub const VERSION: u8 = 1;

/// Header of data and cast frames: type, version, flags u16, receiver index u32, counter u64.
pub const HEADER: usize = 16;
/// A data frame around an empty plaintext.
pub const DATA_MIN: usize = HEADER + TAG;
/// Cast stamp: origin u64, key id u32, tree u16, epoch u16, sequence u64.
pub const STAMP: usize = 24;
/// A cast around an empty packet: header, stamp, inner tag, hop tag.
pub const CAST_MIN: usize = HEADER + STAMP + TAG + TAG;
/// Head of a carry: header, destination origin u64, source origin u64.
pub const CARRY_HEAD: usize = HEADER + 8 + 8;
/// Bytes that a relay's hop adds to the frame that it carries.
pub const CARRY_OVERHEAD: usize = CARRY_HEAD + TAG;
/// A carry around the shortest thing that it may hold: the body of a "no way".
pub const CARRY_MIN: usize = CARRY_OVERHEAD + NO_WAY_BODY;
/// First flags byte of a data frame whose packet may overtake others: its flow has had no large ones lately.
pub const SPARSE: u8 = 0x80;
/// Flag of a carry: it answers that a frame cannot be carried on. Destination and source are those of that frame, exchanged.
pub const NO_WAY: u8 = 0x80;
/// Body of a "no way": reason u8, zeros.
pub const NO_WAY_BODY: usize = 16;
pub const MAC: usize = 16;
const KEY: usize = 32;

/// Head of a hello: type, version, zeros, sender index.
pub const HELLO_HEAD: usize = 8;
/// Noise message 1 around an empty payload: e, s + tag, payload tag.
pub const NOISE_1: usize = KEY + KEY + TAG + TAG;
/// Hello payload without hint and pad: version, mask, features, association, pad length, hint length.
pub const HELLO_FIXED: usize = 1 + 1 + 2 + 8 + 1 + 2;
pub const HELLO_MIN: usize = HELLO_HEAD + NOISE_1 + HELLO_FIXED + 2 * MAC;
pub const HELLO_MAX: usize = HELLO_MIN + HINT_MAX + u8::MAX as usize;

/// Head of an answer: type, version, zeros, sender index, receiver index.
pub const ANSWER_HEAD: usize = 12;
/// Noise message 2 around an empty payload: e, payload tag.
pub const NOISE_2: usize = KEY + TAG;
/// Answer payload without observed address and pad: version, suite, features, association.
pub const ANSWER_FIXED: usize = 1 + 1 + 2 + 8;
pub const ANSWER_MIN: usize = ANSWER_HEAD + NOISE_2 + ANSWER_FIXED + 1 + 2 * MAC;
pub const ANSWER_MAX: usize = ANSWER_MIN + 18 + u8::MAX as usize;

pub const COOKIE_NONCE: usize = 24;
pub const COOKIE_LEN: usize = 8 + COOKIE_NONCE + MAC + TAG;

// A cookie and the longest answer that this version writes never exceed the shortest hello.
const _: () = assert!(COOKIE_LEN <= HELLO_MIN && ANSWER_MIN + 18 <= HELLO_MIN);

/// Kinds of plaintext: low nibble of its first byte. An empty plaintext counts as kind 0.
pub mod kind {
    pub const KEEPALIVE: u8 = 0;
    pub const PACKET: u8 = 1;
    pub const CONTROL: u8 = 2;
    pub const PING: u8 = 3;
    pub const PONG: u8 = 4;
    pub const FRAGMENT: u8 = 5;
    pub const SENDER_KEY: u8 = 6;
    pub const SENDER_KEY_ACK: u8 = 7;
    pub const CLOSE: u8 = 8;
    pub const BUNDLE: u8 = 9;
    /// What nodes of multicast trees say to each other; the high nibble is the verb.
    pub const TREE: u8 = 10;
    /// A message of trees that is upkeep ("this is how far the stream is"): it is answered by nothing.
    pub const TREE_BEAT: u8 = TREE;
    /// Flag of `PACKET`: the L4 checksum is partial.
    pub const PARTIAL: u8 = 0x10;
    pub const MASK: u8 = 0x0F;
}

/// `features` of hello and answer: partial checksums are understood.
pub const FEATURE_PARTIAL: u16 = 1;
/// Bundles are understood.
pub const FEATURE_BUNDLE: u16 = 2;
/// Data frames may say that they are `SPARSE`.
pub const FEATURE_SPARSE: u16 = 4;

pub(crate) fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([b[at], b[at + 1]])
}

pub(crate) fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

pub(crate) fn u64_at(b: &[u8], at: usize) -> u64 {
    (u64::from(u32_at(b, at)) << 32) | u64::from(u32_at(b, at + 4))
}

/// Receiver index of a data or cast frame, for sharing frames out to threads.
pub fn receiver_index(frame: &[u8]) -> Option<u32> {
    (frame.len() >= HEADER && matches!(frame[0], DATA | CAST | CARRY)).then(|| u32_at(frame, 4))
}

/// Writes the header of a data frame.
#[inline]
pub(crate) fn write_header(out: &mut [u8], kind: u8, two: [u8; 2], index: u32, counter: u64) {
    out[0] = kind;
    out[1] = VERSION;
    out[2..4].copy_from_slice(&two);
    out[4..8].copy_from_slice(&index.to_be_bytes());
    out[8..16].copy_from_slice(&counter.to_be_bytes());
}

/// Appends an address: kind u8 (4, 6, or 0 for none), address, port.
pub(crate) fn put_address(out: &mut Vec<u8>, address: Option<SocketAddr>) {
    match address.map(|a| (a.ip(), a.port())) {
        None => out.push(0),
        Some((IpAddr::V4(ip), port)) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
            out.extend_from_slice(&port.to_be_bytes());
        }
        Some((IpAddr::V6(ip), port)) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
            out.extend_from_slice(&port.to_be_bytes());
        }
    }
}

/// Reads what `put_address` wrote; outer None = malformed.
pub(crate) fn get_address(b: &[u8]) -> Option<Option<SocketAddr>> {
    match *b.first()? {
        0 => Some(None),
        4 if b.len() >= 7 => {
            let ip = Ipv4Addr::from(u32_at(b, 1));
            Some(Some(SocketAddr::new(ip.into(), u16_at(b, 5))))
        }
        6 if b.len() >= 19 => {
            let ip = Ipv6Addr::from((u128::from(u64_at(b, 1)) << 64) | u128::from(u64_at(b, 9)));
            Some(Some(SocketAddr::new(ip.into(), u16_at(b, 17))))
        }
        _ => None,
    }
}

/// Payload of a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HelloPayload {
    pub suites: u8,
    pub features: u16,
    pub association: u64,
    pub hint: Vec<u8>,
}

impl HelloPayload {
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.hint.len() <= HINT_MAX);
        let mut out = vec![VERSION, self.suites];
        out.extend_from_slice(&self.features.to_be_bytes());
        out.extend_from_slice(&self.association.to_be_bytes());
        out.push(0); // no pad: the assertion above shows that no answer is longer
        out.extend_from_slice(&(self.hint.len() as u16).to_be_bytes());
        out.extend_from_slice(&self.hint);
        out
    }

    pub fn decode(b: &[u8]) -> Result<HelloPayload, DropReason> {
        if b.len() < HELLO_FIXED || b[0] != VERSION {
            return Err(DropReason::Malformed);
        }
        let (pad, hint) = (usize::from(b[12]), usize::from(u16_at(b, 13)));
        if hint > HINT_MAX || b.len() != HELLO_FIXED + hint + pad {
            return Err(DropReason::Malformed);
        }
        Ok(HelloPayload {
            suites: b[1],
            features: u16_at(b, 2),
            association: u64_at(b, 4),
            hint: b[HELLO_FIXED..HELLO_FIXED + hint].to_vec(),
        })
    }
}

/// Payload of an answer. What follows the observed address is padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnswerPayload {
    pub suite: u8,
    pub features: u16,
    pub association: u64,
    pub observed: Option<SocketAddr>,
}

impl AnswerPayload {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.suite];
        out.extend_from_slice(&self.features.to_be_bytes());
        out.extend_from_slice(&self.association.to_be_bytes());
        put_address(&mut out, self.observed);
        out
    }

    pub fn decode(b: &[u8]) -> Result<AnswerPayload, DropReason> {
        if b.len() < ANSWER_FIXED || b[0] != VERSION {
            return Err(DropReason::Malformed);
        }
        let observed = get_address(&b[ANSWER_FIXED..]).ok_or(DropReason::Malformed)?;
        Ok(AnswerPayload {
            suite: b[1],
            features: u16_at(b, 2),
            association: u64_at(b, 4),
            observed,
        })
    }
}

/// The stamp of a cast, as read from a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// First 8 bytes of the origin's member id.
    pub origin: [u8; 8],
    pub key_id: u32,
    pub tree: u16,
    pub epoch: u16,
    /// Low 56 bits count; the high byte holds flags (0x80: partial checksum).
    pub sequence: u64,
}

/// Flag of a cast's sequence: the packet's L4 checksum is partial.
pub const CAST_PARTIAL: u64 = 0x80 << 56;
/// The counting part of a cast's sequence.
pub const SEQUENCE_MASK: u64 = (1 << 56) - 1;

impl Stamp {
    pub fn read(b: &[u8; STAMP]) -> Stamp {
        let mut origin = [0u8; 8];
        origin.copy_from_slice(&b[..8]);
        Stamp {
            origin,
            key_id: u32_at(b, 8),
            tree: u16_at(b, 12),
            epoch: u16_at(b, 14),
            sequence: u64_at(b, 16),
        }
    }

    pub fn write(&self) -> [u8; STAMP] {
        let mut out = [0u8; STAMP];
        out[..8].copy_from_slice(&self.origin);
        out[8..12].copy_from_slice(&self.key_id.to_be_bytes());
        out[12..14].copy_from_slice(&self.tree.to_be_bytes());
        out[14..16].copy_from_slice(&self.epoch.to_be_bytes());
        out[16..].copy_from_slice(&self.sequence.to_be_bytes());
        out
    }

    /// Additional data of the inner seal: the stamp with tree and epoch zeroed (they change when trees do), and the
    /// authentication kind.
    pub(crate) fn inner_aad(&self, auth: u8) -> [u8; STAMP + 1] {
        let mut out = [0u8; STAMP + 1];
        out[..STAMP].copy_from_slice(
            &Stamp {
                tree: 0,
                epoch: 0,
                ..*self
            }
            .write(),
        );
        out[STAMP] = auth;
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_survive_and_bad_lengths_do_not() {
        let hello = HelloPayload {
            suites: 3,
            features: 1,
            association: 0x0102030405060708,
            hint: b"me".to_vec(),
        };
        let bytes = hello.encode();
        assert_eq!(HelloPayload::decode(&bytes), Ok(hello));
        for n in 0..bytes.len() {
            assert!(HelloPayload::decode(&bytes[..n]).is_err());
        }
        for observed in [
            None,
            Some("1.2.3.4:5".parse().unwrap()),
            Some("[::7]:9".parse().unwrap()),
        ] {
            let answer = AnswerPayload {
                suite: 2,
                features: 0,
                association: 9,
                observed,
            };
            let bytes = answer.encode();
            assert_eq!(AnswerPayload::decode(&bytes), Ok(answer));
            for n in 0..bytes.len() {
                assert!(AnswerPayload::decode(&bytes[..n]).is_err());
            }
        }
    }

    #[test]
    fn a_hint_longer_than_the_limit_is_refused() {
        let mut bytes = HelloPayload {
            suites: 1,
            features: 0,
            association: 0,
            hint: vec![1; HINT_MAX],
        }
        .encode();
        assert!(HelloPayload::decode(&bytes).is_ok());
        bytes.push(1);
        bytes[13..15].copy_from_slice(&(HINT_MAX as u16 + 1).to_be_bytes());
        assert!(HelloPayload::decode(&bytes).is_err());
    }

    #[test]
    fn stamps_survive() {
        let stamp = Stamp {
            origin: *b"abcdefgh",
            key_id: 1,
            tree: 2,
            epoch: 3,
            sequence: 4 | CAST_PARTIAL,
        };
        assert_eq!(Stamp::read(&stamp.write()), stamp);
        assert_eq!(stamp.inner_aad(1)[12..16], [0; 4]);
    }
}
