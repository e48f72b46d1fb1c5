//! Which key goes, policy by policy.

use std::collections::VecDeque;

use super::*;
use crate::eviction::Random;
use crate::typed::End;

/// Sizes that stay in the entry's block, change it, and lie outside.
const LENGTHS: [usize; 5] = [1, 40, 300, 9_000, 90_000];

#[test]
fn fifo_goes_in_the_order_of_insertion() {
    for shards in [1, 4] {
        let keyspace = keyspace(shards);
        choose(&keyspace, EvictionAlgorithm::Fifo);
        let mut random = Random::new(9);
        for n in 0..2_000 {
            set_in(&keyspace, n as u32 % 3, n, 20, NewExpiry::None);
            // Overwritten, given a TTL, hit: the place stays.
            let older = 3 * (random.next() as usize % (n / 3 + 1));
            let len = LENGTHS[random.next() as usize % 5];
            match random.next() % 5 {
                0 => set_in(&keyspace, 0, older, len, NewExpiry::Keep),
                1 => set_in(&keyspace, 0, older, len, NewExpiry::At(after(DAY))),
                2 => set_expire(&keyspace, older, Some(after(DAY))),
                3 => set_expire(&keyspace, older, None),
                _ => find(&keyspace, older),
            }
        }
        audit(&keyspace);
        for shard in 0..shards as u16 {
            let mut last = [None; 3];
            loop {
                let (evicted, notes) = evict(&keyspace, shard, keys(7));
                for note in notes {
                    let n = number_of(&note.key);
                    assert!(last[note.db as usize] < Some(n), "{n} is too late");
                    last[note.db as usize] = Some(n);
                }
                if evicted.is_exhausted {
                    break;
                }
            }
            audit(&keyspace);
        }
        assert_eq!((0..3).map(|db| db_len(&keyspace, db)).sum::<u64>(), 0);
    }
}

/// Records carry no time: a key that was deleted and has come again goes where its first record that is left stands, so not
/// later than it should. All others keep their order.
#[test]
fn fifo_evicts_a_key_that_has_come_again_in_its_old_place() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::Fifo);
    let mut random = Random::new(5);
    let mut records = VecDeque::new();
    for _ in 0..6_000 {
        let n = random.next() as usize % 150;
        if is_there(&keyspace, n) {
            delete(&keyspace, n);
        } else {
            set(&keyspace, n);
            records.push_back(n);
        }
        if random.next().is_multiple_of(9) {
            let mut expected = records.pop_front();
            while expected.is_some_and(|n| !is_there(&keyspace, n)) {
                expected = records.pop_front();
            }
            assert_eq!(evict_one(&keyspace, 0), expected);
        }
    }
    audit(&keyspace);
}

/// One key that comes and goes is one record in the end, however often one looks while it is there.
#[test]
fn keys_that_come_and_go_do_not_fill_the_memory() {
    for algorithm in [EvictionAlgorithm::Fifo, EvictionAlgorithm::S3Fifo] {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        (0..100).for_each(|n| set(&keyspace, n));
        for round in 0..20_000 {
            delete(&keyspace, round % 100);
            set(&keyspace, round % 100);
            if round % 50 == 0 {
                Unit::begin(&keyspace, LockPlan::Write(0), NOW).maintain(0);
            }
        }
        settle(&keyspace);
        assert!(!keyspace.has_chores(0), "nothing is left to tidy");
        audit(&keyspace);
        let bytes = keyspace.shards[0].lock.read().policy_bytes();
        assert!(bytes < 16_000, "{bytes} bytes of records of 100 keys");
        assert_eq!(
            numbers_of(evict_all(&keyspace)),
            (0..100).collect::<Vec<_>>()
        );
    }
}

