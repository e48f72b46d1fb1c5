//! Changing a leaf, and what follows from it for the nodes above; cutting and joining trees.

use std::cmp::Ordering;
use triomphe::Arc;

use smallvec::SmallVec;

use super::node::{CHILDREN_MAX, Inner, Inside, Node, leaf_sum};
use super::{First, Leaf, Path, Tree};

/// Nodes that belong behind another one, as deep as that.
type Siblings<L> = SmallVec<[Node<L>; 1]>;

impl<L: Leaf> Tree<L> {
    /// Changes the leaf at `path`, which may leave it with no elements or too many: then the tree removes it, puts it
    /// together with a neighbour, or splits it. If `change` panics, no elements are left.
    ///
    /// # Panics
    /// If `path` does not lead to a leaf of this tree.
    pub fn update<R>(&mut self, path: &Path, change: impl FnOnce(&mut L) -> R) -> R {
        assert!(self.root.is_some(), "a path leads to a leaf");
        let mut steps = path.0.iter();
        let child = |_: &Inner<L>| usize::from(*steps.next().expect("a path leads to a leaf"));
        self.update_along(child, change)
    }

    /// Changes the first leaf, or a new one if there are no elements yet.
    pub fn update_first<R>(&mut self, change: impl FnOnce(&mut L) -> R) -> R {
        self.update_along(|_| 0, change)
    }

    /// Changes the last leaf, or a new one if there are no elements yet.
    pub fn update_last<R>(&mut self, change: impl FnOnce(&mut L) -> R) -> R {
        self.update_along(|inner| inner.nodes().len() - 1, change)
    }

