//! The proof of the cut: several threads change the keyspace while a snapshot is taken and the log runs. The
//! snapshot's plain list, with the stream from the cut on applied to it, must equal what is stored in the end.
//! Nothing is lost, doubled or reordered between the two, or they differ.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use nuthatch_storage::log::{ANY_DATABASE, Cursor, EffectGroup, Framing};
use nuthatch_storage::{
    EntryView, Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, Snapshot, Unit,
    UnixMillis, canonical_integer,
};

const DATABASES: u32 = 3;
const KEYS: u64 = 64;
const THREADS: u64 = 4;

/// What a database holds, as plain data.
type Plain = Vec<BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>>;

fn plain() -> Plain {
    vec![BTreeMap::new(); DATABASES as usize]
}

/// How many snapshots are taken, and how many units each thread runs in between at least.
fn rounds() -> (usize, u64) {
    if std::env::var_os("NUTHATCH_LONG").is_some() {
        (400, 4000)
    } else {
        (40, 1500)
    }
}

/// A small generator, seeded per thread: the operations do not depend on the scheduler, only their order does.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn key(&mut self) -> Vec<u8> {
        format!("key:{}", self.below(KEYS)).into_bytes()
    }

    fn db(&mut self) -> u32 {
        self.below(DATABASES.into()) as u32
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.below(40) {
            0 => 9_000 + self.below(150_000),
            1..=4 => self.below(3_000),
            5..=12 => return self.below(1_000_000).to_string().into_bytes(),
            _ => self.below(60),
        };
        vec![b'a' + self.below(26) as u8; len as usize]
    }
}

/// One effect: words of length and bytes, the first being its name.
fn encode(words: &[&[u8]], out: &mut Vec<u8>) {
    out.push(words.len() as u8);
    for word in words {
        out.extend((word.len() as u32).to_le_bytes());
        out.extend(*word);
    }
}

struct Words;

impl Framing for Words {
    fn select(&self, database: u32, out: &mut Vec<u8>) {
        encode(&[b"select", &database.to_le_bytes()], out);
    }
    fn group_begin(&self, out: &mut Vec<u8>) {
        encode(&[b"begin"], out);
    }
    fn group_end(&self, out: &mut Vec<u8>) {
        encode(&[b"end"], out);
    }
}

/// Runs one random unit and logs its effects under its locks.
fn run_one(keyspace: &Keyspace, random: &mut Random, now: UnixMillis, group: &mut EffectGroup) {
    group.clear();
    let (db, a, b) = (random.db(), random.key(), random.key());
    let (key, other) = (keyspace.key(&a), keyspace.key(&b));
    let choice = random.below(100);
    let plan = match choice {
        0..=69 => LockPlan::Write(key.hash.shard),
        70..=94 => LockPlan::WriteMany([key.hash.shard, other.hash.shard].into_iter().collect()),
        _ => LockPlan::Exclusive,
    };
    let mut unit = Unit::begin(keyspace, plan, now);
    let log_on = unit.state().log_on();
    let mut effects: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
    let mut effect = |db: u32, words: &[&[u8]]| {
        effects.push((db, words.iter().map(|word| word.to_vec()).collect()))
    };
    let now = unit.now().0;
    match choice {
        0..=19 => {
            let value = random.value();
            let at = (random.below(2) == 0).then(|| now + random.below(40) as i64);
            let expiry = at.map_or(NewExpiry::None, |at| NewExpiry::At(UnixMillis(at)));
            unit.set(db, &key, NewValue::Bytes(&value), expiry);
            effect(db, &[b"set", &a, &value, &at.unwrap_or(0).to_le_bytes()]);
        }
        20..=34 => {
            let value = random.value();
            if unit.append(db, &key, &value, 1 << 20).is_ok() {
                effect(db, &[b"append", &a, &value]);
            }
        }
        35..=44 => {
            let (offset, value) = (random.below(9_000), random.value());
            if !value.is_empty() && unit.set_range(db, &key, offset, &value, 1 << 20).is_ok() {
                effect(db, &[b"setrange", &a, &offset.to_le_bytes(), &value]);
            }
        }
        45..=54 => {
            if unit.incr(db, &key, 7).is_ok() {
                effect(db, &[b"incr", &a]);
            }
        }
        55..=62 => {
            let at = (random.below(4) != 0).then(|| now + random.below(60) as i64);
            if unit.set_expire(db, &key, at.map(UnixMillis)) {
                effect(db, &[b"expire", &a, &at.unwrap_or(0).to_le_bytes()]);
            }
        }
        63..=69 => {
            if unit.delete(db, &key) {
                effect(db, &[b"del", &a]);
            }
        }
        70..=79 => {
            if unit.rename(db, &key, &other) {
                effect(db, &[b"rename", &a, &b]);
            }
        }
        80..=86 => {
            let to = random.db();
            if (db, &a) != (to, &b) && unit.copy(db, &key, to, &other) {
                effect(db, &[b"copy", &a, &to.to_le_bytes(), &b]);
            }
        }
        87..=94 => {
            let to = random.db();
            if db != to && unit.move_key(&key, db, to) {
                effect(db, &[b"move", &a, &to.to_le_bytes()]);
            }
        }
        95..=97 => {
            let with = random.db();
            unit.swap_databases(db, with);
            effect(
                ANY_DATABASE,
                &[b"swap", &db.to_le_bytes(), &with.to_le_bytes()],
            );
        }
        98 => {
            unit.flush(Some(db));
            effect(db, &[b"flush"]);
        }
        _ => {
            // Several changes in one unit over undeclared shards.
            for _ in 0..3 {
                let name = random.key();
                unit.append(db, &keyspace.key(&name), b"+", 1 << 20)
                    .expect("short strings");
                effect(db, &[b"append", &name, b"+"]);
            }
        }
    }
    let removed = unit.take_notes();
    if log_on {
        // What expired did so before the unit's own change.
        removed
            .iter()
            .for_each(|gone| group.push_with(gone.db, 0, |out| encode(&[b"del", &gone.key], out)));
        for (db, words) in &effects {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            group.push_with(*db, 0, |out| encode(&words, out));
        }
        group.set_atomic(true);
        unit.append_effects(group);
    }
    drop(unit);
    keyspace.log().wake_if_needed();
}

