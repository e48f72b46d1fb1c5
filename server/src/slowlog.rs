//! The slow log: the most recent commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::command::Args;
use crate::server::Server;
use crate::session::ClientEntry;

/// Most arguments kept of a request; the last one then tells how many more there were.
const ARGS_MAX: usize = 32;
/// Most bytes kept of an argument.
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlowEntry {
    /// Ascending number, never used twice.
    pub(crate) id: u64,
    /// When it ran, in Unix seconds.
    pub(crate) at_seconds: i64,
    /// How long it took.
    pub(crate) micros: u64,
    /// Its arguments, shortened.
    pub(crate) args: Vec<Box<[u8]>>,
    /// The client's address.
    pub(crate) addr: Box<str>,
    /// The client's name.
    pub(crate) name: Box<[u8]>,
}

/// The slow log of the server.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    entries: Mutex<(VecDeque<SlowEntry>, u64)>,
}

impl SlowLog {
    /// Adds an entry and drops the oldest beyond `max`.
    pub(crate) fn add(
        &self,
        args: Vec<Box<[u8]>>,
        at_seconds: i64,
        micros: u64,
        addr: &str,
        name: Box<[u8]>,
        max: usize,
    ) {
        let mut guard = self.entries.lock();
        let (entries, next_id) = &mut *guard;
        let id = *next_id;
        *next_id += 1;
        entries.push_front(SlowEntry {
            id,
            at_seconds,
            micros,
            args,
            addr: addr.into(),
            name,
        });
        entries.truncate(max);
    }

    /// The newest `count` entries, newest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<SlowEntry> {
        self.entries.lock().0.iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().0.len()
    }

    /// Forgets all entries; numbers go on.
    pub(crate) fn reset(&self) {
        self.entries.lock().0.clear();
    }
}

/// Logs a command that took so long, if the configuration wants it; `args` is asked for its arguments then, shortened.
pub(crate) fn note(
    server: &Server,
    client: &ClientEntry,
    at_seconds: i64,
    nanos: u64,
    args: impl FnOnce() -> Vec<Box<[u8]>>,
) {
    // The store's, not the turn's: the command may have been the CONFIG SET that changed it.
    let config = server.config.get();
    let micros = nanos / 1_000;
    let threshold_us = config.slowlog_log_slower_than_us;
    let is_logged = threshold_us >= 0 && micros >= threshold_us as u64;
    if is_logged && config.slowlog_max_len > 0 {
        let (name, max) = (client.names().name, config.slowlog_max_len);
        server
            .slowlog
            .add(args(), at_seconds, micros, &client.addr, name, max);
    }
}

/// A request as the slow log shows it: many arguments and long ones cut, with a note of what is missing.
pub(crate) fn shorten(args: Args<'_>) -> Vec<Box<[u8]>> {
    let kept = if args.len() > ARGS_MAX {
        ARGS_MAX - 1
    } else {
        args.len()
    };
    let mut short: Vec<Box<[u8]>> = args.iter().take(kept).map(shorten_arg).collect();
    if kept < args.len() {
        short.push(
            format!("... ({} more arguments)", args.len() - kept)
                .into_bytes()
                .into(),
        );
    }
    short
}

fn shorten_arg(arg: &[u8]) -> Box<[u8]> {
    if arg.len() <= ARG_BYTES_MAX {
        return arg.into();
    }
    let note = format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX);
    [&arg[..ARG_BYTES_MAX], note.as_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use protocol::ArgSpan;

    use super::*;

    #[test]
    fn long_requests_are_cut_with_a_note() {
        let input = vec![b'x'; 130];
        let spans = vec![ArgSpan { start: 0, len: 130 }; 40];
        let short = shorten(Args::new(&input, &spans));
        assert_eq!(short.len(), 32);
        assert!(short[0].ends_with(b"x... (2 more bytes)"));
        assert_eq!(&*short[31], b"... (9 more arguments)");
        assert_eq!(shorten(Args::new(&input, &spans[..32])).len(), 32);
    }

    #[test]
    fn the_newest_stay() {
        let log = SlowLog::default();
        for micros in 0..5 {
            log.add(Vec::new(), 0, micros, "a:1", Box::default(), 3);
        }
        let ids: Vec<u64> = log.newest(2).iter().map(|entry| entry.id).collect();
        assert_eq!((ids, log.len()), (vec![4, 3], 3));
        log.reset();
        log.add(Vec::new(), 0, 0, "a:1", Box::default(), 3);
        assert_eq!(log.newest(9)[0].id, 5);
    }
}
