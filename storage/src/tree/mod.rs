//! A counted B+tree that can be pinned: what big collections are made of.
//!
//! Elements lie packed in leaves of a few KiB; each type of collection has a leaf of its own ([`Leaf`]). Inner nodes know
//! how many elements lie below each child and with what each child begins, so that an element is found by its number as
//! well as by its order, in a few steps at any size, and no operation touches more than one path of nodes.
//!
//! A clone is a *pin*: it costs one counter step and keeps the elements it was made of, whatever is written to the
//! original afterwards. A write copies only the nodes on its path that it shares with a pin. So a long reply can be
//! written, or a snapshot taken, from a pin after the shard is unlocked, and a collection goes to another key or shard by
//! moving its root. Whoever is done with a tree or a pin that may be large takes it down in steps ([`Remains`]).

mod node;
mod remains;
#[cfg(test)]
mod tests;
mod update;

use std::cmp::Ordering;
use triomphe::Arc;

use smallvec::SmallVec;

pub use node::First;
use node::{Inner, Node};
pub use remains::{PIECE_BYTES, Remains};

/// A run of neighbouring elements.
pub trait Leaf: Clone + Default {
    /// What inner nodes keep of a child's first element, to find elements by their order.
    type Bound: Copy;

    /// What inner nodes know of all elements below a child, beside their number and bytes; `()` if nothing.
    type Summary: Summary;

    /// How many elements it has.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated, beside the leaf itself.
    fn memory_bytes(&self) -> usize;

    /// What its first element is found by; it is not empty.
    fn bound(&self) -> Self::Bound;

    /// The summary of its elements.
    fn summary(&self) -> Self::Summary;

    /// If there are too many elements for one leaf, keeps some of the first ones and moves the others out; either part may
    /// be too much for one leaf again.
    fn split(&mut self) -> Option<Self>;

    /// Moves out the elements from number `at` on; neither part is empty.
    fn split_off(&mut self, at: usize) -> Self;

    /// Frees one of the elements that are allocated each on its own, if there are any; whether there was one. Nothing but
    /// [`Leaf::memory_bytes`] is asked of the leaf afterwards.
    fn free_large(&mut self) -> bool {
        false
    }

    /// Whether it has become so small that its elements should lie with a neighbour's.
    fn is_sparse(&self) -> bool;

    /// Whether there is room for the elements of `next`, with some to spare.
    fn has_room_for(&self, next: &Self) -> bool;

    /// Appends the elements of `next`, for which there is room.
    fn absorb(&mut self, next: &Self);
}

/// What is known of some elements together, as a count or the least of something; the default is that of no elements.
pub trait Summary: Copy + Default + PartialEq {
    /// Adds what is known of other elements.
    fn add(&mut self, other: Self);
}

impl Summary for () {
    fn add(&mut self, (): ()) {}
}

/// The way from the root to a leaf: the number of a child in each inner node. It holds until the tree is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(SmallVec<[u8; 8]>);

/// An element's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Its leaf.
    pub path: Path,
    /// Its number in the leaf.
    pub offset: usize,
}

/// The tree. See the module documentation.
pub struct Tree<L: Leaf> {
    /// `None`: no elements.
    root: Option<Node<L>>,
}

impl<L: Leaf> Clone for Tree<L> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
        }
    }
}

