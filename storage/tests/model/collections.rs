//! Collections of several types under everything that moves, copies or frees a key, while pins and snapshots read them:
//! a pin keeps its content, and in the end every byte is back.

use std::collections::BTreeMap;

use nuthatch_storage::collection::Collection;
use nuthatch_storage::typed::sorted_set::Adding;
use nuthatch_storage::typed::{CollectionRef, End, Limits, PackedLimit};
use nuthatch_storage::{
    DataDigest, EntryView, Keyspace, NewExpiry, NewValue, PinnedCollection, Snapshot, UnixMillis,
    ValueRef, ValueType,
};

use super::support::{NOW, Random, exclusive, is_long, keyspace, maintain, settle};

const DATABASES: u64 = 2;

/// What a collection holds: each element's parts, in the collection's own order.
type Content = Vec<Vec<Vec<u8>>>;

fn content_of(collection: CollectionRef<'_>) -> Content {
    let mut content = Vec::new();
    collection.each_record(&mut |parts| {
        content.push(parts.iter().map(|part| part.to_vec()).collect());
    });
    if collection.value_type() != ValueType::List {
        content.sort();
    }
    content
}

struct World {
    keyspace: Keyspace,
    random: Random,
    limits: Limits,
    /// By database and key.
    model: BTreeMap<(u32, Vec<u8>), (ValueType, Content)>,
    pins: Vec<(PinnedCollection, Content)>,
    /// A running snapshot, what it is to show, and what it has shown.
    snapshot: Option<(Snapshot, DataDigest, DataDigest)>,
}

impl World {
    fn new(shards: usize, seed: u64) -> Self {
        let small = PackedLimit {
            entries: 16,
            value_bytes: 40,
        };
        Self {
            keyspace: keyspace(shards),
            random: Random(seed),
            limits: Limits {
                hash: small,
                sorted_set: small,
                list_node: -1,
                ..Limits::default()
            },
            model: BTreeMap::new(),
            pins: Vec::new(),
            snapshot: None,
        }
    }

    fn key(&mut self) -> (u32, Vec<u8>) {
        let db = self.random.below(DATABASES) as u32;
        (db, format!("key:{}", self.random.below(12)).into_bytes())
    }

    fn element(&mut self) -> Vec<u8> {
        let number = self.random.below(4_000);
        match self.random.below(40) {
            0 => format!("{number}:{}", "x".repeat(3_000)).into_bytes(),
            1..10 => number.to_string().into_bytes(),
            _ => format!("element:{number}").into_bytes(),
        }
    }

    /// Changes one collection, of whichever type it is or is to be; many elements at once now and then.
    fn change(&mut self) {
        let (db, name) = self.key();
        let types = [ValueType::List, ValueType::Hash, ValueType::SortedSet];
        let there = self.model.get(&(db, name.clone()));
        let value_type = there.map_or_else(
            || types[self.random.below(3) as usize],
            |(value_type, _)| *value_type,
        );
        if there.is_some_and(|_| value_type == ValueType::String) {
            return;
        }
        let count = [1, 3, 40, 600][self.random.below(4) as usize];
        let removes = self.random.below(3) == 0;
        let elements: Vec<Vec<u8>> = (0..count).map(|_| self.element()).collect();
        let limits = self.limits;
        let key = self.keyspace.key(&name);
        let mut unit = exclusive(&self.keyspace, NOW);
        match value_type {
            ValueType::List if removes => {
                let end = [End::Left, End::Right][elements.len() % 2];
                unit.pop_list(db, &key, end, count as u64, &limits, |_| ())
                    .unwrap();
            }
            ValueType::List => {
                let end = [End::Left, End::Right][usize::from(elements[0].len().is_multiple_of(2))];
                let elements = elements.iter().map(|element| &element[..]);
                unit.push_list(db, &key, end, elements, true, &limits)
                    .unwrap();
            }
            ValueType::Hash => {
                let hash = unit.edit_hash(db, &key, &limits, |hash| {
                    for element in &elements {
                        if removes {
                            let removed = hash.remove(element);
                            hash.changed(removed.into());
                        } else {
                            hash.set(element, b"value", NewExpiry::None);
                            hash.changed(1);
                        }
                    }
                });
                hash.unwrap();
            }
            _ => {
                let set = unit.edit_sorted_set(db, &key, limits.sorted_set, |set| {
                    for element in &elements {
                        if removes {
                            set.remove(element);
                        } else {
                            let score = (element.len() % 7) as f64;
                            set.add(element, score, &Adding::default());
                        }
                    }
                });
                set.unwrap();
            }
        }
        drop(unit);
        self.learn(db, &name);
    }

    /// Takes over from the keyspace what is at a key: that edits do what they say is tested elsewhere.
    fn learn(&mut self, db: u32, name: &[u8]) {
        let mut unit = exclusive(&self.keyspace, NOW);
        let place = (db, name.to_vec());
        match unit.peek(db, &self.keyspace.key(name)) {
            Some(entry) => self.model.insert(place, seen(&entry)),
            None => self.model.remove(&place),
        };
    }

