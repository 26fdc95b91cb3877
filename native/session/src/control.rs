//! Control messages (kind 2): reliable and in order for as long as both ends know each other.
//!
//! A message is cut into parts; each part is one frame with its own sequence. Every frame acknowledges what came:
//! all below `cumulative`, and those of the 32 after it whose bit is set. A frame without parts only acknowledges.

use crate::drops::DropReason;
use crate::guard::Bucket;
use crate::limits::{
    ACK_DELAY, MESSAGE_MAX, PART_MAX, PARTS_LEAST, PARTS_START, PARTS_WINDOW, QUEUE_MAX,
    STRANGER_MESSAGES_PER_SECOND, STRANGER_QUEUE_MAX,
};
use crate::rtt::Rtt;
use crate::wire::{kind, u16_at, u32_at};
use std::collections::VecDeque;

/// Kind byte, sequence, cumulative ack, selective bits, part, parts.
pub(crate) const CONTROL_HEAD: usize = 17;
/// Parts acknowledged later than a missing one before it is sent again without waiting for the timer.
const LATER_ACKS: u32 = 3;

struct Outgoing {
    part: u16,
    parts: u16,
    bytes: Vec<u8>,
    /// Transmissions so far; 0 = waits for room in the window.
    tries: u32,
    sent_at: u64,
    acked: bool,
}

struct Incoming {
    part: u16,
    parts: u16,
    bytes: Vec<u8>,
}

pub(crate) struct Control {
    /// Sequence of `out[0]`.
    base: u32,
    out: VecDeque<Outgoing>,
    queued: usize,
    window: u32,
    /// Up to here the window grows by every part that came, above by one part a window: a line that was full is soon full again.
    slow_from: u32,
    /// Parts that came since it grew above `slow_from`.
    came: u32,
    /// The window was last made smaller at this time.
    shrunk_at: u64,
    /// Next sequence expected.
    expected: u32,
    /// `early[i]` = sequence expected + i; `early[0]` is always missing.
    early: VecDeque<Option<Incoming>>,
    message: Vec<u8>,
    next_part: u16,
    ack_at: Option<u64>,
    unacked: u32,
    /// Of parts and their acknowledgements, which may wait: not the path's own.
    rtt: Rtt,
    /// Messages per second from a stranger.
    limit: Option<Bucket>,
}

impl Control {
    pub fn new(member: bool) -> Control {
        let mut control = Control {
            base: 0,
            out: VecDeque::new(),
            queued: 0,
            window: PARTS_START,
            slow_from: PARTS_WINDOW,
            came: 0,
            shrunk_at: 0,
            expected: 0,
            early: VecDeque::new(),
            message: Vec::new(),
            next_part: 0,
            ack_at: None,
            unacked: 0,
            rtt: Rtt::default(),
            limit: None,
        };
        control.set_member(member);
        control
    }

    pub fn set_member(&mut self, member: bool) {
        self.limit = (!member).then(|| Bucket::new(STRANGER_MESSAGES_PER_SECOND));
    }

