//! What takes long in big lists, in steps: looking for elements, and a list without some.

use std::fmt;
use std::sync::Arc;

use crate::blocks::Blocks;
use crate::collection::Collection;
use crate::collection::list::{ListTree, MatchRemoval, Needle, NodeLimit};
use crate::keyspace::Keyspace;
use crate::listpack::ListpackBuf;
use crate::pins::{EndedPins, PinnedCollection};

use super::super::{Content, Limits, Packed};
use super::{End, ListRef};

/// Looks for elements that equal one, in a list that stays as it is meanwhile.
#[derive(Clone, Debug)]
pub struct ListSearch {
    element: Box<[u8]>,
    from: End,
    /// Matches that are still to be left out.
    skipped: u64,
    /// Matches that are still wanted.
    wanted: u64,
    /// Most elements to look at.
    compared: u64,
    looked: u64,
    found: Blocks<u64>,
}

impl ListSearch {
    /// Looks for the `wanted` first elements that equal `element`, seen from one end and without the `skipped` first of
    /// them, among the first `compared`.
    pub fn new(element: &[u8], from: End, skipped: u64, wanted: u64, compared: u64) -> Self {
        Self {
            element: element.into(),
            from,
            skipped,
            wanted,
            compared,
            looked: 0,
            found: Blocks::new(),
        }
    }

    /// Looks at about `work` elements more of a big list; whether there is more to do.
    ///
    /// # Panics
    /// If the list is a small one: there is a [`ListRef::positions_of`] for these.
    pub fn step(&mut self, list: ListRef<'_>, work: usize) -> bool {
        let ListRef::Big(list) = list else {
            panic!("a small list is searched at once");
        };
        if self.wanted == 0 || self.looked >= self.compared {
            return false;
        }
        let (len, from_tail) = (list.len(), self.from == End::Right);
        let (skipped, wanted, compared) = (&mut self.skipped, &mut self.wanted, self.compared);
        let found = &mut self.found;
        let needle = Needle::new(&self.element);
        let looked = list.look_on(needle, from_tail, self.looked, work, |index| {
            let number = if from_tail { len - 1 - index } else { index };
            if number >= compared {
                return false;
            }
            if *skipped > 0 {
                *skipped -= 1;
                return true;
            }
            found.push(index);
            *wanted -= 1;
            *wanted > 0
        });
        self.looked = looked.unwrap_or(u64::MAX);
        self.looked < len.min(self.compared)
    }

    /// How many have been found.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Memory that those take that have been found.
    pub fn memory_bytes(&self) -> usize {
        self.found.memory_bytes()
    }

    /// Whether none has been found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The index of number `at` of those that have been found.
    pub fn get(&self, at: usize) -> Option<u64> {
        self.found.get(at)
    }
}

/// A big list as it will be without elements that equal one. It is made beside the list itself, with which it shares what
/// stays the same.
pub struct ListRemoval {
    pin: PinnedCollection,
    made: ListTree,
    element: Box<[u8]>,
    removal: MatchRemoval,
}

impl fmt::Debug for ListRemoval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListRemoval({:?})", self.removal)
    }
}

impl ListRemoval {
    /// The removal of up to `most` elements that equal `element`, those nearest to `from` first. `None`: what is pinned is
    /// no list.
    pub fn new(pin: PinnedCollection, element: &[u8], from: End, most: u64) -> Option<Self> {
        let Collection::List(list) = &*pin else {
            return None;
        };
        let made = list.clone();
        let removal = MatchRemoval::new(&made, most, from == End::Right);
        Some(Self {
            pin,
            made,
            element: element.into(),
            removal,
        })
    }

    /// Goes on through about `work` elements; whether there is more to do.
    pub fn step(&mut self, work: usize) -> bool {
        self.made
            .remove_some_matching(&self.element, &mut self.removal, work)
    }

    /// How many elements have been removed.
    pub fn removed(&self) -> u64 {
        self.removal.removed
    }

    /// Whether `list` is still the one that this was made of.
    pub fn is_of(&self, list: ListRef<'_>) -> bool {
        match (&*self.pin, list) {
            (Collection::List(pinned), ListRef::Big(list)) => pinned.is_same(list),
            _ => false,
        }
    }

    /// What has been made.
    pub(super) fn take(&mut self) -> ListTree {
        std::mem::take(&mut self.made)
    }
}

impl Drop for ListRemoval {
    fn drop(&mut self) {
        let made = Collection::List(self.take());
        drop(self.pin.pin_beside(made));
    }
}

/// A list on its way to be stored, one element behind the other.
pub struct ListBuilder {
    made: ListTree,
    /// Bytes of all elements.
    bytes: usize,
    limits: Limits,
    /// Where what has been made is left, if it is given up.
    ended: Arc<EndedPins>,
}

impl fmt::Debug for ListBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListBuilder({} elements)", self.made.len())
    }
}

impl ListBuilder {
    /// A list without elements.
    pub fn new(limits: &Limits, keyspace: &Keyspace) -> Self {
        Self {
            made: ListTree::new(NodeLimit::of_setting(limits.list_node)),
            bytes: 0,
            limits: *limits,
            ended: Arc::clone(keyspace.ended_pins()),
        }
    }

