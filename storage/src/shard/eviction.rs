//! Which key of a shard goes when memory is short: enrolling keys with the policy, and removing those that it names.
//!
//! `unsafe`: reads entries by their words; see the invariant in [`super`].

#[cfg(test)]
use std::collections::HashMap;

use smallvec::SmallVec;

use super::expiry::earliest;
use super::{Db, Shard};
use crate::DbIndex;
use crate::access::{Access, AccessRule, random_u32};
use crate::entry::EntryView;
use crate::eviction::{
    AnyPolicy, Eligible, EvictionSettings, Policy, Queue, Random, Residents, Search, Victim,
    belongs,
};
use crate::hash::{Key, KeyHasher};
use crate::slab::Slab;
use crate::slot_word::{Kind, Word};
use crate::table::position_of;
use crate::time::UnixMillis;
use crate::watch::WatchTable;
#[cfg(test)]
use crate::wheel::Record40;

/// How many policies, one after the other, words tell apart.
const GENERATIONS: usize = 4;

/// What entries remember whose words are of each generation.
type Rules = [AccessRule; GENERATIONS];

/// What a shard knows of eviction.
pub(super) struct Eviction {
    settings: Option<EvictionSettings>,
    /// Counts the policies there have been, modulo [`GENERATIONS`].
    generation: u8,
    rules: Rules,
    random: Random,
}

impl Eviction {
    pub(super) fn new(shard: u16) -> Self {
        const SEED: u64 = 0x6e75_7468_6174_6368;
        Self {
            settings: None,
            generation: 0,
            rules: Rules::default(),
            random: Random::new(SEED ^ u64::from(shard) << 1),
        }
    }

    /// Which keys go, and how they are chosen.
    pub(super) fn settings(&self) -> Option<&EvictionSettings> {
        self.settings.as_ref()
    }

    /// For a database without keys.
    pub(super) fn for_new_db(&self) -> DbEviction {
        DbEviction {
            policy: AnyPolicy::new(self.settings.as_ref()),
            volatile_only: self.settings.is_some_and(|settings| settings.volatile_only),
            generation: self.generation,
            adoption: None,
        }
    }
}

/// What a database of a shard knows of eviction.
#[derive(Debug)]
pub(super) struct DbEviction {
    policy: AnyPolicy,
    volatile_only: bool,
    generation: u8,
    /// Keys that were there when the policy came and have yet to be shown to it.
    adoption: Option<Adoption>,
}

#[derive(Clone, Copy, Debug)]
struct Adoption {
    /// The first position that has not been looked at.
    from: u64,
    /// The first generation of which there may be words behind it.
    oldest: u8,
}

impl DbEviction {
    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        self.policy.bytes()
    }

    fn belongs(&self, word: Word) -> bool {
        belongs(word, self.volatile_only)
    }

    /// The policy, if it has a record of the key.
    #[inline]
    pub(super) fn policy_with_record_of(&mut self, word: Word) -> Option<&mut dyn Policy> {
        if word.is_queued(self.generation) {
            self.policy.get()
        } else {
            None
        }
    }
}

impl Db {
    /// The word of a new key, as the policy wants it.
    #[inline]
    pub(super) fn enroll(&mut self, position: u64, word: Word) -> Word {
        let word = word.with_generation(self.eviction.generation);
        if !self.eviction.belongs(word) {
            return word;
        }
        match self.eviction.policy.get() {
            Some(policy) => {
                let queue = policy.admit(position, weight_of(word));
                word.with_small(queue == Queue::Small)
            }
            None => word,
        }
    }

    /// A key goes, or may no longer be evicted.
    #[inline]
    pub(super) fn dismiss(&mut self, word: Word) {
        if let Some(policy) = self.eviction.policy_with_record_of(word) {
            policy.departed(weight_of(word));
        }
    }

    /// A key has got an expire time, or lost it; `new` is its word in the table.
    #[cold]
    pub(super) fn ttl_changed(&mut self, position: u64, old: Word, new: Word) {
        // A key that has yet to be shown to the policy is shown to it as it is then.
        if !self.eviction.volatile_only || old.generation() != self.eviction.generation {
            return;
        }
        let word = if new.has_ttl() {
            self.enroll(position, new)
        } else {
            if let Some(policy) = self.eviction.policy_with_record_of(old) {
                policy.departed(weight_of(new));
            }
            new.with_small(false)
        };
        if let Some(slot) = self.table.find_entry_mut(position, new.entry()) {
            slot.store(word.with_generation(self.eviction.generation));
        }
    }

