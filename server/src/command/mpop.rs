//! What `LMPOP`, `ZMPOP` and their blocking forms are told.

use super::{Args, CommandError};

/// How many elements to pop, from which of several keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PopOptions<E> {
    /// How many keys there are.
    pub(crate) keys: usize,
    /// At which end.
    pub(crate) end: E,
    /// Most elements to pop, one at least.
    pub(crate) count: u64,
}

impl<E> PopOptions<E> {
    /// Reads `numkeys key [key ...] end [COUNT count]` from argument `at` on; `end_at` reads the end at an argument.
    ///
    /// # Errors
    /// In Redis's order.
    pub(crate) fn parse(
        args: Args<'_>,
        at: usize,
        end_at: impl FnOnce(Args<'_>, usize) -> Result<E, CommandError>,
    ) -> Result<Self, CommandError> {
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
pub(crate) fn positive(text: Option<&[u8]>) -> Option<u64> {
    let number = protocol::parse_i64(text?)?;
    u64::try_from(number).ok().filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    fn end_at(args: Args<'_>, at: usize) -> Result<char, CommandError> {
        let ends = [("LEFT", 'l'), ("RIGHT", 'r')];
        let end = ends.into_iter().find(|(word, _)| args.is(at, word));
        end.map(|(_, end)| end).ok_or(CommandError::Syntax)
    }

    #[test]
    fn options_are_checked_in_redis_s_order() {
        let numkeys = CommandError::Line("ERR numkeys should be greater than 0");
        let count = CommandError::Line("ERR count should be greater than 0");
        let syntax = CommandError::Syntax;
        for (words, expected) in [
            ("LMPOP 1 k LEFT", Ok((1, 'l', 1))),
            ("LMPOP 2 k l right count 7", Ok((2, 'r', 7))),
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
            let parsed = with_args(&words, |args| PopOptions::parse(args, 1, end_at));
            let parsed = parsed.map(|options| (options.keys, options.end, options.count));
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
}
