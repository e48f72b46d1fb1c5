//! What a command function works with.

use std::any::Any;
use std::ops::Range;

use storage::big_string::BigString;
use storage::{BIG_STRING_MIN_BYTES, DbIndex, Key, NewValue, Unit, UnixMillis};

use crate::blocking::Wait;
use crate::blocking::wait::Alarms;
use crate::config::Config;
use crate::effects::Effects;
use crate::notify::{EventClass, Events};
use crate::output::Output;
use crate::pubsub::HeldStripes;
use crate::server::Server;
use crate::session::Session;
use crate::worker::WorkerState;
use crate::worker::set::WorkerSet;

use super::keys::KeyAt;
use super::{Args, CommandError, CommandResult};

/// Everything a command may touch while it runs, its unit's locks held.
///
/// The fields are separate so that a value borrowed from `unit` can be written to `reply`:
///
/// ```ignore
/// match ctx.unit.string(ctx.session.db, &ctx.key(args, 1))? {
///     Some(value) => ctx.reply.string(value),
///     None => ctx.reply.null(),
/// }
/// ```
///
/// While it runs nothing may await, do I/O, block, or lock anything but a leaf; work of that kind goes
/// into [`Context::after_unit`].
pub(crate) struct Context<'c, 'e> {
    /// The locked keyspace.
    pub(crate) unit: &'c mut Unit<'e>,
    /// Where the reply goes, in the session's dialect.
    pub(crate) reply: Output<'c>,
    /// The connection that sent the command.
    pub(crate) session: &'c mut Session,
    /// What all workers share.
    pub(crate) server: &'e Server,
    /// The configuration in force.
    pub(crate) config: &'c Config,
    /// This worker's own state: statistics, random numbers, pending deliveries.
    pub(crate) worker: &'c mut WorkerState,
    /// What replicas and the append-only file will be told.
    pub(crate) effects: &'c mut Effects,
    /// Keyspace events of this unit, published at its end.
    pub(crate) events: &'c mut Events,
    /// What is to happen once the locks are gone.
    pub(crate) after: &'c mut After,
    /// Values above 8 KiB, built before locking: argument number and value.
    pub(crate) built: &'c mut Vec<(usize, BigString)>,
    /// The channel stripes the unit holds.
    pub(crate) stripes: &'c mut HeldStripes<'e>,
    /// Keys of this request with their hashes, ascending by argument.
    pub(crate) keys: &'c [KeyAt],
    /// Whether the command runs inside `EXEC`.
    pub(crate) in_exec: bool,
    /// See [`Context::prepare_in_slices`].
    pub(crate) prepared: &'c mut Option<Box<dyn Slices>>,
}

/// Something to do once the unit has released its locks.
pub(crate) type Action = Box<dyn FnOnce(&Server)>;

/// What a command leaves to be done after its unit has released its locks.
#[derive(Default)]
pub(crate) struct After {
    /// Run in order, before the reply leaves; may take the gate (`Keyspace::cut`), must not block long
    /// unless blocking the server is the point (`DEBUG SLEEP`).
    pub(crate) actions: Vec<Action>,
    /// A long command's remaining work, see [`Slices`].
    pub(crate) slices: Option<Box<dyn Slices>>,
    /// Whether, and when, the command runs again.
    pub(crate) rerun: Rerun,
    /// The command waits; see [`Context::block`].
    pub(crate) wait: Option<(Wait, Alarms)>,
    /// What the command that runs has waited for before.
    pub(crate) waited: Option<Waited>,
}

impl After {
    /// Whether the command is not simply done when it has run, or not run for the first time.
    #[inline]
    pub(crate) fn reruns(&self) -> bool {
        self.rerun != Rerun::No || self.waited.is_some()
    }
}

/// Whether a command runs again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rerun {
    /// No.
    #[default]
    No,
    /// Once its slices are [`SliceProgress::Prepared`].
    Prepared,
    /// Once its wait is over, if serving it is long then.
    AfterWait,
}

/// A wait that has ended with its command running again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    /// When time is up, in Unix milliseconds; `None`: never.
    pub(crate) deadline_ms: Option<i64>,
}

