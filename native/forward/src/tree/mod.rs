//! Multicast trees: who passes what on to whom, what happens when somebody falls silent, and what is missing.

mod cache;
mod coding;
mod config;
mod control;
mod counters;
mod excess;
mod feed;
mod gaps;
pub mod limits;
mod losses;
mod mend;
mod node;
mod out;
mod pass;
mod plane;
mod resends;
mod stream;
mod ticks;
mod window;
pub mod wire;

pub use config::{
    CastName, CastRefusal, ControlRefusal, Repair, TreeConfig, TreeError, TreeEvent, TreeName, TroubleCode,
};
pub use counters::Counters;
pub use out::{Options, Out};
pub use plane::{Pass, TreePlane};
