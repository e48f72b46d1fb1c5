//! `MSET` and `MSETNX`.

use storage::NewExpiry;

use super::set::store;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `MSET key value [key value ...]`: stores all the strings.
pub(super) fn mset(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    require_pairs(args, "mset")?;
    store_pairs(ctx, args, NewExpiry::None);
    ctx.reply.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]`: stores all the strings, unless one of the keys is there.
pub(super) fn msetnx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    require_pairs(args, "msetnx")?;
    let absent = !any_present(ctx, args);
    if absent {
        store_pairs(ctx, args, NewExpiry::None);
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

fn require_pairs(args: Args<'_>, name: &'static str) -> CommandResult {
    if args.len().is_multiple_of(2) {
        Err(CommandError::WrongArity(name.into()))
    } else {
        Ok(())
    }
}

/// Whether any key of the request is there.
pub(super) fn any_present(ctx: &mut Context<'_, '_>, args: Args<'_>) -> bool {
    let db = ctx.db();
    ctx.keys(args)
        .any(|(_, key)| ctx.unit.peek(db, &key).is_some())
}

/// Whether all keys of the request are there.
pub(super) fn all_present(ctx: &mut Context<'_, '_>, args: Args<'_>) -> bool {
    let db = ctx.db();
    ctx.keys(args)
        .all(|(_, key)| ctx.unit.peek(db, &key).is_some())
}

/// Stores each key's value, which is the argument behind it.
pub(super) fn store_pairs(ctx: &mut Context<'_, '_>, args: Args<'_>, expiry: NewExpiry) {
    for (at, key) in ctx.keys(args) {
        store(ctx, args, &key, at + 1, expiry);
    }
}
