use super::*;
use std::collections::VecDeque;

/// One line out, a sender and what others say of it, a millisecond at a time.
struct World {
    /// Bytes a second that leave the line, and what its queue holds.
    carries: u64,
    queue: u64,
    /// What is wanted, bytes a second.
    wants: u64,
    /// Lost on every way whatever is sent, ‰.
    radio: u64,
    ways: u64,
    full: Fullness,
    now: u64,
    backlog: u64,
    /// What stands in the queue: for each frame how many were lost before it, and one.
    standing: VecDeque<u64>,
    jumped: u64,
    /// Since the last word of the others: what reached them as if nothing were lost by radio, and what left then.
    came: u64,
    passed: u64,
    dice: u64,
}

const FRAME: u64 = 1_000;

/// What came of a second.
#[derive(Debug, Default, Clone, Copy)]
struct Second {
    sent: u64,
    /// ‰ of what was sent, by the queue.
    lost: u64,
    limit: u64,
}

impl World {
    fn new(carries: u64, wants: u64) -> World {
        World {
            carries,
            queue: carries * 3 / 10,
            wants,
            radio: 0,
            ways: 3,
            full: Fullness::default(),
            now: S,
            backlog: 0,
            standing: VecDeque::new(),
            jumped: 0,
            came: 0,
            passed: 0,
            dice: 1,
        }
    }

    /// 0 … 999, the same in each run.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.dice >> 33) % 1_000
    }

    fn second(&mut self) -> Second {
        let (mut second, mut lost, mut credit) = (Second::default(), 0, 0);
        let (mut sent, mut wanted, mut line, mut before) = (0, false, 0, 0);
        for ms in 0..1_000 {
            self.now += MS;
            let limit = self.full.limit;
            let rate = if limit == 0 {
                self.wants
            } else {
                self.wants.min(limit)
            };
            wanted |= self.wants > rate;
            credit += rate;
            line = (line + self.carries).min(self.carries + FRAME * 1_000);
            while line >= FRAME * 1_000 {
                let Some(jumped) = self.standing.pop_front() else {
                    break;
                };
                line -= FRAME * 1_000;
                self.backlog -= FRAME;
                let is_lost = self.roll() < self.radio;
                self.jumped += jumped;
                if !is_lost {
                    self.passed += std::mem::take(&mut self.jumped);
                    self.came += 1;
                }
            }
            while credit >= FRAME * 1_000 {
                credit -= FRAME * 1_000;
                sent += FRAME;
                second.sent += FRAME;
                if self.backlog + FRAME > self.queue {
                    lost += 1;
                    before += 1;
                } else {
                    self.backlog += FRAME;
                    self.standing.push_back(1 + std::mem::take(&mut before));
                }
            }
            if ms % 100 == 99 {
                self.speak();
                wanted = self.full.look(
                    self.now,
                    if self.full.ways.is_empty() { sent * 10 } else { 0 },
                    wanted,
                ) == u64::MAX;
                sent = 0;
            }
        }
        second.lost = lost * 1_000 * FRAME / second.sent.max(1);
        second.limit = self.full.limit;
        second
    }

    /// Others say what they heard, each of its part, if something was lost.
    fn speak(&mut self) {
        let (passed, came) = (self.passed / self.ways, self.came / self.ways);
        (self.passed, self.came) = (0, 0);
        if passed < 20 || (passed - came) * 33 <= passed {
            return;
        }
        for way in 0..self.ways {
            let said = Said {
                span: 100 * MS,
                passed: passed as u32,
                came: came as u32,
                bytes: came * FRAME,
            };
            self.full.said(self.now, way, &said);
        }
    }

    fn run(&mut self, seconds: usize) -> Vec<Second> {
        (0..seconds).map(|_| self.second()).collect()
    }
}

