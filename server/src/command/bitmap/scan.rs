//! Counting and searching bits, of long strings in slices and without holding their shard.

use storage::big_string::BigString;
use storage::bits::{BitRange, count_in, find_in};
use storage::{Key, StringRef};

use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::{CommandError, CommandResult, Context};

/// A walk over a range of bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    /// What is left of the range.
    pub(super) range: BitRange,
    /// What is looked for.
    pub(super) goal: Goal,
}

/// What a scan is to find out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// How many bits are set.
    Count {
        /// Those seen so far.
        seen: u64,
    },
    /// Where the first such bit is.
    Find {
        /// The bit.
        bit: bool,
        /// The answer if there is none.
        otherwise: i64,
    },
}

impl Scan {
    /// Walks over the next `bits` bits; the answer, once it is known.
    fn advance(&mut self, value: StringRef<'_>, bits: u64) -> Option<i64> {
        let BitRange { first, last } = self.range;
        let part = BitRange {
            first,
            last: last.min(first.saturating_add(bits - 1)),
        };
        match &mut self.goal {
            Goal::Count { seen } => *seen += count_in(value, part),
            Goal::Find { bit, .. } => {
                if let Some(found) = find_in(value, *bit, part) {
                    return Some(found as i64);
                }
            }
        }
        self.range.first = part.last + 1;
        (part.last == last).then_some(match self.goal {
            Goal::Count { seen } => seen as i64,
            Goal::Find { otherwise, .. } => otherwise,
        })
    }
}

/// Bits that are walked over at once: a megabyte, some 50 µs of work.
const BITS_AT_ONCE: u64 = 8 << 20;

/// What is to be done for a string.
pub(super) enum Plan {
    /// This scan.
    Scan(Scan),
    /// Nothing: the answer is known.
    Answer(i64),
}

/// Answers with the result of the scan that `plan` makes for the string at `key`, or with the answer that it
/// knows already; with `absent` if there is no such key, whatever the arguments behind it, as in Redis.
pub(super) fn reply_with_scan(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    absent: i64,
    plan: impl FnOnce(StringRef<'_>) -> Result<Plan, CommandError>,
) -> CommandResult {
    let Some(value) = ctx.unit.string(ctx.session.db, key)? else {
        ctx.reply.integer(absent);
        return Ok(());
    };
    let mut scan = match plan(value)? {
        Plan::Scan(scan) => scan,
        Plan::Answer(answer) => {
            ctx.reply.integer(answer);
            return Ok(());
        }
    };
    // Inside EXEC the unit goes on whatever a command does.
    let bits = if ctx.in_exec { u64::MAX } else { BITS_AT_ONCE };
    match (scan.advance(value, bits), value) {
        (Some(answer), _) => ctx.reply.integer(answer),
        (None, StringRef::Big(big)) => {
            let value = big.clone();
            ctx.continue_in_slices(LongScan { scan, value });
        }
        (None, _) => unreachable!("only long strings have so many bits"),
    }
    Ok(())
}

/// The rest of a scan, over the string as it was when the command ran.
#[derive(Debug)]
struct LongScan {
    scan: Scan,
    value: BigString,
}

impl Slices for LongScan {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        match self.scan.advance(StringRef::Big(&self.value), BITS_AT_ONCE) {
            Some(answer) => {
                ctx.reply.integer(answer);
                SliceProgress::Done
            }
            None => SliceProgress::More,
        }
    }

    fn only_answers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_any_size_find_the_same() {
        let mut bytes = vec![0u8; 100];
        (bytes[3], bytes[50], bytes[99]) = (0x81, 0xff, 0x01);
        let value = StringRef::Raw(&bytes);
        for bits in [1, 7, 64, 799, u64::MAX] {
            let answer = |goal| {
                let mut scan = Scan {
                    range: BitRange {
                        first: 25,
                        last: 799,
                    },
                    goal,
                };
                std::iter::from_fn(|| Some(scan.advance(value, bits))).find_map(|answer| answer)
            };
            assert_eq!(answer(Goal::Count { seen: 0 }), Some(10), "{bits}");
            assert_eq!(
                answer(Goal::Find {
                    bit: true,
                    otherwise: -1
                }),
                Some(31),
                "{bits}"
            );
            let mut scan = Scan {
                range: BitRange {
                    first: 32,
                    last: 399,
                },
                goal: Goal::Find {
                    bit: true,
                    otherwise: -7,
                },
            };
            let last =
                std::iter::from_fn(|| Some(scan.advance(value, bits))).find_map(|answer| answer);
            assert_eq!(last, Some(-7), "{bits}");
        }
    }
}
