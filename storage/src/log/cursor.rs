//! Cursors: the readers' side of the stream.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::stream::{Readiness, Start, State, Stream, UNKNOWN};

/// A place in the stream that one consumer reads from, in order and without gaps. It keeps what it has not read
/// yet alive; how far it may fall behind is for its owner to decide, by [`Cursor::lag_bytes`].
pub struct Cursor {
    stream: Arc<Stream>,
    position: Arc<AtomicU64>,
    id: u64,
}

impl Cursor {
    /// A cursor at `start`, which is the caller's to have checked.
    pub(super) fn new(stream: &Arc<Stream>, start: Start, state: &mut State) -> Self {
        let position = Arc::new(AtomicU64::new(UNKNOWN));
        Self {
            stream: Arc::clone(stream),
            id: state.add_cursor(start, Arc::clone(&position)),
            position,
        }
    }

    /// The next bytes, as many as lie in one piece; `None` when there are none at present.
    ///
    /// Pieces end anywhere, not only between frames. They are references into the stream, not copies.
    pub fn read(&mut self) -> Option<Bytes> {
        self.stream.update(|state| state.read(self.id))
    }

    /// The byte offset of the cursor's start, once the sequencer has reached it.
    #[must_use]
    pub fn start_offset(&self) -> Option<u64> {
        match self.stream.update(|state| state.cursor_start(self.id)) {
            Start::At(offset) => Some(offset),
            Start::Pending(_) | Start::Missed => None,
        }
    }

    /// The byte offset of the next byte to read, once the start is reached.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        // Relaxed: only `read`, which needs the cursor mutably, and the sequencer's one step from "unknown" to
        // the start write it.
        Some(self.position.load(Relaxed)).filter(|&offset| offset != UNKNOWN)
    }

    /// How many bytes lie between the cursor and the end of the stream; 0 before the start is reached.
    #[must_use]
    pub fn lag_bytes(&self) -> u64 {
        lag_bytes(&self.stream, &self.position)
    }

    /// A handle by which other threads can watch how far this cursor lags behind, without a lock.
    #[must_use]
    pub fn lag_meter(&self) -> LagMeter {
        LagMeter {
            stream: Arc::clone(&self.stream),
            position: Arc::clone(&self.position),
        }
    }

    /// Blocks until the sequencer has reached the start; returns its offset, or `None` if it will never come.
    #[must_use]
    pub fn wait_start(&self) -> Option<u64> {
        self.stream.wait(|state| self.start(state))
    }

    /// Blocks until there is something to read or the end is reached.
    #[must_use]
    pub fn wait(&self) -> Readiness {
        self.stream.wait(|state| state.readiness(self.id))
    }

    /// As [`Cursor::wait_start`], but wakes `waker` instead of blocking. A cursor remembers one waker.
    pub fn poll_start(&self, waker: &Waker) -> Poll<Option<u64>> {
        self.poll(waker, |state| self.start(state))
    }

    /// As [`Cursor::wait`], but wakes `waker` instead of blocking. A cursor remembers one waker.
    pub fn poll_readable(&self, waker: &Waker) -> Poll<Readiness> {
        self.poll(waker, |state| state.readiness(self.id))
    }

    fn start(&self, state: &State) -> Option<Option<u64>> {
        match state.cursor_start(self.id) {
            Start::Pending(_) => None,
            Start::At(offset) => Some(Some(offset)),
            Start::Missed => Some(None),
        }
    }

    fn poll<R>(&self, waker: &Waker, answer: impl FnOnce(&State) -> Option<R>) -> Poll<R> {
        self.stream.update(|state| match answer(state) {
            Some(answer) => Poll::Ready(answer),
            None => {
                state.set_waker(self.id, waker);
                Poll::Pending
            }
        })
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.stream.update(|state| state.remove_cursor(self.id));
    }
}

/// Tells how far a cursor lags behind: nothing any more when that cursor is dropped.
#[derive(Clone)]
pub struct LagMeter {
    stream: Arc<Stream>,
    position: Arc<AtomicU64>,
}

impl LagMeter {
    /// See [`Cursor::lag_bytes`].
    #[must_use]
    pub fn lag_bytes(&self) -> u64 {
        lag_bytes(&self.stream, &self.position)
    }
}

fn lag_bytes(stream: &Stream, position: &AtomicU64) -> u64 {
    // Relaxed: a figure that is compared with a bound; the two loads may belong to different moments, therefore
    // the saturating difference.
    match position.load(Relaxed) {
        UNKNOWN => 0,
        offset => stream.end().saturating_sub(offset),
    }
}
