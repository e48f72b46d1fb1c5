//! `BITCOUNT`: how many bits are set.

use super::RangeUnit;
use super::scan::{Goal, Plan, Scan, reply_with_scan};
use crate::command::string::integer;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `BITCOUNT key [start end [BYTE | BIT]]`: how many bits are set in the string or a part of it.
pub(super) fn bitcount(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    reply_with_scan(ctx, &key, 0, |value| {
        let (start, end, unit) = match args.len() {
            2 => (0, -1, RangeUnit::Byte),
            4 | 5 => (
                integer(args.at(2))?,
                integer(args.at(3))?,
                RangeUnit::parse(args, 4)?,
            ),
            _ => return Err(CommandError::Syntax),
        };
        // Cutting both ends to the string would make the first byte of such a range, which is empty.
        let is_empty = start < 0 && end < 0 && start > end;
        let range = unit.select(start, end, value.len()).filter(|_| !is_empty);
        let goal = Goal::Count { seen: 0 };
        Ok(range.map_or(Plan::Answer(0), |range| Plan::Scan(Scan { range, goal })))
    })
}
