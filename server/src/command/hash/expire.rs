//! Expire times of fields: `HEXPIRE` and its forms, `HPERSIST`, `HTTL` and its forms.

use storage::UnixMillis;

use super::fields::{COUNT_NOT_POSITIVE, Scale, fields, log_fields, log_removed, type_first};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS count field [field …]`.
pub(super) fn hexpire(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire(ctx, args, Scale::SECONDS, "hexpire")
}

/// `HPEXPIRE key milliseconds …`, as [`hexpire`].
pub(super) fn hpexpire(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire(ctx, args, Scale::MILLISECONDS, "hpexpire")
}

/// `HEXPIREAT key unix-seconds …`, as [`hexpire`].
pub(super) fn hexpireat(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire(ctx, args, Scale::UNIX_SECONDS, "hexpireat")
}

/// `HPEXPIREAT key unix-milliseconds …`, as [`hexpire`].
pub(super) fn hpexpireat(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    expire(ctx, args, Scale::UNIX_MILLISECONDS, "hpexpireat")
}

/// When an expire time is set, given the one that the field has.
#[derive(Clone, Copy, Debug)]
enum Condition {
    Always,
    /// `NX`.
    Without,
    /// `XX`.
    With,
    /// `GT`.
    Later,
    /// `LT`.
    Earlier,
}

impl Condition {
    fn named(args: Args<'_>, at: usize) -> Option<Self> {
        const NAMES: [(&str, Condition); 4] = [
            ("NX", Condition::Without),
            ("XX", Condition::With),
            ("GT", Condition::Later),
            ("LT", Condition::Earlier),
        ];
        let named = NAMES.into_iter().find(|(name, _)| args.is(at, name));
        named.map(|(_, condition)| condition)
    }

    /// Whether `new` may replace `old`; a field without an expire time counts as expiring never.
    fn allows(self, old: Option<UnixMillis>, new: UnixMillis) -> bool {
        match self {
            Condition::Always => true,
            Condition::Without => old.is_none(),
            Condition::With => old.is_some(),
            Condition::Later => old.is_some_and(|old| new > old),
            Condition::Earlier => old.is_none_or(|old| new < old),
        }
    }
}

/// What is replied for each field.
const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const NOT_ALLOWED: i64 = 0;
const DONE: i64 = 1;
const REMOVED: i64 = 2;

struct Expire<'a> {
    at: UnixMillis,
    condition: Condition,
    fields: Args<'a>,
}

impl<'a> Expire<'a> {
    fn parse(
        args: Args<'a>,
        scale: Scale,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<Self, CommandError> {
        let at = scale.instant(args.at(2), now, command)?;
        let condition = Condition::named(args, 3);
        let fields_at = if condition.is_some() { 4 } else { 3 };
        let not_positive = "ERR Parameter `numFields` should be greater than 0";
        Ok(Self {
            at,
            condition: condition.unwrap_or(Condition::Always),
            fields: fields(args, fields_at, not_positive)?,
        })
    }
}

fn expire(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    scale: Scale,
    command: &'static str,
) -> CommandResult {
    let key = ctx.key(args, 1);
    let parsed = Expire::parse(args, scale, ctx.now(), command);
    let Expire {
        at,
        condition,
        fields,
    } = type_first(ctx, &key, parsed)?;
    let removes = at <= ctx.now() && !ctx.unit.state().is_replica();
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            let one = |field| match hash.expire_at(field) {
                None => NO_FIELD,
                Some(old) if !condition.allows(old, at) => NOT_ALLOWED,
                Some(_) => {
                    hash.changed(1);
                    if removes {
                        hash.remove(field);
                        REMOVED
                    } else {
                        hash.set_expiry(field, Some(at));
                        DONE
                    }
                }
            };
            fields.iter().map(one).collect::<Vec<i64>>()
        })?;
    if edited.changes > 0 {
        let codes = fields.iter().zip(&edited.result);
        let changed = codes.filter(|(_, code)| **code > NOT_ALLOWED);
        let changed: Vec<&[u8]> = changed.map(|(field, _)| field).collect();
        if removes {
            log_removed(ctx, key.bytes, &changed);
            ctx.notify(EventClass::HASH, "hdel", key.bytes);
        } else {
            let mut digits = itoa::Buffer::new();
            let at = digits.format(at.0).as_bytes();
            log_fields(ctx, &[b"HPEXPIREAT", key.bytes, at], &changed);
            ctx.notify(EventClass::HASH, "hexpire", key.bytes);
        }
    }
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    reply_codes(ctx, &edited.result);
    Ok(())
}

/// `HPERSIST key FIELDS count field [field …]`.
pub(super) fn hpersist(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let parsed = fields(args, 2, COUNT_NOT_POSITIVE);
    let fields = type_first(ctx, &key, parsed)?;
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            let one = |field| match hash.expire_at(field) {
                None => NO_FIELD,
                Some(None) => NO_EXPIRY,
                Some(Some(_)) => {
                    hash.changed(1);
                    hash.set_expiry(field, None);
                    DONE
                }
            };
            fields.iter().map(one).collect::<Vec<i64>>()
        })?;
    if edited.changes > 0 {
        // Only the fields that are there: of the others some may lie there, expired.
        let codes = fields.iter().zip(&edited.result);
        let changed = codes.filter(|(_, code)| **code == DONE);
        let changed: Vec<&[u8]> = changed.map(|(field, _)| field).collect();
        log_fields(ctx, &[b"HPERSIST", key.bytes], &changed);
        ctx.notify(EventClass::HASH, "hpersist", key.bytes);
    }
    reply_codes(ctx, &edited.result);
    Ok(())
}

fn reply_codes(ctx: &mut Context<'_, '_>, codes: &[i64]) {
    ctx.reply.array(codes.len());
    codes.iter().for_each(|code| ctx.reply.integer(*code));
}

/// `HTTL key FIELDS count field [field …]`: seconds left, rounded up.
pub(super) fn httl(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let now = ctx.now().0;
    reply_times(ctx, args, |at| to_seconds((at - now).max(0)))
}

/// `HPTTL key FIELDS count field [field …]`: milliseconds left.
pub(super) fn hpttl(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let now = ctx.now().0;
    reply_times(ctx, args, |at| (at - now).max(0))
}

/// `HEXPIRETIME key FIELDS count field [field …]`: the instant in Unix seconds, rounded up.
pub(super) fn hexpiretime(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    reply_times(ctx, args, to_seconds)
}

/// `HPEXPIRETIME key FIELDS count field [field …]`: the instant in Unix milliseconds.
pub(super) fn hpexpiretime(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    reply_times(ctx, args, |at| at)
}

fn to_seconds(ms: i64) -> i64 {
    ms.saturating_add(999) / 1000
}

fn reply_times(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    shown: impl Fn(i64) -> i64,
) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let parsed = fields(args, 2, COUNT_NOT_POSITIVE);
    // A read, so the lookup that comes first if there is an error is the one that counts.
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    let fields = parsed?;
    ctx.reply.array(fields.len());
    for field in fields.iter() {
        let expire_at = hash.and_then(|hash| hash.expire_at(hasher, field));
        ctx.reply.integer(match expire_at {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(at)) => shown(at.0),
        });
    }
    Ok(())
}
