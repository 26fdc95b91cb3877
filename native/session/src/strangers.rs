//! Hellos with an unknown key that wait for the engine's word: bounded in number, per source and in time.

use crate::limits::{STRANGER_WAIT, STRANGERS_PER_SOURCE_MAX, STRANGERS_UNPROVEN_MAX, STRANGERS_WAITING_MAX};
use crate::noise::Responder;
use crate::path::Path;
use crate::wire::HelloPayload;

/// A hello that was read and not yet answered.
pub(crate) struct PendingHello {
    pub responder: Responder,
    pub path: Path,
    /// The caller's index.
    pub index: u32,
    pub ephemeral: [u8; 32],
    pub payload: HelloPayload,
    /// Bytes of the hello: the answer has no more.
    pub len: usize,
}

pub(crate) struct Waiting {
    pub ask: u32,
    pub net: u32,
    pub hello: PendingHello,
    proven: bool,
    since: u64,
}

#[derive(Default)]
pub(crate) struct Strangers {
    waiting: Vec<Waiting>,
    next_ask: u32,
}

/// What became of a hello.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Ask the engine under this number.
    Ask(u32),
    /// The engine was asked about this key already. The older hello stays: whoever replays one cannot replace it.
    Known,
    /// Not without a cookie now.
    ProveFirst,
    Full,
}

impl Strangers {
    pub fn admit(&mut self, now: u64, net: u32, hello: PendingHello, proven: bool) -> Admission {
        self.expire(now);
        if self
            .waiting
            .iter()
            .any(|w| w.net == net && w.hello.responder.remote == hello.responder.remote)
        {
            return Admission::Known;
        }
        let source = hello.path.source_bytes();
        let unproven = self.waiting.iter().filter(|w| !w.proven).count();
        let of_source = self
            .waiting
            .iter()
            .filter(|w| w.proven && w.hello.path.source_bytes() == source)
            .count();
        if !proven && unproven >= STRANGERS_UNPROVEN_MAX {
            return Admission::ProveFirst;
        }
        if self.waiting.len() >= STRANGERS_WAITING_MAX || (proven && of_source >= STRANGERS_PER_SOURCE_MAX) {
            return Admission::Full;
        }
        self.next_ask = self.next_ask.wrapping_add(1);
        self.waiting.push(Waiting {
            ask: self.next_ask,
            net,
            hello,
            proven,
            since: now,
        });
        Admission::Ask(self.next_ask)
    }

    /// The same hello is waiting (a retransmission): its number and static key.
    pub fn find(&mut self, now: u64, ephemeral: &[u8]) -> Option<(u32, [u8; 32])> {
        self.expire(now);
        let waiting = self.waiting.iter().find(|w| w.hello.ephemeral == ephemeral)?;
        Some((waiting.ask, waiting.hello.responder.remote))
    }

    pub fn take(&mut self, now: u64, net: u32, ask: u32) -> Option<PendingHello> {
        self.expire(now);
        let at = self.waiting.iter().position(|w| w.net == net && w.ask == ask)?;
        Some(self.waiting.swap_remove(at).hello)
    }

    fn expire(&mut self, now: u64) {
        self.waiting.retain(|w| w.since + STRANGER_WAIT > now);
    }

    pub fn remove_network(&mut self, net: u32) {
        self.waiting.retain(|w| w.net != net);
    }
}
