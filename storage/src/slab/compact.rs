//! Compaction: which live blocks to move so that sparse pages become empty.
//!
//! The slab does not know who refers to a block, so the owner moves it: it takes blocks from
//! [`Slab::sparse_block`], finds the one reference to each, allocates, copies, swaps and frees. One
//! page at a time is *draining*: nothing is allocated from it, and the last `free` in it returns it
//! to the system.
//!
//! The search walks the pages in windows and takes the sparsest of a window first. When a whole lap
//! released next to nothing (blocks were declined, or no page is worth it), the search rests for a
//! number of calls that doubles each time, so that blocks which cannot move cost next to nothing.

use std::ptr::NonNull;

use super::Slab;
use super::arena::{self, UNIT_BYTES};
use super::classes::LARGE_PAGES_FROM_BYTES;
use super::page::{PageId, State};

/// Compaction starts above this many resident bytes per 100 live ones, and stops at the second
/// number.
const START_PERCENT: usize = 108;
const STOP_PERCENT: usize = 104;
/// Unused memory that no slab is compacted for.
const SLACK_BYTES: usize = 8 * 1024;
/// Pages whose touched part is handed out to less than this are sparse; in 1/1024 (70 %).
const SPARSE_FILL: u32 = 717;
/// Pages looked at in one call at most.
const WINDOW_PAGES: usize = 2048;
/// After a fruitless lap the search rests for as many calls as the lap had steps of this many
/// offered blocks, but at least `REST_CALLS_MIN`; for twice as many after the next such lap, and so
/// on.
const OFFERS_PER_STEP: usize = 64;
const REST_CALLS_MIN: usize = 8;
const REST_FACTOR_MAX: usize = 32;

/// Where compaction stands in one slab.
#[derive(Default)]
pub(super) struct Compaction {
    /// Between crossing the start and the stop threshold.
    active: bool,
    /// The page that is being emptied, and its first block not yet offered to the owner.
    victim: Option<(PageId, usize)>,
    /// Sparse pages of the last window, sparsest last.
    candidates: Vec<(u32, PageId)>,
    /// Where the next window begins.
    next_page: usize,
    victims_in_lap: usize,
    released_in_lap: usize,
    offered_in_lap: usize,
    /// Calls that still return nothing.
    rest_calls: usize,
    /// How many times longer than the lap the last rest was; 0 after a lap that was worth while.
    rest_factor: usize,
}

impl Compaction {
    /// Notes that a page was released, if it was the one being emptied.
    pub(super) fn page_released(&mut self, id: PageId) {
        if self.victim.is_some_and(|(victim, _)| victim == id) {
            self.victim = None;
            self.released_in_lap += 1;
        }
    }

    /// Bytes of the list of candidates.
    pub(super) fn heap_bytes(&self) -> usize {
        self.candidates.capacity() * size_of::<(u32, PageId)>()
    }
}

impl Slab {
    /// Whether so much of the resident memory is unused that moving blocks pays; call
    /// [`sparse_block`](Slab::sparse_block) while it is so.
    ///
    /// Half a unit (4 KiB) for each class in use is allowed on top, and a little more: that much is
    /// lost in any slab, and a nearly empty one would never come to rest.
    pub fn needs_compaction(&self) -> bool {
        let percent = if self.compaction.active {
            STOP_PERCENT
        } else {
            START_PERCENT
        };
        self.compaction.victim.is_some() || self.exceeds(percent)
    }

    /// The next block that should move, or `None` when there is nothing to do in this step.
    ///
    /// The owner either moves the block (`alloc`, copy, swap its reference, `free` the old one) or
    /// leaves it where it is. Each block is offered once per lap, and a call looks at a bounded
    /// number of pages, so declined blocks cannot hold up the caller. After `None`, try again at
    /// the next step, not in a loop.
    pub fn sparse_block(&mut self) -> Option<NonNull<u8>> {
        loop {
            if let Some((id, next)) = self.compaction.victim {
                let page = &self.pages[id as usize];
                if let Some(index) = page.live_block_from(next) {
                    self.compaction.victim = Some((id, index + 1));
                    self.compaction.offered_in_lap += 1;
                    let block_bytes = self.classes[usize::from(page.slot)].block_bytes as usize;
                    return arena::pointer((page.base + index * block_bytes) as u64);
                }
                self.leave_victim(id);
            }
            self.compaction.active = self.needs_compaction();
            if !self.compaction.active || !self.choose_victim() {
                return None;
            }
        }
    }

