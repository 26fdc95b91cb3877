//! A map by handles that count up: in pages of neighbours, as a tree's nodes stay half empty when keys only grow.

use std::collections::BTreeMap;

/// Handles of a page.
const PAGE: u32 = 16;

struct Page<T> {
    slots: [Option<T>; PAGE as usize],
    taken: u8,
}

/// Ordered by handle.
pub struct ByHandle<T> {
    pages: BTreeMap<u32, Box<Page<T>>>,
    len: usize,
}

impl<T> Default for ByHandle<T> {
    fn default() -> Self {
        ByHandle {
            pages: BTreeMap::new(),
            len: 0,
        }
    }
}

const fn place(handle: u32) -> (u32, usize) {
    (handle / PAGE, (handle % PAGE) as usize)
}

impl<T> ByHandle<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn get(&self, handle: u32) -> Option<&T> {
        let (page, slot) = place(handle);
        self.pages.get(&page)?.slots[slot].as_ref()
    }

    #[inline]
    pub fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        let (page, slot) = place(handle);
        self.pages.get_mut(&page)?.slots[slot].as_mut()
    }

    /// What was there before.
    pub fn insert(&mut self, handle: u32, value: T) -> Option<T> {
        let (page, slot) = place(handle);
        let empty = || Page {
            slots: [const { None }; PAGE as usize],
            taken: 0,
        };
        let page = self.pages.entry(page).or_insert_with(|| Box::new(empty()));
        let before = page.slots[slot].replace(value);
        if before.is_none() {
            page.taken += 1;
            self.len += 1;
        }
        before
    }

    pub fn remove(&mut self, handle: u32) -> Option<T> {
        let (number, slot) = place(handle);
        let page = self.pages.get_mut(&number)?;
        let before = page.slots[slot].take()?;
        page.taken -= 1;
        self.len -= 1;
        if page.taken == 0 {
            self.pages.remove(&number);
        }
        Some(before)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().flat_map(|(number, page)| {
            let handles = number * PAGE..;
            handles
                .zip(&page.slots)
                .filter_map(|(handle, slot)| Some((handle, slot.as_ref()?)))
        })
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.pages.iter_mut().flat_map(|(number, page)| {
            let handles = number * PAGE..;
            handles
                .zip(&mut page.slots)
                .filter_map(|(handle, slot)| Some((handle, slot.as_mut()?)))
        })
    }

    pub fn handles(&self) -> impl Iterator<Item = u32> {
        self.iter().map(|(handle, _)| handle)
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_an_ordered_map_does(acts in prop::collection::vec((0..3u8, prop_oneof![0..40u32, u32::MAX - 20..=u32::MAX]), 0..200)) {
            let (mut tested, mut model) = (ByHandle::default(), BTreeMap::new());
            for (n, (act, handle)) in acts.into_iter().enumerate() {
                match act {
                    0 => prop_assert_eq!(tested.remove(handle), model.remove(&handle)),
                    1 => prop_assert_eq!(tested.insert(handle, n), model.insert(handle, n)),
                    _ => {
                        let (found, expected) = (tested.get_mut(handle), model.get_mut(&handle));
                        prop_assert_eq!(&found, &expected);
                        if let (Some(found), Some(expected)) = (found, expected) {
                            *found += 1;
                            *expected += 1;
                        }
                    }
                }
                prop_assert_eq!(tested.get(handle), model.get(&handle));
                prop_assert_eq!((tested.len(), tested.is_empty()), (model.len(), model.is_empty()));
            }
            tested.iter_mut().for_each(|(handle, value)| *value += handle as usize);
            model.iter_mut().for_each(|(handle, value)| *value += *handle as usize);
            prop_assert!(tested.iter().eq(model.iter().map(|(handle, value)| (*handle, value))));
            prop_assert!(tested.handles().eq(model.keys().copied()) && tested.values().eq(model.values()));
        }
    }

    #[test]
    fn empty_pages_go() {
        let mut map = ByHandle::default();
        for handle in 0..10_000 {
            map.insert(handle, ());
            map.remove(handle.saturating_sub(20));
        }
        assert!(map.pages.len() <= 3 && map.len() == 20);
    }
}
