//! A round: every session that is ready gets its turn, in groups whose input is read and parsed ahead.
//!
//! A client that sends one request at a time gives the processor nothing to look ahead to: each lookup waits for
//! memory, once for the table and once for the entry. But under load several such clients are ready together. So the
//! sockets of a group are read one after the other, their requests parsed and their keys hashed; then all their
//! lookups' memory is asked for; and only then do the turns run, in the order in which the sessions became ready.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use storage::DbIndex;

use crate::clock::Stopwatch;
use crate::execute::Batch;
use crate::output::Outbox;

use super::Worker;
use super::poller::Poller;
use super::sessions::Connection;
use super::turn::{CARRIED_BYTES_MAX, READ_BYTES_MAX, Rest};

/// Most turns of one round; the worker's other business comes between rounds.
const TURNS_MAX: usize = 64;
/// How often a worker that was busy looks at its sockets before it sleeps.
const LOOKS: u32 = 2;
/// Most sessions read ahead: the first one's reply waits for so many reads.
const GROUP_SESSIONS_MAX: usize = 16;
/// A group is closed once it has so many keys.
const GROUP_KEYS_MAX: usize = 256;
/// Most keys whose entries are loaded ahead at a time, or those of one session: more would push one another out of the
/// nearest cache.
const WARM_KEYS_MAX: usize = 64;

/// When the turns of a group have taken so long, their replies are sent before the next turn.
const UNSENT_NANOS_MAX: u64 = 100_000;
/// And when they are more bytes than these.
const UNSENT_BYTES_MAX: usize = 8 * 1024;

/// What a session's turn begins with, and what it leaves to be sent.
pub(super) struct Stage {
    pub(super) session: u32,
    /// The database that was selected when the keys were hashed; a hint.
    db: DbIndex,
    /// What the socket had, behind what was left of an incomplete request.
    pub(super) buffer: Vec<u8>,
    /// The first requests in `buffer`.
    pub(super) batch: Batch,
    pub(super) input: Input,
    /// What the turn's requests answered.
    pub(super) outbox: Outbox,
    pub(super) rest: Rest,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            session: 0,
            db: 0,
            buffer: Vec::with_capacity(READ_BYTES_MAX),
            batch: Batch::default(),
            input: Input::Unread,
            outbox: Outbox::default(),
            rest: Rest::Nothing,
        }
    }
}

/// What reading ahead has found.
#[derive(Default)]
pub(super) enum Input {
    /// The socket has not been read.
    #[default]
    Unread,
    /// The socket had nothing.
    Nothing,
    /// The peer has closed.
    End,
    /// Something has come, and the requests at the front of the buffer are parsed.
    Bytes,
    /// The socket is broken.
    Failed(io::Error),
    /// Reading or parsing panicked.
    Panicked(Box<dyn Any + Send>),
}

impl Worker {
    /// Waits for at most `patience` until sockets become ready, and queues their sessions.
    ///
    /// Behind a round with turns it first looks without waiting, having let others run on this processor. Where clients
    /// and workers share processors that is what gives a client time to send more than one request before the worker
    /// sleeps: with two workers, and one request under way per connection, 40 000 sleeps a second became 2 000.
    pub(super) fn await_sockets(&mut self, poller: &mut Poller, patience: Duration) {
        if !patience.is_zero() && self.was_busy {
            for _ in 0..LOOKS {
                std::thread::yield_now();
                if self.poll_sockets(poller, Duration::ZERO) {
                    return;
                }
            }
        }
        self.poll_sockets(poller, patience);
    }

    /// Whether anything came.
    fn poll_sockets(&mut self, poller: &mut Poller, patience: Duration) -> bool {
        let sessions = &mut self.sessions;
        let told = poller.wait(patience, |index, readiness| {
            if let Some(Connection { session, stream }) = sessions.connection_mut(index) {
                stream.note(readiness);
                // A unix socket tells of room each time that its peer has read something.
                if stream.is_readable() || !session.pending.is_empty() {
                    session.wake();
                }
            }
        });
        told.unwrap_or_else(|error| {
            tracing::error!("Cannot learn which sockets are ready: {error}");
            // Some may have been told before that.
            true
        })
    }

    /// Gives a turn to each session that is ready now; those that become ready meanwhile come in the next round.
    pub(super) fn round(&mut self) {
        self.refresh_config();
        let mut stages = std::mem::take(&mut self.stages);
        let mut left = self.ready.len().min(TURNS_MAX);
        self.was_busy = left > 0;
        while left > 0 {
            let staged = self.stage_group(&mut stages, &mut left);
            self.turns(&mut stages[..staged]);
        }
        self.stages = stages;
    }

