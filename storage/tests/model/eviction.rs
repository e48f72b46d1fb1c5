//! Keys are evicted while others read and write them, policies change and snapshots run.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;

use nuthatch_storage::{
    EvictionAlgorithm, EvictionBudget, EvictionSettings, Keyspace, LockPlan, NewExpiry, NewValue,
    NoteKind, Unit, UnixMillis,
};

use super::support::{NOW, Random, exclusive, get, is_long, keyspace, maintain, settle};

const KEYS: u64 = 3_000;
const SHARDS: u16 = 4;

const ALGORITHMS: [EvictionAlgorithm; 6] = [
    EvictionAlgorithm::S3Fifo,
    EvictionAlgorithm::Lru,
    EvictionAlgorithm::Lfu,
    EvictionAlgorithm::Fifo,
    EvictionAlgorithm::Random,
    EvictionAlgorithm::Ttl,
];

fn settings(random: &mut Random) -> EvictionSettings {
    let algorithm = ALGORITHMS[random.below(6) as usize];
    EvictionSettings {
        algorithm,
        volatile_only: algorithm == EvictionAlgorithm::Ttl || random.below(3) == 0,
        samples: 1 + random.below(10) as u32,
        lfu_log_factor: random.below(10) as u32,
        lfu_decay_minutes: random.below(2) as u32,
    }
}

fn name(n: u64) -> Vec<u8> {
    format!("key:{n}").into_bytes()
}

/// A value that tells whose it is, long or short.
fn value(name: &[u8], random: &mut Random) -> Vec<u8> {
    let len = match random.below(60) {
        0 => 70_000,
        1..9 => 900,
        _ => random.below(80) as usize,
    };
    [name, b"=", &vec![b'v'; len]].concat()
}

struct World {
    keyspace: Keyspace,
    now: AtomicI64,
    stop: AtomicBool,
    evicted: AtomicU64,
}

impl World {
    fn run(&self, seed: u64, mut step: impl FnMut(&mut Random, UnixMillis)) {
        let mut random = Random(seed);
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.now.load(Ordering::Relaxed);
            step(&mut random, UnixMillis(now));
        }
    }

    fn read(&self, random: &mut Random, now: UnixMillis) {
        let name = name(random.below(KEYS).min(random.below(KEYS)));
        let key = self.keyspace.key(&name);
        let mut unit = Unit::begin(&self.keyspace, LockPlan::Read(key.hash.shard), now);
        if let Some(value) = unit.string(0, &key).expect("a string") {
            let prefix = [&name[..], b"="].concat();
            assert!(value.to_vec().starts_with(&prefix), "another key's value");
        }
    }

    fn write(&self, random: &mut Random, now: UnixMillis) {
        let name = name(random.below(KEYS));
        let key = self.keyspace.key(&name);
        let mut unit = Unit::begin(&self.keyspace, LockPlan::Write(key.hash.shard), now);
        let at = UnixMillis(now.0 + 1 + random.below(20_000) as i64);
        match random.below(10) {
            0 => _ = unit.delete(0, &key),
            1 => _ = unit.set_expire(0, &key, (random.below(2) == 0).then_some(at)),
            choice => {
                let expiry = match choice {
                    2..4 => NewExpiry::Keep,
                    4..6 => NewExpiry::At(at),
                    _ => NewExpiry::None,
                };
                unit.set(0, &key, NewValue::Bytes(&value(&name, random)), expiry);
            }
        }
    }

    fn evict(&self, random: &mut Random, now: UnixMillis) {
        let shard = random.below(SHARDS.into()) as u16;
        let budget = EvictionBudget {
            keys: 1 + random.below(20) as u32,
            ..EvictionBudget::default()
        };
        let mut unit = Unit::begin(&self.keyspace, LockPlan::Write(shard), now);
        let evicted = unit.evict(shard, budget);
        let notes = unit.take_notes();
        assert_eq!(notes.len(), evicted.keys as usize);
        for note in notes {
            assert_eq!((note.db, note.kind), (0, NoteKind::Evicted));
            // The unit still holds the shard.
            assert!(unit.peek(0, &self.keyspace.key(&note.key)).is_none());
        }
        drop(unit);
        self.evicted
            .fetch_add(evicted.keys.into(), Ordering::Relaxed);
        thread::yield_now();
    }

    fn tend(&self, random: &mut Random, now: UnixMillis) {
        match random.below(20) {
            0..2 => self.keyspace.set_eviction(Some(settings(random))),
            2 => {
                for _ in 0..random.below(6) {
                    self.keyspace.set_eviction(Some(settings(random)));
                }
            }
            3 => {
                if let Some(mut snapshot) = self.keyspace.cut(|cut| cut.start_snapshot()) {
                    while snapshot.step(&self.keyspace, &mut |_, entry| {
                        let value = entry.string().expect("a string").to_vec();
                        assert!(value.starts_with(entry.key()));
                    }) {
                        thread::yield_now();
                    }
                }
            }
            _ => _ = maintain(&self.keyspace, now.0),
        }
        self.now
            .fetch_add(random.below(30) as i64, Ordering::Relaxed);
    }
}

#[test]
fn keys_are_evicted_under_readers_writers_and_other_policies() {
    let world = World {
        keyspace: keyspace(SHARDS.into()),
        now: AtomicI64::new(NOW),
        stop: AtomicBool::new(false),
        evicted: AtomicU64::new(0),
    };
    world.keyspace.set_eviction(Some(settings(&mut Random(1))));
    let enough = if is_long() { 500_000 } else { 15_000 };
    thread::scope(|scope| {
        let world = &world;
        for seed in 0..2 {
            scope.spawn(move || world.run(seed, |random, now| world.read(random, now)));
            scope.spawn(move || world.run(seed + 10, |random, now| world.write(random, now)));
        }
        scope.spawn(|| world.run(20, |random, now| world.evict(random, now)));
        let tended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut random = Random(30);
            while world.evicted.load(Ordering::Relaxed) < enough {
                let now = world.now.load(Ordering::Relaxed);
                world.tend(&mut random, UnixMillis(now));
            }
        }));
        world.stop.store(true, Ordering::Relaxed);
        tended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let (keyspace, now) = (&world.keyspace, world.now.into_inner());
    settle(keyspace, now);
    for n in 0..KEYS {
        if let Some(value) = get(keyspace, 0, &name(n), now) {
            assert!(value.starts_with(&name(n)));
        }
    }
    // The last policy gets rid of the rest.
    keyspace.set_eviction(Some(EvictionSettings {
        algorithm: EvictionAlgorithm::S3Fifo,
        volatile_only: false,
        ..settings(&mut Random(2))
    }));
    settle(keyspace, now);
    for shard in 0..SHARDS {
        let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), UnixMillis(now));
        while !unit.evict(shard, EvictionBudget::default()).is_exhausted {}
    }
    settle(keyspace, now);
    assert_eq!(exclusive(keyspace, now).db_len(0), 0);
    assert_eq!(keyspace.memory().dataset_bytes(), 0);
}
