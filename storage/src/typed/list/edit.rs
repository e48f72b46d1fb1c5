//! Changes of a list, and what follows from them for how it is kept.

use crate::collection::list::{ListTree, Needle, NodeLimit};
use crate::collection::{Collection, CollectionRemains};
use crate::listpack::{ListpackBuf, Value};
use crate::tree::Remains;

use super::super::{CollectionEdit, Limits, Packed};
use super::unit::push_to;
use super::{End, ListRef, ListRemoval, ListSpan};

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
        let pushed = match self.body() {
            Body::Packed(pack) => push_to(pack, end, elements),
            Body::Big(list) => {
                let push = |element| match end {
                    End::Left => list.push_front(element),
                    End::Right => list.push_back(element),
                };
                elements.map(push).count() as u64
            }
        };
        self.edit.changed(pushed);
    }

    /// Up to `count` elements at `end`.
    pub fn span(&self, end: End, count: u64) -> ListSpan<'_> {
        ListSpan::new(self.list(), end, count)
    }

    /// Removes up to `count` elements at `end`.
    pub fn pop(&mut self, end: End, count: u64) {
        let len = self.list().len();
        let count = count.min(len);
        match (self.body(), end) {
            (Body::Big(list), End::Left) if count == 1 => {
                list.pop_front(|_| ());
            }
            (Body::Big(list), End::Right) if count == 1 => {
                list.pop_back(|_| ());
            }
            (_, End::Left) => self.remove(0, count),
            (_, End::Right) => self.remove(len - count, count),
        }
        self.edit.changed(count);
        self.shrink();
    }

    /// Moves the element at one end to the same end or the other, and returns it; `None` if there is none.
    pub(super) fn rotate(&mut self, from: End, to: End) -> Option<Vec<u8>> {
        if self.list().is_empty() {
            return None;
        }
        let element = self.span(from, 1).to_vec();
        self.pop_and_push((from, 1), (to, std::slice::from_ref(&element)));
        Some(element)
    }

    /// Removes `count` elements at one end and adds `elements`, in this order, at the same or the other; the list is not
    /// looked at in between.
    pub(super) fn pop_and_push(
        &mut self,
        (from, count): (End, u64),
        (to, elements): (End, &[Vec<u8>]),
    ) {
        let first = match from {
            End::Left => 0,
            End::Right => self.list().len() - count,
        };
        self.remove(first, count);
        let elements = elements.iter().map(Vec::as_slice);
        match to {
            End::Left => self.push(to, elements.rev()),
            End::Right => self.push(to, elements),
        }
        self.shrink();
    }

    /// Says that `element` is about to be put somewhere: a small list that it is too much for becomes a big one, as in
    /// Redis whatever comes of it.
    pub fn expect(&mut self, element: &[u8]) {
        self.grow(std::iter::once(element));
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

    /// Puts the list in place that a removal has made of this one; how many elements it has removed.
    pub fn finish_removal(&mut self, removal: &mut ListRemoval) -> u64 {
        let removed = removal.removed();
        if removed > 0 {
            self.edit.replace(Collection::List(removal.take()));
            self.edit.changed(removed);
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
