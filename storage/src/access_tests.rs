//! What entries remember of accesses, rule by rule, and that it costs no more stores than it must. Not below
//! [`crate::access`], which is compiled a second time for its model.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::access::{Access, AccessRule, AccessWord, LfuRule, STORES};
use crate::eviction::Random;
use crate::fixture::keyspace;
use crate::{
    EvictionAlgorithm, EvictionSettings, Keyspace, LockPlan, NewExpiry, NewValue, Unit, UnixMillis,
};

/// What a new key's counter says, and a full one.
const COUNTER_NEW: u32 = 5;
const COUNTER_MAX: u32 = 255;
/// The fields of seconds and of minutes wrap after these.
const SECONDS_MAX: i64 = (1 << 22) - 1;
const MINUTES_MAX: i64 = (1 << 16) - 1;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const MINUTE: i64 = 60_000;
/// The length byte of the entry, which nothing here may change.
const LENGTH: u8 = 0xa7;

const LFU: LfuRule = LfuRule {
    log_factor: 10,
    decay_minutes: 1,
};
const RULES: [AccessRule; 3] = [AccessRule::Stamp, AccessRule::Count, AccessRule::Lfu(LFU)];

fn after(ms: i64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn fresh(rule: AccessRule, now: UnixMillis) -> AtomicU32 {
    AtomicU32::new(rule.fresh(now).with_length_byte(LENGTH))
}

/// Touches with random numbers that always say yes.
fn touch(word: &AtomicU32, rule: AccessRule, now: UnixMillis) {
    AccessWord(word).touch(rule, now, || 0);
    assert_eq!(
        word.load(Ordering::Relaxed) as u8,
        LENGTH,
        "the length stays"
    );
}

fn load(word: &AtomicU32) -> Access {
    AccessWord(word).load()
}

/// A word whose logarithmic counter says `counter`, last changed at `now`.
fn with_counter(counter: u32, now: UnixMillis) -> AtomicU32 {
    let minutes = (now.0 / MINUTE) as u32 & MINUTES_MAX as u32;
    AtomicU32::new(minutes << 16 | counter << 8 | u32::from(LENGTH))
}

fn stores() -> u64 {
    STORES.with(std::cell::Cell::get)
}

#[test]
fn new_keys_have_just_been_made() {
    for rule in RULES {
        let access = load(&fresh(rule, NOW));
        match rule {
            AccessRule::Stamp | AccessRule::Count => {
                assert_eq!((access.hits(), access.idle_seconds(NOW)), (0, 0));
                assert_eq!(access.idle_seconds(after(99_000)), 99);
            }
            AccessRule::Lfu(lfu) => assert_eq!(access.counter(lfu, NOW), COUNTER_NEW),
        }
    }
}

#[test]
fn a_stamp_is_of_the_last_access_and_counts_nothing() {
    let word = fresh(AccessRule::Stamp, NOW);
    for ms in [0, 999, 1_000, 5_500, 3_600_000] {
        touch(&word, AccessRule::Stamp, after(ms));
        assert_eq!(load(&word).idle_seconds(after(ms)), 0);
        assert_eq!(load(&word).idle_seconds(after(ms + 7_000)), 7);
        assert_eq!(load(&word).hits(), 0);
    }
}

#[test]
fn hits_are_counted_up_to_three() {
    let word = fresh(AccessRule::Count, NOW);
    for (touches, hits) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3)] {
        touch(&word, AccessRule::Count, after(touches * 1_000));
        assert_eq!(load(&word).hits(), hits);
        assert_eq!(
            load(&word).idle_seconds(after(touches * 1_000)),
            0,
            "the stamp moves even when the hits do not"
        );
    }
}

