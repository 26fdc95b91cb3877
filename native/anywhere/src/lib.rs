//! Datagrams of applications that never chose an interface, made fit for the overlay. Sans-IO: time is an argument.
#![forbid(unsafe_code)]
mod datagram;
mod gather;
mod groups;
pub mod limits;
mod recent;
mod write;

pub use datagram::Datagram;
pub use gather::Gather;
pub use groups::{Groups, Prefix, is_never};
pub use recent::{Recent, Sight, print_of};
pub use write::{Source, write};
