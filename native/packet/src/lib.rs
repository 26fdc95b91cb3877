//! Views of what crosses the adapter, and the two conversions of the fast path.
//!
//! * [`Splitter`]: one frame of the adapter (up to 64 KiB, with a virtio-net header) becomes L3 packets of at most one MTU.
//! * [`Merger`]: L3 packets in order of arrival become runs, each written to the adapter with one call.
//! * [`L3`]: a parsed IPv4 or IPv6 packet: every decision about a packet starts from it.
//!
//! Sans-IO: no clock, no socket, no thread. Nothing allocates per packet. Nothing panics on any input.
#![forbid(unsafe_code)]

pub mod answer;
pub mod arp;
mod bytes;
pub mod checksum;
mod drops;
pub mod ecn;
pub mod ether;
pub mod icmp;
pub mod igmp;
mod ipv4;
mod ipv6;
mod l3;
mod merge;
pub mod mld;
pub mod nd;
pub mod query;
pub mod report;
mod run;
mod split;
pub mod tcp;
pub mod udp;
mod vnet;

pub use drops::DropReason;
pub use ether::{Frame, Mac};
pub use l3::{Fragment, L3, Version, protocol};
pub use merge::{MERGE_FLOWS_MAX, MergeConfig, Merger};
pub use run::{RUN_BYTES_MAX, RUN_HEAD_MAX, RUN_SEGMENTS_MAX, Run, Slice};
pub use split::{Checksum, Splitter};
pub use vnet::{GsoKind, VNET_LEN, VnetHeader};