impl<L: Leaf> Default for Tree<L> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<L: Leaf> Tree<L> {
    /// A tree without elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is known to be the same as `other`, be it a pin: whatever is written to one of them makes them differ.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (None, None) => true,
            (Some(Node::Leaf(one)), Some(Node::Leaf(other))) => Arc::ptr_eq(one, other),
            (Some(Node::Inner(one)), Some(Node::Inner(other))) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.sum().elements)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether there are so few leaves that one inner node holds them all.
    pub fn has_few_leaves(&self) -> bool {
        match &self.root {
            Some(Node::Inner(root)) => matches!(root.nodes()[0], Node::Leaf(_)),
            _ => true,
        }
    }

    /// Allocated bytes, as if this were the only handle: what it shares with pins counts in each of them.
    pub fn memory_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.sum().bytes)
    }

    /// The summary of all elements.
    pub fn summary(&self) -> L::Summary {
        self.root.as_ref().map(Node::summary).unwrap_or_default()
    }

    /// The first leaf whose summary is one that `is_one` says; it says so of elements together if it does of some of them,
    /// and only then.
    pub fn leaf_where(&self, is_one: impl Fn(L::Summary) -> bool) -> Option<Path> {
        let mut path = Path::default();
        let mut node = self.root.as_ref()?;
        if !is_one(node.summary()) {
            return None;
        }
        while let Node::Inner(inner) = node {
            let child = inner.child_where(&is_one)?;
            path.0.push(child as u8);
            node = &inner.nodes()[child];
        }
        Some(path)
    }

    /// The element with `number` elements before it.
    pub fn spot(&self, number: u64) -> Option<Spot> {
        if number >= self.len() {
            return None;
        }
        let mut left = number;
        let mut path = Path::default();
        let mut node = self.root.as_ref()?;
        while let Node::Inner(inner) = node {
            let child = inner.child_with(&mut left);
            path.0.push(child as u8);
            node = &inner.nodes()[child];
        }
        Some(Spot {
            path,
            offset: left as usize,
        })
    }

    /// The last leaf whose first element stands, as `order` says, before or at what is looked for; the first leaf if
    /// there is none. `order` compares an element with what is looked for; it gets what the inner node knows of the
    /// element and, where that is not enough, the leaf that begins with it. `None`: there are no elements.
    pub fn seek(&self, mut order: impl FnMut(L::Bound, First<'_, L>) -> Ordering) -> Option<Path> {
        let mut path = Path::default();
        let mut node = self.root.as_ref()?;
        while let Node::Inner(inner) = node {
            let child =
                inner.last_child_where(|bound, first| order(bound, first) != Ordering::Greater);
            path.0.push(child as u8);
            node = &inner.nodes()[child];
        }
        Some(path)
    }

    /// The leaf that [`Tree::seek`] would find.
    pub fn leaf_for(
        &self,
        mut order: impl FnMut(L::Bound, First<'_, L>) -> Ordering,
    ) -> Option<&L> {
        let child =
            |inner: &Inner<L>| inner.last_child_where(|bound, first| order(bound, first).is_le());
        self.root.as_ref().map(|root| root.edge_leaf(child))
    }

    /// The leaf at `path`.
    ///
    /// # Panics
    /// If `path` does not lead to a leaf of this tree.
    pub fn leaf(&self, path: &Path) -> &L {
        let mut node = self.root.as_ref().expect("a path leads to a leaf");
        for &child in &path.0 {
            node = &node.inner().nodes()[usize::from(child)];
        }
        node.leaf()
    }

    /// How many elements lie before the leaf at `path`.
    pub fn before(&self, path: &Path) -> u64 {
        let mut before = 0;
        let mut node = self.root.as_ref().expect("a path leads to a leaf");
        for &child in &path.0 {
            let inner = node.inner();
            before += inner.before(child.into());
            node = &inner.nodes()[usize::from(child)];
        }
        before
    }

    /// The first leaf.
    pub fn first_leaf(&self) -> Option<Path> {
        self.edge(|_| 0)
    }

    /// The last leaf.
    pub fn last_leaf(&self) -> Option<Path> {
        self.edge(|inner| inner.nodes().len() - 1)
    }

    fn edge(&self, child_of: impl Fn(&Inner<L>) -> usize) -> Option<Path> {
        let mut path = Path::default();
        path.extend(self.root.as_ref()?, child_of);
        Some(path)
    }

    /// The first leaf itself.
    pub fn first(&self) -> Option<&L> {
        self.root.as_ref().map(|root| root.edge_leaf(|_| 0))
    }

    /// The last leaf itself.
    pub fn last(&self) -> Option<&L> {
        let last = |inner: &Inner<L>| inner.nodes().len() - 1;
        self.root.as_ref().map(|root| root.edge_leaf(last))
    }

    /// The leaf, if there is but one.
    pub fn only_leaf(&self) -> Option<&L> {
        match self.root.as_ref()? {
            Node::Leaf(leaf) => Some(leaf),
            Node::Inner(_) => None,
        }
    }

    /// The leaf behind the one at `path`.
    pub fn next_leaf(&self, path: &Path) -> Option<Path> {
        self.neighbour(
            path,
            |inner, child| (child + 1 < inner.nodes().len()).then_some(child + 1),
            |_| 0,
        )
    }

    /// The leaf before the one at `path`.
    pub fn previous_leaf(&self, path: &Path) -> Option<Path> {
        self.neighbour(
            path,
            |_, child| child.checked_sub(1),
            |inner| inner.nodes().len() - 1,
        )
    }

    /// Steps aside in the lowest node that can, and goes down from there.
    fn neighbour(
        &self,
        path: &Path,
        aside: impl Fn(&Inner<L>, usize) -> Option<usize>,
        child_of: impl Fn(&Inner<L>) -> usize,
    ) -> Option<Path> {
        let mut inners: SmallVec<[&Inner<L>; 8]> = SmallVec::new();
        let mut node = self.root.as_ref()?;
        for &child in &path.0 {
            inners.push(node.inner());
            node = &node.inner().nodes()[usize::from(child)];
        }
        for (level, inner) in inners.iter().enumerate().rev() {
            if let Some(child) = aside(inner, usize::from(path.0[level])) {
                let mut found = Path(path.0[..level].into());
                found.0.push(child as u8);
                found.extend(&inner.nodes()[child], child_of);
                return Some(found);
            }
        }
        None
    }

    /// All leaves in order.
    pub fn leaves(&self) -> Leaves<'_, L> {
        Leaves {
            tree: self,
            next: self.first_leaf(),
        }
    }
}

impl Path {
    /// Goes on from `node` to a leaf.
    fn extend<L: Leaf>(&mut self, mut node: &Node<L>, child_of: impl Fn(&Inner<L>) -> usize) {
        while let Node::Inner(inner) = node {
            let child = child_of(inner);
            self.0.push(child as u8);
            node = &inner.nodes()[child];
        }
    }
}

/// The leaves of a tree. See [`Tree::leaves`].
pub struct Leaves<'t, L: Leaf> {
    tree: &'t Tree<L>,
    next: Option<Path>,
}

impl<'t, L: Leaf> Iterator for Leaves<'t, L> {
    type Item = &'t L;

    fn next(&mut self) -> Option<&'t L> {
        let path = self.next.take()?;
        self.next = self.tree.next_leaf(&path);
        Some(self.tree.leaf(&path))
    }
}