/// A key that is there by turns, such as that of a short queue, hardly moves what its shard takes.
#[test]
fn records_of_one_key_that_comes_and_goes_are_noticed() {
    for algorithm in [EvictionAlgorithm::Fifo, EvictionAlgorithm::S3Fifo] {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        settle(&keyspace);
        for _ in 0..20_000 {
            set(&keyspace, 1);
            delete(&keyspace, 1);
            if keyspace.has_chores(0) {
                Unit::begin(&keyspace, LockPlan::Write(0), NOW).maintain(0);
            }
        }
        let bytes = keyspace.shards[0].lock.read().policy_bytes();
        assert!(bytes < 16_000, "{algorithm:?}: {bytes} bytes of records");
    }
}

/// Whatever becomes of values of new keys, what the small queue takes is known ([`audit`]).
#[test]
fn s3_fifo_knows_what_new_keys_have_grown_by() {
    const STRING_MAX: u64 = 1 << 29;
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::S3Fifo);
    let mut random = Random::new(3);
    for n in 0..600 {
        let name = name(n % 50);
        let key = keyspace.key(&name);
        let mut unit = writer(&keyspace, &name);
        let len = LENGTHS[random.next() as usize % 5];
        match random.next() % 5 {
            0 => {
                let bytes = vec![b'v'; len];
                unit.set(0, &key, NewValue::Bytes(&bytes), NewExpiry::None);
            }
            1 => {
                let bytes = vec![b'a'; len];
                let _ = unit.append(0, &key, &bytes, STRING_MAX);
            }
            2 => {
                let elements = vec![vec![b'e'; 1 + len % 7_000]; 20];
                let elements = elements.iter().map(Vec::as_slice);
                let (end, limits) = (End::Right, Limits::default());
                let _ = unit.push_list(0, &key, end, elements, true, &limits);
            }
            3 if unit.peek(0, &key).is_some() => {
                let at = (n % 2 == 0).then_some(after(DAY));
                unit.set_expire(0, &key, at);
            }
            _ => {
                unit.delete(0, &key);
            }
        }
        drop(unit);
        audit(&keyspace);
        Unit::begin(&keyspace, LockPlan::Write(0), NOW).maintain(0);
        audit(&keyspace);
    }
}

#[test]
fn s3_fifo_keeps_keys_that_were_hit_while_they_were_new() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::S3Fifo);
    (0..1_000).for_each(|n| set(&keyspace, n));
    (0..1_000).step_by(5).for_each(|n| find(&keyspace, n));
    assert!((0..1_000).all(|n| word_of(&keyspace, n).in_small()));
    let order = (0..1_000).filter(|n| n % 5 != 0);
    for n in order.take(700) {
        assert_eq!(evict_one(&keyspace, 0), Some(n), "first in, first out");
    }
    for n in (0..800).step_by(5) {
        assert!(!word_of(&keyspace, n).in_small(), "{n} has stayed");
    }
    audit(&keyspace);
}

#[test]
fn s3_fifo_knows_a_key_that_comes_back() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::S3Fifo);
    (0..1_000).for_each(|n| set(&keyspace, n));
    let gone: Vec<_> = (0..150).filter_map(|_| evict_one(&keyspace, 0)).collect();
    assert_eq!(gone, (0..150).collect::<Vec<_>>());
    gone.iter().for_each(|&n| set(&keyspace, n));
    let stays = gone.iter().filter(|&&n| !word_of(&keyspace, n).in_small());
    assert!(stays.count() >= 149, "those that were there lately stay");
    // It has been forgotten: deleted and set once more it is as new as any other.
    delete(&keyspace, 7);
    set(&keyspace, 7);
    assert!(word_of(&keyspace, 7).in_small());
    set(&keyspace, 5_000);
    assert!(word_of(&keyspace, 5_000).in_small());
    audit(&keyspace);
}

