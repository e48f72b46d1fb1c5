mod add;
mod lag;
mod large;
mod load;
mod model;
mod redis;
mod trim;

use super::*;

/// Fields and values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

fn bytes(value: crate::listpack::Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

fn entries_of<'t>(range: impl Iterator<Item = Entry<'t>>) -> Vec<(StreamId, Pairs)> {
    let fields = |fields: Fields<'_>| {
        let len = fields.len();
        let fields: Vec<_> = fields
            .map(|(name, value)| (bytes(name), bytes(value)))
            .collect();
        assert_eq!(fields.len(), len);
        fields
    };
    range
        .map(|entry| (entry.id, fields(entry.fields)))
        .collect()
}

/// A stream of the entries `1-0`, `2-0` and so on.
fn stream_of(entries: u64, limits: NodeLimits) -> Stream {
    let mut stream = Stream::new();
    for ms in 1..=entries {
        add(&mut stream, ms, limits);
    }
    stream
}

fn add(stream: &mut Stream, ms: u64, limits: NodeLimits) {
    let (id, text) = (NewId::Given(id(ms)), ms.to_string());
    let fields: [Field<'_>; 1] = [(b"field", text.as_bytes())];
    stream.add(id, &fields, UnixMillis(0), limits).unwrap();
}

/// Reads `count` new entries as `consumer` of `group`.
fn read(stream: &mut Stream, group: &[u8], consumer: &[u8], count: usize, now: UnixMillis) {
    let mut group = stream.group_mut(group).unwrap();
    let (consumer, _) = group.visit(consumer, now);
    let from = group.as_group().last_id().next().unwrap();
    for entry in group.entries().range(from, StreamId::MAX).take(count) {
        group.deliver(consumer, entry.id, true, now);
    }
}

/// Takes a stream down, `nodes` at a time, to the last byte; in how many steps.
fn take_down(stream: Stream, nodes: usize) -> usize {
    let bytes = stream.memory_bytes();
    let mut remains = StreamRemains::of(Box::new(stream));
    assert_eq!(remains.memory_bytes(), bytes);
    let mut steps = 0;
    while !remains.is_empty() {
        let before = remains.memory_bytes();
        assert!((1..=nodes).contains(&remains.free_some(nodes)));
        assert!(remains.memory_bytes() < before);
        steps += 1;
    }
    assert_eq!((remains.memory_bytes(), remains.free_some(nodes)), (0, 0));
    steps
}
