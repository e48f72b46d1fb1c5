//! The allocator of keyspace entries: one slab per shard, over arenas that all slabs share.
//!
//! A cache replaces its contents for ever, and its sizes change. General allocators cannot move what they
//! handed out, so pages that hold a few survivors each stay resident: under a steady live budget with four
//! shifts of the size mix they end at 1.7 (glibc) to 3.4 (mimalloc) resident bytes per live one. An entry,
//! though, has exactly one reference, found by hashing its key. So a slab offers blocks of sparse pages to
//! its owner, who moves them (see `compact`); `size_shift` in the tests is that experiment in small.
//!
//! - A *block* serves one request. Blocks of one *class* have equal size (`classes`) and fill a *page*;
//!   no block carries a header (`arena` finds the page by the address, `page` describes it).
//! - A page is 64 KiB, or a few 4 KiB units while its class holds less than 64 KiB in this slab, so that
//!   hundreds of nearly empty shards stay small.
//! - A class allocates from its *current* page, 64 blocks at a time through a cached word of the bitmap.
//!   Then it goes on with the fullest of a few partial pages, so that sparse ones may empty by themselves.
//! - An empty page returns to the system at once, except one that a large class keeps against flutter.
//! - Requests above 9360 bytes go to the global allocator (`large`), with the same accounting.
//!
//! A slab is used under its shard's exclusive lock; the contents of blocks may be read under the shared one.
//! Builds with debug assertions fill free blocks with a pattern and check it when they hand them out, as
//! AddressSanitizer does not see inside mapped memory.

mod arena;
mod classes;
mod compact;
mod large;
mod page;
mod poison;
mod small_spans;
#[cfg(test)]
mod tests;

use std::ptr::NonNull;

use arena::{Owner, Span, UNIT_BYTES, UNITS_PER_SPAN};
pub use arena::{address, pointer};
use compact::Compaction;
use large::LargeBlocks;
use page::{Page, PageId, State};
use small_spans::SmallSpans;

