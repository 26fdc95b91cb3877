//! Counting what comes until standard input closes.
use crate::options::Options;
use crate::seen::Seen;
use crate::sys;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Asked of the kernel, which gives root all of it.
const RECEIVE_BUFFER_BYTES: i32 = 8 << 20;

pub fn run(options: &Options) -> Result<(), String> {
    let socket = open(options).map_err(|error| format!("socket: {error}"))?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let counted = Arc::clone(&seen);
    let (size, coalesced) = (options.size, options.segment > 0);
    std::thread::spawn(move || count(&socket, &counted, size, coalesced));
    let mut out = std::io::stdout();
    let mut say = |line: &str| writeln!(out, "{line}").and_then(|()| out.flush());
    say("ready").map_err(|error| error.to_string())?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let mut seen = seen.lock().expect("the counting thread does not panic");
        let report = seen.report();
        if line.trim() == "reset" {
            *seen = Seen::default();
        }
        drop(seen);
        say(&report).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Never returns while the socket works. One lock a batch.
fn count(socket: &UdpSocket, seen: &Mutex<Seen>, size: usize, coalesced: bool) {
    let mut batch = sys::Batch::new(if coalesced { usize::from(u16::MAX) } else { size });
    loop {
        match batch.receive(socket) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                eprintln!("weft-traffic: receive: {error}");
                std::process::exit(1);
            }
        }
        let now = Instant::now();
        let mut seen = seen.lock().expect("the asking thread does not panic");
        // A coalesced buffer holds datagrams of `size`, the last may be shorter.
        for datagram in batch.datagrams().flat_map(|bytes| bytes.chunks(size)) {
            if let Some(head) = datagram.first_chunk::<8>() {
                seen.take(u64::from_be_bytes(*head), datagram.len(), now);
            }
        }
    }
}

fn open(options: &Options) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(("0.0.0.0", options.port))?;
    sys::set_receive_buffer(&socket, RECEIVE_BUFFER_BYTES)?;
    if options.segment > 0 {
        sys::set_gro(&socket)?;
    }
    if let Some(group) = options.group {
        socket.join_multicast_v4(&group, &options.via.unwrap_or(Ipv4Addr::UNSPECIFIED))?;
    }
    Ok(socket)
}
