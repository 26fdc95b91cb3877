//! Descriptors that come as numbers or by message.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Descriptors taken from one message.
pub const FDS_MAX: usize = 4;

/// Takes over a descriptor that JavaScript holds as a number.
pub fn take_fd(fd: RawFd) -> io::Result<OwnedFd> {
    check_open(fd)?;
    // SAFETY: the descriptor is open, and by contract the caller hands it over.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A second descriptor of the same file.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    check_open(fd)?;
    // SAFETY: the descriptor is open, and the borrow ends with this statement.
    unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
}

fn check_open(fd: RawFd) -> io::Result<()> {
    // The standard streams are never handed over.
    if fd <= 2 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: F_GETFD takes no argument and fails for descriptors that are not open.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Reads bytes and the descriptors that come with them.
pub fn receive(socket: &UnixStream, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
    #[repr(C, align(8))]
    struct Control([u8; 64]);
    let mut control = Control([0; 64]);
    let mut slice = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: msghdr is plain data for which all zeros is a valid value.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: the header points to exclusive buffers that outlive the call.
    let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, libc::MSG_CMSG_CLOEXEC) };
    let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel wrote well-formed control messages; each SCM_RIGHTS descriptor is new and ours.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&header);
        while !at.is_null() {
            if (*at).cmsg_level == libc::SOL_SOCKET && (*at).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*at).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(at).cast::<RawFd>();
                let count = bytes / size_of::<RawFd>();
                fds.extend((0..count).map(|i| OwnedFd::from_raw_fd(data.add(i).read_unaligned())));
            }
            at = libc::CMSG_NXTHDR(&header, at);
        }
    }
    Ok(n)
}

/// Waits until `fd` is readable, or `ms` milliseconds; true when it is (or broke).
pub fn wait_readable(fd: RawFd, ms: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid entry. An interrupted wait reports nothing.
    unsafe { libc::poll(&mut poll, 1, ms) > 0 }
}
