//! `BZPOPMIN` and its relatives: they wait until there is a member to pop.

use storage::typed::sorted_set::Extreme;
use storage::waiters::Serve;
use storage::{DbIndex, Key, Unit, ValueType};

use super::mpop::{PopOptions, pop_with_name};
use super::pop::{PopReply, pop};
use crate::blocking::{Operation, serve_type, timeout};
use crate::command::{Args, CommandResult, Context};

/// `BZPOPMIN key [key ...] timeout`: removes the member with the lowest score of the first sorted set that is there, or
/// waits for one.
pub(super) fn bzpopmin(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_or_wait(ctx, args, Extreme::Lowest)
}

/// `BZPOPMAX key [key ...] timeout`: the same with the highest score.
pub(super) fn bzpopmax(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_or_wait(ctx, args, Extreme::Highest)
}

fn pop_or_wait(ctx: &mut Context<'_, '_>, args: Args<'_>, from: Extreme) -> CommandResult {
    let last = args.len() - 1;
    let deadline_ms = timeout::seconds(args.at(last), ctx.now().0)?;
    let keys: Vec<Key<'_>> = (1..last).map(|index| ctx.key(args, index)).collect();
    ctx.serve_or_wait(&keys, &[], deadline_ms, ValueType::SortedSet, PopOne(from))
}

/// `BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]`: `ZMPOP`, or waits for a sorted set.
pub(super) fn bzmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 2)?;
    let deadline_ms = timeout::seconds(args.at(1), ctx.now().0)?;
    let keys: Vec<Key<'_>> = (3..3 + options.keys)
        .map(|index| ctx.key(args, index))
        .collect();
    let operation = PopMany(options);
    ctx.serve_or_wait(&keys, &[], deadline_ms, ValueType::SortedSet, operation)
}

/// One member, answered with the key's name.
#[derive(Debug)]
struct PopOne(Extreme);

impl Operation for PopOne {
    fn takes_first(&self) -> Option<ValueType> {
        Some(ValueType::SortedSet)
    }

    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        serve_type(unit, db, key, ValueType::SortedSet)
    }

    fn serve(&self, ctx: &mut Context<'_, '_>, key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        pop(ctx, db, key, self.0, 1, PopReply::FlatWithKey)?;
        let command: &[u8] = match self.0 {
            Extreme::Lowest => b"ZPOPMIN",
            Extreme::Highest => b"ZPOPMAX",
        };
        ctx.effect_in(db, &[command, key.bytes]);
        Ok(())
    }
}

/// As many members as were asked for, or as there are.
#[derive(Debug)]
struct PopMany(PopOptions);

impl Operation for PopMany {
    fn takes_first(&self) -> Option<ValueType> {
        Some(ValueType::SortedSet)
    }

    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        serve_type(unit, db, key, ValueType::SortedSet)
    }

    fn serve(&self, ctx: &mut Context<'_, '_>, key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        pop_with_name(ctx, db, key, self.0).map(|_| ())
    }
}
