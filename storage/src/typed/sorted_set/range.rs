//! What commands select members by: scores, or members that all have one score.

use std::cmp::Ordering;

use crate::listpack::Value;

/// Scores from one to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest score.
    pub min: f64,
    /// The highest score.
    pub max: f64,
    /// Whether the lowest score itself is left out.
    pub above_min: bool,
    /// Whether the highest score itself is left out.
    pub below_max: bool,
}

impl ScoreRange {
    /// Whether a score comes before the range.
    #[inline]
    pub(super) fn begins_behind(&self, score: f64) -> bool {
        score < self.min || self.above_min && score == self.min
    }

    /// Whether a score comes before the range's end: it is in the range, or before it.
    #[inline]
    pub(super) fn ends_behind(&self, score: f64) -> bool {
        score < self.max || !self.below_max && score == self.max
    }
}

/// One end of a [`LexRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before all members.
    First,
    /// This member, which belongs to the range.
    Including(&'a [u8]),
    /// This member, which does not.
    Excluding(&'a [u8]),
    /// Behind all members.
    Last,
}

/// Members from one to another in the order of their bytes, in a set whose scores are all the same. Of other sets it
/// selects some members, but which is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// Where it begins.
    pub min: LexBound<'a>,
    /// Where it ends.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether a member comes before the range.
    pub(super) fn begins_behind(&self, member: Value<'_>) -> bool {
        match self.min {
            LexBound::First => false,
            LexBound::Including(min) => cmp_bytes(member, min).is_lt(),
            LexBound::Excluding(min) => cmp_bytes(member, min).is_le(),
            LexBound::Last => true,
        }
    }

    /// Whether a member comes before the range's end.
    pub(super) fn ends_behind(&self, member: Value<'_>) -> bool {
        match self.max {
            LexBound::First => false,
            LexBound::Including(max) => cmp_bytes(member, max).is_le(),
            LexBound::Excluding(max) => cmp_bytes(member, max).is_lt(),
            LexBound::Last => true,
        }
    }
}

/// Compares a member with bytes, as bytes.
#[inline]
pub(super) fn cmp_bytes(member: Value<'_>, bytes: &[u8]) -> Ordering {
    match member {
        Value::Bytes(member) => member.cmp(bytes),
        Value::Int(member) => itoa::Buffer::new().format(member).as_bytes().cmp(bytes),
    }
}
