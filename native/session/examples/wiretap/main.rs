//! What an attacker can read who recorded the wire and holds somebody's secrets: opens captured frames with whatever keys
//! the given files and memory dumps contain, and with what those keys give away. Written from docs/frames.md alone, so that a
//! mistake of the crate is not repeated here. A tool of the tests (test/netns/removed.test.ts).
//!
//! ```text
//! wiretap --capture FILE.pcap… [--memory DUMP]… [--secrets FILE]… [--static HEX]… [--network HEX]
//!         [--without ADDRESS]… [--after SECONDS] [--before SECONDS]
//! ```
//! `--static`: X25519 secrets, to answer captured hellos with. `--without`: frames from or to this address are used to learn
//! keys from, but not counted. Times are seconds since 1970. Prints one JSON object.

mod capture;
mod frames;
mod hello;
mod keys;
mod solve;

use std::net::IpAddr;
use std::process::ExitCode;

/// What was asked for.
#[derive(Default)]
struct Arguments {
    captures: Vec<String>,
    memory: Vec<String>,
    secrets: Vec<String>,
    statics: Vec<[u8; 32]>,
    network: [u8; 32],
    without: Vec<IpAddr>,
    after: f64,
    before: Option<f64>,
}

fn key(hex: &str) -> Result<[u8; 32], String> {
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok())
        .collect();
    let bytes = bytes.ok_or("not hexadecimal")?;
    bytes.try_into().map_err(|_| "a key has 64 digits".to_string())
}

fn arguments() -> Result<Arguments, String> {
    let mut out = Arguments::default();
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let seconds = || value.parse::<f64>().map_err(|_| format!("{name} needs seconds"));
        match name.as_str() {
            "--capture" => out.captures.push(value),
            "--memory" => out.memory.push(value),
            "--secrets" => out.secrets.push(value),
            "--static" => out.statics.push(key(&value)?),
            "--network" => out.network = key(&value)?,
            "--without" => out
                .without
                .push(value.parse().map_err(|_| "--without needs an address")?),
            "--after" => out.after = seconds()?,
            "--before" => out.before = Some(seconds()?),
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(out)
}

fn run() -> Result<String, String> {
    let asked = arguments()?;
    let mut packets = Vec::new();
    for path in &asked.captures {
        packets.extend(capture::read(path)?);
    }
    let mut found = keys::Found::default();
    for path in &asked.memory {
        found.take_memory(&read(path)?);
    }
    for path in &asked.secrets {
        found.take_file(&read(path)?);
    }
    for secret in &asked.statics {
        found.take_file(secret);
    }
    let counts = |p: &capture::Packet| {
        p.seconds >= asked.after
            && asked.before.is_none_or(|end| p.seconds < end)
            && !asked.without.iter().any(|a| *a == p.from || *a == p.to.ip())
    };
    let hellos = hello::open(&packets, &asked.network, &asked.statics, &counts);
    let report = solve::solve(&packets, &found, &counts);
    Ok(format!(
        "{{\"schedules\":{},\"candidates\":{},\"learned\":{},\"hellos\":[{},{}],\"data\":[{},{}],\"casts\":[{},{}],\"hops\":[{},{}]}}",
        found.schedules.len(),
        found.windows.len() + found.secrets.len(),
        report.learned,
        hellos.seen,
        hellos.opened,
        report.data.seen,
        report.data.opened,
        report.casts.seen,
        report.casts.opened,
        report.hops.seen,
        report.hops.opened,
    ))
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}

fn main() -> ExitCode {
    match run() {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("wiretap: {why}");
            ExitCode::FAILURE
        }
    }
}
