//! Frames of streams that were read from the adapter and wait for their turn, so that what comes behind them is seen: packets of sparse
//! flows go first. Everything else keeps its order.

use crate::adapter::AdapterThread;
use crate::lane::flow_of;
use crate::limits::{ADAPTER_FRAMES_PER_TURN, AHEAD_FRAME_LEAST, AHEAD_FRAMES, SPARSE_PACKET_MAX};
use crate::shared::{View, add};
use crate::sparse::SparseFlows;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use weft_device::{FRAME_BUFFER, VNET_LEN};
use weft_packet::{Frame, L3};

/// A frame's buffer and how much of it is used.
type Read = (Vec<u8>, usize);

pub struct Ahead {
    free: Vec<Vec<u8>>,
    waiting: VecDeque<Read>,
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead {
            // One more for what does not wait.
            free: (0..=AHEAD_FRAMES).map(|_| vec![0; FRAME_BUFFER]).collect(),
            waiting: VecDeque::with_capacity(AHEAD_FRAMES),
        }
    }
}

impl Ahead {
    /// A buffer to read into; none while enough waits. It comes back by [`Ahead::wait`] or [`Ahead::done`].
    #[inline]
    pub fn buffer(&mut self) -> Option<Vec<u8>> {
        if self.waiting.len() == AHEAD_FRAMES {
            return None;
        }
        self.free.pop()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    #[inline]
    pub fn wait(&mut self, frame: Vec<u8>, len: usize) {
        self.waiting.push_back((frame, len));
    }

    #[inline]
    pub fn done(&mut self, frame: Vec<u8>) {
        self.free.push(frame);
    }

    /// The frame that waited longest.
    #[inline]
    pub fn next(&mut self) -> Option<Read> {
        self.waiting.pop_front()
    }

    /// Whether a frame that was just read has to wait: those of streams, and behind them what is not sparse.
    #[inline]
    pub fn holds(&self, now: u64, flows: &mut SparseFlows, frame: &[u8]) -> bool {
        let is_large = frame.len() >= AHEAD_FRAME_LEAST;
        if !is_large && self.waiting.is_empty() {
            return false;
        }
        let packet = frame.get(VNET_LEN..).and_then(|f| Frame::parse(f).ok());
        let Some(packet) = packet.and_then(|f| L3::parse(f.payload()).ok()) else {
            return is_large;
        };
        !flows.sees(now, flow_of(&packet), packet.bytes().len() > SPARSE_PACKET_MAX)
    }
}

impl AdapterThread {
    /// Reads what is there, up to a bound. Whether nothing is left.
    pub(crate) fn turn(&mut self, now: u64, view: &Arc<View>) -> io::Result<bool> {
        let (mut reads, mut is_drained) = (0, false);
        loop {
            let mut overtaken = false;
            while reads < ADAPTER_FRAMES_PER_TURN {
                let Some(mut frame) = self.ahead.buffer() else {
                    break;
                };
                let mut lengths = [0];
                let count = self
                    .device
                    .recv_batch(std::slice::from_mut(&mut frame), &mut lengths)?;
                is_drained = count == 0;
                if is_drained {
                    self.ahead.done(frame);
                    break;
                }
                reads += 1;
                add(&self.common.counters.adapter_reads, 1);
                if self.ahead.holds(now, &mut self.sparse, &frame[..lengths[0]]) {
                    self.ahead.wait(frame, lengths[0]);
                } else {
                    overtaken |= !self.ahead.is_empty();
                    self.take(now, view, frame, lengths[0]);
                }
            }
            if overtaken {
                self.flush();
            }
            let Some((frame, len)) = self.ahead.next() else {
                return Ok(is_drained);
            };
            self.take(now, view, frame, len);
        }
    }

    #[inline]
    fn take(&mut self, now: u64, view: &Arc<View>, frame: Vec<u8>, len: usize) {
        if let Err(reason) = self.handle(now, view, &frame[..len]) {
            self.common.counters.drop_packet(reason, 1);
        }
        self.ahead.done(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as an adapter gives it: a UDP packet of `len` bytes from `port`.
    fn frame(port: u16, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; VNET_LEN + 14 + len];
        bytes[VNET_LEN + 12] = 8;
        let packet = &mut bytes[VNET_LEN + 14..];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        packet[9] = 17;
        packet[20..22].copy_from_slice(&port.to_be_bytes());
        bytes
    }

    const NOW: u64 = 5_000_000;

    /// In which order frames (port, bytes) that lie there together are taken.
    fn order(frames: &[(u16, usize)]) -> Vec<(u16, usize)> {
        let (mut ahead, mut flows, mut taken) = (Ahead::default(), SparseFlows::default(), Vec::new());
        for (port, len) in frames {
            let mut buffer = ahead.buffer().unwrap();
            let bytes = frame(*port, *len);
            buffer[..bytes.len()].copy_from_slice(&bytes);
            if ahead.holds(NOW, &mut flows, &bytes) {
                ahead.wait(buffer, bytes.len());
            } else {
                taken.push((*port, *len));
                ahead.done(buffer);
            }
        }
        while let Some((buffer, len)) = ahead.next() {
            let port = u16::from_be_bytes([buffer[VNET_LEN + 34], buffer[VNET_LEN + 35]]);
            taken.push((port, len - VNET_LEN - 14));
            ahead.done(buffer);
        }
        assert_eq!(ahead.free.len(), AHEAD_FRAMES + 1, "no buffer was lost");
        taken
    }

    #[test]
    fn small_packets_of_other_flows_go_first_and_a_flow_keeps_its_order() {
        let (stream, tail) = ((1, 60_000), (1, 100));
        let (question, full) = ((2, 100), (3, 1_300));
        assert_eq!(
            order(&[stream, question, tail, question, full]),
            [question, question, stream, tail, full],
        );
    }

    #[test]
    fn without_a_stream_nothing_waits() {
        let frames = [(1, 1_300), (2, 100), (1, 100), (3, 1_300)];
        assert_eq!(order(&frames), frames);
    }

    #[test]
    fn so_many_are_read_ahead_and_no_more() {
        let (mut ahead, mut flows) = (Ahead::default(), SparseFlows::default());
        for _ in 0..AHEAD_FRAMES {
            let buffer = ahead.buffer().unwrap();
            assert!(ahead.holds(NOW, &mut flows, &frame(1, 60_000)));
            ahead.wait(buffer, 60_000);
        }
        assert!(ahead.buffer().is_none());
        let (buffer, _) = ahead.next().unwrap();
        ahead.done(buffer);
        assert!(ahead.buffer().is_some());
    }
}
