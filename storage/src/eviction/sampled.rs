//! Of some keys taken at random, and the best candidates of earlier times, the best one: how Redis approximates LRU and LFU.

use std::fmt::Debug;
use std::marker::PhantomData;

use smallvec::SmallVec;

use super::draws::Draws;
use super::hand::Hand;
use super::{Policy, Residents, Search, Victim};
use crate::access::AccessRule;
use crate::slot_word::Word;
use crate::table::{BucketOf, position_of};
use crate::time::UnixMillis;

/// Candidates that are kept for later.
const POOL: usize = 16;

/// Keys that are compared at a time, at most.
const SAMPLES_MAX: u32 = 64;

/// Where few keys may be evicted so many steps are made for another one, unless there is none yet.
const RARE_STEPS: u32 = 256;

/// So many need no allocation.
const SAMPLES_TOGETHER: usize = 16;

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
    draws: Draws,
    /// Finds the keys that may be evicted where few may.
    hand: Hand,
    /// The best one last.
    pool: Vec<Candidate>,
    score: PhantomData<fn() -> S>,
}

/// Keys that have been taken, and where.
type Drawn = SmallVec<[(BucketOf, Word); SAMPLES_TOGETHER]>;

#[derive(Clone, Copy, Debug)]
struct Candidate {
    score: u32,
    place: BucketOf,
    /// Its entry's address tells it from others there: if it is not found, the key has gone, moved, or been written since.
    word: Word,
}

impl<S: Score> Sampled<S> {
    pub(crate) fn new(samples: u32) -> Self {
        Self {
            samples: samples.clamp(1, SAMPLES_MAX) as usize,
            draws: Draws::default(),
            hand: Hand::default(),
            pool: Vec::new(),
            score: PhantomData,
        }
    }

    pub(crate) fn set_samples(&mut self, samples: u32) {
        self.samples = samples.clamp(1, SAMPLES_MAX) as usize;
    }

    /// Some keys taken at random.
    fn draw(&mut self, residents: &mut Residents<'_>) -> Drawn {
        let mut drawn = Drawn::new();
        let samples = self.samples.min(residents.keys);
        if residents.are_rare() {
            while drawn.len() < samples && *residents.steps > 0 {
                let next = |residents: &mut Residents<'_>| self.hand.next(residents, |_| true);
                if let Some(Victim { word, .. }) = residents.within(RARE_STEPS, next) {
                    drawn.push((self.hand.bucket(), word));
                    self.hand.pass();
                } else if !(drawn.is_empty() && self.pool.is_empty()) {
                    break;
                }
            }
            return drawn;
        }
        let (table, eligible) = (&*residents.table, residents.eligible);
        while drawn.len() < samples && *residents.steps > 0 {
            let looked_at = if S::TAKES_NEIGHBOURS {
                let spot = self.draws.spot(table, residents.random, samples);
                table.each_from(spot, |place, word| {
                    drawn.extend(eligible.is(word).then_some((place, word)));
                    drawn.len() < samples
                })
            } else {
                let found = self.draws.key(table, residents.random);
                drawn.extend(found.filter(|(_, word)| {
                    eligible.is(*word) && drawn.iter().all(|(_, other)| other != word)
                }));
                1
            };
            *residents.steps = residents.steps.saturating_sub(looked_at as u32);
        }
        drawn
    }

    fn draw_and_keep(&mut self, residents: &mut Residents<'_>) {
        for found in self.draw(residents) {
            self.keep(found, residents);
        }
    }

    /// The best of those that are kept and still there, as it is now. Forgets what it finds gone.
    fn best(&mut self, residents: &Residents<'_>) -> Option<Candidate> {
        while let Some(best) = self.pool.last() {
            if let [.., next, _] = &self.pool[..] {
                next.word.entry().prefetch();
            }
            let word = residents.table.word_in(best.place, best.word.entry());
            if let Some(word) = word.filter(|word| residents.eligible.is(*word)) {
                return Some(Candidate { word, ..*best });
            }
            self.pool.pop();
        }
        None
    }

    /// Keeps a key for later if it is better than the worst of those that are kept. One that is kept stays as good as it was
    /// when it was taken first.
    fn keep(&mut self, (place, word): (BucketOf, Word), residents: &Residents<'_>) {
        let is_it = |other: &Candidate| other.word.entry() == word.entry();
        if self.pool.iter().any(is_it) {
            return;
        }
        let score = S::of(word, residents.rule, residents.now);
        if self.pool.len() >= POOL {
            if self.pool[0].score >= score {
                return;
            }
            self.pool.remove(0);
        }
        let at = self.pool.partition_point(|other| other.score < score);
        self.pool.insert(at, Candidate { score, place, word });
    }
}

impl<S: Score> Policy for Sampled<S> {
    fn claim(&mut self, residents: &mut Residents<'_>) -> Option<u64> {
        self.draw_and_keep(residents);
        // It may have drawn keys that may not go.
        self.best(residents).map(|best| best.score.into())
    }

    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        while *residents.steps > 0 {
            // Beside other databases it has drawn for its claim.
            if residents.are_all || self.pool.is_empty() {
                self.draw_and_keep(residents);
            }
            if let Some(Candidate { word, .. }) = self.best(residents) {
                self.pool.pop();
                let position = position_of(word, residents.hasher);
                return Search::Found(Victim { position, word });
            }
        }
        Search::NotYet
    }

    fn bytes(&self) -> usize {
        self.pool.capacity() * size_of::<Candidate>()
    }
}
