//! Hashes being edited.

use crate::collection::Collection;
use crate::collection::fields::{Element, FieldTree};
use crate::listpack::{ListpackBuf, Position};
use crate::time::UnixMillis;
use crate::typed::{CollectionEdit, Packed, PackedLimit};
use crate::unit::NewExpiry;

use super::HashRef;

/// A hash being edited, see [`crate::Unit::edit_hash`]. What is done to fields does not count as a change by itself:
/// commands differ in what they count ([`HashEdit::changed`]).
pub struct HashEdit<'e, 'c> {
    edit: &'e mut CollectionEdit<'c>,
    limit: PackedLimit,
    now: UnixMillis,
    /// Fields that were found to have expired, and are no longer there.
    expired: Vec<Box<[u8]>>,
}

impl<'e, 'c> HashEdit<'e, 'c> {
    pub(super) fn new(
        edit: &'e mut CollectionEdit<'c>,
        limit: PackedLimit,
        now: UnixMillis,
    ) -> Self {
        Self {
            edit,
            limit,
            now,
            expired: Vec::new(),
        }
    }

    /// Fields that were found to have expired, and are no longer there, or others of their name in their place.
    pub(super) fn into_expired(self) -> Vec<Box<[u8]>> {
        self.expired
    }

    /// What is there.
    pub fn read(&self) -> HashRef<'_> {
        HashRef::of(self.edit.content(), self.now)
    }

    /// The value of `field` as `read` makes it of the stored one.
    pub fn get<R>(
        &self,
        field: &[u8],
        read: impl FnOnce(crate::listpack::Value<'_>) -> R,
    ) -> Option<R> {
        self.read().get(self.edit.hasher(), field).map(read)
    }

    /// Notes `count` changes (Redis's `dirty`).
    pub fn changed(&mut self, count: u64) {
        self.edit.changed(count);
    }

    /// Makes a tree of a packed hash into which `strings`, fields and values in turn, will not go.
    pub fn make_way_for<'s>(&mut self, strings: impl ExactSizeIterator<Item = &'s [u8]>) {
        let limit = self.limit;
        let Some(listpack) = self.listpack() else {
            return;
        };
        let mut fits = strings.len() / 2 <= limit.entries;
        let mut bytes: usize = 0;
        for string in strings {
            fits &= limit.admits(string);
            bytes = bytes.saturating_add(string.len());
        }
        if !fits || !listpack.as_listpack().has_room_for(bytes) {
            self.grow();
        }
    }

    /// Sets `field`; whether it was there.
    pub fn set(&mut self, field: &[u8], value: &[u8], expiry: NewExpiry) -> bool {
        let limit = self.limit;
        let stays_packed =
            limit.admits(field) && limit.admits(value) && !matches!(expiry, NewExpiry::At(_));
        if !stays_packed {
            self.grow();
        }
        let Some(listpack) = self.listpack() else {
            return self.set_in_tree(field, value, expiry);
        };
        let was_there = put(listpack, field, value);
        if listpack.as_listpack().len() / 2 > limit.entries {
            self.grow();
        }
        was_there
    }

    fn set_in_tree(&mut self, field: &[u8], value: &[u8], expiry: NewExpiry) -> bool {
        let (hash, now) = (self.edit.hasher().hash(field), self.now);
        let tree = self.tree();
        let mut old = None;
        if expiry == NewExpiry::Keep || tree.soonest_expiry().is_some_and(|at| at < now) {
            old = tree.get(hash, field).and_then(|old| old.expire_at);
        }
        let expired = old.is_some_and(|at| at < now);
        let old = old.filter(|_| !expired);
        let element = Element {
            name: field,
            value,
            expire_at: expiry.after(old),
        };
        let was_there = tree.set(hash, &element);
        if expired {
            self.expired.push(field.into());
        }
        was_there && !expired
    }

    /// Removes `field`; whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if let Some(listpack) = self.listpack() {
            let found = find(listpack, field);
            found.is_some_and(|at| {
                listpack.remove_from(at, 2);
                true
            })
        } else {
            let is_alive = self.get(field, |_| ()).is_some();
            let hash = self.edit.hasher().hash(field);
            let was_there = self.tree().remove(hash, field);
            if was_there && !is_alive {
                self.expired.push(field.into());
            }
            is_alive
        }
    }

    /// Gives `field` another expire time, or none; whether it is there.
    pub fn set_expiry(&mut self, field: &[u8], expire_at: Option<UnixMillis>) -> bool {
        if self.get(field, |_| ()).is_none() {
            return false;
        }
        if expire_at.is_some() {
            self.grow();
        }
        // A packed hash has no expire times to remove.
        if self.edit.big().is_some() {
            let hash = self.edit.hasher().hash(field);
            self.tree().set_expiry(hash, field, expire_at);
        }
        true
    }

    /// The expire time of `field`, or `Some(None)` if it has none; `None` if there is no such field.
    pub fn expire_at(&self, field: &[u8]) -> Option<Option<UnixMillis>> {
        self.read().expire_at(self.edit.hasher(), field)
    }

    fn listpack(&mut self) -> Option<&mut ListpackBuf> {
        match self.edit.packed()? {
            Packed::Hash(listpack) => Some(listpack),
            _ => unreachable!("the edit is of a hash"),
        }
    }

    fn tree(&mut self) -> &mut FieldTree {
        match self.edit.big() {
            Some(Collection::Hash(tree)) => tree,
            _ => unreachable!("the edit is of a hash that is not packed"),
        }
    }

    /// Makes a tree of a packed hash.
    #[cold]
    fn grow(&mut self) {
        let hasher = self.edit.hasher();
        let Some(listpack) = self.listpack() else {
            return;
        };
        let mut tree = FieldTree::default();
        let (mut name, mut value) = (Vec::new(), Vec::new());
        let mut parts = listpack.as_listpack().iter();
        while let (Some(field), Some(of_field)) = (parts.next(), parts.next()) {
            name.clear();
            value.clear();
            field.write_to(&mut name);
            of_field.write_to(&mut value);
            let element = Element {
                name: &name,
                value: &value,
                expire_at: None,
            };
            tree.set(hasher.hash(&name), &element);
        }
        self.edit.replace(Collection::Hash(tree));
    }
}

fn find(listpack: &ListpackBuf, field: &[u8]) -> Option<Position> {
    let listpack = listpack.as_listpack();
    listpack.find(listpack.first()?, 2, field)
}

/// Sets a field of a packed hash; whether it was there.
fn put(listpack: &mut ListpackBuf, field: &[u8], value: &[u8]) -> bool {
    match find(listpack, field) {
        Some(at) => {
            let of_field = listpack.as_listpack().next(at);
            listpack.replace(of_field.expect("a value follows each field"), value);
            true
        }
        None => {
            listpack.push_back(field);
            listpack.push_back(value);
            false
        }
    }
}