    /// How many keys may be evicted.
    fn evictable(&self) -> usize {
        match self.eviction.policy {
            AnyPolicy::None => 0,
            _ if self.eviction.volatile_only => self.with_ttl,
            _ => self.table.len(),
        }
    }

    /// Shows the policy the next keys that were there before it; whether there are more.
    fn adopt_some(&mut self, rules: &Rules, now: UnixMillis, hasher: &KeyHasher) -> bool {
        let Some(adoption) = self.eviction.adoption else {
            return false;
        };
        let generation = self.eviction.generation;
        let segment = self.table.segment_mut(adoption.from);
        let end = segment.end(adoption.from);
        for slot in segment.words_mut() {
            let word = slot.load();
            if word.generation() == generation {
                continue;
            }
            translate(word, rules, generation, now);
            let mut small = false;
            let belongs = self.eviction.belongs(word);
            if let (true, Some(policy)) = (belongs, self.eviction.policy.get()) {
                let position = position_of(word, hasher);
                small = policy.adopt(position, weight_of(word)) == Queue::Small;
            }
            slot.store(word.with_generation(generation).with_small(small));
        }
        self.eviction.adoption = end.map(|from| Adoption { from, ..adoption });
        self.eviction.adoption.is_some()
    }

    /// Has all words bear the generation of the policy, which is replaced next, as if they had been shown to it.
    #[cold]
    fn skip_adoption(&mut self, rules: &Rules, now: UnixMillis) {
        let generation = self.eviction.generation;
        let mut from = Some(0);
        while let Some(position) = from {
            let segment = self.table.segment_mut(position);
            from = segment.end(position);
            for slot in segment.words_mut() {
                let word = slot.load();
                if word.generation() != generation {
                    translate(word, rules, generation, now);
                    slot.store(word.with_generation(generation).with_small(false));
                }
            }
        }
        self.eviction.adoption = None;
    }

    /// Whether the policy has keys to be shown, or records of keys that are gone.
    pub(super) fn has_eviction_chores(&mut self) -> bool {
        self.eviction.adoption.is_some() || self.needs_tidying()
    }

    fn needs_tidying(&mut self) -> bool {
        let policy = self.eviction.policy.get();
        let records = policy.and_then(|policy| policy.records());
        records.is_some_and(|(ring, keys)| ring.needs_tidying(keys))
    }

    /// Whether there have come to be many such records, which nobody has begun to throw out.
    #[inline]
    pub(super) fn wants_tidying(&mut self) -> bool {
        let policy = self.eviction.policy.get();
        let records = policy.and_then(|policy| policy.records());
        records.is_some_and(|(ring, keys)| ring.wants_tidying(keys))
    }

    /// Throws out some of the policy's records of keys that are gone; whether there are more to look at.
    fn tidy_records(&mut self, most: usize, hasher: &KeyHasher) -> bool {
        if !self.needs_tidying() {
            return false;
        }
        let generation = self.eviction.generation;
        let (table, policy) = (&self.table, self.eviction.policy.get());
        let Some((ring, _)) = policy.and_then(|policy| policy.records()) else {
            return false;
        };
        ring.tidy(most, |record| {
            let words = table.matches(record, hasher);
            let queued = words.iter().filter(|word| word.is_queued(generation));
            queued.count()
        })
    }
}

/// What came of [`Shard::evict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EvictionStep {
    /// A key that took so many bytes has gone.
    Freed(usize),
    /// The steps were used up.
    NotYet,
    /// There is no key that may be evicted.
    Nobody,
}

impl Shard {
    /// Has another policy choose from now on. Keys that are there are shown to it by [`Shard::eviction_chores`].
    pub(crate) fn set_eviction(&mut self, settings: Option<EvictionSettings>) {
        let before = std::mem::replace(&mut self.eviction.settings, settings);
        self.access_rule = settings.map_or(AccessRule::Stamp, |settings| settings.access_rule());
        let kind = |settings: Option<EvictionSettings>| {
            settings.map(|settings| (settings.algorithm, settings.volatile_only))
        };
        if kind(before) == kind(settings) {
            self.eviction.rules[usize::from(self.eviction.generation)] = self.access_rule;
            for db in self.dbs.iter_mut().flatten() {
                db.eviction.policy.set_samples(settings.as_ref());
            }
            return;
        }
        let (last, now) = (self.eviction.generation, self.clock());
        let next = (last + 1) % GENERATIONS as u8;
        self.eviction.generation = next;
        for db in self.dbs.iter_mut().flatten() {
            // Only if the policy changes faster than its keys are shown to it are there words of that number.
            if db.eviction.adoption.is_some_and(|it| it.oldest == next) {
                db.skip_adoption(&self.eviction.rules, now);
            }
            let oldest = db.eviction.adoption.map_or(last, |it| it.oldest);
            db.eviction = self.eviction.for_new_db();
            db.eviction.adoption = Some(Adoption { from: 0, oldest });
        }
        self.eviction.rules[usize::from(next)] = self.access_rule;
        self.published.stale = true;
    }

