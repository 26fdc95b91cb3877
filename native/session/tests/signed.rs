//! Casts that their origin signs: each verifiable alone, by whoever has the key or not; and whatever else somebody makes of them.

use std::sync::Arc;
use weft_session::limits::{
    SIGNATURE_CHECKS_BURST, SIGNATURE_CHECKS_PER_SECOND, SIGNATURE_FAILURES_PER_SECOND, SIGNED_BATCH_MAX,
    SIGNED_HOPS_MAX, SIGNED_ROOTS_KEPT,
};
use weft_session::wire::{HEADER, STAMP, Stamp};
use weft_session::{
    AUTH_SHARED, AUTH_SIGNED, CastRx, CastSigner, CastTx, DropReason, HopCast, Leaves, Opened, PROOF_MAX,
    SenderKey, SignedRx, TAG, proof_len,
};

const NET: u32 = 1;
const NETWORK: [u8; 32] = [9; 32];
const ORIGIN: [u8; 8] = *b"origin 1";
const TREE: u16 = 5;
const S: u64 = 1_000_000;
/// Who brings what is checked here.
const HOP: (u32, u32) = (NET, 77);

fn signer() -> Arc<CastSigner> {
    Arc::new(CastSigner::new(NETWORK, ORIGIN, &[3; 32].into()))
}

fn key() -> SenderKey {
    SenderKey::of_tree(TREE, 8, 0, [4; 32].into())
}

fn tx() -> CastTx {
    CastTx::signed(ORIGIN, key(), signer())
}

/// Seals without a proof: from stamp to inner tag.
fn seal(tx: &CastTx, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER + STAMP + packet.len() + 2 * TAG];
    frame[HEADER + STAMP..][..packet.len()].copy_from_slice(packet);
    tx.seal(tx.reserve(1), false, TREE, 3, &mut frame);
    frame[HEADER..frame.len() - TAG].to_vec()
}

/// A batch as it travels: each from stamp to inner tag, with its proof.
fn batch(tx: &CastTx, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let sealed: Vec<Vec<u8>> = packets.iter().map(|packet| seal(tx, packet)).collect();
    let mut leaves = Leaves::default();
    sealed.iter().for_each(|body| leaves.add(body));
    let proofs = tx.sign(leaves).unwrap();
    assert_eq!(proofs.length(), proof_len(packets.len()));
    let with_proof = |(i, body): (usize, &Vec<u8>)| {
        let mut proof = vec![0; proofs.length()];
        proofs.write(i, &mut proof);
        [&body[..STAMP], &proof, &body[STAMP..]].concat()
    };
    sealed.iter().enumerate().map(with_proof).collect()
}

fn packets(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| vec![i as u8; 40 + 100 * (i % 3)]).collect()
}

fn rx() -> SignedRx {
    let mut rx = SignedRx::new();
    rx.set(NET, &NETWORK, (ORIGIN, TREE), Some(&signer().public_key()));
    rx
}

fn check(rx: &mut SignedRx, body: &[u8]) -> Result<(), DropReason> {
    rx.check(S, HOP, AUTH_SIGNED, body)
}

fn open(rx: &mut CastRx, auth: u8, body: &[u8]) -> Result<Vec<u8>, DropReason> {
    let mut frame = [&[0; HEADER][..], body, &[0; TAG]].concat();
    let cast = HopCast {
        opened: Opened::given_back(NET, HOP.1),
        auth,
        hop_limit: 1,
        stamp: Stamp::read(body.first_chunk().unwrap()),
    };
    let opened = rx.open(0, &cast, &mut frame)?;
    Ok(frame[opened.packet].to_vec())
}

