//! The protocol; see the module above.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};

use super::sync::{
    Arc, AtomicBool, AtomicU8, AtomicU32, NUMBERS, REBIAS_READS, Word, numbers_used, relax,
    thread_number,
};

/// What a seat holds that nobody sits in.
const FREE: u32 = 0;

/// Every thread's seat, for the locks of one keyspace: 8 KiB.
pub(crate) struct ReaderTable {
    seats: [Seat; NUMBERS],
}

/// [`FREE`], or the name of the lock that the thread of this number reads under. Written by that thread only, and so nearly
/// always in its cache; that is why a seat takes one line and not two against fetching in pairs.
#[repr(align(64))]
struct Seat(AtomicU32);

impl ReaderTable {
    /// A table of free seats.
    pub(crate) fn new() -> Self {
        Self {
            seats: std::array::from_fn(|_| Seat(AtomicU32::new(FREE))),
        }
    }

    /// Waits until nobody sits reading under the lock `name`.
    fn wait_for_readers(&self, name: u32) {
        for Seat(seat) in &self.seats[..numbers_used()] {
            let mut turn = 0;
            // SeqCst: see `ShardLock::sit`. As an acquire it pairs with the Release with which the reader left, or
            // with a later store or swap of its own: what it did comes before what the writer will do.
            while seat.load(SeqCst) == name {
                relax(turn);
                turn = turn.saturating_add(1);
            }
        }
    }
}

/// A reader-writer lock around a shard. See the module's documentation.
///
/// | bytes | field | written by |
/// |---|---|---|
/// | 8 | lock word | who takes and releases it |
/// | 1 | reads | who holds the lock word |
/// | 64 | the rest, on lines of its own | see [`Steady`] |
#[repr(C)]
pub(crate) struct ShardLock<T> {
    word: Word,
    /// Reads through the lock word since the last write, up to [`REBIAS_READS`].
    reads: AtomicU8,
    steady: Steady<T>,
}

/// What many may read while the lock word goes from hand to hand. On one line with that, each of them would have to
/// fetch it once more.
///
/// | bytes | field | written by |
/// |---|---|---|
/// | 8 | table of seats | nobody |
/// | 2 | index | nobody |
/// | 1 | biased | who sets or ends the bias |
/// | 16 on | value, what is used most in front | its writers |
#[repr(C, align(64))]
struct Steady<T> {
    readers: Arc<ReaderTable>,
    /// Seats call this lock by this number plus one. No other lock of the table has it.
    index: u16,
    /// Whether readers use their seats. Set under the shared lock word, ended under the exclusive one.
    biased: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands out `&T` to many threads or `&mut T` to one, never both.
unsafe impl<T: Send + Sync> Sync for ShardLock<T> {}

/// What keeps others out while a [`Guard`] lives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// The seat of this number, which is this thread's.
    Seat(u8),
    /// The lock word, shared.
    Shared,
    /// The lock word, exclusively, and no bias.
    Exclusive,
}

/// Access to what a [`ShardLock`] protects: shared, or exclusive.
///
/// One small type for both, because every unit holds one.
pub(crate) struct Guard<'a, T> {
    lock: &'a ShardLock<T>,
    index: u16,
    hold: Hold,
    /// Neither a seat nor the lock word may be left by another thread.
    _stays: PhantomData<*const ()>,
}

/// Exclusive access to what a [`ShardLock`] protects.
pub(crate) struct WriteGuard<'a, T>(Guard<'a, T>);

impl<T> ShardLock<T> {
    /// How many bytes of the value's first cache line the lock takes.
    pub(crate) const HEADER_BYTES: usize = offset_of!(Steady<T>, value);

    /// The lock number `index` of those whose readers sit in `readers`; no other one may have the same number.
    pub(crate) fn new(readers: &Arc<ReaderTable>, index: u16, value: T) -> Self {
        Self {
            word: Word::new(),
            reads: AtomicU8::new(0),
            steady: Steady {
                readers: Arc::clone(readers),
                index,
                biased: AtomicBool::new(false),
                value: UnsafeCell::new(value),
            },
        }
    }

