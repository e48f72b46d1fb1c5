//! One shard: its databases, its memory, its clock.
//!
//! Everything that creates, overwrites, moves or frees an entry is in this file and those beside it. An entry that is replaced or removed
//! leaves through [`Shard::retire`], the one door: what differs from the current snapshot parity is a version that the
//! running snapshot still owes its reader, so it is queued instead of freed. Where an entry is freed without it, no
//! snapshot can want it: it was copied or moved, has been shown, or its database is buried.
//!
//! `unsafe`: entries are packed blocks from the slab. The invariant that this file upholds for
//! [`crate::entry`]: every word in a table of this shard, in a pre-image queue or in the graveyard owns
//! exactly one block of this shard's slab, written with the kind and TTL bit the word carries; a block is
//! freed only after its word has left all three.

use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::DbIndex;
use crate::access::{Access, AccessRule, random_u32};
use crate::big_string::BigString;
use crate::blocking::Blocked;
use crate::collection::Collection;
use crate::entry::{EntryMut, EntryPtr, EntryView, Payload, big_string_bytes, entry_bytes};
use crate::hash::{Key, KeyHasher};
use crate::pre_images::PreImages;
use crate::prefetch;
use crate::shard_lock::ShardLock;
use crate::slab::Slab;
use crate::slot_word::{Kind, SlotWord, Word};
use crate::table::Table;
use crate::time::UnixMillis;
use crate::typed::CollectionRef;
use crate::unit::NewExpiry;
use crate::waiters::{Arrivals, WaitTable};
use crate::watch::WatchTable;
use crate::wheel::{Record40, Wheel};
use walk::Walk;

#[cfg(test)]
mod audit;
mod edit;
mod eviction;
mod expiry;
mod graveyard;
mod packed;
mod publish;
mod removed;
mod string_slot;
#[cfg(test)]
mod tests;
mod values;
mod walk;

pub(crate) use edit::Edited;
pub(crate) use eviction::{EvictionStep, expiries_of, weight_of};

use eviction::{DbEviction, Eviction, outside_bytes_of};
pub(crate) use expiry::Due;
use graveyard::Graveyard;
pub(crate) use packed::LentPack;
use publish::Published;
pub use removed::{RemovedByPolicy, RemovedKeys, RemovedOfDb};
pub(crate) use string_slot::StringSlot;
pub(crate) use values::{OwnedValue, payload_of};

/// How far apart the wheels of neighbouring shards cascade.
const WHEEL_PHASE_TICKS: u32 = 61;

/// Where [`Shard::lookup`] found a key.
#[derive(Clone, Copy)]
pub(crate) struct Found(NonNull<SlotWord>);

/// One numbered database's share of a shard.
pub(crate) struct Db {
    /// Names the database object across `SWAPDB` and `FLUSHALL`; unique in the process.
    pub(crate) id: u64,
    pub(crate) table: Table,
    /// Made with the first key that has an expire time.
    pub(crate) wheel: Option<Box<Wheel>>,
    /// Keys that have an expire time.
    pub(crate) with_ttl: usize,
    /// Keys of hashes with fields that have one.
    pub(crate) with_field_ttl: usize,
    /// Old versions that the running snapshot has yet to serialise.
    pub(crate) pre_images: PreImages,
    /// Where maintenance goes on looking for sparse segments.
    merge_from: u64,
    /// Most keys there have been since maintenance last went through all segments.
    keys_peak: usize,
    /// Which key goes when memory is short.
    eviction: DbEviction,
}

/// Fewer keys than this gone, and looking for sparse segments does not pay.
const MERGE_KEYS_MIN: usize = 64;

impl Db {
    fn new(id: u64, eviction: DbEviction) -> Box<Self> {
        Box::new(Self {
            id,
            table: Table::new(),
            wheel: None,
            with_ttl: 0,
            with_field_ttl: 0,
            pre_images: PreImages::default(),
            merge_from: 0,
            keys_peak: 0,
            eviction,
        })
    }

    /// Whether so many keys have gone that segments are worth merging.
    fn has_shrunk(&self) -> bool {
        self.keys_peak > 2 * self.table.len() + MERGE_KEYS_MIN
    }

