//! Copies of datagrams that this host sends to chosen groups, for an engine without rights: it gets one end of a socket pair, and with it
//! no way to send anything or to see more.
use crate::request::{Refusal, bad};
use crate::sys::{self, Instruction};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use weft_anywhere::{Groups, Prefix};

pub const WATCHES_MAX: usize = 16;
static WATCHES: AtomicUsize = AtomicUsize::new(0);

const HEAD_LEN: usize = 4;
const PACKET_MAX: usize = 65_536;
const UDP: u32 = 17;
const FRAGMENT: u32 = 44;
const LOOPBACK: u32 = 1;

struct Counted;

impl Counted {
    fn new() -> Option<Counted> {
        let more = |n| (n < WATCHES_MAX).then_some(n + 1);
        WATCHES
            .fetch_update(Relaxed, Relaxed, more)
            .is_ok()
            .then_some(Counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        WATCHES.fetch_sub(1, Relaxed);
    }
}

/// The engine's end; closing it ends the watch.
pub fn start(texts: &[String]) -> Result<OwnedFd, Refusal> {
    let groups = Groups::new(texts).map_err(|_| bad("groups and ranges of groups, at most 64"))?;
    if groups.is_empty() {
        return Err(bad("no groups"));
    }
    let counted =
        Counted::new().ok_or_else(|| Refusal::new("too-many", format!("at most {WATCHES_MAX} watches")))?;
    let failed = |what: &str, why: String| Refusal::new("internal", format!("{what}: {why}"));
    let mut filter = program(groups.prefixes());
    let packets = sys::packet_socket(&mut filter).map_err(|e| failed("a packet socket", e.to_string()))?;
    let (own, given) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .map_err(|e| failed("a socket pair", e.to_string()))?;
    std::thread::spawn(move || {
        let _counted = counted;
        copy(&packets, &own, &groups);
    });
    Ok(given)
}

/// Until the other end is closed.
fn copy(packets: &OwnedFd, own: &OwnedFd, groups: &Groups) {
    let mut message = vec![0; HEAD_LEN + PACKET_MAX];
    loop {
        let mut fds = [
            PollFd::new(packets.as_fd(), PollFlags::POLLIN),
            PollFd::new(own.as_fd(), PollFlags::empty()),
        ];
        let _ = poll(&mut fds, nix::poll::PollTimeout::NONE);
        if fds[1].revents().is_some_and(|events| !events.is_empty()) {
            return;
        }
        let Ok((len, interface)) = sys::receive_packet(packets, &mut message[HEAD_LEN..]) else {
            continue;
        };
        let packet = &message[HEAD_LEN..HEAD_LEN + len];
        if interface == LOOPBACK
            || is_own(interface)
            || destination(packet).is_none_or(|group| !groups.holds(group))
        {
            continue;
        }
        message[..HEAD_LEN].copy_from_slice(&interface.to_be_bytes());
        // An engine that does not read loses them, as on any link.
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let _ = send(own.as_raw_fd(), &message[..HEAD_LEN + len], flags);
    }
}

/// An adapter of Weft's: what leaves there is on the overlay already.
fn is_own(interface: u32) -> bool {
    nix::net::if_::if_indextoname(interface).is_ok_and(|name| name.to_bytes().starts_with(b"weft"))
}

fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?)),
        6 => Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?)),
        _ => None,
    }
}

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// SKF_AD_OFF + SKF_AD_PKTTYPE.
const PACKET_TYPE: u32 = (-0x1000_i32 + 4) as u32;
const OUTGOING: u32 = 4;
const ALL: u32 = 0x0004_0000;

