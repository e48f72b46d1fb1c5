//! `ZREM`, and removing ranges.

use std::ops::Range;

use storage::Key;
use storage::collection::Collection;
use storage::collection::ranked::Wanted;
use storage::typed::sorted_set::SortedSetRef;

use super::bounds::{lex_range, rank_range, score_range};
use super::cut::{CUT_AT_ONCE_MAX, cut_ahead};
use super::integer;
use crate::command::bulk::Ahead;
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
    ranks: impl Fn(SortedSetRef<'_>) -> Range<u64>,
) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limit = ctx.config.limits.sorted_set;
    let removed = ctx.unit.edit_sorted_set(db, &key, limit, |edit| {
        let set = edit.set();
        let ranks = ranks(set);
        let count = ranks.end.saturating_sub(ranks.start);
        // To remove all takes no time at any number.
        let takes_long = count > CUT_AT_ONCE_MAX && count < set.len() && set.big().is_some();
        (!takes_long).then(|| edit.remove_ranks(ranks))
    })?;
    match removed.result {
        Some(count) => finish(ctx, key.bytes, count, removed.is_gone, event),
        None => remove_many(ctx, &key, event, ranks)?,
    }
    Ok(())
}

/// Removes a big range of a big sorted set, but not all of it.
fn remove_many(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    event: &'static str,
    ranks: impl Fn(SortedSetRef<'_>) -> Range<u64>,
) -> CommandResult {
    let db = ctx.db();
    let parted = match cut_ahead(ctx, db, key, Wanted::Others, &ranks)? {
        Ahead::Begun => return Ok(()),
        Ahead::Done(cut) => Some(cut.into_parts()),
        Ahead::Not => None,
    };
    let limit = ctx.config.limits.sorted_set;
    let removed = ctx
        .unit
        .edit_sorted_set(db, key, limit, |edit| match parted {
            Some((rest, removed)) => (edit.leave_only(rest), Some(removed)),
            None => {
                let ranks = ranks(edit.set());
                (edit.remove_ranks(ranks), None)
            }
        })?;
    let (count, cut_out) = removed.result;
    if let Some(cut_out) = cut_out {
        // It is freed in steps, as what is pinned is.
        let cut_out = Collection::SortedSet(cut_out);
        drop(ctx.server.keyspace.pin_clone(cut_out));
    }
    finish(ctx, key.bytes, count, removed.is_gone, event);
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
