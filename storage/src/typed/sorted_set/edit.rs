//! Changes of sorted sets.

use std::ops::Range;

use crate::collection::Collection;
use crate::collection::ranked::RankedTree;
use crate::hash::ElementHasher;
use crate::listpack::{Listpack, ListpackBuf, Value, entry_bytes};
use crate::typed::{CollectionEdit, Content, Packed, PackedLimit};

use super::{Pair, SortedSetRef, packed};

/// Which members an addition is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All.
    #[default]
    Any,
    /// Those that are not there yet.
    New,
    /// Those that are there.
    Present,
}

/// Which new scores a member takes that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Towards {
    /// All.
    #[default]
    Any,
    /// Higher ones.
    Higher,
    /// Lower ones.
    Lower,
}

/// How members are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adding {
    /// For which members.
    pub which: Which,
    /// With which scores, if they are there.
    pub towards: Towards,
    /// Whether the score is added to the one that a member has.
    pub increment: bool,
}

/// What has come of adding a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    /// It is new, with this score.
    New(f64),
    /// It has this new score.
    Changed(f64),
    /// It has the score that it had.
    Same(f64),
    /// Neither added nor changed, as was asked.
    Refused,
    /// The sum would be no number: nothing has been done.
    NotANumber,
}

/// An end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The lowest scores.
    Lowest,
    /// The highest scores.
    Highest,
}

/// A sorted set being edited.
pub struct SortedSetEdit<'e, 'a> {
    edit: &'e mut CollectionEdit<'a>,
    limit: PackedLimit,
}

impl<'e, 'a> SortedSetEdit<'e, 'a> {
    /// An edit of a sorted set that stays small up to `limit`.
    pub(super) fn new(edit: &'e mut CollectionEdit<'a>, limit: PackedLimit) -> Self {
        Self { edit, limit }
    }

    /// What is there.
    pub fn set(&self) -> SortedSetRef<'_> {
        SortedSetRef::of(self.edit.content(), self.edit.hasher())
            .expect("the edit is of a sorted set")
    }

    /// Says that `count` members come, `first` the first of them: when that alone is beyond the limit, the set grows big
    /// at once. As in Redis that is so whether or not they are there already, and a long first member counts only if the
    /// set is empty.
    pub fn expect(&mut self, count: usize, first: &[u8]) {
        if let Some(set) = small(self.edit)
            && (count > self.limit.entries
                || set.as_listpack().is_empty() && !self.limit.admits(first))
        {
            self.grow();
        }
    }

    /// Adds a member, or changes its score.
    pub fn add(&mut self, member: &[u8], score: f64, adding: &Adding) -> Added {
        if score.is_nan() {
            return Added::NotANumber;
        }
        if let Some(set) = small(self.edit) {
            match packed::find(set.as_listpack(), member) {
                Some((position, old)) => {
                    let added = changed(old, score, adding);
                    if let Added::Changed(score) = added {
                        packed::set_score(set, position, member, score);
                        self.edit.changed(1);
                    }
                    return added;
                }
                None if adding.which == Which::Present => return Added::Refused,
                None if self.limit_admits_another(member) => {
                    let set = small(self.edit).expect("it is small");
                    packed::insert(set, member, score);
                    self.edit.changed(1);
                    return Added::New(score);
                }
                None => self.grow(),
            }
        }
        self.add_to_big(member, score, adding)
    }

    fn limit_admits_another(&mut self, member: &[u8]) -> bool {
        let limit = self.limit;
        small(self.edit).is_some_and(|set| {
            let set = set.as_listpack();
            limit.admits(member)
                && packed::len(set) < limit.entries as u64
                && set.has_room_for(entry_bytes(member) + SCORE_BYTES_MAX)
        })
    }

    fn add_to_big(&mut self, member: &[u8], score: f64, adding: &Adding) -> Added {
        let hash = self.edit.hasher().hash(member);
        let tree = big(self.edit).expect("it has grown big");
        let mut added = Added::Refused;
        tree.update(hash, member, |old| {
            added = match old {
                Some(old) => changed(old, score, adding),
                None if adding.which == Which::Present => Added::Refused,
                None => Added::New(score),
            };
            match added {
                Added::New(score) | Added::Changed(score) => Some(score),
                _ => None,
            }
        });
        if let Added::New(_) | Added::Changed(_) = added {
            self.edit.changed(1);
        }
        added
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let hasher = self.edit.hasher();
        let removed = match small(self.edit) {
            Some(set) => {
                let found = packed::find(set.as_listpack(), member);
                found
                    .map(|(position, _)| set.remove_from(position, 2))
                    .is_some()
            }
            None => big(self.edit)
                .is_some_and(|tree| tree.remove(hasher.hash(member), member).is_some()),
        };
        self.edit.changed(u64::from(removed));
        removed
    }

    /// Removes the members with these ranks; how many there were.
    pub fn remove_ranks(&mut self, ranks: Range<u64>) -> u64 {
        let before = self.set().len();
        let ranks = ranks.start..ranks.end.min(before);
        let count = ranks.end.saturating_sub(ranks.start);
        let hasher = self.edit.hasher();
        if let Some(set) = small(self.edit) {
            set.remove_range(ranks.start as usize * 2, count as usize * 2);
        } else if let Some(tree) = big(self.edit) {
            if count == 1 {
                tree.remove_at(ranks.start, |member| hasher.hash(member));
            } else {
                let cut = tree.remove_range(ranks.start, count, |member| hasher.hash(member));
                self.edit.leave(cut.into_remains());
            }
        }
        self.edit.changed(count);
        count
    }

    /// Removes all members of this very set but those in `rest`, which were parted from the others ahead; how many it was.
    pub fn leave_only(&mut self, rest: RankedTree) -> u64 {
        let count = self.set().len().saturating_sub(rest.len());
        self.edit.changed(count);
        self.edit.replace(Collection::SortedSet(rest));
        count
    }

    /// Removes up to `count` members at one end, after it has shown each to `visit`, from that end on; how many.
    pub fn pop(&mut self, from: Extreme, count: u64, visit: &mut dyn FnMut(Pair<'_>)) -> u64 {
        let set = self.set();
        let len = set.len();
        let count = count.min(len);
        let ranks = match from {
            Extreme::Lowest => 0..count,
            Extreme::Highest => len - count..len,
        };
        match from {
            Extreme::Lowest => set.iter(ranks.clone()).for_each(visit),
            Extreme::Highest => set.iter_back(ranks.clone()).for_each(visit),
        }
        self.remove_ranks(ranks)
    }

    #[cold]
    fn grow(&mut self) {
        let hasher = self.edit.hasher();
        if let Some(set) = small(self.edit) {
            let tree = tree_of(packed::pairs(set.as_listpack()), hasher);
            self.edit.replace(Collection::SortedSet(tree));
        }
    }
}