    /// One slice of what the policies need: showing them keys that were there before them, throwing out records of keys
    /// that are gone. Whether there is more to do.
    pub(crate) fn eviction_chores(
        &mut self,
        records: usize,
        now: UnixMillis,
        hasher: &KeyHasher,
    ) -> bool {
        let rules = &self.eviction.rules;
        let mut more = false;
        for db in self.dbs.iter_mut().flatten() {
            more |= db.adopt_some(rules, now, hasher);
            more |= db.tidy_records(records, hasher);
        }
        more
    }

    /// Removes the key that the policy names; `gone` is called with it before its entry is freed. Looks at no more than
    /// `steps` words, and takes those it looked at off them.
    pub(crate) fn evict(
        &mut self,
        steps: &mut u32,
        now: UnixMillis,
        hasher: &KeyHasher,
        gone: impl FnOnce(&mut WatchTable, DbIndex, &[u8]),
    ) -> EvictionStep {
        let (db, victim) = match self.next_victim(steps, now, hasher) {
            (db, Search::Found(victim)) => (db, victim),
            (_, Search::NotYet) => return EvictionStep::NotYet,
            (_, Search::Nobody) => return EvictionStep::Nobody,
        };
        let Victim { position, word } = victim;
        // SAFETY: the policy has found the word in the table, which is borrowed exclusively.
        gone(&mut self.watches, db, unsafe { word.entry().key() });
        let bytes = weight_of(word);
        let database = self.dbs[db as usize].as_mut();
        let database = database.expect("the policy has found the key there");
        let removed = database.table.remove_entry(position, word.entry(), hasher);
        let keys = database.evictable();
        if let Some(policy) = database.eviction.policy_with_record_of(word) {
            policy.evicted(position, keys);
        }
        self.departed(db, removed.expect("the policy has found the word"));
        self.count_evicted(db);
        EvictionStep::Freed(bytes)
    }

    /// How many keys may be evicted.
    pub(crate) fn evictable(&self) -> usize {
        self.dbs.iter().flatten().map(|db| db.evictable()).sum()
    }

    /// The next key to evict, and its database.
    fn next_victim(
        &mut self,
        steps: &mut u32,
        now: UnixMillis,
        hasher: &KeyHasher,
    ) -> (DbIndex, Search) {
        let mut dbs = self.dbs_with_victims();
        let (first, second) = (dbs.next(), dbs.next());
        drop(dbs);
        match (first, second) {
            (None, _) => (0, Search::Nobody),
            (Some(db), None) => (db, self.victim(db, steps, now, hasher)),
            _ => self.victim_of_several(steps, now, hasher),
        }
    }

    /// The same where several databases have keys to evict.
    #[cold]
    fn victim_of_several(
        &mut self,
        steps: &mut u32,
        now: UnixMillis,
        hasher: &KeyHasher,
    ) -> (DbIndex, Search) {
        loop {
            let mut dbs: SmallVec<[(DbIndex, Option<u64>); 16]> =
                self.dbs_with_victims().map(|db| (db, None)).collect();
            for (db, claim) in &mut dbs {
                *claim = (self)
                    .ask_policy(*db, steps, now, hasher, |policy, residents| {
                        policy.claim(residents)
                    })
                    .flatten();
            }
            let most = dbs.iter().map(|(_, claim)| *claim).max();
            dbs.retain(|(_, claim)| Some(*claim) == most);
            let db = self.draw_db(dbs.iter().map(|(db, _)| *db));
            match self.victim(db, steps, now, hasher) {
                Search::NotYet if *steps > 0 => *steps -= 1,
                search => return (db, search),
            }
        }
    }

