//! Collections as they lie in entries, small or big, behind one face for each type.
//!
//! A small collection is *packed*: its bytes, in Redis's format, stand in the entry ([`PackedRef`]). A big one is a tree
//! outside the entry ([`Collection`]). Readers get a [`CollectionRef`], writers a [`CollectionEdit`], in which a small
//! collection lies unpacked in a buffer of its own and may become a big one; the shard puts back what has changed.
//! The types' own rules (when to grow, what a duplicate is) stand in the files beside this one.

use crate::StoreError;
use crate::collection::{Collection, CollectionRemains};
use crate::entry::Payload;
use crate::hash::ElementHasher;
use crate::intset::{Intset, IntsetBuf};
use crate::listpack::{Listpack, ListpackBuf};
use crate::value::ValueType;

pub mod hash;
mod held;
mod limits;
mod list;
mod records;
pub mod set;
pub mod sorted_set;
mod stream;

pub use held::Held;
pub use limits::{Limits, PackedLimit};
pub use list::{
    End, ListBuilder, ListEdit, ListRef, ListRemoval, ListSearch, ListSpan, MoveMany, Moved,
};
pub use stream::{GroupsAhead, StreamEdit};

/// How a small collection is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Packing {
    /// A list: a listpack of the elements.
    List = 0,
    /// A set of integers: an intset.
    Intset = 1,
    /// A set: a listpack of the members.
    Set = 2,
    /// A hash: a listpack of fields and values in turn.
    Hash = 3,
    /// A sorted set: a listpack of members and scores in turn, in the order of the set.
    SortedSet = 4,
}

impl Packing {
    /// The packing whose number is `byte`.
    pub(crate) fn of_byte(byte: u8) -> Self {
        match byte {
            0 => Packing::List,
            1 => Packing::Intset,
            2 => Packing::Set,
            3 => Packing::Hash,
            4 => Packing::SortedSet,
            other => unreachable!("packing {other}"),
        }
    }

    /// The type of what is packed.
    pub fn value_type(self) -> ValueType {
        match self {
            Packing::List => ValueType::List,
            Packing::Intset | Packing::Set => ValueType::Set,
            Packing::Hash => ValueType::Hash,
            Packing::SortedSet => ValueType::SortedSet,
        }
    }

    /// What `OBJECT ENCODING` answers.
    pub fn encoding(self) -> &'static str {
        match self {
            Packing::Intset => "intset",
            _ => "listpack",
        }
    }
}

/// A small collection in its entry.
#[derive(Clone, Copy, Debug)]
pub struct PackedRef<'a> {
    /// How to read the bytes.
    pub packing: Packing,
    /// A listpack or an intset.
    pub bytes: &'a [u8],
}

impl<'a> PackedRef<'a> {
    /// The listpack, unless it is an intset.
    pub fn listpack(self) -> Option<Listpack<'a>> {
        (self.packing != Packing::Intset).then(|| Listpack::trusted(self.bytes))
    }

    /// The intset, if it is one.
    pub fn intset(self) -> Option<Intset<'a>> {
        (self.packing == Packing::Intset).then(|| Intset::trusted(self.bytes))
    }
}

/// A collection to read.
#[derive(Clone, Copy)]
pub enum CollectionRef<'a> {
    /// A small one.
    Packed(PackedRef<'a>),
    /// A big one.
    Big(&'a Collection),
}

impl CollectionRef<'_> {
    /// How many elements there are.
    pub fn len(&self) -> u64 {
        let packed = match self {
            CollectionRef::Big(big) => return big.len(),
            CollectionRef::Packed(packed) => packed,
        };
        let values = packed.listpack().map_or(0, Listpack::len) as u64;
        match packed.packing {
            Packing::Intset => packed.intset().map_or(0, Intset::len) as u64,
            Packing::List | Packing::Set => values,
            Packing::Hash | Packing::SortedSet => values / 2,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            CollectionRef::Packed(packed) => packed.packing.value_type(),
            CollectionRef::Big(big) => big.value_type(),
        }
    }

    /// What `OBJECT ENCODING` answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            CollectionRef::Packed(packed) => packed.packing.encoding(),
            CollectionRef::Big(big) => big.encoding(),
        }
    }
}