#[test]
fn each_cast_of_every_size_of_batch_is_proven_alone() {
    for count in 1..=SIGNED_BATCH_MAX {
        let (tx, packets) = (tx(), packets(count));
        let bodies = batch(&tx, &packets);
        let depth = proof_len(count).checked_sub(65).unwrap() / 16;
        assert!(1 << depth >= count && (count == 1 || 1 << (depth - 1) < count));
        for (body, packet) in bodies.iter().zip(&packets) {
            // Each by who has heard of none of the others …
            assert_eq!(check(&mut rx(), body), Ok(()), "{count}");
            // … and by who can read.
            let mut reader = CastRx::new();
            reader.install(0, NET, ORIGIN, &key());
            assert_eq!(open(&mut reader, AUTH_SIGNED, body), Ok(packet.clone()));
            assert_eq!(
                open(&mut reader, AUTH_SIGNED, body),
                Err(DropReason::CastDuplicate)
            );
        }
        // One signature is looked at for all.
        let mut rx = rx();
        assert!(bodies.iter().rev().all(|body| check(&mut rx, body).is_ok()));
        assert_eq!(rx.checks(), 1);
    }
    assert_eq!(proof_len(SIGNED_BATCH_MAX), PROOF_MAX);
    assert_eq!((proof_len(1), PROOF_MAX), (65, 129));
}

#[test]
fn no_byte_can_be_changed_and_only_the_epoch_may() {
    let bodies = batch(&tx(), &packets(5));
    for body in &bodies {
        for known in [false, true] {
            for at in 0..body.len() {
                let mut changed = body.clone();
                changed[at] ^= 0x10;
                let mut rx = rx();
                if known {
                    check(&mut rx, body).unwrap();
                }
                let result = check(&mut rx, &changed);
                match at {
                    // The epoch: parents of other epochs may send it on.
                    14..=15 => assert_eq!(result, Ok(())),
                    // Of another origin or tree: nothing is known of those here.
                    0..=7 | 12..=13 => assert_eq!(result, Err(DropReason::CastWrongAuth), "byte {at}"),
                    _ => assert_eq!(result, Err(DropReason::CastBadSignature), "byte {at}"),
                }
                assert_eq!(check(&mut rx, body), Ok(()), "nothing stuck");
            }
        }
        for len in 0..body.len() {
            assert!(check(&mut rx(), &body[..len]).is_err(), "cut to {len}");
        }
        assert!(check(&mut rx(), &[&body[..], &[0]].concat()).is_err());
    }
}

#[test]
fn what_is_known_to_be_wrong_costs_no_signature() {
    let bodies = batch(&tx(), &packets(4));
    let mut rx = rx();
    check(&mut rx, &bodies[0]).unwrap();
    for (body, at) in [
        (&bodies[1], STAMP + proof_len(4)),
        (&bodies[2], STAMP + 70),
        (&bodies[3], STAMP + 9),
    ] {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(check(&mut rx, &changed), Err(DropReason::CastBadSignature));
    }
    assert_eq!(
        rx.checks(),
        1,
        "same signature, other root; other signature, same root"
    );
    assert_eq!(rx.drops().get(DropReason::CastBadSignature), 3);
}

#[test]
fn who_has_the_key_cannot_speak_for_the_origin() {
    let real = batch(&tx(), &packets(3));
    // A subscriber knows the sender key: it seals what it likes, with a proof of its own, or with one that it got.
    let other = Arc::new(CastSigner::new(NETWORK, ORIGIN, &[66; 32].into()));
    let own = batch(&CastTx::signed(ORIGIN, key(), other), &packets(3));
    let mut reader = CastRx::new();
    reader.install(0, NET, ORIGIN, &key());
    let mut rx = rx();
    for (forged, real) in own.iter().zip(&real) {
        let mut borrowed = forged.clone();
        borrowed[STAMP..STAMP + proof_len(3)].copy_from_slice(&real[STAMP..STAMP + proof_len(3)]);
        assert_eq!(check(&mut rx, forged), Err(DropReason::CastBadSignature));
        // Sealed as the origin did it is the same cast; another packet is not.
        assert_eq!(check(&mut rx, &borrowed), Ok(()));
        let last = borrowed.len() - 1;
        borrowed[last] ^= 1;
        assert_eq!(check(&mut rx, &borrowed), Err(DropReason::CastBadSignature));
        // Without signatures it would be believed.
        assert!(open(&mut reader, AUTH_SIGNED, forged).is_ok());
    }
    // Another ciphertext under a tag that was signed: tags of AES-GCM bind nobody who knows the key.
    let mut same_tag = real[0].clone();
    let at = STAMP + proof_len(3);
    same_tag[at] ^= 1;
    assert_eq!(same_tag[same_tag.len() - TAG..], real[0][real[0].len() - TAG..]);
    assert_eq!(check(&mut rx, &same_tag), Err(DropReason::CastBadSignature));
}

