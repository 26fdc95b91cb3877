//! Hello, answer and cookie, for one peer. Finding the peer and guarding against floods is the gate's work.

use crate::aead::Suite;
use crate::api::{DownReason, Event, Output};
use crate::core::{Core, NetState};
use crate::drops::DropReason;
use crate::lifecycle::{cancel_initiation, ping, promote};
use crate::limits::{
    CANDIDATE_STAGGER, CANDIDATES_MAX, COOKIE_USE, HALF_OPEN_MAX, HALF_OPEN_NETWORK_MAX, HANDSHAKE_GIVE_UP,
    HELLO_RETRY_FIRST, HELLO_RETRY_JITTER, HELLO_RETRY_MAX, INITIATIONS_MAX, REKEY_JITTER, TRY_GIVE_UP,
};
use crate::mac::{append_macs, mac, mac_key, mac1_fits, open_cookie};
use crate::noise::{Initiator, Keys};
use crate::path::Path;
use crate::peer::{Generation, HalfOpen, Initiation, Peer, Target};
use crate::rx::RxSession;
use crate::strangers::PendingHello;
use crate::tx::Tx;
use crate::wire::{ANSWER, ANSWER_HEAD, AnswerPayload, HELLO, HelloPayload, MAC, VERSION, u32_at};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// How long a handshake goes on and how far apart its ways are asked, µs.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub give_up: u64,
    pub stagger: u64,
    /// Only because the present way fell silent: called off when it speaks again.
    pub urgent: bool,
}

/// The engine's order says what is better.
pub(crate) const STEADY: Pace = Pace {
    give_up: HANDSHAKE_GIVE_UP,
    stagger: CANDIDATE_STAGGER,
    urgent: false,
};
/// The present way is dead: whatever answers first.
pub(crate) const URGENT: Pace = Pace {
    give_up: HANDSHAKE_GIVE_UP,
    stagger: 0,
    urgent: true,
};
/// The present way works: a better one is wanted.
pub(crate) const TRYING: Pace = Pace {
    give_up: TRY_GIVE_UP,
    stagger: CANDIDATE_STAGGER,
    urgent: false,
};

/// Starts a handshake over these paths, or adds them to the one under way.
pub(crate) fn call(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    paths: &[Path],
    pace: Pace,
) {
    if peer.initiation.is_none() {
        match begin(core, net, peer) {
            Some(initiation) => {
                net.initiations += 1;
                peer.initiation = Some(Box::new(initiation));
            }
            None if peer.is_up() => return,
            None => {
                let (net, peer) = (net.net, peer.config.peer);
                core.event(Event::Down {
                    net,
                    peer,
                    reason: DownReason::Unreachable,
                });
                return;
            }
        }
    }
    let Some(initiation) = &mut peer.initiation else {
        return;
    };
    initiation.urgent &= pace.urgent;
    initiation.until = initiation.until.max(now + pace.give_up);
    let mut due = now;
    for path in paths.iter().map(|p| p.normal()) {
        let known = initiation.targets.iter().any(|t| t.path == path);
        if known || initiation.targets.len() > CANDIDATES_MAX {
            continue;
        }
        let wait = HELLO_RETRY_FIRST;
        initiation.targets.push(Target {
            path,
            due,
            wait,
            sent: 0,
            sent_at: 0,
            cookie: None,
        });
        due += pace.stagger;
    }
}

fn begin(core: &mut Core, net: &NetState, peer: &Peer) -> Option<Initiation> {
    if net.initiations >= INITIATIONS_MAX {
        return None;
    }
    let index = core.index(net.name(peer))?;
    let payload = HelloPayload {
        suites: core.options.suites,
        features: core.options.features,
        association: peer.association,
        hint: peer.hint.clone(),
    };
    let ephemeral = core.secret();
    let started = Initiator::start(
        &net.network_id,
        &net.secret,
        &peer.config.key,
        ephemeral,
        &payload.encode(),
    );
    let Ok((noise, noise_1)) = started else {
        core.slots.release(index);
        return None;
    };
    let mut message = vec![HELLO, VERSION, 0, 0];
    message.extend_from_slice(&index.to_be_bytes());
    message.extend_from_slice(&noise_1);
    let mac1 = mac(&mac_key(&peer.config.key), &[&message]);
    Some(Initiation {
        noise,
        index,
        message,
        mac1,
        until: 0,
        urgent: true,
        targets: Vec::new(),
    })
}

