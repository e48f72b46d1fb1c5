//! Unions, intersections and differences of sets that are small together.
//!
//! What becomes of them is encoded as Redis 7.2 does it: unions and differences grow member by member out of an intset,
//! and what is subtracted after it was added leaves the encoding; an intersection grows out of an intset if the smallest
//! set is one, else out of a listpack, and becomes an intset in the end if it can.

use crate::collection::fields::FieldTree;
use crate::hash::ElementHasher;
use crate::intset::IntsetBuf;
use crate::listpack::{ListpackBuf, Value};
use crate::typed::{CollectionEdit, Content, Limits, Packed};

use super::edit::tree_of;
use super::{OwnedSet, SetEdit, SetRef, Text};

/// What to make of several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The members of any of them.
    Union,
    /// The members that all of them have.
    Intersection,
    /// The members of the first one that no other has.
    Difference,
}

impl Operator {
    /// How many members have to be looked at or looked up, one by one, for sets of these lengths, at most.
    pub fn work(self, lens: &[u64]) -> u64 {
        let sets = lens.len() as u64;
        let total = lens
            .iter()
            .fold(0, |sum: u64, len| sum.saturating_add(*len));
        match self {
            Operator::Union => total,
            Operator::Intersection => lens.iter().min().copied().unwrap_or(0).saturating_mul(sets),
            Operator::Difference if subtracts_from_copy(lens) => total,
            Operator::Difference => lens.first().copied().unwrap_or(0).saturating_mul(sets),
        }
    }
}

/// Whether of a difference all members of the first set are taken and the others' removed, rather than each member looked up
/// in the other sets: Redis's choice between the two.
pub(super) fn subtracts_from_copy(lens: &[u64]) -> bool {
    let first = lens.first().copied().unwrap_or(0);
    // Sets that are not there count for nothing, as those without members do.
    let sets = lens.iter().filter(|len| **len > 0).count() as u64;
    let total = lens
        .iter()
        .fold(0, |sum: u64, len| sum.saturating_add(*len));
    first.saturating_mul(sets) / 2 > total
}

/// What a result begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// What Redis begins with for one that is stored.
    Stored,
    /// What is quick to look up, for one that is not, unless there is little to look up.
    Shown,
}

/// What `operator` makes of `sets`; those that are not there are empty.
pub fn combine(
    operator: Operator,
    sets: &[Option<SetRef<'_>>],
    start: Start,
    hasher: ElementHasher,
    limits: &Limits,
) -> OwnedSet {
    let mut edit = CollectionEdit::new(beginning(operator, sets, start, limits), hasher);
    let mut result = SetEdit::new(&mut edit, limits);
    match operator {
        Operator::Union => {
            for set in sets.iter().flatten() {
                set.each(|member| {
                    result.put_value(member);
                });
            }
        }
        Operator::Intersection => each_common(sets, hasher, |member| {
            result.put_value(member);
            true
        }),
        Operator::Difference => subtract(&mut result, sets, hasher),
    }
    let result = OwnedSet::of(edit.finish().0);
    if operator == Operator::Intersection && start == Start::Stored {
        with_integers(result, limits)
    } else {
        result
    }
}

/// Whether so many members are looked up sooner in a tree than in the small set that Redis 7.2 begins with. The members of
/// fewer are to come in the order in which they were added.
fn is_quicker_big(sets: &[Option<SetRef<'_>>], limits: &Limits) -> bool {
    let total: u64 = sets.iter().flatten().map(|set| set.len()).sum();
    total > 2 * limits.set.entries as u64
}

fn beginning(
    operator: Operator,
    sets: &[Option<SetRef<'_>>],
    start: Start,
    limits: &Limits,
) -> Content<'static> {
    let is_intset = |set: &SetRef<'_>| matches!(set, SetRef::Integers(_));
    let mut present = sets.iter().flatten();
    match (operator, start) {
        (Operator::Intersection, _) => {
            if smallest(sets).is_some_and(|set| is_intset(&set)) {
                Packed::Intset(IntsetBuf::new()).into()
            } else {
                Packed::Set(ListpackBuf::new()).into()
            }
        }
        (_, Start::Shown) if !present.all(is_intset) && is_quicker_big(sets, limits) => {
            OwnedSet::Big(Default::default()).into_content()
        }
        _ => Packed::Intset(IntsetBuf::new()).into(),
    }
}

/// The smallest set; `None` if one is not there, or none at all.
fn smallest<'a>(sets: &[Option<SetRef<'a>>]) -> Option<SetRef<'a>> {
    if sets.iter().any(Option::is_none) {
        return None;
    }
    sets.iter().flatten().copied().min_by_key(|set| set.len())
}

