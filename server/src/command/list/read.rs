//! Commands that read lists.

use storage::typed::{End, ListRef};

use super::elements::Elements;
use super::{index_of, integer, selected};
use crate::command::{Args, CommandResult, Context};

/// `LLEN key`: how many elements there are.
pub(super) fn llen(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let list = ctx.unit.list(ctx.session.db, &key)?;
    let len = list.map_or(0, ListRef::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `LINDEX key index`: one element, or null.
pub(super) fn lindex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let Some(list) = ctx.unit.list(ctx.session.db, &key)? else {
        ctx.reply.null();
        return Ok(());
    };
    // The index is looked at only for a list that is there, as in Redis.
    let index = index_of(integer(args.at(2))?, list.len());
    match index.and_then(|index| list.get(index)) {
        Some(element) => ctx.reply.value(element),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `LRANGE key start stop`: the elements from `start` to `stop`, both included; negative ones count from the end.
pub(super) fn lrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = ctx.key(args, 1);
    let Some(list) = ctx.unit.list(ctx.session.db, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let (first, count) = selected(start, stop, list.len());
    let elements = Elements {
        next: first,
        count,
        direction: End::Left,
    };
    elements.reply(&mut ctx.reply, list, &ctx.server.keyspace);
    Ok(())
}
