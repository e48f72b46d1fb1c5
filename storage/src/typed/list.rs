//! Lists: a listpack while one node would hold it, then a tree of nodes.
//!
//! A list grows out of its listpack when an added element would be too much for a node (`list-max-listpack-size`), counted
//! before it is added and without what the listpack keeps beside it, as Redis does. It goes back into one when what takes
//! elements away has left a single node, half full at most.

use crate::collection::Collection;
use crate::collection::list::{ListTree, NodeLimit};
use crate::hash::Key;
use crate::listpack::{Listpack, ListpackBuf, Value};
use crate::unit::{EditOutcome, Unit};
use crate::value::ValueType;
use crate::{DbIndex, StoreError};

use super::{CollectionEdit, CollectionRef, Limits, Packed};

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

    /// The numbers of elements that equal `element`, from the left, or from the right with the last number first. Looks
    /// at `compared` elements at most.
    pub fn positions_of(
        self,
        element: &'a [u8],
        from: End,
        compared: u64,
    ) -> Box<dyn Iterator<Item = u64> + 'a> {
        let len = self.len();
        let compared = usize::try_from(compared).unwrap_or(usize::MAX);
        let needle = Value::of(element);
        // Others may have stored an integer as a string.
        let is_one = move |value: Value<'a>| match (value, needle) {
            (Value::Int(value), Value::Int(needle)) => value == needle,
            (Value::Int(_), Value::Bytes(_)) => false,
            (Value::Bytes(bytes), _) => bytes == element,
        };
        let elements: Box<dyn Iterator<Item = (u64, Value<'a>)> + 'a> = match (self, from) {
            (ListRef::Packed(pack), End::Left) => Box::new((0..).zip(pack.iter())),
            (ListRef::Packed(pack), End::Right) => Box::new((0..len).rev().zip(pack.iter().rev())),
            (ListRef::Big(list), End::Left) => Box::new((0..).zip(list.iter_from(0))),
            (ListRef::Big(list), End::Right) => {
                Box::new((0..len).rev().zip(list.iter_back_from(len - 1)))
            }
        };
        let found = elements.take(compared);
        Box::new(found.filter_map(move |(number, value)| is_one(value).then_some(number)))
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
        match self.end {
            End::Left => self.list.each(0, self.count, visit),
            End::Right => {
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

/// A list being edited.
pub struct ListEdit<'e, 'a> {
    edit: &'e mut CollectionEdit<'a>,
    limit: NodeLimit,
}

impl<'e, 'a> ListEdit<'e, 'a> {
    /// The edit of a list whose nodes are limited as `limits` say.
    pub fn new(edit: &'e mut CollectionEdit<'a>, limits: &Limits) -> Self {
        let limit = NodeLimit::of_setting(limits.list_node);
        Self { edit, limit }
    }

    /// The list as it is.
    pub fn list(&self) -> ListRef<'_> {
        ListRef::of(self.edit.content())
    }

    /// Adds `elements` one after the other at `end`.
    pub fn push<'v>(&mut self, end: End, elements: impl Iterator<Item = &'v [u8]> + Clone) {
        self.grow(elements.clone());
        let mut pushed = 0;
        for element in elements {
            match self.body() {
                Body::Packed(pack) => match end {
                    End::Left => pack.push_front(element),
                    End::Right => pack.push_back(element),
                },
                Body::Big(list) => {
                    let index = match end {
                        End::Left => 0,
                        End::Right => list.len(),
                    };
                    list.insert(index, element);
                }
            }
            pushed += 1;
        }
        self.edit.changed(pushed);
    }

    /// Up to `count` elements at `end`.
    pub fn span(&self, end: End, count: u64) -> ListSpan<'_> {
        let list = self.list();
        ListSpan {
            list,
            end,
            count: count.min(list.len()),
        }
    }

    /// Removes up to `count` elements at `end`.
    pub fn pop(&mut self, end: End, count: u64) {
        let len = self.list().len();
        let count = count.min(len);
        let first = match end {
            End::Left => 0,
            End::Right => len - count,
        };
        self.remove(first, count);
        self.edit.changed(count);
        self.shrink();
    }

    /// Puts `element` in the place of number `index`, which is there.
    pub fn set(&mut self, index: u64, element: &[u8]) {
        self.grow(std::iter::once(element));
        match self.body() {
            Body::Packed(pack) => {
                let position = pack.as_listpack().seek(index as usize);
                pack.replace(position.expect("the caller has seen the element"), element);
            }
            Body::Big(list) => list.replace(index, element),
        }
        self.edit.changed(1);
        self.shrink();
    }

    /// Adds `element` with `index` others before it; there are as many.
    pub fn insert(&mut self, index: u64, element: &[u8]) {
        self.grow(std::iter::once(element));
        match self.body() {
            Body::Packed(pack) => match pack.as_listpack().seek(index as usize) {
                Some(position) => {
                    pack.insert_before(position, element);
                }
                None => pack.push_back(element),
            },
            Body::Big(list) => list.insert(index, element),
        }
        self.edit.changed(1);
    }

    /// Keeps only the `count` elements from number `first` on.
    pub fn trim(&mut self, first: u64, count: u64) {
        let len = self.list().len();
        let end = first.saturating_add(count).min(len);
        let (before, behind) = (first.min(end), len - end);
        self.remove(end, behind);
        self.remove(0, before);
        self.edit.changed(before + behind);
        self.shrink();
    }

    /// Removes up to `most` elements that equal `element`, those nearest to `from` first; how many it was.
    pub fn remove_equal(&mut self, element: &[u8], from: End, most: u64) -> u64 {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let found = self.list().positions_of(element, from, u64::MAX);
        let mut found: Vec<u64> = found.take(most).collect();
        if from == End::Left {
            found.reverse();
        }
        // From the last one on, so that the numbers of the others stay.
        found.iter().for_each(|&number| self.remove(number, 1));
        let removed = found.len() as u64;
        self.edit.changed(removed);
        if removed > 0 {
            self.shrink();
        }
        removed
    }

    /// Removes `count` elements from number `first` on.
    fn remove(&mut self, first: u64, count: u64) {
        match self.body() {
            Body::Packed(pack) => pack.remove_range(first as usize, count as usize),
            Body::Big(list) => {
                let removed = list.remove(first, count);
                if !removed.is_empty() {
                    self.edit.leave(removed_remains(removed));
                }
            }
        }
    }

    fn body(&mut self) -> Body<'_> {
        // Asked twice, because a borrow that is returned from one arm lasts through the other.
        if self.edit.packed().is_some() {
            let Some(Packed::List(pack)) = self.edit.packed() else {
                unreachable!("small lists are listpacks")
            };
            return Body::Packed(pack);
        }
        match self.edit.big() {
            Some(Collection::List(list)) => Body::Big(list),
            _ => unreachable!("whoever looked it up wanted a list"),
        }
    }

    /// Makes a big list of a small one to which `elements` are about to be added, if they are too much.
    fn grow<'v>(&mut self, elements: impl Iterator<Item = &'v [u8]>) {
        let limit = self.limit;
        let Body::Packed(pack) = self.body() else {
            return;
        };
        let (mut bytes, mut len) = (pack.as_bytes().len(), pack.as_listpack().len());
        for element in elements {
            bytes = bytes.saturating_add(element.len());
            len += 1;
        }
        if limit.is_exceeded_by(bytes, len) {
            let pack = std::mem::take(pack);
            let list = ListTree::of_pack(pack, limit);
            self.edit.replace(Collection::List(list));
        }
    }

    /// Makes a small list of a big one, if little is left of it.
    fn shrink(&mut self) {
        let limit = self.limit;
        let Body::Big(list) = self.body() else {
            return;
        };
        let Some(pack) = list.only_pack() else {
            return;
        };
        if limit.is_half_empty_with(pack.byte_len(), pack.len()) {
            let mut small = ListpackBuf::new();
            small.load(pack.as_bytes());
            self.edit.replace(Packed::List(small));
        }
    }
}

