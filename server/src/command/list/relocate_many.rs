//! `LMOVEM`: several elements on their way from one list to another.

use storage::typed::{End, MoveMany};
use storage::{DbIndex, Key};

use super::end_at;
use super::ends::{announce_pop, push_event};
use crate::command::mpop::positive;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// Reads `[COUNT|EXACTLY count OBO|BULK]`, which is all of the arguments from `at` on. Without it one element is moved.
pub(super) fn how_many(args: Args<'_>, at: usize) -> Result<MoveMany, CommandError> {
    if args.len() == at {
        return Ok(MoveMany {
            count: 1,
            exactly: false,
            keeps_order: true,
        });
    }
    let exactly = args.is(at, "EXACTLY");
    if args.len() != at + 3 || !(exactly || args.is(at, "COUNT")) {
        return Err(CommandError::Syntax);
    }
    let count = positive(args.get(at + 1))
        .ok_or(CommandError::Line("ERR count should be greater than 0"))?;
    let keeps_order = args.is(at + 2, "BULK");
    if !keeps_order && !args.is(at + 2, "OBO") {
        return Err(CommandError::Syntax);
    }
    Ok(MoveMany {
        count,
        exactly,
        keeps_order,
    })
}

/// `LMOVEM source destination LEFT|RIGHT LEFT|RIGHT [COUNT|EXACTLY count OBO|BULK]`: moves elements and answers them as they
/// stand in the destination.
pub(super) fn lmovem(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (from, to) = (end_at(args, 3)?, end_at(args, 4)?);
    let how = how_many(args, 5)?;
    let (db, source, destination) = (ctx.db(), ctx.key(args, 1), ctx.key(args, 2));
    let moved = relocate_many(ctx, db, (&source, from), (&destination, to), how)?;
    if moved.is_none() {
        ctx.reply.null_array();
    }
    Ok(())
}

/// Moves elements as `how` says, answers them and announces it; how many it was, or `None`, unanswered, if there is no list
/// to take them from or not enough in it.
///
/// # Errors
/// `WrongType` if one of both keys holds something else; nothing has happened then.
pub(super) fn relocate_many(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    (source, from): (&Key<'_>, End),
    (destination, to): (&Key<'_>, End),
    how: MoveMany,
) -> Result<Option<usize>, CommandError> {
    let limits = &ctx.config.limits;
    let moved = ctx
        .unit
        .move_elements(db, (source, from), (destination, to), how, limits)?;
    let Some(moved) = moved else {
        return Ok(None);
    };
    ctx.reply.array(moved.elements.len());
    for element in &moved.elements {
        ctx.reply.bulk(element);
    }
    if source.bytes == destination.bytes {
        announce_pop(ctx, db, source, from, false);
        ctx.notify_in(EventClass::LIST, push_event(to), db, destination.bytes);
    } else {
        ctx.notify_in(EventClass::LIST, push_event(to), db, destination.bytes);
        announce_pop(ctx, db, source, from, moved.is_gone);
    }
    Ok(Some(moved.elements.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn the_count_is_looked_at_before_the_order() {
        let count = CommandError::Line("ERR count should be greater than 0");
        let syntax = CommandError::Syntax;
        for (words, expected) in [
            ("LMOVEM", Ok((1, false, true))),
            ("LMOVEM COUNT 7 BULK", Ok((7, false, true))),
            ("LMOVEM exactly 2 obo", Ok((2, true, false))),
            ("LMOVEM COUNT 2", Err(&syntax)),
            ("LMOVEM COUNT 2 OBO x", Err(&syntax)),
            ("LMOVEM SOME 2 OBO", Err(&syntax)),
            ("LMOVEM COUNT 2 BOTH", Err(&syntax)),
            ("LMOVEM COUNT 0 BOTH", Err(&count)),
            ("LMOVEM EXACTLY -1 OBO", Err(&count)),
            ("LMOVEM COUNT x BULK", Err(&count)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, |args| how_many(args, 1));
            let parsed = parsed.map(|how| (how.count, how.exactly, how.keeps_order));
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
}