    /// Whether the wheel holds many records of keys that are gone.
    fn has_old_records(&self) -> bool {
        self.wheel
            .as_ref()
            .is_some_and(|wheel| wheel.needs_compaction(self.expiring()))
    }

    /// How many expire times the wheel has to know: one of a key and one, the soonest, of a hash's fields.
    fn expiring(&self) -> usize {
        self.with_ttl + self.with_field_ttl
    }

    fn bytes(&self) -> usize {
        self.table_bytes() + self.wheel_bytes() + self.eviction.bytes()
    }

    fn table_bytes(&self) -> usize {
        size_of::<Self>() + self.table.bytes() + self.pre_images.bytes()
    }

    fn wheel_bytes(&self) -> usize {
        self.wheel
            .as_ref()
            .map_or(0, |wheel| size_of::<Wheel>() + wheel.bytes())
    }
}

/// A part of the keyspace behind one lock.
///
/// In the order of use: what every unit reads shares a cache line with the lock, what writers look at follows.
#[repr(C)]
pub(crate) struct Shard {
    pub(crate) dbs: Box<[Option<Box<Db>>]>,
    clock: AtomicI64,
    pub(crate) index: u16,
    /// Parity of the current epoch; changes only at a cut.
    pub(crate) parity: bool,
    /// See [`Shard::prefetch_bytes`].
    prefetch_bytes: u16,
    /// What entries remember of accesses.
    access_rule: AccessRule,
    published: Published,
    eviction: Eviction,
    outside_bytes: usize,
    pub(crate) watches: WatchTable,
    /// Who is blocked on which key.
    pub(crate) waits: WaitTable<Blocked>,
    pub(crate) slab: Slab,
    /// Databases flushed while a snapshot still had to walk them.
    #[expect(
        clippy::vec_box,
        reason = "databases move between here, `dbs` and the graveyard by pointer"
    )]
    pub(crate) detached: Vec<Box<Db>>,
    /// What a snapshot has yet to show of this shard.
    walk: Option<Walk>,
    graveyard: Graveyard,
    next_db_id: u64,
    /// Keys that have expired or been evicted here.
    pub(crate) removed: RemovedKeys,
    /// What compaction has done since it was last told.
    relocated: Relocated,
}

/// What compaction has done.
#[derive(Clone, Copy, Default)]
pub(crate) struct Relocated {
    /// Entries that were moved.
    pub(crate) moved: u64,
    /// Entries that could not be.
    pub(crate) declined: u64,
}

const _: () = assert!(ShardLock::<Shard>::HEADER_BYTES + offset_of!(Shard, published) <= 64);

/// A long value goes on by itself: the processor sees that its lines are read one after the other.
const PREFETCHED_BYTES_MAX: usize = 18 * prefetch::LINE;

impl Shard {
    pub(crate) fn new(index: u16, databases: u32, arrivals: Arc<Arrivals>) -> Self {
        Self {
            dbs: (0..databases).map(|_| None).collect(),
            clock: AtomicI64::new(0),
            index,
            parity: false,
            prefetch_bytes: 1,
            access_rule: AccessRule::default(),
            published: Published::default(),
            eviction: Eviction::new(index),
            outside_bytes: 0,
            watches: WatchTable::default(),
            waits: WaitTable::new(index, arrivals),
            slab: Slab::new(),
            detached: Vec::new(),
            walk: None,
            graveyard: Graveyard::default(),
            next_db_id: u64::from(index) << 48,
            removed: RemovedKeys::default(),
            relocated: Relocated::default(),
        }
    }

    /// The latest instant any unit has seen in this shard.
    #[inline]
    pub(crate) fn clock(&self) -> UnixMillis {
        // Relaxed: the lock orders it; under the shared lock it only ever grows.
        UnixMillis(self.clock.load(Ordering::Relaxed))
    }