const fn op(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// Outgoing UDP (and IPv6 fragments) to one of the groups.
fn program(prefixes: &[Prefix]) -> Vec<Instruction> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for prefix in prefixes {
        match prefix.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix.bits)).unwrap_or(0);
                v4.extend([
                    op(LOAD_WORD, 0, 0, 16),
                    op(AND, 0, 0, mask),
                    op(EQUAL, 0, 1, address.to_bits() & mask),
                    op(RETURN, 0, 0, ALL),
                ]);
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix.bits)).unwrap_or(0);
                for word in 0..4u8 {
                    let at = 96 - 32 * u32::from(word);
                    let of = |bits: u128| (bits >> at) as u32;
                    // Behind this prefix: three instructions for each word that is left, and the return.
                    let behind = 3 * (3 - word) + 1;
                    v6.extend([
                        op(LOAD_WORD, 0, 0, 24 + 4 * u32::from(word)),
                        op(AND, 0, 0, of(mask)),
                        op(EQUAL, 0, behind, of(address.to_bits() & mask)),
                    ]);
                }
                v6.push(op(RETURN, 0, 0, ALL));
            }
        }
    }
    let mut program = vec![
        op(LOAD_WORD, 0, 0, PACKET_TYPE),
        op(EQUAL, 1, 0, OUTGOING),
        op(RETURN, 0, 0, 0),
        op(LOAD_BYTE, 0, 0, 0),
        op(AND, 0, 0, 0xf0),
        op(EQUAL, 1, 0, 0x40),
        // Over what IPv4 needs: a load, a comparison, a return, its groups and the last return.
        op(JUMP, 0, 0, v4.len() as u32 + 4),
        op(LOAD_BYTE, 0, 0, 9),
        op(EQUAL, 1, 0, UDP),
        op(RETURN, 0, 0, 0),
    ];
    program.extend(v4);
    program.extend([
        op(RETURN, 0, 0, 0),
        op(EQUAL, 1, 0, 0x60),
        op(RETURN, 0, 0, 0),
        op(LOAD_BYTE, 0, 0, 6),
        op(EQUAL, 2, 0, UDP),
        op(EQUAL, 1, 0, FRAGMENT),
        op(RETURN, 0, 0, 0),
    ]);
    program.extend(v6);
    program.push(op(RETURN, 0, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do with a packet of this type.
    fn passes(program: &[Instruction], kind: u32, packet: &[u8]) -> bool {
        let (mut at, mut a) = (0usize, 0u32);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            match code {
                LOAD_WORD if k == PACKET_TYPE => a = kind,
                LOAD_WORD => match packet.get(k as usize..k as usize + 4) {
                    Some(word) => a = u32::from_be_bytes(word.try_into().unwrap()),
                    None => return false,
                },
                LOAD_BYTE => match packet.get(k as usize) {
                    Some(byte) => a = u32::from(*byte),
                    None => return false,
                },
                AND => a &= k,
                EQUAL => at += usize::from(if a == k { jt } else { jf }),
                JUMP => at += k as usize,
                RETURN => return k > 0,
                other => panic!("instruction {other}"),
            }
        }
    }

    fn packet(to: &str, protocol: u8) -> Vec<u8> {
        let mut packet = vec![0; 48];
        match to.parse().unwrap() {
            IpAddr::V4(to) => {
                packet[0] = 0x45;
                packet[9] = protocol;
                packet[16..20].copy_from_slice(&to.octets());
            }
            IpAddr::V6(to) => {
                packet[0] = 0x60;
                packet[6] = protocol;
                packet[24..40].copy_from_slice(&to.octets());
            }
        }
        packet
    }

    #[test]
    fn the_filter_passes_outgoing_datagrams_to_the_groups_alone() {
        let texts = [
            "239.255.255.250",
            "239.192.0.0/14",
            "255.255.255.255",
            "ff02::c",
            "ff15::/16",
        ]
        .map(String::from);
        let program = program(Groups::new(&texts).unwrap().prefixes());
        for to in [
            "239.255.255.250",
            "239.195.1.1",
            "255.255.255.255",
            "ff02::c",
            "ff15::7:8",
        ] {
            assert!(passes(&program, OUTGOING, &packet(to, 17)), "{to}");
            assert!(!passes(&program, 0, &packet(to, 17)), "{to} coming in");
            assert!(!passes(&program, OUTGOING, &packet(to, 6)), "{to} by TCP");
        }
        assert!(passes(&program, OUTGOING, &packet("ff02::c", 44)));
        for to in [
            "239.255.255.251",
            "239.196.0.1",
            "10.0.0.1",
            "ff02::d",
            "ff02::1:c",
            "ff16::1",
            "fd00::1",
        ] {
            assert!(!passes(&program, OUTGOING, &packet(to, 17)), "{to}");
        }
        assert!(!passes(&program, OUTGOING, &[]));
        assert!(!passes(&program, OUTGOING, &[0x45]));
    }

    #[test]
    fn nothing_but_groups_is_watched() {
        for groups in [
            vec![],
            vec!["10.0.0.1".to_string()],
            vec!["0.0.0.0/0".to_string()],
        ] {
            assert_eq!(start(&groups).unwrap_err().code, "bad-argument", "{groups:?}");
        }
    }
}
