//! `INCREX`: a counter with bounds and an expire time.

use storage::long_double::{LongDouble, ParsedNumber};
use storage::{Key, NewExpiry, NewValue, UnixMillis};

use super::expiry::ExpireTime;
use super::increment::stored_number;
use super::{log_set, read};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;
use crate::output::Output;

/// The arguments of `INCREX` as they were given, each option at most once.
#[derive(Clone, Copy, Debug, Default)]
struct Options<'a> {
    increment: Increment<'a>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturate: bool,
    expiry: Expiry<'a>,
    /// `ENX`: only a key that has no expire time gets one.
    only_new: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Increment<'a> {
    #[default]
    One,
    Integer(&'a [u8]),
    Float(&'a [u8]),
}

#[derive(Clone, Copy, Debug, Default)]
enum Expiry<'a> {
    #[default]
    Leave,
    Persist,
    At(ExpireTime<'a>),
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut at = 2;
        while at < args.len() {
            at += options.take(args, at).ok_or(CommandError::Syntax)?;
        }
        match options.expiry {
            Expiry::Leave if options.only_new => {
                Err(CommandError::Line("ERR ENX flag requires an expiration"))
            }
            Expiry::Persist if options.only_new => Err(CommandError::Syntax),
            _ => Ok(options),
        }
    }

    /// Takes the option at argument `index` and returns how many arguments it has.
    fn take(&mut self, args: Args<'a>, index: usize) -> Option<usize> {
        let flag = |slot: &mut bool| (!std::mem::replace(slot, true)).then_some(1);
        let value = args.get(index + 1);
        let bound = |slot: &mut Option<&'a [u8]>| slot.replace(value?).is_none().then_some(2);
        if args.is(index, "SATURATE") {
            flag(&mut self.saturate)
        } else if args.is(index, "ENX") {
            flag(&mut self.only_new)
        } else if args.is(index, "LBOUND") {
            bound(&mut self.lower)
        } else if args.is(index, "UBOUND") {
            bound(&mut self.upper)
        } else if matches!(self.increment, Increment::One) && args.is(index, "BYINT") {
            self.increment = Increment::Integer(value?);
            Some(2)
        } else if matches!(self.increment, Increment::One) && args.is(index, "BYFLOAT") {
            self.increment = Increment::Float(value?);
            Some(2)
        } else {
            self.take_expiry(args, index)
        }
    }

    fn take_expiry(&mut self, args: Args<'a>, index: usize) -> Option<usize> {
        if !matches!(self.expiry, Expiry::Leave) {
            return None;
        }
        if args.is(index, "PERSIST") {
            self.expiry = Expiry::Persist;
            return Some(1);
        }
        self.expiry = Expiry::At(ExpireTime::at_argument(args, index)?);
        Some(2)
    }
}

/// What an increment came to.
#[derive(Clone, Copy, Debug)]
struct Outcome<N> {
    value: N,
    /// What was added, less than asked for if the result was cut to a bound.
    applied: N,
    /// False if the result was out of bounds and the value stays as it is.
    changed: bool,
}

/// `INCREX key [BYINT n | BYFLOAT x] [LBOUND n] [UBOUND n] [SATURATE] [EX seconds | PX milliseconds |
/// EXAT unix-seconds | PXAT unix-milliseconds | PERSIST] [ENX]`: adds to the number, within bounds.
pub(super) fn increx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::parse(args)?;
    match options.increment {
        Increment::One => add_integer(ctx, args, &options, 1),
        Increment::Integer(text) => {
            let increment = protocol::parse_i64(text);
            add_integer(ctx, args, &options, increment.ok_or(INCREMENT_NO_INTEGER)?)
        }
        Increment::Float(text) => match LongDouble::parse(text).ok_or(INCREMENT_NO_FLOAT)? {
            ParsedNumber::Finite(increment) => add_float(ctx, args, &options, increment),
            ParsedNumber::Infinite => Err(CommandError::Line(
                "ERR BYFLOAT increment cannot be Infinity",
            )),
        },
    }
}

const INCREMENT_NO_INTEGER: CommandError =
    CommandError::Line("ERR Increment is not an integer or out of range");
const INCREMENT_NO_FLOAT: CommandError = CommandError::Line("ERR Increment is not a valid float");
const BOUNDS_CROSSED: CommandError = CommandError::Line("ERR LBOUND can't be greater than UBOUND");

