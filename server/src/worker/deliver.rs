//! Handing events of the inbox to sessions: published messages and monitor lines.

use std::collections::VecDeque;

use crate::config::Config;
use crate::output::Outbox;
use crate::pubsub::Message;
use crate::server::Server;
use crate::session::{Close, Session};

use super::WorkerState;
use super::inbox::Event;
use super::sessions::Sessions;

/// A monitor with more than this to be sent misses lines until it has read some: its output has no limit by default.
const MONITOR_PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The session whose turn it is, and where its output goes.
pub(crate) type Running<'r> = Option<(&'r mut Session, &'r mut Outbox)>;

/// Hands out all messages and lines that wait in the worker's inbox; other events stay there.
pub(crate) fn messages(
    server: &Server,
    config: &Config,
    worker: &mut WorkerState,
    sessions: &mut Sessions,
    mut running: Running<'_>,
) {
    let mut others = VecDeque::new();
    for (number, event) in server.take_events(worker.index) {
        match event {
            Event::Message(message) => {
                one_message(
                    server,
                    config,
                    worker,
                    sessions,
                    &mut running,
                    number,
                    &message,
                );
            }
            Event::Monitor(line) => one_line(server, config, worker, sessions, &mut running, &line),
            other => others.push_back((number, other)),
        }
    }
    server.inboxes[worker.index].put_back(others);
}

/// Hands one message to its subscribers.
pub(crate) fn one_message(
    server: &Server,
    config: &Config,
    worker: &mut WorkerState,
    sessions: &mut Sessions,
    running: &mut Running<'_>,
    number: u64,
    message: &Message,
) {
    let (subscribers, pending_bytes) = (&worker.subscribers, &mut worker.pending_bytes);
    subscribers.deliver(number, message, |index, encoded| match running {
        Some((session, outbox)) if session.client.session == index => {
            outbox
                .bytes
                .extend_from_slice(encoded.bytes(session.version));
        }
        _ => {
            if let Some(session) = sessions.get_mut(index) {
                let bytes = encoded.bytes(session.version);
                *pending_bytes += bytes.len();
                push(server, config, session, bytes);
            }
        }
    });
}

/// Hands one monitor line to the sessions that monitor.
pub(crate) fn one_line(
    server: &Server,
    config: &Config,
    worker: &mut WorkerState,
    sessions: &mut Sessions,
    running: &mut Running<'_>,
    line: &[u8],
) {
    if let Some((session, outbox)) = running
        && session.monitor
    {
        outbox.bytes.extend_from_slice(line);
    }
    let keeps_up = |session: &&mut Session| {
        session.monitor && session.pending.len() < MONITOR_PENDING_BYTES_MAX
    };
    for session in sessions.iter_mut().filter(keeps_up) {
        worker.pending_bytes += line.len();
        push(server, config, session, line);
    }
}

/// Adds bytes to what a session has to send, and wakes it; above its limit it is closed instead. One that is to close
/// after its reply gets no more.
fn push(server: &Server, config: &Config, session: &mut Session, bytes: &[u8]) {
    if session.close != Close::No {
        return;
    }
    session.pending.push(bytes);
    super::limits::enforce_output_limit(server, config, session);
    session.wake();
}