    /// Changes the leaf that [`Tree::seek`] would find, or a new one if there are no elements yet.
    pub fn update_where<R>(
        &mut self,
        mut order: impl FnMut(L::Bound, First<'_, L>) -> Ordering,
        change: impl FnOnce(&mut L) -> R,
    ) -> R {
        self.update_along(
            |inner| inner.last_child_where(|bound, first| order(bound, first).is_le()),
            change,
        )
    }

    /// Changes the leaf to which `child_of` leads, or a new one if there are no elements yet.
    fn update_along<R>(
        &mut self,
        child_of: impl FnMut(&Inner<L>) -> usize,
        change: impl FnOnce(&mut L) -> R,
    ) -> R {
        let root = self.root.take();
        let mut root = root.unwrap_or_else(|| Node::of_leaf(L::default()));
        let (result, outcome) = update_node(&mut root, child_of, change);
        match outcome {
            Outcome::Inside(_) => self.root = Some(root),
            Outcome::Shape(siblings) => self.set_root(root, siblings),
        }
        result
    }

    /// Puts a leaf behind the others, as it is: it should not be one to be split.
    pub fn push_leaf(&mut self, leaf: L) {
        self.append(Self::of_node(Node::of_leaf(leaf)));
    }

    /// Cuts off the elements from number `at` on, in a few steps at any size.
    pub fn split_off(&mut self, at: u64) -> Self {
        if at >= self.len() {
            return Self::new();
        }
        match self.root.take() {
            Some(root) if at > 0 => {
                let (first, rest) = cut(root, at);
                *self = first;
                rest
            }
            root => Self { root },
        }
    }

    /// Puts the elements of `next` behind the others, in a few steps at any size.
    pub fn append(&mut self, next: Self) {
        let Some(mut right) = next.root else {
            return;
        };
        let Some(mut left) = self.root.take() else {
            self.root = Some(right);
            return;
        };
        let (left_depth, right_depth) = (depth(&left), depth(&right));
        if left_depth >= right_depth {
            let siblings = put_behind(&mut left, left_depth - right_depth, right);
            self.set_root(left, siblings);
        } else {
            let siblings = put_in_front(&mut right, right_depth - left_depth, left);
            self.set_root(right, siblings);
        }
    }

    /// What lies at and below `node`, which may have no elements.
    fn of_node(node: Node<L>) -> Self {
        let mut tree = Self::new();
        tree.set_root(node, Siblings::new());
        tree
    }

    /// Installs a root that has just been changed, and its siblings; or nothing if there are no elements.
    fn set_root(&mut self, mut root: Node<L>, mut siblings: Siblings<L>) {
        while !siblings.is_empty() {
            let mut above = Inner::over([root]);
            above.settle(0, siblings);
            siblings = above.split();
            root = Node::of_inner(above);
        }
        while let Node::Inner(inner) = &root
            && let [only] = inner.nodes()
        {
            root = only.clone();
        }
        self.root = (!root.is_empty()).then_some(root);
    }
}

/// How many inner nodes stand above each leaf.
fn depth<L: Leaf>(node: &Node<L>) -> usize {
    match node {
        Node::Leaf(_) => 0,
        Node::Inner(inner) => 1 + depth(&inner.nodes()[0]),
    }
}

/// What a change below a node has brought.
enum Outcome<L: Leaf> {
    /// The same nodes are there, none of them copied, and the leaf is neither empty nor sparse nor too large: only what is
    /// known of it changes.
    Inside(Inside<L>),
    /// Whatever it was; these belong behind the node. That the node is empty, sparse or the only one is yet to be dealt
    /// with by the node above.
    Shape(Siblings<L>),
}

/// Changes the leaf below `node` to which `child_of` leads, and sets right all nodes below and `node` itself.
fn update_node<L: Leaf, R>(
    node: &mut Node<L>,
    mut child_of: impl FnMut(&Inner<L>) -> usize,
    change: impl FnOnce(&mut L) -> R,
) -> (R, Outcome<L>) {
    match node {
        Node::Leaf(leaf) => {
            let is_ours = leaf.is_unique();
            let leaf = Arc::make_mut(leaf);
            let before = leaf_sum(leaf);
            let result = change(leaf);
            let next = leaf.split();
            let is_well = next.is_none() && !leaf.is_empty() && !leaf.is_sparse();
            let outcome = if is_ours && is_well {
                Outcome::Inside(Inside::of_leaf(leaf, before))
            } else {
                Outcome::Shape(split_leaf(leaf, next))
            };
            (result, outcome)
        }
        Node::Inner(inner) => {
            let is_ours = inner.is_unique();
            let inner = Arc::make_mut(inner);
            let child = child_of(inner);
            inner.warm(child);
            let (result, outcome) = update_node(inner.node_mut(child), child_of, change);
            let outcome = match outcome {
                Outcome::Inside(inside) => {
                    let inside = inner.take_note(child, inside);
                    if is_ours {
                        Outcome::Inside(inside)
                    } else {
                        Outcome::Shape(Siblings::new())
                    }
                }
                Outcome::Shape(siblings) => {
                    inner.settle(child, siblings);
                    Outcome::Shape(inner.split())
                }
            };
            (result, outcome)
        }
    }
}

/// Splits a leaf, and its parts again, until each is small enough; the parts behind the first one. `next` has just been
/// split off.
fn split_leaf<L: Leaf>(leaf: &mut L, next: Option<L>) -> Siblings<L> {
    let mut siblings = Siblings::new();
    // The nearest is the last.
    let mut behind: Vec<L> = next.into_iter().collect();
    if !behind.is_empty() {
        behind.extend(std::iter::from_fn(|| leaf.split()));
    }
    while let Some(mut next) = behind.pop() {
        while let Some(rest) = next.split() {
            behind.push(rest);
        }
        siblings.push(Node::of_leaf(next));
    }
    siblings
}

/// Cuts a node before element number `at`; neither part is empty. Each part is put together anew from the subtrees that
/// the cut leaves, so that no thin edge stays.
fn cut<L: Leaf>(node: Node<L>, mut at: u64) -> (Tree<L>, Tree<L>) {
    match node {
        Node::Leaf(leaf) => {
            let mut first = Arc::unwrap_or_clone(leaf);
            let rest = first.split_off(at as usize);
            (
                Tree::of_node(Node::of_leaf(first)),
                Tree::of_node(Node::of_leaf(rest)),
            )
        }
        Node::Inner(inner) => {
            let mut first = Arc::unwrap_or_clone(inner);
            let child = first.child_with(&mut at);
            let mut rest = first.split_off(child);
            if at == 0 {
                return (
                    Tree::of_node(Node::of_inner(first)),
                    Tree::of_node(Node::of_inner(rest)),
                );
            }
            let (end, mut begin) = cut(rest.remove(0), at);
            let mut first = Tree::of_node(Node::of_inner(first));
            first.append(end);
            begin.append(Tree::of_node(Node::of_inner(rest)));
            (first, begin)
        }
    }
}

/// Puts `next` behind what lies below `node`, `levels` levels below it.
fn put_behind<L: Leaf>(node: &mut Node<L>, levels: usize, next: Node<L>) -> Siblings<L> {
    match node {
        Node::Inner(inner) if levels > 0 => {
            let inner = Arc::make_mut(inner);
            let last = inner.nodes().len() - 1;
            let siblings = put_behind(inner.node_mut(last), levels - 1, next);
            inner.settle(last, siblings);
            inner.split()
        }
        _ => [next].into_iter().collect(),
    }
}

/// Puts `before` in front of what lies below `node`, `levels` levels below it.
fn put_in_front<L: Leaf>(node: &mut Node<L>, levels: usize, before: Node<L>) -> Siblings<L> {
    match node {
        Node::Inner(inner) if levels > 0 => {
            let inner = Arc::make_mut(inner);
            let siblings = put_in_front(inner.node_mut(0), levels - 1, before);
            inner.settle(0, siblings);
            inner.split()
        }
        _ => [std::mem::replace(node, before)].into_iter().collect(),
    }
}

impl<L: Leaf> Inner<L> {
    /// If there are too many children, keeps the first ones and moves the others out to as few nodes as will do.
    fn split(&mut self) -> Siblings<L> {
        let mut siblings = Siblings::new();
        let children = self.nodes().len();
        if children <= CHILDREN_MAX {
            return siblings;
        }
        let each = children.div_ceil(children.div_ceil(CHILDREN_MAX));
        while self.nodes().len() > each {
            let at = (self.nodes().len() - 1) / each * each;
            siblings.push(Node::of_inner(self.split_off(at)));
        }
        siblings.reverse();
        siblings
    }

