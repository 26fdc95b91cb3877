//! What authentic frames say to the manager.

use crate::aead::Suite;
use crate::api::{DownReason, Event, Output};
use crate::cast::{SenderKey, TREE_SCOPE};
use crate::core::{Core, NetState};
use crate::drops::DropReason;
use crate::heard;
use crate::lifecycle::{CLOSE_REMOVED, end, ping, promote, rest_anew, send, up_event};
use crate::line::Count;
use crate::path::Path;
use crate::peer::Peer;
use crate::rx::Opened;
use crate::sessions::Sessions;
use crate::wire::{SEQUENCE_MASK, get_address, kind, put_address, u32_at, u64_at};
use zeroize::Zeroizing;

/// Kind byte, key id u32, scope u32, AEAD u8, lowest sequence u64, key 32.
const SENDER_KEY_LEN: usize = 50;

/// The plaintext that hands out a sender key.
pub(crate) fn sender_key_plaintext(key: &SenderKey) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(SENDER_KEY_LEN));
    out.push(kind::SENDER_KEY);
    out.extend_from_slice(&key.key_id.to_be_bytes());
    out.extend_from_slice(&key.scope.to_be_bytes());
    out.push(key.suite.bit());
    out.extend_from_slice(&key.lowest.to_be_bytes());
    out.extend_from_slice(&key.key[..]);
    out
}

fn read_sender_key(plaintext: &[u8]) -> Option<SenderKey> {
    if plaintext.len() != SENDER_KEY_LEN {
        return None;
    }
    let mut key = Zeroizing::new([0u8; 32]);
    key.copy_from_slice(&plaintext[18..]);
    let lowest = u64_at(plaintext, 10);
    let suite = Suite::from_bit(plaintext[9])?;
    let (key_id, scope) = (u32_at(plaintext, 1), u32_at(plaintext, 5));
    // Keys of trees come from their origins by the engines, never from a neighbour.
    (lowest <= SEQUENCE_MASK && scope < TREE_SCOPE).then_some(SenderKey {
        key_id,
        scope,
        lowest,
        suite,
        key,
    })
}

impl Sessions {
    /// Takes what the hot half said to `tell`, with the path that the frame came by. `plaintext` = the frame's
    /// plaintext, kind byte included; for kinds 1 and 5 and for casts it may be empty.
    pub fn opened(&mut self, now: u64, opened: &Opened, path: Path, plaintext: &[u8]) {
        let now = self.advance(now);
        let path = path.normal();
        let result = self.with_peer(now, (opened.net, opened.peer), |core, net, peer| {
            belongs(core, net, peer, now, opened, path)?;
            let result = take(core, net, peer, now, path, plaintext);
            peer.live.idle.upkeep = now;
            result
        });
        if let Some(Err(reason)) = result {
            self.core.count(reason);
        }
    }
}

/// Confirms a half-open session, moves the path.
fn belongs(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    opened: &Opened,
    path: Path,
) -> Result<(), DropReason> {
    if let Some(at) = peer
        .half_open
        .iter()
        .position(|h| h.generation.index == opened.index)
    {
        let Some(half) = peer.half_open.remove(at) else {
            return Err(DropReason::UnknownIndex);
        };
        net.half_open.remove(&half.ephemeral);
        promote(core, net, peer, now, half.generation, path, None);
        ping(core, peer, now);
        return Ok(());
    }
    if !peer.generations.iter().any(|g| g.index == opened.index) {
        return Err(DropReason::UnknownIndex);
    }
    let moved = opened.is_new_highest && peer.hop.path.get().roams_to(&path);
    if moved && peer.may_move_by(now, opened.index) {
        peer.hop.path.set(path);
        rest_anew(core, peer);
        up_event(core, net, peer);
        ping(core, peer, now);
    }
    Ok(())
}

