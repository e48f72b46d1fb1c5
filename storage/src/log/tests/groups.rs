//! Groups: order, contiguity, wrapping, sizes, full rings, panics.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use bytes::Bytes;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{Frame, effect, effects, read_frames, read_pieces, started};
use crate::log::ring::{INLINE_BYTES_MAX, Payload, Ring};
use crate::log::sequencer::LINK_BYTES_MIN;
use crate::log::{ANY_DATABASE, EffectGroup, Log, Ticket};

fn append(log: &Log, database: u32, payloads: &[&str]) {
    let mut group = EffectGroup::new();
    group.set_atomic(true);
    for payload in payloads {
        group.push(database, 0, &effect(payload.as_bytes()));
    }
    log.append(&mut group);
    log.wake_if_needed();
}

fn text(frames: &[Frame]) -> String {
    let one = |frame: &Frame| match frame {
        Frame::Select(database) => format!("SELECT {database}"),
        Frame::Begin => "(".into(),
        Frame::End => ")".into(),
        Frame::Effect(payload) => String::from_utf8(payload.clone()).unwrap(),
    };
    frames.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn selections_and_wrapping_are_inserted_where_they_are_due() {
    let (log, mut cursor) = started(64);
    append(&log, 0, &["a"]);
    append(&log, 0, &["b", "c"]);
    append(&log, 3, &["d", "e"]);
    append(&log, ANY_DATABASE, &["f"]);
    append(&log, 3, &["g"]);
    let mut group = EffectGroup::new();
    group.push(3, 0, &effect(b"h"));
    group.push(4, 0, &effect(b"i"));
    log.append(&mut group);
    assert!(group.is_empty());
    log.stop();
    assert_eq!(
        text(&read_frames(&mut cursor)),
        "SELECT 0 a ( b c ) SELECT 3 ( d e ) f g h SELECT 4 i"
    );
}

#[test]
fn an_empty_group_takes_no_ticket() {
    let (log, mut cursor) = started(64);
    append(&log, 0, &[]);
    assert_eq!(log.tail(), Ticket(0));
    log.stop();
    assert_eq!(read_frames(&mut cursor), []);
}

#[test]
fn frames_of_every_size_and_shape_arrive_whole() {
    let sizes = [0, 1, 90, 91, 92, 96, 97, 4090, 4091, 4096, 70_000, 3 << 20];
    let (log, mut cursor) = started(4);
    let mut group = EffectGroup::new();
    for size in sizes {
        let frame = effect(&vec![7; size]);
        group.push(0, 0, &frame);
        group.push_shared(0, 0, frame.clone().into());
        group.push(0, 0, &frame[..3]);
        group.continue_with(&frame[3..5]);
        group.continue_shared(Bytes::copy_from_slice(&frame[5..]));
    }
    assert_eq!(group.frames(), sizes.len() * 3);
    log.append(&mut group);
    log.stop();
    let frames = read_frames(&mut cursor);
    let seen: Vec<usize> = effects(&frames).iter().map(|e| e.len()).collect();
    let expected: Vec<usize> = sizes.iter().flat_map(|&size| [size; 3]).collect();
    assert_eq!(seen, expected);
    assert!(effects(&frames).concat().iter().all(|&byte| byte == 7));
}

#[test]
fn long_values_are_not_copied() {
    let (log, mut cursor) = started(8);
    let value = Bytes::from(vec![1_u8; LINK_BYTES_MIN]);
    let mut group = EffectGroup::new();
    group.push(0, 0, b"head");
    group.continue_shared(value.clone());
    group.continue_with(b"end");
    log.append(&mut group);
    log.stop();
    let pieces = read_pieces(&mut cursor);
    let piece = pieces.iter().find(|piece| piece.as_ptr() == value.as_ptr());
    assert_eq!(piece, Some(&value));

    drop((pieces, cursor));
    assert!(value.is_unique(), "the log let go of the value");
}

#[test]
fn a_group_larger_than_the_ring_completes_on_an_idle_log() {
    let (log, mut cursor) = started(65_536);
    let mut group = EffectGroup::new();
    group.set_atomic(true);
    for number in 0..200_000_u32 {
        group.push(0, 0, &effect(&number.to_le_bytes()));
    }
    let range = log.append(&mut group);
    assert_eq!((range.first, range.end), (Ticket(0), Ticket(200_000)));
    log.stop();
    let frames = read_frames(&mut cursor);
    assert_eq!(frames[..2], [Frame::Select(0), Frame::Begin]);
    assert_eq!(frames.last(), Some(&Frame::End));
    let seen = effects(&frames);
    assert_eq!(seen.len(), 200_000);
    assert!((0_u32..).zip(seen).all(|(n, e)| e == n.to_le_bytes()));
}

#[test]
fn a_group_is_seen_only_when_it_is_complete() {
    let (log, mut cursor) = started(4);
    let ring = &log.shared.ring;
    let mut reserved = ring.reserve(8, false);
    for number in 0..7 {
        reserved.publish(|body| body.set_inline(&effect(&[number])));
    }
    // The ring has room for four: slots were taken, so the sequencer has seen part of the group.
    assert_eq!((cursor.read(), cursor.lag_bytes()), (None, 0));
    reserved.publish(|body| body.set_inline(&effect(&[7])));
    drop(reserved);
    log.stop();
    assert_eq!(effects(&read_frames(&mut cursor)).len(), 8);
}

#[test]
fn a_producer_that_unwinds_leaves_nops_and_nobody_waiting() {
    let (log, mut cursor) = started(4);
    for filled in 0..10_u8 {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let mut reserved = log.shared.ring.reserve(10, true);
            for number in 0..filled {
                reserved.publish(|body| body.set_inline(&effect(&[number])));
            }
            reserved.publish(|body| {
                body.set_inline(&effect(b"half"));
                panic!("injected");
            });
        }));
        assert!(unwound.is_err());
        append(&log, 0, &["next"]);
    }
    log.stop();
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for filled in 0..10 {
        expected.extend((0..filled).map(|number| vec![number]));
        expected.push(b"next".to_vec());
    }
    let frames = read_frames(&mut cursor);
    assert_eq!(effects(&frames), expected);
    assert_eq!(frames.iter().filter(|f| **f == Frame::End).count(), 10);
}

