//! What nodes of a tree say to each other: the plaintext of a data frame of kind 10 (docs/frames.md). Big-endian; a sequence is a
//! u48, a name `origin u64 | tree u16`. Byte 0: the low nibble is the kind, the high one the verb.
//!
//! ```text
//! 0A beat     entries: name | epoch u16 | key id u32 | highest u48 | age u16 ms             24 each
//! 1A nack     name | key id u32 | n u8 | (first u48, count u16) …                            n = 0: "say a beat"
//! 2A graft    name | epoch u16 | has u8 (0, 1) | key id u32 | highest u48 | n u8 | (first u48, count u16) …
//! 3A lease    name | epoch u16
//! 4A ungraft  name | epoch u16 | reason u8
//! 5A parity   name | key id u32 | first u48 | which u32 (bit n: first + n) | index u8 | shard
//! 6A loss     name | ‰ u16
//! ```

use super::config::TreeName;
use super::limits::{BLOCK_MAX, COVERED_MAX, MESSAGE_MAX, PARITY_MAX, RANGES_MAX, SEQUENCE_END};

/// Kind of the data frame.
pub const KIND: u8 = 10;
const NAME: usize = 10;
const BEAT: usize = NAME + 2 + 4 + 6 + 2;
const RANGE: usize = 8;

const _: () = assert!(1 + NAME + 2 + 1 + 4 + 6 + 1 + RANGES_MAX * RANGE <= MESSAGE_MAX);
const _: () = assert!(super::limits::BEATS_MAX * BEAT < MESSAGE_MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verb {
    Beat = 0,
    Nack = 1,
    Graft = 2,
    Lease = 3,
    Ungraft = 4,
    Parity = 5,
    Loss = 6,
}

impl Verb {
    /// Of a message's first byte.
    pub fn of(first: u8) -> Option<Verb> {
        let verbs = [
            Verb::Beat,
            Verb::Nack,
            Verb::Graft,
            Verb::Lease,
            Verb::Ungraft,
            Verb::Parity,
            Verb::Loss,
        ];
        verbs.into_iter().find(|verb| first == verb.first())
    }

    pub fn first(self) -> u8 {
        (self as u8) << 4 | KIND
    }
}

/// "This is how far the stream is."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub name: TreeName,
    pub epoch: u16,
    pub key_id: u32,
    pub highest: u64,
    /// Since the origin was heard, ms.
    pub age: u16,
}

/// "Feed me: this is what I have."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graft<'a> {
    pub name: TreeName,
    pub epoch: u16,
    /// Key id and highest sequence; none when nothing came so far.
    pub have: Option<(u32, u64)>,
    pub missing: Ranges<'a>,
}

/// "Send these again." Without ranges: "say a beat."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    pub name: TreeName,
    pub key_id: u32,
    pub missing: Ranges<'a>,
}

/// Why somebody is not, or no longer, fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The child goes.
    Leaves = 0,
    NotAdoptable = 1,
    Full = 2,
    /// The one that was asked has nobody who feeds it.
    Hungry = 3,
    UnknownTree = 4,
}

/// Of `Lease` and `Ungraft`. A reason that this version does not know is `NotAdoptable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub name: TreeName,
    pub epoch: u16,
    pub reason: Reason,
}

/// What gives back casts of a block that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parity<'a> {
    pub name: TreeName,
    pub block: Block,
    /// Of this shard among the block's, < `PARITY_MAX`.
    pub index: u8,
    /// As long as the longest cast of the block behind its length u16, and even.
    pub shard: &'a [u8],
}

/// The casts of a stream that share parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub key_id: u32,
    pub first: u64,
    /// Bit n: `first + n`. Bit 0 is set.
    pub which: u32,
}

impl Block {
    pub fn sequences(self) -> impl Iterator<Item = u64> {
        let is_in = move |n: &u64| self.which >> n & 1 != 0;
        (0..BLOCK_MAX).filter(is_in).map(move |n| self.first + n)
    }

    pub fn casts(self) -> usize {
        self.which.count_ones() as usize
    }
}

/// So much is lost on the way here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    pub name: TreeName,
    pub permille: u16,
}

