//! Control messages: whole, in order, once; over loss, renewal and roaming.

mod world;
use weft_session::{Level, limits};
use world::{Dice, MS, NET, S, World};

fn message(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut out = vec![0u8; len];
    dice.fill(&mut out);
    out
}

#[test]
fn messages_of_all_lengths_arrive_in_order_under_loss() {
    for (seed, loss) in [(1, 0), (2, 10), (3, 30)] {
        let mut world = World::pair(seed);
        (world.loss, world.duplicate, world.delay) = (loss, 10, (5 * MS, 60 * MS));
        let mut dice = Dice(seed);
        let lengths = [
            1,
            2,
            1_099,
            1_100,
            1_101,
            2_200,
            5_000,
            20_000,
            59_999,
            limits::MESSAGE_MAX,
        ];
        let mut sent = [Vec::new(), Vec::new()];
        for len in lengths.iter().chain(&[3; 40]) {
            for (from, to) in [(1, 2), (2, 1)] {
                let bytes = message(&mut dice, *len);
                world.say(from, to, &bytes);
                sent[from as usize - 1].push(bytes);
            }
            world.run(5 * MS);
        }
        let all = |w: &mut World| w.node(1).messages().len() == 50 && w.node(2).messages().len() == 50;
        assert!(world.run_until(240 * S, all), "loss {loss}");
        assert_eq!(world.node(2).messages(), sent[0]);
        assert_eq!(world.node(1).messages(), sent[1]);
        assert!(world.node(1).downs().is_empty() && world.node(2).downs().is_empty());
    }
}

#[test]
fn they_survive_renewal_and_roaming() {
    let mut world = World::pair(4);
    world.loss = 5;
    let mut sent = Vec::new();
    for i in 0..300u32 {
        let bytes = [i.to_be_bytes().to_vec(), vec![i as u8; 400]].concat();
        world.say(1, 2, &bytes);
        world.say(2, 1, &bytes);
        sent.push(bytes);
        world.run(S);
        if i % 50 == 25 {
            world.node(1).addr = format!("10.7.{}.7:1", i / 50).parse().unwrap();
        }
    }
    world.loss = 0;
    world.run(5 * S);
    let answers = world
        .log
        .borrow()
        .iter()
        .filter(|l| l.3[0] == weft_session::wire::ANSWER)
        .count();
    assert!(answers >= 3, "{answers}");
    assert!(world.node(1).messages() == sent && world.node(2).messages() == sent);
}

#[test]
fn the_queue_has_an_end_and_a_peer_without_session_takes_nothing() {
    let mut world = World::pair(5);
    world.dead.insert(world::addr(2));
    let now = world.now;
    let big = vec![0u8; limits::MESSAGE_MAX];
    let node = world.node(1);
    let taken = (0..100)
        .filter(|_| node.sessions.send_control(now, NET, 2, &big))
        .count();
    assert_eq!(taken, limits::QUEUE_MAX / limits::MESSAGE_MAX);
    assert!(
        !node
            .sessions
            .send_control(now, NET, 2, &vec![0; limits::MESSAGE_MAX + 1])
    );
    assert!(!node.sessions.send_control(now, NET, 9, b"nobody"));
    world.run(20 * S);
    let now = world.now;
    assert!(!world.node(1).sessions.send_control(now, NET, 2, b"down"));
}

#[test]
fn a_bulk_of_messages_is_quick_on_a_clean_path_and_spares_a_bad_one() {
    let mut world = World::pair(6);
    let began = world.now;
    for _ in 0..17 {
        world.say(1, 2, &vec![7; limits::MESSAGE_MAX]);
    }
    assert!(world.run_until(20 * S, |w| w.node(2).messages().len() == 17));
    let seconds = (world.now - began) as f64 / 1e6;
    assert!(seconds < 2.0, "1 MB in {seconds} s at 20 ms");
    // A path on which nothing arrives gets few retransmissions.
    world.dead.insert(world::addr(2));
    world.log.borrow_mut().clear();
    world.say(1, 2, &vec![7; limits::MESSAGE_MAX]);
    world.run(4 * S);
    let sent: usize = world.log.borrow().iter().map(|l| l.3.len()).sum();
    assert!(sent < 600_000, "{sent} bytes into the void");
}

#[test]
fn a_stranger_is_heard_at_its_rate() {
    let mut world = World::new(7);
    world.add(1);
    world.add(2);
    let now = world.now;
    world.node(1).know(now, 2, Level::Member);
    world.node(2).welcome = Some(Level::Stranger);
    world.connect(1, 2);
    world.run(S);
    for i in 0..1_000u32 {
        world.say(1, 2, &i.to_be_bytes());
    }
    world.run(10 * S);
    let got = world.node(2).messages();
    let most = 11 * limits::STRANGER_MESSAGES_PER_SECOND as usize;
    assert!(got.len() <= most, "{} in 10 s", got.len());
    assert!(got.len() > 60, "{} in 10 s", got.len());
    assert!(
        got.iter()
            .enumerate()
            .all(|(i, b)| *b == (i as u32).to_be_bytes())
    );
    let now = world.now;
    assert!(
        !world.node(2).sessions.send_control(now, NET, 1, &[0; 60_000]) || {
            !world.node(2).sessions.send_control(now, NET, 1, &[0; 60_000])
        }
    );
}