    /// Sets right what a change at and below `child` has brought; `siblings` belong behind it.
    fn settle(&mut self, child: usize, siblings: Siblings<L>) {
        if self.nodes()[child].is_empty() {
            self.remove(child);
            self.insert_all(child, siblings);
            // Its neighbours are neighbours now.
            self.join_sparse(child);
            self.join_sparse(child.saturating_sub(1));
        } else {
            self.refresh(child);
            if !siblings.is_empty() {
                let last = child + siblings.len();
                self.insert_all(child + 1, siblings);
                self.join_sparse(last);
            }
            self.join_sparse(child);
        }
    }

    fn insert_all(&mut self, from: usize, nodes: Siblings<L>) {
        for (at, node) in (from..).zip(nodes) {
            self.insert(at, node);
        }
    }

    /// Puts a child, if there is such a one, together with a neighbour if it is sparse and they fit.
    fn join_sparse(&mut self, child: usize) {
        let is_sparse = self.nodes().get(child).is_some_and(Node::is_sparse);
        if is_sparse && !self.join(child) && child > 0 {
            self.join(child - 1);
        }
    }

    /// Puts a child together with the next one, if there is one and they fit.
    fn join(&mut self, child: usize) -> bool {
        let nodes = self.nodes();
        let fits = nodes
            .get(child + 1)
            .is_some_and(|next| nodes[child].has_room_for(next));
        if fits {
            let next = self.remove(child + 1);
            self.node_mut(child).absorb(next);
            self.refresh(child);
        }
        fits
    }
}
