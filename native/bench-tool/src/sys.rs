//! System calls that the standard library does not have.
use std::io::{Error, Result};
use std::mem::size_of;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams of one recvmmsg.
const RECEIVE_BATCH: usize = 64;

fn set<T>(socket: &UdpSocket, level: i32, name: i32, value: &T) -> Result<()> {
    // SAFETY: the pointer and the length are those of `value`, which lives for the call; the kernel only reads it.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}

/// Multicast goes out of the interface that holds `address`.
pub fn set_multicast_interface(socket: &UdpSocket, address: Ipv4Addr) -> Result<()> {
    let address = libc::in_addr {
        s_addr: u32::from(address).to_be(),
    };
    set(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &address)
}

/// Sends of several times `size` bytes are cut into datagrams of `size` by the kernel.
pub fn set_segment(socket: &UdpSocket, size: usize) -> Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, &(size as i32))
}

/// Trains of equal datagrams arrive as one.
pub fn set_gro(socket: &UdpSocket) -> Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO, &1i32)
}

/// Beyond the system's limit where that is allowed.
pub fn set_receive_buffer(socket: &UdpSocket, bytes: i32) -> Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &bytes)
        .or_else(|_| set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &bytes))
}

fn header(buffer: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid mmsghdr: no address, no buffers, no control data.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = buffer;
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// Sends `bytes` as datagrams of `size` to the connected address; returns how many went.
pub fn send_batch(socket: &UdpSocket, bytes: &[u8], size: usize) -> Result<usize> {
    let mut buffers: Vec<libc::iovec> = bytes
        .chunks_exact(size)
        .map(|datagram| libc::iovec {
            iov_base: datagram.as_ptr().cast_mut().cast(),
            iov_len: datagram.len(),
        })
        .collect();
    let mut headers: Vec<libc::mmsghdr> = buffers.iter_mut().map(header).collect();
    // SAFETY: each header points to one element of `buffers`, each of these into `bytes`; both outlive the call, which only
    // reads what they point to.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as u32, 0) };
    usize::try_from(sent).map_err(|_| Error::last_os_error())
}

/// Room for datagrams, used again and again.
pub struct Batch {
    room: usize,
    bytes: Vec<u8>,
    lengths: [usize; RECEIVE_BATCH],
    count: usize,
}

impl Batch {
    /// `room`: bytes that one datagram may have; longer ones are cut.
    pub fn new(room: usize) -> Batch {
        Batch {
            room,
            bytes: vec![0; room * RECEIVE_BATCH],
            lengths: [0; RECEIVE_BATCH],
            count: 0,
        }
    }

    /// Waits for one datagram and takes what else is there; returns how many came.
    pub fn receive(&mut self, socket: &UdpSocket) -> Result<usize> {
        let mut buffers: [libc::iovec; RECEIVE_BATCH] = std::array::from_fn(|index| libc::iovec {
            iov_base: self.bytes[index * self.room..(index + 1) * self.room]
                .as_mut_ptr()
                .cast(),
            iov_len: self.room,
        });
        let mut headers = buffers.each_mut().map(header);
        // SAFETY: each header points to one element of `buffers`, each of these to its own part of `self.bytes` with its
        // length; all outlive the call. No address or control buffer is given. A null timeout means none.
        let came = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                RECEIVE_BATCH as u32,
                libc::MSG_WAITFORONE,
                std::ptr::null_mut(),
            )
        };
        self.count = usize::try_from(came).map_err(|_| Error::last_os_error())?;
        for (length, header) in self.lengths.iter_mut().zip(&headers) {
            *length = (header.msg_len as usize).min(self.room);
        }
        Ok(self.count)
    }

    /// What the last `receive` brought.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .chunks_exact(self.room)
            .zip(self.lengths)
            .take(self.count)
            .map(|(bytes, length)| &bytes[..length])
    }
}
