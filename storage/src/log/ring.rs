//! The ticket ring: many producers that hold shard locks, one consumer that holds none.
//!
//! A producer takes `k` consecutive tickets with one `fetch_add`, fills the slots `ticket % slots` and publishes
//! each by storing `ticket + 1` into the slot's sequence. Since it does so while it holds the locks of everything
//! it changed, ticket order extends every lock's order. The consumer takes published slots in ticket order and
//! moves `head` on; a slot may be filled again once `head` has passed its previous ticket.
//!
//! A slot, 128 bytes (two cache lines, which the adjacent-line prefetcher fetches together):
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | sequence: 0 when never used, else the last published ticket + 1 |
//! | 8..12 | database |
//! | 12..14 | shard |
//! | 14 | flags: first and last of its group, wrapped group |
//! | 16..120 | payload: tag, then length and up to 96 bytes, or a refcounted handle |
//!
//! A fresh ring is zeroed memory and costs no resident page until it is used.
//!
//! All `unsafe` of the log is here: the slots' bodies are written by the owner of the ticket and read by the
//! consumer without a lock. `tests/model.rs` runs this file under `loom`.

use std::time::Duration;

use bytes::Bytes;
use crossbeam_utils::CachePadded;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use super::sync::{
    AtomicBool, AtomicU32, AtomicU64, FutexWord, IS_MODEL, SPINS_MAX, UnsafeCell, fence, spin_loop,
};

/// The longest payload that a slot holds itself; longer ones travel by reference.
pub(super) const INLINE_BYTES_MAX: usize = 96;

/// The slot begins a group.
pub(super) const FIRST: u8 = 1;
/// The slot ends a group.
pub(super) const LAST: u8 = 2;
/// The group is to be wrapped in a begin and an end frame.
pub(super) const WRAPPED: u8 = 4;

/// How long the consumer sleeps at most while a producer waits for room: see [`Consumer::sleep`].
const POLL: Duration = Duration::from_micros(50);

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// What a slot carries.
// The tag comes first and zero is `Nop`: zeroed memory is a valid, empty payload.
#[repr(u8)]
pub(super) enum Payload {
    /// Nothing: the producer unwound before it filled the slot, or the consumer took what was there.
    Nop = 0,
    /// `bytes[..len]`.
    Inline {
        /// At most [`INLINE_BYTES_MAX`].
        len: u8,
        bytes: [u8; INLINE_BYTES_MAX],
    } = 1,
    /// Bytes that are moved, never copied.
    Shared(Bytes) = 2,
}

/// A slot's content, owned by the ticket's producer before it is published and by the consumer after.
#[repr(C)]
pub(super) struct Body {
    pub(super) database: u32,
    pub(super) shard: u16,
    pub(super) flags: u8,
    pub(super) payload: Payload,
}

impl Body {
    /// Copies `source`, at most [`INLINE_BYTES_MAX`] bytes, into the slot.
    pub(super) fn set_inline(&mut self, source: &[u8]) {
        debug_assert!(source.len() <= INLINE_BYTES_MAX);
        match &mut self.payload {
            Payload::Inline { len, bytes } => {
                bytes[..source.len()].copy_from_slice(source);
                *len = source.len() as u8;
            }
            other => {
                let mut bytes = [0; INLINE_BYTES_MAX];
                bytes[..source.len()].copy_from_slice(source);
                let len = source.len() as u8;
                *other = Payload::Inline { len, bytes };
            }
        }
    }
}

#[repr(C, align(128))]
struct Slot {
    sequence: AtomicU64,
    body: UnsafeCell<Body>,
}

const _: () = assert!(IS_MODEL || size_of::<Slot>() == 128);

// SAFETY: the body is reached only through `Reservation::publish` and `Consumer::take`, which see to it that one
// thread at a time does so; its content (`Bytes`, plain numbers) may move between threads.
unsafe impl Sync for Slot {}

/// The counters that producers write; on one line, because whoever has just taken a ticket owns that line.
struct Front {
    /// The next ticket to hand out.
    tail: AtomicU64,
    /// Tickets below this may be filled: `slots` beyond some past value of `head`.
    limit: AtomicU64,
}

