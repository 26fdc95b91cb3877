//! Network adapters: frames in, frames out, in batches, into and out of the caller's buffers.
//!
//! * [`Device`]: what the data plane needs of an adapter; [`fake`] is one in memory, for tests without rights.
//! * [`Adapter`]: a TAP or TUN of Linux with virtio-net headers and every offload that the kernel takes.
//! * [`link`]: name, MTU, addresses and state of a network interface, by ioctl.
//!
//! Every frame is preceded by [`VNET_LEN`] bytes of virtio-net header (all zero: nothing special about this frame).
mod device;
mod error;
#[cfg(unix)]
pub mod fake;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod platform;

pub use device::{Device, FRAME_BUFFER, Features, Kind, Offloads, VNET_LEN};
pub use error::{DeviceError, ErrorCode};
pub use platform::{Adapter, link};
