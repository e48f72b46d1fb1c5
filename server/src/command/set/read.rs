//! Commands that look members up.

use storage::typed::set::SetRef;

use super::members::reply_all;
use crate::command::{Args, CommandResult, Context};

/// `SCARD key`: how many members there are.
pub(super) fn scard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.find_set(ctx.session.db, &key)?;
    ctx.reply.integer(set.map_or(0, SetRef::len) as i64);
    Ok(())
}

/// `SISMEMBER key member`: 1 if it is one.
pub(super) fn sismember(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let set = ctx.unit.find_set(ctx.session.db, &key)?;
    let is_member = set.is_some_and(|set| set.contains(hasher, args.at(2)));
    ctx.reply.integer(is_member.into());
    Ok(())
}

/// `SMISMEMBER key member [member ...]`: 1 or 0 for each.
pub(super) fn smismember(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let set = ctx.unit.find_set(ctx.session.db, &key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        let is_member = set.is_some_and(|set| set.contains(hasher, member));
        ctx.reply.integer(is_member.into());
    }
    Ok(())
}

/// `SMEMBERS key`: all members.
pub(super) fn smembers(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    match ctx.unit.find_set(ctx.session.db, &key)? {
        Some(set) => {
            ctx.reply.set(set.len() as usize);
            reply_all(&mut ctx.reply, set, &ctx.server.keyspace);
        }
        None => ctx.reply.set(0),
    }
    Ok(())
}
