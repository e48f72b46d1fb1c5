//! `ZMPOP`: members of the first sorted set that there is.

use storage::typed::sorted_set::Extreme;
use storage::{DbIndex, Key};

use super::pop::{PopReply, Popped, pop};
use crate::command::mpop::PopOptions;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]`: removes members of the first sorted set that is there and answers
/// its name and them.
pub(super) fn zmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 1, extreme_at)?;
    let db = ctx.db();
    for (_, key) in ctx.keys(args).take(options.keys) {
        if pop_with_name(ctx, db, &key, options)? {
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}

/// Pops from the sorted set at `key` and answers its name and the members, now or when the command runs again; whether
/// there is one.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(crate) fn pop_with_name(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    options: PopOptions<Extreme>,
) -> Result<bool, CommandError> {
    let PopOptions {
        end: from, count, ..
    } = options;
    let changes = match pop(ctx, db, key, from, count, PopReply::NestedWithKey)? {
        Popped::Nothing => return Ok(false),
        Popped::Later => return Ok(true),
        Popped::Members(changes) => changes,
    };
    let command: &[u8] = match from {
        Extreme::Lowest => b"ZPOPMIN",
        Extreme::Highest => b"ZPOPMAX",
    };
    let mut digits = itoa::Buffer::new();
    let count = digits.format(changes).as_bytes();
    ctx.effect_in(db, &[command, key.bytes, count]);
    Ok(true)
}

/// The end that argument `at` names.
///
/// # Errors
/// `Syntax` if it is neither `MIN` nor `MAX`.
pub(super) fn extreme_at(args: Args<'_>, at: usize) -> Result<Extreme, CommandError> {
    if args.is(at, "MIN") {
        Ok(Extreme::Lowest)
    } else if args.is(at, "MAX") {
        Ok(Extreme::Highest)
    } else {
        Err(CommandError::Syntax)
    }
}
