//! Lists: a listpack while one node would hold it, then a tree of nodes.
//!
//! A list grows out of its listpack when an added element would be too much for a node (`list-max-listpack-size`), counted
//! before it is added and without what the listpack keeps beside it, as Redis does. It goes back into one when what takes
//! elements away has left a single node, half full at most.

use std::ops::ControlFlow;

use crate::collection::list::{ListTree, Needle, NodeLimit};
use crate::collection::{Collection, CollectionRemains};
use crate::hash::Key;
use crate::listpack::{Listpack, ListpackBuf, Value};
use crate::tree::Remains;
use crate::unit::{EditOutcome, Unit};
use crate::value::ValueType;
use crate::{DbIndex, StoreError};

use super::{CollectionEdit, CollectionRef, Content, Limits, Packed};

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
                Body::Big(list) => match end {
                    End::Left => list.push_front(element),
                    End::Right => list.push_back(element),
                },
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

    /// Moves the element at one end to the same end or the other, and returns it; `None` if there is none.
    fn rotate(&mut self, from: End, to: End) -> Option<Vec<u8>> {
        let list = self.list();
        if list.is_empty() {
            return None;
        }
        let first = match from {
            End::Left => 0,
            End::Right => list.len() - 1,
        };
        let element = self.span(from, 1).to_vec();
        self.remove(first, 1);
        self.push(to, std::iter::once(&element[..]));
        self.shrink();
        Some(element)
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
        let (first, kept) = (first.min(end), end - first.min(end));
        match self.body() {
            Body::Packed(pack) => {
                pack.remove_range(end as usize, (len - end) as usize);
                pack.remove_range(0, first as usize);
            }
            Body::Big(list) => {
                let remains = list.trim(first, kept);
                self.edit.leave(remains);
            }
        }
        self.edit.changed(len - kept);
        self.shrink();
    }

    /// Removes up to `most` elements that equal `element`, those nearest to `from` first; how many it was.
    pub fn remove_equal(&mut self, element: &[u8], from: End, most: u64) -> u64 {
        let removed = match self.body() {
            Body::Packed(pack) => {
                let (needle, most) = (Needle::new(element), usize::try_from(most));
                let is_one = |value: Value<'_>| needle.is(value);
                pack.remove_where(is_one, most.unwrap_or(usize::MAX), from == End::Right) as u64
            }
            Body::Big(list) => list.remove_matching(element, most, from == End::Right),
        };
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
                    self.edit
                        .leave(CollectionRemains::List(Remains::of(removed)));
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

    /// A list of `elements`, to be stored by [`Unit::set_collection`].
    pub fn list_of<'v>(
        &self,
        elements: impl Iterator<Item = &'v [u8]> + Clone,
        limits: &Limits,
    ) -> Content<'static> {
        let nothing = Content::Packed(Packed::List(ListpackBuf::new()));
        let mut edit = CollectionEdit::new(nothing, self.keyspace().hasher().elements());
        ListEdit::new(&mut edit, limits).push(End::Right, elements);
        edit.finish().0.into_owned()
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

    /// Moves the element at the end `from` of one list to the end `to` of another, or of the same; returns it and whether
    /// the first list has gone with it. `None`: there is no list to take it from. It counts as one change.
    ///
    /// # Errors
    /// `WrongType` when one of both keys holds something else; nothing has happened then.
    pub fn move_element(
        &mut self,
        db: DbIndex,
        (source, from): (&Key<'_>, End),
        (destination, to): (&Key<'_>, End),
        limits: &Limits,
    ) -> Result<Option<(Vec<u8>, bool)>, StoreError> {
        if source.bytes == destination.bytes {
            let moved = self.edit_list(db, source, limits, |list| list.rotate(from, to))?;
            return Ok(moved.result.map(|element| (element, false)));
        }
        if let Err(error) = self.list_to_change(db, destination).map(|_| ()) {
            // Without a source the destination does not matter.
            let source = self.list_to_change(db, source)?;
            return source.map_or(Ok(None), |_| Err(error));
        }
        let popped = self.pop_list(db, source, from, 1, limits, |span| span.to_vec())?;
        let Some(popped) = popped else {
            return Ok(None);
        };
        let element = std::iter::once(&popped.result[..]);
        self.push_list(db, destination, to, element, true, limits)?;
        self.tally.dirty -= 1;
        Ok(Some((popped.result, popped.is_gone)))
    }
}