    fn exceeds(&self, percent: usize) -> bool {
        let slack_bytes = self.classes_in_use as usize * UNIT_BYTES / 2 + SLACK_BYTES;
        self.resident_bytes > self.live_bytes / 100 * percent + slack_bytes
    }

    /// Allows allocation again from a page that kept declined blocks.
    fn leave_victim(&mut self, id: PageId) {
        self.compaction.victim = None;
        self.add_to_partial(id);
    }

    /// Starts to empty the sparsest page known, or looks for sparse pages in one window.
    fn choose_victim(&mut self) -> bool {
        if self.compaction.rest_calls > 0 {
            self.compaction.rest_calls -= 1;
            return false;
        }
        if self.take_candidate() {
            return true;
        }
        self.search_window();
        self.take_candidate()
    }

    fn take_candidate(&mut self) -> bool {
        while let Some((_, id)) = self.compaction.candidates.pop() {
            // Much may have happened since the search: the page may be gone, or full by now.
            if self.is_worth_emptying(id) {
                self.drain(id);
                if self.compaction.victim.is_some() {
                    return true;
                }
            }
        }
        false
    }

    fn search_window(&mut self) {
        if self.compaction.next_page >= self.pages.len() {
            self.end_lap();
            if self.compaction.rest_calls > 0 {
                return;
            }
        }
        let start = self.compaction.next_page;
        let end = self.pages.len().min(start + WINDOW_PAGES);
        self.compaction.next_page = end;
        let mut candidates = std::mem::take(&mut self.compaction.candidates);
        candidates.extend(
            (start..end)
                .map(|index| index as PageId)
                .filter(|&id| self.is_worth_emptying(id))
                .map(|id| (self.pages[id as usize].fill_of_touched(0), id)),
        );
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        self.compaction.candidates = candidates;
    }

    fn end_lap(&mut self) {
        let compaction = &mut self.compaction;
        compaction.next_page = 0;
        // Most blocks that a snapshot holds are declined, so a few releases do not make a lap worth
        // while.
        if compaction.released_in_lap > compaction.victims_in_lap / 4 {
            compaction.rest_factor = 0;
        } else {
            compaction.rest_factor = (compaction.rest_factor * 2).clamp(1, REST_FACTOR_MAX);
            let lap_calls = (compaction.offered_in_lap / OFFERS_PER_STEP).max(REST_CALLS_MIN);
            compaction.rest_calls = lap_calls * compaction.rest_factor;
            // Between the two thresholds nothing more is to be had.
            compaction.active = false;
        }
        compaction.victims_in_lap = 0;
        compaction.released_in_lap = 0;
        compaction.offered_in_lap = 0;
    }

    /// Whether moving the blocks of this page elsewhere touches less memory than releasing it
    /// returns.
    fn is_worth_emptying(&self, id: PageId) -> bool {
        let Some(page) = self.pages.get(id as usize) else {
            return false;
        };
        let class = &self.classes[usize::from(page.slot)];
        // The class is so small by now that its blocks belong on small pages.
        let is_oversized = page.is_whole_span() && class.live_bytes() < LARGE_PAGES_FROM_BYTES;
        // The room in the class's other pages holds all blocks of this one.
        let has_room = class.capacity - class.live >= usize::from(page.capacity);
        let (is_candidate, cached) = match page.state {
            State::Partial => (has_room || is_oversized, 0),
            State::Current => (is_oversized, class.word.count_ones()),
            State::Vacant | State::Full | State::Draining => (false, 0),
        };
        is_candidate && page.fill_of_touched(cached) < SPARSE_FILL
    }

    fn drain(&mut self, id: PageId) {
        let page = &self.pages[id as usize];
        if page.state == State::Current {
            self.retire_current(page.slot.into());
        }
        if self.pages[id as usize].state == State::Partial {
            self.remove_from_partial(id);
        }
        self.pages[id as usize].state = State::Draining;
        self.compaction.victim = Some((id, 0));
        self.compaction.victims_in_lap += 1;
        if self.pages[id as usize].live == 0 {
            self.release_page(id);
        }
    }
}
