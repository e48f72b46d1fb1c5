//! `DEBUG DIGEST`: equal data, equal digest.

use sha1::{Digest, Sha1};

use crate::DbIndex;
use crate::entry::EntryView;
use crate::hash::Key;
use crate::time::UnixMillis;
use crate::typed::CollectionRef;
use crate::unit::Unit;
use crate::value::{StringRef, ValueRef, ValueType};

/// An order-free sum of key digests; all zeros for an empty keyspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataDigest(pub [u8; 20]);

impl DataDigest {
    /// Adds one key. Exclusive or is enough: no key occurs twice in a database.
    pub fn add(&mut self, db: DbIndex, entry: &EntryView<'_>) {
        let mut sha = Sha1::new();
        sha.update(db.to_le_bytes());
        sha.update((entry.key().len() as u64).to_le_bytes());
        sha.update(entry.key());
        update_value(&mut sha, entry);
        for (sum, byte) in self.0.iter_mut().zip(sha.finalize()) {
            *sum ^= byte;
        }
    }
}

fn update_value(sha: &mut Sha1, entry: &EntryView<'_>) {
    match entry.value() {
        ValueRef::String(StringRef::Raw(bytes)) => sha.update(bytes),
        ValueRef::String(StringRef::Int(value)) => sha.update(itoa::Buffer::new().format(value)),
        ValueRef::String(StringRef::Big(big)) => big
            .read_range(0..big.len())
            .for_each(|piece| sha.update(piece)),
        ValueRef::Collection(collection) => update_collection(sha, collection),
    }
    // Behind the value and with a mark of its own, so that no value can look like one with a TTL.
    if let Some(UnixMillis(at)) = entry.expire_at() {
        sha.update(b"!expire!");
        sha.update(at.to_le_bytes());
    }
}

/// Elements in whatever way they are kept: those of a set, hash or sorted set are summed up, those of a list chained.
fn update_collection(sha: &mut Sha1, collection: CollectionRef<'_>) {
    sha.update(collection.value_type().name());
    let is_ordered = matches!(collection.value_type(), ValueType::List | ValueType::Stream);
    let mut sum = [0u8; 20];
    collection.each_record(&mut |parts| {
        let mut element = if is_ordered { sha.clone() } else { Sha1::new() };
        for part in parts {
            element.update((part.len() as u64).to_le_bytes());
            element.update(part);
        }
        if is_ordered {
            *sha = element;
        } else {
            let digest = element.finalize();
            sum.iter_mut()
                .zip(digest)
                .for_each(|(sum, byte)| *sum ^= byte);
        }
    });
    sha.update(sum);
}

impl Unit<'_> {
    /// Digest of all live keys, values and expire times. Needs [`crate::LockPlan::Exclusive`] to be of one
    /// moment.
    pub fn digest(&mut self) -> DataDigest {
        let mut digest = DataDigest::default();
        for db in 0..self.keyspace().databases() {
            for shard in 0..self.keyspace().shard_count() as u16 {
                self.for_each_in_shard(db, shard, &mut |entry| digest.add(db, entry));
            }
        }
        digest
    }

    /// Digest of one live value and its expire time, whatever its key.
    pub fn digest_value(&mut self, db: DbIndex, key: &Key<'_>) -> Option<DataDigest> {
        let entry = self.peek(db, key)?;
        let mut sha = Sha1::new();
        update_value(&mut sha, &entry);
        Some(DataDigest(sha.finalize().into()))
    }
}