    /// Moves the shard's clock forward, never back.
    #[inline]
    pub(crate) fn advance_clock(&self, now: UnixMillis) {
        // Once per millisecond at most, so the dearer operation does not matter: with a plain store, of two
        // readers the one with the older instant could win, and a key that was gone would come back.
        if self.clock() < now {
            self.clock.fetch_max(now.0, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn db(&self, db: DbIndex) -> Option<&Db> {
        self.dbs[db as usize].as_deref()
    }

    fn db_or_new(&mut self, db: DbIndex) -> &mut Db {
        let (next_id, eviction) = (&mut self.next_db_id, &self.eviction);
        self.dbs[db as usize].get_or_insert_with(|| {
            *next_id += 1;
            Db::new(*next_id, eviction.for_new_db())
        })
    }

    /// The entry of `key`, expired or not.
    #[inline]
    pub(crate) fn view(&self, db: DbIndex, key: &Key<'_>) -> Option<EntryView<'_>> {
        let slot = self.db(db)?.table.find(key.hash.position, key.bytes)?;
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        Some(unsafe { EntryView::new(slot.load()) })
    }

    /// The big collection that most likely is at `position`, without a look at its key.
    #[inline]
    pub(crate) fn likely_collection(&self, db: DbIndex, position: u64) -> Option<&Collection> {
        let word = self.db(db)?.table.likely(position)?;
        if word.kind() != Kind::Collection {
            return None;
        }
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        match unsafe { EntryView::new(word) }.collection() {
            Some(CollectionRef::Big(big)) => Some(big),
            _ => None,
        }
    }

    /// The word of `key` and whether it is past its expire time.
    #[inline]
    pub(crate) fn lookup(
        &self,
        db: DbIndex,
        key: &Key<'_>,
        now: UnixMillis,
    ) -> Option<(Found, bool)> {
        let slot = self.db(db)?.table.find(key.hash.position, key.bytes)?;
        let word = slot.load();
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        let expired = word.has_ttl() && unsafe { EntryView::new(word) }.is_expired(now);
        Some((Found(NonNull::from(slot)), expired))
    }

    /// Whether `key` is there, and not past its expire time at `now`.
    pub(crate) fn is_there(&self, db: DbIndex, key: &Key<'_>, now: UnixMillis) -> bool {
        matches!(self.lookup(db, key, now), Some((_, false)))
    }

    /// Has the entry of a word in a table remember an access.
    #[inline]
    fn touch(&self, word: Word, now: UnixMillis) {
        word.entry()
            .access()
            .touch(self.access_rule, now, random_u32);
    }

    /// The entry that [`Shard::lookup`] found, counting a hit for the eviction policy.
    ///
    /// # Safety
    /// `found` comes from this shard, and nothing has been written in it since.
    #[inline]
    pub(crate) unsafe fn resolve_and_touch(&self, found: Found, now: UnixMillis) -> EntryView<'_> {
        // SAFETY: the caller guarantees that the slot is where it was.
        let word = unsafe { found.0.as_ref() }.load();
        self.touch(word, now);
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        unsafe { EntryView::new(word) }
    }

    /// The entry that [`Shard::lookup`] found.
    ///
    /// # Safety
    /// As [`Shard::resolve_and_touch`].
    #[inline]
    pub(crate) unsafe fn resolve(&self, found: Found) -> EntryView<'_> {
        // SAFETY: the caller guarantees that the slot is where it was; words in the table own live entries.
        unsafe { EntryView::new(found.0.as_ref().load()) }
    }

    /// As [`Shard::view`], counting a hit for the eviction policy.
    #[inline]
    pub(crate) fn view_and_touch(
        &self,
        db: DbIndex,
        key: &Key<'_>,
        now: UnixMillis,
    ) -> Option<EntryView<'_>> {
        let slot = self.db(db)?.table.find(key.hash.position, key.bytes)?;
        let word = slot.load();
        self.touch(word, now);
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        Some(unsafe { EntryView::new(word) })
    }

    /// The entries of the segment that covers `position`, and where the next segment begins.
    pub(crate) fn entries_at(
        &self,
        db: DbIndex,
        position: u64,
    ) -> Option<(impl Iterator<Item = EntryView<'_>>, Option<u64>)> {
        let segment = self.db(db)?.table.segment(position);
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        let entries = segment.words().map(|word| unsafe { EntryView::new(word) });
        Some((entries, segment.end(position)))
    }

    /// A random entry, expired or not.
    pub(crate) fn draw(&self, db: DbIndex, random: impl FnMut() -> u64) -> Option<EntryView<'_>> {
        let word = self.db(db)?.table.draw(random)?;
        // SAFETY: words in the table own live entries, and `&self` keeps them so.
        Some(unsafe { EntryView::new(word) })
    }