/// What comes of adding a member that is there with the score `old`.
fn changed(old: f64, score: f64, adding: &Adding) -> Added {
    if adding.which == Which::New {
        return Added::Refused;
    }
    let new = if adding.increment { old + score } else { score };
    if new.is_nan() {
        return Added::NotANumber;
    }
    let is_refused = match adding.towards {
        Towards::Any => false,
        Towards::Higher => new <= old,
        Towards::Lower => new >= old,
    };
    if is_refused {
        Added::Refused
    } else if new == old {
        Added::Same(new)
    } else {
        Added::Changed(new)
    }
}

/// Bytes of the longest score in a listpack.
const SCORE_BYTES_MAX: usize = 40;

fn small<'e>(edit: &'e mut CollectionEdit<'_>) -> Option<&'e mut ListpackBuf> {
    match edit.packed()? {
        Packed::SortedSet(set) => Some(set),
        _ => None,
    }
}

fn big<'e>(edit: &'e mut CollectionEdit<'_>) -> Option<&'e mut RankedTree> {
    match edit.big()? {
        Collection::SortedSet(tree) => Some(tree),
        _ => None,
    }
}

/// A member's bytes, a number in decimal form put into `buffer`.
fn bytes_in<'b>(member: Value<'b>, buffer: &'b mut itoa::Buffer) -> &'b [u8] {
    match member {
        Value::Int(number) => buffer.format(number).as_bytes(),
        Value::Bytes(bytes) => bytes,
    }
}

/// A sorted set of members that come in its order, each once: a small one if that is within `limit`.
pub fn sorted_set_of<'m, I>(pairs: I, limit: PackedLimit, hasher: ElementHasher) -> Content<'static>
where
    I: Iterator<Item = Pair<'m>> + Clone,
{
    let mut buffer = itoa::Buffer::new();
    let (mut count, mut bytes) = (0, 0);
    let fits = pairs.clone().all(|(member, _)| {
        count += 1;
        bytes += member.entry_bytes() + SCORE_BYTES_MAX;
        count <= limit.entries && limit.admits(bytes_in(member, &mut buffer))
    });
    if fits && Listpack::trusted(ListpackBuf::new().as_bytes()).has_room_for(bytes) {
        let mut set = ListpackBuf::with_capacity(bytes);
        for (member, score) in pairs {
            packed::push_back(&mut set, bytes_in(member, &mut buffer), score);
        }
        return Packed::SortedSet(set).into();
    }
    Collection::SortedSet(tree_of(pairs, hasher)).into()
}

/// A big sorted set of members that come in its order, each once.
fn tree_of<'m>(pairs: impl Iterator<Item = Pair<'m>> + Clone, hasher: ElementHasher) -> RankedTree {
    // The tree takes bytes, so numbers are written down first, one behind the other.
    let mut digits = Vec::new();
    for (member, _) in pairs.clone() {
        if let Value::Int(number) = member {
            digits.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
    }
    let mut rest = &digits[..];
    let members = pairs.map(|(member, score)| {
        let member = match member {
            Value::Bytes(bytes) => bytes,
            Value::Int(_) => rest.split_off(..member.len()).expect("it was written down"),
        };
        (hasher.hash(member), member, score)
    });
    members.collect()
}
