//! The wheel against a plain map of keys and expire times.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const START: UnixMillis = UnixMillis(1_700_000_000_000);
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
const YEAR: i64 = 365 * DAY;

/// A database that knows only when its keys expire, and keeps the wheel's rules.
struct Owner {
    wheel: Wheel,
    now: UnixMillis,
    keys: BTreeMap<u64, UnixMillis>,
    handed_out: usize,
}

impl Owner {
    fn new(phase: u32) -> Owner {
        let wheel = Wheel::new(START, phase);
        Owner {
            wheel,
            now: START,
            keys: BTreeMap::new(),
            handed_out: 0,
        }
    }

    /// As `SET key value PXAT expire_at`: an earlier expire time has its record already.
    fn set(&mut self, key: u64, expire_at: UnixMillis) {
        let before = self.keys.insert(key, expire_at);
        if before.is_none_or(|before| expire_at < before) {
            self.wheel.file(record_of(key), expire_at);
        }
    }

    /// Takes up to `budget` records. Returns false when that was not enough.
    fn expire(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            let Some(record) = self.wheel.pop_due(self.now) else {
                return true;
            };
            self.handed_out += 1;
            let matching = self.keys.range(matching_keys(record));
            let matching: Vec<_> = matching
                .map(|(&key, &expire_at)| (key, expire_at))
                .collect();
            for (key, expire_at) in matching {
                if self.now > expire_at {
                    self.keys.remove(&key);
                } else {
                    self.wheel.file(record, expire_at);
                }
            }
        }
        false
    }

    /// Expires everything. Fails when the wheel hands out the same records for ever.
    fn expire_all(&mut self) {
        let bound = 10 * (self.wheel.record_count() + self.keys.len() + 1);
        assert!(self.expire(bound), "more than {bound} records handed out");
        self.check_expired();
    }

    fn compact(&mut self, budget: usize) -> bool {
        let keys = &self.keys;
        self.wheel.compact(budget, |record| {
            keys.range(matching_keys(record))
                .map(|(_, &expire_at)| expire_at)
                .min()
        })
    }

    fn check_expired(&self) {
        let late = self
            .keys
            .iter()
            .find(|(_, at)| at.0.saturating_add(TICK_MS) <= self.now.0);
        assert_eq!(late, None, "still there at {:?}", self.now);
    }

    fn check(&self) {
        let wheel = &self.wheel;
        let mut records = 0;
        let mut bytes = 0;
        let mut count = |bucket: &Bucket| {
            records += bucket.len();
            bytes += bucket.count_bytes();
        };
        for (number, level) in wheel.levels.iter().enumerate() {
            for (digit, bucket) in level.buckets.iter().enumerate() {
                count(bucket);
                let place = Place::Level {
                    level: number,
                    digit,
                };
                let used = !bucket.is_empty() || wheel.is_compacting(place);
                assert_eq!(level.occupied & (1 << digit) != 0, used);
                let current = digit_of(wheel.tick, number);
                assert!(
                    !used || digit > current,
                    "{digit} of level {number} is not ahead"
                );
            }
        }
        wheel.due.iter().flatten().for_each(&mut count);
        count(&wheel.far);
        wheel
            .compaction
            .iter()
            .flat_map(Compaction::buckets)
            .for_each(&mut count);
        assert_eq!(wheel.record_count(), records);
        assert_eq!(wheel.bucket_bytes, bytes);

        if self.keys.is_empty() {
            // A bucket that is being compacted counts as one with records until its turn comes.
            let is_used = wheel.record_count() > 0 || wheel.compaction.is_some();
            assert!(is_used || wheel.next_due().is_none());
        }
        // The owner must not sleep longer than until the first key expires.
        if wheel.tick == tick_of(self.now, wheel.phase)
            && let Some(first) = self.keys.values().min()
        {
            let next = wheel.next_due().expect("a key is there").0;
            assert!(
                next <= first.0.max(self.now.0).max(0).saturating_add(TICK_MS),
                "{next} {first:?}"
            );
        }
    }
}

/// Four keys share each record.
fn record_of(key: u64) -> Record40 {
    Record40::from_position(key << 22)
}

fn matching_keys(record: Record40) -> std::ops::Range<u64> {
    let first = record.position() >> 22;
    assert!(record.matches((first + 3) << 22) && !record.matches((first + 4) << 22));
    first..first + 4
}

