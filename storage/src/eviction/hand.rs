//! A hand that goes round a table, in the order of its words.

use super::Residents;
use crate::slot_word::Word;
use crate::table::{BucketOf, position_of};

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
            // Words that may not be evicted cost nothing: they tell so themselves.
            let mut next = segment.word_from(self.bucket, self.word);
            while let Some((at, word)) = next
                && !eligible.is(word)
            {
                next = segment.word_from(self.bucket, at + 1);
            }
            let Some((at, word)) = next else {
                (self.bucket, self.word) = (self.bucket + 1, 0);
                continue;
            };
            // The word stays where it is if it goes: what moves up into its place has not been looked at.
            self.word = at;
            if goes(word) {
                let position = position_of(word, residents.hasher);
                return Some(Victim { position, word });
            }
            self.word += 1;
        }
        None
    }

    /// The bucket at which it stands: that of the victim it has named last, if it has gone on to none since.
    pub(super) fn bucket(&self) -> BucketOf {
        BucketOf::new(self.position, self.bucket)
    }

    /// Passes over the word at which it stands.
    pub(super) fn pass(&mut self) {
        self.word += 1;
    }
}
