//! The estimator against exact LRU, and what a keyspace tells it.

use super::estimator::Estimator;
use super::stack::{SampledKey, Stack};
use super::{
    HitRatios, KEYS_MAX, Lookups, MissRatio, Sample, SampledAccess, THRESHOLD, WAITING_MAX,
};
use crate::eviction::Random;
use crate::fixture::keyspace;
use crate::{DbIndex, Keyspace, LockPlan, NewExpiry, NewValue, Unit, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const FOREVER: UnixMillis = UnixMillis(i64::MAX);
/// All keys are sampled.
const ALL: u32 = u32::MAX;

fn after(ms: i64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn key(position: u64) -> SampledKey {
    SampledKey { position, db: 0 }
}

/// A position for each number, spread as keys' are.
fn position_of(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn below(random: &mut Random, bound: u64) -> u64 {
    ((random.next() >> 32) * bound) >> 32
}

/// Keys and their bytes, those used last at the end.
#[derive(Default)]
struct ExactStack(Vec<(u64, u64)>);

impl ExactStack {
    /// Bytes used since, without and with the key's own.
    fn bytes_above(&self, number: u64) -> Option<(u64, u64)> {
        let place = self.0.iter().position(|(other, _)| *other == number)?;
        let above = self.0[place + 1..].iter().map(|(_, bytes)| bytes).sum();
        Some((above, self.0[place].1))
    }

    fn remove(&mut self, number: u64) {
        self.0.retain(|(other, _)| *other != number);
    }

    fn put(&mut self, number: u64, bytes: u64) {
        self.remove(number);
        self.0.push((number, bytes));
    }
}

#[test]
fn distances_are_those_of_the_exact_stack() {
    let mut random = Random::new(3);
    let (mut stack, mut exact) = (Stack::new(100), ExactStack::default());
    for step in 0..20_000 {
        if stack.is_full() {
            // All have one place each then, but if there are too many keys those far down have to go.
            let most = 60 * 500;
            stack.retain(|_, above| above < most);
            let mut above = 0;
            let kept = exact.0.iter().rev().take_while(|(_, bytes)| {
                let stays = above < most;
                above += bytes;
                stays
            });
            let kept = kept.count();
            exact.0.drain(..exact.0.len() - kept);
        }
        let number = below(&mut random, 120);
        let bytes = below(&mut random, 1_000);
        let found = stack.find(key(number));
        let above = found.map(|at| (stack.bytes_above(at), stack.entry(at).bytes));
        assert_eq!(above, exact.bytes_above(number), "step {step}");
        match (found, below(&mut random, 10)) {
            (Some(at), 0) => {
                stack.remove(at);
                exact.remove(number);
            }
            (Some(at), 1) => {
                stack.update(at, bytes, FOREVER);
                let entry = exact.0.iter_mut().find(|(other, _)| *other == number);
                entry.unwrap().1 = bytes;
            }
            (Some(at), _) => {
                stack.raise(at);
                exact.put(number, above.unwrap().1);
            }
            (None, _) => {
                stack.push(key(number), bytes, FOREVER);
                exact.put(number, bytes);
            }
        }
        assert_eq!(stack.len(), exact.0.len());
    }
}

fn sample(number: u64, access: SampledAccess, bytes: usize) -> Sample {
    Sample::new(0, position_of(number), access, bytes, None)
}

/// A cache that is filled by those who miss: how many hits an LRU of each size has, and what the estimator says.
struct Replay {
    estimator: Estimator,
    exact: ExactStack,
    sizes: Vec<u64>,
    hits: Vec<u64>,
    /// Of the cache that there is, which is one of the sizes.
    counted: Lookups,
    actual: usize,
}

impl Replay {
    fn new(estimator: Estimator, sizes: &[u64], actual: usize) -> Self {
        Self {
            estimator,
            exact: ExactStack::default(),
            sizes: sizes.to_vec(),
            hits: vec![0; sizes.len()],
            counted: Lookups::default(),
            actual,
        }
    }

    fn read(&mut self, number: u64, bytes: u64) {
        let distance = self.exact.bytes_above(number);
        let fits = |size: u64| distance.is_some_and(|(above, own)| above + own <= size);
        for (size, hits) in self.sizes.iter().zip(&mut self.hits) {
            *hits += u64::from(fits(*size));
        }
        let access = if fits(self.sizes[self.actual]) {
            self.counted.hits += 1;
            SampledAccess::Hit
        } else {
            self.counted.misses += 1;
            SampledAccess::Miss
        };
        let bytes_there = match access {
            SampledAccess::Hit => bytes,
            _ => 0,
        };
        let estimator = &mut self.estimator;
        estimator.record(&sample(number, access, bytes_there as usize), NOW);
        if access == SampledAccess::Miss {
            estimator.record(&sample(number, SampledAccess::Write, bytes as usize), NOW);
        }
        self.exact.put(number, bytes);
    }

    /// How far the estimates are from what exact LRU would have, at each size.
    fn errors(mut self) -> Vec<f64> {
        self.estimator.observe(self.counted, u64::MAX, NOW);
        let lookups = (self.counted.hits + self.counted.misses) as f64;
        let pairs = self.sizes.iter().zip(&self.hits);
        pairs
            .map(|(&size, &hits)| {
                let estimate = self.estimator.lru_at(size).expect("there are samples");
                (estimate - hits as f64 / lookups).abs()
            })
            .collect()
    }
}

/// Draws numbers below `keys`, the first ones more often, as Zipf's law has it with this exponent.
fn zipf(keys: usize, exponent: f64) -> impl FnMut(&mut Random) -> u64 {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect();
    move |random| {
        let at = below(random, 1 << 30) as f64 / f64::from(1 << 30) * sum;
        sums.partition_point(|&upto| upto <= at) as u64
    }
}

fn bytes_of(number: u64) -> u64 {
    200 + position_of(number + 1_000_000) % 600
}

#[test]
fn with_all_keys_sampled_the_curve_is_that_of_lru() {
    let mut random = Random::new(5);
    let mut draw = zipf(3_000, 0.8);
    // Where buckets end, so that nothing is interpolated.
    let sizes = [1 << 16, 1 << 17, 5 << 16, 1 << 19, 1 << 20];
    for actual in [0, 2, 4] {
        // One byte less: a distance of just the size is within it.
        let sizes = sizes.map(|size| size - 1);
        let mut replay = Replay::new(Estimator::new(4_096, ALL), &sizes, actual);
        for _ in 0..10_000 {
            let number = draw(&mut random);
            replay.read(number, bytes_of(number));
        }
        for error in replay.errors() {
            assert!(error < 1e-3, "{error}");
        }
    }
}

/// What LRU caches of these sizes have as hits, and what the estimator makes of samples of the one at `actual`.
fn sampled_and_exact(exponent: f64, sizes: [u64; 3], actual: usize) -> [(f64, f64); 3] {
    const KEYS: usize = 200_000;
    const READS: u64 = 500_000;
    let mut random = Random::new(11);
    let mut draw = zipf(KEYS, exponent);
    let mut estimator = Estimator::new(KEYS_MAX, THRESHOLD);
    let mut exact = Stack::new(KEYS);
    let mut hits = [0; 3];
    for _ in 0..READS {
        let number = draw(&mut random);
        if exact.is_full() {
            exact.retain(|_, _| true);
        }
        let found = exact.find(key(number));
        let distance = found.map(|at| exact.bytes_above(at) + bytes_of(number));
        let fits = sizes.map(|size| distance.is_some_and(|distance| distance <= size));
        hits = std::array::from_fn(|at| hits[at] + u64::from(fits[at]));
        match found {
            Some(at) => exact.raise(at),
            None => exact.push(key(number), bytes_of(number), FOREVER),
        }
        let bytes = bytes_of(number) as usize;
        if fits[actual] {
            estimator.record(&sample(number, SampledAccess::Hit, bytes), NOW);
        } else {
            estimator.record(&sample(number, SampledAccess::Miss, 0), NOW);
            estimator.record(&sample(number, SampledAccess::Write, bytes), NOW);
        }
    }
    assert!(estimator.keys() > 2_000, "{}", estimator.keys());
    let counted = Lookups {
        hits: hits[actual],
        misses: READS - hits[actual],
    };
    estimator.observe(counted, u64::MAX, NOW);
    std::array::from_fn(|at| {
        let estimate = estimator.lru_at(sizes[at]).expect("there are samples");
        (estimate, hits[at] as f64 / READS as f64)
    })
}

#[test]
fn samples_tell_what_lru_would_have_with_half_the_memory_and_double() {
    for exponent in [0.6, 0.8] {
        let sizes = [10 << 20, 20 << 20, 40 << 20];
        for (estimate, exact) in sampled_and_exact(exponent, sizes, 1) {
            let what = format!("{exponent}: {estimate} for {exact}");
            assert!((estimate - exact).abs() < 0.02, "{what}");
        }
    }
}

#[test]
fn what_is_far_away_is_forgotten_before_the_rate_is_lowered() {
    let mut estimator = Estimator::new(64, ALL);
    estimator.observe(Lookups::default(), 32 * 100, NOW);
    for number in 0..10_000 {
        estimator.record(&sample(number, SampledAccess::Write, 100), NOW);
        assert!(estimator.keys() <= 64);
    }
    assert!(estimator.rate() > 0.99, "{}", estimator.rate());
    estimator.observe(Lookups::default(), u64::MAX, NOW);
    for number in 0..10_000 {
        estimator.record(&sample(number, SampledAccess::Write, 100), NOW);
        assert!(estimator.keys() <= 64);
    }
    assert!(estimator.rate() < 0.02, "{}", estimator.rate());
    // Once there are few keys it rises again, but not at once.
    for number in 0..10_000 {
        estimator.record(&sample(number, SampledAccess::Gone, 0), NOW);
    }
    let low = estimator.rate();
    let rate_after = |estimator: &mut Estimator, ms| {
        estimator.observe(Lookups::default(), u64::MAX, after(ms));
        estimator.rate() / low
    };
    let mut at = |ms| (rate_after(&mut estimator, ms) * 1_000.0).round() / 1_000.0;
    assert_eq!(
        [at(1), at(50_000), at(60_001), at(70_000)],
        [1.0, 1.0, 2.0, 2.0]
    );
    estimator.forget(None);
    assert!(estimator.rate() > 0.99, "{}", estimator.rate());
}

/// Reads of two keys in turn, so that each is as far away as the other is large.
fn in_turn(estimator: &mut Estimator, times: u64, access: SampledAccess, now: UnixMillis) {
    for number in 0..times {
        estimator.record(&sample(number % 2, access, 1 << 20), now);
    }
}

#[test]
fn a_key_that_has_expired_or_gone_is_missed_at_all_sizes() {
    let expiring = |access| Sample::new(0, position_of(1), access, 1 << 20, Some(after(5)));
    let at_most = |estimator: &mut Estimator, hits, misses| {
        estimator.observe(Lookups { hits, misses }, u64::MAX, NOW);
        estimator.lru_at(u64::MAX).unwrap()
    };
    for (ms, hit_ratio) in [(5, 1.0), (6, 0.0)] {
        let mut estimator = Estimator::new(64, ALL);
        estimator.record(&expiring(SampledAccess::Write), NOW);
        estimator.record(&sample(1, SampledAccess::Miss, 0), after(ms));
        assert!((at_most(&mut estimator, 0, 1) - hit_ratio).abs() < 1e-6);
    }
    let mut estimator = Estimator::new(64, ALL);
    estimator.record(&sample(1, SampledAccess::Write, 1 << 20), NOW);
    estimator.record(&sample(1, SampledAccess::Gone, 0), NOW);
    estimator.record(&sample(1, SampledAccess::Miss, 0), NOW);
    assert_eq!(at_most(&mut estimator, 0, 1), 0.0);
    assert_eq!(estimator.keys(), 0);
}

#[test]
fn a_key_of_which_nothing_is_known_tells_nothing_when_it_is_hit() {
    let mut estimator = Estimator::new(1_024, ALL);
    for number in 0..1_000 {
        estimator.record(&sample(number, SampledAccess::Hit, 100), NOW);
    }
    in_turn(&mut estimator, 12, SampledAccess::Hit, NOW);
    let counted = Lookups {
        hits: 1_012,
        misses: 0,
    };
    estimator.observe(counted, u64::MAX, NOW);
    // Of those known ten are as far away as the two large keys; the first two are further.
    assert!((estimator.lru_at(4 << 20).unwrap() - 1.0).abs() < 1e-6);
    assert!(estimator.lru_at(1 << 19).unwrap() < 0.1);
}

#[test]
fn misses_of_another_policy_change_as_those_of_lru_do() {
    let mut estimator = Estimator::new(64, ALL);
    // With 1 MiB LRU misses all of these, but half were hits; with 4 MiB it misses none but the first two.
    in_turn(&mut estimator, 100, SampledAccess::Write, NOW);
    in_turn(&mut estimator, 1_000, SampledAccess::Hit, NOW);
    in_turn(&mut estimator, 1_000, SampledAccess::Miss, NOW);
    let counted = Lookups {
        hits: 1_000,
        misses: 1_000,
    };
    estimator.observe(counted, u64::MAX, NOW);
    let expected = |mib: u64| estimator.expected_at(mib << 20, 1 << 20).unwrap();
    assert!((expected(1) - 0.5).abs() < 1e-9);
    assert!((expected(4) - 1.0).abs() < 1e-6, "{}", expected(4));
    // No proportion to go by: as measured.
    assert_eq!(estimator.expected_at(1 << 20, 4 << 20), Some(0.5));
}

#[test]
fn lookups_count_less_with_time() {
    let mut estimator = Estimator::new(64, ALL);
    in_turn(&mut estimator, 1_000, SampledAccess::Hit, NOW);
    let mut counted = Lookups {
        hits: 1_000,
        misses: 0,
    };
    estimator.observe(counted, u64::MAX, NOW);
    assert!((estimator.measured().unwrap() - 1.0).abs() < 1e-9);
    assert!(estimator.lru_at(1 << 20).unwrap() < 0.1);
    // An hour later only what has happened since is left.
    estimator.observe(counted, u64::MAX, after(3_600_000));
    in_turn(&mut estimator, 1_000, SampledAccess::Miss, after(3_600_000));
    counted.misses += 1_000;
    estimator.observe(counted, u64::MAX, after(3_600_000));
    assert!(estimator.measured().unwrap() < 0.01);
    assert!(estimator.lru_at(4 << 20).unwrap() > 0.99);
    // A clock that is set back does no harm.
    estimator.observe(counted, u64::MAX, NOW);
    assert!(estimator.measured().unwrap() < 0.01);
}

#[test]
fn nothing_is_told_without_lookups() {
    let mut estimator = Estimator::new(64, ALL);
    assert_eq!(
        (estimator.measured(), estimator.lru_at(1 << 20)),
        (None, None)
    );
    in_turn(&mut estimator, 100, SampledAccess::Hit, NOW);
    assert_eq!(
        estimator.lru_at(1 << 20),
        None,
        "they have not been counted"
    );
    let counted = Lookups {
        hits: 100,
        misses: 0,
    };
    estimator.observe(counted, u64::MAX, NOW);
    assert!(estimator.lru_at(4 << 20).is_some());
    estimator.reset();
    assert_eq!(
        (estimator.measured(), estimator.lru_at(1 << 20)),
        (None, None)
    );
    assert_eq!(estimator.keys(), 2, "the keys are still known");
}

/// Names whose keys are sampled.
fn sampled_names(keyspace: &Keyspace, count: usize) -> Vec<String> {
    let names = (0..).map(|number| format!("key:{number}"));
    let is_sampled = |name: &String| super::is_sampled(&keyspace.key(name.as_bytes()).hash);
    names.filter(is_sampled).take(count).collect()
}

/// What there is to say after so many lookups more.
fn ratios(keyspace: &Keyspace, counted: Lookups) -> HitRatios {
    let miss_ratio = keyspace.miss_ratio();
    miss_ratio.observe(counted, u64::MAX, NOW);
    miss_ratio.hit_ratios(1 << 40, &[1 << 40])
}

fn with_unit<R>(
    keyspace: &Keyspace,
    name: &str,
    then: impl FnOnce(&mut Unit<'_>, &crate::Key<'_>) -> R,
) -> R {
    let key = keyspace.key(name.as_bytes());
    let mut unit = Unit::begin(keyspace, LockPlan::Write(key.hash.shard), NOW);
    then(&mut unit, &key)
}

fn set(keyspace: &Keyspace, db: DbIndex, name: &str, value: &[u8]) {
    with_unit(keyspace, name, |unit, key| {
        unit.set(db, key, NewValue::Bytes(value), NewExpiry::None)
    });
}

fn tracked(keyspace: &Keyspace) -> usize {
    ratios(keyspace, Lookups::default()).tracked_keys
}

#[test]
fn a_keyspace_leaves_samples_of_lookups_and_changes() {
    let keyspace = keyspace();
    let names = sampled_names(&keyspace, 3);
    let [first, second, third] = &names[..] else {
        unreachable!("so many were asked for")
    };
    names
        .iter()
        .for_each(|name| set(&keyspace, 0, name, b"value"));
    assert_eq!(tracked(&keyspace), 3);
    let read = |name: &str| with_unit(&keyspace, name, |unit, key| unit.find(0, key).is_some());
    assert!(read(first));
    assert!(with_unit(&keyspace, second, |unit, key| unit.delete(0, key)));
    assert!(!read(second));
    with_unit(&keyspace, third, |unit, key| unit.remove(0, key));
    // As after an eviction: it is missed, but would be there.
    assert!(!read(third));
    let counted = Lookups { hits: 1, misses: 2 };
    let ratios = ratios(&keyspace, counted);
    assert_eq!((ratios.samples, ratios.lookups), (3.0, 3.0));
    assert_eq!(ratios.tracked_keys, 2);
    // With so few samples each stands for more lookups than there were.
    assert_eq!(ratios.estimates.len(), 1);
    assert!(ratios.lru.unwrap() >= ratios.measured.unwrap());
    assert_eq!(ratios.estimates, [ratios.measured.unwrap()]);
    // That it is deleted now says that it would not be there.
    assert!(!with_unit(&keyspace, third, |unit, key| unit.delete(0, key)));
    assert_eq!(tracked(&keyspace), 1);
}

#[test]
fn keys_go_with_their_database() {
    let keyspace = Keyspace::new(crate::KeyspaceOptions {
        shards: 4,
        databases: 3,
        seed: 7,
        maxmemory_bytes: 0,
    });
    let names = sampled_names(&keyspace, 10);
    for db in 0..3 {
        names
            .iter()
            .for_each(|name| set(&keyspace, db, name, b"value"));
    }
    assert_eq!(tracked(&keyspace), 30);
    let exclusively = |work: &dyn Fn(&mut Unit<'_>)| {
        work(&mut Unit::begin(&keyspace, LockPlan::Exclusive, NOW));
        tracked(&keyspace)
    };
    assert_eq!(exclusively(&|unit| _ = unit.flush(Some(1))), 20);
    assert_eq!(exclusively(&|unit| unit.swap_databases(0, 1)), 10);
    assert_eq!(exclusively(&|unit| _ = unit.flush(None)), 0);
}

#[test]
fn samples_that_nobody_works_off_are_dropped_and_counted() {
    let miss_ratio = MissRatio::new();
    for number in 0..WAITING_MAX as u64 + 10 {
        miss_ratio.push(Sample::new(0, number << 32, SampledAccess::Write, 10, None));
    }
    assert_eq!(miss_ratio.hit_ratios(0, &[]).dropped_samples, 10);
    miss_ratio.work_off(|| NOW);
    assert_eq!(miss_ratio.hit_ratios(0, &[]).tracked_keys, WAITING_MAX);
    // Reads of one key one after the other take one place.
    for _ in 0..10 * WAITING_MAX {
        miss_ratio.push(Sample::new(0, 1 << 32, SampledAccess::Hit, 10, None));
    }
    let counted = Lookups {
        hits: 10 * WAITING_MAX as u64,
        misses: 0,
    };
    miss_ratio.observe(counted, u64::MAX, NOW);
    let ratios = miss_ratio.hit_ratios(1 << 20, &[1 << 20]);
    assert_eq!(ratios.dropped_samples, 10);
    assert_eq!(ratios.samples, 10.0 * WAITING_MAX as f64);
    miss_ratio.reset();
    assert_eq!(miss_ratio.hit_ratios(1 << 20, &[1 << 20]).estimates, []);
}
