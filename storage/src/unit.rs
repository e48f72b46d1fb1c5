//! Units of execution: one command, or consecutive ones of a session on one shard; one `EXEC`; one step of housekeeping.
//!
//! A unit's gate mode and shards are computed before it starts ([`LockPlan`]); commands inside it get
//! `&mut Unit` and cannot reach gate or locks. While a unit lives nothing may await, do I/O or block.

use std::sync::Arc;

use parking_lot::{RwLockReadGuard, RwLockWriteGuard};
use smallvec::SmallVec;

use crate::access::{Access, AccessRule};
use crate::blocking::Blocked;
use crate::entry::{EntryView, Payload};
use crate::eviction::EvictionSettings;
use crate::hash::Key;
use crate::keyspace::Keyspace;
use crate::listpack::Listpack;
use crate::log::{EffectGroup, TicketRange};
use crate::miss_ratio::{Sample, SampledAccess, is_sampled};
use crate::shard::{Edited, Found, LentPack, Shard, StringSlot, payload_of, weight_of};
use crate::shard_lock::Guard;
use crate::slot_word::Kind;
use crate::state::State;
use crate::time::UnixMillis;
use crate::typed::{CollectionEdit, CollectionRef, Content, Packing};
use crate::value::{NewValue, StringRef, ValueType};
use crate::waiters::WaitTable;
use crate::watch::{FamilyChanges, FamilyWatch, KeyFamily, WatchFlag};
use crate::{DbIndex, StoreError};

/// What a unit locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockPlan {
    /// No key at all.
    Nothing,
    /// One shard, shared with other readers. No gate.
    Read(u16),
    /// One shard, exclusively. No gate.
    Write(u16),
    /// Several shards, shared; the gate shared. [`Unit::begin`] sorts and deduplicates them.
    ReadMany(SmallVec<[u16; 8]>),
    /// Several shards, exclusively; the gate shared. [`Unit::begin`] sorts and deduplicates them.
    WriteMany(SmallVec<[u16; 8]>),
    /// Undeclared keys: the gate exclusively; shards are locked on first touch and kept to the end.
    Exclusive,
    /// Walks shards, holding one only while it is visited; no gate.
    Roaming,
}

/// What an entry remembered of accesses at some moment.
#[derive(Clone, Copy, Debug)]
pub struct AccessMark {
    /// What it was written by.
    rule: AccessRule,
    access: Access,
}

impl AccessMark {
    /// Seconds since the last access; 0 if accesses were counted by [`crate::EvictionAlgorithm::Lfu`].
    pub fn idle_seconds(&self, now: UnixMillis) -> u32 {
        self.under(AccessRule::Stamp, now).idle_seconds(now)
    }

    /// The counter of accesses that LFU goes by, 0 if the settings are not its; that of a new key, or a little more, if
    /// accesses were not counted.
    pub fn lfu_counter(&self, settings: &EvictionSettings, now: UnixMillis) -> u32 {
        match settings.access_rule() {
            rule @ AccessRule::Lfu(lfu) => self.under(rule, now).counter(lfu, now),
            AccessRule::Stamp | AccessRule::Count => 0,
        }
    }

    fn under(&self, rule: AccessRule, now: UnixMillis) -> Access {
        self.access.translated(self.rule, rule, now)
    }
}

/// Something that happened to a key during a unit, seen only where the key is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its database.
    pub db: DbIndex,
    /// The key.
    pub key: Box<[u8]>,
    /// What happened.
    pub kind: NoteKind,
}

/// What a [`Note`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// Storage removed the key on its own, because its time to live had passed.
    Expired,
    /// Storage removed fields of a hash, because theirs had passed.
    FieldsExpired(ExpiredFields),
    /// Storage removed the key on its own, because memory was short.
    Evicted,
    /// The key was read and is not there. Noted only on demand, see [`Unit::note_more`].
    Missed,
    /// The key is new, or replaces another of its name rather than changing it. Noted only on demand.
    Created,
}

/// Fields that storage removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredFields {
    /// Their names, one at least.
    pub names: Vec<Box<[u8]>>,
    /// Whether the key has gone with the last of them.
    pub key_is_gone: bool,
}

impl NoteKind {
    /// Whether storage removed the key, as a whole, on its own.
    pub fn is_removal(&self) -> bool {
        matches!(self, NoteKind::Expired | NoteKind::Evicted)
    }
}

/// Fields that have expired, and that one look at their hash removes.
const EXPIRED_FIELDS: usize = 128;

/// How a new value treats the expire time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewExpiry {
    /// The key shall not expire.
    None,
    /// Keep what the overwritten key had.
    Keep,
    /// Expire after this instant.
    At(UnixMillis),
}

