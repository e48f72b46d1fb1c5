//! Waiters in a keyspace of lists, one at a time and from many threads.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;

use super::*;

mod threads;

const SHARDS: u16 = 4;

/// What a waiter in these tests waits for.
struct Wants {
    /// Pops from keys whose name begins so; others hold "another type".
    prefix: &'static str,
    /// `BLMOVE`: where the element goes.
    destination: Option<&'static str>,
    delivered: Mutex<Option<(Box<[u8]>, u64)>>,
    arrived: Condvar,
}

impl Wants {
    fn new(destination: Option<&'static str>) -> Wants {
        Wants {
            prefix: "",
            destination,
            delivered: Mutex::default(),
            arrived: Condvar::new(),
        }
    }
}

type TestWaiter = Arc<Waiter<Wants>>;

struct Shard {
    lists: BTreeMap<(u32, Box<[u8]>), VecDeque<u64>>,
    table: WaitTable<Wants>,
}

struct World {
    arrivals: Arc<Arrivals>,
    shards: Vec<Mutex<Shard>>,
}

/// The shard is a sum of the key's bytes, so that tests can choose.
fn shard_of(key: &str) -> u16 {
    key.bytes().map(u16::from).sum::<u16>() % SHARDS
}

fn wait_key(key: &str) -> WaitKey {
    WaitKey {
        shard: shard_of(key),
        key: key.as_bytes().into(),
    }
}

/// Some shards, locked in ascending order.
struct Unit<'a> {
    world: &'a World,
    locked: Vec<Option<MutexGuard<'a, Shard>>>,
}

impl World {
    fn new() -> World {
        let arrivals = Arc::new(Arrivals::default());
        let shard = |number| {
            let table = WaitTable::new(number, arrivals.clone());
            Mutex::new(Shard {
                lists: BTreeMap::new(),
                table,
            })
        };
        World {
            shards: (0..SHARDS).map(shard).collect(),
            arrivals,
        }
    }

    fn lock(&self, shards: impl IntoIterator<Item = u16>) -> Unit<'_> {
        let shards: Vec<u16> = shards.into_iter().collect();
        let lock = |number| {
            shards
                .contains(&number)
                .then(|| self.shards[usize::from(number)].lock())
        };
        Unit {
            world: self,
            locked: (0..SHARDS).map(lock).collect(),
        }
    }

    fn lock_keys(&self, keys: &[&str]) -> Unit<'_> {
        self.lock(keys.iter().map(|key| shard_of(key)))
    }

    /// Ends a unit as a worker does: what it made ready is served before anything else.
    fn finish(&self, mut unit: Unit<'_>) {
        let mut ready = ReadyList::default();
        ready.serve(&mut unit);
        drop(unit);
        while let Some(deferred) = ready.next_deferred() {
            let mut unit = self.lock(deferred.shards().iter().copied());
            ready.resume(deferred, &mut unit);
        }
    }

    fn push(&self, key: &str, values: &[u64]) {
        let mut unit = self.lock_keys(&[key]);
        unit.push(0, key, values);
        self.finish(unit);
    }

    fn wait(&self, keys: &[&str], wants: Wants) -> TestWaiter {
        self.lock_keys(keys).register(keys, wants)
    }

    /// What the session's worker does after a wait has ended.
    fn clean_up(&self, waiter: &TestWaiter) {
        for shard in waiter.shards() {
            self.shards[usize::from(shard)].lock().table.remove(waiter);
        }
    }

    fn registrations(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().table.len())
            .sum()
    }

    fn list(&self, key: &str) -> Vec<u64> {
        let shard = self.shards[usize::from(shard_of(key))].lock();
        shard
            .lists
            .get(&(0, key.as_bytes().into()))
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }
}

