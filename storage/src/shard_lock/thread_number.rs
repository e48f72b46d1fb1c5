//! Small numbers for threads: the place of a thread's seat in every [`super::ReaderTable`].
//!
//! A thread takes the lowest free number when it first asks and gives it back when it ends.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// How many numbers there are. Further threads do without.
pub(super) const NUMBERS: usize = 128;

/// The thread has not asked yet.
const UNKNOWN: usize = usize::MAX;
/// The thread came too late, or is ending.
const NONE: usize = usize::MAX - 1;

/// One bit per number.
static TAKEN: Mutex<u128> = Mutex::new(0);
/// One above the highest number that was ever taken.
static USED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Apart from `RETURN`, so that reading it asks for no destructor.
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    static RETURN: Return = const { Return };
}

/// Gives this thread's number back when the thread ends.
struct Return;

impl Drop for Return {
    fn drop(&mut self) {
        let number = NUMBER.replace(NONE);
        if number < NUMBERS {
            *TAKEN.lock() &= !(1 << number);
        }
    }
}

/// This thread's number; [`NUMBERS`] or more if it has none.
#[inline]
pub(super) fn thread_number() -> usize {
    let number = NUMBER.get();
    if number == UNKNOWN {
        return first_asked();
    }
    number
}

/// Every number that any thread has used before in the total order of `SeqCst` is below this. Numbers of threads that
/// have ended count too: somebody may have leaked a guard of theirs.
#[inline]
pub(super) fn numbers_used() -> usize {
    // SeqCst: see `take`.
    USED.load(Ordering::SeqCst)
}

#[cold]
fn first_asked() -> usize {
    // Fails while the thread's locals are torn down: a number taken then would never come back.
    let number = RETURN.try_with(|_| take()).unwrap_or(NONE);
    NUMBER.set(number);
    number
}

fn take() -> usize {
    let mut taken = TAKEN.lock();
    let number = taken.trailing_ones() as usize;
    if number >= NUMBERS {
        return NONE;
    }
    *taken |= 1 << number;
    // SeqCst: comes before every seat this thread takes, so a writer that the seat's reader has to be seen by sees this
    // as well.
    USED.fetch_max(number + 1, Ordering::SeqCst);
    number
}
