//! The only crate with threads: sessions, tables, adapters and sockets at work.
//!
//! One receive thread owns all opening (replay windows included) and writes to the adapters; each adapter has a thread that
//! reads, seals and sends. They share immutable snapshots and atomics; orders and events cross by bounded queues.
//! [`Dataplane`] is the handle; everything it takes and gives is in [`api`].
#![cfg(target_os = "linux")]
mod adapter;
mod ahead;
mod anywhere;
pub mod api;
mod arrive;
mod casts;
mod command;
mod company;
mod core;
mod dataplane;
mod events;
mod fairness;
mod guard;
mod hold;
mod lane;
pub mod limits;
mod link_calls;
mod links;
mod network;
mod obey;
mod outbox;
mod outputs;
mod pace;
mod pacing;
mod receive;
mod relay;
mod sealing;
mod shared;
mod sparse;
mod spawn;
mod streams;
mod sys;
mod tree_calls;
mod tree_in;
mod tree_keeping;
mod tree_out;
mod tree_send;
mod uplink;
mod waiting;

pub use api::{
    AnywhereConfig, CastKey, Error, Event, FairRates, GroupConfig, LinkState, LocalGroup, NetId,
    NetworkConfig, Options, PeerConfig, PeerId, PeerStats, Repair, Stats, StreamStats, TreeConfig, Way,
};
pub use dataplane::{Dataplane, MTU_RANGE};
pub use events::Waker;
pub use link_calls::PendingLinks;
pub use links::{LinkOptions, LinkWaker};
pub use pace::Pace;
pub use weft_anywhere::Groups;
pub use weft_forward::FilterMode;
pub use weft_packet::Mac;
pub use weft_session::Secret;