/// Housekeeping of every shard, with the `DEL`s it owes.
fn maintain(keyspace: &Keyspace, now: UnixMillis, group: &mut EffectGroup) {
    for shard in 0..keyspace.shard_count() as u16 {
        let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), now);
        unit.maintain(shard);
        let removed = unit.take_notes();
        if unit.state().log_on() {
            group.clear();
            removed.iter().for_each(|gone| {
                group.push_with(gone.db, shard, |out| encode(&[b"del", &gone.key], out))
            });
            unit.append_effects(group);
        }
        drop(unit);
        keyspace.log().wake_if_needed();
    }
}

/// Applies the stream to plain data, one thread, in order.
struct Replay {
    data: Plain,
    selected: usize,
    pending: Vec<u8>,
}

impl Replay {
    fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend(bytes);
        let mut at = 0;
        while let Some((words, used)) = decode(&self.pending[at..]) {
            apply(&mut self.data, &mut self.selected, &words);
            at += used;
        }
        self.pending.drain(..at);
    }
}

fn decode(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let (count, mut at) = (*bytes.first()?, 1);
    let mut words = Vec::new();
    for _ in 0..count {
        let len = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        words.push(bytes.get(at + 4..at + 4 + len)?.to_vec());
        at += 4 + len;
    }
    Some((words, at))
}

fn apply(data: &mut Plain, selected: &mut usize, words: &[Vec<u8>]) {
    let number = |word: &Vec<u8>| {
        u32::from_le_bytes(word.as_slice().try_into().expect("four bytes")) as usize
    };
    let instant = |word: &Vec<u8>| {
        let at = i64::from_le_bytes(word.as_slice().try_into().expect("eight bytes"));
        (at != 0).then_some(at)
    };
    let map = &mut data[*selected];
    match words[0].as_slice() {
        b"select" => *selected = number(&words[1]),
        b"begin" | b"end" => {}
        b"set" => drop(map.insert(words[1].clone(), (words[2].clone(), instant(&words[3])))),
        b"append" => map.entry(words[1].clone()).or_default().0.extend(&words[2]),
        b"setrange" => {
            let value = &mut map.entry(words[1].clone()).or_default().0;
            let offset =
                u64::from_le_bytes(words[2].as_slice().try_into().expect("eight bytes")) as usize;
            value.resize(value.len().max(offset + words[3].len()), 0);
            value[offset..offset + words[3].len()].copy_from_slice(&words[3]);
        }
        b"incr" => {
            let value = &mut map.entry(words[1].clone()).or_default().0;
            let old = if value.is_empty() {
                0
            } else {
                canonical_integer(value).expect("a logged INCR worked")
            };
            *value = (old + 7).to_string().into_bytes();
        }
        b"expire" => {
            map.get_mut(&words[1])
                .expect("a logged EXPIRE found its key")
                .1 = instant(&words[2])
        }
        b"del" => assert!(
            map.remove(&words[1]).is_some(),
            "a logged DEL found its key"
        ),
        b"rename" => {
            let value = map
                .remove(&words[1])
                .expect("a logged RENAME found its key");
            map.insert(words[2].clone(), value);
        }
        b"copy" => {
            let value = map
                .get(&words[1])
                .expect("a logged COPY found its key")
                .clone();
            data[number(&words[2])].insert(words[3].clone(), value);
        }
        b"move" => {
            let value = map.remove(&words[1]).expect("a logged MOVE found its key");
            let old = data[number(&words[2])].insert(words[1].clone(), value);
            assert_eq!(old, None, "a logged MOVE found no key there");
        }
        b"swap" => data.swap(number(&words[1]), number(&words[2])),
        b"flush" => map.clear(),
        other => panic!("unknown effect {other:?}"),
    }
}