    fn dbs_with_victims(&self) -> impl Iterator<Item = DbIndex> {
        let dbs = (0..).zip(&self.dbs);
        dbs.filter(|(_, db)| db.as_ref().is_some_and(|db| db.evictable() > 0))
            .map(|(number, _)| number)
    }

    /// One of some databases, each as often as it has keys to evict.
    fn draw_db(&mut self, dbs: impl Iterator<Item = DbIndex> + Clone) -> DbIndex {
        let random = self.eviction.random.next() as usize;
        let keys = |db: DbIndex| (self.dbs[db as usize].as_ref()).map_or(0, |db| db.evictable());
        let mut at = random % dbs.clone().map(keys).sum::<usize>().max(1);
        let mut dbs = dbs;
        let drawn = dbs.find(|db| {
            let keys = keys(*db);
            let is_it = at < keys;
            at = at.saturating_sub(keys);
            is_it
        });
        drawn.unwrap_or(0)
    }

    fn victim(
        &mut self,
        db: DbIndex,
        steps: &mut u32,
        now: UnixMillis,
        hasher: &KeyHasher,
    ) -> Search {
        let search = self.ask_policy(db, steps, now, hasher, |policy, residents| {
            policy.victim(residents)
        });
        search.unwrap_or(Search::Nobody)
    }

