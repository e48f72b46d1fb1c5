//! `SET` and the older commands that store one value.

use storage::{Key, NewExpiry};

use super::compare::Comparison;
use super::expiry::{ExpireTime, SetExpiry, TimeUnit};
use super::{log_set, read};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// On what `SET` depends.
#[derive(Clone, Copy, Debug, Default)]
enum Condition<'a> {
    /// Nothing.
    #[default]
    None,
    /// `NX`: there is no such key.
    Absent,
    /// `XX`: there is one.
    Present,
    /// `IFEQ`, `IFNE`, `IFDEQ`, `IFDNE`: its value.
    Value(Comparison<'a>),
}

/// The options of `SET`.
#[derive(Clone, Copy, Debug, Default)]
struct SetOptions<'a> {
    condition: Condition<'a>,
    expiry: SetExpiry<'a>,
    /// `GET`: the reply is the old value.
    get: bool,
}

impl<'a> SetOptions<'a> {
    #[cold]
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut at = 3;
        while at < args.len() {
            at += options.take(args, at).ok_or(CommandError::Syntax)?;
        }
        Ok(options)
    }

    /// Takes the option at argument `index` and returns how many arguments it has.
    fn take(&mut self, args: Args<'a>, index: usize) -> Option<usize> {
        if args.is(index, "GET") {
            self.get = true;
            return Some(1);
        }
        // `NX NX` is fine, as in Redis; two conditions of different kinds, or two values, are not.
        let (condition, len) = match self.condition {
            Condition::None | Condition::Absent if args.is(index, "NX") => (Condition::Absent, 1),
            Condition::None | Condition::Present if args.is(index, "XX") => (Condition::Present, 1),
            Condition::None => match Comparison::at_argument(args, index) {
                Some(comparison) => (Condition::Value(comparison), 2),
                None => return self.expiry.take(args, index),
            },
            _ => return self.expiry.take(args, index),
        };
        self.condition = condition;
        Some(len)
    }

    /// Whether the command, logged as it was sent, always has the same result.
    fn is_deterministic(&self) -> bool {
        matches!(self.condition, Condition::None) && !self.get && self.expiry.is_timeless()
    }
}

/// `SET key value [NX | XX | IFEQ v | IFNE v | IFDEQ d | IFDNE d] [GET] [EX seconds | PX milliseconds |
/// EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL]`: stores the string whatever was there.
pub(super) fn set(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    if args.len() == 3 {
        store(ctx, args, &key, 2, NewExpiry::None);
        ctx.reply.ok();
        return Ok(());
    }
    set_with_options(ctx, args, &key)
}

fn set_with_options(ctx: &mut Context<'_, '_>, args: Args<'_>, key: &Key<'_>) -> CommandResult {
    let options = SetOptions::parse(args)?;
    let expiry = options.expiry.resolve(ctx.now(), "set")?;
    if options.get {
        // A value of another type is an error before the condition is looked at.
        ctx.unit.string_to_change(ctx.session.db, key)?;
    }
    let holds = condition_holds(ctx, options.condition, key)?;
    if options.get {
        read::reply_with_string(ctx, key)?;
    } else if holds {
        ctx.reply.ok();
    } else {
        ctx.reply.null();
    }
    if holds {
        store(ctx, args, key, 2, expiry);
        if !options.is_deterministic() {
            log_set(ctx, key.bytes, args.at(2), expiry);
        }
    }
    Ok(())
}

fn condition_holds(
    ctx: &mut Context<'_, '_>,
    condition: Condition<'_>,
    key: &Key<'_>,
) -> Result<bool, CommandError> {
    let db = ctx.db();
    Ok(match condition {
        Condition::None => true,
        Condition::Absent => ctx.unit.peek(db, key).is_none(),
        Condition::Present => ctx.unit.peek(db, key).is_some(),
        Condition::Value(comparison) => match ctx.unit.string_to_change(db, key)? {
            Some(value) => comparison.holds(value)?,
            None => comparison.holds_of_nothing(),
        },
    })
}

/// Stores argument `value` at `key` and announces it.
pub(super) fn store(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    key: &Key<'_>,
    value: usize,
    expiry: NewExpiry,
) {
    let value = ctx.new_value(args, value);
    ctx.unit.set(ctx.session.db, key, value, expiry);
    ctx.notify(EventClass::STRING, "set", key.bytes);
    if matches!(expiry, NewExpiry::At(_)) {
        ctx.notify(EventClass::GENERIC, "expire", key.bytes);
    }
}

/// `SETNX key value`: stores the string unless the key is there.
pub(super) fn setnx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let absent = condition_holds(ctx, Condition::Absent, &key)?;
    if absent {
        store(ctx, args, &key, 2, NewExpiry::None);
        log_set(ctx, key.bytes, args.at(2), NewExpiry::None);
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

/// `SETEX key seconds value`: stores the string for a time.
pub(super) fn setex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    set_for_a_time(ctx, args, TimeUnit::Seconds, "setex")
}

/// `PSETEX key milliseconds value`: stores the string for a time.
pub(super) fn psetex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    set_for_a_time(ctx, args, TimeUnit::Milliseconds, "psetex")
}

fn set_for_a_time(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    unit: TimeUnit,
    name: &'static str,
) -> CommandResult {
    let time = ExpireTime {
        unit,
        text: args.at(2),
    };
    let expiry = NewExpiry::At(time.resolve(ctx.now(), name)?);
    let key = ctx.key(args, 1);
    store(ctx, args, &key, 3, expiry);
    log_set(ctx, key.bytes, args.at(3), expiry);
    ctx.reply.ok();
    Ok(())
}

/// `GETSET key value`: stores the string and answers the old one.
pub(super) fn getset(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    read::reply_with_string(ctx, &key)?;
    store(ctx, args, &key, 2, NewExpiry::None);
    log_set(ctx, key.bytes, args.at(2), NewExpiry::None);
    Ok(())
}