#[test]
fn signed_trees_take_nothing_else_and_others_nothing_signed() {
    let signed = batch(&tx(), &packets(1)).remove(0);
    let plain = seal(&CastTx::new(ORIGIN, key()), &[1; 50]);
    let mut rx = rx();
    assert_eq!(
        rx.check(S, HOP, AUTH_SHARED, &plain),
        Err(DropReason::CastWrongAuth)
    );
    assert_eq!(
        rx.check(S, HOP, AUTH_SHARED, &signed),
        Err(DropReason::CastWrongAuth)
    );
    for auth in 2..=255 {
        assert_eq!(rx.check(S, HOP, auth, &signed), Err(DropReason::CastWrongAuth));
    }
    assert_eq!(
        rx.auth_of(NET, &Stamp::read(signed.first_chunk().unwrap())),
        AUTH_SIGNED
    );
    // The tree is not signed (any more): the other way round.
    rx.set(NET, &NETWORK, (ORIGIN, TREE), None);
    assert_eq!(
        rx.check(S, HOP, AUTH_SIGNED, &signed),
        Err(DropReason::CastWrongAuth)
    );
    assert_eq!(rx.check(S, HOP, AUTH_SHARED, &plain), Ok(()));
    assert_eq!(rx.checks(), 0);
    // The inner seal knows its kind as well: the proof left out does not make it a shared one.
    let mut reader = CastRx::new();
    reader.install(0, NET, ORIGIN, &key());
    let stripped = [&signed[..STAMP], &signed[STAMP + proof_len(1)..]].concat();
    assert_eq!(
        open(&mut reader, AUTH_SHARED, &stripped),
        Err(DropReason::CastBadTag)
    );
    assert_eq!(open(&mut reader, 2, &stripped), Err(DropReason::CastWrongAuth));
}

#[test]
fn signatures_are_of_one_network_and_one_key() {
    let body = batch(&tx(), &packets(1)).remove(0);
    for (network, key) in [([8; 32], signer().public_key()), (NETWORK, [7; 32])] {
        let mut rx = SignedRx::new();
        rx.set(NET, &network, (ORIGIN, TREE), Some(&key));
        assert_eq!(check(&mut rx, &body), Err(DropReason::CastBadSignature));
    }
    // Roots that were found right are forgotten with the key.
    let mut rx = rx();
    check(&mut rx, &body).unwrap();
    rx.set(NET, &NETWORK, (ORIGIN, TREE), Some(&signer().public_key()));
    check(&mut rx, &body).unwrap();
    assert_eq!(rx.checks(), 1, "the same key again");
    rx.set(NET, &NETWORK, (ORIGIN, TREE), Some(&[7; 32]));
    assert_eq!(check(&mut rx, &body), Err(DropReason::CastBadSignature));
    rx.remove_network(NET);
    assert_eq!(check(&mut rx, &body), Err(DropReason::CastWrongAuth));
}

