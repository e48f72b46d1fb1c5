//! How many members a range has.

use super::bounds::{lex_range, score_range};
use crate::command::{Args, CommandResult, Context};

/// `ZCOUNT key min max`: how many members have scores from `min` to `max`.
pub(super) fn zcount(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let scores = score_range(args.at(2), args.at(3))?;
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    let ranks = set.map_or(0..0, |set| set.ranks_of_scores(&scores, u64::MAX));
    ctx.reply.integer((ranks.end - ranks.start) as i64);
    Ok(())
}

/// `ZLEXCOUNT key min max`: how many members stand from `min` to `max`, if all have the same score.
pub(super) fn zlexcount(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let members = lex_range(args.at(2), args.at(3))?;
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    let ranks = set.map_or(0..0, |set| set.ranks_of_members(&members));
    ctx.reply.integer((ranks.end - ranks.start) as i64);
    Ok(())
}
