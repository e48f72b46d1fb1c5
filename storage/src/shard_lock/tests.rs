//! Threads against each other on the real lock. The interleavings are `model.rs`'s.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::lock::{ReaderTable, ShardLock};
use super::thread_number::{NUMBERS, numbers_used, thread_number};

/// Two counters that are equal unless a writer is at work.
type Pair = [u64; 2];

fn locks(count: u16) -> Vec<ShardLock<Pair>> {
    let readers = Arc::new(ReaderTable::new());
    (0..count)
        .map(|index| ShardLock::new(&readers, index, [0; 2]))
        .collect()
}

fn read_until_biased(lock: &ShardLock<Pair>) {
    (0..200).for_each(|_| drop(lock.read()));
    assert!(lock.is_biased());
}

fn add_one(lock: &ShardLock<Pair>) {
    let mut pair = lock.write();
    pair[0] += 1;
    // Longer than a store takes, so that a reader beside it would see the counters differ.
    std::hint::spin_loop();
    pair[1] += 1;
}

fn check(lock: &ShardLock<Pair>) -> u64 {
    let pair = lock.read();
    let [first, second] = **std::hint::black_box(&&*pair);
    assert_eq!(first, second, "a reader beside a writer");
    first
}

/// Threads that mostly read, through seats and the lock word, one lock and two at once.
#[test]
fn counts_add_up_under_load() {
    const THREADS: u64 = 6;
    const STEPS: u64 = 60_000;
    let locks = locks(3);
    let written = AtomicU64::new(0);
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (locks, written) = (&locks, &written);
            scope.spawn(move || {
                let mut random = seed;
                let mut seen = [0; 3];
                for _ in 0..STEPS {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(seed | 1);
                    let at = (random >> 40) as usize % 3;
                    match random >> 56 {
                        0..4 => {
                            add_one(&locks[at]);
                            written.fetch_add(1, Ordering::Relaxed);
                        }
                        4..32 if at < 2 => {
                            let lower = locks[at].read();
                            check(&locks[at + 1]);
                            assert_eq!(lower[0], lower[1]);
                        }
                        32..48 => {
                            if let Some(pair) = locks[at].try_read() {
                                assert_eq!(pair[0], pair[1]);
                            }
                        }
                        _ => {
                            let now = check(&locks[at]);
                            assert!(now >= seen[at], "a write is undone");
                            seen[at] = now;
                        }
                    }
                }
            });
        }
    });
    let sum: u64 = locks.iter().map(check).sum();
    assert_eq!(sum, written.into_inner());
}

#[test]
fn a_writer_waits_for_a_reader_in_its_seat() {
    let lock = &locks(1)[0];
    read_until_biased(lock);
    let started = &Barrier::new(2);
    let done = &AtomicU64::new(0);
    thread::scope(|scope| {
        let held = lock.read();
        scope.spawn(move || {
            started.wait();
            add_one(lock);
            done.store(1, Ordering::SeqCst);
        });
        started.wait();
        // The writer has the lock word, and has nobody come in, before it waits.
        while lock.is_biased() {
            thread::yield_now();
        }
        assert!(lock.try_read().is_none());
        assert_eq!((done.load(Ordering::SeqCst), held[0]), (0, 0));
        drop(held);
    });
    assert_eq!(check(lock), 1);
}

#[test]
fn a_panic_leaves_the_seat() {
    let lock = &locks(1)[0];
    read_until_biased(lock);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = lock.read();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    add_one(lock);
    assert_eq!(check(lock), 1);
}

#[test]
fn the_bias_ends_with_a_write_and_comes_back_with_reads() {
    let lock = &locks(1)[0];
    assert!(!lock.is_biased());
    for _ in 0..3 {
        for _ in 0..100 {
            add_one(lock);
            check(lock);
            assert!(
                !lock.is_biased(),
                "reads and writes in turn never pay for a bias"
            );
        }
        read_until_biased(lock);
    }
}

/// One test for both, as the numbers are the process's.
#[test]
fn thread_numbers_are_given_back_and_run_out() {
    // Other tests' threads have numbers too, so lower bounds only.
    for _ in 0..4 * NUMBERS {
        let number = thread::spawn(thread_number).join().unwrap();
        assert!(
            number < NUMBERS,
            "numbers of threads that have ended are free"
        );
    }
    let lock = &locks(1)[0];
    read_until_biased(lock);
    let all_there = &Barrier::new(NUMBERS + 8);
    let without = thread::scope(|scope| {
        let work = || {
            let number = thread_number();
            all_there.wait();
            for step in 0..20 {
                check(lock);
                if step % 8 == 0 {
                    add_one(lock);
                }
            }
            // Nobody ends, and gives a number back, before all have asked.
            all_there.wait();
            number
        };
        let threads: Vec<_> = (0..NUMBERS + 8).map(|_| scope.spawn(work)).collect();
        let numbers = threads.into_iter().map(|thread| thread.join().unwrap());
        let mut numbers: Vec<usize> = numbers.collect();
        numbers.sort_unstable();
        let with = numbers.iter().filter(|number| **number < NUMBERS).count();
        assert!(
            numbers[..with].is_sorted_by(|a, b| a < b),
            "no two share one"
        );
        numbers.len() - with
    });
    assert!(without >= 8 && numbers_used() == NUMBERS);
    assert_eq!(check(lock), 3 * (NUMBERS as u64 + 8));
}
