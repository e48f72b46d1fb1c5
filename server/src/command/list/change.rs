//! Changes in the middle of lists.

use storage::typed::{End, ListRef};

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

/// `LINSERT key BEFORE|AFTER pivot element`: adds an element beside the first one that equals `pivot`.
pub(super) fn linsert(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let behind = if args.is(2, "AFTER") {
        1
    } else if args.is(2, "BEFORE") {
        0
    } else {
        return Err(CommandError::Syntax);
    };
    check_elements(args, 4)?;
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    if ctx.unit.list_to_change(db, &key)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let limits = &ctx.config.limits;
    let edited = ctx.unit.edit_list(db, &key, limits, |list| {
        list.expect(args.at(4));
        let mut found = list.list().positions_of(args.at(3), End::Left, u64::MAX);
        let pivot = found.next();
        drop(found);
        pivot.map(|pivot| {
            list.insert(pivot + behind, args.at(4));
            list.list().len()
        })
    })?;
    let Some(len) = edited.result else {
        ctx.reply.integer(-1);
        return Ok(());
    };
    ctx.notify(EventClass::LIST, "linsert", key.bytes);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `LREM key count element`: removes elements that equal this one, the first `count`, the last `-count`, or with 0 all.
pub(super) fn lrem(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let count = integer(args.at(2))?;
    let from = if count < 0 { End::Right } else { End::Left };
    let most = match count.unsigned_abs() {
        0 => u64::MAX,
        count => count,
    };
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limits = &ctx.config.limits;
    let edited = ctx.unit.edit_list(db, &key, limits, |list| {
        list.remove_equal(args.at(3), from, most)
    })?;
    if edited.result > 0 {
        ctx.notify(EventClass::LIST, "lrem", key.bytes);
    }
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    ctx.reply.integer(edited.result as i64);
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
