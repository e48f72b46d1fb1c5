//! Streams: they are big from the first entry on, and values without any.

mod ahead;
#[cfg(test)]
mod tests;

use crate::collection::stream::{
    AddError, Deleted, Field, GroupMut, Keep, NewId, NodeLimits, Precision, References, Stream,
    StreamId,
};
use crate::collection::{Collection, CollectionRemains};
use crate::hash::Key;
use crate::unit::{EditOutcome, Unit};
use crate::value::ValueType;
use crate::{DbIndex, StoreError, UnixMillis};

use super::{CollectionEdit, CollectionRef, Limits};

pub use ahead::GroupsAhead;

impl Limits {
    /// When a stream's node takes no more entries.
    pub fn stream_node(&self) -> NodeLimits {
        NodeLimits {
            bytes: usize::try_from(self.stream_node_bytes).unwrap_or(usize::MAX),
            entries: self.stream_node_entries as u64,
        }
    }
}

/// A stream to write. What is done to its entries spoils the transactions that watch the key; what is done to its groups
/// does not.
pub struct StreamEdit<'c, 'e> {
    edit: &'c mut CollectionEdit<'e>,
}

impl<'c, 'e> StreamEdit<'c, 'e> {
    fn new(edit: &'c mut CollectionEdit<'e>) -> Self {
        edit.keep_empty();
        Self { edit }
    }

    /// Whether the key is not there: without a change it will not be.
    pub fn is_new(&self) -> bool {
        !self.edit.is_in_place()
    }

    /// The stream as it is.
    pub fn stream(&self) -> &Stream {
        stream_of(self.edit.content())
    }

    fn stream_mut(&mut self) -> &mut Stream {
        match self.edit.big() {
            Some(Collection::Stream(stream)) => stream,
            _ => unreachable!("whoever looked it up wanted a stream"),
        }
    }

    /// Notes that there is a stream, even if nothing is put into it.
    pub fn create(&mut self) {
        self.edit.changed(1);
    }

    /// Adds an entry; its ID. See [`Stream::add`].
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
        let id = self.stream_mut().add(id, fields, now, limits)?;
        self.edit.changed(1);
        Ok(id)
    }

    /// Deletes an entry. See [`Stream::delete`].
    pub fn delete(&mut self, id: StreamId, references: References) -> Deleted {
        let groups = self.stream().groups();
        let is_forgotten = references == References::Delete
            && groups
                .iter()
                .any(|(_, group)| group.pending().get(id).is_some());
        let deleted = self.stream_mut().delete(id, references);
        if deleted == Deleted::Yes {
            self.edit.changed(1);
        } else {
            self.edit.changed_aside(u64::from(is_forgotten));
        }
        deleted
    }

    /// Makes an entry pending no more in a group, and then deletes it. See [`Stream::acknowledge_and_delete`].
    pub fn acknowledge_and_delete(
        &mut self,
        group: &[u8],
        id: StreamId,
        references: References,
    ) -> Deleted {
        let before = self.stream().len();
        let stream = self.stream_mut();
        let deleted = stream.acknowledge_and_delete(group, id, references);
        let is_shorter = stream.len() < before;
        if is_shorter {
            self.edit.changed(1);
        } else if deleted != Deleted::Missing {
            self.edit.changed_aside(1);
        }
        deleted
    }

    /// Trims entries from the first on; how many. See [`Stream::trim`].
    pub fn trim(&mut self, keep: Keep, precision: Precision, references: References) -> u64 {
        self.trim_forgotten(keep, precision, references, StreamId::MIN)
    }

    /// See [`Stream::trim_forgotten`].
    pub fn trim_forgotten(
        &mut self,
        keep: Keep,
        precision: Precision,
        references: References,
        forgotten: StreamId,
    ) -> u64 {
        let stream = self.stream_mut();
        let trimmed = stream.trim_forgotten(keep, precision, references, forgotten);
        let entries = trimmed.entries;
        if !trimmed.remains.is_empty() {
            self.edit.leave(CollectionRemains::Stream(trimmed.remains));
        }
        self.edit.changed(entries);
        entries
    }

    /// Sets the last ID and more. See [`Stream::set_id`].
    ///
    /// # Errors
    /// [`crate::collection::stream::SetIdError`]; then nothing has changed.
    pub fn set_id(
        &mut self,
        last_id: StreamId,
        added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), crate::collection::stream::SetIdError> {
        self.stream_mut().set_id(last_id, added, max_deleted_id)?;
        self.edit.changed_aside(1);
        Ok(())
    }

    /// Makes a group; whether there was none with this name.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<i64>,
    ) -> bool {
        let is_new = self.stream_mut().create_group(name, last_id, entries_read);
        self.edit.changed_aside(u64::from(is_new));
        is_new
    }

    /// Destroys a group; whether there was one.
    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        let Some(remains) = self.stream_mut().destroy_group(name) else {
            return false;
        };
        self.edit.leave(CollectionRemains::Stream(remains));
        self.edit.changed_aside(1);
        true
    }

    /// Removes a consumer and makes its entries pending no more; how many there were. `None`: there is no such consumer,
    /// or no such group.
    pub fn delete_consumer(&mut self, group: &[u8], consumer: &[u8]) -> Option<u64> {
        let mut group = self.stream_mut().group_mut(group)?;
        let (pending, remains) = group.delete_consumer(consumer)?;
        drop(group);
        self.edit.leave(CollectionRemains::Stream(remains));
        self.edit.changed_aside(1);
        Some(pending)
    }

    /// A group to change. What changes in it is noted by [`StreamEdit::changed_aside`].
    pub fn group(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        self.stream_mut().group_mut(name)
    }

    /// Puts a group in place that was made ahead of this stream; see [`GroupsAhead::is_of_group`].
    pub fn take_group_of(&mut self, ahead: &GroupsAhead, name: &[u8]) {
        self.stream_mut().take_group_of(ahead.stream(), name);
    }

    /// Puts all groups in place that were made ahead of this stream; see [`GroupsAhead::is_of`].
    pub fn take_groups_of(&mut self, ahead: &GroupsAhead) {
        self.stream_mut().take_groups_of(ahead.stream());
    }

    /// Notes `count` changes in groups.
    pub fn changed_aside(&mut self, count: u64) {
        self.edit.changed_aside(count);
    }
}

fn stream_of(collection: CollectionRef<'_>) -> &Stream {
    match collection {
        CollectionRef::Big(Collection::Stream(stream)) => stream,
        _ => unreachable!("whoever looked it up wanted a stream"),
    }
}

impl Unit<'_> {
    /// The stream at `key`, looked up to be read.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn stream(&mut self, db: DbIndex, key: &Key<'_>) -> Result<Option<&Stream>, StoreError> {
        let found = self.collection(db, key, ValueType::Stream)?;
        Ok(found.map(stream_of))
    }

    /// The stream at `key`, looked up to be changed.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn stream_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<&Stream>, StoreError> {
        let found = self.collection_to_change(db, key, ValueType::Stream)?;
        Ok(found.map(stream_of))
    }

    /// The stream at `key`, leaving no trace; `None` if there is none, whatever else there is.
    pub fn peek_stream(&mut self, db: DbIndex, key: &Key<'_>) -> Option<&Stream> {
        match self.peek(db, key)?.collection()? {
            CollectionRef::Big(Collection::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    /// Lets `change` edit the stream at `key`, an empty one if there is none; see [`Unit::edit`].
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn edit_stream<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        change: impl FnOnce(&mut StreamEdit<'_, '_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        self.edit(db, key, ValueType::Stream, |edit| {
            change(&mut StreamEdit::new(edit))
        })
    }
}
