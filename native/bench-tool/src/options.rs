//! `--name value` pairs.
use std::net::Ipv4Addr;
use std::str::FromStr;

/// What a UDP datagram over IPv4 holds at most.
pub const SIZE_MAX: usize = 65_507;
/// Sequence number (u64) at the head of each datagram.
pub const SIZE_MIN: usize = 8;

#[derive(Debug, Default, PartialEq)]
pub struct Options {
    /// Destination of `send`, "IP:PORT".
    pub to: String,
    pub port: u16,
    /// Bytes of one datagram's payload.
    pub size: usize,
    /// Datagrams per second.
    pub rate: f64,
    pub seconds: f64,
    pub group: Option<Ipv4Addr>,
    pub via: Option<Ipv4Addr>,
    /// Datagrams handed over in one send (UDP_SEGMENT), or 0; for `receive` anything but 0 asks for UDP_GRO.
    pub segment: usize,
}

fn value<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{name}: {text:?} is not understood"))
}

impl Options {
    /// Reads the arguments after the verb; tells in words what is wrong.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        while let Some(name) = args.next() {
            let text = args.next().ok_or_else(|| format!("{name} wants a value"))?;
            match name.as_str() {
                "--to" => options.to = text,
                "--port" => options.port = value(&name, &text)?,
                "--size" => options.size = value(&name, &text)?,
                "--rate" => options.rate = value(&name, &text)?,
                "--seconds" => options.seconds = value(&name, &text)?,
                "--group" => options.group = Some(value(&name, &text)?),
                "--via" => options.via = Some(value(&name, &text)?),
                "--segment" => options.segment = value(&name, &text)?,
                _ => return Err(format!("unknown option {name}")),
            }
        }
        if !(SIZE_MIN..=SIZE_MAX).contains(&options.size) {
            return Err(format!("--size is {SIZE_MIN} to {SIZE_MAX} bytes"));
        }
        if options.segment * options.size > SIZE_MAX {
            return Err("--segment times --size does not fit in one send".into());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn pairs_are_read() {
        let options = parse("--to 10.0.0.2:5 --size 64 --rate 1e6 --seconds 0.5 --via 10.0.0.1").unwrap();
        assert_eq!((options.to.as_str(), options.size), ("10.0.0.2:5", 64));
        assert_eq!((options.rate, options.seconds), (1e6, 0.5));
        assert_eq!(options.via, Some(Ipv4Addr::new(10, 0, 0, 1)));
    }

    #[test]
    fn nonsense_is_named() {
        for line in [
            "--size",
            "--size x",
            "--size 7",
            "--size 65508",
            "--what 1",
            "--size 1300 --segment 64",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
