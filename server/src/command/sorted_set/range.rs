//! `ZRANGE`, its older forms, and `ZRANGESTORE`.

use std::ops::Range;

use storage::collection::Collection;
use storage::collection::ranked::Wanted;
use storage::typed::sorted_set::{BulkCut, Pair, SortedSetRef, content_of, sorted_set_of};
use storage::typed::{Content, PackedLimit};
use storage::{ElementHasher, Key, ValueType};

use super::cut::{CUT_AT_ONCE_MAX, cut_ahead};
use super::query::{By, Form, Query};
use super::store::store;
use crate::command::bulk::Ahead;
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
    let (db, destination, source) = (ctx.db(), ctx.key(args, 1), ctx.key(args, 2));
    let hasher = ctx.server.keyspace.hasher().elements();
    if !ctx.is_prepared() {
        let set = ctx.unit.sorted_set(db, &source)?;
        let ranks = set.map_or(0..0, |set| query.ranks(set));
        let count = ranks.end.saturating_sub(ranks.start);
        let is_big = set.is_some_and(|set| set.big().is_some());
        if !is_big || count <= CUT_AT_ONCE_MAX {
            let content = copy_of(set, ranks, ctx.config.limits.sorted_set, hasher);
            store(ctx, &destination, content, count, "zrangestore");
            return Ok(());
        }
    }
    match cut_ahead(ctx, db, &source, Wanted::Range, |set| query.ranks(set))? {
        Ahead::Begun => {}
        Ahead::Done(cut) => store_cut(ctx, &destination, *cut),
        Ahead::Not => {
            let held = ctx
                .unit
                .hold_value_again(db, &source, ValueType::SortedSet)?;
            let content = held.content();
            let set = content.and_then(|content| SortedSetRef::of(content, hasher));
            let ranks = set.map_or(0..0, |set| query.ranks(set));
            let count = ranks.end.saturating_sub(ranks.start);
            let content = copy_of(set, ranks, ctx.config.limits.sorted_set, hasher);
            // Before the destination is overwritten, which may be the source.
            drop(held);
            store(ctx, &destination, content, count, "zrangestore");
        }
    }
    Ok(())
}

/// The members of a set with these ranks, to be stored.
fn copy_of(
    set: Option<SortedSetRef<'_>>,
    ranks: Range<u64>,
    limit: PackedLimit,
    hasher: ElementHasher,
) -> Content<'static> {
    let pairs: Vec<Pair<'_>> = set.map_or_else(Vec::new, |set| set.iter(ranks).collect());
    sorted_set_of(pairs.iter().copied(), limit, hasher)
}

fn store_cut(ctx: &mut Context<'_, '_>, destination: &Key<'_>, cut: BulkCut) {
    let keyspace = &ctx.server.keyspace;
    let (range, others) = cut.into_parts();
    // They are freed in steps, as what is pinned is.
    drop(keyspace.pin_clone(Collection::SortedSet(others)));
    let count = range.len();
    let hasher = keyspace.hasher().elements();
    let content = content_of(range, ctx.config.limits.sorted_set, hasher);
    store(ctx, destination, content, count, "zrangestore");
}
