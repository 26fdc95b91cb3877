//! Handshakes of others, tried with static secrets: who holds the called one's can read who calls and why.

use crate::capture::Packet;
use crate::solve::Count;
use std::collections::HashSet;

const HELLO: u8 = 0xF1;
const HEAD: usize = 8;
/// mac1 and mac2.
const MACS: usize = 32;
const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

pub fn open(
    packets: &[Packet],
    network: &[u8; 32],
    statics: &[[u8; 32]],
    counts: &dyn Fn(&Packet) -> bool,
) -> Count {
    let prologue = [&b"weft 1"[..], network].concat();
    let mut count = Count::default();
    let mut known = HashSet::new();
    for packet in packets.iter().filter(|p| p.frame[0] == HELLO && counts(p)) {
        let Some(message) = packet.frame.get(HEAD..packet.frame.len() - MACS) else {
            continue;
        };
        if !known.insert(message) {
            continue;
        }
        count.seen += 1;
        let opens = statics.iter().any(|secret| {
            let responder = PATTERN
                .parse()
                .ok()
                .and_then(|pattern| snow::Builder::new(pattern).prologue(&prologue).ok())
                .and_then(|b| b.local_private_key(secret).ok())
                .and_then(|b| b.build_responder().ok());
            responder.is_some_and(|mut r| r.read_message(message, &mut vec![0; message.len()]).is_ok())
        });
        count.opened += usize::from(opens);
    }
    count
}
