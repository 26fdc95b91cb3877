//! Noise IK by snow: one hello, one answer, then the split keys go to our own AEADs.

use crate::aead::{Secret, Suite};
use crate::drops::DropReason;
use crate::wire::{NOISE_1, NOISE_2};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, Error, HandshakeState};
use zeroize::Zeroizing;

const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"weft 1";

/// X25519 public key of a secret.
pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    let mut dh = DefaultResolver
        .resolve_dh(&DHChoice::Curve25519)
        .expect("this crate enables snow's X25519");
    dh.set(secret);
    let mut out = [0u8; 32];
    out.copy_from_slice(dh.pubkey());
    out
}

/// snow draws its one ephemeral key from what the caller injected.
struct Injected(Secret);

impl CryptoResolver for Injected {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.0.clone()))))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Once(Option<Secret>);

impl Random for Once {
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let secret = self.0.take().filter(|s| s.len() == out.len()).ok_or(Error::Rng)?;
        out.copy_from_slice(&secret[..]);
        Ok(())
    }
}

/// The two transport keys of a finished handshake, seen from this end.
pub(crate) struct Keys {
    pub send: Secret,
    pub receive: Secret,
}

fn keys(state: &mut HandshakeState, suite: Suite) -> Keys {
    let split = Zeroizing::new(state.dangerously_get_raw_split());
    let (one, two) = (suite.derive(&split.0), suite.derive(&split.1));
    match state.is_initiator() {
        true => Keys {
            send: one,
            receive: two,
        },
        false => Keys {
            send: two,
            receive: one,
        },
    }
}

fn builder<'a>(prologue: &'a [u8], secret: &'a [u8; 32], ephemeral: Secret) -> Result<Builder<'a>, Error> {
    let params = PATTERN.parse().expect("the pattern is valid");
    Builder::with_resolver(params, Box::new(Injected(ephemeral)))
        .prologue(prologue)?
        .local_private_key(secret)
}

fn prologue(network_id: &[u8; 32]) -> Vec<u8> {
    [PROLOGUE, network_id].concat()
}

/// The calling end.
pub(crate) struct Initiator(HandshakeState);

impl Initiator {
    /// Starts a handshake: the state and Noise message 1.
    pub fn start(
        network_id: &[u8; 32],
        secret: &[u8; 32],
        remote: &[u8; 32],
        ephemeral: Secret,
        payload: &[u8],
    ) -> Result<(Initiator, Vec<u8>), DropReason> {
        let prologue = prologue(network_id);
        let mut state = builder(&prologue, secret, ephemeral)
            .and_then(|b| b.remote_public_key(remote))
            .and_then(Builder::build_initiator)
            .map_err(|_| DropReason::BadHandshake)?;
        let mut message = vec![0u8; NOISE_1 + payload.len()];
        let n = state
            .write_message(payload, &mut message)
            .map_err(|_| DropReason::BadHandshake)?;
        debug_assert_eq!(n, message.len());
        Ok((Initiator(state), message))
    }

    /// Reads Noise message 2; on failure the state is as before, so that a forged answer does no harm.
    pub fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, DropReason> {
        let mut payload = vec![0u8; message.len()];
        let n = self
            .0
            .read_message(message, &mut payload)
            .map_err(|_| DropReason::BadHandshake)?;
        payload.truncate(n);
        Ok(payload)
    }

    pub fn keys(&mut self, suite: Suite) -> Keys {
        keys(&mut self.0, suite)
    }
}

/// The called end, after it has read message 1.
pub(crate) struct Responder {
    state: HandshakeState,
    pub remote: [u8; 32],
}

impl Responder {
    /// Reads Noise message 1: the state and its payload.
    pub fn read(
        network_id: &[u8; 32],
        secret: &[u8; 32],
        ephemeral: Secret,
        message: &[u8],
    ) -> Result<(Responder, Vec<u8>), DropReason> {
        let prologue = prologue(network_id);
        let mut state = builder(&prologue, secret, ephemeral)
            .and_then(Builder::build_responder)
            .map_err(|_| DropReason::BadHandshake)?;
        let mut payload = vec![0u8; message.len()];
        let n = state
            .read_message(message, &mut payload)
            .map_err(|_| DropReason::BadHandshake)?;
        payload.truncate(n);
        let mut remote = [0u8; 32];
        remote.copy_from_slice(state.get_remote_static().ok_or(DropReason::BadHandshake)?);
        Ok((Responder { state, remote }, payload))
    }

    /// Writes Noise message 2 and takes the keys.
    pub fn answer(mut self, suite: Suite, payload: &[u8]) -> Result<(Vec<u8>, Keys), DropReason> {
        let mut message = vec![0u8; NOISE_2 + payload.len()];
        let n = self
            .state
            .write_message(payload, &mut message)
            .map_err(|_| DropReason::BadHandshake)?;
        debug_assert_eq!(n, message.len());
        let keys = keys(&mut self.state, suite);
        Ok((message, keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Zeroizing::new([byte; 32])
    }

    #[test]
    fn both_ends_get_the_same_keys_and_forged_answers_do_no_harm() {
        let (a, b, id) = ([1u8; 32], [2u8; 32], [9u8; 32]);
        let (mut caller, hello) = Initiator::start(&id, &a, &public_key(&b), secret(3), b"hi").unwrap();
        let (called, payload) = Responder::read(&id, &b, secret(4), &hello).unwrap();
        assert_eq!((&payload[..], called.remote), (&b"hi"[..], public_key(&a)));
        let (answer, theirs) = called.answer(Suite::Aes256Gcm, b"there").unwrap();
        for at in 0..answer.len() {
            let mut forged = answer.clone();
            forged[at] ^= 1;
            assert!(caller.read(&forged).is_err(), "byte {at}");
        }
        assert_eq!(caller.read(&answer).unwrap(), b"there");
        let ours = caller.keys(Suite::Aes256Gcm);
        assert!(
            *ours.send == *theirs.receive && *ours.receive == *theirs.send && *ours.send != *ours.receive
        );
    }

    #[test]
    fn another_network_or_key_does_not_open() {
        let (a, b, id) = ([1u8; 32], [2u8; 32], [9u8; 32]);
        let (_, hello) = Initiator::start(&id, &a, &public_key(&b), secret(3), b"hi").unwrap();
        assert!(Responder::read(&[8; 32], &b, secret(4), &hello).is_err());
        assert!(Responder::read(&id, &a, secret(4), &hello).is_err());
    }
}