/// Shows `visit` the members that all sets have, until it says that it has enough.
pub fn each_common<'a>(
    sets: &[Option<SetRef<'a>>],
    hasher: ElementHasher,
    mut visit: impl FnMut(Value<'a>) -> bool,
) {
    if sets.iter().any(Option::is_none) {
        return;
    }
    // A member that is in none of a small one is found out soonest there.
    let mut sets: Vec<SetRef<'a>> = sets.iter().flatten().copied().collect();
    sets.sort_by_key(|set| set.len());
    let Some((first, others)) = sets.split_first() else {
        return;
    };
    first.each_while(0, |member| {
        let is_common = others.iter().all(|other| other.has(hasher, member));
        !is_common || visit(member)
    });
}

fn subtract(result: &mut SetEdit<'_, '_>, sets: &[Option<SetRef<'_>>], hasher: ElementHasher) {
    let Some((Some(first), others)) = sets.split_first() else {
        return;
    };
    let lens: Vec<u64> = sets.iter().map(|set| set.map_or(0, SetRef::len)).collect();
    if !subtracts_from_copy(&lens) {
        first.each(|member| {
            let mut others = others.iter().flatten();
            if !others.any(|other| other.has(hasher, member)) {
                result.put_value(member);
            }
        });
        return;
    }
    first.each(|member| {
        result.put_value(member);
    });
    for other in others.iter().flatten() {
        other.each(|member| {
            result.cut(Text::default().of(member));
        });
        if result.read().is_empty() {
            return;
        }
    }
}

/// How many members [`combine`] would give, counted up to `limit`, unless that is 0.
pub fn count(
    operator: Operator,
    sets: &[Option<SetRef<'_>>],
    limit: u64,
    hasher: ElementHasher,
    limits: &Limits,
) -> u64 {
    let limit = if limit == 0 { u64::MAX } else { limit };
    if operator == Operator::Intersection {
        let mut count = 0;
        each_common(sets, hasher, |_| {
            count += 1;
            count < limit
        });
        return count;
    }
    let result = combine(operator, sets, Start::Shown, hasher, limits);
    result.as_set().len().min(limit)
}

/// The same set as an intset, if it can be one.
fn with_integers(set: OwnedSet, limits: &Limits) -> OwnedSet {
    match &set {
        OwnedSet::Integers(_) => set,
        other if fits_intset(other.as_set(), limits) => {
            OwnedSet::Integers(intset_of(other.as_set()))
        }
        _ => set,
    }
}

/// A small set of the members of `set`, of which only these matter; `None` if there are too many, or too long ones.
pub(super) fn packed(set: SetRef<'_>, limits: &Limits) -> Option<OwnedSet> {
    if fits_intset(set, limits) {
        return Some(OwnedSet::Integers(intset_of(set)));
    }
    if set.len() > limits.set.entries as u64 {
        return None;
    }
    let mut listpack = ListpackBuf::new();
    let mut fits = true;
    set.each_while(0, |member| {
        let bytes = member.len();
        fits &=
            bytes as u64 <= limits.set.value_bytes && listpack.as_listpack().has_room_for(bytes);
        if fits {
            listpack.push_back(Text::default().of(member));
        }
        fits
    });
    fits.then_some(OwnedSet::Packed(listpack))
}

fn fits_intset(set: SetRef<'_>, limits: &Limits) -> bool {
    set.len() <= limits.intset_entries as u64 && set.is_of_integers()
}

fn intset_of(set: SetRef<'_>) -> IntsetBuf {
    let mut integers = Vec::with_capacity(set.len() as usize);
    set.each(|member| integers.extend(member.to_integer()));
    // In order each goes behind all others.
    integers.sort_unstable();
    let mut intset = IntsetBuf::new();
    integers.into_iter().for_each(|integer| {
        intset.insert(integer);
    });
    intset
}

/// A tree of the members of a set that may be small.
pub(super) fn as_tree(set: SetRef<'_>, hasher: ElementHasher) -> FieldTree {
    match set {
        SetRef::Big(tree) => tree.clone(),
        small => tree_of(small, hasher),
    }
}
