//! Control traffic by what is said: handshakes as they leave, what sessions seal as it arrives (only the receiver can read it).

use crate::traffic::{Count, UNDER_HEADERS};
use std::collections::BTreeMap;
use weft_forward::tree::wire::Verb;
use weft_session::wire::{ANSWER, CARRY, CARRY_HEAD, COOKIE, HELLO, kind};

/// A control frame's plaintext in front of its part: kind, sequence, acknowledgements, part u16, parts u16.
const CONTROL_HEAD: usize = 17;
const PART_AT: usize = 13;

/// What one frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Handshake(u8),
    /// First byte of the plaintext.
    Upkeep(u8),
    /// Acknowledges control messages, no more.
    Acknowledgement,
    /// The first part of an engine's message of this type.
    Message(u8),
    /// The second and later parts of any.
    Later,
}

impl Said {
    /// Of an opened data frame that is no packet.
    fn of_plaintext(plaintext: &[u8]) -> Said {
        let first = plaintext.first().copied().unwrap_or(kind::KEEPALIVE);
        if first & kind::MASK != kind::CONTROL {
            return Said::Upkeep(first);
        }
        match plaintext.get(CONTROL_HEAD..) {
            None | Some([]) => Said::Acknowledgement,
            Some(_) if plaintext[PART_AT..PART_AT + 2] != [0, 0] => Said::Later,
            // Version and type.
            Some(part) => part.get(1).map_or(Said::Later, |kind| Said::Message(*kind)),
        }
    }

    fn name(self) -> String {
        match self {
            Said::Handshake(HELLO) => "hello".into(),
            Said::Handshake(ANSWER) => "answer".into(),
            Said::Handshake(COOKIE) => "cookie".into(),
            Said::Handshake(other) => format!("handshake {other}"),
            Said::Acknowledgement => "acknowledgement".into(),
            Said::Message(kind) => format!("message {kind}"),
            Said::Later => "message, later parts".into(),
            Said::Upkeep(first) => match first & kind::MASK {
                kind::KEEPALIVE => "keepalive".into(),
                kind::PING => "ping".into(),
                kind::PONG => "pong".into(),
                kind::SENDER_KEY => "sender key".into(),
                kind::SENDER_KEY_ACK => "sender key taken".into(),
                kind::CLOSE => "close".into(),
                kind::TREE => Verb::of(first).map_or_else(
                    || format!("tree {first}"),
                    |verb| format!("tree {verb:?}").to_lowercase(),
                ),
                other => format!("kind {other}"),
            },
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Kinds(BTreeMap<Said, Count>);

impl Kinds {
    fn add(&mut self, said: Said, bytes: usize) {
        let count = self.0.entry(said).or_default();
        count.frames += 1;
        count.bytes += bytes as u64 + UNDER_HEADERS;
    }

    /// A datagram that is or carries a handshake leaves.
    pub fn leaves(&mut self, datagram: &[u8]) {
        let first = match datagram.first() {
            Some(&CARRY) => datagram.get(CARRY_HEAD),
            first => first,
        };
        if let Some(first) = first {
            self.add(Said::Handshake(*first), datagram.len());
        }
    }

    /// A data frame that is no packet was opened; `bytes` with what carried it.
    pub fn opened(&mut self, plaintext: &[u8], bytes: usize) {
        self.add(Said::of_plaintext(plaintext), bytes);
    }

    pub fn add_all(&mut self, other: &Kinds) {
        for (said, more) in &other.0 {
            let count = self.0.entry(*said).or_default();
            count.frames += more.frames;
            count.bytes += more.bytes;
        }
    }

    /// Name, frames and bytes of each kind.
    pub fn iter(&self) -> impl Iterator<Item = (String, Count)> + '_ {
        self.0.iter().map(|(said, count)| (said.name(), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_has_a_name() {
        let control = |part: u8, body: &[u8]| {
            let mut plaintext = vec![0; CONTROL_HEAD];
            (plaintext[0], plaintext[PART_AT + 1]) = (kind::CONTROL, part);
            plaintext.extend_from_slice(body);
            plaintext
        };
        let mut kinds = Kinds::default();
        kinds.leaves(&[HELLO, 1]);
        let mut carried = vec![0; CARRY_HEAD + 1];
        (carried[0], carried[CARRY_HEAD]) = (CARRY, ANSWER);
        kinds.leaves(&carried);
        for plaintext in [
            vec![],
            control(0, &[]),
            control(0, &[1, 3, 9]),
            control(1, &[7, 7]),
            vec![Verb::Parity.first()],
        ] {
            kinds.opened(&plaintext, 100);
        }
        let mut twice = kinds.clone();
        twice.add_all(&kinds);
        let names: Vec<String> = twice.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "hello",
                "answer",
                "keepalive",
                "tree parity",
                "acknowledgement",
                "message 3",
                "message, later parts"
            ]
        );
        assert!(twice.iter().all(|(_, count)| count.frames == 2));
        assert_eq!(twice.iter().last().unwrap().1.bytes, 2 * (100 + UNDER_HEADERS));
    }
}
