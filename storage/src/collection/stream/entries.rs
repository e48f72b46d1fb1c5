//! The entries of a stream, and the numbers that Redis keeps of them.

mod trim;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::listpack;
use crate::time::UnixMillis;
use crate::tree::{Path, Tree};

use super::id::{NewId, StreamId};
use super::node::{CorruptNode, Field, Found, NodeLimits, StreamNode};
use super::range::{Range, RangeBack};

pub(super) use trim::Trimmed;
pub use trim::{Keep, Precision};

/// What a listpack needs for an element beside its bytes, at most.
const ELEMENT_BYTES_MAX: u64 = 11;

/// Why an entry was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// `0-0` is no entry's ID.
    #[error("the ID 0-0 is not permitted")]
    Zero,
    /// The last ID is the largest one.
    #[error("no ID is left")]
    Exhausted,
    /// The ID is not above the last one.
    #[error("the ID is not above the last one")]
    NotAbove,
    /// Fields and values are too long for a listpack.
    #[error("fields and values are too long")]
    TooLong,
}

/// Why the last ID was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetIdError {
    /// It is below that of an entry that was deleted.
    #[error("the ID is below the largest deleted one")]
    BelowDeleted,
    /// It is below that of the last entry.
    #[error("the ID is below that of the last entry")]
    BelowLast,
    /// The number of entries ever added is below that of entries.
    #[error("fewer entries were added than there are")]
    TooFewAdded,
}

/// The entries. See the module documentation.
#[derive(Clone, Default)]
pub struct Entries {
    tree: Tree<StreamNode>,
    /// Of the first live entry; `0-0` if there is none.
    first_id: StreamId,
    last_id: StreamId,
    /// The largest ID of what `XDEL` deleted.
    max_deleted_id: StreamId,
    /// How many were ever added.
    added: u64,
    /// How often something was done but adding entries.
    epoch: u64,
    /// Which stream they are of, among copies.
    lineage: u64,
}

/// Lineages that were begun: one for each copy that was made to live.
static LINEAGES: AtomicU64 = AtomicU64::new(0);

impl Entries {
    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// See [`Tree::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// The nodes, out of here.
    pub(super) fn into_tree(self) -> Tree<StreamNode> {
        self.tree
    }

    /// The nodes in order, as they stand in an RDB file.
    pub fn nodes(&self) -> impl Iterator<Item = &StreamNode> {
        self.tree.leaves()
    }

    /// The ID of the first entry; `0-0` if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The last ID that an entry was given, or that `XSETID` set.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The largest ID of all entries that were deleted one by one; `0-0` if there were none.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Whether nothing else has been done to them than to `before`, a clone, but that entries were added.
    pub(super) fn has_only_grown_from(&self, before: &Self) -> bool {
        (self.lineage, self.epoch) == (before.lineage, before.epoch)
    }

    /// Tells them from those that they were copied from, from now on.
    pub(super) fn begin_lineage(&mut self) {
        // Relaxed: the numbers need only differ.
        self.lineage = 1 + LINEAGES.fetch_add(1, Ordering::Relaxed);
    }

