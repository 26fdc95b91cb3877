//! Casts that may be asked for again: bytes in blocks of one size, which trees take from a common pool and give back.

use super::limits::{CACHE_BLOCK, CACHE_FOR, CACHE_TREE_MAX};
use std::collections::VecDeque;

/// Before each cast: key id u32, length u16, hop limit u8, 0, sequence u64, time u64.
const HEAD: usize = 24;
/// Blocks of one tree.
const SHELF_MAX: usize = CACHE_TREE_MAX / CACHE_BLOCK;

struct Block {
    used: usize,
    /// When the last one was put, µs.
    last: u64,
    lowest: u64,
    highest: u64,
    bytes: Box<[u8]>,
}

/// The blocks of one tree, the oldest first.
#[derive(Debug, Default)]
pub struct Shelf(VecDeque<u16>);

/// A cast that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    pub key_id: u32,
    pub sequence: u64,
    /// To go on with.
    pub hop_limit: u8,
    /// When it was put, µs.
    pub at: u64,
    /// From stamp to inner tag.
    pub body: &'a [u8],
}

/// The pool. Blocks are made when they are first needed and never given back to the system.
pub struct Cache {
    blocks: Vec<Block>,
    free: Vec<u16>,
    max: usize,
}

impl Cache {
    pub fn new(bytes: usize) -> Cache {
        Cache {
            blocks: Vec::new(),
            free: Vec::new(),
            max: (bytes / CACHE_BLOCK).min(usize::from(u16::MAX)),
        }
    }

    /// Keeps a copy. False when there is no room: the cast is too long, or others hold all blocks.
    pub fn put(&mut self, shelf: &mut Shelf, kept: Kept<'_>) -> bool {
        let now = kept.at;
        let need = HEAD + kept.body.len();
        if need > CACHE_BLOCK {
            return false;
        }
        let fits = |block: &Block| block.used + need <= CACHE_BLOCK;
        let place = match shelf.0.back() {
            Some(last) if fits(&self.blocks[usize::from(*last)]) => *last,
            _ => match self.take(shelf, now) {
                Some(place) => place,
                None => return false,
            },
        };
        let block = &mut self.blocks[usize::from(place)];
        let (head, rest) = block.bytes[block.used..].split_at_mut(HEAD);
        head[..4].copy_from_slice(&kept.key_id.to_be_bytes());
        head[4..6].copy_from_slice(&(kept.body.len() as u16).to_be_bytes());
        head[6..8].copy_from_slice(&[kept.hop_limit, 0]);
        head[8..16].copy_from_slice(&kept.sequence.to_be_bytes());
        head[16..].copy_from_slice(&now.to_be_bytes());
        rest[..kept.body.len()].copy_from_slice(kept.body);
        block.used += need;
        block.last = now;
        block.lowest = block.lowest.min(kept.sequence);
        block.highest = block.highest.max(kept.sequence);
        true
    }

    /// The cast, if it is kept and not older than [`CACHE_FOR`].
    pub fn get(&self, shelf: &Shelf, now: u64, key_id: u32, sequence: u64) -> Option<Kept<'_>> {
        let blocks = shelf
            .0
            .iter()
            .rev()
            .map(|place| &self.blocks[usize::from(*place)]);
        let mut near = blocks.filter(|block| block.lowest <= sequence && sequence <= block.highest);
        near.find_map(|block| {
            let mut all = block.each(now);
            all.find(|kept| kept.sequence == sequence && kept.key_id == key_id)
        })
    }

    /// All that is kept, in the order in which it came.
    pub fn each<'a>(&'a self, shelf: &'a Shelf, now: u64) -> impl Iterator<Item = Kept<'a>> {
        let blocks = shelf.0.iter().map(|place| &self.blocks[usize::from(*place)]);
        blocks.flat_map(move |block| block.each(now))
    }

    /// Gives back what is too old. Returns when to call again, if anything is left.
    pub fn expire(&mut self, shelf: &mut Shelf, now: u64) -> Option<u64> {
        while let Some(first) = shelf.0.front() {
            let end = self.blocks[usize::from(*first)].last + CACHE_FOR;
            if end >= now {
                let newest = shelf.0.back().unwrap_or(first);
                return Some(self.blocks[usize::from(*newest)].last + CACHE_FOR + 1);
            }
            self.free.push(*first);
            shelf.0.pop_front();
        }
        None
    }

    /// Gives back all.
    pub fn clear(&mut self, shelf: &mut Shelf) {
        self.free.extend(shelf.0.drain(..));
    }

    /// A new last block for the shelf.
    fn take(&mut self, shelf: &mut Shelf, now: u64) -> Option<u16> {
        self.expire(shelf, now);
        let spare = if shelf.0.len() < SHELF_MAX {
            self.spare()
        } else {
            None
        };
        // Beyond its share, or when others have all, the tree gives up its own oldest.
        let place = spare.or_else(|| shelf.0.pop_front())?;
        let block = &mut self.blocks[usize::from(place)];
        (block.used, block.lowest, block.highest) = (0, u64::MAX, 0);
        shelf.0.push_back(place);
        Some(place)
    }

    fn spare(&mut self) -> Option<u16> {
        self.free.pop().or_else(|| {
            let place = (self.blocks.len() < self.max).then_some(self.blocks.len() as u16)?;
            self.blocks.push(Block {
                used: 0,
                last: 0,
                lowest: u64::MAX,
                highest: 0,
                bytes: vec![0; CACHE_BLOCK].into_boxed_slice(),
            });
            Some(place)
        })
    }
}

