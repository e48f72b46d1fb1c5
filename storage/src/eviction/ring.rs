//! Keys in the order in which they came.

use std::collections::VecDeque;

use crate::wheel::Record40;

/// A queue is tidied once it has this many records, and twice as many as there are keys in it.
const TIDY_RECORDS_MIN: usize = 1024;
/// It grows by this part of itself.
const GROWTH_PART: usize = 8;
/// And by so many records at least.
const GROWTH_MIN: usize = 16;

/// A queue of keys, first in, first out, by 5 bytes each.
///
/// A record stays when its key goes, and says nothing then: whoever takes it out looks whether the key is still there. Where
/// many keys go by themselves, their records are thrown out in the background.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    records: VecDeque<Record40>,
    tidying: Option<Tidying>,
}

/// Throwing out records: those before `kept` stay, those from there up to `seen` are thrown out, the others are yet to be
/// looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Tidying {
    kept: usize,
    seen: usize,
}

impl Ring {
    /// Adds a key behind all others.
    #[inline]
    pub(crate) fn push(&mut self, record: Record40) {
        if self.records.len() == self.records.capacity() {
            // Doubling would leave half of it unused.
            let more = (self.records.len() / GROWTH_PART).max(GROWTH_MIN);
            self.records.reserve_exact(more);
        }
        self.records.push_back(record);
    }

    /// Whether it is worth throwing out records, if `keys` are there.
    pub(crate) fn needs_tidying(&self, keys: usize) -> bool {
        self.tidying.is_some() || self.records.len() > TIDY_RECORDS_MIN.max(2 * keys)
    }

    /// Takes out the key that came first.
    pub(crate) fn pop(&mut self) -> Option<Record40> {
        if let Some(tidying) = &mut self.tidying {
            if tidying.kept > 0 {
                tidying.kept -= 1;
                tidying.seen -= 1;
            } else {
                let thrown_out = tidying.seen;
                self.records.drain(..thrown_out);
                self.tidying = None;
            }
        }
        self.records.pop_front()
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record40>()
    }

    /// Looks at up to `records` records and throws out those whose key is not there; whether there is more to do.
    pub(crate) fn tidy(
        &mut self,
        records: usize,
        mut is_there: impl FnMut(Record40) -> bool,
    ) -> bool {
        let tidying = self.tidying.get_or_insert_default();
        for _ in 0..records {
            let Some(&record) = self.records.get(tidying.seen) else {
                let kept = tidying.kept;
                self.records.truncate(kept);
                self.records.shrink_to(2 * kept);
                self.tidying = None;
                return false;
            };
            if is_there(record) {
                self.records[tidying.kept] = record;
                tidying.kept += 1;
            }
            tidying.seen += 1;
        }
        true
    }
}
