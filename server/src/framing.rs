//! What the log of effects inserts between effects, and how it is switched on and off.

use std::io;

use storage::Snapshot;
use storage::log::{Cursor, Framing};

use crate::server::Server;

/// Commands as Redis's replication stream has them.
struct RespFraming;

impl Framing for RespFraming {
    fn select(&self, database: u32, out: &mut Vec<u8>) {
        let number = itoa::Buffer::new().format(database).to_owned();
        protocol::encode_command(out, [b"SELECT", number.as_bytes()]);
    }

    fn group_begin(&self, out: &mut Vec<u8>) {
        protocol::encode_command(out, [b"MULTI"]);
    }

    fn group_end(&self, out: &mut Vec<u8>) {
        protocol::encode_command(out, [b"EXEC"]);
    }
}

impl Server {
    /// Has effects logged from now on and returns a cursor that sees exactly those of later units. Never to be called
    /// while a unit runs.
    ///
    /// # Errors
    /// When the system gives us no thread for the sequencer.
    pub(crate) fn start_log(&self) -> io::Result<Cursor> {
        self.keyspace.log().start(Box::new(RespFraming))?;
        Ok(self.cut(|cut| {
            cut.set_state(cut.state().with_log(true));
            self.keyspace.log().cursor_at(cut.log_tail())
        }))
    }

    /// Has effects logged from now on, with all that was stored before: exactly what no unit before this did is in the
    /// cursor, and exactly the others' outcome in the snapshot. `None` while another snapshot runs. Never to be
    /// called while a unit runs.
    ///
    /// # Errors
    /// When the system gives us no thread for the sequencer.
    pub(crate) fn start_log_with_snapshot(&self) -> io::Result<Option<(Cursor, Snapshot)>> {
        let log = self.keyspace.log();
        let started = log.start(Box::new(RespFraming))?;
        let synced = self.cut(|cut| {
            let snapshot = cut.start_snapshot()?;
            cut.set_state(cut.state().with_log(true));
            Some((log.cursor_at(cut.log_tail()), snapshot))
        });
        if synced.is_none() && started {
            log.stop();
        }
        Ok(synced)
    }

    /// As [`Server::stop_log`], with a snapshot of what the log's last effect has left; `None`, the log stopped all the
    /// same, while another snapshot runs.
    pub(crate) fn stop_log_with_snapshot(&self) -> Option<Snapshot> {
        let snapshot = self.cut(|cut| {
            cut.set_state(cut.state().with_log(false));
            cut.start_snapshot()
        });
        self.keyspace.log().stop();
        snapshot
    }

    /// Has effects logged no more; cursors end when they have read what there is. Never to be called while a unit runs.
    pub(crate) fn stop_log(&self) {
        self.cut(|cut| cut.set_state(cut.state().with_log(false)));
        self.keyspace.log().stop();
    }
}