fn collect(into: &mut Plain, db: u32, entry: &EntryView<'_>) {
    let value = (
        entry.string().unwrap().to_vec(),
        entry.expire_at().map(|at| at.0),
    );
    let doubled = into[db as usize].insert(entry.key().to_vec(), value);
    assert_eq!(doubled, None, "a snapshot shows each key once");
}

/// Starts the log and a snapshot at one cut.
fn begin_round(keyspace: &Keyspace) -> (Snapshot, Cursor) {
    keyspace.log().start(Box::new(Words)).expect("a thread");
    keyspace.cut(|cut| {
        cut.set_state(cut.state().with_log(true));
        let cursor = keyspace.log().cursor_at(cut.log_tail());
        (
            cut.start_snapshot().expect("no snapshot is running"),
            cursor,
        )
    })
}

/// Everything that is stored, at a cut that also switches the log off.
fn end_round(keyspace: &Keyspace) -> Plain {
    let mut snapshot = keyspace
        .cut(|cut| {
            cut.set_state(cut.state().with_log(false));
            cut.start_snapshot()
        })
        .expect("no snapshot is running");
    keyspace.log().stop();
    let mut stored = plain();
    while snapshot.step(keyspace, &mut |db, entry| collect(&mut stored, db, &entry)) {}
    stored
}

#[test]
fn snapshot_and_stream_together_are_the_data() {
    let (rounds, units) = rounds();
    let options = KeyspaceOptions {
        shards: 8,
        databases: DATABASES,
        seed: 3,
        maxmemory_bytes: 0,
    };
    let keyspace = Keyspace::new(options);
    let (clock, stop, done) = (
        AtomicI64::new(1_700_000_000_000),
        AtomicBool::new(false),
        AtomicI64::new(0),
    );
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (keyspace, clock, stop, done) = (&keyspace, &clock, &stop, &done);
            scope.spawn(move || {
                let (mut random, mut group) = (Random(0x9e37_79b9 + thread), EffectGroup::new());
                while !stop.load(Ordering::Relaxed) {
                    let now = UnixMillis(
                        clock.fetch_add((random.below(50) == 0).into(), Ordering::Relaxed),
                    );
                    if random.below(200) == 0 {
                        maintain(keyspace, now, &mut group);
                    }
                    run_one(keyspace, &mut random, now, &mut group);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..rounds {
                check_round(&keyspace, round, &done, units as i64 * THREADS as i64);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn check_round(keyspace: &Keyspace, round: usize, done: &AtomicI64, units: i64) {
    let (mut snapshot, mut cursor) = begin_round(keyspace);
    let mut replay = Replay {
        data: plain(),
        selected: 0,
        pending: Vec::new(),
    };
    let begun = done.load(Ordering::Relaxed);
    while snapshot.step(keyspace, &mut |db, entry| {
        collect(&mut replay.data, db, &entry)
    }) {
        std::thread::yield_now();
    }
    while done.load(Ordering::Relaxed) - begun < units {
        std::thread::yield_now();
    }
    let stored = end_round(keyspace);
    while let Some(bytes) = cursor.read() {
        replay.feed(&bytes);
    }
    assert!(
        replay.pending.is_empty(),
        "the stream ends with a whole effect"
    );
    for (db, (expected, found)) in stored.iter().zip(&replay.data).enumerate() {
        let keys = expected.keys().chain(found.keys());
        let differing: Vec<_> = keys
            .filter(|key| expected.get(*key) != found.get(*key))
            .collect();
        assert!(
            differing.is_empty(),
            "round {round}, database {db}: {differing:?}"
        );
    }
}
