//! One thread, every operation, against a `BTreeMap` per database. A failure prints its seed.

use std::collections::BTreeMap;

use nuthatch_storage::{
    DataDigest, Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, Snapshot, StoreError,
    Unit, UnixMillis,
};
use proptest::prelude::*;

const DATABASES: u32 = 3;

type Model = Vec<BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>>;

#[derive(Clone, Debug)]
enum Op {
    Set {
        db: u32,
        key: u8,
        value: Vec<u8>,
        ttl_ms: Option<u16>,
        keep: bool,
    },
    Big {
        db: u32,
        key: u8,
        len: usize,
    },
    Get {
        db: u32,
        key: u8,
    },
    Delete {
        db: u32,
        key: u8,
    },
    Expire {
        db: u32,
        key: u8,
        ttl_ms: Option<u32>,
    },
    Incr {
        db: u32,
        key: u8,
        delta: i64,
    },
    Append {
        db: u32,
        key: u8,
        value: Vec<u8>,
    },
    SetRange {
        db: u32,
        key: u8,
        offset: u16,
        value: Vec<u8>,
    },
    SetByte {
        db: u32,
        key: u8,
        at: u16,
        byte: u8,
    },
    Rename {
        db: u32,
        from: u8,
        to: u8,
    },
    Copy {
        from_db: u32,
        from: u8,
        to_db: u32,
        to: u8,
    },
    Move {
        key: u8,
        from_db: u32,
        to_db: u32,
    },
    Swap {
        a: u32,
        b: u32,
    },
    Flush {
        db: Option<u32>,
    },
    Wait {
        ms: u16,
    },
    Maintain,
    StartSnapshot,
    StepSnapshot,
}

fn op() -> impl Strategy<Value = Op> {
    let (db, key) = (0..DATABASES, 0u8..24);
    let value = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            any::<i64>().prop_map(|n| n.to_string().into_bytes()),
            (200usize..12_000).prop_map(|len| vec![b'v'; len]),
        ]
    };
    prop_oneof![
        6 => (db.clone(), key.clone(), value(), prop::option::of(0u16..300), any::<bool>())
            .prop_map(|(db, key, value, ttl_ms, keep)| Op::Set { db, key, value, ttl_ms, keep }),
        1 => (db.clone(), key.clone(), 8000usize..200_000).prop_map(|(db, key, len)| Op::Big { db, key, len }),
        4 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Get { db, key }),
        2 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Delete { db, key }),
        3 => (db.clone(), key.clone(), prop::option::of(0u32..100_000)).prop_map(|(db, key, ttl_ms)| Op::Expire { db, key, ttl_ms }),
        3 => (db.clone(), key.clone(), any::<i64>()).prop_map(|(db, key, delta)| Op::Incr { db, key, delta }),
        3 => (db.clone(), key.clone(), value()).prop_map(|(db, key, value)| Op::Append { db, key, value }),
        3 => (db.clone(), key.clone(), any::<u16>(), value()).prop_map(|(db, key, offset, value)| Op::SetRange { db, key, offset, value }),
        2 => (db.clone(), key.clone(), any::<u16>(), any::<u8>()).prop_map(|(db, key, at, byte)| Op::SetByte { db, key, at, byte }),
        2 => (db.clone(), key.clone(), key.clone()).prop_map(|(db, from, to)| Op::Rename { db, from, to }),
        2 => (db.clone(), key.clone(), db.clone(), key.clone()).prop_map(|(from_db, from, to_db, to)| Op::Copy { from_db, from, to_db, to }),
        2 => (key.clone(), db.clone(), db.clone()).prop_map(|(key, from_db, to_db)| Op::Move { key, from_db, to_db }),
        1 => (db.clone(), db.clone()).prop_map(|(a, b)| Op::Swap { a, b }),
        1 => prop::option::of(db.clone()).prop_map(|db| Op::Flush { db }),
        3 => (0u16..200).prop_map(|ms| Op::Wait { ms }),
        2 => Just(Op::Maintain),
        1 => Just(Op::StartSnapshot),
        3 => Just(Op::StepSnapshot),
    ]
}

