//! Members of a big set, or fields and values of a big hash, in the order of their hashes.
//!
//! A leaf has a slot of eight bytes for each element, sorted by hash, and the elements' records behind one another in the
//! order in which they came. So an element is found by a binary search in a few cache lines; `SSCAN` and `HSCAN` walk in
//! hash order, which no change of other elements disturbs; and an element is picked at random by its number.
//!
//! A record is a member or field with its length in front, for hashes then the value in the same way, and the expire time
//! if it has one, in 8 bytes.

use std::io::{self, Write};
use std::ops::Range;

use crate::time::UnixMillis;
use crate::tree::{Leaf, Path, Spot, Tree};

use super::length;
use super::records::{Place, Records};
use super::room::make_room;

#[cfg(test)]
mod tests;

/// Most elements of a leaf.
const ELEMENTS_MAX: usize = 128;
/// Records in a leaf may take so many bytes; the last one may stand out.
const RECORDS_BYTES_MAX: usize = 4096;
/// A leaf with fewer elements is sparse, if its records take less than an eighth of what they may.
const ELEMENTS_MIN: usize = 16;

/// The 32 bits by which an element is found.
pub type ElementHash = u32;

/// An element as it lies in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The set's member or the hash's field.
    pub name: &'a [u8],
    /// The field's value; empty for sets.
    pub value: &'a [u8],
    /// The instant after which the field is gone.
    pub expire_at: Option<UnixMillis>,
}

impl Element<'_> {
    fn record_bytes(&self) -> usize {
        let of = |part: &[u8]| length::bytes(part.len()) + part.len();
        of(self.name) + of(self.value) + if self.expire_at.is_some() { 8 } else { 0 }
    }

    /// Appends the record, or overwrites what `out` has if it is a slice.
    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for part in [self.name, self.value] {
            length::put(out, part.len())?;
            out.write_all(part)?;
        }
        self.expire_at
            .map_or(Ok(()), |at| out.write_all(&at.0.to_le_bytes()))
    }
}

/// An element's hash, and where its record is; the place is flagged if an expire time ends it.
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
}

impl Fields {
    /// The element with `at` others before it.
    pub fn element(&self, at: usize) -> Element<'_> {
        let place = self.slots[at].place;
        let (name, rest) = length::take(self.records.read(place));
        let (value, rest) = length::take(rest);
        let expire_at = place.flag().then(|| {
            let bytes = rest[..8].try_into().expect("8 bytes");
            UnixMillis(i64::from_le_bytes(bytes))
        });
        Element {
            name,
            value,
            expire_at,
        }
    }

    /// The number of `name`, or the one it would get.
    fn find(&self, hash: ElementHash, name: &[u8]) -> Result<usize, usize> {
        let mut at = self.slots.partition_point(|slot| slot.hash < hash);
        while self.slots.get(at).is_some_and(|slot| slot.hash == hash) {
            if self.element(at).name == name {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }

    /// Adds an element, or replaces one; whether it was there.
    fn set(&mut self, hash: ElementHash, element: &Element<'_>) -> bool {
        let found = self.find(hash, element.name);
        match found {
            Ok(at) => self.replace(at, element),
            Err(at) => {
                let place = self.put(element);
                make_room(&mut self.slots, 1);
                self.slots.insert(at, Slot { hash, place });
            }
        }
        found.is_ok()
    }

    fn put(&mut self, element: &Element<'_>) -> Place {
        let place = self
            .records
            .put(element.record_bytes(), |mut out| element.write_to(&mut out));
        place.flagged(element.expire_at.is_some())
    }

    fn replace(&mut self, at: usize, element: &Element<'_>) {
        let place = self.slots[at].place;
        let (old, new) = (self.element(at).record_bytes(), element.record_bytes());
        if old == new
            && let Some(mut record) = self.records.writable(place, old)
        {
            element
                .write_to(&mut record)
                .expect("it has the same length");
            self.slots[at].place = place.flagged(element.expire_at.is_some());
        } else {
            self.records.forget(place, old);
            self.slots[at].place = self.put(element);
            self.clear_dead();
        }
    }

    fn remove(&mut self, at: usize) {
        let bytes = self.element(at).record_bytes();
        self.records.forget(self.slots.remove(at).place, bytes);
        self.clear_dead();
    }

    fn clear_dead(&mut self) {
        if self.records.wants_clearing() {
            *self = self.copy_of(0..self.slots.len());
        }
    }

    /// A leaf of its own for some elements.
    fn copy_of(&self, range: Range<usize>) -> Self {
        let mut copy = Self::default();
        copy.slots.reserve_exact(range.len());
        let share = self.records.live_bytes() * range.len() / self.slots.len().max(1);
        copy.records.reserve(share);
        range.for_each(|at| copy.push_from(self, at));
        copy
    }

    /// Puts a copy of another leaf's element behind all others.
    fn push_from(&mut self, other: &Self, at: usize) {
        let Slot { hash, place } = other.slots[at];
        let bytes = other.element(at).record_bytes();
        let place = self.records.take_over(&other.records, place, bytes);
        make_room(&mut self.slots, 1);
        self.slots.push(Slot { hash, place });
    }
}

impl Leaf for Fields {
    type Bound = ElementHash;

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.records.memory_bytes()
    }

    fn bound(&self) -> ElementHash {
        self.slots[0].hash
    }

    fn split(&mut self) -> Option<Self> {
        let is_full = self.slots.len() > ELEMENTS_MAX
            || self.slots.len() > 1 && self.records.live_bytes() > RECORDS_BYTES_MAX;
        if !is_full {
            return None;
        }
        // A leaf is looked for by its first hash, so elements of one hash stay together.
        let half = self.slots.len() / 2;
        let begins = |at: &usize| self.slots[at - 1].hash != self.slots[*at].hash;
        let behind = (half..self.slots.len()).find(begins);
        let at = behind.or_else(|| (1..half).rev().find(begins))?;
        Some(self.split_off(at))
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = self.copy_of(at..self.slots.len());
        *self = self.copy_of(0..at);
        rest
    }

    fn is_sparse(&self) -> bool {
        self.slots.len() < ELEMENTS_MIN && self.records.live_bytes() < RECORDS_BYTES_MAX / 8
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.slots.len() + next.slots.len() <= ELEMENTS_MAX * 3 / 4
            && self.records.live_bytes() + next.records.live_bytes() <= RECORDS_BYTES_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        (0..next.slots.len()).for_each(|at| self.push_from(next, at));
    }
}

