//! Changes in the middle of lists.

use storage::typed::ListRef;

use super::{check_elements, index_of, integer, selected};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `LSET key index element`: puts another element in the place of one.
pub(super) fn lset(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    check_elements(args, 3)?;
    let list = ctx.unit.list_to_change(db, &key)?;
    list.ok_or(CommandError::NoSuchKey)?;
    let (index, limits) = (integer(args.at(2))?, &ctx.config.limits);
    let edited = ctx.unit.edit_list(db, &key, limits, |list| {
        list.expect(args.at(3));
        let index = index_of(index, list.list().len());
        index.map(|index| list.set(index, args.at(3)))
    })?;
    let done = edited.result;
    done.ok_or(CommandError::Line("ERR index out of range"))?;
    ctx.notify(EventClass::LIST, "lset", key.bytes);
    ctx.reply.ok();
    Ok(())
}

/// `LTRIM key start stop`: removes the elements that `LRANGE` would not answer.
pub(super) fn ltrim(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let Some(len) = ctx.unit.list_to_change(db, &key)?.map(ListRef::len) else {
        ctx.reply.ok();
        return Ok(());
    };
    let (first, count) = selected(start, stop, len);
    let limits = &ctx.config.limits;
    let trimmed = ctx
        .unit
        .edit_list(db, &key, limits, |list| list.trim(first, count))?;
    ctx.notify(EventClass::LIST, "ltrim", key.bytes);
    if trimmed.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    ctx.reply.ok();
    Ok(())
}