    /// All entries.
    pub fn iter(&self) -> Range<'_> {
        self.range(StreamId::MIN, StreamId::MAX)
    }

    /// The entries from `first` to `last`.
    pub fn range(&self, first: StreamId, last: StreamId) -> Range<'_> {
        Range::new(&self.tree, self.node_of(first), first, last)
    }

    /// The entries from `last` down to `first`.
    pub fn range_back(&self, first: StreamId, last: StreamId) -> RangeBack<'_> {
        RangeBack::new(&self.tree, self.node_of(last), first, last)
    }

    /// How many entries there are from `first` to `last`.
    pub fn count(&self, first: StreamId, last: StreamId) -> u64 {
        let behind = last.next().map_or(self.len(), |id| self.count_below(id));
        behind.saturating_sub(self.count_below(first))
    }

    /// How many entries there may be from `first` on: those of all nodes that may have any, without a look into these.
    pub fn most_from(&self, first: StreamId) -> u64 {
        let before = |path| self.tree.before(&path);
        self.len() - self.node_of(first).map_or(0, before)
    }

    /// How many entries are below `id`.
    fn count_below(&self, id: StreamId) -> u64 {
        let Some(path) = self.node_of(id) else {
            return 0;
        };
        let entries = self.tree.leaf(&path).entries_from(StreamId::MIN);
        self.tree.before(&path) + entries.take_while(|entry| entry.id < id).count() as u64
    }

    /// Whether there is an entry with this ID.
    pub fn contains(&self, id: StreamId) -> bool {
        self.find(id).is_some()
    }

    /// The ID of the last entry that is there.
    pub fn top(&self) -> Option<StreamId> {
        let top = self.range_back(StreamId::MIN, StreamId::MAX).next();
        top.map(|entry| entry.id)
    }

    /// The node that an entry with this ID is in, if there is one.
    fn node_of(&self, id: StreamId) -> Option<Path> {
        self.tree.seek(|bound, _| bound.cmp(&id))
    }

    /// The ID that a new entry would get.
    ///
    /// # Errors
    /// All [`AddError`]s but [`AddError::TooLong`].
    pub fn new_id(&self, id: NewId, now: UnixMillis) -> Result<StreamId, AddError> {
        if id == NewId::Given(StreamId::MIN) {
            return Err(AddError::Zero);
        }
        let last = self.last_id;
        let next = last.next().ok_or(AddError::Exhausted)?;
        let now_ms = u64::try_from(now.0).unwrap_or(0);
        let id = match id {
            NewId::Auto if now_ms > last.ms => StreamId::new(now_ms, 0),
            NewId::Auto => next,
            NewId::AutoSeq(ms) if ms != last.ms => StreamId::new(ms, 0),
            NewId::AutoSeq(ms) if next.ms != ms => return Err(AddError::NotAbove),
            NewId::AutoSeq(_) => next,
            NewId::Given(id) => id,
        };
        (id > last).then_some(id).ok_or(AddError::NotAbove)
    }

    /// Adds an entry behind the others; its ID.
    ///
    /// # Errors
    /// [`AddError`]; then nothing has changed.
    pub fn add(
        &mut self,
        id: NewId,
        fields: &[Field<'_>],
        now: UnixMillis,
        limits: NodeLimits,
    ) -> Result<StreamId, AddError> {
        let id = self.new_id(id, now)?;
        let bytes = bytes_of(fields).ok_or(AddError::TooLong)?;
        self.push(id, fields, bytes, limits);
        if self.len() == 1 {
            self.first_id = id;
        }
        self.last_id = id;
        self.added = self.added.wrapping_add(1);
        Ok(id)
    }

    fn push(&mut self, id: StreamId, fields: &[Field<'_>], bytes: usize, limits: NodeLimits) {
        if let Some(path) = self.tree.last_leaf() {
            let node = self.tree.leaf(&path);
            if node.has_room(bytes, limits) {
                self.tree.update(&path, |node| node.push(id, fields));
                return;
            }
            if node.has_spare_room() {
                self.tree.update(&path, StreamNode::shrink_to_fit);
            }
        }
        self.tree.push_leaf(StreamNode::of(id, fields));
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((path, entry)) = self.find(id) else {
            return false;
        };
        self.tree.update(&path, |node| node.delete(entry));
        self.max_deleted_id = self.max_deleted_id.max(id);
        self.epoch += 1;
        if id == self.first_id {
            self.find_first_id();
        }
        true
    }

    fn find(&self, id: StreamId) -> Option<(Path, Found)> {
        let path = self.node_of(id)?;
        let found = self.tree.leaf(&path).find(id)?;
        Some((path, found))
    }

    fn find_first_id(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        self.first_id = first.map_or(StreamId::MIN, |entry| entry.id);
    }

    /// Sets the last ID and, if they are given, how many entries were added and the largest deleted ID, which is not above
    /// the last one.
    ///
    /// # Errors
    /// [`SetIdError`]; then nothing has changed.
    pub fn set_id(
        &mut self,
        last_id: StreamId,
        added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        if last_id < self.max_deleted_id {
            return Err(SetIdError::BelowDeleted);
        }
        if self.top().is_some_and(|top| last_id < top) {
            return Err(SetIdError::BelowLast);
        }
        if added.is_some_and(|added| added < self.len()) {
            return Err(SetIdError::TooFewAdded);
        }
        self.last_id = last_id;
        self.added = added.unwrap_or(self.added);
        self.epoch += 1;
        // To Redis `0-0` is none given.
        if let Some(id) = max_deleted_id.filter(|&id| id > StreamId::MIN) {
            self.max_deleted_id = id;
        }
        Ok(())
    }

    /// Puts a node from an RDB file behind the others. One without live entries, which Redis may leave when it trims, is
    /// left out.
    ///
    /// # Errors
    /// [`CorruptNode`], also if the node does not follow the last one.
    pub(super) fn load_node(&mut self, id: StreamId, bytes: Vec<u8>) -> Result<(), CorruptNode> {
        let (node, _) = StreamNode::load(id, bytes)?;
        let last = self.tree.last_leaf().map(|path| self.tree.leaf(&path));
        if last.is_some_and(|last| id <= last.last_id()) {
            return Err(CorruptNode::Order);
        }
        if node.live() > 0 {
            self.tree.push_leaf(node);
        }
        Ok(())
    }

    /// Sets what an RDB file says of the entries, behind the last node.
    ///
    /// # Errors
    /// [`CorruptNode::Order`], if the last ID is below that of an entry.
    pub(super) fn load_ids(
        &mut self,
        last_id: StreamId,
        max_deleted_id: StreamId,
        added: u64,
    ) -> Result<(), CorruptNode> {
        let last_node = self.tree.last_leaf().map(|path| self.tree.leaf(&path));
        if last_node.is_some_and(|node| node.last_id() > last_id) {
            return Err(CorruptNode::Order);
        }
        self.last_id = last_id;
        self.max_deleted_id = max_deleted_id;
        self.added = added;
        self.find_first_id();
        Ok(())
    }
}

/// How many bytes fields and values have; `None` if it is too much. Redis permits 1 GiB. A listpack has the names twice if
/// the entry is the first of its node.
pub(super) fn bytes_of(fields: &[Field<'_>]) -> Option<usize> {
    let bytes: usize = fields
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let elements = 3 * fields.len() as u64 + 16;
    let fits = 2 * bytes as u64 + elements * ELEMENT_BYTES_MAX <= u64::from(u32::MAX);
    (bytes <= listpack::BYTES_MAX && fits).then_some(bytes)
}