#[test]
fn s3_fifo_passes_over_keys_as_often_as_they_were_hit() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::S3Fifo);
    (0..200).for_each(|n| set(&keyspace, n));
    (0..200).for_each(|n| find(&keyspace, n));
    // All are hit: the first victim is found once all have moved on.
    assert!(evict_one(&keyspace, 0).is_some());
    let left: Vec<_> = (0..200).filter(|&n| is_there(&keyspace, n)).collect();
    let small = left.iter().filter(|&&n| word_of(&keyspace, n).in_small());
    assert!(small.count() <= 20, "a tenth is left there");
    let hot: Vec<_> = left.into_iter().take(60).collect();
    hot.iter().for_each(|&n| find(&keyspace, n));
    let gone: Vec<_> = (0..100).filter_map(|_| evict_one(&keyspace, 0)).collect();
    assert!(gone.iter().all(|n| !hot.contains(n)));
    audit(&keyspace);
}

#[test]
fn keys_asked_for_once_do_not_drive_out_what_is_asked_for_again() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::S3Fifo);
    for n in 0..500 {
        set(&keyspace, n);
        find(&keyspace, n);
    }
    for n in 1_000..20_000 {
        set(&keyspace, n);
        (0..500).step_by(7).for_each(|n| find(&keyspace, n));
        while db_len(&keyspace, 0) > 600 {
            evict_one(&keyspace, 0);
        }
    }
    assert!((0..500).step_by(7).all(|n| is_there(&keyspace, n)));
    audit(&keyspace);
}

#[test]
fn random_evicts_everything_in_the_end() {
    let keyspace = keyspace(4);
    choose(&keyspace, EvictionAlgorithm::Random);
    (0..3_000).for_each(|n| set_in(&keyspace, n as u32 % 3, n, 10, NewExpiry::None));
    let gone = evict_all(&keyspace);
    assert!(gone.iter().all(|(db, n)| *db as usize == n % 3));
    assert!(!gone.is_sorted_by_key(|(_, n)| *n));
    assert_eq!(numbers_of(gone), (0..3_000).collect::<Vec<_>>());
}

#[test]
fn the_key_that_expires_the_soonest_goes_first() {
    const TTLS: [i64; 5] = [10_000, 600_000, 5 * 3_600_000, 5 * DAY, 3 * 365 * DAY];
    let keyspace = keyspace(1);
    choose_volatile(&keyspace, EvictionAlgorithm::Ttl);
    (0..1_000).for_each(|n| set_mortal(&keyspace, n, TTLS[n % 5]));
    set(&keyspace, 1_000);
    let gone: Vec<_> = std::iter::from_fn(|| evict_one(&keyspace, 0)).collect();
    assert_eq!(gone.len(), 1_000);
    assert!(gone.iter().map(|n| TTLS[n % 5]).is_sorted());
    assert!(is_there(&keyspace, 1_000));
    audit(&keyspace);
}

#[test]
fn expire_times_that_have_moved_are_the_ones_that_count() {
    let keyspace = keyspace(1);
    choose_volatile(&keyspace, EvictionAlgorithm::Ttl);
    set_mortal(&keyspace, 0, 10_000);
    set_mortal(&keyspace, 1, 5 * DAY);
    set_mortal(&keyspace, 2, 600_000);
    set_expire(&keyspace, 0, Some(after(DAY)));
    set_expire(&keyspace, 1, Some(after(5_000)));
    let gone: Vec<_> = std::iter::from_fn(|| evict_one(&keyspace, 0)).collect();
    assert_eq!(gone, [1, 2, 0]);
}

/// A field's expire time is in the wheel, too, but says nothing of its key.
#[test]
fn hashes_whose_fields_expire_do_not_hide_keys_that_do() {
    let keyspace = keyspace(1);
    choose_volatile(&keyspace, EvictionAlgorithm::Ttl);
    (0..50).for_each(|n| set_hash_with_mortal_field(&keyspace, n, 10_000 + n as i64 * 700));
    (50..80).for_each(|n| set_mortal(&keyspace, n, DAY));
    (80..100).for_each(|n| set_mortal(&keyspace, n, 10_000));
    let gone = evict_all(&keyspace);
    assert_eq!(numbers_of(gone), (50..100).collect::<Vec<_>>());
    audit(&keyspace);
    // The wheel still knows the fields.
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), after(DAY));
    while unit.maintain(0) {}
    let notes = unit.take_notes();
    assert_eq!(notes.len(), 50);
}

