//! Unions, intersections and differences that are answered: `SUNION`, `SINTER`, `SDIFF`, and their numbers of members.

use storage::ValueType;
use storage::collection::Collection;
use storage::typed::Held;
use storage::typed::set::{BulkOperation, Operator, SetRef, Start, combine, count, each_common};

use super::members::{reply_all, reply_pinned};
use crate::command::bulk::{Answered, Counted, Steps, WORK_AT_ONCE_MAX, answer};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::Output;
use crate::server::Server;

/// `SUNION key [key ...]`: the members of any of the sets.
pub(super) fn sunion(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Operator::Union)
}

/// `SINTER key [key ...]`: the members that all sets have.
pub(super) fn sinter(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Operator::Intersection)
}

/// `SDIFF key [key ...]`: the members of the first set that no other has.
pub(super) fn sdiff(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show(ctx, args, Operator::Difference)
}

fn show(ctx: &mut Context<'_, '_>, args: Args<'_>, operator: Operator) -> CommandResult {
    let sources = Sources::hold(ctx, args, 1)?;
    if sources.are_big(operator) {
        let bulk = sources.in_bulk(operator, None, ctx);
        answer(ctx, ShownResult(bulk));
        return Ok(());
    }
    let hasher = ctx.server.keyspace.hasher().elements();
    let sets = sources.sets();
    if operator == Operator::Intersection {
        let (header, mut len) = (ctx.reply.begin_deferred(), 0);
        each_common(&sets, hasher, |member| {
            ctx.reply.value(member);
            len += 1;
            true
        });
        ctx.reply.end_deferred_set(header, len);
        return Ok(());
    }
    let result = combine(operator, &sets, Start::Shown, hasher, &ctx.config.limits);
    let result = result.as_set();
    ctx.reply.set(result.len() as usize);
    reply_all(&mut ctx.reply, result, &ctx.server.keyspace);
    Ok(())
}

