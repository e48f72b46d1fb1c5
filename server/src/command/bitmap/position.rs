//! `BITPOS`: where the first set or clear bit is.

use storage::StringRef;
use storage::bits::find_in;

use super::RangeUnit;
use crate::command::string::integer;
use crate::command::{Args, CommandError, CommandResult, Context};

/// Where `BITPOS` looks.
#[derive(Clone, Copy, Debug)]
struct Search {
    bit: bool,
    start: i64,
    /// `None`: up to the end of the string, behind which there are zeros without end.
    end: Option<i64>,
    unit: RangeUnit,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let bit = match integer(args.at(2))? {
            0 => false,
            1 => true,
            _ => return Err(CommandError::Line("ERR The bit argument must be 1 or 0.")),
        };
        if args.len() > 6 {
            return Err(CommandError::Syntax);
        }
        // The unit is looked at before the end, as in Redis.
        let start = args.get(3).map_or(Ok(0), integer)?;
        let unit = RangeUnit::parse(args, 5)?;
        let end = args.get(4).map(integer).transpose()?;
        Ok(Self { bit, start, end, unit })
    }

    fn position_in(self, value: StringRef<'_>) -> Option<u64> {
        let range = self.unit.select(self.start, self.end.unwrap_or(-1), value.len())?;
        let behind = (!self.bit && self.end.is_none()).then_some(value.len() * 8);
        find_in(value, self.bit, range).or(behind)
    }
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`: the first bit that is `bit`, -1 if there is none.
pub(super) fn bitpos(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let search = Search::parse(args)?;
    let key = ctx.key(args, 1);
    let position = match ctx.unit.string(ctx.session.db, &key)? {
        Some(value) => search.position_in(value),
        // A string that is not there is all zeros, whatever the range.
        None => (!search.bit).then_some(0),
    };
    ctx.reply.integer(position.map_or(-1, |position| position as i64));
    Ok(())
}
