//! The leaves.

use std::cmp::Ordering;
use std::io::{self, Write};
use std::ops::Range;

use crate::prefetch;
use crate::tree::{Leaf, Tree};

use super::super::length;
use super::super::records::{Place, Record, Records, middle};
use crate::room::{give_back_room, make_room, shrink};

/// Most members of a leaf.
const MEMBERS_MAX: usize = 128;
/// Members of a leaf may take so many bytes; the last one may stand out.
const RECORDS_BYTES_MAX: usize = 4096;
/// A leaf with fewer members is sparse, if they take less than an eighth of what they may.
const MEMBERS_MIN: usize = 16;

/// What a leaf keeps of a member beside its record.
const SLOT_BYTES: usize = size_of::<f64>() + size_of::<Place>();

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
    pub(super) score: f64,
    /// The member's first eight bytes, so that most members of one score are told apart by them.
    prefix: u64,
}

impl RankedBound {
    pub(super) fn new(score: f64, member: &[u8]) -> Self {
        let mut prefix = [0; 8];
        let len = member.len().min(8);
        prefix[..len].copy_from_slice(&member[..len]);
        Self {
            score,
            prefix: u64::from_be_bytes(prefix),
        }
    }

    /// Compares what is known; equal means that the members have to be looked at.
    pub(super) fn cmp(self, other: Self) -> Ordering {
        by_score(self.score, other.score).then(self.prefix.cmp(&other.prefix))
    }
}

/// Scores are never NaN.
pub(super) fn by_score(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).expect("no score is NaN")
}

impl Ranked {
    /// Starts loading the head of the leaf in which a member with `score` would lie if no others have the same.
    pub(in crate::collection) fn warm_leaf(tree: &Tree<Self>, score: f64) -> Option<&Self> {
        let leaf = tree.leaf_for(|bound, _| by_score(bound.score, score))?;
        prefetch::read_all(std::slice::from_ref(leaf));
        Some(leaf)
    }

    /// Starts loading what a search reads.
    pub(in crate::collection) fn warm(&self) {
        prefetch::read_all(&self.scores);
        prefetch::read_all(&self.places);
        self.records.warm();
    }

    /// The member with `at` others before it, and its score.
    pub fn member(&self, at: usize) -> (f64, &[u8]) {
        let (member, _) = length::take(self.records.read(self.places[at]));
        (self.scores[at], member)
    }

    /// The record of a member.
    #[inline]
    fn record(&self, at: usize) -> &[u8] {
        let record = self.records.read(self.places[at]);
        let (_, rest) = length::take(record);
        &record[..record.len() - rest.len()]
    }

    /// The score of the member with `at` others before it.
    pub(super) fn score(&self, at: usize) -> f64 {
        self.scores[at]
    }

    /// Whether all its members come behind one with this score.
    pub(super) fn is_behind(&self, score: f64, member: &[u8]) -> bool {
        let first = self.member(0);
        by_score(score, first.0).then(member.cmp(first.1)).is_lt()
    }

    /// Whether its last member comes behind one with this score.
    pub(super) fn ends_behind(&self, score: f64, member: &[u8]) -> bool {
        let last = self.member(self.scores.len() - 1);
        by_score(score, last.0).then(member.cmp(last.1)).is_lt()
    }