#[test]
fn record_keeps_the_top_40_bits() {
    let record = Record40::from_position(0x0123_4567_89AB_CDEF);
    assert_eq!(record.position(), 0x0123_4567_8900_0000);
    assert!(record.matches(0x0123_4567_89FF_FFFF));
    assert!(!record.matches(0x0123_4567_8A00_0000));
    assert_eq!(size_of::<Record40>(), 5);
}

#[test]
fn record_comes_out_expired_and_within_a_tick() {
    for phase in [0, 1, 63, 4095, 100_000] {
        for ttl in (0..200).chain([
            1023,
            1024,
            1025,
            65_535,
            65_536,
            4_194_304,
            DAY,
            250 * DAY,
            YEAR,
        ]) {
            let mut owner = Owner::new(phase);
            let expire_at = UnixMillis(START.0 + ttl);
            owner.set(7, expire_at);
            while !owner.keys.is_empty() {
                let next = owner.wheel.next_due().expect("a key is there");
                assert!(next >= owner.now);
                owner.now = next;
                owner.expire_all();
            }
            let late = owner.now.0 - expire_at.0;
            assert!(
                (1..=TICK_MS).contains(&late),
                "{ttl} ms, phase {phase}: {late} ms late"
            );
            assert!(owner.handed_out <= 7, "{} look-ups", owner.handed_out);
            assert_eq!(owner.wheel.next_due(), None);
        }
    }
}

#[test]
fn nothing_comes_out_before_its_bucket() {
    let mut owner = Owner::new(0);
    for key in 0..1_000 {
        owner.set(key * 4, UnixMillis(START.0 + 100 * DAY));
    }
    owner.now.0 += DAY;
    owner.expire_all();
    assert_eq!(owner.handed_out, 0);
}

#[test]
fn clock_that_jumps_years_loses_nothing_and_asks_little() {
    let mut owner = Owner::new(12_345);
    for key in 0..10_000_u64 {
        let spread = 1 << (key % 40);
        owner.set(key * 4, UnixMillis(START.0 + 20 + spread));
    }
    for jump in [
        -YEAR,
        10,
        -10 * YEAR,
        5 * YEAR,
        -SECOND,
        6 * YEAR - SECOND,
        i64::MIN / 2,
    ] {
        owner.now.0 += jump;
        owner.expire_all();
        owner.check();
    }
    owner.now = UnixMillis(i64::MAX);
    owner.expire_all();
    assert_eq!(owner.keys.len(), 0);
    assert_eq!(owner.wheel.record_count(), 0);
    owner.now = UnixMillis(i64::MIN);
    owner.set(1, UnixMillis(i64::MAX));
    owner.set(5, UnixMillis(i64::MIN));
    owner.expire_all();
    owner.check();
    assert_eq!(
        owner.keys.len(),
        2,
        "nothing is later than the end of time or before its start"
    );
}

#[test]
fn expired_keys_come_before_cascades() {
    let mut wheel = Wheel::new(UnixMillis(0), 0);
    let (soon, later) = (record_of(4), record_of(8));
    wheel.advance(UnixMillis(1_024));
    wheel.file(soon, UnixMillis(2_031));
    for _ in 0..100 {
        wheel.file(later, UnixMillis(2_100));
    }
    assert_eq!(wheel.pop_due(UnixMillis(2_048)), Some(soon));
    assert_eq!(wheel.pop_due(UnixMillis(2_048)), Some(later));
}

#[test]
fn buckets_are_compact_and_give_memory_back() {
    let mut wheel = Wheel::new(START, 0);
    let empty = wheel.bytes();
    assert_eq!(empty, 0);
    for key in 0..100_000_usize {
        wheel.file(record_of(key as u64), UnixMillis(START.0 + DAY));
        let records = (key + 1) * size_of::<Record40>();
        let slack = wheel.bytes() - records;
        assert!(slack <= records / 4 + 400, "{slack} bytes beside {records}");
    }
    let now = UnixMillis(START.0 + DAY + TICK_MS);
    let full = wheel.bytes();
    for _ in 0..50_000 {
        wheel.pop_due(now);
    }
    assert!(
        wheel.bytes() < full / 2 + 10_000,
        "{} of {full}",
        wheel.bytes()
    );
    while wheel.pop_due(now).is_some() {}
    assert_eq!(wheel.record_count(), 0);
    assert_eq!(wheel.bucket_bytes, 0);
    assert!(
        wheel.bytes() <= 512,
        "{} bytes for empty queues",
        wheel.bytes()
    );
}

