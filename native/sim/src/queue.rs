//! What is to happen when: earliest first, equal times in the order of planning.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

struct Item<T> {
    at: u64,
    order: u64,
    work: T,
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl<T> Eq for Item<T> {}
impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap's greatest is the earliest.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

pub struct Queue<T> {
    heap: BinaryHeap<Item<T>>,
    planned: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Queue<T> {
        Queue {
            heap: BinaryHeap::new(),
            planned: 0,
        }
    }

    pub fn push(&mut self, at: u64, work: T) {
        let order = self.planned;
        self.planned += 1;
        self.heap.push(Item { at, order, work });
    }

    pub fn next_at(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |item| item.at)
    }

    pub fn pop(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|item| (item.at, item.work))
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
