//! The allocator of keyspace entries: one slab per shard, over arenas that all slabs share.
//!
//! A cache replaces its contents for ever, and its sizes change. General allocators cannot move
//! what they handed out, so pages that hold a few survivors each stay resident: under a steady live
//! budget with four shifts of the size mix they end at 1.7 (glibc) to 3.4 (mimalloc) resident bytes
//! per live one. An entry, though, has exactly one reference, found by hashing its key. So a slab
//! offers blocks of sparse pages to its owner, who moves them (see `compact`). `size_shift` in the
//! tests is that experiment in small; its phases end at 1.07 to 1.13.
//!
//! - A *block* serves one request. Blocks of one *class* have equal size (`classes`) and fill a
//!   *page*; no block carries a header (`arena` finds the page by the address, `page` describes it,
//!   `pages` takes and returns them).
//! - A page is 64 KiB, or a few 4 KiB units while its class holds less than 64 KiB in this slab, so
//!   that hundreds of nearly empty shards stay small.
//! - A class allocates from its *current* page, 64 blocks at a time through a cached word of the
//!   bitmap. Then it goes on with the fullest of a few partial pages, so that sparse ones may empty
//!   by themselves.
//! - An empty page returns to the system at once, except one that a large class keeps against
//!   flutter.
//! - Requests above 9360 bytes go to the global allocator (`large`), with the same accounting.
//!
//! A slab is used under its shard's exclusive lock; the contents of blocks may be read under the
//! shared one. Builds with debug assertions fill free blocks with a pattern and check it when they
//! hand them out, as AddressSanitizer does not see inside mapped memory.

mod arena;
mod classes;
mod compact;
mod huge_pages;
mod large;
mod lone_span;
mod page;
mod pages;
mod poison;
mod small_spans;
#[cfg(test)]
mod tests;

use std::ptr::NonNull;

pub use arena::{address, pointer};
use compact::Compaction;
pub use huge_pages::use_huge_pages;
use large::LargeBlocks;
pub(crate) use lone_span::{LONE_SPAN_BYTES, LoneSpan};
use page::{Page, PageId, State};
use small_spans::SmallSpans;

/// Classes without a live block that keep one touched unit, so that setting and deleting a single
/// key does not go through the system each time.
const IDLE_CLASSES_KEPT: usize = 2;
/// The class slot of classes that were never used; its cached word is always empty.
const NO_SLOT: u8 = 0;

/// One shard's allocator of blocks.
pub struct Slab {
    /// Index in `classes` of each size class, or `NO_SLOT`.
    slots: [u8; classes::CLASS_COUNT],
    classes: Vec<Class>,
    pages: Vec<Page>,
    /// Numbers of vacant pages.
    vacant: Vec<PageId>,
    small_spans: SmallSpans,
    large: LargeBlocks,
    compaction: Compaction,
    /// Slots of the classes that kept a unit after their last block went.
    idle: [u8; IDLE_CLASSES_KEPT],
    classes_in_use: u32,
    live_bytes: usize,
    resident_bytes: usize,
    bitmap_bytes: usize,
}

/// What a slab holds of one size class.
#[derive(Default)]
struct Class {
    /// Free blocks of the current page that wait to be handed out: bit i is the i-th from
    /// `word_base` on.
    word: u64,
    word_base: usize,
    live: usize,
    /// Blocks that all pages of the class have room for.
    capacity: usize,
    /// Pages in state `Partial`.
    partial: Vec<PageId>,
    current: Option<PageId>,
    /// The one empty page that is kept; it is in `partial`.
    empty: Option<PageId>,
    pages: u32,
    block_bytes: u32,
    word_index: u16,
    class: u8,
}

impl Class {
    fn live_bytes(&self) -> usize {
        self.live * self.block_bytes as usize
    }
}

impl Slab {
    /// A slab that holds nothing yet; it takes memory when it is first used.
    pub fn new() -> Slab {
        Slab {
            slots: [NO_SLOT; classes::CLASS_COUNT],
            classes: vec![Class::default()],
            pages: Vec::new(),
            vacant: Vec::new(),
            small_spans: SmallSpans::default(),
            large: LargeBlocks::default(),
            compaction: Compaction::default(),
            idle: [NO_SLOT; IDLE_CLASSES_KEPT],
            classes_in_use: 0,
            live_bytes: 0,
            resident_bytes: 0,
            bitmap_bytes: 0,
        }
    }

