//! An adapter in memory: a cable with two ends, each of which can be waited for like a real one.

use crate::{Device, Features};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames that lie in one direction of the cable; more find it full.
pub const CABLE_FRAMES_MAX: usize = 1_024;

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Vec<u8>>,
    /// Used buffers, for the next frames.
    spare: Vec<Vec<u8>>,
}

/// One end of a cable between the data plane and a test.
#[derive(Debug)]
pub struct FakeDevice {
    incoming: Arc<Mutex<Lane>>,
    outgoing: Arc<Mutex<Lane>>,
    /// One byte lies here while there are frames.
    signal: UnixStream,
    features: Features,
}

/// Two ends: what one sends the other receives.
///
/// # Errors
/// As the system says.
pub fn pair(features: Features) -> io::Result<(FakeDevice, FakeDevice)> {
    let (a, b) = UnixStream::pair()?;
    a.set_nonblocking(true)?;
    b.set_nonblocking(true)?;
    let (there, back) = (Arc::<Mutex<Lane>>::default(), Arc::<Mutex<Lane>>::default());
    let end = |incoming: &Arc<Mutex<Lane>>, outgoing: &Arc<Mutex<Lane>>, signal| FakeDevice {
        incoming: incoming.clone(),
        outgoing: outgoing.clone(),
        signal,
        features,
    };
    Ok((end(&there, &back, a), end(&back, &there, b)))
}

fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Device for FakeDevice {
    fn recv_batch(&self, buffers: &mut [Vec<u8>], lengths: &mut [usize]) -> io::Result<usize> {
        let mut lane = lock(&self.incoming);
        let mut count = 0;
        for (buffer, length) in buffers.iter_mut().zip(lengths) {
            let Some(frame) = lane.frames.pop_front() else {
                break;
            };
            *length = frame.len().min(buffer.len());
            buffer[..*length].copy_from_slice(&frame[..*length]);
            lane.spare.push(frame);
            count += 1;
        }
        if lane.frames.is_empty() {
            match (&self.signal).read(&mut [0; 16]) {
                Ok(0) if count == 0 => return Err(ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() != ErrorKind::WouldBlock => return Err(e),
                _ => {}
            }
        }
        Ok(count)
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let mut lane = lock(&self.outgoing);
        if lane.frames.len() >= CABLE_FRAMES_MAX {
            return Err(ErrorKind::WouldBlock.into());
        }
        if lane.frames.is_empty() {
            (&self.signal).write_all(&[1])?;
        }
        let mut frame = lane.spare.pop().unwrap_or_default();
        frame.clear();
        parts.iter().for_each(|p| frame.extend_from_slice(p));
        lane.frames.push_back(frame);
        Ok(())
    }

    fn features(&self) -> Features {
        self.features
    }

    fn raw_fd(&self) -> RawFd {
        self.signal.as_raw_fd()
    }
}
