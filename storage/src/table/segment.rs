//! A segment: the keys of one position prefix, in one allocation of buckets.
//!
//! | where | size | what |
//! |---|---|---|
//! | bucket 0, words 0–6 | 56 | slot words |
//! | bucket 0, word 7 | 8 | the header, see [`Header`] |
//! | each further bucket | 64 | slot words |
//!
//! A key's home is the bucket that its stirred position says. It lies there or, when that is full, in the nearest
//! bucket after it that has room, the first following the last; its word counts how far that is. So there is **no
//! empty word in any bucket from a key's home up to its place**: a lookup that sees one has seen enough. Removing a
//! key from a full bucket moves back one that has passed over it, and so on with the gap that this one leaves.
//!
//! At most seven keys per bucket keep that short: of a segment about to grow, one key in nine lies beyond its home, of
//! one just split, one in fifty.

use super::bucket::{Bucket, WORDS, WordSet};
use super::position_of;
use crate::entry::EntryPtr;
use crate::hash::{KeyHasher, Mixed};
use crate::prefetch;
use crate::slot_word::{DISPLACEMENT_MAX, SlotWord, Word};

/// Keys per bucket at which a segment is full.
const BUCKET_KEYS: usize = WORDS - 1;
/// Buckets of the largest segment that is not as deep as can be: 4 KiB.
pub(super) const BUCKETS_MAX: usize = 64;
/// Keys a segment holds before it splits.
pub(super) const KEYS_MAX: usize = BUCKETS_MAX * BUCKET_KEYS;
/// The word of bucket 0 that is the header.
const HEADER_WORD: usize = WORDS - 1;
/// How many words ahead entries are prefetched when all keys of a segment are read.
const AHEAD: usize = 8;

/// Buckets of a segment of this size number: 1, 2, 4, 8, 16, 32, 55, 64, and twice as many each time from there on.
/// The odd one is for the halves of a split, which are about what 32 buckets hold. The allocator gives 55 buckets
/// of this alignment the same 3584 bytes as 48, and 56 of them 4096.
const fn buckets_of_size(size: u32) -> usize {
    match size {
        0..=5 => 1 << size,
        6 => 55,
        _ => 1 << (size - 1),
    }
}

const _: () = assert!(buckets_of_size(7) == BUCKETS_MAX && buckets_of_size(8) == 2 * BUCKETS_MAX);

/// The smallest size with room for `keys`.
fn size_for(keys: usize) -> u32 {
    (0..)
        .find(|&size| buckets_of_size(size) * BUCKET_KEYS >= keys)
        .expect("sizes have no end")
}

/// What a segment says of itself.
///
/// | bits | field |
/// |---|---|
/// | 63:56 | size number |
/// | 55:48 | depth: how many first bits the positions of all keys share |
/// | 47:0 | number of keys |
#[derive(Clone, Copy)]
struct Header(u64);

impl Header {
    fn size(self) -> u32 {
        (self.0 >> 56) as u32
    }

    fn depth(self) -> u32 {
        (self.0 >> 48) as u32 & 0xff
    }

    fn keys(self) -> usize {
        (self.0 & ((1 << 48) - 1)) as usize
    }
}

/// A leaf of the trie. Its length is its number of buckets, at least one.
#[repr(transparent)]
pub(crate) struct Segment([Bucket]);

/// Where a word lies.
#[derive(Clone, Copy)]
struct Place {
    bucket: usize,
    word: usize,
}

impl Segment {
    /// An empty segment with room for `keys`.
    pub(super) fn new(depth: u32, keys: usize) -> Box<Self> {
        let size = size_for(keys);
        let buckets: Box<[Bucket]> = (0..buckets_of_size(size))
            .map(|_| Bucket::empty())
            .collect();
        // SAFETY: the box has just given the pointer up, and a segment is laid out as the slice it wraps.
        let mut segment = unsafe { Box::from_raw(Box::into_raw(buckets) as *mut Segment) };
        segment.set_header(Header(u64::from(size) << 56 | u64::from(depth) << 48));
        segment
    }

    /// The segment of `buckets` buckets at `first`, as a raw pointer; nothing is read.
    #[inline]
    pub(super) fn at(first: *mut u8, buckets: usize) -> *mut Segment {
        std::ptr::slice_from_raw_parts_mut(first.cast::<Bucket>(), buckets) as *mut Segment
    }

