//! Sorted sets: members with scores, in the order of the scores and, where those are equal, of the members' bytes.
//!
//! A small one is a listpack of members and scores in turn, in that order; a big one is a
//! [`RankedTree`]. Ranks count from 0 at the lowest score.

mod algebra;
mod bulk;
mod cut;
mod edit;
mod geo;
mod packed;
mod random;
mod range;
mod scan;
mod score;
mod sorter;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::collection::Collection;
use crate::collection::ranked::RankedTree;
use crate::hash::{ElementHasher, Key};
use crate::listpack::{Listpack, Value};
use crate::unit::{EditOutcome, Unit};
use crate::value::ValueType;
use crate::{DbIndex, StoreError};

use super::{CollectionRef, PackedLimit};

pub use algebra::{
    Aggregate, Operand, Weighted, difference, intersection, intersection_len, sort, union,
};
pub use bulk::{BulkOperation, Operator, content_of};
pub use cut::BulkCut;
pub use edit::{Added, Adding, Extreme, SortedSetEdit, Towards, Which, sorted_set_of};
pub use geo::{GeoHit, GeoOrder, GeoScan, GeoSearch, SortedHits};
pub use random::{Distinct, below};
pub use range::{LexBound, LexRange, ScoreRange};
pub use scan::SortedSetScan;
pub(crate) use score::score_of;
pub use score::write_with_17_digits;
pub use sorter::{Comes, Sorter};

/// A sorted set to read.
#[derive(Clone, Copy)]
pub struct SortedSetRef<'a> {
    form: Form<'a>,
    hasher: ElementHasher,
}

#[derive(Clone, Copy)]
enum Form<'a> {
    Packed(Listpack<'a>),
    /// The tree, and the collection that it is.
    Big(&'a RankedTree, &'a Collection),
}

/// A member, in a form that may be an integer, and its score.
pub type Pair<'a> = (Value<'a>, f64);

impl<'a> SortedSetRef<'a> {
    /// The sorted set that a collection is, if it is one; `hasher` is that of the collection's keyspace.
    #[inline]
    pub fn of(collection: CollectionRef<'a>, hasher: ElementHasher) -> Option<Self> {
        let form = match collection {
            CollectionRef::Packed(packed) if packed.packing == super::Packing::SortedSet => {
                Form::Packed(packed.listpack()?)
            }
            CollectionRef::Big(big) => match big {
                Collection::SortedSet(tree) => Form::Big(tree, big),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { form, hasher })
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> u64 {
        match self.form {
            Form::Packed(set) => packed::len(set),
            Form::Big(tree, _) => tree.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The collection that a big one is.
    pub fn big(&self) -> Option<&'a Collection> {
        match self.form {
            Form::Packed(_) => None,
            Form::Big(_, collection) => Some(collection),
        }
    }

    /// How members are hashed.
    pub fn hasher(&self) -> ElementHasher {
        self.hasher
    }

    /// The score of a member.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.form {
            Form::Packed(set) => packed::find(set, member).map(|(_, score)| score),
            Form::Big(tree, _) => tree.score(self.hasher.hash(member), member),
        }
    }

    /// How many members stand before this one, and its score.
    #[inline]
    pub fn rank(&self, member: &[u8]) -> Option<(u64, f64)> {
        match self.form {
            Form::Packed(set) => packed::rank(set, member),
            Form::Big(tree, _) => tree.rank_of(self.hasher.hash(member), member),
        }
    }

    /// The member with `rank` others before it.
    pub fn at(&self, rank: u64) -> Option<Pair<'a>> {
        self.iter(rank..rank.saturating_add(1)).next()
    }

    /// The ranks of members with such scores; an empty range if there are none. Of more than `wanted` only the first so
    /// many need be there.
    pub fn ranks_of_scores(&self, scores: &ScoreRange, wanted: u64) -> Range<u64> {
        match self.form {
            Form::Packed(set) => packed::ranks_of_scores(set, scores, wanted),
            Form::Big(tree, _) => {
                let start = tree.count_while_score(|score| scores.begins_behind(score));
                let end = tree.count_while_score(|score| scores.ends_behind(score));
                start..end.max(start)
            }
        }
    }

