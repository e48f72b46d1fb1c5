//! Another policy, at any moment.

use super::*;

const KEYS: usize = 3_000;

fn filled(algorithm: EvictionAlgorithm) -> Keyspace {
    let keyspace = keyspace(1);
    choose(&keyspace, algorithm);
    for n in 0..KEYS {
        let expiry = if n % 2 == 0 {
            NewExpiry::At(after(DAY))
        } else {
            NewExpiry::None
        };
        set_in(&keyspace, 0, n, 40, expiry);
    }
    keyspace
}

/// One slice of housekeeping, which shows the policy one segment.
fn sweep_some(keyspace: &Keyspace) -> bool {
    Unit::begin(keyspace, LockPlan::Write(0), NOW).maintain(0)
}

#[test]
fn keys_that_were_there_are_shown_to_the_policy() {
    for from in ALGORITHMS {
        for to in ALGORITHMS {
            for volatile_only in [false, true] {
                if settings(from, false) == settings(to, volatile_only) {
                    continue;
                }
                let keyspace = filled(from);
                keyspace.set_eviction(Some(settings(to, volatile_only)));
                assert!(keyspace.has_chores(0));
                audit(&keyspace);
                assert!(sweep_some(&keyspace));
                audit(&keyspace);
                // Changed, deleted, evicted while some are not known yet.
                for n in (0..KEYS).step_by(100) {
                    delete(&keyspace, n);
                    set_in(&keyspace, 0, n + 2, 4_000, NewExpiry::Keep);
                    set_expire(&keyspace, n + 4, None);
                    set_expire(&keyspace, n + 5, Some(after(DAY)));
                    set(&keyspace, KEYS + n);
                }
                audit(&keyspace);
                evict(&keyspace, 0, keys(10));
                audit(&keyspace);
                settle(&keyspace);
                assert!(!keyspace.has_chores(0));
                audit(&keyspace);
                let evictable = keyspace.shards[0].lock.read().evictable();
                assert!(evictable > 1_400);
                assert_eq!(evict_all(&keyspace).len(), evictable);
                audit(&keyspace);
            }
        }
    }
}

/// Words remember which policy has seen them, modulo 4.
#[test]
fn several_policies_one_after_the_other_do_not_mix_up_their_keys() {
    for switches in 1..10 {
        for sweeps in 0..3 {
            let keyspace = filled(EvictionAlgorithm::S3Fifo);
            let algorithms = [EvictionAlgorithm::Fifo, EvictionAlgorithm::S3Fifo];
            for switch in 0..switches {
                choose(&keyspace, algorithms[switch % 2]);
                audit(&keyspace);
                for _ in 0..sweeps {
                    sweep_some(&keyspace);
                }
                set(&keyspace, KEYS + switch);
                audit(&keyspace);
            }
            for n in (0..KEYS).step_by(3) {
                delete(&keyspace, n);
            }
            audit(&keyspace);
            settle(&keyspace);
            audit(&keyspace);
            evict_all(&keyspace);
            assert_eq!(db_len(&keyspace, 0), 0);
        }
    }
}

#[test]
fn what_was_remembered_is_translated_from_the_rule_that_it_was_written_by() {
    let keyspace = filled(EvictionAlgorithm::Lfu);
    for n in 0..KEYS {
        (0..20).for_each(|_| find(&keyspace, n));
    }
    choose(&keyspace, EvictionAlgorithm::S3Fifo);
    assert!(sweep_some(&keyspace) && sweep_some(&keyspace));
    (KEYS..KEYS + 100).for_each(|n| set(&keyspace, n));
    choose(&keyspace, EvictionAlgorithm::Lfu);
    settle(&keyspace);
    let settings = settings(EvictionAlgorithm::Lfu, false);
    let counter_of = |n| {
        let name = name(n);
        let mut unit = writer(&keyspace, &name);
        let access = unit.access_of(0, &keyspace.key(&name));
        access.expect("it is there").lfu_counter(&settings, NOW)
    };
    let (mut kept, mut translated) = (0, 0);
    for n in 0..KEYS {
        match counter_of(n) {
            25 => kept += 1,
            8 => translated += 1,
            other => panic!("key {n} has come to {other}"),
        }
    }
    assert!(kept > 0 && translated > 0);
    for n in KEYS..KEYS + 100 {
        assert_eq!(counter_of(n), 5, "new under the policy in between");
    }
}

/// Before the sweep has come to a key.
#[test]
fn what_was_remembered_is_told_in_terms_of_the_policy_at_once() {
    for (from, to) in ALGORITHMS
        .into_iter()
        .flat_map(|from| ALGORITHMS.map(|to| (from, to)))
    {
        let keyspace = filled(from);
        choose(&keyspace, to);
        let settings = EvictionSettings {
            lfu_decay_minutes: 0,
            ..settings(EvictionAlgorithm::Lfu, false)
        };
        let name = name(0);
        let mut unit = writer(&keyspace, &name);
        let key = keyspace.key(&name);
        let access = unit.access_of(0, &key).expect("it is there");
        assert_eq!(access.lfu_counter(&settings, NOW), 5, "{from:?}, {to:?}");
        assert_eq!(access.idle_seconds(NOW), 0, "{from:?}, {to:?}");
        // A hit follows the new rule, and spoils nothing of what that tells.
        assert!(unit.touch(0, &key));
        let access = unit.access_of(0, &key).expect("it is there");
        match to {
            EvictionAlgorithm::Lfu => {
                let counter = access.lfu_counter(&settings, NOW);
                assert!((5..=8).contains(&counter), "{from:?}: {counter}");
            }
            _ => assert_eq!(access.idle_seconds(NOW), 0, "{from:?}, {to:?}"),
        }
    }
}

/// A key whose expire time changes before it is shown to the policy is shown to it nevertheless, and what it remembers is
/// translated.
#[test]
fn expire_times_change_before_a_key_is_known() {
    let keyspace = filled(EvictionAlgorithm::Lfu);
    for n in 0..KEYS {
        (0..20).for_each(|_| find(&keyspace, n));
    }
    choose_volatile(&keyspace, EvictionAlgorithm::Lru);
    for n in 0..KEYS {
        let at = (n % 2 == 1).then_some(after(DAY));
        set_expire(&keyspace, n, at);
    }
    audit(&keyspace);
    settle(&keyspace);
    audit(&keyspace);
    for n in 0..KEYS {
        let name = name(n);
        let mut unit = writer(&keyspace, &name);
        let access = unit.access_of(0, &keyspace.key(&name));
        let access = access.expect("it is there");
        assert_eq!(access.idle_seconds(NOW), 0, "{n}");
    }
    let gone = numbers_of(evict_all(&keyspace));
    assert_eq!(gone, (1..KEYS).step_by(2).collect::<Vec<_>>());
}
