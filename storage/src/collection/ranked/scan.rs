//! Walking the members in the order of their hashes, which no change of scores disturbs.
//!
//! The scores stand in that order, but without their members, and a member is found by its score among all that have the
//! same. So a step looks through runs of members of equal score, and to make that worth while it takes the more members
//! at once the longer the runs are: a whole walk looks at no member more than about [`LOOKS_MAX`] times.

use super::super::fields::ElementHash;
use super::{RankedTree, scores};

/// Members looked at for each one that is shown, at most; a few more for the first.
const LOOKS_MAX: u64 = 64;

/// What a step shows: hash and score of some members, the hash of the next one, if there is one.
struct Batch {
    members: Vec<(ElementHash, f64)>,
    next: Option<ElementHash>,
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
        let mut count = count.max(1);
        let mut batch = self.batch(cursor, count);
        while batch.next.is_some() && self.looks(&mut batch) > LOOKS_MAX * count as u64 {
            count *= 2;
            batch = self.batch(cursor, count);
        }
        sort(&mut batch.members);
        for run in batch.members.chunk_by(|one, other| one.1 == other.1) {
            let mut left = run.len();
            let mut members = self.iter_from(self.first_from_score(run[0].1));
            while left > 0 {
                let Some((score, member)) = members.next() else {
                    break;
                };
                let hash = hash(member);
                if run.binary_search_by_key(&hash, |member| member.0).is_ok() {
                    visit(score, member);
                    left -= 1;
                }
            }
        }
        batch.next
    }

    fn batch(&self, cursor: ElementHash, count: usize) -> Batch {
        let mut members: Vec<(ElementHash, f64)> = Vec::new();
        for (hash, score) in scores::from(&self.scores, cursor) {
            if members.len() >= count && members.last().is_some_and(|last| last.0 != hash) {
                let next = Some(hash);
                return Batch { members, next };
            }
            members.push((hash, score));
        }
        Batch {
            members,
            next: None,
        }
    }

    /// How many members have one of the scores of `batch`.
    fn looks(&self, batch: &mut Batch) -> u64 {
        sort(&mut batch.members);
        let runs = batch.members.chunk_by(|one, other| one.1 == other.1);
        runs.map(|run| {
            let score = run[0].1;
            self.first_above_score(score) - self.first_from_score(score)
        })
        .sum()
    }
}

/// Sorts by score and then by hash.
fn sort(members: &mut [(ElementHash, f64)]) {
    members.sort_unstable_by(|one, other| {
        super::leaf::by_score(one.1, other.1).then(one.0.cmp(&other.0))
    });
}
