//! The leaves.

use std::io::{self, Write};
use std::ops::Range;

use crate::prefetch;
use crate::same_bytes::same_bytes;
use crate::time::UnixMillis;
use crate::tree::{Leaf, Summary};

use super::super::length;
use super::super::records::{Place, Record, Records, middle};
use super::search::Search;
use super::{Element, ElementHash};
use crate::room::{give_back_room, make_room, shrink};

/// Most elements of a leaf.
pub(super) const ELEMENTS_MAX: usize = 128;
/// Records in a leaf may take so many bytes; the last one may stand out.
pub(super) const RECORDS_BYTES_MAX: usize = 4096;
/// A leaf with fewer elements is sparse, if its records take less than an eighth of what they may.
const ELEMENTS_MIN: usize = 16;

/// So much of a record is loaded ahead: most are shorter.
const RECORD_BYTES_AHEAD: usize = 64;

/// Stands for no expire time.
const NEVER: UnixMillis = UnixMillis(i64::MAX);

/// What is known of the expire times of some elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiries {
    /// How many elements have one.
    pub count: u64,
    /// The soonest, or [`NEVER`].
    soonest: UnixMillis,
}

impl Default for Expiries {
    fn default() -> Self {
        Self {
            count: 0,
            soonest: NEVER,
        }
    }
}

impl Summary for Expiries {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.soonest = self.soonest.min(other.soonest);
    }
}

impl Expiries {
    /// The soonest expire time.
    pub fn soonest(self) -> Option<UnixMillis> {
        (self.count > 0).then_some(self.soonest)
    }
}

/// An element's hash, and where its record is.
#[derive(Clone, Copy)]
struct Slot {
    hash: ElementHash,
    place: Place,
}

const _: () = assert!(size_of::<Slot>() == 8);

/// A leaf. See the module documentation.
#[derive(Clone, Default)]
pub struct Fields {
    slots: Vec<Slot>,
    records: Records,
    /// [`NEVER`] or the expire time of each element; empty if none has one.
    expire_at: Vec<UnixMillis>,
    expiries: Expiries,
}