/// `(first, end)` in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranges<'a>(&'a [u8]);

impl<'a> Ranges<'a> {
    pub fn iter(self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        self.0.chunks_exact(RANGE).map(|range| {
            let first = number(&range[..6]);
            (first, first + number(&range[6..]))
        })
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn name(bytes: &[u8]) -> TreeName {
    TreeName {
        origin: number(&bytes[..8]),
        tree: number(&bytes[8..NAME]) as u16,
    }
}

/// Beats of a message, first byte included. `None`: malformed.
pub fn beats(message: &[u8]) -> Option<impl Iterator<Item = Beat>> {
    let rest = message.get(1..)?;
    let is_whole = !rest.is_empty() && rest.len() % BEAT == 0;
    is_whole.then(|| {
        rest.chunks_exact(BEAT).map(|entry| Beat {
            name: name(entry),
            epoch: number(&entry[10..12]) as u16,
            key_id: number(&entry[12..16]) as u32,
            highest: number(&entry[16..22]),
            age: number(&entry[22..]) as u16,
        })
    })
}

/// `None`: malformed.
pub fn nack(message: &[u8]) -> Option<Nack<'_>> {
    let (head, rest) = message.get(1..)?.split_at_checked(NAME + 4)?;
    Some(Nack {
        name: name(head),
        key_id: number(&head[NAME..]) as u32,
        missing: ranges(rest)?,
    })
}

/// `None`: malformed.
pub fn graft(message: &[u8]) -> Option<Graft<'_>> {
    let (head, rest) = message.get(1..)?.split_at_checked(NAME + 2 + 1 + 4 + 6)?;
    let have = (number(&head[13..17]) as u32, number(&head[17..23]));
    Some(Graft {
        name: name(head),
        epoch: number(&head[10..12]) as u16,
        have: (head[12] != 0).then_some(have),
        missing: ranges(rest)?,
    })
}

/// Of a lease or an ungraft. `None`: malformed.
pub fn stay(message: &[u8]) -> Option<Stay> {
    let (head, rest) = message.get(1..)?.split_at_checked(NAME + 2)?;
    let reason = match (Verb::of(message[0])?, rest) {
        (Verb::Lease, []) | (Verb::Ungraft, [0]) => Reason::Leaves,
        (Verb::Ungraft, [2]) => Reason::Full,
        (Verb::Ungraft, [3]) => Reason::Hungry,
        (Verb::Ungraft, [4]) => Reason::UnknownTree,
        (Verb::Ungraft, [_]) => Reason::NotAdoptable,
        _ => return None,
    };
    Some(Stay {
        name: name(head),
        epoch: number(&head[10..]) as u16,
        reason,
    })
}

/// `None`: malformed.
pub fn parity(message: &[u8]) -> Option<Parity<'_>> {
    let (head, shard) = message.split_at_checked(PARITY_HEAD)?;
    let head = &head[1..];
    let block = Block {
        key_id: number(&head[10..14]) as u32,
        first: number(&head[14..20]),
        which: number(&head[20..24]) as u32,
    };
    let index = head[24];
    let is_sane = block.which & 1 == 1
        && block.first + BLOCK_MAX <= SEQUENCE_END
        && usize::from(index) < PARITY_MAX
        && shard.len() % 2 == 0
        && (2..=COVERED_MAX + 2).contains(&shard.len());
    is_sane.then(|| Parity {
        name: name(head),
        block,
        index,
        shard,
    })
}

/// `None`: malformed.
pub fn loss(message: &[u8]) -> Option<Loss> {
    let (head, permille) = message.get(1..)?.split_at_checked(NAME)?;
    (permille.len() == 2).then(|| Loss {
        name: name(head),
        permille: number(permille) as u16,
    })
}

fn ranges(bytes: &[u8]) -> Option<Ranges<'_>> {
    let (n, rest) = bytes.split_first()?;
    let fits = usize::from(*n) <= RANGES_MAX && rest.len() == usize::from(*n) * RANGE;
    let ranges = Ranges(rest);
    let is_sane = |(first, end): (u64, u64)| first < end && end <= SEQUENCE_END;
    (fits && ranges.iter().all(is_sane)).then_some(ranges)
}

