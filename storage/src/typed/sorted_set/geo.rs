//! Searches of sorted sets whose scores are places on earth.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::{ControlFlow, Range};

use smallvec::SmallVec;

use crate::geo::{Finder, Shape};
use crate::listpack::Value;

use super::{Form, Pair, SortedSetRef, packed};

/// The order in which a search gives what it has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GeoOrder {
    /// In which it was found.
    #[default]
    Found,
    /// The nearest to the centre first.
    Nearest,
    /// The furthest from the centre first.
    Furthest,
}

/// What a search is for.
#[derive(Clone, Debug)]
pub struct GeoSearch {
    /// Where members are looked for.
    pub shape: Shape,
    /// Their order.
    pub order: GeoOrder,
    /// How many of them are wanted: the first ones in that order.
    pub count: Option<u64>,
    /// Whether as many as are wanted will do, whichever comes first.
    pub any: bool,
}

/// A member inside the shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoHit<M> {
    /// The member.
    pub member: M,
    /// Its score, which is its place.
    pub score: f64,
    /// Metres from the centre of the shape.
    pub distance: f64,
}

impl<'a> SortedSetRef<'a> {
    /// The members that a search finds.
    pub fn geo_search(
        &self,
        search: GeoSearch,
    ) -> impl ExactSizeIterator<Item = GeoHit<Value<'a>>> + use<'a> {
        let mut ranges = search.shape.score_ranges();
        let mut hits = Hits::new(search);
        // What breaks off has found enough.
        let _ = match self.form {
            Form::Packed(set) => {
                let pairs: SmallVec<[Pair<'a>; 128]> = packed::pairs(set).collect();
                ranges.try_for_each(|range| {
                    between(&pairs, &range)
                        .iter()
                        .try_for_each(|&(member, score)| hits.offer(score, || member))
                })
            }
            Form::Big(tree, _) => ranges.try_for_each(|range| {
                tree.each_in_scores(range, |score, member| {
                    hits.offer(score, || Value::Bytes(member.read()))
                })
            }),
        };
        hits.into_sorted()
    }
}

/// The pairs, which come in their order, that have scores in a range.
fn between<'p, 'a>(pairs: &'p [Pair<'a>], scores: &Range<f64>) -> &'p [Pair<'a>] {
    let start = pairs.partition_point(|(_, score)| *score < scores.start);
    let pairs = &pairs[start..];
    &pairs[..pairs.partition_point(|(_, score)| *score < scores.end)]
}

/// What a search has found.
struct Hits<M> {
    finder: Finder,
    order: GeoOrder,
    chosen: Chosen<M>,
    /// How many members were inside and wanted.
    found: u64,
}

enum Chosen<M> {
    /// Every one, or as many as are wanted.
    All(Vec<Ordered<M>>, u64),
    /// Those that come first in the order, as many as are wanted; the last of them is on top.
    First(BinaryHeap<Ordered<M>>, u64),
}

/// A member with its place in the order.
struct Ordered<M> {
    /// The lower the earlier.
    key: f64,
    /// Of several with one key the first one found comes first.
    number: u64,
    hit: GeoHit<M>,
}

impl<M> Hits<M> {
    fn new(search: GeoSearch) -> Self {
        let chosen = match search.count {
            Some(count) if !search.any && search.order != GeoOrder::Found => {
                Chosen::First(BinaryHeap::new(), count)
            }
            count => Chosen::All(Vec::new(), count.unwrap_or(u64::MAX)),
        };
        Self {
            finder: Finder::new(search.shape),
            order: search.order,
            chosen,
            found: 0,
        }
    }

    /// Takes a member if it is inside and wanted; breaks off when no other will be.
    #[inline]
    fn offer(&mut self, score: f64, member: impl FnOnce() -> M) -> ControlFlow<()> {
        match self.finder.distance(score) {
            Some(distance) => self.take(score, distance, member),
            None => ControlFlow::Continue(()),
        }
    }

    fn take(&mut self, score: f64, distance: f64, member: impl FnOnce() -> M) -> ControlFlow<()> {
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
            number: self.found,
            hit: GeoHit {
                member: member(),
                score,
                distance,
            },
        };
        self.found += 1;
        match &mut self.chosen {
            Chosen::All(hits, count) => {
                hits.push(hit);
                if hits.len() as u64 >= *count {
                    return ControlFlow::Break(());
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

    fn into_sorted(self) -> impl ExactSizeIterator<Item = GeoHit<M>> {
        let hits = match self.chosen {
            Chosen::All(mut hits, _) => {
                if self.order != GeoOrder::Found {
                    hits.sort_unstable();
                }
                hits
            }
            Chosen::First(hits, _) => hits.into_sorted_vec(),
        };
        hits.into_iter().map(|hit| hit.hit)
    }
}

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