/// A small collection to edit.
#[derive(Clone, Debug)]
pub enum Packed {
    /// See [`Packing::List`].
    List(ListpackBuf),
    /// See [`Packing::Intset`].
    Intset(IntsetBuf),
    /// See [`Packing::Set`].
    Set(ListpackBuf),
    /// See [`Packing::Hash`].
    Hash(ListpackBuf),
    /// See [`Packing::SortedSet`].
    SortedSet(ListpackBuf),
}

impl Packed {
    /// A copy of what lies in an entry.
    pub(crate) fn copy_of(packed: PackedRef<'_>) -> Self {
        /// Room for what a typical edit adds.
        const SPARE_BYTES: usize = 64;
        let listpack = || {
            let mut buffer = ListpackBuf::with_capacity(packed.bytes.len() + SPARE_BYTES);
            buffer.load(packed.bytes);
            buffer
        };
        match packed.packing {
            Packing::List => Packed::List(listpack()),
            Packing::Set => Packed::Set(listpack()),
            Packing::Hash => Packed::Hash(listpack()),
            Packing::SortedSet => Packed::SortedSet(listpack()),
            Packing::Intset => {
                let mut buffer = IntsetBuf::new();
                buffer.load(packed.bytes);
                Packed::Intset(buffer)
            }
        }
    }

    /// What to lay down in an entry.
    pub(crate) fn as_ref(&self) -> PackedRef<'_> {
        let (packing, bytes) = match self {
            Packed::List(buffer) => (Packing::List, buffer.as_bytes()),
            Packed::Intset(buffer) => (Packing::Intset, buffer.as_bytes()),
            Packed::Set(buffer) => (Packing::Set, buffer.as_bytes()),
            Packed::Hash(buffer) => (Packing::Hash, buffer.as_bytes()),
            Packed::SortedSet(buffer) => (Packing::SortedSet, buffer.as_bytes()),
        };
        PackedRef { packing, bytes }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        match self {
            Packed::Intset(buffer) => buffer.as_intset().is_empty(),
            Packed::List(buffer)
            | Packed::Set(buffer)
            | Packed::Hash(buffer)
            | Packed::SortedSet(buffer) => buffer.as_listpack().is_empty(),
        }
    }
}

/// What is being edited.
pub enum Content<'a> {
    /// A small collection, in a buffer of its own.
    Packed(Packed),
    /// A big one, where it lies.
    InPlace(&'a mut Collection),
    /// One that has become big, or was not there before.
    New(Box<Collection>),
}

impl Content<'_> {
    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        match self {
            Content::Packed(packed) => packed.is_empty(),
            Content::InPlace(big) => big.is_empty(),
            Content::New(big) => big.is_empty(),
        }
    }

    /// The same without a reference to what lies in an entry.
    ///
    /// # Panics
    /// If it is such a reference.
    pub(crate) fn into_owned(self) -> Content<'static> {
        match self {
            Content::Packed(packed) => Content::Packed(packed),
            Content::New(collection) => Content::New(collection),
            Content::InPlace(_) => unreachable!("it is still where it was"),
        }
    }

    /// What to lay down in an entry; a big collection leaves a small one behind here.
    pub(crate) fn payload(&mut self) -> Payload<'_> {
        match self {
            Content::Packed(packed) => Payload::Packed(packed.as_ref()),
            _ => match std::mem::replace(self, Content::Packed(Packed::Intset(IntsetBuf::new()))) {
                Content::New(collection) => Payload::Collection(collection),
                _ => unreachable!("what lies in an entry is not laid down anew"),
            },
        }
    }
}

/// A collection being edited, see [`crate::Unit::edit`].
pub struct CollectionEdit<'a> {
    content: Content<'a>,
    hasher: ElementHasher,
    changes: u64,
    /// Changes that transactions which watch the key do not mind.
    changes_aside: u64,
    is_kept_empty: bool,
    is_replaced: bool,
    pub(crate) remains: Vec<CollectionRemains>,
}

impl<'a> CollectionEdit<'a> {
    /// An edit of `content`.
    pub(crate) fn new(content: Content<'a>, hasher: ElementHasher) -> Self {
        Self {
            content,
            hasher,
            changes: 0,
            changes_aside: 0,
            is_kept_empty: false,
            is_replaced: false,
            remains: Vec::new(),
        }
    }

