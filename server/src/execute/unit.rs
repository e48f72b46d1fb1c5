//! One command: the unit it runs in, its own or one that the command before has left open, its run, and what follows
//! before the next command.

use std::panic::{AssertUnwindSafe, catch_unwind};

use smallvec::SmallVec;
use storage::big_string::BigString;
use storage::{AccessMark, BIG_STRING_MIN_BYTES, DbIndex, LockPlan, Unit};

use crate::blocking::serve;
use crate::command::context::{Context, Park};
use crate::command::keys::KeyAt;
use crate::command::table::{Lookup, Registered};
use crate::command::{Args, CommandResult, Flags};
use crate::pubsub::HeldStripes;
use crate::session::ReplyMode;

use super::admit::{Refusal, pauses};
use super::{Executor, Flow, Held, Hold};

/// Commands whose replies are pushes, like messages: `CLIENT REPLY` does not concern them.
const CONFIRMED: Flags = Flags::PUBSUB.and(Flags::FOR_SUBSCRIBERS);

/// Consecutive commands that share one lock hold, at most.
const HELD_COMMANDS_MAX: u32 = 32;
/// And for how many nanoseconds, at most.
const HELD_NANOS_MAX: u64 = 50_000;

/// What a command locks; the common cases without a [`LockPlan`]'s list.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// One shard; `exclusively` unless the command does nothing but read.
    One { shard: u16, exclusively: bool },
    /// Anything else.
    Other(LockPlan),
}

/// The plan of a command that is a unit of its own.
#[inline]
pub(super) fn plan_of(command: &Registered, args: Args<'_>, keys: &[KeyAt]) -> Plan {
    let flags = command.flags_for(args);
    if let Some((first, rest)) = keys.split_first()
        && !flags.any(Flags::PUBSUB.and(Flags::UNDECLARED))
    {
        // Whoever may block registers on its keys, and what may be logged may have changed something.
        let exclusively =
            !flags.has(Flags::READ) || flags.any(Flags::BLOCKING.and(Flags::MAY_REPLICATE));
        let shard = first.hash.shard;
        if rest.iter().all(|key| key.hash.shard == shard) {
            return Plan::One { shard, exclusively };
        }
        let shards: SmallVec<[u16; 8]> = keys.iter().map(|key| key.hash.shard).collect();
        return Plan::Other(if exclusively {
            LockPlan::WriteMany(shards)
        } else {
            LockPlan::ReadMany(shards)
        });
    }
    Plan::Other(match flags {
        _ if !flags.has(Flags::UNDECLARED) => LockPlan::Nothing,
        // What derives from one key is read while that key stands still.
        _ if flags.has(Flags::UNDECLARED_BY_PATTERNS) => LockPlan::Exclusive,
        _ if flags.any(Flags::READ.and(Flags::ROAMING)) => LockPlan::Roaming,
        _ => LockPlan::Exclusive,
    })
}

impl Hold<'_> {
    /// Whether a command with this plan may share it.
    #[inline]
    fn serves(&self, plan: &Plan) -> bool {
        match (plan, &self.0) {
            (Plan::One { shard, exclusively }, Some(held)) => {
                held.unit.covers(*shard, *exclusively)
            }
            _ => false,
        }
    }
}

