//! `BITOP`: strings combined bit by bit.

use storage::big_string::{BigString, CHUNK_BYTES};
use storage::bits::{BitCombiner, BitOperation, first_bit};
use storage::{BIG_STRING_MIN_BYTES, Key, NewExpiry, NewValue, StringRef};

use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

const OPERATIONS: [(&str, BitOperation); 8] = [
    ("AND", BitOperation::And),
    ("OR", BitOperation::Or),
    ("XOR", BitOperation::Xor),
    ("NOT", BitOperation::Not),
    ("DIFF", BitOperation::Diff),
    ("DIFF1", BitOperation::Diff1),
    ("ANDOR", BitOperation::AndOr),
    ("ONE", BitOperation::One),
];

/// `BITOP operation destination key [key ...]`: stores the combination of the strings, as long as the longest.
pub(super) fn bitop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let operation = parse_operation(args)?;
    let sources = Sources::find(ctx, args)?;
    let destination = ctx.key(args, 2);
    if sources.len_max == 0 {
        if ctx.unit.delete(ctx.session.db, &destination) {
            ctx.notify(EventClass::GENERIC, "del", destination.bytes);
        }
    } else {
        let mut combiner =
            BitCombiner::new(operation, sources.len_max.min(CHUNK_BYTES as u64) as usize);
        if sources.len_max < BIG_STRING_MIN_BYTES as u64 {
            sources.combine_block(ctx, 0, &mut combiner);
            let value = NewValue::Bytes(combiner.finish());
            ctx.unit
                .set(ctx.session.db, &destination, value, NewExpiry::None);
        } else {
            let value = NewValue::Big(sources.combine(ctx, &mut combiner));
            ctx.unit
                .set(ctx.session.db, &destination, value, NewExpiry::None);
        }
        ctx.notify(EventClass::STRING, "set", destination.bytes);
    }
    ctx.reply.integer(sources.len_max as i64);
    Ok(())
}

fn parse_operation(args: Args<'_>) -> Result<BitOperation, CommandError> {
    let known = OPERATIONS.into_iter().find(|(name, _)| args.is(1, name));
    let (name, operation) = known.ok_or(CommandError::Syntax)?;
    match (operation, args.len() - 3) {
        (BitOperation::Not, 2..) => Err(CommandError::Line(
            "ERR BITOP NOT must be called with a single source key.",
        )),
        (BitOperation::Diff | BitOperation::Diff1 | BitOperation::AndOr, 1) => {
            Err(CommandError::composed(format!(
                "ERR BITOP {name} must be called with at least two source keys."
            )))
        }
        _ => Ok(operation),
    }
}

/// The strings to combine. Long ones are pinned; short ones, which end within the first block, are looked up
/// again when that block is combined, so that many of them take no memory.
struct Sources<'a> {
    list: Vec<(Key<'a>, Option<BigString>)>,
    len_max: u64,
}

impl<'a> Sources<'a> {
    /// # Errors
    /// `WrongType` if one of the sources is no string.
    fn find(ctx: &mut Context<'_, '_>, args: Args<'a>) -> Result<Self, CommandError> {
        let mut sources = Sources {
            list: Vec::with_capacity(args.len() - 3),
            len_max: 0,
        };
        for (_, key) in ctx.keys(args).filter(|(at, _)| *at >= FIRST_SOURCE) {
            let value = ctx.unit.string(ctx.session.db, &key)?;
            sources.len_max = sources.len_max.max(value.map_or(0, |value| value.len()));
            let pin = match value {
                Some(StringRef::Big(big)) => Some(big.clone()),
                _ => None,
            };
            sources.list.push((key, pin));
        }
        Ok(sources)
    }

    fn combine(&self, ctx: &mut Context<'_, '_>, combiner: &mut BitCombiner) -> BigString {
        let mut result = BigString::new();
        for start in (0..self.len_max).step_by(CHUNK_BYTES) {
            self.combine_block(ctx, start, combiner);
            let block = combiner.finish();
            // Zeros that are not written take no memory.
            match first_bit(block, true) {
                Some(_) => result.append(block),
                None => result.grow_to(result.len() + block.len()),
            }
        }
        result
    }

    /// Combines what the sources have between `start` and one chunk further.
    fn combine_block(&self, ctx: &mut Context<'_, '_>, start: u64, combiner: &mut BitCombiner) {
        let end = self.len_max.min(start + CHUNK_BYTES as u64);
        combiner.begin((end - start) as usize);
        let mut scratch = Vec::new();
        for (key, pin) in &self.list {
            scratch.clear();
            let value = match pin {
                Some(pin) => Some(StringRef::Big(pin)),
                None if start > 0 => None,
                None => ctx
                    .unit
                    .peek(ctx.session.db, key)
                    .and_then(|entry| entry.string().ok()),
            };
            match value {
                Some(StringRef::Raw(bytes)) => combiner.add(bytes),
                Some(value) => {
                    value.copy_range(start, end, &mut scratch);
                    combiner.add(&scratch);
                }
                None => combiner.add(b""),
            }
        }
    }
}

/// The argument of the first source.
const FIRST_SOURCE: usize = 3;
