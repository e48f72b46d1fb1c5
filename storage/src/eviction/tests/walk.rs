//! Everything that comes, goes, moves and changes size under every policy, against a plain model of what is there, the
//! shards' figures recomputed on the way.

use std::collections::BTreeMap;

use super::*;
use crate::Snapshot;
use crate::eviction::Random;
use crate::typed::PackedLimit;

const DATABASES: u64 = 3;

struct Walker {
    keyspace: std::sync::Arc<Keyspace>,
    random: Random,
    now: i64,
    settings: Option<EvictionSettings>,
    snapshot: Option<Snapshot>,
    /// The keys that are there, with their expire times.
    model: Vec<BTreeMap<Vec<u8>, Option<i64>>>,
    evicted: u64,
}

fn is_long() -> bool {
    std::env::var_os("NUTHATCH_LONG").is_some()
}

impl Walker {
    fn new(shards: usize, seed: u64) -> Self {
        Self {
            keyspace: keyspace(shards).into(),
            random: Random::new(seed),
            now: NOW.0,
            settings: None,
            snapshot: None,
            model: vec![BTreeMap::new(); DATABASES as usize],
            evicted: 0,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.random.next() >> 8) % limit
    }

    fn name(&mut self) -> Vec<u8> {
        match self.below(6) {
            0 => format!("{{tag}}:{}", self.below(900)).into_bytes(),
            _ => format!("key:{}", self.below(2_500)).into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.below(40) {
            0 => 8_000 + self.below(3_000),
            1 => 60_000 + self.below(80_000),
            2..=9 => self.below(1_500),
            10..=14 => return self.below(1 << 40).to_string().into_bytes(),
            _ => self.below(80),
        };
        vec![b'v'; len as usize]
    }

    fn expiry(&mut self) -> i64 {
        let spans = [20, 2_000, 100_000, 400 * DAY as u64];
        let span = spans[self.below(4) as usize];
        self.now + 1 + self.below(span) as i64
    }

    fn step(&mut self) {
        let (db, other_db) = (self.below(DATABASES) as u32, self.below(DATABASES) as u32);
        let (a, b) = (self.name(), self.name());
        let (choice, at, value) = (self.below(1_000), self.expiry(), self.value());
        let keyspace = std::sync::Arc::clone(&self.keyspace);
        let (key, other) = (keyspace.key(&a), keyspace.key(&b));
        let now = UnixMillis(self.now);
        if choice >= 930 {
            return self.housekeeping(choice);
        }
        let plan = match choice {
            0..780 => LockPlan::Write(key.hash.shard),
            780..900 => {
                LockPlan::WriteMany([key.hash.shard, other.hash.shard].into_iter().collect())
            }
            _ => LockPlan::Exclusive,
        };
        let mut unit = Unit::begin(&keyspace, plan, now);
        let (d, o) = (db as usize, other_db as usize);
        match choice {
            0..250 => {
                let old = self.model[d].get(&a).copied().flatten();
                let (expiry, expire_at) = match choice % 3 {
                    0 => (NewExpiry::None, None),
                    1 => (NewExpiry::Keep, old),
                    _ => (NewExpiry::At(UnixMillis(at)), Some(at)),
                };
                unit.set(db, &key, NewValue::Bytes(&value), expiry);
                self.model[d].insert(a.clone(), expire_at);
            }
            250..330 => {
                if unit.append(db, &key, &value, 1 << 22).is_ok() {
                    self.model[d].entry(a.clone()).or_default();
                }
            }
            330..430 => {
                let limits = Limits {
                    hash: PackedLimit {
                        entries: 8,
                        value_bytes: 64,
                    },
                    ..Limits::default()
                };
                let fields = if choice == 330 { 600 } else { 1 + choice % 9 };
                let field_at = (choice % 4 == 0).then_some(UnixMillis(at + DAY));
                let edited = unit.edit_hash(db, &key, &limits, |hash| {
                    for n in 0..fields {
                        let expiry = field_at.map_or(NewExpiry::None, NewExpiry::At);
                        let field = format!("field:{}", n + choice % 7);
                        hash.set(field.as_bytes(), &value[..value.len().min(400)], expiry);
                    }
                    hash.changed(fields);
                });
                if edited.is_ok() {
                    self.model[d].entry(a.clone()).or_default();
                }
            }
            430..520 => {
                let expire_at = (choice % 4 > 0).then_some(at);
                let is_there = unit.set_expire(db, &key, expire_at.map(UnixMillis));
                assert_eq!(is_there, self.model[d].contains_key(&a));
                if is_there {
                    self.model[d].insert(a.clone(), expire_at);
                }
            }
            520..660 => {
                let is_there = unit.delete(db, &key);
                assert_eq!(is_there, self.model[d].remove(&a).is_some());
            }
            660..780 => {
                let is_there = unit.find(db, &key).is_some();
                assert_eq!(is_there, self.model[d].contains_key(&a));
            }
            780..820 => {
                let is_there = unit.rename(db, &key, &other);
                assert_eq!(is_there, self.model[d].contains_key(&a));
                if let Some(expire_at) = self.model[d].remove(&a) {
                    self.model[d].insert(b.clone(), expire_at);
                }
            }
            820..860 => {
                let is_there = unit.copy(db, &key, other_db, &other);
                assert_eq!(is_there, self.model[d].contains_key(&a));
                if let Some(&expire_at) = self.model[d].get(&a) {
                    self.model[o].insert(b.clone(), expire_at);
                }
            }
            860..900 => {
                let is_possible =
                    d != o && self.model[d].contains_key(&a) && !self.model[o].contains_key(&a);
                if d != o {
                    assert_eq!(unit.move_key(&key, db, other_db), is_possible);
                }
                if is_possible {
                    let expire_at = self.model[d].remove(&a).unwrap();
                    self.model[o].insert(a.clone(), expire_at);
                }
            }
            900..925 => {
                unit.swap_databases(db, other_db);
                self.model.swap(d, o);
            }
            925..929 => {
                unit.flush(Some(db));
                self.model[d].clear();
            }
            _ => {
                unit.flush(None);
                self.model.iter_mut().for_each(BTreeMap::clear);
            }
        }
    }

    fn housekeeping(&mut self, choice: u64) {
        match choice {
            930..950 => self.evict(),
            950..962 => self.switch(),
            962..970 => {
                let started = self.keyspace.cut(|cut| cut.start_snapshot());
                self.snapshot = started.or(self.snapshot.take());
            }
            970..972 => self.snapshot = None,
            972..982 => {
                let steps = self.below(60);
                let Some(snapshot) = &mut self.snapshot else {
                    return;
                };
                if !(0..steps).all(|_| snapshot.step(&self.keyspace, &mut |_, _| {})) {
                    self.snapshot = None;
                }
            }
            982..994 => {
                for _ in 0..self.below(4) {
                    for shard in 0..self.keyspace.shard_count() as u16 {
                        let now = UnixMillis(self.now);
                        let plan = LockPlan::Write(shard);
                        Unit::begin(&self.keyspace, plan, now).maintain(shard);
                    }
                }
            }
            _ => {
                self.now += self.below(3_000) as i64;
                let now = self.now;
                let is_alive = |expire_at: &Option<i64>| expire_at.is_none_or(|at| at >= now);
                for keys in &mut self.model {
                    keys.retain(|_, expire_at| is_alive(expire_at));
                }
            }
        }
    }

    fn evict(&mut self) {
        let budget = EvictionBudget {
            bytes: if self.below(4) == 0 {
                5_000
            } else {
                usize::MAX
            },
            keys: self.below(65) as u32,
            steps: [1, 50, 1_000, 8_192][self.below(4) as usize],
        };
        let now = UnixMillis(self.now);
        let shard = self.below(self.keyspace.shard_count() as u64) as u16;
        let (evicted, notes) = evict_at(&self.keyspace, shard, budget, now);
        assert!(evicted.keys <= budget.keys);
        for note in notes {
            self.evicted += 1;
            let expire_at = self.model[note.db as usize].remove(&*note.key);
            // What had expired, and still lay there, the model has forgotten.
            let Some(expire_at) = expire_at else {
                continue;
            };
            let is_volatile = self.settings.is_some_and(|settings| settings.volatile_only);
            assert!(expire_at.is_some() || !is_volatile);
        }
    }

    fn switch(&mut self) {
        for _ in 0..=self.below(3) * self.below(3) {
            let algorithm = ALGORITHMS[self.below(6) as usize];
            let settings = EvictionSettings {
                samples: 1 + self.below(20) as u32,
                lfu_log_factor: self.below(20) as u32,
                lfu_decay_minutes: self.below(3) as u32,
                ..settings(algorithm, self.below(3) == 0)
            };
            self.settings = (self.below(9) > 0).then_some(settings);
            self.keyspace.set_eviction(self.settings);
            if self.below(4) == 0 {
                audit(&self.keyspace);
            }
        }
    }

    fn check(&mut self) {
        audit(&self.keyspace);
        let now = UnixMillis(self.now);
        let mut unit = Unit::begin(&self.keyspace, LockPlan::Exclusive, now);
        for (db, keys) in self.model.iter().enumerate() {
            let mut found = BTreeMap::new();
            for shard in 0..self.keyspace.shard_count() as u16 {
                let mut from = Some(0);
                while let Some(at) = from {
                    let entries = unit.shard(shard).entries_at(db as u32, at);
                    let Some((entries, end)) = entries else {
                        break;
                    };
                    for entry in entries.filter(|entry| !entry.is_expired(now)) {
                        let expire_at = entry.expire_at().map(|at| at.0);
                        found.insert(entry.key().to_vec(), expire_at);
                    }
                    from = end;
                }
            }
            let differing = keys.keys().chain(found.keys());
            let differing = differing.filter(|name| keys.get(*name) != found.get(*name));
            let differing: Vec<_> = differing
                .map(|name| {
                    (
                        String::from_utf8_lossy(name),
                        keys.get(name),
                        found.get(name),
                    )
                })
                .collect();
            assert!(differing.is_empty(), "database {db}: {differing:?}");
        }
    }
}

fn walk(shards: usize, steps: u64, seed: u64) {
    let mut walker = Walker::new(shards, seed);
    for step in 0..steps {
        walker.step();
        if step % (steps / 40) == 0 {
            walker.check();
        }
    }
    walker.check();
    assert!(walker.evicted > steps / 1_000);
    walker.snapshot = None;
    let now = UnixMillis(walker.now);
    for shard in 0..shards as u16 {
        while Unit::begin(&walker.keyspace, LockPlan::Write(shard), now).maintain(shard) {}
    }
    walker.check();
    // Whatever is left, the last policy gets rid of.
    choose(&walker.keyspace, EvictionAlgorithm::S3Fifo);
    for shard in 0..shards as u16 {
        while Unit::begin(&walker.keyspace, LockPlan::Write(shard), now).maintain(shard) {}
        let budget = EvictionBudget::default();
        while !evict_at(&walker.keyspace, shard, budget, now)
            .0
            .is_exhausted
        {}
        while Unit::begin(&walker.keyspace, LockPlan::Write(shard), now).maintain(shard) {}
    }
    audit(&walker.keyspace);
    assert_eq!(walker.keyspace.memory().dataset_bytes(), 0);
}

#[test]
fn counts_and_records_are_what_the_keys_add_up_to() {
    let steps = if is_long() { 600_000 } else { 20_000 };
    for (seed, shards) in [(11, 1), (12, 1), (13, 1), (14, 4), (15, 64)] {
        walk(shards, steps, seed);
    }
}
