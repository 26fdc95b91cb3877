//! Receiver indices: low half = slot in the `Rx`, high half = random, so that a slot's next user has another index.

use crate::limits::SLOTS_MAX;
use std::collections::VecDeque;

/// (net, peer)
pub(crate) type PeerName = (u32, u32);

#[derive(Default)]
pub(crate) struct Slots {
    owners: Vec<Option<(u32, PeerName)>>,
    free: VecDeque<u32>,
}

impl Slots {
    /// A new index for `owner`; None when all slots are in use.
    pub fn take(&mut self, owner: PeerName, random: u16) -> Option<u32> {
        let fresh = self.owners.len() < SLOTS_MAX;
        let slot = match self.free.pop_front() {
            Some(slot) => slot,
            None if fresh => {
                self.owners.push(None);
                self.owners.len() as u32 - 1
            }
            None => return None,
        };
        let index = (u32::from(random) << 16) | slot;
        self.owners[slot as usize] = Some((index, owner));
        Some(index)
    }

    pub fn owner(&self, index: u32) -> Option<PeerName> {
        let entry = self.owners.get((index & 0xFFFF) as usize)?.as_ref()?;
        (entry.0 == index).then_some(entry.1)
    }

    pub fn release(&mut self, index: u32) {
        if self.owner(index).is_some() {
            let slot = index & 0xFFFF;
            self.owners[slot as usize] = None;
            self.free.push_back(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_unique_and_an_old_one_finds_nobody() {
        let mut slots = Slots::default();
        let first = slots.take((1, 1), 7).unwrap();
        slots.release(first);
        let second = slots.take((1, 2), 8).unwrap();
        assert_eq!(first & 0xFFFF, second & 0xFFFF);
        assert_eq!((slots.owner(first), slots.owner(second)), (None, Some((1, 2))));
        slots.release(first);
        assert_eq!(slots.owner(second), Some((1, 2)));
    }

    #[test]
    fn they_end_at_the_limit() {
        let mut slots = Slots::default();
        let taken = (0..SLOTS_MAX + 5)
            .filter(|_| slots.take((1, 1), 0).is_some())
            .count();
        assert_eq!(taken, SLOTS_MAX);
    }
}
