//! Small sorted sets: members and scores in turn, in the order of the set.

use std::cmp::Ordering;
use std::ops::Range;

use crate::listpack::{self, Listpack, ListpackBuf, Position, Value};
use crate::same_bytes::same_bytes;
use crate::value::canonical_integer;

use super::range::{ScoreRange, cmp_bytes};
use super::score::{ScoreText, score_of, whole};

/// Members with their scores, from either end.
#[derive(Clone)]
pub(super) struct Pairs<'a>(listpack::Iter<'a>);

impl<'a> Pairs<'a> {
    /// Where the next member from the front is.
    fn position(&self) -> Option<Position> {
        self.0.position()
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Value<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let member = self.0.next()?;
        Some((member, score_of(self.0.next()?)))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let score = self.0.next_back()?;
        Some((self.0.next_back()?, score_of(score)))
    }
}

/// All members with their scores.
pub(super) fn pairs(set: Listpack<'_>) -> Pairs<'_> {
    Pairs(set.iter())
}

/// The ranks of members with such scores; if there are more than `count_max`, those of the first ones.
pub(super) fn ranks_of_scores(
    set: Listpack<'_>,
    scores: &ScoreRange,
    count_max: u64,
) -> Range<u64> {
    let mut values = set.iter();
    let mut next = || values.nth(1).map(score_of);
    let (mut start, mut score) = (0, next());
    while score.is_some_and(|score| scores.begins_behind(score)) {
        start += 1;
        score = next();
    }
    let mut end = start;
    while end - start < count_max && score.is_some_and(|score| scores.ends_behind(score)) {
        end += 1;
        score = next();
    }
    start..end
}

/// Members with these ranks, with their scores, from the front.
pub(super) fn pairs_from<'a>(
    set: Listpack<'a>,
    ranks: Range<u64>,
) -> impl Iterator<Item = (Value<'a>, f64)> + use<'a> {
    let count = ranks.end.saturating_sub(ranks.start);
    let first =
        set.seek(usize::try_from(ranks.start).map_or(usize::MAX, |rank| rank.saturating_mul(2)));
    let pairs = first.map(|first| Pairs(set.iter_from(first)));
    pairs
        .into_iter()
        .flatten()
        .take(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Members with these ranks, with their scores.
pub(super) fn pairs_in<'a>(
    set: Listpack<'a>,
    ranks: Range<u64>,
) -> impl DoubleEndedIterator<Item = (Value<'a>, f64)> + use<'a> {
    let count = ranks.end.saturating_sub(ranks.start) as usize;
    let first = set.seek(ranks.start as usize * 2);
    let behind = set.seek(ranks.end as usize * 2);
    let pairs = first.map(|first| match behind {
        Some(behind) => Pairs(set.iter_between(first, behind)),
        None => Pairs(set.iter_from(first)),
    });
    pairs.filter(|_| count > 0).into_iter().flatten()
}

/// How many members there are.
pub(super) fn len(set: Listpack<'_>) -> u64 {
    set.len() as u64 / 2
}

/// Where a member is, and its score.
#[inline]
pub(super) fn find(set: Listpack<'_>, member: &[u8]) -> Option<(Position, f64)> {
    let position = set.find(set.first()?, 2, member)?;
    let score = set.value_at(set.next(position)?);
    Some((position, score_of(score)))
}

/// How many members stand before this one, and its score.
pub(super) fn rank(set: Listpack<'_>, member: &[u8]) -> Option<(u64, f64)> {
    let integer = canonical_integer(member);
    let mut values = set.iter();
    let mut rank = 0;
    while let (Some(other), Some(score)) = (values.next(), values.next()) {
        let found = match other {
            Value::Int(other) => integer == Some(other),
            Value::Bytes(other) => same_bytes(other, member),
        };
        if found {
            return Some((rank, score_of(score)));
        }
        rank += 1;
    }
    None
}

/// Orders a member against one that is looked for: by score, then by bytes. No score is NaN.
#[inline]
fn cmp_pair((member, score): (Value<'_>, f64), wanted: &[u8], wanted_score: f64) -> Ordering {
    score
        .partial_cmp(&wanted_score)
        .unwrap_or(Ordering::Equal)
        .then_with(|| cmp_bytes(member, wanted))
}

/// Adds a member that is not there.
pub(super) fn insert(set: &mut ListpackBuf, member: &[u8], score: f64) {
    match place_of(set.as_listpack(), member, score) {
        None => push_back(set, member, score),
        Some(position) => {
            let text = ScoreText::new(score);
            let position = set.insert_before(position, text.as_bytes());
            set.insert_before(position, member);
        }
    }
}

/// Adds a member behind all others.
pub(super) fn push_back(set: &mut ListpackBuf, member: &[u8], score: f64) {
    set.push_back(member);
    match whole(score) {
        Some(integer) => set.push_back_int(integer),
        None => set.push_back(ScoreText::new(score).as_bytes()),
    }
}

/// The member before which another would stand; `None` if that is at the end.
fn place_of(set: Listpack<'_>, member: &[u8], score: f64) -> Option<Position> {
    let mut pairs = pairs(set);
    // Scores often are points in time, so that what comes is last.
    let last = pairs.clone().next_back()?;
    if cmp_pair(last, member, score).is_lt() {
        return None;
    }
    loop {
        let position = pairs.position()?;
        if cmp_pair(pairs.next()?, member, score).is_gt() {
            return Some(position);
        }
    }
}

/// Gives the member at `position` another score.
pub(super) fn set_score(set: &mut ListpackBuf, position: Position, member: &[u8], score: f64) {
    if stays_in_place(set.as_listpack(), position, member, score) {
        let place = set.as_listpack().next(position);
        let place = place.expect("a score stands behind each member");
        match whole(score) {
            Some(integer) => set.replace_int(place, integer),
            None => set.replace(place, ScoreText::new(score).as_bytes()),
        };
    } else {
        set.remove_from(position, 2);
        insert(set, member, score);
    }
}

fn stays_in_place(set: Listpack<'_>, position: Position, member: &[u8], score: f64) -> bool {
    let mut behind = Pairs(set.iter_from(position));
    behind.next();
    let is_before_next = behind
        .next()
        .is_none_or(|next| cmp_pair(next, member, score).is_gt());
    is_before_next
        && set.prev(position).is_none_or(|score_before| {
            let before = set.prev(score_before);
            let before = before.expect("a member stands before each score");
            let before = (set.value_at(before), score_of(set.value_at(score_before)));
            cmp_pair(before, member, score).is_lt()
        })
}
