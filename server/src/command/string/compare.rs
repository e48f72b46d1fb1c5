//! Compare and set, compare and delete: conditions on the stored value, `DELIFEQ`, `DELEX`, `DIGEST`.

use storage::StringRef;
use xxhash_rust::xxh3::Xxh3;

use super::read;
use crate::command::{Args, CommandError, CommandResult, Context};

/// How the stored value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    DigestEqual,
    DigestNotEqual,
}

/// A condition on the stored value: `IFEQ`, `IFNE`, `IFDEQ` or `IFDNE`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison<'a> {
    operator: Operator,
    operand: &'a [u8],
}

impl<'a> Comparison<'a> {
    /// The comparison that begins at argument `index`, if its operand follows.
    pub(super) fn at_argument(args: Args<'a>, index: usize) -> Option<Self> {
        const OPERATORS: [(&str, Operator); 4] = [
            ("IFEQ", Operator::Equal),
            ("IFNE", Operator::NotEqual),
            ("IFDEQ", Operator::DigestEqual),
            ("IFDNE", Operator::DigestNotEqual),
        ];
        let (_, operator) = OPERATORS
            .into_iter()
            .find(|(name, _)| args.is(index, name))?;
        Some(Self {
            operator,
            operand: args.get(index + 1)?,
        })
    }

    /// Whether it holds of `value`.
    ///
    /// # Errors
    /// When a digest has not the length of one; whether it is hexadecimal does not matter, as in Redis.
    pub(super) fn holds(self, value: StringRef<'_>) -> Result<bool, CommandError> {
        Ok(match self.operator {
            Operator::Equal => value.equals(self.operand),
            Operator::NotEqual => !value.equals(self.operand),
            Operator::DigestEqual => self.digest_equals(value)?,
            Operator::DigestNotEqual => !self.digest_equals(value)?,
        })
    }

    /// Whether it holds of a key that is not there.
    pub(super) fn holds_of_nothing(self) -> bool {
        matches!(self.operator, Operator::NotEqual | Operator::DigestNotEqual)
    }

    fn digest_equals(self, value: StringRef<'_>) -> Result<bool, CommandError> {
        if self.operand.len() != DIGEST_DIGITS {
            return Err(CommandError::Line(
                "ERR must be exactly 16 hexadecimal characters",
            ));
        }
        Ok(digest_of(value)
            .as_bytes()
            .eq_ignore_ascii_case(self.operand))
    }
}

/// Hexadecimal digits of a digest.
const DIGEST_DIGITS: usize = 16;

/// XXH3, 64 bits, in hexadecimal.
fn digest_of(value: StringRef<'_>) -> String {
    let mut hasher = Xxh3::new();
    value.each_piece(0, u64::MAX, |piece| hasher.update(piece));
    format!("{:016x}", hasher.digest())
}

/// `DIGEST key`: the XXH3 digest of the string, null if there is none.
pub(super) fn digest(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    match ctx.unit.string(ctx.session.db, &key)? {
        Some(value) => ctx.reply.bulk(digest_of(value).as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `DELIFEQ key value`: deletes the string if it is `value`.
pub(super) fn delifeq(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let value = ctx.unit.string_to_change(ctx.session.db, &key)?;
    let found = value.is_some_and(|value| value.equals(args.at(2)));
    if found {
        read::delete(ctx, &key);
    }
    ctx.reply.integer(i64::from(found));
    Ok(())
}

/// `DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]`: deletes the key if the condition holds.
pub(super) fn delex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() != 2 && args.len() != 4 {
        return Err(CommandError::WrongArity("delex".into()));
    }
    let key = ctx.key(args, 1);
    let found = match ctx.unit.peek(ctx.session.db, &key) {
        None => false,
        Some(_) if args.len() == 2 => true,
        Some(_) => match ctx.unit.string_to_change(ctx.session.db, &key) {
            Ok(Some(value)) => Comparison::at_argument(args, 2)
                .ok_or(UNKNOWN_CONDITION)?
                .holds(value)?,
            Ok(None) => false,
            Err(_) => return Err(CONDITION_ON_OTHER_TYPE),
        },
    };
    if found {
        read::delete(ctx, &key);
    }
    ctx.reply.integer(i64::from(found));
    Ok(())
}

const UNKNOWN_CONDITION: CommandError =
    CommandError::Line("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
const CONDITION_ON_OTHER_TYPE: CommandError =
    CommandError::Line("ERR Key should be of string type if conditions are specified");

#[cfg(test)]
mod tests {
    use storage::big_string::BigString;

    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_how_the_value_is_stored() {
        assert_eq!(digest_of(StringRef::Raw(b"")), "2d06800538d394c2");
        assert_eq!(
            digest_of(StringRef::Raw(b"Hello world")),
            "b6acb9d84a38ff74"
        );
        assert_eq!(
            digest_of(StringRef::Int(12345)),
            digest_of(StringRef::Raw(b"12345"))
        );
        let long = vec![b'x'; 100_000];
        assert_eq!(
            digest_of(StringRef::Big(&BigString::from_bytes(&long))),
            digest_of(StringRef::Raw(&long))
        );
    }
}