    /// Adds an element behind the others.
    ///
    /// # Panics
    /// If it is longer than [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    pub fn push(&mut self, element: &[u8]) {
        self.bytes = self.bytes.saturating_add(element.len());
        self.made.push_back(element);
    }

    /// How many elements there are.
    pub fn len(&self) -> u64 {
        self.made.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// The list, encoded as if all elements had been pushed at once.
    pub fn finish(mut self) -> Content<'static> {
        let made = std::mem::take(&mut self.made);
        let limit = NodeLimit::of_setting(self.limits.list_node);
        let pack_bytes = ListpackBuf::new()
            .as_bytes()
            .len()
            .saturating_add(self.bytes);
        let len = usize::try_from(made.len()).unwrap_or(usize::MAX);
        if limit.is_exceeded_by(pack_bytes, len) {
            return Collection::List(made).into();
        }
        let mut pack = ListpackBuf::new();
        made.iter_from(0).for_each(|element| {
            let mut bytes = Vec::new();
            element.write_to(&mut bytes);
            pack.push_back(&bytes);
        });
        Packed::List(pack).into()
    }
}

impl Drop for ListBuilder {
    fn drop(&mut self) {
        let made = Collection::List(std::mem::take(&mut self.made));
        self.ended.add(made.into_remains());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::keyspace;
    use crate::typed::CollectionRef;
    use crate::{LockPlan, Unit, UnixMillis};

    /// Elements are few different ones, in nodes of a few.
    fn list_of(model: &[u8], node: i64) -> Collection {
        let mut list = ListTree::new(NodeLimit::of_setting(node));
        model.iter().for_each(|element| list.push_back(&[*element]));
        Collection::List(list)
    }

    fn elements(list: &ListTree) -> Vec<u8> {
        let mut found = Vec::new();
        list.iter_from(0).for_each(|element| {
            let mut bytes = Vec::new();
            element.write_to(&mut bytes);
            found.extend(bytes);
        });
        found
    }

    fn from_end(from_tail: bool) -> End {
        if from_tail { End::Right } else { End::Left }
    }

    proptest! {
        #[test]
        fn a_search_in_steps_finds_what_a_plain_one_does(
            model in proptest::collection::vec(b'a'..b'd', 0..400),
            node in 1..9_i64,
            from_tail in any::<bool>(),
            skipped in 0..20_usize,
            wanted in prop_oneof![Just(u64::MAX), 0..30_u64],
            compared in prop_oneof![Just(u64::MAX), 0..400_u64],
            work in 1..50_usize,
        ) {
            let collection = list_of(&model, node);
            let list = ListRef::of(CollectionRef::Big(&collection));
            let from = from_end(from_tail);
            let mut search = ListSearch::new(b"b", from, skipped as u64, wanted, compared);
            while search.step(list, work) {}
            prop_assert!(!search.step(list, work), "it stays done");
            let found: Vec<u64> = (0..search.len()).filter_map(|at| search.get(at)).collect();
            let mut expected: Vec<u64> = list.positions_of(b"b", from, compared).skip(skipped).collect();
            expected.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(search.is_empty(), search.get(0).is_none());
        }

        #[test]
        fn a_removal_in_steps_makes_what_one_at_once_does(
            model in proptest::collection::vec(b'a'..b'd', 1..400),
            node in 1..9_i64,
            from_tail in any::<bool>(),
            most in prop_oneof![Just(u64::MAX), 0..60_u64],
            work in 1..50_usize,
        ) {
            let keyspace = keyspace();
            let collection = list_of(&model, node);
            let pin = keyspace.pin(&collection);
            let mut removal = ListRemoval::new(pin, b"b", from_end(from_tail), most).unwrap();
            while removal.step(work) {}
            prop_assert!(!removal.step(work), "it stays done");
            prop_assert!(removal.is_of(ListRef::of(CollectionRef::Big(&collection))));
            let mut expected = model.clone();
            let mut left = most;
            let mut keep = |element: &u8| {
                let goes = *element == b'b' && left > 0;
                left -= u64::from(goes);
                !goes
            };
            if from_tail {
                expected.reverse();
                expected.retain(&mut keep);
                expected.reverse();
            } else {
                expected.retain(&mut keep);
            }
            prop_assert_eq!(removal.removed(), (model.len() - expected.len()) as u64);
            prop_assert_eq!(elements(&removal.take()), expected);
            let Collection::List(list) = &collection else { unreachable!() };
            prop_assert_eq!(elements(list), model, "the list itself stays as it is");
        }
    }

    #[test]
    fn a_built_list_is_encoded_as_one_that_was_pushed() {
        let keyspace = keyspace();
        for (list_node, lens) in [(-2, 7_000..9_000), (-1, 3_000..5_000), (100, 90..110)] {
            let limits = Limits {
                list_node,
                ..Limits::default()
            };
            for len in lens {
                let element = if list_node < 0 {
                    &b"12345678"[..]
                } else {
                    b"x"
                };
                let elements = vec![element; len / element.len()];
                let mut builder = ListBuilder::new(&limits, &keyspace);
                elements.iter().for_each(|element| builder.push(element));
                assert_eq!(builder.len(), elements.len() as u64);
                let built = builder.finish();
                let unit = Unit::begin(&keyspace, LockPlan::Nothing, UnixMillis(0));
                let pushed = unit.list_of(elements.iter().copied(), &limits);
                match (built, pushed) {
                    (Content::Packed(built), Content::Packed(pushed)) => {
                        assert_eq!(built.as_ref().bytes, pushed.as_ref().bytes);
                    }
                    (Content::New(built), Content::New(_)) => {
                        assert_eq!(built.len(), elements.len() as u64);
                    }
                    _ => panic!("{len} bytes are encoded in two ways"),
                }
            }
        }
    }

    #[test]
    fn many_positions_are_kept_in_blocks() {
        let collection = list_of(&[b'x'; 5_000], 100);
        let list = ListRef::of(CollectionRef::Big(&collection));
        let mut search = ListSearch::new(b"x", End::Right, 10, 4_000, u64::MAX);
        while search.step(list, 256) {}
        assert_eq!(search.len(), 4_000);
        assert!((0..4_000).all(|at| search.get(at) == Some(4_989 - at as u64)));
        assert_eq!(search.get(4_000), None);
    }
}
