//! Lists: a listpack while one node would hold it, then a tree of nodes.
//!
//! A list grows out of its listpack when an added element would be too much for a node (`list-max-listpack-size`), counted
//! before it is added and without what the listpack keeps beside it, as Redis does. It goes back into one when what takes
//! elements away has left a single node, half full at most.

use std::ops::ControlFlow;

use crate::collection::Collection;
use crate::collection::list::{ListTree, Needle};
use crate::listpack::{Listpack, Value};

use super::CollectionRef;

mod edit;
mod slices;
#[cfg(test)]
mod tests;
mod unit;

pub use edit::ListEdit;
pub use slices::{ListBuilder, ListRemoval, ListSearch};
pub use unit::{MoveMany, Moved};

/// One of a list's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head, where index 0 is.
    Left,
    /// The tail.
    Right,
}

/// A list to read.
#[derive(Clone, Copy)]
pub enum ListRef<'a> {
    /// A small one.
    Packed(Listpack<'a>),
    /// A big one.
    Big(&'a ListTree),
}

impl<'a> ListRef<'a> {
    /// The list that `collection` is.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn of(collection: CollectionRef<'a>) -> Self {
        match collection {
            CollectionRef::Packed(packed) => {
                let listpack = packed.listpack();
                ListRef::Packed(listpack.expect("small lists are listpacks"))
            }
            CollectionRef::Big(Collection::List(list)) => ListRef::Big(list),
            CollectionRef::Big(_) => unreachable!("whoever looked it up wanted a list"),
        }
    }

    /// How many elements there are.
    #[inline]
    pub fn len(self) -> u64 {
        match self {
            ListRef::Packed(pack) => pack.len() as u64,
            ListRef::Big(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        match self {
            ListRef::Packed(pack) => pack.is_empty(),
            ListRef::Big(list) => list.is_empty(),
        }
    }

    /// The element with `index` others before it.
    pub fn get(self, index: u64) -> Option<Value<'a>> {
        match self {
            ListRef::Packed(pack) => pack.get(usize::try_from(index).ok()?),
            ListRef::Big(list) => list.get(index),
        }
    }

    /// Another handle on a big one, to be pinned.
    pub fn to_collection(self) -> Option<Collection> {
        match self {
            ListRef::Packed(_) => None,
            ListRef::Big(list) => Some(Collection::List(list.clone())),
        }
    }

    /// Shows `visit` up to `count` elements from number `from` on.
    #[inline]
    pub fn each(self, from: u64, count: u64, visit: impl FnMut(Value<'a>)) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            ListRef::Packed(pack) => {
                let first = usize::try_from(from).ok().and_then(|from| pack.seek(from));
                if let Some(first) = first {
                    pack.iter_from(first).take(count).for_each(visit);
                }
            }
            ListRef::Big(list) => list.iter_from(from).take(count).for_each(visit),
        }
    }

    /// Shows `visit` up to `count` elements from number `from` backwards.
    pub fn each_back(self, from: u64, count: u64, visit: impl FnMut(Value<'a>)) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            ListRef::Packed(pack) => {
                let behind = (pack.len() as u64).saturating_sub(from.saturating_add(1));
                let elements = pack.iter().rev().skip(behind as usize);
                elements.take(count).for_each(visit);
            }
            ListRef::Big(list) => list.iter_back_from(from).take(count).for_each(visit),
        }
    }

    /// Shows `visit` up to `count` elements from number `from` on, or backwards if they are told from the right, until it
    /// says that it has enough.
    pub fn each_while(
        self,
        from: u64,
        direction: End,
        count: u64,
        mut visit: impl FnMut(Value<'a>) -> bool,
    ) {
        let visit = |element| {
            if visit(element) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let _ = match (self, direction) {
            (ListRef::Packed(pack), End::Left) => {
                let first = usize::try_from(from).ok().and_then(|from| pack.seek(from));
                let elements = first.map(|first| pack.iter_from(first));
                elements
                    .into_iter()
                    .flatten()
                    .take(count)
                    .try_for_each(visit)
            }
            (ListRef::Packed(pack), End::Right) => {
                let behind = (pack.len() as u64).saturating_sub(from.saturating_add(1));
                let mut elements = pack.iter().rev().skip(behind as usize).take(count);
                elements.try_for_each(visit)
            }
            (ListRef::Big(list), End::Left) => list.iter_from(from).take(count).try_for_each(visit),
            (ListRef::Big(list), End::Right) => {
                list.iter_back_from(from).take(count).try_for_each(visit)
            }
        };
    }

    /// The numbers of elements that equal `element`, from the left, or from the right with the last number first. Looks
    /// at `compared` elements at most.
    pub fn positions_of(
        self,
        element: &'a [u8],
        from: End,
        compared: u64,
    ) -> Box<dyn Iterator<Item = u64> + 'a> {
        let pack = match self {
            ListRef::Packed(pack) => pack,
            ListRef::Big(list) => {
                return Box::new(list.positions_of(element, from == End::Right, compared));
            }
        };
        let compared = usize::try_from(compared).unwrap_or(usize::MAX);
        let needle = Needle::new(element);
        let found = move |(number, value)| needle.is(value).then_some(number);
        match from {
            End::Left => {
                let elements = (0..).zip(pack.iter()).take(compared);
                Box::new(elements.filter_map(found))
            }
            End::Right => {
                let numbers = (0..pack.len() as u64).rev();
                let elements = numbers.zip(pack.iter().rev()).take(compared);
                Box::new(elements.filter_map(found))
            }
        }
    }
}

/// Elements at one end of a list, which are about to be taken away.
#[derive(Clone, Copy)]
pub struct ListSpan<'a> {
    list: ListRef<'a>,
    end: End,
    count: u64,
}

impl<'a> ListSpan<'a> {
    /// Up to `count` elements at `end` of `list`.
    fn new(list: ListRef<'a>, end: End, count: u64) -> Self {
        let count = count.min(list.len());
        Self { list, end, count }
    }

    /// The list as it still is.
    pub fn list(&self) -> ListRef<'a> {
        self.list
    }

    /// The end at which they are.
    pub fn end(&self) -> End {
        self.end
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Shows `visit` the elements in the order in which they would be popped one by one.
    #[inline]
    pub fn each(&self, visit: impl FnMut(Value<'a>)) {
        match (self.end, self.list) {
            (End::Left, ListRef::Big(list)) if self.count == 1 => {
                list.front().into_iter().for_each(visit)
            }
            (End::Right, ListRef::Big(list)) if self.count == 1 => {
                list.back().into_iter().for_each(visit)
            }
            (End::Left, _) => self.list.each(0, self.count, visit),
            (End::Right, _) => {
                let last = self.list.len().saturating_sub(1);
                self.list.each_back(last, self.count, visit);
            }
        }
    }

    /// The bytes of all of them together: those of the element, if there is one.
    pub fn to_vec(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.each(|element| element.write_to(&mut bytes));
        bytes
    }
}
