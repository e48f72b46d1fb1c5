//! The atomics, cells and futex words that the ring is built from.
//!
//! `ring.rs` takes them from `super::sync` only, so that the model test can compile the same file against
//! `loom`'s versions and try every interleaving and every value that weak memory allows.

use std::time::Duration;

use rustix::thread::futex;

pub(super) use std::hint::spin_loop;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};

/// Whether this is the model; layout assertions hold for the real types only.
pub(super) const IS_MODEL: bool = false;

/// How often a producer looks at a full ring before it waits in the kernel.
pub(super) const SPINS_MAX: u32 = 100;

/// `std::cell::UnsafeCell` with the closure interface that `loom` checks accesses through.
pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Calls `access` with a pointer for exclusive use; dereferencing it is the caller's `unsafe`.
    pub(super) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// A 32-bit word that threads can sleep on.
pub(super) struct FutexWord(AtomicU32);

impl FutexWord {
    pub(super) const fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    /// The word, for plain atomic operations.
    pub(super) fn word(&self) -> &AtomicU32 {
        &self.0
    }

    /// Sleeps while the word is `expected`, until a wake, `limit`, a signal or no reason at all.
    ///
    /// The kernel compares the word and queues the thread under one lock, which [`FutexWord::wake_all`] takes
    /// too: a change of the word followed by a wake is never lost.
    pub(super) fn wait(&self, expected: u32, limit: Option<Duration>) {
        let limit = limit.map(|limit| futex::Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        // Every error (changed word, signal, timeout) means the same to the callers: look again.
        let _ = futex::wait(&self.0, futex::Flags::PRIVATE, expected, limit.as_ref());
    }

    /// Wakes every thread that sleeps on the word.
    pub(super) fn wake_all(&self) {
        // The kernel reads the count as a signed number; there is no error that a caller could act on.
        let _ = futex::wake(&self.0, futex::Flags::PRIVATE, i32::MAX as u32);
    }
}
