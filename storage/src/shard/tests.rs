//! Every figure that shards keep is recomputed from their entries while all operations run, with 1, 64 and 256
//! shards; and the single cases in which figures or bounds once were wrong.

use super::*;
use crate::NewValue;
use crate::snapshot::Snapshot;
use crate::typed::{Limits, PackedLimit};
use crate::wheel::TICK_MS;
use crate::{Keyspace, KeyspaceOptions, LockPlan, Unit, WatchFlag};
use std::sync::Arc;

const NOW: i64 = 1_700_000_000_000;

fn keyspace(shards: usize) -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        shards,
        databases: 3,
        seed: 11,
        maxmemory_bytes: 0,
    })
}

fn long() -> bool {
    std::env::var_os("NUTHATCH_LONG").is_some()
}

/// Checks every shard, and that the process-wide figures are their sums.
fn audit(keyspace: &Keyspace) {
    let (mut used, mut dataset) = (0, 0);
    for cell in &keyspace.shards {
        let mut shard = cell.lock.write();
        shard.audit(keyspace.hasher());
        shard.set_stale();
        keyspace.publish(&mut shard);
        used += shard.used_bytes() as u64;
        dataset += shard.dataset_bytes() as u64;
    }
    assert_eq!(keyspace.memory().used_bytes(), used);
    assert_eq!(keyspace.memory().dataset_bytes(), dataset);
}

/// Housekeeping until there is none left.
fn settle(keyspace: &Keyspace, now: UnixMillis) {
    for shard in 0..keyspace.shard_count() as u16 {
        while Unit::begin(keyspace, LockPlan::Write(shard), now).maintain(shard) {}
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.below(30) {
            0 => 8_000 + self.below(400),
            1 => 60_000 + self.below(80_000),
            2 if self.below(40) == 0 => (1 << 20) + self.below(200_000),
            3..=9 => self.below(1_500),
            10..=14 => return self.below(1 << 40).to_string().into_bytes(),
            _ => self.below(80),
        };
        vec![b'v'; len as usize]
    }
}

struct Walker {
    keyspace: Keyspace,
    random: Random,
    now: i64,
    snapshot: Option<Snapshot>,
}

impl Walker {
    fn name(&mut self) -> Vec<u8> {
        match self.random.below(8) {
            0 => format!("{{tag}}:{}", self.random.below(700)).into_bytes(),
            1 if self.random.below(10) == 0 => vec![b'k'; 200 + self.random.below(12_000) as usize],
            _ => format!("key:{}", self.random.below(1_500)).into_bytes(),
        }
    }

    fn step(&mut self) {
        let (db, a, b) = (self.random.below(3) as u32, self.name(), self.name());
        let (key, other) = (self.keyspace.key(&a), self.keyspace.key(&b));
        let choice = self.random.below(1000);
        let plan = match choice {
            0..800 => LockPlan::Write(key.hash.shard),
            800..900 => {
                LockPlan::WriteMany([key.hash.shard, other.hash.shard].into_iter().collect())
            }
            _ => LockPlan::Exclusive,
        };
        let now = self.now;
        let mut unit = Unit::begin(&self.keyspace, plan, UnixMillis(now));
        let at = UnixMillis(now + self.random.below(300_000) as i64 - 20);
        match choice {
            0..100 => change_hash(&mut unit, &mut self.random, db, &key, now),
            100..300 => {
                let value = self.random.value();
                let expiry = [NewExpiry::None, NewExpiry::Keep, NewExpiry::At(at)]
                    [self.random.below(3) as usize];
                unit.set(db, &key, NewValue::Bytes(&value), expiry);
            }
            300..400 => _ = unit.append(db, &key, &self.random.value(), 1 << 22),
            400..450 => {
                let offset = self.random.below(20_000);
                _ = unit.set_range(db, &key, offset, &self.random.value(), 1 << 22);
            }
            450..500 => _ = unit.incr(db, &key, 3),
            500..560 => _ = unit.set_expire(db, &key, (self.random.below(4) > 0).then_some(at)),
            560..740 => _ = unit.delete(db, &key),
            740..800 => drop(unit.find(db, &key).map(|entry| entry.expire_at())),
            800..830 => _ = unit.rename(db, &key, &other),
            830..870 => _ = unit.copy(db, &key, self.random.below(3) as u32, &other),
            870..900 => _ = unit.move_key(&key, db, (db + 1) % 3),
            900..910 => unit.swap_databases(db, self.random.below(3) as u32),
            910..912 => _ = unit.flush(None),
            912..915 => _ = unit.flush(Some(db)),
            _ => {
                drop(unit);
                self.housekeeping(choice);
            }
        }
    }

