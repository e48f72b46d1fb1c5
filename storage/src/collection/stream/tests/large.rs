//! Streams with much in them.

use super::*;

/// How many entries, and how many consumers.
const LARGE: (u64, u64) = (100_000, 10_000);

/// A large stream; each consumer of its group has a run of entries pending.
fn large() -> Stream {
    let (entries, consumers) = LARGE;
    let mut stream = stream_of(entries, NodeLimits::default());
    stream.create_group(b"group", id(0), None);
    for consumer in 0..consumers {
        // In an order that is not that of their names.
        let name = (consumer * 7_919 % consumers).to_string();
        let count = (entries / consumers) as usize;
        read(
            &mut stream,
            b"group",
            name.as_bytes(),
            count,
            UnixMillis(consumer as i64),
        );
    }
    stream
}

#[test]
fn a_large_stream_takes_little_and_goes_in_steps() {
    let mut stream = large();
    let (entries, consumers) = LARGE;
    let group = stream.groups().get(b"group").unwrap();
    assert_eq!(group.pending().len(), entries);
    assert_eq!(group.consumers().len(), consumers);
    let names: Vec<_> = group
        .consumers()
        .iter()
        .map(|(_, one)| one.name())
        .collect();
    assert!(names.is_sorted());
    for (number, _) in group.consumers().iter().step_by(97) {
        assert_eq!(group.pending().len_of(number), entries / consumers);
    }
    let each = group.memory_bytes() as u64 / entries;
    assert!(
        (60..80).contains(&each),
        "{each} bytes for each pending entry"
    );
    let each = stream.entries().memory_bytes() as u64 / entries;
    assert!((10..20).contains(&each), "{each} bytes for each entry");

    // A pin is a few counters; what is written then is copied, and no more.
    let pin = stream.clone();
    let (mut group, now) = (stream.group_mut(b"group").unwrap(), UnixMillis(1 << 30));
    let (consumer, _) = group.visit(b"77", now);
    assert!(group.acknowledge(id(1_000)));
    let claim = Claim {
        min_idle_ms: 0,
        delivered_at_ms: now.0,
        deliveries: None,
        counts: true,
        force: false,
    };
    assert_eq!(group.claim(consumer, id(2_000), &claim, now), Claimed::Yes);
    drop(group);
    let steps = take_down_pinned(stream);
    assert!(
        steps < 400,
        "{steps} handles, of copied nodes and of their children"
    );

    let steps = take_down(pin, 16);
    assert!(steps > 300, "{steps}");
}

/// Frees what a pin does not have; in how many steps of one node.
fn take_down_pinned(stream: Stream) -> usize {
    let mut remains = StreamRemains::of(Box::new(stream));
    let mut steps = 0;
    // Of shared nodes only the handle is given up.
    while remains.free_some(1) > 0 {
        steps += 1;
    }
    steps
}

#[test]
fn a_consumer_with_much_pending_is_deleted() {
    for by_time in [false, true] {
        let mut stream = stream_of(20_000, NodeLimits::default());
        stream.create_group(b"g", id(0), None);
        for turn in 0..2_000 {
            let consumer: &[u8] = if turn % 10 == 3 { b"few" } else { b"much" };
            read(&mut stream, b"g", consumer, 10, UnixMillis(turn));
        }
        let mut group = stream.group_mut(b"g").unwrap();
        if by_time {
            let mut scan = group.scan_idle(0, 1, UnixMillis(7));
            while group.order_some(&mut scan, 100) {}
            assert!(group.as_group().pending().by_time().is_some());
        }
        let (count, mut remains) = group.delete_consumer(b"much").unwrap();
        while remains.free_some(8) > 0 {}
        assert_eq!(count, 18_000);
        assert!(group.delete_consumer(b"much").is_none());
        let pending = group.as_group().pending();
        let few = group.as_group().consumers().find(b"few").unwrap();
        assert_eq!((pending.len(), pending.len_of(few)), (2_000, 2_000));
        let is_few = |(_, entry): (_, PendingEntry)| entry.consumer() == Some(few);
        assert!(pending.iter_from(StreamId::MIN).all(is_few));
        drop(group);
        take_down(stream, 5);
    }
}

#[test]
fn numbers_of_consumers_that_are_gone_are_taken_again() {
    let mut stream = Stream::new();
    stream.create_group(b"g", id(0), None);
    let mut group = stream.group_mut(b"g").unwrap();
    let mut create = |name: &str| group.create_consumer(name.as_bytes(), UnixMillis(0));
    for number in 0..200 {
        assert_eq!(create(&format!("consumer {number}")), Some(number));
    }
    assert_eq!(create("consumer 7"), None);
    for number in [150, 3, 199, 0] {
        let name = format!("consumer {number}");
        assert!(group.delete_consumer(name.as_bytes()).is_some());
    }
    for number in [0, 3, 150, 199, 200] {
        let name = format!("new {number}");
        let created = group.create_consumer(name.as_bytes(), UnixMillis(0));
        assert_eq!(created, Some(number));
    }
}

#[test]
fn large_ranges_can_be_read_in_pieces_from_a_pin() {
    let mut stream = stream_of(10_000, NodeLimits::default());
    let pin = stream.clone();
    let (mut next, mut read) = (Some(StreamId::MIN), 0);
    while let Some(from) = next {
        let piece = entries_of(pin.entries().range(from, StreamId::MAX).take(333));
        next = piece.last().and_then(|(id, _)| id.next());
        read += piece.len();
        let keep = Keep::Last(10_000u64.saturating_sub(read as u64 * 2));
        let trimmed = stream.trim(keep, Precision::Exact, References::Keep);
        assert!(trimmed.entries <= 666);
    }
    assert_eq!((read, stream.len()), (10_000, 0));
}

#[test]
fn how_many_entries_there_may_be_is_nodes_at_most_too_many() {
    let stream = stream_of(1_000, NodeLimits::default());
    let nodes = NodeLimits::default().entries;
    assert_eq!(stream.entries().most_from(StreamId::MIN), 1_000);
    for ms in 0..=1_001 {
        let (most, count) = (
            stream.entries().most_from(id(ms)),
            stream.entries().count(id(ms), StreamId::MAX),
        );
        assert!(
            (count..=count + nodes).contains(&most),
            "{ms}: {most} of {count}"
        );
    }
    assert_eq!(Stream::new().entries().most_from(StreamId::MIN), 0);
}