#[test]
fn a_key_that_expires_at_the_last_instant_goes() {
    let keyspace = keyspace(1);
    choose_volatile(&keyspace, EvictionAlgorithm::Ttl);
    for n in 0..3 {
        set_in(&keyspace, 0, n, 9, NewExpiry::At(UnixMillis(i64::MAX)));
    }
    assert_eq!(numbers_of(evict_all(&keyspace)), [0, 1, 2]);
}

/// While its wheel is compacted, a database may look empty.
#[test]
fn a_compaction_of_the_wheel_is_no_end_of_keys() {
    let keyspace = keyspace(1);
    choose_volatile(&keyspace, EvictionAlgorithm::Ttl);
    (0..3_000).for_each(|n| set_mortal(&keyspace, n, DAY));
    (100..3_000).for_each(|n| delete(&keyspace, n));
    let (mut gone, mut calls) = (0, 0);
    while gone < 100 {
        Unit::begin(&keyspace, LockPlan::Write(0), NOW).maintain(0);
        let (evicted, _) = evict(&keyspace, 0, keys(10));
        gone += evicted.keys;
        calls += 1;
        assert!(!evicted.is_exhausted, "{gone} of 100 keys gone");
        assert!(calls < 100, "the compaction comes to its end");
    }
    assert_eq!(db_len(&keyspace, 0), 0);
    audit(&keyspace);
}

#[test]
fn lru_evicts_an_old_one() {
    let keyspace = keyspace(1);
    let many = EvictionSettings {
        samples: 64,
        ..settings(EvictionAlgorithm::Lru, false)
    };
    keyspace.set_eviction(Some(many));
    (0..400).for_each(|n| set(&keyspace, n));
    // Asked for in this order, a second apart.
    (0..400).for_each(|n| find_at(&keyspace, n, after(n as i64 * 1_000)));
    let mut left: Vec<_> = (0..400).collect();
    for _ in 0..200 {
        let (_, notes) = evict_at(&keyspace, 0, keys(1), after(400_000));
        let n = number_of(&notes[0].key);
        let rank = left.binary_search(&n).expect("it was there");
        assert!(rank <= left.len() / 4, "{rank} of {}", left.len());
        left.remove(rank);
    }
    audit(&keyspace);
}

#[test]
fn lfu_evicts_one_that_is_asked_for_little() {
    let keyspace = keyspace(1);
    let many = EvictionSettings {
        samples: 64,
        ..settings(EvictionAlgorithm::Lfu, false)
    };
    keyspace.set_eviction(Some(many));
    (0..400).for_each(|n| set(&keyspace, n));
    for n in (0..400).step_by(2) {
        (0..10).for_each(|_| find(&keyspace, n));
    }
    for _ in 0..150 {
        let n = evict_one(&keyspace, 0).expect("a key is left");
        assert!(n % 2 == 1, "{n} is asked for often");
    }
    audit(&keyspace);
}

#[test]
fn another_number_of_samples_takes_effect_at_once() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::Lfu);
    (0..300).for_each(|n| set(&keyspace, n));
    (0..150).for_each(|n| (0..10).for_each(|_| find(&keyspace, n)));
    let one = EvictionSettings {
        samples: 1,
        ..settings(EvictionAlgorithm::Lfu, false)
    };
    let many = EvictionSettings {
        samples: u32::MAX,
        ..settings(EvictionAlgorithm::Lfu, false)
    };
    keyspace.set_eviction(Some(one));
    assert!(evict_one(&keyspace, 0).is_some());
    keyspace.set_eviction(Some(many));
    for _ in 0..50 {
        assert!(evict_one(&keyspace, 0).is_some_and(|n| n >= 150));
    }
}

