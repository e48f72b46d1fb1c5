//! The memory under all slabs: arenas of address space, handed out in spans of 64 KiB.
//!
//! An arena is a 64 MiB reservation, aligned to its size and never unmapped. Its first span holds
//! one word per 4 KiB *unit*, which says what lies there; so a block carries no header, and its
//! address alone finds its page. Only touched memory counts: a reserved arena costs its page tables
//! and the touched part of the unit words (4 bytes per unit, 0.1 %).
//!
//! | part of an arena | bytes | content |
//! |---|--:|---|
//! | span 0: unit words | 64 Ki | one `AtomicU32` per unit: 0, or page number « 7 ∥ class + 1 |
//! | spans 1 to 1023 | 64 Ki each | pages of blocks |
//!
//! Huge pages are switched off here: a shard with three keys would otherwise cost 2 MiB, and the
//! kernel would by and by fill up again what was returned to it in pieces. Only where the spans come
//! next that a large process hands out are they made, ahead and by request (see
//! [`super::use_huge_pages`]): spans are handed out one behind the other, so all but the newest
//! megabytes are in use. On a kernel whose pages are larger than 4 KiB small pages cannot be returned
//! one by one, and `resident_bytes` may be too low by as much.

use std::alloc::{Layout, handle_alloc_error};
use std::io;
use std::mem::size_of;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The grain in which memory is touched and returned to the system.
pub(super) const UNIT_BYTES: usize = 4 << 10;
/// The grain in which slabs take memory.
pub(super) const SPAN_BYTES: usize = 64 << 10;
pub(super) const UNITS_PER_SPAN: usize = SPAN_BYTES / UNIT_BYTES;

const ARENA_BYTES: usize = 64 << 20;
const HUGE_PAGE_BYTES: usize = 2 << 20;
/// How much of what is handed out next is populated ahead where pages are huge.
const POPULATED_BYTES: usize = 4 * HUGE_PAGE_BYTES;
const UNITS_PER_ARENA: usize = ARENA_BYTES / UNIT_BYTES;
/// User addresses end here: slot words store 48 bits of an address.
const ADDRESS_END: usize = 1 << 48;

type UnitWords = [AtomicU32; UNITS_PER_ARENA];
const _: () = assert!(size_of::<UnitWords>() == SPAN_BYTES);

/// One bit per 64 MiB of address space, set where an arena lies; it tells blocks of pages from
/// large blocks. Of these 512 KiB only the touched words cost memory, unless the system backs them
/// by a huge page, which is why arenas are not smaller.
static ARENA_MAP: [AtomicU64; ADDRESS_END / ARENA_BYTES / 64] =
    [const { AtomicU64::new(0) }; ADDRESS_END / ARENA_BYTES / 64];

/// Arenas that are reserved with small pages; together 512 MiB.
const SMALL_PAGE_ARENAS: usize = 8;

pub(super) static SPANS: Mutex<Spans> = Mutex::new(Spans::new());

/// Woken when [`Spans::take_unpopulated`] has something.
pub(super) static TO_POPULATE: Condvar = Condvar::new();

/// Spans that nobody holds. Those of [`SPANS`] are shared by all slabs; that lock is a leaf, and rare: once per 64 KiB.
pub(super) struct Spans {
    /// Given back, contents already returned to the system.
    free: Vec<usize>,
    newest: Arena,
    /// Reserved ahead because its beginning is populated ahead.
    next: Option<Arena>,
    /// How many arenas were reserved.
    arenas: usize,
    pub(super) huge_pages: HugePages,
}

/// Whether arenas to come have huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HugePages {
    NotAsked,
    On,
    /// The system cannot make them ahead.
    Unavailable,
}

/// What an arena has never handed out.
struct Arena {
    fresh: Range<usize>,
    /// Up to here its huge pages are there or being made; `None`: it has small pages.
    populated: Option<usize>,
}

impl Arena {
    const NONE: Arena = Arena {
        fresh: 0..0,
        populated: None,
    };

    /// The next huge page of the first `ahead` fresh bytes, now taken for populated.
    fn take_unpopulated(&mut self, ahead: usize) -> Option<Range<usize>> {
        let populated = self.populated.as_mut()?;
        let filling = self.fresh.start / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
        let start = (*populated).max(filling);
        if start >= self.fresh.end.min(self.fresh.start + ahead) {
            return None;
        }
        *populated = start + HUGE_PAGE_BYTES;
        Some(start..*populated)
    }
}

