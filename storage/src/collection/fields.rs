//! Members of a big set, or fields and values of a big hash, in the order of their hashes.
//!
//! A leaf has a slot of eight bytes for each element, sorted by hash, and the elements' records behind one another in the
//! order in which they came. So an element is found by a binary search in a few cache lines; `SSCAN` and `HSCAN` walk in
//! hash order, which no change of other elements disturbs; and an element is picked at random by its number.
//!
//! A record is a member or field with its length in front, and behind it the value in the same way, which is empty in sets.
//! Expire times stand beside the records, in leaves where an element has one, so that they are changed in place and found
//! without a look at the elements; inner nodes know how many there are below a child, and the soonest.

use std::cell::Cell;

use crate::prefetch;
use crate::time::UnixMillis;
use crate::tree::{First, Leaf, Path, Spot, Tree};

use super::assert_fits;

mod build;
mod finger;
mod leaf;
mod search;
#[cfg(test)]
mod tests;

pub use build::FieldTreeBuilder;
pub use finger::Finger;
pub use leaf::{Expiries, Fields};
pub(crate) use search::Search;

/// The 32 bits by which an element is found.
pub type ElementHash = u32;

/// An element as it lies in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The set's member or the hash's field.
    pub name: &'a [u8],
    /// The field's value; empty for sets.
    pub value: &'a [u8],
    /// The instant after which the field is gone. The last one that there is stands for none.
    pub expire_at: Option<UnixMillis>,
}

