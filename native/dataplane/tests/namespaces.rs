//! Two hosts in network namespaces with real adapters: the example `pair` at both ends. Needs root, `ip` and /dev/net/tun.
#![cfg(target_os = "linux")]
#[path = "namespace/sys.rs"]
mod sys;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one stream.
const STREAM: usize = 30_000_000;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 4, 4, 4);

fn ip(arguments: &str) {
    let done = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("ip runs");
    assert!(
        done.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The example, which cargo builds with the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.ancestors()
        .nth(2)
        .expect("target folder")
        .join("examples/pair")
}

/// Two namespaces with a cable, and Weft between them; all gone when dropped.
struct Lab {
    names: [String; 2],
    ends: Vec<Child>,
}

impl Lab {
    fn new(tag: &str, extra: &[&str]) -> Option<Lab> {
        if !sys::is_root() || !Path::new("/dev/net/tun").exists() || !example().exists() {
            eprintln!("skipped: needs root, /dev/net/tun and the example pair (cargo test builds it).");
            return None;
        }
        let id = std::process::id();
        let names = ["a", "b"].map(|n| format!("wft{tag}{n}{id}"));
        names.iter().for_each(|n| ip(&format!("netns add {n}")));
        ip(&format!(
            "link add wft0 netns {} type veth peer name wft0 netns {}",
            names[0], names[1]
        ));
        let mut ends = Vec::new();
        for (i, name) in names.iter().enumerate() {
            ip(&format!("-n {name} link set lo up"));
            ip(&format!("-n {name} addr add 10.9.0.{}/24 dev wft0", i + 1));
            ip(&format!("-n {name} link set wft0 up"));
        }
        for (i, name) in names.iter().enumerate() {
            let (own, other) = (i + 1, 2 - i);
            let mut end = Command::new("ip");
            end.args(["netns", "exec", name])
                .arg(example())
                .args(["--adapter", "weft0"]);
            end.args([
                "--number",
                &own.to_string(),
                "--listen",
                &format!("10.9.0.{own}:7000"),
            ]);
            end.args(["--peer", &format!("{other}@10.9.0.{other}:7000")])
                .args(extra);
            ends.push(
                end.stdin(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("the example runs"),
            );
        }
        Some(Lab { names, ends })
    }

    fn inside<T: Send>(&self, host: usize, body: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let name = &self.names[host];
            scope
                .spawn(move || sys::enter(name).map(|()| body()).expect("a namespace"))
                .join()
                .expect("no panic")
        })
    }

    /// Until one answer came.
    fn ping(&self, to: &str) {
        let deadline = Instant::now() + PATIENCE;
        let args = ["netns", "exec", &self.names[0], "ping", "-c", "1", "-W", "1", to];
        while !Command::new("ip")
            .args(args)
            .output()
            .expect("ping runs")
            .status
            .success()
        {
            assert!(Instant::now() < deadline, "{to} does not answer");
        }
    }

    /// A stream from host `from` to the other, compared byte for byte.
    fn stream(&self, from: usize, to: IpAddr) {
        let pattern = |i: usize| (i / 7 + i / 1_000) as u8;
        let listener = self.inside(1 - from, || {
            TcpListener::bind(SocketAddr::new(to, 0)).expect("a port")
        });
        let address = listener.local_addr().expect("an address");
        let sender = self.inside(from, || {
            TcpStream::connect_timeout(&address, PATIENCE).expect("a connection")
        });
        thread::scope(|scope| {
            scope.spawn(move || {
                let bytes: Vec<u8> = (0..STREAM).map(pattern).collect();
                (&sender).write_all(&bytes).expect("sent");
            });
            let mut got = Vec::with_capacity(STREAM);
            let (mut receiver, _) = listener.accept().expect("a connection");
            receiver.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            receiver.read_to_end(&mut got).expect("received");
            assert_eq!(got.len(), STREAM);
            assert!(got.iter().enumerate().all(|(i, b)| *b == pattern(i)), "damaged");
        });
    }

    /// Datagrams to a group arrive once each.
    fn multicast(&self) {
        let receiver = self.inside(1, || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5_555)).expect("a port");
            socket
                .join_multicast_v4(&GROUP, &Ipv4Addr::new(10, 88, 0, 2))
                .expect("joined");
            socket
                .set_read_timeout(Some(Duration::from_millis(200)))
                .expect("a timeout");
            socket
        });
        let sender = self.inside(0, || {
            UdpSocket::bind((Ipv4Addr::new(10, 88, 0, 1), 0)).expect("a port")
        });
        let mut buffer = [0; 2_000];
        let deadline = Instant::now() + PATIENCE;
        loop {
            sender.send_to(b"there?", (GROUP, 5_555)).expect("sent");
            if receiver.recv(&mut buffer).is_ok() {
                break;
            }
            assert!(Instant::now() < deadline, "the group is not carried");
        }
        while receiver.recv(&mut buffer).is_ok() {}
        for i in 0..500u32 {
            sender
                .send_to(&i.to_be_bytes().repeat(250), (GROUP, 5_555))
                .expect("sent");
            let n = receiver.recv(&mut buffer).expect("received");
            assert_eq!(buffer[..n], i.to_be_bytes().repeat(250));
        }
        assert!(receiver.recv(&mut buffer).is_err(), "nothing twice");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for end in &mut self.ends {
            // The example ends with its standard input.
            drop(end.stdin.take());
            let _ = end.wait();
        }
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn everything(tag: &str, extra: &[&str]) {
    let Some(lab) = Lab::new(tag, extra) else { return };
    ["10.88.0.2", "fd88::2", "fe80::88:2%weft0", "ff02::1%weft0"]
        .iter()
        .for_each(|to| lab.ping(to));
    lab.stream(0, "10.88.0.2".parse().expect("an address"));
    lab.stream(1, "10.88.0.1".parse().expect("an address"));
    lab.stream(0, "fd88::2".parse().expect("an address"));
    lab.multicast();
}

#[test]
fn everything_works_with_offloads() {
    everything("o", &[]);
}

#[test]
fn everything_works_without_offloads() {
    everything("n", &["--offloads", "none"]);
}

#[test]
fn everything_works_over_a_narrow_path() {
    everything("f", &["--frame-max", "700"]);
}
