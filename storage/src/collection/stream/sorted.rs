//! A tree of small items, each found by its key: what the pending entries and the consumers of a group lie in.

use std::cmp::Ordering;

use crate::tree::{Leaf, Path, Spot, Tree};

use crate::room::{make_room, shrink};

/// Most items of a leaf.
const ITEMS_MAX: usize = 64;
/// A leaf with fewer is sparse.
const ITEMS_MIN: usize = ITEMS_MAX / 8;

/// A leaf: items in the order of their keys.
#[derive(Clone)]
pub(super) struct Items<K: Copy, V: Clone> {
    items: Vec<(K, V)>,
    /// The latest item came behind all others: a tree that grows at its end leaves full leaves behind.
    grows: bool,
}

impl<K: Copy, V: Clone> Default for Items<K, V> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            grows: false,
        }
    }
}

impl<K: Copy + Ord, V: Clone> Items<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        self.items.binary_search_by(|(other, _)| other.cmp(key))
    }

    fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.items[at].1, value)),
            Err(at) => {
                make_room(&mut self.items, 1);
                self.items.insert(at, (key, value));
                self.grows = at + 1 == self.items.len();
                None
            }
        }
    }

    fn remove(&mut self, at: usize) -> V {
        let (_, value) = self.items.remove(at);
        self.give_back_room();
        value
    }

    /// Keeps no more room than twice what is needed.
    fn give_back_room(&mut self) {
        if self.items.len() < self.items.capacity() / 2 {
            shrink(&mut self.items, 0);
        }
    }
}

impl<K: Copy + Ord, V: Clone> Leaf for Items<K, V> {
    type Bound = K;
    type Summary = ();

    fn len(&self) -> usize {
        self.items.len()
    }

    fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<(K, V)>()
    }

    fn summary(&self) {}

    fn bound(&self) -> K {
        self.items[0].0
    }

    fn split(&mut self) -> Option<Self> {
        let len = self.items.len();
        if len <= ITEMS_MAX {
            return None;
        }
        Some(self.split_off(if self.grows { len - 1 } else { len / 2 }))
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = self.items.split_off(at);
        shrink(&mut self.items, 0);
        Self {
            items: rest,
            grows: false,
        }
    }

    fn is_sparse(&self) -> bool {
        self.items.len() < ITEMS_MIN
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.items.len() + next.items.len() <= ITEMS_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        make_room(&mut self.items, next.items.len());
        self.items.extend_from_slice(&next.items);
    }
}

/// The tree. See the module documentation.
#[derive(Clone)]
pub(super) struct SortedTree<K: Copy + Ord, V: Clone> {
    tree: Tree<Items<K, V>>,
}

impl<K: Copy + Ord, V: Clone> Default for SortedTree<K, V> {
    fn default() -> Self {
        Self { tree: Tree::new() }
    }
}

impl<K: Copy + Ord, V: Clone> SortedTree<K, V> {
    /// How many items there are.
    pub(super) fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// See [`Tree::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// The tree, out of here.
    pub(super) fn into_tree(self) -> Tree<Items<K, V>> {
        self.tree
    }

    /// The leaf in which `key` is, or would be.
    fn leaf_of(&self, key: &K) -> Option<Path> {
        self.tree.seek(|bound, _| bound.cmp(key))
    }

    fn spot_of(&self, key: &K) -> Option<Spot> {
        let path = self.leaf_of(key)?;
        let offset = self.tree.leaf(&path).find(key).ok()?;
        Some(Spot { path, offset })
    }

