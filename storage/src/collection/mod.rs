//! Big collections, and what they keep in the leaves of a [`crate::tree::Tree`].

pub(crate) mod ahead;
pub mod fields;
mod length;
pub mod list;
pub mod ranked;
mod records;
pub mod stream;

use crate::time::UnixMillis;
use crate::tree::Remains;
use crate::value::ValueType;

use fields::{FieldTree, Fields};
use list::{ListNode, ListTree};
use ranked::{Ranked, RankedTree, Scores};
use stream::{Stream, StreamRemains};

/// Most bytes of a member, field, value or list element: records keep lengths in 32 bits. Whoever takes them from clients
/// refuses far shorter ones: `proto-max-bulk-len` is 512 MiB unless it is set higher.
pub const PART_BYTES_MAX: usize = u32::MAX as usize;

/// # Panics
/// If `part` is longer than [`PART_BYTES_MAX`]: before anything is changed.
fn assert_fits(part: &[u8]) {
    assert!(part.len() <= PART_BYTES_MAX, "lengths have 32 bits");
}

/// A big collection of any type. A clone is a pin; see [`crate::tree`].
#[derive(Clone)]
pub enum Collection {
    /// Members.
    Set(FieldTree),
    /// Fields with values.
    Hash(FieldTree),
    /// Members with scores.
    SortedSet(RankedTree),
    /// Elements in the order of the commands.
    List(ListTree),
    /// Entries with IDs, and groups of consumers.
    Stream(Box<Stream>),
}

impl Collection {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Collection::Set(_) => ValueType::Set,
            Collection::Hash(_) => ValueType::Hash,
            Collection::SortedSet(_) => ValueType::SortedSet,
            Collection::List(_) => ValueType::List,
            Collection::Stream(_) => ValueType::Stream,
        }
    }

    /// What `OBJECT ENCODING` answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Collection::Set(_) | Collection::Hash(_) => "hashtable",
            Collection::SortedSet(_) => "skiplist",
            Collection::List(_) => "quicklist",
            Collection::Stream(_) => "stream",
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> u64 {
        match self {
            Collection::Set(fields) | Collection::Hash(fields) => fields.len(),
            Collection::SortedSet(ranked) => ranked.len(),
            Collection::List(list) => list.len(),
            Collection::Stream(stream) => stream.len(),
        }
    }

    /// Whether there are none. Only a stream is still a value then.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Allocated bytes, as if this were the only handle: what it shares with pins counts in each of them.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Collection::Set(fields) | Collection::Hash(fields) => fields.memory_bytes(),
            Collection::SortedSet(ranked) => ranked.memory_bytes(),
            Collection::List(list) => list.memory_bytes(),
            Collection::Stream(stream) => stream.memory_bytes(),
        }
    }

    /// Whether it is known to be the same as `other`, be it a pin: whatever is written to one of them makes them differ.
    /// Streams are never known to be.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Collection::Set(one), Collection::Set(other))
            | (Collection::Hash(one), Collection::Hash(other)) => one.is_same(other),
            (Collection::SortedSet(one), Collection::SortedSet(other)) => one.is_same(other),
            (Collection::List(one), Collection::List(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// The soonest expire time of an element.
    pub fn soonest_expiry(&self) -> Option<UnixMillis> {
        match self {
            Collection::Hash(fields) => fields.soonest_expiry(),
            _ => None,
        }
    }

    /// Gives the collection up, to be freed in steps.
    pub fn into_remains(self) -> CollectionRemains {
        match self {
            Collection::Set(fields) | Collection::Hash(fields) => {
                CollectionRemains::Fields(Remains::of(fields.into_tree()))
            }
            Collection::SortedSet(ranked) => {
                let (ranked, scores) = ranked.into_trees();
                CollectionRemains::Ranked(Remains::of(ranked), Remains::of(scores))
            }
            Collection::List(list) => CollectionRemains::List(Remains::of(list.into_tree())),
            Collection::Stream(stream) => CollectionRemains::Stream(StreamRemains::of(stream)),
        }
    }
}

/// What is left of a [`Collection`] that nobody reads any more.
pub enum CollectionRemains {
    /// Of a set or hash.
    Fields(Remains<Fields>),
    /// Of both trees of a sorted set.
    Ranked(Remains<Ranked>, Remains<Scores>),
    /// Of a list, or what was cut out of one.
    List(Remains<ListNode>),
    /// Of a stream, or what was cut out of one.
    Stream(StreamRemains),
}

impl CollectionRemains {
    /// What is left of [`Collection::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        match self {
            CollectionRemains::Fields(fields) => fields.memory_bytes(),
            CollectionRemains::Ranked(ranked, scores) => {
                ranked.memory_bytes() + scores.memory_bytes()
            }
            CollectionRemains::List(list) => list.memory_bytes(),
            CollectionRemains::Stream(stream) => stream.memory_bytes(),
        }
    }

    /// Frees up to `pieces` nodes, fewer if some have large elements; how many it was: see [`Remains::free_some`].
    pub fn free_some(&mut self, pieces: usize) -> usize {
        match self {
            CollectionRemains::Fields(fields) => fields.free_some(pieces),
            CollectionRemains::Ranked(ranked, scores) => {
                let freed = ranked.free_some(pieces);
                freed + scores.free_some(pieces.saturating_sub(freed))
            }
            CollectionRemains::List(list) => list.free_some(pieces),
            CollectionRemains::Stream(stream) => stream.free_some(pieces),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.memory_bytes() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::fields::Element;
    use super::*;

    #[test]
    #[should_panic(expected = "lengths have 32 bits")]
    fn a_length_that_records_cannot_keep_is_refused() {
        // Never touched, so it takes no memory.
        let zeros = vec![0; PART_BYTES_MAX + 1];
        RankedTree::default().set(1, &zeros, 1.0);
    }

    #[test]
    fn every_collection_is_freed_in_steps_to_the_last_byte() {
        let (mut fields, mut ranked) = (FieldTree::default(), RankedTree::default());
        let mut list = ListTree::default();
        for n in 0..5_000u32 {
            let name = n.to_string();
            let element = Element {
                name: name.as_bytes(),
                value: b"value",
                expire_at: None,
            };
            fields.set(n.wrapping_mul(0x9e37_79b9), &element);
            ranked.set(
                n.wrapping_mul(0x9e37_79b9),
                name.as_bytes(),
                f64::from(n % 100),
            );
            list.insert(0, name.as_bytes());
        }
        let collections = [
            Collection::Set(fields.clone()),
            Collection::Hash(fields),
            Collection::SortedSet(ranked),
            Collection::List(list),
        ];
        for collection in collections {
            assert_eq!((collection.len(), collection.is_empty()), (5_000, false));
            let bytes = collection.memory_bytes();
            let mut remains = collection.into_remains();
            assert_eq!(remains.memory_bytes(), bytes);
            while !remains.is_empty() {
                assert!((1..=2).contains(&remains.free_some(2)));
            }
            assert_eq!(remains.free_some(2), 0);
        }
    }
}
