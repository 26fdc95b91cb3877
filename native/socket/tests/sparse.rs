//! Frames that say that they may overtake have a queue of their own.
#![cfg(target_os = "linux")]

use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use weft_socket::{ErrorCode, Message, Options, RecvBatch, UdpSocket};

fn bind(address: &str) -> UdpSocket {
    let options = Options {
        offloads: true,
        v6_only: false,
    };
    UdpSocket::bind(address.parse().unwrap(), options).unwrap()
}

fn send(from: &UdpSocket, remote: SocketAddr, bytes: &[u8]) {
    let parts = [IoSlice::new(bytes)];
    let message = Message {
        class: 0,
        remote,
        segment: bytes.len(),
        parts: &parts,
    };
    assert_eq!(from.send_batch(&[message], &mut |_, f| panic!("{f:?}")), 1);
}

/// The next datagram of one queue, and its sender.
fn next(socket: &UdpSocket, is_sparse: bool) -> (Vec<u8>, SocketAddr) {
    let mut batch = RecvBatch::new();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < deadline, "nothing came, sparse: {is_sparse}");
        let count = if is_sparse {
            socket.recv_sparse(&mut batch, 1).unwrap()
        } else {
            socket.recv_batch(&mut batch, 1).unwrap()
        };
        if count == 1 {
            let run = batch.datagrams(0).unwrap();
            return (run.bytes.to_vec(), run.from);
        }
    }
}

const STREAM: [u8; 20] = [0xF4, 1, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5, 5, 5];
const SPARSE: [u8; 20] = [0xF4, 1, 0x80, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 2, 6, 6, 6, 6];
const CAST: [u8; 20] = [0xF5, 1, 0x80, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 2, 6, 6, 6, 6];

#[test]
fn they_are_there_before_what_came_first() {
    for (at, from) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:0", "[::1]:0"),
        ("[::]:0", "127.0.0.1:0"),
    ] {
        let (to, from) = (bind(at), bind(from));
        let mut remote = to.local_address();
        if remote.ip().is_unspecified() {
            remote.set_ip("127.0.0.1".parse().unwrap());
        }
        // Those of other types, and too short ones, are no such frames, whatever they say.
        for bytes in [&STREAM[..], &CAST[..], &[0xF4, 1, 0x80][..], &SPARSE[..]] {
            send(&from, remote, bytes);
        }
        assert_eq!(next(&to, true), (SPARSE.to_vec(), from.local_address()), "{at}");
        for bytes in [&STREAM[..], &CAST[..], &[0xF4, 1, 0x80][..]] {
            assert_eq!(next(&to, false), (bytes.to_vec(), from.local_address()), "{at}");
        }
        let mut batch = RecvBatch::new();
        assert_eq!(to.recv_sparse(&mut batch, 8).unwrap(), 0);
        assert!(to.sparse_fd().is_some_and(|fd| fd != to.raw_fd()));
    }
}

#[test]
fn an_address_is_not_shared_with_another_socket() {
    let first = bind("127.0.0.1:0");
    let options = Options {
        offloads: true,
        v6_only: false,
    };
    let second = UdpSocket::bind(first.local_address(), options);
    assert_eq!(second.unwrap_err().code, ErrorCode::PortTaken);
}
