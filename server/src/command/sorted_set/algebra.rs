//! Unions, intersections and differences.
//!
//! Those of big sets are made without any lock, of pins. What is to be stored is stored when the command runs again, if the
//! sources are what they were then; if not it begins anew.

use storage::collection::Collection;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{
    BulkOperation, Operator, SortedSetRef, content_of, sorted_set_of,
};

use super::operands::{Operands, Options, are_current};
use super::reply::{Shown, reply_with_pairs};
use super::store::store;
use crate::command::bulk::{ATTEMPTS_MAX, Answered, Counted, Preparation, Steps, answer, prepare};
use crate::command::{Args, CommandResult, Context};
use crate::output::Output;
use crate::server::Server;

/// Where `numkeys` stands if there is a destination.
const NUMKEYS: usize = 2;

/// `ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] [WITHSCORES]`: the
/// members of all sets.
pub(super) fn zunion(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Options::Combine, Operator::Union)
}

/// `ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT] [WITHSCORES]`: the
/// members that every set has.
pub(super) fn zinter(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Options::Combine, Operator::Intersection)
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`: the members of the first set that no other has.
pub(super) fn zdiff(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Options::Subtract, Operator::Difference)
}

fn show(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    options: Options,
    operator: Operator,
) -> CommandResult {
    let operands = Operands::read(ctx, args, 1, options)?;
    let with_scores = operands.with_scores;
    if operands.are_big(operator) {
        let operation = operands.in_bulk(operator, None, &ctx.server.keyspace);
        let shown = ShownResult {
            operation,
            with_scores,
        };
        answer(ctx, shown);
    } else {
        reply_with_pairs(ctx, &operands.combined(operator), with_scores);
    }
    Ok(())
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`: how many members every set has, counted up to a limit.
pub(super) fn zintercard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let operator = Operator::Intersection;
    let operands = Operands::read(ctx, args, 1, Options::Count)?;
    if operands.are_big(operator) {
        let limit = operands.limit;
        let operation = operands.in_bulk(operator, Some(limit), &ctx.server.keyspace);
        let counted = Counted {
            work: operation,
            count: BulkOperation::count,
        };
        answer(ctx, counted);
    } else {
        ctx.reply.integer(operands.count_common() as i64);
    }
    Ok(())
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT]`.
pub(super) fn zunionstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::CombineAndStore;
    combine_and_store(ctx, args, options, Operator::Union, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX | COUNT]`.
pub(super) fn zinterstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::CombineAndStore;
    combine_and_store(ctx, args, options, Operator::Intersection, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key ...]`.
pub(super) fn zdiffstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::SubtractAndStore;
    combine_and_store(ctx, args, options, Operator::Difference, "zdiffstore")
}

fn combine_and_store(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    options: Options,
    operator: Operator,
    event: &'static str,
) -> CommandResult {
    let (operands, attempts) = match ctx.take_prepared::<Preparation<BulkOperation>>() {
        None => (Operands::read(ctx, args, NUMKEYS, options)?, 0),
        Some(prepared) if are_current(ctx, args, NUMKEYS, prepared.work.operands()) => {
            store_result(ctx, args, prepared.work, event);
            return Ok(());
        }
        Some(prepared) => {
            let operands = Operands::read_again(ctx, args, NUMKEYS, options)?;
            (operands, prepared.attempts)
        }
    };
    if !operands.are_big(operator) {
        store_combined(ctx, args, operands, operator, event);
        return Ok(());
    }
    let mut operation = operands.in_bulk(operator, None, &ctx.server.keyspace);
    if ctx.in_exec || attempts == ATTEMPTS_MAX {
        operation.run_all();
        store_result(ctx, args, operation, event);
    } else {
        prepare(ctx, operation, attempts);
    }
    Ok(())
}

fn store_combined(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    operands: Operands,
    operator: Operator,
    event: &'static str,
) {
    let pairs = operands.combined(operator);
    let count = pairs.len() as u64;
    let hasher = ctx.server.keyspace.hasher().elements();
    let limit = ctx.config.limits.sorted_set;
    let content = sorted_set_of(pairs.iter().copied(), limit, hasher);
    drop(pairs);
    // Before the destination is overwritten, which may be one of them: else they would hold the last copy of it.
    drop(operands);
    let destination = ctx.key(args, 1);
    store(ctx, &destination, content, count, event);
}

fn store_result(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    operation: BulkOperation,
    event: &'static str,
) {
    let tree = operation.into_tree();
    let count = tree.len();
    let hasher = ctx.server.keyspace.hasher().elements();
    let content = content_of(tree, ctx.config.limits.sorted_set, hasher);
    let destination = ctx.key(args, 1);
    store(ctx, &destination, content, count, event);
}

impl Steps for BulkOperation {
    fn step(&mut self, work: usize) -> bool {
        BulkOperation::step(self, work)
    }
}

/// A result whose members are answered.
#[derive(Debug)]
struct ShownResult {
    operation: BulkOperation,
    with_scores: bool,
}

impl Steps for ShownResult {
    fn step(&mut self, work: usize) -> bool {
        self.operation.step(work)
    }
}

impl Answered for ShownResult {
    fn write(self, reply: &mut Output<'_>, server: &Server) {
        // It is freed in steps, as what is pinned is.
        let result = Collection::SortedSet(self.operation.into_tree());
        let result = server.keyspace.pin_clone(result);
        let shown = Shown {
            ranks: 0..result.len(),
            is_reversed: false,
            with_scores: self.with_scores,
            is_nested: false,
        };
        let hasher = server.keyspace.hasher().elements();
        if let Some(set) = SortedSetRef::of(CollectionRef::Big(&result), hasher) {
            shown.write(reply, server, set);
        }
    }
}
