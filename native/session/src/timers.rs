//! What a peer does when its time has come, and when that is.

use crate::api::{DownReason, Event};
use crate::core::{Core, NetState};
use crate::handshake::{STEADY, URGENT, call, initiation_deadline, tick_initiation};
use crate::heard;
use crate::hop::Traffic;
use crate::lifecycle::{CLOSE_BY_ENGINE, cancel_initiation, end, forget_outdated, ping, probe, send};
use crate::limits::{
    ACTIVE_FOR, ACTIVE_TICK, ANSWER_EXPECTED, ANSWER_ROUND_TRIPS, BUSY_FOR, BUSY_TICK, CAST_ANSWER_EXPECTED,
    CAST_SUSPECT_AFTER, HALF_OPEN_LIFETIME, HANDSHAKE_GIVE_UP, IDLE_MISSED, IDLE_SUSPECT_AFTER,
    KEEPALIVE_AFTER, KEY_RETRY_MAX, PROBE_AGAIN, PROBE_ANSWER, REKEY_AFTER, REKEY_BYTES, REKEY_FRAMES,
    REKEY_GRACE, REKEY_LATEST, REKEY_RESPONDER_DELAY, RTT_FRESH, RTT_FRESH_FRAMES, RTT_FRESH_SPARSE,
    SILENT_AFTER, STREAM_ROUND_TRIPS, STREAM_SILENCE, SUSPECT_AFTER, SUSPECT_LATEST, SUSPECT_ROUND_TRIPS,
};
use crate::path::Path;
use crate::peer::{Generation, Peer};
use crate::upkeep::sender_key_plaintext;

/// Who is not to ping first (the responder, or whose turn it is not) pings this much later, so that one ping and one pong per interval suffice.
const IDLE_RESPONDER_DELAY: u64 = 1_500_000;
/// Least time between two looks at one peer.
const LEAST: u64 = 1_000;

/// Does everything that is due.
pub(crate) fn tick(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64) {
    peer.live.looked = now;
    while peer
        .half_open
        .front()
        .is_some_and(|h| now >= h.generation.created + HALF_OPEN_LIFETIME)
    {
        if let Some(half) = peer.half_open.pop_front() {
            net.half_open.remove(&half.ephemeral);
            core.forget_rx(half.generation.index);
        }
    }
    if peer.is_up() {
        if peer.stranger_until.is_some_and(|until| now >= until) {
            end(core, net, peer, now, DownReason::Closed, Some(CLOSE_BY_ENGINE));
            return;
        }
        if let Some(reason) = watch(core, net, peer, now) {
            end(core, net, peer, now, reason, None);
            return;
        }
        give_keys(core, peer, now);
        forget_outdated(core, peer);
    }
    tick_initiation(core, net, peer, now);
}

/// Sends what the control stream has to send now.
pub(crate) fn flush(core: &mut Core, peer: &mut Peer, now: u64) {
    if !peer.is_up() {
        return;
    }
    let mut frames = Vec::new();
    peer.control.transmit(now, &mut frames);
    for plaintext in frames {
        // Parts 0 of 0: an acknowledgement expects no answer.
        let data = plaintext[15..17] != [0, 0];
        send(core, peer, now, &plaintext, data);
    }
}

fn give_keys(core: &mut Core, peer: &mut Peer, now: u64) {
    let mut gifts = std::mem::take(&mut peer.gifts);
    for gift in gifts.iter_mut().filter(|g| g.due <= now) {
        send(core, peer, now, &sender_key_plaintext(&gift.key), true);
        gift.due = now + gift.wait;
        gift.wait = (gift.wait * 2).min(KEY_RETRY_MAX);
    }
    peer.gifts = gifts;
}

/// What the hop's counters say now.
struct View {
    sent: Traffic,
    heard: Traffic,
    /// Last authentic frame, or the session's begin.
    last: u64,
    /// Data went out after the last frame came in, or new keys of our making have to be confirmed at the other end.
    waits: bool,
    /// Casts alone went out since.
    casts: bool,
}

