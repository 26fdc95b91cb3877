//! Numbered UDP datagrams for the benchmark.
//!
//! ```text
//! weft-traffic send --to IP:PORT --size BYTES --rate PER_SECOND --seconds S [--via IP] [--segment N]
//! weft-traffic receive --port P --size BYTES [--group IP --via IP] [--segment 1]
//! ```
//! `send` prints one JSON line when it is done. `receive` prints "ready", then one JSON line for each line on its standard
//! input ("reset" starts a new count after it), and ends when that closes. `--via` is the address of the interface.
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod receive;
#[cfg(target_os = "linux")]
mod seen;
#[cfg(target_os = "linux")]
mod send;
#[cfg(target_os = "linux")]
mod sys;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let done = options::Options::parse(args).and_then(|options| match verb.as_str() {
        "send" => send::run(&options),
        "receive" => receive::run(&options),
        other => Err(format!("no such verb: {other:?}; send or receive")),
    });
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-traffic: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("weft-traffic: Linux only");
    std::process::exit(1);
}
