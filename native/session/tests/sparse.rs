//! Data frames that may overtake others.

mod world;

use weft_session::{DropReason, Path, wire};
use world::World;

/// A packet of node 1 for node 2 with these header flags.
fn frame(world: &mut World, flags: u8) -> Vec<u8> {
    let tx = world.node(1).txs[&2].clone();
    let mut frame = vec![0u8; wire::DATA_MIN + 8];
    frame[wire::HEADER] = wire::kind::PACKET;
    tx.seal_flagged(tx.reserve(1).unwrap(), flags, &mut frame);
    frame
}

fn open(world: &mut World, mut frame: Vec<u8>) -> Result<u8, DropReason> {
    let now = world.now;
    let opened = world.node(2).rx.open(now, Path::Link(0), &mut frame);
    opened.map(|o| o.kind())
}

#[test]
fn they_open_as_others_do_and_in_any_order() {
    let mut world = World::pair(1);
    let (first, second) = (frame(&mut world, 0), frame(&mut world, wire::SPARSE));
    assert_eq!(second[2..4], [0x80, 0]);
    for overtaken in [second, first] {
        assert_eq!(open(&mut world, overtaken), Ok(wire::kind::PACKET));
    }
}

#[test]
fn who_is_under_way_cannot_set_or_take_the_flag() {
    let mut world = World::pair(1);
    for flags in [0, wire::SPARSE] {
        let mut changed = frame(&mut world, flags);
        changed[2] ^= wire::SPARSE;
        assert_eq!(open(&mut world, changed), Err(DropReason::BadTag));
    }
}

#[test]
fn flags_that_nobody_knows_are_refused() {
    let mut world = World::pair(1);
    for flags in [1, 0x40, wire::SPARSE | 1] {
        let unknown = frame(&mut world, flags);
        assert_eq!(
            open(&mut world, unknown),
            Err(DropReason::UnknownType),
            "{flags:#x}"
        );
    }
    let mut second = frame(&mut world, 0);
    second[3] = 1;
    assert_eq!(open(&mut world, second), Err(DropReason::UnknownType));
}
