//! The one trait of adapters.

use std::io::{self, IoSlice};

/// Bytes of virtio-net header before every frame.
pub const VNET_LEN: usize = 10;
/// A buffer of this size holds every frame of any adapter: virtio-net header, Ethernet header (with tag) and 64 KiB of packet.
pub const FRAME_BUFFER: usize = VNET_LEN + 18 + 65_536;

/// What an adapter carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet frames.
    Tap,
    /// IP packets.
    Tun,
}

/// Whether offloads may be used at all (`WEFT_OFFLOADS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Offloads {
    /// Whatever the kernel takes.
    #[default]
    Auto,
    /// None: every frame is one packet with a full checksum.
    None,
}

/// What the kernel agreed to, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Features {
    /// Checksums may be left partial.
    pub checksum: bool,
    /// Runs of TCP segments (TSO for IPv4 and IPv6, with ECN).
    pub tcp: bool,
    /// Runs of equal datagrams (USO, Linux 6.2 and newer).
    pub udp: bool,
}

/// An adapter. Never blocks; may be used by several threads at once (one frame is one system call, so frames never mix).
pub trait Device: Send + Sync {
    /// Reads up to one frame per buffer, header first; `lengths[i]` bytes of `buffers[i]`. Returns how many were there, 0 for none.
    /// Buffers of [`FRAME_BUFFER`] bytes are always large enough.
    ///
    /// # Errors
    /// The adapter is gone (`EBADFD`, `ENODEV`, end of file) or failed. Frames read before the error are returned first.
    fn recv_batch(&self, buffers: &mut [Vec<u8>], lengths: &mut [usize]) -> io::Result<usize>;

    /// Writes one frame gathered from `parts` (header first).
    ///
    /// # Errors
    /// `WouldBlock` when the adapter takes no more now; others as the system says (`EIO` while the interface is down).
    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<()>;

    /// Writes frames in order until one fails; returns how many were taken.
    ///
    /// # Errors
    /// Only when not even the first was taken.
    fn send_batch(&self, frames: &[&[IoSlice<'_>]]) -> io::Result<usize> {
        for (i, frame) in frames.iter().enumerate() {
            match self.send(frame) {
                Ok(()) => {}
                Err(error) if i == 0 => return Err(error),
                Err(_) => return Ok(i),
            }
        }
        Ok(frames.len())
    }

    /// Agreed offloads.
    fn features(&self) -> Features;

    /// The descriptor to wait on.
    #[cfg(unix)]
    fn raw_fd(&self) -> std::os::fd::RawFd;
}