impl View {
    fn last_data(&self) -> u64 {
        let sent = self.sent.last_data.max(self.sent.last_cast);
        sent.max(self.heard.last_data)
    }

    fn expects(&self) -> bool {
        self.waits || self.casts
    }
}

fn view(peer: &Peer, now: u64) -> View {
    let (sent, heard) = (peer.hop.sent(), peer.hop.heard());
    let last = heard.last.max(peer.live.since);
    let confirm = |g: &Generation| g.initiator && g.last_heard() == 0 && now < g.created + HANDSHAKE_GIVE_UP;
    let unconfirmed = peer.current().is_some_and(confirm);
    let waits = sent.last_data > last || unconfirmed;
    View {
        sent,
        heard,
        last,
        waits,
        casts: !waits && sent.last_cast > last,
    }
}

/// Liveness and renewal; a reason when the session is over.
fn watch(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64) -> Option<DownReason> {
    let view = view(peer, now);
    if peer.live.expecting.is_some_and(|since| view.last >= since) {
        peer.live.expecting = None;
        peer.live.suspect &= peer.live.probe.is_some();
        if !peer.live.suspect && peer.initiation.as_ref().is_some_and(|i| i.urgent) {
            cancel_initiation(core, net, peer);
        }
    }
    if view.expects() {
        peer.live.expecting.get_or_insert(now);
    }
    // Casts that went before it, unanswered as they may be, are no reason to lose patience with a message sooner.
    if !view.waits {
        peer.live.waiting = None;
    } else if peer.live.waiting.is_none_or(|since| view.last >= since) {
        peer.live.waiting = Some(now);
    }
    let patience = peer.live.rtt.times(STREAM_ROUND_TRIPS, STREAM_SILENCE) + core.lateness.slack(now);
    if peer.live.stream.ended(now, &view.heard, patience) && !view.waits {
        probe(core, peer, now);
    }
    let silent = if let Some(since) = peer.live.probe {
        watch_probe(core, net, peer, now, since)
    } else if view.expects() {
        watch_active(core, net, peer, now)
    } else {
        watch_idle(core, net, peer, now, view.last)
    };
    let passed = (view.sent.frames + view.heard.frames).saturating_sub(peer.live.frames_at_ping);
    let fresh = if passed >= RTT_FRESH_FRAMES {
        RTT_FRESH
    } else {
        RTT_FRESH_SPARSE
    };
    if now >= peer.live.last_ping + fresh && view.last_data() + ACTIVE_TICK * 2 > now {
        ping(core, peer, now);
    }
    let report = peer.live.hearing.look(now, &view.heard);
    if let Some(report) = report.filter(|_| peer.is_member()) {
        send(core, peer, now, &heard::write(&report), false);
    }
    keep_alive(core, peer, now, &view);
    if silent || renew(core, net, peer, now, &view) {
        return Some(DownReason::Silent);
    }
    None
}

/// A path that was probed answers at once, or others are tried beside it.
fn watch_probe(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64, since: u64) -> bool {
    if now >= peer.live.last_ping + PROBE_AGAIN {
        ping(core, peer, now);
    }
    let slack = core.lateness.slack(now);
    if now >= probe_answer_at(peer, since) + slack && !peer.live.suspect {
        suspect(core, net, peer, now);
    }
    let over = now >= since + SILENT_AFTER + slack;
    if over && now < peer.hop.heard().last + IDLE_SUSPECT_AFTER {
        peer.live.probe = None; // frames come in: only the pongs were lost
        return false;
    }
    over
}

fn probe_answer_at(peer: &Peer, since: u64) -> u64 {
    since + PROBE_ANSWER.max(2 * peer.live.rtt.smoothed().unwrap_or(0))
}

