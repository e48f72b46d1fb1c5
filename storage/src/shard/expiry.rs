//! Keys whose time has come, and the wheels that know them.
//!
//! `unsafe`: reads entries by their words; see the invariant in [`super`].

use super::{Db, Shard};
use crate::DbIndex;
use crate::entry::EntryView;
use crate::hash::KeyHasher;
use crate::slot_word::Word;
use crate::table::{Table, position_of};
use crate::time::UnixMillis;
use crate::watch::WatchTable;
use crate::wheel::Record40;

impl Shard {
    /// Takes out every key that the wheel says may be due and is, up to `records` of them.
    /// Calls `gone` with each key before its entry is freed; whether due records are left.
    pub(crate) fn expire_due(
        &mut self,
        db: DbIndex,
        now: UnixMillis,
        records: usize,
        hasher: &KeyHasher,
        mut gone: impl FnMut(&mut WatchTable, &[u8]),
    ) -> bool {
        self.published.stale = true;
        for _ in 0..records {
            let Some(database) = self.dbs[db as usize].as_mut() else {
                return false;
            };
            let Some(record) = database.wheel.as_mut().and_then(|wheel| wheel.pop_due(now)) else {
                return false;
            };
            let matches = database.table.matches(record, hasher);
            for word in matches.into_iter().filter(|word| word.has_ttl()) {
                self.expire_or_refile(db, word, record, now, hasher, &mut gone);
            }
        }
        true
    }

    fn expire_or_refile(
        &mut self,
        db: DbIndex,
        word: Word,
        record: Record40,
        now: UnixMillis,
        hasher: &KeyHasher,
        gone: &mut impl FnMut(&mut WatchTable, &[u8]),
    ) {
        // SAFETY: the word was read from the table of this shard, which is borrowed exclusively, and no
        // entry has been freed since but those whose words the loop above has passed.
        let view = unsafe { EntryView::new(word) };
        let at = view.expire_at().expect("the word has a TTL");
        let database = self.dbs[db as usize]
            .as_mut()
            .expect("the record came from it");
        if now <= at {
            database
                .wheel
                .as_mut()
                .expect("the record came from it")
                .file(record, at);
            return;
        }
        gone(&mut self.watches, view.key());
        let position = position_of(word, hasher);
        database
            .table
            .remove_entry(position, word.entry(), hasher)
            .expect("the word is in the table");
        self.departed(db, word);
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
            let Db {
                wheel: Some(wheel),
                table,
                with_ttl,
                ..
            } = &mut **db
            else {
                continue;
            };
            if wheel.needs_compaction(*with_ttl) {
                more |= !wheel.compact(records, |record| earliest_expiry(table, record, hasher));
            }
        }
        more
    }
}

/// The earliest expire time among the keys that `record` may stand for.
fn earliest_expiry(table: &Table, record: Record40, hasher: &KeyHasher) -> Option<UnixMillis> {
    // SAFETY: words in the table own live entries, and it is borrowed.
    table
        .matches(record, hasher)
        .into_iter()
        .filter_map(|word| unsafe { EntryView::new(word) }.expire_at())
        .min()
}