/// A keyspace and what it should hold.
struct Pair {
    keyspace: Keyspace,
    model: Model,
    now: i64,
    /// A running snapshot, what it must show, and what it has shown.
    snapshot: Option<(Snapshot, Model, Model)>,
}

impl Pair {
    fn new(shards: usize) -> Self {
        let options = KeyspaceOptions {
            shards,
            databases: DATABASES,
            seed: 1,
            maxmemory_bytes: 0,
        };
        let model = vec![BTreeMap::new(); DATABASES as usize];
        Self {
            keyspace: Keyspace::new(options),
            model,
            now: 1_700_000_000_000,
            snapshot: None,
        }
    }

    /// What the model says of a key, expired ones removed.
    fn live(&mut self, db: u32, key: &[u8]) -> Option<&mut (Vec<u8>, Option<i64>)> {
        let now = self.now;
        let map = &mut self.model[db as usize];
        if map
            .get(key)
            .is_some_and(|(_, at)| at.is_some_and(|at| now > at))
        {
            map.remove(key);
        }
        map.get_mut(key)
    }

    fn all(&self) -> Unit<'_> {
        Unit::begin(&self.keyspace, LockPlan::Exclusive, UnixMillis(self.now))
    }

    fn run(&mut self, op: &Op) {
        let name = |key: u8| format!("key:{key}").into_bytes();
        match op.clone() {
            Op::Set {
                db,
                key,
                value,
                ttl_ms,
                keep,
            } => {
                let key = name(key);
                let (expiry, at) = match (ttl_ms, keep) {
                    (Some(ms), _) => (
                        NewExpiry::At(UnixMillis(self.now + i64::from(ms))),
                        Some(self.now + i64::from(ms)),
                    ),
                    (None, true) => (NewExpiry::Keep, self.live(db, &key).and_then(|(_, at)| *at)),
                    (None, false) => (NewExpiry::None, None),
                };
                let existed = self.live(db, &key).is_some();
                let found = self.all().set(
                    db,
                    &self.keyspace.key(&key),
                    NewValue::Bytes(&value),
                    expiry,
                );
                assert_eq!(found, existed);
                self.model[db as usize].insert(key, (value, at));
            }
            Op::Big { db, key, len } => {
                let (key, value) = (name(key), vec![b'b'; len]);
                let big =
                    NewValue::Big(nuthatch_storage::big_string::BigString::from_bytes(&value));
                self.all()
                    .set(db, &self.keyspace.key(&key), big, NewExpiry::None);
                self.model[db as usize].insert(key, (value, None));
            }
            Op::Get { db, key } => {
                let key = name(key);
                let expected = self.live(db, &key).cloned();
                let mut unit = self.all();
                let found = unit.find(db, &self.keyspace.key(&key));
                let found = found.map(|entry| {
                    (
                        entry.string().unwrap().to_vec(),
                        entry.expire_at().map(|at| at.0),
                    )
                });
                drop(unit);
                assert_eq!(found, expected);
            }
            Op::Delete { db, key } => {
                let key = name(key);
                let expected = self.live(db, &key).is_some();
                assert_eq!(self.all().delete(db, &self.keyspace.key(&key)), expected);
                self.model[db as usize].remove(&key);
            }
            Op::Expire { db, key, ttl_ms } => {
                let key = name(key);
                let at = ttl_ms.map(|ms| self.now + i64::from(ms));
                let expected = self.live(db, &key).map(|entry| entry.1 = at).is_some();
                assert_eq!(
                    self.all()
                        .set_expire(db, &self.keyspace.key(&key), at.map(UnixMillis)),
                    expected
                );
            }
            Op::Incr { db, key, delta } => {
                let key = name(key);
                let old = self
                    .live(db, &key)
                    .map(|(value, _)| nuthatch_storage::canonical_integer(value));
                let expected = match old {
                    None => Ok(delta),
                    Some(None) => Err(StoreError::NotInteger),
                    Some(Some(old)) => old.checked_add(delta).ok_or(StoreError::Overflow),
                };
                assert_eq!(
                    self.all().incr(db, &self.keyspace.key(&key), delta),
                    expected
                );
                if let Ok(value) = expected {
                    self.model[db as usize].entry(key).or_default().0 =
                        value.to_string().into_bytes();
                }
            }
            Op::Append { db, key, value } => {
                let key = name(key);
                self.live(db, &key);
                let entry = self.model[db as usize].entry(key.clone()).or_default();
                entry.0.extend(&value);
                let len = entry.0.len() as u64;
                assert_eq!(
                    self.all()
                        .append(db, &self.keyspace.key(&key), &value, 1 << 29),
                    Ok(len)
                );
            }
            Op::SetRange {
                db,
                key,
                offset,
                value,
            } => {
                let key = name(key);
                let len = self.live(db, &key).map_or(0, |(value, _)| value.len());
                let mut expected = len;
                if !value.is_empty() {
                    let entry = &mut self.model[db as usize].entry(key.clone()).or_default().0;
                    expected = len.max(usize::from(offset) + value.len());
                    entry.resize(expected, 0);
                    entry[usize::from(offset)..usize::from(offset) + value.len()]
                        .copy_from_slice(&value);
                }
                let found = self.all().set_range(
                    db,
                    &self.keyspace.key(&key),
                    u64::from(offset),
                    &value,
                    1 << 29,
                );
                assert_eq!(found, Ok(expected as u64));
            }
            Op::SetByte { db, key, at, byte } => {
                let key = name(key);
                self.live(db, &key);
                let entry = &mut self.model[db as usize].entry(key.clone()).or_default().0;
                let len = entry.len().max(usize::from(at) + 1);
                entry.resize(len, 0);
                let before = std::mem::replace(&mut entry[usize::from(at)], byte);
                let found = self.all().with_string_mut(
                    db,
                    &self.keyspace.key(&key),
                    u64::from(at) + 1,
                    |string| {
                        let before = string.byte(usize::from(at));
                        string.set_byte(usize::from(at), byte);
                        before
                    },
                );
                assert_eq!(found, Ok(before));
            }
            Op::Rename { db, from, to } => {
                let (from, to) = (name(from), name(to));
                self.live(db, &to);
                let value = self.live(db, &from).cloned();
                assert_eq!(
                    self.all()
                        .rename(db, &self.keyspace.key(&from), &self.keyspace.key(&to)),
                    value.is_some()
                );
                if let Some(value) = value {
                    self.model[db as usize].remove(&from);
                    self.model[db as usize].insert(to, value);
                }
            }
            Op::Copy {
                from_db,
                from,
                to_db,
                to,
            } => {
                if (from_db, from) == (to_db, to) {
                    return;
                }
                let (from, to) = (name(from), name(to));
                let value = self.live(from_db, &from).cloned();
                let copied = self.all().copy(
                    from_db,
                    &self.keyspace.key(&from),
                    to_db,
                    &self.keyspace.key(&to),
                );
                assert_eq!(copied, value.is_some());
                if let Some(value) = value {
                    self.model[to_db as usize].insert(to, value);
                }
            }
            Op::Move {
                key,
                from_db,
                to_db,
            } => {
                if from_db == to_db {
                    return;
                }
                let key = name(key);
                let value = self.live(from_db, &key).cloned();
                let expected = value.is_some() && self.live(to_db, &key).is_none();
                assert_eq!(
                    self.all()
                        .move_key(&self.keyspace.key(&key), from_db, to_db),
                    expected
                );
                if let (Some(value), true) = (value, expected) {
                    self.model[from_db as usize].remove(&key);
                    self.model[to_db as usize].insert(key, value);
                }
            }
            Op::Swap { a, b } => {
                self.all().swap_databases(a, b);
                self.model.swap(a as usize, b as usize);
            }
            Op::Flush { db } => {
                self.all().flush(db);
                let dbs = db.map_or(0..DATABASES, |db| db..db + 1);
                dbs.for_each(|db| self.model[db as usize].clear());
            }
            Op::Wait { ms } => self.now += i64::from(ms),
            Op::Maintain => self.maintain(),
            Op::StartSnapshot => self.start_snapshot(),
            Op::StepSnapshot => self.step_snapshot(),
        }
    }

    fn maintain(&mut self) {
        for shard in 0..self.keyspace.shard_count() as u16 {
            Unit::begin(&self.keyspace, LockPlan::Write(shard), UnixMillis(self.now))
                .maintain(shard);
        }
    }

    fn start_snapshot(&mut self) {
        let started = self.keyspace.cut(|cut| cut.start_snapshot());
        assert_eq!(started.is_some(), self.snapshot.is_none());
        if let Some(snapshot) = started {
            self.snapshot = Some((
                snapshot,
                self.model.clone(),
                vec![BTreeMap::new(); DATABASES as usize],
            ));
        }
    }

    fn step_snapshot(&mut self) {
        let Some((mut snapshot, expected, mut shown)) = self.snapshot.take() else {
            return;
        };
        let more = snapshot.step(&self.keyspace, &mut |db, entry| {
            let value = (
                entry.string().unwrap().to_vec(),
                entry.expire_at().map(|at| at.0),
            );
            let doubled = shown[db as usize].insert(entry.key().to_vec(), value);
            assert_eq!(doubled, None, "a key is shown once");
        });
        if more {
            self.snapshot = Some((snapshot, expected, shown));
            return;
        }
        // The model removes expired keys when it looks at them, the keyspace when it gets round to it.
        for (expected, mut shown) in expected.into_iter().zip(shown) {
            for (key, value) in &expected {
                assert!(
                    shown.get(key) == Some(value) || value.1.is_some_and(|at| self.now > at),
                    "{key:?}"
                );
            }
            shown.retain(|key, (_, at)| {
                !expected.contains_key(key) && at.is_none_or(|at| self.now <= at)
            });
            assert!(shown.is_empty(), "{shown:?}");
        }
    }

    fn check_all(&mut self) {
        let now = self.now;
        for map in &mut self.model {
            map.retain(|_, (_, at)| at.is_none_or(|at| now <= at));
        }
        let mut found: Model = vec![BTreeMap::new(); DATABASES as usize];
        let mut unit = self.all();
        for db in 0..DATABASES {
            let mut cursor = 0;
            loop {
                cursor = unit.scan(db, cursor, 3, &mut |entry| {
                    let value = (
                        entry.string().unwrap().to_vec(),
                        entry.expire_at().map(|at| at.0),
                    );
                    assert_eq!(
                        found[db as usize].insert(entry.key().to_vec(), value),
                        None,
                        "scanned once"
                    );
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        let empty = unit.digest() == DataDigest::default();
        drop(unit);
        assert_eq!(found, self.model);
        assert_eq!(empty, self.model.iter().all(|map| map.is_empty()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_keyspace_does_what_maps_do(ops in prop::collection::vec(op(), 1..400), shards in prop::sample::select(vec![1usize, 4])) {
        let mut pair = Pair::new(shards);
        for op in &ops {
            pair.run(op);
        }
        pair.check_all();
        while pair.snapshot.is_some() {
            pair.step_snapshot();
        }
        pair.run(&Op::Flush { db: None });
        for _ in 0..2000 {
            pair.maintain();
        }
        pair.check_all();
        // Everything has been freed: what is left are empty tables and wheels.
        prop_assert_eq!(pair.keyspace.memory().dataset_bytes(), 0);
    }
}
