//! What of a shard is known outside its lock: memory figures, and whether there is housekeeping to do.

use super::{PREFETCHED_BYTES_MAX, Shard};
use crate::memory_parts::MemoryParts;

/// A shard publishes its memory figures once they have moved by this many bytes.
const PUBLISH_BYTES: usize = 4096;

/// What of a shard is known outside its lock.
#[derive(Default)]
pub(super) struct Published {
    /// Both as they were when last published.
    used_bytes: usize,
    dataset_bytes: usize,
    /// An expiry may have become due earlier, or dead memory has come up.
    pub(super) stale: bool,
}

impl Shard {
    /// Live blocks and what entries own outside them.
    pub(crate) fn dataset_bytes(&self) -> usize {
        self.slab.live_bytes() + self.slab.large_bytes() + self.outside_bytes
    }

    /// Bytes this shard counts against the limit: data, tables, and slab pages above 1.04 x live.
    pub(crate) fn used_bytes(&self) -> usize {
        let dbs = self.dbs.iter().flatten().chain(&self.detached);
        self.dataset_bytes()
            + self.slab.metadata_bytes()
            + self.excess_bytes()
            + self.watches.bytes()
            + dbs.map(|db| db.bytes()).sum::<usize>()
            + self.graveyard.dbs_bytes()
    }

    fn excess_bytes(&self) -> usize {
        let live = self.slab.live_bytes();
        self.slab.resident_bytes().saturating_sub(live + live / 25)
    }

    /// Adds what there is of this shard.
    pub(crate) fn add_parts(&self, parts: &mut MemoryParts) {
        let slab = &self.slab;
        parts.slab_live_bytes += slab.live_bytes() as u64;
        parts.slab_resident_bytes += slab.resident_bytes() as u64;
        parts.slab_excess_bytes += self.excess_bytes() as u64;
        parts.slab_metadata_bytes += slab.metadata_bytes() as u64;
        parts.large_bytes += slab.large_bytes() as u64;
        parts.outside_bytes += self.outside_bytes as u64;
        parts.dead_objects += self.graveyard.objects();
        parts.sparse_shards += u64::from(self.is_sparse());
        for (db, part) in self.dbs.iter().zip(&mut parts.dbs) {
            let Some(db) = db else { continue };
            part.table_bytes += db.table_bytes() as u64;
            part.expiry_bytes += db.wheel_bytes() as u64;
            part.eviction_bytes += db.eviction.bytes() as u64;
        }
    }

    /// Whether what others know of this shard is out of date.
    #[inline]
    pub(crate) fn needs_publishing(&self) -> bool {
        self.published.stale
            || self.dataset_bytes().abs_diff(self.published.dataset_bytes) >= PUBLISH_BYTES
    }

    /// How used and dataset bytes have moved since the last call.
    pub(crate) fn take_unpublished(&mut self) -> (i64, i64) {
        let mut keys = 0;
        for db in self.dbs.iter_mut().flatten() {
            db.keys_peak = db.keys_peak.max(db.table.len());
            keys += db.table.len();
        }
        let entry_bytes = self.slab.live_bytes() / keys.max(1);
        self.prefetch_bytes = entry_bytes.clamp(1, PREFETCHED_BYTES_MAX) as u16;
        let (used, dataset) = (self.used_bytes(), self.dataset_bytes());
        let moved = (
            used as i64 - self.published.used_bytes as i64,
            dataset as i64 - self.published.dataset_bytes as i64,
        );
        self.published = Published {
            used_bytes: used,
            dataset_bytes: dataset,
            stale: false,
        };
        moved
    }

    /// How many bytes of an entry are worth prefetching here: those of the mean entry, up to a bound.
    #[inline]
    pub(crate) fn prefetch_bytes(&self) -> usize {
        self.prefetch_bytes.into()
    }

    /// What others know of this shard must be brought up to date at the end of the unit.
    pub(crate) fn set_stale(&mut self) {
        self.published.stale = true;
    }

    /// Whether dead memory waits to be freed.
    pub(crate) fn has_dead_memory(&self) -> bool {
        !self.graveyard.is_empty()
    }

    /// Whether compaction would give memory back.
    pub(crate) fn is_sparse(&self) -> bool {
        self.slab.needs_compaction()
    }

    /// Whether dead memory waits to be freed or pages to be compacted.
    pub(crate) fn has_chores(&mut self) -> bool {
        !self.graveyard.is_empty()
            || self.slab.needs_compaction()
            || self
                .dbs
                .iter_mut()
                .flatten()
                .any(|db| db.has_shrunk() || db.has_old_records() || db.has_eviction_chores())
    }
}
