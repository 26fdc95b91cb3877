//! The one unsafe corner: a descriptor that systemd passes by number.
use std::os::fd::{FromRawFd, OwnedFd};

const FIRST_PASSED: i32 = 3;

/// The listening socket of a socket-activated unit (LISTEN_FDS), if that is how we were started.
pub fn passed_socket() -> Option<OwnedFd> {
    let pid = std::env::var("LISTEN_PID").ok()?.parse::<u32>().ok()?;
    let count = std::env::var("LISTEN_FDS").ok()?.parse::<u32>().ok()?;
    if pid != std::process::id() || count != 1 {
        return None;
    }
    // SAFETY: systemd opened descriptor 3 for this very process (LISTEN_PID matches), and nothing else has taken it: this is
    // called once, before any other descriptor is opened.
    Some(unsafe { OwnedFd::from_raw_fd(FIRST_PASSED) })
}
