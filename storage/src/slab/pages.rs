//! The pages of a slab: taken when a class has no free block, returned when they are empty.

use super::arena::{self, Owner, Span, UNIT_BYTES, UNITS_PER_SPAN};
use super::page::{Page, PageId, State};
use super::{Class, NO_SLOT, Slab, classes, pointer, poison};

/// Partial pages among which the fullest is chosen.
const PARTIAL_CHOICES: usize = 4;
/// A class keeps one empty page while its live bytes are at least this many such pages.
const KEEP_EMPTY_PAGE_FROM: usize = 16;

impl Slab {
    /// Finds free blocks for a class whose cached word is empty, and returns its slot.
    #[cold]
    #[inline(never)]
    pub(super) fn refill(&mut self, class_number: usize) -> usize {
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

    /// What a `free` leads to beyond the bitmap: the page has room again, or it or the class became
    /// empty.
    #[cold]
    #[inline(never)]
    pub(super) fn settle(&mut self, id: PageId) {
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

    /// Releases all pages of a class without live blocks; but one touched unit may stay for the
    /// next key.
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
    pub(super) fn release_page(&mut self, id: PageId) {
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
        self.resident_bytes -= page.touched_units(class.block_bytes as usize) * UNIT_BYTES;
        self.vacant.push(id);
        self.compaction.page_released(id);
        // SAFETY: the page was taken out of `pages` above and has no live block.
        unsafe { self.give_back(&page) };
    }

    /// Returns a page's memory to the system and its units to the small spans or the arenas.
    ///
    /// # Safety
    /// The page is one of this slab's, is given back once, and nobody uses its blocks any more.
    pub(super) unsafe fn give_back(&mut self, page: &Page) {
        arena::set_owner(page.base, page.units.into(), None);
        // Where pages are huge, untouched units may be there too.
        // SAFETY: the units are this slab's, and the caller vouches that no live block lies in
        // them.
        unsafe { arena::discard(page.base, page.units.into()) };
        if page.is_whole_span() {
            // SAFETY: the span was taken for this page, which the caller drops; it is discarded.
            unsafe { Span::from_base(page.base).give() };
        } else {
            // SAFETY: the units were taken for this page, which the caller drops; they are discarded.
            unsafe { self.small_spans.give(page.base, page.units.into()) };
        }
    }

    /// Ends allocation from the class's current page, which becomes a partial or a full one.
    pub(super) fn retire_current(&mut self, slot: usize) {
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

    pub(super) fn add_to_partial(&mut self, id: PageId) {
        let page = &mut self.pages[id as usize];
        let partial = &mut self.classes[usize::from(page.slot)].partial;
        page.state = State::Partial;
        page.list_index = partial.len() as u32;
        partial.push(id);
    }

    /// Takes the page out of its class's list; the caller gives it another state.
    pub(super) fn remove_from_partial(&mut self, id: PageId) {
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
