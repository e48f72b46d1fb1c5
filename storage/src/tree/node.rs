//! Nodes.

use triomphe::Arc;

use crate::prefetch;

use super::{Leaf, Summary};

/// Most children of an inner node; their number fits a [`super::Path`].
pub(super) const CHILDREN_MAX: usize = 128;
/// An inner node with fewer goes together with a neighbour.
pub(super) const CHILDREN_MIN: usize = 32;
/// Two neighbours go together up to this many children, so that there is room before the next split.
pub(super) const CHILDREN_TOGETHER: usize = 96;

/// What a reference-counted allocation holds beside its content.
const COUNTER_BYTES: usize = size_of::<usize>();

/// A node, shared with pins.
pub(super) enum Node<L: Leaf> {
    Leaf(Arc<L>),
    Inner(Arc<Inner<L>>),
}

/// What lies at and below a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) elements: u64,
    /// Allocated for the node and all below.
    pub(super) bytes: usize,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.elements += other.elements;
        self.bytes += other.bytes;
    }

    fn subtract(&mut self, other: Sum) {
        self.elements -= other.elements;
        self.bytes -= other.bytes;
    }
}

/// What a change below a node has done to it that left all nodes where they were.
pub(super) struct Inside<L: Leaf> {
    /// What it added; what it took away wraps around.
    elements: u64,
    bytes: usize,
    /// What the node's first element is found by now.
    bound: L::Bound,
    /// The node's summary now.
    summary: L::Summary,
}

impl<L: Leaf> Inside<L> {
    /// Of a leaf that has elements, and was `before`.
    pub(super) fn of_leaf(leaf: &L, before: Sum) -> Self {
        let after = leaf_sum(leaf);
        Self {
            elements: after.elements.wrapping_sub(before.elements),
            bytes: after.bytes.wrapping_sub(before.bytes),
            bound: leaf.bound(),
            summary: leaf.summary(),
        }
    }
}

/// What lies in a leaf.
pub(super) fn leaf_sum<L: Leaf>(leaf: &L) -> Sum {
    Sum {
        elements: leaf.len() as u64,
        bytes: COUNTER_BYTES + size_of::<L>() + leaf.memory_bytes(),
    }
}

/// The vectors have equal lengths, in a finished tree from 1 to [`CHILDREN_MAX`].
pub(super) struct Inner<L: Leaf> {
    /// [`Leaf::bound`] of the first leaf below each child.
    bounds: Vec<L::Bound>,
    /// What lies below each child.
    sums: Vec<Sum>,
    /// All of these together.
    total: Sum,
    /// [`Leaf::summary`] of all leaves below each child.
    summaries: Vec<L::Summary>,
    /// All of these together.
    summary: L::Summary,
    nodes: Vec<Node<L>>,
}

impl<L: Leaf> Clone for Node<L> {
    fn clone(&self) -> Self {
        match self {
            Node::Leaf(leaf) => Node::Leaf(Arc::clone(leaf)),
            Node::Inner(inner) => Node::Inner(Arc::clone(inner)),
        }
    }
}

impl<L: Leaf> Clone for Inner<L> {
    fn clone(&self) -> Self {
        Self {
            bounds: self.bounds.clone(),
            sums: self.sums.clone(),
            total: self.total,
            summaries: self.summaries.clone(),
            summary: self.summary,
            nodes: self.nodes.clone(),
        }
    }
}

impl<L: Leaf> Default for Inner<L> {
    fn default() -> Self {
        Self {
            bounds: Vec::new(),
            sums: Vec::new(),
            total: Sum::default(),
            summaries: Vec::new(),
            summary: L::Summary::default(),
            nodes: Vec::new(),
        }
    }
}

impl<L: Leaf> Node<L> {
    pub(super) fn of_leaf(leaf: L) -> Self {
        Node::Leaf(Arc::new(leaf))
    }

    pub(super) fn of_inner(inner: Inner<L>) -> Self {
        Node::Inner(Arc::new(inner))
    }

    /// The leaf that it is.
    pub(super) fn leaf(&self) -> &L {
        match self {
            Node::Leaf(leaf) => leaf,
            Node::Inner(_) => panic!("a path leads to a leaf"),
        }
    }

    /// The leaf at or below it to which `child_of` leads.
    pub(super) fn edge_leaf(&self, mut child_of: impl FnMut(&Inner<L>) -> usize) -> &L {
        let mut node = self;
        while let Node::Inner(inner) = node {
            node = &inner.nodes[child_of(inner)];
        }
        node.leaf()
    }

