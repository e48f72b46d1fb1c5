//! Groups of a stream that are made ahead, beside the stream itself: what takes long in them is done without any lock.

use std::fmt;

use crate::collection::Collection;
use crate::collection::stream::{Forgetting, GroupMut, Stream};
use crate::keyspace::Keyspace;
use crate::pins::PinnedCollection;

/// A stream as it was, and a clone of it whose groups are being changed.
pub struct GroupsAhead {
    before: PinnedCollection,
    /// `None` only while it is dropped.
    made: Option<Box<Stream>>,
}

impl fmt::Debug for GroupsAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupsAhead({:?})", self.before)
    }
}

impl GroupsAhead {
    /// The groups of `stream`, to be changed.
    pub fn new(stream: &Stream, keyspace: &Keyspace) -> Self {
        let made = Box::new(stream.clone());
        let before = Collection::Stream(made.clone());
        Self {
            before: keyspace.pin_clone(before),
            made: Some(made),
        }
    }

    /// The entries as they were, and the groups as they are by now.
    pub fn stream(&self) -> &Stream {
        self.made
            .as_deref()
            .expect("it is there until it is dropped")
    }

    fn stream_mut(&mut self) -> &mut Stream {
        self.made
            .as_deref_mut()
            .expect("it is there until it is dropped")
    }

    /// A group to change.
    pub fn group(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        self.stream_mut().group_mut(name)
    }

    /// See [`Stream::forget_some`].
    pub fn forget_some(&mut self, forgetting: &mut Forgetting, work: usize) -> bool {
        self.stream_mut().forget_some(forgetting, work)
    }

    /// Whether a group can take the place of that of `stream`: nothing has been done to it meanwhile, and to the entries
    /// nothing but that some were added, which has nothing to do with groups.
    pub fn is_of_group(&self, stream: &Stream, name: &[u8]) -> bool {
        match &*self.before {
            Collection::Stream(before) => stream.has_same_group(before, name),
            _ => false,
        }
    }

    /// The same of all groups together.
    pub fn is_of(&self, stream: &Stream) -> bool {
        match &*self.before {
            Collection::Stream(before) => stream.has_same_groups(before),
            _ => false,
        }
    }
}

impl Drop for GroupsAhead {
    fn drop(&mut self) {
        if let Some(made) = self.made.take() {
            drop(self.before.pin_beside(Collection::Stream(made)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixMillis;
    use crate::collection::stream::{
        Deleted, Keep, NewId, NodeLimits, Precision, References, StreamId,
    };
    use crate::fixture::keyspace;

    fn add(stream: &mut Stream, ms: u64) {
        let id = NewId::Given(StreamId::new(ms, 0));
        let fields = [(&b"field"[..], &b"value"[..])];
        stream
            .add(id, &fields, UnixMillis(0), NodeLimits::default())
            .unwrap();
    }

    #[test]
    fn groups_take_their_place_unless_more_has_happened_than_new_entries() {
        let keyspace = keyspace();
        let mut stream = Stream::new();
        (1..=1_000).for_each(|ms| add(&mut stream, ms));
        assert!(stream.create_group(b"g", StreamId::MIN, None));
        let mut ahead = GroupsAhead::new(&stream, &keyspace);
        let mut group = ahead.group(b"g").unwrap();
        let (consumer, _) = group.visit(b"c", UnixMillis(5));
        for entry in group.entries().iter() {
            group.deliver(consumer, entry.id, true, UnixMillis(5));
        }
        drop(group);
        add(&mut stream, 1_001);
        assert!(ahead.is_of(&stream));
        let mut copy = stream.clone();
        copy.begin_lineage();
        assert!(!ahead.is_of(&copy) && !ahead.is_of_group(&copy, b"g"));
        // What is done to another group is nothing to this one.
        let mut other = stream.clone();
        assert!(other.create_group(b"other", StreamId::MIN, None));
        assert!(!ahead.is_of(&other) && ahead.is_of_group(&other, b"g"));
        let others: [fn(&mut Stream); 4] = [
            |stream| {
                let mut group = stream.group_mut(b"g").unwrap();
                assert!(group.visit(b"d", UnixMillis(5)).1);
            },
            |stream| {
                let deleted = stream.delete(StreamId::new(7, 0), References::Keep);
                assert_eq!(deleted, Deleted::Yes);
            },
            |stream| {
                let trimmed = stream.trim(Keep::Last(9), Precision::Exact, References::Keep);
                assert_eq!(trimmed.entries, 992);
            },
            |stream| stream.set_id(StreamId::new(2_000, 0), None, None).unwrap(),
        ];
        for other in others {
            let mut changed = stream.clone();
            other(&mut changed);
            assert!(!ahead.is_of(&changed) && !ahead.is_of_group(&changed, b"g"));
        }
        assert!(stream.groups().get(b"g").unwrap().pending().is_empty());
        assert!(stream.create_group(b"other", StreamId::MIN, None));
        let bytes = stream.memory_bytes();
        stream.take_group_of(ahead.stream(), b"g");
        assert!(stream.memory_bytes() > bytes + 1_000 * size_of::<StreamId>());
        assert!(stream.groups().get(b"other").is_some());
        let group = stream.groups().get(b"g").unwrap();
        assert_eq!((group.pending().len(), stream.len()), (1_000, 1_001));
        assert!(!ahead.is_of(&stream));
    }
}
