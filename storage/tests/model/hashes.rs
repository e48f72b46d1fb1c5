//! Hashes whose fields expire, with all that moves keys about, against plain maps; pins and snapshots of them.

use std::collections::BTreeMap;

use nuthatch_storage::collection::Collection;
use nuthatch_storage::listpack::Value;
use nuthatch_storage::typed::hash::HashRef;
use nuthatch_storage::typed::{CollectionRef, Limits, PackedLimit};
use nuthatch_storage::{
    DbIndex, Keyspace, LockPlan, NewExpiry, NoteKind, Snapshot, Unit, UnixMillis,
};

use super::support::{NOW, Random, exclusive, is_long, keyspace, settle};

type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hash {
    fields: Fields,
    expire_at: Option<i64>,
}

type Databases = Vec<BTreeMap<Vec<u8>, Hash>>;

const DATABASES: u32 = 3;

struct Pin {
    collection: Collection,
    fields: Fields,
    at: i64,
}

struct Run {
    keyspace: Keyspace,
    random: Random,
    now: i64,
    model: Databases,
    pins: Vec<Pin>,
    /// A running snapshot, when it was begun, what it must show, and what it has shown.
    snapshot: Option<(Snapshot, i64, Databases, Databases)>,
    /// What storage removed on its own.
    fields_expired: usize,
    keys_expired: usize,
    keys_gone_with_fields: usize,
}

