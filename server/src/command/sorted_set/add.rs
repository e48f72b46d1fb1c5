//! `ZADD` and `ZINCRBY`.

use smallvec::SmallVec;
use storage::typed::sorted_set::{Added, Adding, Towards, Which};

use super::score;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

const NX_AND_XX: CommandError =
    CommandError::Line("ERR XX and NX options at the same time are not compatible");
const CONFLICT: CommandError =
    CommandError::Line("ERR GT, LT, and/or NX options at the same time are not compatible");
const INCR_OF_MANY: CommandError =
    CommandError::Line("ERR INCR option supports a single increment-element pair");
const NOT_A_NUMBER: CommandError = CommandError::Line("ERR resulting score is not a number (NaN)");

/// The options of `ZADD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct AddOptions {
    adding: Adding,
    /// `CH`: members that got another score are counted, too.
    counts_changed: bool,
    /// The first score.
    first: usize,
}

impl AddOptions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
        let mut options = Self::default();
        let mut at = 2;
        while let Some(word) = args.get(at) {
            // Scores have no letters of these, or more than two.
            match word {
                [b'n' | b'N', b'x' | b'X'] => nx = true,
                [b'x' | b'X', b'x' | b'X'] => xx = true,
                [b'g' | b'G', b't' | b'T'] => gt = true,
                [b'l' | b'L', b't' | b'T'] => lt = true,
                [b'c' | b'C', b'h' | b'H'] => options.counts_changed = true,
                word if word.eq_ignore_ascii_case(b"INCR") => options.adding.increment = true,
                _ => break,
            }
            at += 1;
        }
        options.first = at;
        let rest = args.len() - at;
        if rest == 0 || !rest.is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        if nx && xx {
            return Err(NX_AND_XX);
        }
        if [nx, gt, lt].into_iter().filter(|is_set| *is_set).count() > 1 {
            return Err(CONFLICT);
        }
        if options.adding.increment && rest > 2 {
            return Err(INCR_OF_MANY);
        }
        options.adding.which = match (nx, xx) {
            (true, _) => Which::New,
            (_, true) => Which::Present,
            _ => Which::Any,
        };
        options.adding.towards = match (gt, lt) {
            (true, _) => Towards::Higher,
            (_, true) => Towards::Lower,
            _ => Towards::Any,
        };
        Ok(options)
    }
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]`: adds members or changes their scores.
pub(super) fn zadd(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    add(ctx, args, AddOptions::parse(args)?)
}

/// `ZINCRBY key increment member`: adds to a member's score, which is 0 if there is no such member.
pub(super) fn zincrby(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let adding = Adding {
        increment: true,
        ..Adding::default()
    };
    let options = AddOptions {
        adding,
        counts_changed: false,
        first: 2,
    };
    add(ctx, args, options)
}

/// What has come of all pairs.
#[derive(Default)]
struct Sum {
    new: u64,
    changed: u64,
    last: Option<Added>,
}

fn add(ctx: &mut Context<'_, '_>, args: Args<'_>, options: AddOptions) -> CommandResult {
    let AddOptions { adding, first, .. } = options;
    // All scores are read first: an error leaves nothing half done.
    let scores = args.from(first).step_by(2).map(score);
    let scores: SmallVec<[f64; 4]> = scores.collect::<Result<_, _>>()?;
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limit = ctx.config.limits.sorted_set;
    let sum = ctx.unit.edit_sorted_set(db, &key, limit, |edit| {
        let mut sum = Sum::default();
        edit.expect(scores.len(), args.at(first + 1));
        let members = args.from(first + 1).step_by(2);
        for (score, member) in scores.iter().zip(members) {
            let added = edit.add(member, *score, &adding);
            sum.new += u64::from(matches!(added, Added::New(_)));
            sum.changed += u64::from(matches!(added, Added::Changed(_)));
            sum.last = Some(added);
        }
        sum
    })?;
    let Sum { new, changed, last } = sum.result;
    match last {
        // Only an increment can lead there, and that is of one member.
        Some(Added::NotANumber) => return Err(NOT_A_NUMBER),
        Some(Added::New(score) | Added::Changed(score) | Added::Same(score))
            if adding.increment =>
        {
            ctx.reply.double(score);
        }
        _ if adding.increment => ctx.reply.null(),
        _ if options.counts_changed => ctx.reply.integer((new + changed) as i64),
        _ => ctx.reply.integer(new as i64),
    }
    if new + changed > 0 {
        let event = if adding.increment { "zincr" } else { "zadd" };
        ctx.notify(EventClass::SORTED_SET, event, key.bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn options_are_checked_in_redis_s_order() {
        for (words, expected) in [
            ("ZADD k 1 a", Ok(2)),
            ("ZADD k nx CH 1 a", Ok(4)),
            ("ZADD k xx gt incr 1 a", Ok(5)),
            ("ZADD k XX XX 1 a 2 b", Ok(4)),
            ("ZADD k NX a", Err(&CommandError::Syntax)),
            ("ZADD k NX XX", Err(&CommandError::Syntax)),
            ("ZADD k NX XX 1", Err(&CommandError::Syntax)),
            ("ZADD k NX XX GT LT 1 a", Err(&NX_AND_XX)),
            ("ZADD k GT LT 1 a", Err(&CONFLICT)),
            ("ZADD k GT NX 1 a", Err(&CONFLICT)),
            ("ZADD k LT NX INCR 1 a 2 b", Err(&CONFLICT)),
            ("ZADD k INCR 1 a 2 b", Err(&INCR_OF_MANY)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, AddOptions::parse).map(|options| options.first);
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
}
