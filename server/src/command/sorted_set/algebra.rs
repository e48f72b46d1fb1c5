//! Unions, intersections and differences.

use storage::typed::sorted_set::{
    Pair, difference, intersection, intersection_len, sorted_set_of, union,
};

use super::operands::{Operands, Options};
use super::reply::reply_with_pairs;
use super::store::store;
use crate::command::{Args, CommandResult, Context};

/// What makes one set of several.
type Operation = for<'a> fn(&'a Operands) -> Vec<Pair<'a>>;

fn union_of(operands: &Operands) -> Vec<Pair<'_>> {
    union(&operands.weighted(), operands.aggregate)
}

fn intersection_of(operands: &Operands) -> Vec<Pair<'_>> {
    intersection(&operands.weighted(), operands.aggregate)
}

fn difference_of(operands: &Operands) -> Vec<Pair<'_>> {
    difference(&operands.weighted())
}

/// `ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] [WITHSCORES]`: the
/// members of all sets.
pub(super) fn zunion(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Options::Combine, union_of)
}

/// `ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] [WITHSCORES]`: the
/// members that every set has.
pub(super) fn zinter(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Options::Combine, intersection_of)
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`: the members of the first set that no other has.
pub(super) fn zdiff(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Options::Subtract, difference_of)
}

fn show(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    options: Options,
    operation: Operation,
) -> CommandResult {
    let operands = Operands::read(ctx, args, 1, options)?;
    reply_with_pairs(ctx, &operation(&operands), operands.with_scores);
    Ok(())
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT]`.
pub(super) fn zunionstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    combine_and_store(ctx, args, Options::CombineAndStore, union_of, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT]`.
pub(super) fn zinterstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let operation = intersection_of;
    combine_and_store(
        ctx,
        args,
        Options::CombineAndStore,
        operation,
        "zinterstore",
    )
}

/// `ZDIFFSTORE destination numkeys key [key ...]`.
pub(super) fn zdiffstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    combine_and_store(
        ctx,
        args,
        Options::SubtractAndStore,
        difference_of,
        "zdiffstore",
    )
}

fn combine_and_store(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    options: Options,
    operation: Operation,
    event: &'static str,
) -> CommandResult {
    let operands = Operands::read(ctx, args, 2, options)?;
    let pairs = operation(&operands);
    let count = pairs.len() as u64;
    let hasher = ctx.server.keyspace.hasher().elements();
    let limit = ctx.config.limits.sorted_set;
    let content = sorted_set_of(pairs.iter().copied(), limit, hasher);
    drop(pairs);
    // Before the destination is overwritten, which may be one of them: else they would hold the last copy of it.
    drop(operands);
    let destination = ctx.key(args, 1);
    store(ctx, &destination, content, count, event);
    Ok(())
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`: how many members every set has, counted up to a limit.
pub(super) fn zintercard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let operands = Operands::read(ctx, args, 1, Options::Count)?;
    let count = intersection_len(&operands.weighted(), operands.limit);
    ctx.reply.integer(count as i64);
    Ok(())
}
