//! Fragments become datagrams again. Overlapping or contradicting ones are forgotten as a whole.

use crate::limits::{DATAGRAM_MAX, GATHERING_MAX, GATHERING_US};
use std::collections::VecDeque;
use std::net::IpAddr;
use weft_packet::L3;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    interface: u32,
}

struct Pending {
    name: Name,
    until: u64,
    bytes: Vec<u8>,
    /// Spans that are there, sorted.
    spans: Vec<(usize, usize)>,
    /// Known with the last fragment.
    total: Option<usize>,
}

/// Datagrams under way: the oldest goes when there are too many.
#[derive(Default)]
pub struct Gather {
    pending: VecDeque<Pending>,
}

impl Gather {
    /// A fragment that left by `interface`. Everything after the IP headers, once it is whole.
    pub fn add(&mut self, now: u64, interface: u32, packet: &L3<'_>) -> Option<Vec<u8>> {
        while self.pending.front().is_some_and(|first| first.until <= now) {
            self.pending.pop_front();
        }
        let fragment = packet.fragment()?;
        let name = Name {
            src: packet.src(),
            dst: packet.dst(),
            id: fragment_id(packet)?,
            interface,
        };
        let (from, part) = (usize::from(fragment.offset), packet.l4());
        let to = from + part.len();
        let at = match self.pending.iter().position(|one| one.name == name) {
            Some(at) => at,
            None => {
                if self.pending.len() >= GATHERING_MAX {
                    self.pending.pop_front();
                }
                self.pending.push_back(Pending {
                    name,
                    until: now + GATHERING_US,
                    bytes: Vec::new(),
                    spans: Vec::new(),
                    total: None,
                });
                self.pending.len() - 1
            }
        };
        let one = &mut self.pending[at];
        if !fragment.more {
            one.total = Some(to);
        }
        let wrong = part.is_empty()
            || to > DATAGRAM_MAX
            || one.total.is_some_and(|total| to > total)
            || one.spans.iter().any(|&(a, b)| from < b && a < to);
        if wrong {
            self.pending.remove(at);
            return None;
        }
        if one.bytes.len() < to {
            one.bytes.resize(to, 0);
        }
        one.bytes[from..to].copy_from_slice(part);
        let place = one.spans.partition_point(|&(a, _)| a < from);
        one.spans.insert(place, (from, to));
        let have: usize = one.spans.iter().map(|(a, b)| b - a).sum();
        if one.total != Some(have) {
            return None;
        }
        self.pending.remove(at).map(|whole| whole.bytes)
    }
}

/// The identification: of IPv6 it stands in the fragment header, right before L4 in what applications send.
fn fragment_id(packet: &L3<'_>) -> Option<u32> {
    let bytes = packet.bytes();
    if packet.is_v4() {
        return Some(u32::from(u16::from_be_bytes([bytes[4], bytes[5]])));
    }
    let id = bytes.get(packet.l4_offset().checked_sub(4)?..packet.l4_offset())?;
    Some(u32::from_be_bytes(id.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(id: u16, offset: usize, more: bool, part: &[u8]) -> Vec<u8> {
        let total = 20 + part.len();
        let word = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
        let mut packet = vec![
            0x45,
            0,
            (total >> 8) as u8,
            total as u8,
            (id >> 8) as u8,
            id as u8,
        ];
        packet.extend(word.to_be_bytes());
        packet.extend([1, 17, 0, 0, 192, 0, 2, 1, 239, 1, 2, 3]);
        packet.extend(part);
        packet
    }

    fn add(gather: &mut Gather, now: u64, interface: u32, bytes: &[u8]) -> Option<Vec<u8>> {
        gather.add(now, interface, &L3::parse(bytes).unwrap())
    }

    #[test]
    fn in_any_order_they_become_one() {
        let whole: Vec<u8> = (0..40).collect();
        let parts = [(0, true, 0..16), (16, true, 16..32), (32, false, 32..40)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut gather = Gather::default();
            let mut got = None;
            for at in order {
                assert_eq!(got, None);
                let (offset, more, span) = parts[at].clone();
                got = add(&mut gather, 0, 2, &fragment(7, offset, more, &whole[span]));
            }
            assert_eq!(got.as_deref(), Some(&whole[..]));
        }
    }

    #[test]
    fn those_of_other_interfaces_and_late_ones_do_not_mix() {
        let mut gather = Gather::default();
        assert_eq!(add(&mut gather, 0, 2, &fragment(7, 0, true, &[1; 8])), None);
        assert_eq!(add(&mut gather, 0, 3, &fragment(7, 8, false, &[2; 8])), None);
        assert_eq!(
            add(&mut gather, GATHERING_US, 2, &fragment(7, 8, false, &[2; 8])),
            None
        );
    }

    #[test]
    fn overlaps_end_it_and_many_push_out_the_oldest() {
        let mut gather = Gather::default();
        add(&mut gather, 0, 2, &fragment(1, 0, true, &[1; 16]));
        assert_eq!(add(&mut gather, 0, 2, &fragment(1, 8, false, &[2; 16])), None);
        assert!(gather.pending.is_empty());
        for id in 0..200 {
            add(&mut gather, 0, 2, &fragment(id, 0, true, &[1; 8]));
        }
        assert_eq!(gather.pending.len(), GATHERING_MAX);
    }
}
