//! Members of a big sorted set: a tree in the order of scores, and one that finds a member's score.
//!
//! The first has score and member, and answers everything about ranks and ranges. The second has no members, only 32 bits
//! of their hash with the score; what it says is looked up in the first. So a member is kept once.

use std::cmp::Ordering;

use crate::tree::{First, Leaf, Path, Spot, Tree};

use super::fields::ElementHash;
use super::length;
use super::records::{Place, Records};
use super::room::make_room;

mod scores;
#[cfg(test)]
mod tests;

pub use scores::Scores;

/// Most members of a leaf.
const MEMBERS_MAX: usize = 128;
/// Members of a leaf may take so many bytes; the last one may stand out.
const RECORDS_BYTES_MAX: usize = 4096;
/// A leaf with fewer members is sparse, if they take less than an eighth of what they may.
const MEMBERS_MIN: usize = 16;

/// A leaf: members with their scores, by score and then by member.
#[derive(Clone, Default)]
pub struct Ranked {
    scores: Vec<f64>,
    places: Vec<Place>,
    records: Records,
}

/// What an inner node knows of a child's first member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedBound {
    score: f64,
    /// The member's first eight bytes, so that most members of one score are told apart by them.
    prefix: u64,
}

impl RankedBound {
    fn new(score: f64, member: &[u8]) -> Self {
        let mut prefix = [0; 8];
        let len = member.len().min(8);
        prefix[..len].copy_from_slice(&member[..len]);
        Self {
            score,
            prefix: u64::from_be_bytes(prefix),
        }
    }

    /// Compares what is known; equal means that the members have to be looked at.
    fn cmp(self, other: Self) -> Ordering {
        by_score(self.score, other.score).then(self.prefix.cmp(&other.prefix))
    }
}

/// Scores are never NaN.
fn by_score(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).expect("no score is NaN")
}

impl Ranked {
    /// The member with `at` others before it, and its score.
    pub fn member(&self, at: usize) -> (f64, &[u8]) {
        let (member, _) = length::take(self.records.read(self.places[at]));
        (self.scores[at], member)
    }

    /// The number of a member, or the one it would get.
    fn find(&self, score: f64, member: &[u8]) -> Result<usize, usize> {
        let mut at = self.scores.partition_point(|&other| other < score);
        let end = at + self.scores[at..].partition_point(|&other| other == score);
        let mut behind = end;
        while at < behind {
            let middle = at.midpoint(behind);
            match self.member(middle).1.cmp(member) {
                Ordering::Less => at = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => behind = middle,
            }
        }
        Err(at)
    }

    /// How many members from the first on `is_before` holds for; it holds for none behind one for which it does not.
    fn count_while(&self, mut is_before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.scores.len());
        while low < high {
            let middle = low.midpoint(high);
            let (score, member) = self.member(middle);
            if is_before(score, member) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn insert(&mut self, at: usize, score: f64, member: &[u8]) {
        let bytes = record_bytes(member);
        let place = self.records.put(bytes, |mut out| {
            length::put(&mut out, member.len())?;
            out.write_all(member)
        });
        make_room(&mut self.scores, 1);
        make_room(&mut self.places, 1);
        self.scores.insert(at, score);
        self.places.insert(at, place);
    }

    fn remove(&mut self, at: usize) {
        let bytes = record_bytes(self.member(at).1);
        self.scores.remove(at);
        self.records.forget(self.places.remove(at), bytes);
        if self.records.wants_clearing() {
            *self = self.copy_of(0..self.scores.len());
        }
    }

    fn copy_of(&self, range: std::ops::Range<usize>) -> Self {
        let mut copy = Self::default();
        copy.scores.reserve_exact(range.len());
        copy.places.reserve_exact(range.len());
        let share = self.records.live_bytes() * range.len() / self.scores.len().max(1);
        copy.records.reserve(share);
        range.for_each(|at| copy.push_from(self, at));
        copy
    }

    fn push_from(&mut self, other: &Self, at: usize) {
        let (score, member) = other.member(at);
        let place = self
            .records
            .take_over(&other.records, other.places[at], record_bytes(member));
        make_room(&mut self.scores, 1);
        make_room(&mut self.places, 1);
        self.scores.push(score);
        self.places.push(place);
    }
}

fn record_bytes(member: &[u8]) -> usize {
    length::bytes(member.len()) + member.len()
}

impl Leaf for Ranked {
    type Bound = RankedBound;
    type Summary = ();