    /// The number of a member, or the one it would get.
    pub(super) fn find(&self, score: f64, member: &[u8]) -> Result<usize, usize> {
        prefetch::read_all(std::slice::from_ref(self));
        prefetch::read_all(&self.scores);
        prefetch::read(self.places.as_ptr());
        self.records.warm();
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
    pub(super) fn count_while(&self, mut is_before: impl FnMut(f64, &[u8]) -> bool) -> usize {
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

    /// The same for what depends on scores alone.
    pub(super) fn count_scores_while(&self, is_before: impl Fn(f64) -> bool) -> usize {
        self.scores.partition_point(|score| is_before(*score))
    }

    pub(super) fn insert(&mut self, at: usize, score: f64, member: &[u8]) {
        let place = self.records.put(&Member(member));
        make_room(&mut self.scores, 1);
        make_room(&mut self.places, 1);
        self.scores.insert(at, score);
        self.places.insert(at, place);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let bytes = Member(self.member(at).1).bytes();
        self.scores.remove(at);
        self.records.forget(self.places.remove(at), bytes);
        give_back_room(&mut self.scores);
        give_back_room(&mut self.places);
        if self.records.wants_clearing() {
            *self = self.copy_of(0..self.scores.len());
        }
    }

    /// Gives a member another score, with which it stands before the one of number `to`, counted without itself.
    pub(super) fn move_to(&mut self, at: usize, to: usize, score: f64) {
        if to < at {
            self.scores[to..=at].rotate_right(1);
            self.places[to..=at].rotate_right(1);
        } else {
            self.scores[at..=to].rotate_left(1);
            self.places[at..=to].rotate_left(1);
        }
        self.scores[to] = score;
    }

    /// What a member adds to the bytes that a copy of the leaf would copy.
    fn weight(&self, at: usize) -> usize {
        let record = if self.places[at].is_large() {
            0
        } else {
            Member(self.member(at).1).bytes()
        };
        SLOT_BYTES + record
    }

    /// Whether it has as many members as a leaf should.
    pub(super) fn is_filled(&self) -> bool {
        self.scores.len() >= MEMBERS_MAX || self.records.live_bytes() >= RECORDS_BYTES_MAX
    }

    /// Gives back what room is left.
    pub(super) fn shrink_to_fit(&mut self) {
        shrink(&mut self.scores, 0);
        shrink(&mut self.places, 0);
        self.records.shrink_to_fit();
    }

    fn copy_of(&self, range: Range<usize>) -> Self {
        let mut copy = Self::default();
        copy.scores.reserve_exact(range.len());
        copy.places.reserve_exact(range.len());
        if self.records.are_inline() {
            let bytes = range.clone().map(|at| self.record(at).len()).sum();
            copy.records.reserve(bytes);
            copy.scores.extend_from_slice(&self.scores[range.clone()]);
            let places = range.map(|at| copy.records.push_inline(self.record(at)));
            copy.places.extend(places);
            return copy;
        }
        if range.len() == self.scores.len() {
            copy.records.reserve(self.records.live_bytes());
        } else {
            let bytes = |at| self.weight(at) - SLOT_BYTES;
            copy.records.reserve(range.clone().map(bytes).sum());
        }
        range.for_each(|at| copy.push_from(self, at));
        copy
    }

    fn push_from(&mut self, other: &Self, at: usize) {
        let (score, member) = other.member(at);
        let place =
            self.records
                .take_over(&other.records, other.places[at], Member(member).bytes());
        make_room(&mut self.scores, 1);
        make_room(&mut self.places, 1);
        self.scores.push(score);
        self.places.push(place);
    }
}

struct Member<'m>(&'m [u8]);

impl Record for Member<'_> {
    fn bytes(&self) -> usize {
        length::bytes(self.0.len()) + self.0.len()
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        length::put(out, self.0.len())?;
        out.write_all(self.0)
    }
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
        is_full.then(|| {
            let total = len * SLOT_BYTES + self.records.live_bytes();
            self.split_off(middle(total, (0..len).map(|at| self.weight(at))))
        })
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = self.copy_of(at..self.scores.len());
        *self = self.copy_of(0..at);
        rest
    }

    fn is_sparse(&self) -> bool {
        self.scores.len() < MEMBERS_MIN && self.records.live_bytes() < RECORDS_BYTES_MAX / 8
    }

    fn free_large(&mut self) -> bool {
        self.records.free_large()
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.scores.len() + next.scores.len() <= MEMBERS_MAX * 3 / 4
            && self.records.live_bytes() + next.records.live_bytes() <= RECORDS_BYTES_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        (0..next.scores.len()).for_each(|at| self.push_from(next, at));
    }
}
