//! Eviction: its queues against plain models, its policies in keyspaces.

mod counts;
mod ghost;
mod limits;
mod policies;
mod ring;
mod snapshot;
mod switch;
mod volatile;
mod walk;

use crate::slot_word::Word;
use crate::typed::Limits;
use crate::{
    DbIndex, Evicted, EvictionAlgorithm, EvictionBudget, EvictionSettings, Keyspace,
    KeyspaceOptions, LockPlan, NewExpiry, NewValue, Note, NoteKind, Unit, UnixMillis,
};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const DAY: i64 = 86_400_000;

const ALGORITHMS: [EvictionAlgorithm; 6] = [
    EvictionAlgorithm::S3Fifo,
    EvictionAlgorithm::Lru,
    EvictionAlgorithm::Lfu,
    EvictionAlgorithm::Fifo,
    EvictionAlgorithm::Random,
    EvictionAlgorithm::Ttl,
];

fn keyspace(shards: usize) -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        shards,
        databases: 3,
        seed: 23,
        maxmemory_bytes: 0,
    })
}

/// Choosing among keys with an expire time only, or among all; the algorithm by expire times knows only the former.
fn settings(algorithm: EvictionAlgorithm, volatile_only: bool) -> EvictionSettings {
    EvictionSettings {
        algorithm,
        volatile_only: volatile_only || algorithm == EvictionAlgorithm::Ttl,
        samples: 5,
        lfu_log_factor: 0,
        lfu_decay_minutes: 0,
    }
}

fn choose(keyspace: &Keyspace, algorithm: EvictionAlgorithm) {
    keyspace.set_eviction(Some(settings(algorithm, false)));
}

fn choose_volatile(keyspace: &Keyspace, algorithm: EvictionAlgorithm) {
    keyspace.set_eviction(Some(settings(algorithm, true)));
}

/// After so many milliseconds.
fn after(ms: i64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn name(n: usize) -> Vec<u8> {
    format!("key:{n}").into_bytes()
}

fn number_of(name: &[u8]) -> usize {
    let digits = name.strip_prefix(b"key:").expect("a name of these tests");
    let digits = std::str::from_utf8(digits).expect("a number");
    digits.parse().expect("a number")
}

/// A unit that holds the shard of `key`.
fn writer<'k>(keyspace: &'k Keyspace, key: &[u8]) -> Unit<'k> {
    let plan = LockPlan::Write(keyspace.hasher().hash(key).shard);
    Unit::begin(keyspace, plan, NOW)
}

fn set_in(keyspace: &Keyspace, db: DbIndex, n: usize, len: usize, expiry: NewExpiry) {
    let (name, value) = (name(n), vec![b'v'; len]);
    let mut unit = writer(keyspace, &name);
    unit.set(db, &keyspace.key(&name), NewValue::Bytes(&value), expiry);
}

fn set(keyspace: &Keyspace, n: usize) {
    set_in(keyspace, 0, n, 40, NewExpiry::None);
}

fn set_mortal(keyspace: &Keyspace, n: usize, ttl_ms: i64) {
    set_in(keyspace, 0, n, 40, NewExpiry::At(after(ttl_ms)));
}

fn set_expire(keyspace: &Keyspace, n: usize, at: Option<UnixMillis>) {
    let name = name(n);
    assert!(writer(keyspace, &name).set_expire(0, &keyspace.key(&name), at));
}

/// A hash with one field that expires soon; the key does not.
fn set_hash_with_mortal_field(keyspace: &Keyspace, n: usize, ttl_ms: i64) {
    let name = name(n);
    let mut unit = writer(keyspace, &name);
    let edited = unit.edit_hash(0, &keyspace.key(&name), &Limits::default(), |hash| {
        hash.set(b"field", b"value", NewExpiry::At(after(ttl_ms)));
        hash.set(b"other", b"value", NewExpiry::None);
        hash.changed(2);
    });
    assert_eq!(edited.unwrap().changes, 2);
}

