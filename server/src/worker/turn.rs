//! A session's turn, in two parts: send what waits and run what [`super::round`] has read ahead; and, once the group has
//! run, write once.

use std::any::Any;
use std::io;
use std::io::IoSlice;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::clock::Stopwatch;
use crate::command::CommandError;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::table::table;
use crate::execute::{Batch, Consumed, Executor};
use crate::output::{OutboxMark, SLICES_MAX};
use crate::panic::text_of;
use crate::session::{Close, ReplyMode, Session};

use super::round::{Input, Stage};
use super::sessions::Connection;
use super::stream::Stream;
use super::{Worker, limits};

/// Most bytes of one read, unless a long argument is awaited.
pub(super) const READ_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of one read of a long argument.
const LONG_READ_BYTES_MAX: usize = 1024 * 1024;
/// An incomplete request up to this size goes back into the worker's buffer for the next read, so that a connection
/// that stays idle with half a request holds just that half.
pub(super) const CARRIED_BYTES_MAX: usize = 4 * 1024;
/// A parked session reads on only while fewer bytes wait than these.
const PARKED_INPUT_BYTES_MAX: usize = 16 * 1024;
/// Output above this is sent before more is read.
const PENDING_BYTES_MAX: usize = 1024 * 1024;
/// Most `writev` calls of one turn.
const WRITES_MAX: usize = 16;

/// Most pieces of long replies that are written in one turn.
const PIECES_MAX: u32 = 2;

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The session waits for its socket, or to be woken.
    Waits,
    /// It could go on, but others come first.
    Yields,
    /// It is over.
    Ended,
}

/// What is left of a turn once the session's requests have run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: it is over.
    #[default]
    Nothing,
    /// Its output is to be sent.
    Send {
        /// Whether requests were left.
        stopped: bool,
    },
}

/// Whether a session computes a reply, slice by slice, for a client that is gone. It ends then, as when sending fails.
///
/// Its socket is not read to find that out: an end that is read there may be that of a client that has only stopped
/// sending and is owed replies to all it has sent before, as it gets them from Redis, which is not interrupted by it. So
/// only what the kernel tells of both directions counts: that a unix socket is closed, or a TCP connection reset. A TCP
/// peer that has closed without a reset cannot be told from one that listens; the first reply to it shows. What a command
/// stores is stored though its client is gone: some do not wait for the reply.
fn works_in_vain(session: &Session, stream: &Stream) -> bool {
    // Who wants no replies may be gone with requests under way.
    let is_heard = session.reply_mode == ReplyMode::On;
    let slices = session.slices.as_ref();
    stream.is_gone() && is_heard && slices.is_some_and(|slices| slices.only_answers())
}

impl Worker {
    /// The first part of a session's turn, which begins with what is staged: runs requests. What they answer stays on
    /// the stage for [`Worker::finish_turn`].
    pub(super) fn turn(&mut self, stage: &mut Stage) {
        stage.rest = Rest::Nothing;
        let Some(mut connection) = self.sessions.take(stage.session) else {
            return;
        };
        self.tools.reply_from = OutboxMark::default();
        let turn = catch_unwind(AssertUnwindSafe(|| self.turn_of(&mut connection, stage)))
            .unwrap_or_else(|panic| self.contain_turn(&mut connection, &*panic).map(Some))
            .unwrap_or(Some(Turn::Ended));
        self.contained("What follows a turn", Self::after_units);
        match turn {
            Some(turn) => self.settle_turn(stage.session, connection, turn),
            None => self.sessions.put(stage.session, connection),
        }
    }

    /// The second part of a turn: sends what there is to send.
    pub(super) fn finish_turn(&mut self, stage: &mut Stage) {
        let Rest::Send { stopped } = std::mem::take(&mut stage.rest) else {
            return;
        };
        let Some(mut connection) = self.sessions.take(stage.session) else {
            return;
        };
        std::mem::swap(&mut self.outbox, &mut stage.outbox);
        let turn = catch_unwind(AssertUnwindSafe(|| {
            self.send_and_wait(&mut connection, stopped)
        }))
        .unwrap_or_else(|panic| {
            // The commands have run: an error now would be taken for the next one's reply.
            self.outbox.clear();
            tracing::error!("Sending a reply panicked: {}", text_of(&*panic));
            Ok(Turn::Ended)
        })
        .unwrap_or(Turn::Ended);
        self.settle_turn(stage.session, connection, turn);
    }