    /// What is there.
    pub fn content(&self) -> CollectionRef<'_> {
        match &self.content {
            Content::Packed(packed) => CollectionRef::Packed(packed.as_ref()),
            Content::InPlace(big) => CollectionRef::Big(big),
            Content::New(big) => CollectionRef::Big(big),
        }
    }

    /// The small collection, while it is one.
    pub fn packed(&mut self) -> Option<&mut Packed> {
        match &mut self.content {
            Content::Packed(packed) => Some(packed),
            _ => None,
        }
    }

    /// The big collection, if it is one.
    pub fn big(&mut self) -> Option<&mut Collection> {
        match &mut self.content {
            Content::Packed(_) => None,
            Content::InPlace(big) => Some(big),
            Content::New(big) => Some(big),
        }
    }

    /// Puts another collection of the same type in the place of what is there: an encoding gives way to another, or a
    /// result to what it was made of. What was there is freed in steps.
    /// It is put back even if nothing counts as a change: Redis lets collections grow big for what it then finds there.
    pub fn replace(&mut self, with: impl Into<Content<'static>>) {
        self.is_replaced = true;
        match (&mut self.content, with.into()) {
            (Content::InPlace(old), Content::New(new)) => {
                let old = std::mem::replace(*old, *new);
                self.remains.push(old.into_remains());
            }
            // The entry of a big collection that gives way to a small one is laid down anew, which frees the big one.
            (content, new) => {
                if let Content::New(old) = std::mem::replace(content, new) {
                    self.remains.push(old.into_remains());
                }
            }
        }
    }

    /// How elements are hashed.
    pub fn hasher(&self) -> ElementHasher {
        self.hasher
    }

    /// Notes `count` changes (Redis's `dirty`). What is edited without one is not put back.
    pub fn changed(&mut self, count: u64) {
        self.changes += count;
    }

    /// Notes `count` changes that neither spoil the transactions which watch the key nor serve those who wait for it: what
    /// happens in a stream's groups.
    pub fn changed_aside(&mut self, count: u64) {
        self.changes_aside += count;
    }

    /// How many changes there were.
    pub fn changes(&self) -> u64 {
        self.changes + self.changes_aside
    }

    /// Whether all changes there were are such as [`CollectionEdit::changed_aside`] notes.
    pub(crate) fn is_changed_aside(&self) -> bool {
        self.changes == 0
    }

    /// Whether what is edited lies in an entry: a stream that does not is a new one.
    pub(crate) fn is_in_place(&self) -> bool {
        matches!(self.content, Content::InPlace(_))
    }

    /// Has the key stay, or come into being, though there is no element: streams do.
    pub fn keep_empty(&mut self) {
        self.is_kept_empty = true;
    }

    /// Leaves something that was cut out to be freed in steps.
    pub fn leave(&mut self, remains: CollectionRemains) {
        self.remains.push(remains);
    }

    /// Whether there is something to put back.
    pub(crate) fn is_changed(&self) -> bool {
        self.changes > 0 || self.is_replaced
    }

    /// Whether the key is to go.
    pub(crate) fn is_gone(&self) -> bool {
        !self.is_kept_empty && self.content.is_empty()
    }

    /// What came of the edit.
    pub(crate) fn finish(self) -> (Content<'a>, Vec<CollectionRemains>) {
        (self.content, self.remains)
    }
}

impl From<Packed> for Content<'_> {
    fn from(packed: Packed) -> Self {
        Content::Packed(packed)
    }
}

impl From<Collection> for Content<'_> {
    fn from(collection: Collection) -> Self {
        Content::New(Box::new(collection))
    }
}

/// What an edit of a missing key of this type begins with.
///
/// # Errors
/// `WrongType` for strings, which are edited otherwise.
pub(crate) fn nothing_of(value_type: ValueType) -> Result<Content<'static>, StoreError> {
    // Room for what a first edit adds.
    let listpack = || ListpackBuf::with_capacity(64);
    Ok(match value_type {
        ValueType::String => return Err(StoreError::WrongType),
        ValueType::List => Content::Packed(Packed::List(listpack())),
        ValueType::Set => Content::Packed(Packed::Intset(IntsetBuf::new())),
        ValueType::Hash => Content::Packed(Packed::Hash(listpack())),
        ValueType::SortedSet => Content::Packed(Packed::SortedSet(listpack())),
        ValueType::Stream => Collection::Stream(Box::default()).into(),
    })
}
