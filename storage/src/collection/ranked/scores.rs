//! Scores by their members' hashes.

use std::cmp::Ordering;

use crate::prefetch;
use crate::tree::{Leaf, Path, Tree};

use super::super::fields::ElementHash;
use crate::room::{give_back_room, make_room, shrink};

/// Most scores of a leaf.
const SCORES_MAX: usize = 256;

/// A leaf: scores in the order of hashes.
#[derive(Clone, Default)]
pub struct Scores {
    hashes: Vec<ElementHash>,
    scores: Vec<f64>,
}

impl Leaf for Scores {
    type Bound = ElementHash;
    type Summary = ();

    fn len(&self) -> usize {
        self.hashes.len()
    }

    fn memory_bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<ElementHash>()
            + self.scores.capacity() * size_of::<f64>()
    }

    fn bound(&self) -> ElementHash {
        self.hashes[0]
    }

    fn summary(&self) {}

    fn split(&mut self) -> Option<Self> {
        let len = self.hashes.len();
        (len > SCORES_MAX).then(|| self.split_off(len / 2))
    }

    fn split_off(&mut self, at: usize) -> Self {
        let rest = Self {
            hashes: self.hashes.split_off(at),
            scores: self.scores.split_off(at),
        };
        shrink(&mut self.hashes, 0);
        shrink(&mut self.scores, 0);
        rest
    }

    fn is_sparse(&self) -> bool {
        self.hashes.len() < SCORES_MAX / 8
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.hashes.len() + next.hashes.len() <= SCORES_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        make_room(&mut self.hashes, next.hashes.len());
        make_room(&mut self.scores, next.scores.len());
        self.hashes.extend_from_slice(&next.hashes);
        self.scores.extend_from_slice(&next.scores);
    }
}

/// The leaf with the first score of `hash`, or where it would stand. Equal hashes may lie in several leaves.
fn leaf_of(tree: &Tree<Scores>, hash: ElementHash) -> Option<Path> {
    tree.seek(|bound, _| order(bound, hash))
}

/// The leaf that [`leaf_of`] finds.
pub(super) fn leaf_ahead(tree: &Tree<Scores>, hash: ElementHash) -> Option<&Scores> {
    tree.leaf_for(|bound, _| order(bound, hash))
}

impl Scores {
    /// Starts loading what a search reads.
    pub(in crate::collection) fn warm(&self) {
        prefetch::read_all(&self.hashes);
    }

    /// The first score of `hash`.
    pub(in crate::collection) fn first_of(&self, hash: ElementHash) -> Option<f64> {
        let at = self.hashes.partition_point(|&other| other < hash);
        let is_it = self.hashes.get(at) == Some(&hash);
        is_it.then(|| self.scores[at])
    }
}

/// Where a leaf stands that begins with `bound`. One that begins with `hash` itself may have more of it before it.
fn order(bound: ElementHash, hash: ElementHash) -> Ordering {
    bound.cmp(&hash).then(Ordering::Greater)
}

/// A score, and where it stands.
pub(super) struct ScoreSpot {
    pub(super) score: f64,
    path: Path,
    at: usize,
}

/// The scores of members with `hash`.
pub(super) fn of(tree: &Tree<Scores>, hash: ElementHash) -> impl Iterator<Item = ScoreSpot> {
    let mut next = leaf_of(tree, hash).map(|path| {
        let leaf = tree.leaf(&path);
        prefetch::read_all(std::slice::from_ref(leaf));
        prefetch::read_all(&leaf.hashes);
        prefetch::read(leaf.scores.as_ptr());
        let at = leaf.hashes.partition_point(|&other| other < hash);
        (path, at)
    });
    std::iter::from_fn(move || {
        loop {
            let (path, at) = next.take()?;
            let leaf = tree.leaf(&path);
            match leaf.hashes.get(at) {
                Some(&other) if other == hash => {
                    next = Some((path.clone(), at + 1));
                    let score = leaf.scores[at];
                    return Some(ScoreSpot { score, path, at });
                }
                Some(_) => return None,
                None => next = tree.next_leaf(&path).map(|path| (path, 0)),
            }
        }
    })
}

/// The scores from `hash` on, with their hashes, in the order of hashes.
pub(super) fn from(
    tree: &Tree<Scores>,
    hash: ElementHash,
) -> impl Iterator<Item = (ElementHash, f64)> {
    let mut path = leaf_of(tree, hash);
    let mut at = path.as_ref().map_or(0, |path| {
        let hashes = &tree.leaf(path).hashes;
        hashes.partition_point(|&other| other < hash)
    });
    std::iter::from_fn(move || {
        loop {
            let leaf = tree.leaf(path.as_ref()?);
            if at < leaf.hashes.len() {
                at += 1;
                return Some((leaf.hashes[at - 1], leaf.scores[at - 1]));
            }
            path = tree.next_leaf(path.as_ref()?);
            at = 0;
        }
    })
}

