//! Places of a table at which a policy looks for keys, drawn a few at a time and loaded ahead: one that is drawn only when it
//! is looked at costs three cache misses, one after the other. Where keys do not lie evenly (under a hot hash tag all share
//! one slot) it goes round the table instead, passing over a random number of keys each time.

use super::Random;
use crate::slot_word::Word;
use crate::table::{BucketOf, Spot, Table};

/// So many places ahead the words are asked for.
const WORDS_AHEAD: usize = 8;
/// So many places ahead the entries are, once the words are there.
const ENTRIES_AHEAD: usize = 4;

/// So many places may be empty, one after the other, before it goes on round the table instead.
const EMPTY_MAX: u32 = 16;
/// Going round, fewer keys than this are passed over at a time.
const PASSED_KEYS: u64 = 128;
/// And no more segments than this.
const PASSED_SEGMENTS: u32 = 16;

/// How many places are drawn before another look at how keys lie.
const DRAWS_PER_LOOK: u32 = 256;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Draws {
    /// A ring; `next` is the place that comes first.
    upcoming: [Option<Spot>; WORDS_AHEAD],
    next: usize,
    /// Whether keys lie evenly in the table, as last seen.
    is_even: bool,
    /// Draws until the next look.
    until_look: u32,
    /// Going round: a position in the segment reached, and how many of its keys are passed.
    position: u64,
    passed: usize,
}

impl Draws {
    /// A place at which keys lie together, of which `wanted` are going to be looked at.
    pub(crate) fn spot(&mut self, table: &Table, random: &mut Random, wanted: usize) -> Spot {
        self.look(table, random);
        if self.is_even {
            self.next(table, random, |spot| {
                let mut left = wanted;
                table.each_from(spot, |_, word| {
                    word.entry().prefetch();
                    left = left.saturating_sub(1);
                    left > 0
                });
            })
        } else {
            self.go_on(table, random);
            Spot::new(self.position, random.next())
        }
    }

    /// A key, any one as often as another.
    pub(crate) fn key(&mut self, table: &Table, random: &mut Random) -> Option<(BucketOf, Word)> {
        self.look(table, random);
        let prefetch = |spot| {
            if let Some((_, word)) = table.word_at(spot) {
                word.entry().prefetch();
            }
        };
        for _ in 0..EMPTY_MAX {
            if !self.is_even {
                break;
            }
            let spot = self.next(table, random, prefetch);
            if let Some(found) = table.word_at(spot) {
                return Some(found);
            }
        }
        self.go_on(table, random);
        table.nth_of_segment(self.position, self.passed)
    }

    /// Passes over some keys.
    fn go_on(&mut self, table: &Table, random: &mut Random) {
        self.passed += 1 + (random.next() % PASSED_KEYS) as usize;
        for _ in 0..PASSED_SEGMENTS {
            let (keys, end) = table.extent_of_segment(self.position);
            if self.passed < keys {
                return;
            }
            self.passed -= keys;
            self.position = end.unwrap_or(0);
        }
        self.passed = 0;
    }

    /// Sees from time to time how keys lie.
    fn look(&mut self, table: &Table, random: &mut Random) {
        if self.until_look == 0 {
            self.is_even = table.seems_even(|| random.next());
            self.until_look = DRAWS_PER_LOOK;
        }
        self.until_look -= 1;
    }

    /// The next place in a table in which keys lie evenly; `prefetch` asks for entries.
    fn next(&mut self, table: &Table, random: &mut Random, prefetch: impl Fn(Spot)) -> Spot {
        let drawn = Spot::new(random.next(), random.next());
        table.prefetch_words(drawn);
        let next = self.upcoming[self.next].replace(drawn);
        self.next = (self.next + 1) % WORDS_AHEAD;
        let soon = (self.next + ENTRIES_AHEAD - 1) % WORDS_AHEAD;
        self.upcoming[soon].into_iter().for_each(prefetch);
        next.unwrap_or(drawn)
    }
}
