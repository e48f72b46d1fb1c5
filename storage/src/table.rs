//! The segmented hash table of one database in one shard.
//!
//! A radix trie over positions ([`trie`]) whose leaves are **segments** ([`segment`]): small hash tables that each
//! cover one position prefix. A full segment takes the next of a few sizes and, at 4 KiB, splits in two by the next
//! position bit, so no insert ever rehashes more than one segment; sparse prefixes share a segment, and only the path
//! of a crowded prefix (a hot hash tag) deepens. Walking segments in prefix order is walking keys in position order,
//! which is what `SCAN` and snapshots rely on, and an eviction hand will: a key's position never changes, so splits and
//! merges between two steps of a walk neither lose nor repeat a key.
//!
//! A lookup reads the nodes, which are few and stay in the cache, one line of a segment, and the entry
//! (`benches/engine.rs`, `ops`). Removing and resizing read keys, for a slot word does not hold its position.
//!
//! `unsafe`: [`child`] and [`trie`] go by address, see there; keys are read through their words, which the shard keeps
//! valid.

use smallvec::SmallVec;

use crate::entry::EntryPtr;
use crate::hash::{KeyHasher, Mixed};
use crate::same_bytes::same_bytes;
use crate::slot_word::{SlotWord, Word};
use crate::wheel::Record40;
pub(crate) use draw::{BucketOf, Spot};
use segment::{BUCKETS_MAX, KEYS_MAX, Segment};
use trie::Trie;

#[cfg(test)]
mod audit;
mod bucket;
mod child;
mod draw;
mod segment;
#[cfg(test)]
mod tests;
mod trie;

/// Two buddies that both hold at most this many keys become one segment again.
const MERGE_KEYS_MAX: usize = KEYS_MAX / 4;
/// Deeper prefixes do not exist: positions that agree in so many bits share one segment, whatever its size.
/// A wheel's record (40 bits) and a `SCAN` cursor (39 with one slot per shard) must be able to name a segment.
const DEPTH_MAX: u32 = 39;

/// The position of the key that `word` points to.
pub(crate) fn position_of(word: Word, hasher: &KeyHasher) -> u64 {
    // SAFETY: words in a table point to live entries; the caller holds the table.
    hasher.hash(unsafe { word.entry().key() }).position
}

#[inline]
fn is_key(word: Word, key: &[u8]) -> bool {
    // SAFETY: words in a table point to live entries, and the table is borrowed.
    same_bytes(unsafe { word.entry().key() }, key)
}