fn delete(keyspace: &Keyspace, n: usize) {
    let name = name(n);
    assert!(writer(keyspace, &name).delete(0, &keyspace.key(&name)));
}

fn is_there(keyspace: &Keyspace, n: usize) -> bool {
    let name = name(n);
    writer(keyspace, &name)
        .peek(0, &keyspace.key(&name))
        .is_some()
}

/// Counts an access.
fn find_at(keyspace: &Keyspace, n: usize, now: UnixMillis) {
    let name = name(n);
    let key = keyspace.key(&name);
    let mut unit = Unit::begin(keyspace, LockPlan::Read(key.hash.shard), now);
    assert!(unit.find(0, &key).is_some());
}

fn find(keyspace: &Keyspace, n: usize) {
    find_at(keyspace, n, NOW);
}

fn word_of(keyspace: &Keyspace, n: usize) -> Word {
    let name = name(n);
    let key = keyspace.key(&name);
    let shard = keyspace.shards[usize::from(key.hash.shard)].lock.read();
    shard.view(0, &key).expect("the key is there").word()
}

fn evict(keyspace: &Keyspace, shard: u16, budget: EvictionBudget) -> (Evicted, Vec<Note>) {
    evict_at(keyspace, shard, budget, NOW)
}

fn evict_at(
    keyspace: &Keyspace,
    shard: u16,
    budget: EvictionBudget,
    now: UnixMillis,
) -> (Evicted, Vec<Note>) {
    let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), now);
    let evicted = unit.evict(shard, budget);
    let notes = unit.take_notes();
    assert_eq!(notes.len(), evicted.keys as usize);
    assert!(notes.iter().all(|note| note.kind == NoteKind::Evicted));
    assert_eq!(unit.tally.evicted, u64::from(evicted.keys));
    (evicted, notes)
}

fn keys(keys: u32) -> EvictionBudget {
    EvictionBudget {
        keys,
        ..EvictionBudget::default()
    }
}

/// The next key of `shard` to go, by its number.
fn evict_one(keyspace: &Keyspace, shard: u16) -> Option<usize> {
    for _ in 0..100 {
        let (evicted, notes) = evict(keyspace, shard, keys(1));
        assert!(evicted.keys <= 1);
        if let Some(note) = notes.first() {
            return Some(number_of(&note.key));
        }
        if evicted.is_exhausted {
            return None;
        }
    }
    panic!("a hundred times the steps were used up");
}

/// Evicts whatever may be, in all shards; in which order keys went.
fn evict_all(keyspace: &Keyspace) -> Vec<(DbIndex, usize)> {
    let mut gone = Vec::new();
    for shard in 0..keyspace.shard_count() as u16 {
        let mut calls = 0;
        loop {
            let (evicted, notes) = evict(keyspace, shard, EvictionBudget::default());
            gone.extend(notes.iter().map(|note| (note.db, number_of(&note.key))));
            if evicted.is_exhausted {
                break;
            }
            calls += 1;
            assert!(calls < 2_000, "no end of it, {} keys gone", gone.len());
        }
    }
    gone
}

fn numbers_of(gone: Vec<(DbIndex, usize)>) -> Vec<usize> {
    let mut numbers: Vec<_> = gone.into_iter().map(|(_, n)| n).collect();
    numbers.sort_unstable();
    numbers
}

fn settle(keyspace: &Keyspace) {
    for shard in 0..keyspace.shard_count() as u16 {
        while Unit::begin(keyspace, LockPlan::Write(shard), NOW).maintain(shard) {}
    }
}

fn audit(keyspace: &Keyspace) {
    for cell in &keyspace.shards {
        cell.lock.write().audit(keyspace.hasher());
    }
}

fn db_len(keyspace: &Keyspace, db: DbIndex) -> u64 {
    Unit::begin(keyspace, LockPlan::Exclusive, NOW).db_len(db)
}
