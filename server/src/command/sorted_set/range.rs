//! `ZRANGE`, its older forms, and `ZRANGESTORE`.

use storage::typed::sorted_set::{Pair, sorted_set_of};

use super::query::{By, Form, Query};
use super::store::store;
use crate::command::{Args, CommandResult, Context};

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`: the members of a range.
pub(super) fn zrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]`: by ranks, from the highest score.
pub(super) fn zrevrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Some(By::Rank), Some(true))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`.
pub(super) fn zrangebyscore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Some(By::Score), Some(false))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`.
pub(super) fn zrevrangebyscore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Some(By::Score), Some(true))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`.
pub(super) fn zrangebylex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Some(By::Lex), Some(false))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`.
pub(super) fn zrevrangebylex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Some(By::Lex), Some(true))
}

fn show(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    by: Option<By>,
    is_reversed: Option<bool>,
) -> CommandResult {
    let form = Form {
        by,
        is_reversed,
        key: 1,
        shows_scores: true,
    };
    let query = Query::parse(args, form)?;
    let key = ctx.key(args, 1);
    match ctx.unit.sorted_set(ctx.session.db, &key)? {
        Some(set) => query.of(set).write(&mut ctx.reply, ctx.server, set),
        None => ctx.reply.array(0),
    }
    Ok(())
}

/// `ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]`: stores the members of a range.
pub(super) fn zrangestore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let form = Form {
        by: None,
        is_reversed: None,
        key: 2,
        shows_scores: false,
    };
    let query = Query::parse(args, form)?;
    let (destination, source) = (ctx.key(args, 1), ctx.key(args, 2));
    let limit = ctx.config.limits.sorted_set;
    let hasher = ctx.server.keyspace.hasher().elements();
    let set = ctx.unit.sorted_set(ctx.session.db, &source)?;
    let pairs: Vec<Pair<'_>> =
        set.map_or_else(Vec::new, |set| set.iter(query.ranks(set)).collect());
    let count = pairs.len() as u64;
    let content = sorted_set_of(pairs.iter().copied(), limit, hasher);
    drop(pairs);
    store(ctx, &destination, content, count, "zrangestore");
    Ok(())
}