/// The ring and both ways of waiting on it.
pub(super) struct Ring {
    slots: Box<[Slot]>,
    front: CachePadded<Front>,
    /// The consumer's position: every ticket below it has been taken.
    head: CachePadded<AtomicU64>,
    /// [`ASLEEP`] while the consumer sleeps or is about to.
    sleeping: CachePadded<FutexWord>,
    /// Changes whenever `head` has moved and a producer waits for that.
    room: CachePadded<FutexWord>,
    /// Producers that wait for room.
    room_waiters: AtomicU32,
    /// Whether a [`Consumer`] exists.
    consumed: AtomicBool,
}

impl Ring {
    /// A ring of `slots` slots, a power of two.
    pub(super) fn with_slots(slots: usize) -> Self {
        assert!(slots.is_power_of_two(), "a ring's size is a power of two");
        Self {
            slots: zeroed_slots(slots),
            front: CachePadded::new(Front {
                tail: AtomicU64::new(0),
                limit: AtomicU64::new(slots as u64),
            }),
            head: CachePadded::new(AtomicU64::new(0)),
            sleeping: CachePadded::new(FutexWord::new(AWAKE)),
            room: CachePadded::new(FutexWord::new(0)),
            room_waiters: AtomicU32::new(0),
            consumed: AtomicBool::new(false),
        }
    }

    /// The next ticket. Exact only where nobody can append, which is what a cut sees to.
    pub(super) fn tail(&self) -> u64 {
        // Relaxed: at a cut, the locks that the caller holds order this load after every append; elsewhere
        // the number is a hint.
        self.front.tail.load(Relaxed)
    }

    /// Takes `count` consecutive tickets, which the caller must then publish without delay.
    pub(super) fn reserve(&self, count: u64, wrapped: bool) -> Reservation<'_> {
        // Relaxed: the counter only has to hand out each ticket once. That tickets follow lock order comes from
        // the locks, and what the tickets stand for is published by each slot's sequence.
        let first = self.front.tail.fetch_add(count, Relaxed);
        Reservation {
            ring: self,
            first,
            next: first,
            end: first + count,
            // Acquire: pairs with the `fetch_max` in `limit_above`, and through it with the consumer's store
            // of `head`: the consumer is done with these slots.
            limit: self.front.limit.load(Acquire),
            wrapped,
        }
    }

    /// Wakes the consumer if it sleeps. Whoever published calls this, after releasing its locks.
    pub(super) fn wake_if_needed(&self) {
        // SeqCst fence: pairs with the one in `Consumer::sleep`. Either this thread sees the flag, or the
        // consumer sees what this thread published (or asked for) before.
        fence(SeqCst);
        let sleeping = self.sleeping.word();
        // Relaxed load: the fence orders it. AcqRel swap: it elects one waker; the order is for those in
        // `Consumer::sleep`, see there.
        if sleeping.load(Relaxed) == ASLEEP && sleeping.swap(AWAKE, AcqRel) == ASLEEP {
            self.sleeping.wake_all();
        }
    }

    /// The consuming end, if nobody has it.
    pub(super) fn consumer(&self) -> Option<Consumer<'_>> {
        // Acquire: pairs with the Release in `Consumer::drop`, so that `head` and the slots are seen as the
        // previous consumer left them.
        let taken = self.consumed.swap(true, Acquire);
        // Relaxed: only consumers write `head`, and the swap has ordered us after the last one.
        (!taken).then(|| Consumer {
            ring: self,
            head: self.head.load(Relaxed),
            taken: 0,
        })
    }

    /// Waits until the slot of `ticket` is free and returns the new limit: the only wait under a shard lock.
    ///
    /// It ends because the consumer waits for no lock and every ticket below `ticket` belongs to a producer that
    /// is past its last wait but this one.
    #[cold]
    fn wait_for_room(&self, ticket: u64) -> u64 {
        self.wake_if_needed();
        let spun = (0..SPINS_MAX).find_map(|_| {
            spin_loop();
            self.limit_above(ticket)
        });
        if let Some(limit) = spun {
            return limit;
        }
        // Relaxed: the fence below orders it against the consumer's look at it.
        self.room_waiters.fetch_add(1, Relaxed);
        let limit = loop {
            // Acquire: pairs with the Release in `Consumer::release`; who sees the new number sees the new head.
            let seen = self.room.word().load(Acquire);
            // The fence in here also pairs with the one in `Consumer::release`: either this thread sees the new
            // head below, or the consumer sees a waiter and changes `room`, and the wait returns at once. And
            // with the one in `Consumer::sleep`: either this thread wakes the consumer, or the consumer sees a
            // waiter and does not sleep for long.
            self.wake_if_needed();
            if let Some(limit) = self.limit_above(ticket) {
                break limit;
            }
            self.room.wait(seen, None);
        };
        // Relaxed: a late decrement costs the consumer a needless wake.
        self.room_waiters.fetch_sub(1, Relaxed);
        limit
    }

    /// The limit by the consumer's present position, if it lies above `ticket`.
    fn limit_above(&self, ticket: u64) -> Option<u64> {
        // Acquire: pairs with the Release store in `Consumer::release`; its reads of the slots are over.
        let limit = self.head.load(Acquire) + self.slots.len() as u64;
        if limit <= ticket {
            return None;
        }
        // Release: hands the Acquire above on to every producer that reads `limit`. A later `fetch_max` is a
        // read-modify-write too, so it continues this release sequence whatever value it leaves.
        self.front.limit.fetch_max(limit, Release);
        Some(limit)
    }

    fn slot(&self, ticket: u64) -> &Slot {
        let mask = self.slots.len() - 1;
        &self.slots[ticket as usize & mask]
    }
}