#[test]
fn hits_are_spent_one_by_one_or_all_at_once() {
    let word = fresh(AccessRule::Count, NOW);
    for _ in 0..9 {
        touch(&word, AccessRule::Count, NOW);
    }
    for left in [2, 1, 0] {
        assert!(AccessWord(&word).spend_hit());
        assert_eq!(load(&word).hits(), left);
    }
    assert!(!AccessWord(&word).spend_hit() && !AccessWord(&word).take_hits());
    touch(&word, AccessRule::Count, NOW);
    touch(&word, AccessRule::Count, NOW);
    assert!(AccessWord(&word).take_hits());
    assert_eq!((load(&word).hits(), load(&word).idle_seconds(NOW)), (0, 0));
    assert_eq!(word.load(Ordering::Relaxed) as u8, LENGTH);
}

#[test]
fn storing_leaves_the_length() {
    let word = fresh(AccessRule::Count, NOW);
    AccessWord(&word).store(AccessRule::Lfu(LFU).fresh(NOW));
    assert_eq!(load(&word), AccessRule::Lfu(LFU).fresh(NOW));
    assert_eq!(word.load(Ordering::Relaxed) as u8, LENGTH);
}

#[test]
fn seconds_wrap_after_48_days() {
    let wrap = SECONDS_MAX + 1;
    assert!(wrap > 48 * 86_400);
    let last = UnixMillis(wrap * 1_000 * 400 - 1);
    let word = fresh(AccessRule::Stamp, last);
    assert_eq!(word.load(Ordering::Relaxed) >> 10, SECONDS_MAX as u32);
    for seconds in [0, 1, 2, 1_000, wrap - 1] {
        let now = UnixMillis(last.0 + seconds * 1_000);
        assert_eq!(load(&word).idle_seconds(now), seconds as u32);
    }
    let now = UnixMillis(last.0 + 1);
    touch(&word, AccessRule::Count, now);
    assert_eq!(
        word.load(Ordering::Relaxed) >> 10,
        0,
        "the next second is 0"
    );
    assert_eq!(load(&word).idle_seconds(UnixMillis(now.0 + 3_000)), 3);
    assert_eq!(load(&word).hits(), 1);
}

#[test]
fn minutes_wrap_after_45_days() {
    let wrap = MINUTES_MAX + 1;
    let last = UnixMillis(wrap * MINUTE * 30 - 1);
    let word = fresh(AccessRule::Lfu(LFU), last);
    assert_eq!(word.load(Ordering::Relaxed) >> 16, MINUTES_MAX as u32);
    assert_eq!(load(&word).counter(LFU, UnixMillis(last.0 + 1)), 4);
    touch(&word, AccessRule::Lfu(LFU), UnixMillis(last.0 + 1));
    assert_eq!(word.load(Ordering::Relaxed) >> 16, 0);
    assert_eq!(load(&word).counter(LFU, UnixMillis(last.0 + 1)), 5);
}

#[test]
fn the_counter_falls_by_one_each_period() {
    for decay_minutes in [1, 2, 7, 60] {
        let rule = LfuRule {
            log_factor: 0,
            decay_minutes,
        };
        let word = fresh(AccessRule::Lfu(rule), NOW);
        for _ in 0..20 {
            touch(&word, AccessRule::Lfu(rule), NOW);
        }
        let full = COUNTER_NEW + 20;
        let period = i64::from(decay_minutes) * MINUTE;
        for periods in 0..full {
            let now = after(i64::from(periods) * period);
            assert_eq!(load(&word).counter(rule, now), full - periods);
        }
        assert_eq!(load(&word).counter(rule, after(1_000 * period)), 0);
        // An access keeps what the decay has left.
        let now = after(3 * period);
        touch(&word, AccessRule::Lfu(rule), now);
        assert_eq!(load(&word).counter(rule, now), full - 3 + 1);
    }
}

#[test]
fn without_decay_the_counter_stays() {
    let rule = LfuRule {
        log_factor: 0,
        decay_minutes: 0,
    };
    let word = fresh(AccessRule::Lfu(rule), NOW);
    touch(&word, AccessRule::Lfu(rule), NOW);
    assert_eq!(load(&word).counter(rule, after(30_000 * MINUTE)), 6);
}