    /// Puts a session back after its turn, or ends it.
    fn settle_turn(&mut self, index: u32, mut connection: Box<Connection>, turn: Turn) {
        if turn == Turn::Ended {
            self.contained("The end of a session", |worker| {
                worker.end_session(index, connection.session);
            });
            return;
        }
        self.count_memory(&mut connection.session);
        connection.session.publish_unsent();
        if turn == Turn::Yields {
            connection.session.wake();
        }
        self.sessions.put(index, connection);
    }

    /// The first part of a turn; `None` if it has a second one. An error of the socket ends the session.
    fn turn_of(
        &mut self,
        connection: &mut Connection,
        stage: &mut Stage,
    ) -> io::Result<Option<Turn>> {
        let Connection { session, stream } = connection;
        match std::mem::take(&mut stage.input) {
            Input::Failed(error) => return Err(error),
            Input::Panicked(panic) => resume_unwind(panic),
            input => stage.input = input,
        }
        if session.is_killed() || session.close == Close::Now {
            return Ok(Some(Turn::Ended));
        }
        if works_in_vain(session, stream) {
            return Ok(Some(Turn::Ended));
        }
        if !session.pending.is_empty() {
            self.send_pending(session, stream)?;
        }
        if session.close == Close::AfterReply {
            return Ok(Some(if session.pending.is_empty() {
                Turn::Ended
            } else {
                Turn::Waits
            }));
        }
        if session.pending.len() > PENDING_BYTES_MAX {
            if let Input::Bytes = stage.input {
                // Other sessions' turns have filled its output since its socket was read.
                session.input = stage.buffer.clone();
                session.has_requests = true;
                session.parser.reset();
            }
            return Ok(Some(Turn::Waits));
        }
        self.refresh_config();
        self.state.sampler.heed(&self.server.hot_keys);
        let stopped = if session.slices.is_some() {
            self.run_slice(session)
        } else if session.wait.is_some() {
            false
        } else if session.again.is_some() {
            self.run_again(session, None);
            session.slices.is_some() || session.has_requests
        } else if session.has_requests {
            self.run_waiting(session)
        } else {
            match self.run_input(connection, stage)? {
                Some(stopped) => stopped,
                None => return Ok(Some(Turn::Ended)),
            }
        };
        // Out of the way of the next session's.
        let session = &mut connection.session;
        if session.pending.is_empty() && !self.outbox.has_splices() {
            std::mem::swap(&mut self.outbox, &mut stage.outbox);
        } else {
            session.pending.take(&mut self.outbox, 0);
        }
        stage.rest = Rest::Send { stopped };
        Ok(None)
    }

    /// The second part of a turn; an error of the socket ends the session.
    fn send_and_wait(&mut self, connection: &mut Connection, stopped: bool) -> io::Result<Turn> {
        let Connection { session, stream } = connection;
        self.server.faults.step();
        // Before the reply leaves, so that whoever has it finds in CLIENT LIST what it says.
        session.publish();
        if session.pending.is_empty() {
            self.send(session, stream)?;
        } else {
            // `turn` has put everything there if output waited or had long strings. What is still in the outbox is older
            // than all of it: others' turns have written it meanwhile.
            session.pending.take_in_front(&mut self.outbox);
            self.send_pending(session, stream)?;
            self.note_pending(session);
        }
        if session.close == Close::AfterReply && session.pending.is_empty() {
            return Ok(Turn::Ended);
        }
        if session.close == Close::Now || session.is_killed() {
            return Ok(Turn::Ended);
        }
        self.wait(session, stream, stopped)
    }

    /// What a panic outside a command's function leaves: an error in place of the reply that was due, and the end of the
    /// session, because nobody knows how far it got.
    #[cold]
    fn contain_turn(
        &mut self,
        connection: &mut Connection,
        panic: &(dyn Any + Send),
    ) -> io::Result<Turn> {
        let Connection { session, stream } = connection;
        let command = table()
            .by_id(session.last_command)
            .map_or("NULL", |command| &command.full_name);
        self.outbox.truncate(self.tools.reply_from);
        self.clean_up_after(
            &format!("The turn of a session, last command '{command}',"),
            panic,
        );
        (session.slices, session.again) = (None, None);
        session.close_after_reply();
        let error = CommandError::Internal(command.into());
        self.outbox.reply(session.version).error(error.line());
        let sent = catch_unwind(AssertUnwindSafe(|| self.send(session, stream)));
        match sent {
            Ok(sent) => sent?,
            // It is sending that fails.
            Err(_) => return Ok(Turn::Ended),
        }
        Ok(if session.pending.is_empty() {
            Turn::Ended
        } else {
            Turn::Waits
        })
    }

