//! `BITCOUNT`: how many bits are set.

use storage::StringRef;
use storage::bits::count_in;

use super::RangeUnit;
use crate::command::string::integer;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `BITCOUNT key [start end [BYTE | BIT]]`: how many bits are set in the string or a part of it.
pub(super) fn bitcount(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (start, end, unit) = match args.len() {
        2 => (0, -1, RangeUnit::Byte),
        4 | 5 => (integer(args.at(2))?, integer(args.at(3))?, RangeUnit::parse(args, 4)?),
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.key(args, 1);
    let value = ctx.unit.string(ctx.session.db, &key)?;
    let count = value.map_or(0, |value| count_between(value, start, end, unit));
    ctx.reply.integer(count as i64);
    Ok(())
}

fn count_between(value: StringRef<'_>, start: i64, end: i64, unit: RangeUnit) -> u64 {
    // Cutting both ends to the string would make the first byte of such a range, which is empty.
    if start < 0 && end < 0 && start > end {
        return 0;
    }
    unit.select(start, end, value.len()).map_or(0, |range| count_in(value, range))
}