#[test]
fn a_full_line_is_found_within_a_second_and_used_afterwards() {
    for times in [2, 15, 120] {
        let mut world = World::new(2_500_000, 2_500_000 * times);
        let seen = world.run(120);
        let first = seen.iter().position(|s| s.limit != 0);
        assert!(first <= Some(1), "{times}: {seen:?}");
        let later = &seen[3..];
        let lost = later.iter().map(|s| s.lost).sum::<u64>() / later.len() as u64;
        assert!(lost <= 10, "{times}: {lost} ‰ lost: {later:?}");
        let sent = later.iter().map(|s| s.sent).sum::<u64>() / later.len() as u64;
        assert!(sent > world.carries * 8 / 10, "{times}: {sent}");
    }
}

#[test]
fn what_radio_loses_is_not_taken_for_a_full_line() {
    for radio in [20, 50, 100, 150, 200] {
        let mut world = World::new(100_000_000, 5_000_000);
        world.radio = radio;
        let seen = world.run(300);
        assert!(seen.iter().all(|s| s.limit == 0), "{radio}: {seen:?}");
    }
}

/// Whatever loses that much without being full is held back for some seconds, and then not again for a minute and more.
#[test]
fn where_less_does_not_help_all_is_sent_again() {
    let mut world = World::new(100_000_000, 5_000_000);
    world.radio = 400;
    let seen = world.run(600);
    let held = seen.iter().filter(|s| s.limit != 0).count();
    assert!((1..=40).contains(&held), "{held}");
    let least = seen.iter().map(|s| s.sent).min();
    assert!(least > Some(900_000), "{least:?}");
}

#[test]
fn one_way_that_loses_says_nothing_about_the_uplink() {
    let mut world = World::new(1_000_000, 5_000_000);
    world.ways = 1;
    assert!(world.run(30).iter().all(|s| s.limit == 0));
    // Nor do some that take little of what leaves.
    let mut full = Fullness::default();
    for n in 0..50 {
        for way in 0..3 {
            let said = Said {
                span: 200 * MS,
                passed: 100,
                came: 40,
                bytes: 40 * FRAME,
            };
            full.said(n * 200 * MS, way, &said);
        }
        assert_eq!(full.look(n * 200 * MS, 2_000_000, false), 0);
    }
}

#[test]
fn a_line_that_became_wider_is_used_again() {
    let mut world = World::new(2_500_000, 20_000_000);
    world.run(10);
    (world.carries, world.queue) = (40_000_000, 12_000_000);
    let seen = world.run(90);
    let back = seen.iter().position(|s| s.sent > 19_000_000);
    assert!(back < Some(75), "{seen:?}");
    assert_eq!(seen.last().map(|s| s.limit), Some(0));
}

#[test]
fn a_line_that_became_narrower_is_found_again() {
    let mut world = World::new(5_000_000, 20_000_000);
    world.run(10);
    (world.carries, world.queue) = (1_000_000, 300_000);
    let seen = world.run(60);
    let lost = seen[4..].iter().map(|s| s.lost).sum::<u64>() / 56;
    assert!(lost <= 10, "{lost}: {seen:?}");
    let sent = seen[4..].iter().map(|s| s.sent).sum::<u64>() / 56;
    assert!(sent > 700_000 && sent < 1_050_000, "{sent}");
}

#[test]
fn when_nobody_wants_more_nothing_is_held_back_any_more() {
    let mut world = World::new(2_500_000, 20_000_000);
    assert_ne!(world.run(5)[4].limit, 0);
    world.wants = 500_000;
    let seen = world.run(40);
    assert!(seen[..25].iter().all(|s| s.limit != 0 && s.sent == 500_000));
    assert_eq!(seen[35].limit, 0);
}

/// Radio that begins to lose while a narrow line is known makes it no narrower.
#[test]
fn losses_that_come_later_do_not_lead_downwards() {
    let mut world = World::new(2_500_000, 20_000_000);
    world.run(10);
    world.radio = 80;
    let seen = world.run(60);
    let least = seen.iter().map(|s| s.limit).filter(|limit| *limit > 0).min();
    assert!(least > Some(1_000_000), "{least:?}");
    let sent = seen[10..].iter().map(|s| s.sent).sum::<u64>() / 50;
    assert!(sent > 1_900_000, "{sent}: {seen:?}");
}