impl Unit<'_> {
    fn shard(&mut self, key: &[u8]) -> &mut Shard {
        let number = shard_of(std::str::from_utf8(key).expect("test keys are text"));
        self.locked[usize::from(number)]
            .as_mut()
            .expect("the unit locked all it needs")
    }

    fn push(&mut self, database: u32, key: &str, values: &[u64]) {
        let shard = self.shard(key.as_bytes());
        shard
            .lists
            .entry((database, key.as_bytes().into()))
            .or_default()
            .extend(values);
        shard.table.mark_ready(database, key.as_bytes());
    }

    fn pop(&mut self, database: u32, key: &[u8]) -> Option<u64> {
        let shard = self.shard(key);
        let list = shard.lists.get_mut(&(database, key.into()))?;
        let value = list.pop_front();
        if list.is_empty() {
            shard.lists.remove(&(database, key.into()));
        }
        value
    }

    fn register(&mut self, keys: &[&str], wants: Wants) -> TestWaiter {
        let also_locked: Vec<u16> = wants.destination.iter().map(|key| shard_of(key)).collect();
        let keys: Vec<WaitKey> = keys.iter().map(|key| wait_key(key)).collect();
        let waiter = Waiter::new(&self.world.arrivals, 0, keys, also_locked, wants);
        for shard in waiter.shards() {
            self.table(shard)
                .expect("all its shards are locked")
                .register(&waiter);
        }
        waiter
    }
}

impl ServingUnit<Wants> for Unit<'_> {
    fn table(&mut self, shard: u16) -> Option<&mut WaitTable<Wants>> {
        self.locked[usize::from(shard)]
            .as_mut()
            .map(|shard| &mut shard.table)
    }

    fn collect_ready(&mut self, ready: &mut ReadyList) {
        self.locked
            .iter_mut()
            .flatten()
            .for_each(|shard| ready.collect(&mut shard.table));
    }

    fn can_serve(&mut self, database: u32, key: &[u8], waiter: &Waiter<Wants>) -> Serve {
        if !self.shard(key).lists.contains_key(&(database, key.into())) {
            return Serve::Nobody;
        }
        match key.starts_with(waiter.payload().prefix.as_bytes()) {
            true => Serve::Now,
            false => Serve::NotThisOne,
        }
    }

    fn serve(&mut self, database: u32, key: &[u8], waiter: &TestWaiter) {
        assert_eq!(waiter.state(), WaitState::Served);
        self.assert_first(database, key, waiter);
        let value = self.pop(database, key).expect("can_serve has said so");
        let wants = waiter.payload();
        if let Some(destination) = wants.destination {
            self.push(database, destination, &[value]);
        }
        let before = wants.delivered.lock().replace((key.into(), value));
        assert_eq!(before, None, "served twice");
        wants.arrived.notify_all();
    }
}

impl Unit<'_> {
    /// Nobody who waits for the same came earlier.
    fn assert_first(&mut self, database: u32, key: &[u8], waiter: &TestWaiter) {
        let queue = self
            .shard(key)
            .table
            .queue_mut(database, key)
            .expect("the waiter is in it");
        for (_, earlier) in queue.waiters.range(..waiter.arrival) {
            let same = key.starts_with(earlier.payload().prefix.as_bytes());
            assert!(!same || earlier.state() != WaitState::Waiting, "overtaken");
        }
    }
}

fn delivered(waiter: &TestWaiter) -> Option<(String, u64)> {
    let delivered = waiter.payload().delivered.lock();
    delivered
        .as_ref()
        .map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), *value))
}

fn got(key: &str, value: u64) -> Option<(String, u64)> {
    Some((key.to_owned(), value))
}

#[test]
fn served_in_order_of_arrival() {
    let world = World::new();
    let waiters: Vec<_> = (0..3)
        .map(|_| world.wait(&["a", "b"], Wants::new(None)))
        .collect();
    world.push("b", &[1]);
    world.push("a", &[2, 3, 4]);
    assert_eq!(delivered(&waiters[0]), got("b", 1));
    assert_eq!(delivered(&waiters[1]), got("a", 2));
    assert_eq!(delivered(&waiters[2]), got("a", 3));
    assert_eq!(world.list("a"), [4]);
    assert!(
        world.registrations() > 0,
        "those on the other keys are left to the sessions"
    );
    waiters.iter().for_each(|waiter| world.clean_up(waiter));
    assert_eq!(world.registrations(), 0);
}

#[test]
fn key_named_twice_is_one_registration() {
    let world = World::new();
    let waiter = world.wait(&["a", "a", "b"], Wants::new(None));
    assert_eq!(world.registrations(), 2);
    assert_eq!(waiter.shards().len(), 2);
    world.push("a", &[1]);
    world.clean_up(&waiter);
    assert_eq!(world.registrations(), 0);
}

#[test]
fn keys_are_served_in_the_order_in_which_they_became_ready() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let world = World::new();
        let waiter = world.wait(&["a", "b"], Wants::new(None));
        let mut unit = world.lock_keys(&["a", "b"]);
        unit.push(0, first, &[1]);
        unit.push(0, second, &[2]);
        unit.push(0, first, &[3]);
        world.finish(unit);
        assert_eq!(delivered(&waiter), got(first, 1));
        assert_eq!(world.list(second), [2]);
    }
}

