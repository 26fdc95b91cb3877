//! How much a slow way carries, from what the other end says it heard and how long its answers take. Pure: time is an argument.

use crate::hop::Traffic;
use crate::limits::{
    LINE_CALM, LINE_FRAMES_LEAST, LINE_GROWS_EVERY, LINE_HOLD, LINE_LEAST, LINE_LOOK, LINE_LOST_SHARE,
    LINE_QUEUED, LINE_SLOW, LINE_STANDING, UNDER_HEADERS,
};
use std::collections::VecDeque;

const SECOND: u64 = 1_000_000;
/// Ways of one session that are remembered.
const WAYS_MAX: usize = 4;

/// What had left, or had come, at one moment. Counts go round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub frames: u32,
    /// Of whole frames, without IP and UDP headers.
    pub bytes: u32,
}

impl Count {
    pub fn of(traffic: &Traffic) -> Count {
        Count {
            frames: traffic.frames as u32,
            bytes: traffic.bytes as u32,
        }
    }

    fn is_before(self, other: Count) -> bool {
        (self.frames.wrapping_sub(other.frames) as i32) < 0
    }

    /// Frames, and bytes with the headers around them.
    fn since(self, earlier: Count) -> (u64, u64) {
        let frames = u64::from(self.frames.wrapping_sub(earlier.frames));
        let bytes = u64::from(self.bytes.wrapping_sub(earlier.bytes));
        (frames, bytes + frames * UNDER_HEADERS)
    }
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u64,
    sent: Count,
    heard: Count,
}

/// What is known of a session's ways, each as long as nothing is known of more than [`WAYS_MAX`] others: who is driven to another way by a
/// full line and comes back has forgotten nothing.
#[derive(Debug)]
pub(crate) struct Lines<W> {
    /// The present one first.
    known: VecDeque<(W, Line)>,
    /// Since when it is the present one; answers to earlier pings say nothing about it.
    since: u64,
    /// What was told last.
    told: u64,
}

impl<W> Default for Lines<W> {
    fn default() -> Self {
        let known = VecDeque::new();
        Lines {
            known,
            since: 0,
            told: 0,
        }
    }
}

impl<W: Copy + PartialEq> Lines<W> {
    /// The peer's answer to a ping that left `rtt` ago when `sent` had left, and reached it when `heard` had come; `way`: what is used
    /// now. Returns bytes a second when that is news: what the way carries, 0 when it is not slow (any more).
    pub fn answered(&mut self, now: u64, way: W, rtt: u64, (sent, heard): (Count, Count)) -> Option<u64> {
        if self.known.front().is_none_or(|(known, _)| *known != way) {
            self.turn_to(now, way);
        }
        let (since, is_first) = (self.since, self.known.len() == 1);
        let (_, line) = self.known.front_mut()?;
        if is_first || now.saturating_sub(rtt) >= since {
            line.answered(now, rtt, sent, heard);
        }
        // Changes of an eighth and more.
        let (rate, told) = (line.rate, self.told);
        let is_news = (rate == 0) != (told == 0) || rate.abs_diff(told) > told / 8;
        if is_news {
            self.told = rate;
        }
        is_news.then_some(rate)
    }

    fn turn_to(&mut self, now: u64, way: W) {
        let known = self.known.iter().position(|(known, _)| *known == way);
        let mut line = known
            .and_then(|at| self.known.remove(at))
            .map_or(Line::default(), |(_, line)| line);
        line.return_to();
        self.known.push_front((way, line));
        self.known.truncate(WAYS_MAX);
        self.since = now;
    }
}

/// One way out.
#[derive(Debug, Default)]
struct Line {
    /// Shortest round trip on this way, µs; 0: none yet.
    base: u64,
    mark: Option<Mark>,
    /// It was full at the last look, too.
    was_full: bool,
    /// Bytes a second with headers; 0: it is not slow, as far as is known.
    rate: u64,
    calm_since: u64,
    /// More is not tried before.
    hold_until: u64,
}

impl Line {
    /// Frames went elsewhere meanwhile: counts begin anew.
    fn return_to(&mut self) {
        (self.mark, self.was_full) = (None, false);
    }

