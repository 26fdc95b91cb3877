//! Fragments (kind 5): plaintexts too long for a path are split before sealing and put together after opening.
//! `Reassembly` is owned by one receiving thread.

use crate::drops::DropReason;
use crate::limits::{FRAGMENTS_MAX, FRAME_MAX, REASSEMBLIES_MAX, REASSEMBLY_FOR};
use crate::wire::{kind, u32_at};

/// Kind byte, id u32, index u8, count u8, what u8.
pub const FRAGMENT_HEAD: usize = 8;

/// What a reassembled plaintext is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    /// The plaintext of a data frame of kind 1, kind byte included.
    Packet = 1,
    /// A cast frame from its stamp on, without the hop tag.
    Cast = 2,
    /// The same of a tree (≥ 1): auth u8, hop limit u8, then from its stamp on.
    TreeCast = 3,
    /// The plaintext of a data frame of kind 10, kind byte included.
    TreeMessage = 4,
}

impl What {
    pub(crate) fn of(byte: u8) -> Option<What> {
        match byte {
            1 => Some(What::Packet),
            2 => Some(What::Cast),
            3 => Some(What::TreeCast),
            4 => Some(What::TreeMessage),
            _ => None,
        }
    }
}

/// The fragments of `bytes` for data frames whose plaintext may have `room` bytes, each with its head, equal in length
/// but the last. `id` should differ from those of the last 64. None when it needs more than `FRAGMENTS_MAX`.
pub fn split(
    id: u32,
    what: What,
    bytes: &[u8],
    room: usize,
) -> Option<impl Iterator<Item = ([u8; FRAGMENT_HEAD], &[u8])>> {
    let most = room.checked_sub(FRAGMENT_HEAD).filter(|n| *n > 0)?;
    let count = bytes.len().div_ceil(most);
    if count == 0 || count > FRAGMENTS_MAX {
        return None;
    }
    let chunks = bytes.chunks(bytes.len().div_ceil(count)).enumerate();
    // Equal shares may need one chunk less than the count said: the count on the wire is that of the chunks.
    let count = bytes.len().div_ceil(bytes.len().div_ceil(count)) as u8;
    Some(chunks.map(move |(index, chunk)| {
        let mut head = [kind::FRAGMENT, 0, 0, 0, 0, index as u8, count, what as u8];
        head[1..5].copy_from_slice(&id.to_be_bytes());
        (head, chunk)
    }))
}

struct Entry {
    name: (u32, u32, u32, u8),
    since: u64,
    parts: Vec<Option<Vec<u8>>>,
    missing: usize,
    bytes: usize,
}

/// Puts fragments together: bounded in number, bytes and time; the oldest gives way.
#[derive(Default)]
pub struct Reassembly {
    entries: Vec<Entry>,
}

impl Reassembly {
    pub fn new() -> Reassembly {
        Reassembly::default()
    }

    /// Takes the plaintext of an authentic kind 5 frame (kind byte included) from a peer. Returns the whole when this
    /// was its last missing part.
    pub fn insert(
        &mut self,
        now: u64,
        (net, peer): (u32, u32),
        plaintext: &[u8],
    ) -> Result<Option<(What, Vec<u8>)>, DropReason> {
        if plaintext.len() <= FRAGMENT_HEAD || plaintext[0] != kind::FRAGMENT {
            return Err(DropReason::BadFragment);
        }
        let (index, count) = (usize::from(plaintext[5]), usize::from(plaintext[6]));
        let what = What::of(plaintext[7]).ok_or(DropReason::BadFragment)?;
        if index >= count || count > FRAGMENTS_MAX {
            return Err(DropReason::BadFragment);
        }
        self.entries.retain(|e| e.since + REASSEMBLY_FOR >= now);
        let at = self.place(now, (net, peer, u32_at(plaintext, 1), plaintext[7]), count);
        let entry = &mut self.entries[at];
        let body = &plaintext[FRAGMENT_HEAD..];
        if entry.parts.len() != count || entry.bytes + body.len() > FRAME_MAX {
            return Err(DropReason::BadFragment);
        }
        if entry.parts[index].is_none() {
            entry.parts[index] = Some(body.to_vec());
            entry.missing -= 1;
            entry.bytes += body.len();
        }
        if entry.missing > 0 {
            return Ok(None);
        }
        let entry = self.entries.swap_remove(at);
        Ok(Some((
            what,
            entry.parts.into_iter().flatten().flatten().collect(),
        )))
    }

