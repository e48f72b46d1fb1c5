//! The ordered log: one stream of effects out of many lock-guarded shards.
//!
//! A worker that changed data appends the unit's effects while it still holds the locks of all shards involved:
//! [`Log::append`] takes consecutive tickets and fills that many slots of a ring. Because tickets are taken under
//! the locks, ticket order is a linear extension of every shard's lock order; that is the whole proof that the
//! stream, replayed by one thread, gives the same data.
//!
//! A single thread, the sequencer, drains the ring in ticket order, gives the frames byte offsets and appends them
//! to refcounted chunks. Replicas, the append-only file and change feeds each read through a [`Cursor`], which
//! sees a group only when all of it is there. The bytes mean nothing to this module: what selects a database and
//! what wraps a group comes from the owner's [`Framing`].
//!
//! **Cuts.** A cut is a moment at which its owner holds every lock, so that no unit runs. There [`Log::tail`] is
//! exact, and [`Log::cursor_at`] makes a cursor that sees precisely what happens after the cut. The log is switched
//! on and off at cuts too, by a flag of the owner's that every unit reads under its locks: *on* after
//! [`Log::start`], *off* before [`Log::stop`].
//!
//! **Waiting.** A producer that finds the ring full waits for the sequencer while it holds its locks; nothing else
//! here waits under a lock. The sequencer waits for no lock that a producer may hold meanwhile: it takes the
//! stream's mutex only, whose holders wait for nothing.

mod cursor;
mod effect;
mod ring;
mod sequencer;
mod stream;
mod sync;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::JoinHandle;

use parking_lot::Mutex;

pub use cursor::{Cursor, LagMeter};
pub use effect::{ANY_DATABASE, EffectGroup};
pub use stream::Readiness;

use ring::Ring;
use stream::{Start, Stream, UNKNOWN};

/// The ring's size: 8 MiB, which become resident when the log is used.
const RING_SLOTS: usize = 65_536;

/// A position in the order of effects. Every slot's worth of effect has one; they are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The tickets of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRange {
    /// The first.
    pub first: Ticket,
    /// One past the last: whoever has everything below it has the group.
    pub end: Ticket,
}

/// The frames that the log inserts on its own, encoded by its owner. Each call appends whole frames to `out`.
///
/// Called by the sequencer's thread. A panic in here aborts the process.
pub trait Framing: Send {
    /// What makes `database` the one that the following frames concern.
    fn select(&self, database: u32, out: &mut Vec<u8>);
    /// What begins a group that must be applied as one.
    fn group_begin(&self, out: &mut Vec<u8>);
    /// What ends such a group.
    fn group_end(&self, out: &mut Vec<u8>);
}

/// The ordered log. See the module's documentation.
pub struct Log {
    shared: Arc<Shared>,
    /// The sequencer's thread while the log is started. Held across start and stop, never by a producer.
    sequencer: Mutex<Option<JoinHandle<()>>>,
}

/// What producers and the sequencer share.
struct Shared {
    ring: Ring,
    stream: Arc<Stream>,
    /// The ticket at which the sequencer stops, [`UNKNOWN`] while it is to go on.
    stop_at: AtomicU64,
}

impl Shared {
    fn stop_at(&self) -> u64 {
        // Acquire: pairs with the Release stores in `start` and `stop`. When the sequencer sleeps, the fences of
        // sleep and wake make sure that it looks again.
        self.stop_at.load(Acquire)
    }
}

impl Log {
    /// A log that is stopped and has never had an effect.
    #[must_use]
    pub fn new() -> Self {
        Self::with_slots(RING_SLOTS)
    }

