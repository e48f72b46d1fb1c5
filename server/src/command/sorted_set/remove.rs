//! `ZREM`, and removing ranges.

use std::ops::Range;

use storage::typed::sorted_set::SortedSetRef;

use super::bounds::{lex_range, rank_range, score_range};
use super::integer;
use crate::command::{Args, CommandResult, Context};
use crate::notify::EventClass;

/// `ZREM key member [member ...]`: removes members; how many were there.
pub(super) fn zrem(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limit = ctx.config.limits.sorted_set;
    let removed = ctx.unit.edit_sorted_set(db, &key, limit, |edit| {
        args.from(2).filter(|member| edit.remove(member)).count()
    })?;
    finish(
        ctx,
        key.bytes,
        removed.result as u64,
        removed.is_gone,
        "zrem",
    );
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`: removes the members with ranks from `start` to `stop`.
pub(super) fn zremrangebyrank(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
    remove_range(ctx, args, "zremrangebyrank", |set| {
        rank_range(start, end, set.len())
    })
}

/// `ZREMRANGEBYSCORE key min max`: removes the members with scores from `min` to `max`.
pub(super) fn zremrangebyscore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let scores = score_range(args.at(2), args.at(3))?;
    remove_range(ctx, args, "zremrangebyscore", |set| {
        set.ranks_of_scores(&scores, u64::MAX)
    })
}

/// `ZREMRANGEBYLEX key min max`: removes the members from `min` to `max`, if all have the same score.
pub(super) fn zremrangebylex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let members = lex_range(args.at(2), args.at(3))?;
    remove_range(ctx, args, "zremrangebylex", |set| {
        set.ranks_of_members(&members)
    })
}

fn remove_range(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    event: &'static str,
    ranks: impl FnOnce(SortedSetRef<'_>) -> Range<u64>,
) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limit = ctx.config.limits.sorted_set;
    let removed = ctx.unit.edit_sorted_set(db, &key, limit, |edit| {
        let ranks = ranks(edit.set());
        edit.remove_ranks(ranks)
    })?;
    finish(ctx, key.bytes, removed.result, removed.is_gone, event);
    Ok(())
}

/// Announces and answers how many members were removed.
fn finish(ctx: &mut Context<'_, '_>, key: &[u8], removed: u64, is_gone: bool, event: &'static str) {
    if removed > 0 {
        ctx.notify(EventClass::SORTED_SET, event, key);
    }
    if is_gone {
        ctx.notify(EventClass::GENERIC, "del", key);
    }
    ctx.reply.integer(removed as i64);
}
