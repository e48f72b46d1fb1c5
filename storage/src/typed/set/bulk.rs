//! Unions, intersections and differences of big sets, step by step and without any lock.
//!
//! All trees have their members in the order of the same hashes. So several of them are gone through side by side, one
//! range of hashes with each step, and what comes of it is in order too: it goes into the leaves of the result as it
//! comes. Where one set is far larger than the others together, the result shares what it has in common with it: the
//! others' members are added to a pin of it, or taken out of it.

use std::fmt;
use std::ops::Range;

use crate::collection::Collection;
use crate::collection::fields::{ElementHash, FieldTree, FieldTreeBuilder, Finger};
use crate::keyspace::Keyspace;
use crate::pins::PinnedCollection;
use crate::typed::{Held, Limits};

use super::algebra::{packed, subtracts_from_copy};
use super::edit::element;
use super::gather::Gathering;
use super::{Operator, OwnedSet, SetRef};

/// Looking a member up and changing a tree takes as long as going through so many.
pub(super) const EDIT_COST: u64 = 16;
/// With more sets each is gone through on its own: every step would have to look into all of them.
const SIDE_BY_SIDE_MAX: usize = 128;
/// With more sets members are looked up without fingers, which begin anew with each step.
const FINGERS_MAX: usize = 32;

/// An operation on sets that are big together.
pub struct BulkOperation {
    operator: Operator,
    count_to: Option<u64>,
    /// Until all sets are trees.
    gathering: Option<Gathering>,
    /// For an intersection the smallest is the first; for a union the largest.
    sets: Vec<PinnedCollection>,
    method: Method,
    next: Next,
    made: Made,
    /// Members to count up to.
    limit: u64,
    /// Whether the result becomes a tree whatever is left in it.
    stays_tree: bool,
}

/// How it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// Goes through all sets, and keeps every member once.
    Merge,
    /// Goes through the first set, and keeps the members that all others have, if that is what is `wanted`, or no other.
    LookUp { wanted: bool },
    /// Goes through all sets, and keeps the first one's members that are in no other.
    Sift,
    /// Goes through all but the first set, and adds their members to it.
    Add,
    /// Goes through all but the first set, and takes their members out of it.
    Remove,
}

/// Where the next step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Next {
    /// The set that is gone through, where it is one after the other; or in which the next member is looked up.
    set: usize,
    /// All lower hashes are done with. 2^32: all are.
    hash: u64,
    /// How many members with this hash are, where they are looked up.
    members: usize,
}

/// Before the first step.
const BEGINNING: Next = Next {
    set: 1,
    hash: 0,
    members: 0,
};

/// One more than the highest hash.
const HASH_END: u64 = 1 << ElementHash::BITS;

/// What has been made so far.
enum Made {
    Tree(FieldTreeBuilder),
    Edited(FieldTree),
    Count(u64),
}

impl fmt::Debug for BulkOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkOperation({:?}, {:?})", self.method, self.next)
    }
}

impl BulkOperation {
    /// What `operator` is to make of sets that were held; `count_to` if only the number of members is wanted, counted up to
    /// this, unless it is 0.
    ///
    /// # Panics
    /// If something else than sets was held.
    pub fn new(
        operator: Operator,
        held: &[Held],
        count_to: Option<u64>,
        keyspace: &Keyspace,
        limits: &Limits,
    ) -> Self {
        let sets = held.iter().map(|held| held.content().map(SetRef::of));
        let sets: Vec<_> = sets.collect();
        let lens: Vec<u64> = sets.iter().map(|set| set.map_or(0, SetRef::len)).collect();
        let is_empty = operator == Operator::Intersection && sets.iter().any(Option::is_none);
        let first = match operator {
            Operator::Intersection => None,
            Operator::Union => Some((0..sets.len()).max_by_key(|at| lens[*at]).unwrap_or(0)),
            Operator::Difference => Some(0),
        };
        let stays_tree = operator == Operator::Difference
            && subtracts_from_copy(&lens)
            && sets[0].is_some_and(|set| packed(set, limits).is_none());
        let mut operation = Self {
            operator,
            count_to,
            gathering: None,
            sets: Vec::new(),
            method: Method::Merge,
            next: Next {
                hash: if is_empty { HASH_END } else { 0 },
                ..BEGINNING
            },
            made: Made::Count(0),
            limit: count_to.filter(|limit| *limit > 0).unwrap_or(u64::MAX),
            stays_tree,
        };
        if !is_empty {
            operation.gathering = Some(Gathering::new(operator, held, first, keyspace));
            operation.begin_if_gathered();
        }
        operation
    }

