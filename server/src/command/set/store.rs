//! Unions, intersections and differences that are stored: `SUNIONSTORE`, `SINTERSTORE`, `SDIFFSTORE`.
//!
//! Those of big sets are made without any lock, of pins. Then the command runs again, and stores what was made if its
//! sources are what they were; if not it begins anew.

use storage::typed::set::{BulkOperation, Operator, OwnedSet, Start, combine};

use super::algebra::Sources;
use crate::command::bulk::{ATTEMPTS_MAX, Preparation, Steps, prepare};
use crate::command::{Args, CommandResult, Context};
use crate::notify::EventClass;

/// The argument of the first source.
const FIRST_SOURCE: usize = 2;

/// `SUNIONSTORE destination key [key ...]`: stores the members of any of the sets; how many they are.
pub(super) fn sunionstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    combine_and_store(ctx, args, Operator::Union, "sunionstore")
}

/// `SINTERSTORE destination key [key ...]`: stores the members that all sets have; how many they are.
pub(super) fn sinterstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    combine_and_store(ctx, args, Operator::Intersection, "sinterstore")
}

/// `SDIFFSTORE destination key [key ...]`: stores the members of the first set that no other has; how many they are.
pub(super) fn sdiffstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    combine_and_store(ctx, args, Operator::Difference, "sdiffstore")
}

fn combine_and_store(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    operator: Operator,
    event: &'static str,
) -> CommandResult {
    let (sources, attempts) = match ctx.take_prepared::<Preparation<Combining>>() {
        None => (Sources::hold(ctx, args, FIRST_SOURCE)?, 0),
        Some(prepared) if prepared.work.sources.are_current(ctx, args, FIRST_SOURCE) => {
            let result = prepared.work.bulk.into_set(&ctx.config.limits);
            store(ctx, args, result, event);
            return Ok(());
        }
        Some(prepared) => {
            let sources = Sources::hold_again(ctx, args, FIRST_SOURCE)?;
            (sources, prepared.attempts)
        }
    };
    let limits = &ctx.config.limits;
    if !sources.are_big(operator) {
        let hasher = ctx.server.keyspace.hasher().elements();
        let result = combine(operator, &sources.sets(), Start::Stored, hasher, limits);
        store(ctx, args, result, event);
        return Ok(());
    }
    let mut bulk = sources.in_bulk(operator, None, ctx);
    if ctx.in_exec || attempts == ATTEMPTS_MAX {
        bulk.run_all();
        store(ctx, args, bulk.into_set(limits), event);
    } else {
        prepare(ctx, Combining { sources, bulk }, attempts);
    }
    Ok(())
}

/// Stores a result at the destination, whatever was there, announces it and answers the number of members. Of an empty
/// result nothing is stored.
fn store(ctx: &mut Context<'_, '_>, args: Args<'_>, result: OwnedSet, event: &'static str) {
    let (db, destination) = (ctx.db(), ctx.key(args, 1));
    let len = result.as_set().len();
    if len > 0 {
        let content = result.into_content();
        ctx.unit.set_collection(db, &destination, content);
        ctx.notify(EventClass::SET, event, destination.bytes);
    } else if ctx.unit.delete(db, &destination) {
        ctx.notify(EventClass::GENERIC, "del", destination.bytes);
    }
    ctx.reply.integer(len as i64);
}

/// A result on its way, and what it is made of.
#[derive(Debug)]
struct Combining {
    sources: Sources,
    bulk: BulkOperation,
}

impl Steps for Combining {
    fn step(&mut self, work: usize) -> bool {
        self.bulk.step(work)
    }
}
