//! A big string that somebody still reads (a reply being sent, a snapshot) keeps its content whatever happens to
//! the key.

use nuthatch_storage::big_string::BigString;
use nuthatch_storage::{Keyspace, NewExpiry, NewValue, Snapshot, StringMut, StringRef, UnixMillis};

use super::support::{NOW, Random, exclusive, is_long, keyspace, maintain, settle};

const KEYS: u64 = 6;
const LEN_MAX: u64 = 1 << 21;

struct Pin {
    string: BigString,
    expected: Vec<u8>,
}

struct Readers {
    keyspace: Keyspace,
    random: Random,
    pins: Vec<Pin>,
    snapshot: Option<Snapshot>,
}

impl Readers {
    fn name(&mut self) -> Vec<u8> {
        format!("key:{}", self.random.below(KEYS)).into_bytes()
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let len = self.random.below(most) as usize;
        vec![self.random.below(256) as u8; len]
    }

    fn change(&mut self) {
        let (a, b, db) = (self.name(), self.name(), self.random.below(2) as u32);
        let (key, other) = (self.keyspace.key(&a), self.keyspace.key(&b));
        let choice = self.random.below(20);
        let (long, short) = (self.bytes(300_000), self.bytes(9_000));
        let offset = self.random.below(200_000);
        let mut unit = exclusive(&self.keyspace, NOW);
        match choice {
            0..4 => {
                _ = unit.set(
                    db,
                    &key,
                    NewValue::Big(BigString::from_bytes(&long)),
                    NewExpiry::None,
                )
            }
            4 => _ = unit.set(db, &key, NewValue::Bytes(&short), NewExpiry::Keep),
            5..8 => _ = unit.append(db, &key, &short, LEN_MAX).is_ok(),
            8..11 => _ = unit.set_range(db, &key, offset, &short, LEN_MAX).is_ok(),
            11 => {
                let set = |string: &mut StringMut<'_>| string.set_byte(offset as usize, 7);
                unit.with_string_mut(db, &key, offset + 1, set)
                    .expect("a string");
            }
            12 => _ = unit.rename(db, &key, &other),
            13 => _ = a != b && unit.copy(db, &key, 1 - db, &other),
            14 => _ = unit.move_key(&key, db, 1 - db),
            15 => {
                _ = unit.set_expire(
                    db,
                    &key,
                    offset
                        .is_multiple_of(2)
                        .then_some(UnixMillis(NOW + 1000 + offset as i64)),
                )
            }
            16 => _ = unit.delete(db, &key),
            17 if offset < 20_000 => _ = unit.flush(None),
            18 => unit.swap_databases(0, 1),
            _ => {
                drop(unit);
                self.keep_house();
            }
        }
    }

    fn keep_house(&mut self) {
        match self.random.below(4) {
            0 => {
                let started = self.keyspace.cut(|cut| cut.start_snapshot());
                self.snapshot = started.or(self.snapshot.take());
            }
            1 => {
                let pins = &mut self.pins;
                let Some(snapshot) = &mut self.snapshot else {
                    return;
                };
                let more = snapshot.step(&self.keyspace, &mut |_, entry| {
                    pin(pins, entry.string().unwrap())
                });
                if !more || self.random.below(30) == 0 {
                    self.snapshot = None;
                }
            }
            _ => _ = maintain(&self.keyspace, NOW),
        }
    }

    fn read(&mut self) {
        let (name, db) = (self.name(), self.random.below(2) as u32);
        let mut unit = exclusive(&self.keyspace, NOW);
        if let Some(entry) = unit.find(db, &self.keyspace.key(&name)) {
            pin(&mut self.pins, entry.string().unwrap());
        }
    }
}

fn pin(pins: &mut Vec<Pin>, string: StringRef<'_>) {
    if let StringRef::Big(big) = string {
        pins.push(Pin {
            string: big.clone(),
            expected: string.to_vec(),
        });
    }
}

#[test]
fn pinned_strings_never_change() {
    let steps = if is_long() { 200_000 } else { 6_000 };
    for shards in [1, 8] {
        let mut readers = Readers {
            keyspace: keyspace(shards),
            random: Random(shards as u64),
            pins: Vec::new(),
            snapshot: None,
        };
        for _ in 0..steps {
            readers.change();
            readers.read();
            while readers.pins.len() > 12 {
                let at = readers.random.below(readers.pins.len() as u64) as usize;
                let pin = readers.pins.swap_remove(at);
                assert!(pin.string == *pin.expected, "a pin keeps its content");
            }
        }
        let Readers {
            keyspace,
            pins,
            snapshot,
            ..
        } = readers;
        drop(snapshot);
        exclusive(&keyspace, NOW).flush(None);
        settle(&keyspace, NOW);
        assert_eq!(keyspace.memory().dataset_bytes(), 0);
        drop(keyspace);
        // Pins outlive even the keyspace.
        assert!(pins.iter().all(|pin| pin.string == *pin.expected));
    }
}
