//! Counters: `INCR` and its relatives.

use storage::long_double::{LongDouble, ParsedNumber};
use storage::{NewExpiry, NewValue, StringRef};

use super::{integer, log_set};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `INCR key`: adds 1.
pub(super) fn incr(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    add(ctx, args, 1)
}

/// `DECR key`: subtracts 1.
pub(super) fn decr(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    add(ctx, args, -1)
}

/// `INCRBY key increment`: adds an integer.
pub(super) fn incrby(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    add(ctx, args, integer(args.at(2))?)
}

/// `DECRBY key decrement`: subtracts an integer.
pub(super) fn decrby(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let decrement = integer(args.at(2))?;
    add(
        ctx,
        args,
        decrement
            .checked_neg()
            .ok_or(CommandError::Line("ERR decrement would overflow"))?,
    )
}

fn add(ctx: &mut Context<'_, '_>, args: Args<'_>, increment: i64) -> CommandResult {
    let key = ctx.key(args, 1);
    let value = ctx.unit.incr(ctx.session.db, &key, increment)?;
    ctx.notify(EventClass::STRING, "incrby", key.bytes);
    ctx.reply.integer(value);
    Ok(())
}

/// `INCRBYFLOAT key increment`: adds a floating-point number.
pub(super) fn incrbyfloat(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    // The stored value is looked at first: if neither is a number the error is the same, but an infinite
    // increment is not reported over a value that is none.
    let value = match ctx.unit.string_to_change(ctx.session.db, &key)? {
        Some(value) => stored_number(value)?,
        None => ParsedNumber::Finite(LongDouble::ZERO),
    };
    let increment = LongDouble::parse(args.at(2)).ok_or(CommandError::NotFloat)?;
    let sum = match (value, increment) {
        (ParsedNumber::Finite(value), ParsedNumber::Finite(increment)) => {
            value.checked_add(increment)
        }
        _ => None,
    };
    let text = sum.ok_or(CommandError::NotFinite)?.to_text();
    ctx.unit.set(
        ctx.session.db,
        &key,
        NewValue::Bytes(text.as_bytes()),
        NewExpiry::Keep,
    );
    log_set(ctx, key.bytes, text.as_bytes(), NewExpiry::Keep);
    ctx.notify(EventClass::STRING, "incrbyfloat", key.bytes);
    ctx.reply.bulk(text.as_bytes());
    Ok(())
}

/// A stored string as a floating-point number.
pub(super) fn stored_number(value: StringRef<'_>) -> Result<ParsedNumber, CommandError> {
    let number = match value {
        StringRef::Raw(text) => LongDouble::parse(text),
        StringRef::Int(value) => Some(ParsedNumber::Finite(LongDouble::from_integer(value))),
        // Longer than any number that is read.
        StringRef::Big(_) => None,
    };
    number.ok_or(CommandError::NotFloat)
}
