//! A program that sends the same on every interface means it once.

use crate::Datagram;
use crate::limits::{RECENT_MAX, RECENT_US};
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

/// What makes two datagrams the same, without their source address.
pub fn print_of(state: &RandomState, dst: IpAddr, src_port: u16, dst_port: u16, payload: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    dst.hash(&mut hasher);
    (src_port, dst_port).hash(&mut hasher);
    payload.hash(&mut hasher);
    hasher.finish()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    New,
    /// It left on another interface a moment ago.
    Same,
}

/// The datagrams of the last moment.
#[derive(Default)]
pub struct Recent {
    state: RandomState,
    seen: VecDeque<(u64, u64, u32)>,
}

impl Recent {
    /// `interface`: where it leaves; the overlay's own is 0.
    pub fn look(&mut self, now: u64, interface: u32, datagram: &Datagram<'_>) -> Sight {
        let Datagram {
            dst,
            src_port,
            dst_port,
            payload,
            ..
        } = *datagram;
        let print = print_of(&self.state, dst, src_port, dst_port, payload);
        while self.seen.front().is_some_and(|&(until, ..)| until <= now) {
            self.seen.pop_front();
        }
        if let Some(&(_, _, first)) = self.seen.iter().find(|&&(_, known, _)| known == print) {
            // Twice on the same interface is meant twice.
            return if first == interface {
                Sight::New
            } else {
                Sight::Same
            };
        }
        if self.seen.len() >= RECENT_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((now + RECENT_US, print, interface));
        Sight::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(payload: &[u8]) -> Datagram<'_> {
        Datagram {
            src: "192.0.2.1".parse().unwrap(),
            dst: "239.1.2.3".parse().unwrap(),
            hop_limit: 1,
            class: 0,
            src_port: 5,
            dst_port: 6,
            payload,
        }
    }

    #[test]
    fn the_same_on_another_interface_is_known_for_a_moment() {
        let mut recent = Recent::default();
        assert_eq!(recent.look(0, 2, &datagram(b"a")), Sight::New);
        assert_eq!(recent.look(1, 3, &datagram(b"a")), Sight::Same);
        assert_eq!(recent.look(1, 0, &datagram(b"a")), Sight::Same);
        assert_eq!(recent.look(1, 3, &datagram(b"b")), Sight::New);
        assert_eq!(recent.look(RECENT_US, 3, &datagram(b"a")), Sight::New);
    }

    #[test]
    fn twice_on_one_interface_is_twice() {
        let mut recent = Recent::default();
        for _ in 0..3 {
            assert_eq!(recent.look(0, 2, &datagram(b"a")), Sight::New);
        }
        assert_eq!(recent.look(0, 3, &datagram(b"a")), Sight::Same);
    }

    #[test]
    fn it_is_bounded() {
        let mut recent = Recent::default();
        for n in 0..3_000u32 {
            recent.look(0, 2, &datagram(&n.to_be_bytes()));
        }
        assert_eq!(recent.seen.len(), RECENT_MAX);
    }
}
