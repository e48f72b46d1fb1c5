//! Drawing a key at random.

use super::bucket::WORDS;
use super::{Segment, Table};
use crate::entry::EntryPtr;
use crate::slot_word::Word;

/// Tables of up to this many keys (some thirty segments) are counted through for an exact draw.
const COUNTED_KEYS_MAX: usize = 8192;
/// Segments looked at to find out whether keys lie evenly.
const SAMPLES: usize = 4;

/// A place at which keys are looked for, drawn at random. It means the same place until the table changes around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    /// Of the segment.
    position: u64,
    /// Which bucket and word of it.
    within: u64,
}

impl Spot {
    /// A place in the segment of a position; where in it, `within` says, which is random.
    pub(crate) fn new(position: u64, within: u64) -> Self {
        Self { position, within }
    }

    /// Where in a segment of so many buckets.
    #[inline]
    fn bucket(self, buckets: usize) -> usize {
        (((self.within >> 32) * buckets as u64) >> 32) as usize
    }

    #[inline]
    fn word(self) -> usize {
        self.within as usize % WORDS
    }
}

/// The bucket in which a word has been found: quickly found again, while the table does not change around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BucketOf {
    position: u64,
    bucket: u32,
}

impl Table {
    /// The word of a random key, each about as likely as any other; `None` if there is none. `random` yields
    /// uniform numbers.
    ///
    /// Where keys lie evenly, the segment at a random position and a random key in it will do. They do not under
    /// a hot hash tag, all of whose keys share one slot: then the segments are counted through, which takes
    /// time in proportion to them.
    pub(crate) fn draw(&self, mut random: impl FnMut() -> u64) -> Option<Word> {
        if self.len > COUNTED_KEYS_MAX {
            let samples: [&Segment; SAMPLES] = std::array::from_fn(|_| self.segment(random()));
            let segment = samples[0];
            if self.lies_evenly(&samples) && segment.len() > 0 {
                return segment.words().nth(random() as usize % segment.len());
            }
        }
        self.nth(random().checked_rem(self.len as u64)?)
            .map(|(_, word)| word)
    }

    /// Whether keys lie evenly, so that any position is as good as another.
    pub(crate) fn seems_even(&self, mut random: impl FnMut() -> u64) -> bool {
        let samples: [&Segment; SAMPLES] = std::array::from_fn(|_| self.segment(random()));
        self.lies_evenly(&samples)
    }

    /// Starts loading the words at a place.
    pub(crate) fn prefetch_words(&self, spot: Spot) {
        let segment = self.segment(spot.position);
        segment.prefetch_words(spot.bucket(segment.bucket_count()));
    }

    /// The word at a place, if there is one.
    pub(crate) fn word_at(&self, spot: Spot) -> Option<(BucketOf, Word)> {
        let segment = self.segment(spot.position);
        let bucket = spot.bucket(segment.bucket_count());
        let word = segment.word_at(bucket, spot.word())?;
        Some((BucketOf::new(spot.position, bucket), word))
    }

    /// Calls `each` with words from a place on, until it says that it has seen enough; how many places were looked at.
    /// Where keys lie is random, so neighbours are no more alike than others.
    pub(crate) fn each_from(
        &self,
        spot: Spot,
        mut each: impl FnMut(BucketOf, Word) -> bool,
    ) -> usize {
        let segment = self.segment(spot.position);
        let (bucket, word) = (spot.bucket(segment.bucket_count()), spot.word());
        segment.each_from(bucket, word, |bucket, word| {
            each(BucketOf::new(spot.position, bucket), word)
        })
    }

    /// The `rank`th key, segments in order of position.
    fn nth(&self, rank: u64) -> Option<(BucketOf, Word)> {
        let (position, rank) = self.place_of_nth(rank)?;
        self.nth_of_segment(position, rank)
    }

    /// How many keys are in the segment of a position, and where the next one begins.
    pub(crate) fn extent_of_segment(&self, position: u64) -> (usize, Option<u64>) {
        let segment = self.segment(position);
        (segment.len(), segment.end(position))
    }

    /// The `rank`th key in the segment of a position.
    pub(crate) fn nth_of_segment(
        &self,
        position: u64,
        mut rank: usize,
    ) -> Option<(BucketOf, Word)> {
        let mut found = None;
        self.segment(position).each_from(0, 0, |bucket, word| {
            if rank == 0 {
                found = Some((BucketOf::new(position, bucket), word));
                return false;
            }
            rank -= 1;
            true
        });
        found
    }

    /// The word that leads to `entry`, if it is still in that bucket. The entry itself is not read.
    pub(crate) fn word_in(&self, place: BucketOf, entry: EntryPtr) -> Option<Word> {
        let segment = self.segment(place.position);
        segment.word_in(place.bucket as usize, entry)
    }

    /// Whether each of the segments would give about the right number of keys if all were like it.
    fn lies_evenly(&self, samples: &[&Segment]) -> bool {
        let keys = |segment: &&Segment| (segment.len() as u128) << segment.depth();
        let estimate = samples.iter().map(keys).sum::<u128>() / samples.len() as u128;
        (self.len as u128 * 3 / 4..=self.len as u128 * 4 / 3).contains(&estimate)
    }

    /// The first position of the segment with the `rank`th key, and which of its keys that is.
    fn place_of_nth(&self, rank: u64) -> Option<(u64, usize)> {
        let (mut position, mut rank) = (Some(0), rank as usize);
        while let Some(at) = position {
            let segment = self.segment(at);
            if rank < segment.len() {
                return Some((at, rank));
            }
            rank -= segment.len();
            position = segment.end(at);
        }
        None
    }
}

impl BucketOf {
    #[inline]
    pub(crate) fn new(position: u64, bucket: usize) -> Self {
        Self {
            position,
            bucket: bucket as u32,
        }
    }
}