/// A long command's work, cut into slices of at most about 100 µs each, run without any unit held
/// between them; the session reads nothing meanwhile. The reply must be written as a whole by the last.
pub(crate) trait Slices: std::fmt::Debug + Any {
    /// Does the next piece, in a unit of its own if it needs one.
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress;

    /// Whether nothing comes of it but a reply, so that it is in vain once nobody can hear that.
    fn only_answers(&self) -> bool;
}

/// What a slice gets: no unit, because each slice opens its own.
pub(crate) struct SliceContext<'c> {
    /// What all workers share.
    pub(crate) server: &'c Server,
    /// Where the reply goes.
    pub(crate) reply: Output<'c>,
    /// Keyspace events; whoever makes some publishes them under its unit's locks.
    pub(crate) events: &'c mut Events,
    /// Workers that got something.
    pub(crate) woken: &'c mut WorkerSet,
    /// The number of this worker.
    pub(crate) worker: usize,
    /// Wall clock at the start of this slice.
    pub(crate) now: UnixMillis,
}

/// Whether a sliced command has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SliceProgress {
    /// Call again after other sessions had their turn.
    More,
    /// The reply is written.
    Done,
    /// What the command needs is ready: it runs again and finds it with [`Context::take_prepared`]. Said again if asked
    /// again: the command may have to wait.
    Prepared,
}

/// Why a session waits before it retries its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Park {
    /// `CLIENT PAUSE` is in force.
    Paused,
    /// A queue is above its bound.
    QueueFull,
    /// Memory is short, and eviction goes on.
    Memory,
}

impl<'c, 'e> Context<'c, 'e> {
    /// The unit's time; the same for all commands of an `EXEC`.
    #[inline]
    pub(crate) fn now(&self) -> UnixMillis {
        self.unit.now()
    }

    /// The selected database.
    #[inline]
    pub(crate) fn db(&self) -> DbIndex {
        self.session.db
    }

