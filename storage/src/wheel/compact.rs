//! Throws out left-over and doubled records.
//!
//! Deleting a key or shortening its expire time leaves a record behind until its bucket is reached.
//! A key that is set with a long TTL and deleted a thousand times a second would fill the wheel
//! with records of itself. When there are clearly more records than keys with a TTL, the owner runs
//! [`Wheel::compact`] in slices until it reports the end of a pass.
//!
//! A pass goes through the buckets from the earliest to the far list. It asks the owner for each
//! record's true expire time. If that is earlier than the bucket, another record is filed for it
//! and this one goes; if it is later, this one moves there. So when a bucket's turn comes, all
//! records that belong there have arrived. Doubles are found with a set. To
//! keep that set small, however large the bucket, its records are first dealt out into bins by a
//! few of their bits.

use std::cmp::Ordering;

use hashbrown::HashSet;

use super::bucket::Bucket;
use super::{BUCKETS, LEVELS, Place, Record40, Wheel};
use crate::time::UnixMillis;

/// A bin holds about this many different records.
const BIN_RECORDS: usize = 1024;
const BINS_MAX: usize = 1 << 16;

/// More records than this are tolerated however few keys have a TTL.
const LEFTOVER_RECORDS_MIN: usize = 1024;

/// A pass that stands at one bucket. That bucket has been emptied; it gets back what stays in it.
pub(super) struct Compaction {
    place: Place,
    /// Records not looked at yet.
    rest: Bucket,
    /// Records that belong to this bucket, doubles included. A power of two of bins.
    bins: Vec<Bucket>,
    /// Bins below this one are done.
    bin: usize,
    /// What has been put back from the current bin.
    kept: HashSet<Record40, foldhash::fast::FixedState>,
}

impl Compaction {
    fn new(place: Place, bucket: Bucket) -> Compaction {
        let bins = (bucket.len() / BIN_RECORDS)
            .next_power_of_two()
            .min(BINS_MAX);
        Compaction {
            place,
            rest: bucket,
            bins: std::iter::repeat_with(Bucket::default).take(bins).collect(),
            bin: 0,
            kept: HashSet::default(),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Allocated bytes beside those of the buckets, which the wheel counts.
    pub(super) fn bytes(&self) -> usize {
        self.bins.capacity() * size_of::<Bucket>() + self.kept.allocation_size()
    }

    /// What it holds, when the bucket's time comes before the compaction is done.
    pub(super) fn into_buckets(self) -> impl Iterator<Item = Bucket> {
        let buckets = std::iter::once(self.rest).chain(self.bins);
        buckets.filter(|bucket| !bucket.is_empty())
    }

    #[cfg(test)]
    pub(super) fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        std::iter::once(&self.rest).chain(&self.bins)
    }
}

impl Wheel {
    /// Whether a pass of [`Wheel::compact`] is worth its cost, given how many keys have a TTL, or one is to be gone on with:
    /// [`Wheel::pop_soonest`] does not see what it holds.
    pub(crate) fn needs_compaction(&self, keys_with_ttl: usize) -> bool {
        self.compaction.is_some() || self.records > 2 * keys_with_ttl + LEFTOVER_RECORDS_MIN
    }

    /// Looks at up to `budget` records and throws out what is not needed. Returns true when a pass
    /// through all buckets has ended, after which at most one record per live expire time is left
    /// of those filed before the pass.
    ///
    /// `expiry_of` answers the *earliest* expire time among the entries that match a record, or
    /// `None` when no entry with an expire time does. If several match, the record comes out at
    /// the earliest time and the owner then files the others again.
    pub(crate) fn compact(
        &mut self,
        budget: usize,
        mut expiry_of: impl FnMut(Record40) -> Option<UnixMillis>,
    ) -> bool {
        let Some(mut current) = self.compaction.take().or_else(|| self.compact_next(None)) else {
            return true;
        };
        for _ in 0..budget {
            if let Some(record) = current.rest.pop(&mut self.bucket_bytes) {
                self.sort_in(record, expiry_of(record), &mut current);
            } else if let Some(bin) = current.bins.get_mut(current.bin) {
                match bin.pop(&mut self.bucket_bytes) {
                    Some(record) => self.put_back(record, &mut current),
                    None => {
                        current.kept.clear();
                        current.bin += 1;
                    }
                }
            } else {
                self.finish_bucket(current.place);
                match self.compact_next(Some(current.place)) {
                    Some(next) => current = next,
                    None => return true,
                }
            }
        }
        self.compaction = Some(current);
        false
    }

    /// Drops a dead record, files an early one again, and deals any other out into its bin.
    fn sort_in(&mut self, record: Record40, expiry: Option<UnixMillis>, current: &mut Compaction) {
        self.records -= 1;
        let Some(expire_at) = expiry else {
            return;
        };
        match self.place_of(expire_at).cmp(&current.place) {
            // The invariant says that an earlier record is there, so this one is not needed.
            Ordering::Less => return,
            Ordering::Greater => return self.file(record, expire_at),
            Ordering::Equal => {}
        }
        // Fibonacci hashing: the top bits of the product depend on all bits of the position.
        let mixed = record.position().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let bin = (mixed >> 48) as usize & (current.bins.len() - 1);
        self.records += 1;
        current.bins[bin].push(record, &mut self.bucket_bytes);
    }

    /// Puts a record back into its bucket unless it is there already.
    fn put_back(&mut self, record: Record40, current: &mut Compaction) {
        if !current.kept.insert(record) {
            self.records -= 1;
            return;
        }
        let bucket = match current.place {
            Place::Due => unreachable!("only buckets of the wheel are compacted"),
            Place::Level { level, digit } => {
                self.levels[level].occupied |= 1 << digit;
                &mut self.levels[level].buckets[digit]
            }
            Place::Far => &mut self.far,
        };
        bucket.push(record, &mut self.bucket_bytes);
    }

    fn finish_bucket(&mut self, place: Place) {
        if let Place::Level { level, digit } = place
            && self.levels[level].buckets[digit].is_empty()
        {
            self.levels[level].occupied &= !(1 << digit);
        }
    }

    /// Empties the first bucket behind `done` that holds records, to compact it.
    fn compact_next(&mut self, done: Option<Place>) -> Option<Compaction> {
        let first = match done {
            None => 0,
            Some(Place::Level { level, digit }) => level * BUCKETS + digit + 1,
            Some(Place::Due | Place::Far) => return None,
        };
        for index in first..LEVELS * BUCKETS {
            let (level, digit) = (index / BUCKETS, index % BUCKETS);
            let wheel_level = &mut self.levels[level];
            if wheel_level.occupied & (1 << digit) != 0 {
                let bucket = std::mem::take(&mut wheel_level.buckets[digit]);
                return Some(Compaction::new(Place::Level { level, digit }, bucket));
            }
        }
        let far = std::mem::take(&mut self.far);
        (!far.is_empty()).then(|| Compaction::new(Place::Far, far))
    }
}
