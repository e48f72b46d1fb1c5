//! The timing wheel: finds the keys whose expire time has come without looking at the others.
//!
//! A record is only the top 40 bits of a key's position in the directory; it carries no time. So
//! the wheel never decides that a key has expired. It hands a record out when its bucket is reached,
//! and the owner looks up every entry that matches:
//!
//! * expired: the owner removes it;
//! * alive (the record came from a coarser level, or the expire time was moved back): the owner
//!   files it again under its expire time;
//! * none: the record was left over from a deleted key and is forgotten.
//!
//! The owner keeps one invariant: **for each live expire time there is a record filed at or before
//! it**. Moving an expire time back therefore needs no wheel operation, moving it forward needs one
//! more record, and removing it needs none.
//!
//! A hash whose fields have expire times has one more of its own, the soonest of them. When its record comes out, what
//! is due goes, a bounded number of fields, and the key is filed once, under the earlier of both.
//!
//! | level | bucket | level covers |
//! |---|---|---|
//! | 0 | 16 ms | 1.024 s |
//! | 1 | 1.024 s | 65.536 s |
//! | 2 | 65.536 s | 69.9 min |
//! | 3 | 69.9 min | 3.1 d |
//! | 4 | 3.1 d | 198.8 d |
//! | far list | everything later | |
//!
//! Time is counted in ticks of 16 ms. A record's level is that of the highest base-64 digit in which
//! its tick differs from the current tick, its bucket is that digit. So all records of a level come
//! before those of the next, and the next bucket is one bit scan away. When the clock changes a
//! digit, the buckets it passed go to the due queues, at most 321 of them however far it jumped.
//! When the clock goes back, the levels below the changed digit lose their meaning; their buckets
//! go to the due queues too and their records find their places again by their true times.

mod bucket;
mod compact;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::time::UnixMillis;
use bucket::Bucket;
use compact::Compaction;

/// Width of a tick and of a bucket of level 0, in milliseconds.
pub(crate) const TICK_MS: i64 = 16;

const DIGIT_BITS: u32 = 6;
const BUCKETS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 5;

/// A key in the wheel: the top 40 bits of its position. Several keys may share one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Record40([u8; 5]);

impl Record40 {
    /// The record of the key at `position`.
    pub(crate) fn from_position(position: u64) -> Record40 {
        let [a, b, c, d, e, ..] = position.to_be_bytes();
        Record40([a, b, c, d, e])
    }

    /// The lowest position that this record can stand for; the low 24 bits are zero.
    pub(crate) fn position(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_be_bytes([a, b, c, d, e, 0, 0, 0])
    }

    /// Whether this is the record of the key at `position`.
    pub(crate) fn matches(self, position: u64) -> bool {
        self == Record40::from_position(position)
    }
}

/// Where a record belongs, seen from the current tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    Due,
    Level { level: usize, digit: usize },
    Far,
}

/// The records of one database in one shard. See the module documentation.
pub(crate) struct Wheel {
    /// Every bucket up to and including this tick is in `due`.
    tick: u64,
    /// Added to every tick, so that the wheels of different shards do not cascade together.
    phase: u64,
    levels: [Level; LEVELS],
    far: Bucket,
    /// Buckets to hand out, by the level they came from: a record of level 0 has expired or nearly
    /// so and must not wait behind a cascade of a million records.
    due: [VecDeque<Bucket>; LEVELS + 1],
    records: usize,
    /// Allocated by buckets, theirs in `due` and in a compaction included.
    bucket_bytes: usize,
    compaction: Option<Compaction>,
}

struct Level {
    /// Bit `n` is set exactly when bucket `n` holds records or is being compacted.
    occupied: u64,
    buckets: [Bucket; BUCKETS],
}

impl Wheel {
    /// An empty wheel at `now`.
    ///
    /// `phase`, in ticks, shifts the moments at which coarse buckets cascade, without any effect on
    /// when records come out. Give each shard another one, spread over a minute or more.
    pub(crate) fn new(now: UnixMillis, phase: u32) -> Wheel {
        let phase = u64::from(phase);
        Wheel {
            tick: tick_of(now, phase),
            phase,
            levels: std::array::from_fn(|_| Level {
                occupied: 0,
                buckets: std::array::from_fn(|_| Bucket::default()),
            }),
            far: Bucket::default(),
            due: std::array::from_fn(|_| VecDeque::new()),
            records: 0,
            bucket_bytes: 0,
            compaction: None,
        }
    }