/// Data was sent: an answer of any kind is due soon.
fn watch_active(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64) -> bool {
    let Some(expecting) = peer.live.expecting else {
        return false;
    };
    let (since, patience, limit) = match peer.live.waiting {
        Some(since) => (since, answer_after(peer), suspect_after(peer)),
        None => (expecting, CAST_ANSWER_EXPECTED, CAST_SUSPECT_AFTER),
    };
    // One that was lost is soon followed by another: a full line loses many, and is known by the answers alone.
    let again = if peer.live.last_ping >= since {
        patience.min(ANSWER_EXPECTED)
    } else {
        patience
    };
    if now >= since + patience && now >= peer.live.last_ping + again {
        ping(core, peer, now);
    }
    let slack = core.lateness.slack(now);
    if now >= since + limit + slack && !peer.live.suspect {
        suspect(core, net, peer, now);
    }
    now >= expecting + SILENT_AFTER + slack
}

fn answer_after(peer: &Peer) -> u64 {
    let wished = peer.live.rtt.times(ANSWER_ROUND_TRIPS, ANSWER_EXPECTED);
    wished.min(SUSPECT_LATEST / 2)
}

fn suspect_after(peer: &Peer) -> u64 {
    let wished = peer.live.rtt.times(SUSPECT_ROUND_TRIPS, SUSPECT_AFTER);
    wished.min(SUSPECT_LATEST)
}

/// Nothing to say: a ping now and then keeps the way open through address translators.
fn watch_idle(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64, last: u64) -> bool {
    if now >= idle_ping_at(peer, last) {
        let silence = now.saturating_sub(peer.quiet_since());
        peer.live.idle.pinging(now, silence);
        ping(core, peer, now);
    }
    if now >= idle_suspect_at(peer, last) && peer.live.expecting.is_some() && !peer.live.suspect {
        suspect(core, net, peer, now);
    }
    now >= idle_silent_at(peer, last)
}

fn idle_ping_at(peer: &Peer, last: u64) -> u64 {
    let initiator = peer.current().is_some_and(|g| g.initiator);
    let delay = if peer.live.idle.waits(initiator) {
        IDLE_RESPONDER_DELAY
    } else {
        0
    };
    let missed = peer.live.expecting.is_some();
    let wait = if missed {
        peer.live.idle.retry()
    } else {
        peer.live.idle.interval()
    };
    last.max(peer.live.last_ping) + wait + delay
}

/// After the second ping was missed.
fn idle_suspect_at(peer: &Peer, last: u64) -> u64 {
    let idle = &peer.live.idle;
    last + idle.interval() + idle.retry() + 2 * IDLE_RESPONDER_DELAY + IDLE_SUSPECT_AFTER
}

fn idle_silent_at(peer: &Peer, last: u64) -> u64 {
    let idle = &peer.live.idle;
    last + idle.interval() + (IDLE_MISSED - 1) * idle.retry() + IDLE_MISSED * IDLE_RESPONDER_DELAY
}

/// The path may be dead: a fresh handshake asks all addresses that are known.
pub(crate) fn suspect(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64) {
    let paths = known_paths(peer);
    ask_all(core, net, peer, now, &paths);
}

fn ask_all(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64, paths: &[Path]) {
    peer.live.suspect = true;
    call(core, net, peer, now, paths, URGENT);
    core.event(Event::Suspect {
        net: net.net,
        peer: peer.config.peer,
    });
}

/// A link is no more: who used it asks all other ways at once.
pub(crate) fn link_closed(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64, link: u32) {
    let gone = Path::Link(link);
    peer.candidates.retain(|p| *p != gone);
    if let Some(initiation) = &mut peer.initiation {
        initiation.targets.retain(|t| t.path != gone);
    }
    if !peer.is_up() || peer.hop.path.get() != gone {
        return;
    }
    peer.expect_from(now);
    let paths = peer.candidates.clone();
    ask_all(core, net, peer, now, &paths);
    tick_initiation(core, net, peer, now);
}

