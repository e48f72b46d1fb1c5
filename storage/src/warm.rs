//! Loading ahead: what lookups that follow soon will read is asked for, all of it side by side, where the lookups themselves
//! would wait for one miss after the other. Worth its cost for two keys or more in a keyspace that is larger than the cache.
//!
//! Each step reads what the one before has asked for, so each should have been through all keys before the next begins.
//! All take the shards' locks briefly, skip those that are taken, and change nothing.

use smallvec::SmallVec;

use crate::collection::ahead::Sought;
use crate::shard::Shard;
use crate::table::Table;
use crate::{DbIndex, KeyHash, Keyspace};

/// As many elements are looked for side by side: more loads than a core has under way at a time.
const ELEMENTS_TOGETHER: usize = 16;

impl Keyspace {
    /// The first step: starts loading where the table has the keys.
    pub fn warm_table(&self, db: DbIndex, hashes: impl Iterator<Item = KeyHash>) {
        self.each_table(db, hashes, |_, table, position| {
            table.prefetch_home(position)
        });
    }

    /// The second step: starts loading the keys' entries.
    pub fn warm_entries(&self, db: DbIndex, hashes: impl Iterator<Item = KeyHash>) {
        self.each_table(db, hashes, |shard, table, position| {
            table.prefetch_entry(position, shard.prefetch_bytes());
        });
    }

    fn each_table(
        &self,
        db: DbIndex,
        hashes: impl Iterator<Item = KeyHash>,
        warm: impl Fn(&Shard, &Table, u64),
    ) {
        for hash in hashes {
            if let Some(shard) = self.shards[usize::from(hash.shard)].lock.try_read()
                && let Some(db) = shard.db(db)
            {
                warm(&shard, &db.table, hash.position);
            }
        }
    }

    /// The third step: starts loading what is there of `elements`, each with its collection's key, in big collections that
    /// find their elements by their names; whether any key has such a one.
    pub fn warm_elements<'n>(
        &self,
        db: DbIndex,
        mut elements: impl Iterator<Item = (KeyHash, &'n [u8])>,
    ) -> bool {
        let hasher = self.hasher().elements();
        let mut is_any = false;
        loop {
            let lock = |(key, name): (KeyHash, &'n [u8])| {
                let shard = self.shards[usize::from(key.shard)].lock.try_read();
                shard.map(|shard| (shard, key.position, name))
            };
            let together = elements.by_ref().take(ELEMENTS_TOGETHER);
            let shards: SmallVec<[_; ELEMENTS_TOGETHER]> = together.filter_map(lock).collect();
            if shards.is_empty() {
                return is_any;
            }
            let mut sought: SmallVec<[Sought<'_>; ELEMENTS_TOGETHER]> = SmallVec::new();
            for (shard, position, name) in &shards {
                if let Some(collection) = shard.likely_collection(db, *position) {
                    sought.extend(Sought::in_collection(collection, hasher.hash(name)));
                }
            }
            is_any |= !sought.is_empty();
            for step in [Sought::warm_slots, Sought::warm_records, Sought::warm_ranks] {
                sought.iter_mut().for_each(step);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::keyspace;
    use crate::typed::sorted_set::Adding;
    use crate::typed::{Limits, PackedLimit};
    use crate::unit::{LockPlan, NewExpiry};
    use crate::{Unit, UnixMillis};

    const COUNT: usize = 1000;

    fn write(keyspace: &Keyspace) -> Unit<'_> {
        Unit::begin(keyspace, LockPlan::Write(0), UnixMillis(1))
    }

    fn name(number: usize) -> Vec<u8> {
        format!("element:{number}").into_bytes()
    }

    /// Whether elements in and behind those of the collection at `key` are found ahead.
    fn is_warmed(keyspace: &Keyspace, key: &[u8]) -> bool {
        let hash = keyspace.key(key).hash;
        let names: Vec<Vec<u8>> = (0..COUNT + 100).map(name).collect();
        let elements = names.iter().map(|name| (hash, &name[..]));
        keyspace.warm_elements(0, elements)
    }

    #[test]
    fn elements_are_loaded_ahead_where_collections_are_big() {
        let keyspace = keyspace();
        let limit = PackedLimit {
            entries: 10,
            value_bytes: 64,
        };
        let limits = Limits {
            hash: limit,
            set: limit,
            sorted_set: limit,
            ..Limits::default()
        };
        let fill = |key: &[u8], count: usize| {
            let (hash_key, set_key) = ([b"h:", key].concat(), [b"s:", key].concat());
            let ranked_key = [b"z:", key].concat();
            let mut unit = write(&keyspace);
            let hash = unit.edit_hash(0, &keyspace.key(&hash_key), &limits, |hash| {
                for number in 0..count {
                    hash.set(&name(number), b"value", NewExpiry::None);
                }
                hash.changed(1);
            });
            hash.unwrap();
            let set = unit.edit_set(0, &keyspace.key(&set_key), &limits, |set| {
                (0..count).for_each(|number| assert!(set.add(&name(number))));
            });
            set.unwrap();
            let key = keyspace.key(&ranked_key);
            let ranked = unit.edit_sorted_set(0, &key, limit, |set| {
                for number in 0..count {
                    set.add(&name(number), number as f64, &Adding::default());
                }
            });
            ranked.unwrap();
        };
        fill(b"big", COUNT);
        fill(b"small", 5);
        for kind in ["h", "s", "z"] {
            assert!(is_warmed(&keyspace, format!("{kind}:big").as_bytes()));
            assert!(!is_warmed(&keyspace, format!("{kind}:small").as_bytes()));
        }
        assert!(!is_warmed(&keyspace, b"nothing"));
        let writer = write(&keyspace);
        assert!(!is_warmed(&keyspace, b"h:big"), "nobody is waited for");
        drop(writer);
    }
}
