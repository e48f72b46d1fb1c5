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
/// Families that each changed key is compared with for one [`FamilyWatch`]: all who write pay for it.
const FAMILIES_MAX: usize = 8;
/// Watches of one database for which each of its changed keys is compared at all.
const COMPARING_MAX: usize = 16;

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
///
/// If there are too many families, or too many watches already, it takes any change in its database as one that touches
/// them, so that what others write does not become slow.
#[derive(Debug)]
pub struct FamilyWatch {
    /// `None`: any key counts.
    families: Option<Vec<KeyFamily>>,
    changes: Mutex<FamilyChanges>,
    /// Whether there are any.
    any: AtomicBool,
}

/// What has changed in watched families.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FamilyChanges {
    /// What stands between prefix and suffix in the names of keys that have changed.
    pub middles: Vec<Box<[u8]>>,
    /// Whether there are others: too many, all keys there are, or some that nobody has looked at. Once it is so it stays so.
    pub is_more: bool,
}

impl FamilyWatch {
    /// A watch of those, or of any key if there are many, or nothing is to be compared.
    fn new(families: impl IntoIterator<Item = KeyFamily>, compares: bool) -> Self {
        Self {
            families: compares.then(|| different(families)).flatten(),
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
        let is_more = changes.is_more;
        self.any.store(is_more, Ordering::Relaxed);
        let middles = std::mem::take(&mut changes.middles);
        Some(FamilyChanges { middles, is_more })
    }

    /// Is told of a changed key; whether it has to be told of others.
    fn changed(&self, key: &[u8]) -> bool {
        let Some(families) = &self.families else {
            return self.all_changed();
        };
        for family in families {
            if let Some(middle) = family.middle_of(key) {
                let mut changes = self.changes.lock();
                if changes.is_more || changes.middles.len() == FAMILY_CHANGES_MAX {
                    drop(changes);
                    return self.all_changed();
                }
                changes.middles.push(middle.into());
                self.any.store(true, Ordering::Relaxed);
            }
        }
        true
    }

    /// Notes that there is more than is compared; that it has to be told of no others, then.
    fn all_changed(&self) -> bool {
        self.changes.lock().is_more = true;
        self.any.store(true, Ordering::Relaxed);
        false
    }
}

/// Each of these once; `None` if that is too many.
fn different(families: impl IntoIterator<Item = KeyFamily>) -> Option<Vec<KeyFamily>> {
    let mut different = Vec::new();
    for family in families {
        if different.contains(&family) {
            continue;
        }
        if different.len() == FAMILIES_MAX {
            return None;
        }
        different.push(family);
    }
    Some(different)
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
    /// By database, none of them empty. Those that have ended are left out with the next change there.
    families: HashMap<DbIndex, Vec<Weak<FamilyWatch>>, foldhash::fast::RandomState>,
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

    /// A watch of families of `db` that no table tells of anything yet.
    pub(crate) fn new_family_watch(
        &self,
        db: DbIndex,
        families: impl IntoIterator<Item = KeyFamily>,
    ) -> FamilyWatch {
        let running = self.families.get(&db).into_iter().flatten();
        let running = running.filter_map(Weak::upgrade);
        let comparing = running.filter(|watch| watch.families.is_some()).count();
        FamilyWatch::new(families, comparing < COMPARING_MAX)
    }

    /// Starts telling `watch` of changes in `db`.
    pub(crate) fn watch_families(&mut self, db: DbIndex, watch: &Arc<FamilyWatch>) {
        self.families.retain(|_, watches| {
            watches.retain(|watch| watch.strong_count() > 0);
            !watches.is_empty()
        });
        self.families
            .entry(db)
            .or_default()
            .push(Arc::downgrade(watch));
    }

    /// Lets `tell` tell the watches of `db` something; those that it says need to be told no more are left out.
    #[cold]
    fn tell_families(&mut self, db: DbIndex, tell: impl Fn(&FamilyWatch) -> bool) {
        let Some(watches) = self.families.get_mut(&db) else {
            return;
        };
        watches.retain(|watch| watch.upgrade().is_some_and(|watch| tell(&watch)));
        if watches.is_empty() {
            self.families.remove(&db);
        }
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
            self.tell_families(db, |watch| watch.changed(key));
        }
    }

    /// A key is being removed because its time to live has passed.
    pub(crate) fn expired(&mut self, db: DbIndex, key: &[u8]) {
        if !self.keys.is_empty() {
            self.mark(db, key, |watcher| watcher.was_there);
        }
        if !self.families.is_empty() {
            self.tell_families(db, |watch| watch.changed(key));
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
        self.tell_families(db, FamilyWatch::all_changed);
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

    fn watch_families(
        table: &mut WatchTable,
        db: DbIndex,
        families: impl IntoIterator<Item = KeyFamily>,
    ) -> Arc<FamilyWatch> {
        let watch = Arc::new(table.new_family_watch(db, families));
        table.watch_families(db, &watch);
        watch
    }

    #[test]
    fn families_are_told_what_changes_in_them() {
        let mut table = WatchTable::default();
        let families = [family(b"w:", b""), family(b"h", b":x")];
        let watch = watch_families(&mut table, 1, families.clone());
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
        assert!(watch.take_changes().unwrap().is_more, "it stays so");
        assert!(table.families.is_empty(), "it knows all it can be told");

        let watch = watch_families(&mut table, 1, families);
        table.all_changed(0);
        assert_eq!(watch.take_changes(), None);
        table.all_changed(1);
        assert!(watch.take_changes().unwrap().is_more);
    }

    #[test]
    fn a_family_is_watched_once_and_many_are_not_told_apart() {
        let mut table = WatchTable::default();
        let few = (0..1_000).map(|number| family(&[b'a' + number as u8 % 8], b""));
        let watch = watch_families(&mut table, 0, few);
        table.changed(0, b"other");
        assert_eq!(watch.take_changes(), None);
        table.changed(0, b"a1");
        let changes = watch.take_changes().unwrap();
        assert!(changes.middles == [Box::from(*b"1")] && !changes.is_more);
        drop(watch);

        let many = (0..9).map(|number| family(&[b'a' + number], b""));
        let watch = watch_families(&mut table, 0, many);
        table.changed(1, b"other");
        assert_eq!(watch.take_changes(), None);
        table.changed(0, b"other");
        assert!(watch.take_changes().unwrap().is_more);
        assert!(table.families.is_empty(), "one change is enough");
    }

    #[test]
    fn only_so_many_watches_have_each_key_compared() {
        let mut table = WatchTable::default();
        let elsewhere = watch_families(&mut table, 1, [family(b"w:", b"")]);
        let watches: Vec<_> = (0..40)
            .map(|_| watch_families(&mut table, 0, [family(b"w:", b"")]))
            .collect();
        table.changed(0, b"other");
        table.changed(1, b"other");
        assert_eq!(elsewhere.take_changes(), None);
        let told = watches.iter().map(|watch| watch.take_changes().is_some());
        let expected = (0..40).map(|number| number >= COMPARING_MAX);
        assert!(told.eq(expected));
        assert_eq!(table.families[&0].len(), COMPARING_MAX);
        drop(watches);
        let watch = watch_families(&mut table, 0, [family(b"w:", b"")]);
        table.changed(0, b"other");
        assert_eq!(watch.take_changes(), None, "there is room again");
    }

    #[test]
    fn a_watch_that_has_ended_leaves_nothing_behind() {
        let mut table = WatchTable::default();
        drop(watch_families(&mut table, 0, [family(b"", b"")]));
        table.changed(0, b"key");
        assert!(table.families.is_empty());
    }
}
