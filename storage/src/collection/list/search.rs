//! Elements that equal another one: where they are, and without them.

use crate::listpack::Value;
use crate::tree::{Leaf, Spot};
use crate::value::canonical_integer;

use super::ListTree;

/// What is looked for. As a number it is told apart from numbers without their being written out.
#[derive(Clone, Copy)]
pub(crate) struct Needle<'a> {
    bytes: &'a [u8],
    integer: Option<i64>,
}

impl<'a> Needle<'a> {
    /// What equals `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let integer = canonical_integer(bytes);
        Self { bytes, integer }
    }

    /// Whether `value` does.
    pub(crate) fn is(self, value: Value<'_>) -> bool {
        match value {
            Value::Int(integer) => self.integer == Some(integer),
            Value::Bytes(bytes) => bytes == self.bytes,
        }
    }
}

impl ListTree {
    /// The indices of elements that equal `element`, from the first one on, or backwards from the last one, among the first
    /// `most` on that way.
    pub fn positions_of<'t>(
        &'t self,
        element: &'t [u8],
        from_tail: bool,
        most: u64,
    ) -> impl Iterator<Item = u64> + 't {
        let needle = Needle::new(element);
        let found = move |(index, value)| needle.is(value).then_some(index);
        let last = self.len().saturating_sub(1);
        let forwards = (!from_tail).then(|| self.positions_from_head(needle));
        let forwards = forwards.into_iter().flatten();
        let forwards = forwards.take_while(move |index| *index < most);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let backwards =
            from_tail.then(|| (0..=last).rev().zip(self.iter_back_from(last)).take(most));
        forwards.chain(backwards.into_iter().flatten().filter_map(found))
    }

    /// The same from the first one on. Each node is gone through in a loop of its own, which takes an eighth of the time that
    /// steps from element to element through the tree would take.
    fn positions_from_head<'t>(&'t self, needle: Needle<'t>) -> impl Iterator<Item = u64> + 't {
        let mut before = 0;
        self.tree.leaves().flat_map(move |node| {
            let first = before;
            before += node.len() as u64;
            let elements = (first..).zip(node.iter_from(0));
            elements.filter_map(move |(index, value)| needle.is(value).then_some(index))
        })
    }

    /// Looks on through whole nodes for elements that equal `element`: from the one behind `looked` others on, or backwards
    /// from the one that has `looked` others behind it. `found` gets the index of each, and says whether to go on. Ends with
    /// the node with which `work` elements have been looked at. How many there are on that way by now; `None` if `found` has
    /// enough.
    pub(crate) fn look_on(
        &self,
        needle: Needle<'_>,
        from_tail: bool,
        mut looked: u64,
        work: usize,
        mut found: impl FnMut(u64) -> bool,
    ) -> Option<u64> {
        let last = self.len().checked_sub(1 + looked);
        let first = if from_tail {
            last
        } else {
            last.map(|_| looked)
        };
        let Some(Spot { mut path, offset }) = first.and_then(|index| self.tree.spot(index)) else {
            return Some(looked);
        };
        debug_assert!(from_tail || offset == 0, "nodes are looked at as a whole");
        let end = looked.saturating_add(work as u64);
        loop {
            let node = self.tree.leaf(&path);
            let len = node.len() as u64;
            let goes_on = if from_tail {
                let indices = self.len() - looked - len..self.len() - looked;
                let elements = indices.rev().zip(node.iter_from(0).rev());
                let mut matches = elements.filter(|(_, value)| needle.is(*value));
                matches.all(|(index, _)| found(index))
            } else {
                let elements = (looked..).zip(node.iter_from(0));
                let mut matches = elements.filter(|(_, value)| needle.is(*value));
                matches.all(|(index, _)| found(index))
            };
            if !goes_on {
                return None;
            }
            looked += len;
            let next = if from_tail {
                self.tree.previous_leaf(&path)
            } else {
                self.tree.next_leaf(&path)
            };
            match next {
                Some(next) if looked < end => path = next,
                _ => return Some(looked),
            }
        }
    }

    /// Removes up to `most` elements that equal `element`, the first or the last ones; how many it was. Nodes without any
    /// are left alone; so are small ones beside each other, as in Redis, unless there are many.
    pub fn remove_matching(&mut self, element: &[u8], most: u64, from_tail: bool) -> u64 {
        let mut removal = MatchRemoval::new(self, most, from_tail);
        while self.remove_some_matching(element, &mut removal, usize::MAX) {}
        removal.removed
    }

    /// Goes on with a removal through whole nodes of about `work` elements; whether there are more.
    pub(crate) fn remove_some_matching(
        &mut self,
        element: &[u8],
        removal: &mut MatchRemoval,
        work: usize,
    ) -> bool {
        let needle = Needle::new(element);
        let is_one = |value: Value<'_>| needle.is(value);
        let from_tail = removal.from_tail;
        let mut work_left = work;
        while removal.left > 0 {
            if work_left == 0 {
                return true;
            }
            let index = if from_tail {
                removal.at.checked_sub(1)
            } else {
                Some(removal.at)
            };
            let Some(mut path) = index
                .and_then(|index| self.tree.spot(index))
                .map(|spot| spot.path)
            else {
                return false;
            };
            // Steps from node to node are cheaper than going down for each.
            loop {
                let node = self.tree.leaf(&path);
                work_left = work_left.saturating_sub(node.len());
                if node.iter_from(0).any(is_one) {
                    break;
                }
                let next = if from_tail {
                    self.tree.previous_leaf(&path)
                } else {
                    self.tree.next_leaf(&path)
                };
                let Some(next) = next else {
                    return false;
                };
                if work_left == 0 {
                    let before = self.tree.before(&path);
                    let len = self.tree.leaf(&path).len() as u64;
                    removal.at = if from_tail { before } else { before + len };
                    return true;
                }
                path = next;
            }
            let before = self.tree.before(&path);
            let len = self.tree.leaf(&path).len() as u64;
            let limit = usize::try_from(removal.left).unwrap_or(usize::MAX);
            let may_join = !self.tree.has_few_leaves();
            let removed = self.tree.update(&path, |node| {
                node.let_join(may_join);
                node.remove_where(is_one, limit, from_tail)
            }) as u64;
            removal.left -= removed;
            removal.removed += removed;
            removal.at = if from_tail {
                before
            } else {
                before + len - removed
            };
        }
        false
    }
}

/// How far a removal of elements that equal one has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatchRemoval {
    from_tail: bool,
    /// The next node to look at: the one behind, or before, so many elements.
    at: u64,
    /// How many may still be removed.
    left: u64,
    pub(crate) removed: u64,
}

impl MatchRemoval {
    /// The removal of up to `most` elements of `list`, the first or the last ones.
    pub(crate) fn new(list: &ListTree, most: u64, from_tail: bool) -> Self {
        Self {
            from_tail,
            at: if from_tail { list.len() } else { 0 },
            left: most,
            removed: 0,
        }
    }
}
