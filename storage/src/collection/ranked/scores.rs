//! Scores by their members' hashes.

use crate::tree::{Leaf, Path, Tree};

use super::super::fields::ElementHash;
use super::super::room::make_room;

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
        self.hashes.shrink_to_fit();
        self.scores.shrink_to_fit();
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
    // A leaf that begins with `hash` may have more of it before it.
    tree.seek(|bound, _| bound.cmp(&hash).then(std::cmp::Ordering::Greater))
}

/// The scores of members with `hash`.
pub(super) fn of(tree: &Tree<Scores>, hash: ElementHash) -> impl Iterator<Item = f64> {
    Places::new(tree, hash).map(|(path, at)| tree.leaf(&path).scores[at])
}

/// Adds a score.
pub(super) fn add(tree: &mut Tree<Scores>, hash: ElementHash, score: f64) {
    let add = |leaf: &mut Scores| {
        let at = leaf.hashes.partition_point(|&other| other < hash);
        make_room(&mut leaf.hashes, 1);
        make_room(&mut leaf.scores, 1);
        leaf.hashes.insert(at, hash);
        leaf.scores.insert(at, score);
    };
    match leaf_of(tree, hash) {
        Some(path) => tree.update(&path, add),
        None => tree.update_last(add),
    }
}

/// Removes a score that is there.
pub(super) fn remove(tree: &mut Tree<Scores>, hash: ElementHash, score: f64) {
    let mut places = Places::new(tree, hash);
    let same =
        |(path, at): &(Path, usize)| tree.leaf(path).scores[*at].to_bits() == score.to_bits();
    let (path, at) = places.find(same).expect("the score was read from here");
    tree.update(&path, |leaf| {
        leaf.hashes.remove(at);
        leaf.scores.remove(at);
    });
}

/// Where scores of one hash stand.
struct Places<'t> {
    tree: &'t Tree<Scores>,
    hash: ElementHash,
    next: Option<(Path, usize)>,
}

impl<'t> Places<'t> {
    fn new(tree: &'t Tree<Scores>, hash: ElementHash) -> Self {
        let next = leaf_of(tree, hash).map(|path| {
            let hashes = &tree.leaf(&path).hashes;
            let at = hashes.partition_point(|&other| other < hash);
            (path, at)
        });
        Self { tree, hash, next }
    }
}

impl Iterator for Places<'_> {
    type Item = (Path, usize);

    fn next(&mut self) -> Option<(Path, usize)> {
        loop {
            let (path, at) = self.next.take()?;
            let hashes = &self.tree.leaf(&path).hashes;
            match hashes.get(at) {
                Some(&hash) if hash == self.hash => {
                    self.next = Some((path.clone(), at + 1));
                    return Some((path, at));
                }
                Some(_) => return None,
                None => self.next = self.tree.next_leaf(&path).map(|path| (path, 0)),
            }
        }
    }
}
