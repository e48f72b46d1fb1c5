//! Elements on their way from one list to another.

use storage::typed::End;
use storage::{DbIndex, Key};

use super::end_at;
use super::ends::{announce_pop, push_event};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`: moves one element and answers it.
pub(super) fn lmove(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (from, to) = (end_at(args, 3)?, end_at(args, 4)?);
    relocate_and_reply(ctx, args, from, to)
}

/// `RPOPLPUSH source destination`: the last element becomes the other list's first.
pub(super) fn rpoplpush(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    relocate_and_reply(ctx, args, End::Right, End::Left)
}

fn relocate_and_reply(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    from: End,
    to: End,
) -> CommandResult {
    let (db, source, destination) = (ctx.db(), ctx.key(args, 1), ctx.key(args, 2));
    match relocate(ctx, db, (&source, from), (&destination, to))? {
        Some(element) => ctx.reply.bulk(&element),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// Moves one element from the end of a list to that of another, or of the same, and announces it. The element, or `None`
/// if there is no list to take it from.
///
/// # Errors
/// `WrongType` if one of both keys holds something else; nothing has happened then.
pub(crate) fn relocate(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    (source, from): (&Key<'_>, End),
    (destination, to): (&Key<'_>, End),
) -> Result<Option<Vec<u8>>, CommandError> {
    let limits = &ctx.config.limits;
    let moved = ctx
        .unit
        .move_element(db, (source, from), (destination, to), limits)?;
    let Some((element, is_gone)) = moved else {
        return Ok(None);
    };
    ctx.notify_in(EventClass::LIST, push_event(to), db, destination.bytes);
    announce_pop(ctx, db, source, from, is_gone);
    Ok(Some(element))
}