#[test]
fn marks_are_taken_once_and_only_where_somebody_waits() {
    let world = World::new();
    let waiter = world.wait(&["a"], Wants::new(None));
    let mut unit = world.lock_keys(&["a", "b"]);
    for _ in 0..10 {
        unit.push(0, "a", &[1]);
        unit.push(0, "b", &[1]);
        unit.push(1, "a", &[1]);
    }
    assert_eq!(unit.shard(b"a").table.ready.len(), 1);
    assert!(!unit.shard(b"b").table.has_ready());
    world.finish(unit);
    assert_eq!(delivered(&waiter), got("a", 1));
    assert!(!world.lock_keys(&["a"]).shard(b"a").table.has_ready());
}

#[test]
fn unit_that_removes_what_it_pushed_wakes_nobody() {
    let world = World::new();
    let waiter = world.wait(&["a"], Wants::new(None));
    let mut unit = world.lock_keys(&["a"]);
    unit.push(0, "a", &[1]);
    unit.pop(0, b"a");
    world.finish(unit);
    assert_eq!(waiter.state(), WaitState::Waiting);
    assert_eq!(world.registrations(), 1);
}

#[test]
fn waiter_for_another_type_is_passed_over_and_keeps_its_place() {
    let world = World::new();
    let other = world.wait(
        &["a"],
        Wants {
            prefix: "z",
            ..Wants::new(None)
        },
    );
    let waiter = world.wait(&["a"], Wants::new(None));
    world.push("a", &[1]);
    assert_eq!(delivered(&waiter), got("a", 1));
    assert_eq!(other.state(), WaitState::Waiting);
    let first = world
        .lock_keys(&["a"])
        .shard(b"a")
        .table
        .first_live(0, b"a")
        .cloned();
    assert!(first.is_some_and(|first| Arc::ptr_eq(&first, &other)));
}

#[test]
fn cancelled_waiter_is_passed_over_and_dropped() {
    let world = World::new();
    let waiters: Vec<_> = (0..3)
        .map(|_| world.wait(&["a"], Wants::new(None)))
        .collect();
    assert!(waiters[0].cancel());
    assert!(!waiters[0].cancel());
    assert!(!waiters[0].claim());
    world.push("a", &[1]);
    assert_eq!(delivered(&waiters[0]), None);
    assert_eq!(delivered(&waiters[1]), got("a", 1));
    assert!(!waiters[1].cancel());
    assert_eq!(world.registrations(), 1);
}

#[test]
fn missing_lock_defers_the_key_and_nobody_overtakes() {
    // "d" lies in shard 0, the others elsewhere.
    assert_ne!(shard_of("a"), shard_of("d"));
    let world = World::new();
    let mover = world.wait(&["a"], Wants::new(Some("d")));
    let behind = world.wait(&["a"], Wants::new(None));

    let mut unit = world.lock_keys(&["a"]);
    unit.push(0, "a", &[1, 2]);
    let mut ready = ReadyList::default();
    ready.serve(&mut unit);
    assert_eq!(mover.state(), WaitState::Waiting);
    assert_eq!(behind.state(), WaitState::Waiting);
    assert!(unit.shard(b"a").table.is_deferred(0, b"a"));
    assert!(!unit.shard(b"a").table.is_deferred(1, b"a"));
    drop(unit);

    let deferred = ready.next_deferred().expect("the key waits for more locks");
    let mut shards = [shard_of("a"), shard_of("d")];
    shards.sort_unstable();
    assert_eq!(deferred.shards(), shards);
    assert_eq!(*deferred.key().key, *b"a");
    let mut unit = world.lock(shards);
    ready.resume(deferred, &mut unit);
    assert!(!unit.shard(b"a").table.is_deferred(0, b"a"));
    drop(unit);
    assert!(ready.next_deferred().is_none());
    assert_eq!(delivered(&mover), got("a", 1));
    assert_eq!(delivered(&behind), got("a", 2));
    assert_eq!(world.list("d"), [1]);
}

