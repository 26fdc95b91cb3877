//! Moving a thread into a network namespace.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// From now on this thread makes its sockets in the namespace that `ip netns` calls `name`.
pub fn enter(name: &str) -> io::Result<()> {
    let file = File::open(format!("/var/run/netns/{name}"))?;
    // SAFETY: an open descriptor of a namespace; the call changes only the calling thread.
    match unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether namespaces and adapters can be made.
pub fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
