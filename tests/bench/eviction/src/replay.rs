//! A trace against the storage crate: every miss puts the key there, and when there is no room for it others go.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use storage::{
    EvictionAlgorithm, EvictionBudget, EvictionSettings, Keyspace, KeyspaceOptions, LockPlan,
    NewExpiry, NewValue, Unit, UnixMillis,
};

use crate::trace::{Request, Trace};

/// What the cache holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Capacity {
    /// So many keys.
    Keys(u64),
    /// So many bytes of values.
    Bytes(u64),
}

/// A policy and its counterpart among the references.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PolicyUnderTest {
    pub(crate) name: &'static str,
    pub(crate) algorithm: EvictionAlgorithm,
    pub(crate) samples: u32,
    /// What the reference calls it.
    pub(crate) reference: &'static str,
}

/// Those that the references have.
pub(crate) const POLICIES: &[PolicyUnderTest] = &[
    PolicyUnderTest {
        name: "s3fifo",
        algorithm: EvictionAlgorithm::S3Fifo,
        samples: 5,
        reference: "s3_t1_mclock_fp",
    },
    PolicyUnderTest {
        name: "lru",
        algorithm: EvictionAlgorithm::Lru,
        samples: 10,
        reference: "redis_lru10",
    },
    PolicyUnderTest {
        name: "lfu",
        algorithm: EvictionAlgorithm::Lfu,
        samples: 10,
        reference: "redis_lfu10",
    },
    PolicyUnderTest {
        name: "fifo",
        algorithm: EvictionAlgorithm::Fifo,
        samples: 5,
        reference: "FIFO",
    },
    PolicyUnderTest {
        name: "random",
        algorithm: EvictionAlgorithm::Random,
        samples: 5,
        reference: "random",
    },
];

/// Misses per request of `trace`, the mean over so many seeds of the hashes.
pub(crate) fn mean_miss_ratio(
    trace: &Trace,
    policy: &PolicyUnderTest,
    capacity: Capacity,
    shards: usize,
    seeds: u64,
) -> f64 {
    // All but FIFO in one shard draw lots.
    let seeds = if policy.name == "fifo" && shards == 1 {
        1
    } else {
        seeds
    };
    let ratios = (1..=seeds).map(|seed| miss_ratio(trace, policy, capacity, shards, seed.into()));
    ratios.sum::<f64>() / seeds as f64
}

/// Misses per request of `trace`.
fn miss_ratio(
    trace: &Trace,
    policy: &PolicyUnderTest,
    capacity: Capacity,
    shards: usize,
    seed: u128,
) -> f64 {
    let keyspace = Keyspace::new(KeyspaceOptions {
        shards,
        databases: 1,
        seed,
        maxmemory_bytes: 0,
    });
    keyspace.set_eviction(Some(EvictionSettings {
        algorithm: policy.algorithm,
        volatile_only: false,
        samples: policy.samples,
        lfu_log_factor: 10,
        lfu_decay_minutes: 0,
    }));
    let mut cache = Cache {
        keyspace: &keyspace,
        capacity,
        seed,
        evictions: 0,
        sizes: vec![None; trace.requests.len() + 1],
        used: 0,
        value: Vec::new(),
    };
    let requests = trace.requests.iter().zip(0..);
    let misses = requests.filter(|&(request, number)| {
        // A tick of the clock for each request.
        cache.misses(request, UnixMillis(number * 1_000))
    });
    misses.count() as f64 / trace.requests.len() as f64
}

struct Cache<'k> {
    keyspace: &'k Keyspace,
    capacity: Capacity,
    seed: u128,
    /// Calls that evicted.
    evictions: u64,
    /// Of the keys that are there, by number.
    sizes: Vec<Option<u32>>,
    used: u64,
    value: Vec<u8>,
}

impl Cache<'_> {
    /// Reads a key, and puts it there if it is not.
    fn misses(&mut self, request: &Request, now: UnixMillis) -> bool {
        let name = format!("k{:08}", request.key);
        let key = self.keyspace.key(name.as_bytes());
        let plan = || LockPlan::Write(key.hash.shard);
        let mut unit = Unit::begin(self.keyspace, plan(), now);
        if unit.find(0, &key).is_some() {
            return false;
        }
        let (weight, limit) = match self.capacity {
            Capacity::Keys(keys) => (1, keys),
            Capacity::Bytes(bytes) => (u64::from(request.size), bytes),
        };
        drop(unit);
        while self.used + weight > limit && self.used > 0 {
            self.evict(now);
        }
        let mut unit = Unit::begin(self.keyspace, plan(), now);
        let bytes = match self.capacity {
            Capacity::Keys(_) => 1,
            Capacity::Bytes(_) => request.size as usize,
        };
        self.value.resize(bytes.max(self.value.len()), b'x');
        let value = NewValue::Bytes(&self.value[..bytes]);
        unit.set(0, &key, value, NewExpiry::None);
        self.sizes[request.key as usize] = Some(weight as u32);
        self.used += weight;
        true
    }

    /// Evicts a key, or none yet, of a shard that is chosen as the server chooses it.
    fn evict(&mut self, now: UnixMillis) {
        let lots = BuildHasherDefault::<DefaultHasher>::default();
        let random = [0, 1, 2].map(|lot| lots.hash_one((self.seed, self.evictions, lot)));
        self.evictions += 1;
        let Some((shard, _)) = self.keyspace.shard_to_evict_from(random) else {
            assert!(
                self.keyspace
                    .has_something_to_free(UnixMillis(self.evictions as i64)),
                "keys are there"
            );
            return;
        };
        let mut unit = Unit::begin(self.keyspace, LockPlan::Write(shard), now);
        let budget = EvictionBudget {
            keys: 1,
            ..EvictionBudget::default()
        };
        unit.evict(shard, budget);
        self.forget(&mut unit);
    }

    /// Counts what the unit has evicted.
    fn forget(&mut self, unit: &mut Unit<'_>) {
        for note in unit.take_notes() {
            let number = std::str::from_utf8(&note.key[1..]).ok();
            let number: Option<usize> = number.and_then(|number| number.parse().ok());
            let size = number.and_then(|number| self.sizes[number].take());
            self.used -= u64::from(size.expect("what is evicted was there"));
        }
    }
}
