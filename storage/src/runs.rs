//! Sorting many things step by step, without ever moving all of them at once.
//!
//! Things are collected in runs of a few hundred, each sorted as it is full. Taken out again in order, they are merged: the
//! first things of all runs stand on a heap. A run's memory goes when its last thing is taken.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fmt;
use std::vec;

/// Things of a run.
const RUN_LEN: usize = 512;

/// Things that come in any order and go in theirs.
pub(crate) struct Runs<T> {
    filling: Vec<T>,
    sorted: BinaryHeap<Reverse<Run<T>>>,
    len: usize,
}

/// A sorted run; `next` comes before what is in `rest`.
struct Run<T> {
    next: T,
    rest: vec::IntoIter<T>,
}

impl<T: Ord> Ord for Run<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.next.cmp(&other.next)
    }
}

impl<T: Ord> PartialOrd for Run<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Run<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Run<T> {}

impl<T> fmt::Debug for Runs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runs({} things)", self.len)
    }
}

impl<T: Ord> Default for Runs<T> {
    fn default() -> Self {
        Self {
            filling: Vec::new(),
            sorted: BinaryHeap::new(),
            len: 0,
        }
    }
}

impl<T: Ord> Runs<T> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds one.
    pub(crate) fn push(&mut self, thing: T) {
        self.len += 1;
        if self.filling.capacity() == 0 {
            self.filling.reserve_exact(RUN_LEN);
        }
        self.filling.push(thing);
        if self.filling.len() >= RUN_LEN {
            self.close();
        }
    }

    /// Takes the first one.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if !self.filling.is_empty() {
            self.close();
        }
        let mut first = self.sorted.peek_mut()?;
        self.len -= 1;
        match first.0.rest.next() {
            Some(next) => Some(std::mem::replace(&mut first.0.next, next)),
            None => Some(PeekMut::pop(first).0.next),
        }
    }

    /// Sorts what has been collected.
    fn close(&mut self) {
        let mut run = std::mem::take(&mut self.filling);
        run.sort_unstable();
        let mut rest = run.into_iter();
        if let Some(next) = rest.next() {
            self.sorted.push(Reverse(Run { next, rest }));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn things_go_in_their_order(things in proptest::collection::vec(0_u32..500, 0..3_000)) {
            let mut runs = Runs::default();
            things.iter().for_each(|thing| runs.push(*thing));
            prop_assert_eq!(runs.len(), things.len());
            let sorted: Vec<u32> = std::iter::from_fn(|| runs.pop()).collect();
            let mut expected = things;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
            prop_assert_eq!(runs.len(), 0);
        }
    }

    #[test]
    fn some_may_come_when_others_have_gone() {
        let mut runs: Runs<u32> = (0..2_000).rev().fold(Runs::default(), |mut runs, thing| {
            runs.push(thing);
            runs
        });
        assert_eq!(runs.pop(), Some(0));
        runs.push(0);
        assert_eq!(
            (runs.pop(), runs.pop(), runs.len()),
            (Some(0), Some(1), 1_998)
        );
    }
}
