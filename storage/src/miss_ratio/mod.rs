//! Which hit ratio there would be with less memory, or more.
//!
//! An LRU cache has a key for as long as what was used since, and the key itself, fit in. So how far away keys are when
//! they are looked up, in bytes used since their last use, tells the hit ratio at every size at once. To know it of all
//! keys would take as much as serving them; but keys chosen by a hash, with all their lookups, are a cache of their own
//! that behaves like the whole at a size as much smaller: SHARDS (Waldspurger and others, "Efficient MRC Construction
//! with SHARDS", FAST 2015).
//!
//! - A lookup that counts as hit or miss is a reference. A write is none, but a use; a key that is deleted or expires is
//!   gone at all sizes, one that is evicted only from the dataset as it is.
//! - One key in [`SAMPLED_OF`] is sampled, by bits of its position that come from a keyed hash, so no client can choose
//!   which. If those are more than [`KEYS_MAX`], keys are forgotten that are further away than anybody asks for, and
//!   then fewer are sampled.
//! - Samples are left under the shard's lock in a short list ([`MissRatio::push`], a leaf lock that is only tried) and worked
//!   off between units ([`MissRatio::work_off`]).
//! - Counts halve every five minutes.
//! - The policy that runs need not be LRU. At the size that there is its hit ratio is known; at others its misses are
//!   taken to grow or shrink as LRU's do. On traces of storage, databases and the web this is off by 1 point for S3-FIFO
//!   at half the size and double, where LRU's curve itself is off by 3.
//!
//! All of it never takes more than 700 KB, which are not counted as used.

mod estimator;
mod histogram;
mod stack;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::DbIndex;
use crate::hash::KeyHash;
use crate::time::UnixMillis;
use estimator::{Estimator, ticket_of};
use stack::SampledKey;

/// One key in so many is sampled, if they are not too many. Each sample costs about half as much as a lookup.
const SAMPLED_OF: u32 = 64;
/// Most keys that are tracked.
const KEYS_MAX: usize = 8192;
/// As [`ticket_of`] says: keys below it are sampled.
const THRESHOLD: u32 = u32::MAX / SAMPLED_OF + 1;
/// So many samples are worth working off.
const BATCH: usize = 64;
/// Most samples that wait; more are dropped.
const WAITING_MAX: usize = 512;

/// Counters of lookups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Those that found their key.
    pub hits: u64,
    /// Those that did not.
    pub misses: u64,
}

/// The hit ratio as it is, and as it would be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HitRatios {
    /// Lookups that it tells of: older ones count less.
    pub lookups: f64,
    /// How many samples the estimates rest on.
    pub samples: f64,
    /// The share of keys that is sampled.
    pub sampling_rate: f64,
    /// How many keys are tracked.
    pub tracked_keys: usize,
    /// How many samples have been dropped because nobody worked them off.
    pub dropped_samples: u64,
    /// The share of lookups that have found their key; `None` without lookups or samples.
    pub measured: Option<f64>,
    /// The share that would have found it in an LRU cache of this size, likewise.
    pub lru: Option<f64>,
    /// What `measured` would be for each of the sizes asked for; empty without lookups or samples.
    pub estimates: Vec<f64>,
}

/// What became of a sampled key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampledAccess {
    /// A lookup found it.
    Hit,
    /// A lookup did not.
    Miss,
    /// It was written.
    Write,
    /// It was deleted.
    Gone,
}

/// An access to a sampled key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    key: SampledKey,
    access: SampledAccess,
    /// So often, with no other sampled key between.
    times: u32,
    /// What the key takes; 0 if it is not there.
    bytes: u64,
    /// When it expires.
    expire_at: UnixMillis,
}

impl Sample {
    /// An access to the key at `position`, which takes so many bytes.
    pub(crate) fn new(
        db: DbIndex,
        position: u64,
        access: SampledAccess,
        bytes: usize,
        expire_at: Option<UnixMillis>,
    ) -> Self {
        Self {
            key: SampledKey { position, db },
            access,
            times: 1,
            bytes: bytes as u64,
            expire_at: expire_at.unwrap_or(UnixMillis(i64::MAX)),
        }
    }
}

