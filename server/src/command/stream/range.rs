//! `XLEN`, `XRANGE` and `XREVRANGE`.

use super::entries::Wanted;
use super::ids::{first_id, last_id};
use super::integer;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `XLEN key`: how many entries there are.
pub(super) fn xlen(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let stream = ctx.unit.stream(ctx.session.db, &key)?;
    ctx.reply
        .integer(stream.map_or(0, |stream| stream.len()) as i64);
    Ok(())
}

/// `XRANGE key start end [COUNT count]`: the entries from `start` to `end`.
pub(super) fn xrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    reply_with_range(ctx, args, false)
}

/// `XREVRANGE key end start [COUNT count]`: the same backwards.
pub(super) fn xrevrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    reply_with_range(ctx, args, true)
}

fn reply_with_range(ctx: &mut Context<'_, '_>, args: Args<'_>, backwards: bool) -> CommandResult {
    let (start, end) = if backwards { (3, 2) } else { (2, 3) };
    let (first, last) = (first_id(args.at(start))?, last_id(args.at(end))?);
    let mut most = u64::MAX;
    for at in (4..args.len()).step_by(2) {
        let count = args.get(at + 1).filter(|_| args.is(at, "COUNT"));
        let count = integer(count.ok_or(CommandError::Syntax)?)?;
        most = u64::try_from(count).unwrap_or(0);
    }
    let key = ctx.key(args, 1);
    let Some(stream) = ctx.unit.stream(ctx.session.db, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    if most == 0 {
        ctx.reply.null_array();
        return Ok(());
    }
    let wanted = Wanted {
        first,
        last,
        most,
        backwards,
    };
    wanted.reply(&mut ctx.reply, stream, &ctx.server.keyspace);
    Ok(())
}
