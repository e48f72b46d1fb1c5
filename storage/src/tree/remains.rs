//! Taking a tree down in steps.

use std::sync::Arc;

use super::node::Node;
use super::{Leaf, Tree};

/// What is left of a tree that nobody reads any more. A million elements take milliseconds to free, so it is done in
/// steps. Nodes that a pin still holds are left to whoever takes that down.
pub struct Remains<L: Leaf> {
    nodes: Vec<Node<L>>,
}

impl<L: Leaf> Remains<L> {
    /// Those of `tree`.
    pub fn of(tree: Tree<L>) -> Self {
        Self {
            nodes: tree.root.into_iter().collect(),
        }
    }

    /// Frees up to `nodes` nodes; whether that was the rest.
    pub fn free_some(&mut self, nodes: usize) -> bool {
        for _ in 0..nodes {
            match self.nodes.pop() {
                None => return true,
                Some(Node::Leaf(leaf)) => drop(leaf),
                Some(Node::Inner(inner)) => {
                    // Of several holders exactly one, the last, gets the node out.
                    if let Some(inner) = Arc::into_inner(inner) {
                        self.nodes.extend(inner.into_nodes());
                    }
                }
            }
        }
        self.nodes.is_empty()
    }
}