/// Writes messages into one buffer, which keeps its room.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn start(&mut self, verb: Verb) {
        self.0.clear();
        self.0.push(verb.first());
    }

    fn name(&mut self, name: TreeName) {
        self.0.extend_from_slice(&name.origin.to_be_bytes());
        self.0.extend_from_slice(&name.tree.to_be_bytes());
    }

    fn sequence(&mut self, sequence: u64) {
        self.0.extend_from_slice(&sequence.to_be_bytes()[2..]);
    }

    pub fn start_beats(&mut self) {
        self.start(Verb::Beat);
    }

    pub fn beat(&mut self, beat: &Beat) {
        self.name(beat.name);
        self.0.extend_from_slice(&beat.epoch.to_be_bytes());
        self.0.extend_from_slice(&beat.key_id.to_be_bytes());
        self.sequence(beat.highest);
        self.0.extend_from_slice(&beat.age.to_be_bytes());
    }

    /// Add ranges behind ([`Writer::range`]).
    pub fn nack(&mut self, name: TreeName, key_id: u32) {
        self.start(Verb::Nack);
        self.name(name);
        self.0.extend_from_slice(&key_id.to_be_bytes());
        self.0.push(0);
    }

    /// Add ranges behind ([`Writer::range`]).
    pub fn graft(&mut self, name: TreeName, epoch: u16, have: Option<(u32, u64)>) {
        self.start(Verb::Graft);
        self.name(name);
        self.0.extend_from_slice(&epoch.to_be_bytes());
        self.0.push(u8::from(have.is_some()));
        let (key_id, highest) = have.unwrap_or_default();
        self.0.extend_from_slice(&key_id.to_be_bytes());
        self.sequence(highest);
        self.0.push(0);
    }

    /// Adds a range to a nack or graft; `head` = its length without ranges. What is longer than a count can say is cut. False:
    /// no more fit.
    pub fn range(&mut self, head: usize, first: u64, end: u64) -> bool {
        if usize::from(self.0[head - 1]) >= RANGES_MAX {
            return false;
        }
        self.sequence(first);
        let count = (end - first).min(u64::from(u16::MAX)) as u16;
        self.0.extend_from_slice(&count.to_be_bytes());
        self.0[head - 1] += 1;
        true
    }

    pub fn lease(&mut self, name: TreeName, epoch: u16) {
        self.start(Verb::Lease);
        self.name(name);
        self.0.extend_from_slice(&epoch.to_be_bytes());
    }

    pub fn ungraft(&mut self, name: TreeName, epoch: u16, reason: Reason) {
        self.start(Verb::Ungraft);
        self.name(name);
        self.0.extend_from_slice(&epoch.to_be_bytes());
        self.0.push(reason as u8);
    }

    pub fn parity(&mut self, parity: &Parity<'_>) {
        self.start(Verb::Parity);
        self.name(parity.name);
        self.0.extend_from_slice(&parity.block.key_id.to_be_bytes());
        self.sequence(parity.block.first);
        self.0.extend_from_slice(&parity.block.which.to_be_bytes());
        self.0.push(parity.index);
        self.0.extend_from_slice(parity.shard);
    }

    pub fn loss(&mut self, name: TreeName, permille: u16) {
        self.start(Verb::Loss);
        self.name(name);
        self.0.extend_from_slice(&permille.to_be_bytes());
    }
}

