//! Parity of what a node passes on: which casts share it, and the code itself. It covers casts as they travel, sealed: who passes them on
//! reads nothing, and what a block gives back goes through every check that a cast goes through.

use super::cache::{Cache, Shelf};
use super::limits::{BLOCK_FOR, BLOCK_MAX, BLOCKS_READY_MAX, COVERED_MAX, PARITY_MAX};
use super::losses::Losses;
use super::wire::Block;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

/// Before each cast in its shard.
const LENGTH: usize = 2;

/// What is passed on, in blocks.
#[derive(Debug, Default)]
pub struct Coding {
    pub losses: Losses,
    /// With when it began, µs.
    open: Option<(Block, u64)>,
    ready: Vec<Block>,
}

impl Coding {
    /// A cast went on. Returns when parity is due, and whether a block had to be given up.
    pub fn add(&mut self, now: u64, key_id: u32, sequence: u64, len: usize) -> (u64, bool) {
        let mut is_given_up = false;
        if !self.losses.any(now) {
            self.open = None;
        } else if len <= COVERED_MAX {
            let at = match &self.open {
                Some((block, _)) if block.key_id == key_id => sequence.checked_sub(block.first),
                _ => Some(BLOCK_MAX),
            };
            match (at, &mut self.open) {
                // From before the block: it was sent again, and comes late.
                (None, _) => {}
                (Some(at), Some((block, _))) if at < BLOCK_MAX => block.which |= 1 << at,
                _ => {
                    is_given_up = !self.close();
                    let block = Block {
                        key_id,
                        first: sequence,
                        which: 1,
                    };
                    self.open = Some((block, now));
                }
            }
        }
        (self.due(), is_given_up)
    }

    /// False: too many wait.
    fn close(&mut self) -> bool {
        let Some((block, _)) = self.open.take() else {
            return true;
        };
        let has_room = self.ready.len() < BLOCKS_READY_MAX;
        if has_room {
            self.ready.push(block);
        }
        has_room
    }

    /// When a block wants its parity, µs.
    pub fn due(&self) -> u64 {
        let open = self.open.map_or(u64::MAX, |(_, began)| began + BLOCK_FOR);
        if self.ready.is_empty() { open } else { 0 }
    }

    /// Takes a block whose parity is due.
    pub fn take(&mut self, now: u64) -> Option<Block> {
        if self.open.is_some_and(|(_, began)| now >= began + BLOCK_FOR) {
            self.close();
        }
        (!self.ready.is_empty()).then(|| self.ready.remove(0))
    }
}

/// The code, and room to work in; made when it is first needed.
#[derive(Default)]
pub struct Codec {
    encoder: Option<ReedSolomonEncoder>,
    decoder: Option<ReedSolomonDecoder>,
    scratch: Vec<u8>,
}

impl Codec {
    /// Computes all parity of a block, if all of its casts are kept, and gives `hear` the first `count` shards.
    pub fn parity(
        &mut self,
        now: u64,
        block: Block,
        (cache, shelf): (&Cache, &Shelf),
        count: usize,
        mut hear: impl FnMut(u8, &[u8]),
    ) -> Option<()> {
        let body_of = |sequence| {
            let kept = cache.get(shelf, now, block.key_id, sequence);
            kept.map(|kept| kept.body)
        };
        let width = widest(block.sequences().map(body_of))?;
        let encoder = match &mut self.encoder {
            Some(encoder) => {
                encoder.reset(block.casts(), PARITY_MAX, width).ok()?;
                encoder
            }
            none => none.insert(ReedSolomonEncoder::new(block.casts(), PARITY_MAX, width).ok()?),
        };
        for body in block.sequences().map(body_of) {
            fill(&mut self.scratch, body?, width);
            encoder.add_original_shard(&self.scratch).ok()?;
        }
        let coded = encoder.encode().ok()?;
        for (index, shard) in coded.recovery_iter().take(count).enumerate() {
            hear(index as u8, shard);
        }
        Some(())
    }

    /// Gives back what is missing of a block: `body_of` knows the casts that came. `None`: it does not fit together.
    pub fn mend<'a>(
        &mut self,
        block: Block,
        shards: &[(u8, Vec<u8>)],
        body_of: impl Fn(u64) -> Option<&'a [u8]>,
        mut hear: impl FnMut(&[u8]),
    ) -> Option<()> {
        let width = shards.first()?.1.len();
        let decoder = match &mut self.decoder {
            Some(decoder) => {
                decoder.reset(block.casts(), PARITY_MAX, width).ok()?;
                decoder
            }
            none => none.insert(ReedSolomonDecoder::new(block.casts(), PARITY_MAX, width).ok()?),
        };
        for (place, sequence) in block.sequences().enumerate() {
            if let Some(body) = body_of(sequence) {
                if body.len() + LENGTH > width {
                    return None;
                }
                fill(&mut self.scratch, body, width);
                decoder.add_original_shard(place, &self.scratch).ok()?;
            }
        }
        for (index, shard) in shards {
            decoder.add_recovery_shard(usize::from(*index), shard).ok()?;
        }
        for (_, shard) in decoder.decode().ok()?.restored_original_iter() {
            let (length, rest) = shard.split_first_chunk::<LENGTH>()?;
            hear(rest.get(..usize::from(u16::from_be_bytes(*length)))?);
        }
        Some(())
    }
}

/// Bytes of a shard: even, as the code has it.
fn widest<'a>(bodies: impl Iterator<Item = Option<&'a [u8]>>) -> Option<usize> {
    let mut longest = 0;
    for body in bodies {
        longest = longest.max(body?.len());
    }
    Some((longest + LENGTH).next_multiple_of(2))
}

fn fill(scratch: &mut Vec<u8>, body: &[u8], width: usize) {
    scratch.clear();
    scratch.extend_from_slice(&(body.len() as u16).to_be_bytes());
    scratch.extend_from_slice(body);
    scratch.resize(width, 0);
}