#[test]
fn the_counter_is_full_at_255() {
    let rule = LfuRule {
        log_factor: 0,
        decay_minutes: 1,
    };
    let word = fresh(AccessRule::Lfu(rule), NOW);
    for touches in 1..=400 {
        touch(&word, AccessRule::Lfu(rule), NOW);
        let expected = (COUNTER_NEW + touches).min(COUNTER_MAX);
        assert_eq!(load(&word).counter(rule, NOW), expected);
    }
    // The largest factor there is does not overflow.
    let rule = LfuRule {
        log_factor: u32::MAX,
        decay_minutes: 1,
    };
    AccessWord(&word).touch(AccessRule::Lfu(rule), NOW, || u32::MAX);
    assert_eq!(load(&word).counter(rule, NOW), COUNTER_MAX);
}

/// A counter at `counter` rises with probability 1 / ((counter - 5) x factor + 1).
#[test]
fn the_counter_rises_with_the_right_probability() {
    const DRAWS: u32 = 200_000;
    let mut random = Random::new(0x5eed);
    for (counter, log_factor) in [
        (0, 10),
        (5, 10),
        (6, 10),
        (10, 10),
        (7, 1),
        (25, 1),
        (255, 10),
    ] {
        let rule = LfuRule {
            log_factor,
            decay_minutes: 0,
        };
        let mut rises = 0;
        for _ in 0..DRAWS {
            let word = with_counter(counter, NOW);
            let draw = (random.next() >> 32) as u32;
            AccessWord(&word).touch(AccessRule::Lfu(rule), NOW, || draw);
            rises += load(&word).counter(rule, NOW) - counter;
        }
        let probability = match counter {
            COUNTER_MAX => 0.0,
            _ => 1.0 / f64::from(counter.saturating_sub(COUNTER_NEW) * log_factor + 1),
        };
        let expected = probability * f64::from(DRAWS);
        let deviation = (expected * (1.0 - probability)).sqrt();
        assert!(
            (f64::from(rises) - expected).abs() <= 4.0 * deviation,
            "{rises} rises of {counter} by factor {log_factor}, {expected} expected"
        );
    }
}

#[test]
fn another_rule_finds_roughly_what_there_was() {
    // A key of two hits, asked for ten seconds ago.
    let word = fresh(AccessRule::Count, NOW);
    touch(&word, AccessRule::Count, NOW);
    touch(&word, AccessRule::Count, NOW);
    let (count, now) = (load(&word), after(10_000));
    let stamp = count.translated(AccessRule::Count, AccessRule::Stamp, now);
    assert_eq!((stamp.hits(), stamp.idle_seconds(now)), (0, 10));
    assert_eq!(
        count.translated(AccessRule::Count, AccessRule::Count, now),
        count
    );
    let lfu = count.translated(AccessRule::Count, AccessRule::Lfu(LFU), now);
    assert_eq!(lfu.counter(LFU, now), COUNTER_NEW + 2);
    let lfu = stamp.translated(AccessRule::Stamp, AccessRule::Lfu(LFU), now);
    assert_eq!(lfu.counter(LFU, now), COUNTER_NEW);
    let counted = stamp.translated(AccessRule::Stamp, AccessRule::Count, now);
    assert_eq!(counted.hits(), 0, "what was not counted does not count");
    for (counter, hits) in [(0, 0), (4, 0), (5, 0), (6, 1), (7, 2), (8, 3), (255, 3)] {
        let lfu = load(&with_counter(counter, NOW));
        for to in [AccessRule::Stamp, AccessRule::Count] {
            let access = lfu.translated(AccessRule::Lfu(LFU), to, NOW);
            assert_eq!(access.idle_seconds(NOW), 0);
            assert!(access.hits() == hits || to == AccessRule::Stamp);
        }
        // What has decayed since is gone.
        let late = after(i64::from(counter) * MINUTE);
        let access = lfu.translated(AccessRule::Lfu(LFU), AccessRule::Count, late);
        assert_eq!(access.hits(), 0);
        let other = LfuRule {
            log_factor: 3,
            decay_minutes: 9,
        };
        let same = lfu.translated(AccessRule::Lfu(LFU), AccessRule::Lfu(other), NOW);
        assert_eq!(same, lfu);
    }
    for from in RULES {
        for to in RULES {
            let access = from.fresh(NOW).translated(from, to, NOW);
            let word = access.with_length_byte(LENGTH);
            assert_eq!(word as u8, LENGTH, "the length is left out");
        }
    }
}

