//! What the tests of this directory share.

use nuthatch_storage::{
    DbIndex, Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, Unit, UnixMillis,
};

/// When tests begin.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// Whether the full counts are wanted.
pub(crate) fn is_long() -> bool {
    std::env::var_os("NUTHATCH_LONG").is_some()
}

pub(crate) fn keyspace(shards: usize) -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        shards,
        databases: 3,
        seed: 5,
        maxmemory_bytes: 0,
    })
}

/// A unit that holds the one shard of `key` exclusively.
pub(crate) fn writer<'k>(keyspace: &'k Keyspace, key: &[u8], now: i64) -> Unit<'k> {
    Unit::begin(
        keyspace,
        LockPlan::Write(keyspace.hasher().hash(key).shard),
        UnixMillis(now),
    )
}

pub(crate) fn reader<'k>(keyspace: &'k Keyspace, key: &[u8], now: i64) -> Unit<'k> {
    Unit::begin(
        keyspace,
        LockPlan::Read(keyspace.hasher().hash(key).shard),
        UnixMillis(now),
    )
}

pub(crate) fn exclusive(keyspace: &Keyspace, now: i64) -> Unit<'_> {
    Unit::begin(keyspace, LockPlan::Exclusive, UnixMillis(now))
}

pub(crate) fn set(
    keyspace: &Keyspace,
    db: DbIndex,
    key: &[u8],
    value: &[u8],
    expire_at: Option<i64>,
    now: i64,
) {
    let expiry = expire_at.map_or(NewExpiry::None, |at| NewExpiry::At(UnixMillis(at)));
    writer(keyspace, key, now).set(db, &keyspace.key(key), NewValue::Bytes(value), expiry);
}

pub(crate) fn delete(keyspace: &Keyspace, db: DbIndex, key: &[u8], now: i64) -> bool {
    writer(keyspace, key, now).delete(db, &keyspace.key(key))
}

pub(crate) fn get(keyspace: &Keyspace, db: DbIndex, key: &[u8], now: i64) -> Option<Vec<u8>> {
    let mut unit = reader(keyspace, key, now);
    unit.string(db, &keyspace.key(key))
        .expect("a string")
        .map(|value| value.to_vec())
}

/// One slice of housekeeping in every shard; whether there is more to do.
pub(crate) fn maintain(keyspace: &Keyspace, now: i64) -> bool {
    let mut more = false;
    for shard in 0..keyspace.shard_count() as u16 {
        more |= Unit::begin(keyspace, LockPlan::Write(shard), UnixMillis(now)).maintain(shard);
    }
    more
}

/// Housekeeping until there is none left.
pub(crate) fn settle(keyspace: &Keyspace, now: i64) {
    while maintain(keyspace, now) {}
}

/// A small generator: the seed is all there is to a run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