fn known_paths(peer: &Peer) -> Vec<Path> {
    let current = peer.hop.path.get();
    let others = peer.candidates.iter().copied().filter(|p| *p != current);
    std::iter::once(current).chain(others).collect()
}

fn keep_alive(core: &mut Core, peer: &mut Peer, now: u64, view: &View) {
    // Read again: this look may have sent something.
    if view.heard.last_data <= peer.hop.sent().last {
        peer.live.owing = None;
        return;
    }
    let since = *peer.live.owing.get_or_insert(now);
    if now >= since + KEEPALIVE_AFTER {
        send(core, peer, now, &[], false);
        peer.live.owing = None;
    }
}

/// Renews the keys when it is time; true when that was due and failed for too long.
fn renew(core: &mut Core, net: &mut NetState, peer: &mut Peer, now: u64, view: &View) -> bool {
    let Some(generation) = peer.current() else {
        return false;
    };
    let last_data = view.last_data();
    let in_use = last_data > generation.created && last_data + REKEY_AFTER > now;
    // The responder leaves it to the initiator for a while: both at once would make two sessions.
    let turn = if generation.initiator {
        0
    } else {
        REKEY_RESPONDER_DELAY
    };
    let delay = turn + generation.jitter;
    let age = now.saturating_sub(generation.created);
    let bytes = view.sent.bytes + view.heard.bytes - generation.bytes_before;
    let old = age >= REKEY_LATEST || (age >= REKEY_AFTER && bytes > REKEY_BYTES);
    let used_up = generation.tx.sealed() >= REKEY_FRAMES;
    let due = used_up || (in_use && old);
    if !due {
        peer.live.rekey = None;
        return false;
    }
    let since = *peer.live.rekey.get_or_insert(now);
    if peer.initiation.is_none() && now >= since + delay {
        // The way that works first; all others when that fails.
        let first = now < since + delay + HANDSHAKE_GIVE_UP;
        let paths = if first {
            vec![peer.hop.path.get()]
        } else {
            known_paths(peer)
        };
        call(core, net, peer, now, &paths, STEADY);
    }
    now >= since + REKEY_GRACE
}

/// When to look at this peer again; u64::MAX = not by itself.
pub(crate) fn deadline(peer: &Peer, now: u64) -> u64 {
    let mut at = u64::MAX;
    if let Some(half) = peer.half_open.front() {
        at = at.min(half.generation.created + HALF_OPEN_LIFETIME);
    }
    if let Some(initiation) = &peer.initiation {
        at = at.min(initiation_deadline(initiation));
    }
    if peer.is_up() {
        at = at.min(session_deadline(peer, now));
        at = at.min(peer.control.next_deadline().unwrap_or(u64::MAX));
        at = at.min(peer.gifts.iter().map(|g| g.due).min().unwrap_or(u64::MAX));
        at = at.min(peer.stranger_until.unwrap_or(u64::MAX));
    }
    if at == u64::MAX { at } else { at.max(now + LEAST) }
}

fn session_deadline(peer: &Peer, now: u64) -> u64 {
    let view = view(peer, now);
    let recent = view.last_data() > 0 && view.last_data() + ACTIVE_FOR > now;
    let live = &peer.live;
    let watched = recent
        || view.expects()
        || live.probe.is_some()
        || live.suspect
        || live.rekey.is_some()
        || live.owing.is_some();
    peer.hop.set_watched(watched);
    if watched {
        let probe = live
            .probe
            .map(|since| probe_answer_at(peer, since))
            .filter(|at| *at > now);
        let busy = view.last_data() > 0 && view.last_data() + BUSY_FOR > now;
        let tick = if busy { BUSY_TICK } else { ACTIVE_TICK };
        return (live.looked + tick).min(probe.unwrap_or(u64::MAX));
    }
    let mut at = idle_ping_at(peer, view.last).min(idle_silent_at(peer, view.last));
    if live.expecting.is_some() && !live.suspect {
        at = at.min(idle_suspect_at(peer, view.last));
    }
    at
}
