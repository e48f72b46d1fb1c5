//! Operations that another connection sends beside an open loop, one at a time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::schedule::{Nanos, Schedule};
use crate::error::{BenchError, Result};

/// How much of a reply is read between two requests: this takes the generator some 20 µs.
const READ_BYTES: usize = 16 * 1024;
/// How much of a reply is kept.
const HEAD_BYTES: usize = 32;

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// From sending it to the end of its reply.
    pub(crate) took: Duration,
    /// The first line of its reply, cut after some bytes.
    pub(crate) head: String,
}

/// A connection with operations to send.
pub(super) struct Beside {
    connection: Connection,
    waiting: VecDeque<Vec<u8>>,
    /// Intended times, counted from `window.start`.
    schedule: Schedule,
    window: Range<Nanos>,
    /// The beginning of the reply that is coming.
    head: Vec<u8>,
    done: Vec<Operation>,
}

impl Beside {
    /// Operations to send evenly over `window`, none before it and none after it; `None` without any.
    pub(super) fn with(
        address: SocketAddr,
        operations: Vec<Vec<u8>>,
        window: Range<Nanos>,
    ) -> Result<Option<Beside>> {
        if operations.is_empty() {
            return Ok(None);
        }
        let seconds = (window.end - window.start) as f64 / 1e9;
        let count = operations.len();
        Ok(Some(Beside {
            connection: Connection::open(address)?,
            waiting: operations.into(),
            schedule: Schedule::new(count as f64 / seconds, count as u64),
            window,
            head: Vec::new(),
            done: Vec::new(),
        }))
    }

    /// Whether a reply is still to come.
    pub(super) fn is_busy(&self) -> bool {
        self.connection.in_flight() > 0
    }

    /// Sends the next operation if it is due and the one before has ended; reads a piece of a reply.
    pub(super) fn turn(&mut self, now: Nanos, buffer: &mut [u8], began: Instant) -> Result<()> {
        if self.is_busy() {
            return self.receive(buffer, began);
        }
        if !self.window.contains(&now) {
            return Ok(());
        }
        let due = self.schedule.take_due(now - self.window.start);
        if let Some(operation) = due.and_then(|_| self.waiting.pop_front()) {
            self.head.clear();
            self.connection.note_sent(now, 1);
            self.connection.send(&operation)?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], began: Instant) -> Result<()> {
        if self.connection.has_unwritten() {
            self.connection.flush()?;
        }
        let piece = READ_BYTES.min(buffer.len());
        let read = self.connection.read(&mut buffer[..piece])?;
        let room = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&buffer[..read.min(room)]);
        let (head, done) = (&self.head, &mut self.done);
        self.connection.take(&buffer[..read], |sent_at, _| {
            let now = began.elapsed().as_nanos() as Nanos;
            done.push(Operation {
                took: Duration::from_nanos(now.saturating_sub(sent_at)),
                head: first_line(head),
            });
        })?;
        Ok(())
    }

    /// What became of the operations that were sent.
    ///
    /// # Errors
    /// `BenchError::Usage` when one was not answered.
    pub(super) fn finish(self) -> Result<Vec<Operation>> {
        if self.is_busy() {
            return Err(BenchError::Usage("an operation was never answered".into()));
        }
        Ok(self.done)
    }
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes
        .split(|&byte| byte == b'\r')
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}