#[test]
fn one_consumer_at_a_time() {
    let ring = Ring::with_slots(2);
    let first = ring.consumer();
    assert!(first.is_some() && ring.consumer().is_none());
    drop(first);
    assert!(ring.consumer().is_some());
}

#[test]
fn a_shared_payload_left_in_the_ring_is_dropped_with_it() {
    let value = Bytes::from(vec![1; INLINE_BYTES_MAX + 1]);
    let ring = Ring::with_slots(2);
    let shared = value.clone();
    ring.reserve(1, false)
        .publish(|body| body.payload = Payload::Shared(shared));
    assert!(!value.is_unique());
    drop(ring);
    assert!(value.is_unique());
}

/// Appends `groups` groups from each of `threads` threads, each under one or two of `locks` locks that count what
/// is done under them, and checks every lock's order and every group's contiguity in the stream.
fn check_order(slots: usize, threads: u32, groups: u32, pin: bool) {
    let (log, mut cursor) = started(slots);
    let locks: Vec<Mutex<u32>> = (0..4).map(|_| Mutex::new(0)).collect();
    let start = Barrier::new(threads as usize);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (log, locks, start) = (&log, &locks, &start);
            scope.spawn(move || {
                let mut group = EffectGroup::new();
                start.wait();
                for number in 0..groups {
                    let mixed = (thread * 7919 + number).wrapping_mul(2_654_435_761) >> 16;
                    let (a, b) = (mixed % 4, mixed / 4 % 4);
                    let (low, high) = (a.min(b), a.max(b));
                    let mut first = locks[low as usize].lock();
                    let mut second = (low != high).then(|| locks[high as usize].lock());
                    let size = mixed / 16 % 5 + 1;
                    for index in 0..size {
                        let words = [low, *first, high, second.as_deref().map_or(0, |c| *c)];
                        let words = [&words[..], &[thread, number, index, size]].concat();
                        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
                        group.push(0, low as u16, &effect(&bytes));
                    }
                    *first += 1;
                    second.iter_mut().for_each(|count| **count += 1);
                    log.append(&mut group);
                    drop((first, second));
                    // A batch of units wakes once, and not before the next unit has taken its locks.
                    if number % 8 == 7 {
                        log.wake_if_needed();
                    }
                }
                log.wake_if_needed();
            });
        }
    });
    assert!(!pin || thread::available_parallelism().unwrap().get() == 1);
    log.stop();

    let mut next_of_lock = [0_u32; 4];
    let mut next_of_thread: HashMap<u32, u32> = HashMap::new();
    let mut expected_index = 0;
    let frames = read_frames(&mut cursor);
    for payload in effects(&frames) {
        let words: Vec<u32> = payload
            .chunks(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let [
            low,
            low_count,
            high,
            high_count,
            thread,
            number,
            index,
            size,
        ] = words[..]
        else {
            panic!("eight words");
        };
        assert_eq!(index, expected_index, "a group is contiguous");
        expected_index = (index + 1) % size;
        assert_eq!(low_count, next_of_lock[low as usize], "order of lock {low}");
        assert!(low == high || high_count == next_of_lock[high as usize]);
        assert_eq!(number, *next_of_thread.entry(thread).or_default());
        if expected_index == 0 {
            next_of_lock[low as usize] += 1;
            next_of_lock[high as usize] += u32::from(low != high);
            *next_of_thread.get_mut(&thread).unwrap() += 1;
        }
    }
    assert!((0..threads).all(|thread| next_of_thread[&thread] == groups));
}

