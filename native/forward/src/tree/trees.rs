//! A node's parts in trees: the newest epochs of each, the check of who may feed it, and whom it feeds.

use crate::builder::PeerId;
use crate::hash::Map;

/// Epochs of a tree that are followed: what left by an older one still arrives while the next one settles.
pub const EPOCHS_KEPT: usize = 4;
/// Trees that a node is a part of.
pub const TREES_MAX: usize = 4096;
pub const CHILDREN_MAX: usize = 64;
pub const BACKUPS_MAX: usize = 4;
/// Those who may graft themselves here, and those who did.
pub const ADOPTABLE_MAX: usize = 256;
/// µs that an adopted child is fed without asking again.
pub const LEASE: u64 = 3_000_000;

/// A tree of a network: the origin's and its number, ≥ 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeName {
    pub origin: u64,
    pub tree: u16,
}

impl TreeName {
    fn key(self) -> u128 {
        u128::from(self.origin) << 16 | u128::from(self.tree)
    }
}

/// This node's part in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Wraps.
    pub epoch: u16,
    /// `None`: this node is the origin.
    pub parent: Option<PeerId>,
    /// In the order in which they are asked.
    pub backups: Vec<PeerId>,
    pub children: Vec<PeerId>,
    pub adoptable: Vec<PeerId>,
}

/// Why the engine's wish is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError {
    TooManyTrees,
    TooManyPeers,
    /// Older than all epochs that are kept.
    OldEpoch,
}

/// Why a packet or a graft is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeRefusal {
    UnknownTree,
    UnknownEpoch,
    /// Neither the parent of that epoch nor the backup that this node went to.
    WrongParent,
    NotAdoptable,
    Full,
}

struct Adopted {
    peer: PeerId,
    until: u64,
}

#[derive(Default)]
struct Tree {
    /// Newest first.
    parts: Vec<Part>,
    /// The backup that this node grafted itself to.
    foster: Option<PeerId>,
    adopted: Vec<Adopted>,
}

impl Tree {
    fn part(&self, epoch: u16) -> Option<&Part> {
        self.parts.iter().find(|part| part.epoch == epoch)
    }
}

/// `a` came after `b`, as long as they are less than half the numbers apart.
fn is_newer(a: u16, b: u16) -> bool {
    (a.wrapping_sub(b) as i16) > 0
}

/// All trees of one network that this node is a part of.
#[derive(Default)]
pub struct Trees {
    trees: Map<u128, Tree>,
}

impl Trees {
    pub fn new() -> Trees {
        Trees::default()
    }

    pub fn len(&self) -> usize {
        self.trees.len()
    }

    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Adds an epoch or replaces it; beyond [`EPOCHS_KEPT`] the oldest one goes. A newer epoch that names a parent ends
    /// the stay with a backup.
    ///
    /// # Errors
    /// Nothing changes when a bound is passed or the epoch is older than all that are kept.
    pub fn set(&mut self, name: TreeName, part: Part) -> Result<(), TreeError> {
        if part.children.len() > CHILDREN_MAX
            || part.backups.len() > BACKUPS_MAX
            || part.adoptable.len() > ADOPTABLE_MAX
        {
            return Err(TreeError::TooManyPeers);
        }
        if self.trees.len() >= TREES_MAX && !self.trees.contains_key(&name.key()) {
            return Err(TreeError::TooManyTrees);
        }
        let tree = self.trees.entry(name.key()).or_default();
        if let Some(known) = tree.parts.iter_mut().find(|known| known.epoch == part.epoch) {
            *known = part;
            return Ok(());
        }
        let place = tree
            .parts
            .iter()
            .take_while(|known| is_newer(known.epoch, part.epoch))
            .count();
        if place >= EPOCHS_KEPT {
            return Err(TreeError::OldEpoch);
        }
        if place == 0 {
            tree.foster = None;
        }
        tree.parts.insert(place, part);
        tree.parts.truncate(EPOCHS_KEPT);
        Ok(())
    }

    /// Forgets the tree with all its epochs and adopted children.
    pub fn remove(&mut self, name: TreeName) {
        self.trees.remove(&name.key());
    }

    /// The part in the newest epoch.
    pub fn newest(&self, name: TreeName) -> Option<&Part> {
        self.trees.get(&name.key())?.parts.first()
    }

