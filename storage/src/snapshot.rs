//! Point-in-time walks of everything stored, while writers go on.
//!
//! A snapshot starts at a cut by flipping the epoch's parity: what carries the old parity is in it, what is
//! written later carries the new one and is not. Writers hand replaced old versions to a pre-image queue
//! (see [`crate::shard`]); the walk visits each shard's databases segment by segment, by identity, so that
//! `SWAPDB` and `FLUSHALL` in between change neither what is found nor under which number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::DbIndex;
use crate::entry::EntryView;
use crate::keyspace::Keyspace;

/// How far the one snapshot of a keyspace has come; shared by its reader and by maintenance.
#[derive(Default)]
pub(crate) struct SnapshotProgress {
    /// From the cut until every shard has reached the new parity.
    running: AtomicBool,
    /// The reader has gone; maintenance brings the remaining entries to the new parity.
    abandoned: AtomicBool,
    shards_left: AtomicUsize,
}

impl SnapshotProgress {
    pub(crate) fn is_abandoned(&self) -> bool {
        // Relaxed: a hint; what maintenance does on the strength of it happens under the shard's lock, which
        // its reader has released before.
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Notes that a shard has been walked to its end.
    pub(crate) fn shard_done(&self) {
        // AcqRel: whoever is last has seen what the others did before it lets the next snapshot start.
        if self.shards_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.abandoned.store(false, Ordering::Relaxed);
            // Release: pairs with the acquire in `Snapshot::new`.
            self.running.store(false, Ordering::Release);
        }
    }
}

/// A running snapshot. Step it to its end: until then old versions stay in memory, and no other can start.
/// Dropped before its end, it leaves the rest to [`crate::Unit::maintain`].
#[must_use = "a snapshot holds old versions until it has been walked"]
pub struct Snapshot {
    progress: Arc<SnapshotProgress>,
    shard: usize,
    shards: usize,
}

impl Snapshot {
    /// The snapshot of a keyspace, unless there is one. Called at a cut.
    pub(crate) fn new(progress: &Arc<SnapshotProgress>, shards: usize) -> Option<Self> {
        // Acquire: pairs with the release in `shard_done`.
        if progress.running.swap(true, Ordering::Acquire) {
            return None;
        }
        progress.shards_left.store(shards, Ordering::Relaxed);
        Some(Self {
            progress: Arc::clone(progress),
            shard: 0,
            shards,
        })
    }

    /// Visits at most one segment, or as many replaced versions, under one shard's lock; whether there is
    /// more. `visit` gets each key as it was at the cut, with its database's number then; keys come in no
    /// useful order.
    pub fn step(
        &mut self,
        keyspace: &Keyspace,
        visit: &mut dyn FnMut(DbIndex, EntryView<'_>),
    ) -> bool {
        if self.shard == self.shards {
            return false;
        }
        let mut shard = keyspace.shards[self.shard].lock.write();
        if !shard.walk_step(visit) {
            self.shard += 1;
            self.progress.shard_done();
        }
        keyspace.publish(&mut shard);
        self.shard < self.shards
    }

    /// Gives up: walks the rest without showing it to anybody, so that all keys reach the same parity and
    /// the next snapshot may start.
    pub fn abandon(mut self, keyspace: &Keyspace) {
        while self.step(keyspace, &mut |_, _| {}) {}
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if self.shard < self.shards {
            // Relaxed: see `is_abandoned`.
            self.progress.abandoned.store(true, Ordering::Relaxed);
        }
    }
}
