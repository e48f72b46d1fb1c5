//! Making a tree of many elements at once.

use crate::tree::{Leaf, Tree};

use super::leaf::Fields;
use super::search::Search;
use super::{Element, ElementHash, FieldTree};

/// Makes a tree of elements that come in the order of their hashes: leaf by leaf, each filled, without a search.
#[derive(Default)]
pub struct FieldTreeBuilder {
    tree: Tree<Fields>,
    leaf: Fields,
}

impl FieldTreeBuilder {
    /// Adds an element, or replaces the one of its name; whether it was there.
    ///
    /// # Panics
    /// If an element with a higher hash came before, or name or value is longer than
    /// [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    pub fn push(&mut self, hash: ElementHash, element: &Element<'_>) -> bool {
        element.assert_fits();
        let last = self.leaf.len().checked_sub(1).map(|at| self.leaf.hash(at));
        if last == Some(hash) {
            return self.leaf.set(Search::new(hash), element);
        }
        assert!(last < Some(hash), "elements come in the order of hashes");
        if self.leaf.is_filled() {
            self.finish_leaf();
        }
        self.leaf.insert(self.leaf.len(), hash, element);
        false
    }

    /// How many elements have come.
    pub fn len(&self) -> u64 {
        self.tree.len() + self.leaf.len() as u64
    }

    /// Whether none has come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tree.
    pub fn finish(mut self) -> FieldTree {
        if !self.leaf.is_empty() {
            self.finish_leaf();
        }
        FieldTree { tree: self.tree }
    }

    fn finish_leaf(&mut self) {
        let mut leaf = std::mem::take(&mut self.leaf);
        leaf.shrink_to_fit();
        self.tree.push_leaf(leaf);
    }
}

impl<'a> FromIterator<(ElementHash, Element<'a>)> for FieldTree {
    /// A tree of elements in any order, each with its hash; of several with one name the last one is kept. They are sorted
    /// first, which takes 56 bytes for each meanwhile.
    fn from_iter<I: IntoIterator<Item = (ElementHash, Element<'a>)>>(elements: I) -> Self {
        let mut elements: Vec<_> = elements.into_iter().collect();
        elements.sort_by_key(|&(hash, _)| hash);
        let mut builder = FieldTreeBuilder::default();
        for (hash, element) in &elements {
            builder.push(*hash, element);
        }
        builder.finish()
    }
}
