//! Reading fields and doing something to them at once: `HGETEX`, `HGETDEL`.

use storage::UnixMillis;

use super::fields::{COUNT_NOT_POSITIVE, Scale, fields, log_fields, log_removed, type_first};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;
use crate::output::write_value;

/// What `HGETEX` does to the fields that it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Nothing,
    Persist,
    ExpireAt(UnixMillis),
}

fn parse_getex<'a>(args: Args<'a>, now: UnixMillis) -> Result<(Change, Args<'a>), CommandError> {
    let (change, fields_at) = match Scale::named(args, 2) {
        _ if args.is(2, "PERSIST") => (Change::Persist, 3),
        Some(scale) => {
            let at = scale.instant(args.at(3), now, "hgetex")?;
            (Change::ExpireAt(at), 4)
        }
        None => (Change::Nothing, 2),
    };
    if fields_at + 1 >= args.len() {
        return Err(CommandError::WrongArity("hgetex".into()));
    }
    Ok((change, fields(args, fields_at, COUNT_NOT_POSITIVE)?))
}

/// `HGETEX key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST] FIELDS count
/// field [field …]`: a value or null for each.
pub(super) fn hgetex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let parsed = parse_getex(args, ctx.now());
    let (change, fields) = type_first(ctx, &key, parsed)?;
    let is_replica = ctx.unit.state().is_replica();
    let removes = matches!(change, Change::ExpireAt(at) if at <= ctx.now()) && !is_replica;
    let mut changed = Vec::new();
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            ctx.reply.array(fields.len());
            for field in fields.iter() {
                let found = hash.get(field, |value| write_value(&mut ctx.reply, value));
                if found.is_none() {
                    ctx.reply.null();
                    continue;
                }
                match change {
                    Change::Nothing => continue,
                    Change::Persist if hash.expire_at(field) == Some(None) => continue,
                    Change::Persist => hash.set_expiry(field, None),
                    Change::ExpireAt(_) if removes => hash.remove(field),
                    Change::ExpireAt(at) => hash.set_expiry(field, Some(at)),
                };
                changed.push(field);
            }
            hash.changed(changed.len() as u64);
        })?;
    if edited.changes == 0 {
        return Ok(());
    }
    let event = match change {
        Change::Nothing => unreachable!("nothing has changed"),
        Change::Persist => {
            log_fields(ctx, &[b"HPERSIST", key.bytes], &changed);
            "hpersist"
        }
        Change::ExpireAt(_) if removes => {
            log_removed(ctx, key.bytes, &changed);
            "hdel"
        }
        Change::ExpireAt(at) => {
            let mut digits = itoa::Buffer::new();
            let at = digits.format(at.0).as_bytes();
            log_fields(ctx, &[b"HPEXPIREAT", key.bytes, at], &changed);
            "hexpire"
        }
    };
    ctx.notify(EventClass::HASH, event, key.bytes);
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    Ok(())
}

/// `HGETDEL key FIELDS count field [field …]`: a value or null for each, and the fields go.
pub(super) fn hgetdel(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let parsed = fields(args, 2, COUNT_NOT_POSITIVE);
    let fields = type_first(ctx, &key, parsed)?;
    let mut removed = Vec::new();
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            ctx.reply.array(fields.len());
            for field in fields.iter() {
                let found = hash.get(field, |value| write_value(&mut ctx.reply, value));
                if found.is_none() {
                    ctx.reply.null();
                } else {
                    hash.remove(field);
                    removed.push(field);
                }
            }
            hash.changed(removed.len() as u64);
        })?;
    if edited.changes > 0 {
        log_removed(ctx, key.bytes, &removed);
        ctx.notify(EventClass::HASH, "hdel", key.bytes);
    }
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    Ok(())
}