    /// The first entry in order of position for which `wanted` holds.
    pub(crate) fn first_where(
        &self,
        db: DbIndex,
        wanted: impl Fn(&EntryView<'_>) -> bool,
    ) -> Option<EntryView<'_>> {
        let mut position = Some(0);
        while let Some((mut entries, end)) = position.and_then(|at| self.entries_at(db, at)) {
            if let Some(found) = entries.find(&wanted) {
                return Some(found);
            }
            position = end;
        }
        None
    }

    /// Stores `value` at `key`, over whatever is there, expired or not: a caller that has found no live key does not ask
    /// to [`NewExpiry::Keep`].
    pub(crate) fn set(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        value: Payload<'_>,
        expiry: NewExpiry,
        now: UnixMillis,
        hasher: &KeyHasher,
    ) {
        let old = self
            .view_and_touch(db, key, now)
            .map(|view| (view.word(), view.expire_at()));
        match old {
            None => self.insert(db, key, value, expiry.after(None), now, hasher),
            Some((word, expire_at)) => {
                self.replace(db, key, word, value, expire_at, expiry, now);
            }
        }
    }

    /// As [`Shard::set`] for a key that [`Shard::lookup`] found.
    ///
    /// # Safety
    /// As [`Shard::resolve_and_touch`].
    pub(crate) unsafe fn set_found(
        &mut self,
        found: Found,
        db: DbIndex,
        key: &Key<'_>,
        value: Payload<'_>,
        expiry: NewExpiry,
        now: UnixMillis,
    ) {
        // SAFETY: the caller's.
        let old = unsafe { self.resolve_and_touch(found, now) };
        let (word, expire_at) = (old.word(), old.expire_at());
        self.replace(db, key, word, value, expire_at, expiry, now);
    }

    /// Overwrites the entry that `old` stands for and that expires at `old_expiry`.
    #[expect(clippy::too_many_arguments, reason = "what was there and what comes")]
    fn replace(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        old: Word,
        value: Payload<'_>,
        old_expiry: Option<UnixMillis>,
        expiry: NewExpiry,
        now: UnixMillis,
    ) {
        let expire_at = expiry.after(old_expiry);
        let (old_soonest, soonest) = (soonest_expiry(old), value.soonest_expiry());
        self.overwrite(db, key, old, value, expire_at);
        self.file(db, key, old_expiry, expire_at, now);
        self.fields_changed(db, key, old_soonest, soonest, now);
    }

    fn insert(
        &mut self,
        db_index: DbIndex,
        key: &Key<'_>,
        value: Payload<'_>,
        expire_at: Option<UnixMillis>,
        now: UnixMillis,
        hasher: &KeyHasher,
    ) {
        let soonest = value.soonest_expiry();
        let access = self.access_rule.fresh(now);
        let word = self.new_entry(key.bytes, key.hash.position, value, expire_at, access);
        let db = self.db_or_new(db_index);
        let word = db.enroll(key.hash.position, word);
        db.with_ttl += usize::from(expire_at.is_some());
        db.table.insert(key.hash.position, word, hasher);
        // A key that comes and goes by turns leaves records, but hardly moves the bytes by which a shard is published.
        let wants_tidying = db.wants_tidying();
        self.published.stale |= wants_tidying;
        self.file(db_index, key, None, expire_at, now);
        self.fields_changed(db_index, key, None, soonest, now);
    }

    /// Builds an entry of the current parity; the word is in no table yet.
    fn new_entry(
        &mut self,
        key: &[u8],
        position: u64,
        value: Payload<'_>,
        expire_at: Option<UnixMillis>,
        access: Access,
    ) -> Word {
        let kind = value.kind();
        self.outside_bytes += value.outside_bytes();
        let entry = EntryPtr::new(self.slab.alloc(entry_bytes(
            key.len(),
            expire_at.is_some(),
            &value,
        )));
        // SAFETY: the block is new, aligned and as large as asked.
        unsafe { entry.write(key, access, expire_at, value) };
        Word::new(entry, position, kind, expire_at.is_some(), self.parity)
    }

