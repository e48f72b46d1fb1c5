//! Streams: entries that are added at the end, and groups of consumers that share them.
//!
//! The entries lie in nodes which are byte for byte those of Redis ([`StreamNode`]), in a tree; the groups beside them, each with
//! what was delivered and not acknowledged yet in trees of its own. A clone of a stream is a *pin*, as of every big
//! collection: it costs a few counter steps and stays what it is, while a write to the original copies what it touches.
//! Other than the other collections a stream may be empty and stay a value: only its key's deletion ends it.
//!
//! What a command does to a group it does through a [`GroupMut`], which can be had of one group at a time and reads the
//! entries meanwhile.

mod claims;
mod consumers;
mod entries;
mod forget;
mod group;
mod groups;
mod id;
mod lag;
mod node;
mod pending;
mod radix;
mod range;
mod remains;
mod sorted;
#[cfg(test)]
mod tests;

use crate::time::UnixMillis;
use crate::tree::Tree;

use groups::GroupsRemains;

pub use claims::{AutoClaim, IdleScan};
pub use consumers::{Consumer, Consumers};
pub use entries::{AddError, Entries, Keep, Precision, SetIdError};
pub use forget::Forgetting;
pub use group::{Claim, Claimed, Group, GroupMut, Release};
pub use groups::Groups;
pub use id::{NewId, StreamId};
pub use node::{CorruptNode, Field, Fields, NodeLimits, StreamNode};
pub use pending::{ConsumerNumber, Pending, PendingEntry};
pub use radix::RadixSize;
pub use range::{Entry, Range, RangeBack};
pub use remains::StreamRemains;

/// What becomes of an entry for which groups still have use, when it is to be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// It is deleted, and stays pending where it was: `KEEPREF`.
    #[default]
    Keep,
    /// It is deleted, and is pending no more: `DELREF`.
    Delete,
    /// It is kept until every group has got and acknowledged it: `ACKED`.
    Acked,
}

/// What became of an entry that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is not there.
    Missing,
    /// It is gone.
    Yes,
    /// A group still has use for it.
    Kept,
}

/// What was trimmed.
#[must_use = "what was cut out may be too much to free at once"]
#[derive(Default)]
pub struct Trimmed {
    /// How many entries.
    pub entries: u64,
    /// What they leave to be taken down in steps.
    pub remains: StreamRemains,
}

/// A stream. See the module documentation.
#[derive(Clone, Default)]
pub struct Stream {
    entries: Entries,
    groups: Groups,
}

