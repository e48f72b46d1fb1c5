//! Sets: sorted integers in an intset, a few short members in a listpack, or a tree.
//!
//! Which of these a set is depends on what was added to it and in which order, as in Redis 7.2: see [`SetEdit`]. What is
//! taken away never changes it.

mod algebra;
mod bulk;
mod edit;
mod gather;
mod owned;
mod pop;
#[cfg(test)]
mod tests;

use crate::collection::Collection;
use crate::collection::fields::{ElementHash, FieldTree};
use crate::hash::{ElementHasher, Key};
use crate::intset::Intset;
use crate::listpack::{Listpack, Value};
use crate::unit::{EditOutcome, Unit};
use crate::value::{ValueType, canonical_integer};
use crate::{DbIndex, StoreError};

use super::sorted_set::below;
use super::{CollectionRef, Limits};

pub use algebra::{Operator, Start, combine, count, each_common};
pub use bulk::BulkOperation;
pub use edit::SetEdit;
pub use owned::OwnedSet;
pub use pop::BulkPop;

/// A set to read.
#[derive(Clone, Copy)]
pub enum SetRef<'a> {
    /// A small one of integers.
    Integers(Intset<'a>),
    /// Another small one.
    Packed(Listpack<'a>),
    /// A big one.
    Big(&'a FieldTree),
}

impl<'a> SetRef<'a> {
    /// The set that `collection` is.
    ///
    /// # Panics
    /// If it is of another type.
    #[inline]
    pub fn of(collection: CollectionRef<'a>) -> Self {
        match collection {
            CollectionRef::Packed(packed) => match (packed.intset(), packed.listpack()) {
                (Some(intset), _) => SetRef::Integers(intset),
                (_, Some(listpack)) => SetRef::Packed(listpack),
                _ => unreachable!("packed as one of both"),
            },
            CollectionRef::Big(Collection::Set(tree)) => SetRef::Big(tree),
            CollectionRef::Big(_) => unreachable!("whoever looked it up wanted a set"),
        }
    }

    /// How many members there are.
    #[inline]
    pub fn len(self) -> u64 {
        match self {
            SetRef::Integers(intset) => intset.len() as u64,
            SetRef::Packed(listpack) => listpack.len() as u64,
            SetRef::Big(tree) => tree.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is one; `hasher` is the keyspace's.
    #[inline]
    pub fn contains(self, hasher: ElementHasher, member: &[u8]) -> bool {
        match self {
            SetRef::Integers(intset) => {
                canonical_integer(member).is_some_and(|member| intset.contains(member))
            }
            SetRef::Packed(listpack) => {
                let first = listpack.first();
                first.is_some_and(|first| listpack.find(first, 1, member).is_some())
            }
            SetRef::Big(tree) => tree.get(hasher.hash(member), member).is_some(),
        }
    }

    /// The same of a member that was read from a set.
    #[inline]
    pub fn has(self, hasher: ElementHasher, member: Value<'_>) -> bool {
        match (self, member) {
            (SetRef::Integers(intset), Value::Int(member)) => intset.contains(member),
            (_, member) => self.contains(hasher, Text::default().of(member)),
        }
    }

    /// Whether every member is an integer.
    fn is_of_integers(self) -> bool {
        let SetRef::Integers(_) = self else {
            let mut all = true;
            self.each_while(0, |member| {
                all &= member.to_integer().is_some();
                all
            });
            return all;
        };
        true
    }

    /// The member with `number` others before it, in an order that only changes of the set change.
    pub fn at(self, number: u64) -> Option<Value<'a>> {
        match self {
            SetRef::Integers(intset) => intset.get(usize::try_from(number).ok()?).map(Value::Int),
            SetRef::Packed(listpack) => listpack.get(usize::try_from(number).ok()?),
            SetRef::Big(tree) => tree.at(number).map(|element| Value::Bytes(element.name)),
        }
    }

    /// A member by a random number.
    pub fn draw(self, random: u64) -> Option<Value<'a>> {
        // Without any there is no number below their number, and none is found.
        self.at(below(self.len(), random))
    }

    /// Shows `visit` all members in the order of [`SetRef::at`].
    #[inline]
    pub fn each(self, mut visit: impl FnMut(Value<'a>)) {
        match self {
            SetRef::Integers(intset) => intset.iter().for_each(|member| visit(Value::Int(member))),
            SetRef::Packed(listpack) => listpack.iter().for_each(visit),
            SetRef::Big(tree) => tree
                .iter()
                .for_each(|element| visit(Value::Bytes(element.name))),
        }
    }

    /// Shows `visit` the members from number `from` on until it says that it has enough.
    pub fn each_while(self, from: u64, mut visit: impl FnMut(Value<'a>) -> bool) {
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        match self {
            SetRef::Integers(intset) => {
                let rest = intset.iter().skip(skipped);
                rest.map(Value::Int).all(visit);
            }
            SetRef::Packed(listpack) => {
                listpack.iter().skip(skipped).all(visit);
            }
            SetRef::Big(tree) => {
                tree.iter_from_number(from)
                    .all(|(_, element)| visit(Value::Bytes(element.name)));
            }
        }
    }

    /// Shows `visit` members from `cursor` on, about `count` of them; the cursor to go on with, 0 at the end. A small set is
    /// shown as a whole.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(Value<'a>)) -> u64 {
        let SetRef::Big(tree) = self else {
            self.each(visit);
            return 0;
        };
        // Beyond all hashes: nothing is left of a walk that stands there.
        let Ok(cursor) = ElementHash::try_from(cursor) else {
            return 0;
        };
        let next = tree.scan(cursor, count, |element| visit(Value::Bytes(element.name)));
        next.map_or(0, u64::from)
    }
}

/// The decimal form of a member, or the member itself.
#[derive(Clone, Default)]
pub(crate) struct Text(itoa::Buffer);

impl Text {
    /// The member as bytes.
    #[inline]
    pub(crate) fn of<'t>(&'t mut self, member: Value<'t>) -> &'t [u8] {
        match member {
            Value::Int(integer) => self.0.format(integer).as_bytes(),
            Value::Bytes(bytes) => bytes,
        }
    }
}

impl Unit<'_> {
    /// The live set at `key`, looked up to be read.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn find_set(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<SetRef<'_>>, StoreError> {
        let found = self.collection(db, key, ValueType::Set)?;
        Ok(found.map(SetRef::of))
    }

    /// As [`Unit::find_set`], looked up in order to change it: counts the access but no hit or miss.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn set_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<SetRef<'_>>, StoreError> {
        let found = self.collection_to_change(db, key, ValueType::Set)?;
        Ok(found.map(SetRef::of))
    }

    /// Lets `change` edit the set at `key`, an empty one if there is none; see [`Unit::edit`].
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else; `change` is not called then.
    pub fn edit_set<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        limits: &Limits,
        change: impl FnOnce(&mut SetEdit<'_, '_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        self.edit(db, key, ValueType::Set, |edit| {
            change(&mut SetEdit::new(edit, limits))
        })
    }
}