    /// The turns of a group. Replies are sent one right behind the other: a peer that is woken by the first one is still
    /// awake for the others. But none waits for a turn that may take long, and what is sent soon is still in the nearest
    /// cache.
    fn turns(&mut self, stages: &mut [Stage]) {
        let (mut unsent, mut unsent_bytes, mut warm) = (0, 0, 0);
        let mut stopwatch = Stopwatch::start();
        let mut since = stopwatch.last();
        for at in 0..stages.len() {
            stopwatch.lap();
            let is_late = stopwatch.nanos_since(since) > UNSENT_NANOS_MAX;
            let is_enough = is_late || unsent_bytes > UNSENT_BYTES_MAX;
            if unsent < at && (is_enough || !stages[at].batch.is_brief()) {
                self.finish_turns(&mut stages[unsent..at]);
                (unsent, unsent_bytes) = (at, 0);
                stopwatch.lap();
                since = stopwatch.last();
            }
            if at == warm {
                let next = &stages[warm..];
                // Neither this nor a turn may end the round with a panic: what has been read ahead would be lost.
                let warmed = self.contained("Loading ahead", |worker| worker.warm(next));
                warm += warmed.unwrap_or(1);
            }
            self.turn(&mut stages[at]);
            unsent_bytes += stages[at].outbox.bytes.len();
        }
        self.finish_turns(&mut stages[unsent..]);
    }

    fn finish_turns(&mut self, stages: &mut [Stage]) {
        for stage in stages {
            self.finish_turn(stage);
        }
    }

    /// Reads ahead for a group, from up to `left` entries of the queue, which it counts down; how many sessions it is.
    fn stage_group(&mut self, stages: &mut Vec<Stage>, left: &mut usize) -> usize {
        let (mut staged, mut keys) = (0, 0);
        while *left > 0 && staged < GROUP_SESSIONS_MAX && keys < GROUP_KEYS_MAX {
            let Some(session) = self.ready.pop() else {
                *left = 0;
                break;
            };
            *left -= 1;
            let Some(connection) = self.sessions.take_queued(session) else {
                continue;
            };
            if stages.len() == staged {
                stages.push(Stage::default());
            }
            let stage = &mut stages[staged];
            stage.session = session;
            self.stage(stage, connection);
            keys += stage.batch.hashes().len();
            staged += 1;
        }
        staged
    }

    /// Reads a session's socket ahead if its turn would begin with that.
    #[inline]
    fn stage(&mut self, stage: &mut Stage, mut connection: Box<Connection>) {
        stage.input = Input::Unread;
        stage.batch.forget();
        stage.outbox.clear();
        stage.rest = Rest::Nothing;
        let session = &connection.session;
        if session.awaits_input() && session.input.len() <= CARRIED_BYTES_MAX {
            let ahead = catch_unwind(AssertUnwindSafe(|| self.read_ahead(&mut connection, stage)));
            if let Err(panic) = ahead {
                stage.batch = Batch::default();
                stage.input = Input::Panicked(panic);
            }
        }
        self.sessions.put(stage.session, connection);
    }

    /// One read, and the first requests in it parsed.
    #[inline]
    pub(super) fn read_ahead(&mut self, connection: &mut Connection, stage: &mut Stage) {
        let Connection { session, stream } = connection;
        self.server.faults.step();
        stage.buffer.clear();
        stage.buffer.extend_from_slice(&session.input);
        stage.input = match stream.read(&mut stage.buffer, READ_BYTES_MAX) {
            Ok(None) => Input::Nothing,
            Ok(Some(0)) => Input::End,
            Err(error) => Input::Failed(error),
            Ok(Some(count)) => {
                self.count_read(count);
                session.input = Vec::new();
                stage.db = session.db;
                let limits = session.limits(&self.settings, &self.limits);
                stage
                    .batch
                    .parse_first(&self.server, session, &limits, &stage.buffer);
                Input::Bytes
            }
        };
    }

    /// Starts loading what the lookups of the first stages will read; of how many.
    #[inline]
    fn warm(&mut self, stages: &[Stage]) -> usize {
        self.server.faults.step();
        let (mut count, mut keys) = (0, 0);
        for stage in stages {
            let more = stage.batch.hashes().len();
            if count > 0 && keys + more > WARM_KEYS_MAX {
                break;
            }
            (count, keys) = (count + 1, keys + more);
        }
        let stages = &stages[..count];
        if keys > 1 {
            let keyspace = &self.server.keyspace;
            for stage in stages {
                keyspace.warm_table(stage.db, stage.batch.hashes());
            }
            for stage in stages {
                keyspace.warm_entries(stage.db, stage.batch.hashes());
            }
            if self.ahead.is_due() {
                let mut found = false;
                for stage in stages {
                    let elements = stage.batch.elements(&stage.buffer);
                    found |= keyspace.warm_elements(stage.db, elements);
                }
                self.ahead.note(found);
            }
        }
        count
    }
}
