//! Hashes: fields and their values, packed in turn in a listpack, or as a tree.
//!
//! A hash is packed while it has few fields and all of them and their values are short ([`super::Limits::hash`]), and no
//! field has an expire time. Once a tree it stays one.
//!
//! A field lives through the millisecond of its expire time, as a key does. Those behind it are not there for anyone who
//! reads or writes, though they may lie in the tree until the shard gets round to removing them.

mod edit;
mod random;
#[cfg(test)]
mod tests;

use crate::DbIndex;
use crate::collection::Collection;
use crate::collection::fields::{Element, ElementHash, FieldTree};
use crate::error::StoreError;
use crate::hash::{ElementHasher, Key};
use crate::listpack::{Listpack, Value};
use crate::time::UnixMillis;
use crate::unit::{EditOutcome, ExpiredFields, Unit};
use crate::value::ValueType;

use super::{CollectionRef, Limits};

pub use edit::HashEdit;
pub use random::{Draws, Numbers, Shuffle, different, random_of};

/// A hash to read.
#[derive(Clone, Copy)]
pub struct HashRef<'a> {
    content: Content<'a>,
    collection: CollectionRef<'a>,
    now: UnixMillis,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    /// Fields and values in turn.
    Packed(Listpack<'a>),
    Tree(&'a FieldTree),
}

/// How far a walk through a tree has come: see [`HashRef::walk`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    hash: ElementHash,
    /// Elements of this hash that have been passed.
    passed: usize,
}

impl<'a> HashRef<'a> {
    /// The hash in `collection`, whose fields count as expired by `now`.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn of(collection: CollectionRef<'a>, now: UnixMillis) -> Self {
        let content = match collection {
            CollectionRef::Packed(packed) => packed.listpack().map(Content::Packed),
            CollectionRef::Big(Collection::Hash(tree)) => Some(Content::Tree(tree)),
            CollectionRef::Big(_) => None,
        };
        let content = content.expect("the caller has asked for a hash");
        Self {
            content,
            collection,
            now,
        }
    }

    /// How it is kept.
    pub fn collection(&self) -> CollectionRef<'a> {
        self.collection
    }

    /// The instant by which fields count as expired.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// How many fields there are, those that have expired left out.
    pub fn len(&self) -> u64 {
        match self.content {
            Content::Packed(listpack) => listpack.len() as u64 / 2,
            Content::Tree(tree) => tree.len() - tree.expired(self.now),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of `field`; `hasher` is the keyspace's.
    #[inline]
    pub fn get(&self, hasher: ElementHasher, field: &[u8]) -> Option<Value<'a>> {
        match self.content {
            Content::Packed(listpack) => {
                let at = listpack.find(listpack.first()?, 2, field)?;
                let value = listpack.next(at).expect("a value follows each field");
                Some(listpack.value_at(value))
            }
            Content::Tree(tree) => {
                let element = self.alive(tree.get(hasher.hash(field), field)?)?;
                Some(Value::Bytes(element.value))
            }
        }
    }

    /// The expire time of `field`, or `Some(None)` if it has none; `None` if there is no such field.
    pub fn expire_at(&self, hasher: ElementHasher, field: &[u8]) -> Option<Option<UnixMillis>> {
        match self.content {
            Content::Packed(_) => self.get(hasher, field).map(|_| None),
            Content::Tree(tree) => {
                let element = self.alive(tree.get(hasher.hash(field), field)?)?;
                Some(element.expire_at)
            }
        }
    }

    /// Shows `visit` all fields with their values.
    #[inline]
    pub fn each(&self, mut visit: impl FnMut(Value<'a>, Value<'a>)) {
        match self.content {
            Content::Packed(listpack) => {
                let mut values = listpack.iter();
                while let (Some(field), Some(value)) = (values.next(), values.next()) {
                    visit(field, value);
                }
            }
            Content::Tree(_) => {
                self.walk(Mark::default(), |field, value| {
                    visit(field, value);
                    true
                });
            }
        }
    }

    /// Shows `visit` the fields of a tree from `mark` on, with their values, until it says that it has enough: where to
    /// go on then. A packed hash, which is small, has no marks and is not walked.
    pub fn walk(
        &self,
        mark: Mark,
        mut visit: impl FnMut(Value<'a>, Value<'a>) -> bool,
    ) -> Option<Mark> {
        let Content::Tree(tree) = self.content else {
            return None;
        };
        let mut reached = mark;
        for (hash, element) in tree.iter_from(mark.hash).skip(mark.passed) {
            let passed = if hash == reached.hash {
                reached.passed + 1
            } else {
                1
            };
            reached = Mark { hash, passed };
            if let Some(element) = self.alive(element)
                && !visit(Value::Bytes(element.name), Value::Bytes(element.value))
            {
                return Some(reached);
            }
        }
        None
    }

    /// Shows `visit` fields with their values from `cursor` on, about `count` of them; the cursor to go on with, 0 at the
    /// end. A packed hash is shown as a whole.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Value<'a>, Value<'a>),
    ) -> u64 {
        let Content::Tree(tree) = self.content else {
            self.each(visit);
            return 0;
        };
        // Beyond all hashes: nothing is left of a walk that stands there.
        let Ok(cursor) = ElementHash::try_from(cursor) else {
            return 0;
        };
        let next = tree.scan(cursor, count, |element| {
            if let Some(element) = self.alive(element) {
                visit(Value::Bytes(element.name), Value::Bytes(element.value));
            }
        });
        next.map_or(0, u64::from)
    }

    /// Whether fields that have expired still lie there.
    pub fn has_expired(&self) -> bool {
        let Content::Tree(tree) = self.content else {
            return false;
        };
        tree.soonest_expiry().is_some_and(|at| at < self.now)
    }

    /// The element, unless it has expired.
    #[inline]
    fn alive<'t>(&self, element: Element<'t>) -> Option<Element<'t>> {
        let expired = element.expire_at.is_some_and(|at| at < self.now);
        (!expired).then_some(element)
    }
}

impl Unit<'_> {
    /// The live hash at `key`.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn hash(&mut self, db: DbIndex, key: &Key<'_>) -> Result<Option<HashRef<'_>>, StoreError> {
        let now = self.sees_expiry_at();
        let collection = self.find_hash(db, key, true)?;
        Ok(collection.map(|collection| HashRef::of(collection, now)))
    }

    /// As [`Unit::hash`], looked up in order to change it: counts the access but no hit or miss.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    pub fn hash_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<HashRef<'_>>, StoreError> {
        let now = self.sees_expiry_at();
        let collection = self.find_hash(db, key, false)?;
        Ok(collection.map(|collection| HashRef::of(collection, now)))
    }

    /// Lets `change` edit the hash at `key`, as [`Unit::edit`] does.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else; `change` is not called then.
    pub fn edit_hash<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        limits: &Limits,
        change: impl FnOnce(&mut HashEdit<'_, '_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        let (now, mut expired) = (self.sees_expiry_at(), Vec::new());
        let edited = self.edit(db, key, ValueType::Hash, |edit| {
            let mut hash = HashEdit::new(edit, limits.hash, now);
            let result = change(&mut hash);
            expired = hash.into_expired();
            result
        });
        if !expired.is_empty() && self.state().may_expire() {
            let expired = ExpiredFields {
                names: expired,
                key_is_gone: false,
            };
            self.fields_expired(db, key, expired);
        }
        edited
    }
}
