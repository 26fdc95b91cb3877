//! One question to the elevated helper: a line there, a line and perhaps descriptors back.

use crate::error::{Code, Result, bad, coded};
use crate::sys::{self, FDS_MAX};
use napi::Error;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The whole call, connect to answer.
const CALL_MAX: Duration = Duration::from_secs(5);
/// Longest question and answer, bytes: the names of a thousand members fit, as in the helper.
const LINE_MAX: usize = 512 * 1024;

fn failed(error: &io::Error) -> Error<Code> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => coded(
            "helper-missing",
            "The helper is not running: start it as the README says.",
        ),
        io::ErrorKind::PermissionDenied => coded(
            "helper-refused",
            "This user may not use the helper: join the group weft.",
        ),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            coded("timeout", "The helper did not answer in 5 s.")
        }
        _ => coded("internal", format!("Talking to the helper failed: {error}.")),
    }
}

/// Sends `line` and returns the answer without its end of line.
pub fn call(path: &str, line: &str) -> Result<(String, Vec<OwnedFd>)> {
    if line.len() >= LINE_MAX || line.contains('\n') {
        return Err(bad(format!(
            "A question to the helper is one line of less than {LINE_MAX} bytes."
        )));
    }
    exchange(path, line).map_err(|e| failed(&e))
}

fn exchange(path: &str, line: &str) -> io::Result<(String, Vec<OwnedFd>)> {
    let deadline = Instant::now() + CALL_MAX;
    let mut socket = UnixStream::connect(path)?;
    socket.set_write_timeout(Some(CALL_MAX))?;
    socket.write_all(format!("{line}\n").as_bytes())?;
    let (mut answer, mut fds) = (Vec::new(), Vec::new());
    let mut buffer = [0; 4_096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let n = match sys::receive(&socket, &mut buffer, &mut fds) {
            // Reads with a timeout are never restarted by the kernel, and a process that starts others gets signals.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        answer.extend_from_slice(&buffer[..n]);
        if n == 0 || buffer[..n].contains(&b'\n') {
            break;
        }
        if answer.len() > LINE_MAX || fds.len() > FDS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer is too long",
            ));
        }
    }
    let text =
        String::from_utf8(answer).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not text"))?;
    match text.split_once('\n') {
        Some((first, _)) if fds.len() <= FDS_MAX => Ok((first.to_string(), fds)),
        _ => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the answer was cut off",
        )),
    }
}
