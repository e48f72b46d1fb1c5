//! Of some keys taken at random, and the best candidates of earlier times, the best one: how Redis approximates LRU and LFU.

use std::fmt::Debug;
use std::marker::PhantomData;

use smallvec::SmallVec;

use super::{Policy, Residents, Search, Victim};
use crate::access::AccessRule;
use crate::slot_word::Word;
use crate::table::position_of;
use crate::time::UnixMillis;

/// Candidates that are kept for later.
const POOL: usize = 16;

/// Keys that are compared at a time, at most.
const SAMPLES_MAX: u32 = 64;

/// How often keys are taken before another look at how they lie.
const FILLS_PER_LOOK: u32 = 256;

/// What makes a key a good victim.
pub(crate) trait Score: Debug {
    /// Whether keys are taken that lie together at a random place, which costs fewer looks at memory; or one at a time.
    const TAKES_NEIGHBOURS: bool;

    /// The higher, the better a victim.
    fn of(word: Word, rule: AccessRule, now: UnixMillis) -> u32;
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Sampled<S> {
    samples: usize,
    /// Whether keys lie evenly in the table, as last seen.
    is_even: bool,
    /// How often keys have been taken.
    fills: u32,
    /// The best one last.
    pool: Vec<Candidate>,
    score: PhantomData<fn() -> S>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    score: u32,
    position: u64,
    /// What its entry's address was: if another is there now, the key has gone or been written since.
    word: Word,
}

impl<S: Score> Sampled<S> {
    pub(crate) fn new(samples: u32) -> Self {
        Self {
            samples: samples.clamp(1, SAMPLES_MAX) as usize,
            is_even: false,
            fills: 0,
            pool: Vec::new(),
            score: PhantomData,
        }
    }

    pub(crate) fn set_samples(&mut self, samples: u32) {
        self.samples = samples.clamp(1, SAMPLES_MAX) as usize;
    }

    /// Some keys taken at random.
    fn draw(&mut self, residents: &mut Residents<'_>) -> SmallVec<[Word; SAMPLES_MAX as usize]> {
        let mut words = SmallVec::new();
        let (random, eligible) = (&mut *residents.random, residents.eligible);
        if self.fills.is_multiple_of(FILLS_PER_LOOK) {
            self.is_even = residents.table.seems_even(|| random.next());
        }
        self.fills = self.fills.wrapping_add(1);
        let samples = self.samples.min(residents.keys);
        while words.len() < samples && *residents.steps > 0 {
            let looked_at = if S::TAKES_NEIGHBOURS {
                residents.table.draw_from(
                    self.is_even,
                    || random.next(),
                    |word| {
                        words.extend(eligible.is(word).then_some(word));
                        words.len() < samples
                    },
                )
            } else {
                let word = residents.table.draw_one(self.is_even, || random.next());
                words.extend(word.filter(|word| eligible.is(*word) && !words.contains(word)));
                1
            };
            *residents.steps = residents.steps.saturating_sub(looked_at as u32);
        }
        words.iter().for_each(|word| word.entry().prefetch());
        words
    }

    /// Keeps a key for later if it is better than the worst of those that are kept.
    fn keep(&mut self, word: Word, residents: &Residents<'_>) {
        let is_it = |other: &Candidate| other.word.entry() == word.entry();
        if let Some(known) = self.pool.iter().position(is_it) {
            self.pool.remove(known);
        }
        let score = S::of(word, residents.rule, residents.now);
        if self.pool.len() >= POOL {
            if self.pool[0].score >= score {
                return;
            }
            self.pool.remove(0);
        }
        let at = self.pool.partition_point(|other| other.score < score);
        let position = position_of(word, residents.hasher);
        let candidate = Candidate {
            score,
            position,
            word,
        };
        self.pool.insert(at, candidate);
    }
}

impl<S: Score> Policy for Sampled<S> {
    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        while *residents.steps > 0 {
            for word in self.draw(residents) {
                self.keep(word, residents);
            }
            while let Some(best) = self.pool.pop() {
                let slot = residents
                    .table
                    .find_entry_mut(best.position, best.word.entry());
                if let Some(word) = slot.map(|slot| slot.load())
                    && residents.eligible.is(word)
                    && position_of(word, residents.hasher) == best.position
                {
                    let position = best.position;
                    return Search::Found(Victim { position, word });
                }
            }
        }
        Search::NotYet
    }

    fn bytes(&self) -> usize {
        self.pool.capacity() * size_of::<Candidate>()
    }
}