impl Spans {
    /// No arena yet; huge pages are not asked for.
    pub(super) const fn new() -> Self {
        Self {
            free: Vec::new(),
            newest: Arena::NONE,
            next: None,
            arenas: 0,
            huge_pages: HugePages::NotAsked,
        }
    }

    /// The address of a span, reserving another arena when there is none left.
    ///
    /// Like the global allocator, ends the process when the system has no address space left.
    pub(super) fn take(&mut self) -> usize {
        if let Some(base) = self.free.pop() {
            return base;
        }
        if self.newest.fresh.is_empty() {
            let next = self.next.take();
            self.newest = next.unwrap_or_else(|| self.reserve());
        }
        let base = self.newest.fresh.start;
        self.newest.fresh.start += SPAN_BYTES;
        if base.is_multiple_of(HUGE_PAGE_BYTES) && self.huge_pages == HugePages::On {
            TO_POPULATE.notify_one();
        }
        base
    }

    /// Takes back the span at an address that [`Spans::take`] gave, when nobody uses it and its touched units were discarded.
    pub(super) fn put_back(&mut self, base: usize) {
        self.free.push(base);
    }

    /// The next arena.
    fn reserve(&mut self) -> Arena {
        let is_huge = self.next_is_huge();
        self.arenas += 1;
        let fresh = reserve_arena();
        Arena {
            populated: is_huge.then_some(fresh.start - SPAN_BYTES),
            fresh,
        }
    }

    fn next_is_huge(&self) -> bool {
        self.huge_pages == HugePages::On && self.arenas >= SMALL_PAGE_ARENAS
    }

    /// The next range that should be populated before its spans are handed out; the caller does it.
    pub(super) fn take_unpopulated(&mut self) -> Option<Range<usize>> {
        if let Some(range) = self.newest.take_unpopulated(POPULATED_BYTES) {
            return Some(range);
        }
        let ahead = POPULATED_BYTES.checked_sub(self.newest.fresh.len())?;
        if self.next.is_none() {
            if !self.next_is_huge() {
                return None;
            }
            self.next = Some(self.reserve());
        }
        self.next.as_mut()?.take_unpopulated(ahead)
    }
}

/// 64 KiB of address space, owned by whoever holds this.
#[must_use = "a dropped span is lost; give it back"]
pub(super) struct Span(usize);

/// What lies in a unit: the page number within its slab, and the class of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) page: u32,
    pub(super) class: u8,
}

/// Pages that one slab can number.
pub(super) const PAGES_MAX: u32 = 1 << 25;

impl Span {
    /// Takes a span from the arenas, see [`Spans::take`].
    pub(super) fn take() -> Span {
        Span(SPANS.lock().take())
    }

    /// Gives the span back; any slab may take it next.
    ///
    /// # Safety
    /// No live block lies in it, and its touched units were discarded.
    pub(super) unsafe fn give(self) {
        SPANS.lock().put_back(self.0);
    }

    /// The span again whose `base` was read from it.
    ///
    /// # Safety
    /// `base` comes from `Span::base` of a span that was forgotten since, and there is no other
    /// owner.
    pub(super) unsafe fn from_base(base: usize) -> Span {
        Span(base)
    }

    /// The address of the first byte.
    pub(super) fn base(&self) -> usize {
        self.0
    }
}

/// Makes huge pages of `range`, which lies in an arena, unless its pages are there. Fails where the system cannot do that.
pub(super) fn populate(range: Range<usize>) -> io::Result<()> {
    let advise = |advice| {
        let start = ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: arenas are mapped for ever, and none of the three changes contents, so that whoever owns the range may
        // use it meanwhile.
        unsafe { madvise(start, range.len(), advice) }
    };
    advise(Advice::LinuxHugepage)?;
    let populated = advise(Advice::LinuxPopulateWrite);
    // What is there stays; but what is returned in pieces is not to be filled up again.
    advise(Advice::LinuxNoHugepage)?;
    Ok(populated?)
}

/// What lies at `address`, or `None` when no page of blocks does.
#[inline]
pub(super) fn owner_at(address: usize) -> Option<Owner> {
    let words = unit_words(address)?;
    // Relaxed: the word was written by the slab that owns the unit, and the caller got the address
    // of a block in it through that slab's lock.
    let word = words[unit_of(address)].load(Ordering::Relaxed);
    let class = (word & 127) as u8;
    Some(Owner {
        page: word >> 7,
        class: class.checked_sub(1)?,
    })
}

