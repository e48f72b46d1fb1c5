//! What the commands of the `ZRANGE` family ask for.

use std::ops::Range;

use storage::typed::sorted_set::{LexRange, ScoreRange, SortedSetRef};

use super::bounds::{lex_range, rank_range, score_range};
use super::integer;
use super::reply::Shown;
use crate::command::{Args, CommandError};

const LIMIT_OF_RANKS: CommandError = CommandError::Line(
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
);
const SCORES_BY_LEX: CommandError =
    CommandError::Line("ERR syntax error, WITHSCORES not supported in combination with BYLEX");

/// By what a range is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Ranks.
    Rank,
    /// Scores.
    Score,
    /// Members.
    Lex,
}

/// What a command leaves to its options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// By what the range is given; `None`: `BYSCORE` and `BYLEX` say so.
    pub(super) by: Option<By>,
    /// Whether it goes from high to low; `None`: `REV` says so.
    pub(super) is_reversed: Option<bool>,
    /// The argument that is the set; the range stands behind it.
    pub(super) key: usize,
    /// Whether `WITHSCORES` is an option.
    pub(super) shows_scores: bool,
}

/// A range of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Query<'a> {
    range: Selected<'a>,
    is_reversed: bool,
    with_scores: bool,
    /// Members of the range to leave out; if negative, all.
    offset: i64,
    /// Most members; if negative, all.
    limit: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Selected<'a> {
    /// In the order that the command has.
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

impl<'a> Query<'a> {
    /// Reads the range and the options behind it.
    pub(super) fn parse(args: Args<'a>, form: Form) -> Result<Self, CommandError> {
        let (mut by, mut is_reversed) = (form.by, form.is_reversed);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut at = form.key + 3;
        while at < args.len() {
            if form.shows_scores && args.is(at, "WITHSCORES") {
                with_scores = true;
            } else if args.is(at, "LIMIT") && at + 2 < args.len() {
                (offset, limit) = (integer(args.at(at + 1))?, integer(args.at(at + 2))?);
                at += 2;
            } else if form.is_reversed.is_none() && is_reversed.is_none() && args.is(at, "REV") {
                is_reversed = Some(true);
            } else if by.is_none() && args.is(at, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        let (by, is_reversed) = (by.unwrap_or(By::Rank), is_reversed.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT_OF_RANKS);
        }
        if with_scores && by == By::Lex {
            return Err(SCORES_BY_LEX);
        }
        let (first, second) = (args.at(form.key + 1), args.at(form.key + 2));
        let (min, max) = if is_reversed {
            (second, first)
        } else {
            (first, second)
        };
        let range = match by {
            By::Rank => Selected::Ranks(integer(first)?, integer(second)?),
            By::Score => Selected::Scores(score_range(min, max)?),
            By::Lex => Selected::Members(lex_range(min, max)?),
        };
        Ok(Self {
            range,
            is_reversed,
            with_scores,
            offset,
            limit,
        })
    }

    /// What it shows of `set`.
    pub(super) fn of(&self, set: SortedSetRef<'_>) -> Shown {
        Shown {
            ranks: self.ranks(set),
            is_reversed: self.is_reversed,
            with_scores: self.with_scores,
            is_nested: false,
        }
    }

    /// The ranks in `set` that it selects, counted from the lowest score.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<u64> {
        match &self.range {
            Selected::Ranks(start, end) => {
                let len = set.len();
                let ranks = rank_range(*start, *end, len);
                if self.is_reversed && !ranks.is_empty() {
                    len - ranks.end..len - ranks.start
                } else {
                    ranks
                }
            }
            Selected::Scores(scores) => self.limited(set.ranks_of_scores(scores, self.wanted())),
            Selected::Members(members) => self.limited(set.ranks_of_members(members)),
        }
    }

    /// How many members from the low end of a range matter.
    fn wanted(&self) -> u64 {
        match (u64::try_from(self.offset), u64::try_from(self.limit)) {
            (Ok(offset), Ok(limit)) if !self.is_reversed => offset.saturating_add(limit),
            _ => u64::MAX,
        }
    }

    fn limited(&self, ranks: Range<u64>) -> Range<u64> {
        let len = ranks.end - ranks.start;
        let skipped = u64::try_from(self.offset).map_or(len, |offset| offset.min(len));
        let left = len - skipped;
        let count = u64::try_from(self.limit).map_or(left, |limit| limit.min(left));
        if self.is_reversed {
            let end = ranks.end - skipped;
            end - count..end
        } else {
            let start = ranks.start + skipped;
            start..start + count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    const ZRANGE: Form = Form {
        by: None,
        is_reversed: None,
        key: 1,
        shows_scores: true,
    };

    #[test]
    fn options_are_checked_in_redis_s_order() {
        for (words, expected) in [
            ("ZRANGE k 0 -1", Ok(())),
            ("ZRANGE k 0 -1 rev withscores", Ok(())),
            ("ZRANGE k 0 -1 LIMIT 5 -1", Ok(())),
            ("ZRANGE k 0 1 BYSCORE LIMIT 0 5 LIMIT 1 2", Ok(())),
            ("ZRANGE k 0 -1 LIMIT 0 5", Err(&LIMIT_OF_RANKS)),
            ("ZRANGE k a b BYLEX LIMIT", Err(&CommandError::Syntax)),
            ("ZRANGE k a b LIMIT x 1", Err(&CommandError::NotInteger)),
            ("ZRANGE k a b BYSCORE BYLEX", Err(&CommandError::Syntax)),
            ("ZRANGE k a b BYLEX WITHSCORES", Err(&SCORES_BY_LEX)),
            ("ZRANGE k a b", Err(&CommandError::NotInteger)),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, |args| Query::parse(args, ZRANGE).map(|_| ()));
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }

    #[test]
    fn limits_count_from_the_end_that_comes_first() {
        let limited = |offset, limit, is_reversed| {
            let query = Query {
                range: Selected::Ranks(0, 0),
                is_reversed,
                with_scores: false,
                offset,
                limit,
            };
            query.limited(10..20)
        };
        assert_eq!(limited(0, -1, false), 10..20);
        assert_eq!(limited(2, 3, false), 12..15);
        assert_eq!(limited(2, 3, true), 15..18);
        assert_eq!(limited(8, 5, false), 18..20);
        assert_eq!(limited(8, 5, true), 10..12);
        assert_eq!(limited(2, -7, true), 10..18);
        assert!(limited(-1, 5, false).is_empty());
        assert!(limited(0, 0, true).is_empty());
        assert!(limited(i64::MAX, i64::MAX, false).is_empty());
    }
}
