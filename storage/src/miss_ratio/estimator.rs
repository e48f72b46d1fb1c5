//! From samples and counters to hit ratios.

use super::histogram::Histogram;
use super::stack::{EntryAt, Stack};
use super::{Lookups, Sample, SampledAccess};
use crate::DbIndex;
use crate::time::UnixMillis;

/// Lookups count half after this time.
const HALF_LIFE_MS: f64 = 300_000.0;
/// How often they are made to count less.
const DECAY_MS: i64 = 1_000;
/// How often the rate may be raised.
const RAISE_MS: i64 = 60_000;

/// All that is known of past lookups, without a clock or a lock.
pub(super) struct Estimator {
    keys_max: usize,
    threshold_max: u32,
    /// Keys are sampled whose ticket is below this.
    threshold: u32,
    stack: Stack,
    /// Keys beyond this distance are forgotten.
    horizon_bytes: u64,
    /// Lookups that found their key, as sampled, by distance; each sample stands for as many as the rate says.
    hits: Histogram,
    /// Those that did not, though it had been there.
    misses: Histogram,
    /// Those that found a key of which nothing was known, as after the rate has been raised.
    unknown_hits: f64,
    /// All lookups: what the samples are samples of.
    lookups: [f64; 2],
    /// How many samples of lookups there are among them.
    samples: f64,
    /// What the counters said last.
    counted: Lookups,
    /// When past lookups were last made to count less.
    decayed_at: Option<UnixMillis>,
    /// When the rate was last raised.
    raised_at: UnixMillis,
}

/// The part of a position that decides whether its key is sampled.
#[inline]
pub(super) fn ticket_of(position: u64) -> u32 {
    position as u32
}

impl Estimator {
    /// Nothing known yet. Of all tickets those below `threshold_max` are sampled, fewer if that is more than `keys_max`
    /// keys.
    pub(super) fn new(keys_max: usize, threshold_max: u32) -> Self {
        Self {
            keys_max,
            threshold_max,
            threshold: threshold_max,
            stack: Stack::new(keys_max),
            horizon_bytes: u64::MAX,
            hits: Histogram::default(),
            misses: Histogram::default(),
            unknown_hits: 0.0,
            lookups: [0.0; 2],
            samples: 0.0,
            counted: Lookups::default(),
            decayed_at: None,
            raised_at: UnixMillis(0),
        }
    }

    /// The share of keys that is sampled.
    pub(super) fn rate(&self) -> f64 {
        f64::from(self.threshold) / (f64::from(u32::MAX) + 1.0)
    }

    /// How many keys are tracked.
    pub(super) fn keys(&self) -> usize {
        self.stack.len()
    }

    /// How many samples the estimate rests on, and lookups.
    pub(super) fn weight(&self) -> (f64, f64) {
        (self.samples, self.lookups.iter().sum())
    }

    /// Takes in what was sampled.
    pub(super) fn record(&mut self, sample: &Sample, now: UnixMillis) {
        if ticket_of(sample.key.position) >= self.threshold {
            return;
        }
        if self.stack.is_full() {
            self.make_room(now);
        }
        let found = self.stack.find(sample.key);
        match sample.access {
            SampledAccess::Hit => self.hit(found, sample),
            SampledAccess::Miss => self.miss(found, sample, now),
            SampledAccess::Write => self.used(found, sample),
            SampledAccess::Gone => {
                if let Some(at) = found {
                    self.stack.remove(at);
                }
            }
        }
    }

    fn hit(&mut self, found: Option<EntryAt>, sample: &Sample) {
        let lookups = self.count(sample);
        match found {
            Some(at) => self.hits.add(self.distance(at), lookups),
            None => self.unknown_hits += lookups,
        }
        let again = f64::from(sample.times - 1);
        self.hits.add(sample.bytes, again * lookups);
        self.used(found, sample);
    }

    /// A miss of a key that was never there is one at all sizes, and so is that of one that has expired since.
    fn miss(&mut self, found: Option<EntryAt>, sample: &Sample, now: UnixMillis) {
        let lookups = self.count(sample);
        let Some(at) = found else { return };
        let entry = *self.stack.entry(at);
        if entry.expire_at < now {
            self.stack.remove(at);
            return;
        }
        self.misses.add(self.distance(at), lookups);
        let again = f64::from(sample.times - 1);
        self.misses.add(entry.bytes, again * lookups);
        self.stack.raise(at);
    }

    fn used(&mut self, found: Option<EntryAt>, sample: &Sample) {
        match found {
            Some(at) => {
                self.stack.update(at, sample.bytes, sample.expire_at);
                self.stack.raise(at);
            }
            None => self.stack.push(sample.key, sample.bytes, sample.expire_at),
        }
    }

    /// Counts the sample; how many lookups each of its times stands for.
    fn count(&mut self, sample: &Sample) -> f64 {
        self.samples += f64::from(sample.times);
        1.0 / self.rate()
    }

