//! Clients blocked on keys: who waits for what, and who is served next.
//!
//! A blocking command that finds nothing registers one [`Waiter`] on all its keys, under the locks
//! of all their shards. Each shard has a [`WaitTable`] with a queue per key, in order of arrival.
//! A command that adds to a key marks it ready ([`WaitTable::mark_ready`]), which costs one check
//! while nobody waits; at the end of its unit, [`ReadyList::serve`] serves the marked keys.
//!
//! A waiter's wait ends once, by one compare-and-set: the unit that serves it claims it, while a
//! timeout, a disconnect or `CLIENT UNBLOCK` cancels it. Whoever wins only sets the state. The
//! session's worker then takes the remaining registrations out, one shard lock at a time, with
//! [`WaitTable::remove`]; until then, dead waiters are passed over and dropped when met.
//!
//! Queues belong to database *numbers*, as in Redis: `SWAPDB` and `FLUSHDB` leave waiters where
//! they are. After a swap, [`WaitTable::mark_all_ready`] has the new content looked at.

mod serve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use hashbrown::{Equivalent, HashMap};

pub use serve::{Deferred, ReadyList, Serve, ServingUnit};

/// An emptied table keeps room for this many keys at most.
const IDLE_KEYS_MAX: usize = 256;

/// Numbers arrivals of waiters and marks of keys over all shards. One for the whole keyspace.
#[derive(Default)]
pub struct Arrivals(AtomicU64);

impl Arrivals {
    fn next(&self) -> u64 {
        // Relaxed: two waiters whose order matters share a key, hence take their numbers one after
        // the other under that shard's lock; two marks whose order matters come from one thread.
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// How a wait stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WaitState {
    /// Still blocked.
    Waiting,
    /// A unit has claimed it; what it was given arrives by way of the payload.
    Served,
    /// Timed out, disconnected or unblocked.
    Cancelled,
}

/// One blocked command.
pub struct Waiter<T> {
    state: AtomicU8,
    arrival: u64,
    database: u32,
    keys: Box<[WaitKey]>,
    also_locked: Box<[u16]>,
    payload: T,
}

/// A key to wait on, with its shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitKey {
    /// The shard that the key lies in.
    pub shard: u16,
    /// The key.
    pub key: Box<[u8]>,
}

impl<T> fmt::Debug for Waiter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (arrival, state) = (self.arrival, self.state());
        write!(f, "Waiter({arrival}, {state:?})")
    }
}

impl<T> Waiter<T> {
    /// A waiter for `keys` in `database`. Make it while holding the locks of all their shards, for
    /// its place in their queues is that of its creation.
    ///
    /// `also_locked` are shards that a unit must hold to serve it, beside the one of the key that
    /// became ready: that of the destination, for `BLMOVE`.
    pub fn new(
        arrivals: &Arrivals,
        database: u32,
        keys: impl Into<Box<[WaitKey]>>,
        also_locked: impl Into<Box<[u16]>>,
        payload: T,
    ) -> Arc<Waiter<T>> {
        Arc::new(Waiter {
            state: AtomicU8::new(WaitState::Waiting as u8),
            arrival: arrivals.next(),
            database,
            keys: keys.into(),
            also_locked: also_locked.into(),
            payload,
        })
    }

    /// What the server attached to the wait.
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// The number of its database.
    pub fn database(&self) -> u32 {
        self.database
    }

    /// The keys it waits on, in the command's order.
    pub fn keys(&self) -> &[WaitKey] {
        &self.keys
    }

