//! Every limit of this crate, with its unit.

/// Groups and ranges of groups that are looked at.
pub const GROUPS_MAX: usize = 64;
/// Datagrams whose fragments wait for the rest.
pub const GATHERING_MAX: usize = 32;
/// How long they wait, µs.
pub const GATHERING_US: u64 = 2_000_000;
/// Bytes after the IP header of one datagram.
pub const DATAGRAM_MAX: usize = 65_535;
/// Datagrams that are remembered to know them again.
pub const RECENT_MAX: usize = 1_024;
/// How long, µs: a program that sends on every interface does so within 20 ms, and on a busy machine the copies come to be looked at
/// by their two ways (helper and adapter) that much more apart.
pub const RECENT_US: u64 = 60_000;
