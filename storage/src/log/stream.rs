//! The byte stream behind the sequencer: refcounted chunks, the cursors on them, and the cuts.
//!
//! Small frames are copied to the end of an open chunk of 1 MiB. A reader that comes that far splits off, by
//! reference, what is there; so a stream that is read slowly has long segments, and one that is read at once has
//! small ones which are dropped at once. Long values are linked as segments of their own.
//!
//! One mutex guards all of it. It is held for a few pushes, or a copy of at most [`COPY_BYTES_MAX`]; whoever holds
//! it takes no other lock and waits for nothing, so the sequencer may take it although a cut, which holds all
//! shard locks, does too. Nothing is freed and nobody is woken while it is held.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::Waker;

use bytes::{Bytes, BytesMut};
use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;

/// The size of a chunk of small frames.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// The most that is copied under the mutex at once; more is linked.
pub(super) const COPY_BYTES_MAX: usize = 64 * 1024;

/// How many cuts keep their offset for [`Log::offset_of`](super::Log::offset_of).
const CUTS_KEPT: usize = 256;

/// Stands for "not known yet" where an offset or a ticket is expected.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// The stream, shared by the log, the sequencer and the cursors.
pub(super) struct Stream {
    state: Mutex<State>,
    changed: Condvar,
    /// `State::end`, to be read without the mutex.
    end: AtomicU64,
    /// The first ticket at which the sequencer must call [`State::reach_cut`], or [`UNKNOWN`].
    next_cut: AtomicU64,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            end: AtomicU64::new(0),
            next_cut: AtomicU64::new(UNKNOWN),
        }
    }

    /// The byte offset after the last complete group.
    pub(super) fn end(&self) -> u64 {
        // Relaxed: a figure for lag; the bytes themselves are handed over under the mutex.
        self.end.load(Relaxed)
    }

    /// The first ticket that some cut waits for, or [`UNKNOWN`].
    pub(super) fn next_cut(&self) -> u64 {
        // Acquire: pairs with the Release in `update`. The sequencer sees a cut before any ticket from it on: the
        // cut was registered before its locks were released, those tickets were taken and published after, and
        // the sequencer loads this after it has seen them published. When idle, the fences of sleep and wake do.
        self.next_cut.load(Acquire)
    }

    /// Changes the state; then, without the mutex, wakes whoever has something to read and frees what nobody needs.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        state.trim();
        // Relaxed: see `end`. Release: see `next_cut`. Both are written under the mutex only.
        self.end.store(state.end, Relaxed);
        self.next_cut.store(state.next_cut(), Release);
        let news = std::mem::take(&mut state.news);
        let wakers = if news {
            state.take_due_wakers()
        } else {
            SmallVec::new()
        };
        let garbage = std::mem::take(&mut state.garbage);
        let blocked = state.blocked > 0;
        drop(state);
        if news && blocked {
            self.changed.notify_all();
        }
        wakers.into_iter().for_each(Waker::wake);
        drop(garbage);
        result
    }

    /// Blocks until `answer` has one.
    pub(super) fn wait<R>(&self, mut answer: impl FnMut(&mut State) -> Option<R>) -> R {
        let mut state = self.state.lock();
        loop {
            if let Some(answer) = answer(&mut state) {
                return answer;
            }
            state.blocked += 1;
            self.changed.wait(&mut state);
            state.blocked -= 1;
        }
    }
}

/// What [`Stream`]'s mutex guards.
#[derive(Default)]
pub(super) struct State {
    segments: VecDeque<Segment>,
    /// The chunk that small frames are copied to; follows the last segment.
    open: BytesMut,
    /// The offset after `open`.
    end: u64,
    /// Every group below this ticket is in the stream.
    sequenced: u64,
    cursors: Vec<CursorState>,
    next_cursor_id: u64,
    /// Cut ticket to byte offset, which is `None` until the sequencer gets there.
    cuts: BTreeMap<u64, Option<u64>>,
    backlog_bytes: u64,
    /// Threads in [`Stream::wait`].
    blocked: usize,
    /// Something changed that a cursor may wait for.
    news: bool,
    /// Freed after the mutex is released.
    garbage: SmallVec<[Bytes; 4]>,
    /// Woken after the mutex is released: those whose start was reached.
    due: SmallVec<[Waker; 4]>,
}

struct Segment {
    start: u64,
    bytes: Bytes,
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// Where a cursor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At the frames from this ticket on, once the sequencer reaches it.
    Pending(u64),
    /// At this offset.
    At(u64),
    /// Nowhere: its ticket had passed before the cursor was made, or the log was dropped before it came.
    Missed,
}

