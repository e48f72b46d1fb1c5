//! Drawing a key at random.

use super::bucket::WORDS;
use super::{Segment, Table};
use crate::slot_word::Word;

/// Tables of up to this many keys (some thirty segments) are counted through for an exact draw.
const COUNTED_KEYS_MAX: usize = 8192;
/// Segments looked at to find out whether keys lie evenly.
const SAMPLES: usize = 4;

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
        self.nth(random().checked_rem(self.len as u64)? as usize)
    }

    /// Whether keys lie evenly, so that [`Table::draw_from`] may believe so for a while.
    pub(crate) fn seems_even(&self, mut random: impl FnMut() -> u64) -> bool {
        let samples: [&Segment; SAMPLES] = std::array::from_fn(|_| self.segment(random()));
        self.lies_evenly(&samples)
    }

    /// Calls `each` with keys that lie together at a random place, until it says that it has seen enough; how many places
    /// were looked at. Where keys lie is random, so neighbours are no more alike than others. With `is_even` the place is
    /// found without a look at other segments.
    pub(crate) fn draw_from(
        &self,
        is_even: bool,
        mut random: impl FnMut() -> u64,
        each: impl FnMut(Word) -> bool,
    ) -> usize {
        let Some(segment) = self.draw_segment(is_even, &mut random) else {
            return 1;
        };
        let bucket = random() as usize % segment.bucket_count();
        segment.each_from(bucket, each)
    }

    /// As [`Table::draw`], with `is_even` without a look at other segments.
    pub(crate) fn draw_one(&self, is_even: bool, mut random: impl FnMut() -> u64) -> Option<Word> {
        let segment = self.draw_segment(is_even, &mut random)?;
        // Any place, until there is a key: the first one behind an empty place would come too often.
        loop {
            let place = random();
            let bucket = (place >> 32) as usize % segment.bucket_count();
            if let Some(word) = segment.word_at(bucket, place as usize % WORDS) {
                return Some(word);
            }
        }
    }

    /// A segment with a key, one as often as it has keys.
    fn draw_segment(&self, is_even: bool, random: &mut impl FnMut() -> u64) -> Option<&Segment> {
        let segment = self.segment(random());
        if is_even && segment.len() > 0 {
            return Some(segment);
        }
        let rank = random().checked_rem(self.len as u64)?;
        Some(self.place_of_nth(rank as usize)?.0)
    }

    /// Whether each of the segments would give about the right number of keys if all were like it.
    fn lies_evenly(&self, samples: &[&Segment]) -> bool {
        let keys = |segment: &&Segment| (segment.len() as u128) << segment.depth();
        let estimate = samples.iter().map(keys).sum::<u128>() / samples.len() as u128;
        (self.len as u128 * 3 / 4..=self.len as u128 * 4 / 3).contains(&estimate)
    }

    /// The `rank`th key, segments in order of position.
    fn nth(&self, rank: usize) -> Option<Word> {
        let (segment, rank) = self.place_of_nth(rank)?;
        segment.words().nth(rank)
    }

    fn place_of_nth(&self, mut rank: usize) -> Option<(&Segment, usize)> {
        let mut position = Some(0);
        while let Some(at) = position {
            let segment = self.segment(at);
            if rank < segment.len() {
                return Some((segment, rank));
            }
            rank -= segment.len();
            position = segment.end(at);
        }
        None
    }
}
