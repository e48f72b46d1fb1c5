//! `INFO`.

use super::Arity::AtLeast;
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandResult, Context, Flags};
use crate::info::{Asked, report};

pub(super) const INFO: Command = Command::new(
    "INFO",
    AtLeast(1),
    NoKeys,
    Flags::LOADING
        .and(Flags::STALE)
        .and(Flags::UNDECLARED)
        .and(Flags::ROAMING),
    info,
);

/// `INFO [section …]`.
fn info(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let asked = Asked::parse(args.from(1));
    // What this session itself contributes (watches, subscriptions) may be newer than its last turn.
    ctx.session.publish();
    let text = report(ctx.server, ctx.unit, &asked);
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}
