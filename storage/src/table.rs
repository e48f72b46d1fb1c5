//! The segmented hash table of one database in one shard.
//!
//! A radix trie over positions (6 bits a level) whose leaves are **segments**: small hash tables that each
//! cover one position prefix. A full segment splits in two by the next position bit, so no insert ever
//! rehashes more than one segment; sparse prefixes share a segment, and only the path of a crowded prefix
//! (a hot hash tag) deepens. Walking segments in prefix order is walking keys in position order, which is
//! what `SCAN`, snapshots and the eviction hand rely on: a key's position never changes, so splits and
//! merges between two steps of a walk neither lose nor repeat a key.
//!
//! `unsafe`: several neighbouring trie children may name the same segment, so segments are reached by raw
//! pointer. The trie owns all of them: [`Table`] hands out references bound to its own borrow, and only
//! `split`, `merge_at` and `Drop` free. Against indices into vectors this saves a dependent load per
//! lookup and any large reallocation.

use std::ptr::NonNull;

use hashbrown::HashTable;

use crate::entry::EntryPtr;
use crate::hash::KeyHasher;
use crate::prefetch;
use crate::slot_word::{SlotWord, Word};
use crate::wheel::Record40;

#[cfg(test)]
mod audit;
mod draw;

const FANOUT_BITS: u32 = 6;
const FANOUT: usize = 1 << FANOUT_BITS;
/// Buckets of the largest segment; seven eighths of them hold keys.
const SEGMENT_BUCKETS: usize = 512;
/// Keys a segment holds before it splits.
pub(crate) const SEGMENT_KEYS_MAX: usize = SEGMENT_BUCKETS / 8 * 7;
/// Rebuilding in place pays only if this many tombstones go away with it.
const SEGMENT_KEYS_REBUILD: usize = SEGMENT_KEYS_MAX * 7 / 8;
/// Two buddies that both hold at most this many keys become one segment again.
const SEGMENT_KEYS_MERGE: usize = SEGMENT_KEYS_MAX / 4;
/// Deeper prefixes do not exist: positions that agree in so many bits share one segment, whatever its size.
/// A wheel's record (40 bits) and a `SCAN` cursor (39 with one slot per shard) must be able to name a segment.
const DEPTH_MAX: u32 = 39;
/// Low position bits that the in-segment hash does not see, because [`Record40`]s do not hold them.
const RECORD_SHIFT: u32 = 24;

/// hashbrown's hash, mixed from a record's bits only, so that a record alone finds its keys.
#[inline]
fn bucket_hash(position: u64) -> u64 {
    // The top 7 bits become the control byte, the low bits the bucket: an odd multiplier spreads upwards,
    // the fold brings the spread back down.
    let spread = (position >> RECORD_SHIFT).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ spread >> 32
}

/// A leaf: all keys whose positions start with `prefix`'s first `depth` bits.
pub(crate) struct Segment {
    words: HashTable<SlotWord>,
    /// Where hashbrown's control bytes begin; the buckets lie before them, the first one nearest. Only ever
    /// prefetched from, so a stale or wrong address costs time and nothing else.
    control: *const u8,
    prefix: u64,
    depth: u32,
}

impl Segment {
    fn new(prefix: u64, depth: u32, capacity: usize) -> Self {
        Self {
            words: HashTable::with_capacity(capacity),
            control: std::ptr::null(),
            prefix,
            depth,
        }
    }

    /// First position after this segment, or `None` when it is the last.
    pub(crate) fn end(&self) -> Option<u64> {
        let size = 1u64.checked_shl(64 - self.depth).unwrap_or(0);
        if size == 0 {
            None
        } else {
            self.prefix.checked_add(size)
        }
    }

