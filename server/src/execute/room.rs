//! Room for a command that may need memory: what has expired goes first, then what is dead, then keys that the eviction
//! policy names. All of it before the command takes a lock, and a bounded part at a time.

use crate::command::context::Park;
use crate::command::{Args, CommandError};
use crate::stats::{Chore, DoneBy, UpkeepNanos};
use crate::worker::background;

use super::admit::Refusal;
use super::{Executor, Hold};

/// So much more than is missing is evicted at once, if the limit is large, so that not every command has to.
const AHEAD_BYTES_MAX: u64 = 16 << 10;
/// The limit's part that this is at most.
const AHEAD_PART: u64 = 4096;
/// By this part of the limit more may be used for a moment.
const GRACE_PART: u64 = 100;
/// Shards that one command evicts from, at most.
const SHARDS_MAX: usize = 3;

/// For a request of so many bytes, 64 KiB, there must be room before it runs. A smaller one runs when memory is not above
/// the limit, whatever it adds.
pub(super) const LARGE_REQUEST_BYTES: u64 = 64 << 10;
/// The same, 1 MiB, where no key goes for it: so a value that is not very large may replace another one to the end.
const LARGE_REQUEST_BYTES_WITHOUT_EVICTION: u64 = 1 << 20;

impl<'e> Executor<'_, 'e> {
    /// Makes room if there is too little; an error says why the command does not run now.
    #[cold]
    pub(super) fn make_room(&mut self, hold: &mut Hold<'e>, args: Args<'_>) -> Result<(), Refusal> {
        if !self.server.keyspace.state().may_expire() {
            // No key may be taken away now, so none is missing: who may not write for that reason waits or hears so later.
            return Ok(());
        }
        let memory = self.server.keyspace.memory();
        let bytes = args.total_bytes() as u64;
        if !memory.can_ever_hold(bytes) {
            // No key has to go for what will never fit.
            return Err(CommandError::OutOfMemory.into());
        }
        let evicts = self.config.maxmemory_policy.algorithm.is_some();
        let large = match evicts {
            true => LARGE_REQUEST_BYTES,
            false => LARGE_REQUEST_BYTES_WITHOUT_EVICTION,
        };
        let wanted = if bytes < large { 0 } else { bytes };
        if memory.missing_bytes(wanted) == 0 {
            return Ok(());
        }
        self.release(hold);
        let upkeep = &self.server.stats.worker(self.worker.index).upkeep;
        let before = upkeep.read();
        let made = self.make_some_room(wanted);
        self.server.stats.note_memory(memory);
        let spent = upkeep.read().since(before);
        self.note_cycles(&spent);
        made
    }

    /// Tells the latency monitor if making room took long.
    fn note_cycles(&self, spent: &UpkeepNanos) {
        let of = |chore| spent.of(DoneBy::Command, chore);
        let room = of(Chore::Maintenance) + of(Chore::Eviction);
        for (event, nanos) in [
            ("expire-cycle", of(Chore::Expiry)),
            ("eviction-cycle", room),
        ] {
            let threshold_ms = self.config.latency_monitor_threshold_ms;
            let latency = &self.server.latency;
            latency.add_if_slow(threshold_ms, event, self.now, nanos);
        }
    }

    fn make_some_room(&mut self, wanted: u64) -> Result<(), Refusal> {
        let memory = self.server.keyspace.memory();
        let limit = memory.limit_bytes();
        let by = DoneBy::Command;
        let more = background::expire_some_due(
            self.server,
            self.config,
            self.worker,
            self.tools,
            by,
            self.now,
        );
        if memory.missing_bytes(wanted) == 0 {
            return Ok(());
        }
        if more {
            // What has expired goes before what lives.
            self.session.wake();
            return Err(Refusal::Park(Park::Memory));
        }
        // What is dead is as good as gone: a client that has deleted a list may write.
        if self.config.maxmemory_policy.algorithm.is_none() && !memory.has_dead() {
            return Err(CommandError::OutOfMemory.into());
        }
        let mut freed = false;
        for _ in 0..SHARDS_MAX {
            let ahead = AHEAD_BYTES_MAX.min(limit / AHEAD_PART);
            let room = background::free_memory(
                self.server,
                self.config,
                self.worker,
                self.tools,
                memory.missing_bytes(wanted) + ahead,
                by,
                self.now,
            );
            freed |= room;
            if memory.missing_bytes(wanted) == 0 {
                return Ok(());
            }
        }
        if memory.missing_bytes(wanted) <= limit / GRACE_PART && freed {
            return Ok(());
        }
        // While memory comes down to a limit that was lowered, commands that help with it may run.
        let helps = freed && self.server.keyspace.has_victims();
        if helps && wanted == 0 && memory.is_falling() {
            return Ok(());
        }
        if !freed && !self.server.keyspace.has_something_to_free(self.now) {
            return Err(CommandError::OutOfMemory.into());
        }
        // Later, when there may be room: at once if it comes about here.
        self.worker.evicts_for_parked = true;
        if freed {
            self.session.wake();
        }
        Err(Refusal::Park(Park::Memory))
    }
}
