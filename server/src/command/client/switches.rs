//! What a client switches on and off for itself.

use crate::command::{Args, CommandError, CommandResult, Context};
use crate::session::ReplyMode;

/// `CLIENT CAPA capability …`: what the client can do. Capabilities that we do not know are none of our
/// business; none is ever taken back, not even by `RESET`. Like Valkey's.
pub(super) fn capa(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args
        .from(2)
        .any(|capability| capability.eq_ignore_ascii_case(b"redirect"))
    {
        ctx.session.capa_redirect = true;
    }
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT NO-EVICT ON|OFF`: exempts the client from being closed to save memory.
pub(super) fn no_evict(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.session.no_evict = parse_switch(args)?;
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT NO-TOUCH ON|OFF`: the client's commands leave no trace in access times.
pub(super) fn no_touch(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.session.no_touch = parse_switch(args)?;
    ctx.reply.ok();
    Ok(())
}

fn parse_switch(args: Args<'_>) -> Result<bool, CommandError> {
    match () {
        () if args.is(2, "ON") => Ok(true),
        () if args.is(2, "OFF") => Ok(false),
        () => Err(CommandError::Syntax),
    }
}

/// `CLIENT REPLY ON|OFF|SKIP`: whether replies are sent; only ON has a reply of its own.
pub(super) fn reply(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mode = match () {
        () if args.is(2, "ON") => ReplyMode::On,
        () if args.is(2, "OFF") => ReplyMode::Off,
        () if args.is(2, "SKIP") => ReplyMode::SkipNext,
        () => return Err(CommandError::Syntax),
    };
    if mode == ReplyMode::On {
        ctx.reply.ok();
    } else if ctx.in_exec {
        // The reply of EXEC has a fixed number of elements. Redis leaves this one out, and the client
        // takes the next reply for it.
        return Err(CommandError::NotInTransaction);
    } else if ctx.session.reply_mode == ReplyMode::Off {
        return Ok(());
    }
    ctx.session.reply_mode = mode;
    Ok(())
}
