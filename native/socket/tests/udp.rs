//! Over loopback, with and without offloads.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use weft_socket::{ErrorCode, Message, Options, RUN_SEGMENTS_MAX, RecvBatch, SendFailure, UdpSocket};

fn bind(address: &str, offloads: bool) -> UdpSocket {
    UdpSocket::bind(
        address.parse().unwrap(),
        Options {
            offloads,
            v6_only: false,
        },
    )
    .unwrap()
}

fn to(socket: &UdpSocket) -> SocketAddr {
    let mut address = socket.local_address();
    if address.ip().is_unspecified() {
        address.set_ip("127.0.0.1".parse().unwrap());
    }
    address
}

/// Datagrams until `count` came, each with its sender, and the largest run seen.
fn receive(socket: &UdpSocket, count: usize) -> (Vec<(SocketAddr, Vec<u8>)>, usize) {
    let (mut batch, mut got, mut longest) = (RecvBatch::new(), Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(5);
    while got.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came", got.len());
        for i in 0..socket.recv_batch(&mut batch, RecvBatch::BUFFERS).unwrap() {
            let run = batch.datagrams(i).unwrap();
            longest = longest.max(run.bytes.len().div_ceil(run.segment));
            got.extend(run.bytes.chunks(run.segment).map(|d| (run.from, d.to_vec())));
        }
    }
    (got, longest)
}

fn all_sent(socket: &UdpSocket, messages: &[Message<'_>]) -> u64 {
    socket.send_batch(messages, &mut |i, failure| panic!("message {i}: {failure:?}"))
}

#[test]
fn runs_to_several_destinations_arrive_whole_and_in_order() {
    for offloads in [true, false] {
        let (a, b, c) = (
            bind("127.0.0.1:0", offloads),
            bind("127.0.0.1:0", offloads),
            bind("127.0.0.1:0", offloads),
        );
        let body: Vec<u8> = (0..30_000u32).map(|i| i as u8).collect();
        let whole = [IoSlice::new(&body)];
        let pieces: Vec<IoSlice<'_>> = body.chunks(333).map(IoSlice::new).collect();
        let sent = all_sent(
            &a,
            &[
                Message {
                    class: 0,
                    remote: to(&b),
                    segment: 1_000,
                    parts: &whole,
                },
                Message {
                    class: 0,
                    remote: to(&c),
                    segment: 999,
                    parts: &pieces,
                },
                Message {
                    class: 0,
                    remote: to(&b),
                    segment: body.len(),
                    parts: &whole,
                },
            ],
        );
        assert_eq!(sent, 30 + 31 + 1);
        let (got, longest) = receive(&b, 31);
        let expected: Vec<&[u8]> = body.chunks(1_000).chain([&body[..]]).collect();
        assert_eq!(got.iter().map(|(_, d)| &d[..]).collect::<Vec<_>>(), expected);
        assert!(got.iter().all(|(from, _)| *from == to(&a)));
        assert_eq!(
            longest > 1,
            offloads,
            "runs come in one piece with offloads alone"
        );
        let (got, _) = receive(&c, 31);
        assert_eq!(
            got.iter().map(|(_, d)| &d[..]).collect::<Vec<_>>(),
            body.chunks(999).collect::<Vec<_>>()
        );
        assert_eq!(a.cut() > 0, !offloads);
    }
}

#[test]
fn one_socket_for_both_families_names_ipv4_plainly() {
    let dual = bind("[::]:0", true);
    let (four, six) = (bind("127.0.0.1:0", true), bind("[::1]:0", true));
    assert!(
        dual.reaches(to(&four), false) && !dual.reaches(to(&four), true) && !four.reaches(to(&six), false)
    );
    let port = dual.local_address().port();
    let parts = [IoSlice::new(b"hello")];
    for (socket, host) in [(&four, "127.0.0.1"), (&six, "[::1]")] {
        let remote = format!("{host}:{port}").parse().unwrap();
        all_sent(
            socket,
            &[Message {
                class: 0,
                remote,
                segment: 5,
                parts: &parts,
            }],
        );
        let (got, _) = receive(&dual, 1);
        assert_eq!(got, [(to(socket), b"hello".to_vec())]);
        all_sent(
            &dual,
            &[Message {
                class: 0,
                remote: got[0].0,
                segment: 5,
                parts: &parts,
            }],
        );
        assert_eq!(receive(socket, 1).0[0].1, b"hello");
    }
    // The IPv4 wildcard may have the same port when the other keeps to IPv6.
    let only = UdpSocket::bind(
        "[::]:0".parse().unwrap(),
        Options {
            offloads: true,
            v6_only: true,
        },
    )
    .unwrap();
    bind(&format!("0.0.0.0:{}", only.local_address().port()), true);
}

#[test]
fn failures_are_told_and_do_not_stop_the_rest() {
    let (a, b) = (bind("127.0.0.1:0", true), bind("127.0.0.1:0", true));
    let huge = vec![0; 65_508];
    let (long, short) = ([IoSlice::new(&huge)], [IoSlice::new(b"x")]);
    let nowhere = "[2001:db8::1]:9".parse().unwrap();
    let mut failures = HashMap::new();
    let sent = a.send_batch(
        &[
            Message {
                class: 0,
                remote: to(&b),
                segment: 70_000,
                parts: &long,
            },
            Message {
                class: 0,
                remote: to(&b),
                segment: 1,
                parts: &short,
            },
            Message {
                class: 0,
                remote: nowhere,
                segment: 1,
                parts: &short,
            },
            Message {
                class: 0,
                remote: to(&b),
                segment: 1,
                parts: &short,
            },
        ],
        &mut |i, failure| {
            failures.insert(i, failure);
        },
    );
    assert_eq!(
        (sent, failures.get(&0), failures.len()),
        (2, Some(&SendFailure::TooBig), 2)
    );
    assert_eq!(receive(&b, 2).0.len(), 2);
    // A closed port answers with ICMP: neither sending on nor receiving minds.
    let closed = to(&b);
    drop(b);
    for _ in 0..3 {
        a.send_batch(
            &[Message {
                class: 0,
                remote: closed,
                segment: 1,
                parts: &short,
            }],
            &mut |_, _| {},
        );
    }
    assert_eq!(a.recv_batch(&mut RecvBatch::new(), 1).unwrap(), 0);
}

#[test]
fn a_full_run_is_taken() {
    let (a, b) = (bind("127.0.0.1:0", true), bind("127.0.0.1:0", true));
    let body = vec![7; RUN_SEGMENTS_MAX * 1_000];
    assert_eq!(
        all_sent(
            &a,
            &[Message {
                class: 0,
                remote: to(&b),
                segment: 1_000,
                parts: &[IoSlice::new(&body)]
            }]
        ),
        64
    );
    assert_eq!(receive(&b, 64).0.len(), 64);
}

#[test]
fn bind_failures_have_codes() {
    let taken = bind("127.0.0.1:0", true).local_address();
    let holder = bind(&taken.to_string(), true);
    let options = Options {
        offloads: true,
        v6_only: false,
    };
    let code = |a: SocketAddr| UdpSocket::bind(a, options).unwrap_err().code;
    assert_eq!(code(holder.local_address()), ErrorCode::PortTaken);
    assert_eq!(
        code("192.0.2.1:0".parse().unwrap()),
        ErrorCode::AddressUnavailable
    );
}
