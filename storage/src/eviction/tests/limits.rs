//! What one call of `evict` may do, and what it owes.

use std::sync::Arc;

use super::*;
use crate::{Pause, State, WatchFlag};

#[test]
fn no_more_keys_go_than_the_budget_says() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        (0..500).for_each(|n| set_mortal(&keyspace, n, DAY));
        for budget in [0, 1, 2, 63, 64] {
            let before = db_len(&keyspace, 0);
            let (evicted, _) = evict(&keyspace, 0, keys(budget));
            assert_eq!(evicted.keys, budget, "{algorithm:?}");
            assert!(!evicted.is_exhausted);
            assert_eq!(before - db_len(&keyspace, 0), u64::from(budget));
        }
        audit(&keyspace);
    }
}

#[test]
fn it_ends_when_enough_bytes_are_gone() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        for n in 0..500 {
            let len = [10, 500, 70_000][n % 3];
            set_in(&keyspace, 0, n, len, NewExpiry::At(after(DAY)));
        }
        for bytes in [0, 1, 1_000, 200_000] {
            let mut largest = 0;
            let before = keyspace.memory().dataset_bytes();
            let budget = EvictionBudget {
                bytes,
                ..EvictionBudget::default()
            };
            let (evicted, notes) = evict(&keyspace, 0, budget);
            for note in &notes {
                largest = largest.max([10, 500, 70_000][number_of(&note.key) % 3]);
            }
            assert!(evicted.bytes >= bytes || evicted.keys == 64);
            assert!(evicted.bytes <= bytes + largest + 2_000);
            assert_eq!(evicted.keys == 0, bytes == 0);
            // What is torn down in the background counts until it is.
            settle(&keyspace);
            let after = keyspace.memory().dataset_bytes();
            assert!((before - after).abs_diff(evicted.bytes as u64) < 8_192);
        }
        audit(&keyspace);
    }
}

#[test]
fn pages_that_are_not_worth_emptying_do_not_hold_up_eviction() {
    let keyspace = keyspace(1);
    (0..8_000).for_each(|n| set_in(&keyspace, 0, n, 200, NewExpiry::None));
    // Every page has some room, none has much.
    (0..8_000).step_by(6).for_each(|n| delete(&keyspace, n));
    let is_sparse = || keyspace.shards[0].lock.read().is_sparse();
    assert!(is_sparse(), "the test needs unused memory");
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), NOW);
    let is_done = (0..100).any(|_| !unit.reclaim(0));
    drop(unit);
    assert!(is_done, "it keeps saying that it has freed something");
    assert!(is_sparse(), "the test needs pages that stay as they are");
}

#[test]
fn keys_that_weigh_next_to_nothing_are_found() {
    let keyspace = keyspace(16);
    choose(&keyspace, EvictionAlgorithm::Random);
    (0..20).for_each(|n| set(&keyspace, n));
    let random = [1 << 40, 1 << 62, 1 << 63];
    assert_eq!(keyspace.shard_to_evict_from(random), None, "known already");
    assert!(keyspace.has_something_to_free(NOW));
    assert!(keyspace.shard_to_evict_from(random).is_some());
}

#[test]
fn no_more_words_are_looked_at_than_the_budget_says() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        (0..500).for_each(|n| set_mortal(&keyspace, n, DAY));
        for steps in [0, 1, 5, 20] {
            let budget = EvictionBudget {
                steps,
                ..EvictionBudget::default()
            };
            let (evicted, _) = evict(&keyspace, 0, budget);
            assert!(evicted.keys <= steps, "{algorithm:?}: {evicted:?}");
            assert!(!evicted.is_exhausted);
        }
        // All are hit: it takes a look at each, in several calls, and comes to an end.
        let left: Vec<_> = (0..500).filter(|&n| is_there(&keyspace, n)).collect();
        left.iter().for_each(|&n| find(&keyspace, n));
        let budget = EvictionBudget {
            steps: 40,
            ..EvictionBudget::default()
        };
        let mut keys_gone = 0;
        for _ in 0..400 {
            let (evicted, _) = evict(&keyspace, 0, budget);
            assert!(evicted.keys <= 40);
            keys_gone += evicted.keys;
            let nothing = EvictionBudget { steps: 0, ..budget };
            assert_eq!(evict(&keyspace, 0, nothing).0.keys, 0, "{algorithm:?}");
        }
        assert!(keys_gone > 200, "{algorithm:?}");
        audit(&keyspace);
    }
}