#[test]
fn known_roots_are_bounded_and_late_casts_cost_a_check() {
    let tx = tx();
    let bodies: Vec<Vec<u8>> = (0..SIGNED_ROOTS_KEPT + 3)
        .flat_map(|_| batch(&tx, &packets(1)))
        .collect();
    let mut rx = rx();
    bodies.iter().for_each(|body| check(&mut rx, body).unwrap());
    assert_eq!(rx.checks() as usize, bodies.len());
    bodies[3..].iter().for_each(|body| check(&mut rx, body).unwrap());
    assert_eq!(rx.checks() as usize, bodies.len(), "kept");
    check(&mut rx, &bodies[2]).unwrap();
    assert_eq!(rx.checks() as usize, bodies.len() + 1, "forgotten");
}

#[test]
fn garbage_costs_its_bringer_its_budget_and_nobody_else() {
    let tx = tx();
    let (good, known) = (batch(&tx, &packets(1)).remove(0), batch(&tx, &packets(2)));
    let mut rx = rx();
    check(&mut rx, &known[0]).unwrap();
    let garbage = |rx: &mut SignedRx, now: u64, count: u64| {
        (0..count).for_each(|i| {
            let mut bad = good.clone();
            bad[STAMP + 1..STAMP + 9].copy_from_slice(&(now + i).to_be_bytes());
            rx.check(now, HOP, AUTH_SIGNED, &bad).unwrap_err();
        });
        rx.checks()
    };
    // A flood for ten seconds: what is looked at is bounded.
    let mut checks = 0;
    for ms in 0..10_000 {
        checks = garbage(&mut rx, S + ms * 1_000, 3);
    }
    let most = 1 + SIGNATURE_FAILURES_PER_SECOND * 11;
    assert!((most - 60..=most + 1).contains(&checks), "{checks}");
    assert!(rx.drops().get(DropReason::CastUnchecked) > 29_000);
    let now = 11 * S;
    garbage(&mut rx, now, 60);
    assert_eq!(
        rx.check(now, HOP, AUTH_SIGNED, &good),
        Err(DropReason::CastUnchecked)
    );
    // What needs no check is taken, and so is what others bring.
    assert_eq!(rx.check(now, HOP, AUTH_SIGNED, &known[1]), Ok(()));
    assert_eq!(rx.check(now, (NET, 78), AUTH_SIGNED, &good), Ok(()));
    let next = batch(&tx, &packets(1)).remove(0);
    assert_eq!(
        rx.check(now, HOP, AUTH_SIGNED, &next),
        Err(DropReason::CastUnchecked)
    );
    // It recovers.
    assert_eq!(rx.check(now + 2 * S, HOP, AUTH_SIGNED, &next), Ok(()));
}

#[test]
fn right_signatures_have_a_bound_as_well() {
    let tx = tx();
    let mut rx = rx();
    let mut taken = 0;
    for _ in 0..SIGNATURE_CHECKS_BURST + 500 {
        taken += u64::from(check(&mut rx, &batch(&tx, &packets(1))[0]).is_ok());
    }
    assert!(
        (SIGNATURE_CHECKS_BURST..SIGNATURE_CHECKS_BURST + 3).contains(&taken),
        "{taken}"
    );
    let later = S + S / SIGNATURE_CHECKS_PER_SECOND * 10;
    assert_eq!(
        rx.check(later, HOP, AUTH_SIGNED, &batch(&tx, &packets(1))[0]),
        Ok(())
    );
}

#[test]
fn hops_are_bounded() {
    let tx = tx();
    let mut rx = rx();
    for hop in 0..SIGNED_HOPS_MAX as u32 {
        let body = &batch(&tx, &packets(1))[0];
        assert_eq!(rx.check(S, (NET, hop), AUTH_SIGNED, body), Ok(()));
    }
    let body = &batch(&tx, &packets(1))[0];
    let one_more = (NET, SIGNED_HOPS_MAX as u32);
    assert_eq!(
        rx.check(S, one_more, AUTH_SIGNED, body),
        Err(DropReason::CastUnchecked)
    );
    assert_eq!(
        rx.check(2 * S, one_more, AUTH_SIGNED, body),
        Ok(()),
        "idle ones give way"
    );
}
