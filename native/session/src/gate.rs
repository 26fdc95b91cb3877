//! Datagrams that are not authentic yet: each step rejects as cheaply as it can, and nothing is kept for a sender
//! that was not recognised, but for the bounded list of strangers.

use crate::api::{Event, Level};
use crate::drops::DropReason;
use crate::handshake::{answer, answer_again, answered, cookie};
use crate::limits::{STRANGER_SESSIONS_MAX, STRANGERS_WAITING_MAX};
use crate::mac::{mac1_fits, seal_cookie, split_macs};
use crate::noise::Responder;
use crate::path::Path;
use crate::sessions::Sessions;
use crate::strangers::{Admission, PendingHello};
use crate::wire::{
    ANSWER, ANSWER_MAX, ANSWER_MIN, COOKIE, COOKIE_LEN, COOKIE_NONCE, HELLO, HELLO_HEAD, HELLO_MAX,
    HELLO_MIN, HelloPayload, MAC, VERSION, u32_at,
};

const _: () = assert!(STRANGERS_WAITING_MAX <= 64, "searched one by one");

impl Sessions {
    /// Takes a datagram whose first byte is `0xF1`, `0xF2` or `0xF3`; what is malformed or unwanted is counted only.
    pub fn handle(&mut self, now: u64, path: Path, datagram: &[u8]) {
        let now = self.advance(now);
        let path = path.normal();
        if let Err(reason) = self.handle_checked(now, path, datagram) {
            self.core.count(reason);
        }
    }

    fn handle_checked(&mut self, now: u64, path: Path, d: &[u8]) -> Result<(), DropReason> {
        if d.len() < 4 || d[1] != VERSION {
            return Err(DropReason::UnknownType);
        }
        let lengths = match d[0] {
            HELLO => HELLO_MIN..=HELLO_MAX,
            ANSWER => ANSWER_MIN..=ANSWER_MAX,
            COOKIE => COOKIE_LEN..=COOKIE_LEN,
            _ => return Err(DropReason::UnknownType),
        };
        if d[2..4] != [0, 0] || !lengths.contains(&d.len()) {
            return Err(DropReason::Malformed);
        }
        match d[0] {
            HELLO => self.hello(now, path, d),
            ANSWER => {
                let owner = self
                    .core
                    .slots
                    .owner(u32_at(d, 8))
                    .ok_or(DropReason::UnexpectedAnswer)?;
                self.with_peer(now, owner, |core, net, peer| {
                    answered(core, net, peer, now, path, d)
                })
                .unwrap_or(Err(DropReason::UnexpectedAnswer))
            }
            _ => {
                let owner = self
                    .core
                    .slots
                    .owner(u32_at(d, 4))
                    .ok_or(DropReason::UnexpectedAnswer)?;
                self.with_peer(now, owner, |_, _, peer| cookie(peer, now, path, d))
                    .unwrap_or(Err(DropReason::UnexpectedAnswer))
            }
        }
    }

    fn hello(&mut self, now: u64, path: Path, d: &[u8]) -> Result<(), DropReason> {
        let fits = self.networks.values().find(|n| mac1_fits(&n.state.mac_key, d));
        let net = fits.map(|n| n.state.net).ok_or(DropReason::BadMac)?;
        let proven = self.guard.is_proven(now, &path, d);
        if !proven && !self.guard.may_be_unproven(now) {
            self.demand_proof(now, net, path, d);
            return Err(DropReason::HelloFlood);
        }
        let ephemeral = &d[HELLO_HEAD..HELLO_HEAD + 32];
        let Some(network) = self.networks.get(&net) else {
            return Err(DropReason::BadMac);
        };
        if let Some(peer) = network
            .state
            .half_open
            .get(ephemeral)
            .and_then(|p| network.peers.awake(*p))
        {
            answer_again(&mut self.core, peer, path, d, ephemeral);
            return Ok(());
        }
        if let Some((ask, key)) = self.strangers.find(now, ephemeral) {
            // No work for a retransmission, unless its key became known in the meantime.
            let Some(peer) = network.peers.with_key(&key) else {
                return Ok(());
            };
            let hello = self
                .strangers
                .take(now, net, ask)
                .ok_or(DropReason::HelloReplay)?;
            return self.answer_known(now, (net, peer), hello);
        }
        if !self.guard.may_work(now, &path, proven) {
            return Err(DropReason::HelloFlood);
        }
        let hello = self.read_hello(net, path, d)?;
        let known = self
            .networks
            .get(&net)
            .and_then(|n| n.peers.with_key(&hello.responder.remote));
        match known {
            Some(peer) => self.answer_known(now, (net, peer), hello),
            None => self.ask_about(now, net, hello, proven, d),
        }
    }

