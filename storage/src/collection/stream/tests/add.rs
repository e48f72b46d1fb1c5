use super::*;

const MAX: u64 = u64::MAX;

#[test]
fn ids_are_made_from_the_time_and_the_last_one() {
    let given = |ms, seq| NewId::Given(StreamId::new(ms, seq));
    let ok = |ms, seq| Ok(StreamId::new(ms, seq));
    let not_above = Err(AddError::NotAbove);
    let cases = [
        // The last ID, the time, the ID asked for, and what comes of it.
        ((0, 0), 7, NewId::Auto, ok(7, 0)),
        ((7, 0), 7, NewId::Auto, ok(7, 1)),
        ((9, 4), 7, NewId::Auto, ok(9, 5)),
        ((9, MAX), 7, NewId::Auto, ok(10, 0)),
        ((0, 0), -7, NewId::Auto, ok(0, 1)),
        ((0, 0), 7, NewId::AutoSeq(0), ok(0, 1)),
        ((0, 0), 7, NewId::AutoSeq(5), ok(5, 0)),
        ((5, 3), 7, NewId::AutoSeq(5), ok(5, 4)),
        ((5, MAX), 7, NewId::AutoSeq(5), not_above),
        ((5, MAX), 7, NewId::AutoSeq(6), ok(6, 0)),
        ((5, 3), 7, NewId::AutoSeq(4), not_above),
        ((5, 3), 7, given(5, 4), ok(5, 4)),
        ((5, 3), 7, given(5, 3), not_above),
        ((5, 3), 7, given(4, 9), not_above),
        ((0, 0), 7, given(0, 0), Err(AddError::Zero)),
        ((MAX, MAX - 1), 7, NewId::Auto, ok(MAX, MAX)),
        ((MAX, MAX), 7, NewId::Auto, Err(AddError::Exhausted)),
        ((MAX, MAX), 7, given(5, 0), Err(AddError::Exhausted)),
        ((MAX, MAX), 7, given(0, 0), Err(AddError::Zero)),
    ];
    for ((ms, seq), now, new_id, expected) in cases {
        let mut stream = Stream::new();
        stream.set_id(StreamId::new(ms, seq), None, None).unwrap();
        let now = UnixMillis(now);
        let made = stream.entries().new_id(new_id, now);
        assert_eq!(made, expected, "{ms}-{seq} {now:?} {new_id:?}");
        let added = stream.add(new_id, &[(b"f", b"v")], now, NodeLimits::default());
        assert_eq!(added, expected);
        let last = expected.unwrap_or(StreamId::new(ms, seq));
        assert_eq!(stream.entries().last_id(), last);
        assert_eq!(stream.len(), u64::from(expected.is_ok()));
    }
}

#[test]
fn what_does_not_fit_a_listpack_is_refused() {
    let part = vec![b'x'; 1 << 20];
    let mut fields: Vec<Field<'_>> = vec![(&part, &part); 512];
    assert_eq!(entries::bytes_of(&fields), Some(1 << 30));
    fields.push((b"", b"x"));
    let mut stream = Stream::new();
    let added = stream.add(NewId::Auto, &fields, UnixMillis(1), NodeLimits::default());
    assert_eq!(added, Err(AddError::TooLong));
    assert!(stream.is_empty() && stream.entries().added() == 0);
}

#[test]
fn the_last_id_is_not_set_below_what_was_there() {
    let mut stream = stream_of(9, NodeLimits::default());
    for (last_id, added, expected) in [
        (8, None, Err(SetIdError::BelowLast)),
        (9, Some(8), Err(SetIdError::TooFewAdded)),
        (9, Some(9), Ok(())),
        (20, None, Ok(())),
    ] {
        assert_eq!(stream.set_id(id(last_id), added, None), expected);
    }
    assert_eq!(stream.set_id(id(20), None, Some(id(15))), Ok(()));
    assert_eq!(
        stream.set_id(id(14), None, None),
        Err(SetIdError::BelowDeleted)
    );
    // Zero is none.
    assert_eq!(stream.set_id(id(20), None, Some(id(0))), Ok(()));
    assert_eq!(stream.entries().max_deleted_id(), id(15));
    assert_eq!(
        (stream.entries().last_id(), stream.entries().added()),
        (id(20), 9)
    );
}

#[test]
fn deleting_moves_the_first_id() {
    let mut stream = stream_of(5, NodeLimits::default());
    let mut delete = |ms, first, max_deleted| {
        assert_eq!(stream.delete(id(ms), References::Keep), Deleted::Yes);
        assert_eq!(stream.delete(id(ms), References::Keep), Deleted::Missing);
        let entries = stream.entries();
        let found = (entries.first_id(), entries.max_deleted_id());
        assert_eq!(found, (id(first), id(max_deleted)));
    };
    delete(4, 1, 4);
    delete(1, 2, 4);
    delete(2, 3, 4);
    delete(5, 3, 5);
    delete(3, 0, 5);
    assert!(stream.is_empty() && stream.entries().nodes().next().is_none());
    assert_eq!(stream.entries().last_id(), id(5));
}

#[test]
fn the_radix_tree_is_as_large_as_that_of_redis() {
    // XADD key ID f v for each, with stream-node-max-entries 1; keys and nodes as XINFO STREAM of Redis 7.0.15 and 8.0.6
    // shows them.
    let cases: [(&[(u64, u64)], u64); 7] = [
        (&[], 1),
        (&[(1, 0)], 2),
        (&[(1, 0), (2, 0)], 6),
        (&[(1, 0), (1, 1), (1, 2)], 5),
        (&[(255, 0), (256, 0), (65536, 0), (65537, 7)], 13),
        (&[(1, 1), (1, 256), (2, 1), (2, 257), (1 << 63, 0)], 17),
        (
            &[
                (0, 1),
                (0, 1 << 56),
                (1 << 56, 0),
                (1 << 56, 1 << 56),
                (MAX, MAX),
            ],
            15,
        ),
    ];
    for (ids, nodes) in cases {
        let mut stream = Stream::new();
        let limits = NodeLimits {
            bytes: 0,
            entries: 1,
        };
        for &(ms, seq) in ids {
            let id = NewId::Given(StreamId::new(ms, seq));
            stream
                .add(id, &[(b"f", b"v")], UnixMillis(0), limits)
                .unwrap();
        }
        let keys = ids.len() as u64;
        assert_eq!(
            stream.entries().radix_size(),
            RadixSize { keys, nodes },
            "{ids:?}"
        );
    }
}
