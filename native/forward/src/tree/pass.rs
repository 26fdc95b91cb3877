//! A cast on its way on.

use super::cache::{Cache, Kept};
use super::config::{CastName, Repair};
use super::counters::Counters;
use super::node::{Broke, Tree};
use super::resends::Resends;
use crate::builder::PeerId;

/// Name, who brought it, hop limit to go on with, body.
pub(super) type Cast<'a> = (&'a CastName, Option<PeerId>, u8, &'a [u8]);

/// Keeps a copy and names those to whom it goes, as far as this node may send.
pub(super) fn pass_on(
    tree: &mut Tree,
    now: u64,
    (cast, from, hop_limit, body): Cast<'_>,
    (cache, counters, resends): (&mut Cache, &mut Counters, &Resends),
    children: &mut Vec<PeerId>,
) {
    if hop_limit == 0 {
        return;
    }
    if tree.repair() != Repair::Off {
        let kept = Kept {
            key_id: cast.key_id,
            sequence: cast.sequence,
            hop_limit,
            at: now,
            body,
        };
        counters.not_kept += u64::from(!cache.put(&mut tree.shelf, kept));
    }
    if tree.repair() == Repair::Fec {
        let (due, is_given_up) = tree.coding.add(now, cast.key_id, cast.sequence, body.len());
        tree.due = tree.due.min(due);
        counters.no_parity += u64::from(is_given_up);
    }
    tree.listeners(now, cast.epoch, from, children);
    let is_origin = tree.is_origin();
    match tree.purse.take(now, is_origin, children.len(), body.len()) {
        Ok(()) => {}
        Err(Broke::Rate) => {
            counters.tree_rate += 1;
            (tree.over_rate, tree.due) = (Some(from.unwrap_or(0)), now);
            children.clear();
        }
        Err(Broke::Uplink) => {
            counters.uplink_full += 1;
            if let Some(dropped) = tree.excess.drop(now, 1) {
                tree.excess.told(now);
                (tree.over_share, tree.due) = (from.map(|hop| (hop, dropped)), now);
            }
            children.clear();
        }
    }
    let is_live = cast.epoch == tree.live || tree.part(cast.epoch).is_none();
    if is_live && !children.is_empty() {
        tree.spoke = now;
    }
    counters.copies += children.len() as u64;
    resends.passed(now, children.len(), body.len());
}
