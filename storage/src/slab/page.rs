//! The descriptor of one page: which of its equal blocks are free.
//!
//! | field | bytes | content |
//! |---|--:|---|
//! | `free` | 16 | bitmap on the heap, one bit per block: 1 = opened and free |
//! | `base` | 8 | address of block 0 |
//! | `list_index` | 4 | place in the class's list of partial pages, while `state` is `Partial` |
//! | `live` | 2 | opened blocks whose bit is 0: handed out, or in the class's cached word |
//! | `opened` | 2 | blocks from the front that were ever handed to the bitmap |
//! | `capacity` | 2 | blocks in the page |
//! | `slot` | 1 | the class, as an index into the slab's classes |
//! | `units` | 1 | length in 4 KiB units; 16 is a whole span |
//! | `state` | 1 | who may allocate from it |
//! | `first_word` | 1 | words of `free` before this one are 0 |
//! | padding | 2 | |
//!
//! Blocks behind `opened` have never been touched, so a page costs memory only as far as it was
//! used.

use super::arena::{UNIT_BYTES, UNITS_PER_SPAN};

/// A page's number within its slab.
pub(super) type PageId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The number is not in use.
    Vacant,
    /// Its class allocates from it.
    Current,
    /// In its class's list; has room.
    Partial,
    /// No room.
    Full,
    /// Compaction empties it: nothing is allocated from it.
    Draining,
}

pub(super) struct Page {
    pub(super) free: Box<[u64]>,
    pub(super) base: usize,
    pub(super) list_index: u32,
    pub(super) live: u16,
    opened: u16,
    pub(super) capacity: u16,
    pub(super) slot: u8,
    pub(super) units: u8,
    pub(super) state: State,
    first_word: u8,
}

const _: () = assert!(size_of::<Page>() == 40);

impl Page {
    /// A page of `units` units at `base`, holding blocks of `block_bytes` for the class at `slot`.
    pub(super) fn new(base: usize, units: usize, block_bytes: usize, slot: u8) -> Page {
        let capacity = units * UNIT_BYTES / block_bytes;
        Page {
            free: vec![0; capacity.div_ceil(64)].into_boxed_slice(),
            base,
            list_index: 0,
            live: 0,
            opened: 0,
            capacity: u16::try_from(capacity).expect("a page has at most 4096 blocks"),
            slot,
            units: u8::try_from(units).expect("a page is at most a span"),
            state: State::Current,
            first_word: 0,
        }
    }

    /// What stands at a number that is not in use.
    pub(super) fn vacant() -> Page {
        Page {
            state: State::Vacant,
            ..Page::new(0, 0, 1, 0)
        }
    }

    pub(super) fn is_whole_span(&self) -> bool {
        usize::from(self.units) == UNITS_PER_SPAN
    }

    /// Takes the first 64 blocks among which there are free ones: their index / 64, and the free
    /// ones.
    pub(super) fn take_word(&mut self) -> Option<(usize, u64)> {
        let first = usize::from(self.first_word);
        let Some(ahead) = self.free[first..].iter().position(|&word| word != 0) else {
            self.first_word = self.free.len() as u8;
            return None;
        };
        let index = first + ahead;
        self.first_word = index as u8;
        let word = std::mem::take(&mut self.free[index]);
        self.live += word.count_ones() as u16;
        Some((index, word))
    }

    /// Puts back what is left of a word.
    pub(super) fn return_word(&mut self, index: usize, word: u64) {
        debug_assert_eq!(self.free[index] & word, 0);
        self.free[index] |= word;
        self.first_word = self.first_word.min(index as u8);
        self.live -= word.count_ones() as u16;
    }

    /// Marks one block free.
    #[inline]
    pub(super) fn free_block(&mut self, index: usize) {
        let bit = 1 << (index % 64);
        debug_assert!(
            index < usize::from(self.opened),
            "a freed block was handed out before"
        );
        debug_assert!(self.free[index / 64] & bit == 0, "block is freed twice");
        self.free[index / 64] |= bit;
        self.first_word = self.first_word.min((index / 64) as u8);
        self.live -= 1;
    }

    /// The first block at or after `index` that is handed out. The class holds no word of this
    /// page.
    pub(super) fn live_block_from(&self, index: usize) -> Option<usize> {
        (index..usize::from(self.opened))
            .find(|index| self.free[index / 64] >> (index % 64) & 1 == 0)
    }

    pub(super) fn is_opened_whole(&self) -> bool {
        self.opened == self.capacity
    }

    /// Opens the blocks that fit into the next untouched unit, or the units that one more block
    /// needs. Returns the opened blocks.
    pub(super) fn open_more(&mut self, block_bytes: usize) -> std::ops::Range<usize> {
        let start = usize::from(self.opened);
        let need_bytes =
            ((start + 1) * block_bytes).max((self.touched_units(block_bytes) + 1) * UNIT_BYTES);
        let end = (need_bytes.next_multiple_of(UNIT_BYTES) / block_bytes).min(self.capacity.into());
        self.first_word = self.first_word.min((start / 64) as u8);
        for index in start..end {
            self.free[index / 64] |= 1 << (index % 64);
        }
        self.opened = end as u16;
        start..end
    }

    /// Units that were touched, from the front.
    pub(super) fn touched_units(&self, block_bytes: usize) -> usize {
        (usize::from(self.opened) * block_bytes).div_ceil(UNIT_BYTES)
    }

    /// How much of the page is handed out, in 1/1024.
    pub(super) fn fill(&self) -> u32 {
        u32::from(self.live) * 1024 / u32::from(self.capacity)
    }

    /// How much of the touched part is handed out, in 1/1024, when `cached` of its blocks still
    /// wait in the class's cached word.
    pub(super) fn fill_of_touched(&self, cached: u32) -> u32 {
        (u32::from(self.live) - cached) * 1024 / u32::from(self.opened).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::classes;

    #[test]
    fn pages_open_unit_by_unit_and_hand_out_each_block_once() {
        for class in 0..classes::CLASS_COUNT {
            let block = classes::block_bytes(class);
            for units in [classes::small_page_units(class), UNITS_PER_SPAN] {
                let mut page = Page::new(0, units, block, 0);
                let mut seen = 0;
                while !page.is_opened_whole() {
                    let before = page.touched_units(block);
                    let opened = page.open_more(block);
                    assert!(!opened.is_empty() && opened.end * block <= units * UNIT_BYTES);
                    assert!(
                        page.touched_units(block) - before <= block.div_ceil(UNIT_BYTES).max(1)
                    );
                    while let Some((_, word)) = page.take_word() {
                        seen += word.count_ones();
                    }
                }
                assert_eq!(seen, u32::from(page.capacity));
                assert_eq!(page.fill(), 1024);
            }
        }
    }

    #[test]
    fn live_blocks_are_those_not_free() {
        let mut page = Page::new(0, 1, 16, 0);
        page.open_more(16);
        while page.take_word().is_some() {}
        page.free_block(0);
        page.free_block(200);
        assert_eq!(page.live_block_from(0), Some(1));
        assert_eq!(page.live_block_from(200), Some(201));
        assert_eq!(page.live_block_from(256), None);
        assert_eq!(page.live, 254);
        let (index, word) = page.take_word().unwrap();
        page.return_word(index, word);
        assert_eq!((page.live, page.fill_of_touched(0)), (254, 1016));
    }
}
