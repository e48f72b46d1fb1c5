//! Which sockets are ready, and which sessions are to have a turn.
//!
//! A worker waits for its sockets itself. Under a runtime each ready socket would cost a task's wake-up, scheduling and
//! poll, a thousand instructions; and it could not be seen which sessions are ready together, which is what
//! [`super::round`] lives on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

/// Most readiness events taken at once.
const EVENTS_MAX: usize = 128;
/// What the waker is registered as; sessions' numbers have 32 bits.
const WAKER: Token = Token(usize::MAX);

/// What the kernel told of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) hung_up: bool,
    /// Nor can anything be sent any more.
    pub(super) gone: bool,
}

/// Where a worker's sockets are registered.
pub(super) struct Sockets(Registry);

impl Sockets {
    /// Watches a socket until it is closed. Only changes are told.
    pub(super) fn register(&self, socket: RawFd, index: u32) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(index as usize);
        self.0.register(&mut SourceFd(&socket), token, interest)
    }
}

/// Tells which of a worker's sockets have become ready.
pub(super) struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    /// A poller, where to register sockets with it, and what ends its wait.
    pub(super) fn new() -> io::Result<(Self, Sockets, Waker)> {
        let poll = Poll::new()?;
        let sockets = Sockets(poll.registry().try_clone()?);
        let waker = Waker::new(poll.registry(), WAKER)?;
        let events = Events::with_capacity(EVENTS_MAX);
        Ok((Self { poll, events }, sockets, waker))
    }

    /// Waits for at most `patience` until something changes, and hands `each` what has changed since the last call.
    /// Whether there was anything, the waker included.
    pub(super) fn wait(
        &mut self,
        patience: Duration,
        mut each: impl FnMut(u32, Readiness),
    ) -> io::Result<bool> {
        let mut last = self.take(patience, &mut each)?;
        let is_any = last > 0;
        while last == EVENTS_MAX {
            last = self.take(Duration::ZERO, &mut each)?;
        }
        Ok(is_any)
    }

    /// Hands on what there is; how much it was.
    fn take(
        &mut self,
        patience: Duration,
        each: &mut impl FnMut(u32, Readiness),
    ) -> io::Result<usize> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            outcome => outcome?,
        }
        let mut count = 0;
        for event in &self.events {
            count += 1;
            if event.token() == WAKER {
                continue;
            }
            let readiness = Readiness {
                readable: event.is_readable(),
                writable: event.is_writable(),
                hung_up: event.is_read_closed() || event.is_error(),
                gone: event.is_write_closed() || event.is_error(),
            };
            each(event.token().0 as u32, readiness);
        }
        Ok(count)
    }
}

/// The sessions of one worker that are to have a turn, each once.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue(RefCell<VecDeque<u32>>);

impl ReadyQueue {
    /// Adds a session unless `queued` says that it is there already.
    #[inline]
    pub(crate) fn push(&self, session: u32, queued: &Cell<bool>) {
        if !queued.replace(true) {
            self.0.borrow_mut().push_back(session);
        }
    }

    /// The next session's number; its `queued` flag is the caller's to clear.
    #[inline]
    pub(super) fn pop(&self) -> Option<u32> {
        self.0.borrow_mut().pop_front()
    }

    /// Whether no session waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}