    /// The slot words, in no order.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> {
        self.words.iter().map(SlotWord::load)
    }

    /// The slot words, to be changed (parity) in place.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = &mut SlotWord> {
        self.words.iter_mut()
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.words.allocation_size()
    }

    #[inline]
    fn find(&self, position: u64, key: &[u8]) -> Option<&SlotWord> {
        self.words.find(bucket_hash(position), |slot| {
            is_key(slot.load(), position, key)
        })
    }

    fn push(&mut self, position: u64, word: Word, hasher: &KeyHasher) {
        let rehash = |slot: &SlotWord| bucket_hash(position_of(slot.load(), hasher));
        let placed = self
            .words
            .insert_unique(bucket_hash(position), SlotWord::new(word), rehash);
        self.control = std::ptr::from_ref(placed.get())
            .wrapping_add(placed.bucket_index() + 1)
            .cast();
    }

    /// Starts loading the control bytes and buckets that a lookup of `position` reads first.
    #[inline]
    fn prefetch_group(&self, position: u64) {
        const LINE: usize = 64;
        let first = bucket_hash(position) as usize & (self.words.num_buckets() - 1);
        prefetch::read(self.control.wrapping_add(first));
        // A group of 16 buckets touches two or three lines.
        let nearest = self
            .control
            .wrapping_sub((first + 1) * size_of::<SlotWord>());
        prefetch::read(nearest);
        prefetch::read(nearest.wrapping_sub(LINE));
    }

    /// Starts loading the entry that a lookup of `position` most likely reads.
    #[inline]
    fn prefetch_entry(&self, position: u64) {
        let mut candidates = self
            .words
            .iter_hash(bucket_hash(position))
            .map(SlotWord::load);
        if let Some(word) = candidates.find(|word| word.may_be_at(position)) {
            // Most entries span two lines.
            let entry = word.entry().block().as_ptr();
            prefetch::read(entry);
            prefetch::read(entry.wrapping_add(64));
        }
    }
}

#[inline]
fn is_key(word: Word, position: u64, key: &[u8]) -> bool {
    // SAFETY: words in a table point to live entries, and the table is borrowed.
    word.may_be_at(position) && unsafe { word.entry().key() } == key
}

/// The position of the key that `word` points to.
pub(crate) fn position_of(word: Word, hasher: &KeyHasher) -> u64 {
    // SAFETY: words in a table point to live entries; the caller holds the table.
    hasher.hash(unsafe { word.entry().key() }).position
}

/// A trie child: a segment, or (lowest address bit set) a node one level down.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Child(NonNull<u8>);

enum ChildKind {
    Segment(NonNull<Segment>),
    Node(NonNull<Node>),
}

impl Child {
    fn segment(segment: Box<Segment>) -> Self {
        Self(NonNull::from(Box::leak(segment)).cast())
    }

    fn node(node: Box<Node>) -> Self {
        Self(
            NonNull::from(Box::leak(node))
                .cast::<u8>()
                .map_addr(|address| address | 1),
        )
    }

    #[inline]
    fn kind(self) -> ChildKind {
        if self.0.addr().get() & 1 == 0 {
            ChildKind::Segment(self.0.cast())
        } else {
            let untagged = self.0.as_ptr().map_addr(|address| address & !1);
            ChildKind::Node(
                NonNull::new(untagged)
                    .expect("a node is not at address 1")
                    .cast(),
            )
        }
    }
}

#[derive(Clone, Copy)]
struct Node {
    children: [Child; FANOUT],
}

const _: () =
    assert!(size_of::<Node>() == 512 && align_of::<Segment>() >= 2 && align_of::<Node>() >= 2);

#[inline]
fn child_index(position: u64, level: u32) -> usize {
    let consumed = level * FANOUT_BITS;
    ((position << consumed) >> (64 - FANOUT_BITS)) as usize
}

/// The keys of one database in one shard.
pub(crate) struct Table {
    root: Box<Node>,
    len: usize,
    bytes: usize,
}

// SAFETY: the raw pointers are owned by the table; whoever owns it owns all nodes and segments.
unsafe impl Send for Table {}
// SAFETY: `&Table` only reads, but for the slot words' hit counters, which are atomic.
unsafe impl Sync for Table {}

