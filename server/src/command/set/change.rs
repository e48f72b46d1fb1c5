//! Commands that add and remove members by their names.

use storage::typed::set::SetRef;

use crate::command::{Args, CommandResult, Context};
use crate::notify::EventClass;

/// `SADD key member [member ...]`: adds members; how many were not there before.
pub(super) fn sadd(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limits = &ctx.config.limits;
    let edited = ctx
        .unit
        .edit_set(db, &key, limits, |set| set.add_all(args.from(2)))?;
    if edited.result > 0 {
        ctx.notify(EventClass::SET, "sadd", key.bytes);
    }
    ctx.reply.integer(edited.result as i64);
    Ok(())
}

/// `SREM key member [member ...]`: removes members; how many were there.
pub(super) fn srem(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limits = &ctx.config.limits;
    let edited = ctx
        .unit
        .edit_set(db, &key, limits, |set| set.remove_all(args.from(2)))?;
    if edited.result > 0 {
        ctx.notify(EventClass::SET, "srem", key.bytes);
    }
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    ctx.reply.integer(edited.result as i64);
    Ok(())
}

/// `SMOVE source destination member`: takes a member out of one set and adds it to another; 1 if it was there.
pub(super) fn smove(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, source, destination) = (ctx.db(), ctx.key(args, 1), ctx.key(args, 2));
    let (member, limits) = (args.at(3), &ctx.config.limits);
    let hasher = ctx.server.keyspace.hasher().elements();
    let is_member = |set: SetRef<'_>| set.contains(hasher, member);
    let found = ctx.unit.set_to_change(db, &source);
    let found = found.map(|set| set.map(is_member));
    let may_take = ctx.unit.set_to_change(db, &destination).map(|_| ());
    // Without a source the destination does not matter.
    let Some(is_there) = found? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    may_take?;
    if !is_there || source.bytes == destination.bytes {
        ctx.reply.integer(is_there.into());
        return Ok(());
    }
    let removed = ctx
        .unit
        .edit_set(db, &source, limits, |set| set.remove(member))?;
    ctx.notify(EventClass::SET, "srem", source.bytes);
    if removed.is_gone {
        ctx.notify(EventClass::GENERIC, "del", source.bytes);
    }
    let added = ctx
        .unit
        .edit_set(db, &destination, limits, |set| set.add(member))?;
    if added.result {
        ctx.notify(EventClass::SET, "sadd", destination.bytes);
    }
    ctx.reply.integer(1);
    Ok(())
}
