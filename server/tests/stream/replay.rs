//! What a snapshot has seen, and servers made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nuthatch_server::config::Permission;
use storage::big_string::BigString;
use storage::collection::Collection;
use storage::typed::sorted_set::Adding;
use storage::typed::{CollectionRef, End, Limits};
use storage::{
    DataDigest, DbIndex, Key, Keyspace, LockPlan, NewExpiry, NewValue, Snapshot, Unit, UnixMillis,
    ValueRef, ValueType,
};

use super::commands::DATABASES;
use super::harness::{TestClient, TestServer, request};

#[path = "stored_stream.rs"]
mod stored_stream;

use stored_stream::StoredStream;

/// Value and expire time of each key.
type Keys = BTreeMap<(DbIndex, Vec<u8>), (Stored, Option<UnixMillis>)>;

/// A value as it was shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stored {
    String(Vec<u8>),
    /// A list's elements in order.
    List(Vec<Vec<u8>>),
    /// A set's members.
    Set(BTreeSet<Vec<u8>>),
    /// A stream with its groups.
    Stream(StoredStream),
    /// A sorted set's members, each with the 8 bytes of its score behind it.
    SortedSet(Vec<Vec<u8>>),
    /// A hash's fields, each with its value and expire time.
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<UnixMillis>)>),
}

impl Stored {
    fn of(value: ValueRef<'_>) -> Self {
        let collection = match value {
            ValueRef::String(string) => return Stored::String(string.to_vec()),
            ValueRef::Collection(collection) => collection,
        };
        if collection.value_type() == ValueType::Hash {
            let mut fields = BTreeMap::new();
            collection.each_record(&mut |parts| {
                let expire_at = parts.get(2).map(|bytes| {
                    let bytes = (*bytes).try_into().expect("an instant takes 8 bytes");
                    UnixMillis(i64::from_le_bytes(bytes))
                });
                fields.insert(parts[0].to_vec(), (parts[1].to_vec(), expire_at));
            });
            return Stored::Hash(fields);
        }
        if let CollectionRef::Big(Collection::Stream(stream)) = collection {
            return Stored::Stream(StoredStream::of(stream));
        }
        let mut records = Vec::new();
        collection.each_record(&mut |parts| records.push(parts.concat()));
        match collection.value_type() {
            ValueType::List => Stored::List(records),
            ValueType::SortedSet => Stored::SortedSet(records),
            ValueType::Set => Stored::Set(records.into_iter().collect()),
            other => panic!("no command here makes a {}", other.name()),
        }
    }