    fn read_hello(&mut self, net: u32, path: Path, d: &[u8]) -> Result<PendingHello, DropReason> {
        let secret = self.core.secret();
        let network = self.networks.get(&net).ok_or(DropReason::BadMac)?;
        let message = &d[HELLO_HEAD..d.len() - 2 * MAC];
        let (responder, payload) =
            Responder::read(&network.state.network_id, &network.state.secret, secret, message)?;
        if responder.remote == network.state.public {
            return Err(DropReason::BadHandshake); // our own hello, come back
        }
        let mut ephemeral = [0u8; 32];
        ephemeral.copy_from_slice(&message[..32]);
        let payload = HelloPayload::decode(&payload)?;
        Ok(PendingHello {
            responder,
            path,
            index: u32_at(d, 4),
            ephemeral,
            payload,
            len: d.len(),
        })
    }

    pub(crate) fn answer_known(
        &mut self,
        now: u64,
        name: (u32, u32),
        hello: PendingHello,
    ) -> Result<(), DropReason> {
        let level = self
            .networks
            .get(&name.0)
            .and_then(|n| n.peers.config(name.1))
            .map(|config| config.level);
        let is_up = self.peer(name).is_some_and(|p| p.is_up());
        let is_new_stranger = level == Some(Level::Stranger) && !is_up;
        if is_new_stranger && self.stranger_sessions() >= STRANGER_SESSIONS_MAX {
            return Err(DropReason::StrangersFull);
        }
        self.with_peer(now, name, |core, net, peer| answer(core, net, peer, now, hello))
            .unwrap_or(Err(DropReason::BadHandshake))
    }

    fn ask_about(
        &mut self,
        now: u64,
        net: u32,
        hello: PendingHello,
        proven: bool,
        d: &[u8],
    ) -> Result<(), DropReason> {
        let (key, from, hint) = (hello.responder.remote, hello.path, hello.payload.hint.clone());
        match self.strangers.admit(now, net, hello, proven) {
            Admission::Ask(ask) => {
                self.core.event(Event::Stranger {
                    net,
                    ask,
                    key,
                    hint,
                    from,
                });
                Ok(())
            }
            Admission::Known => Ok(()),
            Admission::ProveFirst => {
                self.demand_proof(now, net, from, d);
                Err(DropReason::StrangersFull)
            }
            Admission::Full => Err(DropReason::StrangersFull),
        }
    }

    /// Sends a cookie: the sender gets on only if it receives at the address it claims.
    fn demand_proof(&mut self, now: u64, net: u32, path: Path, d: &[u8]) {
        let Some(network) = self.networks.get(&net) else {
            return;
        };
        if !self.guard.may_cookie(now, &path) {
            return;
        }
        let cookie = self.guard.cookie(now, &path, |b| self.core.fill(b));
        let mut nonce = [0u8; COOKIE_NONCE];
        self.core.fill(&mut nonce);
        let (_, mac1, _) = split_macs(d);
        let frame = seal_cookie(&network.state.public, u32_at(d, 4), mac1, &nonce, &cookie);
        self.core.reply(path, d.len(), frame);
    }

    fn stranger_sessions(&self) -> usize {
        let peers = self.networks.values().flat_map(|n| n.peers.all_awake());
        peers
            .filter(|p| p.config.level == Level::Stranger && (p.is_up() || !p.half_open.is_empty()))
            .count()
    }
}
