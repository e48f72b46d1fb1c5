//! What `XINFO GROUPS` of Redis 8.0.6 showed after the same commands.

use super::*;

/// A stream of five entries with a group that begins behind `last_id`.
fn with_group(last_id: u64, entries_read: Option<i64>) -> Stream {
    let mut stream = stream_of(5, NodeLimits::default());
    assert!(stream.create_group(b"g", id(last_id), entries_read));
    stream
}

#[track_caller]
fn check(stream: &Stream, entries_read: Option<i64>, lag: Option<i64>) {
    let group = stream.groups().get(b"g").unwrap();
    let found = (group.entries_read(), group.lag(stream.entries()));
    assert_eq!(found, (entries_read, lag));
}

fn read_some(stream: &mut Stream, count: usize) {
    read(stream, b"g", b"c", count, UnixMillis(0));
}

fn delete(stream: &mut Stream, ms: u64) {
    assert_eq!(stream.delete(id(ms), References::Keep), Deleted::Yes);
}

fn trim(stream: &mut Stream, keep: u64) {
    let trimmed = stream.trim(Keep::Last(keep), Precision::Exact, References::Keep);
    assert!(trimmed.entries > 0);
}

#[test]
fn what_was_deleted_ahead_makes_the_lag_unknown() {
    let mut stream = Stream::new();
    stream.create_group(b"g", id(0), None);
    check(&stream, None, Some(0));
    for ms in 1..=5 {
        add(&mut stream, ms, NodeLimits::default());
    }
    check(&stream, None, Some(5));
    read_some(&mut stream, 1);
    check(&stream, Some(1), Some(4));
    read_some(&mut stream, 1);
    check(&stream, Some(2), Some(3));
    delete(&mut stream, 1);
    check(&stream, Some(2), Some(3));
    delete(&mut stream, 4);
    check(&stream, Some(2), None);
    read_some(&mut stream, 1);
    check(&stream, None, None);
    read_some(&mut stream, 5);
    check(&stream, Some(5), Some(0));
    add(&mut stream, 6, NodeLimits::default());
    check(&stream, Some(5), Some(1));
    read_some(&mut stream, 1);
    check(&stream, Some(6), Some(0));
}

#[test]
fn a_group_that_begins_in_the_middle_knows_where_it_is_at_the_end() {
    let mut stream = with_group(3, None);
    check(&stream, None, None);
    read_some(&mut stream, 1);
    check(&stream, None, None);
    read_some(&mut stream, 1);
    check(&stream, Some(5), Some(0));
}

#[test]
fn what_was_trimmed_does_not_count() {
    let mut stream = with_group(0, None);
    check(&stream, None, Some(5));
    read_some(&mut stream, 1);
    check(&stream, Some(1), Some(4));
    trim(&mut stream, 2);
    check(&stream, Some(1), Some(2));
    read_some(&mut stream, 1);
    check(&stream, Some(4), Some(1));
    trim(&mut stream, 0);
    check(&stream, Some(4), Some(0));
    add(&mut stream, 9, NodeLimits::default());
    check(&stream, Some(4), Some(1));
    read_some(&mut stream, 1);
    check(&stream, Some(6), Some(0));
}

#[test]
fn a_counter_that_was_given_is_taken_for_what_it_says() {
    let mut stream = with_group(2, Some(2));
    check(&stream, Some(2), Some(3));
    read_some(&mut stream, 1);
    check(&stream, Some(3), Some(2));
    for (last_id, lag) in [(1, Some(4)), (7, None), (5, Some(0))] {
        stream
            .group_mut(b"g")
            .unwrap()
            .set_last_id(id(last_id), None);
        check(&stream, None, lag);
    }
    assert_eq!(stream.set_id(id(9), Some(100), None), Ok(()));
    check(&stream, None, None);
}
