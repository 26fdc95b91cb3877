//! Waiting for company. Packets to groups that come one by one, thousands a second, would wake the adapter's thread and every member of their
//! tree one by one. While nothing else is sent, the thread rests between its turns, and what came meanwhile leaves as one run for each
//! neighbour, which wakes everybody once. Still faster ones find company anyway, and who rests then comes too late to a full queue.

use crate::limits::{COMPANY_FRAMES, COMPANY_REST_US, COMPANY_STREAM, COMPANY_WINDOW_US};

/// What the last windows brought.
#[derive(Default)]
pub struct Company {
    /// When the window at hand began, µs.
    since: u64,
    /// Frames to groups in it.
    casts: u32,
    /// From the begin of a turn to that of the next, as the last window had it, µs; 0: no rest.
    every: u64,
}

impl Company {
    /// Tells of a turn: frames to groups, and whether there were others, which nobody may keep waiting.
    pub fn saw(&mut self, now: u64, casts: u32, others: bool) {
        if others {
            *self = Company {
                since: now,
                ..Company::default()
            };
            return;
        }
        let lasted = now.saturating_sub(self.since);
        if lasted >= COMPANY_WINDOW_US {
            // Nobody saw a window end in time that brought little.
            let is_stream = lasted < 2 * COMPANY_WINDOW_US && COMPANY_STREAM.contains(&self.casts);
            self.every = if is_stream {
                (COMPANY_FRAMES * lasted / u64::from(self.casts)).min(COMPANY_REST_US)
            } else {
                0
            };
            (self.since, self.casts) = (now, 0);
        }
        self.casts += casts;
    }

    /// How long the thread may rest when a turn that began at `began` has left nothing to read, µs.
    pub fn rest(&self, began: u64, now: u64) -> u64 {
        (began + self.every).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame to a group every `every` µs for 100 ms from `now` on; the rest after the last.
    fn stream(company: &mut Company, now: &mut u64, every: u64) -> u64 {
        let end = *now + 100_000;
        while *now < end {
            company.saw(*now, 1, false);
            *now += every;
        }
        company.rest(*now, *now)
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
        assert!(rest > 900 && rest <= COMPANY_REST_US, "5,000 a second: {rest}");
        let rest = stream(&mut company, &mut now, 50);
        assert!((480..=520).contains(&rest), "20,000 a second: {rest}");
        assert_eq!(
            stream(&mut company, &mut now, 20),
            0,
            "50,000 a second find it anyway"
        );
        assert_eq!(stream(&mut company, &mut now, 1_000), 0, "slow again");
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
