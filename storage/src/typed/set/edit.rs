//! Sets being edited.

use std::collections::HashSet;

use crate::collection::fields::{Element, FieldTree};
use crate::collection::{Collection, CollectionRemains};
use crate::hash::ElementHasher;
use crate::intset::IntsetBuf;
use crate::listpack::{BYTES_MAX, ListpackBuf, Value, entry_bytes};
use crate::typed::hash::different;
use crate::typed::sorted_set::below;
use crate::typed::{CollectionEdit, Limits, Packed, PackedLimit};
use crate::value::canonical_integer;

use super::pop::{BulkPop, is_walk, part, take};
use super::{OwnedSet, SetRef, Text};

/// No intset has more integers, whatever the limit.
const INTEGERS_MAX: usize = 1 << 30;

/// A set being edited, see [`crate::Unit::edit_set`].
///
/// As in Redis 7.2 a set begins as an intset if the first member is an integer, else as a listpack, or at once as a tree
/// if more members are announced than either may have. An intset becomes a listpack with the first other member, unless
/// that would be too much for one; it becomes a tree with one integer too many, and so does a listpack with one member too
/// many or too long.
pub struct SetEdit<'e, 'c> {
    edit: &'e mut CollectionEdit<'c>,
    limit: PackedLimit,
    integers_max: usize,
}

impl<'e, 'c> SetEdit<'e, 'c> {
    /// The edit of a set that is packed as `limits` say.
    pub fn new(edit: &'e mut CollectionEdit<'c>, limits: &Limits) -> Self {
        Self {
            edit,
            limit: limits.set,
            integers_max: limits.intset_entries.min(INTEGERS_MAX),
        }
    }