    /// How many buckets the header counts: for those who have but the address.
    #[cold]
    pub(super) fn counted_buckets(&self) -> usize {
        buckets_of_size(self.header().size())
    }

    /// Number of buckets.
    #[inline]
    pub(super) fn buckets(&self) -> usize {
        self.0.len()
    }

    fn header(&self) -> Header {
        Header(self.0[0].0[HEADER_WORD].load().0)
    }

    fn set_header(&mut self, header: Header) {
        self.0[0].0[HEADER_WORD].put(Word(header.0));
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.header().keys()
    }

    /// How many first bits the positions of all keys share.
    pub(super) fn depth(&self) -> u32 {
        self.header().depth()
    }

    /// Whether it must grow or split before another key fits.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() >= BUCKET_KEYS * self.buckets()
    }

    /// First position of the segment that covers `position`.
    pub(super) fn start(&self, position: u64) -> u64 {
        u64::MAX
            .checked_shl(64 - self.depth())
            .map_or(0, |prefix| position & prefix)
    }

    /// First position after the segment, which covers `position`, or `None` when it is the last.
    pub(crate) fn end(&self, position: u64) -> Option<u64> {
        let size = 1u64.checked_shl(64 - self.depth())?;
        self.start(position).checked_add(size)
    }

    /// The slot words, in no order.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> {
        let (first, rest) = self.0.split_first().expect("a segment has a bucket");
        let slots = first.0[..HEADER_WORD]
            .iter()
            .chain(rest.iter().flat_map(|bucket| &bucket.0));
        slots.map(SlotWord::load).filter(|word| !word.is_empty())
    }

    /// The slot words, to be changed (parity) in place.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = &mut SlotWord> {
        let (first, rest) = self.0.split_first_mut().expect("a segment has a bucket");
        first.0[..HEADER_WORD]
            .iter_mut()
            .chain(rest.iter_mut().flat_map(|bucket| &mut bucket.0))
            .filter(|slot| !slot.load().is_empty())
    }

    /// How many buckets there are.
    pub(crate) fn bucket_count(&self) -> usize {
        self.buckets()
    }

    /// The word at a place of `bucket`, if there is one.
    pub(super) fn word_at(&self, bucket: usize, word: usize) -> Option<Word> {
        let is_place = bucket != 0 || word != HEADER_WORD;
        let word = self.slot(Place { bucket, word }).load();
        (is_place && !word.is_empty()).then_some(word)
    }

    /// The word of `bucket` that leads to `entry`, if there is such a bucket and such a word.
    pub(super) fn word_in(&self, bucket: usize, entry: EntryPtr) -> Option<Word> {
        if bucket >= self.buckets() {
            return None;
        }
        let mut words = self
            .places(bucket)
            .map(|word| self.slot(Place { bucket, word }).load());
        words.find(|word| !word.is_empty() && word.entry() == entry)
    }

    /// The first word of `bucket` from place `from` on, and its place.
    pub(crate) fn word_from(&self, bucket: usize, from: usize) -> Option<(usize, Word)> {
        let slots = self.0[bucket].0.iter().enumerate();
        let slots = slots.take(if bucket == 0 { HEADER_WORD } else { WORDS });
        let words = slots.map(|(at, slot)| (at, slot.load())).skip(from);
        words.into_iter().find(|(_, word)| !word.is_empty())
    }

    /// Starts loading what the words of `bucket` lead to, if there is such a bucket.
    pub(crate) fn prefetch_entries(&self, bucket: usize) {
        if bucket >= self.buckets() {
            return;
        }
        for word in self.places(bucket) {
            let word = self.slot(Place { bucket, word }).load();
            if !word.is_empty() {
                prefetch_key(word);
            }
        }
    }

    /// Starts loading the words of `bucket` and of the one after it.
    pub(super) fn prefetch_words(&self, bucket: usize) {
        prefetch::read(&raw const self.0[bucket]);
        prefetch::read(&raw const self.0[self.following(bucket)]);
    }

    /// Calls `each` with the words from place `from` of `bucket` on, round the segment and each once, and with their
    /// buckets, until it says that it has seen enough; how many places were looked at.
    pub(super) fn each_from(
        &self,
        bucket: usize,
        from: usize,
        mut each: impl FnMut(usize, Word) -> bool,
    ) -> usize {
        let first = self.places(bucket);
        let others = (bucket + 1..self.buckets()).chain(0..bucket);
        let others = others.map(|bucket| (bucket, self.places(bucket)));
        let parts = std::iter::once((bucket, first.from(from))).chain(others);
        let parts = parts.chain(std::iter::once((bucket, first.before(from))));
        let mut looked_at = 0;
        for (bucket, places) in parts {
            for word in places {
                let word = self.slot(Place { bucket, word }).load();
                looked_at += 1;
                if !word.is_empty() && !each(bucket, word) {
                    return looked_at;
                }
            }
        }
        looked_at
    }

    /// The slot words with their positions. Reads every key, several at a time.
    pub(super) fn placed_words(&self, hasher: &KeyHasher) -> impl Iterator<Item = (u64, Word)> {
        let mut ahead = self.words();
        ahead.by_ref().take(AHEAD).for_each(prefetch_key);
        self.words().map(move |word| {
            ahead.next().into_iter().for_each(prefetch_key);
            (position_of(word, hasher), word)
        })
    }

    /// The first word with the fingerprint of `mixed` for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, mixed: Mixed, is_it: impl Fn(Word) -> bool) -> Option<&SlotWord> {
        self.seek(mixed, is_it).map(|place| self.slot(place))
    }

    /// As [`Segment::find`], to be changed in place.
    pub(super) fn find_mut(
        &mut self,
        mixed: Mixed,
        is_it: impl Fn(Word) -> bool,
    ) -> Option<&mut SlotWord> {
        self.seek(mixed, is_it).map(|place| self.slot_mut(place))
    }

    /// Calls `each` with every word that has the fingerprint of `mixed` and may be of a key there.
    pub(super) fn each_candidate(&self, mixed: Mixed, mut each: impl FnMut(Word)) {
        self.seek(mixed, |word| {
            each(word);
            false
        });
    }

    /// A word with the fingerprint of `mixed` for which `is_it` holds.
    #[inline]
    fn seek(&self, mixed: Mixed, mut is_it: impl FnMut(Word) -> bool) -> Option<Place> {
        let (mut bucket, fingerprint) = (mixed.below(self.buckets()), mixed.fingerprint());
        for _ in 0..self.buckets() {
            for word in self.with_fingerprint(bucket, fingerprint) {
                let place = Place { bucket, word };
                if is_it(self.slot(place).load()) {
                    return Some(place);
                }
            }
            if !self.empty_words(bucket).is_empty() {
                break;
            }
            bucket = self.following(bucket);
        }
        None
    }

    /// Starts loading the bucket that a lookup of `mixed` reads first.
    #[inline]
    pub(super) fn prefetch_home(&self, mixed: Mixed) {
        prefetch::read(&raw const self.0[mixed.below(self.buckets())]);
    }

    /// Starts loading the first `bytes` of the entry that a lookup of `mixed` most likely reads, if it is at home.
    #[inline]
    pub(super) fn prefetch_entry(&self, mixed: Mixed, bytes: usize) {
        if let Some(word) = self.likely(mixed) {
            prefetch::read_range(word.entry().block().as_ptr(), bytes);
        }
    }

    /// The word that a lookup of `mixed` most likely finds, if it is at home; its key has not been compared.
    #[inline]
    pub(super) fn likely(&self, mixed: Mixed) -> Option<Word> {
        let bucket = mixed.below(self.buckets());
        let mut words = self.with_fingerprint(bucket, mixed.fingerprint());
        words
            .next()
            .map(|word| self.slot(Place { bucket, word }).load())
    }

    /// Adds a word to a segment that is not full.
    pub(super) fn insert(&mut self, mixed: Mixed, word: Word) {
        let mut bucket = mixed.below(self.buckets());
        for displacement in 0..self.buckets() {
            if let Some(free) = self.empty_words(bucket).next() {
                self.0[bucket].0[free].put(word.displaced(displacement));
                self.set_header(Header(self.header().0 + 1));
                return;
            }
            bucket = self.following(bucket);
        }
        unreachable!("a segment that is not full has an empty word");
    }

    /// Removes the first word with the fingerprint of `mixed` for which `is_it` holds.
    pub(super) fn remove(
        &mut self,
        mixed: Mixed,
        is_it: impl Fn(Word) -> bool,
        hasher: &KeyHasher,
    ) -> Option<Word> {
        let place = self.seek(mixed, is_it)?;
        let word = self.slot(place).load();
        self.vacate(place, hasher);
        self.set_header(Header(self.header().0 - 1));
        Some(word)
    }

    /// Empties a place and moves back whatever passed over its bucket because that was full.
    fn vacate(&mut self, mut gap: Place, hasher: &KeyHasher) {
        // Whether it was full is told before the gap is emptied.
        while self.empty_words(gap.bucket).is_empty() {
            let Some((from, displacement)) = self.passed_over(gap.bucket, hasher) else {
                break;
            };
            let word = self.slot(from).load();
            self.slot_mut(gap).put(word.displaced(displacement));
            gap = from;
        }
        self.slot_mut(gap).put(Word::EMPTY);
    }

    /// A word that lies beyond `bucket` and whose home does not, and how far `bucket` is from that home.
    fn passed_over(&self, bucket: usize, hasher: &KeyHasher) -> Option<(Place, usize)> {
        let mut beyond = bucket;
        for distance in 1..self.buckets() {
            beyond = self.following(beyond);
            for word in self.places(beyond) {
                let place = Place {
                    bucket: beyond,
                    word,
                };
                let displacement = self.displacement(place, hasher);
                if displacement >= distance {
                    return Some((place, displacement - distance));
                }
            }
            if !self.empty_words(beyond).is_empty() {
                break;
            }
        }
        None
    }

    /// How many buckets past its home the word at `place` lies; 0 for an empty one.
    fn displacement(&self, place: Place, hasher: &KeyHasher) -> usize {
        let word = self.slot(place).load();
        if word.displacement() < DISPLACEMENT_MAX {
            return word.displacement();
        }
        let home = Mixed::from_position(position_of(word, hasher)).below(self.buckets());
        (place.bucket + self.buckets() - home) % self.buckets()
    }

    #[inline]
    fn following(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets() {
            0
        } else {
            bucket + 1
        }
    }

    /// The words of `bucket` that are not the header.
    #[inline]
    fn places(&self, bucket: usize) -> WordSet {
        WordSet::all(bucket == 0)
    }

    #[inline]
    fn with_fingerprint(&self, bucket: usize, fingerprint: u8) -> WordSet {
        self.0[bucket]
            .with_fingerprint(fingerprint)
            .and(self.places(bucket))
    }

    #[inline]
    fn empty_words(&self, bucket: usize) -> WordSet {
        self.with_fingerprint(bucket, 0)
    }

    #[inline]
    fn slot(&self, place: Place) -> &SlotWord {
        &self.0[place.bucket].0[place.word]
    }

    fn slot_mut(&mut self, place: Place) -> &mut SlotWord {
        &mut self.0[place.bucket].0[place.word]
    }

    /// Checks that every word lies where a lookup finds it, and calls `each` with it and its position.
    #[cfg(test)]
    pub(super) fn audit(&self, hasher: &KeyHasher, mut each: impl FnMut(u64, Word)) {
        assert_eq!(self.counted_buckets(), self.buckets());
        assert_eq!(self.words().count(), self.len());
        assert!(self.len() <= BUCKET_KEYS * self.buckets());
        for bucket in 0..self.buckets() {
            for word in self.places(bucket) {
                let place = Place { bucket, word };
                let word = self.slot(place).load();
                if word.is_empty() {
                    assert!(word.0 == 0);
                    continue;
                }
                let position = position_of(word, hasher);
                let mixed = Mixed::from_position(position);
                assert_eq!(word.fingerprint(), mixed.fingerprint());
                let home = mixed.below(self.buckets());
                let distance = (bucket + self.buckets() - home) % self.buckets();
                assert_eq!(word.displacement(), distance.min(DISPLACEMENT_MAX));
                assert!(
                    (home..home + distance)
                        .all(|passed| self.empty_words(passed % self.buckets()).is_empty()),
                    "a key passes over full buckets only"
                );
                each(position, word);
            }
        }
    }
}

/// Starts loading what [`position_of`] reads, if the key is short.
fn prefetch_key(word: Word) {
    let entry: EntryPtr = word.entry();
    prefetch::read(entry.block().as_ptr());
    prefetch::read(entry.block().as_ptr().wrapping_add(32));
}