struct CursorState {
    id: u64,
    start: Start,
    /// The next byte to read; means nothing before the start is reached.
    offset: u64,
    /// The ticket at which the log stops for this cursor.
    close: Option<u64>,
    /// The offset of `close`.
    end: Option<u64>,
    waker: Option<Waker>,
    /// `offset` for lag meters, [`UNKNOWN`] before the start.
    position: Arc<AtomicU64>,
}

impl CursorState {
    fn is_ended(&self) -> bool {
        match self.start {
            Start::Pending(_) => false,
            Start::At(_) => self.end.is_some_and(|end| self.offset >= end),
            Start::Missed => true,
        }
    }

    /// The first byte that must be kept for this cursor.
    fn needs_from(&self) -> Option<u64> {
        let reads = matches!(self.start, Start::At(_)) && !self.is_ended();
        reads.then_some(self.offset)
    }

    fn move_to(&mut self, offset: u64) {
        self.offset = offset;
        // Relaxed: a figure for lag, see `Stream::end`.
        self.position.store(offset, Relaxed);
    }
}

/// What a cursor can expect of its next read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// There are bytes to read.
    Readable,
    /// There will be no more: the log was stopped after the cursor's start, and all up to there is read.
    Ended,
}

impl State {
    /// Appends complete groups by copy, at most [`COPY_BYTES_MAX`] bytes.
    pub(super) fn copy(&mut self, frames: &[u8]) {
        debug_assert!(frames.len() <= COPY_BYTES_MAX);
        if self.is_kept() {
            if self.open.capacity() - self.open.len() < frames.len() {
                self.close_chunk();
                if !self.open.try_reclaim(CHUNK_BYTES) {
                    self.open = BytesMut::with_capacity(CHUNK_BYTES);
                }
            }
            self.open.extend_from_slice(frames);
        }
        self.end += frames.len() as u64;
        self.news = true;
    }

    /// Appends part of a group by reference. The rest of the group must follow under the same lock.
    pub(super) fn link(&mut self, bytes: Bytes) {
        self.close_chunk();
        let start = self.end;
        self.end += bytes.len() as u64;
        self.news = true;
        if self.is_kept() {
            self.segments.push_back(Segment { start, bytes });
        } else {
            self.garbage.push(bytes);
        }
    }

    /// Notes that every group below `ticket` is in the stream now.
    pub(super) fn set_sequenced(&mut self, ticket: u64) {
        self.sequenced = ticket;
    }

    /// The ticket and the byte offset up to which the stream is complete.
    pub(super) fn sequenced(&self) -> (u64, u64) {
        (self.sequenced, self.end)
    }

    /// Adds a cut at `ticket`; the sequencer has not passed it.
    pub(super) fn add_cut(&mut self, ticket: u64) {
        self.cuts.insert(ticket, None);
        while self.cuts.len() > CUTS_KEPT
            && self
                .cuts
                .first_key_value()
                .is_some_and(|(_, at)| at.is_some())
        {
            self.cuts.pop_first();
        }
    }

    /// The byte offset of a cut, if it is known (yet, or still).
    pub(super) fn offset_of(&self, ticket: u64) -> Option<u64> {
        self.cuts.get(&ticket).copied().flatten()
    }

    /// Answers all cuts up to `ticket`, whose turn it is: all groups below it are in the stream, none from it on.
    pub(super) fn reach_cut(&mut self, ticket: u64) {
        self.news = true;
        let end = self.end;
        // A cut behind `ticket` was made after its ticket had passed; it gets no answer rather than a wrong one.
        self.cuts.retain(|&cut, at| at.is_some() || cut >= ticket);
        if let Some(at) = self.cuts.get_mut(&ticket) {
            *at = Some(end);
        }
        for cursor in &mut self.cursors {
            match cursor.start {
                Start::Pending(start) if start == ticket => {
                    cursor.start = Start::At(end);
                    cursor.move_to(end);
                    self.due.extend(cursor.waker.take());
                }
                Start::Pending(start) if start < ticket => {
                    cursor.start = Start::Missed;
                    self.due.extend(cursor.waker.take());
                }
                _ => {}
            }
            if cursor.end.is_none() && cursor.close.is_some_and(|close| close <= ticket) {
                cursor.end = Some(end);
            }
        }
    }

    /// Ends every cursor there is at `ticket`.
    pub(super) fn close_cursors_at(&mut self, ticket: u64) {
        for cursor in &mut self.cursors {
            cursor.close.get_or_insert(ticket);
        }
    }

    /// Ends every cursor now, for good: no sequencer will come back.
    pub(super) fn end_cursors(&mut self) {
        self.news = true;
        for cursor in &mut self.cursors {
            cursor.end.get_or_insert(self.end);
            if matches!(cursor.start, Start::Pending(_)) {
                cursor.start = Start::Missed;
            }
        }
    }

    /// Keeps this many bytes behind the end even if no cursor needs them.
    pub(super) fn set_backlog_bytes(&mut self, bytes: u64) {
        self.backlog_bytes = bytes;
    }

