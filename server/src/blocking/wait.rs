//! A session's wait, as its worker sees it: how it begins, and how it ends.

use std::rc::Rc;
use std::time::Duration;

use storage::blocking::Blocked;
use storage::waiters::Waiter;

use super::{BlockedClient, Unblock, Wait, client_of};
use crate::clock::unix_now;
use crate::command::context::Waited;
use crate::output::Outbox;
use crate::server::Server;
use crate::session::Session;
use crate::slowlog;
use crate::worker::{Worker, WorkerState};

/// What a blocked session waits for.
#[derive(Debug)]
pub(crate) struct SessionWait {
    wait: Wait,
    alarms: Alarms,
    /// The request's arguments as the slow log shows them.
    request: Vec<Box<[u8]>>,
}

/// When a wait needs its worker, in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarms {
    /// When time is up; `None`: never.
    pub(crate) deadline_ms: Option<i64>,
    /// See [`super::Operation::look_again_at_ms`].
    pub(crate) look_again_at_ms: Option<i64>,
}

impl Alarms {
    fn iter(self) -> impl Iterator<Item = i64> {
        self.deadline_ms.into_iter().chain(self.look_again_at_ms)
    }

    /// Whether at `at_ms` its keys are to be looked at, and time is not up.
    fn is_to_look(self, at_ms: i64) -> bool {
        self.look_again_at_ms == Some(at_ms)
            && self
                .deadline_ms
                .is_none_or(|deadline_ms| deadline_ms > at_ms)
    }
}

impl BlockedClient {
    /// How `CLIENT UNBLOCK` has ended the wait, if it has.
    pub(super) fn ended_by(&self) -> Option<Unblock> {
        // Acquire: pairs with the release in `unblock`.
        match self.unblock.load(std::sync::atomic::Ordering::Acquire) {
            0 => None,
            1 => Some(Unblock::Timeout),
            _ => Some(Unblock::Error),
        }
    }
}

/// Has the session wait, now that its command has registered. `request` is what the slow log will show of it.
pub(crate) fn begin(
    worker: &mut WorkerState,
    session: &mut Session,
    wait: Wait,
    alarms: Alarms,
    request: Vec<Box<[u8]>>,
) {
    session.client.set_wait(Some(wait.clone()));
    for at_ms in alarms.iter() {
        let place = (at_ms, session.client.session, session.id());
        worker.deadlines.insert(place);
    }
    session.wait = Some(Box::new(SessionWait {
        wait,
        alarms,
        request,
    }));
}

/// Forgets a wait that has ended: what is left of its registrations goes, one shard lock at a time.
pub(crate) fn forget(server: &Server, worker: &mut WorkerState, session: &mut Session) {
    let Some(ended) = session.wait.take() else {
        return;
    };
    session.client.set_wait(None);
    for at_ms in ended.alarms.iter() {
        let place = (at_ms, session.client.session, session.id());
        worker.deadlines.remove(&place);
    }
    session.again = None;
    // The end of a session is an end of its wait; of one that has ended before this does nothing.
    ended.wait.cancel();
    server.keyspace.unregister(&ended.wait);
}

impl Worker {
    /// How long until the next wait's time is up.
    pub(crate) fn until_next_deadline(&self) -> Duration {
        let next = self.state().deadlines.first();
        next.map_or(Duration::MAX, |(deadline_ms, ..)| {
            let left_ms = deadline_ms.saturating_sub(Self::now().0);
            Duration::from_millis(left_ms.max(0) as u64)
        })
    }

    /// Ends the waits whose time is up.
    pub(crate) fn time_out_waits(&mut self) {
        while let Some(&(deadline_ms, session, client)) = self.state().deadlines.first() {
            if deadline_ms > Self::now().0 {
                return;
            }
            self.state_mut().deadlines.pop_first();
            if self.look_again(deadline_ms, session, client) {
                continue;
            }
            self.end_wait(session, client, |wait, outbox| {
                // One that was served meanwhile has its reply on the way.
                wait.cancel() && time_out(wait, outbox)
            });
        }
    }

    /// Looks at the keys of a session's wait, if that is what `at_ms` was for.
    fn look_again(&mut self, at_ms: i64, session: u32, client: u64) -> bool {
        let Some(waiting) = self.wait_of(session, client) else {
            return false;
        };
        if !waiting.alarms.is_to_look(at_ms) {
            return false;
        }
        waiting.alarms.look_again_at_ms = None;
        let wait = waiting.wait.clone();
        let Some(next_ms) = self.look_at_keys_of(&wait) else {
            return true;
        };
        if let Some(waiting) = self.wait_of(session, client) {
            waiting.alarms.look_again_at_ms = Some(next_ms);
            let place = (next_ms, session, client);
            self.state_mut().deadlines.insert(place);
        }
        true
    }