#[test]
fn large_bucket_is_dropped_without_recursion() {
    let mut wheel = Wheel::new(START, 0);
    for key in 0..8_000_000 {
        wheel.file(record_of(key), UnixMillis(START.0 + DAY));
    }
    std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || drop(wheel))
        .expect("a thread starts")
        .join()
        .expect("the drop does not overflow the stack");
}

#[test]
fn compaction_leaves_one_record_per_key() {
    let mut owner = Owner::new(99);
    for round in 0..50 {
        for key in 0..2_000 {
            owner.keys.remove(&(key * 4));
            owner.set(key * 4, UnixMillis(START.0 + 3 * DAY + round * SECOND));
        }
    }
    for key in 0..1_000 {
        owner.keys.remove(&(key * 4));
    }
    assert_eq!(owner.wheel.record_count(), 100_000);
    assert!(owner.wheel.needs_compaction(owner.keys.len()));
    while !owner.compact(100) {
        owner.check();
    }
    owner.check();
    assert_eq!(owner.wheel.record_count(), 1_000);
    assert!(!owner.wheel.needs_compaction(owner.keys.len()));
    owner.now.0 += 4 * DAY;
    owner.expire_all();
    assert!(owner.keys.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Set { key: u64, ttl: i64 },
    Remove { key: u64 },
    Move { by: i64 },
    Expire { budget: usize },
    Compact { budget: usize },
    ExpireAll,
}

/// A span of any size: as many of milliseconds as of days.
fn span() -> impl Strategy<Value = i64> {
    (0..36_u32, any::<u32>())
        .prop_map(|(bits, random)| (1_i64 << bits) + (i64::from(random) & ((1 << bits) - 1)))
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..120_u64;
    prop_oneof![
        8 => (key.clone(), span()).prop_map(|(key, ttl)| Step::Set { key, ttl }),
        2 => key.prop_map(|key| Step::Remove { key }),
        4 => span().prop_map(|by| Step::Move { by: by.min(DAY) }),
        2 => (0..200_i64).prop_map(|by| Step::Move { by }),
        1 => span().prop_map(|by| Step::Move { by: -by }),
        1 => span().prop_map(|by| Step::Move { by }),
        2 => (0..10_usize).prop_map(|budget| Step::Expire { budget }),
        3 => (0..60_usize).prop_map(|budget| Step::Compact { budget }),
        3 => Just(Step::ExpireAll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn agrees_with_a_map(phase in 0..10_000_u32, steps in prop::collection::vec(step(), 1..200)) {
        let mut owner = Owner::new(phase);
        for step in steps {
            match step {
                Step::Set { key, ttl } => owner.set(key, UnixMillis(owner.now.0 + ttl)),
                Step::Remove { key } => {
                    owner.keys.remove(&key);
                }
                Step::Move { by } => owner.now.0 = (owner.now.0 + by).max(0),
                Step::Expire { budget } => {
                    owner.expire(budget);
                }
                Step::Compact { budget } => {
                    owner.compact(budget);
                }
                Step::ExpireAll => owner.expire_all(),
            }
            owner.check();
        }
        owner.expire_all();
        // The first may be the rest of a pass that began among the steps.
        for _ in 0..2 {
            while !owner.compact(1_000) {}
        }
        owner.check();
        prop_assert!(owner.wheel.record_count() <= owner.keys.len());
        owner.now = UnixMillis(owner.keys.values().map(|at| at.0).max().unwrap_or(0) + TICK_MS);
        owner.expire_all();
        prop_assert_eq!(owner.wheel.record_count(), 0);
        prop_assert_eq!(owner.wheel.next_due(), None);
    }
}

/// An owner that takes keys before their time, the soonest first.
impl Owner {
    /// Evicts the key that comes first, to the bucket; `None` if a compaction holds all records.
    fn evict(&mut self) -> Option<u64> {
        let bound = 4 * (self.wheel.record_count() + self.keys.len() + 1);
        for _ in 0..bound {
            let (record, by) = self.wheel.pop_soonest(self.now)?;
            let matching = self.keys.range(matching_keys(record));
            let matching: Vec<_> = matching.map(|(&key, &at)| (key, at)).collect();
            let mut found = None;
            for (key, at) in matching {
                if found.is_none() && at <= by {
                    found = Some((key, at));
                } else {
                    self.wheel.file(record, at);
                }
            }
            if let Some((key, at)) = found {
                self.keys.remove(&key);
                self.check_soonest(at, by);
                return Some(key);
            }
        }
        panic!("more than {bound} records handed out");
    }

    /// No key is left whose bucket comes before the one that ends at `by`, unless a compaction holds its record.
    fn check_soonest(&self, at: UnixMillis, by: UnixMillis) {
        if self.wheel.compaction.is_some() {
            return;
        }
        let Some(first) = self.keys.values().min() else {
            return;
        };
        let (first, place) = (*first, self.wheel.place_of(at));
        assert!(
            self.wheel.place_of(first) >= place || place == Place::Due,
            "{first:?} was to go before {at:?}, which went by {by:?}"
        );
    }
}

#[test]
fn the_soonest_record_comes_out_though_its_time_has_not_come() {
    let mut owner = Owner::new(77);
    let ttls = [
        9 * YEAR,
        50,
        3 * DAY,
        SECOND,
        90 * SECOND,
        100 * DAY,
        3_600 * SECOND,
        -5,
    ];
    for (key, ttl) in ttls.iter().enumerate() {
        owner.set(key as u64 * 4, UnixMillis(START.0 + ttl));
    }
    let mut sorted = ttls;
    sorted.sort_unstable();
    for ttl in sorted {
        let key = owner.evict().expect("a key is left");
        assert_eq!(ttls[key as usize / 4], ttl);
        owner.check();
    }
    assert_eq!(owner.evict(), None);
    assert_eq!(owner.wheel.record_count(), 0);
    assert_eq!(owner.wheel.next_due(), None);
}

#[test]
fn keys_of_later_times_are_found_behind_records_that_say_nothing() {
    let mut owner = Owner::new(0);
    for key in 0..500 {
        owner.set(key * 4, UnixMillis(START.0 + SECOND));
    }
    for key in 0..500 {
        owner.keys.remove(&(key * 4));
    }
    // Moved back: the record comes out in the old bucket, and is filed under the new time.
    owner.set(4_000, UnixMillis(START.0 + SECOND));
    owner.set(4_000, UnixMillis(START.0 + DAY));
    owner.set(8_000, UnixMillis(START.0 + 2 * SECOND));
    assert_eq!(owner.evict(), Some(8_000));
    assert_eq!(owner.evict(), Some(4_000));
    assert_eq!(owner.evict(), None);
    owner.check();
}

#[test]
fn the_last_instant_comes_out_too() {
    let mut owner = Owner::new(5);
    owner.set(4, UnixMillis(i64::MAX));
    owner.set(8, UnixMillis(i64::MAX - 1));
    assert!(owner.evict().is_some() && owner.evict().is_some());
    assert_eq!(owner.evict(), None);
}

#[test]
fn a_compaction_hides_records_only_until_it_is_done() {
    let mut owner = Owner::new(3);
    for key in 0..3_000 {
        owner.set(key * 4, UnixMillis(START.0 + DAY));
        owner.set(key * 4, UnixMillis(START.0 + DAY / 2));
    }
    assert!(!owner.compact(100));
    let mut gone = 0;
    while !owner.keys.is_empty() {
        gone += usize::from(owner.evict().is_some());
        owner.check();
        owner.compact(10);
    }
    assert_eq!(gone, 3_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn soonest_first_agrees_with_a_map(
        phase in 0..10_000_u32,
        steps in prop::collection::vec((step(), 0..4_usize), 1..200),
    ) {
        let mut owner = Owner::new(phase);
        for (step, evictions) in steps {
            match step {
                Step::Set { key, ttl } => owner.set(key, UnixMillis(owner.now.0 + ttl)),
                Step::Remove { key } => _ = owner.keys.remove(&key),
                Step::Move { by } => owner.now.0 = (owner.now.0 + by).max(0),
                Step::Expire { budget } => _ = owner.expire(budget),
                Step::Compact { budget } => _ = owner.compact(budget),
                Step::ExpireAll => owner.expire_all(),
            }
            for _ in 0..evictions {
                let (keys, is_compacting) = (owner.keys.len(), owner.wheel.compaction.is_some());
                let evicted = owner.evict();
                prop_assert!(evicted.is_some() || keys == 0 || is_compacting);
                owner.check();
            }
        }
        while !owner.compact(1_000) {}
        while owner.evict().is_some() {}
        prop_assert!(owner.keys.is_empty());
        owner.check();
        prop_assert_eq!(owner.wheel.record_count(), 0);
    }
}
