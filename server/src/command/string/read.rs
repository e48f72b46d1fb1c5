//! Commands that answer whole values: `GET` and its relatives.

use storage::{Key, UnixMillis};

use super::expiry::ExpireTime;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `GET key`: the string stored at `key`, or null.
pub(super) fn get(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    reply_with_string(ctx, &key)?;
    Ok(())
}

/// Writes the string at `key` or null; whether there was one.
pub(super) fn reply_with_string(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
) -> Result<bool, CommandError> {
    match ctx.unit.string(ctx.session.db, key)? {
        Some(value) => {
            ctx.reply.string(value);
            Ok(true)
        }
        None => {
            ctx.reply.null();
            Ok(false)
        }
    }
}

/// `STRLEN key`: the length of the string, 0 if there is none.
pub(super) fn strlen(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = ctx
        .unit
        .string(ctx.session.db, &key)?
        .map_or(0, |value| value.len());
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `MGET key [key ...]`: each string, null where there is none.
pub(super) fn mget(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.reply.array(args.len() - 1);
    for (_, key) in ctx.keys(args) {
        // A value of another type reads as none here, unlike everywhere else.
        match ctx.unit.string(ctx.session.db, &key) {
            Ok(Some(value)) => ctx.reply.string(value),
            Ok(None) | Err(_) => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `GETDEL key`: the string, which is deleted.
pub(super) fn getdel(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    if reply_with_string(ctx, &key)? {
        delete(ctx, &key);
    }
    Ok(())
}

/// Deletes `key`, which is there, and lets everybody know.
pub(super) fn delete(ctx: &mut Context<'_, '_>, key: &Key<'_>) {
    let db = ctx.db();
    ctx.unit.delete(db, key);
    ctx.effect(&[b"DEL", key.bytes]);
    ctx.notify(EventClass::GENERIC, "del", key.bytes);
}

/// What `GETEX` does to the expire time.
#[derive(Clone, Copy, Debug, Default)]
enum GetExpiry<'a> {
    #[default]
    Leave,
    Persist,
    At(ExpireTime<'a>),
}

impl<'a> GetExpiry<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut expiry = GetExpiry::Leave;
        let mut at = 2;
        while at < args.len() {
            at += expiry.take(args, at).ok_or(CommandError::Syntax)?;
        }
        Ok(expiry)
    }

    /// Takes the option at argument `index`; the same one may come again.
    fn take(&mut self, args: Args<'a>, index: usize) -> Option<usize> {
        if args.is(index, "PERSIST") {
            if matches!(self, GetExpiry::At(_)) {
                return None;
            }
            *self = GetExpiry::Persist;
            return Some(1);
        }
        let time = ExpireTime::at_argument(args, index)?;
        match self {
            GetExpiry::Leave => {}
            GetExpiry::At(before) if before.unit == time.unit => {}
            GetExpiry::At(_) | GetExpiry::Persist => return None,
        }
        *self = GetExpiry::At(time);
        Some(2)
    }
}

/// `GETEX key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST]`: the
/// string, whose expire time is set or removed.
pub(super) fn getex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let expiry = GetExpiry::parse(args)?;
    let (key, now) = (ctx.key(args, 1), ctx.now());
    let Some(value) = ctx.unit.string(ctx.session.db, &key)? else {
        ctx.reply.null();
        return Ok(());
    };
    // The time is looked at only for a key that is there, as in Redis.
    let at = match expiry {
        GetExpiry::At(time) => Some(time.resolve(now, "getex")?),
        GetExpiry::Leave | GetExpiry::Persist => None,
    };
    ctx.reply.string(value);
    match (expiry, at) {
        (GetExpiry::At(time), Some(at)) if time.is_absolute() && is_over(ctx, at) => {
            delete(ctx, &key)
        }
        (GetExpiry::At(_), Some(at)) => expire(ctx, &key, at),
        (GetExpiry::Persist, _) => persist(ctx, &key),
        _ => {}
    }
    Ok(())
}

/// Whether a key that shall expire at `at` is deleted at once. A replica leaves that to its primary.
pub(super) fn is_over(ctx: &Context<'_, '_>, at: UnixMillis) -> bool {
    at <= ctx.now() && !ctx.unit.state().is_replica()
}

fn expire(ctx: &mut Context<'_, '_>, key: &Key<'_>, at: UnixMillis) {
    let db = ctx.db();
    ctx.unit.set_expire(db, key, Some(at));
    ctx.effect(&[
        b"PEXPIREAT",
        key.bytes,
        itoa::Buffer::new().format(at.0).as_bytes(),
    ]);
    ctx.notify(EventClass::GENERIC, "expire", key.bytes);
}

fn persist(ctx: &mut Context<'_, '_>, key: &Key<'_>) {
    let db = ctx.db();
    if ctx
        .unit
        .peek(db, key)
        .is_some_and(|entry| entry.expire_at().is_some())
    {
        ctx.unit.set_expire(db, key, None);
        ctx.effect(&[b"PERSIST", key.bytes]);
        ctx.notify(EventClass::GENERIC, "persist", key.bytes);
    }
}
