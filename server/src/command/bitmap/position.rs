//! `BITPOS`: where the first set or clear bit is.

use storage::StringRef;

use super::RangeUnit;
use super::scan::{Goal, Plan, Scan, reply_with_scan};
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
    fn parse(bit: bool, args: Args<'_>) -> Result<Self, CommandError> {
        if args.len() > 6 {
            return Err(CommandError::Syntax);
        }
        // The unit is looked at before the end, as in Redis.
        let start = args.get(3).map_or(Ok(0), integer)?;
        let unit = RangeUnit::parse(args, 5)?;
        let end = args.get(4).map(integer).transpose()?;
        Ok(Self {
            bit,
            start,
            end,
            unit,
        })
    }

    /// The scan that answers, or the answer for a range that is empty.
    fn plan(self, value: StringRef<'_>) -> Plan {
        let end = self.end.unwrap_or(-1);
        let Some(range) = self.unit.select(self.start, end, value.len()) else {
            return Plan::Answer(-1);
        };
        let behind = value.len() as i64 * 8;
        let otherwise = if !self.bit && self.end.is_none() {
            behind
        } else {
            -1
        };
        Plan::Scan(Scan {
            range,
            goal: Goal::Find {
                bit: self.bit,
                otherwise,
            },
        })
    }
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`: the first bit that is `bit`, -1 if there is none.
pub(super) fn bitpos(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let bit = match integer(args.at(2))? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::Line("ERR The bit argument must be 1 or 0.")),
    };
    let key = ctx.key(args, 1);
    // A string that is not there is all zeros, whatever the range.
    let absent = if bit { -1 } else { 0 };
    reply_with_scan(ctx, &key, absent, |value| {
        Ok(Search::parse(bit, args)?.plan(value))
    })
}