    fn housekeeping(&mut self, choice: u64) {
        match choice {
            915..935 => {
                let started = self.keyspace.cut(|cut| cut.start_snapshot());
                self.snapshot = started.or(self.snapshot.take());
            }
            935..940 => self.snapshot = None,
            940..970 => {
                let steps = self.random.below(40);
                let Some(snapshot) = &mut self.snapshot else {
                    return;
                };
                if !(0..steps).all(|_| snapshot.step(&self.keyspace, &mut |_, _| {})) {
                    self.snapshot = None;
                }
            }
            970..990 => {
                let shards = self.keyspace.shard_count() as u16;
                for shard in 0..shards {
                    Unit::begin(&self.keyspace, LockPlan::Write(shard), UnixMillis(self.now))
                        .maintain(shard);
                }
            }
            _ => self.now += self.random.below(8_000) as i64,
        }
    }
}

/// Changes fields of a hash and their expire times.
fn change_hash(unit: &mut Unit<'_>, random: &mut Random, db: DbIndex, key: &Key<'_>, now: i64) {
    let limits = Limits {
        hash: PackedLimit {
            entries: 8,
            value_bytes: 64,
        },
        ..Limits::default()
    };
    let fields = if random.below(20) == 0 { 500 } else { 5 };
    // Another type is left alone.
    _ = unit.edit_hash(db, key, &limits, |hash| {
        for _ in 0..fields {
            let field = format!("field:{}", random.below(2 * fields));
            let at = UnixMillis(now + random.below(300_000) as i64 - 20);
            match random.below(8) {
                0 => _ = hash.remove(field.as_bytes()),
                1 => _ = hash.set_expiry(field.as_bytes(), None),
                2..4 => _ = hash.set_expiry(field.as_bytes(), Some(at)),
                4 => _ = hash.set(field.as_bytes(), &random.value(), NewExpiry::At(at)),
                5 => _ = hash.set(field.as_bytes(), &random.value(), NewExpiry::Keep),
                _ => _ = hash.set(field.as_bytes(), b"value", NewExpiry::None),
            }
        }
        hash.changed(fields);
    });
}

/// Whether anything lies there that expired long before `now`.
fn has_expired(keyspace: &Keyspace, now: i64) -> bool {
    let is_past = |at: Option<UnixMillis>| at.is_some_and(|at| at.0 + TICK_MS < now);
    keyspace.shards.iter().any(|cell| {
        let shard = cell.lock.write();
        (0..3).any(|db| {
            let found = shard.first_where(db, |entry| {
                is_past(entry.expire_at()) || is_past(entry.soonest_expiry())
            });
            found.is_some()
        })
    })
}

