//! What a search has found so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::ops::ControlFlow;

use crate::geo::Finder;
use crate::runs::Runs;

use super::{GeoHit, GeoOrder, GeoSearch};

/// What taking a member costs, where looking at one costs one.
const TAKING: u64 = 16;

/// The members that have been found, of those that are wanted.
#[derive(Debug)]
pub(super) struct Hits<M> {
    finder: Finder,
    order: GeoOrder,
    chosen: Chosen<M>,
    /// How many members have been taken.
    taken: u64,
    effort_left: u64,
}

#[derive(Debug)]
enum Chosen<M> {
    /// Every one, or as many as are wanted.
    All(Vec<Ordered<M>>, u64),
    /// Those that come first in the order, as many as are wanted; the last of them is on top.
    First(BinaryHeap<Ordered<M>>, u64),
    /// Every one, or as many as are wanted, put in order as they come.
    InRuns(Runs<Ordered<M>>, u64),
}

/// A search in steps has more than these sorted in runs: they would be too many to be moved at once.
const FIRST_MAX: u64 = 4096;

/// A member with its place in the order.
#[derive(Debug)]
struct Ordered<M> {
    /// The lower the earlier.
    key: f64,
    /// Of several with one key the first one found comes first.
    number: u64,
    hit: GeoHit<M>,
}

/// Why a search goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As many as are wanted have been found.
    Found,
    /// It has taken too much.
    Effort,
}

impl<M> Hits<M> {
    pub(super) fn new(search: &GeoSearch, effort: u64) -> Self {
        let count = search.count.unwrap_or(u64::MAX);
        let takes_any = search.any || search.count.is_none() || search.order == GeoOrder::Found;
        let chosen = if takes_any {
            Chosen::All(Vec::new(), count)
        } else {
            Chosen::First(BinaryHeap::new(), count)
        };
        Self::with(search, chosen, effort)
    }

    /// For a search that [`Hits::into_sorted_hits`] ends.
    pub(super) fn in_steps(search: &GeoSearch) -> Self {
        let count = search.count.unwrap_or(u64::MAX);
        let takes_any = search.any || search.order == GeoOrder::Found;
        let chosen = if !takes_any && count <= FIRST_MAX {
            Chosen::First(BinaryHeap::new(), count)
        } else if takes_any {
            Chosen::InRuns(Runs::default(), count)
        } else {
            // The first ones are known once all have come.
            Chosen::InRuns(Runs::default(), u64::MAX)
        };
        Self::with(search, chosen, u64::MAX)
    }

    fn with(search: &GeoSearch, chosen: Chosen<M>, effort: u64) -> Self {
        Self {
            finder: Finder::new(search.shape.clone()),
            order: search.order,
            chosen,
            taken: 0,
            effort_left: effort,
        }
    }

    /// Takes a member if it is inside and wanted.
    #[inline]
    pub(super) fn offer(&mut self, score: f64, member: impl FnOnce() -> M) -> ControlFlow<End> {
        if self.effort_left == 0 {
            return ControlFlow::Break(End::Effort);
        }
        self.effort_left -= 1;
        match self.finder.distance(score) {
            Some(distance) => self.take(score, distance, member),
            None => ControlFlow::Continue(()),
        }
    }

    fn take(&mut self, score: f64, distance: f64, member: impl FnOnce() -> M) -> ControlFlow<End> {
        self.effort_left = self.effort_left.saturating_sub(TAKING);
        let key = match self.order {
            GeoOrder::Found => 0.0,
            GeoOrder::Nearest => distance,
            GeoOrder::Furthest => -distance,
        };
        if let Chosen::First(hits, count) = &mut self.chosen
            && hits.len() as u64 >= *count
        {
            if hits.peek().is_none_or(|last| key >= last.key) {
                return ControlFlow::Continue(());
            }
            hits.pop();
        }
        let hit = Ordered {
            key,
            number: self.taken,
            hit: GeoHit {
                member: member(),
                score,
                distance,
            },
        };
        self.taken += 1;
        match &mut self.chosen {
            Chosen::All(hits, count) => {
                hits.push(hit);
                if hits.len() as u64 >= *count {
                    return ControlFlow::Break(End::Found);
                }
            }
            Chosen::InRuns(hits, count) => {
                hits.push(hit);
                if hits.len() as u64 >= *count {
                    return ControlFlow::Break(End::Found);
                }
            }
            Chosen::First(hits, count) => {
                hits.push(hit);
                if self.order == GeoOrder::Nearest && hits.len() as u64 >= *count {
                    let furthest = hits.peek().map_or(f64::INFINITY, |last| last.key);
                    self.finder.narrow(furthest);
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// What has been found, in its order.
    pub(super) fn into_sorted(self) -> impl ExactSizeIterator<Item = GeoHit<M>> {
        let hits = match self.chosen {
            Chosen::All(mut hits, _) => {
                if self.order != GeoOrder::Found {
                    hits.sort_unstable();
                }
                hits
            }
            Chosen::First(hits, _) => hits.into_sorted_vec(),
            Chosen::InRuns(mut runs, _) => std::iter::from_fn(|| runs.pop()).collect(),
        };
        hits.into_iter().map(|hit| hit.hit)
    }

    /// The same of a search in steps, up to `count` of them, put in order as they are taken.
    pub(super) fn into_sorted_hits(self, count: Option<u64>) -> SortedHits<M> {
        let mut runs = Runs::default();
        match self.chosen {
            Chosen::All(hits, _) => hits.into_iter().for_each(|hit| runs.push(hit)),
            Chosen::First(hits, _) => hits.into_iter().for_each(|hit| runs.push(hit)),
            Chosen::InRuns(hits, _) => runs = hits,
        }
        let most = count.map_or(usize::MAX, |count| {
            usize::try_from(count).unwrap_or(usize::MAX)
        });
        SortedHits {
            left: runs.len().min(most),
            runs,
        }
    }
}

/// What a search has found, in its order.
pub struct SortedHits<M> {
    runs: Runs<Ordered<M>>,
    left: usize,
}

impl<M> SortedHits<M> {
    /// Memory that those take that are still here, the ones beyond the count included.
    pub fn memory_bytes(&self) -> usize {
        self.runs.len() * size_of::<Ordered<M>>()
    }
}

impl<M> fmt::Debug for SortedHits<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SortedHits({})", self.left)
    }
}

impl<M> Iterator for SortedHits<M> {
    type Item = GeoHit<M>;

    fn next(&mut self) -> Option<GeoHit<M>> {
        self.left = self.left.checked_sub(1)?;
        self.runs.pop().map(|hit| hit.hit)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<M> ExactSizeIterator for SortedHits<M> {}

impl<M> Ord for Ordered<M> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = self.key.total_cmp(&other.key);
        by_key.then(self.number.cmp(&other.number))
    }
}

impl<M> PartialOrd for Ordered<M> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> PartialEq for Ordered<M> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<M> Eq for Ordered<M> {}
