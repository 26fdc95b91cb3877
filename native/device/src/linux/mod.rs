//! Linux: /dev/net/tun and the interface ioctls.

mod adapter;
pub mod link;
mod sys;

pub use adapter::Adapter;