    /// What is at `key`.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let leaf = self.tree.leaf(&self.leaf_of(key)?);
        leaf.find(key).ok().map(|at| &leaf.items[at].1)
    }

    /// The item with `number` others before it.
    pub(super) fn at(&self, number: u64) -> Option<(K, &V)> {
        let Spot { path, offset } = self.tree.spot(number)?;
        let (key, value) = &self.tree.leaf(&path).items[offset];
        Some((*key, value))
    }

    /// The last item.
    pub(super) fn last(&self) -> Option<(K, &V)> {
        self.at(self.len().checked_sub(1)?)
    }

    /// How many items have a key below `key`.
    pub(super) fn count_before(&self, key: &K) -> u64 {
        let Some(path) = self.leaf_of(key) else {
            return 0;
        };
        let (Ok(at) | Err(at)) = self.tree.leaf(&path).find(key);
        self.tree.before(&path) + at as u64
    }

    /// Puts an item in; what was at its key.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.leaf_of(&key) {
            Some(path) => self.tree.update(&path, |leaf| leaf.insert(key, value)),
            None => self.tree.update_last(|leaf| leaf.insert(key, value)),
        }
    }

    /// Takes an item out.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let Spot { path, offset } = self.spot_of(key)?;
        Some(self.tree.update(&path, |leaf| leaf.remove(offset)))
    }

    /// Changes what is at `key`, if there is something.
    pub(super) fn update<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let Spot { path, offset } = self.spot_of(key)?;
        Some(
            self.tree
                .update(&path, |leaf| change(&mut leaf.items[offset].1)),
        )
    }

    /// Takes out what `is_one` says of the leaf in which `key` is or would be, in one step; the last key that the leaf had.
    pub(super) fn remove_near(
        &mut self,
        key: &K,
        mut is_one: impl FnMut(&K, &V) -> bool,
    ) -> Option<K> {
        let path = self.leaf_of(key)?;
        let last = self.tree.leaf(&path).items.last()?.0;
        self.tree.update(&path, |leaf| {
            leaf.items.retain(|(key, value)| !is_one(key, value));
            leaf.give_back_room();
        });
        Some(last)
    }

    /// Cuts out the items from `from` on and below `to`, to be taken down in steps.
    #[must_use = "what was cut out may be too much to free at once"]
    pub(super) fn cut_out(&mut self, from: &K, to: &K) -> Self {
        let (from, to) = (self.count_before(from), self.count_before(to));
        let mut cut = self.tree.split_off(from);
        let behind = cut.split_off(to.saturating_sub(from));
        self.tree.append(behind);
        Self { tree: cut }
    }

    /// The items from `key` on.
    pub(super) fn iter_from(&self, key: &K) -> SortedIter<'_, K, V> {
        let path = self.leaf_of(key);
        let offset = path.as_ref().map_or(0, |path| {
            let (Ok(at) | Err(at)) = self.tree.leaf(path).find(key);
            at
        });
        SortedIter {
            leaf: path.as_ref().map(|path| self.tree.leaf(path)),
            tree: &self.tree,
            path,
            offset,
        }
    }

    /// All items.
    pub(super) fn iter(&self) -> SortedIter<'_, K, V> {
        let path = self.tree.first_leaf();
        SortedIter {
            leaf: path.as_ref().map(|path| self.tree.leaf(path)),
            tree: &self.tree,
            path,
            offset: 0,
        }
    }
}

/// Items in the order of their keys.
pub(super) struct SortedIter<'t, K: Copy + Ord, V: Clone> {
    tree: &'t Tree<Items<K, V>>,
    /// The leaf that the next item is in or behind, and the way to it.
    leaf: Option<&'t Items<K, V>>,
    path: Option<Path>,
    offset: usize,
}

impl<'t, K: Copy + Ord, V: Clone> Iterator for SortedIter<'t, K, V> {
    type Item = (K, &'t V);

    fn next(&mut self) -> Option<(K, &'t V)> {
        loop {
            if let Some((key, value)) = self.leaf?.items.get(self.offset) {
                self.offset += 1;
                return Some((*key, value));
            }
            self.path = self.tree.next_leaf(self.path.as_ref()?);
            self.leaf = self.path.as_ref().map(|path| self.tree.leaf(path));
            self.offset = 0;
        }
    }
}

/// For [`Tree::seek`]: what counts as before, or at, what is looked for.
pub(super) fn side(is_before: bool) -> Ordering {
    if is_before {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}
