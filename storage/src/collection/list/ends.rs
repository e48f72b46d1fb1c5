//! Both ends of a list, where most elements come and go: straight down an edge of the tree.

use crate::listpack::Value;
use crate::tree::Tree;

use super::{ListNode, ListTree};

impl ListTree {
    /// Adds an element behind the last one.
    ///
    /// # Panics
    /// If it is longer than [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    pub fn push_back(&mut self, element: &[u8]) {
        if !self.limit.is_large(element) && self.tree.last().is_some_and(ListNode::is_packed) {
            self.tree.update_last(|node| node.push_back(element));
        } else {
            self.tree.push_leaf(ListNode::of(element, self.limit));
        }
    }

    /// Adds an element before the first one.
    ///
    /// # Panics
    /// If it is longer than [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    pub fn push_front(&mut self, element: &[u8]) {
        if !self.limit.is_large(element) && self.tree.first().is_some_and(ListNode::is_packed) {
            self.tree.update_first(|node| node.insert(0, element));
        } else {
            let mut tree = Tree::new();
            tree.push_leaf(ListNode::of(element, self.limit));
            tree.append(std::mem::take(&mut self.tree));
            self.tree = tree;
        }
    }

    /// The first element.
    pub fn front(&self) -> Option<Value<'_>> {
        self.tree.first()?.get(0)
    }

    /// The last element.
    pub fn back(&self) -> Option<Value<'_>> {
        self.tree.last()?.back()
    }

    /// Removes the first element, and shows it to `take` before.
    pub fn pop_front<R>(&mut self, take: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let result = take(self.front()?);
        self.tree.update_first(|node| node.remove(0, 1));
        Some(result)
    }

    /// Removes the last element, and shows it to `take` before.
    pub fn pop_back<R>(&mut self, take: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let result = take(self.back()?);
        self.tree.update_last(ListNode::pop_back);
        Some(result)
    }
}