fn run_walk(shards: usize, steps: u64, seed: u64) {
    let mut walker = Walker {
        keyspace: keyspace(shards),
        random: Random(seed),
        now: NOW,
        snapshot: None,
    };
    for step in 0..steps {
        walker.step();
        if step % (steps / 20) == 0 {
            audit(&walker.keyspace);
        }
    }
    walker.snapshot = None;
    settle(&walker.keyspace, UnixMillis(walker.now));
    audit(&walker.keyspace);
    assert!(!has_expired(&walker.keyspace, walker.now));
    let last = walker.keyspace.key(b"last");
    let plan = LockPlan::Write(last.hash.shard);
    let mut unit = Unit::begin(&walker.keyspace, plan, UnixMillis(walker.now));
    let expiry = NewExpiry::At(UnixMillis(walker.now + 1_000));
    let limits = Limits::default();
    let edited = unit.edit_hash(0, &last, &limits, |hash| {
        hash.set(b"field", b"value", expiry);
        hash.changed(1);
    });
    assert_eq!(edited.unwrap().changes, 1);
    drop(unit);
    walker.now += 150_000;
    assert!(has_expired(&walker.keyspace, walker.now));
    settle(&walker.keyspace, UnixMillis(walker.now));
    audit(&walker.keyspace);
    assert!(!has_expired(&walker.keyspace, walker.now));
    Unit::begin(
        &walker.keyspace,
        LockPlan::Exclusive,
        UnixMillis(walker.now),
    )
    .flush(None);
    settle(&walker.keyspace, UnixMillis(walker.now));
    audit(&walker.keyspace);
    assert_eq!(
        walker.keyspace.memory().dataset_bytes(),
        0,
        "nothing is kept after FLUSHALL"
    );
}

#[test]
fn figures_are_what_the_entries_add_up_to() {
    let steps = if long() { 400_000 } else { 12_000 };
    for (seed, shards) in [(0x1234_5678, 1), (0x2345_6789, 64), (0x3456_789a, 256)] {
        run_walk(shards, steps, seed);
    }
}

/// Steps a new snapshot to its end and counts what it shows.
fn snapshot_keys(keyspace: &Keyspace) -> Option<usize> {
    let mut snapshot = keyspace.cut(|cut| cut.start_snapshot())?;
    let mut keys = 0;
    while snapshot.step(keyspace, &mut |_, _| keys += 1) {}
    Some(keys)
}

fn set(keyspace: &Keyspace, db: DbIndex, key: &[u8], value: &[u8], expiry: NewExpiry) {
    let key = keyspace.key(key);
    Unit::begin(keyspace, LockPlan::Write(key.hash.shard), UnixMillis(NOW)).set(
        db,
        &key,
        NewValue::Bytes(value),
        expiry,
    );
}

#[test]
fn dropped_snapshot_is_cleared_away_by_maintenance() {
    let keyspace = keyspace(4);
    (0..5000).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("{n}").as_bytes(),
            b"v",
            NewExpiry::None,
        )
    });
    let mut snapshot = keyspace.cut(|cut| cut.start_snapshot()).unwrap();
    (0..7).for_each(|_| _ = snapshot.step(&keyspace, &mut |_, _| {}));
    (0..2500).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("{n}").as_bytes(),
            b"w",
            NewExpiry::At(UnixMillis(NOW + 5)),
        )
    });
    drop(snapshot);
    assert!(
        keyspace.cut(|cut| cut.start_snapshot()).is_none(),
        "parities are mixed until then"
    );
    assert!((0..4).all(|shard| keyspace.has_chores(shard)));
    settle(&keyspace, UnixMillis(NOW));
    audit(&keyspace);
    assert!((0..4).all(|shard| !keyspace.has_chores(shard)));
    assert_eq!(snapshot_keys(&keyspace), Some(5000));
}

#[test]
fn snapshot_survives_a_panicking_reader() {
    let keyspace = keyspace(1);
    (0..600).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("{n}").as_bytes(),
            b"v",
            NewExpiry::None,
        )
    });
    let mut snapshot = keyspace.cut(|cut| cut.start_snapshot()).unwrap();
    (0..300).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("{n}").as_bytes(),
            b"other length",
            NewExpiry::None,
        )
    });
    let mut shown = 0;
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        while snapshot.step(&keyspace, &mut |_, _| {
            shown += 1;
            assert!(shown != 100, "the disk is full");
        }) {}
    }));
    assert!(outcome.is_err());
    drop(snapshot);
    settle(&keyspace, UnixMillis(NOW));
    audit(&keyspace);
    assert_eq!(snapshot_keys(&keyspace), Some(600));
}

