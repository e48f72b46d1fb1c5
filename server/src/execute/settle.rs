//! The end of a unit and of a command: removed keys, effects, events, statistics, slow log, and what was put off until
//! the locks are gone.

use std::any::Any;

use storage::{DbIndex, LockPlan, Unit};

use crate::blocking::{serve, wait};
use crate::command::context::Rerun;
use crate::command::keys::KeyAt;
use crate::command::table::{Lookup, Registered};
use crate::command::{Args, CommandError, Flags};
use crate::monitor;
use crate::output::OutboxMark;
use crate::panic::text_of;
use crate::pubsub::HeldStripes;
use crate::session::Close;
use crate::slowlog;

use super::{Executor, Flow, Hold};

impl<'e> Executor<'_, 'e> {
    /// Ends a unit's work, its locks still held: effects take their tickets, events are published.
    #[inline]
    pub(super) fn settle(
        &mut self,
        unit: &mut Unit<'e>,
        stripes: &mut HeldStripes<'e>,
        atomic: bool,
    ) {
        self.server.faults.step();
        if self.tools.effects.append(unit, atomic) {
            self.tools.log_appended = true;
        }
        self.server.faults.step();
        if !self.tools.events.is_empty() {
            self.tools
                .events
                .publish(stripes, &self.server.inboxes, &mut self.worker.woken);
        }
        self.server.faults.step();
        if unit.has_ready() {
            self.serve_ready(unit, stripes);
        }
    }

    /// Serves clients that wait for keys which the unit has changed.
    #[cold]
    fn serve_ready(&mut self, unit: &mut Unit<'e>, stripes: &mut HeldStripes<'e>) {
        let (worker, tools) = (&mut *self.worker, &mut *self.tools);
        serve::ready(self.server, self.config, worker, tools, unit, stripes);
        serve::publish(self.server, worker, tools, unit, stripes);
        self.server.faults.step();
    }

    /// Serves those whose unit had not all the locks they need; no lock is held.
    #[cold]
    pub(super) fn serve_deferred(&mut self) {
        let (worker, tools) = (&mut *self.worker, &mut *self.tools);
        serve::deferred(self.server, self.config, worker, tools, self.now);
    }

    /// Effects and events of what storage has noted: keys that it removed on its own, above all.
    #[cold]
    pub(super) fn settle_notes(&mut self, unit: &mut Unit<'e>) {
        for note in unit.take_notes() {
            self.server.faults.step();
            self.tools.effects.push_note(&note, unit.state());
            self.tools.events.push_note(&note);
        }
    }

    /// Deletes keys that a reader found expired, each in a unit of its own.
    #[cold]
    pub(super) fn expire_stale(&mut self, hold: &mut Hold<'e>, stale: Vec<(DbIndex, Box<[u8]>)>) {
        self.release(hold);
        for (db, key) in stale {
            let key = self.server.keyspace.key(&key);
            let plan = LockPlan::Write(key.hash.shard);
            let mut unit = Unit::begin(&self.server.keyspace, plan, self.now);
            self.tools.effects.begin(key.hash.shard);
            unit.expire_if_due(db, &key);
            self.settle_notes(&mut unit);
            let mut stripes = self.server.pubsub.lock_none();
            self.settle(&mut unit, &mut stripes, false);
            self.count_tally(&mut unit);
        }
    }

    /// What the command of these arguments put off until the locks are gone.
    #[inline]
    pub(super) fn follow_up(&mut self, hold: &mut Hold<'e>, args: Args<'_>) -> Flow {
        let after = &self.tools.after;
        if after.actions.is_empty() && after.slices.is_none() && after.wait.is_none() {
            return Flow::Next;
        }
        self.follow_up_now(hold, args)
    }

    #[cold]
    fn follow_up_now(&mut self, hold: &mut Hold<'e>, args: Args<'_>) -> Flow {
        self.release(hold);
        self.server.faults.step();
        // One after the other: those behind one that panics are still to be found, and done.
        while !self.tools.after.actions.is_empty() {
            self.tools.after.actions.remove(0)(self.server);
            self.server.faults.step();
        }
        if let Some((wait, alarms)) = self.tools.after.wait.take() {
            let request = slowlog::shorten(args);
            wait::begin(self.worker, self.session, wait, alarms, request);
            return Flow::Blocked;
        }
        match self.tools.after.slices.take() {
            Some(slices) => {
                self.session.slices = Some(slices);
                Flow::Sliced
            }
            None => Flow::Next,
        }
    }

    /// Moves a unit's counters into the worker's.
    #[inline]
    pub(super) fn count_tally(&mut self, unit: &mut Unit<'e>) {
        let tally = std::mem::take(&mut unit.tally);
        self.server.stats.worker(self.worker.index).add_tally(tally);
    }

    /// Statistics of a command that ran, and whoever wants to hear of it.
    #[inline]
    pub(super) fn account(
        &mut self,
        command: &'static Registered,
        args: Args<'_>,
        keys: &[KeyAt],
        reply_from: OutboxMark,
        nanos: u64,
        failed: bool,
    ) {
        self.server.faults.step();
        let stats = self.server.stats.worker(self.worker.index);
        stats.commands.add(1);
        let of_command = stats.command(command.id);
        of_command.record(nanos, self.config.latency_tracking);
        if failed {
            of_command.failed.add(1);
        }
        if self.worker.sampler.is_due(nanos) {
            self.note_heat(args, keys, reply_from, nanos);
        }
        if nanos >= self.worker.slow_nanos {
            self.note_slow(command, args, nanos);
        }
        if self.server.monitors.any()
            && !command.row.flags.any(Flags::SKIP_MONITOR.and(Flags::ADMIN))
        {
            let redacted = redacted_arguments(command, args);
            monitor::feed(
                self.server,
                self.session,
                args,
                &redacted,
                &mut self.worker.woken,
            );
        }
    }

    /// As [`Executor::account`], of a command that will run again or may have to, or has waited and runs again.
    #[cold]
    pub(super) fn account_rerun(
        &mut self,
        command: &'static Registered,
        args: Args<'_>,
        keys: &[KeyAt],
        nanos: u64,
        failed: bool,
    ) {
        let after = &mut self.tools.after;
        let rerun = std::mem::take(&mut after.rerun);
        if rerun == Rerun::Prepared {
            // It has not run to its end, so nobody hears of it yet.
            return self.keep_request(command, args, keys, nanos);
        }
        if after.waited.is_none() {
            let reply_from = self.tools.reply_from;
            self.account(command, args, keys, reply_from, nanos, failed);
        } else {
            // It was counted when it began to wait.
            let stats = self.server.stats.worker(self.worker.index);
            stats.command(command.id).failed.add(u64::from(failed));
            if nanos >= self.worker.slow_nanos {
                self.note_slow(command, args, nanos);
            }
        }
        if rerun == Rerun::AfterWait {
            self.keep_request(command, args, keys, 0);
        }
    }

    #[cold]
    fn note_slow(&mut self, command: &'static Registered, args: Args<'_>, nanos: u64) {
        let at_seconds = self.now.0 / 1_000;
        // One that waits is logged when it is served.
        let waits = self.tools.after.wait.is_some();
        if !waits && !command.row.flags.has(Flags::SKIP_SLOWLOG) {
            let client = &self.session.client;
            slowlog::note(self.server, client, at_seconds, nanos, || {
                let mut short = slowlog::shorten(args);
                for at in redacted_arguments(command, args) {
                    if let Some(arg) = short.get_mut(at) {
                        *arg = b"(redacted)"[..].into();
                    }
                }
                short
            });
        }
        let threshold_ms = self.server.config.get().latency_monitor_threshold_ms;
        let event = match command.row.flags.has(Flags::FAST) {
            true => "fast-command",
            false => "command",
        };
        let latency = &self.server.latency;
        latency.add_if_slow(threshold_ms, event, self.now, nanos);
    }

    /// A request that did not run gets its error, and its transaction is doomed.
    #[cold]
    pub(super) fn reject(&mut self, lookup: &Lookup, error: CommandError) {
        let stats = self.server.stats.worker(self.worker.index);
        let mut error = error;
        if let Lookup::Known(command) = lookup {
            stats.command(command.id).rejected.add(1);
            if command.is_exec {
                let watches = self.end_transaction();
                self.unwatch(watches);
                error = CommandError::ExecRefused(Box::new(error));
            }
        }
        if let Some(transaction) = &mut self.session.transaction {
            transaction.doom();
        }
        self.reply_error(&error);
    }

    /// A web page has a browser send requests here: the lines of HTTP that look like commands end it.
    #[cold]
    pub(super) fn end_attack(&mut self, hold: &mut Hold<'e>) -> Flow {
        self.release(hold);
        tracing::warn!(
            "Possible SECURITY ATTACK detected: an HTTP request came from {}. Connection aborted.",
            self.session.client.addr
        );
        self.session.close = Close::Now;
        Flow::Close
    }

    /// Writes an error reply and counts it.
    #[cold]
    pub(super) fn reply_error(&mut self, error: &CommandError) {
        let line = error.line();
        self.outbox.reply(self.session.version).error(&line);
        self.server.count_error(self.worker.index, &line);
    }

    /// Counts an error reply by its prefix.
    pub(super) fn count_error(&mut self, prefix: &str) {
        self.server
            .stats
            .worker(self.worker.index)
            .errors
            .lock()
            .count(prefix);
    }

    /// What a panic inside a command leaves: an error reply, a log line, and a log of effects that is no longer to be
    /// trusted if data had begun to change.
    #[cold]
    pub(super) fn contain_panic(
        &mut self,
        unit: &mut Unit<'e>,
        command: &'static Registered,
        panic: &(dyn Any + Send),
    ) -> CommandError {
        let text = text_of(panic);
        let text = format!("Command '{}' panicked: {text}", command.full_name);
        // What it has put off is done all the same, see `Tools::reset`.
        self.tools.after.slices = None;
        self.tools.after.rerun = Rerun::No;
        if unit.tally.dirty > 0 {
            self.server.mark_log_diverged();
        }
        let diverged = if unit.tally.dirty > 0 {
            "; the log of effects has diverged"
        } else {
            ""
        };
        // Nothing is logged under a lock.
        self.tools
            .after
            .actions
            .push(Box::new(move |_| tracing::error!("{text}{diverged}")));
        CommandError::Internal(command.full_name.as_str().into())
    }

    /// `CLIENT REPLY OFF` and `SKIP`: takes the reply back.
    #[cold]
    pub(super) fn apply_reply_mode(&mut self, mark: OutboxMark, flow: Flow, is_confirmation: bool) {
        // A command that is tried again, or goes on in slices, has its reply yet to come.
        if matches!(flow, Flow::Parked(_) | Flow::Sliced | Flow::Blocked) {
            return;
        }
        if self.session.drops_reply() && (!is_confirmation || self.session.in_transaction()) {
            self.outbox.truncate(mark);
        }
    }

    /// What was published before this command came to be goes out ahead of its reply: it may be the one that ends the
    /// subscription.
    #[cold]
    pub(super) fn deliver_what_came_before(&mut self, hold: &mut Hold<'e>) {
        if !self.server.inboxes[self.worker.index].is_quiet() {
            self.deliver_to_itself(hold);
        }
    }

    /// Messages that this session sent to itself come right behind the reply. Everything older in the inbox goes out
    /// with them, because the order of a channel is the order of the inbox.
    #[inline]
    pub(super) fn deliver_to_itself(&mut self, hold: &mut Hold<'e>) {
        if self.session.subscription_count() > 0 || self.session.monitor {
            self.release(hold);
            crate::worker::deliver::messages(
                self.server,
                self.config,
                self.worker,
                self.sessions,
                Some((&mut *self.session, &mut *self.outbox)),
            );
        }
    }
}

/// Arguments that must not appear in logs: passwords.
fn redacted_arguments(command: &Registered, args: Args<'_>) -> Vec<usize> {
    match command.full_name.as_str() {
        "auth" => (1..args.len()).collect(),
        "hello" => {
            let auth = (2..args.len()).find(|&at| args.is(at, "AUTH"));
            auth.map_or(Vec::new(), |at| vec![at + 1, at + 2])
        }
        "config|set" => (2..args.len())
            .step_by(2)
            .filter(|&at| crate::config::is_sensitive(args.at(at)))
            .map(|at| at + 1)
            .collect(),
        _ => Vec::new(),
    }
}