    /// Begins with the operation itself once all sets are trees.
    fn begin_if_gathered(&mut self) {
        let Some(gathering) = self.gathering.take_if(|gathering| gathering.is_done()) else {
            return;
        };
        let operator = self.operator;
        self.sets = gathering.finish(operator);
        self.method = method_for(operator, &self.sets);
        let first = tree_in(&self.sets[0]);
        let mut others = self.sets[1..].iter().map(tree_in);
        if operator == Operator::Difference && others.any(|other| other.is_same(first)) {
            self.next.hash = HASH_END;
            return;
        }
        self.made = match (self.method, self.count_to) {
            (Method::Add | Method::Remove, _) => Made::Edited(first.clone()),
            (_, Some(_)) => Made::Count(0),
            (_, None) => Made::Tree(FieldTreeBuilder::default()),
        };
    }

    /// Goes through about `work` members, or looks up as many, however many sets there are; whether something is left to do.
    pub fn step(&mut self, work: usize) -> bool {
        if self.is_done() {
            return false;
        }
        if let Some(gathering) = &mut self.gathering {
            gathering.step(work);
            self.begin_if_gathered();
            return !self.is_done();
        }
        // Side by side there are few sets, each of which is looked into at least once.
        let side_by_side = work.max(self.sets.len());
        match self.method {
            Method::Merge => self.merge(side_by_side),
            Method::LookUp { wanted } => self.look_up(work, wanted),
            Method::Sift => self.sift(side_by_side),
            Method::Add | Method::Remove => self.edit(work),
        }
        !self.is_done()
    }

    fn is_done(&self) -> bool {
        if self.gathering.is_some() {
            return false;
        }
        let has_enough = match &self.made {
            Made::Count(count) => *count >= self.limit,
            // Members are only added.
            Made::Edited(tree) => self.method == Method::Add && tree.len() >= self.limit,
            Made::Tree(_) => false,
        };
        let in_turn = matches!(self.method, Method::Add | Method::Remove);
        let is_through = if in_turn && self.next.hash < HASH_END {
            self.next.set >= self.sets.len()
        } else {
            self.next.hash >= HASH_END
        };
        has_enough || is_through
    }

    /// How many members there are; all of them, unless there is something left to do.
    pub fn count(&self) -> u64 {
        let count = match &self.made {
            Made::Tree(builder) => builder.len(),
            Made::Edited(tree) => tree.len(),
            Made::Count(count) => *count,
        };
        count.min(self.limit)
    }

    /// The result, once nothing is left to do.
    pub fn into_tree(mut self) -> FieldTree {
        self.take_tree()
    }

    /// The result, once nothing is left to do, encoded to be stored.
    pub fn into_set(mut self, limits: &Limits) -> OwnedSet {
        let tree = self.take_tree();
        if self.stays_tree {
            return OwnedSet::Big(tree);
        }
        packed(SetRef::Big(&tree), limits).unwrap_or(OwnedSet::Big(tree))
    }

    fn take_tree(&mut self) -> FieldTree {
        match std::mem::replace(&mut self.made, Made::Count(0)) {
            Made::Tree(builder) => builder.finish(),
            Made::Edited(tree) => tree,
            Made::Count(_) => FieldTree::default(),
        }
    }

    /// The hashes of the next step, if the sets are gone through side by side.
    fn range(&self, work: usize) -> Range<u64> {
        let total: u64 = self.sets.iter().map(|set| set.len()).sum();
        let share = HASH_END.saturating_mul(work as u64) / total.max(1);
        let from = self.next.hash;
        from..from.saturating_add(share.max(1)).min(HASH_END)
    }

    fn merge(&mut self, work: usize) {
        let range = self.range(work);
        let members = members_in(&self.sets, &range);
        let mut last: Option<(ElementHash, usize)> = None;
        for (at, &(hash, name)) in members.iter().enumerate() {
            let first = last
                .filter(|(last, _)| *last == hash)
                .map_or(at, |(_, first)| first);
            last = Some((hash, first));
            if !members[first..at].iter().any(|(_, other)| *other == name) {
                self.made.push(hash, name);
            }
        }
        self.next.hash = range.end;
    }