    /// The key at argument `index`, with the hash that was computed before locking.
    #[inline]
    pub(crate) fn key<'a>(&self, args: Args<'a>, index: usize) -> Key<'a> {
        self.server.faults.step();
        let bytes = args.at(index);
        let wanted = index as u32;
        let at = match self.keys.first() {
            Some(first) if first.arg == wanted => Some(first),
            // Commands with many keys ask for one after the other, and have them in the order of the arguments. The few that
            // have two key options in any order may have one hashed again.
            _ => {
                let at = self.keys.binary_search_by_key(&wanted, |key| key.arg);
                at.ok().map(|at| &self.keys[at])
            }
        };
        match at {
            Some(at) => Key {
                bytes,
                hash: at.hash,
            },
            None => self.server.keyspace.hasher().key(bytes),
        }
    }

    /// All keys of the request in the order of the arguments, with their argument numbers. Borrows
    /// nothing from the context, so the loop may use it.
    pub(crate) fn keys<'a>(
        &self,
        args: Args<'a>,
    ) -> impl Iterator<Item = (usize, Key<'a>)> + use<'a, 'c> {
        let keys: &'c [KeyAt] = self.keys;
        keys.iter().map(move |at| {
            let index = at.arg as usize;
            (
                index,
                Key {
                    bytes: args.at(index),
                    hash: at.hash,
                },
            )
        })
    }

    /// Argument `index` as a value to store. Long ones were built before locking; each can be taken
    /// once without copying.
    #[inline]
    pub(crate) fn new_value<'a>(&mut self, args: Args<'a>, index: usize) -> NewValue<'a> {
        let bytes = args.at(index);
        if bytes.len() < BIG_STRING_MIN_BYTES {
            return NewValue::Bytes(bytes);
        }
        self.new_big_value(bytes, index)
    }

    #[cold]
    fn new_big_value<'a>(&mut self, bytes: &'a [u8], index: usize) -> NewValue<'a> {
        match self.built.iter().position(|(at, _)| *at == index) {
            Some(place) => NewValue::Big(self.built.swap_remove(place).1),
            None => NewValue::Bytes(bytes),
        }
    }

    /// Refuses a string that could not be kept even alone: all other keys would be evicted for it, and then itself.
    ///
    /// # Errors
    /// `OutOfMemory` when `bytes` are more than `maxmemory`.
    #[inline]
    pub(crate) fn check_fits(&self, bytes: u64) -> CommandResult {
        let can_hold = self.server.keyspace.memory().can_ever_hold(bytes);
        if can_hold || !self.unit.state().may_expire() {
            return Ok(());
        }
        Err(CommandError::OutOfMemory)
    }

    /// Says that the log shall carry exactly `parts` for this command, in addition to earlier effects
    /// of the same command, instead of the command as the client sent it.
    #[inline]
    pub(crate) fn effect(&mut self, parts: &[&[u8]]) {
        self.effect_in(self.session.db, parts);
    }

    /// Like [`Context::effect`], for another database than the selected one.
    #[inline]
    pub(crate) fn effect_in(&mut self, db: DbIndex, parts: &[&[u8]]) {
        self.server.faults.step();
        self.settle_notes();
        self.effects.push(db, parts, self.unit.state());
    }

    /// Says that what the log carries for this command is to be applied as one.
    #[inline]
    pub(crate) fn effects_as_one(&mut self) {
        self.effects.as_one();
    }

    /// Says that the log shall carry this command as sent, even if storage counted no change.
    #[inline]
    pub(crate) fn changed_verbatim(&mut self) {
        self.effects.force_verbatim();
    }

    /// Announces a keyspace event on a key of the selected database, if the class is enabled.
    #[inline]
    pub(crate) fn notify(&mut self, class: EventClass, event: &'static str, key: &[u8]) {
        self.notify_in(class, event, self.session.db, key);
    }

    /// Like [`Context::notify`], for another database (`MOVE`, `COPY … DB`).
    #[inline]
    pub(crate) fn notify_in(
        &mut self,
        class: EventClass,
        event: &'static str,
        db: DbIndex,
        key: &[u8],
    ) {
        self.server.faults.step();
        if self.events.wants(class) {
            self.settle_notes();
            self.events.push(class, event, db, key);
        }
    }

    /// What storage noted in this unit, removed keys above all, comes before what the command itself did.
    #[inline]
    fn settle_notes(&mut self) {
        if self.unit.owes() {
            for note in self.unit.take_notes() {
                self.effects.push_note(&note, self.unit.state());
                self.events.push_note(&note);
            }
        }
    }

    /// Has `action` run once the unit has released its locks and before the reply leaves.
    pub(crate) fn after_unit(&mut self, action: impl FnOnce(&Server) + 'static) {
        self.after.actions.push(Box::new(action));
    }

    /// Has the rest of the command done in slices; the command itself must write no reply then.
    pub(crate) fn continue_in_slices(&mut self, slices: impl Slices + 'static) {
        debug_assert!(!self.in_exec, "inside EXEC there is one unit and no slice");
        self.after.slices = Some(Box::new(slices));
    }

    /// Has `slices` prepare what takes long, without any lock. Then the command runs again, in a unit as if it came only now,
    /// and finds them with [`Context::take_prepared`]; what they were made of may have changed meanwhile. This time it
    /// must write no reply and change nothing.
    pub(crate) fn prepare_in_slices(&mut self, slices: impl Slices) {
        self.continue_in_slices(slices);
        self.after.rerun = Rerun::Prepared;
    }

    /// Whether something was prepared for the command, and not taken yet.
    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// What was prepared for the command, if that is why it runs.
    pub(crate) fn take_prepared<T: Slices>(&mut self) -> Option<Box<T>> {
        let prepared: Box<dyn Any> = self.prepared.take()?;
        let prepared = prepared.downcast();
        Some(prepared.expect("the command has had it prepared"))
    }

    /// The shards a command that walks the whole keyspace has to visit.
    pub(crate) fn all_shards(&self) -> Range<u16> {
        0..self.server.keyspace.shard_count() as u16
    }
}