    /// What is there.
    #[inline]
    pub fn read(&self) -> SetRef<'_> {
        SetRef::of(self.edit.content())
    }

    /// Adds members; how many were not there before.
    pub fn add_all<'m>(&mut self, members: impl ExactSizeIterator<Item = &'m [u8]> + Clone) -> u64 {
        self.expect(members.clone().next(), members.len());
        let added = members.filter(|member| self.put(member)).count() as u64;
        self.edit.changed(added);
        added
    }

    /// Adds one member; whether it was not there before.
    pub fn add(&mut self, member: &[u8]) -> bool {
        self.add_all(std::iter::once(member)) > 0
    }

    /// Removes members; how many were there.
    pub fn remove_all<'m>(&mut self, members: impl Iterator<Item = &'m [u8]>) -> u64 {
        let removed = members.filter(|member| self.cut(member)).count() as u64;
        self.edit.changed(removed);
        removed
    }

    /// Removes a member by a random number, once `take` has seen it; what `take` returns, or `None` if the set is empty.
    pub fn pop<R>(&mut self, random: u64, take: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let number = below(self.read().len(), random);
        let result = match self.body() {
            Body::Integers(intset) => {
                let member = intset.as_intset().get(number as usize)?;
                let result = take(Value::Int(member));
                intset.remove(member);
                result
            }
            Body::Packed(listpack) => {
                let at = listpack.as_listpack().seek(number as usize)?;
                let result = take(listpack.as_listpack().value_at(at));
                listpack.remove(at);
                result
            }
            Body::Big(tree) => {
                tree.take_at(number, |_, element| take(Value::Bytes(element.name)))?
            }
        };
        self.edit.changed(1);
        Some(result)
    }

    /// Removes up to `count` members chosen at random, and returns them.
    pub fn pop_many(&mut self, count: u64, random: impl FnMut() -> u64) -> OwnedSet {
        let len = self.read().len();
        let count = count.min(len);
        let taken = match self.body() {
            Body::Integers(intset) if count == len => OwnedSet::Integers(std::mem::take(intset)),
            Body::Packed(listpack) if count == len => OwnedSet::Packed(std::mem::take(listpack)),
            Body::Big(tree) if count == len => OwnedSet::Big(std::mem::take(tree)),
            Body::Integers(intset) => {
                let chosen: HashSet<u64> = different(count, len, random).into_iter().collect();
                OwnedSet::Integers(take_integers(intset, &chosen))
            }
            Body::Packed(listpack) => {
                let chosen: HashSet<u64> = different(count, len, random).into_iter().collect();
                OwnedSet::Packed(take_packed(listpack, &chosen))
            }
            Body::Big(tree) if is_walk(count, len) => {
                let (taken, rest) = part(tree, count, random);
                let all = std::mem::replace(tree, rest);
                self.edit.leave(remains(all));
                OwnedSet::Big(taken)
            }
            Body::Big(tree) => OwnedSet::Big(take(tree, count, random)),
        };
        self.edit.changed(count);
        taken
    }

    /// Removes the members that were chosen for a pop of this very set, and returns them.
    pub fn pop_prepared(&mut self, pop: BulkPop) -> OwnedSet {
        let (taken, rest) = pop.into_parts();
        self.edit.changed(taken.len());
        self.edit.replace(Collection::Set(rest));
        OwnedSet::Big(taken)
    }

    /// Removes one member; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.remove_all(std::iter::once(member)) > 0
    }

    /// What to begin with, when nothing is there yet, or to go on with, if `count` members are about to be added.
    fn expect(&mut self, first: Option<&[u8]>, count: usize) {
        let (limit, integers_max) = (self.limit, self.integers_max);
        let is_new = self.read().is_empty();
        match self.body() {
            Body::Integers(_) if is_new => {
                let is_integer = first.is_none_or(|first| canonical_integer(first).is_some());
                if is_integer && count <= integers_max {
                    return;
                }
                if count <= limit.entries {
                    self.edit.replace(Packed::Set(ListpackBuf::new()));
                } else {
                    self.grow();
                }
            }
            Body::Integers(_) if count > integers_max => self.grow(),
            Body::Packed(_) if count > limit.entries => self.grow(),
            _ => {}
        }
    }

    /// As [`SetEdit::put`], of a member that was read from a set.
    pub(super) fn put_value(&mut self, member: Value<'_>) -> bool {
        self.put(Text::default().of(member))
    }

    /// Adds a member without counting a change; whether it was not there before.
    fn put(&mut self, member: &[u8]) -> bool {
        let (limit, integers_max) = (self.limit, self.integers_max);
        let hasher = self.edit.hasher();
        match self.body() {
            Body::Integers(intset) => {
                let Some(integer) = canonical_integer(member) else {
                    self.put_into_integers(member);
                    return true;
                };
                let is_new = intset.insert(integer);
                if is_new && intset.as_intset().len() > integers_max {
                    self.grow();
                }
                is_new
            }
            Body::Packed(listpack) => {
                let pack = listpack.as_listpack();
                let first = pack.first();
                if first.is_some_and(|first| pack.find(first, 1, member).is_some()) {
                    return false;
                }
                let fits = pack.len() < limit.entries
                    && limit.admits(member)
                    && pack.has_room_for(member.len());
                if fits {
                    listpack.push_back(member);
                } else {
                    self.grow();
                    self.put(member);
                }
                true
            }
            Body::Big(tree) => tree.add(hasher.hash(member), &element(member)),
        }
    }

    /// Adds a member that is no integer to an intset, which is none any more then.
    #[cold]
    fn put_into_integers(&mut self, member: &[u8]) {
        let limit = self.limit;
        let Body::Integers(intset) = self.body() else {
            unreachable!("the caller has seen an intset")
        };
        let integers = intset.as_intset();
        let longest = |integer: Option<i64>| integer.map_or(0, |integer| Value::Int(integer).len());
        let digits = longest(integers.min()).max(longest(integers.max()));
        let bytes = [integers.min(), integers.max()].into_iter().flatten();
        let entry = bytes.map(|integer| Value::Int(integer).entry_bytes()).max();
        let total = integers.len().saturating_mul(entry.unwrap_or(0));
        let fits = integers.len() < limit.entries
            && limit.admits(member)
            && digits as u64 <= limit.value_bytes
            && total.saturating_add(member.len()) <= BYTES_MAX;
        if !fits {
            self.grow();
            self.put(member);
            return;
        }
        let mut listpack = ListpackBuf::with_capacity(total + entry_bytes(member) + HEADER_BYTES);
        integers
            .iter()
            .for_each(|integer| listpack.push_back_int(integer));
        listpack.push_back(member);
        self.edit.replace(Packed::Set(listpack));
    }

    /// Removes a member without counting a change; whether it was there.
    pub(super) fn cut(&mut self, member: &[u8]) -> bool {
        let hasher = self.edit.hasher();
        match self.body() {
            Body::Integers(intset) => {
                canonical_integer(member).is_some_and(|member| intset.remove(member))
            }
            Body::Packed(listpack) => {
                let pack = listpack.as_listpack();
                let found = pack.first().and_then(|first| pack.find(first, 1, member));
                if let Some(at) = found {
                    listpack.remove(at);
                }
                found.is_some()
            }
            Body::Big(tree) => tree.remove(hasher.hash(member), member),
        }
    }

    #[inline]
    fn body(&mut self) -> Body<'_> {
        // Asked twice, because a borrow that is returned from one arm lasts through the other.
        if self.edit.packed().is_some() {
            return match self.edit.packed() {
                Some(Packed::Intset(intset)) => Body::Integers(intset),
                Some(Packed::Set(listpack)) => Body::Packed(listpack),
                _ => unreachable!("small sets are intsets or listpacks"),
            };
        }
        match self.edit.big() {
            Some(Collection::Set(tree)) => Body::Big(tree),
            _ => unreachable!("whoever looked it up wanted a set"),
        }
    }

    /// Makes a tree of what is there.
    #[cold]
    fn grow(&mut self) {
        let tree = tree_of(self.read(), self.edit.hasher());
        self.edit.replace(Collection::Set(tree));
    }
}