    fn look_up(&mut self, work: usize, wanted: bool) {
        let mut fingers: Vec<_> = if self.sets.len() <= FINGERS_MAX {
            let trees = self.sets.iter().map(tree_in);
            trees.map(Finger::new).collect()
        } else {
            Vec::new()
        };
        let (mut next, mut left) = (self.next, work.max(1));
        let first = tree_in(&self.sets[0]).iter_from(next.hash as ElementHash);
        for (hash, member) in first.skip(next.members) {
            if next.hash != u64::from(hash) {
                (next.hash, next.members) = (hash.into(), 0);
            }
            let mut is_kept = true;
            while is_kept && next.set < self.sets.len() {
                if left == 0 {
                    self.next = next;
                    return;
                }
                left -= 1;
                let is_there = match fingers.get_mut(next.set) {
                    Some(finger) => finger.find(hash, member.name),
                    None => tree_in(&self.sets[next.set])
                        .get(hash, member.name)
                        .is_some(),
                };
                is_kept = is_there == wanted;
                next.set += 1;
            }
            if is_kept {
                self.made.push(hash, member.name);
            }
            next.members += 1;
            next.set = BEGINNING.set;
            // Going on costs something even if there is nowhere to look.
            left = left.saturating_sub(1);
            if left == 0 {
                self.next = next;
                return;
            }
        }
        self.next.hash = HASH_END;
    }

    fn sift(&mut self, work: usize) {
        let range = self.range(work);
        let others = members_in(&self.sets[1..], &range);
        let mut at = 0;
        for (hash, name) in members_of(tree_in(&self.sets[0]), &range) {
            while others.get(at).is_some_and(|(other, _)| *other < hash) {
                at += 1;
            }
            let same_hash = others[at..].iter().take_while(|(other, _)| *other == hash);
            if !same_hash.into_iter().any(|(_, other)| *other == name) {
                self.made.push(hash, name);
            }
        }
        self.next.hash = range.end;
    }

    fn edit(&mut self, work: usize) {
        let Made::Edited(result) = &mut self.made else {
            unreachable!("there is a tree to edit")
        };
        let from = self.next.hash as ElementHash;
        let (mut seen, mut last) = (0, None);
        for (hash, member) in tree_in(&self.sets[self.next.set]).iter_from(from) {
            // Each takes as long as many that are only gone through.
            if seen >= work && last != Some(hash) {
                self.next.hash = hash.into();
                return;
            }
            (seen, last) = (seen + EDIT_COST as usize, Some(hash));
            if self.method == Method::Add {
                result.add(hash, &element(member.name));
            } else {
                result.remove(hash, member.name);
            }
        }
        self.next = Next {
            set: self.next.set + 1,
            ..BEGINNING
        };
    }
}

impl Drop for BulkOperation {
    fn drop(&mut self) {
        let tree = self.take_tree();
        if let Some(set) = self.sets.first() {
            drop(set.pin_beside(Collection::Set(tree)));
        }
    }
}

impl Made {
    fn push(&mut self, hash: ElementHash, name: &[u8]) {
        match self {
            Made::Tree(builder) => {
                builder.push(hash, &element(name));
            }
            Made::Edited(tree) => {
                tree.add(hash, &element(name));
            }
            Made::Count(count) => *count += 1,
        }
    }
}

fn method_for(operator: Operator, trees: &[PinnedCollection]) -> Method {
    let first = trees.first().map_or(0, |tree| tree.len());
    let others: u64 = trees.iter().skip(1).map(|tree| tree.len()).sum();
    let lookups = first.saturating_mul(trees.len().saturating_sub(1) as u64);
    let are_many = trees.len() > SIDE_BY_SIDE_MAX;
    match operator {
        Operator::Union if others.saturating_mul(EDIT_COST) < first => Method::Add,
        Operator::Union if are_many => Method::Add,
        Operator::Union => Method::Merge,
        Operator::Intersection => Method::LookUp { wanted: true },
        Operator::Difference if others.saturating_mul(EDIT_COST) < first => Method::Remove,
        Operator::Difference if lookups <= others => Method::LookUp { wanted: false },
        Operator::Difference if are_many => Method::Remove,
        Operator::Difference => Method::Sift,
    }
}

fn tree_in(set: &PinnedCollection) -> &FieldTree {
    match &**set {
        Collection::Set(tree) => tree,
        _ => unreachable!("only sets are pinned here"),
    }
}

/// The members with these hashes.
fn members_of<'t>(
    tree: &'t FieldTree,
    range: &Range<u64>,
) -> impl Iterator<Item = (ElementHash, &'t [u8])> + use<'t> {
    let end = range.end;
    tree.iter_from(range.start as ElementHash)
        .take_while(move |(hash, _)| u64::from(*hash) < end)
        .map(|(hash, member)| (hash, member.name))
}

/// The members of all sets with these hashes, in the order of the hashes.
fn members_in<'t>(
    sets: &'t [PinnedCollection],
    range: &Range<u64>,
) -> Vec<(ElementHash, &'t [u8])> {
    let mut members = Vec::new();
    for set in sets {
        members.extend(members_of(tree_in(set), range));
    }
    // Runs that are in order are merged.
    members.sort_by_key(|(hash, _)| *hash);
    members
}