impl<'e> Executor<'_, 'e> {
    /// Runs, queues or refuses one request.
    #[inline]
    pub(super) fn run_command(
        &mut self,
        hold: &mut Hold<'e>,
        lookup: &Lookup,
        args: Args<'_>,
        keys: &[KeyAt],
    ) -> Flow {
        if self.session.subscriptions.is_some() {
            self.deliver_what_came_before(hold);
        }
        let mark = self.outbox.mark();
        self.tools.reply_from = mark;
        self.server.faults.step();
        let mut is_confirmation = false;
        let flow = match self.admit(hold, lookup, args) {
            Ok(command) => {
                is_confirmation = command.row.flags.has(CONFIRMED);
                self.run_admitted(hold, command, args, keys)
            }
            Err(Refusal::Park(why)) => Flow::Parked(why),
            Err(Refusal::Attack) => self.end_attack(hold),
            Err(Refusal::Error(error)) => {
                self.release(hold);
                self.reject(lookup, error);
                Flow::Next
            }
        };
        if self.session.reply_mode != ReplyMode::On {
            self.apply_reply_mode(mark, flow, is_confirmation);
        }
        // Only now: messages are no part of a reply that is not to be sent.
        if !self.worker.woken.is_empty() {
            self.deliver_to_itself(hold);
        }
        flow
    }

    #[inline]
    fn run_admitted(
        &mut self,
        hold: &mut Hold<'e>,
        command: &'static Registered,
        args: Args<'_>,
        keys: &[KeyAt],
    ) -> Flow {
        self.session.last_command = command.id;
        if let Some(transaction) = &mut self.session.transaction
            && !command.row.flags.has(Flags::NEVER_QUEUED)
        {
            transaction.push(command, args, keys);
            self.outbox.reply(self.session.version).simple("QUEUED");
            return Flow::Next;
        }
        if command.is_exec {
            self.release(hold);
            return self.run_exec(hold, command, args);
        }
        self.run_alone(hold, command, args, keys)
    }

    /// One command outside `EXEC`, in the unit that is held if that covers its plan.
    #[inline]
    pub(super) fn run_alone(
        &mut self,
        hold: &mut Hold<'e>,
        command: &'static Registered,
        args: Args<'_>,
        keys: &[KeyAt],
    ) -> Flow {
        let flags = command.row.flags;
        let plan = plan_of(command, args, keys);
        if flags.has(Flags::WRITE) && !flags.has(Flags::STORES_NO_ARGUMENT) {
            self.build_long_values(args);
        }
        if !hold.serves(&plan) {
            self.release(hold);
        }
        // Stripes ahead of the unit: a command that publishes has no keys, and without a shard it is the stripes that
        // keep the state word as the unit reads it.
        debug_assert!(
            !flags.has(Flags::PUBLISHES) || matches!(plan, Plan::Other(LockPlan::Nothing))
        );
        let mut stripes = if flags.has(Flags::PUBLISHES) {
            self.server.pubsub.lock(args.get(1).into_iter())
        } else {
            self.server.pubsub.lock_none()
        };
        let is_fresh = hold.0.is_none();
        let held = hold.0.get_or_insert_with(|| self.enter(&plan));
        // A unit that is held keeps cuts out, so what was looked at before is what it would say.
        if is_fresh && pauses(held.unit.state().pause(), flags) {
            hold.0 = None;
            return Flow::Parked(Park::Paused);
        }
        self.tools
            .effects
            .begin(keys.first().map_or(0, |key| key.hash.shard));
        let result = self.call(&mut held.unit, &mut stripes, command, args, keys, false);
        self.settle(&mut held.unit, &mut stripes, false);
        let stale = if held.unit.owes() {
            held.unit.take_stale()
        } else {
            Vec::new()
        };
        let nanos = self.stopwatch.lap() + self.tools.earlier_nanos;
        drop(stripes);
        held.commands += 1;
        let may_keep = matches!(plan, Plan::One { .. })
            && held.commands < HELD_COMMANDS_MAX
            && !command.flags_for(args).has(Flags::BLOCKING)
            && self.stopwatch.nanos_since(held.since) < HELD_NANOS_MAX;
        let has_deferred = self.tools.ready.has_deferred();
        if !may_keep || has_deferred {
            self.release(hold);
            if let Plan::Other(plan) = &plan {
                self.worker.note_plan(self.server, plan, self.now);
            }
        }
        if has_deferred {
            self.serve_deferred();
        }
        if self.tools.after.reruns() {
            self.account_rerun(command, args, keys, nanos, result.is_err());
        } else {
            let reply_from = self.tools.reply_from;
            self.account(command, args, keys, reply_from, nanos, result.is_err());
        }
        if !stale.is_empty() {
            self.expire_stale(hold, stale);
        }
        self.follow_up(hold, args)
    }

    /// A new unit with the plan's locks.
    #[inline]
    fn enter(&self, plan: &Plan) -> Held<'e> {
        let (plan, written) = match plan {
            Plan::One {
                shard,
                exclusively: true,
            } => (LockPlan::Write(*shard), Some(*shard)),
            Plan::One {
                shard,
                exclusively: false,
            } => (LockPlan::Read(*shard), None),
            Plan::Other(plan) => (plan.clone(), None),
        };
        Held {
            unit: self.begin(plan),
            written,
            commands: 0,
            since: self.stopwatch.last(),
        }
    }

    /// Begins a unit on the session's behalf.
    #[inline]
    pub(super) fn begin(&self, plan: LockPlan) -> Unit<'e> {
        let mut unit = Unit::begin(&self.server.keyspace, plan, self.now);
        if self.session.is_primary {
            unit.leave_expiry_to_primary();
        }
        serve::note_what_is_heard(&mut unit, &self.tools.events);
        unit
    }

    /// Runs the command's function. An error becomes the reply; so does a panic.
    #[inline]
    pub(super) fn call(
        &mut self,
        unit: &mut Unit<'e>,
        stripes: &mut HeldStripes<'e>,
        command: &'static Registered,
        args: Args<'_>,
        keys: &[KeyAt],
        in_exec: bool,
    ) -> CommandResult {
        if self.session.no_touch {
            self.tools.untouched = accesses_of(unit, self.session.db, command, args, keys);
        }
        let mark = self.outbox.mark();
        let db = self.session.db;
        let reply = self.outbox.reply(self.session.version);
        let mut ctx = Context {
            unit,
            reply,
            session: self.session,
            server: self.server,
            config: self.config,
            worker: self.worker,
            effects: &mut self.tools.effects,
            events: &mut self.tools.events,
            after: &mut self.tools.after,
            built: &mut self.tools.built,
            stripes,
            keys,
            in_exec,
            prepared: &mut self.tools.prepared,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            ctx.server.faults.step();
            let result = (command.row.run)(&mut ctx, args);
            ctx.server.faults.step();
            result
        }));
        if !self.tools.untouched.is_empty() {
            self.restore_accesses(unit, db, args);
        }
        // Whatever came of the command: keys that it found expired are gone.
        if unit.owes() {
            self.settle_notes(unit);
        }
        let result = match outcome {
            Ok(Ok(())) => {
                let changed = unit.tally.dirty > 0;
                self.tools.effects.end(db, args, changed, unit.state());
                Ok(())
            }
            Ok(Err(error)) => {
                self.outbox.truncate(mark);
                self.reply_error(&error);
                Err(error)
            }
            Err(panic) => {
                self.outbox.truncate(mark);
                let error = self.contain_panic(unit, command, &*panic);
                self.reply_error(&error);
                Err(error)
            }
        };
        self.count_tally(unit);
        self.tools.built.clear();
        result
    }

    /// The keys of a command remember what they did before it, under `CLIENT NO-TOUCH`.
    #[cold]
    fn restore_accesses(&mut self, unit: &mut Unit<'e>, db: DbIndex, args: Args<'_>) {
        for (at, access) in std::mem::take(&mut self.tools.untouched) {
            let key = self.server.keyspace.key(args.at(at));
            unit.restore_access(db, &key, access);
        }
    }

    /// Long arguments become values before any lock is taken.
    #[inline]
    pub(super) fn build_long_values(&mut self, args: Args<'_>) {
        if args.may_have_long(BIG_STRING_MIN_BYTES) {
            self.build_values_of(args);
        }
    }

    #[cold]
    fn build_values_of(&mut self, args: Args<'_>) {
        for (at, arg) in args.iter().enumerate().skip(1) {
            if arg.len() >= BIG_STRING_MIN_BYTES {
                self.tools.built.push((at, BigString::from_bytes(arg)));
            }
        }
    }
}

/// What the keys of a command remember of accesses, which it is not to change (`CLIENT NO-TOUCH`): the argument of each key
/// that is there, and what it remembers.
#[cold]
fn accesses_of(
    unit: &mut Unit<'_>,
    db: DbIndex,
    command: &Registered,
    args: Args<'_>,
    keys: &[KeyAt],
) -> Vec<(usize, AccessMark)> {
    if command.row.name == "TOUCH" {
        return Vec::new();
    }
    let access_of = |key: &KeyAt| {
        let name = unit.keyspace().key(args.at(key.arg as usize));
        Some((key.arg as usize, unit.access_of(db, &name)?))
    };
    keys.iter().filter_map(access_of).collect()
}
