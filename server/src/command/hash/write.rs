//! Setting and removing fields: `HSET`, `HMSET`, `HSETNX`, `HDEL`.

use storage::NewExpiry;

use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `HSET key field value [field value …]`: how many fields are new.
pub(super) fn hset(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let created = set_pairs(ctx, args, "hset")?;
    ctx.reply.integer(created);
    Ok(())
}

/// `HMSET key field value [field value …]`.
pub(super) fn hmset(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    set_pairs(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

fn set_pairs(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    name: &'static str,
) -> Result<i64, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity(name.into()));
    }
    let key = ctx.key(args, 1);
    let pairs = (args.len() - 2) / 2;
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            hash.make_way_for(args.from(2));
            let mut created = 0;
            for pair in 0..pairs {
                let (field, value) = (args.at(2 + 2 * pair), args.at(3 + 2 * pair));
                created += i64::from(!hash.set(field, value, NewExpiry::None));
            }
            hash.changed(pairs as u64);
            created
        })?;
    ctx.notify(EventClass::HASH, "hset", key.bytes);
    Ok(edited.result)
}

/// `HSETNX key field value`: 1 if there was no such field, which is set then.
pub(super) fn hsetnx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let (field, value) = (args.at(2), args.at(3));
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            let is_new = hash.get(field, |_| ()).is_none();
            if is_new {
                hash.make_way_for(args.from(2));
                hash.set(field, value, NewExpiry::None);
                hash.changed(1);
            }
            is_new
        })?;
    if edited.result {
        ctx.notify(EventClass::HASH, "hset", key.bytes);
    }
    ctx.reply.integer(edited.result.into());
    Ok(())
}

/// `HDEL key field [field …]`: how many there were.
pub(super) fn hdel(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            let removed = args.from(2).filter(|field| hash.remove(field)).count();
            hash.changed(removed as u64);
            removed
        })?;
    if edited.result > 0 {
        ctx.notify(EventClass::HASH, "hdel", key.bytes);
    }
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    ctx.reply.integer(edited.result as i64);
    Ok(())
}