/// `SUNIONCARD numkeys key [key ...] [APPROX] [LIMIT limit]`: how many members any of the sets has, counted up to a limit.
/// It is counted exactly even if an estimate would do: sets in the same order take no memory to count.
pub(super) fn sunioncard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show_count(ctx, args, Operator::Union)
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`: how many members all sets have, counted up to a limit.
pub(super) fn sintercard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show_count(ctx, args, Operator::Intersection)
}

/// `SDIFFCARD numkeys key [key ...] [LIMIT limit]`: how many members of the first set no other has, counted up to a limit.
pub(super) fn sdiffcard(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    show_count(ctx, args, Operator::Difference)
}

fn show_count(ctx: &mut Context<'_, '_>, args: Args<'_>, operator: Operator) -> CommandResult {
    let limit = parse_limit(args, operator == Operator::Union)?;
    let sources = Sources::hold(ctx, args, 2)?;
    if sources.are_big(operator) {
        let bulk = sources.in_bulk(operator, Some(limit), ctx);
        let counted = Counted {
            work: bulk,
            count: BulkOperation::count,
        };
        answer(ctx, counted);
        return Ok(());
    }
    let hasher = ctx.server.keyspace.hasher().elements();
    let limits = &ctx.config.limits;
    let counted = count(operator, &sources.sets(), limit, hasher, limits);
    ctx.reply.integer(counted as i64);
    Ok(())
}

/// The limit behind `numkeys key [key ...]`, 0 if there is none.
fn parse_limit(args: Args<'_>, may_estimate: bool) -> Result<u64, CommandError> {
    let keys = protocol::parse_i64(args.at(1)).and_then(|keys| usize::try_from(keys).ok());
    let keys = keys.filter(|keys| *keys > 0);
    let keys = keys.ok_or(CommandError::Line("ERR numkeys should be greater than 0"))?;
    if keys > args.len() - 2 {
        return Err(CommandError::Line(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    let (mut at, mut limit) = (2 + keys, 0);
    while at < args.len() {
        if may_estimate && args.is(at, "APPROX") {
            at += 1;
            continue;
        }
        let text = args.get(at + 1).filter(|_| args.is(at, "LIMIT"));
        let number = protocol::parse_i64(text.ok_or(CommandError::Syntax)?);
        limit = number
            .and_then(|limit| u64::try_from(limit).ok())
            .ok_or(CommandError::Line("ERR LIMIT can't be negative"))?;
        at += 2;
    }
    Ok(limit)
}

/// What the keys of a command held.
#[derive(Debug)]
pub(super) struct Sources(Vec<Held>);

impl Sources {
    /// Those of the keys from argument `first` on.
    ///
    /// # Errors
    /// `WrongType` if one of them holds something else than a set.
    pub(super) fn hold(
        ctx: &mut Context<'_, '_>,
        args: Args<'_>,
        first: usize,
    ) -> Result<Self, CommandError> {
        let db = ctx.db();
        let keys = ctx.keys(args).filter(|(at, _)| *at >= first);
        let mut held = Vec::with_capacity(args.len() - first);
        for (_, key) in keys {
            held.push(ctx.unit.hold_value(db, &key, ValueType::Set)?);
        }
        Ok(Self(held))
    }

    /// The same once more, for a command that has looked them up before.
    ///
    /// # Errors
    /// As [`Sources::hold`].
    pub(super) fn hold_again(
        ctx: &mut Context<'_, '_>,
        args: Args<'_>,
        first: usize,
    ) -> Result<Self, CommandError> {
        let db = ctx.db();
        let keys = ctx.keys(args).filter(|(at, _)| *at >= first);
        let mut held = Vec::with_capacity(args.len() - first);
        for (_, key) in keys {
            held.push(ctx.unit.hold_value_again(db, &key, ValueType::Set)?);
        }
        Ok(Self(held))
    }

    /// Whether the keys still hold the same.
    pub(super) fn are_current(
        &self,
        ctx: &mut Context<'_, '_>,
        args: Args<'_>,
        first: usize,
    ) -> bool {
        let db = ctx.db();
        let mut keys = ctx.keys(args).filter(|(at, _)| *at >= first).zip(&self.0);
        keys.all(|((_, key), held)| ctx.unit.still_holds(db, &key, held))
    }

    /// The sets; those that are not there are missing.
    pub(super) fn sets(&self) -> Vec<Option<SetRef<'_>>> {
        let sets = self.0.iter().map(|held| held.content().map(SetRef::of));
        sets.collect()
    }

    /// Whether the operation takes so long that nobody should wait for it.
    pub(super) fn are_big(&self, operator: Operator) -> bool {
        let lens = self.0.iter().map(|held| {
            let set = held.content().map(SetRef::of);
            set.map_or(0, SetRef::len)
        });
        operator.work(&lens.collect::<Vec<_>>()) > WORK_AT_ONCE_MAX
    }

    /// The operation in steps.
    pub(super) fn in_bulk(
        &self,
        operator: Operator,
        count_to: Option<u64>,
        ctx: &Context<'_, '_>,
    ) -> BulkOperation {
        let keyspace = &ctx.server.keyspace;
        BulkOperation::new(operator, &self.0, count_to, keyspace, &ctx.config.limits)
    }
}

impl Steps for BulkOperation {
    fn step(&mut self, work: usize) -> bool {
        BulkOperation::step(self, work)
    }
}

/// A result whose members are answered.
#[derive(Debug)]
struct ShownResult(BulkOperation);

impl Steps for ShownResult {
    fn step(&mut self, work: usize) -> bool {
        self.0.step(work)
    }
}

impl Answered for ShownResult {
    fn write(self, reply: &mut Output<'_>, server: &Server) {
        let result = Collection::Set(self.0.into_tree());
        // It is freed in steps, as what is pinned is.
        let result = server.keyspace.pin_clone(result);
        reply.set(result.len() as usize);
        reply_pinned(reply, result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn counts_are_limited() {
        let numkeys = CommandError::Line("ERR numkeys should be greater than 0");
        let too_many =
            CommandError::Line("ERR Number of keys can't be greater than number of args");
        let negative = CommandError::Line("ERR LIMIT can't be negative");
        let syntax = CommandError::Syntax;
        for (words, may_estimate, expected) in [
            ("SINTERCARD 1 k", false, Ok(0)),
            ("SINTERCARD 2 k l limit 7", false, Ok(7)),
            ("SINTERCARD 1 k LIMIT 7 LIMIT 0", false, Ok(0)),
            ("SINTERCARD 0 k", false, Err(&numkeys)),
            ("SINTERCARD x k", false, Err(&numkeys)),
            ("SINTERCARD -1 k", false, Err(&numkeys)),
            ("SINTERCARD 2 k", false, Err(&too_many)),
            ("SINTERCARD 9223372036854775807 k", false, Err(&too_many)),
            ("SINTERCARD 1 k l", false, Err(&syntax)),
            ("SINTERCARD 1 k LIMIT", false, Err(&syntax)),
            ("SINTERCARD 1 k LIMIT -1", false, Err(&negative)),
            ("SINTERCARD 1 k LIMIT x", false, Err(&negative)),
            ("SINTERCARD 1 k APPROX", false, Err(&syntax)),
            ("SUNIONCARD 1 k APPROX", true, Ok(0)),
            ("SUNIONCARD 1 k approx LIMIT 3", true, Ok(3)),
            ("SUNIONCARD 1 k LIMIT 3 APPROX", true, Ok(3)),
            ("SUNIONCARD 1 k LIMIT APPROX", true, Err(&negative)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, |args| parse_limit(args, may_estimate));
            assert_eq!(
                parsed.as_ref(),
                expected.as_ref().map_err(|error| *error),
                "{words:?}"
            );
        }
    }
}
