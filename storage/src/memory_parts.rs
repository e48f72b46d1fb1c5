//! Where the bytes of a keyspace are.

use crate::unit::Unit;

/// What one database takes beyond its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DbOverhead {
    /// Its tables, and what a running snapshot has yet to show of it.
    pub table_bytes: u64,
    /// What is known of expire times.
    pub expiry_bytes: u64,
    /// The eviction policy's records.
    pub eviction_bytes: u64,
}

/// Where the bytes of a keyspace are, and what there is to be freed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryParts {
    /// Blocks of the slabs' pages that are handed out.
    pub slab_live_bytes: u64,
    /// The slabs' pages, as far as they were touched and not returned to the system.
    pub slab_resident_bytes: u64,
    /// What of that is more than 1.04 times what is handed out, and counts against the limit.
    pub slab_excess_bytes: u64,
    /// The slabs' own records.
    pub slab_metadata_bytes: u64,
    /// Entries too large for pages.
    pub large_bytes: u64,
    /// What entries own outside the slabs: long strings and big collections, dead ones until they are freed.
    pub outside_bytes: u64,
    /// Shards whose sparse pages are being emptied.
    pub sparse_shards: u64,
    /// Dead values, and keys of dead databases, that wait to be freed.
    pub dead_objects: u64,
    /// By the databases' numbers.
    pub dbs: Vec<DbOverhead>,
}

impl Unit<'_> {
    /// Where the bytes are. Visits every shard, so it needs [`crate::LockPlan::Roaming`] or
    /// [`crate::LockPlan::Exclusive`].
    pub fn memory_parts(&mut self) -> MemoryParts {
        let keyspace = self.keyspace();
        let mut parts = MemoryParts {
            dbs: vec![DbOverhead::default(); keyspace.databases() as usize],
            ..MemoryParts::default()
        };
        for index in 0..keyspace.shard_count() as u16 {
            self.shard(index).add_parts(&mut parts);
        }
        self.leave();
        parts
    }
}

#[cfg(test)]
mod tests {
    use crate::{Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, Unit, UnixMillis};

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn set(keyspace: &Keyspace, db: u32, name: &[u8], value: &[u8], expiry: NewExpiry) {
        let key = keyspace.key(name);
        let mut unit = Unit::begin(keyspace, LockPlan::Write(key.hash.shard), NOW);
        unit.set(db, &key, NewValue::Bytes(value), expiry);
    }

    #[test]
    fn the_parts_make_up_what_is_used() {
        let keyspace = Keyspace::new(KeyspaceOptions {
            shards: 4,
            databases: 3,
            seed: 5,
            maxmemory_bytes: 0,
        });
        for number in 0..2_000u32 {
            let name = format!("key:{number}");
            set(&keyspace, 0, name.as_bytes(), &[b'x'; 100], NewExpiry::None);
            let at = NewExpiry::At(UnixMillis(NOW.0 + 60_000 + i64::from(number)));
            set(&keyspace, 2, name.as_bytes(), &[b'y'; 200], at);
        }
        set(&keyspace, 0, b"large", &[b'z'; 12_000], NewExpiry::None);
        let mut unit = Unit::begin(&keyspace, LockPlan::Roaming, NOW);
        let parts = unit.memory_parts();
        unit.publish_memory();
        drop(unit);
        let memory = keyspace.memory();
        let dataset = parts.slab_live_bytes + parts.large_bytes + parts.outside_bytes;
        assert_eq!(memory.dataset_bytes(), dataset);
        let dbs = parts
            .dbs
            .iter()
            .map(|db| db.table_bytes + db.expiry_bytes + db.eviction_bytes)
            .sum::<u64>();
        let sum = dataset + parts.slab_excess_bytes + parts.slab_metadata_bytes + dbs;
        assert_eq!(memory.used_bytes(), sum);
        assert!(parts.slab_resident_bytes >= parts.slab_live_bytes);
        assert!(parts.dbs[0].table_bytes > 0 && parts.dbs[0].expiry_bytes == 0);
        assert!(parts.dbs[2].expiry_bytes > 0);
        assert_eq!(parts.dbs[1], super::DbOverhead::default());
        assert_eq!(parts.dead_objects, 0);
    }
}
