//! Members of a big sorted set: a tree in the order of scores, and one that finds a member's score.
//!
//! The first has score and member, and answers everything about ranks and ranges. The second has no members, only 32 bits
//! of their hash with the score; what it says is looked up in the first. So a member is kept once.

use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

use crate::prefetch;
use crate::tree::{First, Leaf, Path, Spot, Tree};

use super::assert_fits;
use super::fields::ElementHash;

mod build;
mod cut;
mod leaf;
mod part;
mod scan;
mod scores;
#[cfg(test)]
mod tests;

pub use build::RankedTreeBuilder;
pub use cut::RankedCut;
pub use leaf::{Ranked, RankedBound};
pub use part::{RankedParting, Wanted};
pub use scan::RankedScan;
use scores::ScoreSpot;
pub use scores::Scores;

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

    /// See [`Tree::is_same`].
    pub fn is_same(&self, other: &Self) -> bool {
        self.ranked.is_same(&other.ranked) && self.scores.is_same(&other.scores)
    }

    /// The trees, out of here.
    pub fn into_trees(self) -> (Tree<Ranked>, Tree<Scores>) {
        (self.ranked, self.scores)
    }

    /// Starts loading the head of the leaf in which the score of a member with `hash` would lie; that leaf, and the tree
    /// that has the member.
    pub(super) fn warm_score(&self, hash: ElementHash) -> Option<(&Scores, &Tree<Ranked>)> {
        let leaf = scores::leaf_ahead(&self.scores, hash)?;
        prefetch::read_all(std::slice::from_ref(leaf));
        Some((leaf, &self.ranked))
    }

    /// The score of a member whose hash is `hash`.
    pub fn score(&self, hash: ElementHash, member: &[u8]) -> Option<f64> {
        self.look_up(hash, member).map(|(known, _)| known.score)
    }

    /// Where a member stands in both trees.
    fn look_up(&self, hash: ElementHash, member: &[u8]) -> Option<(ScoreSpot, Spot)> {
        scores::of(&self.scores, hash).find_map(|known| {
            let spot = self.find(known.score, member)?;
            let its_own = self.ranked.leaf(&spot.path).score(spot.offset);
            // Zero is found as minus zero, too.
            (its_own.to_bits() == known.score.to_bits()).then_some((known, spot))
        })
    }

    /// Adds a member, or gives it another score; the score it had. A score that equals the one it had is not written, so
    /// a zero keeps its sign, as in Redis.
    ///
    /// # Panics
    /// If the score is NaN, or the member longer than [`super::PART_BYTES_MAX`].
    pub fn set(&mut self, hash: ElementHash, member: &[u8], score: f64) -> Option<f64> {
        self.update(hash, member, |_| Some(score))
    }

    /// Adds a member, or gives it another score: `decide` gets the score it has, if it is there, and says which it shall
    /// have; `None` leaves everything as it is. The score it had.
    ///
    /// # Panics
    /// As [`RankedTree::set`].
    pub fn update(
        &mut self,
        hash: ElementHash,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Option<f64> {
        assert_fits(member);
        let found = self.look_up(hash, member);
        let old = found.as_ref().map(|(known, _)| known.score);
        let Some(score) = decide(old) else {
            return old;
        };
        assert!(!score.is_nan(), "scores have an order");
        let Some((known, spot)) = found else {
            scores::add(&mut self.scores, hash, score);
            self.add(member, score);
            return None;
        };
        if known.score == score {
            return old;
        }
        scores::replace(&mut self.scores, &known, score);
        match self.place_in_leaf(&spot, member, score) {
            Some(to) => self
                .ranked
                .update(&spot.path, |leaf| leaf.move_to(spot.offset, to, score)),
            None => {
                self.ranked
                    .update(&spot.path, |leaf| leaf.remove(spot.offset));
                self.add(member, score);
            }
        }
        old
    }

    /// Adds a member to the order.
    fn add(&mut self, member: &[u8], score: f64) {
        let add = |leaf: &mut Ranked| {
            let at = leaf.find(score, member).unwrap_or_else(|at| at);
            leaf.insert(at, score, member);
        };
        let order = order_of(score, member);
        self.ranked.update_where(order, add);
    }

    /// The number that the member at `spot` would have in its leaf with another score, unless it belongs in another leaf.
    fn place_in_leaf(&self, spot: &Spot, member: &[u8], score: f64) -> Option<usize> {
        let leaf = self.ranked.leaf(&spot.path);
        let place = leaf.find(score, member).unwrap_or_else(|at| at);
        let rises = score > leaf.score(spot.offset);
        // The member itself still stands there, before its new place if its score rises.
        let to = if rises { place - 1 } else { place };
        let is_last = to == leaf.len() - 1;
        let belongs = if rises && is_last {
            let next = self.ranked.next_leaf(&spot.path);
            next.is_none_or(|next| self.ranked.leaf(&next).is_behind(score, member))
        } else if !rises && to == 0 {
            let previous = self.ranked.previous_leaf(&spot.path);
            previous.is_none_or(|previous| !self.ranked.leaf(&previous).ends_behind(score, member))
        } else {
            true
        };
        belongs.then_some(to)
    }

    /// Removes a member; the score it had.
    pub fn remove(&mut self, hash: ElementHash, member: &[u8]) -> Option<f64> {
        let (known, spot) = self.look_up(hash, member)?;
        scores::remove_at(&mut self.scores, &known);
        self.ranked
            .update(&spot.path, |leaf| leaf.remove(spot.offset));
        Some(known.score)
    }

    /// Removes the member with `rank` others before it; whether there is one. `hash` says what its hash is.
    pub fn remove_at(&mut self, rank: u64, hash: impl FnOnce(&[u8]) -> ElementHash) -> bool {
        let Some(spot) = self.ranked.spot(rank) else {
            return false;
        };
        let (score, member) = self.ranked.leaf(&spot.path).member(spot.offset);
        scores::remove(&mut self.scores, hash(member), score);
        self.ranked
            .update(&spot.path, |leaf| leaf.remove(spot.offset));
        true
    }

    /// How many members stand before one whose hash is `hash`, and its score.
    pub fn rank_of(&self, hash: ElementHash, member: &[u8]) -> Option<(u64, f64)> {
        let (known, spot) = self.look_up(hash, member)?;
        let rank = self.ranked.before(&spot.path) + spot.offset as u64;
        Some((rank, known.score))
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

    /// The rank of the first member whose score is `score` or above; how many there are if there is none.
    pub fn first_from_score(&self, score: f64) -> u64 {
        self.count_while_score(|other| other < score)
    }

    /// The rank of the first member whose score is above `score`; how many there are if there is none.
    pub fn first_above_score(&self, score: f64) -> u64 {
        self.count_while_score(|other| other <= score)
    }

    /// The rank of the first member that is `member` or comes behind it; how many there are if there is none. All have the
    /// same score.
    pub fn first_from_member(&self, member: &[u8]) -> u64 {
        self.count_while_member(|other| other < member)
    }

    /// The rank of the first member that comes behind `member`; how many there are if there is none. All have the same
    /// score.
    pub fn first_above_member(&self, member: &[u8]) -> u64 {
        self.count_while_member(|other| other <= member)
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
        let mut leaf = path.as_ref().map(|path| self.ranked.leaf(path));
        std::iter::from_fn(move || {
            let current = leaf?;
            let member = current.member(offset);
            offset += 1;
            if offset == current.len() {
                path = self.ranked.next_leaf(path.as_ref()?);
                leaf = path.as_ref().map(|path| self.ranked.leaf(path));
                offset = 0;
            }
            Some(member)
        })
    }

    /// Shows `visit` the members with scores in a range, in their order, until it breaks off. Nothing of a member is loaded
    /// unless it is read.
    pub fn each_in_scores<'t, B>(
        &'t self,
        scores: Range<f64>,
        mut visit: impl FnMut(f64, RankedMember<'t>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let is_before = |score| score < scores.start;
        let path = self.ranked.seek(|bound, _| side(is_before(bound.score)));
        let offset = path.as_ref().map_or(0, |path| {
            let leaf = self.ranked.leaf(path);
            leaf.count_scores_while(is_before)
        });
        // The outer break is the end of the range.
        let ended = self.walk(path, offset, |score, member| {
            if score >= scores.end {
                return ControlFlow::Break(None);
            }
            visit(score, member).map_break(Some)
        });
        match ended {
            ControlFlow::Break(Some(broken)) => ControlFlow::Break(broken),
            ControlFlow::Break(None) | ControlFlow::Continue(()) => ControlFlow::Continue(()),
        }
    }

    /// The same for members from the one with `rank` others before it on.
    pub fn each_from<'t, B>(
        &'t self,
        rank: u64,
        visit: impl FnMut(f64, RankedMember<'t>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let spot = self.ranked.spot(rank);
        let offset = spot.as_ref().map_or(0, |spot| spot.offset);
        self.walk(spot.map(|spot| spot.path), offset, visit)
    }

    #[inline]
    fn walk<'t, B>(
        &'t self,
        mut path: Option<Path>,
        mut offset: usize,
        mut visit: impl FnMut(f64, RankedMember<'t>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        while let Some(place) = &path {
            let leaf = self.ranked.leaf(place);
            for at in offset..leaf.len() {
                visit(leaf.score(at), RankedMember { leaf, at })?;
            }
            path = self.ranked.next_leaf(place);
            offset = 0;
        }
        ControlFlow::Continue(())
    }

    /// Members with their scores, backwards from the one with `rank` others before it.
    pub fn iter_back_from(&self, rank: u64) -> impl Iterator<Item = (f64, &[u8])> {
        let spot = self.ranked.spot(rank);
        let mut left = spot.as_ref().map_or(0, |spot| spot.offset + 1);
        let mut path = spot.map(|spot| spot.path);
        let mut leaf = path.as_ref().map(|path| self.ranked.leaf(path));
        std::iter::from_fn(move || {
            if left == 0 {
                path = self.ranked.previous_leaf(path.as_ref()?);
                leaf = path.as_ref().map(|path| self.ranked.leaf(path));
                left = leaf?.len();
            }
            left -= 1;
            Some(leaf?.member(left))
        })
    }

    /// The leaf in which a member stands, or would.
    fn leaf_of(&self, score: f64, member: &[u8]) -> Option<Path> {
        self.ranked.seek(order_of(score, member))
    }

    fn find(&self, score: f64, member: &[u8]) -> Option<Spot> {
        let path = self.leaf_of(score, member)?;
        let offset = self.ranked.leaf(&path).find(score, member).ok()?;
        Some(Spot { path, offset })
    }
}

/// A member that has not been read yet.
#[derive(Clone, Copy)]
pub struct RankedMember<'t> {
    leaf: &'t Ranked,
    at: usize,
}

impl<'t> RankedMember<'t> {
    /// Its bytes.
    pub fn read(self) -> &'t [u8] {
        self.leaf.member(self.at).1
    }
}

/// For [`Tree::seek`]: compares with a member of this score.
fn order_of(score: f64, member: &[u8]) -> impl FnMut(RankedBound, First<'_, Ranked>) -> Ordering {
    let wanted = RankedBound::new(score, member);
    move |bound, first| {
        bound
            .cmp(wanted)
            .then_with(|| first.leaf().member(0).1.cmp(member))
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