/// As with one database: what is asked for stays, and what came once goes, wherever they are.
#[test]
fn databases_that_are_asked_for_are_not_driven_out_by_others() {
    let policies = [
        EvictionAlgorithm::S3Fifo,
        EvictionAlgorithm::Lru,
        EvictionAlgorithm::Lfu,
    ];
    for algorithm in policies {
        const HOT: usize = 400;
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        let find_hot = |db: DbIndex, now: UnixMillis| {
            let is_found = |n: &usize| {
                let name = name(*n);
                let mut unit = Unit::begin(&keyspace, LockPlan::Read(0), now);
                unit.find(db, &keyspace.key(&name)).is_some()
            };
            (0..HOT).filter(is_found).count()
        };
        for n in 0..HOT {
            set_in(&keyspace, n as u32 % 2, n, 40, NewExpiry::None);
        }
        for n in 0..40 * HOT {
            let now = after(n as i64 * 100);
            if n % 100 == 0 {
                find_hot(0, now);
                find_hot(1, now);
            }
            let name = name(HOT + n);
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), now);
            let value = NewValue::Bytes(&[b'v'; 40]);
            unit.set(2, &keyspace.key(&name), value, NewExpiry::None);
            if n > HOT {
                assert_eq!(unit.evict(0, keys(1)).keys, 1);
            }
        }
        let hot = [0, 1].map(|db| find_hot(db, after(DAY)));
        let all = HOT / 2 * 95 / 100;
        assert!(hot.iter().all(|&hot| hot >= all), "{algorithm:?}: {hot:?}");
        audit(&keyspace);
    }
}

#[test]
fn the_key_that_expires_first_goes_first_whatever_its_database() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::Ttl);
    let ttls_ms = [300 * DAY, 60_000, DAY / 8];
    for n in 0..60 {
        let expiry = NewExpiry::At(after(ttls_ms[n % 3]));
        set_in(&keyspace, n as u32 % 3, n, 40, expiry);
    }
    for db in [1, 2, 0] {
        let (_, gone) = evict(&keyspace, 0, keys(20));
        assert_eq!(gone.len(), 20);
        assert!(gone.iter().all(|note| note.db == db), "{db}: {gone:?}");
    }
}

/// All keys in one slot, which is a small part of the table's positions.
#[test]
fn keys_of_one_hash_tag_go_as_others_do() {
    const KEYS: usize = 20_000;
    let tagged = |n: usize| format!("{{tag}}:{n}").into_bytes();
    let policies = [
        EvictionAlgorithm::Lru,
        EvictionAlgorithm::Lfu,
        EvictionAlgorithm::Random,
    ];
    for algorithm in policies {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        for n in 0..KEYS {
            let name = tagged(n);
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), after(n as i64));
            let value = NewValue::Bytes(b"v");
            unit.set(0, &keyspace.key(&name), value, NewExpiry::None);
        }
        // Every other key is asked for.
        for n in (0..KEYS).step_by(2) {
            let name = tagged(n);
            let mut unit = Unit::begin(&keyspace, LockPlan::Read(0), after(DAY));
            assert!(unit.find(0, &keyspace.key(&name)).is_some());
        }
        let mut gone = [0; 2];
        while gone[0] + gone[1] < KEYS / 4 {
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), after(DAY));
            assert!(unit.evict(0, EvictionBudget::default()).keys > 0);
            for note in unit.take_notes() {
                let name = std::str::from_utf8(&note.key[6..]).expect("a name of this test");
                gone[name.parse::<usize>().expect("a number") % 2] += 1;
            }
        }
        let part = gone[0] as f64 / (gone[0] + gone[1]) as f64;
        let expected = match algorithm {
            EvictionAlgorithm::Random => 0.45..0.55,
            _ => 0.0..0.1,
        };
        assert!(expected.contains(&part), "{algorithm:?}: {gone:?}");
        audit(&keyspace);
    }
}
