//! Unions, intersections and differences of sorted sets and sets.
//!
//! The functions take operands, which hold what their keys held in O(1) for big collections and as a copy for small ones,
//! and give members and scores that refer to them. So nothing here needs the keyspace, or its locks.

use std::cmp::Ordering;

use hashbrown::HashTable;

use crate::collection::Collection;
use crate::hash::{ElementHasher, Key};
use crate::keyspace::Keyspace;
use crate::listpack::Value;
use crate::typed::{CollectionRef, Held, Packing};
use crate::unit::Unit;
use crate::value::{ValueType, canonical_integer};
use crate::{DbIndex, StoreError};

use super::range::cmp_bytes;
use super::{Pair, SortedSetRef};

/// What a key held: a sorted set, or a set, whose members count with the score 1.
#[derive(Debug)]
pub struct Operand {
    held: Held,
    hasher: ElementHasher,
}

/// A sorted set or set as part of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<'a> {
    /// What it is.
    pub operand: &'a Operand,
    /// What its scores are multiplied with.
    pub weight: f64,
}

/// What becomes of the scores that a member has in several operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregate {
    /// They are added.
    #[default]
    Sum,
    /// The lowest counts.
    Min,
    /// The highest counts.
    Max,
    /// They do not matter: the weights of the operands that have the member are added.
    Count,
}

impl Aggregate {
    /// The score that a member brings in from one operand.
    pub(super) fn weigh(self, score: f64, weight: f64) -> f64 {
        match self {
            Aggregate::Count => weight,
            _ => score * weight,
        }
    }

    /// The two scores of a member as one. What is no number counts as 0, as in Redis.
    pub(super) fn join(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum | Aggregate::Count => or_zero(one + other),
            Aggregate::Min if other < one => other,
            Aggregate::Max if other > one => other,
            Aggregate::Min | Aggregate::Max => one,
        }
    }
}

pub(super) fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

impl Operand {
    fn of(content: Option<CollectionRef<'_>>, keyspace: &Keyspace) -> Self {
        Self {
            held: Held::of(content, keyspace),
            hasher: keyspace.hasher().elements(),
        }
    }

    /// What the key held.
    pub fn held(&self) -> &Held {
        &self.held
    }

    fn content(&self) -> Option<CollectionRef<'_>> {
        self.held.content()
    }

    pub(super) fn sorted_set(&self) -> Option<SortedSetRef<'_>> {
        SortedSetRef::of(self.content()?, self.hasher)
    }

    /// Whether it is a sorted set.
    pub(super) fn is_sorted(&self) -> bool {
        self.sorted_set().is_some()
    }

    /// Whether it is a tree, in which any member is found soon.
    pub(super) fn is_big(&self) -> bool {
        matches!(self.held, Held::Big(_))
    }

    /// How many members there are.
    pub fn len(&self) -> u64 {
        match self.content() {
            None => 0,
            Some(CollectionRef::Big(big)) => big.len(),
            Some(CollectionRef::Packed(packed)) => match (packed.listpack(), packed.intset()) {
                (_, Some(set)) => set.len() as u64,
                (Some(set), _) if packed.packing == Packing::Set => set.len() as u64,
                (Some(set), _) => super::packed::len(set),
                (None, None) => 0,
            },
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    pub(super) fn score(&self, member: Value<'_>) -> Option<f64> {
        let mut buffer = itoa::Buffer::new();
        let bytes = match member {
            Value::Bytes(bytes) => bytes,
            Value::Int(number) => buffer.format(number).as_bytes(),
        };
        if let Some(set) = self.sorted_set() {
            return set.score(bytes);
        }
        let is_member = match self.content()? {
            CollectionRef::Big(Collection::Set(set)) => {
                set.get(self.hasher.hash(bytes), bytes).is_some()
            }
            CollectionRef::Big(_) => false,
            CollectionRef::Packed(packed) => match (packed.listpack(), packed.intset()) {
                (Some(set), _) => set
                    .first()
                    .is_some_and(|at| set.find(at, 1, bytes).is_some()),
                (_, Some(set)) => {
                    canonical_integer(bytes).is_some_and(|number| set.contains(number))
                }
                (None, None) => false,
            },
        };
        is_member.then_some(1.0)
    }

    /// Shows `visit` all members with their scores until it answers `false`.
    fn each<'a>(&'a self, visit: impl FnMut(Pair<'a>) -> bool) {
        self.each_from(0, visit);
    }

    /// The same from the one with `number` others before it on.
    pub(super) fn each_from<'a>(&'a self, number: u64, mut visit: impl FnMut(Pair<'a>) -> bool) {
        if let Some(set) = self.sorted_set() {
            set.iter(number..set.len()).all(visit);
            return;
        }
        let skipped = usize::try_from(number).unwrap_or(usize::MAX);
        let mut visit = |member| visit((member, 1.0));
        match self.content() {
            Some(CollectionRef::Big(Collection::Set(set))) => {
                let mut members = set.iter_from_number(number);
                members.all(|(_, element)| visit(Value::Bytes(element.name)));
            }
            Some(CollectionRef::Packed(packed)) => match (packed.listpack(), packed.intset()) {
                (Some(set), _) => {
                    set.iter().skip(skipped).all(visit);
                }
                (_, Some(set)) => {
                    let mut integers = set.iter().skip(skipped);
                    integers.all(|number| visit(Value::Int(number)));
                }
                (None, None) => {}
            },
            _ => {}
        }
    }
}

/// Operands in the order in which Redis takes them, which shows where scores are rounded: the smallest first.
fn smallest_first<'a>(operands: &[Weighted<'a>]) -> Vec<Weighted<'a>> {
    let mut sorted = operands.to_vec();
    sorted.sort_by_key(|operand| operand.operand.len());
    sorted
}

