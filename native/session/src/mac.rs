//! mac1, mac2 and cookies: what a hello must show before anything expensive is done for it.

use crate::wire::{COOKIE, COOKIE_LEN, COOKIE_NONCE, MAC, VERSION};
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use subtle::ConstantTimeEq;

/// A responder's key for mac1, made from its public key.
pub(crate) type MacKey = [u8; 32];

pub(crate) fn mac_key(public: &[u8; 32]) -> MacKey {
    labelled(b"weft mac1", public)
}

fn cookie_key(public: &[u8; 32]) -> [u8; 32] {
    labelled(b"weft cookie", public)
}

fn labelled(label: &[u8], public: &[u8; 32]) -> [u8; 32] {
    let mut hash = Blake2s256::new();
    Digest::update(&mut hash, label);
    Digest::update(&mut hash, public);
    hash.finalize().into()
}

/// Keyed BLAKE2s-128.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; MAC] {
    let mut mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(key).expect("keys of 16 and 32 bytes fit");
    for part in parts {
        mac.update(part);
    }
    mac.finalize_fixed().into()
}

pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Appends mac1 and mac2 (zeros without a cookie) to a handshake message.
pub(crate) fn append_macs(message: &mut Vec<u8>, key: &MacKey, cookie: Option<&[u8; MAC]>) {
    let mac1 = mac(key, &[message]);
    message.extend_from_slice(&mac1);
    let mac2 = cookie.map_or([0; MAC], |c| mac(c, &[message]));
    message.extend_from_slice(&mac2);
}

/// The macs of a message that is long enough for them: (what mac1 covers, mac1, mac2).
pub(crate) fn split_macs(message: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (rest, mac2) = message.split_at(message.len() - MAC);
    let (covered, mac1) = rest.split_at(rest.len() - MAC);
    (covered, mac1, mac2)
}

pub(crate) fn mac1_fits(key: &MacKey, message: &[u8]) -> bool {
    let (covered, mac1, _) = split_macs(message);
    same(&mac(key, &[covered]), mac1)
}

pub(crate) fn mac2_fits(cookie: &[u8; MAC], message: &[u8]) -> bool {
    let (_, _, mac2) = split_macs(message);
    same(&mac(cookie, &[&message[..message.len() - MAC]]), mac2)
}

/// The cookie frame that answers a hello with this sender index and mac1.
pub(crate) fn seal_cookie(
    public: &[u8; 32],
    index: u32,
    mac1: &[u8],
    nonce: &[u8; COOKIE_NONCE],
    cookie: &[u8; MAC],
) -> Vec<u8> {
    let mut out = vec![COOKIE, VERSION, 0, 0];
    out.extend_from_slice(&index.to_be_bytes());
    out.extend_from_slice(nonce);
    let mut sealed = *cookie;
    let cipher = XChaCha20Poly1305::new(Key::from_slice(&cookie_key(public)));
    let tag = cipher
        .encrypt_in_place_detached(XNonce::from_slice(nonce), mac1, &mut sealed)
        .expect("16 bytes are not too long");
    out.extend_from_slice(&sealed);
    out.extend_from_slice(&tag);
    out
}

/// The cookie in a frame that answers a hello with this mac1 to the owner of `public`; None when it is forged.
pub(crate) fn open_cookie(public: &[u8; 32], mac1: &[u8], frame: &[u8]) -> Option<[u8; MAC]> {
    if frame.len() != COOKIE_LEN {
        return None;
    }
    let (nonce, sealed) = frame[8..].split_at(COOKIE_NONCE);
    let mut cookie = [0u8; MAC];
    cookie.copy_from_slice(&sealed[..MAC]);
    let cipher = XChaCha20Poly1305::new(Key::from_slice(&cookie_key(public)));
    cipher
        .decrypt_in_place_detached(
            XNonce::from_slice(nonce),
            mac1,
            &mut cookie,
            Tag::from_slice(&sealed[MAC..]),
        )
        .ok()?;
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_fit_their_message_only() {
        let key = mac_key(&[3; 32]);
        let cookie = [9u8; MAC];
        let mut message = b"a hello".to_vec();
        append_macs(&mut message, &key, Some(&cookie));
        assert!(mac1_fits(&key, &message) && mac2_fits(&cookie, &message));
        assert!(!mac1_fits(&mac_key(&[4; 32]), &message) && !mac2_fits(&[8; MAC], &message));
        for at in 0..message.len() {
            let mut bad = message.clone();
            bad[at] ^= 1;
            assert!(!(mac1_fits(&key, &bad) && mac2_fits(&cookie, &bad)), "byte {at}");
        }
    }

    #[test]
    fn cookies_open_for_the_hello_they_answer() {
        let frame = seal_cookie(&[1; 32], 7, &[2; MAC], &[3; COOKIE_NONCE], &[4; MAC]);
        assert_eq!(frame.len(), COOKIE_LEN);
        assert_eq!(open_cookie(&[1; 32], &[2; MAC], &frame), Some([4; MAC]));
        assert_eq!(open_cookie(&[2; 32], &[2; MAC], &frame), None);
        assert_eq!(open_cookie(&[1; 32], &[3; MAC], &frame), None);
        assert_eq!(open_cookie(&[1; 32], &[2; MAC], &frame[1..]), None);
    }
}