    /// The shards in which it may be registered, ascending.
    pub fn shards(&self) -> Vec<u16> {
        let mut shards: Vec<u16> = self.keys.iter().map(|key| key.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// How the wait stands at this moment.
    pub fn state(&self) -> WaitState {
        // Acquire pairs with the release in `end`: who sees the end sees what came before it.
        match self.state.load(Ordering::Acquire) {
            0 => WaitState::Waiting,
            1 => WaitState::Served,
            _ => WaitState::Cancelled,
        }
    }

    /// Ends the wait without a result. False if it has ended before; if it was served, the result
    /// is on its way and the session must wait for it.
    pub fn cancel(&self) -> bool {
        self.end(WaitState::Cancelled)
    }

    /// Ends the wait in favour of the calling unit, which must then deliver. False if it has ended
    /// before. [`ReadyList::serve`] does this for every waiter it serves.
    pub fn claim(&self) -> bool {
        self.end(WaitState::Served)
    }

    fn end(&self, state: WaitState) -> bool {
        // Release publishes what the winner did before; acquire shows it to a loser that asks.
        self.state
            .compare_exchange(
                WaitState::Waiting as u8,
                state as u8,
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }
}

/// A key that may be able to serve somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadyKey {
    /// Orders the marks of a unit over all its shards.
    mark: u64,
    /// The shard that the key lies in.
    pub shard: u16,
    /// The number of its database.
    pub database: u32,
    /// The key.
    pub key: Box<[u8]>,
}

/// The waiters on the keys of one shard. Lives in the shard, under its lock.
pub struct WaitTable<T> {
    shard: u16,
    arrivals: Arc<Arrivals>,
    queues: HashMap<DatabaseKey, Queue<T>, foldhash::fast::RandomState>,
    registrations: usize,
    ready: Vec<ReadyKey>,
}

struct Queue<T> {
    /// By arrival.
    waiters: BTreeMap<u64, Arc<Waiter<T>>>,
    /// It stands in `ready`.
    marked: bool,
    /// A worker is about to serve it with more shards locked.
    deferred: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct DatabaseKey {
    database: u32,
    key: Box<[u8]>,
}

/// Hashes as [`DatabaseKey`] does, without owning the key.
#[derive(Hash)]
struct DatabaseKeyRef<'a> {
    database: u32,
    key: &'a [u8],
}

impl Equivalent<DatabaseKey> for DatabaseKeyRef<'_> {
    fn equivalent(&self, other: &DatabaseKey) -> bool {
        self.database == other.database && *self.key == *other.key
    }
}

impl<T> WaitTable<T> {
    /// The empty table of `shard`. All tables of a keyspace share `arrivals`.
    pub fn new(shard: u16, arrivals: Arc<Arrivals>) -> WaitTable<T> {
        let queues = HashMap::default();
        WaitTable {
            shard,
            arrivals,
            queues,
            registrations: 0,
            ready: Vec::new(),
        }
    }

    /// Puts `waiter` into the queue of each of its keys that lies in this shard.
    pub fn register(&mut self, waiter: &Arc<Waiter<T>>) {
        for WaitKey { key, .. } in waiter.keys.iter().filter(|key| key.shard == self.shard) {
            let database_key = DatabaseKey {
                database: waiter.database,
                key: key.clone(),
            };
            let queue = self.queues.entry(database_key).or_insert_with(|| Queue {
                waiters: BTreeMap::new(),
                marked: false,
                deferred: false,
            });
            let before = queue.waiters.insert(waiter.arrival, waiter.clone());
            // A key named twice in one command is one registration.
            self.registrations += usize::from(before.is_none());
        }
    }

    /// Takes `waiter` out of all queues of this shard. Nothing happens where it is gone already.
    pub fn remove(&mut self, waiter: &Waiter<T>) {
        let shard = self.shard;
        for WaitKey { key, .. } in waiter.keys.iter().filter(|key| key.shard == shard) {
            self.remove_from(waiter.database, key, waiter.arrival);
        }
    }

    /// Notes that `key` has changed, for the end of this unit; whether anybody waits for it. Costs one check while
    /// nobody waits in this shard.
    #[inline]
    pub fn mark_ready(&mut self, database: u32, key: &[u8]) -> bool {
        !self.queues.is_empty() && self.mark_waited_for(database, key)
    }

