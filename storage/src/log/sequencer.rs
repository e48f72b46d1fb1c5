//! The sequencer: takes effects off the ring in ticket order and makes the stream of them.
//!
//! It knows the neighbours, so it is the one that selects databases and wraps groups; it does no I/O and takes no
//! lock but the stream's own, so no producer ever waits for it longer than it takes to drain the ring.

use std::time::Duration;

use bytes::Bytes;

use super::effect::ANY_DATABASE;
use super::ring::{Body, Consumer, FIRST, LAST, Payload, WRAPPED};
use super::stream::{CHUNK_BYTES, COPY_BYTES_MAX, Stream};
use super::{Framing, Shared};

/// How many slots are taken before they are given back and what is complete is published.
const BATCH_SLOTS: u64 = 256;

/// Longer payloads are linked by reference; a shorter one is cheaper to copy than to read as a piece of its own.
pub(super) const LINK_BYTES_MIN: usize = 4096;

/// A group's frames become a piece at this size: before the buffer would grow past a chunk's.
const PIECE_BYTES: usize = CHUNK_BYTES - 2 * LINK_BYTES_MIN;

/// Runs until `shared.stop_at` is reached.
pub(super) fn run(shared: &Shared, framing: Box<dyn Framing>) {
    // Producers would wait for ever, under their locks, for a sequencer that is gone.
    let _abort = AbortOnPanic;
    let mut ring = loop {
        // `Log` joins the previous thread before it starts the next, so this succeeds at once.
        match shared.ring.consumer() {
            Some(consumer) => break consumer,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let mut sequencer = Sequencer {
        stream: &shared.stream,
        framing,
        database: None,
        pending: Vec::new(),
        complete: 0,
        complete_ticket: 0,
        pieces: Vec::new(),
    };
    loop {
        let published = ring.published(BATCH_SLOTS);
        // Loaded before the cuts: `Log::stop` adds its cut first, so whoever sees the stop sees that cut too and
        // answers it before it ends. The other way round cursors would wait for an end that nobody gives them.
        let stop = shared.stop_at() <= ring.next();
        // Loaded after the slots' sequences: see `Stream::next_cut`.
        let cut = shared.stream.next_cut();
        if cut <= ring.next() {
            sequencer.reach_cut(ring.next());
        } else if stop {
            return;
        } else if published > 0 {
            let until_cut = cut - ring.next();
            sequencer.take(&mut ring, published.min(until_cut));
        } else {
            let next = ring.next();
            ring.sleep(|| shared.stream.next_cut() <= next || shared.stop_at() <= next);
        }
    }
}

struct Sequencer<'a> {
    stream: &'a Stream,
    framing: Box<dyn Framing>,
    /// The database that the stream's reader has selected, if that is sure.
    database: Option<u32>,
    /// Frames that are not in the stream yet: complete groups, then perhaps part of one.
    pending: Vec<u8>,
    /// How much of `pending` is complete groups.
    complete: usize,
    /// The ticket after those groups.
    complete_ticket: u64,
    /// The beginning of the current group, if it outgrew `pending` or links long values. Then `complete` is 0:
    /// `pending` continues this group.
    pieces: Vec<Bytes>,
}

impl Sequencer<'_> {
    /// Takes `count` published slots and publishes the groups that they complete.
    fn take(&mut self, ring: &mut Consumer<'_>, count: u64) {
        for _ in 0..count {
            let after = ring.next() + 1;
            ring.take(|body| self.take_body(body, after))
                .expect("the slots were published");
        }
        ring.release();
        self.publish_complete();
    }

    fn take_body(&mut self, body: &mut Body, next: u64) {
        let wrapped = body.flags & WRAPPED != 0;
        let empty = matches!(body.payload, Payload::Nop);
        if !empty {
            self.select(body.database);
        }
        if wrapped && body.flags & FIRST != 0 {
            self.framing.group_begin(&mut self.pending);
        }
        self.take_payload(&mut body.payload);
        if body.flags & LAST == 0 {
            return;
        }
        if wrapped {
            self.framing.group_end(&mut self.pending);
        }
        if self.pieces.is_empty() {
            self.complete = self.pending.len();
            self.complete_ticket = next;
        } else {
            self.publish_pieces(next);
        }
    }

    fn select(&mut self, database: u32) {
        if database != ANY_DATABASE && self.database != Some(database) {
            self.database = Some(database);
            self.framing.select(database, &mut self.pending);
        }
    }

    fn take_payload(&mut self, payload: &mut Payload) {
        match payload {
            Payload::Nop => return,
            Payload::Inline { len, bytes } => {
                self.pending.extend_from_slice(&bytes[..usize::from(*len)]);
            }
            Payload::Shared(bytes) if bytes.len() < LINK_BYTES_MIN => {
                self.pending.extend_from_slice(bytes);
                *payload = Payload::Nop;
            }
            Payload::Shared(bytes) => {
                let bytes = std::mem::take(bytes);
                *payload = Payload::Nop;
                self.end_piece();
                self.pieces.push(bytes);
                return;
            }
        }
        if self.pending.len() >= PIECE_BYTES {
            self.end_piece();
        }
    }

    /// Publishes what complete groups there are, and makes a piece of what there is of the current one.
    fn end_piece(&mut self) {
        self.publish_complete();
        if !self.pending.is_empty() {
            let piece = std::mem::take(&mut self.pending);
            self.pieces.push(Bytes::from(piece));
        }
    }

    /// Moves the complete groups into the stream.
    fn publish_complete(&mut self) {
        let complete = std::mem::take(&mut self.complete);
        let ticket = self.complete_ticket;
        if complete == 0 {
            return;
        }
        if complete <= COPY_BYTES_MAX {
            let frames = &self.pending[..complete];
            self.stream.update(|state| {
                state.copy(frames);
                state.set_sequenced(ticket);
            });
            self.pending.drain(..complete);
        } else {
            let rest = self.pending.split_off(complete);
            let frames = Bytes::from(std::mem::replace(&mut self.pending, rest));
            self.stream.update(|state| {
                state.link(frames);
                state.set_sequenced(ticket);
            });
        }
    }

    /// Moves the current group, which is complete, into the stream.
    fn publish_pieces(&mut self, next: u64) {
        self.end_piece();
        let pieces = &mut self.pieces;
        self.stream.update(|state| {
            pieces.drain(..).for_each(|piece| state.link(piece));
            state.set_sequenced(next);
        });
        // One giant group must not cost memory for ever.
        pieces.shrink_to(1024);
    }

    /// Answers the cuts at `ticket`. All groups before it are in the stream: a cut is made at the tail, where a
    /// group ends, and `take` has published what is complete.
    fn reach_cut(&mut self, ticket: u64) {
        // A consumer that starts here has selected nothing.
        self.database = None;
        self.stream.update(|state| {
            state.set_sequenced(ticket);
            state.reach_cut(ticket);
        });
    }
}

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log's sequencer panicked; no write could be logged any more: aborting");
            std::process::abort();
        }
    }
}
