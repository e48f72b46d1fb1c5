//! Big lists from small ones, and the other way round.

use crate::listpack::{Listpack, ListpackBuf};

use super::node::ELEMENTS_MAX;
use super::{ListNode, ListTree, NodeLimit};

impl NodeLimit {
    /// Whether a listpack of so many bytes and elements is more than a node holds: what decides when a small list becomes
    /// a big one.
    pub fn is_exceeded_by(self, bytes: usize, elements: usize) -> bool {
        bytes > self.bytes || elements > self.elements
    }

    /// Whether a list of one node with so many bytes and elements has become small again. There is half of what a node
    /// holds between growing and shrinking, so that a list at the limit does not change with each element. Where the
    /// setting is a number of elements, bytes do not count here, as in Redis.
    pub fn is_half_empty_with(self, bytes: usize, elements: usize) -> bool {
        if self.elements == ELEMENTS_MAX {
            bytes <= self.bytes / 2
        } else {
            elements <= self.elements / 2
        }
    }
}

impl ListTree {
    /// The list of what is in `pack`, as its only node, even if that is more than a node would take now.
    pub fn of_pack(pack: ListpackBuf, limit: NodeLimit) -> Self {
        let mut list = ListTree::new(limit);
        if !pack.as_listpack().is_empty() {
            list.tree.push_leaf(ListNode::of_pack(pack, limit));
        }
        list
    }

    /// The listpack of the only node, if there is but one and it has no large element.
    pub fn only_pack(&self) -> Option<Listpack<'_>> {
        self.tree.only_leaf()?.packed()
    }
}
