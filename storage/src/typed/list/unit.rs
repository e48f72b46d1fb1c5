//! Lists by their keys.

use crate::collection::list::NodeLimit;
use crate::hash::Key;
use crate::listpack::{self, Listpack, ListpackBuf, Store};
use crate::unit::{EditOutcome, Unit};
use crate::value::ValueType;
use crate::{DbIndex, StoreError};

use super::super::{CollectionEdit, Content, Limits, Packed, Packing};
use super::{End, ListEdit, ListRef, ListSpan};

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
        let limit = NodeLimit::of_setting(limits.list_node);
        let outcome = self.edit_in_place(
            db,
            key,
            Packing::List,
            |pack| room_for(pack, elements.clone(), limit),
            |pack| {
                let pushed = push_to(pack, end, elements.clone());
                (pack.as_listpack().len() as u64, pushed)
            },
            |edit| {
                let mut list = ListEdit::new(edit, limits);
                if creates || !list.list().is_empty() {
                    list.push(end, elements.clone());
                }
                list.list().len()
            },
        )?;
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
        // One of two closures takes it.
        let take = std::cell::Cell::new(Some(take));
        let take = |span: ListSpan<'_>| take.take().map(|take| take(span));
        let outcome = self.edit_in_place(
            db,
            key,
            Packing::List,
            |_| Some(0),
            |pack| {
                let span = ListSpan::new(ListRef::Packed(pack.as_listpack()), end, count);
                let (result, count) = (take(span), span.len());
                pop_from(pack, end, count as usize);
                (result, count)
            },
            |edit| {
                let mut list = ListEdit::new(edit, limits);
                if list.list().is_empty() {
                    return None;
                }
                let result = take(list.span(end, count));
                list.pop(end, count);
                result
            },
        )?;
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

/// How many elements to move from list to list, and in what order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveMany {
    /// Most of them.
    pub count: u64,
    /// Whether none is moved if there are fewer.
    pub exactly: bool,
    /// Whether they keep the order in which they stand; otherwise each is added at the end, one after the other.
    pub keeps_order: bool,
}

/// Elements that have been moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// They, as they stand in the list that has them now.
    pub elements: Vec<Vec<u8>>,
    /// Whether the list they were taken from has gone with them.
    pub is_gone: bool,
}

impl Unit<'_> {
    /// As [`Unit::move_element`], of as many elements as `how` says. `None`: there is no list, or not enough in it.
    ///
    /// # Errors
    /// `WrongType` when one of both keys holds something else; nothing has happened then.
    pub fn move_elements(
        &mut self,
        db: DbIndex,
        (source, from): (&Key<'_>, End),
        (destination, to): (&Key<'_>, End),
        how: MoveMany,
        limits: &Limits,
    ) -> Result<Option<Moved>, StoreError> {
        let available = self.list_to_change(db, source)?.map_or(0, ListRef::len);
        if available == 0 || how.exactly && available < how.count {
            return Ok(None);
        }
        self.list_to_change(db, destination)?;
        let take = |span: ListSpan<'_>| in_new_order(span, to, how.keeps_order);
        if source.bytes == destination.bytes {
            let moved = self.edit_list(db, source, limits, |list| {
                let elements = take(list.span(from, how.count));
                list.pop_and_push((from, elements.len() as u64), (to, &elements));
                elements
            })?;
            let (elements, is_gone) = (moved.result, false);
            return Ok(Some(Moved { elements, is_gone }));
        }
        let popped = self.pop_list(db, source, from, how.count, limits, take)?;
        let Some(popped) = popped else {
            return Ok(None);
        };
        let (elements, is_gone) = (popped.result, popped.is_gone);
        let in_order = elements.iter().map(Vec::as_slice);
        match to {
            End::Left => self.push_list(db, destination, to, in_order.rev(), true, limits)?,
            End::Right => self.push_list(db, destination, to, in_order, true, limits)?,
        };
        self.tally.dirty -= elements.len() as u64;
        Ok(Some(Moved { elements, is_gone }))
    }
}

/// The elements of `span` in the order in which they will stand at the end `to` of a list.
fn in_new_order(span: ListSpan<'_>, to: End, keeps_order: bool) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    span.each(|element| {
        let mut bytes = Vec::new();
        element.write_to(&mut bytes);
        elements.push(bytes);
    });
    // They come as they would be popped: from the right, the last one first.
    let is_reversed = if keeps_order {
        span.end() == End::Right
    } else {
        to == End::Left
    };
    if is_reversed {
        elements.reverse();
    }
    elements
}

/// How many bytes a small list grows when `elements` are added, unless it grows out of its listpack with them.
fn room_for<'v>(
    pack: Listpack<'_>,
    elements: impl Iterator<Item = &'v [u8]> + Clone,
    limit: NodeLimit,
) -> Option<usize> {
    let (mut bytes, mut len, mut more) = (pack.byte_len(), pack.len(), 0);
    for element in elements {
        bytes = bytes.saturating_add(element.len());
        len += 1;
        if limit.is_exceeded_by(bytes, len) {
            return None;
        }
        more += listpack::entry_bytes(element);
    }
    Some(more)
}

/// Adds `elements` one after the other at `end`; how many there are.
pub(super) fn push_to<'v, S: Store>(
    pack: &mut ListpackBuf<S>,
    end: End,
    elements: impl Iterator<Item = &'v [u8]>,
) -> u64 {
    let mut pushed = 0;
    for element in elements {
        match end {
            End::Left => pack.push_front(element),
            End::Right => pack.push_back(element),
        }
        pushed += 1;
    }
    pushed
}

/// Removes `count` elements at `end`; there are as many.
fn pop_from<S: Store>(pack: &mut ListpackBuf<S>, end: End, count: usize) {
    let listpack = pack.as_listpack();
    let first = match end {
        End::Left => listpack.first(),
        End::Right if count == 1 => listpack.last(),
        End::Right => listpack.seek(listpack.len() - count),
    };
    if let Some(first) = first
        && count > 0
    {
        pack.remove_from(first, count);
    }
}