/// Whether lookups of a key are sampled.
#[inline]
pub(crate) fn is_sampled(hash: &KeyHash) -> bool {
    ticket_of(hash.position) < THRESHOLD
}

/// The estimate of a keyspace's hit ratio at other sizes.
pub struct MissRatio {
    waiting: Mutex<Vec<Sample>>,
    /// Whether enough are waiting.
    is_due: AtomicBool,
    dropped: AtomicU64,
    estimator: Mutex<Estimator>,
}

impl MissRatio {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            is_due: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            estimator: Mutex::new(Estimator::new(KEYS_MAX, THRESHOLD)),
        }
    }

    /// Leaves a sample to be worked off. Never waits.
    pub(crate) fn push(&self, sample: Sample) {
        let Some(mut waiting) = self.waiting.try_lock() else {
            return self.drop_one();
        };
        // A key that is read all the time costs one step for many reads.
        if let Some(last) = waiting.last_mut()
            && matches!(sample.access, SampledAccess::Hit | SampledAccess::Miss)
            && (last.key, last.access) == (sample.key, sample.access)
        {
            last.times = last.times.saturating_add(1);
            return;
        }
        if waiting.len() == WAITING_MAX {
            return self.drop_one();
        }
        waiting.push(sample);
        if waiting.len() == BATCH {
            // Relaxed, here and below: a hint; the list is behind its lock.
            self.is_due.store(true, Ordering::Relaxed);
        }
    }

    #[cold]
    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Works off samples if it is worth while and nobody else does. To be called often, and without locks.
    #[inline]
    pub fn work_off(&self, now: impl FnOnce() -> UnixMillis) {
        if self.is_due.load(Ordering::Relaxed) {
            self.work_off_now(now());
        }
    }

    #[cold]
    fn work_off_now(&self, now: UnixMillis) {
        // Leaf locks are not taken together, so another one may be at it by the time that the samples are taken.
        if self.estimator.is_locked() {
            return;
        }
        let samples = self.take_waiting();
        match self.estimator.try_lock() {
            Some(mut estimator) => record_all(&mut estimator, &samples, now),
            None => {
                let dropped = samples.len() as u64;
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
    }

    fn take_waiting(&self) -> Vec<Sample> {
        let mut waiting = self.waiting.lock();
        self.is_due.store(false, Ordering::Relaxed);
        std::mem::replace(&mut waiting, Vec::with_capacity(BATCH))
    }

    /// Takes over what the counters of lookups say, and has keys forgotten that are further away than `horizon_bytes` when
    /// there are too many. To be called ten times a second or so.
    pub fn observe(&self, counted: Lookups, horizon_bytes: u64, now: UnixMillis) {
        let samples = self.take_waiting();
        let mut estimator = self.estimator.lock();
        record_all(&mut estimator, &samples, now);
        estimator.observe(counted, horizon_bytes, now);
    }

    /// The hit ratios of the dataset, which is of `now_bytes`, and at these sizes of it in bytes.
    pub fn hit_ratios(&self, now_bytes: u64, sizes: &[u64]) -> HitRatios {
        let dropped_samples = self.dropped.load(Ordering::Relaxed);
        let estimator = self.estimator.lock();
        let (samples, lookups) = estimator.weight();
        HitRatios {
            lookups,
            samples,
            sampling_rate: estimator.rate(),
            tracked_keys: estimator.keys(),
            dropped_samples,
            measured: estimator.measured(),
            lru: estimator.lru_at(now_bytes),
            estimates: sizes
                .iter()
                .filter_map(|&bytes| estimator.expected_at(bytes, now_bytes))
                .collect(),
        }
    }

    /// Forgets past lookups; the counters begin at zero again.
    pub fn reset(&self) {
        self.dropped.store(0, Ordering::Relaxed);
        self.estimator.lock().reset();
    }

    /// Forgets the keys of a database, or of all: they have gone.
    pub(crate) fn forget(&self, db: Option<DbIndex>) {
        self.waiting
            .lock()
            .retain(|sample| db.is_some_and(|db| sample.key.db != db));
        self.estimator.lock().forget(db);
    }
}

fn record_all(estimator: &mut Estimator, samples: &[Sample], now: UnixMillis) {
    for sample in samples {
        estimator.record(sample, now);
    }
}
