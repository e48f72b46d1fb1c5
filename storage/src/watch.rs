//! Watched keys of one shard: which sessions' transactions a change spoils.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;

use crate::DbIndex;

/// A session's dirty flag: set once any key it watches is known to have changed.
#[derive(Debug, Default)]
pub struct WatchFlag(AtomicBool);

impl WatchFlag {
    /// Whether a watched key has changed since it was watched.
    pub fn is_dirty(&self) -> bool {
        // Relaxed: `EXEC` asks while it holds the locks of all watched shards, which order it after every
        // change made under them.
        self.0.load(Ordering::Relaxed)
    }

    /// Marks the transaction as spoiled.
    pub fn mark(&self) {
        // Relaxed: the shard's lock is held; see `is_dirty`.
        self.0.store(true, Ordering::Relaxed);
    }
}

type Watchers = Vec<Watcher>;

struct Watcher {
    flag: Arc<WatchFlag>,
    /// Whether the key was there when the watch began. If it was not, its removal for age is no change.
    was_there: bool,
}

/// The keys of one shard that somebody watches.
#[derive(Default)]
pub(crate) struct WatchTable {
    keys: HashMap<(DbIndex, Box<[u8]>), Watchers, foldhash::fast::RandomState>,
    key_bytes: usize,
}

impl WatchTable {
    /// Bytes held, map overhead estimated per key.
    pub(crate) fn bytes(&self) -> usize {
        self.key_bytes
    }

    /// Starts watching; a key may be watched twice by one session.
    pub(crate) fn watch(
        &mut self,
        db: DbIndex,
        key: &[u8],
        flag: &Arc<WatchFlag>,
        was_there: bool,
    ) {
        self.key_bytes += watch_bytes(key);
        self.keys
            .entry((db, key.into()))
            .or_default()
            .push(Watcher {
                flag: Arc::clone(flag),
                was_there,
            });
    }

    /// Stops one watch.
    pub(crate) fn unwatch(&mut self, db: DbIndex, key: &[u8], flag: &Arc<WatchFlag>) {
        let id = (db, Box::from(key));
        let Some(watchers) = self.keys.get_mut(&id) else {
            return;
        };
        let is_it = |watcher: &Watcher| Arc::ptr_eq(&watcher.flag, flag);
        let Some(at) = watchers.iter().position(is_it) else {
            return;
        };
        watchers.swap_remove(at);
        self.key_bytes -= watch_bytes(key);
        if watchers.is_empty() {
            self.keys.remove(&id);
        }
    }

    /// A key is known to have changed.
    #[inline]
    pub(crate) fn changed(&self, db: DbIndex, key: &[u8]) {
        if !self.keys.is_empty() {
            self.mark(db, key, |_| true);
        }
    }

    /// A key is being removed because its time to live has passed.
    pub(crate) fn expired(&self, db: DbIndex, key: &[u8]) {
        if !self.keys.is_empty() {
            self.mark(db, key, |watcher| watcher.was_there);
        }
    }

    #[cold]
    fn mark(&self, db: DbIndex, key: &[u8], whom: impl Fn(&Watcher) -> bool) {
        if let Some(watchers) = self.keys.get(&(db, Box::from(key))) {
            let marked = watchers.iter().filter(|watcher| whom(watcher));
            marked.for_each(|watcher| watcher.flag.mark());
        }
    }

    /// Marks the watchers of every key of `db` for which `there` holds.
    pub(crate) fn changed_where(&self, db: DbIndex, there: impl Fn(&[u8]) -> bool) {
        for ((watched, key), watchers) in &self.keys {
            if *watched == db && there(key) {
                watchers.iter().for_each(|watcher| watcher.flag.mark());
            }
        }
    }
}

fn watch_bytes(key: &[u8]) -> usize {
    size_of::<(DbIndex, Box<[u8]>, Watchers)>() + size_of::<Watcher>() + key.len()
}