    /// Whether a packet of that epoch may come from `from`.
    ///
    /// # Errors
    /// The reason why not, to be counted against `from`.
    pub fn accept(&self, name: TreeName, epoch: u16, from: PeerId) -> Result<(), TreeRefusal> {
        let tree = self.trees.get(&name.key()).ok_or(TreeRefusal::UnknownTree)?;
        let part = tree.part(epoch).ok_or(TreeRefusal::UnknownEpoch)?;
        // An origin takes its own packets from nobody, whatever else is set.
        let parent = part.parent.ok_or(TreeRefusal::WrongParent)?;
        if parent == from || tree.foster == Some(from) {
            Ok(())
        } else {
            Err(TreeRefusal::WrongParent)
        }
    }

    /// Hears of each peer once to which a packet of that epoch goes on: the epoch's children and who is adopted, never
    /// `from`. `from` is `None` for the origin's own packets.
    pub fn each_child(
        &self,
        now: u64,
        name: TreeName,
        epoch: u16,
        from: Option<PeerId>,
        hear: &mut dyn FnMut(PeerId),
    ) {
        let Some(tree) = self.trees.get(&name.key()) else {
            return;
        };
        let Some(part) = tree.part(epoch) else { return };
        let children = part.children.iter().copied();
        children.filter(|peer| Some(*peer) != from).for_each(&mut *hear);
        for adopted in &tree.adopted {
            let peer = adopted.peer;
            if adopted.until > now && Some(peer) != from && !part.children.contains(&peer) {
                hear(peer);
            }
        }
    }

    /// This node goes to a backup of its newest epoch, or with `None` back to its parent.
    ///
    /// # Errors
    /// `WrongParent`: no backup.
    pub fn move_to(&mut self, name: TreeName, backup: Option<PeerId>) -> Result<(), TreeRefusal> {
        let tree = self.trees.get_mut(&name.key()).ok_or(TreeRefusal::UnknownTree)?;
        let part = tree.parts.first().ok_or(TreeRefusal::UnknownEpoch)?;
        if backup.is_some_and(|peer| !part.backups.contains(&peer)) {
            return Err(TreeRefusal::WrongParent);
        }
        tree.foster = backup;
        Ok(())
    }

    /// A graft came from `peer`: it is fed for [`LEASE`], or again so long.
    ///
    /// # Errors
    /// `NotAdoptable`: the description of that epoch does not say so. `Full`: [`ADOPTABLE_MAX`] are fed.
    pub fn adopt(&mut self, now: u64, name: TreeName, epoch: u16, peer: PeerId) -> Result<(), TreeRefusal> {
        let tree = self.trees.get_mut(&name.key()).ok_or(TreeRefusal::UnknownTree)?;
        let part = tree.part(epoch).ok_or(TreeRefusal::UnknownEpoch)?;
        // A loop of two: the one that feeds this node does not take from it.
        if !part.adoptable.contains(&peer) || part.parent == Some(peer) || tree.foster == Some(peer) {
            return Err(TreeRefusal::NotAdoptable);
        }
        tree.adopted
            .retain(|adopted| adopted.until > now && adopted.peer != peer);
        if tree.adopted.len() >= ADOPTABLE_MAX {
            return Err(TreeRefusal::Full);
        }
        tree.adopted.push(Adopted {
            peer,
            until: now.saturating_add(LEASE),
        });
        Ok(())
    }

