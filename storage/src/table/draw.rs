//! Drawing a key at random.

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

    /// Whether each of the segments would give about the right number of keys if all were like it.
    fn lies_evenly(&self, samples: &[&Segment]) -> bool {
        let keys = |segment: &&Segment| (segment.len() as u128) << segment.depth();
        let estimate = samples.iter().map(keys).sum::<u128>() / samples.len() as u128;
        (self.len as u128 * 3 / 4..=self.len as u128 * 4 / 3).contains(&estimate)
    }

    /// The `rank`th key, segments in order of position.
    fn nth(&self, mut rank: usize) -> Option<Word> {
        let mut position = Some(0);
        while let Some(at) = position {
            let segment = self.segment(at);
            if rank < segment.len() {
                return segment.words().nth(rank);
            }
            rank -= segment.len();
            position = segment.end(at);
        }
        None
    }
}
