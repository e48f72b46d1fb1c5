//! `EXEC`: all queued commands as one unit.

use smallvec::SmallVec;
use storage::{LockPlan, Unit};

use crate::command::context::Park;
use crate::command::table::Registered;
use crate::command::{Args, CommandError, Flags};
use crate::pubsub::HeldStripes;
use crate::server::Server;
use crate::session::{Transaction, Watches};

use super::admit::pauses;
use super::{Executor, Flow, Hold};

impl<'e> Executor<'_, 'e> {
    /// Runs the queue, or says why not.
    pub(super) fn run_exec(
        &mut self,
        hold: &mut Hold<'e>,
        command: &'static Registered,
        args: Args<'_>,
    ) -> Flow {
        // What queueing took is not the transaction's.
        self.stopwatch.lap();
        let started = self.stopwatch.last();
        let failed = match self.try_exec(hold) {
            Ok(()) => false,
            Err(ExecStop::Parked(why)) => return Flow::Parked(why),
            Err(ExecStop::Error(error)) => {
                self.reply_error(&error);
                true
            }
        };
        self.stopwatch.lap();
        let nanos = self.stopwatch.nanos_since(started);
        let reply_from = self.tools.reply_from;
        self.account(command, args, &[], reply_from, nanos, failed);
        self.follow_up(hold, args)
    }

    fn try_exec(&mut self, hold: &mut Hold<'e>) -> Result<(), ExecStop> {
        let Some(transaction) = self.session.transaction.as_deref() else {
            return Err(CommandError::ExecWithoutMulti.into());
        };
        if transaction.doomed {
            let watches = self.end_transaction();
            self.unwatch(watches);
            return Err(CommandError::ExecAborted.into());
        }
        let flags = transaction.flags();
        let plan = self.plan_of_transaction(transaction);
        // Before the unit, so that it ends behind it, after a panic too: ending watches takes locks.
        let mut ending = EndingWatches {
            server: self.server,
            watches: None,
        };
        // Without a shard it is the stripes that keep the state word as the unit reads it.
        let early = (plan == LockPlan::Nothing).then(|| self.stripes_of_transaction());
        let mut unit = self.begin(plan.clone());
        let mut stripes = early.unwrap_or_else(|| self.stripes_of_transaction());
        if pauses(unit.state().pause(), flags) {
            return Err(ExecStop::Parked(Park::Paused));
        }
        // From here on the transaction is over, whatever comes.
        let transaction = self.session.transaction.take().unwrap_or_default();
        ending.watches = self.session.watches.take();
        self.server.faults.step();
        if ending
            .watches
            .as_deref()
            .is_some_and(|watches| self.is_spoiled(&mut unit, watches))
        {
            self.outbox.reply(self.session.version).null_array();
        } else {
            self.session.executing = Some((transaction.len(), transaction.bytes()));
            self.run_queue(&mut unit, &mut stripes, &transaction);
            self.session.executing = None;
        }
        if unit.owes() {
            self.settle_notes(&mut unit);
        }
        self.settle(&mut unit, &mut stripes, true);
        self.count_tally(&mut unit);
        let stale = unit.take_stale();
        drop(unit);
        self.worker.note_plan(self.server, &plan, self.now);
        drop(stripes);
        drop(ending);
        if self.tools.ready.has_deferred() {
            self.serve_deferred();
        }
        if !stale.is_empty() {
            self.expire_stale(hold, stale);
        }
        Ok(())
    }

    fn run_queue(
        &mut self,
        unit: &mut Unit<'e>,
        stripes: &mut HeldStripes<'e>,
        transaction: &Transaction,
    ) {
        self.outbox
            .reply(self.session.version)
            .array(transaction.len());
        for queued in transaction.iter() {
            let command = queued.command;
            let flags = command.row.flags;
            if flags.has(Flags::WRITE) && !flags.has(Flags::STORES_NO_ARGUMENT) {
                self.build_long_values(queued.args);
            }
            self.tools
                .effects
                .begin(queued.keys.first().map_or(0, |key| key.hash.shard));
            let mark = self.outbox.mark();
            let result = self.call(unit, stripes, command, queued.args, queued.keys, true);
            let nanos = self.stopwatch.lap();
            let stats = self.server.stats.worker(self.worker.index);
            stats.queued_nanos.add(nanos);
            let (args, keys) = (queued.args, queued.keys);
            self.account(command, args, keys, mark, nanos, result.is_err());
        }
    }

    /// The locks of all queued commands and of all watched keys.
    fn plan_of_transaction(&self, transaction: &Transaction) -> LockPlan {
        let flags = transaction.flags();
        if flags.has(Flags::UNDECLARED) {
            return LockPlan::Exclusive;
        }
        let watched = self
            .session
            .watches
            .as_deref()
            .into_iter()
            .flat_map(Watches::iter);
        let hasher = self.server.keyspace.hasher();
        let shards: SmallVec<[u16; 8]> = transaction
            .key_shards()
            .chain(watched.map(|(_, key)| hasher.hash(key).shard))
            .collect();
        match shards.split_first() {
            None => LockPlan::Nothing,
            Some((first, rest)) if rest.iter().all(|shard| shard == first) => {
                LockPlan::Write(*first)
            }
            Some(_) => LockPlan::WriteMany(shards),
        }
    }

    /// The stripes that the queue needs: those it publishes to, or all of them if it also subscribes, or if events of
    /// its keys go to channels that nobody can foretell.
    fn stripes_of_transaction(&self) -> HeldStripes<'e> {
        let pubsub = &self.server.pubsub;
        let Some(transaction) = self.session.transaction.as_deref() else {
            return pubsub.lock_none();
        };
        if !transaction.flags().has(Flags::PUBLISHES) {
            return pubsub.lock_none();
        }
        let publishes_only = transaction
            .iter()
            .map(|queued| queued.command.row.flags)
            .all(|flags| !flags.has(Flags::PUBSUB) || flags.has(Flags::PUBLISHES));
        if publishes_only && !self.tools.events.any_enabled() {
            let publishing = transaction
                .iter()
                .filter(|queued| queued.command.row.flags.has(Flags::PUBLISHES));
            return pubsub.lock(publishing.filter_map(|queued| queued.args.get(1)));
        }
        pubsub.lock_all()
    }

    /// Whether a watched key has changed; one that expired since counts, even while nothing may be removed.
    fn is_spoiled(&mut self, unit: &mut Unit<'e>, watches: &Watches) -> bool {
        let mut is_gone = false;
        // All of them, so that an exclusive unit has locked all their shards before it looks at the flag.
        for (db, key, was_there) in watches.with_presence() {
            let is_there = unit.peek(db, &self.server.keyspace.key(key)).is_some();
            is_gone |= was_there && !is_there;
        }
        is_gone || watches.flag().is_dirty()
    }

    /// Ends the transaction without running it; the watches are the caller's to end once no lock is held.
    pub(super) fn end_transaction(&mut self) -> Option<Box<Watches>> {
        self.session.transaction = None;
        self.session.watches.take()
    }

    /// Ends watches, one shard lock at a time.
    pub(super) fn unwatch(&mut self, watches: Option<Box<Watches>>) {
        if let Some(watches) = watches {
            self.server.unwatch(&watches);
        }
    }
}

/// Watches of a transaction that is running; they end with this.
struct EndingWatches<'e> {
    server: &'e Server,
    watches: Option<Box<Watches>>,
}

impl Drop for EndingWatches<'_> {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.take() {
            self.server.unwatch(&watches);
        }
    }
}

/// Why a transaction did not run.
enum ExecStop {
    Error(CommandError),
    Parked(Park),
}

impl From<CommandError> for ExecStop {
    fn from(error: CommandError) -> Self {
        ExecStop::Error(error)
    }
}
