//! `ZMPOP`: members of the first sorted set that there is.

use storage::typed::sorted_set::Extreme;
use storage::{DbIndex, Key};

use super::pop::{PopReply, Popped, pop};
use crate::command::{Args, CommandError, CommandResult, Context};

/// What `ZMPOP` is told: how many keys it has, at which end it pops, and how many members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PopOptions {
    /// How many keys there are.
    pub(crate) keys: usize,
    /// The end.
    pub(crate) from: Extreme,
    /// Most members to pop, one at least.
    pub(crate) count: u64,
}

impl PopOptions {
    /// Reads `numkeys key [key ...] MIN|MAX [COUNT count]` from argument `at` on.
    pub(crate) fn parse(args: Args<'_>, at: usize) -> Result<Self, CommandError> {
        let keys = positive(args.get(at))
            .ok_or(CommandError::Line("ERR numkeys should be greater than 0"))?;
        let end_index = usize::try_from(keys)
            .ok()
            .and_then(|keys| keys.checked_add(at + 1))
            .filter(|&index| index < args.len())
            .ok_or(CommandError::Syntax)?;
        let from = if args.is(end_index, "MIN") {
            Extreme::Lowest
        } else if args.is(end_index, "MAX") {
            Extreme::Highest
        } else {
            return Err(CommandError::Syntax);
        };
        let mut count = None;
        let mut option = end_index + 1;
        while option < args.len() {
            let is_count = count.is_none() && args.is(option, "COUNT") && option + 1 < args.len();
            if !is_count {
                return Err(CommandError::Syntax);
            }
            let number = positive(args.get(option + 1))
                .ok_or(CommandError::Line("ERR count should be greater than 0"))?;
            count = Some(number);
            option += 2;
        }
        Ok(Self {
            keys: end_index - at - 1,
            from,
            count: count.unwrap_or(1),
        })
    }
}

/// An argument that is an integer above 0.
fn positive(text: Option<&[u8]>) -> Option<u64> {
    let number = protocol::parse_i64(text?)?;
    u64::try_from(number).ok().filter(|&number| number > 0)
}

/// `ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]`: removes members of the first sorted set that is there and answers
/// its name and them.
pub(super) fn zmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 1)?;
    let db = ctx.db();
    for (_, key) in ctx.keys(args).take(options.keys) {
        if pop_with_name(ctx, db, &key, options)? {
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}

/// Pops from the sorted set at `key` and answers its name and the members, now or when the command runs again; whether
/// there is one.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(crate) fn pop_with_name(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    options: PopOptions,
) -> Result<bool, CommandError> {
    let PopOptions { from, count, .. } = options;
    let changes = match pop(ctx, db, key, from, count, PopReply::NestedWithKey)? {
        Popped::Nothing => return Ok(false),
        Popped::Later => return Ok(true),
        Popped::Members(changes) => changes,
    };
    let command: &[u8] = match from {
        Extreme::Lowest => b"ZPOPMIN",
        Extreme::Highest => b"ZPOPMAX",
    };
    let mut digits = itoa::Buffer::new();
    let count = digits.format(changes).as_bytes();
    ctx.effect_in(db, &[command, key.bytes, count]);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn options_are_checked_in_redis_s_order() {
        let numkeys = CommandError::Line("ERR numkeys should be greater than 0");
        let count = CommandError::Line("ERR count should be greater than 0");
        let syntax = CommandError::Syntax;
        for (words, expected) in [
            ("ZMPOP 1 k MIN", Ok((1, Extreme::Lowest, 1))),
            ("ZMPOP 2 k l max count 7", Ok((2, Extreme::Highest, 7))),
            ("ZMPOP 0 k MIN", Err(&numkeys)),
            ("ZMPOP x k MIN", Err(&numkeys)),
            ("ZMPOP -1 k UP", Err(&numkeys)),
            ("ZMPOP 2 k MIN", Err(&syntax)),
            ("ZMPOP 9223372036854775807 k MIN", Err(&syntax)),
            ("ZMPOP 1 k UP", Err(&syntax)),
            ("ZMPOP 1 k MIN COUNT", Err(&syntax)),
            ("ZMPOP 1 k MIN COUNT 0", Err(&count)),
            ("ZMPOP 1 k MIN COUNT x", Err(&count)),
            ("ZMPOP 1 k MIN COUNT 1 COUNT 2", Err(&syntax)),
            ("ZMPOP 1 k MIN COUNT 1 x", Err(&syntax)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, |args| PopOptions::parse(args, 1));
            let parsed = parsed.map(|options| (options.keys, options.from, options.count));
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
}