    /// The ranks of such members, all of which have the same score; an empty range if there are none.
    pub fn ranks_of_members(&self, members: &LexRange<'_>) -> Range<u64> {
        match self.form {
            Form::Packed(set) => {
                let begin = |&(member, _): &Pair<'_>| members.begins_behind(member);
                let inside = |&(member, _): &Pair<'_>| members.ends_behind(member);
                packed_ranks(set, begin, inside)
            }
            Form::Big(tree, _) => {
                let start =
                    tree.count_while_member(|member| members.begins_behind(Value::Bytes(member)));
                let end =
                    tree.count_while_member(|member| members.ends_behind(Value::Bytes(member)));
                start..end.max(start)
            }
        }
    }

    /// Members with their scores, those with these ranks, in their order.
    pub fn iter(&self, ranks: Range<u64>) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        match self.form {
            Form::Packed(set) => Either::One(packed::pairs_from(set, ranks)),
            Form::Big(tree, _) => {
                let count = ranks.end.saturating_sub(ranks.start);
                Either::Other(
                    tree.iter_from(ranks.start)
                        .map(|(score, member)| (Value::Bytes(member), score))
                        .take(usize::try_from(count).unwrap_or(usize::MAX)),
                )
            }
        }
    }

    /// The same from the last one to the first.
    pub fn iter_back(&self, ranks: Range<u64>) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        match self.form {
            Form::Packed(set) => Either::One(packed::pairs_in(set, ranks).rev()),
            Form::Big(tree, _) => {
                let end = ranks.end.min(tree.len());
                let count = end.saturating_sub(ranks.start);
                Either::Other(
                    tree.iter_back_from(end.saturating_sub(1))
                        .map(|(score, member)| (Value::Bytes(member), score))
                        .take(usize::try_from(count).unwrap_or(usize::MAX)),
                )
            }
        }
    }
}

/// The ranks from the first member for which `is_before` does not hold to the last one for which `is_inside` does.
fn packed_ranks(
    set: Listpack<'_>,
    is_before: impl Fn(&Pair<'_>) -> bool,
    is_inside: impl Fn(&Pair<'_>) -> bool,
) -> Range<u64> {
    let mut pairs = packed::pairs(set);
    let mut start = 0;
    let mut next = pairs.next();
    while next.as_ref().is_some_and(&is_before) {
        start += 1;
        next = pairs.next();
    }
    let mut end = start;
    while next.as_ref().is_some_and(&is_inside) {
        end += 1;
        next = pairs.next();
    }
    start..end
}

/// One of two iterators over the same.
enum Either<A, B> {
    One(A),
    Other(B),
}

impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self {
            Either::One(iterator) => iterator.next(),
            Either::Other(iterator) => iterator.next(),
        }
    }
}

impl Unit<'_> {
    /// The live sorted set at `key`.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn sorted_set(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<SortedSetRef<'_>>, StoreError> {
        let hasher = self.keyspace().hasher().elements();
        let collection = self.collection(db, key, ValueType::SortedSet)?;
        Ok(collection.and_then(|collection| SortedSetRef::of(collection, hasher)))
    }

    /// As [`Unit::sorted_set`], looked up in order to change it: counts the access but no hit or miss.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn sorted_set_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<SortedSetRef<'_>>, StoreError> {
        let hasher = self.keyspace().hasher().elements();
        let collection = self.collection_to_change(db, key, ValueType::SortedSet)?;
        Ok(collection.and_then(|collection| SortedSetRef::of(collection, hasher)))
    }

    /// Lets `change` edit the sorted set at `key`, an empty one if there is none, which grows big beyond `limit`. See
    /// [`Unit::edit`].
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else; `change` is not called then.
    #[inline]
    pub fn edit_sorted_set<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        limit: PackedLimit,
        change: impl FnOnce(&mut SortedSetEdit<'_, '_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        self.edit(db, key, ValueType::SortedSet, |edit| {
            change(&mut SortedSetEdit::new(edit, limit))
        })
    }
}
