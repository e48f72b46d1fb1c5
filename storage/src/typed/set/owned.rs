//! Sets that no key holds.

use crate::collection::Collection;
use crate::collection::fields::FieldTree;
use crate::intset::IntsetBuf;
use crate::listpack::ListpackBuf;
use crate::typed::{Content, Packed};

use super::SetRef;

/// A set of its own: what was taken out of a key's, or what came of several.
pub enum OwnedSet {
    /// Integers.
    Integers(IntsetBuf),
    /// Those of a listpack.
    Packed(ListpackBuf),
    /// Those of a tree.
    Big(FieldTree),
}

impl OwnedSet {
    /// A copy of a set.
    pub fn copy_of(set: SetRef<'_>) -> Self {
        match set {
            SetRef::Integers(intset) => {
                let mut copy = IntsetBuf::new();
                intset.iter().for_each(|integer| {
                    copy.insert(integer);
                });
                OwnedSet::Integers(copy)
            }
            SetRef::Packed(listpack) => {
                let mut copy = ListpackBuf::with_capacity(listpack.byte_len());
                copy.load(listpack.as_bytes());
                OwnedSet::Packed(copy)
            }
            SetRef::Big(tree) => OwnedSet::Big(tree.clone()),
        }
    }

    /// Bytes that the members take.
    pub fn byte_len(&self) -> usize {
        match self {
            OwnedSet::Integers(intset) => intset.as_bytes().len(),
            OwnedSet::Packed(listpack) => listpack.as_bytes().len(),
            OwnedSet::Big(tree) => tree.memory_bytes(),
        }
    }

    /// The members.
    pub fn as_set(&self) -> SetRef<'_> {
        match self {
            OwnedSet::Integers(intset) => SetRef::Integers(intset.as_intset()),
            OwnedSet::Packed(listpack) => SetRef::Packed(listpack.as_listpack()),
            OwnedSet::Big(tree) => SetRef::Big(tree),
        }
    }

    /// The set, to be stored.
    pub fn into_content(self) -> Content<'static> {
        match self {
            OwnedSet::Integers(intset) => Packed::Intset(intset).into(),
            OwnedSet::Packed(listpack) => Packed::Set(listpack).into(),
            OwnedSet::Big(tree) => Collection::Set(tree).into(),
        }
    }

    /// The set that is in `content`.
    ///
    /// # Panics
    /// If it is of another type, or where it lies in its entry.
    pub(super) fn of(content: Content<'_>) -> Self {
        match content {
            Content::Packed(Packed::Intset(intset)) => OwnedSet::Integers(intset),
            Content::Packed(Packed::Set(listpack)) => OwnedSet::Packed(listpack),
            Content::New(collection) => match *collection {
                Collection::Set(tree) => OwnedSet::Big(tree),
                _ => unreachable!("it is a set"),
            },
            Content::Packed(_) | Content::InPlace(_) => unreachable!("it is a set of its own"),
        }
    }
}
