//! Traffic classes (DSCP and ECN) on their way out and in, over loopback.
#![cfg(target_os = "linux")]

use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use weft_socket::{Message, Options, RecvBatch, UdpSocket};

fn bind(address: &str, offloads: bool) -> UdpSocket {
    let options = Options {
        offloads,
        v6_only: false,
    };
    UdpSocket::bind(address.parse().unwrap(), options).unwrap()
}

/// Class and length of datagrams until `count` came, and how many buffers they filled.
fn receive(socket: &UdpSocket, count: usize) -> (Vec<(u8, usize)>, usize) {
    let (mut batch, mut got, mut buffers) = (RecvBatch::new(), Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(5);
    while got.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came", got.len());
        for i in 0..socket.recv_batch(&mut batch, RecvBatch::BUFFERS).unwrap() {
            let place = batch.place(i).unwrap();
            buffers += 1;
            let mut at = place.start;
            while at < place.end {
                let end = place.end.min(at + place.segment);
                got.push((place.class, end - at));
                at = end;
            }
        }
    }
    (got, buffers)
}

/// Runs of ten datagrams with all kinds of classes arrive with theirs, and runs stay runs.
fn classes_arrive(from: &UdpSocket, to: &UdpSocket, remote: SocketAddr, runs: bool) {
    let body = [7; 1_000];
    let parts = [IoSlice::new(&body)];
    let classes = [0, 1, 2, 3, 0xB8, 0xBB, 0x22, 0];
    let messages: Vec<Message<'_>> = classes
        .iter()
        .map(|class| Message {
            remote,
            segment: 100,
            class: *class,
            parts: &parts,
        })
        .collect();
    let sent = from.send_batch(&messages, &mut |i, f| panic!("{i}: {f:?}"));
    assert_eq!(sent, 80);
    let (got, buffers) = receive(to, 80);
    let expected: Vec<(u8, usize)> = classes.iter().flat_map(|c| [(*c, 100); 10]).collect();
    assert_eq!(got, expected);
    assert!(!runs || buffers <= 16, "{buffers} buffers");
}

#[test]
fn classes_go_with_datagrams_of_both_families() {
    for offloads in [true, false] {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (a, b) = (bind(address, offloads), bind(address, offloads));
            classes_arrive(&a, &b, b.local_address(), offloads);
        }
    }
}

#[test]
fn ipv4_through_a_dual_stack_socket_has_its_class_too() {
    let (dual, four) = (bind("[::]:0", true), bind("127.0.0.1:0", true));
    classes_arrive(&dual, &four, four.local_address(), true);
    let mut remote: SocketAddr = "127.0.0.1:0".parse().unwrap();
    remote.set_port(dual.local_address().port());
    classes_arrive(&four, &dual, remote, true);
}
