//! Expire times: `EXPIRE` and its forms, `TTL` and its forms, `PERSIST`.

use storage::UnixMillis;

use crate::command::args::Args;
use crate::command::{CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// How a command states an instant.
#[derive(Clone, Copy)]
struct Scale {
    /// Milliseconds in its unit: 1 or 1000.
    unit_ms: i64,
    /// Whether it counts from now rather than from 1970.
    relative: bool,
    /// The command's name as errors show it.
    name: &'static str,
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`.
pub(super) fn expire(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire_generic(
        ctx,
        args,
        Scale {
            unit_ms: 1000,
            relative: true,
            name: "expire",
        },
    )
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`.
pub(super) fn pexpire(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire_generic(
        ctx,
        args,
        Scale {
            unit_ms: 1,
            relative: true,
            name: "pexpire",
        },
    )
}

/// `EXPIREAT key unix-seconds [NX | XX | GT | LT]`.
pub(super) fn expire_at(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire_generic(
        ctx,
        args,
        Scale {
            unit_ms: 1000,
            relative: false,
            name: "expireat",
        },
    )
}

/// `PEXPIREAT key unix-milliseconds [NX | XX | GT | LT]`.
pub(super) fn pexpire_at(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire_generic(
        ctx,
        args,
        Scale {
            unit_ms: 1,
            relative: false,
            name: "pexpireat",
        },
    )
}

/// When an `EXPIRE` applies, given the expire time the key has.
#[derive(Clone, Copy, Default)]
struct Condition {
    only_without: bool,
    only_with: bool,
    only_later: bool,
    only_earlier: bool,
}

impl Condition {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut condition = Self::default();
        for option in args.from(3) {
            match option {
                _ if option.eq_ignore_ascii_case(b"NX") => condition.only_without = true,
                _ if option.eq_ignore_ascii_case(b"XX") => condition.only_with = true,
                _ if option.eq_ignore_ascii_case(b"GT") => condition.only_later = true,
                _ if option.eq_ignore_ascii_case(b"LT") => condition.only_earlier = true,
                _ => return Err(CommandError::quoting("ERR Unsupported option ", option, "")),
            }
        }
        if condition.only_without
            && (condition.only_with || condition.only_later || condition.only_earlier)
        {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(CommandError::Line(text));
        }
        if condition.only_later && condition.only_earlier {
            return Err(CommandError::Line(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(condition)
    }

    /// Whether `new` may replace `old`; a key without an expire time counts as expiring never.
    fn allows(self, old: Option<UnixMillis>, new: UnixMillis) -> bool {
        !(self.only_without && old.is_some()
            || self.only_with && old.is_none()
            || self.only_later && old.is_none_or(|old| new <= old)
            || self.only_earlier && old.is_some_and(|old| new >= old))
    }
}

fn expire_generic(ctx: &mut Context<'_, '_>, args: Args<'_>, scale: Scale) -> CommandResult {
    let condition = Condition::parse(args)?;
    let amount = protocol::parse_i64(&args[2]).ok_or(CommandError::NotInteger)?;
    let base = if scale.relative { ctx.now().0 } else { 0 };
    let at = amount
        .checked_mul(scale.unit_ms)
        .and_then(|ms| ms.checked_add(base));
    let at = UnixMillis(at.ok_or(CommandError::InvalidExpireTime(scale.name))?);

    let (db, key) = (ctx.session.db, ctx.key(args, 1));
    let old = ctx.unit.peek(db, &key).map(|entry| entry.expire_at());
    let applies = old.is_some_and(|old| condition.allows(old, at));
    if applies && at <= ctx.now() && !ctx.unit.state().is_replica() {
        ctx.unit.delete(db, &key);
        ctx.effect(&[b"DEL", key.bytes]);
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    } else if applies {
        ctx.unit.set_expire(db, &key, Some(at));
        ctx.effect(&[
            b"PEXPIREAT",
            key.bytes,
            itoa::Buffer::new().format(at.0).as_bytes(),
        ]);
        ctx.notify(EventClass::GENERIC, "expire", key.bytes);
    }
    ctx.reply.integer(applies.into());
    Ok(())
}

/// `PERSIST key`: removes the expire time; 1 if there was one.
pub(super) fn persist(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.session.db, ctx.key(args, 1));
    let had_one = ctx
        .unit
        .peek(db, &key)
        .is_some_and(|entry| entry.expire_at().is_some());
    if had_one {
        ctx.unit.set_expire(db, &key, None);
        ctx.notify(EventClass::GENERIC, "persist", key.bytes);
    }
    ctx.reply.integer(had_one.into());
    Ok(())
}

/// `TTL key`: seconds left, rounded; -1 without an expire time, -2 without a key.
pub(super) fn ttl(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let now = ctx.now().0;
    reply_time(ctx, args, |at| round_to_seconds((at - now).max(0)))
}

/// `PTTL key`: milliseconds left.
pub(super) fn pttl(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let now = ctx.now().0;
    reply_time(ctx, args, |at| (at - now).max(0))
}

/// `EXPIRETIME key`: the instant in Unix seconds, rounded.
pub(super) fn expire_time(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    reply_time(ctx, args, round_to_seconds)
}

/// `PEXPIRETIME key`: the instant in Unix milliseconds.
pub(super) fn pexpire_time(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    reply_time(ctx, args, |at| at)
}

fn round_to_seconds(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

fn reply_time(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    shown: impl Fn(i64) -> i64,
) -> CommandResult {
    let key = ctx.key(args, 1);
    let found = ctx
        .unit
        .glance(ctx.session.db, &key)
        .map(|entry| entry.expire_at());
    ctx.reply.integer(match found {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => shown(at.0),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_with_the_expire_time_there_is() {
        let (early, late) = (Some(UnixMillis(10)), UnixMillis(20));
        let check = |condition: Condition, old, expected: bool| {
            assert_eq!(condition.allows(old, late), expected)
        };
        check(Condition::default(), None, true);
        check(
            Condition {
                only_without: true,
                ..Default::default()
            },
            None,
            true,
        );
        check(
            Condition {
                only_without: true,
                ..Default::default()
            },
            early,
            false,
        );
        check(
            Condition {
                only_with: true,
                ..Default::default()
            },
            None,
            false,
        );
        check(
            Condition {
                only_with: true,
                ..Default::default()
            },
            early,
            true,
        );
        // No expire time is later than any other.
        check(
            Condition {
                only_later: true,
                ..Default::default()
            },
            None,
            false,
        );
        check(
            Condition {
                only_later: true,
                ..Default::default()
            },
            early,
            true,
        );
        check(
            Condition {
                only_later: true,
                ..Default::default()
            },
            Some(late),
            false,
        );
        check(
            Condition {
                only_earlier: true,
                ..Default::default()
            },
            None,
            true,
        );
        check(
            Condition {
                only_earlier: true,
                ..Default::default()
            },
            early,
            false,
        );
        check(
            Condition {
                only_with: true,
                only_earlier: true,
                ..Default::default()
            },
            None,
            false,
        );
    }
}