#[test]
fn old_versions_are_shown_in_bounded_steps() {
    let keyspace = keyspace(1);
    for db in [0, 1] {
        (0..20_000).for_each(|n| {
            set(
                &keyspace,
                db,
                format!("{n}").as_bytes(),
                b"v",
                NewExpiry::None,
            )
        });
    }
    let mut snapshot = keyspace.cut(|cut| cut.start_snapshot()).unwrap();
    for db in [0, 1] {
        (0..20_000).for_each(|n| {
            set(
                &keyspace,
                db,
                format!("{n}").as_bytes(),
                b"other length",
                NewExpiry::None,
            )
        });
    }
    let (mut total, mut most) = (0, 0);
    loop {
        let mut shown = 0;
        let more = snapshot.step(&keyspace, &mut |_, _| shown += 1);
        (total, most) = (total + shown, most.max(shown));
        if !more {
            break;
        }
    }
    assert_eq!(total, 40_000);
    assert!(most <= 1024, "{most} entries under one lock hold");
}

#[test]
fn database_made_after_the_cut_is_not_kept_for_the_snapshot() {
    let keyspace = keyspace(1);
    set(&keyspace, 0, b"old", b"v", NewExpiry::None);
    let mut snapshot = keyspace.cut(|cut| cut.start_snapshot()).unwrap();
    let flush = || Unit::begin(&keyspace, LockPlan::Exclusive, UnixMillis(NOW)).flush(None);
    flush();
    for _ in 0..20 {
        (0..500).for_each(|n| {
            set(
                &keyspace,
                0,
                format!("{n}").as_bytes(),
                b"v",
                NewExpiry::None,
            )
        });
        flush();
        settle(&keyspace, UnixMillis(NOW));
    }
    audit(&keyspace);
    assert!(
        keyspace.memory().dataset_bytes() < 100,
        "only the flushed key is kept"
    );
    let mut keys = 0;
    while snapshot.step(&keyspace, &mut |_, _| keys += 1) {}
    assert_eq!(keys, 1);
}

#[test]
fn records_do_not_multiply_while_keys_wait() {
    let keyspace = keyspace(1);
    let keys = 20_000;
    for n in 0..keys {
        // Beyond the coarsest level, so that each record comes down through all of them.
        let at = UnixMillis(NOW + 300 * 86_400_000 + n * 50_000);
        set(
            &keyspace,
            0,
            format!("{n}").as_bytes(),
            b"v",
            NewExpiry::At(at),
        );
    }
    let records = || {
        let shard = keyspace.shards[0].lock.read();
        shard.dbs[0]
            .as_ref()
            .unwrap()
            .wheel
            .as_ref()
            .unwrap()
            .record_count()
    };
    assert_eq!(records(), keys as usize);
    for day in 0..300 {
        settle(&keyspace, UnixMillis(NOW + day * 86_400_000));
        assert!(
            records() <= keys as usize,
            "{} records on day {day}",
            records()
        );
    }
}

#[test]
fn records_of_keys_long_gone_are_a_chore() {
    let keyspace = keyspace(1);
    for n in 0..5000 {
        let key = format!("{n}");
        set(
            &keyspace,
            0,
            key.as_bytes(),
            b"v",
            NewExpiry::At(UnixMillis(NOW + 1_000_000_000)),
        );
        let key = keyspace.key(key.as_bytes());
        Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW)).delete(0, &key);
    }
    assert!(keyspace.has_chores(0));
    settle(&keyspace, UnixMillis(NOW));
    assert!(!keyspace.has_chores(0));
    let shard = keyspace.shards[0].lock.read();
    let records = shard.dbs[0]
        .as_ref()
        .unwrap()
        .wheel
        .as_ref()
        .unwrap()
        .record_count();
    assert!(records <= 1024, "{records} records without a key");
}

