//! What reaches a worker from other threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mio::Waker;
use parking_lot::Mutex;

use super::Worker;
use super::stream::NewConnection;
use crate::output::Outbox;
use crate::pubsub::Message;

/// Most bytes of messages that wait for one worker; publishers park above it.
pub(crate) const INBOX_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One worker's queue of events.
#[derive(Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    bytes: AtomicUsize,
    /// Somebody has woken the worker, and it has not looked yet.
    woken: AtomicBool,
    /// Ends the worker's wait for its sockets.
    waker: OnceLock<Waker>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<(u64, Event)>,
    next_number: u64,
}

/// Something for a worker to do.
pub(crate) enum Event {
    /// Serve this connection.
    Connection(Box<NewConnection>),
    /// Hand a published message to the subscribers.
    Message(Arc<Message>),
    /// Hand a line to the sessions that monitor.
    Monitor(Arc<[u8]>),
    /// Look at the kill flag of this session; the second number is the client's id.
    Kill(u32, u64),
    /// A blocked client has been served; see [`crate::blocking`].
    Served {
        /// The session.
        session: u32,
        /// Its client's id.
        client: u64,
        /// What it is to hear.
        reply: Box<Outbox>,
        /// How long it took to serve it.
        nanos: u64,
    },
    /// This session's wait is over, and its command is to run again; the second number is the client's id.
    RunAgain(u32, u64),
    /// `CLIENT UNBLOCK` has ended this session's wait; the second number is the client's id.
    Unblocked(u32, u64),
    /// The configuration has changed.
    ConfigChanged,
    /// Parked sessions may try again.
    Unpark,
    /// The server is going down: finish what runs, send what is pending, close.
    Drain,
    /// Run this on the worker.
    Run(Box<dyn FnOnce(&mut Worker) + Send>),
}

impl Event {
    fn size(&self) -> usize {
        match self {
            Event::Message(message) => message.size(),
            Event::Monitor(line) => line.len(),
            _ => 0,
        }
    }
}

impl Inbox {
    #[cfg(test)]
    /// Bytes of messages that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds an event without waking the worker.
    pub(crate) fn push(&self, event: Event) {
        // Relaxed: a bound that publishers look at before they begin, not exact to the message.
        self.bytes.fetch_add(event.size(), Ordering::Relaxed);
        let mut queue = self.queue.lock();
        let number = queue.next_number;
        queue.next_number += 1;
        queue.events.push_back((number, event));
    }

    /// Adds an event and wakes the worker.
    pub(crate) fn send(&self, event: Event) {
        self.push(event);
        self.wake();
    }

    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        // AcqRel: what was pushed before is seen by a worker whose look finds the flag set. If it was set already,
        // that look is still to come.
        if !self.woken.swap(true, Ordering::AcqRel)
            && let Some(waker) = self.waker.get()
            && let Err(error) = waker.wake()
        {
            tracing::error!("Cannot wake a worker: {error}");
        }
    }

    /// Has [`Inbox::wake`] end a wait by `waker`; until then the flag alone tells the worker, before it first waits.
    pub(super) fn attach(&self, waker: Waker) {
        // An inbox has one worker, which attaches once.
        let _ = self.waker.set(waker);
    }

    /// Whether somebody has woken the worker since the last call.
    #[inline]
    pub(super) fn take_wake(&self) -> bool {
        // Relaxed: the swap decides. AcqRel: see `wake`.
        self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::AcqRel)
    }

    /// The number that the next event will get.
    pub(crate) fn next_number(&self) -> u64 {
        self.queue.lock().next_number
    }

    /// Takes all events, in order, with their numbers; and whether that has made room for publishers that may wait.
    pub(crate) fn take(&self) -> (VecDeque<(u64, Event)>, bool) {
        let events = std::mem::take(&mut self.queue.lock().events);
        let bytes: usize = events.iter().map(|(_, event)| event.size()).sum();
        // Relaxed: the subtraction that takes the sum below the bound is one of these, whoever else counts meanwhile.
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let is_full = |bytes: usize| bytes > INBOX_BYTES_MAX;
        (events, is_full(before) && !is_full(before - bytes))
    }

    /// Puts events back in front that somebody took out of turn.
    pub(crate) fn put_back(&self, events: VecDeque<(u64, Event)>) {
        if events.is_empty() {
            return;
        }
        let bytes: usize = events.iter().map(|(_, event)| event.size()).sum();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut queue = self.queue.lock();
        let later = std::mem::replace(&mut queue.events, events);
        queue.events.extend(later);
    }

    /// Whether there is no message and no line. Whoever was told of a published message finds it counted here.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) == 0
    }

    /// Whether publishers must wait.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > INBOX_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_order_and_numbers_when_put_back() {
        let inbox = Inbox::default();
        inbox.push(Event::ConfigChanged);
        inbox.push(Event::Unpark);
        let (taken, _) = inbox.take();
        inbox.push(Event::Drain);
        inbox.put_back(taken);
        let (events, _) = inbox.take();
        let numbers: Vec<u64> = events.into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!((inbox.next_number(), inbox.bytes()), (3, 0));
    }

    #[test]
    fn waking_ends_one_wait_and_is_seen_once_however_often() {
        let mut poll = mio::Poll::new().unwrap();
        let mut events = mio::Events::with_capacity(4);
        let inbox = Inbox::default();
        inbox.wake();
        assert!(
            inbox.take_wake() && !inbox.take_wake(),
            "before there is a worker"
        );
        inbox.attach(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        for _ in 0..2 {
            inbox.wake();
            inbox.wake();
            poll.poll(&mut events, None).unwrap();
            assert_eq!(events.iter().count(), 1);
            assert!(inbox.take_wake() && !inbox.take_wake());
        }
        poll.poll(&mut events, Some(std::time::Duration::ZERO))
            .unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn whoever_empties_a_full_inbox_is_told_once() {
        let inbox = Inbox::default();
        let line: Arc<[u8]> = vec![0; INBOX_BYTES_MAX].into();
        inbox.push(Event::Monitor(line));
        assert!(!inbox.is_full() && !inbox.take().1);
        let line: Arc<[u8]> = vec![0; INBOX_BYTES_MAX + 1].into();
        inbox.push(Event::Monitor(line));
        assert!(inbox.is_full() && !inbox.is_quiet());
        assert!(inbox.take().1);
        assert!(inbox.is_quiet() && !inbox.take().1);
    }
}