    fn answered(&mut self, now: u64, rtt: u64, sent: Count, heard: Count) {
        self.base = if self.base == 0 { rtt } else { self.base.min(rtt) };
        let Some(mark) = self.mark else {
            self.mark = Some(Mark { at: now, sent, heard });
            return;
        };
        let time = now.saturating_sub(mark.at);
        // One that was overtaken by others tells of the past.
        if time < LINE_LOOK || sent.is_before(mark.sent) {
            return;
        }
        self.mark = Some(Mark { at: now, sent, heard });
        let ((left, bytes_left), (came, bytes_came)) = (sent.since(mark.sent), heard.since(mark.heard));
        if came > left + LINE_FRAMES_LEAST {
            // The other end counts from anew.
            return;
        }
        let per_second = |bytes: u64| bytes.saturating_mul(SECOND) / time;
        self.look(
            now,
            rtt - self.base,
            (left, came),
            (per_second(bytes_left), per_second(bytes_came)),
        );
    }

    fn look(&mut self, now: u64, queued: u64, (left, came): (u64, u64), (offered, carried): (u64, u64)) {
        let loses = left >= LINE_FRAMES_LEAST && came + left / LINE_LOST_SHARE < left;
        let is_full = (loses && queued >= LINE_QUEUED) || queued >= LINE_STANDING;
        // Others may fill the line: who sends little says nothing about it.
        let tells = is_full && offered >= LINE_LEAST;
        if tells && (self.was_full || loses) {
            self.rate = if carried > LINE_SLOW {
                0
            } else {
                (carried - carried / 20).max(LINE_LEAST)
            };
            self.calm_since = now;
            self.hold_until = now + LINE_HOLD;
        } else if self.rate != 0 && !is_full {
            let is_used = offered > self.rate * 4 / 5;
            if is_used && queued < LINE_QUEUED / 2 && now >= self.hold_until {
                self.rate += self.rate / 8;
                self.hold_until = now + LINE_GROWS_EVERY;
            } else if now >= self.calm_since + LINE_CALM {
                self.rate *= 2;
                self.calm_since = now;
            }
            if self.rate > LINE_SLOW {
                self.rate = 0;
            }
        }
        self.was_full = tells;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    /// A line of so many bytes a second with a queue of 300 ms behind 300 ms of delay, and a sender of frames of 80 bytes that keeps to what
    /// it was told. Pings queue as frames do. Returns what was told, and the shares lost in each second.
    fn run(capacity: u64, offered: u64, seconds: u64) -> (Vec<u64>, Vec<f64>) {
        const FRAME: u64 = 80 + UNDER_HEADERS;
        let (mut line, mut told, mut lost) = (Lines::default(), Vec::new(), Vec::new());
        let mut sent = Count::default();
        let (mut backlog, mut carried, mut credit, mut rate) = (0u64, 0u64, 0u64, 0u64);
        // When it left, what had left, and what has come when it comes.
        let mut ping: Option<(u64, Count, u64)> = None;
        line.answered(0, 1u8, 300 * MS, (sent, sent));
        for second in 0..seconds {
            let (mut gone, mut out) = (0, 0);
            for tick in 0..100 {
                let now = (second * 100 + tick) * 10 * MS;
                let leaves = backlog.min(capacity / 100);
                (backlog, carried) = (backlog - leaves, carried + leaves);
                credit += if rate > 0 { offered.min(rate) } else { offered } / 100;
                while credit >= FRAME {
                    (credit, out) = (credit - FRAME, out + 1);
                    (sent.frames, sent.bytes) = (sent.frames + 1, sent.bytes + 80);
                    if backlog + FRAME > capacity * 3 / 10 {
                        gone += 1;
                    } else {
                        backlog += FRAME;
                    }
                }
                if let Some((at, of, comes)) = ping.filter(|(_, _, comes)| carried >= *comes) {
                    let frames = (comes / FRAME) as u32;
                    let heard = Count {
                        frames,
                        bytes: frames * 80,
                    };
                    ping = None;
                    if let Some(news) = line.answered(now + 300 * MS, 1u8, now - at + 300 * MS, (of, heard)) {
                        rate = news;
                        told.push(news);
                    }
                }
                if tick % 50 == 0 && ping.is_none() {
                    ping = Some((now, sent, carried + backlog));
                }
            }
            lost.push(f64::from(gone) / f64::from(out.max(1)));
        }
        (told, lost)
    }

    #[test]
    fn a_slow_line_is_found_within_two_seconds_and_then_not_exceeded() {
        let (told, lost) = run(8_000, 11_000, 30);
        assert!((6_400..=8_400).contains(&told[0]), "{told:?}");
        let later = lost[3..].iter().sum::<f64>() / (lost.len() - 3) as f64;
        assert!(later < 0.02, "{lost:?}");
        assert!(lost[..3].iter().sum::<f64>() > 0.1, "it was full: {lost:?}");
    }

    #[test]
    fn a_line_that_is_wide_enough_or_lossy_without_a_queue_is_not_slow() {
        assert_eq!(run(20_000, 11_000, 30).0, []);
        assert_eq!(run(400_000, 600_000, 30).0, []);
        let mut line = Lines::default();
        let (mut sent, mut heard) = (Count::default(), Count::default());
        for n in 0..100 {
            (sent.frames, sent.bytes) = (sent.frames + 100, sent.bytes + 8_000);
            (heard.frames, heard.bytes) = (heard.frames + 70, heard.bytes + 5_600);
            assert_eq!(line.answered(n * SECOND, 1u8, 80 * MS, (sent, heard)), None);
        }
    }

    #[test]
    fn who_sends_little_learns_nothing_from_others_queues() {
        let mut line = Lines::default();
        let mut count = Count::default();
        for n in 0..100 {
            (count.frames, count.bytes) = (count.frames + 5, count.bytes + 400);
            let rtt = if n == 0 { 300 * MS } else { 900 * MS };
            assert_eq!(line.answered(n * SECOND, 1u8, rtt, (count, count)), None);
        }
    }

    #[test]
    fn a_line_that_became_wide_is_used_again() {
        let mut line = Lines::default();
        let mut count = Count::default();
        line.answered(0, 1u8, 300 * MS, (count, count));
        let (mut told, mut rate) = (vec![], 20_000);
        for n in 1..200 {
            count.frames += 10;
            count.bytes += rate as u32;
            let rtt = if n < 4 { 900 * MS } else { 300 * MS };
            if let Some(news) = line.answered(n * SECOND, 1u8, rtt, (count, count)) {
                told.push(news);
                rate = if news == 0 { rate } else { news };
            }
        }
        assert!(told[0] > 15_000 && told[0] < 21_000, "{told:?}");
        assert_eq!(told.last(), Some(&0));
    }

    #[test]
    fn another_way_knows_nothing_and_one_that_is_come_back_to_what_it_knew() {
        let mut line = Lines::default();
        let mut count = Count::default();
        let mut told = Vec::new();
        for n in 0..20 {
            count.frames += 100;
            count.bytes += 8_000;
            let way = if (10..15).contains(&n) { 2u8 } else { 1 };
            let rtt = if n > 0 && way == 1 { 900 * MS } else { 300 * MS };
            told.extend(
                line.answered(n * SECOND, way, rtt, (count, count))
                    .map(|rate| (n, rate)),
            );
        }
        assert_eq!(
            told.iter().map(|(n, rate)| (*n, *rate > 0)).collect::<Vec<_>>(),
            [(2, true), (10, false), (15, true)]
        );
    }

    #[test]
    fn answers_that_were_overtaken_and_those_of_the_way_before_say_nothing() {
        let mut line = Lines::default();
        let at = |frames: u32| Count {
            frames,
            bytes: frames * 80,
        };
        assert_eq!(line.answered(SECOND, 1u8, 300 * MS, (at(500), at(500))), None);
        assert_eq!(line.answered(2 * SECOND, 1, 300 * MS, (at(600), at(600))), None);
        for n in 3..6 {
            assert_eq!(line.answered(n * SECOND, 1, 2 * SECOND, (at(560), at(400))), None);
        }
        // Answered on another way than it took.
        assert_eq!(line.answered(7 * SECOND, 2, 4 * SECOND, (at(700), at(600))), None);
        assert_eq!(line.answered(8 * SECOND, 2, 3 * SECOND, (at(800), at(600))), None);
    }
}
