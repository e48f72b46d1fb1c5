//! Making a sorted set of many members at once.

use crate::tree::{Leaf, Tree};

use super::leaf::{Ranked, by_score};
use super::{ElementHash, RankedTree, assert_fits, scores};

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
        let ranked = ranked(&members);
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

/// The tree of members that come in its order, each leaf filled.
fn ranked(members: &[(ElementHash, &[u8], f64)]) -> Tree<Ranked> {
    let mut tree = Tree::new();
    let mut leaf = Ranked::default();
    for (number, &(_, member, score)) in members.iter().enumerate() {
        leaf.insert(leaf.len(), score, member);
        if leaf.is_filled() || number == members.len() - 1 {
            leaf.shrink_to_fit();
            tree.push_leaf(std::mem::take(&mut leaf));
        }
    }
    tree
}