impl NewExpiry {
    /// The expire time to have where there was `old`.
    #[inline]
    pub(crate) fn after(self, old: Option<UnixMillis>) -> Option<UnixMillis> {
        match self {
            NewExpiry::None => None,
            NewExpiry::Keep => old,
            NewExpiry::At(at) => Some(at),
        }
    }
}

/// Counters of one unit; the worker adds them to its own statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lookups that found a live key.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Changes to keys (Redis's `dirty`).
    pub dirty: u64,
    /// Keys that expired in this unit.
    pub expired: u64,
    /// Keys that it has evicted.
    pub evicted: u64,
}

/// What came of [`Unit::edit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditOutcome<R> {
    /// What the change returned.
    pub result: R,
    /// How many changes it counted.
    pub changes: u64,
    /// Whether the key was there and has gone with its last element.
    pub is_gone: bool,
}

/// A shard that a unit holds.
type Held<'e> = Guard<'e, Shard>;

/// The gate, as a unit holds it. Declared after the shards in [`Rare`], so that it is released last.
#[derive(Default)]
#[expect(dead_code, reason = "held for its drop")]
enum Gate<'e> {
    #[default]
    Free,
    Shared(RwLockReadGuard<'e, ()>),
    Exclusive(RwLockWriteGuard<'e, ()>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Declared,
    Exclusive,
    Roaming,
}

/// A running unit: the locks it holds and what it has done so far.
///
/// Most units hold one shard and find nothing out of the ordinary; what the others need is boxed, so that
/// starting and ending a unit moves and drops little.
pub struct Unit<'e> {
    keyspace: &'e Keyspace,
    one: Option<Held<'e>>,
    mode: Mode,
    /// See [`Unit::leave_expiry_to_primary`].
    primary_expires: bool,
    /// Somebody waits for a key that has changed.
    has_ready: bool,
    /// See [`Unit::note_more`].
    notes_misses: bool,
    notes_creations: bool,
    state: State,
    now: UnixMillis,
    /// What the unit counted.
    pub tally: Tally,
    rare: Option<Box<Rare<'e>>>,
}

#[derive(Default)]
struct Rare<'e> {
    many: Vec<Held<'e>>,
    gate: Gate<'e>,
    notes: Vec<Note>,
    stale: Vec<(DbIndex, Box<[u8]>)>,
}

impl<'e> Unit<'e> {
    /// Takes the plan's locks in their order, reads the state word under them and fixes the unit's `now`: the later of
    /// `turn_now` and the clocks of the shards it holds. [`LockPlan::Exclusive`] and [`LockPlan::Roaming`] lock shards
    /// later and keep `turn_now`, which such a shard's clock may be ahead of.
    #[inline]
    pub fn begin(keyspace: &'e Keyspace, plan: LockPlan, turn_now: UnixMillis) -> Self {
        // Made before the unit, so that nothing has to look at what it replaces there.
        let one = match plan {
            LockPlan::Read(shard) => Some(lock_shared(keyspace, shard)),
            LockPlan::Write(shard) => Some(lock_exclusively(keyspace, shard)),
            _ => None,
        };
        let mut now = turn_now;
        if let Some(shard) = &one {
            now = now.max(shard.clock());
            shard.advance_clock(now);
        }
        let mut unit = Self {
            keyspace,
            one,
            mode: Mode::Declared,
            primary_expires: false,
            has_ready: false,
            notes_misses: false,
            notes_creations: false,
            state: State::default(),
            now,
            tally: Tally::default(),
            rare: None,
        };
        if !matches!(
            plan,
            LockPlan::Read(_) | LockPlan::Write(_) | LockPlan::Nothing
        ) {
            unit.lock_many(plan);
        }
        unit.state = keyspace.state();
        unit
    }

    #[cold]
    fn lock_many(&mut self, plan: LockPlan) {
        let (mut shards, exclusively) = match plan {
            LockPlan::ReadMany(shards) => (shards, false),
            LockPlan::WriteMany(shards) => (shards, true),
            LockPlan::Exclusive => {
                self.rare().gate = Gate::Exclusive(self.keyspace.gate.write());
                self.mode = Mode::Exclusive;
                return;
            }
            LockPlan::Roaming => {
                self.mode = Mode::Roaming;
                return;
            }
            LockPlan::Nothing | LockPlan::Read(_) | LockPlan::Write(_) => {
                unreachable!("handled by `begin`")
            }
        };
        shards.sort_unstable();
        shards.dedup();
        if shards.len() > 1 {
            self.rare().gate = Gate::Shared(self.keyspace.gate.read());
        }
        let mut now = self.now;
        for shard in shards {
            let held = if exclusively {
                lock_exclusively(self.keyspace, shard)
            } else {
                lock_shared(self.keyspace, shard)
            };
            now = now.max(held.clock());
            self.rare().many.push(held);
        }
        self.now = now;
        self.rare()
            .many
            .iter()
            .for_each(|held| held.advance_clock(now));
    }

