//! The consumers of a group.
//!
//! Each has a number, the lowest that is free when it is made, by which pending entries know it; and it is found by name
//! in a tree of names, which is also the order in which Redis shows them.

use std::sync::Arc;

use crate::time::UnixMillis;
use crate::tree::{First, Leaf, Path, Tree};

use super::pending::ConsumerNumber;
use super::sorted::{Items, SortedTree, side};
use crate::room::{make_room, shrink};

/// Most names of a leaf.
const NAMES_MAX: usize = 32;

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    name: Arc<[u8]>,
    /// When it last asked for something.
    pub seen_at: UnixMillis,
    /// When it last got something.
    pub active_at: Option<UnixMillis>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// Consumers by number.
pub(super) type ConsumerItems = Items<ConsumerNumber, Consumer>;

/// The consumers. See the module documentation.
#[derive(Clone, Default)]
pub struct Consumers {
    by_number: SortedTree<ConsumerNumber, Consumer>,
    names: Tree<Names>,
}

impl Consumers {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.by_number.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Allocated bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.by_number.memory_bytes() + self.names.memory_bytes()
    }

    /// The trees, out of here.
    pub(super) fn into_trees(self) -> (Tree<ConsumerItems>, Tree<Names>) {
        (self.by_number.into_tree(), self.names)
    }

    /// The number of the consumer with this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        let leaf = self.names.leaf(&self.leaf_of(name)?);
        leaf.find(name).ok().map(|at| leaf.names[at].1)
    }

    /// The consumer with this number.
    pub fn get(&self, number: ConsumerNumber) -> Option<&Consumer> {
        self.by_number.get(&number)
    }

    /// All in the order of their names, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (ConsumerNumber, &Consumer)> {
        let named = self.names.leaves().flat_map(|leaf| &leaf.names);
        named.filter_map(|(_, number)| Some((*number, self.get(*number)?)))
    }

    /// Changes the consumer with this number, if there is one.
    pub(super) fn update(&mut self, number: ConsumerNumber, change: impl FnOnce(&mut Consumer)) {
        self.by_number.update(&number, change);
    }

    /// Makes a consumer with a name that no other one has; its number.
    pub(super) fn add(&mut self, name: &[u8], seen_at: UnixMillis) -> ConsumerNumber {
        let number = self.free_number();
        let name: Arc<[u8]> = name.into();
        let consumer = Consumer {
            name: Arc::clone(&name),
            seen_at,
            active_at: None,
        };
        self.by_number.insert(number, consumer);
        let path = self.leaf_of(&name);
        let add = |leaf: &mut Names| leaf.insert(name, number);
        match path {
            Some(path) => self.names.update(&path, add),
            None => self.names.update_last(add),
        }
        number
    }

    /// The lowest number that nobody has: up to there each consumer's number is how many stand before it.
    fn free_number(&self) -> ConsumerNumber {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let number = self.by_number.at(middle).map(|(number, _)| number);
            if number.map(u64::from) == Some(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        ConsumerNumber::try_from(low).expect("fewer consumers than bytes of memory")
    }

    /// Removes the consumer with this number, if there is one.
    pub(super) fn remove(&mut self, number: ConsumerNumber) {
        let Some(consumer) = self.by_number.remove(&number) else {
            return;
        };
        let path = self.leaf_of(&consumer.name).expect("it has a name");
        self.names.update(&path, |leaf| leaf.remove(&consumer.name));
    }

    fn leaf_of(&self, name: &[u8]) -> Option<Path> {
        let wanted = prefix(name);
        self.names.seek(|bound, first: First<'_, Names>| {
            bound
                .cmp(&wanted)
                .then_with(|| side(*first.leaf().names[0].0 <= *name))
        })
    }
}

/// The first eight bytes of a name, so that most names are told apart by them.
fn prefix(name: &[u8]) -> u64 {
    let mut prefix = [0; 8];
    let len = name.len().min(8);
    prefix[..len].copy_from_slice(&name[..len]);
    u64::from_be_bytes(prefix)
}

/// A leaf: names in their order, with the consumers' numbers.
#[derive(Clone, Default)]
pub(super) struct Names {
    names: Vec<(Arc<[u8]>, ConsumerNumber)>,
    /// Of all names, with the counters of each.
    name_bytes: usize,
}

impl Names {
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.names
            .binary_search_by(|(other, _)| (**other).cmp(name))
    }

    fn insert(&mut self, name: Arc<[u8]>, number: ConsumerNumber) {
        let (Ok(at) | Err(at)) = self.find(&name);
        self.name_bytes += name_bytes(&name);
        make_room(&mut self.names, 1);
        self.names.insert(at, (name, number));
    }

    fn remove(&mut self, name: &[u8]) {
        if let Ok(at) = self.find(name) {
            self.name_bytes -= name_bytes(name);
            self.names.remove(at);
        }
    }
}

/// What a name takes: the consumer shares it.
fn name_bytes(name: &[u8]) -> usize {
    name.len() + 2 * size_of::<usize>()
}

impl Leaf for Names {
    type Bound = u64;
    type Summary = ();

    fn len(&self) -> usize {
        self.names.len()
    }

    fn memory_bytes(&self) -> usize {
        self.names.capacity() * size_of::<(Arc<[u8]>, ConsumerNumber)>() + self.name_bytes
    }

    fn summary(&self) {}

    fn bound(&self) -> u64 {
        prefix(&self.names[0].0)
    }

    fn split(&mut self) -> Option<Self> {
        let len = self.names.len();
        (len > NAMES_MAX).then(|| self.split_off(len / 2))
    }

    fn split_off(&mut self, at: usize) -> Self {
        let names = self.names.split_off(at);
        let moved = names.iter().map(|(name, _)| name_bytes(name)).sum();
        self.name_bytes -= moved;
        shrink(&mut self.names, 0);
        Self {
            names,
            name_bytes: moved,
        }
    }

    fn is_sparse(&self) -> bool {
        self.names.len() < NAMES_MAX / 8
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.names.len() + next.names.len() <= NAMES_MAX * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        make_room(&mut self.names, next.names.len());
        self.names.extend_from_slice(&next.names);
        self.name_bytes += next.name_bytes;
    }
}