fn add_integer(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    options: &Options<'_>,
    increment: i64,
) -> CommandResult {
    let bound = |text: Option<&[u8]>, default, error| match text {
        Some(text) => protocol::parse_i64(text).ok_or(CommandError::Line(error)),
        None => Ok(default),
    };
    let lower = bound(
        options.lower,
        i64::MIN,
        "ERR LBOUND is not an integer or out of range",
    )?;
    let upper = bound(
        options.upper,
        i64::MAX,
        "ERR UBOUND is not an integer or out of range",
    )?;
    if lower > upper {
        return Err(BOUNDS_CROSSED);
    }
    let expire_at = expire_at(ctx, options)?;
    let key = ctx.key(args, 1);
    let old = match ctx.unit.string_to_change(ctx.session.db, &key)? {
        Some(value) => value.integer().ok_or(CommandError::NotInteger)?,
        None => 0,
    };
    let outcome = integer_outcome(old, increment, lower, upper, options.saturate)?;
    if outcome.changed {
        let mut digits = itoa::Buffer::new();
        let text = digits.format(outcome.value).as_bytes();
        let stored = Stored {
            value: NewValue::Int(outcome.value),
            text,
            event: "incrby",
        };
        store(ctx, &key, stored, options, expire_at);
    }
    ctx.reply.array(2);
    ctx.reply.integer(outcome.value);
    ctx.reply.integer(outcome.applied);
    Ok(())
}

fn integer_outcome(
    old: i64,
    increment: i64,
    lower: i64,
    upper: i64,
    saturate: bool,
) -> Result<Outcome<i64>, CommandError> {
    let sum = i128::from(old) + i128::from(increment);
    let cut = sum.clamp(lower.into(), upper.into()) as i64;
    if i128::from(cut) == sum {
        return Ok(Outcome {
            value: cut,
            applied: increment,
            changed: true,
        });
    }
    if !saturate {
        return Ok(Outcome {
            value: old,
            applied: 0,
            changed: false,
        });
    }
    let applied = cut
        .checked_sub(old)
        .ok_or(CommandError::Line("ERR applied increment would overflow"))?;
    Ok(Outcome {
        value: cut,
        applied,
        changed: true,
    })
}

fn add_float(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    options: &Options<'_>,
    increment: LongDouble,
) -> CommandResult {
    let bound = |text: Option<&[u8]>, default, error| match text.map(LongDouble::parse) {
        Some(Some(ParsedNumber::Finite(bound))) => Ok(bound),
        Some(_) => Err(CommandError::Line(error)),
        None => Ok(default),
    };
    let lower = bound(
        options.lower,
        LongDouble::MAX.negated(),
        "ERR LBOUND is not a valid float",
    )?;
    let upper = bound(
        options.upper,
        LongDouble::MAX,
        "ERR UBOUND is not a valid float",
    )?;
    if lower > upper {
        return Err(BOUNDS_CROSSED);
    }
    let expire_at = expire_at(ctx, options)?;
    let key = ctx.key(args, 1);
    let old = match ctx
        .unit
        .string_to_change(ctx.session.db, &key)?
        .map(stored_number)
        .transpose()?
    {
        Some(ParsedNumber::Finite(value)) => value,
        Some(ParsedNumber::Infinite) => {
            return Err(CommandError::Line("ERR value cannot be Infinity"));
        }
        None => LongDouble::ZERO,
    };
    let outcome = float_outcome(old, increment, lower, upper, options.saturate)?;
    let text = outcome.value.to_text();
    if outcome.changed {
        let stored = Stored {
            value: NewValue::Bytes(text.as_bytes()),
            text: text.as_bytes(),
            event: "incrbyfloat",
        };
        store(ctx, &key, stored, options, expire_at);
    }
    ctx.reply.array(2);
    write_float(&mut ctx.reply, &text);
    write_float(&mut ctx.reply, &outcome.applied.to_text());
    Ok(())
}

