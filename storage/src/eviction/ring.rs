//! Keys in the order in which they came.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::wheel::Record40;

/// A queue is tidied once it has this many records, and twice as many as there are keys in it.
const TIDY_RECORDS_MIN: usize = 1024;
/// It grows by this part of itself.
const GROWTH_PART: usize = 8;
/// And by so many records at least.
const GROWTH_MIN: usize = 16;
/// It shrinks when less than this part of it is filled.
const SHRINK_PART: usize = 4;
/// But not to less room than for so many records.
const SHRINK_MIN: usize = 64;

/// A queue of keys, first in, first out, by 5 bytes each.
///
/// A record stays when its key goes, and says nothing then: whoever takes it out looks whether the key is still there. Where
/// many keys go by themselves, their records are thrown out in the background; so are those of a key that has gone and come
/// again, but for the first.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    records: VecDeque<Record40>,
    tidying: Option<Tidying>,
}

/// Throwing out records: those before `kept` stay, those from there up to `seen` are thrown out, the others are yet to be
/// looked at.
#[derive(Debug)]
struct Tidying {
    kept: usize,
    seen: usize,
    /// How often each record is among those that stay.
    copies: HashMap<Record40, u8, foldhash::fast::FixedState>,
}

impl Tidying {
    /// Of a queue of so many records, of which at least half are thrown out. Room is made once: a map that grows would stop
    /// everything for as long as it copies itself.
    fn new(records: usize) -> Self {
        Self {
            kept: 0,
            seen: 0,
            copies: HashMap::with_capacity_and_hasher(records / 2, Default::default()),
        }
    }
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
        self.tidying.is_some() || self.is_crowded(keys)
    }

    /// Whether it is worth to begin throwing out records.
    pub(crate) fn wants_tidying(&self, keys: usize) -> bool {
        self.tidying.is_none() && self.is_crowded(keys)
    }

    fn is_crowded(&self, keys: usize) -> bool {
        self.records.len() > TIDY_RECORDS_MIN.max(2 * keys)
    }

    /// Takes out the key that came first.
    pub(crate) fn pop(&mut self) -> Option<Record40> {
        if let Some(tidying) = &mut self.tidying {
            if tidying.kept > 0 {
                tidying.kept -= 1;
                tidying.seen -= 1;
                let copies = self
                    .records
                    .front()
                    .and_then(|it| tidying.copies.get_mut(it));
                *copies.expect("what stays has been counted") -= 1;
            } else {
                let thrown_out = tidying.seen;
                self.records.drain(..thrown_out);
                self.tidying = None;
            }
        }
        let record = self.records.pop_front();
        let room = (2 * self.records.len()).max(SHRINK_MIN);
        if self.records.len() < self.records.capacity() / SHRINK_PART
            && room < self.records.capacity()
        {
            self.records.shrink_to(room);
        }
        record
    }

    /// The record that comes out after `before` others, unless some are thrown out first.
    pub(crate) fn peek(&self, before: usize) -> Option<Record40> {
        self.records.get(before).copied()
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        let tidying = self.tidying.as_ref();
        let copies = tidying.map_or(0, |tidying| tidying.copies.allocation_size());
        self.records.capacity() * size_of::<Record40>() + copies
    }

    /// Looks at up to `records` records and throws out those that no key needs; whether there is more to do. `keys_of` says
    /// how many keys there are whose record it is: mostly one or none.
    pub(crate) fn tidy(
        &mut self,
        records: usize,
        mut keys_of: impl FnMut(Record40) -> usize,
    ) -> bool {
        let all = self.records.len();
        let tidying = self.tidying.get_or_insert_with(|| Tidying::new(all));
        for _ in 0..records {
            let Some(&record) = self.records.get(tidying.seen) else {
                let kept = tidying.kept;
                self.records.truncate(kept);
                self.records.shrink_to(2 * kept);
                self.tidying = None;
                return false;
            };
            let keys = keys_of(record);
            if keys > 0 {
                let copies = tidying.copies.entry(record).or_insert(0);
                if usize::from(*copies) < keys {
                    *copies = copies.saturating_add(1);
                    self.records[tidying.kept] = record;
                    tidying.kept += 1;
                }
            }
            tidying.seen += 1;
        }
        true
    }

    /// The records that have not been thrown out.
    #[cfg(test)]
    pub(crate) fn audit_records(&self) -> impl Iterator<Item = Record40> {
        let (kept, seen) = self
            .tidying
            .as_ref()
            .map_or((0, 0), |it| (it.kept, it.seen));
        let records = self.records.iter().enumerate();
        let left = records.filter(move |(at, _)| !(kept..seen).contains(at));
        left.map(|(_, record)| *record)
    }
}