    fn overwrite(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        old: Word,
        value: Payload<'_>,
        expire_at: Option<UnixMillis>,
    ) {
        let bytes = entry_bytes(key.bytes.len(), expire_at.is_some(), &value);
        let kind = value.kind();
        let new = if old.parity() == self.parity
            && old.has_ttl() == expire_at.is_some()
            && self.fits(old, bytes)
        {
            let (before, after) = (outside_bytes_of(old), value.outside_bytes());
            self.release_outside(old);
            self.outside_bytes += after;
            self.value_resized(db, old, before, after);
            // SAFETY: the word is in the table of this shard, which is borrowed exclusively; the block is
            // large enough, and what the old value owned has been taken out.
            unsafe {
                let mut entry = EntryMut::new(old);
                entry.overwrite_payload(value);
                if let Some(at) = expire_at {
                    entry.set_expire_at(at);
                }
            }
            if kind == old.kind() {
                return;
            }
            Word::new(
                old.entry(),
                key.hash.position,
                kind,
                old.has_ttl(),
                self.parity,
            )
        } else {
            let access = old.entry().access().load();
            let new = self.new_entry(key.bytes, key.hash.position, value, expire_at, access);
            self.resized(db, old, new);
            self.retire(db, old);
            new
        };
        self.install(db, key, old, new);
    }

    /// Whether an entry of `bytes` would get a block as large as `word`'s.
    fn fits(&self, word: Word, bytes: usize) -> bool {
        // SAFETY: the word is in a table of this shard, so its block is live.
        let block_bytes = unsafe { Slab::usable_bytes(word.entry().block()) };
        bytes <= block_bytes && block_bytes <= self.slab.class_bytes_for(bytes)
    }

    /// Puts `new` where `old` is, keeping its place in the policy's queues.
    fn install(&mut self, db: DbIndex, key: &Key<'_>, old: Word, new: Word) {
        let db = self.dbs[db as usize]
            .as_mut()
            .expect("the database holds the key");
        // By address, not by key: the old block may be free already.
        let slot = db
            .table
            .find_entry_mut(key.hash.position, old.entry())
            .expect("the old word is in the table");
        slot.store(old.keeping_queue(new));
        if old.has_ttl() != new.has_ttl() {
            db.ttl_changed(key.hash.position, old, new);
        }
        db.with_ttl = db.with_ttl + usize::from(new.has_ttl()) - usize::from(old.has_ttl());
    }

    /// Sees to it that the wheel has a record at or before the key's expire time.
    fn file(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        old: Option<UnixMillis>,
        new: Option<UnixMillis>,
        now: UnixMillis,
    ) {
        let Some(at) = new else { return };
        if old.is_none_or(|old| at < old) {
            let db = self.dbs[db as usize]
                .as_mut()
                .expect("the database holds the key");
            let phase = u32::from(self.index) * WHEEL_PHASE_TICKS;
            let wheel = db
                .wheel
                .get_or_insert_with(|| Box::new(Wheel::new(now, phase)));
            wheel.advance(now);
            wheel.file(Record40::from_position(key.hash.position), at);
            self.published.stale = true;
        }
    }

    /// Counts the key if its hash has come to have fields with expire times, or has none any more, and sees to it that
    /// the wheel has a record at or before the soonest of them.
    #[inline]
    fn fields_changed(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        old: Option<UnixMillis>,
        new: Option<UnixMillis>,
        now: UnixMillis,
    ) {
        if old == new {
            return;
        }
        let database = self.dbs[db as usize]
            .as_mut()
            .expect("the database holds the key");
        database.with_field_ttl += usize::from(new.is_some());
        database.with_field_ttl -= usize::from(old.is_some());
        self.file(db, key, old, new, now);
    }

    /// Removes `key`; whether it was there, expired or not.
    pub(crate) fn remove(&mut self, db: DbIndex, key: &Key<'_>, hasher: &KeyHasher) -> bool {
        let Some(database) = self.dbs[db as usize].as_mut() else {
            return false;
        };
        let removed = database.table.remove(key.hash.position, key.bytes, hasher);
        let Some(word) = removed else {
            return false;
        };
        self.departed(db, word);
        true
    }