fn float_outcome(
    old: LongDouble,
    increment: LongDouble,
    lower: LongDouble,
    upper: LongDouble,
    saturate: bool,
) -> Result<Outcome<LongDouble>, CommandError> {
    let sum = old.checked_add(increment);
    if let Some(value) = sum.filter(|sum| (lower..=upper).contains(sum)) {
        return Ok(Outcome {
            value,
            applied: increment,
            changed: true,
        });
    }
    if !saturate {
        return Ok(Outcome {
            value: old,
            applied: LongDouble::ZERO,
            changed: false,
        });
    }
    // A sum too large for the format lies beyond the bound on the increment's side.
    let is_below = sum.map_or(increment < LongDouble::ZERO, |sum| sum < lower);
    let value = if is_below { lower } else { upper };
    let applied = value
        .checked_add(old.negated())
        .ok_or(CommandError::NotFinite)?;
    Ok(Outcome {
        value,
        applied,
        changed: true,
    })
}

/// A number to people's taste: RESP3 has a type for it, RESP2 gets its text.
fn write_float(reply: &mut Output<'_>, text: &str) {
    match reply.version() {
        protocol::Version::Resp2 => reply.bulk(text.as_bytes()),
        protocol::Version::Resp3 => {
            reply.raw(b",");
            reply.raw(text.as_bytes());
            reply.crlf();
        }
    }
}

fn expire_at(
    ctx: &Context<'_, '_>,
    options: &Options<'_>,
) -> Result<Option<UnixMillis>, CommandError> {
    match options.expiry {
        Expiry::At(time) => time.resolve(ctx.now(), "increx").map(Some),
        Expiry::Leave | Expiry::Persist => Ok(None),
    }
}

/// A sum about to be stored.
struct Stored<'v> {
    value: NewValue<'v>,
    text: &'v [u8],
    event: &'static str,
}

fn store(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    stored: Stored<'_>,
    options: &Options<'_>,
    at: Option<UnixMillis>,
) {
    let db = ctx.db();
    let has_expiry = ctx
        .unit
        .peek(db, key)
        .is_some_and(|entry| entry.expire_at().is_some());
    let (expiry, event) = match (options.expiry, at) {
        (Expiry::At(_), Some(at)) if !(options.only_new && has_expiry) => {
            (NewExpiry::At(at), Some("expire"))
        }
        (Expiry::Persist, _) if has_expiry => (NewExpiry::None, Some("persist")),
        _ => (NewExpiry::Keep, None),
    };
    if let NewExpiry::At(at) = expiry
        && read::is_over(ctx, at)
    {
        if ctx.unit.peek(db, key).is_some() {
            read::delete(ctx, key);
        }
        return;
    }
    ctx.unit.set(db, key, stored.value, expiry);
    log_set(ctx, key.bytes, stored.text, expiry);
    ctx.notify(EventClass::STRING, stored.event, key.bytes);
    if let Some(event) = event {
        ctx.notify(EventClass::GENERIC, event, key.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_out_of_bounds_are_refused_or_cut() {
        let check = |old, increment, (lower, upper), saturate, expected| {
            let outcome = integer_outcome(old, increment, lower, upper, saturate);
            let outcome = outcome
                .map(|outcome| (outcome.value, outcome.applied, outcome.changed))
                .ok();
            assert_eq!(
                outcome, expected,
                "{old} {increment} {lower}..={upper} {saturate}"
            );
        };
        const ALL: (i64, i64) = (i64::MIN, i64::MAX);
        check(10, 5, ALL, false, Some((15, 5, true)));
        check(10, 5, (0, 12), false, Some((10, 0, false)));
        check(10, 5, (0, 12), true, Some((12, 2, true)));
        check(50, 5, (i64::MIN, 30), true, Some((30, -20, true)));
        check(50, -25, (i64::MIN, 30), false, Some((25, -25, true)));
        check(i64::MAX - 7, i64::MAX, ALL, true, Some((i64::MAX, 7, true)));
        check(i64::MAX, 1, ALL, false, Some((i64::MAX, 0, false)));
        check(i64::MIN, -1, ALL, true, Some((i64::MIN, 0, true)));
        check(i64::MAX - 7, 1, (i64::MIN, i64::MIN), true, None);
    }

    #[test]
    fn sums_beyond_the_largest_number_go_to_the_bound_on_their_side() {
        let (least, most) = (LongDouble::MAX.negated(), LongDouble::MAX);
        let outcome = float_outcome(most, most, least, most, true).unwrap();
        assert_eq!((outcome.value, outcome.applied), (most, LongDouble::ZERO));
        let outcome = float_outcome(least, least, least, most, true).unwrap();
        assert_eq!(outcome.value, least);
        assert!(
            !float_outcome(least, least, least, most, false)
                .unwrap()
                .changed
        );
    }
}