    fn rare(&mut self) -> &mut Rare<'e> {
        self.rare.get_or_insert_default()
    }

    /// Where among the shards of a unit over several this one is held, or would be.
    fn place(&self, index: u16) -> Result<usize, usize> {
        let many = self.rare.as_ref().map_or(&[][..], |rare| &rare.many);
        many.binary_search_by_key(&index, Guard::index)
    }

    /// The instant at which the whole unit happens.
    #[inline]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Has the unit find expired keys as if they were alive. For units that apply a primary's stream: there a key is
    /// alive until the primary's `DEL` for it comes, whatever the clock here says.
    pub fn leave_expiry_to_primary(&mut self) {
        self.primary_expires = true;
    }

    /// The instant by which keys count as expired.
    pub(crate) fn sees_expiry_at(&self) -> UnixMillis {
        if self.primary_expires {
            UnixMillis(i64::MIN)
        } else {
            self.now
        }
    }

    /// Has the unit also note keys that a read misses, and keys that come into being.
    #[inline]
    pub fn note_more(&mut self, misses: bool, creations: bool) {
        self.notes_misses = misses;
        self.notes_creations = creations;
    }

    /// The state word, as read under the unit's locks.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// The keyspace the unit works on.
    #[inline]
    pub fn keyspace(&self) -> &'e Keyspace {
        self.keyspace
    }

    /// Whether the unit already holds what a one-shard command needs, so that it may share the lock hold.
    #[inline]
    pub fn covers(&self, shard: u16, exclusively: bool) -> bool {
        self.one
            .as_ref()
            .is_some_and(|held| held.index() == shard && (!exclusively || held.is_exclusive()))
    }

    /// What this unit has noted since the last call, in order. Each owes an event, and a removal a `DEL` effect,
    /// ahead of the command's own.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.rare
            .as_mut()
            .map_or_else(Vec::new, |rare| std::mem::take(&mut rare.notes))
    }

    /// Expired keys that this unit saw but, holding a shared lock, could not remove. The same worker owes
    /// each an [`Unit::expire_if_due`] before the session's next command.
    pub fn take_stale(&mut self) -> Vec<(DbIndex, Box<[u8]>)> {
        let mut stale = self
            .rare
            .as_mut()
            .map_or_else(Vec::new, |rare| std::mem::take(&mut rare.stale));
        // Once per key, but not by looking through the list each time: one MGET may name a million.
        stale.sort_unstable();
        stale.dedup();
        stale
    }

    /// Whether [`Unit::take_notes`] or [`Unit::take_stale`] has something to say.
    #[inline]
    pub fn owes(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| !rare.notes.is_empty() || !rare.stale.is_empty())
    }

    /// Appends the unit's effects to the log, its locks still held.
    pub fn append_effects(&mut self, group: &mut EffectGroup) -> TicketRange {
        self.keyspace.log().append(group)
    }

    /// The shard, which the unit must cover.
    #[inline]
    pub(crate) fn shard(&mut self, index: u16) -> &Shard {
        if self.one.as_ref().is_some_and(|held| held.index() == index) {
            return self.one.as_deref().expect("just seen");
        }
        self.other_shard(index)
    }

    #[cold]
    fn other_shard(&mut self, index: u16) -> &Shard {
        match self.mode {
            Mode::Roaming => self.roam_to(index, false),
            Mode::Exclusive | Mode::Declared => {
                let at = self.hold(index);
                &self.rare().many[at]
            }
        }
    }

    /// The shard, which the unit must cover exclusively.
    #[inline]
    pub(crate) fn shard_mut(&mut self, index: u16) -> &mut Shard {
        if !self.covers(index, true) {
            return self.other_shard_mut(index);
        }
        let held = self.one.as_mut().and_then(Guard::exclusive);
        held.expect("`covers` has seen an exclusive hold")
    }

    #[cold]
    fn other_shard_mut(&mut self, index: u16) -> &mut Shard {
        let held = match self.mode {
            Mode::Roaming => {
                self.roam_to(index, true);
                self.one.as_mut().expect("just locked")
            }
            Mode::Exclusive | Mode::Declared => {
                let at = self.hold(index);
                &mut self.rare().many[at]
            }
        };
        match held.exclusive() {
            Some(shard) => shard,
            None => panic!("a unit that reads shard {index} wrote to it"),
        }
    }

    /// Where in `many` the shard is; locks it first if the unit may lock as it goes.
    fn hold(&mut self, index: u16) -> usize {
        match self.place(index) {
            Ok(at) => at,
            Err(at) => {
                assert!(
                    self.mode == Mode::Exclusive,
                    "a unit touched shard {index}, which it had not declared"
                );
                let held = lock_exclusively(self.keyspace, index);
                held.advance_clock(self.now);
                self.rare().many.insert(at, held);
                at
            }
        }
    }

    fn roam_to(&mut self, index: u16, exclusively: bool) -> &Shard {
        self.leave();
        let held = if exclusively {
            lock_exclusively(self.keyspace, index)
        } else {
            lock_shared(self.keyspace, index)
        };
        self.one.insert(held)
    }

    /// Lets go of the shard that a roaming unit visits; what a unit has declared it keeps.
    pub(crate) fn leave(&mut self) {
        if self.mode != Mode::Roaming {
            return;
        }
        if let Some(shard) = self.one.take().as_mut().and_then(Guard::exclusive) {
            self.keyspace.publish(shard);
        }
    }

    fn is_exclusive(&self, index: u16) -> bool {
        match self.mode {
            Mode::Exclusive => true,
            Mode::Roaming => self.covers(index, true),
            Mode::Declared => {
                let is_write =
                    |at: usize| matches!(&self.rare, Some(rare) if rare.many[at].is_exclusive());
                self.covers(index, true) || self.place(index).is_ok_and(is_write)
            }
        }
    }

    /// Brings the keyspace's memory counters up to date: shards keep small changes to themselves. Visits every shard,
    /// so it needs [`LockPlan::Roaming`] or [`LockPlan::Exclusive`].
    pub fn publish_memory(&mut self) {
        let keyspace = self.keyspace;
        for index in 0..keyspace.shard_count() as u16 {
            let shard = self.shard_mut(index);
            shard.set_stale();
            keyspace.publish(shard);
        }
        if self.mode == Mode::Roaming {
            self.leave();
        }
    }

    /// The live entry of `key`: counts a hit or a miss, and the access for the eviction policy.
    #[inline]
    pub fn find(&mut self, db: DbIndex, key: &Key<'_>) -> Option<EntryView<'_>> {
        match self.lookup(db, key) {
            Some(found) => {
                self.hit(db, key);
                let now = self.now;
                // SAFETY: nothing has happened in the shard since the word was read under its lock.
                Some(unsafe { self.shard(key.hash.shard).resolve_and_touch(found, now) })
            }
            None => {
                self.missed(db, key);
                None
            }
        }
    }

    /// The live entry of `key`: counts a hit or a miss, but no access.
    #[inline]
    pub fn glance(&mut self, db: DbIndex, key: &Key<'_>) -> Option<EntryView<'_>> {
        if !self.live(db, key) {
            self.missed(db, key);
            return None;
        }
        self.hit(db, key);
        self.shard(key.hash.shard).view(db, key)
    }

    #[inline]
    fn hit(&mut self, db: DbIndex, key: &Key<'_>) {
        self.tally.hits += 1;
        self.sample(db, key, SampledAccess::Hit);
    }

    #[inline]
    fn missed(&mut self, db: DbIndex, key: &Key<'_>) {
        self.tally.misses += 1;
        self.sample(db, key, SampledAccess::Miss);
        if self.notes_misses {
            self.note(db, key, NoteKind::Missed);
        }
    }

    /// Leaves a sample of what has become of `key`, if it is one of those that are sampled.
    #[inline]
    fn sample(&mut self, db: DbIndex, key: &Key<'_>, access: SampledAccess) {
        if is_sampled(&key.hash) {
            self.sample_now(db, key, access);
        }
    }

    #[cold]
    fn sample_now(&mut self, db: DbIndex, key: &Key<'_>, access: SampledAccess) {
        let view = self.shard(key.hash.shard).view(db, key);
        let access = match view {
            None if access == SampledAccess::Write => SampledAccess::Gone,
            _ => access,
        };
        let bytes = view.map_or(0, |view| weight_of(view.word()));
        let expire_at = view.and_then(|view| view.expire_at());
        let sample = Sample::new(db, key.hash.position, access, bytes, expire_at);
        self.keyspace.miss_ratio().push(sample);
    }

    /// Notes that `key` has come into being.
    #[inline]
    pub(crate) fn created(&mut self, db: DbIndex, key: &Key<'_>) {
        if self.notes_creations {
            self.note(db, key, NoteKind::Created);
        }
    }

    /// The live entry of `key`, looked up in order to change it: counts the access but no hit or miss.
    #[inline]
    pub fn find_to_change(&mut self, db: DbIndex, key: &Key<'_>) -> Option<EntryView<'_>> {
        let (found, now) = (self.lookup(db, key)?, self.now);
        // SAFETY: nothing has happened in the shard since the word was read under its lock.
        Some(unsafe { self.shard(key.hash.shard).resolve_and_touch(found, now) })
    }

    /// Has a roaming unit hold the shard of `key` exclusively before it looks there for what it will write: it would let
    /// go of a shared hold to get it.
    #[inline]
    fn hold_to_write(&mut self, key: &Key<'_>) {
        self.shard_mut(key.hash.shard);
    }

    /// Replaces the live value of `key` by the integer that `next` makes of it and returns that, or `None` if there is no
    /// such key. Counts the access but no hit or miss; the expire time stays.
    #[inline]
    pub(crate) fn replace_by_integer(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        next: impl FnOnce(EntryView<'_>) -> Result<i64, StoreError>,
    ) -> Result<Option<i64>, StoreError> {
        self.hold_to_write(key);
        let Some(found) = self.lookup(db, key) else {
            return Ok(None);
        };
        let now = self.now;
        let shard = self.shard_mut(key.hash.shard);
        // SAFETY: nothing has happened in the shard since the word was read: the unit holds it exclusively.
        let entry = unsafe { shard.resolve_and_touch(found, now) };
        let kind = entry.word().kind();
        let value = next(entry)?;
        if kind == Kind::Int {
            // SAFETY: as above.
            unsafe { shard.writable_found(found, db, key) }.set_int(value);
        } else {
            // SAFETY: as above.
            unsafe { shard.set_found(found, db, key, Payload::Int(value), NewExpiry::Keep, now) };
        }
        Ok(Some(value))
    }

    /// The live string at `key`, looked up in order to change it.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn string_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<StringRef<'_>>, StoreError> {
        self.find_to_change(db, key)
            .map(|entry| entry.string())
            .transpose()
    }

    /// The live string at `key`, to be read and then changed without looking for it again. Counts the access but no hit or
    /// miss; the caller notes the change.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub(crate) fn string_slot<'u>(
        &'u mut self,
        db: DbIndex,
        key: &'u Key<'_>,
    ) -> Result<Option<StringSlot<'u>>, StoreError> {
        self.hold_to_write(key);
        let Some(found) = self.lookup(db, key) else {
            return Ok(None);
        };
        let now = self.now;
        let shard = self.shard_mut(key.hash.shard);
        // SAFETY: nothing has happened in the shard since the lookup: the unit holds it exclusively.
        unsafe { StringSlot::new(shard, found, db, key, now) }.map(Some)
    }

    /// The word of the live entry of `key`, found with one walk of the table.
    #[inline]
    fn lookup(&mut self, db: DbIndex, key: &Key<'_>) -> Option<Found> {
        let now = self.now;
        let (found, expired) = self.shard(key.hash.shard).lookup(db, key, now)?;
        if expired && !self.primary_expires {
            self.found_expired(db, key);
            return None;
        }
        Some(found)
    }

    /// As [`Unit::lookup`]; of a hash, fields that have expired are removed first, or noted for removal.
    #[inline]
    fn lookup_hash(&mut self, db: DbIndex, key: &Key<'_>) -> Option<Found> {
        let found = self.lookup(db, key)?;
        let now = self.sees_expiry_at();
        // SAFETY: nothing has happened in the shard since the word was read under its lock.
        let soonest = unsafe { self.shard(key.hash.shard).resolve(found) }.soonest_expiry();
        if soonest.is_some_and(|at| at < now) {
            self.found_expired_fields(db, key);
            return self.lookup(db, key);
        }
        Some(found)
    }

    /// The live hash at `key`, fields that have expired removed or noted for removal. Counts the access, and a hit or miss
    /// if it is to be `counted`.
    #[inline]
    pub(crate) fn find_hash(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        counted: bool,
    ) -> Result<Option<CollectionRef<'_>>, StoreError> {
        let Some(found) = self.lookup_hash(db, key) else {
            if counted {
                self.missed(db, key);
            }
            return Ok(None);
        };
        if counted {
            self.hit(db, key);
        }
        let now = self.now;
        // SAFETY: nothing has happened in the shard since the word was read under its lock.
        let entry = unsafe { self.shard(key.hash.shard).resolve_and_touch(found, now) };
        collection_of(&entry, ValueType::Hash).map(Some)
    }

    /// The live entry of `key`, leaving no trace.
    #[inline]
    pub fn peek(&mut self, db: DbIndex, key: &Key<'_>) -> Option<EntryView<'_>> {
        if self.live(db, key) {
            self.shard(key.hash.shard).view(db, key)
        } else {
            None
        }
    }

    /// The live string at `key`.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn string(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<StringRef<'_>>, StoreError> {
        self.find(db, key).map(|entry| entry.string()).transpose()
    }

    /// The live collection of type `wanted` at `key`.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn collection(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
    ) -> Result<Option<CollectionRef<'_>>, StoreError> {
        self.find(db, key)
            .map(|entry| collection_of(&entry, wanted))
            .transpose()
    }

    /// As [`Unit::collection`], looked up in order to change it: counts the access but no hit or miss.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn collection_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
    ) -> Result<Option<CollectionRef<'_>>, StoreError> {
        self.find_to_change(db, key)
            .map(|entry| collection_of(&entry, wanted))
            .transpose()
    }

    /// Lets `change` edit the collection of type `wanted` at `key`, an empty one if there is none. What it counts as
    /// changes is the unit's; without any nothing is stored. A collection that ends up without elements goes with its
    /// key. Counts an access to the key, but no hit or miss.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else; `change` is not called then.
    pub fn edit<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
        change: impl FnOnce(&mut CollectionEdit<'_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        self.hold_to_write(key);
        let found = match wanted {
            ValueType::Hash => self.lookup_hash(db, key),
            _ => self.lookup(db, key),
        };
        let (now, hasher) = (self.now, self.keyspace.hasher());
        let shard = self.shard_mut(key.hash.shard);
        // SAFETY: nothing has happened in the shard since the lookup: the unit holds it exclusively.
        let edited = unsafe { shard.edit(found, db, key, wanted, now, hasher, change) }?;
        Ok(self.settle_edit(db, key, edited))
    }

    /// As [`Unit::edit`], but a listpack of this packing is changed where it lies, if `plan` says how many bytes are added
    /// at most: then `change` makes the edit and returns how many changes it counts. In all other cases `otherwise` makes
    /// it.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else; nothing is called then.
    pub(crate) fn edit_in_place<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        packing: Packing,
        plan: impl FnOnce(Listpack<'_>) -> Option<usize>,
        change: impl FnOnce(&mut LentPack<'_>) -> (R, u64),
        otherwise: impl FnOnce(&mut CollectionEdit<'_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        self.hold_to_write(key);
        let found = self.lookup(db, key);
        let (now, hasher) = (self.now, self.keyspace.hasher());
        let shard = self.shard_mut(key.hash.shard);
        // SAFETY: nothing has happened in the shard since the lookup: the unit holds it exclusively.
        let in_place = found.and_then(|found| unsafe {
            shard.edit_packed(found, db, key, packing, now, hasher, plan, change)
        });
        let edited = match in_place {
            Some(edited) => edited,
            // SAFETY: still nothing has happened.
            None => unsafe {
                let wanted = packing.value_type();
                shard.edit(found, db, key, wanted, now, hasher, otherwise)
            }?,
        };
        Ok(self.settle_edit(db, key, edited))
    }

    fn settle_edit<R>(&mut self, db: DbIndex, key: &Key<'_>, edited: Edited<R>) -> EditOutcome<R> {
        if edited.is_new {
            self.created(db, key);
        }
        if edited.changes > 0 {
            self.tally.dirty += edited.changes;
            if !edited.is_aside {
                self.spoil_watches(db, key);
            }
        }
        EditOutcome {
            result: edited.result,
            changes: edited.changes,
            is_gone: edited.is_gone,
        }
    }

    /// Stores a collection at `key`, whatever was there; without elements it only removes the key. The expire time goes.
    /// Whether there is something at `key` afterwards.
    pub fn set_collection(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        mut content: Content<'static>,
    ) -> bool {
        self.hold_to_write(key);
        if content.is_empty() {
            self.delete(db, key);
            return false;
        }
        let existed = self.live(db, key);
        let (now, hasher) = (self.now, self.keyspace.hasher());
        self.shard_mut(key.hash.shard).set(
            db,
            key,
            content.payload(),
            NewExpiry::None,
            now,
            hasher,
        );
        if !existed {
            self.created(db, key);
        }
        self.changed(db, key);
        true
    }

    /// Whether `key` is there and alive; an expired one is removed, or noted for removal.
    #[inline]
    pub(crate) fn live(&mut self, db: DbIndex, key: &Key<'_>) -> bool {
        self.lookup(db, key).is_some()
    }

    #[cold]
    fn found_expired(&mut self, db: DbIndex, key: &Key<'_>) {
        if !self.state.may_expire() {
            return;
        }
        if self.is_exclusive(key.hash.shard) {
            self.remove_expired(db, key);
        } else {
            self.rare().stale.push((db, key.bytes.into()));
        }
    }

    fn remove_expired(&mut self, db: DbIndex, key: &Key<'_>) {
        let shard = self.shard_mut(key.hash.shard);
        shard.removed.count_expired(db, 1);
        shard.watches.expired(db, key.bytes);
        if shard.waits.mark_ready(db, key.bytes) {
            self.has_ready = true;
        }
        self.remove(db, key);
        self.tally.expired += 1;
        self.note(db, key, NoteKind::Expired);
    }

    #[cold]
    fn note(&mut self, db: DbIndex, key: &Key<'_>, kind: NoteKind) {
        self.rare().notes.push(Note {
            db,
            key: key.bytes.into(),
            kind,
        });
    }

    /// Removes `key` if it is expired, or fields of its hash that are; whether the key was.
    pub fn expire_if_due(&mut self, db: DbIndex, key: &Key<'_>) -> bool {
        let before = self.tally.expired;
        self.lookup_hash(db, key);
        self.tally.expired > before
    }

    /// Removes fields of the hash at `key` that have expired, if the unit may: a bounded number, so that some may be left.
    #[cold]
    fn found_expired_fields(&mut self, db: DbIndex, key: &Key<'_>) {
        if !self.state.may_expire() {
            return;
        }
        if !self.is_exclusive(key.hash.shard) {
            self.rare().stale.push((db, key.bytes.into()));
            return;
        }
        let (now, hasher) = (self.now, self.keyspace.hasher());
        let shard = self.shard_mut(key.hash.shard);
        let expired = shard.remove_expired_fields(db, key, now, EXPIRED_FIELDS, hasher);
        self.fields_expired(db, key, expired);
    }

    /// Notes that fields of the hash at `key` have been removed because they had expired.
    #[cold]
    pub(crate) fn fields_expired(&mut self, db: DbIndex, key: &Key<'_>, expired: ExpiredFields) {
        self.spoil_watches(db, key);
        self.note(db, key, NoteKind::FieldsExpired(expired));
    }

    pub(crate) fn note_all(&mut self, mut notes: Vec<Note>) {
        if !notes.is_empty() {
            self.rare().notes.append(&mut notes);
        }
    }

    /// What the entry of `key`, expired or not, remembers of accesses.
    pub fn access_of(&mut self, db: DbIndex, key: &Key<'_>) -> Option<AccessMark> {
        let (rule, access) = self.shard(key.hash.shard).access_as_written(db, key)?;
        Some(AccessMark { rule, access })
    }

    /// Has the entry of `key`, if it is there, remember no accesses since it remembered `mark`.
    pub fn restore_access(&mut self, db: DbIndex, key: &Key<'_>, mark: AccessMark) {
        let now = self.now;
        let shard = self.shard(key.hash.shard);
        if let Some(view) = shard.view(db, key) {
            let word = view.word();
            // A command that makes the key anew makes it for the policy that chooses now.
            let access = mark.under(shard.rule_of(word), now);
            word.entry().access().store(access);
        }
    }

    /// Notes a change: spoils the transactions that watch the key and counts it.
    #[inline]
    pub(crate) fn changed(&mut self, db: DbIndex, key: &Key<'_>) {
        self.tally.dirty += 1;
        self.spoil_watches(db, key);
    }

    /// Notes one more key of a change that has been counted.
    #[inline]
    pub(crate) fn spoil_watches(&mut self, db: DbIndex, key: &Key<'_>) {
        let shard = self.shard_mut(key.hash.shard);
        shard.watches.changed(db, key.bytes);
        if shard.waits.mark_ready(db, key.bytes) {
            self.has_ready = true;
        }
        self.sample(db, key, SampledAccess::Write);
    }

    /// Notes that those who wait for `key` may be served, or may wait in vain, though nobody minds what changed in it.
    pub fn wake_waiters(&mut self, db: DbIndex, key: &Key<'_>) {
        self.mark_ready(key.hash.shard, db, key.bytes);
    }

    /// Notes that a key of `shard` has changed, for those who wait for it.
    pub(crate) fn mark_ready(&mut self, shard: u16, db: DbIndex, key: &[u8]) {
        if self.shard_mut(shard).waits.mark_ready(db, key) {
            self.has_ready = true;
        }
    }

    /// Notes that a whole database has been exchanged or emptied in `shard`, for those who wait for its keys.
    pub(crate) fn mark_all_ready(&mut self, shard: u16, db: DbIndex) {
        if self.shard_mut(shard).waits.mark_all_ready(db) {
            self.has_ready = true;
        }
    }

    /// Whether somebody waits for a key that this unit has changed; see [`crate::waiters::ReadyList::serve`].
    #[inline]
    pub fn has_ready(&self) -> bool {
        self.has_ready
    }

    /// As [`Unit::has_ready`], and forgets it: the caller serves them.
    pub fn take_has_ready(&mut self) -> bool {
        std::mem::take(&mut self.has_ready)
    }

    /// The clients that are blocked on keys of `shard`, if the unit holds it exclusively or may lock it.
    pub fn waits(&mut self, shard: u16) -> Option<&mut WaitTable<Blocked>> {
        if self.mode != Mode::Exclusive && !self.is_exclusive(shard) {
            return None;
        }
        Some(&mut self.shard_mut(shard).waits)
    }

    /// The shards that the unit holds exclusively.
    pub fn held_shards(&self) -> SmallVec<[u16; 8]> {
        let many = self.rare.iter().flat_map(|rare| &rare.many);
        let held = self.one.iter().chain(many);
        held.filter(|held| held.is_exclusive())
            .map(Guard::index)
            .collect()
    }

    /// Stores `value` at `key`, whatever was there; whether a live key was overwritten.
    pub fn set(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        value: NewValue<'_>,
        expiry: NewExpiry,
    ) -> bool {
        self.hold_to_write(key);
        let found = self.lookup(db, key);
        let (now, hasher) = (self.now, self.keyspace.hasher());
        let shard = self.shard_mut(key.hash.shard);
        if let Some(found) = found {
            // SAFETY: nothing has happened in the shard since the word was read: the unit holds it exclusively.
            unsafe { shard.set_found(found, db, key, payload_of(value), expiry, now) };
        } else {
            // On a replica an expired key may still lie there: it is absent, so its expire time is not kept.
            let expiry = match expiry {
                NewExpiry::Keep => NewExpiry::None,
                expiry => expiry,
            };
            shard.set(db, key, payload_of(value), expiry, now, hasher);
        }
        let existed = found.is_some();
        if !existed {
            self.created(db, key);
        }
        self.changed(db, key);
        existed
    }

    /// Removes `key`; whether it was there and alive.
    pub fn delete(&mut self, db: DbIndex, key: &Key<'_>) -> bool {
        if !self.live(db, key) {
            // One that was evicted would be there with more memory.
            self.sample(db, key, SampledAccess::Gone);
            return false;
        }
        self.remove(db, key);
        self.changed(db, key);
        true
    }

    /// Takes `key` out of its shard, expired or not.
    pub(crate) fn remove(&mut self, db: DbIndex, key: &Key<'_>) {
        let hasher = self.keyspace.hasher();
        self.shard_mut(key.hash.shard).remove(db, key, hasher);
    }

    /// Sets or removes the expire time of `key`; whether the key is there.
    pub fn set_expire(&mut self, db: DbIndex, key: &Key<'_>, at: Option<UnixMillis>) -> bool {
        if !self.live(db, key) {
            return false;
        }
        let now = self.now;
        self.shard_mut(key.hash.shard).set_expire(db, key, at, now);
        self.changed(db, key);
        true
    }

    /// Counts an access to `key`; whether it is there.
    pub fn touch(&mut self, db: DbIndex, key: &Key<'_>) -> bool {
        self.find(db, key).is_some()
    }

    /// Marks `flag` from now on whenever `key` changes; whether it is there. Needs the shard exclusively.
    pub fn watch(&mut self, db: DbIndex, key: &Key<'_>, flag: &Arc<WatchFlag>) -> bool {
        let is_there = self.live(db, key);
        let shard = self.shard_mut(key.hash.shard);
        shard.watches.watch(db, key.bytes, flag, is_there);
        shard.set_stale();
        is_there
    }

    /// Has changes noted from now on of the keys in some families, wherever they are. Needs [`LockPlan::Exclusive`].
    pub fn watch_families(
        &mut self,
        db: DbIndex,
        families: impl IntoIterator<Item = KeyFamily>,
    ) -> Arc<FamilyWatch> {
        // A watch that compares stays in all shards until it has been told too much in one.
        let watch = self.shard_mut(0).watches.new_family_watch(db, families);
        let watch = Arc::new(watch);
        for index in 0..self.keyspace.shard_count() as u16 {
            self.shard_mut(index).watches.watch_families(db, &watch);
        }
        watch
    }

    /// What has changed since it was last asked; from now to the end of the unit nothing does. Needs
    /// [`LockPlan::Exclusive`].
    pub fn take_family_changes(&mut self, watch: &FamilyWatch) -> Option<FamilyChanges> {
        for index in 0..self.keyspace.shard_count() as u16 {
            self.shard_mut(index);
        }
        watch.take_changes()
    }
}

#[inline]
fn collection_of<'a>(
    entry: &EntryView<'a>,
    wanted: ValueType,
) -> Result<CollectionRef<'a>, StoreError> {
    entry
        .collection()
        .filter(|collection| collection.value_type() == wanted)
        .ok_or(StoreError::WrongType)
}

#[inline]
fn lock_shared(keyspace: &Keyspace, shard: u16) -> Held<'_> {
    keyspace.shards[usize::from(shard)].lock.read()
}

#[inline]
fn lock_exclusively(keyspace: &Keyspace, shard: u16) -> Held<'_> {
    let held = keyspace.shards[usize::from(shard)].lock.write();
    held.into_guard()
}

impl Drop for Unit<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(shard) = self.one.as_mut().and_then(Guard::exclusive) {
            self.keyspace.publish(shard);
        }
        for held in self.rare.iter_mut().flat_map(|rare| &mut rare.many) {
            if let Some(shard) = held.exclusive() {
                self.keyspace.publish(shard);
            }
        }
    }
}