impl Block {
    fn each(&self, now: u64) -> impl Iterator<Item = Kept<'_>> {
        let mut place = 0;
        std::iter::from_fn(move || {
            while place < self.used {
                let head = &self.bytes[place..place + HEAD];
                let len = usize::from(u16::from_be_bytes([head[4], head[5]]));
                let body = place + HEAD..place + HEAD + len;
                place = body.end;
                let at = word(&head[16..]);
                if at + CACHE_FOR >= now {
                    return Some(Kept {
                        key_id: u32::from_be_bytes([head[0], head[1], head[2], head[3]]),
                        sequence: word(&head[8..]),
                        hop_limit: head[6],
                        at,
                        body: &self.bytes[body],
                    });
                }
            }
            None
        })
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes[..8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &mut Cache, shelf: &mut Shelf, now: u64, sequence: u64, len: usize) -> bool {
        let body = vec![sequence as u8; len];
        let kept = Kept {
            key_id: 9,
            sequence,
            hop_limit: 7,
            at: now,
            body: &body,
        };
        cache.put(shelf, kept)
    }

    #[test]
    fn gives_back_what_was_put_for_its_time() {
        let (mut cache, mut shelf) = (Cache::new(1 << 20), Shelf::default());
        for n in 0..100 {
            assert!(put(&mut cache, &mut shelf, n, n, 1_000 + n as usize));
        }
        let kept = cache.get(&shelf, 100, 9, 37).unwrap();
        assert_eq!((kept.body, kept.hop_limit), (&vec![37; 1_037][..], 7));
        assert_eq!(cache.get(&shelf, 100, 8, 37), None, "of another key");
        assert_eq!(cache.get(&shelf, 38 + CACHE_FOR, 9, 37), None, "too old");
        assert_eq!(cache.each(&shelf, 38 + CACHE_FOR).count(), 62);
        assert!(cache.expire(&mut shelf, 99 + CACHE_FOR).is_some());
        assert_eq!(cache.expire(&mut shelf, 100 + CACHE_FOR), None);
        assert_eq!(cache.free.len(), cache.blocks.len());
        assert!(!put(&mut cache, &mut shelf, 0, 1, CACHE_BLOCK));
    }

    #[test]
    fn a_tree_keeps_its_share_and_the_pool_is_bounded() {
        let (mut cache, mut one, mut other) = (Cache::new(3 << 20), Shelf::default(), Shelf::default());
        for n in 0..3_000 {
            assert!(put(&mut cache, &mut one, 0, n, 1_400));
        }
        assert_eq!(cache.blocks.len(), SHELF_MAX);
        assert!(cache.get(&one, 0, 9, 2_999).is_some() && cache.get(&one, 0, 9, 0).is_none());
        for n in 0..3_000 {
            assert!(put(&mut cache, &mut other, 0, n, 1_400));
        }
        assert_eq!(cache.blocks.len() * CACHE_BLOCK, 3 << 20);
        assert!(cache.get(&one, 0, 9, 2_999).is_some(), "nobody takes from others");
        let mut third = Shelf::default();
        assert!(!put(&mut cache, &mut third, 0, 1, 100));
        cache.clear(&mut one);
        assert!(put(&mut cache, &mut third, 0, 1, 100));
    }
}
