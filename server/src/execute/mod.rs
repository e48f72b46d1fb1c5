//! From parsed requests to replies: which command, whether it may run, its unit, and everything that hangs off the
//! unit's end (effects, events, statistics, slow log).

mod admit;
mod again;
mod batch;
mod exec;
mod heat;
mod room;
mod settle;
mod unit;

use storage::big_string::BigString;
use storage::{AccessMark, Unit, UnixMillis};

use crate::blocking::serve::Ready;
use crate::clock::{Reading, Stopwatch};
use crate::command::context::{Action, After, Park, Slices};
use crate::config::Config;
use crate::effects::Effects;
use crate::notify::Events;
use crate::output::{Outbox, OutboxMark};
use crate::server::Server;
use crate::session::Session;
use crate::worker::WorkerState;
use crate::worker::sessions::Sessions;

pub(crate) use again::Again;
pub(crate) use batch::{Batch, Consumed, ElementsAhead};

/// Runs requests of one session during one turn.
pub(crate) struct Executor<'t, 'e> {
    pub(crate) server: &'e Server,
    pub(crate) config: &'t Config,
    pub(crate) session: &'t mut Session,
    pub(crate) worker: &'t mut WorkerState,
    /// The worker's other sessions; the running one is not among them.
    pub(crate) sessions: &'t mut Sessions,
    pub(crate) outbox: &'t mut Outbox,
    pub(crate) tools: &'t mut Tools,
    /// Wall clock at the start of the turn.
    pub(crate) now: UnixMillis,
    pub(crate) stopwatch: Stopwatch,
}

/// What a worker keeps for running commands, so that nothing is allocated per command.
#[derive(Default)]
pub(crate) struct Tools {
    pub(crate) effects: Effects,
    pub(crate) events: Events,
    pub(crate) after: After,
    pub(crate) built: Vec<(usize, BigString)>,
    /// Where in the outbox the reply of the running command begins.
    pub(crate) reply_from: OutboxMark,
    /// A unit has appended to the log: wake its sequencer at the end of the turn.
    pub(crate) log_appended: bool,
    /// Keys for which blocked clients wait and that have changed.
    pub(crate) ready: Ready,
    /// What slices have prepared for the command that runs.
    pub(crate) prepared: Option<Box<dyn Slices>>,
    /// How long that took, and the command's earlier runs.
    pub(crate) earlier_nanos: u64,
    /// What the running command's keys are to remember of accesses when it has run, by argument (`CLIENT NO-TOUCH`).
    pub(crate) untouched: Vec<(usize, AccessMark)>,
}

impl Tools {
    /// Forgets what a unit left half done that has panicked outside its command, and returns what is to be done even
    /// so: it may be the end of watches that the session has forgotten.
    #[cold]
    pub(crate) fn reset(&mut self) -> Vec<Action> {
        self.effects.clear();
        self.events.clear();
        self.built = Vec::new();
        self.prepared = None;
        self.earlier_nanos = 0;
        self.untouched = Vec::new();
        std::mem::take(&mut self.after).actions
    }
}

/// A lock hold that the next command may share. Apart from [`Executor`], so that a unit stays where it is while a
/// command runs in it.
#[derive(Default)]
pub(crate) struct Hold<'e>(Option<Held<'e>>);

/// A running unit, perhaps kept open for the next command on the same shard.
struct Held<'e> {
    unit: Unit<'e>,
    /// The shard, if it is one that the unit may have changed.
    written: Option<u16>,
    commands: u32,
    since: Reading,
}

/// What becomes of the requests behind the one that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They follow.
    Next,
    /// The session ends; nothing more runs.
    Close,
    /// The request itself has to wait and will be tried again.
    Parked(Park),
    /// The request goes on in slices; those behind it wait.
    Sliced,
    /// The request waits for a key; those behind it wait.
    Blocked,
}

impl<'t, 'e> Executor<'t, 'e> {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a worker that one turn borrows"
    )]
    pub(crate) fn new(
        server: &'e Server,
        config: &'t Config,
        session: &'t mut Session,
        worker: &'t mut WorkerState,
        sessions: &'t mut Sessions,
        outbox: &'t mut Outbox,
        tools: &'t mut Tools,
        now: UnixMillis,
    ) -> Self {
        let stopwatch = Stopwatch::start();
        Self {
            server,
            config,
            session,
            worker,
            sessions,
            outbox,
            tools,
            now,
            stopwatch,
        }
    }

    /// Lets go of a lock hold that was kept for a next command.
    #[inline]
    fn release(&mut self, hold: &mut Hold<'e>) {
        if let Some(held) = &mut hold.0 {
            let written = held.written;
            hold.0 = None;
            if let Some(shard) = written {
                self.worker.note_written(self.server, shard, self.now);
            }
        }
    }
}
