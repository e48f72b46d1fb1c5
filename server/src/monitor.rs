//! `MONITOR`: a line per executed command for those who watch.
//!
//! Workers format a line only while somebody monitors. Commands of one worker come in their order; between workers
//! there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::unix_micros;
use crate::command::Args;
use crate::server::Server;
use crate::session::Session;
use crate::worker::inbox::Event;
use crate::worker::set::WorkerSet;

/// How many sessions of each worker monitor.
#[derive(Debug)]
pub(crate) struct Monitors {
    total: AtomicUsize,
    by_worker: Box<[AtomicUsize]>,
}

impl Monitors {
    /// Nobody, in `workers` workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            total: AtomicUsize::new(0),
            by_worker: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Whether somebody monitors: the one check that an executed command pays.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        // Relaxed: which command a new monitor sees first is up to chance anyway.
        self.total.load(Ordering::Relaxed) > 0
    }

    /// A session of `worker` begins to monitor.
    pub(crate) fn add(&self, worker: u16) {
        self.by_worker[usize::from(worker)].fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// A session of `worker` ends to monitor.
    pub(crate) fn remove(&self, worker: u16) {
        self.by_worker[usize::from(worker)].fetch_sub(1, Ordering::Relaxed);
        self.total.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends the line of an executed command to every worker with a monitor.
#[cold]
pub(crate) fn feed(
    server: &Server,
    session: &Session,
    args: Args<'_>,
    redacted: &[usize],
    woken: &mut WorkerSet,
) {
    let line: Arc<[u8]> = line_of(session, args, redacted).into();
    for (worker, count) in server.monitors.by_worker.iter().enumerate() {
        let inbox = &server.inboxes[worker];
        // A monitor that cannot keep up misses lines rather than stopping the server.
        if count.load(Ordering::Relaxed) > 0 && !inbox.is_full() {
            inbox.push(Event::Monitor(Arc::clone(&line)));
            woken.insert(worker);
        }
    }
}

fn line_of(session: &Session, args: Args<'_>, redacted: &[usize]) -> Vec<u8> {
    let micros = unix_micros();
    let client = &session.client;
    let from = if client.is_unix {
        format!("unix:{}", client.laddr.trim_end_matches(":0"))
    } else {
        client.addr.to_string()
    };
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let mut line = format!("+{seconds}.{rest:06} [{} {from}]", session.db).into_bytes();
    for (at, arg) in args.iter().enumerate() {
        line.push(b' ');
        if redacted.contains(&at) {
            line.extend_from_slice(b"\"(redacted)\"");
        } else {
            quote(arg, &mut line);
        }
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Appends `bytes` in double quotes, with escapes for what is not printable ASCII.
pub(crate) fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn bytes_are_quoted_as_the_reference_does() {
        let mut out = Vec::new();
        quote(b"a\"b\\\r\n\t\x07\x08\x00\xff~", &mut out);
        assert_eq!(out, br#""a\"b\\\r\n\t\a\b\x00\xff~""#);
    }
}
