//! The keyspace: shards, table, packed entries, expiry, the ordered log, snapshots.
//!
//! Storage is synchronous and knows neither sockets nor reply text nor the wall clock: time and
//! randomness come in as arguments. A caller opens a [`Unit`] on a [`Keyspace`], works on databases
//! and keys through it, and drops it; what the unit holds locked is decided before it starts.

mod access;
#[cfg(test)]
mod access_tests;
pub mod big_string;
pub mod bitfield;
pub mod bits;
pub mod blocking;
pub mod blocks;
pub mod collection;
mod digest;
mod entry;
mod error;
mod eviction;
#[cfg(test)]
mod fixture;
pub mod geo;
pub mod glob;
mod hash;
#[cfg(test)]
mod hexadecimal;
pub mod hyperloglog;
pub mod intset;
mod keys;
mod keyspace;
pub mod lcs;
pub mod listpack;
pub mod log;
pub mod long_double;
mod memory;
mod memory_parts;
mod miss_ratio;
mod pieces;
mod pins;
mod pre_images;
mod prefetch;
mod room;
mod runs;
mod same_bytes;
mod scan;
mod shard;
mod shard_lock;
pub mod slab;
pub mod slot;
mod slot_word;
#[cfg(test)]
mod slot_word_model;
mod snapshot;
mod state;
mod strings;
mod table;
mod time;
pub mod tree;
pub mod typed;
mod unit;
mod value;
pub mod waiters;
mod warm;
mod watch;
mod wheel;

pub use digest::DataDigest;
pub use entry::EntryView;
pub use error::StoreError;
pub use eviction::{Evicted, EvictionAlgorithm, EvictionBudget, EvictionSettings};
pub use hash::{ElementHasher, Key, KeyHash, KeyHasher};
pub use keyspace::{Cut, Keyspace, KeyspaceOptions};
pub use memory::Memory;
pub use memory_parts::{DbOverhead, MemoryParts};
pub use miss_ratio::{HitRatios, Lookups, MissRatio};
pub use pins::PinnedCollection;
pub use shard::{RemovedByPolicy, RemovedKeys, RemovedOfDb};
pub use snapshot::Snapshot;
pub use state::{Pause, State};
pub use strings::StringMut;
pub use time::UnixMillis;
pub use unit::{
    AccessMark, EditOutcome, ExpiredFields, LockPlan, NewExpiry, Note, NoteKind, Tally, Unit,
};
pub use value::{
    BIG_STRING_MIN_BYTES, NewValue, StringRef, ValueRef, ValueType, canonical_integer,
};
pub use watch::{FamilyChanges, FamilyWatch, KeyFamily, WatchFlag};

/// The atomic that slot words are made of; the model test has its own.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};

    /// Whether this is the model; layout assertions hold for the real type only.
    pub(crate) const IS_MODEL: bool = false;
}

/// A database number, `0..databases`.
pub type DbIndex = u32;

/// Whether `file`, as a panic's location names it, is a module of this crate with `unsafe` code. After a
/// panic there memory may be in any state, so the process must not go on.
pub fn is_unsafe_module(file: &str) -> bool {
    const UNSAFE_MODULES: [&str; 9] = [
        "entry.rs",
        "shard",
        "slab/",
        "table",
        "unit.rs",
        "big_string/room.rs",
        "prefetch.rs",
        "log/ring.rs",
        "slot_word.rs",
    ];
    file.split_once("storage/src/")
        .is_some_and(|(_, module)| UNSAFE_MODULES.iter().any(|name| module.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_unsafe_module;

    /// Files below `folder` with code of which `unsafe` is a part, relative to `root`.
    fn unsafe_files(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                unsafe_files(root, &path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let is_unsafe = |line: &str| {
                ["unsafe {", "unsafe impl", "unsafe fn"]
                    .iter()
                    .any(|word| line.contains(word))
            };
            if text.lines().any(is_unsafe) {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }

    #[test]
    fn every_module_with_unsafe_code_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        unsafe_files(&root, &root, &mut found);
        assert!(found.len() >= 10, "{found:?}");
        found.retain(|file| file != "lib.rs" && !file.ends_with("_model.rs"));
        let unknown: Vec<_> = found
            .iter()
            .filter(|file| !is_unsafe_module(&format!("storage/src/{file}")))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(
            !is_unsafe_module("storage/src/lcs.rs") && !is_unsafe_module("server/src/server.rs")
        );
    }
}
