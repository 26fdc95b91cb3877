//! Multicast trees: who passes what on to whom, and what is missing.

mod gaps;
mod trees;

pub use gaps::{ASKS_OF_PARENT, Ask, GAPS_MAX, Gaps, REORDER, RETRY_MIN};
pub use trees::{
    ADOPTABLE_MAX, BACKUPS_MAX, CHILDREN_MAX, EPOCHS_KEPT, LEASE, Part, TREES_MAX, TreeError, TreeName,
    TreeRefusal, Trees,
};