    /// Asks the policy of a database about its keys. `None` if there is none.
    fn ask_policy<T>(
        &mut self,
        db: DbIndex,
        steps: &mut u32,
        now: UnixMillis,
        hasher: &KeyHasher,
        ask: impl FnOnce(&mut dyn Policy, &mut Residents<'_>) -> T,
    ) -> Option<T> {
        let all: usize = self.dbs.iter().flatten().map(|db| db.table.len()).sum();
        let (bytes, evictable) = (self.dataset_bytes(), self.evictable());
        let (rule, parity) = (self.access_rule, self.parity);
        let random = &mut self.eviction.random;
        let database = self.dbs[db as usize].as_deref_mut()?;
        let keys = database.evictable();
        let policy = database.eviction.policy.get()?;
        let mut residents = Residents {
            table: &mut database.table,
            wheel: database.wheel.as_deref_mut(),
            hasher,
            now,
            rule,
            eligible: Eligible {
                volatile_only: database.eviction.volatile_only,
                parity,
            },
            generation: database.eviction.generation,
            keys,
            bytes: (bytes as u128 * keys as u128 / all.max(1) as u128) as usize,
            are_all: keys == evictable,
            random,
            steps,
        };
        Some(ask(policy, &mut residents))
    }

    /// What is remembered of accesses to a key, and the rule that holds.
    pub(crate) fn access_of(
        &self,
        db: DbIndex,
        key: &Key<'_>,
        now: UnixMillis,
    ) -> Option<(AccessRule, Access)> {
        let (from, access) = self.access_as_written(db, key)?;
        let rule = self.access_rule;
        Some((rule, access.translated(from, rule, now)))
    }

    /// What is remembered of accesses to a key, and the rule of the policy that it has been shown to.
    pub(crate) fn access_as_written(
        &self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Option<(AccessRule, Access)> {
        let word = self.view(db, key)?.word();
        Some((self.rule_of(word), word.entry().access().load()))
    }

    /// What entries remember whose words are of this one's generation.
    pub(crate) fn rule_of(&self, word: Word) -> AccessRule {
        self.eviction.rules[usize::from(word.generation())]
    }

    /// Has a key that has just been moved here remember what was remembered of it before, and that it was accessed now.
    pub(crate) fn inherit_access(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        (rule, access): (AccessRule, Access),
        now: UnixMillis,
    ) {
        if rule != self.access_rule {
            return;
        }
        if let Some(view) = self.view(db, key) {
            let word = view.word();
            word.entry().access().store(access);
            word.entry().access().touch(rule, now, random_u32);
        }
    }

    /// Tells the policy that the entry of a key, whose word is still in the table, is replaced by another one.
    pub(super) fn resized(&mut self, db: DbIndex, old: Word, new: Word) {
        if let Some(policy) = self.policy_with_record_of(db, old) {
            policy.resized(weight_of(old), weight_of(new));
        }
    }

    /// Counts what the value of the key with this word in the table takes outside its entry now, and took before.
    pub(super) fn outside_changed(&mut self, db: DbIndex, word: Word, before: usize, after: usize) {
        self.outside_bytes = self.outside_bytes + after - before;
        self.value_resized(db, word, before, after);
    }

    /// Tells the policy that what the value of the key with this word in the table takes has changed, but not its entry.
    #[inline]
    pub(super) fn value_resized(&mut self, db: DbIndex, word: Word, before: usize, after: usize) {
        if before != after
            && let Some(policy) = self.policy_with_record_of(db, word)
        {
            policy.resized(before, after);
        }
    }

    /// The policy of a database, if it has a record of the key with this word in the table.
    fn policy_with_record_of(&mut self, db: DbIndex, word: Word) -> Option<&mut dyn Policy> {
        let database = self.dbs[db as usize].as_mut()?;
        database.eviction.policy_with_record_of(word)
    }
}

#[cfg(test)]
impl Shard {
    /// What the policies take.
    pub(crate) fn policy_bytes(&self) -> usize {
        self.dbs
            .iter()
            .flatten()
            .map(|db| db.eviction.bytes())
            .sum()
    }

    /// Checks what the policies count, and the marks in the words, against the tables.
    pub(super) fn audit_eviction(&mut self, hasher: &KeyHasher) {
        for db in self.dbs.iter_mut().flatten() {
            assert_eq!(db.eviction.generation, self.eviction.generation);
            db.audit_eviction(hasher);
        }
    }
}

#[cfg(test)]
impl Db {
    fn audit_eviction(&mut self, hasher: &KeyHasher) {
        let unseen_from = self.eviction.adoption.map(|adoption| adoption.from);
        let mut small: HashMap<Record40, usize> = HashMap::new();
        let (mut small_keys, mut small_bytes, mut evictable) = (0, 0, 0);
        for word in self.table.audit(hasher) {
            let position = position_of(word, hasher);
            let belongs = self.eviction.belongs(word);
            evictable += usize::from(belongs);
            if word.generation() != self.eviction.generation {
                assert!(
                    unseen_from.is_some_and(|from| position >= from),
                    "the sweep shows the policy what it passes"
                );
            } else if word.in_small() {
                assert!(belongs, "only what may be evicted is in a queue");
                small_keys += 1;
                small_bytes += weight_of(word);
                *small.entry(Record40::from_position(position)).or_default() += 1;
            }
        }
        if let AnyPolicy::S3Fifo(policy) = &self.eviction.policy {
            assert_eq!(policy.small_bytes(), small_bytes, "what they take");
        }
        let policy = self.eviction.policy.get();
        let Some((ring, counted)) = policy.and_then(|policy| policy.records()) else {
            assert_eq!(small_keys, 0, "a policy without queues puts nothing there");
            return;
        };
        assert_eq!(counted, small_keys, "keys in the small queue");
        for record in ring.audit_records() {
            if let Some(keys) = small.get_mut(&record) {
                *keys = keys.saturating_sub(1);
            }
        }
        let lost = small.values().filter(|keys| **keys > 0).count();
        assert_eq!(lost, 0, "keys of the small queue have their records");
        if matches!(self.eviction.policy, AnyPolicy::Fifo(_)) && unseen_from.is_none() {
            assert_eq!(small_keys, evictable, "all are in the one queue");
        }
    }
}

/// Has the entry of a live word remember accesses as those of another generation do.
fn translate(word: Word, rules: &Rules, generation: u8, now: UnixMillis) {
    let rule = |generation: u8| rules[usize::from(generation)];
    let access = word.entry().access();
    let (from, to) = (rule(word.generation()), rule(generation));
    access.store(access.load().translated(from, to, now));
}

/// What the entry of a live word takes: its block, and what it owns outside.
pub(crate) fn weight_of(word: Word) -> usize {
    // SAFETY: called with words of live entries only.
    let block = unsafe { Slab::usable_bytes(word.entry().block()) };
    block + outside_bytes_of(word)
}

/// What the value of a live word owns outside its block.
#[inline]
pub(super) fn outside_bytes_of(word: Word) -> usize {
    match word.kind() {
        Kind::Raw | Kind::Grown | Kind::Int | Kind::Packed => 0,
        Kind::BigString | Kind::Collection => {
            // SAFETY: called with words of live entries only.
            unsafe { EntryView::new(word) }.outside_bytes()
        }
    }
}

/// When the key of a live word expires, and when there is something to remove of it first: the key, or a field.
pub(crate) fn expiries_of(word: Word) -> (Option<UnixMillis>, Option<UnixMillis>) {
    // SAFETY: called with words of live entries only.
    let view = unsafe { EntryView::new(word) };
    (view.expire_at(), earliest(&view))
}
