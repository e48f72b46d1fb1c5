//! Watched keys of one shard: which sessions' transactions a change spoils.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use hashbrown::HashMap;
use parking_lot::Mutex;

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

/// Changed keys that a [`FamilyWatch`] remembers.
const FAMILY_CHANGES_MAX: usize = 4096;

/// Keys whose names are made of a prefix, something in between and a suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFamily {
    /// What they begin with.
    pub prefix: Box<[u8]>,
    /// What they end with.
    pub suffix: Box<[u8]>,
}

impl KeyFamily {
    /// What stands in between, if `key` is one of them.
    fn middle_of<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        key.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)
    }
}

/// Notes which keys of some families change, from [`crate::Unit::watch_families`] on and for as long as it lives: for work
/// that reads many keys one after the other and has to know whether they still are what they were.
#[derive(Debug)]
pub struct FamilyWatch {
    db: DbIndex,
    families: Vec<KeyFamily>,
    changes: Mutex<FamilyChanges>,
    /// Whether there are any.
    any: AtomicBool,
}

/// What has changed in watched families.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FamilyChanges {
    /// What stands between prefix and suffix in the names of keys that have changed.
    pub middles: Vec<Box<[u8]>>,
    /// Whether there are others: too many, or all keys there are.
    pub is_more: bool,
}

impl FamilyWatch {
    pub(crate) fn new(db: DbIndex, families: Vec<KeyFamily>) -> Self {
        Self {
            db,
            families,
            changes: Mutex::default(),
            any: AtomicBool::new(false),
        }
    }

    /// What has changed since this was last asked; `None`: nothing. A unit that has just changed something may not be
    /// seen yet by whoever holds no locks.
    pub fn take_changes(&self) -> Option<FamilyChanges> {
        // Relaxed: a hint without locks; whoever must know holds all shards, see `Unit::take_family_changes`.
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut changes = self.changes.lock();
        self.any.store(false, Ordering::Relaxed);
        Some(std::mem::take(&mut *changes))
    }

    fn changed(&self, db: DbIndex, key: &[u8]) {
        if db != self.db {
            return;
        }
        for family in &self.families {
            if let Some(middle) = family.middle_of(key) {
                let mut changes = self.changes.lock();
                if changes.middles.len() < FAMILY_CHANGES_MAX {
                    changes.middles.push(middle.into());
                } else {
                    changes.is_more = true;
                }
                self.any.store(true, Ordering::Relaxed);
            }
        }
    }

    fn all_changed(&self, db: DbIndex) {
        if db == self.db {
            self.changes.lock().is_more = true;
            self.any.store(true, Ordering::Relaxed);
        }
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
    /// Those that have ended are left out with the next change.
    families: Vec<Weak<FamilyWatch>>,
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

    /// Starts telling `watch` of changes.
    pub(crate) fn watch_families(&mut self, watch: &Arc<FamilyWatch>) {
        self.families.retain(|watch| watch.strong_count() > 0);
        self.families.push(Arc::downgrade(watch));
    }

    #[cold]
    fn tell_families(&mut self, tell: impl Fn(&FamilyWatch)) {
        self.families.retain(|watch| {
            let watch = watch.upgrade();
            watch.inspect(|watch| tell(watch)).is_some()
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
    pub(crate) fn changed(&mut self, db: DbIndex, key: &[u8]) {
        if !self.keys.is_empty() {
            self.mark(db, key, |_| true);
        }
        if !self.families.is_empty() {
            self.tell_families(|watch| watch.changed(db, key));
        }
    }

    /// A key is being removed because its time to live has passed.
    pub(crate) fn expired(&mut self, db: DbIndex, key: &[u8]) {
        if !self.keys.is_empty() {
            self.mark(db, key, |watcher| watcher.was_there);
        }
        if !self.families.is_empty() {
            self.tell_families(|watch| watch.changed(db, key));
        }
    }

    #[cold]
    fn mark(&self, db: DbIndex, key: &[u8], whom: impl Fn(&Watcher) -> bool) {
        if let Some(watchers) = self.keys.get(&(db, Box::from(key))) {
            let marked = watchers.iter().filter(|watcher| whom(watcher));
            marked.for_each(|watcher| watcher.flag.mark());
        }
    }

    /// All keys of `db` have gone or come.
    pub(crate) fn all_changed(&mut self, db: DbIndex) {
        self.tell_families(|watch| watch.all_changed(db));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn family(prefix: &[u8], suffix: &[u8]) -> KeyFamily {
        KeyFamily {
            prefix: prefix.into(),
            suffix: suffix.into(),
        }
    }

    #[test]
    fn families_are_told_what_changes_in_them() {
        let mut table = WatchTable::default();
        let watch = Arc::new(FamilyWatch::new(
            1,
            vec![family(b"w:", b""), family(b"h", b":x")],
        ));
        table.watch_families(&watch);
        assert_eq!(watch.take_changes(), None);
        table.changed(0, b"w:1");
        table.changed(1, b"v:1");
        table.changed(1, b"h");
        table.changed(1, b"h:");
        assert_eq!(watch.take_changes(), None);
        table.changed(1, b"w:1");
        table.expired(1, b"h2:x");
        table.changed(1, b"h:x");
        let middles = [&b"1"[..], b"2", b""].map(Box::from).to_vec();
        let is_more = false;
        assert_eq!(
            watch.take_changes(),
            Some(FamilyChanges { middles, is_more })
        );
        assert_eq!(watch.take_changes(), None);
        for number in 0..5_000 {
            table.changed(1, format!("w:{number}").as_bytes());
        }
        let changes = watch.take_changes().unwrap();
        assert!(changes.middles.len() == FAMILY_CHANGES_MAX && changes.is_more);
        table.all_changed(0);
        assert_eq!(watch.take_changes(), None);
        table.all_changed(1);
        assert!(watch.take_changes().unwrap().is_more);
    }

    #[test]
    fn a_watch_that_has_ended_leaves_nothing_behind() {
        let mut table = WatchTable::default();
        let watch = Arc::new(FamilyWatch::new(0, vec![family(b"", b"")]));
        table.watch_families(&watch);
        drop(watch);
        table.changed(0, b"key");
        assert!(table.families.is_empty());
    }
}
