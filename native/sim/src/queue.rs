//! What is to happen when: earliest first, equal times in the order of planning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Small, so that the heap moves little; the work itself stays where it was put.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    at: u64,
    order: u64,
    place: u32,
}

pub struct Queue<T> {
    /// The earliest is the greatest.
    heap: BinaryHeap<Reverse<Item>>,
    works: Vec<Option<T>>,
    /// Places of `works` that are empty.
    free: Vec<u32>,
    planned: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Queue<T> {
        Queue {
            heap: BinaryHeap::new(),
            works: Vec::new(),
            free: Vec::new(),
            planned: 0,
        }
    }

    pub fn push(&mut self, at: u64, work: T) {
        let order = self.planned;
        self.planned += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.works.push(None);
            (self.works.len() - 1) as u32
        });
        self.works[place as usize] = Some(work);
        self.heap.push(Reverse(Item { at, order, place }));
    }

    pub fn next_at(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |Reverse(item)| item.at)
    }

    pub fn pop(&mut self) -> Option<(u64, T)> {
        let Reverse(Item { at, place, .. }) = self.heap.pop()?;
        self.free.push(place);
        let work = self.works[place as usize].take()?;
        Some((at, work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_by_order() {
        let mut queue = Queue::new();
        for (at, name) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.push(at, name);
        }
        assert_eq!(queue.next_at(), 1);
        let all: String = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(all, "abcd");
        assert_eq!(queue.next_at(), u64::MAX);
    }
}
