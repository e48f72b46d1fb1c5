//! Work that takes long, done step by step in slices: by commands on big collections.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::Context;
use super::context::{SliceContext, SliceProgress, Slices};
use crate::output::Output;
use crate::server::Server;

/// With more elements to look at or look up, work is done after the locks are gone.
pub(crate) const WORK_AT_ONCE_MAX: u64 = 4096;
/// Elements that one step of it goes through.
const STEP_WORK: usize = 256;
/// How long other sessions wait for their turn.
pub(crate) const SLICE: Duration = Duration::from_micros(50);

/// What a command prepares after the locks are gone is of no use if its keys change meanwhile. After so many attempts the
/// command does its work under the locks.
pub(crate) const ATTEMPTS_MAX: u32 = 3;

/// Work that can be done step by step.
pub(crate) trait Steps: Debug + 'static {
    /// Goes through about `work` elements; whether something is left to do.
    fn step(&mut self, work: usize) -> bool;

    /// Goes on to the end.
    fn run_all(&mut self) {
        while self.step(STEP_WORK) {}
    }

    /// Goes on for a slice; whether something is left to do.
    fn run_slice(&mut self) -> bool {
        let started = Instant::now();
        while self.step(STEP_WORK) {
            if started.elapsed() > SLICE {
                return true;
            }
        }
        false
    }
}

/// Work on its way, for a command that runs again when it is done: see
/// [`prepare_in_slices`](super::Context::prepare_in_slices).
#[derive(Debug)]
pub(crate) struct Preparation<W> {
    pub(crate) work: W,
    /// How often it has been begun.
    pub(crate) attempts: u32,
}

impl<W: Steps> Slices for Preparation<W> {
    fn next(&mut self, _: &mut SliceContext<'_>) -> SliceProgress {
        if self.work.run_slice() {
            SliceProgress::More
        } else {
            SliceProgress::Prepared
        }
    }

    fn only_answers(&self) -> bool {
        // Only commands that change something have anything prepared.
        false
    }
}

/// Has `work` prepared for a command that has begun with it `attempts` times before.
pub(crate) fn prepare(ctx: &mut Context<'_, '_>, work: impl Steps, attempts: u32) {
    ctx.prepare_in_slices(Preparation {
        work,
        attempts: attempts + 1,
    });
}

/// What there is for a command whose work can be done ahead.
#[derive(Debug)]
pub(crate) enum Ahead<W> {
    /// It has been done, and what it was made of is still the same.
    Done(Box<W>),
    /// It is under way: the command will run again, and must do nothing now.
    Begun,
    /// The command has to do it itself.
    Not,
}

/// What was prepared for a command, if that is why it runs and `is_current` says that what it was made of is still the same.
/// Otherwise has what `begin` begins prepared, if it is much and preparing it is of use.
pub(crate) fn ahead<W: Steps>(
    ctx: &mut Context<'_, '_>,
    is_current: impl FnOnce(&mut Context<'_, '_>, &W) -> bool,
    begin: impl FnOnce(&mut Context<'_, '_>) -> Option<W>,
) -> Ahead<W> {
    let mut attempts = 0;
    if let Some(prepared) = ctx.take_prepared::<Preparation<W>>() {
        if is_current(ctx, &prepared.work) {
            return Ahead::Done(Box::new(prepared.work));
        }
        attempts = prepared.attempts;
    }
    if ctx.in_exec || attempts == ATTEMPTS_MAX {
        return Ahead::Not;
    }
    match begin(ctx) {
        Some(work) => {
            prepare(ctx, work, attempts);
            Ahead::Begun
        }
        None => Ahead::Not,
    }
}

/// Work whose result is the answer.
pub(crate) trait Answered: Steps + Sized {
    /// Writes it, once nothing is left to do.
    fn write(self, reply: &mut Output<'_>, server: &Server);
}

/// Work of whose result only a number is answered.
#[derive(Debug)]
pub(crate) struct Counted<W> {
    pub(crate) work: W,
    /// Says the number, once nothing is left to do.
    pub(crate) count: fn(&W) -> u64,
}

impl<W: Steps> Steps for Counted<W> {
    fn step(&mut self, work: usize) -> bool {
        self.work.step(work)
    }
}

impl<W: Steps> Answered for Counted<W> {
    fn write(self, reply: &mut Output<'_>, _: &Server) {
        reply.integer((self.count)(&self.work) as i64);
    }
}

/// Answers what comes of long work: in slices, unless this is inside `EXEC`.
pub(crate) fn answer(ctx: &mut Context<'_, '_>, mut work: impl Answered) {
    if ctx.in_exec {
        work.run_all();
        work.write(&mut ctx.reply, ctx.server);
    } else {
        ctx.continue_in_slices(Answer(Some(work)));
    }
}

/// Work on its way to being answered; `None` once it is.
#[derive(Debug)]
struct Answer<W>(Option<W>);

impl<W: Answered> Slices for Answer<W> {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        if self.0.as_mut().is_some_and(Steps::run_slice) {
            return SliceProgress::More;
        }
        if let Some(work) = self.0.take() {
            work.write(&mut ctx.reply, ctx.server);
        }
        SliceProgress::Done
    }

    fn only_answers(&self) -> bool {
        true
    }
}