    fn check(&mut self, db: u32, name: &[u8]) {
        let mut unit = exclusive(&self.keyspace, NOW);
        let found = unit.peek(db, &self.keyspace.key(name));
        let found = found.map(|entry| seen(&entry));
        let expected = self.model.get(&(db, name.to_vec()));
        assert!(found.as_ref() == expected, "{}", name.escape_ascii());
    }

    /// Moves, copies, overwrites, deletes.
    fn manage(&mut self) {
        let ((db, from), (to_db, to)) = (self.key(), self.key());
        let choice = self.random.below(8);
        let (from_key, to_key) = (self.keyspace.key(&from), self.keyspace.key(&to));
        let (place, to_place) = ((db, from.clone()), (db, to.clone()));
        let mut unit = exclusive(&self.keyspace, NOW);
        match choice {
            0 => {
                if unit.rename(db, &from_key, &to_key)
                    && from != to
                    && let Some(value) = self.model.remove(&place)
                {
                    self.model.insert(to_place, value);
                }
            }
            1 if (db, &from) != (to_db, &to) => {
                if unit.copy(db, &from_key, to_db, &to_key) {
                    let value = self.model[&place].clone();
                    self.model.insert((to_db, to.clone()), value);
                }
            }
            2 => {
                if unit.move_key(&from_key, db, 1 - db)
                    && let Some(value) = self.model.remove(&place)
                {
                    self.model.insert((1 - db, from.clone()), value);
                }
            }
            3 => {
                unit.delete(db, &from_key);
                self.model.remove(&place);
            }
            4 => {
                unit.set(db, &from_key, NewValue::Bytes(b"a string"), NewExpiry::Keep);
                drop(unit);
                self.learn(db, &from);
                return self.check(db, &from);
            }
            5 => _ = unit.set_expire(db, &from_key, Some(UnixMillis(NOW + 1_000_000))),
            6 if self.random.below(20) == 0 => {
                unit.flush(None);
                self.model.clear();
            }
            _ => {
                unit.swap_databases(0, 1);
                let model = std::mem::take(&mut self.model);
                let swapped = model
                    .into_iter()
                    .map(|((db, name), value)| ((1 - db, name), value));
                self.model = swapped.collect();
            }
        }
        drop(unit);
        self.check(db, &from);
        self.check(db, &to);
    }

    /// Reads something big later.
    fn pin(&mut self) {
        let (db, name) = self.key();
        let mut unit = exclusive(&self.keyspace, NOW);
        let found = unit.find(db, &self.keyspace.key(&name));
        if let Some(CollectionRef::Big(big)) = found.and_then(|entry| entry.collection()) {
            self.pins
                .push((self.keyspace.pin(big), content_of(CollectionRef::Big(big))));
        }
        drop(unit);
        while self.pins.len() > 8 {
            let at = self.random.below(self.pins.len() as u64) as usize;
            let (pin, content) = self.pins.swap_remove(at);
            let collection: &Collection = &pin;
            assert!(content_of(CollectionRef::Big(collection)) == content);
        }
    }

    fn keep_house(&mut self) {
        match self.snapshot.take() {
            None if self.random.below(3) == 0 => {
                let digest = exclusive(&self.keyspace, NOW).digest();
                let started = self.keyspace.cut(|cut| cut.start_snapshot());
                self.snapshot = started.map(|snapshot| (snapshot, digest, DataDigest::default()));
            }
            Some((mut snapshot, expected, mut shown)) if self.random.below(4) > 0 => {
                let more = snapshot.step(&self.keyspace, &mut |db, entry| shown.add(db, &entry));
                if more {
                    self.snapshot = Some((snapshot, expected, shown));
                } else {
                    assert_eq!(
                        shown, expected,
                        "a snapshot shows what there was at its cut"
                    );
                }
            }
            running => {
                self.snapshot = running;
                maintain(&self.keyspace, NOW);
            }
        }
    }
}

fn seen(entry: &EntryView<'_>) -> (ValueType, Content) {
    let content = match entry.value() {
        ValueRef::String(string) => vec![vec![string.to_vec()]],
        ValueRef::Collection(collection) => content_of(collection),
    };
    (entry.value_type(), content)
}

#[test]
fn pinned_collections_never_change_and_all_memory_comes_back() {
    let steps = if is_long() { 60_000 } else { 1_200 };
    for (shards, seed) in [(1, 1), (8, 2), (64, 3)] {
        let mut world = World::new(shards, seed);
        for _ in 0..steps {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.manage(),
                6..8 => world.pin(),
                _ => world.keep_house(),
            }
        }
        let World {
            keyspace,
            mut pins,
            snapshot,
            ..
        } = world;
        drop(snapshot);
        let kept = pins.pop();
        drop(pins);
        exclusive(&keyspace, NOW).flush(None);
        settle(&keyspace, NOW);
        assert_eq!(keyspace.memory().dataset_bytes(), 0);
        drop(keyspace);
        // A pin outlives even the keyspace.
        let (pin, content) = kept.expect("there are pins");
        let collection: &Collection = &pin;
        assert!(content_of(CollectionRef::Big(collection)) == content);
    }
}
