//! macOS and Windows: not built yet. The same interface, and one clear error.

use crate::{BindError, ErrorCode, Message, Options, SendFailure};
use std::io;
use std::net::SocketAddr;

/// Never exists here: binding fails.
#[derive(Debug)]
pub enum UdpSocket {}

impl UdpSocket {
    pub const FULL_WAIT_MS: u32 = 4;

    /// # Errors
    /// Always `unsupported`.
    pub fn bind(_address: SocketAddr, _options: Options) -> Result<UdpSocket, BindError> {
        let message = "Weft's data plane runs on Linux only so far.".to_string();
        Err(BindError {
            code: ErrorCode::Unsupported,
            message,
        })
    }

    pub fn local_address(&self) -> SocketAddr {
        match *self {}
    }

    pub fn reaches(&self, _remote: SocketAddr, _v6_only: bool) -> bool {
        match *self {}
    }

    pub fn fullness(&self) -> u32 {
        match *self {}
    }

    pub fn set_quiet(&self, _on: bool) {
        match *self {}
    }

    pub fn is_quiet(&self) -> bool {
        match *self {}
    }

    pub fn cut(&self) -> u64 {
        match *self {}
    }

    /// # Errors
    /// Never called.
    pub fn recv_batch(&self, _batch: &mut RecvBatch, _limit: usize) -> io::Result<usize> {
        match *self {}
    }

    /// # Errors
    /// Never called.
    pub fn recv_sparse(&self, _batch: &mut RecvBatch, _limit: usize) -> io::Result<usize> {
        match *self {}
    }

    pub fn send_batch(&self, _messages: &[Message<'_>], _failed: &mut dyn FnMut(usize, SendFailure)) -> u64 {
        match *self {}
    }
}

/// Empty for ever.
#[derive(Debug, Default)]
pub struct RecvBatch;

/// See the Linux version.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub start: usize,
    pub end: usize,
    pub segment: usize,
    pub from: SocketAddr,
    pub class: u8,
}

/// See the Linux version.
#[derive(Debug)]
pub struct Datagrams<'a> {
    pub bytes: &'a mut [u8],
    pub segment: usize,
    pub from: SocketAddr,
}

impl RecvBatch {
    pub const BUFFERS: usize = 0;

    pub fn new() -> RecvBatch {
        RecvBatch
    }

    pub fn len(&self) -> usize {
        0
    }

    pub fn is_empty(&self) -> bool {
        true
    }

    pub fn bytes(&self) -> usize {
        0
    }

    pub fn storage(&mut self) -> &mut [u8] {
        &mut []
    }

    pub fn place(&self, _i: usize) -> Option<Place> {
        None
    }

    pub fn datagrams(&mut self, _i: usize) -> Option<Datagrams<'_>> {
        None
    }
}
