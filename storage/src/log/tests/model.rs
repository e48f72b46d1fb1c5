//! The ring under `loom`: the same source with `loom`'s atomics and cells in place of the real ones, so that every
//! interleaving (up to a bound of preemptions) and every value that the memory orderings allow is tried.

use loom::sync::{Arc, Mutex};
use loom::thread;

/// What `ring.rs` finds as `super::sync` here.
mod sync {
    use std::time::Duration;

    use loom::sync::{Condvar, Mutex};

    pub(super) use loom::cell::UnsafeCell;
    pub(super) use loom::hint::spin_loop;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};

    pub(super) const IS_MODEL: bool = true;

    /// Spinning only multiplies the interleavings.
    pub(super) const SPINS_MAX: u32 = 0;

    /// A futex as the kernel has it: comparing and queueing happen under one lock, which a wake takes too.
    pub(super) struct FutexWord {
        word: AtomicU32,
        bucket: Mutex<()>,
        queue: Condvar,
    }

    impl FutexWord {
        pub(super) fn new(value: u32) -> Self {
            Self {
                word: AtomicU32::new(value),
                bucket: Mutex::new(()),
                queue: Condvar::new(),
            }
        }

        pub(super) fn word(&self) -> &AtomicU32 {
            &self.word
        }

        pub(super) fn wait(&self, expected: u32, limit: Option<Duration>) {
            if limit.is_some() {
                // A timeout may strike at once.
                return loom::thread::yield_now();
            }
            let bucket = self.bucket.lock().unwrap();
            // Relaxed: the kernel promises no more, the callers' fences have to do.
            if self.word.load(std::sync::atomic::Ordering::Relaxed) == expected {
                drop(self.queue.wait(bucket).unwrap());
            }
        }

        pub(super) fn wake_all(&self) {
            let _bucket = self.bucket.lock().unwrap();
            self.queue.notify_all();
        }
    }
}

#[path = "../ring.rs"]
#[expect(
    clippy::duplicate_mod,
    dead_code,
    reason = "the model compiles the ring a second time, and uses part of it"
)]
mod ring;

use ring::{FIRST, LAST, Payload, Ring};

fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Appends a group whose effects are `[producer, index]`, and does not wake the consumer.
fn append(ring: &Ring, producer: u8, effects: u8) {
    let mut reserved = ring.reserve(effects.into(), false);
    for index in 0..effects {
        reserved.publish(|body| body.set_inline(&[producer, index]));
    }
}

/// Consumes `count` effects, sleeping whenever there is none.
fn consume(ring: &Ring, count: usize) -> Vec<(u8, Option<[u8; 2]>)> {
    let mut consumer = ring.consumer().expect("one consumer");
    let mut seen = Vec::new();
    while seen.len() < count {
        let taken = consumer.take(|body| {
            let payload = match &body.payload {
                Payload::Inline { bytes, .. } => Some([bytes[0], bytes[1]]),
                _ => None,
            };
            (body.flags & (FIRST | LAST), payload)
        });
        match taken {
            Some(taken) => seen.push(taken),
            None => consumer.sleep(|| false),
        }
    }
    seen
}

#[test]
fn a_published_effect_is_consumed_and_no_wake_is_lost() {
    explore(5, || {
        let ring = Arc::new(Ring::with_slots(2));
        let producer = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                append(&ring, 1, 1);
                ring.wake_if_needed();
            }
        });
        assert_eq!(consume(&ring, 1), [(FIRST | LAST, Some([1, 0]))]);
        producer.join().unwrap();
    });
}

#[test]
fn a_group_larger_than_the_ring_gets_through() {
    explore(2, || {
        let ring = Arc::new(Ring::with_slots(1));
        let producer = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                append(&ring, 1, 3);
                ring.wake_if_needed();
            }
        });
        let expected = [(FIRST, 0), (0, 1), (LAST, 2)];
        let expected = expected.map(|(flags, index)| (flags, Some([1, index])));
        assert_eq!(consume(&ring, 3), expected);
        producer.join().unwrap();
    });
}

#[test]
fn two_producers_on_a_full_ring_stay_contiguous() {
    explore(2, || {
        let ring = Arc::new(Ring::with_slots(2));
        let producers = [1, 2].map(|producer| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                append(&ring, producer, 2);
                ring.wake_if_needed();
            })
        });
        let seen = consume(&ring, 4);
        for group in seen.chunks(2) {
            let producer = group[0].1.unwrap()[0];
            assert_eq!(group[0], (FIRST, Some([producer, 0])));
            assert_eq!(group[1], (LAST, Some([producer, 1])));
        }
        assert_ne!(seen[0], seen[2]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// The first producer to find the ring full raises the limit for all: the second one fills a slot that the consumer
/// has left without having looked at the consumer's position itself.
#[test]
fn room_found_by_one_producer_is_safe_for_another() {
    explore(1, || {
        let ring = Arc::new(Ring::with_slots(2));
        let producers = [3, 1].map(|effects| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                append(&ring, effects, effects);
                ring.wake_if_needed();
            })
        });
        let seen = consume(&ring, 4);
        let firsts = seen.iter().filter(|effect| effect.0 & FIRST != 0);
        assert_eq!(firsts.count(), 2);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// One producer appends under the lock and waits for room; the other has published what the first one waits for,
/// but wants that lock before it wakes anybody.
#[test]
fn waiting_for_room_under_a_lock_needs_nobodys_wake() {
    explore(2, || {
        let ring = Arc::new(Ring::with_slots(1));
        let lock = Arc::new(Mutex::new(()));
        let waits = thread::spawn({
            let (ring, lock) = (Arc::clone(&ring), Arc::clone(&lock));
            move || {
                let held = lock.lock().unwrap();
                append(&ring, 1, 1);
                drop(held);
                ring.wake_if_needed();
            }
        });
        let wakes_late = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                append(&ring, 2, 1);
                drop(lock.lock().unwrap());
                ring.wake_if_needed();
            }
        });
        assert_eq!(consume(&ring, 2).len(), 2);
        waits.join().unwrap();
        wakes_late.join().unwrap();
    });
}

#[test]
fn an_unwinding_producer_publishes_nops() {
    explore(3, || {
        let ring = Arc::new(Ring::with_slots(1));
        let producer = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                // Dropped with one of two published, as unwinding does.
                let mut reserved = ring.reserve(2, false);
                reserved.publish(|body| body.set_inline(&[1, 0]));
            }
        });
        assert_eq!(
            consume(&ring, 2),
            [(FIRST, Some([1, 0])), (LAST, None)],
            "the second slot still held an inline payload's memory"
        );
        producer.join().unwrap();
    });
}
