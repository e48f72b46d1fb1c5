//! Point-in-time walks of everything stored, while writers go on.
//!
//! A snapshot starts at a cut by flipping the epoch's parity: what carries the old parity is in it, what is
//! written later carries the new one and is not. Writers hand replaced old versions to a pre-image queue
//! (see [`crate::shard`]); the walk visits each shard's databases segment by segment, by identity, so that
//! `SWAPDB` and `FLUSHALL` in between change neither what is found nor under which number.

use crate::DbIndex;
use crate::entry::EntryView;
use crate::keyspace::Keyspace;

/// A running snapshot. Step it to its end; what is not visited stays in memory.
#[must_use = "a snapshot holds old versions until it has been walked"]
pub struct Snapshot {
    /// Per shard: the databases at the cut, by identity and number.
    dbs: Vec<Vec<(u64, DbIndex)>>,
    shard: usize,
    db: usize,
    position: u64,
}

impl Snapshot {
    pub(crate) fn new(dbs: Vec<Vec<(u64, DbIndex)>>) -> Self {
        Self { dbs, shard: 0, db: 0, position: 0 }
    }

    /// Visits at most one segment, under one shard's lock; whether there is more. `visit` gets each key as
    /// it was at the cut, with its database's number then; keys come in no useful order.
    pub fn step(&mut self, keyspace: &Keyspace, visit: &mut dyn FnMut(DbIndex, EntryView<'_>)) -> bool {
        let Some(dbs) = self.dbs.get(self.shard) else { return false };
        let mut shard = keyspace.shards[self.shard].lock.write();
        if let Some(&(id, number)) = dbs.get(self.db) {
            match shard.snapshot_segment(id, self.position, &mut |entry| visit(number, entry)) {
                Some(next) => self.position = next,
                None => (self.db, self.position) = (self.db + 1, 0),
            }
        }
        if self.db >= dbs.len() {
            shard.end_snapshot();
            (self.shard, self.db) = (self.shard + 1, 0);
        }
        keyspace.publish(&mut shard);
        drop(shard);
        let more = self.shard < self.dbs.len();
        if !more {
            keyspace.snapshot_done();
        }
        more
    }

    /// Gives up: walks the rest without showing it to anybody, so that all keys reach the same parity and
    /// the next snapshot may start.
    pub fn abandon(mut self, keyspace: &Keyspace) {
        while self.step(keyspace, &mut |_, _| {}) {}
    }
}
