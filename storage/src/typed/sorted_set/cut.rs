//! Parting a range of a big sorted set from the other members, step by step and without any lock.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::collection::Collection;
use crate::collection::ranked::{RankedParting, RankedTree, Wanted};
use crate::hash::ElementHasher;
use crate::keyspace::Keyspace;
use crate::pins::EndedPins;
use crate::typed::{CollectionRef, Held};

/// Some members of a big sorted set on their way into one of their own.
pub struct BulkCut {
    held: Held,
    hasher: ElementHasher,
    /// `None` once it has been taken.
    parting: Option<RankedParting>,
    /// Where what has been made is left, if it is given up.
    ended: Arc<EndedPins>,
}

impl fmt::Debug for BulkCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkCut({:?})", self.held)
    }
}

impl BulkCut {
    /// What is `wanted` of what was held, where a range of ranks is parted from the others. `None` if it is no big sorted
    /// set.
    pub fn new(held: Held, ranks: Range<u64>, wanted: Wanted, keyspace: &Keyspace) -> Option<Self> {
        let Some(CollectionRef::Big(Collection::SortedSet(set))) = held.content() else {
            return None;
        };
        let count = ranks.end.saturating_sub(ranks.start);
        let parting = RankedParting::new(set, ranks.start, count, wanted);
        Some(Self {
            parting: Some(parting),
            held,
            hasher: keyspace.hasher().elements(),
            ended: Arc::clone(keyspace.ended_pins()),
        })
    }

    /// What the key held.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Goes through about `work` members; whether something is left to do.
    pub fn step(&mut self, work: usize) -> bool {
        let hasher = self.hasher;
        let parting = self.parting.as_mut();
        parting.is_some_and(|parting| parting.step(work, |member| hasher.hash(member)))
    }

    /// The wanted members as a sorted set, once nothing is left to do, and the others in their order, which cannot be found by
    /// name.
    ///
    /// # Panics
    /// If something is left to do.
    pub fn into_parts(mut self) -> (RankedTree, RankedTree) {
        let parting = self.parting.take();
        parting.map_or_else(Default::default, RankedParting::finish)
    }
}

impl Drop for BulkCut {
    fn drop(&mut self) {
        let remains = self.parting.take().map(RankedParting::into_remains);
        for remains in remains.into_iter().flatten() {
            self.ended.add(remains);
        }
    }
}
