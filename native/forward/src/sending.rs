//! What the host sends to one group: down trees, to each receiver directly, or not before the engine has said which.

use std::collections::VecDeque;

/// Packets of a group that wait for the engine's word.
pub const HELD_MAX: usize = 256;
/// How long they wait, µs; then they are sent directly.
pub const HELD_FOR_US: u64 = 1_000_000;
/// A stream has ended when its host sent nothing for this long, µs.
pub const ENDS_AFTER_US: u64 = 60_000_000;
/// Where the engine said "directly", it is asked again after this, µs, …
pub const DIRECT_FOR_US: u64 = 10_000_000;
/// … if so many packets went meanwhile: hosts that look for each other now and then need no tree.
pub const DIRECT_MOST: usize = 20;

/// The engine's last word on a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Trees,
    /// When it said so, µs.
    Directly(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Trees,
    Directly,
    /// See [`Sending::hold`].
    Waits,
}

#[derive(Debug)]
pub struct Sending {
    /// The last packet, µs.
    last: u64,
    /// When the engine was last asked in the middle of the stream, µs: what it said before is no answer. What it said of an
    /// earlier stream holds for the beginning of this one.
    asked: u64,
    /// Packets wait until then; afterwards they go directly while nothing is said.
    hold_until: u64,
    held: VecDeque<Vec<u8>>,
    /// It took trees: without them it begins to wait anew.
    took_trees: bool,
    /// Packets that went directly, and since when, µs.
    direct: usize,
    direct_since: u64,
}

impl Sending {
    /// A stream begins: the engine is to be asked.
    pub fn new(now: u64) -> Sending {
        Sending {
            last: now,
            asked: 0,
            hold_until: now + HELD_FOR_US,
            held: VecDeque::new(),
            took_trees: false,
            direct: 0,
            direct_since: now,
        }
    }

    /// The way of the next packets, and whether the engine is to be asked anew.
    pub fn way(&mut self, now: u64, packets: usize, said: Said) -> (Way, bool) {
        self.last = now;
        match said {
            Said::Trees => {
                self.took_trees = true;
                (Way::Trees, false)
            }
            _ if self.took_trees => {
                // They were taken away.
                (self.took_trees, self.asked) = (false, now);
                self.hold_until = now + HELD_FOR_US;
                (Way::Waits, true)
            }
            Said::Directly(at) if at >= self.asked => (Way::Directly, self.goes_on(now, at, packets)),
            _ if now < self.hold_until => (Way::Waits, false),
            _ => (Way::Directly, false),
        }
    }

    /// What goes directly goes on for so long that the engine is asked anew; meanwhile it goes directly.
    fn goes_on(&mut self, now: u64, at: u64, packets: usize) -> bool {
        if at > self.direct_since {
            (self.direct, self.direct_since) = (0, at);
        }
        let is_over = now >= self.direct_since + DIRECT_FOR_US;
        let goes_on = is_over && self.direct >= DIRECT_MOST;
        if is_over {
            (self.direct, self.direct_since) = (0, now);
        }
        self.direct += packets;
        if goes_on {
            (self.asked, self.hold_until) = (now, now);
        }
        goes_on
    }

    /// Keeps a packet that waits. False: another one, the oldest, was given up for it.
    pub fn hold(&mut self, packet: Vec<u8>) -> bool {
        self.held.push_back(packet);
        let fits = self.held.len() <= HELD_MAX;
        if !fits {
            self.held.pop_front();
        }
        fits
    }

    /// What waited and waits no more, to be sent as [`Sending::way`] says of the next packet.
    pub fn release(&mut self, now: u64, said: Said) -> VecDeque<Vec<u8>> {
        let is_answer = match said {
            Said::Nothing => false,
            Said::Trees => true,
            Said::Directly(at) => at >= self.asked,
        };
        if is_answer || now >= self.hold_until {
            self.took_trees |= said == Said::Trees;
            std::mem::take(&mut self.held)
        } else {
            VecDeque::new()
        }
    }

