//! Keys that storage has removed on its own, counted by database and by who has chosen them.

use super::Shard;
use crate::DbIndex;
use crate::eviction::{EvictionAlgorithm, EvictionSettings};

/// Keys of one database that storage has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovedOfDb {
    /// Keys whose time to live had passed.
    pub expired: u64,
    /// Keys that went because memory was short.
    pub evicted: u64,
}

/// Keys that a policy has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedByPolicy {
    /// How it chooses.
    pub algorithm: EvictionAlgorithm,
    /// Whether among keys with an expire time only.
    pub volatile_only: bool,
    /// How many have gone.
    pub evicted: u64,
}

/// Keys that storage has removed on its own since this was last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovedKeys {
    /// By the database's number; those behind the last one have lost none. `SWAPDB` does not swap them.
    pub by_db: Vec<RemovedOfDb>,
    /// Those evicted, by policy, in no order.
    pub by_policy: Vec<RemovedByPolicy>,
}

impl RemovedKeys {
    /// Counts keys of a database that have expired.
    pub(crate) fn count_expired(&mut self, db: DbIndex, keys: u64) {
        if keys > 0 {
            self.db(db as usize).expired += keys;
        }
    }

    fn count_evicted(&mut self, db: DbIndex, chosen_by: &EvictionSettings) {
        self.db(db as usize).evicted += 1;
        self.count_chosen(RemovedByPolicy {
            algorithm: chosen_by.algorithm,
            volatile_only: chosen_by.volatile_only,
            evicted: 1,
        });
    }

    fn db(&mut self, db: usize) -> &mut RemovedOfDb {
        if self.by_db.len() <= db {
            self.by_db.resize(db + 1, RemovedOfDb::default());
        }
        &mut self.by_db[db]
    }

    fn count_chosen(&mut self, some: RemovedByPolicy) {
        let is_same = |known: &&mut RemovedByPolicy| {
            (known.algorithm, known.volatile_only) == (some.algorithm, some.volatile_only)
        };
        match self.by_policy.iter_mut().find(is_same) {
            Some(known) => known.evicted += some.evicted,
            None => self.by_policy.push(some),
        }
    }

    /// Adds another count.
    pub(crate) fn add(&mut self, other: &RemovedKeys) {
        for (number, some) in other.by_db.iter().enumerate() {
            let db = self.db(number);
            db.expired += some.expired;
            db.evicted += some.evicted;
        }
        other
            .by_policy
            .iter()
            .for_each(|&some| self.count_chosen(some));
    }
}

impl Shard {
    /// Counts a key that the policy in force has named and that has gone.
    pub(super) fn count_evicted(&mut self, db: DbIndex) {
        if let Some(settings) = self.eviction.settings() {
            self.removed.count_evicted(db, settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_by_database_and_policy() {
        let policy = |algorithm| EvictionSettings {
            algorithm,
            volatile_only: false,
            samples: 5,
            lfu_log_factor: 0,
            lfu_decay_minutes: 0,
        };
        let mut one = RemovedKeys::default();
        one.count_expired(2, 0);
        assert_eq!(one, RemovedKeys::default());
        one.count_expired(1, 3);
        one.count_evicted(0, &policy(EvictionAlgorithm::Lru));
        let mut other = RemovedKeys::default();
        other.count_evicted(1, &policy(EvictionAlgorithm::Lru));
        other.count_evicted(1, &policy(EvictionAlgorithm::Fifo));
        one.add(&other);
        let of = |expired, evicted| RemovedOfDb { expired, evicted };
        assert_eq!(one.by_db, [of(0, 1), of(3, 2)]);
        let by_policy: Vec<_> = one
            .by_policy
            .iter()
            .map(|some| (some.algorithm, some.evicted))
            .collect();
        let expected = [(EvictionAlgorithm::Lru, 2), (EvictionAlgorithm::Fifo, 1)];
        assert_eq!(by_policy, expected);
    }
}
