//! What keys held when they were looked up, to work with after their shards are unlocked.

use std::fmt;
use std::sync::Arc;

use crate::keyspace::Keyspace;
use crate::pins::PinnedCollection;
use crate::unit::Unit;
use crate::value::ValueType;
use crate::{DbIndex, Key, StoreError};

use super::{CollectionRef, PackedRef, Packing};

/// What a key held: a copy of a small collection, a pin of a big one.
pub enum Held {
    /// The key was not there.
    Nothing,
    /// A small collection.
    Packed(Packing, Arc<[u8]>),
    /// A big one.
    Big(PinnedCollection),
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Nothing => f.write_str("Nothing"),
            Held::Packed(packing, bytes) => write!(f, "Packed({packing:?}, {} bytes)", bytes.len()),
            Held::Big(pin) => pin.fmt(f),
        }
    }
}

impl Held {
    /// What is in `content` now.
    pub fn of(content: Option<CollectionRef<'_>>, keyspace: &Keyspace) -> Self {
        match content {
            None => Held::Nothing,
            Some(CollectionRef::Packed(packed)) => {
                Held::Packed(packed.packing, packed.bytes.into())
            }
            Some(CollectionRef::Big(big)) => Held::Big(keyspace.pin(big)),
        }
    }

    /// The collection, unless the key was not there.
    pub fn content(&self) -> Option<CollectionRef<'_>> {
        match self {
            Held::Nothing => None,
            Held::Packed(packing, bytes) => Some(CollectionRef::Packed(PackedRef {
                packing: *packing,
                bytes,
            })),
            Held::Big(pin) => Some(CollectionRef::Big(pin)),
        }
    }

    /// Whether `now` is the same: bytes that are equal, or a tree to which nothing has been written since.
    fn is_same(&self, now: Option<CollectionRef<'_>>) -> bool {
        match (self, now) {
            (Held::Nothing, None) => true,
            (Held::Packed(packing, bytes), Some(CollectionRef::Packed(now))) => {
                *packing == now.packing && **bytes == *now.bytes
            }
            (Held::Big(pin), Some(CollectionRef::Big(now))) => pin.is_same(now),
            _ => false,
        }
    }
}

impl Unit<'_> {
    /// What `key` holds, to work with after this unit. Counts a hit or miss.
    ///
    /// # Errors
    /// `WrongType` when it is not of type `wanted`.
    pub fn hold_value(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
    ) -> Result<Held, StoreError> {
        let keyspace = self.keyspace();
        let content = self.collection(db, key, wanted)?;
        Ok(Held::of(content, keyspace))
    }

    /// As [`Unit::hold_value`], without counting anything.
    ///
    /// # Errors
    /// As [`Unit::hold_value`].
    pub fn hold_value_again(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        wanted: ValueType,
    ) -> Result<Held, StoreError> {
        let keyspace = self.keyspace();
        let Some(entry) = self.peek(db, key) else {
            return Ok(Held::Nothing);
        };
        let content = entry.collection();
        match content.filter(|content| content.value_type() == wanted) {
            Some(content) => Ok(Held::of(Some(content), keyspace)),
            None => Err(StoreError::WrongType),
        }
    }

    /// Whether `key` still holds this: a big collection counts as changed as soon as anything was written to it, be it what
    /// it had.
    pub fn still_holds(&mut self, db: DbIndex, key: &Key<'_>, held: &Held) -> bool {
        match self.peek(db, key) {
            None => held.is_same(None),
            Some(entry) => entry
                .collection()
                .is_some_and(|content| held.is_same(Some(content))),
        }
    }
}
