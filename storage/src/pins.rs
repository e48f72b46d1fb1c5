//! Big collections that are read after their shard is unlocked: long replies, above all.
//!
//! A pin is a clone of the root ([`crate::tree`]). The last holder of a node frees it, and that may be a pin whose
//! collection was deleted or overwritten meanwhile; so a pin that ends is left to housekeeping, which frees in steps.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::collection::{Collection, CollectionRemains};
use crate::keyspace::Keyspace;

/// Smaller collections are freed at once.
const BYTES_MIN: usize = 16 << 10;
/// Most trees that a collection consists of.
const ROOTS_MAX: usize = 2;
/// Nodes that one step frees.
const NODES_PER_STEP: usize = 16;

/// Pins that have ended, to be freed in steps.
#[derive(Default)]
pub(crate) struct EndedPins {
    remains: Mutex<Vec<CollectionRemains>>,
    /// Whether there are any.
    any: AtomicBool,
}

impl EndedPins {
    /// Whether there is something to free.
    pub(crate) fn any(&self) -> bool {
        // Relaxed: a hint; the list is behind its lock.
        self.any.load(Ordering::Relaxed)
    }

    /// Leaves something to be freed.
    pub(crate) fn add(&self, remains: CollectionRemains) {
        if remains.is_empty() {
            return;
        }
        self.remains.lock().push(remains);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Frees a few nodes; whether anything is left.
    pub(crate) fn free_some(&self) -> bool {
        if !self.any() {
            return false;
        }
        let popped = self.remains.lock().pop();
        if let Some(mut remains) = popped {
            // Freed outside the lock: whoever ends a pin meanwhile need not wait.
            remains.free_some(NODES_PER_STEP);
            if !remains.is_empty() {
                self.remains.lock().push(remains);
            }
        }
        let left = self.remains.lock();
        self.any.store(!left.is_empty(), Ordering::Relaxed);
        !left.is_empty()
    }
}

/// A big collection as it was when it was pinned, whatever is written to its key since.
pub struct PinnedCollection {
    /// `None` only while it is dropped.
    collection: Option<Collection>,
    ended: Arc<EndedPins>,
}

impl Deref for PinnedCollection {
    type Target = Collection;

    fn deref(&self) -> &Collection {
        self.collection
            .as_ref()
            .expect("it is there until it is dropped")
    }
}

impl fmt::Debug for PinnedCollection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedCollection({} elements)", self.len())
    }
}

impl Drop for PinnedCollection {
    fn drop(&mut self) {
        if let Some(collection) = self.collection.take()
            && collection.memory_bytes() >= BYTES_MIN
        {
            let mut remains = collection.into_remains();
            // While its key has it too, this lets go of it: the next write has to copy nothing.
            remains.free_some(ROOTS_MAX);
            self.ended.add(remains);
        }
    }
}

impl PinnedCollection {
    /// Takes over another collection, to free it in steps as this one.
    pub(crate) fn pin_beside(&self, collection: Collection) -> PinnedCollection {
        PinnedCollection {
            collection: Some(collection),
            ended: Arc::clone(&self.ended),
        }
    }
}

impl Keyspace {
    /// Pins a big collection of this keyspace, in O(1): it can be read without any lock from now on.
    pub fn pin(&self, collection: &Collection) -> PinnedCollection {
        self.pin_clone(collection.clone())
    }

    /// Takes over a clone of a big collection of this keyspace, which is a pin, to free it in steps when it ends.
    pub fn pin_clone(&self, clone: Collection) -> PinnedCollection {
        PinnedCollection {
            collection: Some(clone),
            ended: Arc::clone(self.ended_pins()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::collection::Collection;
    use crate::collection::list::ListTree;
    use crate::fixture::keyspace;

    fn list_of(elements: u32) -> Collection {
        let mut list = ListTree::default();
        for at in 0..elements {
            list.insert(u64::from(at), &at.to_le_bytes());
        }
        Collection::List(list)
    }

    #[test]
    fn a_pin_of_what_is_still_there_ends_at_once() {
        let keyspace = keyspace();
        let collection = list_of(100_000);
        drop(keyspace.pin(&collection));
        assert!(!keyspace.ended_pins().any());
        assert_eq!(collection.len(), 100_000);
    }

    #[test]
    fn a_pin_that_ends_is_freed_in_steps() {
        let keyspace = keyspace();
        let collection = list_of(100_000);
        let pin = keyspace.pin(&collection);
        drop(collection);
        assert_eq!(pin.len(), 100_000);
        assert!(!keyspace.ended_pins().any());
        drop(pin);
        let mut steps = 0;
        while keyspace.ended_pins().free_some() {
            steps += 1;
        }
        assert!(steps > 2, "{steps} steps");
        assert!(!keyspace.ended_pins().any());
    }
}