    /// A block of at least `bytes` bytes, aligned to 8, with undefined contents. It belongs to the
    /// caller until [`free`](Slab::free), or until the slab is dropped.
    ///
    /// Like the global allocator, ends the process when the system has no memory left.
    #[inline]
    pub fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
        let Some(class) = self.class_for(bytes) else {
            return self.large.alloc(bytes);
        };
        let mut slot = usize::from(self.slots[class]);
        if self.classes[slot].word == 0 {
            slot = self.refill(class);
        }
        let class = &mut self.classes[slot];
        let bit = class.word.trailing_zeros() as usize;
        class.word &= class.word - 1;
        class.live += 1;
        let block_bytes = class.block_bytes as usize;
        self.live_bytes += block_bytes;
        let block =
            pointer((class.word_base + bit * block_bytes) as u64).expect("no block lies at zero");
        poison::check(block, block_bytes);
        block
    }

    /// The class that serves `bytes` now. A small shard has few, but where one of them holds much, the finer ones beside it
    /// are worth their half-filled pages.
    #[inline]
    fn class_for(&self, bytes: usize) -> Option<usize> {
        let class = classes::class_for(bytes, self.live_bytes)?;
        let slot = usize::from(self.slots[class]);
        if self.classes[slot].live < classes::FINE_BESIDE_BLOCKS {
            return Some(class);
        }
        classes::class_for(bytes, usize::MAX)
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `alloc` of this slab, was not freed since, and nobody reads or writes it
    /// any more.
    #[inline]
    pub unsafe fn free(&mut self, block: NonNull<u8>) {
        let Some(owner) = arena::owner_at(block.addr().get()) else {
            // SAFETY: the caller vouches for the block, and it lies in no page, so `large` made it.
            return unsafe { self.large.free(block) };
        };
        let class_number = usize::from(owner.class);
        let block_bytes = classes::block_bytes(class_number);
        let page = &mut self.pages[owner.page as usize];
        let offset = block.addr().get() - page.base;
        let index = classes::block_index(class_number, offset);
        debug_assert_eq!(
            index * block_bytes,
            offset,
            "a block is freed by its first byte, in its own slab"
        );
        // SAFETY: the caller gives up the block, whose size is its class's.
        unsafe { poison::fill(block, block_bytes) };
        page.free_block(index);
        let class = &mut self.classes[usize::from(page.slot)];
        class.live -= 1;
        self.live_bytes -= block_bytes;
        if page.state == State::Full || page.live == 0 || class.live == 0 {
            self.settle(owner.page);
        }
    }

    /// Bytes of `block` that its owner may use: at least what was asked for.
    ///
    /// # Safety
    /// `block` came from `alloc` of any slab and was not freed since.
    #[inline]
    pub unsafe fn usable_bytes(block: NonNull<u8>) -> usize {
        match arena::owner_at(block.addr().get()) {
            Some(owner) => classes::block_bytes(owner.class.into()),
            // SAFETY: the caller vouches that the block is live, and it lies in no page.
            None => unsafe { large::usable_bytes(block) },
        }
    }

    /// The usable bytes of the block that `alloc(bytes)` would return now.
    #[inline]
    pub fn class_bytes_for(&self, bytes: usize) -> usize {
        match self.class_for(bytes) {
            Some(class) => classes::block_bytes(class),
            None => large::usable_bytes_for(bytes),
        }
    }

    /// Bytes of all blocks in pages that are handed out, by the size of their classes; exact.
    /// Large blocks are not among them.
    pub fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Bytes of the pages' memory that was touched and not returned to the system, in units of 4
    /// KiB. The part of a page behind the blocks ever handed out is not counted, nor is what
    /// `metadata_bytes` counts.
    pub fn resident_bytes(&self) -> usize {
        self.resident_bytes
    }

    /// Bytes requested from the global allocator for large blocks, with their headers of 16 bytes.
    pub fn large_bytes(&self) -> usize {
        self.large.bytes()
    }

    /// Bytes of the slab's own records: page descriptors, bitmaps, lists. About 0.1 to 1 % of the
    /// resident bytes, the more the smaller the blocks are.
    pub fn metadata_bytes(&self) -> usize {
        self.bitmap_bytes
            + self.pages.capacity() * size_of::<Page>()
            + self.vacant.capacity() * size_of::<PageId>()
            + self.classes.capacity() * size_of::<Class>()
            + self.small_spans.heap_bytes()
            + self.large.heap_bytes()
            + self.compaction.heap_bytes()
    }
}

impl Default for Slab {
    fn default() -> Slab {
        Slab::new()
    }
}

impl Drop for Slab {
    /// Returns every page and frees every large block, whether or not the blocks were freed.
    fn drop(&mut self) {
        for page in std::mem::take(&mut self.pages) {
            if page.state != State::Vacant {
                // SAFETY: the page is taken out of `pages`, and blocks belong to callers only while
                // the slab lives.
                unsafe { self.give_back(&page) };
            }
        }
        debug_assert!(self.small_spans.is_empty());
    }
}
