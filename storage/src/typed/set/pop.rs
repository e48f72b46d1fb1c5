//! Many members of a big set chosen at random, and parted from the others.

use std::fmt;

use crate::collection::Collection;
use crate::collection::fields::{Element, ElementHash, FieldTree, FieldTreeBuilder};
use crate::pins::PinnedCollection;
use crate::typed::Held;
use crate::typed::hash::random_of;
use crate::typed::sorted_set::below;

use super::SetRef;

/// More than one in so many: going through all members costs less than looking up those that are taken.
const WALK_SHARE: u64 = 8;
/// Taking a member out takes as long as going through so many.
const TAKE_COST: usize = 16;
/// One more than the highest hash.
const HASH_END: u64 = 1 << ElementHash::BITS;

/// Whether so many of `len` members are parted from the others in one walk.
pub(super) fn is_walk(count: u64, len: u64) -> bool {
    count > len / WALK_SHARE
}

/// Takes `count` members out one by one; there are more.
pub(super) fn take(tree: &mut FieldTree, count: u64, mut random: impl FnMut() -> u64) -> FieldTree {
    let mut taken = FieldTree::default();
    for _ in 0..count {
        take_one(tree, &mut taken, random());
    }
    taken
}

fn take_one(tree: &mut FieldTree, taken: &mut FieldTree, random: u64) {
    let number = below(tree.len(), random);
    tree.take_at(number, |hash, element| taken.add(hash, &element));
}

/// Parts `count` members, there are as many, from the others; these come second.
pub(super) fn part(
    tree: &FieldTree,
    count: u64,
    mut random: impl FnMut() -> u64,
) -> (FieldTree, FieldTree) {
    let mut parting = Parting::new(count, tree.len());
    for (hash, member) in tree.iter_from(0) {
        parting.push(hash, &member, random());
    }
    parting.finish()
}

/// Members that are parted as they come, in the order of their hashes.
struct Parting {
    taken: FieldTreeBuilder,
    rest: FieldTreeBuilder,
    wanted: u64,
    to_come: u64,
}

impl Parting {
    fn new(wanted: u64, to_come: u64) -> Self {
        Self {
            taken: FieldTreeBuilder::default(),
            rest: FieldTreeBuilder::default(),
            wanted,
            to_come,
        }
    }

    fn push(&mut self, hash: ElementHash, member: &Element<'_>, random: u64) {
        // Each is taken as likely as the number of those to be taken among those to come.
        if below(self.to_come, random) < self.wanted {
            self.taken.push(hash, member);
            self.wanted -= 1;
        } else {
            self.rest.push(hash, member);
        }
        self.to_come -= 1;
    }

    fn finish(self) -> (FieldTree, FieldTree) {
        (self.taken.finish(), self.rest.finish())
    }
}

/// A pop of many members, prepared step by step and without any lock: see [`crate::typed::set::SetEdit::pop_prepared`].
pub struct BulkPop {
    set: PinnedCollection,
    parts: Parts,
    seed: u64,
    /// Random numbers used.
    turn: u64,
}

enum Parts {
    /// All hashes below `next` have been walked past.
    Walk { parting: Box<Parting>, next: u64 },
    /// So many are still to be taken.
    Picks {
        taken: FieldTree,
        rest: FieldTree,
        wanted: u64,
    },
}

impl fmt::Debug for BulkPop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkPop({:?}, turn {})", self.set, self.turn)
    }
}

impl BulkPop {
    /// A pop of `count` members of a big set that was held, by random numbers that follow from `seed`. `None` if it is no
    /// big set, or has no more members.
    pub fn new(held: &Held, count: u64, seed: u64) -> Option<Self> {
        let Some(SetRef::Big(tree)) = held.content().map(SetRef::of) else {
            return None;
        };
        let Held::Big(pin) = held else {
            return None;
        };
        if count >= tree.len() {
            return None;
        }
        let parts = if is_walk(count, tree.len()) {
            Parts::Walk {
                parting: Box::new(Parting::new(count, tree.len())),
                next: 0,
            }
        } else {
            Parts::Picks {
                taken: FieldTree::default(),
                rest: tree.clone(),
                wanted: count,
            }
        };
        Some(Self {
            set: pin.pin_beside(Collection::Set(tree.clone())),
            parts,
            seed,
            turn: 0,
        })
    }

    /// Goes through about `work` members; whether something is left to do.
    pub fn step(&mut self, work: usize) -> bool {
        let Collection::Set(set) = &*self.set else {
            unreachable!("it is a set that is popped from")
        };
        let (seed, turn) = (self.seed, &mut self.turn);
        let mut random = || {
            *turn += 1;
            random_of(seed, *turn)
        };
        match &mut self.parts {
            Parts::Walk { parting, next } => {
                if *next >= HASH_END {
                    return false;
                }
                let (mut seen, mut last) = (0, None);
                for (hash, member) in set.iter_from(*next as ElementHash) {
                    if seen >= work && last != Some(hash) {
                        *next = hash.into();
                        return true;
                    }
                    (seen, last) = (seen + 1, Some(hash));
                    parting.push(hash, &member, random());
                }
                *next = HASH_END;
                false
            }
            Parts::Picks {
                taken,
                rest,
                wanted,
            } => {
                for _ in 0..(work / TAKE_COST).max(1) {
                    if *wanted == 0 {
                        return false;
                    }
                    take_one(rest, taken, random());
                    *wanted -= 1;
                }
                *wanted > 0
            }
        }
    }

    /// The members that were taken, and the others, once nothing is left to do.
    pub(super) fn into_parts(mut self) -> (FieldTree, FieldTree) {
        self.take_parts()
    }

    fn take_parts(&mut self) -> (FieldTree, FieldTree) {
        let nothing = Parts::Walk {
            parting: Box::new(Parting::new(0, 0)),
            next: HASH_END,
        };
        match std::mem::replace(&mut self.parts, nothing) {
            Parts::Walk { parting, .. } => parting.finish(),
            Parts::Picks { taken, rest, .. } => (taken, rest),
        }
    }
}

impl Drop for BulkPop {
    fn drop(&mut self) {
        let (taken, rest) = self.take_parts();
        // Freed in steps.
        drop(self.set.pin_beside(Collection::Set(taken)));
        drop(self.set.pin_beside(Collection::Set(rest)));
    }
}
