//! `GEOADD`.

use smallvec::SmallVec;
use storage::typed::sorted_set::{Added, Adding, Which};

use super::arguments::point;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// The options of `GEOADD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct AddOptions {
    adding: Adding,
    /// `CH`: members that got another place are counted, too.
    counts_changed: bool,
    /// The first longitude.
    first: usize,
}

impl AddOptions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self {
            first: 2,
            ..Self::default()
        };
        let (mut nx, mut xx) = (false, false);
        loop {
            match args.get(options.first) {
                Some([b'n' | b'N', b'x' | b'X']) => nx = true,
                Some([b'x' | b'X', b'x' | b'X']) => xx = true,
                Some([b'c' | b'C', b'h' | b'H']) => options.counts_changed = true,
                _ => break,
            }
            options.first += 1;
        }
        let rest = args.len() - options.first;
        let is_complete = rest > 0 && rest.is_multiple_of(3);
        if !is_complete || (nx && xx) {
            return Err(CommandError::Syntax);
        }
        options.adding.which = match (nx, xx) {
            (true, _) => Which::New,
            (_, true) => Which::Present,
            _ => Which::Any,
        };
        Ok(options)
    }
}

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]`: adds members, or moves them.
pub(super) fn geoadd(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let AddOptions {
        adding,
        counts_changed,
        first,
    } = AddOptions::parse(args)?;
    let places = (first..args.len()).step_by(3);
    let scores = places.map(|at| point(args, at).map(|point| point.score()));
    let scores: SmallVec<[f64; 4]> = scores.collect::<Result<_, _>>()?;
    let members = || args.from(first + 2).step_by(3);
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limit = ctx.config.limits.sorted_set;
    let sum = ctx.unit.edit_sorted_set(db, &key, limit, |edit| {
        let (mut new, mut changed) = (0, 0);
        edit.expect(scores.len(), args.at(first + 2));
        for (score, member) in scores.iter().zip(members()) {
            match edit.add(member, *score, &adding) {
                Added::New(_) => new += 1,
                Added::Changed(_) => changed += 1,
                Added::Same(_) | Added::Refused | Added::NotANumber => {}
            }
        }
        (new, changed)
    })?;
    let (new, changed) = sum.result;
    ctx.reply
        .integer(if counts_changed { new + changed } else { new });
    if new + changed > 0 {
        if ctx.unit.state().log_on() {
            log(ctx, args, first, &scores);
        }
        ctx.notify(EventClass::SORTED_SET, "zadd", key.bytes);
    }
    Ok(())
}

/// What replicas are told is `ZADD`: they need not know about places.
fn log(ctx: &mut Context<'_, '_>, args: Args<'_>, first: usize, scores: &[f64]) {
    let mut digits: Vec<itoa::Buffer> = vec![itoa::Buffer::new(); scores.len()];
    let mut parts: Vec<&[u8]> = vec![b"ZADD"];
    parts.extend((1..first).map(|at| args.at(at)));
    let members = args.from(first + 2).step_by(3);
    for ((score, digits), member) in scores.iter().zip(&mut digits).zip(members) {
        // Scores of places are whole.
        parts.push(digits.format(*score as u64).as_bytes());
        parts.push(member);
    }
    ctx.effect(&parts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn options_stand_before_the_first_place() {
        for (words, expected) in [
            ("GEOADD k 1 2 a", Ok((2, Which::Any, false))),
            ("GEOADD k nx CH 1 2 a", Ok((4, Which::New, true))),
            ("GEOADD k XX xx 1 2 a 3 4 b", Ok((4, Which::Present, false))),
            ("GEOADD k NX XX 1 2 a", Err(CommandError::Syntax)),
            ("GEOADD k NX CH CH", Err(CommandError::Syntax)),
            ("GEOADD k 1 2 a 3 4", Err(CommandError::Syntax)),
            ("GEOADD k GT 1 2 a", Err(CommandError::Syntax)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, AddOptions::parse)
                .map(|options| (options.first, options.adding.which, options.counts_changed));
            assert_eq!(parsed, expected, "{words:?}");
        }
    }
}
