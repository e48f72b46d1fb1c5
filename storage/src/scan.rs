//! Walking keys: `SCAN`, `KEYS`, `RANDOMKEY`, `DBSIZE`.

use crate::DbIndex;
use crate::entry::EntryView;
use crate::shard::Shard;
use crate::unit::Unit;

/// Hash bits in a cursor; with 14 bits of shard and slot it stays below 2^53, which clients that hold
/// numbers as doubles survive.
const CURSOR_HASH_BITS: u32 = 39;
/// Segments that one call may find empty before it returns with what it has.
const SEGMENTS_EMPTY_MAX: usize = 1024;

impl Unit<'_> {
    /// Number of keys in `db`, expired ones that still lie there included.
    pub fn db_len(&mut self, db: DbIndex) -> u64 {
        self.sum_shards(|shard| shard.db(db).map_or(0, |db| db.table.len()))
    }

    /// Number of keys in `db` that have an expire time.
    pub fn db_expires(&mut self, db: DbIndex) -> u64 {
        self.sum_shards(|shard| shard.db(db).map_or(0, |db| db.with_ttl))
    }

    fn sum_shards(&mut self, count: impl Fn(&Shard) -> usize) -> u64 {
        let sum = (0..self.keyspace().shard_count() as u16)
            .map(|index| count(self.shard(index)) as u64)
            .sum();
        self.leave();
        sum
    }

    /// Visits live keys of `db` from `cursor` on and returns the cursor to go on with, 0 at the end. Every
    /// key that is there from the first call to the last is visited exactly once. `count` is kept but for
    /// keys that share a hash prefix.
    pub fn scan(
        &mut self,
        db: DbIndex,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&EntryView<'_>),
    ) -> u64 {
        let layout = CursorLayout {
            slot_bits: self.keyspace().hasher().slot_bits(),
        };
        let (mut shard, mut position) = layout.split(cursor);
        let (mut left, mut empty) = (count.max(1), 0);
        while (shard as usize) < self.keyspace().shard_count() {
            let visited = self.scan_segment(db, shard as u16, position, left, layout, visit);
            left = left.saturating_sub(visited.keys);
            // A large COUNT must not keep writers out from one end of the shard to the other.
            self.leave();
            empty += usize::from(visited.keys == 0);
            (shard, position) = match visited.next {
                Some(next) => (shard, next),
                None => (shard + 1, 0),
            };
            if left == 0 || empty >= SEGMENTS_EMPTY_MAX {
                break;
            }
        }
        if (shard as usize) < self.keyspace().shard_count() {
            layout.join(shard, position)
        } else {
            0
        }
    }

    /// Visits up to `count` keys of one segment in position order.
    fn scan_segment(
        &mut self,
        db: DbIndex,
        shard: u16,
        position: u64,
        count: usize,
        layout: CursorLayout,
        visit: &mut dyn FnMut(&EntryView<'_>),
    ) -> Visited {
        let (hasher, now) = (self.keyspace().hasher().clone(), self.now());
        let shard = self.shard(shard);
        let Some((entries, end)) = shard.entries_at(db, position) else {
            return Visited {
                keys: 0,
                next: None,
            };
        };
        let placed =
            entries.map(|entry| (layout.truncate(hasher.hash(entry.key()).position), entry));
        let mut found: Vec<_> = placed.filter(|(at, _)| *at >= position).collect();
        let next_group = cut_to(&mut found, count);
        let live = found.iter().filter(|(_, entry)| !entry.is_expired(now));
        live.for_each(|(_, entry)| visit(entry));
        Visited {
            keys: found.len(),
            next: next_group.or(end),
        }
    }

    /// Visits every live key of `db` in one shard.
    pub fn for_each_in_shard(
        &mut self,
        db: DbIndex,
        shard: u16,
        visit: &mut dyn FnMut(&EntryView<'_>),
    ) {
        let now = self.now();
        let (shard, mut position) = (self.shard(shard), Some(0));
        while let Some((entries, end)) = position.and_then(|at| shard.entries_at(db, at)) {
            entries
                .filter(|entry| !entry.is_expired(now))
                .for_each(|entry| visit(&entry));
            position = end;
        }
        self.leave();
    }

    /// A random live key of `db`, near enough to uniform; `random` yields uniform 64-bit numbers.
    pub fn random_key(&mut self, db: DbIndex, mut random: impl FnMut() -> u64) -> Option<Vec<u8>> {
        /// Draws before a database whose keys are nearly all expired is searched in order.
        const DRAWS: usize = 32;
        let lens: Vec<u64> = (0..self.keyspace().shard_count() as u16)
            .map(|index| self.shard(index).db(db).map_or(0, |db| db.table.len()) as u64)
            .collect();
        let total: u64 = lens.iter().sum();
        let now = self.now();
        let mut found = None;
        for _ in 0..if total > 0 { DRAWS } else { 0 } {
            let shard = shard_of_rank(&lens, random() % total);
            let drawn = self
                .shard(shard)
                .draw(db, &mut random)
                .filter(|entry| !entry.is_expired(now));
            found = drawn.map(|entry| entry.key().to_vec());
            if found.is_some() {
                break;
            }
        }
        if found.is_none() && total > 0 {
            let occupied = (0..lens.len() as u16).filter(|&shard| lens[usize::from(shard)] > 0);
            found = occupied.into_iter().find_map(|shard| {
                let live = self
                    .shard(shard)
                    .first_where(db, |entry| !entry.is_expired(now));
                live.map(|entry| entry.key().to_vec())
            });
        }
        self.leave();
        found
    }
}

/// The shard that holds the key of this rank.
fn shard_of_rank(lens: &[u64], mut rank: u64) -> u16 {
    for (shard, &len) in lens.iter().enumerate() {
        if rank < len {
            return shard as u16;
        }
        rank -= len;
    }
    unreachable!("the rank is below the sum")
}

struct Visited {
    keys: usize,
    /// Where the shard goes on, `None` at its end.
    next: Option<u64>,
}

/// Cuts `found` down to the `count` smallest positions and whatever shares the last of them. Returns the
/// position of the first that was cut off.
fn cut_to<T>(found: &mut Vec<(u64, T)>, count: usize) -> Option<u64> {
    if found.len() <= count {
        return None;
    }
    let (_, last, _) = found.select_nth_unstable_by_key(count - 1, |(at, _)| *at);
    let last = last.0;
    let next = found
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| *at > last)
        .min();
    found.retain(|(at, _)| *at <= last);
    next
}

/// How shard and position make a cursor: shard, slot-in-shard, then the top hash bits.
#[derive(Clone, Copy)]
struct CursorLayout {
    slot_bits: u32,
}

impl CursorLayout {
    fn position_bits(self) -> u32 {
        self.slot_bits + CURSOR_HASH_BITS
    }

    /// The position without the hash bits that do not fit into a cursor.
    fn truncate(self, position: u64) -> u64 {
        let dropped = 64 - self.position_bits();
        position >> dropped << dropped
    }

    fn join(self, shard: u64, position: u64) -> u64 {
        shard << self.position_bits() | position >> (64 - self.position_bits())
    }

    fn split(self, cursor: u64) -> (u64, u64) {
        (
            cursor >> self.position_bits(),
            cursor << (64 - self.position_bits()),
        )
    }
}