    /// Plaintexts being put together.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&mut self, now: u64, name: (u32, u32, u32, u8), count: usize) -> usize {
        if let Some(at) = self.entries.iter().position(|e| e.name == name) {
            return at;
        }
        if self.entries.len() >= REASSEMBLIES_MAX {
            let oldest = (0..self.entries.len()).min_by_key(|i| self.entries[*i].since);
            oldest.map(|i| self.entries.swap_remove(i));
        }
        let parts = vec![None; count];
        self.entries.push(Entry {
            name,
            since: now,
            parts,
            missing: count,
            bytes: 0,
        });
        self.entries.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(id: u32, bytes: &[u8], room: usize) -> Vec<Vec<u8>> {
        split(id, What::Packet, bytes, room)
            .unwrap()
            .map(|(head, body)| [&head[..], body].concat())
            .collect()
    }

    #[test]
    fn any_length_and_order_comes_back_whole() {
        for len in [1, 2, 99, 100, 101, 1_000, 1_400, 5_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            for room in [100, 523, 1_400] {
                let mut parts = pieces(7, &bytes, room);
                assert!(parts.iter().all(|p| p.len() <= room));
                parts.reverse();
                let mut table = Reassembly::new();
                let last = parts.pop().unwrap();
                for part in &parts {
                    assert_eq!(table.insert(0, (1, 1), part), Ok(None));
                    assert_eq!(
                        table.insert(0, (1, 1), part),
                        Ok(None),
                        "a duplicate changes nothing"
                    );
                }
                assert_eq!(
                    table.insert(0, (1, 1), &last),
                    Ok(Some((What::Packet, bytes.clone())))
                );
                assert!(table.is_empty());
            }
        }
    }

    #[test]
    fn peers_do_not_mix() {
        let bytes = [1u8; 300];
        let parts = pieces(7, &bytes, 200);
        let mut table = Reassembly::new();
        assert_eq!(table.insert(0, (1, 1), &parts[0]), Ok(None));
        assert_eq!(table.insert(0, (1, 2), &parts[1]), Ok(None));
        assert!(table.insert(0, (1, 1), &parts[1]).unwrap().is_some());
    }

    #[test]
    fn it_is_bounded_in_number_and_time() {
        let bytes = [1u8; 300];
        let mut table = Reassembly::new();
        for id in 0..1_000 {
            table
                .insert(u64::from(id), (1, 1), &pieces(id, &bytes, 200)[0])
                .unwrap();
            assert!(table.len() <= REASSEMBLIES_MAX);
        }
        table
            .insert(REASSEMBLY_FOR + 5_000, (1, 1), &pieces(5_000, &bytes, 200)[0])
            .unwrap();
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut table = Reassembly::new();
        let good = pieces(1, &[1; 300], 200)[0].clone();
        for (at, value) in [(0, 1), (5, 2), (6, 65), (6, 0), (7, 0), (7, 5)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(
                table.insert(0, (1, 1), &bad),
                Err(DropReason::BadFragment),
                "byte {at} = {value}"
            );
        }
        assert_eq!(
            table.insert(0, (1, 1), &good[..FRAGMENT_HEAD]),
            Err(DropReason::BadFragment)
        );
        assert!(split(1, What::Packet, &[0; 65_000], 100).is_none());
        assert!(split(1, What::Packet, &[0; 10], FRAGMENT_HEAD).is_none());
    }
}
