//! Collections changed where they lie, or unpacked, changed and laid down again.
//!
//! `unsafe`: changes entries by their words; see the invariant in [`super`].

use super::{Found, Shard};
use crate::collection::CollectionRemains;
use crate::entry::{EntryView, collection_bytes};
use crate::hash::{Key, KeyHasher};
use crate::time::UnixMillis;
use crate::typed::{CollectionEdit, CollectionRef, Content, Packed, nothing_of};
use crate::unit::NewExpiry;
use crate::value::ValueType;
use crate::{DbIndex, StoreError};

/// What an edit of a collection has done to its key.
pub(crate) struct Edited<R> {
    /// What the change returned.
    pub(crate) result: R,
    /// How many changes it counted.
    pub(crate) changes: u64,
    /// Whether those who watch the key or wait for it do not mind the changes.
    pub(crate) is_aside: bool,
    /// Whether the key was there and has gone.
    pub(crate) is_gone: bool,
    /// Whether the key was not there and has come.
    pub(crate) is_new: bool,
}

impl<R> Edited<R> {
    fn of(result: R, edit: &CollectionEdit<'_>, was_there: bool) -> Self {
        Self {
            result,
            changes: edit.changes(),
            is_aside: was_there && edit.is_changed_aside(),
            is_gone: was_there && edit.is_gone(),
            is_new: false,
        }
    }
}

impl Shard {
    /// Lets `change` edit the collection of type `wanted` at `key`, where [`Shard::lookup`] has found it, or an empty
    /// one if it has found nothing alive. A collection that ends up without elements goes with its key.
    ///
    /// # Errors
    /// `WrongType`; nothing has happened then.
    ///
    /// # Safety
    /// As [`Shard::resolve_and_touch`].
    #[expect(
        clippy::too_many_arguments,
        reason = "where the key is, and what becomes of it"
    )]
    pub(crate) unsafe fn edit<R>(
        &mut self,
        found: Option<Found>,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
        now: UnixMillis,
        hasher: &KeyHasher,
        change: impl FnOnce(&mut CollectionEdit<'_>) -> R,
    ) -> Result<Edited<R>, StoreError> {
        let Some(found) = found else {
            return self.edit_nothing(db, key, wanted, now, hasher, change);
        };
        // SAFETY: the caller guarantees that nothing has been written since the lookup.
        let view: EntryView<'_> = unsafe { self.resolve_and_touch(found, now) };
        let content = view.collection().ok_or(StoreError::WrongType)?;
        if content.value_type() != wanted {
            return Err(StoreError::WrongType);
        }
        let CollectionRef::Packed(packed) = content else {
            // SAFETY: as above.
            return Ok(unsafe { self.edit_in_place(found, db, key, now, hasher, change) });
        };
        let packed = Packed::copy_of(packed);
        let mut edit = CollectionEdit::new(Content::Packed(packed), hasher.elements());
        let result = change(&mut edit);
        let edited = Edited::of(result, &edit, true);
        // SAFETY: as above.
        unsafe { self.put_back(found, db, key, now, hasher, edit) };
        Ok(edited)
    }

    /// The edit of a key that is not there: nothing comes of it without a change.
    fn edit_nothing<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
        now: UnixMillis,
        hasher: &KeyHasher,
        change: impl FnOnce(&mut CollectionEdit<'_>) -> R,
    ) -> Result<Edited<R>, StoreError> {
        let mut edit = CollectionEdit::new(nothing_of(wanted)?, hasher.elements());
        let result = change(&mut edit);
        let mut edited = Edited::of(result, &edit, false);
        edited.is_new = edited.changes > 0 && !edit.is_gone();
        let (mut content, remains) = edit.finish();
        if edited.is_new {
            // On a replica an expired key may still lie there.
            self.set(db, key, content.payload(), NewExpiry::None, now, hasher);
        }
        self.bury_all(remains);
        Ok(edited)
    }

    /// The edit of a big collection.
    ///
    /// # Safety
    /// As [`Shard::edit`]; the entry holds a big collection.
    unsafe fn edit_in_place<R>(
        &mut self,
        found: Found,
        db: DbIndex,
        key: &Key<'_>,
        now: UnixMillis,
        hasher: &KeyHasher,
        change: impl FnOnce(&mut CollectionEdit<'_>) -> R,
    ) -> Edited<R> {
        // SAFETY: the caller guarantees that nothing has been written since the lookup. A collection that a snapshot
        // wants is pinned first, and the slot stays where it is.
        let entry = unsafe { self.writable_found(found, db, key) };
        let word = entry.word();
        let collection = entry.into_collection_mut();
        let (before, old_soonest) = (collection_bytes(collection), collection.soonest_expiry());
        let address: *const _ = &raw const *collection;
        let mut edit = CollectionEdit::new(Content::InPlace(collection), hasher.elements());
        let result = change(&mut edit);
        let edited = Edited::of(result, &edit, true);
        let (content, remains) = edit.finish();
        let stored_anew = match content {
            Content::InPlace(_) => None,
            anew => Some(anew.into_owned()),
        };
        // SAFETY: the entry still owns the collection, and `content`, which referred to it, is gone.
        let collection = unsafe { &*address };
        let (after, soonest) = (collection_bytes(collection), collection.soonest_expiry());
        self.outside_changed(db, word, before, after);
        self.fields_changed(db, key, old_soonest, soonest, now);
        if edited.is_gone {
            self.remove(db, key, hasher);
        } else if let Some(mut anew) = stored_anew {
            // SAFETY: the slot is where it was: what was written was the entry.
            unsafe { self.set_found(found, db, key, anew.payload(), NewExpiry::Keep, now) };
        }
        self.bury_all(remains);
        edited
    }

    /// Lays down what has become of a small collection.
    ///
    /// # Safety
    /// As [`Shard::edit`].
    unsafe fn put_back(
        &mut self,
        found: Found,
        db: DbIndex,
        key: &Key<'_>,
        now: UnixMillis,
        hasher: &KeyHasher,
        edit: CollectionEdit<'_>,
    ) {
        let (is_gone, is_changed) = (edit.is_gone(), edit.is_changed());
        let (mut content, remains) = edit.finish();
        if is_gone {
            self.remove(db, key, hasher);
        } else if is_changed {
            // SAFETY: the caller's.
            unsafe { self.set_found(found, db, key, content.payload(), NewExpiry::Keep, now) };
        }
        self.bury_all(remains);
    }

    fn bury_all(&mut self, remains: Vec<CollectionRemains>) {
        remains
            .into_iter()
            .for_each(|remains| self.bury_remains(remains));
    }
}