    /// Bytes queued and not acknowledged.
    #[cfg(test)]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Queues a message; false when it is empty, too long, or the queue is full.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        let most = if self.limit.is_some() {
            STRANGER_QUEUE_MAX
        } else {
            QUEUE_MAX
        };
        if bytes.is_empty() || bytes.len() > MESSAGE_MAX || self.queued + bytes.len() > most {
            return false;
        }
        self.queued += bytes.len();
        let parts = bytes.len().div_ceil(PART_MAX) as u16;
        for (part, chunk) in (0..).zip(bytes.chunks(PART_MAX)) {
            let bytes = chunk.to_vec();
            self.out.push_back(Outgoing {
                part,
                parts,
                bytes,
                tries: 0,
                sent_at: 0,
                acked: false,
            });
        }
        true
    }

    /// Takes the plaintext of an authentic control frame; whole messages are appended to `messages`.
    pub fn receive(
        &mut self,
        now: u64,
        plaintext: &[u8],
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), DropReason> {
        if plaintext.len() < CONTROL_HEAD {
            return Err(DropReason::BadControl);
        }
        self.acknowledged(now, u32_at(plaintext, 5), u32_at(plaintext, 9))?;
        let (part, parts) = (u16_at(plaintext, 13), u16_at(plaintext, 15));
        if parts == 0 {
            return Ok(());
        }
        let bytes = &plaintext[CONTROL_HEAD..];
        let most = MESSAGE_MAX.div_ceil(PART_MAX) as u16;
        if part >= parts || parts > most || bytes.is_empty() || bytes.len() > PART_MAX {
            return Err(DropReason::BadControl);
        }
        let ahead = u32_at(plaintext, 1).wrapping_sub(self.expected);
        if ahead > u32::MAX / 2 {
            self.ack_at = Some(now); // seen before: our acknowledgement was lost
            return Ok(());
        }
        if ahead >= PARTS_WINDOW {
            return Err(DropReason::BadControl);
        }
        self.store(
            now,
            ahead as usize,
            Incoming {
                part,
                parts,
                bytes: bytes.to_vec(),
            },
        )?;
        self.deliver(messages)
    }

    fn store(&mut self, now: u64, ahead: usize, incoming: Incoming) -> Result<(), DropReason> {
        if self.early.len() <= ahead {
            self.early.resize_with(ahead + 1, || None);
        }
        let in_order = ahead == 0 && self.early.len() == 1;
        if self.early[ahead].is_none() {
            // A stranger above its rate loses the message's last part, as if the network had: its timers slow it.
            let is_last = incoming.part + 1 == incoming.parts;
            if is_last && self.limit.as_mut().is_some_and(|bucket| !bucket.take(now)) {
                return Err(DropReason::StrangerRate);
            }
            self.early[ahead] = Some(incoming);
        }
        self.unacked += 1;
        let at = if in_order && self.unacked < 2 {
            now + ACK_DELAY
        } else {
            now
        };
        self.ack_at = Some(self.ack_at.map_or(at, |a| a.min(at)));
        Ok(())
    }

    fn deliver(&mut self, messages: &mut Vec<Vec<u8>>) -> Result<(), DropReason> {
        while let Some(Some(_)) = self.early.front() {
            let Some(Some(incoming)) = self.early.pop_front() else {
                break;
            };
            self.expected = self.expected.wrapping_add(1);
            let too_long = self.message.len() + incoming.bytes.len() > MESSAGE_MAX;
            if incoming.part != self.next_part || too_long {
                // Only a broken peer numbers its parts so; its message is lost, the stream goes on.
                self.message.clear();
                self.next_part = 0;
                return Err(DropReason::BadControl);
            }
            self.message.extend_from_slice(&incoming.bytes);
            self.next_part += 1;
            if self.next_part == incoming.parts {
                messages.push(std::mem::take(&mut self.message));
                self.next_part = 0;
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, now: u64, cumulative: u32, bits: u32) -> Result<(), DropReason> {
        let done = cumulative.wrapping_sub(self.base);
        if done > u32::MAX / 2 {
            return Ok(()); // an older frame, overtaken
        }
        if done as usize > self.out.len() || self.out.iter().take(done as usize).any(|o| o.tries == 0) {
            return Err(DropReason::BadControl);
        }
        let mut fresh = 0;
        for _ in 0..done {
            let Some(part) = self.out.pop_front() else { break };
            fresh += settle(&mut self.queued, now, &part, &mut self.rtt);
        }
        self.base = cumulative;
        for i in 0..32usize {
            let place = i + 1;
            if bits & (1 << i) == 0 || place >= self.out.len() || self.out[place].tries == 0 {
                continue;
            }
            let part = &mut self.out[place];
            fresh += settle(&mut self.queued, now, part, &mut self.rtt);
            part.acked = true;
        }
        self.grow(fresh);
        Ok(())
    }

    fn grow(&mut self, fresh: u32) {
        let quickly = fresh.min(self.slow_from.saturating_sub(self.window));
        self.window += quickly;
        self.came += fresh - quickly;
        if self.came >= self.window {
            self.came -= self.window;
            self.window += 1;
        }
        self.window = self.window.min(PARTS_WINDOW);
    }

    /// Some seem lost. Where a timer ran out, the line is most likely full of what was sent already.
    fn shrink(&mut self, now: u64, by_timer: bool) {
        let half = (self.window / 2).max(PARTS_LEAST);
        self.came = 0;
        if by_timer {
            self.slow_from = half;
            self.window = 1;
            self.rtt.timed_out();
        } else {
            self.window = half;
        }
        self.shrunk_at = now;
    }

    /// Plaintexts of the frames to send now, appended to `frames`.
    pub fn transmit(&mut self, now: u64, frames: &mut Vec<Vec<u8>>) {
        let mut due = self.due(now);
        let mut again = due
            .iter()
            .map(|i| &self.out[*i])
            .filter(|o| o.tries > 0)
            .peekable();
        if again.peek().is_some() && now >= self.shrunk_at + self.rtt.rto(1) {
            let by_timer = again.any(|o| now >= o.sent_at + self.rtt.rto(o.tries));
            self.shrink(now, by_timer);
            due = self.due(now);
        }
        for i in due {
            let out = &mut self.out[i];
            out.tries += 1;
            out.sent_at = now;
            let (part, parts) = (out.part, out.parts);
            let mut frame = self.head(self.base.wrapping_add(i as u32), part, parts);
            frame.extend_from_slice(&self.out[i].bytes);
            frames.push(frame);
            self.acks_sent();
        }
        if self.ack_at.is_some_and(|at| at <= now) {
            frames.push(self.head(self.base.wrapping_add(self.out.len() as u32), 0, 0));
            self.acks_sent();
        }
    }

    /// Places in `out` that are to be sent now: new ones within the window, and those that seem lost.
    fn due(&self, now: u64) -> Vec<usize> {
        let in_window = self.out.iter().take(self.window as usize);
        let later_acked = |place: usize| self.out.iter().skip(place + 1).filter(|o| o.acked).count() as u32;
        in_window
            .enumerate()
            .filter(|(_, o)| !o.acked)
            .filter(|(i, o)| {
                o.tries == 0
                    || now >= o.sent_at + self.rtt.rto(o.tries)
                    || (o.tries == 1 && later_acked(*i) >= LATER_ACKS)
            })
            .map(|(i, _)| i)
            .collect()
    }

    fn acks_sent(&mut self) {
        self.ack_at = None;
        self.unacked = 0;
    }

    fn head(&self, sequence: u32, part: u16, parts: u16) -> Vec<u8> {
        let mut bits = 0u32;
        for (i, early) in self.early.iter().skip(1).take(32).enumerate() {
            bits |= u32::from(early.is_some()) << i;
        }
        let mut out = vec![kind::CONTROL];
        out.extend_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&self.expected.to_be_bytes());
        out.extend_from_slice(&bits.to_be_bytes());
        out.extend_from_slice(&part.to_be_bytes());
        out.extend_from_slice(&parts.to_be_bytes());
        out
    }

    /// When `transmit` has something to do; None = not before something else happens.
    pub fn next_deadline(&self) -> Option<u64> {
        let in_window = self.out.iter().take(self.window as usize).filter(|o| !o.acked);
        let resend = in_window
            .map(|o| {
                if o.tries == 0 {
                    0
                } else {
                    o.sent_at + self.rtt.rto(o.tries)
                }
            })
            .min();
        [resend, self.ack_at].into_iter().flatten().min()
    }
}

/// Accounts for an acknowledged part: 1 when it was not acknowledged before.
fn settle(queued: &mut usize, now: u64, part: &Outgoing, rtt: &mut Rtt) -> u32 {
    if part.acked {
        return 0;
    }
    *queued -= part.bytes.len();
    if part.tries == 1 {
        rtt.sample(now.saturating_sub(part.sent_at));
    }
    1
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