/// Adds a score.
pub(super) fn add(tree: &mut Tree<Scores>, hash: ElementHash, score: f64) {
    let add = |leaf: &mut Scores| {
        let at = leaf.hashes.partition_point(|&other| other < hash);
        leaf.insert(at, hash, score);
    };
    tree.update_where(|bound, _| order(bound, hash), add);
}

/// Puts another score where one stands.
pub(super) fn replace(tree: &mut Tree<Scores>, spot: &ScoreSpot, score: f64) {
    tree.update(&spot.path, |leaf| leaf.scores[spot.at] = score);
}

/// Removes a score.
pub(super) fn remove_at(tree: &mut Tree<Scores>, spot: &ScoreSpot) {
    tree.update(&spot.path, |leaf| {
        leaf.hashes.remove(spot.at);
        leaf.scores.remove(spot.at);
        leaf.give_back_room();
    });
}

/// Removes a score that is there.
pub(super) fn remove(tree: &mut Tree<Scores>, hash: ElementHash, score: f64) {
    let spot = of(tree, hash).find(|spot| spot.score.to_bits() == score.to_bits());
    remove_at(tree, &spot.expect("each member has its score here"));
}

/// Removes scores that are there and come in the order of their hashes, a leaf at a time.
pub(super) fn remove_all(tree: &mut Tree<Scores>, mut gone: &[(ElementHash, f64)]) {
    while let Some(&(hash, score)) = gone.first() {
        let first = of(tree, hash).next();
        let ScoreSpot { path, .. } = first.expect("each member has its score here");
        // Scores of the last hash may stand in the next leaf, too.
        let last = *tree.leaf(&path).hashes.last().expect("no leaf is empty");
        let count = gone.partition_point(|&(hash, _)| hash < last);
        if count == 0 {
            remove(tree, hash, score);
            gone = &gone[1..];
        } else {
            tree.update(&path, |leaf| leaf.remove_all(&gone[..count]));
            gone = &gone[count..];
        }
    }
}

impl Scores {
    fn insert(&mut self, at: usize, hash: ElementHash, score: f64) {
        make_room(&mut self.hashes, 1);
        make_room(&mut self.scores, 1);
        self.hashes.insert(at, hash);
        self.scores.insert(at, score);
    }

    /// Removes scores that are there and come in the order of their hashes.
    fn remove_all(&mut self, gone: &[(ElementHash, f64)]) {
        let (mut kept, mut next) = (0, 0);
        let mut found = vec![false; gone.len()];
        for at in 0..self.hashes.len() {
            let (hash, score) = (self.hashes[at], self.scores[at]);
            next += gone[next..].iter().take_while(|one| one.0 < hash).count();
            let same = (next..gone.len())
                .take_while(|&one| gone[one].0 == hash)
                .find(|&one| !found[one] && gone[one].1.to_bits() == score.to_bits());
            if let Some(one) = same {
                found[one] = true;
            } else {
                (self.hashes[kept], self.scores[kept]) = (hash, score);
                kept += 1;
            }
        }
        debug_assert!(found.iter().all(|&found| found), "all were there");
        self.hashes.truncate(kept);
        self.scores.truncate(kept);
        self.give_back_room();
    }

    fn give_back_room(&mut self) {
        give_back_room(&mut self.hashes);
        give_back_room(&mut self.scores);
    }
}

/// A tree of scores that come in the order of their hashes.
pub(super) fn built(scores: impl IntoIterator<Item = (ElementHash, f64)>) -> Tree<Scores> {
    let mut builder = ScoresBuilder::default();
    for (hash, score) in scores {
        builder.push(hash, score);
    }
    builder.finish()
}

/// Makes a tree of scores that come in the order of their hashes, each leaf filled.
#[derive(Default)]
pub(super) struct ScoresBuilder {
    tree: Tree<Scores>,
    leaf: Scores,
}

impl ScoresBuilder {
    pub(super) fn push(&mut self, hash: ElementHash, score: f64) {
        debug_assert!(self.leaf.hashes.last().is_none_or(|last| *last <= hash));
        if self.leaf.hashes.is_empty() {
            self.leaf.hashes.reserve_exact(SCORES_MAX);
            self.leaf.scores.reserve_exact(SCORES_MAX);
        }
        self.leaf.hashes.push(hash);
        self.leaf.scores.push(score);
        if self.leaf.hashes.len() == SCORES_MAX {
            self.finish_leaf();
        }
    }

    fn finish_leaf(&mut self) {
        let mut leaf = std::mem::take(&mut self.leaf);
        shrink(&mut leaf.hashes, 0);
        shrink(&mut leaf.scores, 0);
        self.tree.push_leaf(leaf);
    }

    pub(super) fn finish(mut self) -> Tree<Scores> {
        if !self.leaf.hashes.is_empty() {
            self.finish_leaf();
        }
        self.tree
    }
}
