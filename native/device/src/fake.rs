//! An adapter in memory: a pair of datagram sockets, so that it can be waited for like a real one.

use crate::{Device, Features, Kind};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

/// One end of a cable between the data plane and a test.
#[derive(Debug)]
pub struct FakeDevice {
    socket: UnixDatagram,
    features: Features,
}

/// Two ends: what one sends the other receives.
///
/// # Errors
/// As the system says.
pub fn pair(features: Features) -> io::Result<(FakeDevice, FakeDevice)> {
    let (a, b) = UnixDatagram::pair()?;
    a.set_nonblocking(true)?;
    b.set_nonblocking(true)?;
    Ok((
        FakeDevice { socket: a, features },
        FakeDevice { socket: b, features },
    ))
}

impl FakeDevice {
    pub const KIND: Kind = Kind::Tap;
}

impl Device for FakeDevice {
    fn recv_batch(&self, buffers: &mut [Vec<u8>], lengths: &mut [usize]) -> io::Result<usize> {
        for (i, buffer) in buffers.iter_mut().enumerate() {
            match self.socket.recv(buffer) {
                Ok(0) if i == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Ok(i),
                Ok(n) => lengths[i] = n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(i),
                Err(e) if i == 0 => return Err(e),
                Err(_) => return Ok(i),
            }
        }
        Ok(buffers.len())
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        // One datagram needs one buffer; a fake may copy.
        let frame: Vec<u8> = parts.iter().flat_map(|p| p.iter().copied()).collect();
        self.socket.send(&frame).map(|_| ())
    }

    fn features(&self) -> Features {
        self.features
    }

    fn raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
