//! Long searches, which are done in steps.

use std::ops::{ControlFlow, Range};

use crate::geo::ScoreRanges;

use super::hits::{End, Hits, SortedHits};
use super::{Form, GeoSearch, SortedSetRef};

/// A search of a big sorted set that stays as it is meanwhile: see [`crate::PinnedCollection`]. Members are known by their
/// ranks.
#[derive(Debug)]
pub struct GeoScan {
    hits: Hits<u64>,
    ranges: ScoreRanges,
    /// Ranks that are still to be looked at before the next range.
    ranks: Range<u64>,
    is_searched: bool,
    /// How many of those that are found are wanted.
    count: Option<u64>,
}

impl GeoScan {
    /// A search that has not begun.
    pub fn new(search: &GeoSearch) -> Self {
        Self {
            hits: Hits::in_steps(search),
            ranges: search.shape.score_ranges(),
            ranks: 0..0,
            is_searched: false,
            count: search.count,
        }
    }

    /// Looks at up to `members` more of `set`. Whether there is more to do.
    ///
    /// # Panics
    /// If `set` is a small one: these are not searched in steps.
    pub fn step(&mut self, set: SortedSetRef<'_>, members: usize) -> bool {
        if self.is_searched {
            return false;
        }
        let Form::Big(tree, _) = set.form else {
            panic!("a small sorted set is searched at once");
        };
        if self.ranks.is_empty() {
            let Some(range) = self.ranges.next() else {
                self.is_searched = true;
                return false;
            };
            self.ranks = tree.first_from_score(range.start)..tree.first_from_score(range.end);
        }
        let Range { start, end } = self.ranks;
        let end = end.min(start.saturating_add(members as u64));
        let mut rank = start;
        let ended = tree.each_from(start, |score, _| {
            if rank >= end {
                return ControlFlow::Break(None);
            }
            let offered = self.hits.offer(score, || rank).map_break(Some);
            rank += 1;
            offered
        });
        self.ranks.start = end;
        self.is_searched = ended == ControlFlow::Break(Some(End::Found));
        !self.is_searched
    }

    /// What has been found, once there is nothing more to do.
    pub fn into_hits(self) -> SortedHits<u64> {
        self.hits.into_sorted_hits(self.count)
    }
}
