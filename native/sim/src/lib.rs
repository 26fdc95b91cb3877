//! A whole overlay on a virtual clock, for tests: see README.md. [`World`] is the simulator, [`node::Node`] one member's
//! data plane without threads, sockets or clock.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod api;
mod binding;
mod clock;
mod digest;
mod flow;
mod hash;
mod kinds;
mod link;
mod math;
mod nat;
pub mod node;
mod queue;
pub mod receipts;
mod rng;
mod stack;
mod stress;
mod traffic;
pub mod underlay;
mod world;

pub use api::{CastKey, Event, GroupConfig, LocalGroup, NetworkConfig, PeerConfig, PeerStats, Way};
pub use clock::Clock;
pub use flow::FlowOptions;
pub use link::Loss;
pub use nat::Nat;
pub use receipts::Audit;
pub use rng::Rng;
pub use traffic::{Kind, Traffic};
pub use world::{HostOptions, World, WorldOptions};
