//! Cursors: offsets, lag, freeing, the backlog, waiting and waking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread;

use bytes::Bytes;

use super::{TestFraming, decode, effect, effects, read_frames, read_pieces, started};
use crate::log::{Cursor, EffectGroup, Log, Readiness, Ticket};

fn append(log: &Log, payload: &[u8]) {
    let mut group = EffectGroup::new();
    group.push(0, 0, &effect(payload));
    log.append(&mut group);
    log.wake_if_needed();
}

/// Waits until everything appended is in the stream; returns the offset.
fn settle(log: &Log) -> u64 {
    let tail = log.tail();
    let end = log.cursor_at(tail).wait_start();
    assert_eq!(log.offset_of(tail), end);
    end.expect("the tail has not passed")
}

fn read_all(cursor: &mut Cursor) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = cursor.read() {
        bytes.extend_from_slice(&piece);
    }
    bytes
}

#[test]
fn offsets_and_lag_count_bytes() {
    let (log, mut cursor) = started(64);
    assert_eq!(cursor.wait_start(), Some(0));
    let meter = cursor.lag_meter();
    append(&log, b"one");
    let end = settle(&log);
    assert_eq!((end, cursor.lag_bytes(), meter.lag_bytes()), (17, 17, 17));
    assert_eq!(cursor.offset(), Some(0));
    assert_eq!(read_all(&mut cursor).len(), 17);
    assert_eq!((cursor.offset(), cursor.lag_bytes()), (Some(17), 0));
    append(&log, b"two");
    assert_eq!(settle(&log), 17 + 9 + 8, "a cut forces a selection");
    assert_eq!(meter.lag_bytes(), 17);
    drop(cursor);
    assert_eq!(meter.lag_bytes(), 0);
    assert_eq!(log.sequenced(), (Ticket(2), 34));
}

#[test]
fn every_cursor_begins_with_a_selection() {
    let (log, mut first) = started(64);
    append(&log, b"one");
    let mut second = log.cursor_at(log.tail());
    append(&log, b"two");
    log.stop();
    let all = read_pieces(&mut first).concat();
    let start = usize::try_from(second.start_offset().unwrap()).unwrap();
    assert_eq!(all[start..], read_pieces(&mut second).concat());
    assert_eq!(decode(&all[start..])[0], super::Frame::Select(0));
}

#[test]
fn what_all_cursors_have_read_is_freed_and_no_more() {
    let (log, mut fast) = started(64);
    let mut slow = log.cursor_at(log.tail());
    let values: Vec<Bytes> = (0..3).map(|n| Bytes::from(vec![n; 5000])).collect();
    for value in &values {
        let mut group = EffectGroup::new();
        group.push_shared(0, 0, value.clone());
        log.append(&mut group);
    }
    log.wake_if_needed();
    settle(&log);
    assert!(read_all(&mut fast).len() > 15_000);
    assert!(values.iter().all(|value| !value.is_unique()));
    while slow.offset().unwrap() < 10_000 {
        slow.read();
    }
    let unique: Vec<bool> = values.iter().map(Bytes::is_unique).collect();
    assert_eq!(unique, [true, true, false]);
    drop(slow);
    assert!(values[2].is_unique());
}

#[test]
fn without_cursors_nothing_is_kept() {
    let (log, cursor) = started(64);
    drop(cursor);
    let value = Bytes::from(vec![1; 5000]);
    let mut group = EffectGroup::new();
    group.push_shared(0, 0, value.clone());
    log.append(&mut group);
    append(&log, b"short");
    let end = settle(&log);
    assert!(value.is_unique());
    assert!(log.resume_at(end).is_some());
    assert!(log.resume_at(end - 1).is_none() && log.resume_at(end + 1).is_none());
}

#[test]
fn the_backlog_can_be_resumed_from() {
    let (log, mut cursor) = started(64);
    log.set_backlog_bytes(100);
    for number in 0..100_u8 {
        append(&log, &[number; 20]);
        settle(&log);
        read_all(&mut cursor);
    }
    let end = settle(&log);
    let mut resumed = log.resume_at(end - 100).expect("in the backlog");
    assert_eq!(resumed.lag_bytes(), 100);
    assert_eq!(read_all(&mut resumed).len(), 100);
    assert!(log.resume_at(0).is_none());
    drop((cursor, resumed));
    log.set_backlog_bytes(0);
    assert!(log.resume_at(end - 1).is_none());
}

#[test]
fn many_chunks_arrive_in_order_however_they_are_read() {
    let (log, mut eager) = started(1024);
    let mut late = log.cursor_at(log.tail());
    let mut group = EffectGroup::new();
    let reader = thread::spawn(move || read_frames(&mut eager));
    for number in 0..200_000_u32 {
        group.push(0, 0, &effect(&number.to_le_bytes()));
        log.append(&mut group);
        log.wake_if_needed();
    }
    log.stop();
    let frames = reader.join().unwrap();
    let seen = effects(&frames);
    assert_eq!(seen.len(), 200_000);
    assert!((0_u32..).zip(seen).all(|(n, e)| e == n.to_le_bytes()));
    assert_eq!(read_frames(&mut late), frames);
}

#[test]
fn a_missed_cut_ends_the_cursor_and_says_so() {
    let (log, cursor) = started(64);
    append(&log, b"one");
    settle(&log);
    let mut late = log.cursor_at(Ticket(0));
    assert_eq!(late.wait_start(), None);
    assert_eq!((late.wait(), late.read()), (Readiness::Ended, None));
    assert_eq!(late.start_offset(), None);
    drop(cursor);
}

#[test]
fn dropping_the_log_ends_its_cursors() {
    let (log, mut cursor) = started(64);
    append(&log, b"one");
    drop(log);
    assert_eq!(effects(&read_frames(&mut cursor)), [b"one"]);

    let log = Log::with_slots(2);
    let never = log.cursor_at(log.tail());
    let waiting = thread::spawn(move || (never.wait_start(), never.wait()));
    drop(log);
    assert_eq!(waiting.join().unwrap(), (None, Readiness::Ended));
}

#[test]
fn starting_twice_starts_once() {
    let (log, _cursor) = started(2);
    assert!(!log.start(Box::new(TestFraming)).unwrap());
    log.stop();
    log.stop();
    assert!(log.start(Box::new(TestFraming)).unwrap());
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        // SeqCst: a test's counter, any order would do.
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn wakers_are_woken_once_for_each_registration() {
    let log = Log::with_slots(64);
    let mut cursor = log.cursor_at(log.tail());
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(Arc::clone(&counter));
    let count = || counter.0.load(Ordering::SeqCst);

    assert_eq!(cursor.poll_start(&waker), Poll::Pending);
    log.start(Box::new(TestFraming)).unwrap();
    assert_eq!(cursor.wait_start(), Some(0));
    while count() < 1 {
        thread::yield_now();
    }
    assert_eq!(cursor.poll_start(&waker), Poll::Ready(Some(0)));
    assert_eq!(cursor.poll_readable(&waker), Poll::Pending);
    append(&log, b"one");
    while count() < 2 {
        thread::yield_now();
    }
    append(&log, b"two");
    settle(&log);
    assert_eq!(count(), 2);
    assert_eq!(
        cursor.poll_readable(&waker),
        Poll::Ready(Readiness::Readable)
    );
    read_all(&mut cursor);
    assert_eq!(cursor.poll_readable(&waker), Poll::Pending);
    log.stop();
    assert_eq!(count(), 3);
    assert_eq!(cursor.poll_readable(&waker), Poll::Ready(Readiness::Ended));
}
