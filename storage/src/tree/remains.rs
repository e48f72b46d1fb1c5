//! Taking a tree down in steps.

use triomphe::{Arc, UniqueArc};

use super::node::{Inner, Node};
use super::{Leaf, Tree};

/// What is given back to the system takes longer the more it is.
pub const PIECE_BYTES: usize = 64 * 1024;

/// What is left of a tree that nobody reads any more. A million elements take milliseconds to free, so it is done in
/// steps. Nodes that a pin still holds are left to whoever takes that down.
pub struct Remains<L: Leaf> {
    nodes: Vec<Node<L>>,
    memory_bytes: usize,
}

impl<L: Leaf> Default for Remains<L> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            memory_bytes: 0,
        }
    }
}

impl<L: Leaf> Remains<L> {
    /// Those of `tree`.
    pub fn of(tree: Tree<L>) -> Self {
        let mut remains = Self::default();
        remains.add(tree);
        remains
    }

    /// Adds those of another tree.
    pub fn add(&mut self, tree: Tree<L>) {
        self.memory_bytes += tree.memory_bytes();
        self.nodes.extend(tree.root);
    }

    /// What is left of [`Tree::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Frees up to `pieces` nodes, fewer if some have large elements: each [`PIECE_BYTES`] count as one more. How many
    /// it was; more than asked for, if the last element was that large.
    pub fn free_some(&mut self, pieces: usize) -> usize {
        let mut freed = 0;
        while freed < pieces
            && let Some(node) = self.nodes.pop()
        {
            self.memory_bytes -= node.sum().bytes;
            freed += 1;
            // Of several holders exactly one, the last, gets the node out.
            match node {
                Node::Inner(inner) => {
                    for child in Arc::into_unique(inner)
                        .map(UniqueArc::into_inner)
                        .into_iter()
                        .flat_map(Inner::into_nodes)
                    {
                        self.put_back(child);
                    }
                }
                Node::Leaf(leaf) => {
                    if let Some(leaf) = Arc::into_unique(leaf).map(UniqueArc::into_inner) {
                        freed += self.free_leaf(leaf, pieces - freed);
                    }
                }
            }
        }
        freed
    }

    /// Frees a leaf, or `pieces` or more of its large elements; how many pieces these were.
    fn free_leaf(&mut self, mut leaf: L, pieces: usize) -> usize {
        let mut freed = 0;
        loop {
            let before = leaf.memory_bytes();
            if !leaf.free_large() {
                return freed + before / PIECE_BYTES;
            }
            freed += (before - leaf.memory_bytes()) / PIECE_BYTES;
            if freed > pieces {
                self.put_back(Node::of_leaf(leaf));
                return freed;
            }
        }
    }

    fn put_back(&mut self, node: Node<L>) {
        self.memory_bytes += node.sum().bytes;
        self.nodes.push(node);
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