/// Says what lies in the `units` units from `base` on.
pub(super) fn set_owner(base: usize, units: usize, owner: Option<Owner>) {
    let words = unit_words(base).expect("pages lie in arenas");
    let word = owner.map_or(0, |owner| {
        assert!(
            owner.page < PAGES_MAX,
            "a slab numbers at most {PAGES_MAX} pages"
        );
        owner.page << 7 | (u32::from(owner.class) + 1)
    });
    let first = unit_of(base);
    for unit in &words[first..first + units] {
        // Relaxed: see `owner_at`.
        unit.store(word, Ordering::Relaxed);
    }
}

/// Returns the memory of the `units` units from `base` on to the system; the address space stays.
///
/// # Safety
/// The caller owns these units and no live block lies in them.
pub(super) unsafe fn discard(base: usize, units: usize) {
    if units == 0 {
        return;
    }
    let start = ptr::with_exposed_provenance_mut(base);
    // SAFETY: the range lies in an arena, which is mapped for ever, and the caller vouches that
    // nobody reads its contents any more. An error (the process called `mlockall`) leaves the
    // memory as it is, which is as good: nothing relies on zeroes.
    let _ = unsafe { madvise(start, units * UNIT_BYTES, Advice::LinuxDontNeed) };
}

/// The 48-bit address of `block`, as slot words store it; [`pointer()`] is the way back.
#[inline]
pub fn address(block: NonNull<u8>) -> u64 {
    let address = block.as_ptr().expose_provenance() as u64;
    debug_assert!(address < ADDRESS_END as u64, "user addresses have 48 bits");
    address
}

/// The block at an address that [`address`] gave, or `None` for zero.
///
/// Making the pointer is safe, as any pointer is; reading through it needs the block to be live.
#[inline]
pub fn pointer(address: u64) -> Option<NonNull<u8>> {
    NonNull::new(ptr::with_exposed_provenance_mut(address as usize))
}

#[inline]
fn unit_words(address: usize) -> Option<&'static UnitWords> {
    let arena = address / ARENA_BYTES;
    // Relaxed: a bit is set once, before any address in the arena is handed out, and the address
    // came to the caller through a lock.
    let bits = ARENA_MAP.get(arena / 64)?.load(Ordering::Relaxed);
    if bits >> (arena % 64) & 1 == 0 {
        return None;
    }
    let words: *const UnitWords = ptr::with_exposed_provenance(arena * ARENA_BYTES);
    // SAFETY: the map's bit says that an arena begins here. It was mapped zeroed, is aligned to its
    // size, is never unmapped, and its first span is never handed out, so these words are only used
    // as atomics.
    Some(unsafe { &*words })
}

#[inline]
fn unit_of(address: usize) -> usize {
    address % ARENA_BYTES / UNIT_BYTES
}

