//! Which sockets are ready, and which sessions are to have a turn.
//!
//! A worker's sockets have a poller of their own, whose descriptor the runtime waits for. Registered with the runtime
//! itself, each ready socket would cost a task's wake-up, scheduling and poll, a thousand instructions; and it could
//! not be seen which sessions are ready together, which is what [`super::round`] lives on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Registry, Token};
use tokio::io::unix::AsyncFd;

use crate::os;

/// Most readiness events taken at once.
const EVENTS_MAX: usize = 128;

/// What the kernel told of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) hung_up: bool,
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
    poll: AsyncFd<mio::Poll>,
    events: Events,
}

impl Poller {
    /// A poller that the runtime of this thread waits for.
    pub(super) fn new() -> io::Result<(Self, Sockets)> {
        let poll = mio::Poll::new()?;
        let sockets = Sockets(poll.registry().try_clone()?);
        let poller = Self {
            poll: os::wait_for(poll)?,
            events: Events::with_capacity(EVENTS_MAX),
        };
        Ok((poller, sockets))
    }

    /// Hands `each` what has changed since the last call, and has the task of `cx` woken when something changes.
    pub(super) fn take(
        &mut self,
        cx: &mut Context<'_>,
        mut each: impl FnMut(u32, Readiness),
    ) -> io::Result<()> {
        while let Poll::Ready(guard) = self.poll.poll_read_ready_mut(cx) {
            let mut guard = guard?;
            // Before the poller is asked: what comes after that is told anew.
            guard.clear_ready();
            while take_some(guard.get_inner_mut(), &mut self.events, &mut each)? {}
        }
        Ok(())
    }
}

/// Hands on what there is; whether there may be more.
fn take_some(
    poll: &mut mio::Poll,
    events: &mut Events,
    each: &mut impl FnMut(u32, Readiness),
) -> io::Result<bool> {
    match poll.poll(events, Some(Duration::ZERO)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
        outcome => outcome?,
    }
    let mut count = 0;
    for event in &*events {
        count += 1;
        let readiness = Readiness {
            readable: event.is_readable(),
            writable: event.is_writable(),
            hung_up: event.is_read_closed() || event.is_error(),
        };
        each(event.token().0 as u32, readiness);
    }
    Ok(count == EVENTS_MAX)
}

/// The sessions of one worker that are to have a turn, each once.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    sessions: RefCell<VecDeque<u32>>,
    /// Wakes the task that gives turns.
    waker: RefCell<Option<Waker>>,
}

impl ReadyQueue {
    /// Adds a session unless `queued` says that it is there already.
    #[inline]
    pub(crate) fn push(&self, session: u32, queued: &Cell<bool>) {
        if queued.replace(true) {
            return;
        }
        let mut sessions = self.sessions.borrow_mut();
        sessions.push_back(session);
        if sessions.len() == 1
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    /// The next session's number; its `queued` flag is the caller's to clear.
    #[inline]
    pub(super) fn pop(&self) -> Option<u32> {
        self.sessions.borrow_mut().pop_front()
    }

    /// Whether no session waits.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.borrow().is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.sessions.borrow().len()
    }

    /// Wakes nobody any more: whoever waited is looking.
    pub(super) fn end_wait(&self) {
        self.waker.take();
    }

    /// Whether no session waits; if so, `waker` is woken by the next one.
    pub(super) fn wait(&self, waker: &Waker) -> bool {
        let is_empty = self.is_empty();
        if is_empty {
            *self.waker.borrow_mut() = Some(waker.clone());
        }
        is_empty
    }
}