/// Sends the hellos that are due and gives up in time.
pub(crate) fn tick_initiation(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64) {
    let Some(initiation) = &mut peer.initiation else {
        return;
    };
    if now >= initiation.until {
        cancel_initiation(core, net, peer);
        if !peer.is_up() {
            let (net, peer) = (net.net, peer.config.peer);
            core.event(Event::Down {
                net,
                peer,
                reason: DownReason::Unreachable,
            });
        }
        return;
    }
    let key = mac_key(&peer.config.key);
    for target in initiation.targets.iter_mut().filter(|t| t.due <= now) {
        let cookie = target
            .cookie
            .filter(|(_, at)| now < at + COOKIE_USE)
            .map(|(c, _)| c);
        let mut bytes = initiation.message.clone();
        append_macs(&mut bytes, &key, cookie.as_ref());
        core.transmit(target.path, bytes);
        target.sent += 1;
        target.sent_at = now;
        target.due = now + target.wait + core.jitter(HELLO_RETRY_JITTER);
        target.wait = (target.wait * 3 / 2).min(HELLO_RETRY_MAX);
    }
}

pub(crate) fn initiation_deadline(initiation: &Initiation) -> u64 {
    let due = initiation.targets.iter().map(|t| t.due).min().unwrap_or(u64::MAX);
    due.min(initiation.until)
}

/// An answer to our hello, found by its receiver index.
pub(crate) fn answered(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    path: Path,
    frame: &[u8],
) -> Result<(), DropReason> {
    let index = u32_at(frame, 8);
    let asked = peer.initiation.as_mut().filter(|i| i.index == index);
    let initiation = asked.ok_or(DropReason::UnexpectedAnswer)?;
    let target = initiation.targets.iter().find(|t| t.path == path && t.sent > 0);
    let (sent, sent_at) = target
        .map(|t| (t.sent, t.sent_at))
        .ok_or(DropReason::UnexpectedAnswer)?;
    if !mac1_fits(&net.mac_key, frame) {
        return Err(DropReason::BadMac);
    }
    let payload = initiation
        .noise
        .read(&frame[ANSWER_HEAD..frame.len() - 2 * MAC])?;
    let payload = AnswerPayload::decode(&payload)?;
    let offered = payload.suite & core.options.suites;
    let suite = Suite::from_bit(offered)
        .filter(|s| s.bit() == payload.suite)
        .ok_or(DropReason::BadHandshake)?;
    let keys = initiation.noise.keys(suite);
    let terms = Terms {
        index,
        remote_index: u32_at(frame, 4),
        suite,
        features: payload.features & core.options.features,
        association: payload.association,
        initiator: true,
        rank: path.rank(),
    };
    let (generation, session) = generation(core, net, peer, now, &keys, &terms);
    let known = peer.remote_association == Some(generation.association);
    if known && peer.current_wins(&generation, net.public < peer.config.key) {
        // Both called; the other's call carries. No frame of ours confirms this one, so it ends there as well.
        cancel_initiation(core, net, peer);
        return Ok(());
    }
    // The index passes from the initiation to the generation.
    net.initiations -= 1;
    peer.initiation = None;
    core.push(Output::RxInstall(session));
    if sent == 1 {
        peer.live.rtt.sample(now.saturating_sub(sent_at));
    }
    promote(core, net, peer, now, generation, path, payload.observed);
    // Until a frame of ours opens at the other end the session does not exist there.
    ping(core, peer, now);
    Ok(())
}

struct Terms {
    index: u32,
    remote_index: u32,
    suite: Suite,
    features: u16,
    association: u64,
    initiator: bool,
    rank: u8,
}