    fn with_slots(slots: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                ring: Ring::with_slots(slots),
                stream: Arc::new(Stream::new()),
                stop_at: AtomicU64::new(UNKNOWN),
            }),
            sequencer: Mutex::new(None),
        }
    }

    /// Appends the group's frames, in order and without a gap, and leaves the group empty.
    ///
    /// To be called while all locks are held under which the effects came about, and only while the log is on.
    /// Copies or moves; waits only if the ring is full. Call [`Log::wake_if_needed`] after unlocking.
    pub fn append(&self, group: &mut EffectGroup) -> TicketRange {
        let slots = group.slots();
        if slots == 0 {
            let tail = self.tail();
            return TicketRange {
                first: tail,
                end: tail,
            };
        }
        let wrapped = group.is_wrapped();
        let (parts, flat) = group.parts();
        let mut reserved = self.shared.ring.reserve(slots, wrapped);
        for part in parts {
            reserved.publish(|body| part.fill(flat, body));
        }
        let first = reserved.first();
        drop(reserved);
        group.clear();
        TicketRange {
            first: Ticket(first),
            end: Ticket(first + slots),
        }
    }

    /// Wakes the sequencer if it sleeps. To be called after unlocking, once per batch of units is enough.
    ///
    /// Costs a fence and a load when the sequencer is awake, one system call when it is not.
    pub fn wake_if_needed(&self) {
        self.shared.ring.wake_if_needed();
    }

    /// The ticket that the next effect will get. Exact at a cut only.
    #[must_use]
    pub fn tail(&self) -> Ticket {
        Ticket(self.shared.ring.tail())
    }

    /// Every group below this ticket is visible to cursors; the number beside it is the byte offset there.
    #[must_use]
    pub fn sequenced(&self) -> (Ticket, u64) {
        let (ticket, offset) = self.shared.stream.update(|state| state.sequenced());
        (Ticket(ticket), offset)
    }

    /// The byte offset of a cut at which a cursor was made, once the sequencer has reached it. Only the most
    /// recent cuts are remembered.
    #[must_use]
    pub fn offset_of(&self, cut: Ticket) -> Option<u64> {
        self.shared.stream.update(|state| state.offset_of(cut.0))
    }

    /// Starts the sequencer; does nothing if it runs. Returns whether it was started.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub fn start(&self, framing: Box<dyn Framing>) -> io::Result<bool> {
        let mut sequencer = self.sequencer.lock();
        if sequencer.is_some() {
            return Ok(false);
        }
        // Release: pairs with the Acquire in `Shared::stop_at`; spawning the thread orders it anyway.
        self.shared.stop_at.store(UNKNOWN, Release);
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || sequencer::run(&shared, framing))?;
        *sequencer = Some(thread);
        Ok(true)
    }

    /// Stops the sequencer when everything appended so far is in the stream; does nothing if it does not run.
    ///
    /// To be called after the cut that switched the log off, without any lock that a producer may want. The cursors
    /// there are get no more than that: they end, since what happens until the next start is in no log. Cursors
    /// made for the next start while this runs are not concerned.
    pub fn stop(&self) {
        let mut sequencer = self.sequencer.lock();
        let Some(thread) = sequencer.take() else {
            return;
        };
        let end = self.tail().0;
        self.shared.stream.update(|state| {
            state.close_cursors_at(end);
            state.add_cut(end);
        });
        // Release: pairs with the Acquire in `Shared::stop_at`: whoever sees this sees the cut above.
        self.shared.stop_at.store(end, Release);
        self.wake_if_needed();
        thread
            .join()
            .expect("a sequencer that panics aborts the process");
    }

    /// A cursor that sees exactly the frames from the ticket `cut` on, beginning with a selection of the database.
    ///
    /// To be called at a cut, with `cut` its [`Log::tail`]. If that ticket has passed already the cursor sees
    /// nothing and says that it has ended.
    #[must_use]
    pub fn cursor_at(&self, cut: Ticket) -> Cursor {
        let stream = &self.shared.stream;
        let cursor = stream.update(|state| {
            state.add_cut(cut.0);
            Cursor::new(stream, Start::Pending(cut.0), state)
        });
        // An idle sequencer has this ticket's turn now, and no producer may come for a while.
        self.wake_if_needed();
        cursor
    }

    /// A cursor at a byte offset that a cursor or the backlog still keeps; `None` if it is gone or not there yet.
    ///
    /// No selection precedes its first frame: whoever resumes has read everything up to there.
    #[must_use]
    pub fn resume_at(&self, offset: u64) -> Option<Cursor> {
        let stream = &self.shared.stream;
        stream.update(|state| {
            let kept = state.first_offset()..=state.sequenced().1;
            kept.contains(&offset)
                .then(|| Cursor::new(stream, Start::At(offset), state))
        })
    }

    /// Keeps at least this many bytes behind the end for [`Log::resume_at`]. 0, the initial value, keeps only what
    /// cursors have yet to read.
    pub fn set_backlog_bytes(&self, bytes: u64) {
        self.shared
            .stream
            .update(|state| state.set_backlog_bytes(bytes));
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop();
        self.shared.stream.update(|state| state.end_cursors());
    }
}