    /// What the session waits for next.
    fn wait(
        &mut self,
        session: &mut Session,
        stream: &mut Stream,
        stopped: bool,
    ) -> io::Result<Turn> {
        if session.close != Close::No {
            return Ok(Turn::Waits);
        }
        if session.parked.is_some() || session.wait.is_some() {
            return self.listen_while_parked(session, stream);
        }
        if session.pending.len() > PENDING_BYTES_MAX {
            // The socket will wake it.
            return Ok(Turn::Waits);
        }
        if stopped || session.slices.is_some() {
            return Ok(Turn::Yields);
        }
        Ok(if stream.is_readable() {
            Turn::Yields
        } else {
            Turn::Waits
        })
    }

    /// A parked or blocked session is not served, but when its client goes it ends, and what it waits to do is not done, as in
    /// Redis. Its client's end stands behind what it has sent before, which therefore has to be read.
    #[cold]
    fn listen_while_parked(
        &mut self,
        session: &mut Session,
        stream: &mut Stream,
    ) -> io::Result<Turn> {
        while session.input.len() < PARKED_INPUT_BYTES_MAX {
            match stream.read(&mut session.input, READ_BYTES_MAX)? {
                None => break,
                Some(0) => return Ok(Turn::Ended),
                Some(count) => self.count_read(count),
            }
        }
        Ok(Turn::Waits)
    }

    /// All whole requests of one read. `None`: the peer has closed. Otherwise whether requests were left.
    fn run_input(
        &mut self,
        connection: &mut Connection,
        stage: &mut Stage,
    ) -> io::Result<Option<bool>> {
        if let Input::Unread = stage.input {
            if connection.session.input.len() > CARRIED_BYTES_MAX {
                return self.read_long(&mut connection.session, &mut connection.stream);
            }
            self.read_ahead(connection, stage);
        }
        let session = &mut connection.session;
        match std::mem::take(&mut stage.input) {
            Input::Unread | Input::Nothing => Ok(Some(false)),
            Input::End => Ok(None),
            Input::Failed(error) => Err(error),
            Input::Panicked(panic) => resume_unwind(panic),
            Input::Bytes => {
                let consumed = self.run(session, &stage.buffer, &mut stage.batch);
                Ok(Some(self.keep_rest(session, &stage.buffer, consumed)))
            }
        }
    }

    /// A read behind the part of a long request that has arrived. The buffer grows with what arrives, never with what
    /// was announced.
    #[cold]
    fn read_long(
        &mut self,
        session: &mut Session,
        stream: &mut Stream,
    ) -> io::Result<Option<bool>> {
        let arrived = session.input.len();
        let missing = session.parser.bytes_needed().saturating_sub(arrived);
        let most = arrived.clamp(READ_BYTES_MAX, LONG_READ_BYTES_MAX);
        let max = if session.parser.is_end_far() {
            missing.clamp(READ_BYTES_MAX, most)
        } else {
            // Not a byte beyond the request, so that the next ones come through the worker's buffer again.
            missing.clamp(1, most)
        };
        session.input.reserve(max);
        match stream.read(&mut session.input, max)? {
            None => Ok(Some(false)),
            Some(0) => Ok(None),
            Some(count) => {
                self.count_read(count);
                if session.input.len() < arrived + missing {
                    limits::enforce_query_limit(&self.server, &self.settings, session);
                    return Ok(Some(false));
                }
                Ok(Some(self.run_waiting(session)))
            }
        }
    }

    /// Runs the requests that wait in the session's own buffer; whether some were left again.
    fn run_waiting(&mut self, session: &mut Session) -> bool {
        session.parked = None;
        let mut input = std::mem::take(&mut session.input);
        let mut batch = std::mem::take(&mut self.batch);
        let consumed = self.run(session, &input, &mut batch);
        // What one long request has made it grow to, it need not keep.
        batch.forget();
        self.batch = batch;
        if consumed.bytes == 0 {
            session.input = input;
        } else if consumed.bytes < input.len() {
            if input.len() - consumed.bytes > input.len() / 2 {
                input.drain(..consumed.bytes);
                session.input = input;
            } else {
                session.input = input[consumed.bytes..].to_vec();
            }
        }
        session.has_requests = consumed.stopped && !session.input.is_empty();
        limits::enforce_query_limit(&self.server, &self.settings, session);
        session.has_requests
    }

    /// Runs the session's command again, for which `prepared` is ready, or whose wait is over.
    fn run_again(&mut self, session: &mut Session, prepared: Option<Box<dyn Slices>>) {
        session.parked = None;
        let (server, settings) = (Rc::clone(&self.server), Rc::clone(&self.settings));
        let mut executor = Executor::new(
            &server,
            &settings,
            session,
            &mut self.state,
            &mut self.sessions,
            &mut self.outbox,
            &mut self.tools,
            Self::now(),
        );
        executor.run_again(prepared);
    }

