//! Keys and fields whose time has come, and the wheels that know them.
//!
//! `unsafe`: reads and changes entries by their words; see the invariant in [`super`].

use super::{Db, Shard};
use crate::DbIndex;
use crate::collection::Collection;
use crate::entry::{EntryView, collection_bytes};
use crate::hash::{Key, KeyHasher};
use crate::slot_word::{Kind, Word};
use crate::table::{Table, position_of};
use crate::time::UnixMillis;
use crate::unit::ExpiredFields;
use crate::watch::WatchTable;
use crate::wheel::Record40;

/// What has gone of a key.
pub(crate) enum Due {
    /// All of it.
    Key,
    /// Fields of its hash, which have been removed.
    Fields(ExpiredFields),
}

impl Shard {
    /// Takes out every key that the wheel says may be due and is, and fields of hashes, up to `most` of them. Calls `gone`
    /// with each key before its entry is freed; whether due records are left.
    pub(crate) fn expire_due(
        &mut self,
        db: DbIndex,
        now: UnixMillis,
        most: usize,
        hasher: &KeyHasher,
        mut gone: impl FnMut(&mut WatchTable, &[u8], Due),
    ) -> bool {
        self.published.stale = true;
        let mut left = most;
        while left > 0 {
            left -= 1;
            let Some(database) = self.dbs[db as usize].as_mut() else {
                return false;
            };
            let Some(record) = database.wheel.as_mut().and_then(|wheel| wheel.pop_due(now)) else {
                return false;
            };
            let matches = database.table.matches(record, hasher);
            let may_expire = |word: &Word| word.has_ttl() || word.kind() == Kind::Collection;
            for word in matches.into_iter().filter(may_expire) {
                let fields = self.expire_or_refile(db, word, record, now, left, hasher, &mut gone);
                left = left.saturating_sub(fields);
            }
        }
        true
    }

    /// Removes the key or, of its fields, one and up to `most` more; how many fields it was.
    #[expect(clippy::too_many_arguments, reason = "a key, and what to do with it")]
    fn expire_or_refile(
        &mut self,
        db: DbIndex,
        word: Word,
        record: Record40,
        now: UnixMillis,
        most: usize,
        hasher: &KeyHasher,
        gone: &mut impl FnMut(&mut WatchTable, &[u8], Due),
    ) -> usize {
        // SAFETY: the word was read from the table of this shard, which is borrowed exclusively, and no
        // entry has been freed since but those whose words the loop above has passed.
        let view = unsafe { EntryView::new(word) };
        if view.is_expired(now) {
            gone(&mut self.watches, view.key(), Due::Key);
            let database = self.dbs[db as usize]
                .as_mut()
                .expect("the record came from it");
            let position = position_of(word, hasher);
            database
                .table
                .remove_entry(position, word.entry(), hasher)
                .expect("the word is in the table");
            self.departed(db, word);
            return 0;
        }
        let mut removed = 0;
        let mut next = earliest(&view);
        if view.soonest_expiry().is_some_and(|at| at < now) {
            let key: Box<[u8]> = view.key().into();
            let key = hasher.key(&key);
            let expired = self.remove_expired_fields(db, &key, now, most + 1, hasher);
            removed = expired.names.len();
            gone(&mut self.watches, key.bytes, Due::Fields(expired));
            next = self.view(db, &key).and_then(|view| earliest(&view));
        }
        if let Some(at) = next {
            let database = self.dbs[db as usize].as_mut();
            let wheel = database.and_then(|database| database.wheel.as_mut());
            wheel.expect("the record came from it").file(record, at);
        }
        removed
    }

    /// Removes up to `most` fields of the hash at `key` that have expired; the key goes with the last one.
    pub(crate) fn remove_expired_fields(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        now: UnixMillis,
        most: usize,
        hasher: &KeyHasher,
    ) -> ExpiredFields {
        let mut names = Vec::new();
        // A hash that a snapshot wants is pinned first.
        let entry = self.writable(db, key);
        let word = entry.word();
        let collection = entry.into_collection_mut();
        let (before, old_soonest) = (collection_bytes(collection), collection.soonest_expiry());
        if let Collection::Hash(fields) = &mut *collection {
            fields.remove_expired(now, most, &mut |field| names.push(field.name.into()));
        }
        let (after, soonest) = (collection_bytes(collection), collection.soonest_expiry());
        let key_is_gone = collection.is_empty();
        self.outside_changed(db, word, before, after);
        self.fields_changed(db, key, old_soonest, soonest, now);
        if key_is_gone {
            self.remove(db, key, hasher);
        }
        ExpiredFields { names, key_is_gone }
    }

    /// The earliest instant at which [`Shard::expire_due`] has something to do.
    pub(crate) fn next_due(&self) -> Option<UnixMillis> {
        self.dbs
            .iter()
            .flatten()
            .filter_map(|db| db.wheel.as_ref()?.next_due())
            .min()
    }

    /// One slice of throwing out records of keys that are gone, in each database whose wheel holds too many;
    /// whether there is more to do.
    pub(crate) fn compact_wheels(&mut self, records: usize, hasher: &KeyHasher) -> bool {
        let mut more = false;
        for db in self.dbs.iter_mut().flatten() {
            let expiring = db.expiring();
            let Db {
                wheel: Some(wheel),
                table,
                ..
            } = &mut **db
            else {
                continue;
            };
            if wheel.needs_compaction(expiring) {
                more |= !wheel.compact(records, |record| earliest_expiry(table, record, hasher));
            }
        }
        more
    }
}

/// The earliest expire time among the keys that `record` may stand for, and their fields.
fn earliest_expiry(table: &Table, record: Record40, hasher: &KeyHasher) -> Option<UnixMillis> {
    // SAFETY: words in the table own live entries, and it is borrowed.
    table
        .matches(record, hasher)
        .into_iter()
        .filter_map(|word| earliest(&unsafe { EntryView::new(word) }))
        .min()
}

/// When there is something to remove next: the key, or a field.
pub(super) fn earliest(view: &EntryView<'_>) -> Option<UnixMillis> {
    [view.expire_at(), view.soonest_expiry()]
        .into_iter()
        .flatten()
        .min()
}
