//! Serving marked keys: which waiter is next, and when a key needs a unit of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{ReadyKey, WaitTable, Waiter};

/// Whether a key can serve a waiter, as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serve {
    /// Yes, given the locks it needs.
    Now,
    /// Not this one, but perhaps one behind it: the key holds another type than it waits for.
    NotThisOne,
    /// Nobody: the key is gone.
    Nobody,
}

/// A unit with its locks held, as serving sees it.
pub trait ServingUnit<T> {
    /// The table of `shard`, if the unit holds its lock.
    fn table(&mut self, shard: u16) -> Option<&mut WaitTable<T>>;

    /// Calls [`ReadyList::collect`] with every table it holds that has marks.
    fn collect_ready(&mut self, ready: &mut ReadyList);

    /// Whether `key` can serve the waiter. Changes nothing.
    fn can_serve(&mut self, database: u32, key: &[u8], waiter: &Waiter<T>) -> Serve;

    /// Serves the waiter from `key` and delivers the result. The waiter is claimed, and
    /// [`ServingUnit::can_serve`] has said yes under the same locks, so this must succeed. What it
    /// adds elsewhere (`BLMOVE`) it marks ready.
    fn serve(&mut self, database: u32, key: &[u8], waiter: &Arc<Waiter<T>>);
}

/// The keys that a worker has to serve before it answers the command that made them ready.
#[derive(Default)]
pub struct ReadyList {
    /// By mark: the order in which they became ready, whatever their shards.
    keys: BTreeMap<u64, ReadyKey>,
    deferred: VecDeque<Deferred>,
}

/// A key whose next waiter needs shards that the unit did not hold.
#[derive(Debug)]
pub struct Deferred {
    key: ReadyKey,
    shards: Vec<u16>,
}

impl Deferred {
    /// The shards to lock, ascending.
    pub fn shards(&self) -> &[u16] {
        &self.shards
    }

    /// The key.
    pub fn key(&self) -> &ReadyKey {
        &self.key
    }
}

impl ReadyList {
    /// Takes over the marks of `table`.
    pub fn collect<T>(&mut self, table: &mut WaitTable<T>) {
        if table.has_ready() {
            self.keys
                .extend(table.take_ready().into_iter().map(|key| (key.mark, key)));
        }
    }

    /// Serves all marked keys of the unit's shards, at its end and before it releases them, and
    /// what becomes ready by that. Keys for which it lacks a lock become [`Deferred`].
    pub fn serve<T>(&mut self, unit: &mut impl ServingUnit<T>) {
        unit.collect_ready(self);
        while let Some((_, key)) = self.keys.pop_first() {
            self.serve_key(key, unit);
            unit.collect_ready(self);
        }
    }

    /// Whether [`ReadyList::next_deferred`] has something.
    pub fn has_deferred(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// What is left for further units once the locks are released. The same worker runs them, each
    /// with the shards asked for, until there is none: [`ReadyList::resume`], then this again.
    pub fn next_deferred(&mut self) -> Option<Deferred> {
        self.deferred.pop_front()
    }

    /// Serves a deferred key, in a unit that holds its shards. Everything is looked at afresh: its
    /// waiters and its content may have changed meanwhile.
    pub fn resume<T>(&mut self, deferred: Deferred, unit: &mut impl ServingUnit<T>) {
        self.serve_key(deferred.key, unit);
        self.serve(unit);
    }

    fn serve_key<T>(&mut self, ready: ReadyKey, unit: &mut impl ServingUnit<T>) {
        let ReadyKey {
            shard,
            database,
            ref key,
            ..
        } = ready;
        let Some(table) = unit.table(shard) else {
            return self.defer(ready, &[]);
        };
        table.set_deferred(database, key, false);
        let mut passed = None;
        while let Some(table) = unit.table(shard)
            && let Some(waiter) = table.live_after(database, key, passed).cloned()
        {
            match unit.can_serve(database, key, &waiter) {
                Serve::Now => {}
                Serve::NotThisOne => {
                    passed = Some(waiter.arrival);
                    continue;
                }
                Serve::Nobody => return,
            }
            if waiter
                .also_locked
                .iter()
                .any(|&shard| unit.table(shard).is_none())
            {
                // Nobody behind this waiter may be served before it.
                if let Some(table) = unit.table(shard) {
                    table.set_deferred(database, key, true);
                }
                return self.defer(ready, &waiter.also_locked);
            }
            if waiter.claim() {
                unit.serve(database, key, &waiter);
            }
            // Served or just cancelled: either way it waits no more.
            if let Some(table) = unit.table(shard) {
                table.remove_from(database, key, waiter.arrival);
            }
        }
    }

    fn defer(&mut self, key: ReadyKey, also_locked: &[u16]) {
        let mut shards = vec![key.shard];
        shards.extend_from_slice(also_locked);
        shards.sort_unstable();
        shards.dedup();
        self.deferred.push_back(Deferred { key, shards });
    }
}