/// The members of all operands, in the order of a sorted set.
pub fn union<'a>(operands: &[Weighted<'a>], aggregate: Aggregate) -> Vec<Pair<'a>> {
    let sorted = smallest_first(operands);
    let most = sorted.last().map_or(0, |last| last.operand.len());
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut by_member: HashTable<usize> = HashTable::with_capacity(most as usize);
    for Weighted { operand, weight } in sorted {
        operand.each(|(member, score)| {
            let score = or_zero(aggregate.weigh(score, weight));
            let hash = hash_of(member, operand.hasher);
            let known = by_member.find(hash, |&at| is_same(pairs[at].0, member));
            if let Some(&at) = known {
                pairs[at].1 = aggregate.join(pairs[at].1, score);
            } else {
                let hash_at = |&at: &usize| hash_of(pairs[at].0, operand.hasher);
                by_member.insert_unique(hash, pairs.len(), hash_at);
                pairs.push((member, score));
            }
            true
        });
    }
    sort(&mut pairs);
    pairs
}

/// The members that are in all operands, in the order of a sorted set.
pub fn intersection<'a>(operands: &[Weighted<'a>], aggregate: Aggregate) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    each_common(operands, aggregate, |pair| {
        pairs.push(pair);
        true
    });
    sort(&mut pairs);
    pairs
}

/// How many members are in all operands; they are counted up to `limit`, unless that is 0.
pub fn intersection_len(operands: &[Weighted<'_>], limit: u64) -> u64 {
    let mut count = 0;
    each_common(operands, Aggregate::Count, |_| {
        count += 1;
        count != limit
    });
    count
}

/// Shows `visit` the members that are in all operands until it answers `false`.
fn each_common<'a>(
    operands: &[Weighted<'a>],
    aggregate: Aggregate,
    mut visit: impl FnMut(Pair<'a>) -> bool,
) {
    let sorted = smallest_first(operands);
    let Some((smallest, others)) = sorted.split_first() else {
        return;
    };
    smallest.operand.each(|(member, score)| {
        let score = or_zero(aggregate.weigh(score, smallest.weight));
        let common = others.iter().try_fold(score, |joined, other| {
            let score = other.operand.score(member)?;
            Some(aggregate.join(joined, aggregate.weigh(score, other.weight)))
        });
        common.is_none_or(|score| visit((member, score)))
    });
}

/// The members of the first operand that are in none of the others, in the order of a sorted set.
pub fn difference<'a>(operands: &[Weighted<'a>]) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    if let Some((first, others)) = operands.split_first() {
        first.operand.each(|(member, score)| {
            if others
                .iter()
                .all(|other| other.operand.score(member).is_none())
            {
                pairs.push((member, score));
            }
            true
        });
    }
    sort(&mut pairs);
    pairs
}

fn hash_of(member: Value<'_>, hasher: ElementHasher) -> u64 {
    let hash = match member {
        Value::Bytes(bytes) => hasher.hash(bytes),
        Value::Int(number) => hasher.hash(itoa::Buffer::new().format(number).as_bytes()),
    };
    // The table looks at the highest bits, too.
    u64::from(hash) << 32 | u64::from(hash)
}

/// Whether two members are the same, though one may be kept as a number and the other as text.
fn is_same(one: Value<'_>, other: Value<'_>) -> bool {
    match (one, other) {
        (Value::Bytes(one), Value::Bytes(other)) => one == other,
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::Int(number), Value::Bytes(text)) | (Value::Bytes(text), Value::Int(number)) => {
            canonical_integer(text) == Some(number)
        }
    }
}

/// Brings members into the order of a sorted set.
///
/// # Panics
/// If a score is NaN.
pub fn sort(pairs: &mut [Pair<'_>]) {
    pairs.sort_unstable_by(|one, other| {
        let by_score = one.1.partial_cmp(&other.1);
        by_score
            .expect("no score is NaN")
            .then_with(|| cmp_members(one.0, other.0))
    });
}

fn cmp_members(one: Value<'_>, other: Value<'_>) -> Ordering {
    match other {
        Value::Bytes(other) => cmp_bytes(one, other),
        Value::Int(other) => cmp_bytes(one, itoa::Buffer::new().format(other).as_bytes()),
    }
}

impl Unit<'_> {
    /// The live sorted set or set at `key`, to be read whatever happens to the key.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    pub fn sorted_set_operand(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Operand, StoreError> {
        let keyspace = self.keyspace();
        let entry = self.find(db, key);
        let content = entry.map(|entry| operand_in(entry.collection()));
        Ok(Operand::of(content.transpose()?, keyspace))
    }

    /// As [`Unit::sorted_set_operand`], without counting anything.
    ///
    /// # Errors
    /// As [`Unit::sorted_set_operand`].
    pub fn sorted_set_operand_again(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Operand, StoreError> {
        let keyspace = self.keyspace();
        let entry = self.peek(db, key);
        let content = entry.map(|entry| operand_in(entry.collection()));
        Ok(Operand::of(content.transpose()?, keyspace))
    }
}

/// What can be an operand of what a key holds.
fn operand_in(content: Option<CollectionRef<'_>>) -> Result<CollectionRef<'_>, StoreError> {
    let is_operand = |content: &CollectionRef<'_>| {
        matches!(content.value_type(), ValueType::SortedSet | ValueType::Set)
    };
    content.filter(is_operand).ok_or(StoreError::WrongType)
}