#[test]
fn all_that_may_go_goes_and_then_it_says_so() {
    for algorithm in ALGORITHMS {
        for shards in [1, 16] {
            let keyspace = keyspace(shards);
            choose(&keyspace, algorithm);
            assert!(!keyspace.has_something_to_free(NOW));
            assert!(evict(&keyspace, 0, keys(1)).0.is_exhausted);
            for n in 0..700 {
                set_in(&keyspace, n as u32 % 3, n, 30, NewExpiry::At(after(DAY)));
                set_hash_with_mortal_field(&keyspace, 10_000 + n, 700);
            }
            let is_mortal = algorithm == EvictionAlgorithm::Ttl;
            let gone = evict_all(&keyspace);
            assert_eq!(
                gone.len(),
                if is_mortal { 700 } else { 1_400 },
                "{algorithm:?}"
            );
            audit(&keyspace);
        }
    }
}

/// Fewer keys than are compared are no reason to look for more.
#[test]
fn a_few_keys_are_found_in_a_few_steps() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        (0..3).for_each(|n| set_mortal(&keyspace, n, DAY));
        let (evicted, _) = evict(&keyspace, 0, EvictionBudget::default());
        assert_eq!(
            (evicted.keys, evicted.is_exhausted),
            (3, true),
            "{algorithm:?}"
        );
    }
}

#[test]
fn without_a_policy_nothing_goes() {
    let keyspace = keyspace(1);
    (0..100).for_each(|n| set_mortal(&keyspace, n, DAY));
    let (evicted, _) = evict(&keyspace, 0, EvictionBudget::default());
    assert!(evicted.is_exhausted && evicted.keys == 0);
    choose(&keyspace, EvictionAlgorithm::Lru);
    assert_eq!(evict(&keyspace, 0, keys(5)).0.keys, 5);
    keyspace.set_eviction(None);
    assert_eq!(evict(&keyspace, 0, keys(5)).0.keys, 0);
    assert_eq!(db_len(&keyspace, 0), 95);
}

#[test]
fn nothing_goes_while_nothing_may_be_taken_away() {
    let modes: [fn(State, bool) -> State; 2] = [
        |state, on| state.with_replica(on),
        |state, on| state.with_pause(if on { Pause::Writes } else { Pause::Off }),
    ];
    for mode in modes {
        let keyspace = keyspace(1);
        choose(&keyspace, EvictionAlgorithm::Fifo);
        (0..10).for_each(|n| set(&keyspace, n));
        keyspace.cut(|cut| cut.set_state(mode(cut.state(), true)));
        let (evicted, _) = evict(&keyspace, 0, keys(5));
        assert_eq!(evicted, Evicted::default());
        keyspace.cut(|cut| cut.set_state(mode(cut.state(), false)));
        assert_eq!(evict(&keyspace, 0, keys(5)).0.keys, 5);
    }
}

#[test]
fn those_who_watch_and_wait_are_told() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::Fifo);
    (0..4).for_each(|n| set(&keyspace, n));
    let flags: Vec<_> = (0..4).map(|_| Arc::new(WatchFlag::default())).collect();
    for (n, flag) in flags.iter().enumerate() {
        let name = name(n);
        assert!(writer(&keyspace, &name).watch(0, &keyspace.key(&name), flag));
    }
    let waited_for = name(1);
    let keys_waited_for = [keyspace.key(&waited_for)];
    let waiter = writer(&keyspace, &waited_for).block(0, &keys_waited_for, &[], Box::new(()));
    for (n, flag) in flags.iter().enumerate().take(3) {
        let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), NOW);
        assert!(!flag.is_dirty());
        assert_eq!(unit.evict(0, keys(1)).keys, 1);
        assert_eq!(unit.has_ready(), n == 1, "{n}");
        let note = Note {
            db: 0,
            key: name(n).into(),
            kind: NoteKind::Evicted,
        };
        assert!(note.kind.is_removal());
        assert_eq!(unit.take_notes(), [note]);
        assert!(flag.is_dirty());
    }
    assert!(!flags[3].is_dirty());
    keyspace.unregister(&waiter);
}

#[test]
fn databases_give_as_they_have() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::Random);
    for n in 0..4_000 {
        let db = if n % 4 == 0 { 1 } else { 0 };
        set_in(&keyspace, db, n, 20, NewExpiry::None);
    }
    let mut of = [0; 3];
    for _ in 0..20 {
        let (_, notes) = evict(&keyspace, 0, keys(50));
        notes.iter().for_each(|note| of[note.db as usize] += 1);
    }
    assert!(
        (180..320).contains(&of[1]) && of[0] + of[1] == 1_000,
        "{of:?}"
    );
}