    /// Locks for reading, together with other readers.
    #[inline]
    pub(crate) fn read(&self) -> Guard<'_, T> {
        let hold = self.sit().unwrap_or_else(|| self.read_by_word());
        self.guard(hold)
    }

    /// Locks for reading, unless a writer has the lock or waits for it.
    #[inline]
    pub(crate) fn try_read(&self) -> Option<Guard<'_, T>> {
        let hold = self.sit().or_else(|| self.try_read_by_word())?;
        Some(self.guard(hold))
    }

    /// Locks for writing, alone.
    #[inline]
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        self.word.lock_exclusive();
        // Relaxed, both: these change under the lock word only, which orders them.
        self.reads.store(0, Relaxed);
        if self.steady.biased.load(Relaxed) {
            self.end_bias();
        }
        WriteGuard(self.guard(Hold::Exclusive))
    }

    /// Whether readers use their seats now.
    #[cfg(test)]
    pub(crate) fn is_biased(&self) -> bool {
        // Relaxed: a hint.
        self.steady.biased.load(Relaxed)
    }

    /// Takes this thread's seat if the lock is biased and stays so.
    #[inline]
    fn sit(&self) -> Option<Hold> {
        // Relaxed: a guess, which the second look confirms.
        if !self.steady.biased.load(Relaxed) {
            return None;
        }
        let number = thread_number();
        let Seat(seat) = self.steady.readers.seats.get(number)?;
        // Relaxed: this thread wrote it last. Had another thread the number before, that one gave it back.
        if seat.load(Relaxed) != FREE {
            return None;
        }
        // SeqCst, both here and both in `end_bias`: in their one order either the writer comes to see the seat
        // taken, or this comes to see the bias gone. As an acquire the load pairs with the Release in `count`:
        // what was written before this bias began is seen.
        seat.swap(self.name(), SeqCst);
        if self.steady.biased.load(SeqCst) {
            return Some(Hold::Seat(number as u8));
        }
        // Release, though nothing was read: whoever sees this store shall have seen all reads before, as if it had
        // seen the store that ended the last of them.
        seat.store(FREE, Release);
        None
    }

    #[inline]
    fn name(&self) -> u32 {
        u32::from(self.steady.index) + 1
    }

    #[cold]
    fn end_bias(&self) {
        // SeqCst, and so the loads of the seats: see `sit`.
        self.steady.biased.swap(false, SeqCst);
        self.steady.readers.wait_for_readers(self.name());
    }

    #[inline(never)]
    fn read_by_word(&self) -> Hold {
        self.word.lock_shared();
        self.count();
        Hold::Shared
    }

    #[inline(never)]
    fn try_read_by_word(&self) -> Option<Hold> {
        self.word.try_lock_shared().then(|| {
            self.count();
            Hold::Shared
        })
    }

    /// Counts a read through the lock word, which is held, and sets the bias after enough of them.
    #[inline]
    fn count(&self) {
        // Relaxed, load and store: readers who count at once lose some, and no writer comes between.
        let reads = self.reads.load(Relaxed);
        if reads < REBIAS_READS {
            self.reads.store(reads + 1, Relaxed);
        } else if !self.steady.biased.load(Relaxed) {
            // Release: pairs with the second load in `sit`. What was written before was seen by this thread, for
            // it holds the lock word.
            self.steady.biased.store(true, Release);
        }
    }

    #[inline]
    fn guard(&self, hold: Hold) -> Guard<'_, T> {
        Guard {
            lock: self,
            index: self.steady.index,
            hold,
            _stays: PhantomData,
        }
    }
}

impl<T> Guard<'_, T> {
    /// The number of the lock.
    #[inline]
    pub(crate) fn index(&self) -> u16 {
        self.index
    }

    /// Whether the access is exclusive.
    #[inline]
    pub(crate) fn is_exclusive(&self) -> bool {
        self.hold == Hold::Exclusive
    }

    /// What the lock protects, to be changed, if the access is exclusive.
    #[inline]
    pub(crate) fn exclusive(&mut self) -> Option<&mut T> {
        // SAFETY: readers and writers are kept out until the guard is dropped.
        self.is_exclusive()
            .then(|| unsafe { &mut *self.lock.steady.value.get() })
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: writers are kept out until the guard is dropped, or this is the only one.
        unsafe { &*self.lock.steady.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        match self.hold {
            Hold::Seat(number) => {
                let Seat(seat) = &self.lock.steady.readers.seats[usize::from(number)];
                // Release: pairs with the load in `wait_for_readers`.
                seat.store(FREE, Release);
            }
            // SAFETY: the guard was made when the lock word was taken so, and is gone.
            Hold::Shared => unsafe { self.lock.word.unlock_shared() },
            // SAFETY: as above.
            Hold::Exclusive => unsafe { self.lock.word.unlock_exclusive() },
        }
    }
}

impl<'a, T> WriteGuard<'a, T> {
    /// The same hold where a shared one would do, too.
    #[inline]
    pub(crate) fn into_guard(self) -> Guard<'a, T> {
        self.0
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.exclusive().expect("made by `ShardLock::write`")
    }
}
