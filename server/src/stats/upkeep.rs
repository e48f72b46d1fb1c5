//! The time that workers spend on keys that expire, on memory and on housekeeping: each nanosecond counted once, by what
//! was done and by whether a command waited for it.
//!
//! It is the time that passes for the thread. Keys that a command finds expired and removes itself are part of its own
//! time and not of this.

use std::array;

use super::Counter;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Removing keys and fields that were due.
    Expiry,
    /// Removing keys because memory was short.
    Eviction,
    /// Freeing what is dead, emptying sparse pages, merging tables, showing keys to a new policy.
    Maintenance,
    /// Looking what there is to do; only in the background.
    Other,
}

/// How many chores there are.
const CHORES: usize = 4;

/// Whether a command waited for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoneBy {
    /// None did.
    Background,
    /// One did: it needed memory.
    Command,
}

/// One worker's time, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Upkeep([[Counter; CHORES]; 2]);

/// How much of it there was at some moment, or between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UpkeepNanos([[u64; CHORES]; 2]);

impl Upkeep {
    /// Counts some time. Only the worker itself may call it.
    pub(crate) fn add(&self, by: DoneBy, chore: Chore, nanos: u64) {
        self.0[by as usize][chore as usize].add(nanos);
    }

    /// As it is now.
    pub(crate) fn read(&self) -> UpkeepNanos {
        UpkeepNanos(array::from_fn(|by| {
            array::from_fn(|chore| self.0[by][chore].get())
        }))
    }

    /// Starts over.
    pub(super) fn reset(&self) {
        self.0.iter().flatten().for_each(|counter| counter.set(0));
    }

    /// What was spent over some time, to be read by others.
    pub(super) fn publish(&self, nanos: UpkeepNanos) {
        for (counter, nanos) in self.0.iter().flatten().zip(nanos.0.iter().flatten()) {
            counter.set(*nanos);
        }
    }
}

impl UpkeepNanos {
    /// What one chore took.
    pub(crate) fn of(&self, by: DoneBy, chore: Chore) -> u64 {
        self.0[by as usize][chore as usize]
    }

    /// What all chores together took.
    pub(crate) fn all(&self, by: DoneBy) -> u64 {
        self.0[by as usize].iter().sum()
    }

    /// What has been added since `earlier`.
    pub(crate) fn since(&self, earlier: UpkeepNanos) -> UpkeepNanos {
        self.with(earlier, u64::saturating_sub)
    }

    /// This and `more`.
    pub(crate) fn plus(&self, more: UpkeepNanos) -> UpkeepNanos {
        self.with(more, u64::wrapping_add)
    }

    fn with(&self, other: UpkeepNanos, combine: impl Fn(u64, u64) -> u64) -> UpkeepNanos {
        UpkeepNanos(array::from_fn(|by| {
            array::from_fn(|chore| combine(self.0[by][chore], other.0[by][chore]))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_apart_by_what_and_by_whom() {
        let upkeep = Upkeep::default();
        upkeep.add(DoneBy::Background, Chore::Expiry, 5);
        let before = upkeep.read();
        upkeep.add(DoneBy::Background, Chore::Expiry, 7);
        upkeep.add(DoneBy::Background, Chore::Other, 1);
        upkeep.add(DoneBy::Command, Chore::Eviction, 11);
        let spent = upkeep.read().since(before);
        assert_eq!(spent.of(DoneBy::Background, Chore::Expiry), 7);
        assert_eq!(spent.all(DoneBy::Background), 8);
        assert_eq!(spent.all(DoneBy::Command), 11);
        assert_eq!(spent.plus(before), upkeep.read());
        upkeep.reset();
        assert_eq!(upkeep.read(), UpkeepNanos::default());
    }
}
