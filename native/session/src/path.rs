//! Where a frame goes to or came from, and a cell that lets sealing threads read it without a lock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// One way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// A remote address as seen from the data plane's UDP socket number `socket`. Never a v4-mapped IPv6 address.
    Udp { socket: u8, remote: SocketAddr },
    /// A transport outside of the data plane, by its number.
    Link(u32),
    /// Relayed by the neighbour `via` of the network `net`; at the far end is the member whose id begins with `origin`.
    Carry { net: u32, via: u32, origin: [u8; 8] },
}

impl Path {
    /// The remote address, absent for links.
    pub fn remote(&self) -> Option<SocketAddr> {
        match self {
            Path::Udp { remote, .. } => Some(*remote),
            Path::Link(_) | Path::Carry { .. } => None,
        }
    }

    /// The number of the link, absent for all else.
    pub fn link(&self) -> Option<u32> {
        match self {
            Path::Link(id) => Some(*id),
            _ => None,
        }
    }

    /// A frame from another address moves a session only where addresses change under way: from UDP to UDP. Between kinds a
    /// handshake decides, or a spare that still speaks would pull the session to and fro.
    pub(crate) fn roams_to(&self, other: &Path) -> bool {
        matches!((self, other), (Path::Udp { .. }, Path::Udp { .. })) && *self != other.normal()
    }

    /// The better kind of two that were tried at the same moment: straight before links before relays.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Path::Udp { .. } => 2,
            Path::Link(_) => 1,
            Path::Carry { .. } => 0,
        }
    }

    /// Flow labels do not name a path: two datagrams of one peer may differ in them.
    pub(crate) fn normal(self) -> Path {
        match self {
            Path::Udp {
                socket,
                remote: SocketAddr::V6(a),
            } => {
                let remote = SocketAddr::V6(SocketAddrV6::new(*a.ip(), a.port(), 0, a.scope_id()));
                Path::Udp { socket, remote }
            }
            other => other,
        }
    }

    /// Bytes that name the address and port, for cookies (up to 26).
    pub(crate) fn key_bytes(&self) -> [u8; 24] {
        let mut out = [0u8; 24];
        for (chunk, word) in out.chunks_exact_mut(8).zip(self.to_words()) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        out
    }

    /// Bytes that name the source for rate limits: IPv4 /32, IPv6 /64, the link, or the member that a relay names.
    pub(crate) fn source_bytes(&self) -> [u8; 9] {
        let mut out = [0u8; 9];
        match self {
            Path::Udp { remote, .. } => match remote.ip() {
                IpAddr::V4(ip) => {
                    out[0] = 4;
                    out[1..5].copy_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out[0] = 6;
                    out[1..9].copy_from_slice(&ip.octets()[..8]);
                }
            },
            Path::Link(id) => out[1..5].copy_from_slice(&id.to_be_bytes()),
            Path::Carry { origin, .. } => {
                out[0] = 2;
                out[1..9].copy_from_slice(origin);
            }
        }
        out
    }

    fn to_words(self) -> [u64; 3] {
        match self {
            Path::Link(id) => [(1 << 56) | u64::from(id), 0, 0],
            Path::Carry { net, via, origin } => {
                let far = u64::from_be_bytes(origin);
                [(2 << 56) | u64::from(via), u64::from(net), far]
            }
            Path::Udp {
                socket,
                remote: SocketAddr::V4(a),
            } => {
                let head = (4 << 56) | (u64::from(socket) << 48) | (u64::from(a.port()) << 32);
                [head, u64::from(u32::from(*a.ip())), 0]
            }
            Path::Udp {
                socket,
                remote: SocketAddr::V6(a),
            } => {
                let head = (6 << 56)
                    | (u64::from(socket) << 48)
                    | (u64::from(a.port()) << 32)
                    | u64::from(a.scope_id());
                let ip = u128::from(*a.ip());
                [head, (ip >> 64) as u64, ip as u64]
            }
        }
    }

    fn from_words(words: [u64; 3]) -> Path {
        let (socket, port, low) = ((words[0] >> 48) as u8, (words[0] >> 32) as u16, words[0] as u32);
        match words[0] >> 56 {
            4 => {
                let ip = Ipv4Addr::from(words[1] as u32);
                Path::Udp {
                    socket,
                    remote: SocketAddr::new(IpAddr::V4(ip), port),
                }
            }
            6 => {
                let ip = Ipv6Addr::from((u128::from(words[1]) << 64) | u128::from(words[2]));
                Path::Udp {
                    socket,
                    remote: SocketAddr::V6(SocketAddrV6::new(ip, port, 0, low)),
                }
            }
            2 => Path::Carry {
                net: words[1] as u32,
                via: low,
                origin: words[2].to_be_bytes(),
            },
            _ => Path::Link(low),
        }
    }
}

/// A path under a sequence lock: any number of readers, one writer (the session manager). Readers never wait for
/// each other and repeat only in the few nanoseconds of a change.
#[derive(Debug)]
pub struct PathCell {
    version: AtomicU64,
    words: [AtomicU64; 3],
}

impl PathCell {
    pub fn new(path: Path) -> PathCell {
        PathCell {
            version: AtomicU64::new(0),
            words: path.normal().to_words().map(AtomicU64::new),
        }
    }

    pub fn get(&self) -> Path {
        loop {
            let before = self.version.load(Ordering::Acquire);
            let words = [0, 1, 2].map(|i| self.words[i].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before & 1 == 0 && self.version.load(Ordering::Relaxed) == before {
                return Path::from_words(words);
            }
            std::hint::spin_loop();
        }
    }

    /// Only the session manager writes, so two writers never meet.
    pub(crate) fn set(&self, path: Path) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        for (cell, word) in self.words.iter().zip(path.normal().to_words()) {
            cell.store(word, Ordering::Relaxed);
        }
        self.version.store(version + 2, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn every_kind_of_path_survives_the_cell() {
        let paths = [
            Path::Link(7),
            Path::Link(u32::MAX),
            Path::Carry {
                net: u32::MAX,
                via: 12,
                origin: [0xff; 8],
            },
            Path::Udp {
                socket: 255,
                remote: "1.2.3.4:65535".parse().unwrap(),
            },
            Path::Udp {
                socket: 3,
                remote: "[fe80::1:2]:1".parse().unwrap(),
            },
            Path::Udp {
                socket: 0,
                remote: SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 0, 77)),
            },
        ];
        let cell = PathCell::new(Path::Link(0));
        for path in paths {
            cell.set(path);
            assert_eq!(cell.get(), path);
        }
    }

    #[test]
    fn readers_never_see_half_a_change() {
        let a = Path::Udp {
            socket: 1,
            remote: "[1111::1]:1".parse().unwrap(),
        };
        let b = Path::Udp {
            socket: 2,
            remote: "[2222::2]:2".parse().unwrap(),
        };
        let cell = Arc::new(PathCell::new(a));
        let stop = Arc::new(AtomicBool::new(false));
        let reader = {
            let (cell, stop) = (cell.clone(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let seen = cell.get();
                    assert!(seen == a || seen == b, "{seen:?}");
                }
            })
        };
        for i in 0..200_000 {
            cell.set(if i & 1 == 0 { b } else { a });
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    }
}
