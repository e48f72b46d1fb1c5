//! Making a sorted set of many members at once.

use crate::tree::{Leaf, Remains, Tree};

use super::super::CollectionRemains;
use super::leaf::{Ranked, by_score};
use super::scores::{self, ScoresBuilder};
use super::{ElementHash, RankedTree, assert_fits};

/// Makes a sorted set step by step of what has been brought into both of its orders: each member is pushed as one of the
/// hashes and as one of the scores.
#[derive(Default)]
pub struct RankedTreeBuilder {
    ranked: RankedBuilder,
    scores: ScoresBuilder,
}

impl RankedTreeBuilder {
    /// Adds a member's score by its hash; these come in their order.
    pub fn push_hash(&mut self, hash: ElementHash, score: f64) {
        self.scores.push(hash, score);
    }

    /// Adds a member; they come in the order of a sorted set, each once.
    ///
    /// # Panics
    /// If the member is longer than [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    pub fn push(&mut self, score: f64, member: &[u8]) {
        assert_fits(member);
        self.ranked.push(score, member);
    }

    /// The sorted set.
    ///
    /// # Panics
    /// If there are not as many members as hashes.
    pub fn finish(self) -> RankedTree {
        let (ranked, scores) = (self.ranked.finish(), self.scores.finish());
        assert_eq!(ranked.len(), scores.len(), "each member has its hash");
        RankedTree { ranked, scores }
    }

    /// Gives up what has been made, to be freed in steps.
    pub fn into_remains(self) -> CollectionRemains {
        let (ranked, scores) = (self.ranked.finish(), self.scores.finish());
        CollectionRemains::Ranked(Remains::of(ranked), Remains::of(scores))
    }
}

/// The tree of members that come in its order, each leaf filled.
#[derive(Default)]
struct RankedBuilder {
    tree: Tree<Ranked>,
    leaf: Ranked,
}

impl RankedBuilder {
    fn push(&mut self, score: f64, member: &[u8]) {
        self.leaf.insert(self.leaf.len(), score, member);
        if self.leaf.is_filled() {
            self.finish_leaf();
        }
    }

    fn finish_leaf(&mut self) {
        let mut leaf = std::mem::take(&mut self.leaf);
        leaf.shrink_to_fit();
        self.tree.push_leaf(leaf);
    }

    fn finish(mut self) -> Tree<Ranked> {
        if self.leaf.len() > 0 {
            self.finish_leaf();
        }
        self.tree
    }
}

impl<'a> FromIterator<(ElementHash, &'a [u8], f64)> for RankedTree {
    /// A sorted set of members in any order, each with its hash and score; of several that are the same member the last
    /// one is kept. They are sorted first, which takes 32 bytes for each meanwhile.
    ///
    /// # Panics
    /// If a score is NaN, or a member longer than [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    fn from_iter<I: IntoIterator<Item = (ElementHash, &'a [u8], f64)>>(members: I) -> Self {
        let mut members: Vec<_> = members.into_iter().collect();
        let is_number = |member: &(ElementHash, &[u8], f64)| !member.2.is_nan();
        assert!(members.iter().all(is_number), "scores have an order");
        members
            .iter()
            .for_each(|(_, member, _)| assert_fits(member));
        keep_last_of_same(&mut members);
        let scores = scores::built(members.iter().map(|&(hash, _, score)| (hash, score)));
        members.sort_unstable_by(|a, b| by_score(a.2, b.2).then_with(|| a.1.cmp(b.1)));
        let mut ranked = RankedBuilder::default();
        members
            .iter()
            .for_each(|&(_, member, score)| ranked.push(score, member));
        let ranked = ranked.finish();
        Self { ranked, scores }
    }
}

/// Sorts members by their hashes and removes all but the last of those that are the same.
fn keep_last_of_same(members: &mut Vec<(ElementHash, &[u8], f64)>) {
    members.sort_by_key(|&(hash, _, _)| hash);
    // The members of one hash that are kept so far are the last ones before `kept`.
    let mut kept = 0;
    for at in 0..members.len() {
        let (hash, member, _) = members[at];
        let of_hash = members[..kept].iter().rev().take_while(|one| one.0 == hash);
        let same = of_hash.enumerate().find(|(_, one)| one.1 == member);
        match same.map(|(back, _)| kept - 1 - back) {
            Some(same) => members[same] = members[at],
            None => {
                members[kept] = members[at];
                kept += 1;
            }
        }
    }
    members.truncate(kept);
}