/// A list to write.
enum Body<'l> {
    Packed(&'l mut ListpackBuf),
    Big(&'l mut ListTree),
}

fn removed_remains(
    removed: crate::tree::Tree<crate::collection::list::ListNode>,
) -> crate::collection::CollectionRemains {
    crate::collection::CollectionRemains::List(crate::tree::Remains::of(removed))
}

impl Unit<'_> {
    /// The list at `key`, looked up to be read.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn list(&mut self, db: DbIndex, key: &Key<'_>) -> Result<Option<ListRef<'_>>, StoreError> {
        let found = self.collection(db, key, ValueType::List)?;
        Ok(found.map(ListRef::of))
    }

    /// The list at `key`, looked up to be changed.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    #[inline]
    pub fn list_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<ListRef<'_>>, StoreError> {
        let found = self.collection_to_change(db, key, ValueType::List)?;
        Ok(found.map(ListRef::of))
    }

    /// Lets `change` edit the list at `key`, an empty one if there is none; see [`Unit::edit`].
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    pub fn edit_list<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        limits: &Limits,
        change: impl FnOnce(&mut ListEdit<'_, '_>) -> R,
    ) -> Result<EditOutcome<R>, StoreError> {
        self.edit(db, key, ValueType::List, |edit| {
            change(&mut ListEdit::new(edit, limits))
        })
    }

    /// Adds `elements` one after the other at `end`, and returns the new length. A list that is not there is made only if
    /// `creates`; else the length is 0.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    pub fn push_list<'v>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        end: End,
        elements: impl Iterator<Item = &'v [u8]> + Clone,
        creates: bool,
        limits: &Limits,
    ) -> Result<u64, StoreError> {
        let outcome = self.edit_list(db, key, limits, |list| {
            if creates || !list.list().is_empty() {
                list.push(end, elements);
            }
            list.list().len()
        })?;
        Ok(outcome.result)
    }

    /// Removes up to `count` elements at `end` of the list at `key`, once `take` has seen them. `None`: there is no list.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    pub fn pop_list<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        end: End,
        count: u64,
        limits: &Limits,
        take: impl FnOnce(ListSpan<'_>) -> R,
    ) -> Result<Option<EditOutcome<R>>, StoreError> {
        let outcome = self.edit_list(db, key, limits, |list| {
            if list.list().is_empty() {
                return None;
            }
            let result = take(list.span(end, count));
            list.pop(end, count);
            Some(result)
        })?;
        Ok(outcome.result.map(|result| EditOutcome {
            result,
            changes: outcome.changes,
            is_gone: outcome.is_gone,
        }))
    }

    /// Moves the element at one end of the list at `key` to the same end or the other, and returns it. `None`: there is
    /// no list.
    ///
    /// # Errors
    /// `WrongType` when `key` holds something else.
    pub fn rotate_list(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        from: End,
        to: End,
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let outcome = self.edit_list(db, key, limits, |list| {
            if list.list().is_empty() {
                return None;
            }
            let element = list.span(from, 1).to_vec();
            list.pop(from, 1);
            list.push(to, std::iter::once(&element[..]));
            Some(element)
        })?;
        Ok(outcome.result)
    }
}
