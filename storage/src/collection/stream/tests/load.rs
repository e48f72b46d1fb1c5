//! Nodes from outside.

use super::*;
use crate::listpack::{Corrupt, ListpackBuf};

/// Loads a node with the ID `5-5` of these elements.
fn load(elements: &[i64]) -> Result<u64, CorruptNode> {
    let mut pack = ListpackBuf::new();
    for &element in elements {
        pack.push_back_int(element);
    }
    let mut stream = Stream::new();
    stream.load_node(StreamId::new(5, 5), pack.into_bytes())?;
    // What was accepted can be read, and changed.
    let shown = entries_of(stream.entries().iter());
    for (id, _) in &shown {
        assert_eq!(stream.delete(*id, References::Keep), Deleted::Yes);
    }
    Ok(shown.len() as u64)
}

#[test]
fn nodes_are_loaded_if_they_are_sound() {
    use CorruptNode::{Count, Entry, Order};
    let cases: [(&[i64], _); 22] = [
        (&[1, 0, 1, 7, 0, 2, 0, 0, 9, 4], Ok(1)),
        (&[1, 1, 1, 7, 0, 2, 0, 0, 9, 4, 3, 0, 1, 9, 4], Ok(1)),
        (&[2, 0, 1, 7, 0, 2, 0, 0, 9, 4, 0, 1, -5, 1, 8, 8, 6], Ok(2)),
        (&[0, 1, 1, 7, 0, 3, 0, 0, 9, 4], Ok(0)),
        (&[1, 0, 0, 0, 2, 0, 0, 3], Ok(1)),
        (&[], Err(Entry)),
        (&[1], Err(Entry)),
        (&[0, 0, 1, 7, 0], Err(Entry)),
        (&[1, 0, 1, 7, 1, 2, 0, 0, 9, 4], Err(Entry)),
        (&[1, 0, -1, 0, 2, 0, 0, 9, 4], Err(Entry)),
        (&[1, 0, i64::MAX, 7, 0, 2, 0, 0, 9, 4], Err(Entry)),
        (&[1, 0, 1, 7, 0, 4, 0, 0, 9, 4], Err(Entry)),
        (&[1, 0, 1, 7, 0, 2, 0, 0, 9, 5], Err(Entry)),
        (&[1, 0, 1, 7, 0, 2, 0, 0, 9], Err(Entry)),
        (&[1, 0, 1, 7, 0, 0, 0, 0, i64::MAX, 9, 4], Err(Entry)),
        (&[1, 0, 1, 7, 0, 0, 0, 0, -1, 2], Err(Entry)),
        (&[2, 0, 1, 7, 0, 2, 0, 0, 9, 4], Err(Count)),
        (&[0, 0, 1, 7, 0, 2, 0, 0, 9, 4], Err(Count)),
        (&[1, 1, 1, 7, 0, 2, 0, 0, 9, 4], Err(Count)),
        (&[1, 0, 1, 7, 0, 2, 0, -1, 9, 4], Err(Order)),
        (&[2, 0, 1, 7, 0, 2, 0, 1, 9, 4, 2, 0, 1, 9, 4], Err(Order)),
        (&[2, 0, 1, 7, 0, 2, 1, 0, 9, 4, 2, 0, 1, 9, 4], Err(Order)),
    ];
    for (elements, expected) in cases {
        assert_eq!(load(elements), expected, "{elements:?}");
    }
    let mut stream = Stream::new();
    let truncated = stream.load_node(id(1), vec![7, 0, 0]);
    assert_eq!(truncated, Err(CorruptNode::Listpack(Corrupt::Size)));
}

#[test]
fn nodes_follow_one_another() {
    let node = |ms: u64| {
        let stream = stream_of(ms, NodeLimits::default());
        let nodes: Vec<_> = stream.entries().nodes().map(StreamNode::as_bytes).collect();
        nodes[0].to_vec()
    };
    let mut stream = Stream::new();
    assert_eq!(stream.load_node(id(1), node(3)), Ok(()));
    assert_eq!(stream.load_node(id(3), node(1)), Err(CorruptNode::Order));
    assert_eq!(stream.load_node(id(4), node(2)), Ok(()));
    assert_eq!(stream.load_ids(id(4), id(0), 9), Err(CorruptNode::Order));
    assert_eq!(stream.load_ids(id(7), id(6), 9), Ok(()));
    let entries = stream.entries();
    assert_eq!((entries.first_id(), entries.last_id()), (id(1), id(7)));
    assert_eq!((entries.max_deleted_id(), entries.added()), (id(6), 9));
    let shown = entries_of(entries.iter());
    assert!(shown.iter().map(|(id, _)| id.ms).eq(1..=5));
}

#[test]
fn pending_entries_are_loaded_before_their_consumers() {
    let mut stream = stream_of(3, NodeLimits::default());
    stream.create_group(b"g", id(3), Some(3));
    let mut group = stream.group_mut(b"g").unwrap();
    assert!(group.load_pending(id(1), 10, 1) && group.load_pending(id(2), 20, 2));
    assert!(!group.load_pending(id(2), 30, 3));
    assert_eq!(group.as_group().pending().len_of_nobody(), 2);
    let consumer = group.create_consumer(b"c", UnixMillis(5)).unwrap();
    group.set_times(consumer, UnixMillis(6), Some(UnixMillis(7)));
    assert!(group.load_owner(id(2), consumer));
    assert!(!group.load_owner(id(2), consumer) && !group.load_owner(id(3), consumer));
    let loaded = group.as_group().pending().get(id(2)).unwrap();
    assert_eq!(loaded, PendingEntry::new(Some(consumer), 20, 2));
    assert_eq!(group.as_group().pending().len_of_nobody(), 1);
}