    fn len(&self) -> usize {
        self.scores.len()
    }

    fn memory_bytes(&self) -> usize {
        self.scores.capacity() * size_of::<f64>()
            + self.places.capacity() * size_of::<Place>()
            + self.records.memory_bytes()
    }

    fn bound(&self) -> RankedBound {
        let (score, member) = self.member(0);
        RankedBound::new(score, member)
    }

    fn summary(&self) {}

    fn split(&mut self) -> Option<Self> {
        let len = self.scores.len();
        let is_full = len > MEMBERS_MAX || len > 1 && self.records.live_bytes() > RECORDS_BYTES_MAX;
        is_full.then(|| self.split_off(len / 2))
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = self.copy_of(at..self.scores.len());
        *self = self.copy_of(0..at);
        rest
    }

    fn is_sparse(&self) -> bool {
        self.scores.len() < MEMBERS_MIN && self.records.live_bytes() < RECORDS_BYTES_MAX / 8
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.scores.len() + next.scores.len() <= MEMBERS_MAX * 3 / 4
            && self.records.live_bytes() + next.records.live_bytes() <= RECORDS_BYTES_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        (0..next.scores.len()).for_each(|at| self.push_from(next, at));
    }
}

/// A big sorted set. See the module documentation.
#[derive(Clone, Default)]
pub struct RankedTree {
    ranked: Tree<Ranked>,
    scores: Tree<Scores>,
}

impl RankedTree {
    /// How many members there are.
    pub fn len(&self) -> u64 {
        self.ranked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranked.is_empty()
    }

    /// See [`Tree::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        self.ranked.memory_bytes() + self.scores.memory_bytes()
    }

    /// The trees, out of here.
    pub fn into_trees(self) -> (Tree<Ranked>, Tree<Scores>) {
        (self.ranked, self.scores)
    }

    /// The score of a member whose hash is `hash`.
    pub fn score(&self, hash: ElementHash, member: &[u8]) -> Option<f64> {
        self.look_up(hash, member).map(|(score, _)| score)
    }

    fn look_up(&self, hash: ElementHash, member: &[u8]) -> Option<(f64, Spot)> {
        scores::of(&self.scores, hash).find_map(|score| {
            let spot = self.find(score, member)?;
            let its_own = self.ranked.leaf(&spot.path).scores[spot.offset];
            // Zero is found as minus zero, too.
            (its_own.to_bits() == score.to_bits()).then_some((score, spot))
        })
    }

    /// Adds a member, or gives it another score; the score it had. Scores are never NaN.
    pub fn set(&mut self, hash: ElementHash, member: &[u8], score: f64) -> Option<f64> {
        let old = self.remove(hash, member);
        scores::add(&mut self.scores, hash, score);
        let add = |leaf: &mut Ranked| {
            let at = leaf.find(score, member).unwrap_or_else(|at| at);
            leaf.insert(at, score, member);
        };
        match self.leaf_of(score, member) {
            Some(path) => self.ranked.update(&path, add),
            None => self.ranked.update_last(add),
        }
        old
    }

    /// Removes a member; the score it had.
    pub fn remove(&mut self, hash: ElementHash, member: &[u8]) -> Option<f64> {
        let (score, spot) = self.look_up(hash, member)?;
        scores::remove(&mut self.scores, hash, score);
        self.ranked
            .update(&spot.path, |leaf| leaf.remove(spot.offset));
        Some(score)
    }