    pub fn waiting(&self) -> usize {
        self.held.len()
    }

    pub fn has_ended(&self, now: u64) -> bool {
        now >= self.last + ENDS_AFTER_US
    }

    /// When [`Sending::release`] and [`Sending::has_ended`] are to be asked again, µs.
    pub fn next_deadline(&self) -> u64 {
        let ends = self.last + ENDS_AFTER_US;
        if self.held.is_empty() {
            ends
        } else {
            ends.min(self.hold_until)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    #[test]
    fn packets_wait_for_the_answer_and_go_down_the_trees() {
        let mut sending = Sending::new(5);
        assert_eq!(sending.way(5, 1, Said::Nothing), (Way::Waits, false));
        assert!(sending.hold(vec![1]) && sending.hold(vec![2]));
        assert_eq!(sending.next_deadline(), 5 + HELD_FOR_US);
        assert!(sending.release(6, Said::Nothing).is_empty());
        assert_eq!(sending.release(6, Said::Trees), [vec![1], vec![2]]);
        assert_eq!(sending.way(7, 1, Said::Trees), (Way::Trees, false));
        assert!(!sending.has_ended(6 + ENDS_AFTER_US) && sending.has_ended(7 + ENDS_AFTER_US));
        assert_eq!(sending.next_deadline(), 7 + ENDS_AFTER_US);
    }

    #[test]
    fn what_was_said_of_an_earlier_stream_holds_until_there_is_an_answer() {
        let mut sending = Sending::new(90 * S);
        assert_eq!(sending.way(90 * S, 1, Said::Directly(S)), (Way::Directly, false));
        assert_eq!(sending.way(91 * S, 1, Said::Trees), (Way::Trees, false));
    }

    #[test]
    fn without_an_answer_they_go_directly_after_a_while() {
        let mut sending = Sending::new(0);
        for i in 0..=HELD_MAX {
            assert_eq!(sending.hold(vec![i as u8]), i < HELD_MAX);
        }
        assert!(sending.release(HELD_FOR_US - 1, Said::Nothing).is_empty());
        let late = sending.release(HELD_FOR_US, Said::Nothing);
        assert_eq!(
            (late.len(), &late[0][..]),
            (HELD_MAX, &[1][..]),
            "the oldest was given up"
        );
        assert_eq!(sending.way(HELD_FOR_US, 1, Said::Nothing), (Way::Directly, false));
        assert_eq!(
            sending.way(2 * S, 1, Said::Trees),
            (Way::Trees, false),
            "late is not never"
        );
    }

    #[test]
    fn trees_that_are_taken_away_are_asked_for_anew() {
        let mut sending = Sending::new(0);
        sending.hold(vec![1]);
        assert_eq!(sending.release(1, Said::Trees).len(), 1);
        assert_eq!(sending.way(9, 1, Said::Directly(8)), (Way::Waits, true));
        sending.hold(vec![1]);
        assert!(
            sending.release(10, Said::Directly(8)).is_empty(),
            "said before it was asked"
        );
        assert_eq!(sending.release(10, Said::Directly(10)).len(), 1);
        assert_eq!(sending.way(11, 1, Said::Directly(10)), (Way::Directly, false));
    }

    #[test]
    fn what_goes_directly_is_asked_about_again_only_when_it_goes_on() {
        let mut sending = Sending::new(0);
        let said = Said::Directly(1);
        for second in 0..60 {
            assert_eq!(
                sending.way(second * S + 1, 1, said),
                (Way::Directly, false),
                "now and then"
            );
        }
        let mut asked = Vec::new();
        for tenth in 600..750 {
            let (way, ask) = sending.way(tenth * S / 10 + 1, 1, said);
            assert_eq!(way, Way::Directly);
            if ask {
                asked.push(tenth);
            }
        }
        assert_eq!(asked, [700], "and only once without an answer");
        assert_eq!(sending.way(76 * S, 1, Said::Trees), (Way::Trees, false));
    }
}
