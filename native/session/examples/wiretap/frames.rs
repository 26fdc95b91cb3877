//! What is sealed in a frame, and under which key: docs/frames.md as offsets.

use std::net::SocketAddr;

pub const DATA: u8 = 0xF4;
pub const CAST: u8 = 0xF5;
pub const CARRY: u8 = 0xF6;
const HEADER: usize = 16;
const STAMP: usize = 24;
const TAG: usize = 16;
const CARRY_HEAD: usize = 32;

/// Frames under the same key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lock {
    /// One direction of a session.
    Hop { to: SocketAddr, index: u32 },
    /// A sender key.
    Sender { origin: u64, key_id: u32 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A data frame's plaintext.
    Data,
    /// A multicast packet.
    Cast,
    /// Only a tag: nothing to read, but who has the key could forge.
    Hop,
}

/// One sealed part of a frame.
pub struct Seal {
    pub what: What,
    pub lock: Lock,
    /// The lower 8 bytes of the nonce.
    pub nonce: u64,
    pub aad: Vec<u8>,
    /// Ciphertext and tag.
    pub sealed: Vec<u8>,
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    (u64::from(u32_at(b, at)) << 32) | u64::from(u32_at(b, at + 4))
}

/// Everything sealed in `frame`, what relays carry inside included.
pub fn seals(to: SocketAddr, frame: &[u8]) -> Vec<Seal> {
    let mut out = Vec::new();
    let hop = |what, aad: Vec<u8>, sealed: &[u8]| Seal {
        what,
        lock: Lock::Hop {
            to,
            index: u32_at(frame, 4),
        },
        nonce: u64_at(frame, 8),
        aad,
        sealed: sealed.to_vec(),
    };
    let n = frame.len();
    match frame[0] {
        DATA if n >= HEADER + TAG => out.push(hop(What::Data, frame[..HEADER].to_vec(), &frame[HEADER..])),
        CAST if n >= HEADER + STAMP + 2 * TAG => {
            out.push(inner(frame));
            let aad = [&frame[..HEADER + STAMP], &frame[n - 2 * TAG..n - TAG]].concat();
            out.push(hop(What::Hop, aad, &frame[n - TAG..]));
        }
        CARRY if n >= CARRY_HEAD + 2 * TAG => {
            let aad = [&frame[..CARRY_HEAD], &frame[n - 2 * TAG..n - TAG]].concat();
            out.push(hop(What::Hop, aad, &frame[n - TAG..]));
            if matches!(frame[CARRY_HEAD], DATA | CAST) {
                out.extend(seals(to, &frame[CARRY_HEAD..n - TAG]));
            }
        }
        _ => {}
    }
    out
}

/// The part of a cast that its origin sealed: the stamp without tree and epoch, and the authentication kind, are its AAD.
fn inner(frame: &[u8]) -> Seal {
    let stamp = &frame[HEADER..HEADER + STAMP];
    let aad = [&stamp[..12], &[0; 4], &stamp[16..], &frame[2..3]].concat();
    Seal {
        what: What::Cast,
        lock: Lock::Sender {
            origin: u64_at(stamp, 0),
            key_id: u32_at(stamp, 8),
        },
        nonce: u64_at(stamp, 16),
        aad,
        sealed: frame[HEADER + STAMP..frame.len() - TAG].to_vec(),
    }
}
