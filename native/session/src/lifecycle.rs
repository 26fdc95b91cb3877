//! How a session of one peer begins, is renewed and ends.

use crate::api::{DownReason, Event, Output};
use crate::control::Control;
use crate::core::{Core, NetState};
use crate::limits::{CLOSE_COPIES, FRAME_MAX, STRANGER_LIFETIME};
use crate::line::Count;
use crate::path::Path;
use crate::peer::{Generation, Peer};
use crate::wire::{DATA_MIN, HEADER, kind};
use std::net::SocketAddr;

/// Reasons in a close frame.
pub(crate) const CLOSE_BY_ENGINE: u8 = 0;
pub(crate) const CLOSE_REMOVED: u8 = 1;

/// Seals and sends one plaintext under the current keys; false without a session. `data`: an answer is expected.
pub(crate) fn send(core: &mut Core, peer: &Peer, now: u64, plaintext: &[u8], data: bool) -> bool {
    let Some(tx) = peer.current().map(|g| &g.tx) else {
        return false;
    };
    let Some(counter) = tx.reserve(1) else {
        return false;
    };
    debug_assert!(plaintext.len() + DATA_MIN <= FRAME_MAX);
    let mut frame = vec![0u8; DATA_MIN + plaintext.len()];
    frame[HEADER..HEADER + plaintext.len()].copy_from_slice(plaintext);
    tx.seal(counter, &mut frame);
    peer.hop.note_upkeep_sent(now, frame.len() as u64, data);
    core.transmit(peer.hop.path.get(), frame);
    true
}

pub(crate) fn ping(core: &mut Core, peer: &mut Peer, now: u64) {
    let mut plaintext = [0u8; 9];
    plaintext[0] = kind::PING;
    plaintext[1..].copy_from_slice(&now.to_be_bytes());
    if send(core, peer, now, &plaintext, false) {
        let (sent, heard) = (peer.hop.sent(), peer.hop.heard());
        peer.live.note_ping(now, Count::of(&sent));
        peer.live.frames_at_ping = sent.frames + heard.frames;
        peer.live.expecting.get_or_insert(now);
    }
}

/// Asks whether the peer is still there; only a pong to this or a later ping, or a new handshake, is an answer.
pub(crate) fn probe(core: &mut Core, peer: &mut Peer, now: u64) {
    if peer.is_up() {
        peer.live.probe.get_or_insert(now);
        ping(core, peer, now);
    }
}

pub(crate) fn up_event(core: &mut Core, net: &NetState, peer: &Peer) {
    core.event(Event::Up {
        net: net.net,
        peer: peer.config.peer,
        path: peer.hop.path.get(),
        observed: peer.live.observed,
        rtt_us: peer.live.rtt.smoothed(),
    });
}

/// A handshake is complete at both ends as far as this one can know: its keys take over. `observed`: own address as
/// the peer sees it.
pub(crate) fn promote(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    generation: Generation,
    path: Path,
    observed: Option<SocketAddr>,
) {
    cancel_initiation(core, net, peer);
    let fresh = peer.remote_association != Some(generation.association);
    if fresh {
        begin_anew(core, net, peer, generation.association);
    }
    let (was_up, old_path) = (peer.is_up(), peer.hop.path.get());
    let stays = peer.current_wins(&generation, net.public < peer.config.key);
    peer.remote_association = Some(generation.association);
    peer.live.restart(now);
    if stays {
        peer.generations.push(generation);
    } else {
        let tx = generation.tx.clone();
        peer.current = Some(generation.index);
        peer.generations.push(generation);
        peer.hop.path.set(path);
        core.push(Output::TxPublished {
            net: net.net,
            peer: peer.config.peer,
            tx,
            fresh,
        });
    }
    if !was_up || peer.hop.path.get() != old_path {
        rest_anew(core, peer);
    }
    let learned = observed.is_some() && observed != peer.live.observed;
    peer.live.observed = observed.or(peer.live.observed);
    if !was_up && !peer.is_member() {
        peer.stranger_until = Some(now + STRANGER_LIFETIME);
    }
    if !was_up || learned || peer.hop.path.get() != old_path {
        up_event(core, net, peer);
    }
    forget_outdated(core, peer);
}

/// Over another path nothing is known of how long it stays open.
pub(crate) fn rest_anew(core: &Core, peer: &mut Peer) {
    let adapts = core.adapts_idle && matches!(peer.hop.path.get(), Path::Udp { .. });
    let initiator = peer.current().is_some_and(|g| g.initiator);
    peer.live.idle.restart(adapts, initiator);
}

/// The other end knows nothing of before (it started anew, or gave us up): neither do we.
fn begin_anew(core: &mut Core, net: &mut NetState, peer: &mut Peer, association: u64) {
    if peer.is_up() {
        let (net, peer) = (net.net, peer.config.peer);
        core.event(Event::Down {
            net,
            peer,
            reason: DownReason::Closed,
        });
    }
    forget_generations(core, peer);
    let (same, old) = peer
        .half_open
        .drain(..)
        .partition(|h| h.generation.association == association);
    peer.half_open = same;
    for half in old {
        net.half_open.remove(&half.ephemeral);
        core.forget_rx(half.generation.index);
    }
}

/// Ends the session, if any, and every handshake. `close`: tell the peer, with this reason.
pub(crate) fn end(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    reason: DownReason,
    close: Option<u8>,
) {
    if let Some(code) = close {
        for _ in 0..CLOSE_COPIES {
            send(core, peer, now, &[kind::CLOSE, code], false);
        }
    }
    let (was_up, was_calling) = (peer.is_up(), peer.initiation.is_some());
    cancel_initiation(core, net, peer);
    for half in std::mem::take(&mut peer.half_open) {
        net.half_open.remove(&half.ephemeral);
        core.forget_rx(half.generation.index);
    }
    forget_generations(core, peer);
    peer.association = core.random();
    let (net, peer) = (net.net, peer.config.peer);
    if was_up {
        core.push(Output::TxWithdrawn { net, peer });
    }
    if was_up || was_calling {
        core.event(Event::Down { net, peer, reason });
    }
}

fn forget_generations(core: &mut Core, peer: &mut Peer) {
    for generation in peer.generations.drain(..) {
        generation.tx.close();
        core.forget_rx(generation.index);
    }
    peer.current = None;
    peer.remote_association = None;
    peer.control = Control::new(peer.is_member());
    peer.gifts.clear();
    peer.live.pings.clear();
    peer.live.suspect = false;
    peer.live.probe = None;
    peer.stranger_until = None;
}

pub(crate) fn forget_outdated(core: &mut Core, peer: &mut Peer) {
    for generation in peer.outdated() {
        generation.tx.close();
        core.forget_rx(generation.index);
    }
}

pub(crate) fn cancel_initiation(core: &mut Core, net: &mut NetState, peer: &mut Peer) {
    if let Some(initiation) = peer.initiation.take() {
        core.slots.release(initiation.index);
        net.initiations -= 1;
    }
}