#[test]
fn an_emptied_segment_gives_its_memory_back() {
    let keyspace = keyspace(1);
    let key = |n: u64| format!("{{t}}{n}");
    // One below the split.
    (0..448).for_each(|n| set(&keyspace, 0, key(n).as_bytes(), b"v", NewExpiry::None));
    let hasher = keyspace.hasher();
    let mut shard = keyspace.shards[0].lock.write();
    for n in 0..448 {
        assert!(shard.remove(0, &hasher.key(key(n).as_bytes()), hasher));
    }
    let table = &mut shard.dbs[0].as_mut().unwrap().table;
    let mut from = Some(0);
    while let Some(at) = from {
        from = table.merge_at(at, hasher);
    }
    table.audit(hasher);
    assert_eq!(table.bytes(), Table::new().bytes());
}

#[test]
fn tearing_down_a_database_of_big_strings_goes_in_small_steps() {
    let keyspace = keyspace(1);
    let value = vec![b'v'; 900_000];
    (0..40).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("{n}").as_bytes(),
            &value,
            NewExpiry::None,
        )
    });
    Unit::begin(&keyspace, LockPlan::Exclusive, UnixMillis(NOW)).flush(None);
    let mut before = keyspace.memory().dataset_bytes();
    let mut steps = 0;
    loop {
        let more = Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW)).maintain(0);
        let after = keyspace.memory().dataset_bytes();
        assert!(
            before - after < 2 << 20,
            "a step frees {} bytes",
            before - after
        );
        (before, steps) = (after, steps + 1);
        if !more {
            break;
        }
    }
    assert_eq!(before, 0);
    assert!(steps > 20);
}

#[test]
fn flushing_without_pause_leaves_little_that_is_dead() {
    let keyspace = keyspace(4);
    let mut most = 0;
    for n in 0..5000 {
        for key in 0..20 {
            let key = format!("{key}");
            let value = vec![b'v'; if n % 10 == 0 { 20_000 } else { 20 }];
            set(&keyspace, 0, key.as_bytes(), &value, NewExpiry::None);
        }
        let mut unit = Unit::begin(&keyspace, LockPlan::Exclusive, UnixMillis(NOW));
        unit.flush(None);
        drop(unit);
        most = most.max(keyspace.memory().used_bytes());
    }
    let buried: usize = keyspace
        .shards
        .iter()
        .map(|shard| shard.lock.read().graveyard.dead_dbs())
        .sum();
    assert!(buried <= 16, "{buried} databases wait to be torn down");
    assert!(most < 2 << 20, "{most} bytes were used");
    settle(&keyspace, UnixMillis(NOW));
    audit(&keyspace);
}

#[test]
fn a_million_stale_reads_of_a_unit_are_reported_once_per_key() {
    let keyspace = keyspace(1);
    set(&keyspace, 0, b"a", b"v", NewExpiry::At(UnixMillis(NOW + 1)));
    set(&keyspace, 0, b"b", b"v", NewExpiry::At(UnixMillis(NOW + 1)));
    let mut unit = Unit::begin(&keyspace, LockPlan::Read(0), UnixMillis(NOW + 2));
    for name in [b"a", b"b", b"a", b"a", b"b"] {
        assert!(unit.find(0, &keyspace.key(name)).is_none());
    }
    assert_eq!(
        unit.take_stale(),
        [(0, Box::from(*b"a")), (0, Box::from(*b"b"))]
    );
    assert!(unit.take_stale().is_empty());
}

