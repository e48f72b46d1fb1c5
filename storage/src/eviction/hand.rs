//! A hand that goes round a table, in the order of its words.

use super::Residents;
use crate::slot_word::Word;
use crate::table::position_of;

use super::Victim;

/// Where it stands: a bucket of the segment that covers a position, and a word in it. Where the table has changed since, some
/// words are passed over or seen twice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hand {
    position: u64,
    bucket: usize,
    word: usize,
}

impl Hand {
    /// Moves on to the next word that may be evicted and for which `goes` says so; `goes` is asked of each that may. `None`
    /// if the steps are used up first.
    pub(crate) fn next(
        &mut self,
        residents: &mut Residents<'_>,
        mut goes: impl FnMut(Word) -> bool,
    ) -> Option<Victim> {
        let eligible = residents.eligible;
        while residents.step() {
            let segment = residents.table.segment(self.position);
            if self.bucket >= segment.bucket_count() {
                self.position = segment.end(self.position).unwrap_or(0);
                (self.bucket, self.word) = (0, 0);
                continue;
            }
            if self.word == 0 {
                segment.prefetch_entries(self.bucket + 1);
            }
            let found = segment.word_from(self.bucket, self.word);
            let Some((at, word)) = found else {
                (self.bucket, self.word) = (self.bucket + 1, 0);
                continue;
            };
            // The word stays where it is if it goes: what moves up into its place has not been looked at.
            self.word = at;
            if eligible.is(word) && goes(word) {
                let position = position_of(word, residents.hasher);
                return Some(Victim { position, word });
            }
            self.word += 1;
        }
        None
    }
}
