//! Counters in fields: `HINCRBY`, `HINCRBYFLOAT`.

use storage::NewExpiry;
use storage::listpack::Value;
use storage::long_double::{LongDouble, ParsedNumber};

use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `HINCRBY key field increment`: adds an integer to a field's value, 0 if there is none; its expire time stays.
pub(super) fn hincrby(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let increment = protocol::parse_i64(args.at(3)).ok_or(CommandError::NotInteger)?;
    let (key, field) = (ctx.key(args, 1), args.at(2));
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            let sum = match hash.get(field, |value| value.to_integer()) {
                Some(value) => value
                    .ok_or(CommandError::Line("ERR hash value is not an integer"))?
                    .checked_add(increment)
                    .ok_or(CommandError::Overflow)?,
                None => increment,
            };
            let mut digits = itoa::Buffer::new();
            hash.set(field, digits.format(sum).as_bytes(), NewExpiry::Keep);
            hash.changed(1);
            Ok::<_, CommandError>(sum)
        })?;
    let sum = edited.result?;
    ctx.notify(EventClass::HASH, "hincrby", key.bytes);
    ctx.reply.integer(sum);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`: adds a floating-point number to a field's value; its expire time stays.
pub(super) fn hincrbyfloat(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let increment = match LongDouble::parse(args.at(3)) {
        Some(ParsedNumber::Finite(increment)) => increment,
        Some(_) => return Err(CommandError::Line("ERR value is NaN or Infinity")),
        None => return Err(CommandError::NotFloat),
    };
    let (key, field) = (ctx.key(args, 1), args.at(2));
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            let old = hash.get(field, number).unwrap_or(Some(ZERO));
            let sum = match old {
                Some(ParsedNumber::Finite(old)) => old.checked_add(increment),
                Some(_) => None,
                None => return Err(CommandError::Line("ERR hash value is not a float")),
            };
            let text = sum.ok_or(CommandError::NotFinite)?.to_text();
            let has_expiry = matches!(hash.expire_at(field), Some(Some(_)));
            hash.set(field, text.as_bytes(), NewExpiry::Keep);
            hash.changed(1);
            Ok((text, has_expiry))
        })?;
    let (text, has_expiry) = edited.result?;
    if has_expiry {
        let before: &[&[u8]] = &[b"HSETEX", key.bytes, b"KEEPTTL", b"FIELDS", b"1"];
        ctx.effect(&[before, &[field, text.as_bytes()]].concat());
    } else {
        ctx.effect(&[b"HSET", key.bytes, field, text.as_bytes()]);
    }
    ctx.notify(EventClass::HASH, "hincrbyfloat", key.bytes);
    ctx.reply.bulk(text.as_bytes());
    Ok(())
}

const ZERO: ParsedNumber = ParsedNumber::Finite(LongDouble::ZERO);

/// A field's value as a floating-point number.
fn number(value: Value<'_>) -> Option<ParsedNumber> {
    match value {
        Value::Int(integer) => Some(ParsedNumber::Finite(LongDouble::from_integer(integer))),
        Value::Bytes(text) => LongDouble::parse(text),
    }
}
