//! What is sent in one go to one destination.

use std::io::IoSlice;
use std::net::SocketAddr;

/// Segments of one message: what every kernel with UDP_SEGMENT takes.
pub const RUN_SEGMENTS_MAX: usize = 64;
/// Bytes of one message: the largest UDP datagram over IPv4.
pub const RUN_BYTES_MAX: usize = 65_507;

/// One destination and the bytes for it: datagrams of `segment` bytes each but the last, which may be shorter.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Never a v4-mapped address.
    pub remote: SocketAddr,
    /// Bytes of one datagram; at least the sum of `parts` for a single one.
    pub segment: usize,
    /// Traffic class byte of the IP header: DSCP and ECN.
    pub class: u8,
    /// Gathered in order, at most [`RUN_BYTES_MAX`] bytes, [`RUN_SEGMENTS_MAX`] segments and 1,024 parts.
    pub parts: &'a [IoSlice<'a>],
}

impl Message<'_> {
    pub fn len(&self) -> usize {
        self.parts.iter().map(|p| p.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|p| p.is_empty())
    }

    /// Datagrams that go out.
    pub fn datagrams(&self) -> usize {
        self.len().div_ceil(self.segment.max(1)).max(1)
    }
}

/// Parts of one segment that [`Cutter`] gathers at most; real ones have three.
pub(crate) const SEGMENT_PARTS_MAX: usize = 64;

/// Walks over a message's segments where the kernel does not.
pub(crate) struct Cutter<'a> {
    parts: &'a [IoSlice<'a>],
    /// Bytes of `parts[0]` that were given out already.
    used: usize,
    segment: usize,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(message: &Message<'a>) -> Cutter<'a> {
        Cutter {
            parts: message.parts,
            used: 0,
            segment: message.segment.max(1),
        }
    }

    /// Writes the parts of the next segment to the start of `out`; returns how many, 0 at the end.
    pub(crate) fn next(&mut self, out: &mut [IoSlice<'a>]) -> usize {
        let (mut left, mut count) = (self.segment, 0);
        while left > 0 && count < out.len() {
            let Some(part) = self.parts.first() else { break };
            let bytes: &'a [u8] = part;
            let take = left.min(bytes.len() - self.used);
            if take > 0 {
                out[count] = IoSlice::new(&bytes[self.used..self.used + take]);
                count += 1;
            }
            self.used += take;
            left -= take;
            if self.used == bytes.len() {
                self.parts = &self.parts[1..];
                self.used = 0;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(parts: &[&[u8]], segment: usize) -> Vec<Vec<u8>> {
        let parts: Vec<IoSlice<'_>> = parts.iter().map(|p| IoSlice::new(p)).collect();
        let message = Message {
            class: 0,
            remote: "1.2.3.4:5".parse().unwrap(),
            segment,
            parts: &parts,
        };
        let mut cutter = Cutter::new(&message);
        let mut out = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); SEGMENT_PARTS_MAX];
            match cutter.next(&mut slices) {
                0 => break,
                n => out.push(slices[..n].iter().flat_map(|s| s.iter().copied()).collect()),
            }
        }
        assert_eq!(
            out.len(),
            if message.is_empty() {
                0
            } else {
                message.datagrams()
            }
        );
        out
    }

    #[test]
    fn segments_are_cut_across_parts() {
        assert_eq!(
            cut(&[b"abc", b"", b"defgh", b"i"], 4),
            [b"abcd".to_vec(), b"efgh".to_vec(), b"i".to_vec()]
        );
        assert_eq!(cut(&[b"abcdefgh"], 4), [b"abcd".to_vec(), b"efgh".to_vec()]);
        assert_eq!(cut(&[b"ab", b"c"], 9), [b"abc".to_vec()]);
        assert!(cut(&[b"", b""], 9).is_empty());
    }
}