/// Maps an arena and returns its spans but the first.
#[cold]
fn reserve_arena() -> Range<usize> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // Twice the size holds an aligned arena wherever it begins.
    // SAFETY: a new anonymous mapping at an address of the system's choice touches no other memory.
    let mapped = unsafe {
        mmap_anonymous(
            ptr::null_mut(),
            2 * ARENA_BYTES,
            ProtFlags::READ | ProtFlags::WRITE,
            flags,
        )
    };
    let Ok(mapped) = mapped else {
        handle_alloc_error(Layout::new::<[u8; ARENA_BYTES]>());
    };
    let start = mapped.expose_provenance();
    let base = start.next_multiple_of(ARENA_BYTES);
    let end = base + ARENA_BYTES;
    assert!(end <= ADDRESS_END, "user addresses have 48 bits");
    for unused in [start..base, end..start + 2 * ARENA_BYTES] {
        if !unused.is_empty() {
            // SAFETY: these are the parts of the mapping made above that lie outside of the arena.
            let _ = unsafe { munmap(ptr::with_exposed_provenance_mut(unused.start), unused.len()) };
        }
    }
    // SAFETY: the arena was mapped above; this advice does not change contents. A kernel without
    // huge pages refuses it, and then there is nothing to switch off.
    let _ = unsafe {
        madvise(
            ptr::with_exposed_provenance_mut(base),
            ARENA_BYTES,
            Advice::LinuxNoHugepage,
        )
    };
    let arena = base / ARENA_BYTES;
    // Relaxed: readers get addresses in the arena through locks taken after this one is released.
    ARENA_MAP[arena / 64].fetch_or(1 << (arena % 64), Ordering::Relaxed);
    base + SPAN_BYTES..end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the system says of the mapping at `address` under `name`.
    fn mapping_figure(address: usize, name: &str) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_here = false;
        for line in maps.lines() {
            let word = line.split_ascii_whitespace().next().unwrap_or_default();
            if let Some((start, end)) = word.split_once('-')
                && let (Ok(start), Ok(end)) = (
                    usize::from_str_radix(start, 16),
                    usize::from_str_radix(end, 16),
                )
            {
                is_here = (start..end).contains(&address);
            } else if is_here && word == name {
                return line[name.len()..].trim().to_owned();
            }
        }
        panic!("nothing is mapped at {address:x}");
    }

    #[test]
    fn what_is_populated_keeps_its_contents_and_is_left_alone_by_the_system() {
        let fresh = reserve_arena();
        let base = fresh.start - SPAN_BYTES;
        let middle = base + ARENA_BYTES / 2;
        let content = ptr::with_exposed_provenance_mut::<u64>(middle + 8);
        // SAFETY: the arena was just mapped and belongs to nobody.
        unsafe { content.write(7) };
        if let Err(error) = populate(middle..middle + HUGE_PAGE_BYTES) {
            eprintln!("skipped: the system makes no pages ahead: {error}");
            return;
        }
        // SAFETY: as above.
        assert_eq!(unsafe { content.read() }, 7);
        for address in [base, middle, middle + HUGE_PAGE_BYTES] {
            let flags = mapping_figure(address, "VmFlags:");
            assert!(flags.split(' ').any(|flag| flag == "nh"), "{flags}");
        }
        let resident = mapping_figure(middle, "Rss:");
        let kib: usize = resident.trim_end_matches(" kB").parse().unwrap();
        assert!(kib * 1024 >= HUGE_PAGE_BYTES, "{resident}");
    }

    #[test]
    fn a_few_huge_pages_are_made_ahead_of_what_is_handed_out() {
        let base = ARENA_BYTES;
        let page = |number: usize| {
            let start = base + number * HUGE_PAGE_BYTES;
            start..start + HUGE_PAGE_BYTES
        };
        let fresh = base + SPAN_BYTES..base + 4 * HUGE_PAGE_BYTES;
        let mut arena = Arena {
            fresh: fresh.clone(),
            populated: Some(base),
        };
        let ahead = HUGE_PAGE_BYTES;
        let mut made = |first_fresh, ahead| {
            arena.fresh.start = first_fresh;
            std::iter::from_fn(|| arena.take_unpopulated(ahead)).collect::<Vec<_>>()
        };
        assert_eq!(made(fresh.start, ahead), [page(0), page(1)]);
        assert!(made(fresh.start, ahead).is_empty());
        assert_eq!(made(base + HUGE_PAGE_BYTES + SPAN_BYTES, ahead), [page(2)]);
        let filling_last = base + 3 * HUGE_PAGE_BYTES + SPAN_BYTES;
        assert_eq!(made(filling_last, 8 * ahead), [page(3)], "not beyond it");
        let mut small = Arena {
            fresh,
            populated: None,
        };
        assert_eq!(small.take_unpopulated(ahead), None);
    }

    #[test]
    fn owner_is_found_by_any_address_in_its_units() {
        let span = Span::take();
        let base = span.base();
        assert_eq!(base % SPAN_BYTES, 0);
        assert_eq!(owner_at(base), None);
        let owner = Owner {
            page: PAGES_MAX - 1,
            class: 103,
        };
        set_owner(base + UNIT_BYTES, 2, Some(owner));
        assert_eq!(owner_at(base + UNIT_BYTES - 1), None);
        assert_eq!(owner_at(base + UNIT_BYTES), Some(owner));
        assert_eq!(owner_at(base + 3 * UNIT_BYTES - 1), Some(owner));
        assert_eq!(owner_at(base + 3 * UNIT_BYTES), None);
        set_owner(base + UNIT_BYTES, 2, None);
        assert_eq!(owner_at(base + UNIT_BYTES), None);
        // SAFETY: no block was ever placed in this span.
        unsafe { span.give() };
    }

    #[test]
    fn addresses_outside_of_arenas_have_no_owner() {
        let heap = Box::new(1_u64);
        for address in [0, ptr::from_ref(&*heap).addr(), usize::MAX, ADDRESS_END] {
            assert_eq!(owner_at(address), None);
        }
    }

    #[test]
    fn addresses_round_trip() {
        let mut byte = 7_u8;
        let block = NonNull::from(&mut byte);
        assert_eq!(pointer(address(block)), Some(block));
        assert_eq!(pointer(0), None);
    }
}
