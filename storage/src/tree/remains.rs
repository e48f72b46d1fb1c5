//! Taking a tree down in steps.

use std::sync::Arc;

use super::node::Node;
use super::{Leaf, Tree};

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

    /// Frees up to `nodes` nodes; how many it was.
    pub fn free_some(&mut self, nodes: usize) -> usize {
        for freed in 0..nodes {
            let Some(node) = self.nodes.pop() else {
                return freed;
            };
            self.memory_bytes -= node.sum().bytes;
            // Of several holders exactly one, the last, gets the node out.
            if let Node::Inner(inner) = node
                && let Some(inner) = Arc::into_inner(inner)
            {
                for child in inner.into_nodes() {
                    self.memory_bytes += child.sum().bytes;
                    self.nodes.push(child);
                }
            }
        }
        nodes
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