/// Bytes of a listpack that are no entries.
const HEADER_BYTES: usize = 7;

/// A set to write.
enum Body<'s> {
    Integers(&'s mut IntsetBuf),
    Packed(&'s mut ListpackBuf),
    Big(&'s mut FieldTree),
}

/// A member as it lies in a tree.
pub(super) fn element(member: &[u8]) -> Element<'_> {
    Element {
        name: member,
        value: b"",
        expire_at: None,
    }
}

/// A tree of the members of `set`.
pub(super) fn tree_of(set: SetRef<'_>, hasher: ElementHasher) -> FieldTree {
    let mut tree = FieldTree::default();
    set.each(|member| {
        let mut text = Text::default();
        let member = text.of(member);
        tree.add(hasher.hash(member), &element(member));
    });
    tree
}

/// Takes out the integers with these numbers.
fn take_integers(intset: &mut IntsetBuf, chosen: &HashSet<u64>) -> IntsetBuf {
    let (mut taken, mut rest) = (IntsetBuf::new(), IntsetBuf::new());
    for (number, integer) in (0..).zip(intset.as_intset().iter()) {
        if chosen.contains(&number) {
            taken.insert(integer);
        } else {
            rest.insert(integer);
        }
    }
    *intset = rest;
    taken
}

/// Takes out the members with these numbers.
fn take_packed(listpack: &mut ListpackBuf, chosen: &HashSet<u64>) -> ListpackBuf {
    let (mut taken, mut number) = (ListpackBuf::new(), 0);
    listpack.retain(|member| {
        let stays = !chosen.contains(&number);
        if !stays {
            match member {
                Value::Int(integer) => taken.push_back_int(integer),
                Value::Bytes(bytes) => taken.push_back(bytes),
            }
        }
        number += 1;
        stays
    });
    taken
}

fn remains(tree: FieldTree) -> CollectionRemains {
    Collection::Set(tree).into_remains()
}