impl Fields {
    /// The element with `at` others before it.
    #[inline]
    pub fn element(&self, at: usize) -> Element<'_> {
        let (name, rest) = length::take(self.records.read(self.slots[at].place));
        let (value, _) = length::take(rest);
        Element {
            name,
            value,
            expire_at: self.expiry(at),
        }
    }

    /// The record of an element.
    #[inline(always)]
    fn record(&self, at: usize) -> &[u8] {
        let record = self.records.read(self.slots[at].place);
        let (_, rest) = length::take(record);
        let (_, rest) = length::take(rest);
        &record[..record.len() - rest.len()]
    }

    #[inline]
    fn name(&self, at: usize) -> &[u8] {
        length::take(self.records.read(self.slots[at].place)).0
    }

    /// The hash of the element with `at` others before it.
    #[inline]
    pub fn hash(&self, at: usize) -> ElementHash {
        self.slots[at].hash
    }

    /// The last element's hash.
    pub(super) fn last_hash(&self) -> Option<ElementHash> {
        self.slots.last().map(|slot| slot.hash)
    }

    /// The number of the first element whose hash is `hash` or above.
    #[inline]
    pub(super) fn first_from(&self, hash: ElementHash) -> usize {
        prefetch::read_all(std::slice::from_ref(self));
        prefetch::read_all(&self.slots);
        self.records.warm();
        self.slots.partition_point(|slot| slot.hash < hash)
    }

    /// The same for a search that has come down to this leaf: reads far less.
    #[inline]
    fn first_near(&self, search: Search) -> usize {
        let slots = &self.slots[..];
        let near = search.window(slots.len());
        let is_before = |slot: &Slot| slot.hash < search.hash;
        let at = near.start + slots[near.clone()].partition_point(is_before);
        if at == near.start && at > 0 && !is_before(&slots[at - 1]) {
            return slots[..at].partition_point(is_before);
        }
        if at == near.end && slots.get(at).is_some_and(is_before) {
            return at + slots[at..].partition_point(is_before);
        }
        at
    }

    /// Starts loading what a search reads, and what an addition writes.
    #[inline]
    pub(in crate::collection) fn warm_slots(&self, search: Search) {
        prefetch::read_all(&self.slots[search.window(self.slots.len())]);
        self.records.warm();
    }

    /// Starts loading the first record with the hash that is looked for.
    pub(in crate::collection) fn warm_record(&self, search: Search) {
        let slot = self.slots.get(self.first_near(search));
        if let Some(slot) = slot.filter(|slot| slot.hash == search.hash) {
            prefetch::read_range(self.records.read(slot.place).as_ptr(), RECORD_BYTES_AHEAD);
        }
    }

    /// The number of `name`, or the one it would get.
    #[inline]
    pub(super) fn find(&self, search: Search, name: &[u8]) -> Result<usize, usize> {
        prefetch::read_all(std::slice::from_ref(self));
        self.warm_slots(search);
        self.find_from(self.first_near(search), search.hash, name)
    }

    /// The same, from the first element on whose hash is `hash` or above.
    #[inline]
    pub(super) fn find_from(
        &self,
        mut at: usize,
        hash: ElementHash,
        name: &[u8],
    ) -> Result<usize, usize> {
        while self.slots.get(at).is_some_and(|slot| slot.hash == hash) {
            if same_bytes(self.name(at), name) {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }

    /// Adds an element, or replaces one; whether it was there.
    pub(super) fn set(&mut self, search: Search, element: &Element<'_>) -> bool {
        let found = self.find(search, element.name);
        match found {
            Ok(at) => self.replace(at, element),
            Err(at) => self.insert(at, search.hash, element),
        }
        found.is_ok()
    }

    /// Adds an element at its place in the order.
    #[inline]
    pub(super) fn insert(&mut self, at: usize, hash: ElementHash, element: &Element<'_>) {
        let place = self.records.put(element);
        make_room(&mut self.slots, 1);
        self.slots.insert(at, Slot { hash, place });
        if !self.expire_at.is_empty() {
            make_room(&mut self.expire_at, 1);
            self.expire_at.insert(at, NEVER);
        }
        self.set_expiry(at, element.expire_at);
    }

    fn replace(&mut self, at: usize, element: &Element<'_>) {
        self.set_expiry(at, element.expire_at);
        let place = self.slots[at].place;
        let (old, new) = (self.element(at).bytes(), element.bytes());
        if old == new
            && let Some(mut record) = self.records.writable(place, old)
        {
            element
                .write_to(&mut record)
                .expect("it has the same length");
        } else {
            self.records.forget(place, old);
            self.slots[at].place = self.records.put(element);
            self.clear_dead();
        }
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.set_expiry(at, None);
        let bytes = self.element(at).bytes();
        self.records.forget(self.slots.remove(at).place, bytes);
        give_back_room(&mut self.slots);
        if !self.expire_at.is_empty() {
            self.expire_at.remove(at);
            give_back_room(&mut self.expire_at);
        }
        self.clear_dead();
    }

    /// The expire time of an element.
    #[inline]
    pub(super) fn expiry(&self, at: usize) -> Option<UnixMillis> {
        let expire_at = self.expire_at.get(at);
        expire_at.copied().filter(|&at| at != NEVER)
    }

    /// Gives an element an expire time or none.
    pub(super) fn set_expiry(&mut self, at: usize, new: Option<UnixMillis>) {
        let (old, new) = (self.expiry(at).unwrap_or(NEVER), new.unwrap_or(NEVER));
        if old == new {
            return;
        }
        if self.expire_at.is_empty() {
            // Room for as many as there will be, if this leaf is just being made.
            self.expire_at.reserve_exact(self.slots.capacity());
            self.expire_at.resize(self.slots.len(), NEVER);
        }
        self.expire_at[at] = new;
        self.expiries.count += u64::from(new != NEVER);
        self.expiries.count -= u64::from(old != NEVER);
        if self.expiries.count == 0 {
            self.expire_at = Vec::new();
        }
        if new < self.expiries.soonest {
            self.expiries.soonest = new;
        } else if old == self.expiries.soonest {
            self.expiries.soonest = self.expire_at.iter().min().copied().unwrap_or(NEVER);
        }
    }

    /// How many elements expire before `now`.
    pub(super) fn expired(&self, now: UnixMillis) -> u64 {
        self.expire_at.iter().filter(|&&at| at < now).count() as u64
    }

    /// Removes up to `most` elements that expire before `now`, in their order, and shows them to `gone`; how many it was.
    pub(super) fn remove_expired(
        &mut self,
        now: UnixMillis,
        most: usize,
        gone: &mut dyn FnMut(Element<'_>),
    ) -> usize {
        let is_gone = |&at: &usize| self.expire_at.get(at).is_some_and(|&at| at < now);
        let numbers = 0..self.slots.len();
        let expired: Vec<usize> = numbers.clone().filter(is_gone).take(most).collect();
        expired.iter().for_each(|&at| gone(self.element(at)));
        let stays = numbers.filter(|at| expired.binary_search(at).is_err());
        *self = self.copy_of(stays, self.slots.len() - expired.len());
        expired.len()
    }

    fn clear_dead(&mut self) {
        if self.records.wants_clearing() {
            *self = self.copy_of_range(0..self.slots.len());
        }
    }

    fn copy_of_range(&self, range: Range<usize>) -> Self {
        let len = range.len();
        self.copy_of(range, len)
    }

    /// A leaf of its own for `len` elements.
    fn copy_of(&self, numbers: impl Iterator<Item = usize> + Clone, len: usize) -> Self {
        let mut copy = Self::default();
        copy.slots.reserve_exact(len);
        if self.expire_at.is_empty() && self.records.are_inline() {
            let bytes = numbers.clone().map(|at| self.record(at).len()).sum();
            copy.records.reserve(bytes);
            copy.slots.extend(numbers.map(|at| Slot {
                hash: self.slots[at].hash,
                place: copy.records.push_inline(self.record(at)),
            }));
            return copy;
        }
        if len == self.slots.len() {
            copy.records.reserve(self.records.live_bytes());
        } else {
            let bytes = |at| self.weight(at) - size_of::<Slot>();
            copy.records.reserve(numbers.clone().map(bytes).sum());
        }
        numbers.for_each(|at| copy.push_from(self, at));
        copy
    }

    /// Puts a copy of another leaf's element behind all others.
    fn push_from(&mut self, other: &Self, at: usize) {
        let Slot { hash, place } = other.slots[at];
        let bytes = other.element(at).bytes();
        let place = self.records.take_over(&other.records, place, bytes);
        make_room(&mut self.slots, 1);
        self.slots.push(Slot { hash, place });
        if self.expire_at.is_empty() && other.expire_at.is_empty() {
            return;
        }
        if !self.expire_at.is_empty() {
            make_room(&mut self.expire_at, 1);
            self.expire_at.push(NEVER);
        }
        self.set_expiry(self.slots.len() - 1, other.expiry(at));
    }

    /// What an element adds to the bytes that a copy of the leaf would copy.
    fn weight(&self, at: usize) -> usize {
        let place = self.slots[at].place;
        let record = if place.is_large() {
            0
        } else {
            self.record(at).len()
        };
        size_of::<Slot>() + record
    }

    /// Whether it has as many elements as a leaf should.
    pub(super) fn is_filled(&self) -> bool {
        self.slots.len() >= ELEMENTS_MAX || self.records.live_bytes() >= RECORDS_BYTES_MAX
    }

    /// Gives back what room is left.
    pub(super) fn shrink_to_fit(&mut self) {
        shrink(&mut self.slots, 0);
        shrink(&mut self.expire_at, 0);
        self.records.shrink_to_fit();
    }
}

impl Record for Element<'_> {
    fn bytes(&self) -> usize {
        let of = |part: &[u8]| length::bytes(part.len()) + part.len();
        of(self.name) + of(self.value)
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for part in [self.name, self.value] {
            length::put(out, part.len())?;
            out.write_all(part)?;
        }
        Ok(())
    }
}

impl Leaf for Fields {
    type Bound = ElementHash;
    type Summary = Expiries;

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.expire_at.capacity() * size_of::<UnixMillis>()
            + self.records.memory_bytes()
    }

    fn bound(&self) -> ElementHash {
        self.slots[0].hash
    }

    fn summary(&self) -> Expiries {
        self.expiries
    }

    fn split(&mut self) -> Option<Self> {
        let is_full = self.slots.len() > ELEMENTS_MAX
            || self.slots.len() > 1 && self.records.live_bytes() > RECORDS_BYTES_MAX;
        if !is_full {
            return None;
        }
        // A leaf is looked for by its first hash, so elements of one hash stay together.
        let total = self.slots.len() * size_of::<Slot>() + self.records.live_bytes();
        let half = middle(total, (0..self.slots.len()).map(|at| self.weight(at)));
        let begins = |at: &usize| self.slots[at - 1].hash != self.slots[*at].hash;
        let behind = (half..self.slots.len()).find(begins);
        let at = behind.or_else(|| (1..half).rev().find(begins))?;
        Some(self.split_off(at))
    }

    /// Elements of one hash have to stay together, or they are not found any more: a tree of fields may be split where a
    /// hash begins, as [`Fields::split`] does, but not be cut at any number.
    fn split_off(&mut self, at: usize) -> Self {
        debug_assert!(self.slots[at - 1].hash < self.slots[at].hash);
        let rest = self.copy_of_range(at..self.slots.len());
        *self = self.copy_of_range(0..at);
        rest
    }

    fn is_sparse(&self) -> bool {
        self.slots.len() < ELEMENTS_MIN && self.records.live_bytes() < RECORDS_BYTES_MAX / 8
    }

    fn free_large(&mut self) -> bool {
        self.records.free_large()
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.slots.len() + next.slots.len() <= ELEMENTS_MAX * 3 / 4
            && self.records.live_bytes() + next.records.live_bytes() <= RECORDS_BYTES_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        (0..next.slots.len()).for_each(|at| self.push_from(next, at));
    }
}