    /// Marks every key of `database` that somebody waits for, those waited for longest first: its
    /// content was exchanged as a whole. Whether there is any.
    pub fn mark_all_ready(&mut self, database: u32) -> bool {
        let mut marked: Vec<_> = self
            .queues
            .iter()
            .filter(|(key, _)| key.database == database)
            .map(|(key, queue)| (queue.waiters.keys().next().copied(), key.key.clone()))
            .collect();
        marked.sort_unstable();
        for (_, key) in &marked {
            self.mark_waited_for(database, key);
        }
        !marked.is_empty()
    }

    /// Whether keys are marked, that is, whether the unit has to serve before it releases.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether `key` is about to be served by a worker that has to lock more shards first. Until
    /// then a new blocking command has to queue up even if the key could serve it at once, or it
    /// would overtake.
    #[inline]
    pub fn is_deferred(&self, database: u32, key: &[u8]) -> bool {
        !self.queues.is_empty()
            && self
                .queues
                .get(&DatabaseKeyRef { database, key })
                .is_some_and(|queue| queue.deferred)
    }

    /// The first waiter on `key` that still waits.
    pub fn first_live(&mut self, database: u32, key: &[u8]) -> Option<&Arc<Waiter<T>>> {
        self.live_after(database, key, None)
    }

    /// How many registrations there are: pairs of a waiter and a key.
    pub fn len(&self) -> usize {
        self.registrations
    }

    /// How many keys somebody is registered on.
    pub fn keys(&self) -> usize {
        self.queues.len()
    }

    /// Whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.registrations == 0
    }

    #[cold]
    fn mark_waited_for(&mut self, database: u32, key: &[u8]) -> bool {
        let Some(queue) = self.queues.get_mut(&DatabaseKeyRef { database, key }) else {
            return false;
        };
        if !std::mem::replace(&mut queue.marked, true) {
            let mark = self.arrivals.next();
            self.ready.push(ReadyKey {
                mark,
                shard: self.shard,
                database,
                key: key.into(),
            });
        }
        true
    }

    /// The marked keys, in order; they are marked no more.
    fn take_ready(&mut self) -> Vec<ReadyKey> {
        let ready = std::mem::take(&mut self.ready);
        for ReadyKey { database, key, .. } in &ready {
            if let Some(queue) = self.queue_mut(*database, key) {
                queue.marked = false;
            }
        }
        ready
    }

    /// The first waiter on `key` behind the one that arrived at `after` that still waits. Drops
    /// those before it that do not.
    fn live_after(
        &mut self,
        database: u32,
        key: &[u8],
        after: Option<u64>,
    ) -> Option<&Arc<Waiter<T>>> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let arrival = loop {
            let queue = self.queue_mut(database, key)?;
            let (&arrival, waiter) = queue.waiters.range((behind, Bound::Unbounded)).next()?;
            if waiter.state() == WaitState::Waiting {
                break arrival;
            }
            self.remove_from(database, key, arrival);
        };
        self.queue_mut(database, key)?.waiters.get(&arrival)
    }

    fn set_deferred(&mut self, database: u32, key: &[u8], deferred: bool) {
        if let Some(queue) = self.queue_mut(database, key) {
            queue.deferred = deferred;
        }
    }

    fn remove_from(&mut self, database: u32, key: &[u8], arrival: u64) {
        let Some(queue) = self.queue_mut(database, key) else {
            return;
        };
        let removed = queue.waiters.remove(&arrival).is_some();
        if queue.waiters.is_empty() {
            self.queues.remove(&DatabaseKeyRef { database, key });
        }
        self.registrations -= usize::from(removed);
        if self.queues.is_empty() && self.queues.capacity() > IDLE_KEYS_MAX {
            self.queues.shrink_to_fit();
        }
    }

    fn queue_mut(&mut self, database: u32, key: &[u8]) -> Option<&mut Queue<T>> {
        self.queues.get_mut(&DatabaseKeyRef { database, key })
    }
}
