//! What `lock.rs` is built from.
//!
//! It takes these from `super::sync` only, so that the model test can compile the same file against `loom`'s.

use std::time::Duration;

use parking_lot::RawRwLock;
use parking_lot::lock_api::RawRwLock as _;

pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32};

pub(super) use super::thread_number::{NUMBERS, numbers_used, thread_number};

/// Reads in a row through the lock word that set the bias. On one hot key, a SET after ten GETs, after twenty or after
/// one costs a single thread no more than if the bias never came back; of 100 GETs to a SET, two threads do 2.5 times as
/// many as with the lock word alone, and 1.6 times with 64 here.
pub(super) const REBIAS_READS: u8 = 16;

/// How often a writer looks at a taken seat before it lets others have the processor.
const SPINS: u32 = 64;
/// How often it does that before it sleeps. A reader that still sits does not run, or reads much.
const YIELDS: u32 = 64;
const NAP: Duration = Duration::from_micros(50);

/// Passes time, more with each turn of a wait.
pub(super) fn relax(turn: u32) {
    if turn < SPINS {
        std::hint::spin_loop();
    } else if turn < SPINS + YIELDS {
        std::thread::yield_now();
    } else {
        std::thread::sleep(NAP);
    }
}

/// The lock word: `parking_lot`'s, without a value.
pub(super) struct Word(RawRwLock);

impl Word {
    pub(super) fn new() -> Self {
        Self(RawRwLock::INIT)
    }

    #[inline]
    pub(super) fn lock_shared(&self) {
        self.0.lock_shared();
    }

    #[inline]
    pub(super) fn try_lock_shared(&self) -> bool {
        self.0.try_lock_shared()
    }

    #[inline]
    pub(super) fn lock_exclusive(&self) {
        self.0.lock_exclusive();
    }

    /// # Safety
    /// The word is held shared on behalf of the caller.
    #[inline]
    pub(super) unsafe fn unlock_shared(&self) {
        // SAFETY: the caller's.
        unsafe { self.0.unlock_shared() };
    }

    /// # Safety
    /// The word is held exclusively on behalf of the caller.
    #[inline]
    pub(super) unsafe fn unlock_exclusive(&self) {
        // SAFETY: the caller's.
        unsafe { self.0.unlock_exclusive() };
    }
}
