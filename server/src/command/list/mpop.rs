//! `LMPOP`: elements of the first list that has any.

use storage::typed::End;
use storage::{DbIndex, Key};

use super::end_at;
use super::ends::{pop, reply_with_span};
use crate::command::{Args, CommandError, CommandResult, Context};

/// What `LMPOP` is told: where its keys are, which end it pops at, and how many elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PopOptions {
    /// How many keys there are.
    pub(crate) keys: usize,
    /// The end.
    pub(crate) end: End,
    /// Most elements to pop, one at least.
    pub(crate) count: u64,
}

impl PopOptions {
    /// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]` from argument `at` on.
    pub(crate) fn parse(args: Args<'_>, at: usize) -> Result<Self, CommandError> {
        let keys = positive(args.get(at))
            .ok_or(CommandError::Line("ERR numkeys should be greater than 0"))?;
        let end_index = usize::try_from(keys)
            .ok()
            .and_then(|keys| keys.checked_add(at + 1))
            .filter(|&index| index < args.len())
            .ok_or(CommandError::Syntax)?;
        let end = end_at(args, end_index)?;
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
            end,
            count: count.unwrap_or(1),
        })
    }
}

/// An argument that is an integer above 0.
pub(super) fn positive(text: Option<&[u8]>) -> Option<u64> {
    let number = protocol::parse_i64(text?)?;
    u64::try_from(number).ok().filter(|&number| number > 0)
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`: removes elements of the first list that is there and answers its
/// name and them.
pub(super) fn lmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 1)?;
    let db = ctx.db();
    for index in 2..2 + options.keys {
        let key = ctx.key(args, index);
        if pop_with_name(ctx, db, &key, options)? {
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}

/// Pops from the list at `key` and answers its name and the elements; whether there is a list.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(crate) fn pop_with_name(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    options: PopOptions,
) -> Result<bool, CommandError> {
    let keyspace = &ctx.server.keyspace;
    let popped = pop(ctx, db, key, options.end, options.count, |reply, span| {
        reply.array(2);
        reply.bulk(key.bytes);
        reply_with_span(reply, &span, keyspace);
    })?;
    let Some(popped) = popped else {
        return Ok(false);
    };
    let command: &[u8] = match options.end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    };
    let mut digits = itoa::Buffer::new();
    let count = digits.format(popped.changes).as_bytes();
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
            ("LMPOP 1 k LEFT", Ok((1, End::Left, 1))),
            ("LMPOP 2 k l right count 7", Ok((2, End::Right, 7))),
            ("LMPOP 0 k LEFT", Err(&numkeys)),
            ("LMPOP x k LEFT", Err(&numkeys)),
            ("LMPOP -1 k UP", Err(&numkeys)),
            ("LMPOP 2 k LEFT", Err(&syntax)),
            ("LMPOP 9223372036854775807 k LEFT", Err(&syntax)),
            ("LMPOP 1 k UP", Err(&syntax)),
            ("LMPOP 1 k LEFT COUNT", Err(&syntax)),
            ("LMPOP 1 k LEFT COUNT 0", Err(&count)),
            ("LMPOP 1 k LEFT COUNT x", Err(&count)),
            ("LMPOP 1 k LEFT COUNT 1 COUNT 2", Err(&syntax)),
            ("LMPOP 1 k LEFT COUNT 1 x", Err(&syntax)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, |args| PopOptions::parse(args, 1));
            let parsed = parsed.map(|options| (options.keys, options.end, options.count));
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
}
