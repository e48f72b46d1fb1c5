//! Unions, intersections and differences of big sorted sets and sets, step by step and without any lock.

use std::fmt;

use crate::collection::Collection;
use crate::collection::ranked::RankedTree;
use crate::hash::ElementHasher;
use crate::keyspace::Keyspace;
use crate::listpack::Value;
use crate::typed::{Content, PackedLimit};

use super::algebra::or_zero;
use super::edit::sorted_set_of;
use super::sorter::{Comes, Sorter};
use super::{Aggregate, Operand, Pair};

/// Looking a member up takes as long as going through so many.
const LOOKUP_COST: usize = 4;

/// What to make of several sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The members of any of them.
    Union,
    /// The members that all of them have.
    Intersection,
    /// The members of the first one that no other has.
    Difference,
}

impl Operator {
    /// How many members have to be looked at or looked up, one by one, at most.
    pub fn work(self, operands: &[Operand]) -> u64 {
        let lens = operands.iter().map(Operand::len);
        let sets = operands.len() as u64;
        match self {
            Operator::Union => lens.fold(0, u64::saturating_add),
            Operator::Intersection => lens.min().unwrap_or(0).saturating_mul(sets),
            Operator::Difference => operands
                .first()
                .map_or(0, Operand::len)
                .saturating_mul(sets),
        }
    }
}

/// An operation on sorted sets and sets that are big together.
pub struct BulkOperation {
    operator: Operator,
    operands: Vec<Operand>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    /// In which order the operands are taken.
    order: Vec<usize>,
    /// The operand that is gone through, by its place in the order, and how many of its members have been.
    next: (usize, u64),
    /// Where the next member stands, if the last step has ended between two lookups of it.
    check: Option<Check>,
    made: Made,
    hasher: ElementHasher,
}

/// A member that has been looked up in some of the operands.
#[derive(Clone, Copy)]
struct Check {
    /// The operand that it is looked up in next, by its place in the order.
    place: usize,
    /// Its score so far.
    score: f64,
}

/// What has been made so far.
enum Made {
    Members(Box<Sorter>),
    /// How many there are, and up to where they are counted.
    Count(u64, u64),
}

impl fmt::Debug for BulkOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkOperation({:?}, {:?})", self.operator, self.next)
    }
}

impl BulkOperation {
    /// What `operator` is to make of `operands` with these weights; `count_to` if only the number of members is wanted,
    /// counted up to this, unless it is 0.
    ///
    /// # Panics
    /// If there are not as many weights as operands.
    pub fn new(
        operator: Operator,
        operands: Vec<Operand>,
        weights: &[f64],
        aggregate: Aggregate,
        count_to: Option<u64>,
        keyspace: &Keyspace,
    ) -> Self {
        assert_eq!(operands.len(), weights.len(), "each operand has its weight");
        let mut order: Vec<usize> = (0..operands.len()).collect();
        if operator != Operator::Difference {
            // As Redis takes them, which shows where scores are rounded.
            order.sort_by_key(|&at| operands[at].len());
        }
        let walked = if operator == Operator::Union {
            &order[..]
        } else {
            order.get(..1).unwrap_or_default()
        };
        let expected = walked.iter().map(|&at| operands[at].len()).sum();
        let is_in_order =
            operator == Operator::Difference && operands.first().is_some_and(Operand::is_sorted);
        let comes = if is_in_order {
            Comes::InOrder
        } else {
            Comes::Anyhow(aggregate)
        };
        let made = match count_to {
            Some(0) => Made::Count(0, u64::MAX),
            Some(limit) => Made::Count(0, limit),
            None => Made::Members(Box::new(Sorter::new(expected, comes, keyspace))),
        };
        Self {
            operator,
            operands,
            weights: weights.to_vec(),
            aggregate,
            order,
            next: (0, 0),
            check: None,
            made,
            hasher: keyspace.hasher().elements(),
        }
    }

    /// The operands, in the order in which they were given.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// Goes through about `work` members, fewer if they are looked up; whether something is left to do.
    pub fn step(&mut self, work: usize) -> bool {
        let walked = match self.operator {
            Operator::Union => self.order.len(),
            _ => self.order.len().min(1),
        };
        if self.next.0 < walked {
            self.walk(work);
            return true;
        }
        match &mut self.made {
            Made::Members(sorter) => sorter.step(work),
            Made::Count(..) => false,
        }
    }

    /// Goes through some members of the operand that it is the turn of.
    fn walk(&mut self, work: usize) {
        let number = self.order[self.next.0];
        let (operand, weight) = (&self.operands[number], self.weights[number]);
        let lookups_end = match self.operator {
            Operator::Union => 0,
            _ => self.order.len(),
        };
        let mut left = if lookups_end == 0 && !operand.is_big() {
            usize::MAX
        } else {
            work.max(1)
        };
        let (mut at, mut check) = (self.next.1, self.check.take());
        let (mut is_through, mut buffer) = (true, itoa::Buffer::new());
        operand.each_from(at, |(member, score)| {
            if left == 0 {
                is_through = false;
                return false;
            }
            let mut this = check.take().unwrap_or_else(|| Check {
                place: 1,
                score: match self.operator {
                    Operator::Difference => score,
                    _ => or_zero(self.aggregate.weigh(score, weight)),
                },
            });
            let mut is_kept = true;
            while is_kept && this.place < lookups_end {
                if left == 0 {
                    (is_through, check) = (false, Some(this));
                    return false;
                }
                left = left.saturating_sub(LOOKUP_COST);
                let other = self.order[this.place];
                let found = self.operands[other].score(member);
                is_kept = found.is_some() == (self.operator == Operator::Intersection);
                if let Some(found) = found {
                    let weighted = self.aggregate.weigh(found, self.weights[other]);
                    this.score = self.aggregate.join(this.score, weighted);
                }
                this.place += 1;
            }
            at += 1;
            left = left.saturating_sub(1);
            if !is_kept {
                return true;
            }
            let score = this.score;
            match &mut self.made {
                Made::Members(sorter) => {
                    let member = match member {
                        Value::Bytes(bytes) => bytes,
                        Value::Int(number) => buffer.format(number).as_bytes(),
                    };
                    sorter.push(self.hasher.hash(member), member, score);
                    true
                }
                Made::Count(count, limit) => {
                    *count += 1;
                    *count < *limit
                }
            }
        });
        self.check = check;
        self.next = if is_through {
            (self.next.0 + 1, 0)
        } else {
            (self.next.0, at)
        };
    }

    /// How many members there are, if they were to be counted, once nothing is left to do.
    pub fn count(&self) -> u64 {
        match &self.made {
            Made::Members(_) => 0,
            Made::Count(count, _) => *count,
        }
    }

    /// The result, once nothing is left to do.
    pub fn into_tree(self) -> RankedTree {
        match self.made {
            Made::Members(sorter) => sorter.finish(),
            Made::Count(..) => RankedTree::default(),
        }
    }
}

/// A sorted set that has been made as a tree, to be stored: a small one if that is within `limit`.
pub fn content_of(tree: RankedTree, limit: PackedLimit, hasher: ElementHasher) -> Content<'static> {
    if tree.len() > limit.entries as u64 {
        return Collection::SortedSet(tree).into();
    }
    let pairs = tree.iter_from(0);
    let pairs: Vec<Pair<'_>> = pairs
        .map(|(score, member)| (Value::Bytes(member), score))
        .collect();
    sorted_set_of(pairs.iter().copied(), limit, hasher)
}
