//! The consumer groups of a stream.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::sync::Arc;

use super::entries::Entries;
use super::group::{Group, GroupMut};
use super::id::StreamId;

/// What a group takes beside its name and what is in it: two counted allocations, and its place in the map.
const GROUP_BYTES: usize = size_of::<Group>() + 4 * size_of::<usize>() + PLACE_BYTES;
const PLACE_BYTES: usize = size_of::<(Arc<[u8]>, Arc<Group>)>();

/// Groups by name.
type Map = BTreeMap<Arc<[u8]>, Arc<Group>>;

/// The groups. A clone is a pin: whoever writes to a group after that copies the map, which is short, and the group's head.
#[derive(Clone, Default)]
pub struct Groups {
    map: Arc<Map>,
    bytes: usize,
}

impl Groups {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Allocated bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// The group with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.map.get(name).map(Arc::as_ref)
    }

    /// All in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.map
            .iter()
            .map(|(name, group)| (name.as_ref(), group.as_ref()))
    }

    /// Makes a group; whether there was none with this name.
    pub(super) fn create(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<i64>,
    ) -> bool {
        if self.map.contains_key(name) {
            return false;
        }
        let group = Group::new(last_id, entries_read);
        self.bytes += bytes_of(name, &group);
        Arc::make_mut(&mut self.map).insert(name.into(), Arc::new(group));
        true
    }

    /// Takes a group out.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Arc<Group>> {
        let bytes = bytes_of(name, self.get(name)?);
        let group = Arc::make_mut(&mut self.map).remove(name)?;
        self.bytes -= bytes;
        Some(group)
    }

    /// A group to change.
    pub(super) fn get_mut<'s>(
        &'s mut self,
        name: &[u8],
        entries: &'s Entries,
    ) -> Option<GroupMut<'s>> {
        if !self.map.contains_key(name) {
            return None;
        }
        let group = Arc::make_mut(Arc::make_mut(&mut self.map).get_mut(name)?);
        Some(GroupMut {
            entries,
            bytes_before: group.memory_bytes(),
            group,
            bytes: &mut self.bytes,
        })
    }

    /// The first of the names from `from` on.
    pub(super) fn first_name(&self, from: Bound<&Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let mut names = self.map.range::<Arc<[u8]>, _>((from, Bound::Unbounded));
        let (name, _) = names.next()?;
        Some(Arc::clone(name))
    }

    /// Whether nothing has been done to them since `before`, a clone, was made.
    pub(super) fn is_same(&self, before: &Self) -> bool {
        Arc::ptr_eq(&self.map, &before.map)
    }

    /// The same of the group with this name, which there must be.
    pub(super) fn has_same_group(&self, before: &Self, name: &[u8]) -> bool {
        let groups = self.map.get(name).zip(before.map.get(name));
        groups.is_some_and(|(group, before)| Arc::ptr_eq(group, before))
    }

    /// Takes a group of `made` in place of the one here, if both have one with this name.
    pub(super) fn take_group_of(&mut self, made: &Self, name: &[u8]) {
        let Some(group) = made.map.get(name) else {
            return;
        };
        if let Some(place) = Arc::make_mut(&mut self.map).get_mut(name) {
            self.bytes = self.bytes - place.memory_bytes() + group.memory_bytes();
            *place = Arc::clone(group);
        }
    }

    /// Pending entries of all groups with IDs from `from` on and below `until`.
    pub(super) fn pending_between(&self, from: StreamId, until: StreamId) -> u64 {
        let groups = self.map.values().map(|group| group.pending());
        groups
            .map(|pending| pending.count_below(until) - pending.count_below(from.min(until)))
            .sum()
    }

    /// Whether a group did not get an entry yet, or did not acknowledge it.
    pub(super) fn need(&self, id: StreamId) -> bool {
        self.map.values().any(|group| group.needs(id))
    }

    /// Takes those out of `ids`, which ascend, that are pending in a group.
    pub(super) fn leave_pending(&self, ids: &mut Vec<StreamId>) {
        for group in self.map.values() {
            let Some(&first) = ids.first() else {
                return;
            };
            let pending = group.pending().iter_from(first).map(|(id, _)| id);
            let mut pending = pending.peekable();
            ids.retain(|&id| {
                while pending.next_if(|&pending| pending < id).is_some() {}
                pending.next_if_eq(&id).is_none()
            });
        }
    }

    /// The last entry that was delivered to all groups.
    pub(super) fn delivered_to_all(&self) -> StreamId {
        let last_ids = self.map.values().map(|group| group.last_id());
        last_ids.min().unwrap_or(StreamId::MAX)
    }

    /// Makes an entry pending no more in any group.
    pub(super) fn forget(&mut self, id: StreamId, entries: &Entries) {
        let has_it = |(_, group): &(&Arc<[u8]>, &Arc<Group>)| group.pending().get(id).is_some();
        let names: Vec<_> = self.map.iter().filter(has_it).collect();
        let names: Vec<_> = names
            .into_iter()
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in names {
            if let Some(mut group) = self.get_mut(&name, entries) {
                group.acknowledge(id);
            }
        }
    }

    /// The groups out of here, unless a pin has them.
    pub(super) fn into_remains(self) -> GroupsRemains {
        match Arc::into_inner(self.map) {
            Some(map) => GroupsRemains {
                groups: map.into_iter(),
                bytes: self.bytes,
            },
            None => GroupsRemains::default(),
        }
    }
}

fn bytes_of(name: &[u8], group: &Group) -> usize {
    name.len() + GROUP_BYTES + group.memory_bytes()
}

/// Groups that nobody reads any more.
#[derive(Default)]
pub(super) struct GroupsRemains {
    groups: btree_map::IntoIter<Arc<[u8]>, Arc<Group>>,
    bytes: usize,
}

impl GroupsRemains {
    /// What all that are left take.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Takes one out; `None` in place of one that a pin has.
    pub(super) fn pop(&mut self) -> Option<Option<Group>> {
        let (name, group) = self.groups.next()?;
        self.bytes -= bytes_of(&name, &group);
        Some(Arc::into_inner(group))
    }
}