fn take(
    core: &mut Core,
    net: &mut NetState,
    peer: &mut Peer,
    now: u64,
    path: Path,
    plaintext: &[u8],
) -> Result<(), DropReason> {
    let what = plaintext.first().map_or(kind::KEEPALIVE, |b| b & kind::MASK);
    match what {
        kind::CONTROL => control(core, net, peer, now, plaintext),
        kind::PING if plaintext.len() == 9 => {
            let silence = now.saturating_sub(peer.quiet_since());
            peer.live.idle.pinged(now, silence);
            let mut pong = vec![kind::PONG];
            pong.extend_from_slice(&plaintext[1..]);
            put_address(&mut pong, path.remote());
            let heard = Count::of(&peer.hop.heard());
            pong.extend_from_slice(&heard.frames.to_be_bytes());
            pong.extend_from_slice(&heard.bytes.to_be_bytes());
            send(core, peer, now, &pong, false);
            Ok(())
        }
        kind::PONG if heard::is_report(plaintext) => {
            if let Some(heard) = heard::read(plaintext) {
                let (net, peer) = (net.net, peer.config.peer);
                core.push(Output::Heard { net, peer, heard });
            }
            Ok(())
        }
        kind::PONG if plaintext.len() >= 10 => pong(core, net, peer, now, plaintext),
        kind::SENDER_KEY if !peer.is_member() => Err(DropReason::StrangerPacket),
        kind::SENDER_KEY => {
            let key = read_sender_key(plaintext).ok_or(DropReason::Malformed)?;
            let mut ack = vec![kind::SENDER_KEY_ACK];
            ack.extend_from_slice(&key.key_id.to_be_bytes());
            let (id, origin) = (peer.config.peer, peer.config.origin);
            core.push(Output::SenderKey {
                net: net.net,
                peer: id,
                origin,
                key,
            });
            send(core, peer, now, &ack, false);
            Ok(())
        }
        kind::SENDER_KEY_ACK if plaintext.len() == 5 => {
            let key_id = u32_at(plaintext, 1);
            let before = peer.gifts.len();
            peer.gifts.retain(|g| g.key.key_id != key_id);
            if peer.gifts.len() < before {
                core.push(Output::SenderKeyAcked {
                    net: net.net,
                    peer: peer.config.peer,
                    key_id,
                });
            }
            Ok(())
        }
        kind::CLOSE if plaintext.len() == 2 => {
            let removed = plaintext[1] == CLOSE_REMOVED;
            let reason = if removed {
                DownReason::Removed
            } else {
                DownReason::Closed
            };
            end(core, net, peer, now, reason, None);
            Ok(())
        }
        kind::KEEPALIVE | kind::PACKET | kind::FRAGMENT | kind::BUNDLE | kind::TREE => Ok(()),
        _ => Err(DropReason::Malformed),
    }
}

fn control(
    core: &mut Core,
    net: &NetState,
    peer: &mut Peer,
    now: u64,
    plaintext: &[u8],
) -> Result<(), DropReason> {
    let mut messages = Vec::new();
    let result = peer.control.receive(now, plaintext, &mut messages);
    for bytes in messages {
        core.event(Event::Control {
            net: net.net,
            peer: peer.config.peer,
            bytes,
        });
    }
    result
}

fn pong(
    core: &mut Core,
    net: &NetState,
    peer: &mut Peer,
    now: u64,
    plaintext: &[u8],
) -> Result<(), DropReason> {
    let stamp = u64_at(plaintext, 1);
    let observed = get_address(&plaintext[9..]).ok_or(DropReason::Malformed)?;
    let at = peer
        .live
        .pings
        .iter()
        .position(|(sent, _)| *sent == stamp)
        .ok_or(DropReason::Replay)?;
    let sent = peer.live.pings.remove(at).map(|(_, sent)| sent);
    if let (Some(sent), Some(heard)) = (sent, heard_of(&plaintext[9..])) {
        measure(core, net, peer, (now, now.saturating_sub(stamp)), (sent, heard));
    }
    peer.live.idle.answered(now, stamp);
    let first = peer.live.rtt.smoothed().is_none();
    peer.live.rtt.sample(now.saturating_sub(stamp));
    if peer.live.probe.is_some_and(|since| stamp >= since) {
        peer.live.probe = None;
        peer.live.suspect = false;
    }
    let learned = observed.is_some() && observed != peer.live.observed;
    if learned {
        peer.live.observed = observed;
    }
    if first || learned {
        up_event(core, net, peer);
    }
    Ok(())
}

/// What the other end had heard when the ping came, behind the address; older ones do not say.
fn heard_of(from_address: &[u8]) -> Option<Count> {
    let address = match from_address.first()? {
        4 => 7,
        6 => 19,
        _ => 1,
    };
    (from_address.len() >= address + 8).then(|| Count {
        frames: u32_at(from_address, address),
        bytes: u32_at(from_address, address + 4),
    })
}

/// Learns what the way carries, from an answer at `now` to a ping that was under way for `rtt`.
fn measure(
    core: &mut Core,
    net: &NetState,
    peer: &mut Peer,
    (now, rtt): (u64, u64),
    (sent, heard): (Count, Count),
) {
    let way = (peer.hop.path.get(), peer.remote_association);
    if let Some(bytes_per_second) = peer.live.lines.answered(now, way, rtt, (sent, heard)) {
        core.event(Event::Line {
            net: net.net,
            peer: peer.config.peer,
            bytes_per_second,
        });
    }
}