    /// The oldest offset that can be read.
    pub(super) fn first_offset(&self) -> u64 {
        let open_start = self.end - self.open.len() as u64;
        self.segments.front().map_or(open_start, |s| s.start)
    }

    /// Adds a cursor; returns its id.
    pub(super) fn add_cursor(&mut self, start: Start, position: Arc<AtomicU64>) -> u64 {
        let id = self.next_cursor_id;
        self.next_cursor_id += 1;
        let mut cursor = CursorState {
            id,
            start,
            offset: 0,
            close: None,
            end: None,
            waker: None,
            position,
        };
        if let Start::At(offset) = start {
            cursor.move_to(offset);
        }
        self.cursors.push(cursor);
        id
    }

    /// Removes a cursor; what only it needed is freed.
    pub(super) fn remove_cursor(&mut self, id: u64) {
        // Relaxed: see `CursorState::move_to`. Nobody lags any more.
        self.cursor(id).position.store(UNKNOWN, Relaxed);
        self.cursors.retain(|cursor| cursor.id != id);
    }

    /// Where the cursor begins.
    pub(super) fn cursor_start(&self, id: u64) -> Start {
        self.cursor(id).start
    }

    /// The next bytes for the cursor, as many as lie in one piece.
    pub(super) fn read(&mut self, id: u64) -> Option<Bytes> {
        let (from, end) = {
            let cursor = self.cursor(id);
            (cursor.needs_from()?, cursor.end.unwrap_or(self.end))
        };
        if from == end {
            return None;
        }
        if from >= self.end - self.open.len() as u64 {
            self.close_chunk();
        }
        let index = self.segments.partition_point(|s| s.end() <= from);
        let segment = &self.segments[index];
        let until = end.min(segment.end());
        let range = (from - segment.start) as usize..(until - segment.start) as usize;
        let bytes = segment.bytes.slice(range);
        self.cursor_mut(id).move_to(until);
        Some(bytes)
    }

    /// Whether the cursor can read or is at its end; `None` if it must wait.
    pub(super) fn readiness(&self, id: u64) -> Option<Readiness> {
        let cursor = self.cursor(id);
        if cursor.is_ended() {
            return Some(Readiness::Ended);
        }
        let from = cursor.needs_from()?;
        (from < self.end).then_some(Readiness::Readable)
    }

    /// Remembers whom to wake when the cursor's start is reached or there is something to read.
    pub(super) fn set_waker(&mut self, id: u64, waker: &Waker) {
        match &mut self.cursor_mut(id).waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn cursor(&self, id: u64) -> &CursorState {
        let found = self.cursors.iter().find(|cursor| cursor.id == id);
        found.expect("a cursor is in the list until it is dropped")
    }

    fn cursor_mut(&mut self, id: u64) -> &mut CursorState {
        let found = self.cursors.iter_mut().find(|cursor| cursor.id == id);
        found.expect("a cursor is in the list until it is dropped")
    }

    /// Whether anybody may want what is appended now.
    fn is_kept(&self) -> bool {
        self.backlog_bytes > 0 || self.cursors.iter().any(|c| c.needs_from().is_some())
    }

    fn next_cut(&self) -> u64 {
        let mut open = self.cuts.iter().filter(|(_, at)| at.is_none());
        open.next().map_or(UNKNOWN, |(&ticket, _)| ticket)
    }

    /// Turns what lies in the open chunk into a segment; the chunk's free rest stays open.
    fn close_chunk(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let start = self.end - self.open.len() as u64;
        let bytes = self.open.split().freeze();
        self.segments.push_back(Segment { start, bytes });
    }

    /// Moves to the garbage what no cursor and no backlog needs.
    fn trim(&mut self) {
        let needed = self.cursors.iter().filter_map(CursorState::needs_from);
        let backlog = self.end.saturating_sub(self.backlog_bytes);
        let keep_from = needed.min().unwrap_or(self.end).min(backlog);
        while let Some(segment) = self.segments.front()
            && segment.end() <= keep_from
        {
            let segment = self.segments.pop_front().expect("there is a front");
            self.garbage.push(segment.bytes);
        }
        if !self.cursors.is_empty() || self.backlog_bytes > 0 {
            if keep_from == self.end {
                self.open.clear();
            }
        } else if self.open.capacity() > 0 {
            self.garbage.push(std::mem::take(&mut self.open).freeze());
        }
    }

    fn take_due_wakers(&mut self) -> SmallVec<[Waker; 4]> {
        let mut due = std::mem::take(&mut self.due);
        for cursor in &mut self.cursors {
            let starts = matches!(cursor.start, Start::Pending(_));
            if starts || (!cursor.is_ended() && cursor.offset == self.end) {
                continue;
            }
            due.extend(cursor.waker.take());
        }
        due
    }
}
