//! Walking the members in the order of their hashes, which no change of scores disturbs.
//!
//! The scores stand in that order, but without their members, and a member is found by its score among all that have the
//! same. So a step looks through runs of members of equal score, and to make that worth while it takes the more members
//! at once the longer the runs are: a whole walk looks at no member more than about [`LOOKS_MAX`] times.

use super::super::fields::ElementHash;
use super::{RankedTree, scores};

/// Members looked at for each one that is shown, at most; a few more for the first.
const LOOKS_MAX: u64 = 64;
/// Most members that are taken at once, unless their runs are long.
const BATCH_MAX: usize = 4096;
/// Most members that are taken at once where runs are long, unless it takes more of them to be worth while.
const LONG_BATCH_MAX: usize = 1 << 16;
/// A batch for which no more members have to be looked at takes no time worth speaking of.
const SHORT_LOOKS: u64 = 2048;

/// A walk of some steps through one and the same sorted set.
#[derive(Debug)]
pub struct RankedScan {
    /// Hash and score of some members, by score and then by hash.
    batch: Vec<(ElementHash, f64)>,
    /// Where the batch's next run of equal scores begins.
    run: usize,
    /// The member of this rank is to be looked at next, and so many of the run are yet to be found.
    within: Option<(u64, usize)>,
    /// The hash behind the batch, if there is one.
    next: Option<ElementHash>,
    /// How many members the next batch is to have; more, if that is not worth while.
    wanted: usize,
    /// Members that are still to be shown behind the batch.
    left: usize,
    /// How many members have to be looked at for the batch.
    looks: u64,
}

impl RankedScan {
    /// A walk from `cursor` on: `count` members at least, and more where many have the same score.
    pub fn new(cursor: ElementHash, count: usize) -> Self {
        let left = count.max(1);
        Self {
            batch: Vec::new(),
            run: 0,
            within: None,
            next: Some(cursor),
            wanted: left.min(BATCH_MAX),
            left,
            looks: 0,
        }
    }

    /// Looks at up to `work` members of `tree` and shows `visit` those it is their turn, with their ranks; whether there is
    /// more to do. `hash` says what a member's hash is.
    pub fn step<'t>(
        &mut self,
        tree: &'t RankedTree,
        mut work: usize,
        hash: impl Fn(&[u8]) -> ElementHash,
        mut visit: impl FnMut(u64, f64, &'t [u8]),
    ) -> bool {
        if self.run == self.batch.len() {
            return self.load(tree);
        }
        while self.run < self.batch.len() && work > 0 {
            work -= self.walk_run(tree, work, &hash, &mut visit);
        }
        self.run < self.batch.len() || self.is_more_to_come()
    }

    fn is_more_to_come(&self) -> bool {
        self.left > 0 && self.next.is_some()
    }

    /// Whether all that is left to do takes no time worth speaking of.
    pub fn is_short(&self) -> bool {
        !self.is_more_to_come() && self.looks <= SHORT_LOOKS
    }

    /// Where to go on, once there is nothing more to do; `None` at the end.
    pub fn cursor(&self) -> Option<ElementHash> {
        self.next
    }

    /// Takes the next batch, or says that it is to be a larger one.
    fn load(&mut self, tree: &RankedTree) -> bool {
        let Some(cursor) = self.next.filter(|_| self.left > 0) else {
            return false;
        };
        self.batch.clear();
        self.run = 0;
        let mut next = None;
        for (hash, score) in scores::from(&tree.scores, cursor) {
            let is_other = self.batch.last().is_some_and(|last| last.0 != hash);
            if self.batch.len() >= self.wanted && is_other {
                next = Some(hash);
                break;
            }
            self.batch.push((hash, score));
        }
        sort(&mut self.batch);
        self.looks = looks(tree, &self.batch);
        if next.is_some() && self.looks > LOOKS_MAX * self.wanted as u64 {
            self.wanted *= 2;
            self.batch.clear();
            return true;
        }
        self.left = self.left.saturating_sub(self.batch.len());
        if self.looks > LOOKS_MAX / 8 * self.batch.len() as u64 {
            // Long runs are gone through less often if more members are taken each time.
            self.wanted = self.wanted.max((self.wanted * 2).min(LONG_BATCH_MAX));
        }
        self.wanted = self.wanted.min(self.left.max(1));
        self.next = next;
        !self.batch.is_empty()
    }

    /// Looks for the members of the next run; how many were looked at.
    fn walk_run<'t>(
        &mut self,
        tree: &'t RankedTree,
        work: usize,
        hash: impl Fn(&[u8]) -> ElementHash,
        mut visit: impl FnMut(u64, f64, &'t [u8]),
    ) -> usize {
        let score = self.batch[self.run].1;
        let run = &self.batch[self.run..];
        let run = &run[..run.partition_point(|member| member.1 <= score)];
        let (mut rank, mut left) = self
            .within
            .unwrap_or_else(|| (tree.first_from_score(score), run.len()));
        let begun = rank;
        for (score, member) in tree.iter_from(rank).take(work) {
            if run
                .binary_search_by_key(&hash(member), |member| member.0)
                .is_ok()
            {
                visit(rank, score, member);
                left -= 1;
            }
            rank += 1;
            if left == 0 {
                break;
            }
        }
        if left == 0 || rank == tree.len() {
            self.run += run.len();
            self.within = None;
        } else {
            self.within = Some((rank, left));
        }
        (rank - begun).max(1) as usize
    }
}

impl RankedTree {
    /// Shows `visit` the members from `cursor` on, whole hashes at a time: `count` at least, and more where many have the
    /// same score. The cursor to go on with, or `None` at the end. Whatever is there throughout a series of calls is
    /// shown, and shown once, since no member ever changes its place in the order. `hash` says what a member's hash is.
    pub fn scan<'t>(
        &'t self,
        cursor: ElementHash,
        count: usize,
        hash: impl Fn(&[u8]) -> ElementHash,
        mut visit: impl FnMut(f64, &'t [u8]),
    ) -> Option<ElementHash> {
        let mut scan = RankedScan::new(cursor, count);
        while scan.step(self, usize::MAX, &hash, |_, score, member| {
            visit(score, member);
        }) {}
        scan.cursor()
    }
}

/// How many members have one of these scores.
fn looks(tree: &RankedTree, batch: &[(ElementHash, f64)]) -> u64 {
    let runs = batch.chunk_by(|one, other| one.1 == other.1);
    runs.map(|run| {
        let score = run[0].1;
        tree.first_above_score(score) - tree.first_from_score(score)
    })
    .sum()
}

/// Sorts by score and then by hash.
fn sort(members: &mut [(ElementHash, f64)]) {
    members.sort_unstable_by(|one, other| {
        super::leaf::by_score(one.1, other.1).then(one.0.cmp(&other.0))
    });
}