fn text(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

/// What of the hash is alive at `now`.
fn read(keyspace: &Keyspace, collection: CollectionRef<'_>, now: i64) -> Fields {
    let hasher = keyspace.hasher().elements();
    let hash = HashRef::of(collection, UnixMillis(now));
    let mut fields = Fields::new();
    hash.each(|field, value| {
        let (field, value) = (text(field), text(value));
        let expire_at = hash
            .expire_at(hasher, &field)
            .expect("it has just been shown");
        let doubled = fields.insert(field, (value, expire_at.map(|at| at.0)));
        assert_eq!(doubled, None);
    });
    assert_eq!(hash.len(), fields.len() as u64);
    fields
}

impl Run {
    fn new(seed: u64, shards: usize) -> Self {
        Self {
            keyspace: keyspace(shards),
            random: Random(seed),
            now: NOW,
            model: vec![BTreeMap::new(); DATABASES as usize],
            pins: Vec::new(),
            snapshot: None,
            fields_expired: 0,
            keys_expired: 0,
            keys_gone_with_fields: 0,
        }
    }

    fn limits(&mut self) -> Limits {
        let entries = [0, 4, 64][self.random.below(3) as usize];
        Limits {
            hash: PackedLimit {
                entries,
                value_bytes: 64,
            },
            ..Limits::default()
        }
    }

    fn name(&mut self) -> Vec<u8> {
        format!("key:{}", self.random.below(12)).into_bytes()
    }

    fn field(&mut self) -> Vec<u8> {
        // Few hashes are large, so that much of them expires at once.
        let most = if self.random.below(10) == 0 { 400 } else { 30 };
        self.random.below(most).to_string().into_bytes()
    }

    fn instant(&mut self) -> i64 {
        self.now + self.random.below(2_000) as i64 - 5
    }

    /// Forgets what has expired.
    fn expire(&mut self) {
        let now = self.now;
        for database in &mut self.model {
            for hash in database.values_mut() {
                hash.fields
                    .retain(|_, (_, at)| at.is_none_or(|at| now <= at));
            }
            database.retain(|_, hash| {
                !hash.fields.is_empty() && hash.expire_at.is_none_or(|at| now <= at)
            });
        }
    }

    /// Takes the notes of a unit: only what has expired is removed.
    fn check_notes(counts: &mut [usize; 3], before: &Databases, now: i64, unit: &mut Unit<'_>) {
        for note in unit.take_notes() {
            let hash = before[note.db as usize].get(&*note.key);
            match note.kind {
                NoteKind::Expired => {
                    assert!(hash.is_none_or(|hash| hash.expire_at.is_some_and(|at| at < now)));
                    counts[0] += 1;
                }
                NoteKind::FieldsExpired(expired) => {
                    assert!(!expired.names.is_empty());
                    for name in &expired.names {
                        let field = hash.and_then(|hash| hash.fields.get(&**name));
                        assert!(field.is_none_or(|(_, at)| at.is_some_and(|at| at < now)));
                    }
                    counts[1] += expired.names.len();
                    counts[2] += usize::from(expired.key_is_gone);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Runs `work` in a unit and looks at what it notes.
    fn unit<R>(&mut self, work: impl FnOnce(&mut Unit<'_>) -> R) -> R {
        let mut counts = [0; 3];
        let mut unit = exclusive(&self.keyspace, self.now);
        let result = work(&mut unit);
        Self::check_notes(&mut counts, &self.model, self.now, &mut unit);
        drop(unit);
        self.keys_expired += counts[0];
        self.fields_expired += counts[1];
        self.keys_gone_with_fields += counts[2];
        result
    }

    /// A key of which nothing is alive goes when it is looked at as a hash; renaming and the like take it as it lies.
    fn look(&mut self, db: DbIndex, name: &[u8]) {
        let key = self.keyspace.hasher().key(name);
        while self.unit(|unit| {
            let hash = unit.hash(db, &key).expect("a hash");
            hash.is_some_and(|hash| hash.has_expired())
        }) {}
    }

    fn step(&mut self) {
        let (db, name, other) = (
            self.random.below(DATABASES.into()) as DbIndex,
            self.name(),
            self.name(),
        );
        match self.random.below(100) {
            0..40 => self.edit(db, &name),
            40..46 => self.delete_or_expire(db, &name),
            46..50 => self.rename(db, &name, &other),
            50..54 => self.copy(db, &name, &other),
            54..57 => self.change_database(db, &name),
            57 => {
                let to = self.random.below(DATABASES.into()) as usize;
                self.unit(|unit| unit.swap_databases(db, to as DbIndex));
                self.model.swap(db as usize, to);
            }
            58 if self.random.below(20) == 0 => {
                self.unit(|unit| unit.flush(Some(db)));
                self.model[db as usize].clear();
            }
            58..66 => self.pin(db, &name),
            66..70 if !self.pins.is_empty() => {
                let at = self.random.below(self.pins.len() as u64) as usize;
                let pin = self.pins.swap_remove(at);
                self.check_pin(&pin);
            }
            70..72 => self.start_snapshot(),
            72..82 => self.step_snapshot(),
            82..88 => self.maintain(),
            88..98 => self.now += self.random.below(400) as i64,
            _ => self.check(),
        }
    }

    fn edit(&mut self, db: DbIndex, name: &[u8]) {
        let limits = self.limits();
        let key = self.keyspace.hasher().key(name);
        self.expire();
        let before = self.model[db as usize].get(name).cloned();
        let mut hash = before.clone().unwrap_or_default();
        let mut steps: Vec<_> = (0..=self.random.below(12))
            .map(|_| (self.random.below(10), self.field(), self.instant()))
            .collect();
        if self.random.below(6) == 0 {
            // Now all of it is to expire.
            let all = hash.fields.keys().cloned();
            steps = all.map(|field| (6, field, self.instant())).collect();
        }
        let now = self.now;
        let edited = self.unit(|unit| {
            unit.edit_hash(db, &key, &limits, |edit| {
                for (choice, field, at) in &steps {
                    edit_field(edit, &mut hash.fields, *choice, field, *at, now);
                }
                edit.changed(1);
            })
        });
        let is_gone = hash.fields.is_empty();
        // What has expired in the meantime may keep the key for a while.
        let edited = edited.expect("a hash");
        assert!(!edited.is_gone || is_gone);
        self.model[db as usize].remove(name);
        if !is_gone {
            self.model[db as usize].insert(name.to_vec(), hash);
        }
    }

    fn delete_or_expire(&mut self, db: DbIndex, name: &[u8]) {
        self.look(db, name);
        self.expire();
        let key = self.keyspace.hasher().key(name);
        let there = self.model[db as usize].contains_key(name);
        if self.random.below(3) == 0 {
            assert_eq!(self.unit(|unit| unit.delete(db, &key)), there);
            self.model[db as usize].remove(name);
            return;
        }
        let at = (self.random.below(3) > 0).then(|| self.instant().max(self.now));
        let set = self.unit(|unit| unit.set_expire(db, &key, at.map(UnixMillis)));
        assert_eq!(set, there);
        if let Some(hash) = self.model[db as usize].get_mut(name) {
            hash.expire_at = at;
        }
    }

    fn rename(&mut self, db: DbIndex, from: &[u8], to: &[u8]) {
        self.look(db, from);
        self.expire();
        let hasher = self.keyspace.hasher().clone();
        let renamed = self.unit(|unit| unit.rename(db, &hasher.key(from), &hasher.key(to)));
        let hash = self.model[db as usize].remove(from);
        assert_eq!(renamed, hash.is_some());
        if let Some(hash) = hash {
            self.model[db as usize].insert(to.to_vec(), hash);
        }
    }

    fn copy(&mut self, db: DbIndex, from: &[u8], to: &[u8]) {
        let to_db = self.random.below(DATABASES.into()) as DbIndex;
        if (db, from) == (to_db, to) {
            return;
        }
        self.look(db, from);
        self.expire();
        let hasher = self.keyspace.hasher().clone();
        let copied = self.unit(|unit| unit.copy(db, &hasher.key(from), to_db, &hasher.key(to)));
        let hash = self.model[db as usize].get(from).cloned();
        assert_eq!(copied, hash.is_some());
        if let Some(hash) = hash {
            self.model[to_db as usize].insert(to.to_vec(), hash);
        }
    }

    fn change_database(&mut self, db: DbIndex, name: &[u8]) {
        let to_db = (db + 1) % DATABASES;
        self.look(db, name);
        self.look(to_db, name);
        self.expire();
        let key = self.keyspace.hasher().key(name);
        let moved = self.unit(|unit| unit.move_key(&key, db, to_db));
        let is_free = !self.model[to_db as usize].contains_key(name);
        let there = self.model[db as usize].contains_key(name);
        assert_eq!(moved, there && is_free);
        if moved && let Some(hash) = self.model[db as usize].remove(name) {
            self.model[to_db as usize].insert(name.to_vec(), hash);
        }
    }

    fn pin(&mut self, db: DbIndex, name: &[u8]) {
        self.look(db, name);
        self.expire();
        let key = self.keyspace.hasher().key(name);
        let collection = self.unit(|unit| {
            let entry = unit.peek(db, &key)?;
            match entry.collection() {
                Some(CollectionRef::Big(big)) => Some(big.clone()),
                _ => None,
            }
        });
        if let Some(collection) = collection {
            let fields = self.model[db as usize][name].fields.clone();
            let pin = Pin {
                collection,
                fields,
                at: self.now,
            };
            self.check_pin(&pin);
            self.pins.push(pin);
        }
    }

    fn check_pin(&self, pin: &Pin) {
        let found = read(&self.keyspace, CollectionRef::Big(&pin.collection), pin.at);
        assert_eq!(found, pin.fields);
    }

    fn start_snapshot(&mut self) {
        if self.snapshot.is_some() {
            return;
        }
        self.expire();
        let snapshot = self.keyspace.cut(|cut| cut.start_snapshot());
        self.snapshot = snapshot.map(|snapshot| {
            let none = vec![BTreeMap::new(); DATABASES as usize];
            (snapshot, self.now, self.model.clone(), none)
        });
    }

    fn step_snapshot(&mut self) {
        let Some((mut snapshot, at, expected, mut shown)) = self.snapshot.take() else {
            return;
        };
        let keyspace = &self.keyspace;
        let more = snapshot.step(keyspace, &mut |db, entry| {
            let collection = entry.collection().expect("there are only hashes");
            let hash = Hash {
                fields: read(keyspace, collection, at),
                expire_at: entry.expire_at().map(|at| at.0),
            };
            let is_alive =
                !hash.fields.is_empty() && hash.expire_at.is_none_or(|expire_at| at <= expire_at);
            if is_alive {
                let doubled = shown[db as usize].insert(entry.key().to_vec(), hash);
                assert_eq!(doubled, None, "a key is shown once");
            }
        });
        if more {
            self.snapshot = Some((snapshot, at, expected, shown));
        } else {
            assert_eq!(shown, expected);
        }
    }

    fn maintain(&mut self) {
        let mut counts = [0; 3];
        for shard in 0..self.keyspace.shard_count() as u16 {
            let mut unit =
                Unit::begin(&self.keyspace, LockPlan::Write(shard), UnixMillis(self.now));
            unit.maintain(shard);
            Self::check_notes(&mut counts, &self.model, self.now, &mut unit);
        }
        self.keys_expired += counts[0];
        self.fields_expired += counts[1];
        self.keys_gone_with_fields += counts[2];
    }

    fn check(&mut self) {
        self.expire();
        let mut found: Databases = vec![BTreeMap::new(); DATABASES as usize];
        let (keyspace, now) = (&self.keyspace, self.now);
        let mut unit = exclusive(keyspace, now);
        for db in 0..DATABASES {
            let mut cursor = 0;
            loop {
                cursor = unit.scan(db, cursor, 10, &mut |entry| {
                    let collection = entry.collection().expect("there are only hashes");
                    let hash = Hash {
                        fields: read(keyspace, collection, now),
                        expire_at: entry.expire_at().map(|at| at.0),
                    };
                    if !hash.fields.is_empty() {
                        found[db as usize].insert(entry.key().to_vec(), hash);
                    }
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        drop(unit);
        assert_eq!(found, self.model);
    }
}

fn edit_field(
    edit: &mut nuthatch_storage::typed::hash::HashEdit<'_, '_>,
    fields: &mut Fields,
    choice: u64,
    field: &[u8],
    at: i64,
    now: i64,
) {
    let there = fields.contains_key(field);
    let long = vec![b'v'; at as usize % 100];
    let mut set = |edit: &mut nuthatch_storage::typed::hash::HashEdit<'_, '_>, expiry, at| {
        assert_eq!(edit.set(field, &long, expiry), there);
        fields.insert(field.to_vec(), (long.clone(), at));
    };
    match choice {
        0..3 => set(edit, NewExpiry::None, None),
        3..5 => {
            let old = edit.expire_at(field).flatten();
            set(edit, NewExpiry::Keep, old.map(|at| at.0));
        }
        5 => {
            // What would expire at once is removed by the commands instead.
            let at = at.max(now);
            set(edit, NewExpiry::At(UnixMillis(at)), Some(at));
        }
        6..8 => {
            let at = at.max(now);
            assert_eq!(edit.set_expiry(field, Some(UnixMillis(at))), there);
            if let Some((_, expire_at)) = fields.get_mut(field) {
                *expire_at = Some(at);
            }
        }
        8 => {
            assert_eq!(edit.set_expiry(field, None), there);
            if let Some((_, expire_at)) = fields.get_mut(field) {
                *expire_at = None;
            }
        }
        _ => {
            assert_eq!(edit.remove(field), there);
            fields.remove(field);
        }
    }
}

#[test]
fn hashes_are_maps_whose_fields_expire() {
    let steps = if is_long() { 300_000 } else { 4_000 };
    for (seed, shards) in [(1, 1), (2, 4), (3, 1)] {
        let mut run = Run::new(seed, shards);
        for _ in 0..steps {
            run.step();
        }
        run.check();
        while run.snapshot.is_some() {
            run.step_snapshot();
        }
        assert!(run.fields_expired > 500, "{}", run.fields_expired);
        assert!(run.keys_expired > 10, "{}", run.keys_expired);
        assert!(
            run.keys_gone_with_fields > 10,
            "{}",
            run.keys_gone_with_fields
        );
        for pin in std::mem::take(&mut run.pins) {
            run.check_pin(&pin);
        }
        // Whatever can expire does without being looked at, and leaves nothing behind.
        run.now += 10_000;
        settle(&run.keyspace, run.now);
        run.check();
        let expected: usize = run.model.iter().map(BTreeMap::len).sum();
        let keys: u64 = (0..DATABASES)
            .map(|db| Unit::begin(&run.keyspace, LockPlan::Roaming, UnixMillis(run.now)).db_len(db))
            .sum();
        assert_eq!(keys, expected as u64);
        run.unit(|unit| unit.flush(None));
        settle(&run.keyspace, run.now);
        assert_eq!(run.keyspace.memory().dataset_bytes(), 0);
    }
}

#[test]
fn fields_of_large_hashes_expire_in_steps() {
    let keyspace = keyspace(1);
    let key = keyspace.key(b"large");
    let fields = 20_000;
    exclusive(&keyspace, NOW)
        .edit_hash(0, &key, &Limits::default(), |hash| {
            for n in 0..fields {
                let name = n.to_string();
                let expiry = NewExpiry::At(UnixMillis(NOW + 1_000 + n % 2 * 10_000));
                hash.set(name.as_bytes(), b"value", expiry);
            }
            hash.changed(1);
        })
        .expect("a hash");
    let mut removed = 0;
    for now in [NOW + 1_100, NOW + 12_000] {
        let mut steps = 0;
        loop {
            let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(now));
            let more = unit.expire_due(0);
            let mut in_step = 0;
            for note in unit.take_notes() {
                let NoteKind::FieldsExpired(expired) = note.kind else {
                    panic!("{:?}", note.kind);
                };
                in_step += expired.names.len();
            }
            assert!(in_step <= 300, "{in_step} in one step");
            removed += in_step;
            steps += 1;
            let left = unit.peek(0, &key).map_or(0, |entry| {
                let hash = HashRef::of(entry.collection().expect("a hash"), UnixMillis(now));
                hash.len()
            });
            // What has expired is not seen, removed or not.
            assert_eq!(left, if now == NOW + 1_100 { 10_000 } else { 0 });
            if !more {
                break;
            }
        }
        assert!(steps > 30, "{steps}");
    }
    assert_eq!(removed, fields as usize);
    let mut unit = exclusive(&keyspace, NOW + 12_000);
    assert!(unit.peek(0, &key).is_none());
}