#[test]
fn watches_of_long_keys_count_as_used() {
    let keyspace = keyspace(1);
    let flag = Arc::new(WatchFlag::default());
    let name = vec![b'k'; 1 << 20];
    let before = keyspace.memory().used_bytes();
    Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW)).watch(
        0,
        &keyspace.key(&name),
        &flag,
    );
    assert!(keyspace.memory().used_bytes() > before + (1 << 20));
    keyspace.unwatch(&flag, std::iter::once((0, name.as_slice())));
    audit(&keyspace);
    assert!(keyspace.memory().used_bytes() < before + 4096);
}

#[test]
fn keys_of_one_tag_are_drawn_about_evenly() {
    let keyspace = keyspace(1);
    let tagged = 20_000;
    (0..tagged).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("{{hot}}{n}").as_bytes(),
            b"v",
            NewExpiry::None,
        )
    });
    (0..tagged).for_each(|n| {
        set(
            &keyspace,
            0,
            format!("cold{n}").as_bytes(),
            b"v",
            NewExpiry::None,
        )
    });
    let mut random = Random(0x5eed);
    let mut drawn: std::collections::HashMap<Vec<u8>, u32> = std::collections::HashMap::new();
    let draws = 8_000;
    for _ in 0..draws {
        let mut unit = Unit::begin(&keyspace, LockPlan::Roaming, UnixMillis(NOW));
        let key = unit
            .random_key(0, || random.next() << 8 | random.next() & 0xff)
            .unwrap();
        *drawn.entry(key).or_default() += 1;
    }
    let hot: u32 = drawn
        .iter()
        .filter(|(key, _)| key.starts_with(b"{hot}"))
        .map(|(_, count)| count)
        .sum();
    assert!(
        (draws * 2 / 5..draws * 3 / 5).contains(&hot),
        "{hot} of {draws} under the tag"
    );
    assert!(
        drawn.values().all(|&count| count < 12),
        "no key is drawn again and again"
    );
}

#[test]
fn what_is_prefetched_of_an_entry_follows_the_mean_entry() {
    let keyspace = keyspace(1);
    let fill = |len: usize| {
        for n in 0..200 {
            let name = format!("key:{n:04}");
            let key = keyspace.key(name.as_bytes());
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW));
            unit.set(0, &key, NewValue::Bytes(&vec![b'v'; len]), NewExpiry::None);
        }
        keyspace.shards[0].lock.read().prefetch_bytes()
    };
    // Entries of 18, 113 and 713 bytes; the mean is as of the last time the shard published its figures.
    assert!((18..=24).contains(&fill(5)));
    assert!((113..=128).contains(&fill(100)));
    assert!((713..=768).contains(&fill(700)));
    assert_eq!(fill(5_000), PREFETCHED_BYTES_MAX);
}

#[test]
fn values_freed_in_the_background_are_counted_once() {
    let keyspace = keyspace(1);
    let (key, limits) = (keyspace.key(b"set"), Limits::default());
    let fill = |count: u32| {
        let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW));
        let edited = unit.edit_set(0, &key, &limits, |set| {
            for number in 0..count {
                set.add(format!("member:{number}").as_bytes());
            }
        });
        edited.unwrap();
    };
    let counted = || keyspace.memory().freed_in_background();
    fill(10_000);
    Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW)).delete(0, &key);
    settle(&keyspace, UnixMillis(NOW));
    assert_eq!(counted(), 1);
    // What is small is freed at once.
    fill(10);
    Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW)).delete(0, &key);
    settle(&keyspace, UnixMillis(NOW));
    assert_eq!(counted(), 1);
    keyspace.memory().reset_freed_in_background();
    // Of a database, each key counts, its value does not again.
    fill(10_000);
    set(&keyspace, 0, b"string", b"v", NewExpiry::None);
    Unit::begin(&keyspace, LockPlan::Exclusive, UnixMillis(NOW)).flush(Some(0));
    settle(&keyspace, UnixMillis(NOW));
    assert_eq!(counted(), 2);
}
