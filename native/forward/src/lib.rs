//! Where a packet goes, and whether a packet may come in. Tables are immutable snapshots: share them, replace them whole.
//! Sans-IO: time is a `u64` of microseconds that the caller passes in; nothing allocates per packet.
#![forbid(unsafe_code)]

mod accept;
mod bucket;
mod budget;
mod builder;
mod fair;
mod filter;
mod fullness;
mod hash;
mod local;
mod receivers;
mod responder;
mod rows;
mod snooper;
mod spare;
mod table;
pub mod tree;
mod uplink;

pub use accept::Delivery;
pub use bucket::{BucketLimit, ORIGINS_MAX, OriginBuckets, TokenBucket};
pub use budget::Budget;
pub use builder::{GroupReceiver, Member, Own, PeerId, TableBuilder};
pub use fair::{
    CHATTER, Ceiling, Excess, Fair, FairLimits, GROUP, GROUPS_PER_ORIGIN_MAX, ORIGIN, Offence, SHARES_MAX,
    SPELL_ENDS, is_chatter, sealed,
};
pub use filter::{FilterMode, SourceFilter};
pub use fullness::{Fullness, Said};
pub use local::LocalGroups;
pub use receivers::{ReceiverList, Receivers};
pub use responder::{ANSWER_MAX, answer_arp, answer_nd};
pub use snooper::{GROUPS_MAX, QUERY_MAX, SOURCES_MAX, Snooper, SnooperConfig};
pub use spare::Spare;
pub use table::{Table, Verdict};
pub use uplink::{FLOWS_MAX, Flow, Uplink};
pub use weft_packet::DropReason;
