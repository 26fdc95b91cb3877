//! What a plane did and refused, by name.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Totals since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// (name, count) of all, zeros included.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($text, self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Casts of others that were taken.
    taken = "treeCasts",
    /// Copies that went on, own and others'.
    copies = "treeCopies",
    /// Taken casts that had been missing.
    filled = "treeFilled",
    /// Sequences that were given up.
    lost = "treeLost",
    unknown_tree = "treeUnknown",
    unknown_epoch = "treeUnknownEpoch",
    wrong_parent = "treeWrongParent",
    duplicates = "treeDuplicates",
    malformed = "treeMalformed",
    /// Casts that the previous hop may not bring.
    hop_rate = "treeHopRate",
    /// Casts that the origin may not send.
    origin_rate = "treeOriginRate",
    /// Casts that were not passed on, because this node may not send more for that tree.
    tree_rate = "treeRate",
    /// The same, because the uplink is full and others want their shares of it.
    uplink_full = "treeUplinkFull",
    bad_tags = "treeBadTags",
    /// Casts that are not what their origin signed.
    bad_signatures = "treeBadSignatures",
    /// Casts that found no room in the cache.
    not_kept = "treeNotKept",
    /// Messages with beats.
    beats_sent = "treeBeats",
    /// Messages that ask for what is missing, or for a sign of life.
    asks_sent = "treeAsks",
    /// Casts sent again.
    resent = "treeResent",
    /// Asked for, but not kept any more, or beyond what one peer may ask.
    not_resent = "treeNotResent",
    /// Messages with parity.
    parity_sent = "treeParity",
    /// Casts that parity gave back.
    recovered = "treeRecovered",
    /// Blocks of casts that got no parity, because too many waited or this node may not send more for that tree.
    no_parity = "treeNoParity",
    grafts_sent = "treeGrafts",
    /// This node moved to another parent.
    moved = "treeMoved",
    adopted = "treeAdopted",
    /// Grafts refused here.
    not_adopted = "treeNotAdopted",
    /// Messages of peers without such a part in the tree.
    wrong_peer = "treeWrongPeer",
}
