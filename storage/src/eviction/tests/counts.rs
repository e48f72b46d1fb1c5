//! Keys that storage removes are counted by database and by policy, whichever way they go.

use super::*;
use crate::{RemovedKeys, RemovedOfDb};

fn removed(keyspace: &Keyspace) -> RemovedKeys {
    Unit::begin(keyspace, LockPlan::Roaming, NOW).removed_keys()
}

#[test]
fn removed_keys_are_counted_by_database_and_policy() {
    let keyspace = keyspace(1);
    choose(&keyspace, EvictionAlgorithm::Lru);
    (0..10).for_each(|n| set_in(&keyspace, 0, n, 40, NewExpiry::None));
    (10..14).for_each(|n| set_in(&keyspace, 2, n, 40, NewExpiry::At(after(1_000))));
    // One goes when it is looked for, the others because they are due.
    let name = name(10);
    let later = after(2_000);
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), later);
    assert!(unit.expire_if_due(2, &keyspace.key(&name)));
    while unit.expire_due(0) {}
    drop(unit);
    let evict = |keys| {
        let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), later);
        let budget = EvictionBudget {
            keys,
            ..EvictionBudget::default()
        };
        assert_eq!(unit.evict(0, budget).keys, keys);
    };
    evict(3);
    choose(&keyspace, EvictionAlgorithm::Random);
    evict(2);
    let counts = removed(&keyspace);
    let of = |expired, evicted| RemovedOfDb { expired, evicted };
    assert_eq!(counts.by_db, [of(0, 5), of(0, 0), of(4, 0)]);
    let by_policy = counts.by_policy.iter();
    let by_policy: Vec<_> = by_policy
        .map(|some| (some.algorithm, some.volatile_only, some.evicted))
        .collect();
    assert_eq!(
        by_policy,
        [
            (EvictionAlgorithm::Lru, false, 3),
            (EvictionAlgorithm::Random, false, 2)
        ]
    );
    Unit::begin(&keyspace, LockPlan::Roaming, NOW).reset_removed_keys();
    assert_eq!(removed(&keyspace), RemovedKeys::default());
}
