//! Parting a range of ranks from the other members, step by step.

use crate::collection::CollectionRemains;
use crate::tree::{Remains, Tree};

use super::scores::{self, ScoresBuilder};
use super::{ElementHash, RankedTree, Scores};

/// Members that are sorted together by their hashes.
const BUCKET_MEMBERS: u64 = 256;
/// Most buckets.
const BUCKETS_MAX: u64 = 1 << 18;
/// Taking a score out takes as long as going through so many members.
const REMOVE_COST: usize = 4;

/// Which members of a sorted set become one of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those of the range.
    Range,
    /// The others.
    Others,
}

/// A sorted set out of which some members are wanted: those of a range of ranks, or all others.
///
/// In the order of scores they are parted from the rest in a few steps at any number. What takes long is the other order: of
/// those that are fewer the hashes are found and sorted, to put their scores down, or to take them out of a copy.
pub struct RankedParting {
    /// Without scores by hash.
    wanted: RankedTree,
    /// Without scores by hash.
    rest: RankedTree,
    scores: PartScores,
    buckets: Vec<Vec<(ElementHash, f64)>>,
    /// Members whose hash has been found.
    walked: u64,
    /// Where in the buckets it stands.
    next: (usize, usize),
}

/// The wanted members' scores.
enum PartScores {
    /// They are put down.
    Put(ScoresBuilder),
    /// The others' are taken out.
    Left(Tree<Scores>),
}

impl RankedParting {
    /// Begins with what is in `set` of `count` members from the one with `rank` others before it on.
    pub fn new(set: &RankedTree, rank: u64, count: u64, wanted: Wanted) -> Self {
        let mut outside = set.ranked.clone();
        let mut inside = outside.split_off(rank);
        outside.append(inside.split_off(count));
        let (kept, rest) = match wanted {
            Wanted::Range => (inside, outside),
            Wanted::Others => (outside, inside),
        };
        let of = |ranked| RankedTree {
            ranked,
            scores: Tree::new(),
        };
        let (wanted, rest) = (of(kept), of(rest));
        let scores = if wanted.len() <= rest.len() {
            PartScores::Put(ScoresBuilder::default())
        } else {
            PartScores::Left(set.scores.clone())
        };
        let fewer = wanted.len().min(rest.len());
        let buckets = (fewer / BUCKET_MEMBERS).clamp(1, BUCKETS_MAX);
        Self {
            wanted,
            rest,
            scores,
            buckets: vec![Vec::new(); buckets as usize],
            walked: 0,
            next: (0, 0),
        }
    }

    /// Goes through about `work` members; whether something is left to do. `hash` says what a member's hash is.
    pub fn step(&mut self, work: usize, hash: impl Fn(&[u8]) -> ElementHash) -> bool {
        let fewer = match self.scores {
            PartScores::Put(_) => &self.wanted,
            PartScores::Left(_) => &self.rest,
        };
        if self.walked < fewer.len() {
            let count = self.buckets.len() as u64;
            for (score, member) in fewer.iter_from(self.walked).take(work) {
                let hash = hash(member);
                let bucket = (u64::from(hash) * count) >> ElementHash::BITS;
                self.buckets[bucket as usize].push((hash, score));
                self.walked += 1;
            }
            return true;
        }
        self.settle(work)
    }

    /// Puts down, or takes out, some scores; whether some are left.
    fn settle(&mut self, work: usize) -> bool {
        let (number, from) = self.next;
        let Some(bucket) = self.buckets.get_mut(number) else {
            return false;
        };
        if from == 0 {
            bucket.sort_unstable_by_key(|&(hash, _)| hash);
        }
        let end = match &mut self.scores {
            PartScores::Put(builder) => {
                bucket
                    .iter()
                    .for_each(|&(hash, score)| builder.push(hash, score));
                bucket.len()
            }
            PartScores::Left(tree) => {
                let some = (work / REMOVE_COST).max(1);
                let end = bucket.len().min(from + some);
                scores::remove_all(tree, &bucket[from..end]);
                end
            }
        };
        self.next = if end == bucket.len() {
            *bucket = Vec::new();
            (number + 1, 0)
        } else {
            (number, end)
        };
        self.next.0 < self.buckets.len()
    }

    /// The wanted members as a sorted set, once nothing is left to do, and the others in their order, which cannot be found by
    /// name.
    ///
    /// # Panics
    /// If something is left to do.
    pub fn finish(self) -> (RankedTree, RankedTree) {
        let scores = match self.scores {
            PartScores::Put(builder) => builder.finish(),
            PartScores::Left(tree) => tree,
        };
        let ranked = self.wanted.ranked;
        assert_eq!(ranked.len(), scores.len(), "each member has its score");
        (RankedTree { ranked, scores }, self.rest)
    }

    /// Gives up what has been made, to be freed in steps.
    pub fn into_remains(self) -> [CollectionRemains; 2] {
        let scores = match self.scores {
            PartScores::Put(builder) => builder.finish(),
            PartScores::Left(tree) => tree,
        };
        let remains =
            |ranked, scores| CollectionRemains::Ranked(Remains::of(ranked), Remains::of(scores));
        [
            remains(self.wanted.ranked, scores),
            remains(self.rest.ranked, Tree::new()),
        ]
    }
}
