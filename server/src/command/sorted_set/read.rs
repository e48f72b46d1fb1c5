//! Commands that read single members.

use super::CommandError;
use crate::command::{Args, CommandResult, Context};

/// `ZCARD key`: how many members there are.
pub(super) fn zcard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    ctx.reply.integer(set.map_or(0, |set| set.len()) as i64);
    Ok(())
}

/// `ZSCORE key member`: a member's score, or null.
pub(super) fn zscore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    match set.and_then(|set| set.score(args.at(2))) {
        Some(score) => ctx.reply.double(score),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `ZMSCORE key member [member ...]`: the scores of several members, each null if there is no such member.
pub(super) fn zmscore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => ctx.reply.double(score),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `ZRANK key member [WITHSCORE]`: how many members have lower scores, or null.
pub(super) fn zrank(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    rank(ctx, args, "zrank", false)
}

/// `ZREVRANK key member [WITHSCORE]`: how many members have higher scores, or null.
pub(super) fn zrevrank(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    rank(ctx, args, "zrevrank", true)
}

fn rank(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    name: &'static str,
    from_highest: bool,
) -> CommandResult {
    if args.len() > 4 {
        return Err(CommandError::WrongArity(name.into()));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "WITHSCORE") {
        return Err(CommandError::Syntax);
    }
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(args.at(2))?;
        let rank = if from_highest {
            set.len() - 1 - rank
        } else {
            rank
        };
        Some((rank, score))
    });
    match found {
        Some((rank, score)) if with_score => {
            ctx.reply.array(2);
            ctx.reply.integer(rank as i64);
            ctx.reply.double(score);
        }
        Some((rank, _)) => ctx.reply.integer(rank as i64),
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
    }
    Ok(())
}