impl Element<'_> {
    fn assert_fits(&self) {
        assert_fits(self.name);
        assert_fits(self.value);
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

    /// See [`Tree::is_same`].
    pub fn is_same(&self, other: &Self) -> bool {
        self.tree.is_same(&other.tree)
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

    /// The leaf in which an element would lie, and a number: the element's, or the one it would get.
    fn seek(&self, hash: ElementHash, name: &[u8]) -> Option<(Path, Result<usize, usize>)> {
        let mut search = Search::new(hash);
        let path = self.tree.seek(|bound, _| search.order(bound))?;
        let found = self.tree.leaf(&path).find(search, name);
        Some((path, found))
    }

    /// The element called `name`, whose hash is `hash`.
    pub fn get(&self, hash: ElementHash, name: &[u8]) -> Option<Element<'_>> {
        let mut search = Search::new(hash);
        let leaf = self.tree.leaf_for(|bound, _| search.order(bound))?;
        leaf.find(search, name).ok().map(|at| leaf.element(at))
    }

    /// Starts loading the head of the leaf in which an element with `hash` would lie.
    pub(super) fn warm_leaf(&self, hash: ElementHash) -> Option<(Search, &Fields)> {
        let mut search = Search::new(hash);
        let leaf = self.tree.leaf_for(|bound, _| search.order(bound))?;
        prefetch::read_all(std::slice::from_ref(leaf));
        Some((search, leaf))
    }

    /// The element with `number` elements before it.
    pub fn at(&self, number: u64) -> Option<Element<'_>> {
        let Spot { path, offset } = self.tree.spot(number)?;
        Some(self.tree.leaf(&path).element(offset))
    }

    /// Adds an element, or replaces the one of its name; whether it was there.
    ///
    /// # Panics
    /// If name or value is longer than [`super::PART_BYTES_MAX`].
    pub fn set(&mut self, hash: ElementHash, element: &Element<'_>) -> bool {
        element.assert_fits();
        let search = Cell::new(Search::new(hash));
        let order = |bound, _: First<'_, Fields>| {
            let mut step = search.get();
            let order = step.order(bound);
            search.set(step);
            order
        };
        self.tree
            .update_where(order, |leaf| leaf.set(search.get(), element))
    }

    /// Adds an element unless there is one of its name; whether there was none.
    ///
    /// # Panics
    /// As [`FieldTree::set`].
    pub fn add(&mut self, hash: ElementHash, element: &Element<'_>) -> bool {
        element.assert_fits();
        let (path, at) = match self.seek(hash, element.name) {
            None => {
                self.tree.update_last(|leaf| leaf.insert(0, hash, element));
                return true;
            }
            Some((_, Ok(_))) => return false,
            Some((path, Err(at))) => (path, at),
        };
        self.tree
            .update(&path, |leaf| leaf.insert(at, hash, element));
        true
    }

    /// Removes the element called `name`; whether it was there.
    pub fn remove(&mut self, hash: ElementHash, name: &[u8]) -> bool {
        let Some((path, Ok(at))) = self.seek(hash, name) else {
            return false;
        };
        self.tree.update(&path, |leaf| leaf.remove(at));
        true
    }

    /// Removes the element with `number` elements before it; whether there is one.
    pub fn remove_at(&mut self, number: u64) -> bool {
        self.take_at(number, |_, _| ()).is_some()
    }

    /// Removes the element with `number` elements before it, once `take` has seen it with its hash; what `take` returns,
    /// or `None` if there is no such element.
    pub fn take_at<R>(
        &mut self,
        number: u64,
        take: impl FnOnce(ElementHash, Element<'_>) -> R,
    ) -> Option<R> {
        let Spot { path, offset } = self.tree.spot(number)?;
        Some(self.tree.update(&path, |leaf| {
            let result = take(leaf.hash(offset), leaf.element(offset));
            leaf.remove(offset);
            result
        }))
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
            for at in leaf.first_from(cursor)..leaf.len() {
                let hash = leaf.hash(at);
                if shown >= count && last != Some(hash) {
                    return Some(hash);
                }
                visit(leaf.element(at));
                (shown, last) = (shown + 1, Some(hash));
            }
            path = self.tree.next_leaf(&path)?;
        }
    }

    /// How many elements have lower hashes than `hash`.
    pub fn count_below(&self, hash: ElementHash) -> u64 {
        self.leaf_of(hash).map_or(0, |path| {
            let inside = self.tree.leaf(&path).first_from(hash);
            self.tree.before(&path) + inside as u64
        })
    }

    /// All elements in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        self.iter_from(0).map(|(_, element)| element)
    }

    /// Elements with their hashes, in the order of these, from `hash` on.
    pub fn iter_from(&self, hash: ElementHash) -> impl Iterator<Item = (ElementHash, Element<'_>)> {
        let path = self.leaf_of(hash);
        let leaf = path.as_ref().map(|path| self.tree.leaf(path));
        let at = leaf.map_or(0, |leaf| leaf.first_from(hash));
        self.iter_at(path, at)
    }

    /// The same, from the one with `number` elements before it on.
    pub fn iter_from_number(
        &self,
        number: u64,
    ) -> impl Iterator<Item = (ElementHash, Element<'_>)> {
        let spot = self.tree.spot(number);
        let (path, at) = spot.map_or((None, 0), |spot| (Some(spot.path), spot.offset));
        self.iter_at(path, at)
    }

    fn iter_at(
        &self,
        mut path: Option<Path>,
        mut at: usize,
    ) -> impl Iterator<Item = (ElementHash, Element<'_>)> {
        let mut leaf = path.as_ref().map(|path| self.tree.leaf(path));
        std::iter::from_fn(move || {
            if at == leaf?.len() {
                path = self.tree.next_leaf(path.as_ref()?);
                leaf = path.as_ref().map(|path| self.tree.leaf(path));
                at = 0;
            }
            let leaf = leaf?;
            at += 1;
            Some((leaf.hash(at - 1), leaf.element(at - 1)))
        })
    }

    /// Gives the element called `name` another expire time, or none; the one that it had, or `None` if there is no such
    /// element.
    pub fn set_expiry(
        &mut self,
        hash: ElementHash,
        name: &[u8],
        expire_at: Option<UnixMillis>,
    ) -> Option<Option<UnixMillis>> {
        let (path, found) = self.seek(hash, name)?;
        let at = found.ok()?;
        let old = self.tree.leaf(&path).expiry(at);
        if old != expire_at {
            self.tree
                .update(&path, |leaf| leaf.set_expiry(at, expire_at));
        }
        Some(old)
    }

    /// How many elements have an expire time.
    pub fn expiring(&self) -> u64 {
        self.tree.summary().count
    }

    /// The soonest expire time.
    pub fn soonest_expiry(&self) -> Option<UnixMillis> {
        self.tree.summary().soonest()
    }

    /// How many elements have an expire time before `now`. Goes through the leaves if there are any.
    pub fn expired(&self, now: UnixMillis) -> u64 {
        if self.soonest_expiry().is_none_or(|soonest| soonest >= now) {
            return 0;
        }
        let leaves = self.tree.leaves();
        leaves.map(|leaf| leaf.expired(now)).sum()
    }

    /// Removes elements whose expire time lies before `now`, `most` at most, and shows them to `gone`; how many it was. They
    /// go in the order of their hashes, and only leaves that have some are visited.
    pub fn remove_expired(
        &mut self,
        now: UnixMillis,
        most: usize,
        gone: &mut dyn FnMut(Element<'_>),
    ) -> usize {
        let is_due = |expiries: Expiries| expiries.soonest().is_some_and(|soonest| soonest < now);
        let mut removed = 0;
        while removed < most
            && let Some(path) = self.tree.leaf_where(is_due)
        {
            let left = most - removed;
            removed += self
                .tree
                .update(&path, |leaf| leaf.remove_expired(now, left, gone));
        }
        removed
    }
}