#[test]
fn ticket_order_extends_every_locks_order() {
    check_order(65_536, 4, 20_000, false);
}

#[test]
fn ticket_order_extends_every_locks_order_on_a_tiny_ring() {
    check_order(2, 4, 3_000, false);
}

#[test]
fn two_producers_and_the_sequencer_make_progress_on_one_core() {
    // Threads inherit the affinity, so everything is done by one that is pinned.
    let pinned = thread::spawn(|| {
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        let core = (0..rustix::thread::CpuSet::MAX_CPU).find(|&core| allowed.is_set(core));
        let mut one = rustix::thread::CpuSet::new();
        one.set(core.expect("a core to run on"));
        rustix::thread::sched_setaffinity(None, &one).unwrap();
        check_order(4, 2, 5_000, true);
        check_order(65_536, 2, 100_000, true);
    });
    pinned.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against the plain version: a list of frames with the database before each change.
    #[test]
    fn the_stream_is_what_a_plain_encoder_writes(
        slots in 0..7_u32,
        groups in prop::collection::vec(
            (any::<bool>(), prop::collection::vec((0..3_u32, 0..9_000_usize), 0..12)),
            0..24,
        ),
    ) {
        let (log, mut cursor) = started(1 << slots);
        let mut expected = Vec::new();
        let mut database = None;
        let mut group = EffectGroup::new();
        for (atomic, frames) in &groups {
            let wrapped = *atomic && frames.len() > 1;
            group.set_atomic(*atomic);
            for (index, &(db, size)) in frames.iter().enumerate() {
                let payload = vec![index as u8; size];
                if database.replace(db) != Some(db) {
                    expected.push(Frame::Select(db));
                }
                if wrapped && index == 0 {
                    expected.push(Frame::Begin);
                }
                group.push(db, 0, &effect(&payload));
                expected.push(Frame::Effect(payload));
            }
            if wrapped {
                expected.push(Frame::End);
            }
            log.append(&mut group);
            // An empty group is nothing to append, and keeps its mark.
            group.clear();
            log.wake_if_needed();
        }
        log.stop();
        prop_assert_eq!(read_frames(&mut cursor), expected);
    }
}
