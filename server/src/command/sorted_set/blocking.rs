//! `BZPOPMIN` and its relatives: they wait until there is a member to pop.

use storage::typed::sorted_set::Extreme;
use storage::{Key, ValueType};

use super::mpop::{extreme_at, pop_with_name};
use super::pop::{PopReply, pop};
use crate::blocking::timeout;
use crate::command::mpop::PopOptions;
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
    let serve = move |ctx: &mut Context<'_, '_>, key: &Key<'_>| pop_one(ctx, key, from);
    ctx.serve_first_or_wait(args, 1..last, deadline_ms, ValueType::SortedSet, serve)
}

/// `BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]`: `ZMPOP`, or waits for a sorted set.
pub(super) fn bzmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 2, extreme_at)?;
    let deadline_ms = timeout::seconds(args.at(1), ctx.now().0)?;
    let serve = move |ctx: &mut Context<'_, '_>, key: &Key<'_>| {
        let db = ctx.db();
        pop_with_name(ctx, db, key, options).map(|_| ())
    };
    let keys = 3..3 + options.keys;
    ctx.serve_first_or_wait(args, keys, deadline_ms, ValueType::SortedSet, serve)
}

/// Pops one member, answered with the key's name.
fn pop_one(ctx: &mut Context<'_, '_>, key: &Key<'_>, from: Extreme) -> CommandResult {
    let db = ctx.db();
    pop(ctx, db, key, from, 1, PopReply::FlatWithKey)?;
    let command: &[u8] = match from {
        Extreme::Lowest => b"ZPOPMIN",
        Extreme::Highest => b"ZPOPMAX",
    };
    ctx.effect_in(db, &[command, key.bytes]);
    Ok(())
}