/// The tree of a big set or hash.
#[derive(Clone, Default)]
pub struct FieldTree {
    tree: Tree<Fields>,
}

impl FieldTree {
    /// How many elements there are.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// See [`Tree::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// The tree, to be pinned or taken down.
    pub fn tree(&self) -> &Tree<Fields> {
        &self.tree
    }

    /// The tree, out of here.
    pub fn into_tree(self) -> Tree<Fields> {
        self.tree
    }

    fn leaf_of(&self, hash: ElementHash) -> Option<Path> {
        self.tree.seek(|bound, _| bound.cmp(&hash))
    }

    /// The element called `name`, whose hash is `hash`.
    pub fn get(&self, hash: ElementHash, name: &[u8]) -> Option<Element<'_>> {
        let leaf = self.tree.leaf(&self.leaf_of(hash)?);
        leaf.find(hash, name).ok().map(|at| leaf.element(at))
    }

    /// The element with `number` elements before it.
    pub fn at(&self, number: u64) -> Option<Element<'_>> {
        let Spot { path, offset } = self.tree.spot(number)?;
        Some(self.tree.leaf(&path).element(offset))
    }

    /// Adds an element, or replaces the one of its name; whether it was there.
    pub fn set(&mut self, hash: ElementHash, element: &Element<'_>) -> bool {
        match self.leaf_of(hash) {
            Some(path) => self.tree.update(&path, |leaf| leaf.set(hash, element)),
            None => self.tree.update_last(|leaf| leaf.set(hash, element)),
        }
    }

    /// Removes the element called `name`; whether it was there.
    pub fn remove(&mut self, hash: ElementHash, name: &[u8]) -> bool {
        let Some(path) = self.leaf_of(hash) else {
            return false;
        };
        let Ok(at) = self.tree.leaf(&path).find(hash, name) else {
            return false;
        };
        self.tree.update(&path, |leaf| leaf.remove(at));
        true
    }

    /// Shows `visit` the elements from `cursor` on, whole hashes at a time, until there were at least `count`. The cursor
    /// to go on with, or `None` at the end. Whatever is there throughout a series of calls is shown, and shown once, since
    /// no element ever changes its place in the order.
    pub fn scan<'t>(
        &'t self,
        cursor: ElementHash,
        count: usize,
        mut visit: impl FnMut(Element<'t>),
    ) -> Option<ElementHash> {
        let mut path = self.leaf_of(cursor)?;
        let (count, mut shown) = (count.max(1), 0);
        let mut last = None;
        loop {
            let leaf = self.tree.leaf(&path);
            let from = leaf.slots.partition_point(|slot| slot.hash < cursor);
            for at in from..leaf.slots.len() {
                let hash = leaf.slots[at].hash;
                if shown >= count && last != Some(hash) {
                    return Some(hash);
                }
                visit(leaf.element(at));
                (shown, last) = (shown + 1, Some(hash));
            }
            path = self.tree.next_leaf(&path)?;
        }
    }

    /// All elements in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        self.tree
            .leaves()
            .flat_map(|leaf| (0..leaf.slots.len()).map(|at| leaf.element(at)))
    }
}