impl Table {
    pub(crate) fn new() -> Self {
        let segment = Box::new(Segment::new(0, 0, 0));
        let bytes = size_of::<Node>() + segment.bytes();
        Self {
            root: Box::new(Node {
                children: [Child::segment(segment); FANOUT],
            }),
            len: 0,
            bytes,
        }
    }

    /// Number of keys.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of nodes and segments, entries apart.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    fn locate(&self, position: u64) -> NonNull<Segment> {
        let mut node: &Node = &self.root;
        let mut level = 0;
        loop {
            match node.children[child_index(position, level)].kind() {
                ChildKind::Segment(segment) => return segment,
                // SAFETY: nodes live as long as the trie that owns them, and it is borrowed.
                ChildKind::Node(next) => node = unsafe { next.as_ref() },
            }
            level += 1;
        }
    }

    /// The segment that covers `position`.
    #[inline]
    pub(crate) fn segment(&self, position: u64) -> &Segment {
        // SAFETY: segments live as long as the trie; `&self` keeps it unchanged.
        unsafe { self.locate(position).as_ref() }
    }

    /// The segment that covers `position`.
    #[inline]
    pub(crate) fn segment_mut(&mut self, position: u64) -> &mut Segment {
        // SAFETY: `&mut self` makes this the only reference into the trie.
        unsafe { self.locate(position).as_mut() }
    }

    /// The slot word of `key`.
    #[inline]
    pub(crate) fn find(&self, position: u64, key: &[u8]) -> Option<&SlotWord> {
        self.segment(position).find(position, key)
    }

    /// First step of warming the cache for a lookup: needs the trie, which is small.
    #[inline]
    pub(crate) fn prefetch_group(&self, position: u64) {
        self.segment(position).prefetch_group(position);
    }

    /// Second step, once the group has arrived.
    #[inline]
    pub(crate) fn prefetch_entry(&self, position: u64) {
        self.segment(position).prefetch_entry(position);
    }

    /// The slot word at `position` that points to `entry`; the entry itself is not read.
    pub(crate) fn find_entry_mut(
        &mut self,
        position: u64,
        entry: EntryPtr,
    ) -> Option<&mut SlotWord> {
        let hash = bucket_hash(position);
        self.segment_mut(position)
            .words
            .find_mut(hash, |slot| slot.load().entry() == entry)
    }

    /// Every word whose position has the record's bits. The table alone would also offer words that share seven
    /// bits of hash: a wheel that believed it would file records for keys it does not stand for, without end.
    pub(crate) fn matches(
        &self,
        record: Record40,
        hasher: &KeyHasher,
    ) -> impl Iterator<Item = Word> {
        let position = record.position();
        let candidates = self
            .segment(position)
            .words
            .iter_hash(bucket_hash(position))
            .map(SlotWord::load);
        candidates.filter(move |&word| record.matches(position_of(word, hasher)))
    }

    /// Adds a key that is known to be absent.
    pub(crate) fn insert(&mut self, position: u64, word: Word, hasher: &KeyHasher) {
        loop {
            let segment = self.segment_mut(position);
            let (full, keys) = (
                segment.words.len() == segment.words.capacity(),
                segment.words.len(),
            );
            let before = segment.bytes();
            // hashbrown would double a full table, or rehash it if half is tombstones: at the largest size we
            // decide ourselves.
            if full && segment.words.num_buckets() >= SEGMENT_BUCKETS && segment.depth < DEPTH_MAX {
                if keys >= SEGMENT_KEYS_REBUILD {
                    self.split(position, hasher);
                    continue;
                }
                rebuild(segment, hasher);
            }
            segment.push(position, word, hasher);
            let after = segment.bytes();
            self.bytes = self.bytes + after - before;
            self.len += 1;
            return;
        }
    }

    /// Removes `key` and returns its word.
    pub(crate) fn remove(&mut self, position: u64, key: &[u8]) -> Option<Word> {
        self.remove_where(position, |word| is_key(word, position, key))
    }

    /// Removes the word that points to `entry`; the entry itself is not read.
    pub(crate) fn remove_entry(&mut self, position: u64, entry: EntryPtr) -> Option<Word> {
        self.remove_where(position, |word| word.entry() == entry)
    }

    fn remove_where(&mut self, position: u64, is_it: impl Fn(Word) -> bool) -> Option<Word> {
        let segment = self.segment_mut(position);
        let found = segment
            .words
            .find_entry(bucket_hash(position), |slot| is_it(slot.load()))
            .ok()?;
        let word = found.remove().0.load();
        self.len -= 1;
        Some(word)
    }

    /// Replaces the segment that covers `position` by two, told apart by their next bit.
    fn split(&mut self, position: u64, hasher: &KeyHasher) {
        let old = self.locate(position);
        // SAFETY: `locate` names a live segment; it leaves the trie below, and only then is it freed.
        let old = unsafe { Box::from_raw(old.as_ptr()) };
        let (depth, bit) = (old.depth + 1, 1u64 << (63 - old.depth));
        let mut halves = [
            Segment::new(old.prefix, depth, 0),
            Segment::new(old.prefix | bit, depth, 0),
        ];
        let mut sides = [const { Vec::new() }; 2];
        for word in old.words() {
            let position = position_of(word, hasher);
            sides[usize::from(position & bit != 0)].push((position, word));
        }
        for (half, side) in halves.iter_mut().zip(&sides) {
            // Not one more: all keys on one side (the bits of a shared hash tag) must not double the segment.
            half.words = HashTable::with_capacity(side.len());
            side.iter()
                .for_each(|&(position, word)| half.push(position, word, hasher));
        }
        self.bytes = self.bytes - old.bytes() + halves[0].bytes() + halves[1].bytes();
        let [low, high] = halves.map(|half| Child::segment(Box::new(half)));
        self.place_halves(old.prefix, old.depth, low, high);
    }

    /// Hangs two segments where one of `depth` hung, adding a level if the node is too coarse for them.
    fn place_halves(&mut self, prefix: u64, depth: u32, low: Child, high: Child) {
        let level = depth / FANOUT_BITS;
        let (parent_level, at_boundary) = if depth > 0 && depth.is_multiple_of(FANOUT_BITS) {
            (level - 1, true)
        } else {
            (level, false)
        };
        let added = if at_boundary { size_of::<Node>() } else { 0 };
        let node = self.node_mut(prefix, parent_level);
        if at_boundary {
            let mut children = [low; FANOUT];
            children[FANOUT / 2..].fill(high);
            node.children[child_index(prefix, parent_level)] =
                Child::node(Box::new(Node { children }));
        } else {
            let first = child_index(prefix, level);
            let span = FANOUT >> (depth - level * FANOUT_BITS);
            node.children[first..first + span / 2].fill(low);
            node.children[first + span / 2..first + span].fill(high);
        }
        self.bytes += added;
    }

    /// The node at `level` on the path to `position`.
    fn node_mut(&mut self, position: u64, level: u32) -> &mut Node {
        let mut node: &mut Node = &mut self.root;
        for above in 0..level {
            match node.children[child_index(position, above)].kind() {
                // SAFETY: nodes are owned by the trie, which is borrowed mutably along this one path.
                ChildKind::Node(mut next) => node = unsafe { next.as_mut() },
                ChildKind::Segment(_) => unreachable!("a segment of this depth hangs below a node"),
            }
        }
        node
    }

    /// Gives memory back around `position`: merges a sparse segment with its sparse buddy, or shrinks it.
    /// Returns the position at which the next call continues, or `None` after the last segment.
    pub(crate) fn merge_at(&mut self, position: u64, hasher: &KeyHasher) -> Option<u64> {
        let segment = self.segment_mut(position);
        let (prefix, depth, len) = (segment.prefix, segment.depth, segment.len());
        let end = segment.end();
        if len > SEGMENT_KEYS_MERGE {
            return end;
        }
        if depth > 0 {
            let bit = 1u64 << (64 - depth);
            let buddy = self.segment(prefix ^ bit);
            if buddy.depth == depth && buddy.len() <= SEGMENT_KEYS_MERGE {
                self.merge(prefix & !bit, depth, hasher);
                return Some(prefix & !bit);
            }
        }
        self.shrink(position, hasher);
        end
    }

    fn shrink(&mut self, position: u64, hasher: &KeyHasher) {
        let segment = self.segment_mut(position);
        // Not `capacity`, which counts no room that tombstones take.
        if segment.words.num_buckets() < 4 * segment.len().max(4) {
            return;
        }
        let before = segment.bytes();
        segment
            .words
            .shrink_to_fit(|slot| bucket_hash(position_of(slot.load(), hasher)));
        let after = segment.bytes();
        self.bytes = self.bytes + after - before;
    }

    /// Makes one segment of the two of `depth` that begin at `prefix`.
    fn merge(&mut self, prefix: u64, depth: u32, hasher: &KeyHasher) {
        let bit = 1u64 << (64 - depth);
        let (low, high) = (self.locate(prefix), self.locate(prefix | bit));
        // SAFETY: two different live segments; they leave the trie below and are freed at the end of this function.
        let (low, high) = unsafe { (Box::from_raw(low.as_ptr()), Box::from_raw(high.as_ptr())) };
        let mut merged = Segment::new(prefix, depth - 1, low.len() + high.len());
        for word in low.words().chain(high.words()) {
            merged.push(position_of(word, hasher), word, hasher);
        }
        self.bytes = self.bytes - low.bytes() - high.bytes() + merged.bytes();
        let (child, depth) = (Child::segment(Box::new(merged)), depth - 1);
        let level = depth / FANOUT_BITS;
        if depth > 0 && depth.is_multiple_of(FANOUT_BITS) {
            // The whole node at `level` covered just these two: it goes, and the segment takes its place.
            let slot =
                &mut self.node_mut(prefix, level - 1).children[child_index(prefix, level - 1)];
            if let ChildKind::Node(node) = std::mem::replace(slot, child).kind() {
                // SAFETY: no child refers to the node any more, and its children have been freed or moved.
                drop(unsafe { Box::from_raw(node.as_ptr()) });
                self.bytes -= size_of::<Node>();
            }
        } else {
            let first = child_index(prefix, level);
            let span = FANOUT >> (depth - level * FANOUT_BITS);
            self.node_mut(prefix, level).children[first..first + span].fill(child);
        }
    }

    /// Takes every word out of the segment that covers `position`, for tearing a detached table down.
    pub(crate) fn drain_at(&mut self, position: u64, mut each: impl FnMut(Word)) -> Option<u64> {
        let segment = self.segment_mut(position);
        let end = segment.end();
        let before = segment.bytes();
        for slot in std::mem::take(&mut segment.words) {
            each(slot.load());
            self.len -= 1;
        }
        let after = self.segment(position).bytes();
        self.bytes = self.bytes + after - before;
        end
    }
}

/// Clears tombstones: the same keys in a fresh table of the same size.
fn rebuild(segment: &mut Segment, hasher: &KeyHasher) {
    let words: Vec<Word> = segment.words().collect();
    segment.words = HashTable::with_capacity(SEGMENT_KEYS_MAX);
    words
        .into_iter()
        .for_each(|word| segment.push(position_of(word, hasher), word, hasher));
}

impl Drop for Table {
    fn drop(&mut self) {
        free_children(&self.root);
    }
}

/// Frees everything below `node`; equal neighbours are one segment.
fn free_children(node: &Node) {
    let mut previous = None;
    for &child in &node.children {
        if previous.replace(child) == Some(child) {
            continue;
        }
        match child.kind() {
            // SAFETY: the trie is being dropped; each segment is a run of equal neighbours, freed once.
            ChildKind::Segment(segment) => drop(unsafe { Box::from_raw(segment.as_ptr()) }),
            ChildKind::Node(below) => {
                // SAFETY: a node hangs in exactly one place.
                let below = unsafe { Box::from_raw(below.as_ptr()) };
                free_children(&below);
            }
        }
    }
}
