//! Policies that choose among keys with an expire time.

use super::*;

#[test]
fn keys_without_an_expire_time_are_never_touched() {
    for algorithm in ALGORITHMS {
        for shards in [1, 8] {
            let keyspace = keyspace(shards);
            choose_volatile(&keyspace, algorithm);
            (0..400).for_each(|n| set(&keyspace, n));
            assert!(evict_all(&keyspace).is_empty(), "{algorithm:?}");
            assert!(!keyspace.has_something_to_free(NOW));
            (400..600).for_each(|n| set_mortal(&keyspace, n, DAY));
            audit(&keyspace);
            let gone = numbers_of(evict_all(&keyspace));
            assert_eq!(gone, (400..600).collect::<Vec<_>>(), "{algorithm:?}");
            assert!((0..400).all(|n| is_there(&keyspace, n)));
            audit(&keyspace);
        }
    }
}

#[test]
fn keys_come_and_go_with_their_expire_time() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose_volatile(&keyspace, algorithm);
        (0..100).for_each(|n| set(&keyspace, n));
        (100..200).for_each(|n| set_mortal(&keyspace, n, DAY));
        // Both ways to gain one and to lose one.
        (0..20).for_each(|n| set_expire(&keyspace, n, Some(after(DAY))));
        (20..40).for_each(|n| set_mortal(&keyspace, n, DAY));
        (100..120).for_each(|n| set_expire(&keyspace, n, None));
        (120..140).for_each(|n| set(&keyspace, n));
        audit(&keyspace);
        // There and back.
        for n in [5, 25, 105, 125] {
            for _ in 0..5 {
                set_expire(&keyspace, n, None);
                set_expire(&keyspace, n, Some(after(2 * DAY)));
            }
        }
        audit(&keyspace);
        let mut expected: Vec<_> = (0..40).chain([105, 125]).chain(140..200).collect();
        expected.sort_unstable();
        assert_eq!(numbers_of(evict_all(&keyspace)), expected, "{algorithm:?}");
        audit(&keyspace);
    }
}

#[test]
fn fifo_goes_in_the_order_in_which_expire_times_came() {
    let keyspace = keyspace(1);
    choose_volatile(&keyspace, EvictionAlgorithm::Fifo);
    (0..100).for_each(|n| set(&keyspace, n));
    let order = [7, 3, 99, 50, 4];
    for &n in &order {
        set_expire(&keyspace, n, Some(after(DAY)));
        set_in(&keyspace, 0, n, 5_000, NewExpiry::Keep);
    }
    for &n in &order {
        assert_eq!(evict_one(&keyspace, 0), Some(n));
    }
    assert_eq!(evict_one(&keyspace, 0), None);
}

#[test]
fn keys_that_expire_by_themselves_are_not_missed() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(2);
        choose_volatile(&keyspace, algorithm);
        (0..100).for_each(|n| set_mortal(&keyspace, n, 50));
        (100..150).for_each(|n| set_mortal(&keyspace, n, DAY));
        for shard in 0..2 {
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(shard), after(500));
            while unit.maintain(shard) {}
        }
        audit(&keyspace);
        assert_eq!(
            numbers_of(evict_all(&keyspace)),
            (100..150).collect::<Vec<_>>()
        );
        audit(&keyspace);
    }
}

#[test]
fn few_keys_with_an_expire_time_are_found_among_many() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose_volatile(&keyspace, algorithm);
        (0..50_000).for_each(|n| set(&keyspace, n));
        for n in [100, 20_000, 49_000] {
            set_mortal(&keyspace, n, DAY);
        }
        let (evicted, gone) = evict(&keyspace, 0, EvictionBudget::default());
        assert_eq!(evicted.keys, 3, "{algorithm:?}");
        let mut gone: Vec<_> = gone.iter().map(|note| number_of(&note.key)).collect();
        gone.sort_unstable();
        assert_eq!(gone, [100, 20_000, 49_000], "{algorithm:?}");
        audit(&keyspace);
    }
}
