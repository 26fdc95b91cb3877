//! Sealed frames on their way out: runs of equal frames to one destination become one message.

use crate::lane::{Hop, Lane};
use crate::limits::CARRY_HOP_LIMIT;
use crate::links::{LENGTH, Links};
use crate::shared::{Counters, PeerState, add};
use crate::sys;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use weft_session::wire::{CARRY_HEAD, CARRY_OVERHEAD, HEADER};
use weft_session::{Path, Tx};
use weft_socket::{Message, RUN_BYTES_MAX, RUN_SEGMENTS_MAX, SendFailure, UdpSocket};

/// Bytes worth a system call: what the largest frame of an adapter becomes, a full run and a rest.
const FLUSH_BYTES: usize = 72_000;
/// Room for what is under way and one frame of any size.
const ARENA: usize = FLUSH_BYTES + 2 * 65_536;
/// Runs of one system call.
const RUNS_MAX: usize = 32;

/// Where frames go out.
pub struct Outlet<'a> {
    pub sockets: &'a [Arc<UdpSocket>],
    pub counters: &'a Counters,
    pub links: &'a Links,
}

/// Where one frame goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Udp(u8, SocketAddr),
    Link(u32),
}

impl Exit {
    /// `None` for a relayed path: its frames go to the relay.
    pub fn of(path: Path) -> Option<Exit> {
        match path {
            Path::Udp { socket, remote } => Some(Exit::Udp(socket, remote)),
            Path::Link(link) => Some(Exit::Link(link)),
            Path::Carry { .. } => None,
        }
    }
}

impl Outlet<'_> {
    /// Sends messages that all leave through the same socket.
    pub fn send(&self, socket: u8, messages: &[Message<'_>], failed: &mut dyn FnMut(usize, SendFailure)) {
        let Some(udp) = self.sockets.get(usize::from(socket)) else {
            return;
        };
        let sent = udp.send_batch(messages, &mut |i, failure| {
            self.counters.fail_send(failure, messages[i].datagrams() as u64);
            failed(i, failure);
        });
        add(&self.counters.datagrams_sent, sent);
        add(&self.counters.send_calls, 1);
    }
}

struct Run {
    exit: Exit,
    class: u8,
    sparse: bool,
    /// The session that carries, if these are frames inside of others.
    hop: Option<Arc<Tx>>,
    peer: Arc<PeerState>,
    start: usize,
    end: usize,
    segment: usize,
    /// Frames so far; a shorter last one ends the run.
    frames: usize,
    ended: bool,
}