    /// Files a record for a key that expires at `expire_at`. It comes out of [`Wheel::pop_due`] once
    /// or more before, and at the latest by `expire_at` + [`TICK_MS`], when the key is expired.
    ///
    /// Call [`Wheel::advance`] first when the wheel may have stood still: relative to a stale clock
    /// the record would be put on too coarse a level and come out once more than needed.
    pub(crate) fn file(&mut self, record: Record40, expire_at: UnixMillis) {
        self.records += 1;
        let place = self.place_of(expire_at);
        let bucket = match place {
            Place::Due => {
                if self.due[0].is_empty() {
                    self.due[0].push_back(Bucket::default());
                }
                self.due[0].back_mut().expect("not empty, see above")
            }
            Place::Level { level, digit } => {
                let level = &mut self.levels[level];
                level.occupied |= 1 << digit;
                &mut level.buckets[digit]
            }
            Place::Far => &mut self.far,
        };
        bucket.push(record, &mut self.bucket_bytes);
    }

    /// Moves the clock to `now`, forwards or backwards by any distance. Constant work: at most 321
    /// buckets are moved by pointer.
    #[inline]
    pub(crate) fn advance(&mut self, now: UnixMillis) {
        let tick = tick_of(now, self.phase);
        if tick != self.tick {
            self.turn_to(tick);
        }
    }

    /// Moves the clock to `now` and hands out one record that is due, or that must be looked at
    /// because its coarse bucket begins; `None` when there is no further one for now. Amortized
    /// constant.
    ///
    /// For each entry that matches and is alive, meaning `now <= expire_at` with this same `now`,
    /// the owner must call [`Wheel::file`] with its expire time.
    pub(crate) fn pop_due(&mut self, now: UnixMillis) -> Option<Record40> {
        self.advance(now);
        for queue in &mut self.due {
            let Some(bucket) = queue.front_mut() else {
                continue;
            };
            let record = bucket.pop(&mut self.bucket_bytes);
            if bucket.is_empty() {
                queue.pop_front();
                // A queue is long only after a jump of the clock.
                if queue.is_empty() && queue.capacity() > BUCKETS {
                    queue.shrink_to_fit();
                }
            }
            self.records -= usize::from(record.is_some());
            return record;
        }
        None
    }

    /// Hands out a record of the bucket whose time comes first, whether it has come or not, and up to when a key must expire
    /// to be one of those that the bucket stands for: `now` for one that is due, else a tick less than the end of the
    /// bucket's time, for a key goes with the tick after the one in which it expires. `None` when there is no record.
    ///
    /// For each entry that matches, expires later than that and stays, the owner must call [`Wheel::file`].
    pub(crate) fn pop_soonest(&mut self, now: UnixMillis) -> Option<(Record40, UnixMillis)> {
        if let Some(record) = self.pop_due(now) {
            return Some((record, now));
        }
        for number in 0..LEVELS {
            let mut occupied = self.levels[number].occupied;
            while occupied != 0 {
                let digit = occupied.trailing_zeros() as usize;
                occupied &= occupied - 1;
                let place = Place::Level {
                    level: number,
                    digit,
                };
                let level = &mut self.levels[number];
                let record = level.buckets[digit].pop(&mut self.bucket_bytes);
                // What a compaction has taken out of it may be all there is.
                let is_empty = self.levels[number].buckets[digit].is_empty();
                if is_empty && !self.is_compacting(place) {
                    self.levels[number].occupied &= !(1 << digit);
                }
                if let Some(record) = record {
                    self.records -= 1;
                    let shift = DIGIT_BITS * number as u32;
                    let above = self.tick >> (shift + DIGIT_BITS) << DIGIT_BITS;
                    let end = ((above | digit as u64) + 1) << shift;
                    return Some((record, self.start_of(end - 1)));
                }
            }
        }
        let record = self.far.pop(&mut self.bucket_bytes)?;
        self.records -= 1;
        Some((record, UnixMillis(i64::MAX)))
    }

    /// Whether [`Wheel::pop_due`] has something to hand out even if the clock stands still.
    pub(crate) fn has_due(&self) -> bool {
        self.due.iter().any(|queue| !queue.is_empty())
    }