/// The keys of one database in one shard.
pub(crate) struct Table {
    trie: Trie,
    len: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            trie: Trie::new(Segment::new(0, 0)),
            len: 0,
        }
    }

    /// Number of keys.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of nodes and segments, entries apart.
    pub(crate) fn bytes(&self) -> usize {
        self.trie.bytes()
    }

    /// The segment that covers `position`.
    #[inline]
    pub(crate) fn segment(&self, position: u64) -> &Segment {
        self.trie.segment(position)
    }

    /// The segment that covers `position`.
    #[inline]
    pub(crate) fn segment_mut(&mut self, position: u64) -> &mut Segment {
        self.trie.segment_mut(position)
    }

    /// The slot word of `key`.
    #[inline]
    pub(crate) fn find(&self, position: u64, key: &[u8]) -> Option<&SlotWord> {
        self.segment(position)
            .find(Mixed::from_position(position), |word| is_key(word, key))
    }

    /// First step of warming the cache for a lookup: needs the trie, which is small.
    #[inline]
    pub(crate) fn prefetch_home(&self, position: u64) {
        self.segment(position)
            .prefetch_home(Mixed::from_position(position));
    }

    /// Second step, once the bucket has arrived: the first `bytes` of the entry.
    #[inline]
    pub(crate) fn prefetch_entry(&self, position: u64, bytes: usize) {
        self.segment(position)
            .prefetch_entry(Mixed::from_position(position), bytes);
    }

    /// The word that a lookup at `position` most likely finds, without a look at its key.
    #[inline]
    pub(crate) fn likely(&self, position: u64) -> Option<Word> {
        self.segment(position)
            .likely(Mixed::from_position(position))
    }

    /// The slot word at `position` that points to `entry`; the entry itself is not read.
    pub(crate) fn find_entry_mut(
        &mut self,
        position: u64,
        entry: EntryPtr,
    ) -> Option<&mut SlotWord> {
        self.segment_mut(position)
            .find_mut(Mixed::from_position(position), |word| word.entry() == entry)
    }

    /// Every word whose position has the record's bits. The fingerprint alone would also let through words of other
    /// positions: a wheel that believed it would file records for keys it does not stand for, without end.
    pub(crate) fn matches(&self, record: Record40, hasher: &KeyHasher) -> SmallVec<[Word; 4]> {
        let position = record.position();
        let mut matches = SmallVec::new();
        let candidate = |word| {
            if record.matches(position_of(word, hasher)) {
                matches.push(word);
            }
        };
        self.segment(position)
            .each_candidate(Mixed::from_position(position), candidate);
        matches
    }

    /// Adds a key that is known to be absent.
    pub(crate) fn insert(&mut self, position: u64, word: Word, hasher: &KeyHasher) {
        while self.segment(position).is_full() {
            self.make_room(position, hasher);
        }
        self.segment_mut(position)
            .insert(Mixed::from_position(position), word);
        self.len += 1;
    }

    /// Removes `key` and returns its word.
    pub(crate) fn remove(&mut self, position: u64, key: &[u8], hasher: &KeyHasher) -> Option<Word> {
        self.remove_where(position, |word| is_key(word, key), hasher)
    }

    /// Removes the word that points to `entry`; the entry itself is not read.
    pub(crate) fn remove_entry(
        &mut self,
        position: u64,
        entry: EntryPtr,
        hasher: &KeyHasher,
    ) -> Option<Word> {
        self.remove_where(position, |word| word.entry() == entry, hasher)
    }

    fn remove_where(
        &mut self,
        position: u64,
        is_it: impl Fn(Word) -> bool,
        hasher: &KeyHasher,
    ) -> Option<Word> {
        let mixed = Mixed::from_position(position);
        let removed = self.segment_mut(position).remove(mixed, is_it, hasher)?;
        self.len -= 1;
        Some(removed)
    }

    /// Grows or splits the full segment that covers `position`.
    #[cold]
    fn make_room(&mut self, position: u64, hasher: &KeyHasher) {
        let segment = self.segment(position);
        if segment.buckets() < BUCKETS_MAX || segment.depth() == DEPTH_MAX {
            self.resize(position, segment.len() + 1, hasher);
        } else {
            self.split(position, hasher);
        }
    }

    /// Moves the keys of the segment that covers `position` to another one, with room for `keys`.
    fn resize(&mut self, position: u64, keys: usize, hasher: &KeyHasher) {
        let old = self.segment(position);
        let mut fresh = Segment::new(old.depth(), keys);
        for (position, word) in old.placed_words(hasher) {
            fresh.insert(Mixed::from_position(position), word);
        }
        self.trie.replace(position, fresh);
    }

    /// Replaces the segment that covers `position` by two, told apart by their next bit.
    fn split(&mut self, position: u64, hasher: &KeyHasher) {
        let old = self.segment(position);
        let (depth, bit) = (old.depth() + 1, 1u64 << (63 - old.depth()));
        let is_high = |position: u64| usize::from(position & bit != 0);
        // Reading the keys is what costs, so it is done once: to count them, and to place them.
        let mut positions = [0; KEYS_MAX];
        let mut keys = [0; 2];
        for (kept, (position, _)) in positions.iter_mut().zip(old.placed_words(hasher)) {
            *kept = position;
            keys[is_high(position)] += 1;
        }
        let mut halves = keys.map(|keys| Segment::new(depth, keys));
        for (&position, word) in positions.iter().zip(old.words()) {
            halves[is_high(position)].insert(Mixed::from_position(position), word);
        }
        let [low, high] = halves;
        self.trie.split(position, low, high);
    }

    /// Gives memory back around `position`: merges a sparse segment with its sparse buddy, or shrinks it.
    /// Returns the position at which the next call continues, or `None` after the last segment.
    pub(crate) fn merge_at(&mut self, position: u64, hasher: &KeyHasher) -> Option<u64> {
        let segment = self.segment(position);
        let (depth, len) = (segment.depth(), segment.len());
        let (start, end) = (segment.start(position), segment.end(position));
        if len > MERGE_KEYS_MAX {
            return end;
        }
        if depth > 0 {
            let bit = 1u64 << (64 - depth);
            let buddy = self.segment(start ^ bit);
            if buddy.depth() == depth && buddy.len() <= MERGE_KEYS_MAX {
                self.merge(start & !bit, bit, hasher);
                return Some(start & !bit);
            }
        }
        self.shrink(position, hasher);
        end
    }

    fn shrink(&mut self, position: u64, hasher: &KeyHasher) {
        let segment = self.segment(position);
        if segment.buckets() * bucket::WORDS >= 4 * segment.len().max(4) {
            self.resize(position, segment.len(), hasher);
        }
    }

    /// Makes one segment of the two that begin at `start` and, one `bit` on, after it.
    fn merge(&mut self, start: u64, bit: u64, hasher: &KeyHasher) {
        let (low, high) = (self.segment(start), self.segment(start | bit));
        let mut joined = Segment::new(low.depth() - 1, low.len() + high.len());
        for (position, word) in low.placed_words(hasher).chain(high.placed_words(hasher)) {
            joined.insert(Mixed::from_position(position), word);
        }
        self.trie.join(start, joined);
    }

    /// Takes every word out of the segment that covers `position`, for tearing a detached table down.
    pub(crate) fn drain_at(&mut self, position: u64, each: impl FnMut(Word)) -> Option<u64> {
        let segment = self.segment(position);
        let (depth, end) = (segment.depth(), segment.end(position));
        let drained = self.trie.replace(position, Segment::new(depth, 0));
        self.len -= drained.len();
        drained.words().for_each(each);
        end
    }
}