/// Length of a parity message without its shard.
const PARITY_HEAD: usize = 1 + NAME + 4 + 6 + 4 + 1;
/// Length of a nack without ranges.
pub const NACK_HEAD: usize = 1 + NAME + 4 + 1;
/// Length of a graft without ranges.
pub const GRAFT_HEAD: usize = 1 + NAME + 2 + 1 + 4 + 6 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    const T: TreeName = TreeName {
        origin: 0x0102_0304_0506_0708,
        tree: 0x090A,
    };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Golden: what is on the wire must not change within a kind.
    #[test]
    fn messages_are_as_documented() {
        let mut writer = Writer::default();
        let beat = Beat {
            name: T,
            epoch: 0x0B0C,
            key_id: 0x0D0E_0F10,
            highest: 0x1112_1314_1516,
            age: 0x1718,
        };
        writer.start_beats();
        writer.beat(&beat);
        assert_eq!(
            hex(writer.bytes()),
            "0a0102030405060708090a0b0c0d0e0f101112131415161718"
        );
        assert_eq!(beats(writer.bytes()).unwrap().collect::<Vec<_>>(), [beat]);

        writer.nack(T, 0x0D0E_0F10);
        assert_eq!(hex(writer.bytes()), "1a0102030405060708090a0d0e0f1000");
        assert!(writer.range(NACK_HEAD, 0x10, 0x12));
        assert_eq!(
            hex(writer.bytes()),
            "1a0102030405060708090a0d0e0f10010000000000100002"
        );
        let read = nack(writer.bytes()).unwrap();
        assert_eq!((read.name, read.key_id), (T, 0x0D0E_0F10));
        assert_eq!(read.missing.iter().collect::<Vec<_>>(), [(0x10, 0x12)]);

        writer.graft(T, 1, Some((2, 3)));
        assert!(writer.range(GRAFT_HEAD, 1, 2));
        let text = "2a0102030405060708090a0001010000000200000000000301".to_owned() + "0000000000010001";
        assert_eq!(hex(writer.bytes()), text);
        assert_eq!(graft(writer.bytes()).unwrap().have, Some((2, 3)));
        writer.graft(T, 1, None);
        assert_eq!(graft(writer.bytes()).unwrap().have, None);

        writer.lease(T, 0x0B0C);
        assert_eq!(hex(writer.bytes()), "3a0102030405060708090a0b0c");
        assert_eq!(stay(writer.bytes()).unwrap().epoch, 0x0B0C);
        writer.ungraft(T, 0x0B0C, Reason::Hungry);
        assert_eq!(hex(writer.bytes()), "4a0102030405060708090a0b0c03");
        assert_eq!(stay(writer.bytes()).unwrap().reason, Reason::Hungry);

        let block = Block {
            key_id: 0x0D0E_0F10,
            first: 0x1112_1314_1516,
            which: 0x8000_0005,
        };
        let sent = Parity {
            name: T,
            block,
            index: 7,
            shard: &[1, 2],
        };
        writer.parity(&sent);
        let text = "5a0102030405060708090a0d0e0f10111213141516".to_owned() + "80000005070102";
        assert_eq!(hex(writer.bytes()), text);
        assert_eq!(parity(writer.bytes()), Some(sent));
        let first = block.first;
        assert_eq!(
            block.sequences().collect::<Vec<_>>(),
            [first, first + 2, first + 31]
        );
        writer.loss(T, 0x0102);
        assert_eq!(hex(writer.bytes()), "6a0102030405060708090a0102");
        assert_eq!(loss(writer.bytes()).unwrap().permille, 0x0102);
    }

    #[test]
    fn whatever_comes_is_read_or_refused() {
        let mut writer = Writer::default();
        writer.graft(T, 1, Some((2, 3)));
        for n in 0..=RANGES_MAX as u64 {
            assert_eq!(writer.range(GRAFT_HEAD, n, n + 70_000), n < RANGES_MAX as u64);
        }
        let whole = writer.bytes().to_vec();
        assert_eq!(graft(&whole).unwrap().missing.iter().count(), RANGES_MAX);
        for cut in 0..whole.len() {
            assert_eq!(graft(&whole[..cut]), None, "{cut}");
        }
        for cut in 0..60 {
            let _ = (
                nack(&whole[..cut]),
                stay(&whole[..cut]),
                beats(&whole[..cut]).is_some(),
                parity(&whole[..cut]),
                loss(&whole[..cut]),
            );
        }
        // An empty range, and one past the end of all numbers.
        for bad in [
            [0, 0, 0, 0, 0, 1, 0, 0],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 2],
        ] {
            writer.nack(T, 1);
            let mut message = writer.bytes().to_vec();
            message[NACK_HEAD - 1] = 1;
            message.extend_from_slice(&bad);
            assert_eq!(nack(&message), None);
        }
        assert_eq!(
            (Verb::of(0x0A), Verb::of(0x7A), Verb::of(0x01)),
            (Some(Verb::Beat), None, None)
        );
    }
}
