//! Random operations on a [`Keyspace`] against plain maps with the same clock.

mod model {
    mod collections;
    mod compaction;
    mod concurrent;
    mod eviction;
    mod expiry;
    mod hashes;
    mod pins;
    mod roaming;
    mod scan;
    mod single;
    mod support;
    mod watch;
}
