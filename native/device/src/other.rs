//! macOS and Windows: not built yet. The same interface, and one clear error.

use crate::{Device, DeviceError, ErrorCode, Features, Kind, Offloads};
use std::io::{self, IoSlice};

fn unsupported() -> DeviceError {
    DeviceError::new(
        ErrorCode::Unsupported,
        "Weft has no network adapter on this system yet: channels and the SDK work without one.",
    )
}

/// Never exists here: every constructor fails.
#[derive(Debug)]
pub enum Adapter {}

impl Adapter {
    /// # Errors
    /// Always `unsupported`.
    pub fn create(_kind: Kind, _name: Option<&str>) -> Result<Adapter, DeviceError> {
        Err(unsupported())
    }

    /// # Errors
    /// Always `unsupported`.
    #[cfg(unix)]
    pub fn from_fd(_fd: std::os::fd::OwnedFd, _offloads: Offloads) -> Result<Adapter, DeviceError> {
        Err(unsupported())
    }

    pub fn name(&self) -> &str {
        match *self {}
    }

    /// # Errors
    /// Never called.
    pub fn set_offloads(&mut self, _offloads: Offloads) -> Result<Features, DeviceError> {
        match *self {}
    }
}

impl Device for Adapter {
    fn recv_batch(&self, _buffers: &mut [Vec<u8>], _lengths: &mut [usize]) -> io::Result<usize> {
        match *self {}
    }

    fn send(&self, _parts: &[IoSlice<'_>]) -> io::Result<()> {
        match *self {}
    }

    fn features(&self) -> Features {
        match *self {}
    }

    #[cfg(unix)]
    fn raw_fd(&self) -> std::os::fd::RawFd {
        match *self {}
    }
}

/// Nothing here yet.
pub mod link {}
