//! Names, what the engine says of a tree, and why something is not taken.

use super::limits::TREES_MAX;
use crate::builder::PeerId;

/// A tree of a network: the origin's and its number, ≥ 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeName {
    pub origin: u64,
    pub tree: u16,
}

impl TreeName {
    pub(super) fn key(self) -> u128 {
        u128::from(self.origin) << 16 | u128::from(self.tree)
    }
}

/// What a cast's stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CastName {
    pub tree: TreeName,
    /// Wraps.
    pub epoch: u16,
    pub key_id: u32,
    /// Without flags.
    pub sequence: u64,
}

/// What is done about losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repair {
    /// Nothing, but at a graft.
    #[default]
    Off,
    /// What is missing is asked of the parent.
    Nack,
    /// Who feeds a child that loses casts adds parity, as much as its losses call for; what that does not give back is asked for.
    Fec,
}

/// This node's part in one epoch of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeConfig {
    pub name: TreeName,
    /// Wraps.
    pub epoch: u16,
    /// `None`: this node is the origin.
    pub parent: Option<PeerId>,
    /// In the order in which they are asked, ≤ `BACKUPS_MAX`.
    pub backups: Vec<PeerId>,
    /// ≤ `CHILDREN_MAX`.
    pub children: Vec<PeerId>,
    /// Who may graft itself here, ≤ `ADOPTABLE_MAX`.
    pub adoptable: Vec<PeerId>,
    pub repair: Repair,
    /// What this node may send for this tree; 0 = unlimited.
    pub bytes_per_second: u64,
    /// Groups whose packets travel here; each may bring a group's share. 0 counts as one.
    pub groups: u16,
    /// The host has left all of them since the tree was planned: who is silent is not asked, nor is anybody else.
    pub left: bool,
}

/// Why the engine's wish is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// [`TREES_MAX`] are there.
    TooManyTrees,
    TooManyPeers,
    /// Older than all epochs that are kept.
    OldEpoch,
}

/// Why a cast is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastRefusal {
    UnknownTree,
    UnknownEpoch,
    /// Neither the parent of that epoch or of a newer one, nor the backup that this node went to.
    WrongParent,
    /// Seen before, or too old to tell.
    Duplicate,
    /// The previous hop brings more than it may.
    HopRate,
    /// The origin sends more than it may, in all or by this tree.
    OriginRate,
    /// A sequence that cannot be.
    Malformed,
}

/// Why a message is not taken. What it says of trees that are not known is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRefusal {
    Malformed,
    /// A verb that this version does not know.
    UnknownVerb,
    UnknownTree,
    /// The sender has no such part in the tree.
    WrongPeer,
}

/// What the engine should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeEvent {
    /// This node went to another parent by itself.
    Grafted {
        name: TreeName,
        from: Option<PeerId>,
        to: PeerId,
    },
    /// `peer`: who is to blame; of `NoParent` the one that fell silent.
    Trouble {
        name: TreeName,
        code: TroubleCode,
        peer: PeerId,
    },
    /// More came than may: of this tree or its origin, or, without a name, by this hop. At most once a second each.
    Excess {
        name: Option<TreeName>,
        hop: PeerId,
        /// Casts dropped since it began.
        dropped: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleCode {
    NoParent,
    OverRate,
    BadTags,
    BadSignatures,
}

impl TroubleCode {
    pub const fn name(self) -> &'static str {
        match self {
            TroubleCode::NoParent => "no-parent",
            TroubleCode::OverRate => "over-rate",
            TroubleCode::BadTags => "bad-tags",
            TroubleCode::BadSignatures => "bad-signatures",
        }
    }
}

/// `a` came after `b`, as long as they are less than half the numbers apart.
pub(super) fn is_newer(a: u16, b: u16) -> bool {
    (a.wrapping_sub(b) as i16) > 0
}

const _: () = assert!(TREES_MAX <= u16::MAX as usize + 1);
