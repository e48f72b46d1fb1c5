//! `MONITOR`.

use super::Arity::Exactly;
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};

const FLAGS: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE);

pub(super) const MONITOR: Command = Command::new("MONITOR", Exactly(1), NoKeys, FLAGS, monitor);

/// `MONITOR`: from now on a line per executed command, in the order of each worker.
fn monitor(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    if ctx.in_exec {
        return Err(CommandError::Line(
            "ERR MONITOR isn't allowed for DENY BLOCKING client",
        ));
    }
    if !ctx.session.monitor {
        ctx.session.monitor = true;
        ctx.server.monitors.add(ctx.session.client.worker);
    }
    ctx.reply.ok();
    Ok(())
}