#[test]
fn stamps_that_are_translated_count_no_hits() {
    // Hits may have been counted under the rule before, and the key not been translated when it was touched.
    let word = fresh(AccessRule::Count, NOW);
    touch(&word, AccessRule::Count, NOW);
    touch(&word, AccessRule::Stamp, NOW);
    let access = load(&word).translated(AccessRule::Count, AccessRule::Stamp, NOW);
    assert_eq!(access.hits(), 0);
}

fn settings(algorithm: EvictionAlgorithm) -> EvictionSettings {
    EvictionSettings {
        algorithm,
        volatile_only: false,
        samples: 5,
        lfu_log_factor: 0,
        lfu_decay_minutes: 1,
    }
}

fn find(keyspace: &Keyspace, name: &[u8], now: UnixMillis) {
    let mut unit = Unit::begin(keyspace, LockPlan::Read(0), now);
    assert!(unit.find(0, &keyspace.key(name)).is_some());
}

/// A hit stores once at most, and not at all once nothing would change.
#[test]
fn a_hit_writes_at_most_one_word_and_none_once_it_says_all() {
    let cases = [
        (None, 0),
        (Some(EvictionAlgorithm::S3Fifo), 3),
        (Some(EvictionAlgorithm::Lru), 0),
        (Some(EvictionAlgorithm::Lfu), 250),
        (Some(EvictionAlgorithm::Fifo), 0),
        (Some(EvictionAlgorithm::Random), 0),
        (Some(EvictionAlgorithm::Ttl), 0),
    ];
    for (algorithm, stores_needed) in cases {
        let keyspace = keyspace();
        keyspace.set_eviction(algorithm.map(settings));
        let names: [&[u8]; 3] = [b"key", b"big", &[b'k'; 400]];
        for name in names {
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), NOW);
            let value = if name == b"big" {
                vec![1; 90_000]
            } else {
                vec![1; 9]
            };
            unit.set(
                0,
                &keyspace.key(name),
                NewValue::Bytes(&value),
                NewExpiry::None,
            );
            drop(unit);
            let begin = stores();
            for hit in 0..1_000 {
                let before = stores();
                find(&keyspace, name, NOW);
                assert!(stores() - before <= 1);
                assert!(
                    hit < stores_needed || stores() == before,
                    "{algorithm:?} stores at hit {hit}"
                );
            }
            assert_eq!(stores() - begin, stores_needed, "{algorithm:?}");
            // In the next second, or minute, it stores once more.
            let later = after(MINUTE);
            find(&keyspace, name, later);
            let begin = stores();
            for _ in 0..9 {
                find(&keyspace, name, later);
            }
            let is_decayed = algorithm == Some(EvictionAlgorithm::Lfu);
            assert!(stores() - begin <= u64::from(is_decayed));
        }
    }
}

#[test]
fn looking_at_a_key_aside_stores_nothing() {
    let keyspace = keyspace();
    keyspace.set_eviction(Some(settings(EvictionAlgorithm::S3Fifo)));
    let key = keyspace.key(b"key");
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), NOW);
    unit.set(0, &key, NewValue::Bytes(b"value"), NewExpiry::None);
    let before = stores();
    for _ in 0..9 {
        assert!(unit.peek(0, &key).is_some() && unit.glance(0, &key).is_some());
    }
    assert_eq!(stores(), before);
}
