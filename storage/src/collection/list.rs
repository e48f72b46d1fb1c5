//! Elements of a big list: nodes of listpacks, in a tree that counts.
//!
//! A node is full when `list-max-listpack-size` says so, as in Redis. An element that would fill one by itself has a node
//! of its own, without a listpack's limits.

use crate::listpack::Value;
use crate::tree::{Leaf, Remains, Spot, Tree};

use super::{CollectionRemains, assert_fits};

mod ends;
mod node;
mod packed;
mod search;
#[cfg(test)]
mod tests;

pub use node::{ListNode, NodeLimit, set_large_element_bytes};
pub(crate) use search::{MatchRemoval, Needle};

/// A big list. See the module documentation.
#[derive(Clone, Default)]
pub struct ListTree {
    tree: Tree<ListNode>,
    limit: NodeLimit,
}

impl ListTree {
    /// A list without elements.
    pub fn new(limit: NodeLimit) -> Self {
        Self {
            tree: Tree::new(),
            limit,
        }
    }

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

    /// The tree, out of here.
    pub fn into_tree(self) -> Tree<ListNode> {
        self.tree
    }

    /// The element with `index` others before it.
    pub fn get(&self, index: u64) -> Option<Value<'_>> {
        let Spot { path, offset } = self.tree.spot(index)?;
        self.tree.leaf(&path).get(offset)
    }

    /// Adds an element with `index` others before it.
    ///
    /// # Panics
    /// If there are fewer, or the element is longer than [`super::PART_BYTES_MAX`].
    pub fn insert(&mut self, index: u64, element: &[u8]) {
        assert!(index <= self.len(), "elements stand side by side");
        if !self.limit.is_large(element)
            && let Some(Spot { path, offset }) = self.spot_for(index)
        {
            self.tree.update(&path, |node| node.insert(offset, element));
            return;
        }
        let node = ListNode::of(element, self.limit);
        let behind = self.tree.split_off(index);
        self.tree.push_leaf(node);
        self.tree.append(behind);
    }

    /// A packed node that an element with `index` others before it can go to, and its number there: the node that has the
    /// element before it, or else the one behind it.
    fn spot_for(&self, index: u64) -> Option<Spot> {
        let is_packed = |spot: &Spot| self.tree.leaf(&spot.path).packed().is_some();
        let before = index
            .checked_sub(1)
            .and_then(|before| self.tree.spot(before));
        let after_it = before.map(|spot| Spot {
            offset: spot.offset + 1,
            ..spot
        });
        after_it
            .filter(is_packed)
            .or_else(|| self.tree.spot(index).filter(is_packed))
    }

    /// Puts another element in the place of one that is there.
    ///
    /// # Panics
    /// If there is none, or the other is longer than [`super::PART_BYTES_MAX`].
    pub fn replace(&mut self, index: u64, element: &[u8]) {
        assert!(index < self.len(), "there is an element to replace");
        assert_fits(element);
        let spot = self.tree.spot(index).expect("there is one");
        if self.tree.leaf(&spot.path).takes(element) {
            self.tree
                .update(&spot.path, |node| node.replace(spot.offset, element));
            return;
        }
        let removed = self.remove(index, 1);
        debug_assert!(removed.is_empty(), "one element leaves its node");
        self.insert(index, element);
    }

    /// Removes `count` elements from number `index` on, as far as there are any. Many are cut out at once, and returned to
    /// be taken down in steps.
    #[must_use = "what was cut out may be too much to free at once"]
    pub fn remove(&mut self, index: u64, count: u64) -> Tree<ListNode> {
        let Some(Spot { path, offset }) = self.tree.spot(index) else {
            return Tree::new();
        };
        if count == 0 {
            return Tree::new();
        }
        let node = self.tree.leaf(&path);
        let in_node = (node.len() - offset) as u64;
        let count = count.min(self.len() - index);
        if count <= in_node {
            self.tree
                .update(&path, |node| node.remove(offset, count as usize));
            return Tree::new();
        }
        let mut removed = self.tree.split_off(index);
        let behind = removed.split_off(count);
        self.tree.append(behind);
        removed
    }

    /// Removes all elements but the `count` ones from number `index` on, and returns those to be taken down in steps.
    #[must_use = "what was cut off may be too much to free at once"]
    pub fn trim(&mut self, index: u64, count: u64) -> CollectionRemains {
        let mut remains = Remains::default();
        if index >= self.len() || count == 0 {
            remains.add(std::mem::take(&mut self.tree));
        } else {
            remains.add(self.remove(index.saturating_add(count), u64::MAX));
            remains.add(self.remove(0, index));
        }
        CollectionRemains::List(remains)
    }

    /// Elements from number `index` on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = Value<'_>> {
        let spot = self.tree.spot(index);
        let offset = spot.as_ref().map_or(0, |spot| spot.offset);
        let mut next = spot.map(|spot| spot.path);
        let nodes = std::iter::from_fn(move || {
            let path = next.take()?;
            next = self.tree.next_leaf(&path);
            Some(self.tree.leaf(&path))
        });
        nodes
            .enumerate()
            .flat_map(move |(number, node)| node.iter_from(if number == 0 { offset } else { 0 }))
    }

    /// Elements backwards from number `index`.
    pub fn iter_back_from(&self, index: u64) -> impl Iterator<Item = Value<'_>> {
        let spot = self.tree.spot(index);
        let behind = spot
            .as_ref()
            .map_or(0, |spot| self.tree.leaf(&spot.path).len() - spot.offset - 1);
        let mut next = spot.map(|spot| spot.path);
        let nodes = std::iter::from_fn(move || {
            let path = next.take()?;
            next = self.tree.previous_leaf(&path);
            Some(self.tree.leaf(&path))
        });
        nodes.enumerate().flat_map(move |(number, node)| {
            node.iter_from(0)
                .rev()
                .skip(if number == 0 { behind } else { 0 })
        })
    }
}