/// Collects one turn's frames. Nothing is kept longer than a turn.
pub struct Outbox {
    arena: Vec<u8>,
    used: usize,
    runs: Vec<Run>,
    /// Traffic class of the frames that follow; runs have one each.
    pub class: u8,
    /// The frames that follow may overtake others: they share no run with those.
    pub sparse: bool,
    /// Sessions that rested until they carried something: `Command::Activity` is due for each.
    pub woken: Vec<Arc<Tx>>,
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox {
            arena: vec![0; ARENA],
            used: 0,
            runs: Vec::with_capacity(RUNS_MAX),
            class: 0,
            sparse: false,
            woken: Vec::new(),
        }
    }

    /// Room for one frame of `len` bytes (at most [`RUN_BYTES_MAX`]) to `peer` over `lane`: to be filled before the next call.
    /// `None` when the lane leads nowhere or the frame is too long.
    pub fn slot(
        &mut self,
        outlet: &Outlet<'_>,
        peer: &Arc<PeerState>,
        lane: &Lane,
        len: usize,
    ) -> Option<&mut [u8]> {
        let path = match lane {
            Lane::Straight(path) => *path,
            Lane::Carried(hop) => return self.carried_slot(outlet, hop, len),
        };
        let exit = Exit::of(path)?;
        if len == 0 || len > RUN_BYTES_MAX {
            return None;
        }
        let start = match self.runs.last_mut() {
            Some(run) if run.takes(exit, (self.class, self.sparse), len) => run.extend(len),
            _ => self.open(outlet, peer, exit, len, None),
        };
        self.used = start + len;
        Some(&mut self.arena[start..start + len])
    }

    /// Room inside a frame of the neighbour that carries; its own stamp is set when everything goes out.
    fn carried_slot(&mut self, outlet: &Outlet<'_>, hop: &Hop, len: usize) -> Option<&mut [u8]> {
        let whole = len + CARRY_OVERHEAD;
        let exit = Exit::of(hop.tx.path())?;
        if len == 0 || whole > RUN_BYTES_MAX {
            return None;
        }
        let start = match self.runs.last_mut() {
            Some(run) if run.carries(hop, exit, (self.class, self.sparse), whole) => run.extend(whole),
            _ => self.open(outlet, &hop.state, exit, whole, Some(hop.tx.clone())),
        };
        self.used = start + whole;
        let frame = &mut self.arena[start..start + whole];
        frame[HEADER..HEADER + 8].copy_from_slice(&hop.destination);
        frame[HEADER + 8..CARRY_HEAD].copy_from_slice(&hop.source);
        Some(&mut frame[CARRY_HEAD..CARRY_HEAD + len])
    }

    /// Sets the neighbours' stamps on what they carry. A run whose session has just ended stays unstamped: the far end drops it.
    fn stamp(&mut self) {
        for run in &self.runs {
            let Some(tx) = &run.hop else { continue };
            let Some(counter) = tx.reserve(run.frames as u32) else {
                continue;
            };
            let frames = self.arena[run.start..run.end].chunks_mut(run.segment);
            for (i, frame) in frames.enumerate() {
                tx.seal_carry(counter + i as u64, 0, CARRY_HOP_LIMIT, frame);
            }
            let (now, bytes) = (sys::now(), (run.end - run.start) as u64);
            if tx.hop().note_sent(now, run.frames as u64, bytes) {
                self.woken.push(tx.clone());
            }
        }
    }

    fn open(
        &mut self,
        outlet: &Outlet<'_>,
        peer: &Arc<PeerState>,
        exit: Exit,
        len: usize,
        hop: Option<Arc<Tx>>,
    ) -> usize {
        if self.used >= FLUSH_BYTES || self.runs.len() == RUNS_MAX {
            self.flush(outlet);
        }
        let start = self.used;
        let peer = peer.clone();
        self.runs.push(Run {
            exit,
            class: self.class,
            sparse: self.sparse,
            hop,
            peer,
            start,
            end: start + len,
            segment: len,
            frames: 1,
            ended: false,
        });
        start
    }

    /// Sends everything, in order.
    pub fn flush(&mut self, outlet: &Outlet<'_>) {
        self.stamp();
        let mut from = 0;
        while from < self.runs.len() {
            let rest = &self.runs[from..];
            let same = match rest[0].exit {
                Exit::Udp(socket, _) => {
                    let through = |r: &&Run| matches!(r.exit, Exit::Udp(s, _) if s == socket);
                    let same = rest.iter().take_while(through).count();
                    self.send(outlet, socket, &rest[..same]);
                    same
                }
                Exit::Link(link) => {
                    let same = rest.iter().take_while(|r| r.exit == rest[0].exit).count();
                    self.queue(outlet, link, &rest[..same]);
                    same
                }
            };
            from += same;
        }
        self.runs.clear();
        self.used = 0;
    }

    /// One batch for the link, whatever the lengths of its frames.
    fn queue(&self, outlet: &Outlet<'_>, link: u32, runs: &[Run]) {
        let frames: usize = runs.iter().map(|r| r.frames).sum();
        let bytes: usize = runs.iter().map(|r| r.end - r.start).sum();
        let mut batch = Vec::with_capacity(bytes + frames * LENGTH);
        for run in runs {
            for frame in self.arena[run.start..run.end].chunks(run.segment) {
                batch.extend_from_slice(&(frame.len() as u16).to_be_bytes());
                batch.extend_from_slice(frame);
            }
        }
        outlet
            .links
            .push(outlet.counters, sys::now(), link, batch, frames as u64);
    }

    fn send(&self, outlet: &Outlet<'_>, socket: u8, runs: &[Run]) {
        let mut parts = [IoSlice::new(&[]); RUNS_MAX];
        for (part, run) in parts.iter_mut().zip(runs) {
            *part = IoSlice::new(&self.arena[run.start..run.end]);
        }
        let mut messages = [Message {
            class: 0,
            remote: ([0, 0, 0, 0], 0).into(),
            segment: 0,
            parts: &[],
        }; RUNS_MAX];
        for (i, run) in runs.iter().enumerate() {
            let Exit::Udp(_, remote) = run.exit else { continue };
            messages[i] = Message {
                class: run.class,
                remote,
                segment: run.segment,
                parts: &parts[i..=i],
            };
        }
        outlet.send(socket, &messages[..runs.len()], &mut |i, failure| {
            if failure == SendFailure::TooBig {
                runs[i].peer.frame_max.store(crate::limits::NARROW_FRAME, Relaxed);
            }
        });
    }
}

