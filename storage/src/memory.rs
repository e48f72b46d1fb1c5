//! The number that is compared with `maxmemory`.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// Process-wide memory counters. Shards publish differences, so readers need no lock.
#[derive(Debug, Default)]
pub struct Memory {
    used: CachePadded<AtomicI64>,
    limit: CachePadded<AtomicU64>,
    dataset: AtomicI64,
    clients: AtomicI64,
    /// The part of that which counts in `used`.
    clients_used: AtomicI64,
    /// While what is used comes down to a limit that was lowered: the least that was used since.
    falling_from: AtomicU64,
    peak: AtomicI64,
    freed_in_background: AtomicU64,
    /// Entries that compaction has moved, and that it could not.
    moved: AtomicU64,
    declined: AtomicU64,
    /// How many shards have sparse pages.
    sparse_shards: AtomicI64,
    /// How many shards have dead memory.
    dead_shards: AtomicI64,
}

impl Memory {
    /// Bytes used: live blocks, tables, slab overhead above its allowance, and what clients take.
    pub fn used_bytes(&self) -> u64 {
        // Relaxed: a statistic; nothing else is read on the strength of it.
        self.used.load(Ordering::Relaxed).max(0) as u64
    }

    /// The part of [`Memory::used_bytes`] that entries and what they own take.
    pub fn dataset_bytes(&self) -> u64 {
        self.dataset.load(Ordering::Relaxed).max(0) as u64
    }

    /// What clients take: requests and replies that wait.
    pub fn clients_bytes(&self) -> u64 {
        self.clients.load(Ordering::Relaxed).max(0) as u64
    }

    /// Counts how much more, or less, clients take, and how much of it counts against the limit.
    pub fn add_clients(&self, bytes: i64, used_bytes: i64) {
        self.clients.fetch_add(bytes, Ordering::Relaxed);
        self.clients_used.fetch_add(used_bytes, Ordering::Relaxed);
        self.add_used(used_bytes);
    }

    /// The most that [`Memory::used_bytes`] has been.
    pub fn peak_bytes(&self) -> u64 {
        self.peak
            .load(Ordering::Relaxed)
            .max(self.used.load(Ordering::Relaxed))
            .max(0) as u64
    }

    /// Forgets the peak.
    pub fn reset_peak(&self) {
        self.peak.store(0, Ordering::Relaxed);
    }

    /// How many dead values, and keys of dead databases, have been freed in the background since this was last reset.
    pub fn freed_in_background(&self) -> u64 {
        self.freed_in_background.load(Ordering::Relaxed)
    }

    /// Counts them from 0 on again.
    pub fn reset_freed_in_background(&self) {
        self.freed_in_background.store(0, Ordering::Relaxed);
    }

    /// How many entries compaction has moved since this was last reset, and how many it could not.
    pub fn moved_by_compaction(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.moved), load(&self.declined))
    }

    /// Counts them from 0 on again.
    pub fn reset_moved_by_compaction(&self) {
        self.moved.store(0, Ordering::Relaxed);
        self.declined.store(0, Ordering::Relaxed);
    }

    pub(crate) fn add_moved_by_compaction(&self, moved: u64, declined: u64) {
        self.moved.fetch_add(moved, Ordering::Relaxed);
        self.declined.fetch_add(declined, Ordering::Relaxed);
    }

    pub(crate) fn add_freed_in_background(&self, count: u64) {
        self.freed_in_background.fetch_add(count, Ordering::Relaxed);
    }

    /// How much of so many used bytes would be the dataset's: of what clients do not take, as much as it has now.
    pub fn dataset_share(&self, used_bytes: u64) -> u64 {
        let fixed = self.clients_bytes();
        let taken = self.used_bytes().saturating_sub(fixed);
        let dataset = self.dataset_bytes().min(taken);
        let free = u128::from(used_bytes.saturating_sub(fixed));
        (free * u128::from(dataset))
            .checked_div(taken.into())
            .map_or(used_bytes, |bytes| bytes as u64)
    }

    /// `maxmemory` in bytes; 0 means no limit.
    pub fn limit_bytes(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets `maxmemory`; takes effect with the next command that may need memory.
    pub fn set_limit(&self, bytes: u64) {
        self.falling_from
            .store(self.used_bytes(), Ordering::Relaxed);
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// Whether no more is used than at any time it was asked since the limit was set. So while memory follows a limit that was
    /// lowered it says no as soon as it does not fall.
    pub fn is_falling(&self) -> bool {
        let used = self.used_bytes();
        used <= self.falling_from.fetch_min(used, Ordering::Relaxed)
    }

    /// Whether more is used than the limit allows.
    #[inline]
    pub fn over_limit(&self) -> bool {
        let limit = self.limit_bytes();
        limit != 0 && self.used_bytes() > limit
    }

    /// How much has to go for `more` bytes to be within the limit; 0 if there is room for them.
    #[inline]
    pub fn missing_bytes(&self, more: u64) -> u64 {
        match self.limit_bytes() {
            0 => 0,
            limit => self.used_bytes().saturating_add(more).saturating_sub(limit),
        }
    }

    /// Whether there would be room for so many bytes if all keys were gone. Of what does not go with them only that of clients
    /// is known; the rest is taken to be a thirty-second part of the limit, for what is not small itself.
    #[inline]
    pub fn can_ever_hold(&self, bytes: u64) -> bool {
        /// Smaller ones are let through to what says so exactly.
        const SMALL_BYTES: u64 = 64 << 10;
        const REST_PART: u64 = 32;
        let limit = self.limit_bytes();
        if limit == 0 || bytes < SMALL_BYTES {
            return limit == 0 || bytes <= limit;
        }
        let clients = self.clients_used.load(Ordering::Relaxed).max(0) as u64;
        bytes.saturating_add(clients) <= limit - limit / REST_PART
    }

    /// Whether any shard has dead memory: what is used already comes back without a key going for it.
    #[inline]
    pub fn has_dead(&self) -> bool {
        // Relaxed: a hint; who acts on it looks again under the shard's lock.
        self.dead_shards.load(Ordering::Relaxed) > 0
    }

    /// Counts a shard that has got dead memory, or whose dead memory has been freed.
    pub(crate) fn shard_has_dead(&self, has: bool) {
        self.dead_shards
            .fetch_add(if has { 1 } else { -1 }, Ordering::Relaxed);
    }

    /// Whether sparse pages of any shard are being emptied.
    pub fn is_sparse(&self) -> bool {
        // Relaxed: a figure.
        self.sparse_shards.load(Ordering::Relaxed) > 0
    }

    /// Counts a shard that has got sparse pages, or whose pages are not sparse any more.
    pub(crate) fn shard_is_sparse(&self, is: bool) {
        self.sparse_shards
            .fetch_add(if is { 1 } else { -1 }, Ordering::Relaxed);
    }

    pub(crate) fn add_shard(&self, used: i64, dataset: i64) {
        self.dataset.fetch_add(dataset, Ordering::Relaxed);
        self.add_used(used);
    }

    fn add_used(&self, used: i64) {
        let now = self.used.fetch_add(used, Ordering::Relaxed) + used;
        if now > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
    }
}
