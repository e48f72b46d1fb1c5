//! `DEBUG DIGEST`: equal data, equal digest.

use sha1::{Digest, Sha1};

use crate::DbIndex;
use crate::entry::EntryView;
use crate::hash::Key;
use crate::time::UnixMillis;
use crate::unit::Unit;
use crate::value::StringRef;

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
    match entry.string() {
        StringRef::Raw(bytes) => sha.update(bytes),
        StringRef::Int(value) => sha.update(itoa::Buffer::new().format(value)),
        StringRef::Big(big) => big
            .read_range(0..big.len())
            .for_each(|piece| sha.update(piece)),
    }
    // Behind the value and with a mark of its own, so that no value can look like one with a TTL.
    if let Some(UnixMillis(at)) = entry.expire_at() {
        sha.update(b"!expire!");
        sha.update(at.to_le_bytes());
    }
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
