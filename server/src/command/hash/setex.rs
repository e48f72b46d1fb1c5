//! `HSETEX`.

use storage::typed::hash::HashEdit;
use storage::{NewExpiry, UnixMillis};

use super::fields::{Scale, log_removed};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// Which fields must be there before any is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// `FNX`: none of those named.
    NoneOfThem,
    /// `FXX`: all of them.
    AllOfThem,
}

#[derive(Clone, Copy)]
struct Options<'a> {
    condition: Option<Condition>,
    /// `None`: without one, or with what each field has.
    expiry: Option<NewExpiry>,
    /// Fields and values in turn, one pair at least.
    pairs: Args<'a>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, now: UnixMillis) -> Result<Self, CommandError> {
        let wrong_arity = || CommandError::WrongArity("hsetex".into());
        let (mut condition, mut expiry) = (None, None);
        let mut at = 2;
        while at < args.len() {
            if args.is(at, "FIELDS") {
                let pairs = parse_pairs(args, at)?;
                return Ok(Self {
                    condition,
                    expiry,
                    pairs,
                });
            }
            let scale = Scale::named(args, at);
            if scale.is_some() || args.is(at, "KEEPTTL") {
                if expiry.is_some() {
                    return Err(CommandError::Line(
                        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                    ));
                }
                expiry = Some(match scale {
                    Some(scale) => {
                        at += 1;
                        let text = args.get(at).ok_or_else(wrong_arity)?;
                        NewExpiry::At(scale.instant(text, now, "hsetex")?)
                    }
                    None => NewExpiry::Keep,
                });
            } else if args.is(at, "FNX") || args.is(at, "FXX") {
                if condition.is_some() {
                    return Err(CommandError::Line(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                condition = Some(if args.is(at, "FNX") {
                    Condition::NoneOfThem
                } else {
                    Condition::AllOfThem
                });
            } else {
                return Err(CommandError::quoting(
                    "ERR unknown argument: ",
                    args.at(at),
                    "",
                ));
            }
            at += 1;
        }
        Err(wrong_arity())
    }

    fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.pairs.iter().step_by(2)
    }

    fn allows(&self, hash: &HashEdit<'_, '_>) -> bool {
        let is_there = |field| hash.get(field, |_| ()).is_some();
        match self.condition {
            None => true,
            Some(Condition::NoneOfThem) => !self.fields().any(is_there),
            Some(Condition::AllOfThem) => self.fields().all(is_there),
        }
    }
}

/// The pairs behind `FIELDS count` at argument `at`, up to the end.
fn parse_pairs(args: Args<'_>, at: usize) -> Result<Args<'_>, CommandError> {
    let wrong_arity = || CommandError::WrongArity("hsetex".into());
    if at + 3 >= args.len() {
        return Err(wrong_arity());
    }
    let count = protocol::parse_i64(args.at(at + 1));
    let count = count.filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let count = count.ok_or(CommandError::Line("ERR invalid number of fields"))?;
    let pairs = args.tail(at + 2);
    if !pairs.len().is_multiple_of(2) || pairs.len() as u64 / 2 != count as u64 {
        return Err(wrong_arity());
    }
    Ok(pairs)
}

/// What came of it.
enum Outcome<'a> {
    Refused,
    Set,
    /// The expire time had passed: these fields were there.
    Removed(Vec<&'a [u8]>),
}

/// `HSETEX key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | KEEPTTL]
/// FIELDS count field value [field value …]`: 1, or 0 if the condition does not hold.
pub(super) fn hsetex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::parse(args, ctx.now())?;
    let key = ctx.key(args, 1);
    let is_replica = ctx.unit.state().is_replica();
    let now = ctx.now();
    let removes = matches!(options.expiry, Some(NewExpiry::At(at)) if at <= now) && !is_replica;
    let (mut was_missing, mut is_empty) = (false, false);
    let edited = ctx
        .unit
        .edit_hash(ctx.session.db, &key, &ctx.config.limits, |hash| {
            if !options.allows(hash) {
                return Outcome::Refused;
            }
            if removes {
                was_missing = hash.read().is_empty();
                let removed: Vec<_> = options
                    .fields()
                    .filter(|field| hash.remove(field))
                    .collect();
                hash.changed(removed.len() as u64);
                is_empty = hash.read().is_empty();
                return Outcome::Removed(removed);
            }
            hash.make_way_for(options.pairs.iter());
            let expiry = options.expiry.unwrap_or(NewExpiry::None);
            for pair in 0..options.pairs.len() / 2 {
                let (field, value) = (options.pairs.at(2 * pair), options.pairs.at(2 * pair + 1));
                hash.set(field, value, expiry);
                hash.changed(1);
            }
            Outcome::Set
        })?;
    let is_done = !matches!(edited.result, Outcome::Refused);
    if was_missing {
        // Redis makes the key before it sees that nothing stays in it.
        ctx.notify(EventClass::NEW, "new", key.bytes);
    }
    if is_done {
        ctx.notify(EventClass::HASH, "hset", key.bytes);
    }
    match edited.result {
        Outcome::Refused => {}
        Outcome::Set => {
            log_set(ctx, key.bytes, options);
            if matches!(options.expiry, Some(NewExpiry::At(_))) {
                ctx.notify(EventClass::HASH, "hexpire", key.bytes);
            }
        }
        Outcome::Removed(removed) => {
            log_removed(ctx, key.bytes, &removed);
            ctx.notify(EventClass::HASH, "hdel", key.bytes);
            if is_empty {
                ctx.notify(EventClass::GENERIC, "del", key.bytes);
            }
        }
    }
    ctx.reply.integer(is_done.into());
    Ok(())
}

/// Has the log carry what was set, without conditions and with an absolute time.
fn log_set(ctx: &mut Context<'_, '_>, key: &[u8], options: Options<'_>) {
    let mut digits = itoa::Buffer::new();
    let mut parts: Vec<&[u8]> = vec![b"HSETEX", key];
    match options.expiry {
        Some(NewExpiry::At(at)) => parts.extend([&b"PXAT"[..], digits.format(at.0).as_bytes()]),
        Some(NewExpiry::Keep) => parts.push(b"KEEPTTL"),
        Some(NewExpiry::None) | None => {}
    }
    let mut count = itoa::Buffer::new();
    let pairs = count.format(options.pairs.len() / 2);
    parts.extend([&b"FIELDS"[..], pairs.as_bytes()]);
    parts.extend(options.pairs.iter());
    ctx.effect(&parts);
}
