//! A stream as a snapshot has shown it, with its groups. When a consumer was seen is not told to replicas.

use std::collections::BTreeMap;

use storage::collection::stream::{Group, NewId, NodeLimits, Release, Stream, StreamId};
use storage::listpack::Value;
use storage::{DbIndex, Key, Unit, UnixMillis};

/// A field and its value.
type Pair = (Vec<u8>, Vec<u8>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredStream {
    entries: Vec<(StreamId, Vec<Pair>)>,
    last_id: StreamId,
    max_deleted_id: StreamId,
    added: u64,
    groups: BTreeMap<Vec<u8>, StoredGroup>,
}

#[derive(Clone, Debug, PartialEq)]
struct StoredGroup {
    last_id: StreamId,
    entries_read: Option<i64>,
    consumers: Vec<Vec<u8>>,
    /// Whose, since when and how often delivered.
    pending: BTreeMap<StreamId, (Option<Vec<u8>>, i64, u64)>,
}

fn bytes_of(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

impl StoredStream {
    /// How many entries groups have pending.
    pub(crate) fn pending(&self) -> usize {
        self.groups.values().map(|group| group.pending.len()).sum()
    }

    pub(crate) fn of(stream: &Stream) -> Self {
        let entries = stream.entries();
        let shown = entries.iter().map(|entry| {
            let pairs = entry.fields;
            let pairs = pairs.map(|(field, value)| (bytes_of(field), bytes_of(value)));
            (entry.id, pairs.collect())
        });
        let groups = stream.groups().iter();
        Self {
            entries: shown.collect(),
            last_id: entries.last_id(),
            max_deleted_id: entries.max_deleted_id(),
            added: entries.added(),
            groups: groups
                .map(|(name, group)| (name.to_vec(), StoredGroup::of(group)))
                .collect(),
        }
    }

    /// Stores it at `key`, where nothing is.
    pub(crate) fn store(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) {
        unit.edit_stream(db, key, |edit| {
            edit.create();
            for (id, pairs) in &self.entries {
                let fields: Vec<_> = pairs
                    .iter()
                    .map(|(field, value)| (&field[..], &value[..]))
                    .collect();
                let limits = NodeLimits::default();
                edit.add(NewId::Given(*id), &fields, UnixMillis(0), limits)
                    .expect("they are in order");
            }
            edit.set_id(self.last_id, Some(self.added), Some(self.max_deleted_id))
                .expect("it was so");
            for (name, group) in &self.groups {
                edit.create_group(name, group.last_id, group.entries_read);
                let mut edit = edit.group(name).expect("it was made");
                for consumer in &group.consumers {
                    edit.create_consumer(consumer, UnixMillis(0));
                }
                for (&id, (consumer, delivered_at_ms, deliveries)) in &group.pending {
                    edit.load_pending(id, *delivered_at_ms, *deliveries);
                    match consumer {
                        Some(name) => {
                            let consumers = edit.as_group().consumers();
                            let number = consumers.find(name).expect("it was made");
                            edit.load_owner(id, number);
                        }
                        None => {
                            edit.release(id, Release::Fail, false);
                        }
                    }
                }
            }
        })
        .expect("nothing is there");
    }
}

impl StoredGroup {
    fn of(group: &Group) -> Self {
        let name_of = |number| {
            let consumer = group.consumers().get(number).expect("it has a name");
            consumer.name().to_vec()
        };
        let pending = group.pending().iter_from(StreamId::MIN).map(|(id, entry)| {
            let consumer = entry.consumer().map(name_of);
            (id, (consumer, entry.delivered_at_ms(), entry.deliveries))
        });
        let consumers = group.consumers().iter();
        let mut consumers: Vec<_> = consumers
            .map(|(_, consumer)| consumer.name().to_vec())
            .collect();
        consumers.sort();
        Self {
            last_id: group.last_id(),
            entries_read: group.entries_read(),
            consumers,
            pending: pending.collect(),
        }
    }
}
