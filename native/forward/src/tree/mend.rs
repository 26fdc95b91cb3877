//! Parity as it comes, and how it is asked for and given: the two ends of one hop.

use super::config::Repair;
use super::limits::{BLOCK_FOR, BLOCKS_MISSING_MAX, CACHE_FOR, PARITY_MAX, REORDER};
use super::losses::shards;
use super::node::Tree;
use super::resends::Resends;
use super::ticks::Tools;
use super::wire::{Block, Parity};
use crate::builder::PeerId;

/// Parity comes this much later than the last cast of its block at most, but for what the way adds: only then is asked for
/// what it did not give back.
const PATIENCE: u64 = BLOCK_FOR + 2 * REORDER;

/// A block of which casts are missing.
#[derive(Debug)]
struct Torn {
    block: Block,
    came: u64,
    shards: Vec<(u8, Vec<u8>)>,
}

/// The blocks of one tree of which casts are missing, the oldest first.
#[derive(Debug, Default)]
pub struct Mending(Vec<Torn>);

impl Mending {
    fn put(&mut self, now: u64, parity: &Parity<'_>) -> usize {
        self.0.retain(|torn| now < torn.came + CACHE_FOR);
        let place = self.0.iter().position(|torn| torn.block == parity.block);
        let place = place.unwrap_or_else(|| {
            if self.0.len() >= BLOCKS_MISSING_MAX {
                self.0.remove(0);
            }
            self.0.push(Torn {
                block: parity.block,
                came: now,
                shards: Vec::with_capacity(PARITY_MAX),
            });
            self.0.len() - 1
        });
        let shards = &mut self.0[place].shards;
        let is_new = shards.iter().all(|(index, _)| *index != parity.index);
        let fits = shards
            .first()
            .is_none_or(|(_, shard)| shard.len() == parity.shard.len());
        if is_new && fits {
            shards.push((parity.index, parity.shard.to_vec()));
        }
        place
    }
}

/// Parity of a block from one that feeds this node.
pub(super) fn take(tree: &mut Tree, now: u64, from: PeerId, parity: &Parity<'_>, tools: &mut Tools<'_>) {
    let block = parity.block;
    let Some(stream) = tree.streams.get(block.key_id) else {
        return;
    };
    let is_missing = |sequence: &u64| !stream.seen.has(*sequence);
    let missing = block.sequences().filter(is_missing).count();
    if tree.repair() != Repair::Fec || missing == 0 {
        tree.mending.0.retain(|torn| torn.block != block);
        return;
    }
    let place = tree.mending.put(now, parity);
    if missing > tree.mending.0[place].shards.len() {
        return;
    }
    let torn = tree.mending.0.remove(place);
    let Tools {
        cache,
        codec,
        counters,
        out,
        ..
    } = tools;
    let kept = |sequence| {
        let kept = cache.get(&tree.shelf, now, block.key_id, sequence);
        kept.map(|kept| kept.body)
    };
    let mended = codec.mend(block, &torn.shards, kept, |body| {
        counters.recovered += 1;
        out.recovered(from, body);
    });
    counters.malformed += u64::from(mended.is_none());
}

/// Sends the parity of blocks that are through to those children whose losses call for it, as far as casts leave room for it.
pub(super) fn send(tree: &mut Tree, now: u64, tools: &mut Tools<'_>, resends: &Resends) {
    while let Some(block) = tree.coding.take(now) {
        let mut children = Vec::new();
        tree.listeners(now, tree.live, None, &mut children);
        let of = |peer: &PeerId| shards(block.casts(), tree.coding.losses.of(now, *peer));
        let wants: Vec<(PeerId, usize)> = children.iter().map(|peer| (*peer, of(peer))).collect();
        let most = wants.iter().map(|(_, n)| *n).max().unwrap_or(0);
        if most == 0 {
            continue;
        }
        let Tools {
            cache,
            codec,
            counters,
            writer,
            out,
        } = tools;
        let (is_origin, purse, name) = (tree.is_origin(), &mut tree.purse, tree.name);
        let made = codec.parity(now, block, (cache, &tree.shelf), most, |index, shard| {
            let parity = Parity {
                name,
                block,
                index,
                shard,
            };
            writer.parity(&parity);
            for (peer, _) in wants.iter().filter(|(_, n)| usize::from(index) < *n) {
                let len = writer.bytes().len();
                if !resends.may_add(now, len) || purse.take(now, is_origin, 1, len).is_err() {
                    counters.no_parity += 1;
                } else if out.control(*peer, writer.bytes()) {
                    counters.parity_sent += 1;
                }
            }
        });
        counters.no_parity += u64::from(made.is_none());
    }
}

/// Tells the feeder how much is lost on the way here.
pub(super) fn tell_losses(tree: &mut Tree, now: u64, tools: &mut Tools<'_>) {
    if now < tree.measured.next || !tree.runs(now) {
        return;
    }
    let Some(permille) = tree.measured.look(now, tree.streams.counts()) else {
        return;
    };
    let patience = if tree.measured.is_told() {
        PATIENCE
    } else {
        REORDER
    };
    for stream in tree.streams.iter_mut() {
        stream.gaps.set_patience(patience);
    }
    if let Some(feeder) = tree.feeder() {
        tools.writer.loss(tree.name, permille);
        tools.out.control(feeder, tools.writer.bytes());
    }
}
