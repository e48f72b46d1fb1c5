//! What is dead but not yet freed: databases, long strings and big collections, freed in slices of a few microseconds.
//!
//! `unsafe`: frees entries by their words; see the invariant in [`super`].

use super::{Db, Shard};
use crate::DbIndex;
use crate::big_string::{BigString, CHUNK_BYTES};
use crate::collection::CollectionRemains;
use crate::entry::{EntryMut, big_string_bytes, collection_bytes};
use crate::slot_word::{Kind, Word};

/// Big strings of at least this many bytes are torn down here, not under the deleting unit.
const STRING_BYTES_MIN: usize = 1 << 20;
/// Collections of at least this many bytes are.
const COLLECTION_BYTES_MIN: usize = 16 << 10;
/// Chunks of big strings, or nodes of collections, that one step frees.
const PIECES_PER_STEP: usize = 16;

/// What is dead but not yet freed.
#[derive(Default)]
pub(super) struct Graveyard {
    /// Detached databases, with the position up to which each is torn down.
    dbs: Vec<(Box<Db>, u64)>,
    /// What those databases' tables take.
    dbs_bytes: usize,
    /// Each with how many keys' values end with it, 1 or 0.
    values: Vec<(DeadValue, u64)>,
    /// Values, and keys of databases, that have been freed and not yet been told of.
    freed: u64,
}

/// A value that is being torn down.
enum DeadValue {
    String(BigString),
    Collection(CollectionRemains),
}

impl DeadValue {
    /// Bytes that are still allocated.
    fn bytes(&self) -> usize {
        match self {
            DeadValue::String(string) => big_string_bytes(string),
            DeadValue::Collection(remains) => remains.memory_bytes(),
        }
    }

    /// Frees up to `pieces` chunks or nodes, one at least; how many it was, and whether nothing is left.
    fn free_some(&mut self, pieces: usize) -> (usize, bool) {
        match self {
            DeadValue::String(string) => {
                let dropped = string.len().div_ceil(CHUNK_BYTES).clamp(1, pieces);
                (dropped, string.drop_some(dropped))
            }
            DeadValue::Collection(remains) => {
                let freed = remains.free_some(pieces);
                (freed.max(1), remains.is_empty())
            }
        }
    }
}

impl Graveyard {
    /// Whether all is freed.
    pub(super) fn is_empty(&self) -> bool {
        self.dbs.is_empty() && self.values.is_empty()
    }

    /// Dead values, and keys of dead databases.
    pub(super) fn objects(&self) -> u64 {
        let keys = self.dbs.iter().map(|(db, _)| db.table.len());
        (self.values.len() + keys.sum::<usize>()) as u64
    }

    /// What the tables of dead databases take.
    pub(super) fn dbs_bytes(&self) -> usize {
        self.dbs_bytes
    }

    /// The words of entries in dead databases.
    #[cfg(test)]
    pub(super) fn audit_words(&self, hasher: &crate::hash::KeyHasher) -> Vec<Word> {
        let words = |db: &Db| {
            let mut words = db.table.audit(hasher);
            words.extend(db.pre_images.words());
            words
        };
        self.dbs.iter().flat_map(|(db, _)| words(db)).collect()
    }

    /// How many databases are dead.
    #[cfg(test)]
    pub(super) fn dead_dbs(&self) -> usize {
        self.dbs.len()
    }

    /// What dead values take.
    #[cfg(test)]
    pub(super) fn value_bytes(&self) -> usize {
        self.values.iter().map(|(value, _)| value.bytes()).sum()
    }
}

impl Shard {
    /// Detaches a database in O(1): into the running snapshot, or to be torn down in slices.
    pub(crate) fn detach(&mut self, db: DbIndex) -> u64 {
        let Some(database) = self.dbs[db as usize].take() else {
            return 0;
        };
        let keys = database.table.len() as u64;
        self.published.stale = true;
        if self
            .walk
            .as_ref()
            .is_some_and(|walk| walk.owes(database.id))
        {
            self.detached.push(database);
        } else {
            self.bury(database);
        }
        keys
    }

