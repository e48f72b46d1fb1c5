//! Values on their way into and out of entries.
//!
//! `unsafe`: takes values out of entries by their words; see the invariant in [`super`].

use super::Shard;
use crate::DbIndex;
use crate::big_string::BigString;
use crate::collection::Collection;
use crate::entry::{EntryMut, EntryView, Payload, big_string_bytes, collection_bytes};
use crate::hash::Key;
use crate::slot_word::{Kind, Word};
use crate::time::UnixMillis;
use crate::typed::{CollectionRef, PackedRef, Packing};
use crate::value::{NewValue, StringRef, ValueRef};

/// A value on its way from one key to another.
pub(crate) enum OwnedValue {
    Raw(Box<[u8]>),
    Grown(Box<[u8]>),
    Int(i64),
    Big(Box<BigString>),
    Packed(Packing, Box<[u8]>),
    Collection(Box<Collection>),
}

impl OwnedValue {
    /// A copy of the value; what lies outside the entry is pinned.
    fn copy_of(view: &EntryView<'_>) -> Self {
        match view.value() {
            ValueRef::String(StringRef::Raw(bytes)) if view.word().kind() == Kind::Grown => {
                OwnedValue::Grown(bytes.into())
            }
            ValueRef::String(StringRef::Raw(bytes)) => OwnedValue::Raw(bytes.into()),
            ValueRef::String(StringRef::Int(value)) => OwnedValue::Int(value),
            ValueRef::String(StringRef::Big(big)) => OwnedValue::Big(Box::new(big.clone())),
            ValueRef::Collection(CollectionRef::Packed(packed)) => {
                OwnedValue::Packed(packed.packing, packed.bytes.into())
            }
            ValueRef::Collection(CollectionRef::Big(big)) => {
                let mut copy = big.clone();
                if let Collection::Stream(stream) = &mut copy {
                    stream.begin_lineage();
                }
                OwnedValue::Collection(Box::new(copy))
            }
        }
    }

    /// The payload of a new entry. What lies outside moves into it, so this is called once.
    pub(crate) fn into_payload(self, bytes: &mut Box<[u8]>) -> Payload<'_> {
        match self {
            OwnedValue::Raw(raw) => {
                *bytes = raw;
                Payload::Raw(bytes)
            }
            OwnedValue::Grown(grown) => {
                *bytes = grown;
                Payload::Grown(bytes)
            }
            OwnedValue::Int(value) => Payload::Int(value),
            OwnedValue::Big(big) => Payload::Big(big),
            OwnedValue::Packed(packing, packed) => {
                *bytes = packed;
                Payload::Packed(PackedRef { packing, bytes })
            }
            OwnedValue::Collection(collection) => Payload::Collection(collection),
        }
    }
}

impl Shard {
    /// A copy of the value and expire time at `key`, to be installed elsewhere. What lies outside the entry is pinned.
    pub(crate) fn value_of(
        &self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Option<(OwnedValue, Option<UnixMillis>)> {
        let view = self.view(db, key)?;
        Some((OwnedValue::copy_of(&view), view.expire_at()))
    }

    /// Takes `key` out, with its value and expire time, to be installed elsewhere: what lies outside the entry moves
    /// along, unless a snapshot still wants it; then it is pinned.
    pub(crate) fn take_value(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        hasher: &crate::hash::KeyHasher,
    ) -> Option<(OwnedValue, Option<UnixMillis>)> {
        let view = self.view(db, key)?;
        let (word, expire_at) = (view.word(), view.expire_at());
        let is_ours = word.parity() == self.parity;
        self.uncount(db, word);
        let value = match word.kind() {
            Kind::BigString | Kind::Collection if is_ours => self.take_outside_of(word),
            // SAFETY: the word is in the table of this shard, which is borrowed exclusively.
            _ => OwnedValue::copy_of(&unsafe { EntryView::new(word) }),
        };
        let is_moved = is_ours && matches!(word.kind(), Kind::BigString | Kind::Collection);
        let database = self.dbs[db as usize]
            .as_mut()
            .expect("the key has just been found there");
        database.table.remove(key.hash.position, key.bytes, hasher);
        if is_moved {
            // SAFETY: the word has left the table, and what it owned has moved on.
            unsafe { self.slab.free(word.entry().block()) };
        } else {
            self.retire(db, word);
        }
        Some((value, expire_at))
    }

    /// Takes what lies outside out of an entry that is freed next.
    fn take_outside_of(&mut self, word: Word) -> OwnedValue {
        // SAFETY: the word is in the table of this shard, which is borrowed exclusively; its entry is freed by the
        // caller, without what it owned.
        let mut entry = unsafe { EntryMut::new(word) };
        if word.kind() == Kind::BigString {
            let big = entry.take_big();
            self.outside_bytes -= big_string_bytes(&big);
            OwnedValue::Big(big)
        } else {
            let collection = entry.take_collection();
            self.outside_bytes -= collection_bytes(&collection);
            OwnedValue::Collection(collection)
        }
    }

    /// The payload for a copy of `word`'s value. What lies outside the entry is cloned (a pin) if `word` stays
    /// readable, else moved over: the entry is freed next without it.
    pub(super) fn payload_to_copy<'v>(&mut self, word: Word, keep: bool) -> Payload<'v> {
        // SAFETY: the word's entry is live; the caller's copy finishes before it is freed.
        let view: EntryView<'v> = unsafe { EntryView::new(word) };
        let is_cloned = keep || word.parity() != self.parity;
        match view.value() {
            ValueRef::String(StringRef::Raw(bytes)) if word.kind() == Kind::Grown => {
                Payload::Grown(bytes)
            }
            ValueRef::String(StringRef::Raw(bytes)) => Payload::Raw(bytes),
            ValueRef::String(StringRef::Int(value)) => Payload::Int(value),
            ValueRef::String(StringRef::Big(big)) if is_cloned => {
                Payload::Big(Box::new(big.clone()))
            }
            ValueRef::Collection(CollectionRef::Packed(packed)) => Payload::Packed(packed),
            ValueRef::Collection(CollectionRef::Big(big)) if is_cloned => {
                Payload::Collection(Box::new(big.clone()))
            }
            ValueRef::String(StringRef::Big(_)) | ValueRef::Collection(CollectionRef::Big(_)) => {
                match self.take_outside_of(word) {
                    OwnedValue::Big(big) => Payload::Big(big),
                    OwnedValue::Collection(collection) => Payload::Collection(collection),
                    _ => unreachable!("a big value lies outside its entry"),
                }
            }
        }
    }
}

/// The payload for a string that a command stores.
pub(crate) fn payload_of(value: NewValue<'_>) -> Payload<'_> {
    match value {
        NewValue::Bytes(bytes) => match crate::value::canonical_integer(bytes) {
            Some(value) => Payload::Int(value),
            None if bytes.len() >= crate::value::BIG_STRING_MIN_BYTES => {
                Payload::Big(Box::new(BigString::from_bytes(bytes)))
            }
            None => Payload::Raw(bytes),
        },
        NewValue::Int(value) => Payload::Int(value),
        NewValue::Big(big) => Payload::Big(Box::new(big)),
    }
}