    fn wait_of(&mut self, session: u32, client: u64) -> Option<&mut SessionWait> {
        let (_, sessions) = self.state_and_sessions();
        let session = sessions.get_mut(session)?;
        let is_it = session.id() == client;
        session.wait.as_deref_mut().filter(|_| is_it)
    }

    /// A session's wait has been served, which took so long.
    pub(crate) fn served(&mut self, session: u32, client: u64, reply: Outbox, nanos: u64) {
        if nanos >= self.state().slow_nanos {
            self.note_slow_serving(session, client, nanos);
        }
        self.end_wait(session, client, |_, outbox| {
            *outbox = reply;
            true
        });
    }

    #[cold]
    fn note_slow_serving(&mut self, session: u32, client: u64, nanos: u64) {
        let Some(waiting) = self.wait_of(session, client) else {
            return;
        };
        let request = std::mem::take(&mut waiting.request);
        let server = Rc::clone(self.server());
        let (_, sessions) = self.state_and_sessions();
        let now = unix_now();
        let at_seconds = now.0 / 1_000;
        if let Some(session) = sessions.get_mut(session) {
            slowlog::note(&server, &session.client, at_seconds, nanos, || request);
        }
        let threshold_ms = server.config.get().latency_monitor_threshold_ms;
        let event = "command-unblocking";
        server.latency.add_if_slow(threshold_ms, event, now, nanos);
    }

    /// A session's wait has ended with its command to run again, in the session's next turn.
    pub(crate) fn run_again_after_wait(&mut self, session: u32, client: u64) {
        let server = Rc::clone(self.server());
        let (state, sessions) = self.state_and_sessions();
        let session = sessions.get_mut(session).filter(|it| it.id() == client);
        let Some(session) = session else {
            return;
        };
        let Some(deadline_ms) = session.wait.as_ref().map(|it| it.alarms.deadline_ms) else {
            return;
        };
        let mut again = session.again.take();
        if let Some(again) = &mut again {
            again.waited = Some(Waited { deadline_ms });
        }
        forget(&server, state, session);
        session.again = again;
        session.publish();
        session.wake();
    }

    /// `CLIENT UNBLOCK` has ended a session's wait.
    pub(crate) fn unblocked(&mut self, session: u32, client: u64) {
        let server = Rc::clone(self.server());
        let worker = self.state().index;
        self.end_wait(session, client, |wait, outbox| {
            let blocked = client_of(wait);
            if blocked.ended_by() == Some(Unblock::Error) {
                const LINE: &[u8] = b"UNBLOCKED client unblocked via CLIENT UNBLOCK";
                server.count_error(worker, LINE);
                let stats = server.stats.worker(worker);
                stats.command(blocked.command).failed.add(1);
                outbox.reply(blocked.version).error(LINE);
                return true;
            }
            time_out(wait, outbox)
        });
    }

    /// Ends the wait of this session of this client, if it still waits, once `answer` has written its reply and says
    /// that it is over.
    fn end_wait(
        &mut self,
        session: u32,
        client: u64,
        answer: impl FnOnce(&Waiter<Blocked>, &mut Outbox) -> bool,
    ) {
        let server = Rc::clone(self.server());
        let (state, sessions) = self.state_and_sessions();
        let Some(session) = sessions.get_mut(session) else {
            return;
        };
        if session.id() != client {
            return;
        }
        let Some(wait) = session.wait.as_ref().map(|waiting| waiting.wait.clone()) else {
            return;
        };
        let mut outbox = Outbox::default();
        if !answer(&wait, &mut outbox) {
            return;
        }
        forget(&server, state, session);
        if !session.drops_reply() {
            state.pending_bytes += outbox.len();
            session.pending.take(&mut outbox, 0);
        }
        // What has come meanwhile may run now.
        session.has_requests = !session.input.is_empty();
        // Its next turn sends the reply first thing; whoever has it is not to find the client blocked.
        session.publish();
        session.wake();
    }
}

/// Writes what a client hears when its time is up.
fn time_out(wait: &Waiter<Blocked>, outbox: &mut Outbox) -> bool {
    let blocked = client_of(wait);
    let mut reply = outbox.reply(blocked.version);
    blocked.operation.time_out(&mut reply);
    true
}