    /// The inner node that it is.
    pub(super) fn inner(&self) -> &Inner<L> {
        match self {
            Node::Inner(inner) => inner,
            Node::Leaf(_) => panic!("a path ends at a leaf"),
        }
    }

    /// What lies at and below it.
    pub(super) fn sum(&self) -> Sum {
        match self {
            Node::Leaf(leaf) => leaf_sum(&**leaf),
            Node::Inner(inner) => Sum {
                elements: inner.total.elements,
                bytes: COUNTER_BYTES + inner.own_bytes() + inner.total.bytes,
            },
        }
    }

    /// The summary of all leaves at and below it.
    pub(super) fn summary(&self) -> L::Summary {
        match self {
            Node::Leaf(leaf) => leaf.summary(),
            Node::Inner(inner) => inner.summary,
        }
    }

    /// Whether there are no elements.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.is_empty(),
            Node::Inner(inner) => inner.total.elements == 0,
        }
    }

    /// What its first element is found by.
    pub(super) fn bound(&self) -> L::Bound {
        match self {
            Node::Leaf(leaf) => leaf.bound(),
            Node::Inner(inner) => inner.bounds[0],
        }
    }

    /// Whether it should go together with a neighbour.
    pub(super) fn is_sparse(&self) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.is_sparse(),
            Node::Inner(inner) => inner.nodes.len() < CHILDREN_MIN,
        }
    }

    /// Whether `next`, its neighbour, fits in.
    pub(super) fn has_room_for(&self, next: &Self) -> bool {
        match (self, next) {
            (Node::Leaf(leaf), Node::Leaf(next)) => leaf.has_room_for(next),
            (Node::Inner(inner), Node::Inner(next)) => {
                inner.nodes.len() + next.nodes.len() <= CHILDREN_TOGETHER
            }
            _ => unreachable!("all leaves are equally deep"),
        }
    }

    /// Takes over what is in `next`, its neighbour.
    pub(super) fn absorb(&mut self, next: Self) {
        match (self, next) {
            (Node::Leaf(leaf), Node::Leaf(next)) => Arc::make_mut(leaf).absorb(&next),
            (Node::Inner(inner), Node::Inner(next)) => {
                Arc::make_mut(inner).extend(Arc::unwrap_or_clone(next).nodes);
            }
            _ => unreachable!("all leaves are equally deep"),
        }
    }
}

impl<L: Leaf> Inner<L> {
    /// An inner node over `children`.
    pub(super) fn over(children: impl IntoIterator<Item = Node<L>>) -> Self {
        let mut inner = Self::default();
        inner.extend(children);
        inner
    }

    /// The children.
    pub(super) fn nodes(&self) -> &[Node<L>] {
        &self.nodes
    }

    /// The children, out of the node.
    pub(super) fn into_nodes(self) -> Vec<Node<L>> {
        self.nodes
    }

    /// Has the processor look up what [`Inner::take_note`] will write, while the child is changed.
    #[inline]
    pub(super) fn warm(&self, at: usize) {
        prefetch::read(self.sums.as_ptr().wrapping_add(at));
        if size_of::<L::Summary>() > 0 {
            prefetch::read(self.summaries.as_ptr().wrapping_add(at));
        }
    }

    /// Changes a child, which may leave [`Inner::refresh`] to be done.
    pub(super) fn node_mut(&mut self, at: usize) -> &mut Node<L> {
        &mut self.nodes[at]
    }

    /// Adds children behind the last one.
    pub(super) fn extend(&mut self, children: impl IntoIterator<Item = Node<L>>) {
        for node in children {
            self.insert(self.nodes.len(), node);
        }
    }

    pub(super) fn insert(&mut self, at: usize, node: Node<L>) {
        let sum = node.sum();
        self.bounds.insert(at, node.bound());
        self.sums.insert(at, sum);
        self.total.add(sum);
        self.summaries.insert(at, node.summary());
        self.summary.add(node.summary());
        self.nodes.insert(at, node);
    }

    pub(super) fn remove(&mut self, at: usize) -> Node<L> {
        self.bounds.remove(at);
        self.total.subtract(self.sums.remove(at));
        if self.summaries.remove(at) != L::Summary::default() {
            self.summarize();
        }
        self.nodes.remove(at)
    }

