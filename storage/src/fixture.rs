//! What many tests start with.

use crate::{Keyspace, KeyspaceOptions};

/// A keyspace with one shard, one database and no limit.
pub(crate) fn keyspace() -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        shards: 1,
        databases: 1,
        seed: 7,
        maxmemory_bytes: 0,
    })
}