impl Run {
    #[inline]
    fn takes(&self, exit: Exit, what: (u8, bool), len: usize) -> bool {
        self.hop.is_none() && self.fits(exit, what, len)
    }

    fn carries(&self, hop: &Hop, exit: Exit, what: (u8, bool), len: usize) -> bool {
        self.hop.as_ref().is_some_and(|tx| Arc::ptr_eq(tx, &hop.tx)) && self.fits(exit, what, len)
    }

    #[inline]
    fn fits(&self, exit: Exit, what: (u8, bool), len: usize) -> bool {
        !self.ended
            && (self.class, self.sparse) == what
            && len <= self.segment
            && self.frames < RUN_SEGMENTS_MAX
            && self.end - self.start + len <= RUN_BYTES_MAX
            && self.exit == exit
    }

    /// Adds a frame; returns where it begins.
    #[inline]
    fn extend(&mut self, len: usize) -> usize {
        let start = self.end;
        self.end += len;
        self.frames += 1;
        self.ended = len < self.segment;
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_socket::{Options, RecvBatch};

    fn bind() -> Arc<UdpSocket> {
        let options = Options {
            offloads: true,
            v6_only: false,
        };
        Arc::new(UdpSocket::bind("127.0.0.1:0".parse().unwrap(), options).unwrap())
    }

    /// Frames that may overtake would lose that in a run of others: the receiver's kernel keeps runs together.
    #[test]
    fn sparse_frames_leave_in_messages_of_their_own() {
        let (from, to) = (bind(), bind());
        let (sockets, counters, links) = ([from], Counters::default(), Links::default());
        let outlet = Outlet {
            sockets: &sockets,
            counters: &counters,
            links: &links,
        };
        let lane = Lane::Straight(Path::Udp {
            socket: 0,
            remote: to.local_address(),
        });
        let peer = Arc::new(PeerState::new(1, 0));
        let mut outbox = Outbox::new();
        for (sparse, len) in [
            (false, 1_000),
            (true, 100),
            (true, 100),
            (false, 100),
            (false, 1_000),
        ] {
            outbox.sparse = sparse;
            outbox.slot(&outlet, &peer, &lane, len).unwrap();
        }
        let runs: Vec<(bool, usize)> = outbox.runs.iter().map(|r| (r.sparse, r.frames)).collect();
        assert_eq!(runs, [(false, 1), (true, 2), (false, 1), (false, 1)]);
    }

    /// Frames of all lengths to two destinations arrive whole and in order, equal ones in few messages.
    #[test]
    fn frames_come_out_as_they_went_in() {
        let (from, to) = (bind(), [bind(), bind()]);
        let (sockets, counters, links) = ([from], Counters::default(), Links::default());
        let outlet = Outlet {
            sockets: &sockets,
            counters: &counters,
            links: &links,
        };
        let peer = Arc::new(PeerState::new(1, 0));
        let mut outbox = Outbox::new();
        let mut expected = [Vec::new(), Vec::new()];
        for i in 0..300usize {
            let (which, len) = (usize::from(i % 50 > 40), if i % 70 == 69 { 500 } else { 1_000 });
            let path = Path::Udp {
                socket: 0,
                remote: to[which].local_address(),
            };
            outbox
                .slot(&outlet, &peer, &Lane::Straight(path), len)
                .unwrap()
                .fill(i as u8);
            expected[which].push(vec![i as u8; len]);
        }
        outbox.flush(&outlet);
        let relayed = Path::Carry {
            net: 1,
            via: 1,
            origin: [1; 8],
        };
        assert!(outbox.slot(&outlet, &peer, &Lane::Straight(relayed), 9).is_none());
        for (socket, expected) in to.iter().zip(expected) {
            let (mut batch, mut got) = (RecvBatch::new(), Vec::new());
            while got.len() < expected.len() {
                for i in 0..socket.recv_batch(&mut batch, 32).unwrap() {
                    let run = batch.datagrams(i).unwrap();
                    got.extend(run.bytes.chunks(run.segment).map(<[u8]>::to_vec));
                }
            }
            assert_eq!(got, expected);
        }
        assert_eq!(counters.datagrams_sent.load(Relaxed), 300);
        assert!(counters.send_calls.load(Relaxed) < 10);
    }
}