    /// Hands a database that nobody reads any more to the graveyard, and does a step's work there: whoever flushes
    /// faster than the background digs is not to fill the memory with what is dead.
    pub(crate) fn bury(&mut self, database: Box<Db>) {
        self.graveyard.dbs_bytes += database.bytes();
        self.graveyard.dbs.push((database, 0));
        self.dig();
    }

    /// Has what was cut out of a collection of this shard freed in steps; a little of it at once.
    pub(crate) fn bury_remains(&mut self, remains: CollectionRemains) {
        self.bury_value(DeadValue::Collection(remains), 0);
    }

    fn bury_value(&mut self, value: DeadValue, objects: u64) {
        self.outside_bytes += value.bytes();
        self.graveyard.values.push((value, objects));
        self.published.stale = true;
    }

    /// Frees a bounded part of what is dead; whether anything is left.
    pub(crate) fn dig(&mut self) -> bool {
        let mut pieces = PIECES_PER_STEP;
        while pieces > 0
            && let Some((value, objects)) = self.graveyard.values.last_mut()
        {
            let before = value.bytes();
            let (freed, done) = value.free_some(pieces);
            let after = if done { 0 } else { value.bytes() };
            self.outside_bytes = self.outside_bytes + after - before;
            pieces -= freed.min(pieces);
            if done {
                self.graveyard.freed += *objects;
                self.graveyard.values.pop();
            }
        }
        if pieces > 0
            && let Some((mut database, from)) = self.graveyard.dbs.pop()
        {
            self.graveyard.dbs_bytes -= database.bytes();
            while let Some(word) = database.pre_images.pop() {
                self.free(word);
            }
            let mut words = Vec::new();
            if let Some(next) = database.table.drain_at(from, |word| words.push(word)) {
                self.graveyard.dbs_bytes += database.bytes();
                self.graveyard.dbs.push((database, next));
            }
            self.graveyard.freed += words.len() as u64;
            words.into_iter().for_each(|word| self.free_later(word));
        }
        !self.graveyard.is_empty()
    }

    /// How many values, and keys of dead databases, [`Shard::dig`] has freed since this was last asked.
    pub(crate) fn take_freed(&mut self) -> u64 {
        std::mem::take(&mut self.graveyard.freed)
    }

    /// Frees the entry and what it owns.
    pub(crate) fn free(&mut self, word: Word) {
        self.release_outside(word);
        // SAFETY: the word has left the table and every queue, so this is the block's only owner.
        unsafe { self.slab.free(word.entry().block()) };
    }

    /// Frees the entry, but leaves what it owns outside its block to further steps of [`Shard::dig`]: a segment
    /// of big values is too much for one.
    fn free_later(&mut self, word: Word) {
        if let Some(value) = self.take_outside(word) {
            // Its key has been counted.
            self.bury_value(value, 0);
        }
        // SAFETY: the word has left the table and every queue, so this is the block's only owner.
        unsafe { self.slab.free(word.entry().block()) };
    }

    /// Drops what the entry owns outside its block; leaves it to the graveyard if it is much.
    pub(super) fn release_outside(&mut self, word: Word) {
        match self.take_outside(word) {
            Some(DeadValue::String(string)) if string.len() >= STRING_BYTES_MIN => {
                self.bury_value(DeadValue::String(string), 1);
            }
            Some(DeadValue::Collection(remains))
                if remains.memory_bytes() >= COLLECTION_BYTES_MIN =>
            {
                self.bury_value(DeadValue::Collection(remains), 1);
            }
            _ => {}
        }
    }

    /// Takes out what the entry owns outside its block; the entry is freed or overwritten next.
    fn take_outside(&mut self, word: Word) -> Option<DeadValue> {
        match word.kind() {
            Kind::BigString => {
                // SAFETY: the entry is live and ours; it is freed or overwritten right after.
                let string = unsafe { EntryMut::new(word) }.take_big();
                self.outside_bytes -= big_string_bytes(&string);
                Some(DeadValue::String(*string))
            }
            Kind::Collection => {
                // SAFETY: as above.
                let collection = unsafe { EntryMut::new(word) }.take_collection();
                self.outside_bytes -= collection_bytes(&collection);
                Some(DeadValue::Collection(collection.into_remains()))
            }
            Kind::Raw | Kind::Grown | Kind::Int | Kind::Packed => None,
        }
    }
}