/// Tickets that are taken and not all published. Dropping it publishes the rest as [`Payload::Nop`], so that a
/// producer that unwinds never leaves the consumer waiting.
pub(super) struct Reservation<'a> {
    ring: &'a Ring,
    first: u64,
    next: u64,
    end: u64,
    limit: u64,
    wrapped: bool,
}

impl Reservation<'_> {
    /// The first ticket.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Fills and publishes the next slot. If `fill` unwinds, the slot stays unpublished and this reservation's.
    ///
    /// # Panics
    /// When every ticket of the reservation is published already.
    pub(super) fn publish(&mut self, fill: impl FnOnce(&mut Body)) {
        let ticket = self.next;
        assert!(
            ticket < self.end,
            "a reservation publishes its tickets once"
        );
        if ticket >= self.limit {
            self.limit = self.ring.wait_for_room(ticket);
        }
        let flags = self.flags(ticket);
        let slot = self.ring.slot(ticket);
        slot.body.with_mut(|body| {
            // SAFETY: this ticket belongs to this reservation alone, and of all tickets that share the slot it
            // is the only one in use: `ticket < limit` says that the consumer has passed the previous one (see
            // `limit_above` for the ordering), and the next one has to wait for the consumer to pass this one,
            // which it cannot before the store below. So no other reference to the body exists.
            let body = unsafe { &mut *body };
            fill(body);
            body.flags = flags;
        });
        // Release: pairs with the Acquire in `Consumer::published`; the body is complete.
        slot.sequence.store(ticket + 1, Release);
        self.next = ticket + 1;
    }

    fn flags(&self, ticket: u64) -> u8 {
        let first = if ticket == self.first { FIRST } else { 0 };
        let last = if ticket + 1 == self.end { LAST } else { 0 };
        let wrapped = if self.wrapped { WRAPPED } else { 0 };
        first | last | wrapped
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.next == self.end {
            return;
        }
        while self.next < self.end {
            self.publish(|body| body.payload = Payload::Nop);
        }
        // Whoever unwinds may never come to its own wake.
        self.ring.wake_if_needed();
    }
}

/// The one consuming end of a ring.
pub(super) struct Consumer<'a> {
    ring: &'a Ring,
    head: u64,
    /// Slots taken since the last `release`.
    taken: u64,
}

