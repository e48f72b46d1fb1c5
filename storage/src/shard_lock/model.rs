//! The lock under `loom`: the same source with `loom`'s atomics and lock word in place of the real ones, so that every
//! interleaving (up to a bound of preemptions) and every value that the memory orderings allow is tried.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// What `lock.rs` finds as `super::sync` here.
mod sync {
    use std::cell::Cell;
    use std::sync::atomic::Ordering::{self, AcqRel, SeqCst};

    use loom::sync::{Condvar, Mutex};

    pub(super) use loom::sync::Arc;
    pub(super) use loom::sync::atomic::AtomicU8;

    /// One for each thread of a model; the first one has none.
    pub(super) const NUMBERS: usize = 2;

    pub(super) const REBIAS_READS: u8 = 1;

    loom::thread_local! {
        static NUMBER: Cell<usize> = Cell::new(NUMBERS);
    }

    pub(super) fn set_thread_number(number: usize) {
        NUMBER.with(|own| own.set(number));
    }

    pub(super) fn thread_number() -> usize {
        NUMBER.with(Cell::get)
    }

    pub(super) fn numbers_used() -> usize {
        NUMBERS
    }

    pub(super) fn relax(_turn: u32) {
        loom::thread::yield_now();
    }

    /// An atomic whose `SeqCst` swap orders what follows it after what precedes it. `loom` takes `SeqCst` of anything
    /// but a fence for `AcqRel`, so the swap has a fence behind it: between two such swaps, and the loads that
    /// follow them, that comes to the same.
    macro_rules! atomic {
        ($name:ident, $value:ty) => {
            pub(super) struct $name(loom::sync::atomic::$name);

            impl $name {
                pub(super) fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                pub(super) fn load(&self, order: Ordering) -> $value {
                    self.0.load(order)
                }

                pub(super) fn store(&self, value: $value, order: Ordering) {
                    self.0.store(value, order);
                }

                pub(super) fn swap(&self, value: $value, order: Ordering) -> $value {
                    assert_eq!(order, SeqCst, "no other swap is modelled");
                    let before = self.0.swap(value, AcqRel);
                    loom::sync::atomic::fence(SeqCst);
                    before
                }
            }
        };
    }
    atomic!(AtomicBool, bool);
    atomic!(AtomicU32, u32);

    /// A lock word of a mutex and a condition: readers and a writer as they come. `loom`'s own lock has guards only.
    pub(super) struct Word {
        /// How many read, or -1 for one that writes.
        holders: Mutex<i32>,
        released: Condvar,
    }

    impl Word {
        pub(super) fn new() -> Self {
            Self {
                holders: Mutex::new(0),
                released: Condvar::new(),
            }
        }

        pub(super) fn lock_shared(&self) {
            let mut holders = self.holders.lock().unwrap();
            while *holders < 0 {
                holders = self.released.wait(holders).unwrap();
            }
            *holders += 1;
        }

        pub(super) fn try_lock_shared(&self) -> bool {
            let mut holders = self.holders.lock().unwrap();
            if *holders < 0 {
                return false;
            }
            *holders += 1;
            true
        }

        pub(super) fn lock_exclusive(&self) {
            let mut holders = self.holders.lock().unwrap();
            while *holders != 0 {
                holders = self.released.wait(holders).unwrap();
            }
            *holders = -1;
        }

        pub(super) unsafe fn unlock_shared(&self) {
            *self.holders.lock().unwrap() -= 1;
            self.released.notify_all();
        }

        pub(super) unsafe fn unlock_exclusive(&self) {
            *self.holders.lock().unwrap() = 0;
            self.released.notify_all();
        }
    }
}

#[path = "lock.rs"]
#[expect(
    clippy::duplicate_mod,
    dead_code,
    reason = "compiled a second time, against other atomics; a model uses part of it"
)]
mod lock;

use lock::{ReaderTable, ShardLock};

/// Two locks over counters. Reading one beside a write is a race, which `loom` reports.
struct Model {
    locks: [ShardLock<UnsafeCell<u32>>; 2],
}

impl Model {
    fn new() -> Arc<Self> {
        let readers = Arc::new(ReaderTable::new());
        let lock = |index| ShardLock::new(&readers, index, UnsafeCell::new(0));
        Arc::new(Self {
            locks: [lock(0), lock(1)],
        })
    }

    /// The counter: never less than this thread has seen or written before.
    fn read(&self, lock: usize, at_least: u32) -> u32 {
        let guard = self.locks[lock].read();
        // SAFETY: the lock orders this against `write`; `loom` checks that.
        let seen = guard.with(|value| unsafe { *value });
        assert!(seen >= at_least, "a write is undone");
        seen
    }

    fn read_once(&self) {
        self.read(0, 0);
    }

    fn read_twice(&self) {
        let seen = self.read(0, 0);
        self.read(0, seen);
    }

    fn read_both_at_once(&self) {
        let first = self.locks[0].read();
        self.read(1, 0);
        // SAFETY: as in `read`.
        first.with(|value| unsafe { *value });
    }

    fn try_read(&self) {
        if let Some(guard) = self.locks[0].try_read() {
            // SAFETY: as in `read`.
            guard.with(|value| unsafe { *value });
        }
    }

    fn write(&self) {
        let guard = self.locks[0].write();
        // SAFETY: as in `read`.
        guard.with_mut(|value| unsafe { *value += 1 });
    }

    /// Makes both locks biased, from a thread without a seat.
    fn bias(&self) {
        for lock in &self.locks {
            (0..=sync::REBIAS_READS).for_each(|_| drop(lock.read()));
        }
    }

    fn write_and_read(&self) {
        self.write();
        self.read(0, 1);
    }
}

type Act = fn(&Model);

/// Runs the acts of each thread against each other, the locks biased at first.
fn check(preemptions: usize, threads: &'static [&'static [Act]], writes: u32) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let model = Model::new();
        model.bias();
        let handles: Vec<_> = threads
            .iter()
            .enumerate()
            .map(|(number, acts)| {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    sync::set_thread_number(number);
                    acts.iter().for_each(|act| act(&model));
                })
            })
            .collect();
        handles
            .into_iter()
            .for_each(|handle| handle.join().unwrap());
        assert_eq!(model.read(0, writes), writes, "a write is lost");
    });
}

#[test]
fn no_reader_beside_a_writer() {
    check(3, &[&[Model::read_twice], &[Model::write]], 1);
    // Of three threads the last one has no seat.
    check(
        3,
        &[&[Model::read_once], &[Model::read_once], &[Model::write]],
        1,
    );
    check(
        2,
        &[&[Model::read_once], &[Model::write], &[Model::read_twice]],
        1,
    );
}

#[test]
fn bias_that_comes_back_shows_what_was_written() {
    check(
        3,
        &[
            &[Model::write_and_read, Model::read_twice],
            &[Model::read_twice],
        ],
        1,
    );
    check(
        2,
        &[
            &[Model::read_twice],
            &[Model::read_twice],
            &[Model::write, Model::write],
        ],
        2,
    );
}

#[test]
fn two_locks_at_once() {
    check(
        3,
        &[
            &[Model::read_both_at_once, Model::read_twice],
            &[Model::write],
        ],
        1,
    );
}

#[test]
fn trying_keeps_out_of_a_writers_way() {
    check(
        3,
        &[&[Model::try_read, Model::try_read], &[Model::write]],
        1,
    );
}