    /// Accounts for a word that has just left the table of `db`.
    fn departed(&mut self, db: DbIndex, word: Word) {
        self.uncount(db, word);
        self.retire(db, word);
    }

    /// Takes a word that has just left the table of `db`, its value still in place, out of the counts of expire times.
    fn uncount(&mut self, db: DbIndex, word: Word) {
        let database = self.dbs[db as usize]
            .as_mut()
            .expect("the database held the key");
        database.dismiss(word);
        database.with_ttl -= usize::from(word.has_ttl());
        database.with_field_ttl -= usize::from(soonest_expiry(word).is_some());
    }

    /// The one door: `word` is out of the table, or about to be replaced in it, and its entry is no
    /// longer wanted by anybody but a running snapshot.
    fn retire(&mut self, db: DbIndex, word: Word) {
        if word.parity() == self.parity {
            self.free(word);
        } else {
            self.dbs[db as usize]
                .as_mut()
                .expect("the database held the key")
                .pre_images
                .push(word);
        }
    }

    /// Sets, changes or removes the expire time of a key that is there.
    pub(crate) fn set_expire(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        at: Option<UnixMillis>,
        now: UnixMillis,
    ) {
        let view = self.view(db, key).expect("the caller has found the key");
        let (word, old) = (view.word(), view.expire_at());
        if old == at {
            return;
        }
        if let (Some(at), true) = (at, old.is_some() && word.parity() == self.parity) {
            // SAFETY: the word is in the table of this shard, which is borrowed exclusively.
            unsafe { EntryMut::new(word) }.set_expire_at(at);
        } else {
            let new = self.copy_of(word, key, at, false);
            self.resized(db, word, new);
            self.install(db, key, word, new);
            self.retire_copied(db, word);
        }
        self.file(db, key, old, at, now);
    }

    /// A new entry for `key` with `word`'s value and another expire time; see [`Shard::payload_to_copy`].
    fn copy_of(&mut self, word: Word, key: &Key<'_>, at: Option<UnixMillis>, keep: bool) -> Word {
        let payload = self.payload_to_copy(word, keep);
        let access = word.entry().access().load();
        self.new_entry(key.bytes, key.hash.position, payload, at, access)
    }

    /// Retires an entry whose value `copy_of` has moved (or, of old parity, cloned).
    fn retire_copied(&mut self, db: DbIndex, word: Word) {
        if word.parity() == self.parity {
            // SAFETY: the word has been replaced in the table, and what it owned has moved on.
            unsafe { self.slab.free(word.entry().block()) };
        } else {
            self.retire(db, word);
        }
    }

    /// Makes the entry of a key that is there safe to change in place: a version that a snapshot still
    /// wants is copied first.
    pub(crate) fn writable(&mut self, db: DbIndex, key: &Key<'_>) -> EntryMut<'_> {
        let view = self.view(db, key).expect("the caller has found the key");
        let word = view.word();
        self.writable_word(word, db, key)
    }

    /// As [`Shard::writable`] for a key that [`Shard::lookup`] found.
    ///
    /// # Safety
    /// As [`Shard::resolve_and_touch`].
    pub(crate) unsafe fn writable_found(
        &mut self,
        found: Found,
        db: DbIndex,
        key: &Key<'_>,
    ) -> EntryMut<'_> {
        // SAFETY: the caller guarantees that the slot is where it was.
        let word = unsafe { found.0.as_ref() }.load();
        self.writable_word(word, db, key)
    }

    #[inline]
    fn writable_word(&mut self, mut word: Word, db: DbIndex, key: &Key<'_>) -> EntryMut<'_> {
        if word.parity() != self.parity {
            let old = word;
            let copy = self.copy_of(old, key, view_expiry(old), true);
            self.resized(db, old, copy);
            self.install(db, key, old, copy);
            self.retire(db, old);
            word = old.keeping_queue(copy);
        }
        // SAFETY: the word is in the table of this shard, which stays borrowed exclusively.
        unsafe { EntryMut::new(word) }
    }

    /// Changes a big string in place and accounts for its new size.
    pub(crate) fn with_big<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        change: impl FnOnce(&mut BigString) -> R,
    ) -> R {
        let mut entry = self.writable(db, key);
        let word = entry.word();
        let big = entry.big_mut();
        let before = big_string_bytes(big);
        let result = change(big);
        let after = big_string_bytes(big);
        self.outside_changed(db, word, before, after);
        result
    }

