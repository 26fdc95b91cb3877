//! The elevated helper. See README.md.
#[cfg(target_os = "linux")]
mod adapters;
#[cfg(target_os = "linux")]
mod hosts;
#[cfg(target_os = "linux")]
mod joined;
#[cfg(target_os = "linux")]
mod mirror;
#[cfg(target_os = "linux")]
mod overlap;
#[cfg(target_os = "linux")]
mod request;
#[cfg(target_os = "linux")]
mod resolvconf;
#[cfg(target_os = "linux")]
mod resolver;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod watch;
#[cfg(target_os = "linux")]
mod web;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match server::Options::parse(std::env::args().skip(1)) {
        Ok(options) => server::run(&options),
        Err(message) => {
            eprintln!(
                "weft-helper: {message}\nusage: weft-helper serve --socket PATH [--uid N] [--grace SECONDS]"
            );
            std::process::ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("weft-helper: only Linux is supported so far");
}
