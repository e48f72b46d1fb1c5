//! What an operation in steps goes through: big sets as they are, and trees of the small ones, which are made step by step
//! too, because there may be any number of them.

use crate::collection::Collection;
use crate::collection::fields::FieldTree;
use crate::hash::ElementHasher;
use crate::keyspace::Keyspace;
use crate::pins::PinnedCollection;
use crate::typed::Held;

use super::algebra::as_tree;
use super::bulk::EDIT_COST;
use super::edit::element;
use super::{Operator, SetRef, Text};

/// Sets on the way to becoming trees.
pub(super) struct Gathering {
    /// The first set, if it is a tree; and then all others that are, or have become one.
    trees: Vec<PinnedCollection>,
    /// The first set, if it is small.
    first: Option<Held>,
    /// Small sets each of which becomes a tree.
    alone: Vec<Held>,
    /// Small sets that become one tree together.
    together: Vec<Held>,
    union: FieldTree,
    hasher: ElementHasher,
    /// To pin by what is made.
    pin: PinnedCollection,
}

impl Gathering {
    /// What `operator` goes through, its first set first, unless that is for [`Gathering::finish`] to say. Members are
    /// looked up in every single set of an intersection; otherwise it is enough if one of the others has them.
    pub(super) fn new(
        operator: Operator,
        held: &[Held],
        first: Option<usize>,
        keyspace: &Keyspace,
    ) -> Self {
        let mut gathering = Self {
            trees: Vec::new(),
            first: None,
            alone: Vec::new(),
            together: Vec::new(),
            union: FieldTree::default(),
            hasher: keyspace.hasher().elements(),
            pin: keyspace.pin_clone(Collection::Set(FieldTree::default())),
        };
        if let Some(first) = first {
            match held.get(first).unwrap_or(&Held::Nothing) {
                Held::Nothing => gathering.add_tree(FieldTree::default()),
                Held::Packed(packing, bytes) => {
                    gathering.first = Some(Held::Packed(*packing, bytes.clone()));
                }
                Held::Big(pin) => gathering.trees.push(keyspace.pin(pin)),
            }
        }
        let others = held.iter().enumerate().filter(|(at, _)| first != Some(*at));
        for (_, set) in others {
            match set {
                Held::Nothing => {}
                Held::Packed(packing, bytes) => {
                    let small = if operator == Operator::Intersection {
                        &mut gathering.alone
                    } else {
                        &mut gathering.together
                    };
                    small.push(Held::Packed(*packing, bytes.clone()));
                }
                Held::Big(pin) => gathering.trees.push(keyspace.pin(pin)),
            }
        }
        gathering
    }

    /// Whether all are trees.
    pub(super) fn is_done(&self) -> bool {
        self.first.is_none() && self.alone.is_empty() && self.together.is_empty()
    }

    /// Makes trees of some small sets: of as many as take about as long as going through `work` members, and one at least.
    pub(super) fn step(&mut self, work: usize) {
        let mut done = 0;
        while done < work as u64 {
            let (set, is_first, is_alone) = if let Some(set) = self.first.take() {
                (set, true, true)
            } else if let Some(set) = self.alone.pop() {
                (set, false, true)
            } else if let Some(set) = self.together.pop() {
                (set, false, false)
            } else {
                return;
            };
            let Some(set) = set.content().map(SetRef::of) else {
                continue;
            };
            done += set.len().max(1) * EDIT_COST;
            if is_alone {
                self.add_tree(as_tree(set, self.hasher));
                if is_first {
                    self.trees.rotate_right(1);
                }
                continue;
            }
            set.each(|member| {
                let mut text = Text::default();
                let member = text.of(member);
                self.union.add(self.hasher.hash(member), &element(member));
            });
        }
    }

    /// All trees, the first set's first; or, for an intersection, the smallest set's.
    pub(super) fn finish(mut self, operator: Operator) -> Vec<PinnedCollection> {
        let union = std::mem::take(&mut self.union);
        if !union.is_empty() {
            self.add_tree(union);
        }
        let mut trees = std::mem::take(&mut self.trees);
        if operator == Operator::Intersection {
            trees.sort_by_key(|tree| tree.len());
        }
        trees
    }

    fn add_tree(&mut self, tree: FieldTree) {
        self.trees.push(self.pin.pin_beside(Collection::Set(tree)));
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let union = std::mem::take(&mut self.union);
        drop(self.pin.pin_beside(Collection::Set(union)));
    }
}