impl Stream {
    /// A stream that never had an entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.entries.len()
    }

    /// Whether there are none; see the module documentation.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Allocated bytes and the stream itself, as if this were the only handle: what it shares with pins counts in each of
    /// them.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.entries.memory_bytes() + self.groups.memory_bytes()
    }

    /// Bytes of an entry, about and not less than 1.
    pub fn mean_bytes(&self) -> usize {
        let entries = usize::try_from(self.len()).unwrap_or(usize::MAX);
        (self.entries.memory_bytes() / entries.max(1)).max(1)
    }

    /// The nodes and the groups, to be taken down.
    fn into_parts(self) -> (Tree<StreamNode>, GroupsRemains) {
        (self.entries.into_tree(), self.groups.into_remains())
    }

    /// The entries.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
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
        self.entries.add(id, fields, now, limits)
    }

    /// Deletes an entry.
    pub fn delete(&mut self, id: StreamId, references: References) -> Deleted {
        if references == References::Acked && self.groups.need(id) {
            return match self.entries.contains(id) {
                true => Deleted::Kept,
                false => Deleted::Missing,
            };
        }
        if references == References::Delete {
            self.groups.forget(id, &self.entries);
        }
        match self.entries.delete(id) {
            true => Deleted::Yes,
            false => Deleted::Missing,
        }
    }

    /// Makes an entry pending no more in a group, and then deletes it; [`Deleted::Missing`] means that it was not pending.
    pub fn acknowledge_and_delete(
        &mut self,
        group: &[u8],
        id: StreamId,
        references: References,
    ) -> Deleted {
        let was_pending = self
            .group_mut(group)
            .is_some_and(|mut group| group.acknowledge(id));
        if !was_pending {
            return Deleted::Missing;
        }
        match self.delete(id, references) {
            Deleted::Kept => Deleted::Kept,
            // It may have been deleted before.
            Deleted::Yes | Deleted::Missing => Deleted::Yes,
        }
    }

    /// Trims entries from the first on.
    pub fn trim(&mut self, keep: Keep, precision: Precision, references: References) -> Trimmed {
        self.trim_forgotten(keep, precision, references, StreamId::MIN)
    }

    /// As [`Stream::trim`], where the entries below `forgotten` are not pending any more.
    pub fn trim_forgotten(
        &mut self,
        keep: Keep,
        precision: Precision,
        references: References,
        forgotten: StreamId,
    ) -> Trimmed {
        let Self { entries, groups } = self;
        if groups.is_empty() || references == References::Keep {
            return entries.trim(keep, precision).into();
        }
        if references == References::Acked {
            let last = groups.delivered_to_all();
            let gone = entries.trim_where(keep, precision, last, |ids| groups.leave_pending(ids));
            return Trimmed {
                entries: gone,
                remains: StreamRemains::default(),
            };
        }
        let before = entries.clone();
        let trimmed = entries.trim(keep, precision);
        let mut forgetting = Forgetting::new(forgotten, entries);
        while groups.forget_some(&mut forgetting, &before, usize::MAX) {}
        trimmed.into()
    }

    /// What trimming would have to make pending no more with [`References::Delete`], to be done ahead with
    /// [`Stream::forget_some`]; and how many pending entries it has to look at.
    pub fn forgetting(&self, keep: Keep, precision: Precision) -> (Forgetting, u64) {
        let mut kept = self.entries.clone();
        drop(kept.trim(keep, precision));
        let forgetting = Forgetting::new(StreamId::MIN, &kept);
        let until = forgetting.until(&self.entries);
        let count = self.groups.pending_between(StreamId::MIN, until);
        (forgetting, count)
    }

    /// Goes on with what trimming will take away, through up to about `work` pending entries; whether that is not the end
    /// of it.
    pub fn forget_some(&mut self, forgetting: &mut Forgetting, work: usize) -> bool {
        self.groups.forget_some(forgetting, &self.entries, work)
    }

    /// Makes this clone a stream of its own, which will live beside the one that it was made of.
    pub fn begin_lineage(&mut self) {
        self.entries.begin_lineage();
    }

    /// Whether nothing has been done since `before`, a clone, was made to the group with this name, nor to the entries but
    /// that some were added.
    pub fn has_same_group(&self, before: &Self, name: &[u8]) -> bool {
        self.groups.has_same_group(&before.groups, name)
            && self.entries.has_only_grown_from(&before.entries)
    }

    /// The same of all groups.
    pub fn has_same_groups(&self, before: &Self) -> bool {
        self.groups.is_same(&before.groups) && self.entries.has_only_grown_from(&before.entries)
    }

    /// Takes a group of `made` in place of its own with the same name.
    pub fn take_group_of(&mut self, made: &Self, name: &[u8]) {
        self.groups.take_group_of(&made.groups, name);
    }

    /// Takes the groups of `made` in place of its own.
    pub fn take_groups_of(&mut self, made: &Self) {
        self.groups = made.groups.clone();
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
        self.entries.set_id(last_id, added, max_deleted_id)
    }

    /// Makes a group to which entries behind `last_id` are to be delivered; whether there was none with this name.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<i64>,
    ) -> bool {
        self.groups.create(name, last_id, entries_read)
    }

    /// Destroys a group, if there is one.
    pub fn destroy_group(&mut self, name: &[u8]) -> Option<StreamRemains> {
        self.groups.remove(name).map(StreamRemains::of_group)
    }

    /// A group to change.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        self.groups.get_mut(name, &self.entries)
    }

    /// Puts a node from an RDB file behind the others; one without live entries is left out.
    ///
    /// # Errors
    /// [`CorruptNode`], also if the node does not follow the last one.
    pub fn load_node(&mut self, id: StreamId, bytes: Vec<u8>) -> Result<(), CorruptNode> {
        self.entries.load_node(id, bytes)
    }

    /// Sets what an RDB file says of the entries, behind the last node.
    ///
    /// # Errors
    /// [`CorruptNode::Order`], if the last ID is below that of an entry.
    pub fn load_ids(
        &mut self,
        last_id: StreamId,
        max_deleted_id: StreamId,
        added: u64,
    ) -> Result<(), CorruptNode> {
        self.entries.load_ids(last_id, max_deleted_id, added)
    }
}

impl From<entries::Trimmed> for Trimmed {
    fn from(trimmed: entries::Trimmed) -> Self {
        Self {
            entries: trimmed.entries,
            remains: StreamRemains::of_nodes(trimmed.nodes),
        }
    }
}
