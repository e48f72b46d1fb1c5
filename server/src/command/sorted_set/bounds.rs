//! Ends of ranges, as commands are given them.

use std::ops::Range;

use storage::typed::sorted_set::{LexBound, LexRange, ScoreRange};

use crate::command::CommandError;

const NOT_A_SCORE: CommandError = CommandError::Line("ERR min or max is not a float");
const NOT_A_LEX_BOUND: CommandError =
    CommandError::Line("ERR min or max not valid string range item");

/// Scores from `min` to `max`; `(` before one of them leaves that score itself out.
pub(crate) fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    let (min, above_min) = score_bound(min)?;
    let (max, below_max) = score_bound(max)?;
    Ok(ScoreRange {
        min,
        max,
        above_min,
        below_max,
    })
}

fn score_bound(text: &[u8]) -> Result<(f64, bool), CommandError> {
    let (digits, is_exclusive) = match text {
        [b'(', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    let score = protocol::parse_f64_leniently(digits).ok_or(NOT_A_SCORE)?;
    Ok((score, is_exclusive))
}

/// Members from `min` to `max`: `[a` begins or ends with `a`, `(a` leaves it out, `-` and `+` are before and behind all.
pub(super) fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CommandError> {
    Ok(LexRange {
        min: lex_bound(min)?,
        max: lex_bound(max)?,
    })
}

fn lex_bound(text: &[u8]) -> Result<LexBound<'_>, CommandError> {
    Ok(match text {
        // Redis looks no further than a NUL byte.
        [b'-'] | [b'-', 0, ..] => LexBound::First,
        [b'+'] | [b'+', 0, ..] => LexBound::Last,
        [b'[', member @ ..] => LexBound::Including(member),
        [b'(', member @ ..] => LexBound::Excluding(member),
        _ => return Err(NOT_A_LEX_BOUND),
    })
}

/// The ranks from `start` to `end`, both included and negative ones counted from the end, that a set of `len` members has.
pub(super) fn rank_range(start: i64, end: i64, len: u64) -> Range<u64> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |rank: i64| {
        if rank < 0 {
            rank.saturating_add(len)
        } else {
            rank
        }
    };
    let (start, end) = (from_end(start).max(0), from_end(end).min(len - 1));
    if start > end {
        return 0..0;
    }
    start as u64..end as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_cut_to_the_set() {
        for (start, end, expected) in [
            (0, -1, 0..10),
            (-3, -1, 7..10),
            (5, 2, 0..0),
            (-100, 3, 0..4),
            (-100, -50, 0..0),
            (9, 100, 9..10),
            (10, 20, 0..0),
            (i64::MIN, i64::MAX, 0..10),
        ] {
            assert_eq!(rank_range(start, end, 10), expected, "{start} {end}");
        }
        assert_eq!(rank_range(0, -1, 0), 0..0);
    }

    #[test]
    fn bounds_are_read_as_redis_reads_them() {
        assert_eq!(score_bound(b"(1.5"), Ok((1.5, true)));
        assert_eq!(score_bound(b"("), Ok((0.0, true)));
        assert_eq!(score_bound(b"-inf"), Ok((f64::NEG_INFINITY, false)));
        assert_eq!(score_bound(b"((1"), Err(NOT_A_SCORE));
        assert_eq!(score_bound(b"nan"), Err(NOT_A_SCORE));
        assert_eq!(lex_bound(b"-"), Ok(LexBound::First));
        assert_eq!(lex_bound(b"["), Ok(LexBound::Including(b"")));
        assert_eq!(lex_bound(b"(a("), Ok(LexBound::Excluding(b"a(")));
        for text in [&b""[..], b"a", b"+a", b"--", b"1"] {
            assert_eq!(lex_bound(text), Err(NOT_A_LEX_BOUND));
        }
    }
}