/// Partial pages among which the fullest is chosen.
const PARTIAL_CHOICES: usize = 4;
/// A class keeps one empty page while its live bytes are at least this many such pages.
const KEEP_EMPTY_PAGE_FROM: usize = 16;
/// Classes without a live block that keep one touched unit, so that setting and deleting a single key does
/// not go through the system each time.
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
    /// Free blocks of the current page that wait to be handed out: bit i is the i-th from `word_base` on.
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

    /// A block of at least `bytes` bytes, aligned to 8, with undefined contents. It belongs to the caller
    /// until [`free`](Slab::free), or until the slab is dropped.
    ///
    /// Like the global allocator, ends the process when the system has no memory left.
    #[inline]
    pub fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
        let Some(class) = classes::class_for(bytes, self.live_bytes) else {
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

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `alloc` of this slab, was not freed since, and nobody reads or writes it any more.
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
        match classes::class_for(bytes, self.live_bytes) {
            Some(class) => classes::block_bytes(class),
            None => large::usable_bytes_for(bytes),
        }
    }

    /// Bytes of all blocks in pages that are handed out, by the size of their classes; exact.
    /// Large blocks are not among them.
    pub fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Bytes of the pages' memory that was touched and not returned to the system, in units of 4 KiB. The
    /// part of a page behind the blocks ever handed out is not counted, nor is what `metadata_bytes` counts.
    pub fn resident_bytes(&self) -> usize {
        self.resident_bytes
    }

    /// Bytes requested from the global allocator for large blocks, with their headers of 16 bytes.
    pub fn large_bytes(&self) -> usize {
        self.large.bytes()
    }

    /// Bytes of the slab's own records: page descriptors, bitmaps, lists. About 0.1 to 1 % of the resident
    /// bytes, the more the smaller the blocks are.
    pub fn metadata_bytes(&self) -> usize {
        self.bitmap_bytes
            + self.pages.capacity() * size_of::<Page>()
            + self.vacant.capacity() * size_of::<PageId>()
            + self.classes.capacity() * size_of::<Class>()
            + self.small_spans.heap_bytes()
            + self.large.heap_bytes()
            + self.compaction.heap_bytes()
    }

    /// Finds free blocks for a class whose cached word is empty, and returns its slot.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, class_number: usize) -> usize {
        let slot = self.slot_of(class_number);
        loop {
            let class = &mut self.classes[slot];
            let block_bytes = class.block_bytes as usize;
            let Some(id) = class.current else {
                self.choose_current(slot);
                continue;
            };
            let page = &mut self.pages[id as usize];
            if let Some((index, word)) = page.take_word() {
                class.word = word;
                class.word_index = index as u16;
                class.word_base = page.base + index * 64 * block_bytes;
                return slot;
            }
            if page.is_opened_whole() {
                page.state = State::Full;
                class.current = None;
                continue;
            }
            let touched_before = page.touched_units(block_bytes);
            let opened = page.open_more(block_bytes);
            self.resident_bytes += (page.touched_units(block_bytes) - touched_before) * UNIT_BYTES;
            let start = pointer((page.base + opened.start * block_bytes) as u64)
                .expect("no block lies at zero");
            // SAFETY: these blocks of the slab's page were never handed out.
            unsafe { poison::fill(start, opened.len() * block_bytes) };
        }
    }

    fn slot_of(&mut self, class_number: usize) -> usize {
        if self.slots[class_number] == NO_SLOT {
            self.slots[class_number] = self.classes.len() as u8;
            self.classes.push(Class {
                block_bytes: classes::block_bytes(class_number) as u32,
                class: class_number as u8,
                ..Class::default()
            });
        }
        self.slots[class_number].into()
    }

    /// Makes the fullest of a few partial pages the current one, or else a new page.
    fn choose_current(&mut self, slot: usize) {
        let class = &self.classes[slot];
        let choices = &class.partial[class.partial.len().saturating_sub(PARTIAL_CHOICES)..];
        let fullest = choices
            .iter()
            .copied()
            .max_by_key(|&id| self.pages[id as usize].fill());
        let id = match fullest {
            Some(id) => {
                self.remove_from_partial(id);
                id
            }
            None => self.add_page(slot),
        };
        self.pages[id as usize].state = State::Current;
        self.classes[slot].current = Some(id);
    }

    fn add_page(&mut self, slot: usize) -> PageId {
        let class = &mut self.classes[slot];
        let (base, units) = if class.live_bytes() < classes::LARGE_PAGES_FROM_BYTES {
            let units = classes::small_page_units(class.class.into());
            (self.small_spans.take(units), units)
        } else {
            (Span::take().base(), UNITS_PER_SPAN)
        };
        let page = Page::new(base, units, class.block_bytes as usize, slot as u8);
        self.classes_in_use += u32::from(class.pages == 0);
        class.pages += 1;
        class.capacity += usize::from(page.capacity);
        self.bitmap_bytes += size_of_val(&*page.free);
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.pages.push(Page::vacant());
            (self.pages.len() - 1) as PageId
        });
        arena::set_owner(
            base,
            units,
            Some(Owner {
                page: id,
                class: class.class,
            }),
        );
        self.pages[id as usize] = page;
        id
    }

    /// What a `free` leads to beyond the bitmap: the page has room again, or it or the class became empty.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, id: PageId) {
        let page = &self.pages[id as usize];
        let slot = usize::from(page.slot);
        let is_empty = page.live == 0;
        match page.state {
            State::Full => self.add_to_partial(id),
            State::Draining if is_empty => self.release_page(id),
            _ => {}
        }
        if self.classes[slot].live == 0 {
            self.class_emptied(slot);
        } else if is_empty && self.pages[id as usize].state == State::Partial {
            self.page_emptied(slot, id);
        }
    }

    fn page_emptied(&mut self, slot: usize, id: PageId) {
        let class = &mut self.classes[slot];
        let page_bytes = usize::from(self.pages[id as usize].units) * UNIT_BYTES;
        if class.empty.is_none() && class.live_bytes() >= KEEP_EMPTY_PAGE_FROM * page_bytes {
            class.empty = Some(id);
        } else {
            self.release_page(id);
        }
    }

    /// Releases all pages of a class without live blocks; but one touched unit may stay for the next key.
    fn class_emptied(&mut self, slot: usize) {
        while let Some(&id) = self.classes[slot].partial.last() {
            self.release_page(id);
        }
        let class = &self.classes[slot];
        let Some(current) = class.current else { return };
        if self.pages[current as usize].touched_units(class.block_bytes as usize) > 1 {
            self.release_page(current);
        } else if !self.idle.contains(&(slot as u8)) {
            self.idle.rotate_right(1);
            let longest_idle = usize::from(std::mem::replace(&mut self.idle[0], slot as u8));
            let class = &self.classes[longest_idle];
            if let (0, Some(id)) = (class.live, class.current) {
                self.release_page(id);
            }
        }
    }

    /// Returns a page without live blocks to the system.
    fn release_page(&mut self, id: PageId) {
        let page = &self.pages[id as usize];
        let slot = usize::from(page.slot);
        if page.state == State::Current {
            self.retire_current(slot);
        }
        if self.pages[id as usize].state == State::Partial {
            self.remove_from_partial(id);
        }
        let page = std::mem::replace(&mut self.pages[id as usize], Page::vacant());
        debug_assert_eq!(page.live, 0);
        let class = &mut self.classes[slot];
        class.capacity -= usize::from(page.capacity);
        class.pages -= 1;
        self.classes_in_use -= u32::from(class.pages == 0);
        self.bitmap_bytes -= size_of_val(&*page.free);
        let touched_units = page.touched_units(class.block_bytes as usize);
        self.resident_bytes -= touched_units * UNIT_BYTES;
        self.vacant.push(id);
        self.compaction.page_released(id);
        arena::set_owner(page.base, page.units.into(), None);
        // SAFETY: the page was this slab's and has no live block.
        unsafe { arena::discard(page.base, touched_units) };
        if page.is_whole_span() {
            // SAFETY: the span was taken for this page, which is gone; its touched part was discarded.
            unsafe { Span::from_base(page.base).give() };
        } else {
            // SAFETY: the units were taken for this page, which is gone; the touched ones were discarded.
            unsafe { self.small_spans.give(page.base, page.units.into()) };
        }
    }

    /// Ends allocation from the class's current page, which becomes a partial or a full one.
    fn retire_current(&mut self, slot: usize) {
        let class = &mut self.classes[slot];
        let Some(id) = class.current.take() else {
            return;
        };
        let word = std::mem::take(&mut class.word);
        let page = &mut self.pages[id as usize];
        page.return_word(class.word_index.into(), word);
        if page.live == page.capacity {
            page.state = State::Full;
        } else {
            self.add_to_partial(id);
        }
    }

    fn add_to_partial(&mut self, id: PageId) {
        let page = &mut self.pages[id as usize];
        let partial = &mut self.classes[usize::from(page.slot)].partial;
        page.state = State::Partial;
        page.list_index = partial.len() as u32;
        partial.push(id);
    }

    /// Takes the page out of its class's list; the caller gives it another state.
    fn remove_from_partial(&mut self, id: PageId) {
        let page = &self.pages[id as usize];
        let index = page.list_index as usize;
        let class = &mut self.classes[usize::from(page.slot)];
        debug_assert_eq!(class.partial[index], id);
        class.partial.swap_remove(index);
        if let Some(&moved) = class.partial.get(index) {
            self.pages[moved as usize].list_index = index as u32;
        }
        if class.empty == Some(id) {
            class.empty = None;
        }
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
            if page.state == State::Vacant {
                continue;
            }
            let block_bytes = self.classes[usize::from(page.slot)].block_bytes as usize;
            arena::set_owner(page.base, page.units.into(), None);
            // SAFETY: the page is this slab's; its blocks belong to callers only while the slab lives.
            unsafe { arena::discard(page.base, page.touched_units(block_bytes)) };
            if page.is_whole_span() {
                // SAFETY: the span was taken for this page, which is gone; its touched part was discarded.
                unsafe { Span::from_base(page.base).give() };
            } else {
                // SAFETY: the units were taken for this page, which is gone; the touched ones were discarded.
                unsafe { self.small_spans.give(page.base, page.units.into()) };
            }
        }
        debug_assert!(self.small_spans.is_empty());
    }
}