    /// A peer's session ended: it is not fed any more.
    pub fn forget_adopted(&mut self, peer: PeerId) {
        for tree in self.trees.values_mut() {
            tree.adopted.retain(|adopted| adopted.peer != peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: TreeName = TreeName { origin: 7, tree: 1 };

    fn part(epoch: u16, parent: Option<PeerId>) -> Part {
        Part {
            epoch,
            parent,
            backups: vec![8, 9],
            children: vec![2, 3],
            adoptable: vec![3, 4, 5],
        }
    }

    fn children(trees: &Trees, now: u64, epoch: u16, from: Option<PeerId>) -> Vec<PeerId> {
        let mut all = Vec::new();
        trees.each_child(now, NAME, epoch, from, &mut |peer| all.push(peer));
        all
    }

    #[test]
    fn keeps_the_newest_epochs_over_the_wrap() {
        let mut trees = Trees::new();
        for epoch in [65_534, 0, 65_535, 1] {
            trees.set(NAME, part(epoch, Some(1))).unwrap();
        }
        assert_eq!(trees.newest(NAME).unwrap().epoch, 1);
        assert_eq!(trees.set(NAME, part(65_533, Some(1))), Err(TreeError::OldEpoch));
        trees.set(NAME, part(2, Some(6))).unwrap();
        assert_eq!(trees.accept(NAME, 65_534, 1), Err(TreeRefusal::UnknownEpoch));
        // Each epoch has its own parent.
        assert_eq!(trees.accept(NAME, 65_535, 1), Ok(()));
        assert_eq!(trees.accept(NAME, 2, 6), Ok(()));
        assert_eq!(trees.accept(NAME, 2, 1), Err(TreeRefusal::WrongParent));
        assert_eq!(
            trees.accept(TreeName { origin: 7, tree: 2 }, 2, 6),
            Err(TreeRefusal::UnknownTree)
        );
    }

    #[test]
    fn an_origin_takes_its_own_tree_from_nobody() {
        let mut trees = Trees::new();
        trees.set(NAME, part(1, None)).unwrap();
        trees.move_to(NAME, Some(8)).unwrap();
        assert_eq!(trees.accept(NAME, 1, 8), Err(TreeRefusal::WrongParent));
        assert_eq!(children(&trees, 0, 1, None), [2, 3]);
    }

    #[test]
    fn a_backup_feeds_until_a_newer_epoch() {
        let mut trees = Trees::new();
        trees.set(NAME, part(1, Some(1))).unwrap();
        assert_eq!(trees.accept(NAME, 1, 8), Err(TreeRefusal::WrongParent));
        assert_eq!(trees.move_to(NAME, Some(4)), Err(TreeRefusal::WrongParent));
        trees.move_to(NAME, Some(8)).unwrap();
        assert_eq!(
            (trees.accept(NAME, 1, 8), trees.accept(NAME, 1, 1)),
            (Ok(()), Ok(()))
        );
        // An older one that comes late, or the same again, changes nothing about that.
        trees.set(NAME, part(0, Some(1))).unwrap();
        trees.set(NAME, part(1, Some(1))).unwrap();
        assert_eq!(trees.accept(NAME, 1, 8), Ok(()));
        trees.set(NAME, part(2, Some(1))).unwrap();
        assert_eq!(trees.accept(NAME, 1, 8), Err(TreeRefusal::WrongParent));
    }

    #[test]
    fn feeds_whom_it_adopted_once_for_a_lease_and_never_back() {
        let mut trees = Trees::new();
        trees.set(NAME, part(1, Some(5))).unwrap();
        assert_eq!(trees.adopt(0, NAME, 1, 6), Err(TreeRefusal::NotAdoptable));
        assert_eq!(
            trees.adopt(0, NAME, 1, 5),
            Err(TreeRefusal::NotAdoptable),
            "its own parent"
        );
        trees.adopt(0, NAME, 1, 4).unwrap();
        trees.adopt(0, NAME, 1, 3).unwrap();
        assert_eq!(children(&trees, 1, 1, Some(5)), [2, 3, 4], "3 is a child anyway");
        assert_eq!(children(&trees, 1, 1, Some(2)), [3, 4]);
        assert_eq!(children(&trees, LEASE, 1, Some(5)), [2, 3]);
        trees.adopt(LEASE, NAME, 1, 4).unwrap();
        trees.forget_adopted(4);
        assert_eq!(children(&trees, LEASE, 1, Some(5)), [2, 3]);
    }

    #[test]
    fn is_bounded() {
        let mut trees = Trees::new();
        for n in 0..TREES_MAX as u64 {
            trees
                .set(TreeName { origin: n, tree: 1 }, part(1, Some(1)))
                .unwrap();
        }
        let other = TreeName {
            origin: u64::MAX,
            tree: 1,
        };
        assert_eq!(trees.set(other, part(1, Some(1))), Err(TreeError::TooManyTrees));
        assert_eq!(trees.newest(other), None);
        trees.remove(TreeName { origin: 0, tree: 1 });
        let wide = Part {
            children: vec![1; CHILDREN_MAX + 1],
            ..part(1, None)
        };
        assert_eq!(trees.set(other, wide), Err(TreeError::TooManyPeers));
        trees.set(other, part(1, Some(1))).unwrap();
        assert_eq!(trees.len(), TREES_MAX);
    }
}