    /// When [`Wheel::pop_due`] has something to hand out: the current tick or an earlier time if it
    /// has now, `None` if the wheel is empty. The owner may sleep until then.
    pub(crate) fn next_due(&self) -> Option<UnixMillis> {
        if self.has_due() {
            return Some(self.start_of(self.tick));
        }
        for (number, level) in self.levels.iter().enumerate() {
            if level.occupied != 0 {
                let shift = DIGIT_BITS * number as u32;
                let digit = u64::from(level.occupied.trailing_zeros());
                let above = self.tick >> (shift + DIGIT_BITS) << DIGIT_BITS;
                return Some(self.start_of((above | digit) << shift));
            }
        }
        if self.far.is_empty() && !self.is_compacting(Place::Far) {
            return None;
        }
        let shift = DIGIT_BITS * LEVELS as u32;
        Some(self.start_of(((self.tick >> shift) + 1) << shift))
    }

    /// How many records there are, left-over ones included.
    #[cfg(test)]
    pub(crate) fn record_count(&self) -> usize {
        self.records
    }

    /// Allocated bytes, to the byte, without the `Wheel` itself.
    pub(crate) fn bytes(&self) -> usize {
        let queues: usize = self.due.iter().map(VecDeque::capacity).sum();
        let compaction = self.compaction.as_ref().map_or(0, Compaction::bytes);
        self.bucket_bytes + queues * size_of::<Bucket>() + compaction
    }

    /// The place of a key that expires at `expire_at`: that of the first tick at whose start it has
    /// expired, whatever its millisecond within a tick.
    fn place_of(&self, expire_at: UnixMillis) -> Place {
        let fires = tick_of(expire_at, self.phase) + 1;
        if fires <= self.tick {
            return Place::Due;
        }
        let level = highest_digit(fires ^ self.tick);
        if level >= LEVELS {
            return Place::Far;
        }
        let digit = digit_of(fires, level);
        Place::Level { level, digit }
    }

    #[cold]
    fn turn_to(&mut self, tick: u64) {
        let before = std::mem::replace(&mut self.tick, tick);
        let changed = highest_digit(before ^ tick);
        // Forwards, everything below the changed digit is past. Backwards, it lies in a part of the
        // future that these levels do not stand for any more.
        for level in 0..changed.min(LEVELS) {
            self.make_due(level, u64::MAX);
        }
        if tick < before {
            return;
        }
        if changed >= LEVELS {
            self.make_far_due();
        } else {
            let up_to = |digit: usize| u64::MAX >> (BUCKETS - 1 - digit);
            let passed = up_to(digit_of(tick, changed)) & !up_to(digit_of(before, changed));
            self.make_due(changed, passed);
        }
    }

    /// Moves those buckets of `level` whose bits are set in `which` to the due queue, in order.
    fn make_due(&mut self, level: usize, which: u64) {
        let mut moving = self.levels[level].occupied & which;
        self.levels[level].occupied &= !which;
        while moving != 0 {
            let digit = moving.trailing_zeros() as usize;
            moving &= moving - 1;
            let bucket = std::mem::take(&mut self.levels[level].buckets[digit]);
            self.push_due(level, bucket, Place::Level { level, digit });
        }
    }

    fn make_far_due(&mut self) {
        let far = std::mem::take(&mut self.far);
        self.push_due(LEVELS, far, Place::Far);
    }

    /// Queues the bucket from `place`, and what a compaction has taken out of it.
    fn push_due(&mut self, queue: usize, bucket: Bucket, place: Place) {
        let queue = &mut self.due[queue];
        if !bucket.is_empty() {
            queue.push_back(bucket);
        }
        if let Some(compaction) = self
            .compaction
            .take_if(|compaction| compaction.place() == place)
        {
            queue.extend(compaction.into_buckets());
        }
    }

    fn is_compacting(&self, place: Place) -> bool {
        let compaction = self.compaction.as_ref();
        compaction.is_some_and(|compaction| compaction.place() == place)
    }

    /// When `tick` begins.
    fn start_of(&self, tick: u64) -> UnixMillis {
        let ticks = i64::try_from(tick - self.phase).unwrap_or(i64::MAX);
        UnixMillis(ticks.saturating_mul(TICK_MS))
    }
}

/// The tick in which `time` lies. Times before 1970 count as 1970.
#[inline]
fn tick_of(time: UnixMillis, phase: u64) -> u64 {
    (time.0.max(0) / TICK_MS) as u64 + phase
}

/// Index of the highest base-64 digit of `differing` that is not zero; `differing` itself is not.
fn highest_digit(differing: u64) -> usize {
    (differing.ilog2() / DIGIT_BITS) as usize
}

fn digit_of(tick: u64, level: usize) -> usize {
    (tick >> (DIGIT_BITS * level as u32)) as usize % BUCKETS
}
