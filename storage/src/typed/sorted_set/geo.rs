//! Searches of sorted sets whose scores are places on earth.

mod hits;
mod scan;
#[cfg(test)]
mod tests;

use std::ops::{ControlFlow, Range};

use smallvec::SmallVec;

use crate::geo::Shape;
use crate::listpack::Value;

use super::{Form, Pair, SortedSetRef, packed};

pub use hits::SortedHits;
pub use scan::GeoScan;

use hits::{End, Hits};

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
    /// The members that a search finds. `None` if it takes more than `effort`: to look at a member takes one, and to take
    /// it sixteen more, which is about how the times compare.
    pub fn geo_search(
        &self,
        search: &GeoSearch,
        effort: u64,
    ) -> Option<impl ExactSizeIterator<Item = GeoHit<Value<'a>>> + use<'a>> {
        let mut ranges = search.shape.score_ranges();
        let mut hits = Hits::new(search, effort);
        let ended = match self.form {
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
        (ended != ControlFlow::Break(End::Effort)).then(|| hits.into_sorted())
    }
}

/// The pairs, which come in their order, that have scores in a range.
fn between<'p, 'a>(pairs: &'p [Pair<'a>], scores: &Range<f64>) -> &'p [Pair<'a>] {
    let start = pairs.partition_point(|(_, score)| *score < scores.start);
    let pairs = &pairs[start..];
    &pairs[..pairs.partition_point(|(_, score)| *score < scores.end)]
}
