//! `WAIT` and `WAITAOF`: until replicas have what this client has written.
//!
//! There are no replicas and no append-only file yet, so nobody confirms anything: a client that asks for more waits for
//! as long as it said.

use storage::waiters::Serve;
use storage::{DbIndex, Key, Unit};

use crate::blocking::{Operation, timeout};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::Output;

const BAD_LOCAL: CommandError =
    CommandError::Line("ERR value is out of range, value must between 0 and 1");
const NO_LOG_FILE: CommandError = CommandError::Line(
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
);

/// Replicas that have confirmed a client's writes, and the local file that has them.
const CONFIRMED: i64 = 0;

/// What a waiting client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmations {
    /// Of replicas: the reply is a number.
    Replicas,
    /// Of the append-only files here and of replicas: the reply has two numbers.
    Files,
}

impl Confirmations {
    fn reply(self, reply: &mut Output<'_>) {
        if self == Self::Files {
            reply.array(2);
            reply.integer(CONFIRMED);
        }
        reply.integer(CONFIRMED);
    }

    /// Answers, if as many as that have confirmed or nothing may wait; else the client waits.
    fn await_at_least(self, ctx: &mut Context<'_, '_>, wanted: i64, deadline_ms: Option<i64>) {
        if wanted <= CONFIRMED || ctx.in_exec {
            self.reply(&mut ctx.reply);
        } else {
            ctx.block(&[], &[], deadline_ms, self);
        }
    }
}

impl Operation for Confirmations {
    fn can_serve(&self, _: &mut Unit<'_>, _: DbIndex, _: &Key<'_>) -> Serve {
        Serve::Nobody
    }

    fn serve(&self, _: &mut Context<'_, '_>, _: &Key<'_>) -> CommandResult {
        unreachable!("no key is waited for")
    }

    fn time_out(&self, reply: &mut Output<'_>) {
        (*self).reply(reply);
    }
}

/// `WAIT numreplicas timeout`: how many replicas have confirmed the client's writes, once these are `numreplicas` or the
/// timeout, in milliseconds, is over.
pub(super) fn wait(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let replicas = protocol::parse_i64(args.at(1)).ok_or(CommandError::NotInteger)?;
    let deadline_ms = timeout::whole_milliseconds(args.at(2), ctx.now().0)?;
    Confirmations::Replicas.await_at_least(ctx, replicas, deadline_ms);
    Ok(())
}

/// `WAITAOF numlocal numreplicas timeout`: the same of append-only files, of this server and of replicas.
pub(super) fn wait_aof(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let local = protocol::parse_i64(args.at(1)).ok_or(CommandError::NotInteger)?;
    if !(0..=1).contains(&local) {
        return Err(BAD_LOCAL);
    }
    let replicas = protocol::parse_i64(args.at(2)).filter(|&replicas| replicas >= 0);
    let replicas = replicas.ok_or(CommandError::NotPositive)?;
    let deadline_ms = timeout::whole_milliseconds(args.at(3), ctx.now().0)?;
    if local > 0 {
        return Err(NO_LOG_FILE);
    }
    Confirmations::Files.await_at_least(ctx, replicas, deadline_ms);
    Ok(())
}