#[test]
fn deferred_key_is_looked_at_afresh() {
    let world = World::new();
    let mover = world.wait(&["a"], Wants::new(Some("d")));
    let behind = world.wait(&["a"], Wants::new(None));
    let mut unit = world.lock_keys(&["a"]);
    unit.push(0, "a", &[1]);
    let mut ready = ReadyList::default();
    ready.serve(&mut unit);
    drop(unit);
    let deferred = ready.next_deferred().expect("the key waits for more locks");

    assert!(mover.cancel());
    let mut unit = world.lock(deferred.shards().iter().copied());
    ready.resume(deferred, &mut unit);
    assert_eq!(delivered(&behind), got("a", 1));
}

#[test]
fn chains_of_moves_are_followed() {
    let world = World::new();
    let last = world.wait(&["c"], Wants::new(None));
    let second = world.wait(&["b"], Wants::new(Some("c")));
    let first = world.wait(&["a"], Wants::new(Some("b")));
    world.push("a", &[7]);
    assert_eq!(delivered(&first), got("a", 7));
    assert_eq!(delivered(&second), got("b", 7));
    assert_eq!(delivered(&last), got("c", 7));
    assert_eq!(world.registrations(), 0);

    // A ring of moves ends, because each step uses up a waiter.
    let ring: Vec<_> = [("a", "b"), ("b", "a"), ("a", "b")]
        .map(|(from, to)| world.wait(&[from], Wants::new(Some(to))))
        .into();
    world.push("a", &[8]);
    assert!(
        ring.iter()
            .all(|waiter| waiter.state() == WaitState::Served)
    );
    assert_eq!(world.list("b"), [8]);
}

#[test]
fn wait_that_ends_between_choice_and_claim_costs_nobody_else() {
    /// Cancels the first waiter it is asked about, as a timeout on another thread would.
    struct Meddler<'a>(Unit<'a>, bool);
    impl ServingUnit<Wants> for Meddler<'_> {
        fn table(&mut self, shard: u16) -> Option<&mut WaitTable<Wants>> {
            self.0.table(shard)
        }
        fn collect_ready(&mut self, ready: &mut ReadyList) {
            self.0.collect_ready(ready);
        }
        fn can_serve(&mut self, database: u32, key: &[u8], waiter: &Waiter<Wants>) -> Serve {
            if !std::mem::replace(&mut self.1, true) {
                assert!(waiter.cancel());
            }
            self.0.can_serve(database, key, waiter)
        }
        fn serve(&mut self, database: u32, key: &[u8], waiter: &TestWaiter) {
            self.0.serve(database, key, waiter);
        }
    }
    let world = World::new();
    let cancelled = world.wait(&["a"], Wants::new(None));
    let next = world.wait(&["a"], Wants::new(None));
    let mut unit = world.lock_keys(&["a"]);
    unit.push(0, "a", &[1]);
    let mut unit = Meddler(unit, false);
    ReadyList::default().serve(&mut unit);
    drop(unit);
    assert_eq!(delivered(&cancelled), None);
    assert_eq!(delivered(&next), got("a", 1));
    assert_eq!(world.registrations(), 0);
}

#[test]
fn swapped_database_is_looked_at_for_those_who_wait_in_its_number() {
    let world = World::new();
    let first = world.wait(&["b", "a"], Wants::new(None));
    let second = world.wait(&["a"], Wants::new(None));
    let mut unit = world.lock(0..SHARDS);
    unit.push(1, "a", &[1, 2]);
    assert!(
        unit.locked
            .iter()
            .flatten()
            .all(|shard| !shard.table.has_ready())
    );
    for shard in unit.locked.iter_mut().flatten() {
        let swapped = std::mem::take(&mut shard.lists)
            .into_iter()
            .map(|((database, key), list)| ((1 - database, key), list));
        shard.lists = swapped.collect();
        shard.table.mark_all_ready(0);
        shard.table.mark_all_ready(1);
    }
    world.finish(unit);
    assert_eq!(delivered(&first), got("a", 1));
    assert_eq!(delivered(&second), got("a", 2));
}

#[test]
fn emptied_table_gives_its_memory_back() {
    let world = World::new();
    let names: Vec<String> = (0..10_000).map(|n| format!("key {n}")).collect();
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let waiter = world.wait(&keys, Wants::new(None));
    assert_eq!(world.registrations(), 10_000);
    assert!(waiter.cancel());
    world.clean_up(&waiter);
    for shard in &world.shards {
        let shard = shard.lock();
        assert!(shard.table.is_empty() && shard.table.queues.capacity() <= IDLE_KEYS_MAX);
    }
}