    /// Stores it at `key`, where nothing is.
    fn store(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) {
        match self {
            Stored::String(value) if value.len() >= storage::BIG_STRING_MIN_BYTES => {
                let value = NewValue::Big(BigString::from_bytes(value));
                unit.set(db, key, value, NewExpiry::None);
            }
            Stored::String(value) => {
                unit.set(db, key, NewValue::Bytes(value), NewExpiry::None);
            }
            Stored::List(elements) => {
                let elements = elements.iter().map(Vec::as_slice);
                unit.push_list(db, key, End::Right, elements, true, &Limits::default())
                    .expect("nothing is there");
            }
            Stored::Hash(fields) => {
                unit.edit_hash(db, key, &Limits::default(), |hash| {
                    for (field, (value, expire_at)) in fields {
                        let expiry = expire_at.map_or(NewExpiry::None, NewExpiry::At);
                        hash.set(field, value, expiry);
                    }
                    hash.changed(1);
                })
                .expect("nothing is there");
            }
            Stored::Stream(stream) => stream.store(unit, db, key),
            Stored::Set(members) => {
                unit.edit_set(db, key, &Limits::default(), |edit| {
                    edit.add_all(members.iter().map(Vec::as_slice))
                })
                .expect("nothing is there");
            }
            Stored::SortedSet(members) => {
                let limit = Limits::default().sorted_set;
                unit.edit_sorted_set(db, key, limit, |edit| {
                    for record in members {
                        let (member, score) = record.split_last_chunk().expect("it has a score");
                        edit.add(member, f64::from_le_bytes(*score), &Adding::default());
                    }
                })
                .expect("nothing is there");
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Stored::Hash(fields) => {
                let first = fields.iter().take(8);
                let first = first.map(|(field, (value, expire_at))| {
                    let (field, value) = (
                        String::from_utf8_lossy(field),
                        String::from_utf8_lossy(value),
                    );
                    format!("{field} = {value:.20} until {expire_at:?}")
                });
                format!("{} fields {:?}", fields.len(), first.collect::<Vec<_>>())
            }
            Stored::String(value) => format!(
                "{} bytes {:?}",
                value.len(),
                String::from_utf8_lossy(&value[..value.len().min(60)])
            ),
            Stored::Stream(stream) => format!("{stream:?}"),
            Stored::Set(members) => format!("{} members", members.len()),
            Stored::List(elements) | Stored::SortedSet(elements) => {
                let first = elements.iter().take(8);
                let first = first.map(|element| String::from_utf8_lossy(element));
                format!(
                    "{} elements {:?}",
                    elements.len(),
                    first.collect::<Vec<_>>()
                )
            }
        }
    }
}

/// Everything that was stored at a cut, expired keys that were still there included.
pub(crate) struct Image {
    pub(crate) keys: Keys,
    pub(crate) digest: DataDigest,
}

/// Walks a snapshot to its end.
pub(crate) fn image_of(server: &TestServer, mut snapshot: Snapshot) -> Image {
    let (mut keys, mut digest) = (Keys::new(), DataDigest::default());
    let keyspace = server.running().keyspace();
    while snapshot.step(keyspace, &mut |db, entry| {
        digest.add(db, &entry);
        let value = (Stored::of(entry.value()), entry.expire_at());
        let twice = keys.insert((db, entry.key().to_vec()), value);
        assert!(twice.is_none(), "the snapshot has a key twice");
    }) {}
    Image { keys, digest }
}

/// A server that holds what `image` does and expects a primary's stream.
pub(crate) fn replica_of(image: &Image) -> TestServer {
    let replica = TestServer::start_with(|config| {
        config.threads = 1;
        config.databases = DATABASES;
        config.enable_debug_command = Permission::Yes;
    });
    let running = replica.running();
    running.cut(|cut| cut.set_state(cut.state().with_replica(true)));
    let keyspace = running.keyspace();
    for ((db, key), (value, expire_at)) in &image.keys {
        let key = keyspace.key(key);
        let mut unit = Unit::begin(keyspace, LockPlan::Write(key.hash.shard), UnixMillis(0));
        value.store(&mut unit, *db, &key);
        unit.set_expire(*db, &key, *expire_at);
    }
    replica
}

/// Has the replica execute the stream to its end; no command of it may fail.
pub(crate) fn apply(replica: &TestServer, stream: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut primary = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (link, _) = listener.accept().unwrap();
    replica.running().follow(link).unwrap();
    let mut replies = primary.try_clone().unwrap();
    let reader = std::thread::spawn(move || std::io::copy(&mut replies, &mut std::io::sink()));
    primary.write_all(stream).unwrap();
    primary.shutdown(std::net::Shutdown::Write).unwrap();
    reader.join().unwrap().unwrap();
    let stats = info(&mut replica.client(), "stats");
    assert!(
        stats.contains("total_error_replies:0\r\n"),
        "commands of the stream fail: {}",
        info(&mut replica.client(), "errorstats")
    );
}

fn info(client: &mut TestClient, section: &str) -> String {
    client.send(request(&["INFO", section]));
    client.read_bulk()
}

/// Waits until the clock has passed every expire time of `image` within the next minute.
pub(crate) fn let_short_lived_keys_expire(image: &Image) {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis() as i64
    };
    let soon = now() + 60_000;
    let of_fields = image.keys.values().flat_map(|(value, _)| match value {
        Stored::Hash(fields) => fields.values().filter_map(|(_, at)| *at).collect(),
        _ => Vec::new(),
    });
    let of_keys = image.keys.values().filter_map(|(_, expire_at)| *expire_at);
    let expire_times = of_keys.chain(of_fields);
    let last = expire_times.map(|at| at.0).filter(|&at| at < soon).max();
    while last.is_some_and(|last| now() <= last) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until nothing is due any more: what has expired and is still there would go once the log has stopped.
pub(crate) fn let_due_keys_go(keyspace: &Keyspace) {
    /// The wheel names a key in the tick of this length after the one in which it expires.
    const TICKS_MS: i64 = 2 * 16;
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap().as_millis() as i64
    };
    let from = now();
    while now() <= from + TICKS_MS || keyspace.due_shards(UnixMillis(now())).next().is_some() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Image {
    /// How many entries the groups of all streams have pending.
    pub(crate) fn pending(&self) -> usize {
        let values = self.keys.values().map(|(value, _)| value);
        let pending = values.map(|value| match value {
            Stored::Stream(stream) => stream.pending(),
            _ => 0,
        });
        pending.sum()
    }

    /// Whether both have the same groups in their streams, of which digests tell nothing.
    pub(crate) fn has_groups_of(&self, other: &Self) -> bool {
        let streams = |image: &Self| -> BTreeMap<_, _> {
            let keys = image.keys.iter();
            keys.filter(|(_, (value, _))| matches!(value, Stored::Stream(_)))
                .map(|(key, (value, _))| (key.clone(), value.clone()))
                .collect()
        };
        streams(self) == streams(other)
    }
}

/// Prints in which keys two images differ.
pub(crate) fn explain(got: &Image, expected: &Image) {
    let shown = |value: Option<&(Stored, Option<UnixMillis>)>| match value {
        None => "nothing".to_owned(),
        Some((value, expire_at)) => format!("{} until {expire_at:?}", value.shown()),
    };
    let all = got.keys.keys().chain(expected.keys.keys());
    let mut differing: Vec<_> = all
        .filter(|&key| got.keys.get(key) != expected.keys.get(key))
        .collect();
    differing.sort();
    differing.dedup();
    for key in differing {
        println!(
            "db {} {:?}:\n  applied  {}\n  original {}",
            key.0,
            String::from_utf8_lossy(&key.1),
            shown(got.keys.get(key)),
            shown(expected.keys.get(key))
        );
    }
}
