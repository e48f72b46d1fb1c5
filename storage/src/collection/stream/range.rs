//! Entries of a range, in either direction.

use crate::tree::{Path, Tree};

use super::id::StreamId;
use super::node::{Fields, NodeEntries, NodeEntriesBack, NodeEntry, StreamNode};

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its ID.
    pub id: StreamId,
    /// Its fields and their values.
    pub fields: Fields<'a>,
}

impl<'a> From<NodeEntry<'a>> for Entry<'a> {
    fn from(entry: NodeEntry<'a>) -> Self {
        Self {
            id: entry.id,
            fields: entry.fields,
        }
    }
}

/// Entries in order. Whoever stops can go on, on another pin as well, with a range from the ID behind the last one.
pub struct Range<'t> {
    tree: &'t Tree<StreamNode>,
    /// The way to the node that `entries` are of.
    path: Option<Path>,
    entries: Option<NodeEntries<'t>>,
    last: StreamId,
}

impl<'t> Range<'t> {
    /// The entries from `first`, which are in or behind the node at `path`, to `last`.
    pub(super) fn new(
        tree: &'t Tree<StreamNode>,
        path: Option<Path>,
        first: StreamId,
        last: StreamId,
    ) -> Self {
        let node = path.as_ref().map(|path| tree.leaf(path));
        Self {
            tree,
            entries: node.map(|node| node.entries_from(first)),
            path,
            last,
        }
    }
}

impl<'t> Iterator for Range<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        loop {
            if let Some(entry) = self.entries.as_mut()?.next() {
                let is_in = entry.id <= self.last;
                if !is_in {
                    self.entries = None;
                }
                return is_in.then(|| entry.into());
            }
            self.path = self.tree.next_leaf(self.path.as_ref()?);
            let node = self.path.as_ref().map(|path| self.tree.leaf(path));
            self.entries = node.map(|node| node.entries_from(StreamId::MIN));
        }
    }
}

/// Entries backwards.
pub struct RangeBack<'t> {
    tree: &'t Tree<StreamNode>,
    /// The way to the node that `entries` are of.
    path: Option<Path>,
    entries: Option<NodeEntriesBack<'t>>,
    first: StreamId,
}

impl<'t> RangeBack<'t> {
    /// The entries from `last`, which are in or before the node at `path`, down to `first`.
    pub(super) fn new(
        tree: &'t Tree<StreamNode>,
        path: Option<Path>,
        first: StreamId,
        last: StreamId,
    ) -> Self {
        let node = path.as_ref().map(|path| tree.leaf(path));
        Self {
            tree,
            entries: node.map(|node| node.entries_back_from(last)),
            path,
            first,
        }
    }
}

impl<'t> Iterator for RangeBack<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        loop {
            if let Some(entry) = self.entries.as_mut()?.next() {
                let is_in = entry.id >= self.first;
                if !is_in {
                    self.entries = None;
                }
                return is_in.then(|| entry.into());
            }
            self.path = self.tree.previous_leaf(self.path.as_ref()?);
            let node = self.path.as_ref().map(|path| self.tree.leaf(path));
            self.entries = node.map(|node| node.entries_back_from(StreamId::MAX));
        }
    }
}
