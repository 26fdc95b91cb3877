//! Waiting for company. Packets to groups that come one by one, thousands a second, would wake the adapter's thread and every member of their
//! tree one by one. While nothing else is sent, the thread rests between its turns, and what came meanwhile leaves as one run for each
//! neighbour, which wakes everybody once. On a busy machine they find company anyway, and who rests there comes too late to a full queue.

use crate::limits::{
    COMPANY_FOUND_LEAST, COMPANY_FOUND_MOST, COMPANY_FRAMES, COMPANY_NOT_FOR, COMPANY_REST_US,
    COMPANY_STREAM_LEAST, COMPANY_WINDOW_US,
};

/// What the last windows brought.
#[derive(Default)]
pub struct Company {
    /// When the window at hand began, µs.
    since: u64,
    /// Frames to groups in it, and turns that brought them.
    casts: u32,
    turns: u32,
    /// From the begin of a turn to that of the next, as the last window had it, µs; 0: no rest.
    every: u64,
    /// Windows without rest that are left.
    not_for: u32,
}

impl Company {
    /// Tells of a turn: frames to groups, and whether there were others, which nobody may keep waiting.
    pub fn saw(&mut self, now: u64, casts: u32, others: bool) {
        if others {
            *self = Company {
                since: now,
                not_for: self.not_for,
                ..Company::default()
            };
            return;
        }
        let lasted = now.saturating_sub(self.since);
        if lasted >= COMPANY_WINDOW_US {
            self.every = self.next_every(lasted);
            (self.since, self.casts, self.turns) = (now, 0, 0);
        }
        self.casts += casts;
        self.turns += 1;
    }

    fn next_every(&mut self, lasted: u64) -> u64 {
        self.not_for = self.not_for.saturating_sub(1);
        // Nobody saw a window end in time that brought little.
        if lasted >= 2 * COMPANY_WINDOW_US || self.casts < COMPANY_STREAM_LEAST {
            return 0;
        }
        let found = self.casts / self.turns.max(1);
        if self.every > 0 && found > COMPANY_FOUND_MOST {
            self.not_for = COMPANY_NOT_FOR;
        }
        if self.not_for > 0 || (self.every == 0 && found >= COMPANY_FOUND_LEAST) {
            return 0;
        }
        (COMPANY_FRAMES * lasted / u64::from(self.casts)).min(COMPANY_REST_US)
    }

    /// How long the thread may rest when a turn that began at `began` has left nothing to read, µs.
    pub fn rest(&self, began: u64, now: u64) -> u64 {
        (began + self.every).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns `every` µs apart for `lasting` µs from `now` on, which find so many frames to groups each; the rest after the last.
    fn turns(company: &mut Company, now: &mut u64, every: u64, found: u32, lasting: u64) -> u64 {
        let end = *now + lasting;
        while *now < end {
            company.saw(*now, found, false);
            *now += every;
        }
        company.rest(*now, *now)
    }

    /// A frame to a group every `every` µs for 100 ms.
    fn stream(company: &mut Company, now: &mut u64, every: u64) -> u64 {
        turns(company, now, every, 1, 100_000)
    }

    #[test]
    fn a_fast_stream_to_groups_waits_for_a_few_of_its_packets_and_no_longer_than_the_limit() {
        let (mut company, mut now) = (Company::default(), 5_000_000);
        assert_eq!(
            stream(&mut company, &mut now, 1_000),
            0,
            "1,000 a second leave at once"
        );
        let rest = stream(&mut company, &mut now, 200);
        assert_eq!(rest, COMPANY_REST_US, "5,000 a second");
        let rest = stream(&mut company, &mut now, 12);
        assert!((460..=500).contains(&rest), "83,000 a second: {rest}");
        // As long as they come as they are waited for, it goes on.
        let rest = turns(&mut company, &mut now, rest, COMPANY_FRAMES as u32, 200_000);
        assert!((460..=500).contains(&rest), "83,000 a second: {rest}");
        assert_eq!(stream(&mut company, &mut now, 1_000), 0, "slow again");
    }

    #[test]
    fn who_finds_company_anyway_does_not_rest() {
        let (mut company, mut now) = (Company::default(), 5_000_000);
        for found in [COMPANY_FOUND_LEAST, 64] {
            assert_eq!(turns(&mut company, &mut now, 200, found, 100_000), 0);
        }
    }

    #[test]
    fn who_comes_back_too_late_does_not_rest_for_a_while() {
        let (mut company, mut now) = (Company::default(), 5_000_000);
        assert!(stream(&mut company, &mut now, 25) > 0);
        assert_eq!(
            turns(&mut company, &mut now, 2_000, COMPANY_FOUND_MOST + 1, 40_000),
            0
        );
        let windows = |count| count * COMPANY_WINDOW_US;
        let barred = windows(u64::from(COMPANY_NOT_FOR) - 2);
        assert_eq!(turns(&mut company, &mut now, 25, 1, barred), 0);
        assert!(turns(&mut company, &mut now, 25, 1, windows(4)) > 0);
    }

    #[test]
    fn what_the_turn_took_is_part_of_the_rest() {
        let (mut company, mut now) = (Company::default(), 5_000_000);
        let rest = stream(&mut company, &mut now, 100);
        assert_eq!(company.rest(now, now + 100), rest - 100);
        assert_eq!(company.rest(now, now + 5_000), 0);
    }

    #[test]
    fn a_packet_to_a_member_ends_the_waiting_at_once() {
        let (mut company, mut now) = (Company::default(), 5_000_000);
        assert!(stream(&mut company, &mut now, 100) > 0);
        company.saw(now, 3, true);
        assert_eq!(company.rest(now, now), 0);
        // Every few milliseconds one: it never begins again.
        for _ in 0..100 {
            for _ in 0..50 {
                company.saw(now, 1, false);
                assert_eq!(company.rest(now, now), 0);
                now += 100;
            }
            company.saw(now, 0, true);
        }
    }

    #[test]
    fn after_a_pause_the_first_packets_leave_at_once() {
        let (mut company, mut now) = (Company::default(), 5_000_000);
        assert!(stream(&mut company, &mut now, 100) > 0);
        now += 1_000_000;
        company.saw(now, 1, false);
        assert_eq!(company.rest(now, now), 0);
    }
}