    /// Moves out the children from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut rest = Self {
            bounds: self.bounds.split_off(at),
            sums: self.sums.split_off(at),
            total: Sum::default(),
            summaries: self.summaries.split_off(at),
            summary: L::Summary::default(),
            nodes: self.nodes.split_off(at),
        };
        self.summarize();
        rest.summarize();
        for &sum in &rest.sums {
            rest.total.add(sum);
            self.total.subtract(sum);
        }
        rest
    }

    /// Brings what is known of a child, which has elements, up to date.
    pub(super) fn refresh(&mut self, at: usize) {
        let sum = self.nodes[at].sum();
        self.bounds[at] = self.nodes[at].bound();
        self.total.subtract(self.sums[at]);
        self.total.add(sum);
        self.sums[at] = sum;
        let summary = self.nodes[at].summary();
        if summary != self.summaries[at] {
            self.summaries[at] = summary;
            self.summarize();
        }
    }

    /// As [`Inner::refresh`], of a child below which all nodes have stayed; what that is for this node.
    pub(super) fn take_note(&mut self, at: usize, inside: Inside<L>) -> Inside<L> {
        let Inside {
            elements, bytes, ..
        } = inside;
        for sum in [&mut self.sums[at], &mut self.total] {
            sum.elements = sum.elements.wrapping_add(elements);
            sum.bytes = sum.bytes.wrapping_add(bytes);
        }
        self.bounds[at] = inside.bound;
        if inside.summary != self.summaries[at] {
            self.summaries[at] = inside.summary;
            self.summarize();
        }
        debug_assert_eq!(self.sums[at], self.nodes[at].sum());
        Inside {
            bound: self.bounds[0],
            summary: self.summary,
            ..inside
        }
    }

    /// Brings the summary of all children up to date: summaries are not subtracted from one another.
    fn summarize(&mut self) {
        self.summary = L::Summary::default();
        self.summaries.iter().for_each(|&one| self.summary.add(one));
    }

    /// The first child whose summary is one that `is_one` says.
    pub(super) fn child_where(&self, is_one: impl Fn(L::Summary) -> bool) -> Option<usize> {
        self.summaries.iter().position(|&summary| is_one(summary))
    }

    /// How many elements lie below the children before `child`.
    pub(super) fn before(&self, child: usize) -> u64 {
        self.sums[..child].iter().map(|sum| sum.elements).sum()
    }

    /// The child below which the element with `number` elements before it lies; then as many of these lie below it.
    pub(super) fn child_with(&self, number: &mut u64) -> usize {
        for (child, sum) in self.sums.iter().enumerate() {
            if *number < sum.elements {
                return child;
            }
            *number -= sum.elements;
        }
        panic!("the number is below the count");
    }

    /// The last child whose first element is one that `is_one` says, which no later one is again; else the first child.
    pub(super) fn last_child_where(
        &self,
        mut is_one: impl FnMut(L::Bound, First<'_, L>) -> bool,
    ) -> usize {
        prefetch::read_all(&self.bounds);
        let (mut low, mut high) = (1, self.nodes.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_one(self.bounds[middle], First(&self.nodes[middle])) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low - 1
    }

    fn own_bytes(&self) -> usize {
        size_of::<Self>()
            + self.bounds.capacity() * size_of::<L::Bound>()
            + self.sums.capacity() * size_of::<Sum>()
            + self.summaries.capacity() * size_of::<L::Summary>()
            + self.nodes.capacity() * size_of::<Node<L>>()
    }
}

/// Leads to the leaf that begins with an element; walking there costs a step for each level.
pub struct First<'t, L: Leaf>(&'t Node<L>);

impl<'t, L: Leaf> First<'t, L> {
    /// That leaf.
    pub fn leaf(&self) -> &'t L {
        self.0.edge_leaf(|_| 0)
    }
}

#[cfg(test)]
impl<L: Leaf> Node<L> {
    /// Compares what is known of children with what they are; how deep the leaves lie.
    pub(super) fn audit(&self, is_same: &impl Fn(L::Bound, &L) -> bool) -> usize {
        let Node::Inner(inner) = self else {
            assert!(!self.is_empty());
            return 0;
        };
        assert!((1..=CHILDREN_MAX).contains(&inner.nodes.len()));
        assert_eq!(inner.sums.len(), inner.nodes.len());
        assert_eq!(inner.bounds.len(), inner.nodes.len());
        assert_eq!(inner.summaries.len(), inner.nodes.len());
        let (mut total, mut summary) = (Sum::default(), L::Summary::default());
        let mut depths = Vec::new();
        for (at, node) in inner.nodes.iter().enumerate() {
            depths.push(node.audit(is_same));
            assert_eq!(inner.sums[at], node.sum());
            assert!(is_same(inner.bounds[at], First(node).leaf()));
            total.add(node.sum());
            assert!(inner.summaries[at] == node.summary());
            summary.add(node.summary());
        }
        assert_eq!(inner.total, total);
        assert!(inner.summary == summary);
        assert!(depths.iter().all(|&depth| depth == depths[0]), "{depths:?}");
        depths[0] + 1
    }
}