    /// The bytes with which an LRU cache would still have the key.
    fn distance(&self, at: EntryAt) -> u64 {
        let above = self.stack.bytes_above(at) as f64 / self.rate();
        (above as u64).saturating_add(self.stack.entry(at).bytes)
    }

    /// Forgets keys that count no more; if they are still too many, the rate is lowered.
    fn make_room(&mut self, now: UnixMillis) {
        let above_max = (self.horizon_bytes as f64 * self.rate()) as u64;
        self.stack
            .retain(|entry, above| entry.expire_at >= now && above <= above_max);
        let full = self.keys_max - self.keys_max / 8;
        while self.stack.len() > full && self.threshold > 1 {
            self.threshold -= self.threshold.div_ceil(4);
            let threshold = self.threshold;
            self.stack
                .retain(|entry, _| ticket_of(entry.key.position) < threshold);
        }
    }

    /// Raises the rate if there are few keys, but not before those that the last time has brought can have been used.
    fn follow_fewer_keys(&mut self, now: UnixMillis) {
        let elapsed_ms = now.0.saturating_sub(self.raised_at.0);
        if self.stack.len() < self.keys_max / 4 && !(0..RAISE_MS).contains(&elapsed_ms) {
            self.threshold = self.threshold.saturating_mul(2).min(self.threshold_max);
            self.raised_at = now;
        }
    }

    /// Takes over what the counters say and how far away a key may be to be of interest. Lookups of the past begin to
    /// count less.
    pub(super) fn observe(&mut self, counted: Lookups, horizon_bytes: u64, now: UnixMillis) {
        self.horizon_bytes = horizon_bytes;
        self.follow_fewer_keys(now);
        let before = std::mem::replace(&mut self.counted, counted);
        // Counters may have been set to zero since.
        let more = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now) as f64;
        self.lookups[0] += more(counted.hits, before.hits);
        self.lookups[1] += more(counted.misses, before.misses);
        let since = self.decayed_at.get_or_insert(now);
        let elapsed_ms = now.0.saturating_sub(since.0);
        if (0..DECAY_MS).contains(&elapsed_ms) {
            return;
        }
        *since = now;
        // A clock that was set back takes nothing away.
        let half_lives = elapsed_ms.max(0) as f64 / HALF_LIFE_MS;
        self.scale(0.5_f64.powf(half_lives));
    }

    fn scale(&mut self, factor: f64) {
        self.hits.scale(factor);
        self.misses.scale(factor);
        let counts = [&mut self.unknown_hits, &mut self.samples];
        let counts = counts.into_iter().chain(&mut self.lookups);
        counts.for_each(|count| *count *= factor);
    }

    /// Forgets past lookups, but not which keys were used when. The counters begin at zero.
    pub(super) fn reset(&mut self) {
        self.scale(0.0);
        self.counted = Lookups::default();
    }

    /// Forgets the keys of a database, or all.
    pub(super) fn forget(&mut self, db: Option<DbIndex>) {
        match db {
            Some(db) => self.stack.retain(|entry, _| entry.key.db != db),
            None => {
                self.stack.retain(|_, _| false);
                self.threshold = self.threshold_max;
            }
        }
    }

    /// The share of lookups that have found their key.
    pub(super) fn measured(&self) -> Option<f64> {
        let [hits, misses] = self.lookups;
        self.is_informed().then(|| hits / (hits + misses))
    }

    /// The share that would have if the dataset, which is of `now_bytes`, had so many bytes: LRU's misses become more or
    /// fewer between the two sizes, and those of the policy that runs in proportion.
    pub(super) fn expected_at(&self, bytes: u64, now_bytes: u64) -> Option<f64> {
        let measured = self.measured()?;
        let (then, now) = (1.0 - self.lru_at(bytes)?, 1.0 - self.lru_at(now_bytes)?);
        // Where LRU misses nothing there is no proportion.
        let change = if now > 0.0 { then / now } else { 1.0 };
        Some((measured + (1.0 - measured) * (1.0 - change)).clamp(0.0, 1.0))
    }

    /// The share that would have, had the dataset been an LRU cache of so many bytes.
    ///
    /// That is those that have, but for those whose key was too far away, and those that have not, but whose key was near
    /// enough.
    pub(super) fn lru_at(&self, bytes: u64) -> Option<f64> {
        if !self.is_informed() {
            return None;
        }
        let [hits, misses] = self.lookups;
        // A key that is read very often is never far away. So if there are more lookups than the samples stand for, or
        // fewer, it is these that are missing, or too many: what is far away is a part of all that were counted, not
        // of all that were sampled (the paper's "SHARDS-adj").
        let known_hits = (hits - self.unknown_hits).max(self.hits.total().min(hits));
        let lost = (self.hits.beyond(bytes) / known_hits.max(1.0)).min(1.0) * hits;
        let won = self.misses.up_to(bytes).min(misses);
        Some((hits - lost + won) / (hits + misses))
    }

    /// Whether there is anything to tell of.
    fn is_informed(&self) -> bool {
        self.samples >= 1.0 && self.lookups.iter().sum::<f64>() >= 1.0
    }
}
