//! What moves keys about: `RENAME`, `COPY`, `MOVE`, `SWAPDB`, `FLUSHALL`; and housekeeping.

use crate::DbIndex;
use crate::hash::Key;
use crate::shard::{Due, OwnedValue, RemovedKeys};
use crate::time::UnixMillis;
use crate::unit::{NewExpiry, Note, NoteKind, Unit};

/// How much one housekeeping step may do, so that it stays well below 100 µs.
const EXPIRE_RECORDS: usize = 256;
const COMPACT_BLOCKS: usize = 64;
/// The same where somebody waits for the memory.
const COMPACT_BLOCKS_FOR_ROOM: usize = 256;
/// Segments looked at in one go where many keys have gone, if memory is short.
const SEGMENTS_FOR_ROOM: usize = 16;

impl Unit<'_> {
    /// Moves the value and expire time of `from` to `to`, overwriting it; whether `from` was there. Renaming a
    /// key to itself changes nothing.
    pub fn rename(&mut self, db: DbIndex, from: &Key<'_>, to: &Key<'_>) -> bool {
        if !self.live(db, from) {
            return false;
        }
        if from.bytes != to.bytes {
            self.take_value(db, from, db, to);
        }
        true
    }

    /// Copies the value and expire time of `from` to `to`, overwriting it; whether `from` was there.
    pub fn copy(&mut self, from_db: DbIndex, from: &Key<'_>, to_db: DbIndex, to: &Key<'_>) -> bool {
        let there = self.live(from_db, from);
        if there {
            self.copy_value(from_db, from, to_db, to);
        }
        there
    }

    /// Moves `key` to another database; false if it is not there or the other one has it already.
    pub fn move_key(&mut self, key: &Key<'_>, from_db: DbIndex, to_db: DbIndex) -> bool {
        if !self.live(from_db, key) || self.live(to_db, key) {
            return false;
        }
        self.take_value(from_db, key, to_db, key);
        true
    }

    /// Moves a value that is there to another key or database.
    fn take_value(&mut self, from_db: DbIndex, from: &Key<'_>, to_db: DbIndex, to: &Key<'_>) {
        let (now, hasher) = (self.now(), self.keyspace().hasher());
        let source = self.shard_mut(from.hash.shard);
        let access = source.access_of(from_db, from, now);
        let taken = source.take_value(from_db, from, hasher);
        let (value, expire_at) = taken.expect("the caller has found the key");
        self.put_value(value, expire_at, to_db, to);
        if let Some(access) = access {
            self.shard_mut(to.hash.shard)
                .inherit_access(to_db, to, access, now);
        }
        self.spoil_watches(from_db, from);
    }

    fn copy_value(&mut self, from_db: DbIndex, from: &Key<'_>, to_db: DbIndex, to: &Key<'_>) {
        let source = self.shard(from.hash.shard).value_of(from_db, from);
        let (value, expire_at) = source.expect("the caller has found the key");
        self.put_value(value, expire_at, to_db, to);
    }

    /// Installs a value at `to`, whatever was there.
    fn put_value(
        &mut self,
        value: OwnedValue,
        expire_at: Option<UnixMillis>,
        to_db: DbIndex,
        to: &Key<'_>,
    ) {
        // An expired key at the destination owes its DEL before it is overwritten.
        self.live(to_db, to);
        let (now, hasher) = (self.now(), self.keyspace().hasher());
        let expiry = expire_at.map_or(NewExpiry::None, NewExpiry::At);
        let mut bytes = Box::default();
        let payload = value.into_payload(&mut bytes);
        self.shard_mut(to.hash.shard)
            .set(to_db, to, payload, expiry, now, hasher);
        self.created(to_db, to);
        self.changed(to_db, to);
    }

    /// Exchanges two databases. Needs [`crate::LockPlan::Exclusive`].
    pub fn swap_databases(&mut self, a: DbIndex, b: DbIndex) {
        self.tally.dirty += 1;
        // Redis answers OK without touching anything, watched keys included.
        if a == b {
            return;
        }
        for index in 0..self.keyspace().shard_count() as u16 {
            let (hasher, at) = (self.keyspace().hasher(), self.sees_expiry_at());
            let shard = self.shard_mut(index);
            for db in [a, b] {
                // A watched key has changed if it is on either side of the swap.
                let there = |key: &[u8]| {
                    let key = hasher.key(key);
                    [a, b].iter().any(|db| shard.is_there(*db, &key, at))
                };
                shard.watches.changed_where(db, there);
                shard.watches.all_changed(db);
            }
            shard.dbs.swap(a as usize, b as usize);
            self.mark_all_ready(index, a);
            self.mark_all_ready(index, b);
        }
        for db in [a, b] {
            self.keyspace().miss_ratio().forget(Some(db));
        }
    }

    /// Empties one database or all, in O(1) per shard; memory comes back in the background. Returns how many
    /// keys there were. Needs [`crate::LockPlan::Exclusive`].
    pub fn flush(&mut self, which: Option<DbIndex>) -> u64 {
        let dbs = which.map_or(0..self.keyspace().databases(), |db| db..db + 1);
        let mut keys = 0;
        for index in 0..self.keyspace().shard_count() as u16 {
            let (hasher, at) = (self.keyspace().hasher(), self.sees_expiry_at());
            let shard = self.shard_mut(index);
            for db in dbs.clone() {
                let there = |key: &[u8]| shard.is_there(db, &hasher.key(key), at);
                shard.watches.changed_where(db, there);
                shard.watches.all_changed(db);
                keys += shard.detach(db);
            }
            dbs.clone().for_each(|db| self.mark_all_ready(index, db));
        }
        self.keyspace().miss_ratio().forget(which);
        self.tally.dirty += keys;
        keys
    }

    /// Keys that storage has removed on its own since this was last reset. Visits every shard, so it needs
    /// [`crate::LockPlan::Roaming`] or [`crate::LockPlan::Exclusive`].
    pub fn removed_keys(&mut self) -> RemovedKeys {
        let mut sum = RemovedKeys::default();
        for index in 0..self.keyspace().shard_count() as u16 {
            sum.add(&self.shard(index).removed);
        }
        self.leave();
        sum
    }

    /// Counts keys that storage removes from 0 on again; as [`Unit::removed_keys`].
    pub fn reset_removed_keys(&mut self) {
        for index in 0..self.keyspace().shard_count() as u16 {
            self.shard_mut(index).removed = RemovedKeys::default();
        }
        self.leave();
    }

    /// One slice of a shard's housekeeping: removes keys that are due, clears an abandoned snapshot away, frees
    /// dead memory, compacts sparse pages, merges sparse segments. Whether there is more to do now. Keys removed are reported by
    /// [`Unit::take_notes`] as ever.
    pub fn maintain(&mut self, shard: u16) -> bool {
        let more = self.expire_due(shard);
        self.tidy(shard) || more
    }

    /// [`Unit::maintain`] without the removal of keys that are due.
    pub fn tidy(&mut self, shard: u16) -> bool {
        let (keyspace, hasher, now) = (self.keyspace(), self.keyspace().hasher(), self.now());
        let shard = self.shard_mut(shard);
        let unread = keyspace.sweep_abandoned(shard);
        let dead = shard.dig();
        let pinned = keyspace.ended_pins().free_some();
        let sparse = shard.compact(COMPACT_BLOCKS, hasher) == COMPACT_BLOCKS && shard.is_sparse();
        let doubled = shard.compact_wheels(EXPIRE_RECORDS, hasher);
        let merging = shard.merge_segments(hasher);
        let unknown = shard.eviction_chores(EXPIRE_RECORDS, now, hasher);
        shard.set_stale();
        unread || dead || pinned || sparse || doubled || merging || unknown
    }

    /// Frees memory of `shard` that no key needs: some of what is dead or, if there is none, sparse pages and sparse
    /// segments of tables. Whether there was any.
    pub fn reclaim(&mut self, shard: u16) -> bool {
        let (keyspace, hasher) = (self.keyspace(), self.keyspace().hasher());
        let shard = self.shard_mut(shard);
        let is_dead = shard.has_dead_memory();
        shard.dig();
        let is_pinned = keyspace.ended_pins().free_some();
        // Much may be unused without a page that is worth emptying: then keys have to go.
        let was_sparse =
            !is_dead && shard.is_sparse() && shard.compact(COMPACT_BLOCKS_FOR_ROOM, hasher) > 0;
        let may_merge = !is_dead && !was_sparse;
        let was_merged = may_merge && shard.merge_some(SEGMENTS_FOR_ROOM, hasher);
        shard.set_stale();
        is_dead || is_pinned || was_sparse || was_merged
    }

    /// Removes keys of `shard` that are due, a bounded number of them; whether some are left.
    pub fn expire_due(&mut self, shard: u16) -> bool {
        if !self.state().may_expire() {
            return false;
        }
        let (now, databases) = (self.now(), self.keyspace().databases());
        let hasher = self.keyspace().hasher();
        let (mut removed, mut keys, mut more) = (Vec::new(), 0, false);
        let locked = self.shard_mut(shard);
        for db in 0..databases {
            let before = keys;
            more |= locked.expire_due(db, now, EXPIRE_RECORDS, hasher, |watches, key, due| {
                let kind = match due {
                    Due::Key => {
                        watches.expired(db, key);
                        keys += 1;
                        NoteKind::Expired
                    }
                    Due::Fields(expired) => {
                        watches.changed(db, key);
                        NoteKind::FieldsExpired(expired)
                    }
                };
                let key = key.into();
                removed.push(Note { db, key, kind });
            });
            locked.removed.count_expired(db, keys - before);
        }
        for note in &removed {
            self.mark_ready(shard, note.db, &note.key);
        }
        self.tally.expired += keys;
        self.note_all(removed);
        more
    }
}