impl Consumer<'_> {
    /// The next ticket to take.
    pub(super) fn next(&self) -> u64 {
        self.head + self.taken
    }

    /// How many slots from the next one on are published without a gap, at most `max`.
    pub(super) fn published(&self, max: u64) -> u64 {
        // Acquire: pairs with the Release in `Reservation::publish`.
        let ready = |ticket: u64| self.ring.slot(ticket).sequence.load(Acquire) == ticket + 1;
        let next = self.next();
        (0..max).take_while(|i| ready(next + i)).count() as u64
    }

    /// Takes the next slot, if it is published.
    pub(super) fn take<R>(&mut self, take: impl FnOnce(&mut Body) -> R) -> Option<R> {
        if self.published(1) == 0 {
            return None;
        }
        let slot = self.ring.slot(self.next());
        let taken = slot.body.with_mut(|body| {
            // SAFETY: the slot's sequence, read with Acquire, is this ticket's: its producer has published it
            // and touches it no more, and no later producer may before `release` stores a `head` above this
            // ticket. There is one consumer (`Ring::consumer`), and it is borrowed mutably.
            take(unsafe { &mut *body })
        });
        self.taken += 1;
        Some(taken)
    }

    /// Gives the taken slots back to the producers.
    pub(super) fn release(&mut self) {
        if self.taken == 0 {
            return;
        }
        self.head += self.taken;
        self.taken = 0;
        // Release: pairs with the Acquire in `Ring::limit_above`; our use of the slots is over.
        self.ring.head.store(self.head, Release);
        // SeqCst fence: pairs with the one in `Ring::wait_for_room`: either we see the waiter, or it sees `head`.
        fence(SeqCst);
        // Relaxed: ordered by the fence.
        if self.ring.room_waiters.load(Relaxed) > 0 {
            // Release: pairs with the Acquire load of `room`: who sees the new number sees the new head.
            self.ring.room.word().fetch_add(1, Release);
            self.ring.room.wake_all();
        }
    }

    /// Sleeps until a producer wakes us, unless the next slot is published or `urgent` says no. May wake early.
    ///
    /// While a producer waits for room this is a short sleep: what that producer waits for may be published by
    /// one that wakes nobody before its locks are released, and that is about to wait for the first one's lock.
    pub(super) fn sleep(&mut self, urgent: impl FnOnce() -> bool) {
        self.release();
        let sleeping = self.ring.sleeping.word();
        // The fence below orders this before the looks that follow it. A swap and AcqRel, here and wherever the flag
        // is written, so that its history is one chain in which each writer has seen the one before: nobody has
        // to argue about how a blind store falls among the wakers' swaps. It costs nothing beside the fence.
        sleeping.swap(ASLEEP, AcqRel);
        // SeqCst fence: pairs with the one in `Ring::wake_if_needed`.
        fence(SeqCst);
        if self.published(1) == 0 && !urgent() {
            // Relaxed: ordered by the fence.
            let poll = self.ring.room_waiters.load(Relaxed) > 0;
            self.ring.sleeping.wait(ASLEEP, poll.then_some(POLL));
        }
        // As above. A producer that still sees the flag wakes us once too often, nothing else.
        sleeping.swap(AWAKE, AcqRel);
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        self.release();
        // Release: pairs with the swap in `Ring::consumer`.
        self.ring.consumed.store(false, Release);
    }
}

fn zeroed_slots(count: usize) -> Box<[Slot]> {
    if IS_MODEL {
        return (0..count).map(|_| empty_slot()).collect();
    }
    let slots = Box::<[Slot]>::new_zeroed_slice(count);
    // SAFETY: zero bytes are a valid `Slot`: an atomic 0, plain numbers, and a `Payload` whose tag byte, first by
    // `repr(u8)`, is that of `Nop`, which has no fields.
    unsafe { slots.assume_init() }
}

fn empty_slot() -> Slot {
    Slot {
        sequence: AtomicU64::new(0),
        body: UnsafeCell::new(Body {
            database: 0,
            shard: 0,
            flags: 0,
            payload: Payload::Nop,
        }),
    }
}