    fn run(&mut self, session: &mut Session, input: &[u8], batch: &mut Batch) -> Consumed {
        let now = Self::now();
        session.active_at_ms = now.0.max(0) as u64;
        let (server, settings) = (Rc::clone(&self.server), Rc::clone(&self.settings));
        let mut executor = Executor::new(
            &server,
            &settings,
            session,
            &mut self.state,
            &mut self.sessions,
            &mut self.outbox,
            &mut self.tools,
            now,
        );
        executor.run(input, &self.limits, batch)
    }

    /// Moves what was not consumed of the worker's buffer into the session's own.
    #[inline]
    fn keep_rest(&mut self, session: &mut Session, buffer: &[u8], consumed: Consumed) -> bool {
        let rest = &buffer[consumed.bytes..];
        session.has_requests = consumed.stopped && !rest.is_empty();
        if !rest.is_empty() || session.keeps_things() {
            session.input = rest.to_vec();
            limits::enforce_query_limit(&self.server, &self.settings, session);
        }
        session.has_requests
    }

    /// The next piece of a long command.
    #[cold]
    fn run_slice(&mut self, session: &mut Session) -> bool {
        let Some(mut slices) = session.slices.take() else {
            return false;
        };
        let server = Rc::clone(&self.server);
        server.faults.step();
        session.parked = None;
        let version = session.version;
        let mark = self.outbox.mark();
        let mut stopwatch = Stopwatch::start();
        let mut ctx = SliceContext {
            server: &server,
            reply: self.outbox.reply(version),
            events: &mut self.tools.events,
            woken: &mut self.state.woken,
            worker: self.state.index,
            now: Self::now(),
        };
        let progress = slices.next(&mut ctx);
        if let Some(again) = &mut session.again {
            again.nanos += stopwatch.lap();
        }
        match progress {
            SliceProgress::More => session.slices = Some(slices),
            SliceProgress::Prepared => self.run_again(session, Some(slices)),
            SliceProgress::Done if session.drops_reply() => self.outbox.truncate(mark),
            SliceProgress::Done => {}
        }
        server.faults.step();
        session.slices.is_some() || session.has_requests
    }

    /// Sends what is in the outbox behind what waits already, or keeps what the socket does not take.
    #[inline]
    fn send(&mut self, session: &mut Session, stream: &mut Stream) -> io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        if !session.pending.is_empty() || self.outbox.has_splices() {
            session.pending.take(&mut self.outbox, 0);
            self.send_pending(session, stream)?;
            self.note_pending(session);
            return Ok(());
        }
        let written = stream.write(&self.outbox.bytes);
        self.server.stats.worker(self.state.index).writes.add(1);
        match written {
            Ok(Some(count)) => {
                self.server
                    .stats
                    .worker(self.state.index)
                    .written_bytes
                    .add(count as u64);
                if count == self.outbox.bytes.len() {
                    self.outbox.clear();
                    return Ok(());
                }
                session.pending.take(&mut self.outbox, count);
                self.send_pending(session, stream)?;
            }
            Err(error) => {
                self.outbox.clear();
                return Err(error);
            }
            Ok(None) => session.pending.take(&mut self.outbox, 0),
        }
        self.note_pending(session);
        Ok(())
    }

    #[cold]
    fn note_pending(&mut self, session: &mut Session) {
        // Too much rather than too little: the cron counts anew, once a second.
        self.state.pending_bytes += session.pending.len();
        limits::enforce_output_limit(&self.server, &self.settings, session);
    }

    /// Sends as much of what waits as the socket takes.
    #[cold]
    fn send_pending(&mut self, session: &mut Session, stream: &mut Stream) -> io::Result<()> {
        let stats = self.server.stats.worker(self.state.index);
        let mut written_ahead = 0;
        for _ in 0..WRITES_MAX {
            if written_ahead < PIECES_MAX && session.pending.write_ahead() {
                written_ahead += 1;
            }
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = session.pending.slices(&mut slices);
            if used == 0 {
                break;
            }
            match stream.write_vectored(&slices[..used])? {
                Some(count) => {
                    stats.writes.add(1);
                    stats.written_bytes.add(count as u64);
                    session.pending.advance(count);
                }
                None => return Ok(()),
            }
        }
        if session.pending.is_empty() {
            session.soft_limit_since_ms = None;
        } else {
            // Enough for one turn, though the socket would take more.
            session.wake();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn count_read(&self, count: usize) {
        let stats = self.server.stats.worker(self.state.index);
        stats.reads.add(1);
        stats.read_bytes.add(count as u64);
    }
}
