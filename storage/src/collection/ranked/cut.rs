//! Removing a range of ranks.

use crate::tree::{Leaf, Remains, Tree};

use super::super::CollectionRemains;
use super::{ElementHash, Ranked, RankedTree, Scores, scores};

/// Members that were cut out of a sorted set, to be read and then taken down in steps.
#[must_use = "what was cut out may be too much to free at once"]
pub struct RankedCut {
    ranked: Tree<Ranked>,
    /// Of all of them, or none.
    scores: Tree<Scores>,
}

impl RankedCut {
    /// How many members it has.
    pub fn len(&self) -> u64 {
        self.ranked.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ranked.is_empty()
    }

    /// The members with their scores, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (f64, &[u8])> {
        members(&self.ranked)
    }

    /// Gives them up, to be freed in steps.
    pub fn into_remains(self) -> CollectionRemains {
        CollectionRemains::Ranked(Remains::of(self.ranked), Remains::of(self.scores))
    }
}

fn members(tree: &Tree<Ranked>) -> impl Iterator<Item = (f64, &[u8])> {
    tree.leaves()
        .flat_map(|leaf| (0..leaf.len()).map(|at| leaf.member(at)))
}

impl RankedTree {
    /// Removes `count` members from the one with `rank` others before it on, as far as there are any, and returns them.
    /// `hash` says what a member's hash is.
    ///
    /// They are cut out of the order in a few steps at any number, but the scores by hash have to be found one by one: that
    /// takes about 100 ns a member, and 16 bytes for each meanwhile. Nothing of it is done if all members go.
    pub fn remove_range(
        &mut self,
        rank: u64,
        count: u64,
        hash: impl Fn(&[u8]) -> ElementHash,
    ) -> RankedCut {
        if count == 0 {
            return RankedCut {
                ranked: Tree::new(),
                scores: Tree::new(),
            };
        }
        let mut ranked = self.ranked.split_off(rank);
        let behind = ranked.split_off(count);
        self.ranked.append(behind);
        let scores = if self.ranked.is_empty() {
            std::mem::take(&mut self.scores)
        } else {
            let mut gone: Vec<_> = members(&ranked)
                .map(|(score, member)| (hash(member), score))
                .collect();
            gone.sort_unstable_by_key(|&(hash, _)| hash);
            scores::remove_all(&mut self.scores, &gone);
            Tree::new()
        };
        RankedCut { ranked, scores }
    }
}