fn generation(
    core: &mut Core,
    net: &NetState,
    peer: &Peer,
    now: u64,
    keys: &Keys,
    terms: &Terms,
) -> (Generation, Box<RxSession>) {
    let (name, hop) = (net.name(peer), &peer.hop);
    let heard = Arc::new(AtomicU64::new(0));
    let tx = Tx::new(
        name,
        terms.remote_index,
        terms.suite,
        &keys.send,
        terms.features,
        hop.clone(),
    );
    let rx = RxSession::new(
        terms.index,
        name,
        terms.suite,
        &keys.receive,
        hop.clone(),
        heard.clone(),
    );
    let generation = Generation {
        index: terms.index,
        tx: Arc::new(tx),
        heard,
        created: now,
        rank: terms.rank,
        initiator: terms.initiator,
        association: terms.association,
        bytes_before: hop.sent().bytes + hop.heard().bytes,
        jitter: core.jitter(REKEY_JITTER),
    };
    (generation, Box::new(rx))
}

/// Answers a hello of a known peer. Nothing changes for the peer until a frame opens under the new keys.
pub(crate) fn answer(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    hello: PendingHello,
) -> Result<(), DropReason> {
    let suite = Suite::choose(core.options.suites, hello.payload.suites).ok_or(DropReason::BadHandshake)?;
    if !peer.hellos.take(now) || net.half_open.len() >= HALF_OPEN_NETWORK_MAX {
        return Err(DropReason::HelloFlood);
    }
    if !peer.is_new_hello(&hello.ephemeral) {
        return Err(DropReason::HelloReplay);
    }
    if peer.half_open.len() >= HALF_OPEN_MAX {
        if let Some(oldest) = peer.half_open.pop_front() {
            net.half_open.remove(&oldest.ephemeral);
            core.forget_rx(oldest.generation.index);
        }
    }
    let index = core.index(net.name(peer)).ok_or(DropReason::TableFull)?;
    let features = core.options.features & hello.payload.features;
    let observed = hello.path.remote();
    let payload = AnswerPayload {
        suite: suite.bit(),
        features,
        association: peer.association,
        observed,
    };
    let (noise_2, keys) = match hello.responder.answer(suite, &payload.encode()) {
        Ok(done) => done,
        Err(reason) => {
            core.slots.release(index);
            return Err(reason);
        }
    };
    let mut frame = vec![ANSWER, VERSION, 0, 0];
    frame.extend_from_slice(&index.to_be_bytes());
    frame.extend_from_slice(&hello.index.to_be_bytes());
    frame.extend_from_slice(&noise_2);
    append_macs(&mut frame, &mac_key(&peer.config.key), None);
    let association = hello.payload.association;
    let terms = Terms {
        index,
        remote_index: hello.index,
        suite,
        features,
        association,
        initiator: false,
        rank: hello.path.rank(),
    };
    let (generation, session) = generation(core, net, peer, now, &keys, &terms);
    core.push(Output::RxInstall(session));
    core.reply(hello.path, hello.len, frame.clone());
    net.half_open.insert(hello.ephemeral, peer.config.peer);
    peer.half_open.push_back(HalfOpen {
        generation,
        ephemeral: hello.ephemeral,
        answer: frame,
    });
    Ok(())
}

/// The same hello again, from wherever it came: the same answer.
pub(crate) fn answer_again(core: &mut Core, peer: &Peer, path: Path, hello: &[u8], ephemeral: &[u8]) {
    if let Some(half) = peer.half_open.iter().find(|h| h.ephemeral == ephemeral) {
        core.reply(path, hello.len(), half.answer.clone());
    }
}

/// A cookie for our hello: keep it for that address and say hello again at once.
pub(crate) fn cookie(peer: &mut Peer, now: u64, path: Path, frame: &[u8]) -> Result<(), DropReason> {
    let index = u32_at(frame, 4);
    let public = peer.config.key;
    let asked = peer.initiation.as_mut().filter(|i| i.index == index);
    let initiation = asked.ok_or(DropReason::UnexpectedAnswer)?;
    let mac1 = initiation.mac1;
    let target = initiation
        .targets
        .iter_mut()
        .find(|t| t.path == path && t.sent > 0);
    let target = target.ok_or(DropReason::UnexpectedAnswer)?;
    let cookie = open_cookie(&public, &mac1, frame).ok_or(DropReason::BadMac)?;
    if target.cookie.is_none_or(|(known, _)| known != cookie) {
        target.due = now;
    }
    target.cookie = Some((cookie, now));
    Ok(())
}
