//! Tests of the control stream alone; `tests/control.rs` has those over a link.

use super::*;

fn frames(control: &mut Control, now: u64) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    control.transmit(now, &mut out);
    out
}

fn give(control: &mut Control, now: u64, frame: &[u8]) -> (Result<(), DropReason>, Vec<Vec<u8>>) {
    let mut messages = Vec::new();
    (control.receive(now, frame, &mut messages), messages)
}

#[test]
fn the_queue_is_bounded_and_lengths_are_checked() {
    let mut control = Control::new(true);
    assert!(!control.send(&[]) && !control.send(&[0; MESSAGE_MAX + 1]));
    let taken = (0..100).filter(|_| control.send(&[0; MESSAGE_MAX])).count();
    assert_eq!(taken, QUEUE_MAX / MESSAGE_MAX);
    assert!(control.queued() <= QUEUE_MAX);
    assert!(frames(&mut control, 0).len() <= PARTS_WINDOW as usize);
}

#[test]
fn parts_out_of_order_and_twice_make_one_message() {
    let (mut a, mut b) = (Control::new(true), Control::new(true));
    assert!(a.send(&[7; 5_000]));
    let mut parts = frames(&mut a, 0);
    parts.reverse();
    let mut got = Vec::new();
    for part in parts.iter().chain(&parts) {
        let (result, messages) = give(&mut b, 0, part);
        assert_eq!(result, Ok(()));
        got.extend(messages);
    }
    assert_eq!(got, vec![vec![7; 5_000]]);
    for ack in frames(&mut b, ACK_DELAY) {
        give(&mut a, 0, &ack).0.unwrap();
    }
    assert_eq!((a.queued(), a.next_deadline()), (0, None));
}

#[test]
fn wild_sequences_acks_and_shapes_are_refused_and_change_nothing() {
    let mut a = Control::new(true);
    a.send(b"x");
    let good = frames(&mut a, 0)[0].clone();
    let spoil = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let mut b = Control::new(true);
    for bad in [
        spoil(1, &64u32.to_be_bytes()),
        spoil(5, &1u32.to_be_bytes()),
        spoil(13, &[0, 1]),
        spoil(15, &[0, 200]),
        good[..CONTROL_HEAD].to_vec(),
        good[..5].to_vec(),
    ] {
        assert_eq!(give(&mut b, 0, &bad).0, Err(DropReason::BadControl), "{bad:?}");
    }
    assert_eq!(give(&mut b, 0, &good).1, vec![b"x".to_vec()]);
}

#[test]
fn a_stranger_is_slowed() {
    let (mut a, mut b) = (Control::new(true), Control::new(false));
    let (mut got, mut now) = (0, 0);
    for _ in 0..2_000 {
        a.send(b"x");
    }
    while now < 10_000_000 {
        for frame in frames(&mut a, now) {
            got += give(&mut b, now, &frame).1.len();
        }
        for ack in frames(&mut b, now + ACK_DELAY) {
            give(&mut a, now, &ack).0.unwrap();
        }
        now += 50_000;
    }
    assert!(
        got as u64 <= 11 * STRANGER_MESSAGES_PER_SECOND,
        "{got} messages in 10 s"
    );
    assert!(
        got as u64 >= 2 * STRANGER_MESSAGES_PER_SECOND,
        "{got}: not slowed to a stop"
    );
    assert!(
        !b.send(&[0; MESSAGE_MAX]) || !b.send(&[0; MESSAGE_MAX]),
        "64 KiB queue"
    );
}

#[test]
fn a_slow_line_is_not_filled_with_what_is_under_way_already() {
    const ONE_WAY: u64 = 800_000;
    const MESSAGES: usize = 60;
    let (mut a, mut b) = (Control::new(true), Control::new(true));
    let (mut to_a, mut to_b) = (VecDeque::new(), VecDeque::new());
    let (mut sent, mut got, mut late) = (0, 0, 0);
    for now in (0..60_000_000).step_by(10_000) {
        if now % 500_000 == 0 && now / 500_000 < MESSAGES as u64 {
            assert!(a.send(b"x"));
        }
        while to_a.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame): (u64, Vec<u8>) = to_a.pop_front().unwrap();
            give(&mut a, now, &frame).0.unwrap();
        }
        while to_b.front().is_some_and(|(at, _)| *at <= now) {
            let (_, frame): (u64, Vec<u8>) = to_b.pop_front().unwrap();
            got += give(&mut b, now, &frame).1.len();
        }
        for frame in frames(&mut a, now) {
            let has_part = u16_at(&frame, 15) > 0;
            sent += usize::from(has_part);
            late += usize::from(has_part && now > 10_000_000);
            to_b.push_back((now + ONE_WAY, frame));
        }
        for frame in frames(&mut b, now) {
            to_a.push_back((now + ONE_WAY, frame));
        }
    }
    assert_eq!(got, MESSAGES);
    // Each goes three times where no round trip is ever measured.
    assert!(
        2 * late <= 3 * (MESSAGES - 20),
        "{late} parts of the last {} messages",
        MESSAGES - 20
    );
    assert!(sent <= 2 * MESSAGES, "{sent} parts in all");
}
