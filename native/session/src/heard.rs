//! What is lost of the other end's frames on their way here, told to it while it is so: a line that is full loses its pings as well, and then
//! nobody else could tell. Pure: time is an argument.

use crate::api::Heard;
use crate::hop::Traffic;
use crate::limits::{
    HEARD_EVERY, HEARD_FOR, HEARD_FRAMES_LEAST, HEARD_LATE, HEARD_LOST_SHARE, HEARD_WITHIN, UNDER_HEADERS,
};
use crate::wire::{kind, u32_at};

/// Kind byte, a stamp that no ping has, no address, span u16 ms, then frames that left, came, and the bytes of the latter, u32 each.
const REPORT_LEN: usize = 24;
const MS: u64 = 1_000;

/// Of one peer.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// The look before: when, and what was heard until then.
    at: u64,
    before: Traffic,
    /// Told of until then.
    until: u64,
    /// The last call.
    called: u64,
}

impl Hearing {
    /// Call at each look at the peer. What to tell it.
    pub fn look(&mut self, now: u64, heard: &Traffic) -> Option<Heard> {
        // Who was not there in time lost them itself.
        let is_late = now > self.called + HEARD_LATE;
        self.called = now;
        if is_late {
            (self.at, self.before) = (now, *heard);
            return None;
        }
        let span = now.saturating_sub(self.at);
        if span < HEARD_EVERY {
            return None;
        }
        let passed = heard.passed - self.before.passed;
        if passed < HEARD_FRAMES_LEAST {
            if span > HEARD_WITHIN {
                (self.at, self.before) = (now, *heard);
            }
            return None;
        }
        let (frames, bytes) = (heard.frames - self.before.frames, heard.bytes - self.before.bytes);
        (self.at, self.before) = (now, *heard);
        let came = frames.min(passed);
        if (passed - came) * HEARD_LOST_SHARE > passed {
            self.until = now + HEARD_FOR;
        }
        let within = u64::from(u32::MAX);
        (now < self.until).then(|| Heard {
            span,
            passed: passed.min(within) as u32,
            came: came.min(within) as u32,
            bytes: bytes + frames * UNDER_HEADERS,
        })
    }
}

pub(crate) fn write(heard: &Heard) -> [u8; REPORT_LEN] {
    let mut out = [0; REPORT_LEN];
    out[0] = kind::PONG;
    let span = (heard.span / MS).min(u64::from(u16::MAX)) as u16;
    out[10..12].copy_from_slice(&span.to_be_bytes());
    out[12..16].copy_from_slice(&heard.passed.to_be_bytes());
    out[16..20].copy_from_slice(&heard.came.to_be_bytes());
    let bytes = heard.bytes.min(u64::from(u32::MAX)) as u32;
    out[20..].copy_from_slice(&bytes.to_be_bytes());
    out
}

/// Whether a pong is one that nobody asked for.
pub(crate) fn is_report(plaintext: &[u8]) -> bool {
    plaintext.len() == REPORT_LEN && plaintext[1..10] == [0; 9]
}

/// `None`: it says nothing that can be.
pub(crate) fn read(plaintext: &[u8]) -> Option<Heard> {
    let span = u64::from(u16::from_be_bytes([plaintext[10], plaintext[11]])) * MS;
    let (passed, came) = (u32_at(plaintext, 12), u32_at(plaintext, 16));
    let bytes = u64::from(u32_at(plaintext, 20));
    (span > 0 && came <= passed && passed > 0).then_some(Heard {
        span,
        passed,
        came,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 100 bytes, so many a second, of which so many in a thousand are lost; what is told in ten seconds.
    fn told(per_second: u64, lost: u64) -> Vec<Heard> {
        let (mut hearing, mut heard, mut told) = (Hearing::default(), Traffic::default(), Vec::new());
        for tick in 1..=100 {
            heard.passed = per_second * tick / 10;
            heard.frames = heard.passed - heard.passed * lost / 1_000;
            heard.bytes = heard.frames * 100;
            told.extend(hearing.look(tick * 100 * MS, &heard));
        }
        told
    }

    #[test]
    fn losses_of_what_is_a_stream_are_told_ten_times_a_second() {
        assert_eq!(told(1_000, 0), []);
        assert_eq!(told(1_000, 20), []);
        assert_eq!(told(10, 500), [], "too few to tell");
        let seen = told(1_000, 990);
        assert_eq!(seen.len(), 100);
        let expected = Heard {
            span: 100 * MS,
            passed: 100,
            came: 1,
            bytes: 128,
        };
        assert_eq!(seen[3], expected);
    }

    #[test]
    fn that_it_is_over_is_told_for_two_seconds() {
        let (mut hearing, mut heard, mut told) = (Hearing::default(), Traffic::default(), 0);
        for tick in 1..=200 {
            heard.passed += 100;
            heard.frames += if tick < 20 { 50 } else { 100 };
            told += u32::from(hearing.look(tick * 100 * MS, &heard).is_some());
        }
        assert!((36..=40).contains(&told), "{told}");
    }

    #[test]
    fn who_is_out_of_breath_does_not_blame_the_way() {
        let (mut hearing, mut heard) = (Hearing::default(), Traffic::default());
        for tick in 1..=100 {
            heard.passed += 1_000;
            heard.frames += 400;
            assert_eq!(hearing.look(tick * 300 * MS, &heard), None);
        }
    }

    #[test]
    fn a_report_reads_as_it_was_written_and_no_pong_is_one() {
        let heard = Heard {
            span: 210 * MS,
            passed: 5_000,
            came: 70,
            bytes: 90_000,
        };
        assert!(is_report(&write(&heard)));
        assert_eq!(read(&write(&heard)), Some(heard));
        let mut pong = write(&heard);
        pong[8] = 1;
        assert!(!is_report(&pong) && !is_report(&pong[..23]));
        let nothing = Heard { came: 5_001, ..heard };
        assert_eq!(read(&write(&nothing)), None);
    }
}