    /// How many members stand before this one, which has this score.
    pub fn rank(&self, score: f64, member: &[u8]) -> Option<u64> {
        let spot = self.find(score, member)?;
        Some(self.ranked.before(&spot.path) + spot.offset as u64)
    }

    /// The member with `rank` others before it, and its score.
    pub fn at(&self, rank: u64) -> Option<(f64, &[u8])> {
        let spot = self.ranked.spot(rank)?;
        Some(self.ranked.leaf(&spot.path).member(spot.offset))
    }

    /// How many members, from the first on, have a score for which `is_before` holds; it holds for no higher score than one
    /// for which it does not.
    pub fn count_while_score(&self, is_before: impl Fn(f64) -> bool) -> u64 {
        let order = |bound: RankedBound, _: First<'_, Ranked>| side(is_before(bound.score));
        self.count_while(order, |score, _| is_before(score))
    }

    /// How many members, from the first on, `is_before` holds for; all have the same score, and it holds for no later one
    /// than one for which it does not.
    pub fn count_while_member(&self, is_before: impl Fn(&[u8]) -> bool) -> u64 {
        let order = |_, first: First<'_, Ranked>| side(is_before(first.leaf().member(0).1));
        self.count_while(order, |_, member| is_before(member))
    }

    fn count_while(
        &self,
        order: impl FnMut(RankedBound, First<'_, Ranked>) -> Ordering,
        is_before: impl FnMut(f64, &[u8]) -> bool,
    ) -> u64 {
        let Some(path) = self.ranked.seek(order) else {
            return 0;
        };
        self.ranked.before(&path) + self.ranked.leaf(&path).count_while(is_before) as u64
    }

    /// Members with their scores, from the one with `rank` others before it on.
    pub fn iter_from(&self, rank: u64) -> impl Iterator<Item = (f64, &[u8])> {
        let spot = self.ranked.spot(rank);
        let mut offset = spot.as_ref().map_or(0, |spot| spot.offset);
        let mut path = spot.map(|spot| spot.path);
        std::iter::from_fn(move || {
            let leaf = self.ranked.leaf(path.as_ref()?);
            let member = leaf.member(offset);
            offset += 1;
            if offset == leaf.len() {
                path = self.ranked.next_leaf(path.as_ref()?);
                offset = 0;
            }
            Some(member)
        })
    }

    /// Members with their scores, backwards from the one with `rank` others before it.
    pub fn iter_back_from(&self, rank: u64) -> impl Iterator<Item = (f64, &[u8])> {
        let spot = self.ranked.spot(rank);
        let mut left = spot.as_ref().map_or(0, |spot| spot.offset + 1);
        let mut path = spot.map(|spot| spot.path);
        std::iter::from_fn(move || {
            if left == 0 {
                path = self.ranked.previous_leaf(path.as_ref()?);
                left = self.ranked.leaf(path.as_ref()?).len();
            }
            left -= 1;
            Some(self.ranked.leaf(path.as_ref()?).member(left))
        })
    }

    /// The leaf in which a member stands, or would.
    fn leaf_of(&self, score: f64, member: &[u8]) -> Option<Path> {
        let wanted = RankedBound::new(score, member);
        self.ranked.seek(|bound, first| {
            bound
                .cmp(wanted)
                .then_with(|| first.leaf().member(0).1.cmp(member))
        })
    }

    fn find(&self, score: f64, member: &[u8]) -> Option<Spot> {
        let path = self.leaf_of(score, member)?;
        let offset = self.ranked.leaf(&path).find(score, member).ok()?;
        Some(Spot { path, offset })
    }
}

/// For [`Tree::seek`]: an element for which the condition holds counts as before what is looked for.
fn side(is_before: bool) -> Ordering {
    if is_before {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}