    /// Moves up to `blocks` entries off sparse pages; how many the slab has offered. Fewer than asked for: there is no
    /// page to empty at present, which may be so although much memory is unused.
    pub(crate) fn compact(&mut self, blocks: usize, hasher: &KeyHasher) -> usize {
        for offered in 0..blocks {
            let Some(block) = self.slab.sparse_block() else {
                return offered;
            };
            match self.relocate(EntryPtr::new(block), hasher) {
                true => self.relocated.moved += 1,
                false => self.relocated.declined += 1,
            }
        }
        blocks
    }

    /// What [`Shard::compact`] has done since this was last asked.
    pub(crate) fn take_relocated(&mut self) -> Relocated {
        std::mem::take(&mut self.relocated)
    }

    /// Moves one entry to another block, if some table's word for its key is exactly this block; whether it was.
    fn relocate(&mut self, entry: EntryPtr, hasher: &KeyHasher) -> bool {
        // SAFETY: the slab yields live blocks, and every live block of this shard is an entry.
        let key = unsafe { entry.key() };
        let position = hasher.hash(key).position;
        for database in self.dbs.iter_mut().flatten() {
            let Some(slot) = database.table.find_entry_mut(position, entry) else {
                continue;
            };
            let word = slot.load();
            // SAFETY: the word is in a table of this shard, which is borrowed exclusively.
            let len = unsafe { EntryView::new(word) }.entry_len();
            let block = self.slab.alloc(len);
            let bytes_of = |block| {
                // SAFETY: both blocks are live.
                unsafe { Slab::usable_bytes(block) }
            };
            let (before, after) = (bytes_of(entry.block()), bytes_of(block));
            // SAFETY: both blocks hold at least `len` bytes and are distinct; afterwards the old one has no owner.
            unsafe {
                block.copy_from_nonoverlapping(entry.block(), len);
                self.slab.free(entry.block());
            }
            slot.store(word.moved_to(EntryPtr::new(block)));
            // One that had become too small for its block has got a smaller one.
            if before != after
                && let Some(policy) = database.eviction.policy_with_record_of(word)
            {
                policy.resized(before, after);
            }
            return true;
        }
        false
    }

    /// Merges sparse segments, one step in each database that has shrunk; whether there is more to do.
    pub(crate) fn merge_segments(&mut self, hasher: &KeyHasher) -> bool {
        for db in self.dbs.iter_mut().flatten().filter(|db| db.has_shrunk()) {
            match db.table.merge_at(db.merge_from, hasher) {
                Some(next) => db.merge_from = next,
                None => (db.merge_from, db.keys_peak) = (0, db.table.len()),
            }
        }
        self.dbs.iter().flatten().any(|db| db.has_shrunk())
    }

    /// As [`Shard::merge_segments`], for up to so many segments; whether there was any to look at.
    pub(crate) fn merge_some(&mut self, segments: usize, hasher: &KeyHasher) -> bool {
        let has_shrunk = self.dbs.iter().flatten().any(|db| db.has_shrunk());
        if has_shrunk {
            let mut left = segments;
            while left > 0 && self.merge_segments(hasher) {
                left -= 1;
            }
        }
        has_shrunk
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // Big values live outside the slab: free every entry, not only the pages.
        let detached = std::mem::take(&mut self.detached);
        let live: Vec<_> = self
            .dbs
            .iter_mut()
            .filter_map(Option::take)
            .chain(detached)
            .collect();
        live.into_iter().for_each(|db| self.bury(db));
        while self.dig() {}
    }
}

/// The soonest expire time of an element.
#[inline]
fn soonest_expiry(word: Word) -> Option<UnixMillis> {
    // SAFETY: called with a word that is still in the table of an exclusively borrowed shard, or has just left it.
    unsafe { EntryView::new(word) }.soonest_expiry()
}

fn view_expiry(word: Word) -> Option<UnixMillis> {
    // SAFETY: called with a word that is still in the table of an exclusively borrowed shard.
    unsafe { EntryView::new(word) }.expire_at()
}
