//! All keys: shards, gate, state word, and the cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::RwLock;

use crate::DbIndex;
use crate::eviction::EvictionSettings;
use crate::hash::{Key, KeyHasher};
use crate::log::{Log, Ticket};
use crate::memory::Memory;
use crate::miss_ratio::MissRatio;
use crate::pins::EndedPins;
use crate::shard::{Relocated, Shard};
use crate::shard_lock::{ReaderTable, ShardLock, WriteGuard};
use crate::snapshot::{Snapshot, SnapshotProgress};
use crate::state::State;
use crate::time::UnixMillis;
use crate::waiters::Arrivals;
use crate::watch::WatchFlag;

/// How to lay out a keyspace; fixed for its life.
#[derive(Clone, Copy, Debug)]
pub struct KeyspaceOptions {
    /// Number of shards: a power of two, 1 to 16384.
    pub shards: usize,
    /// Number of databases, at least 1.
    pub databases: u32,
    /// Seed of the position hash; random in production, fixed in tests.
    pub seed: u128,
    /// `maxmemory` in bytes; 0 means no limit.
    pub maxmemory_bytes: u64,
}

/// A shard with what others may read of it without its lock. The lock comes first: it shares a line with what every
/// unit reads.
#[repr(C)]
pub(crate) struct ShardCell {
    pub(crate) lock: ShardLock<Shard>,
    /// Unix milliseconds of the next due expiry, `i64::MAX` for none.
    next_due: AtomicI64,
    /// Whether dead memory waits to be freed or pages to be compacted.
    chores: AtomicBool,
    /// Whether dead memory waits to be freed.
    dead: AtomicBool,
    /// Whether pages wait to be compacted.
    sparse: AtomicBool,
    /// How many keys may be evicted.
    victims: AtomicUsize,
}

/// Every database of the server, behind one lock per shard.
pub struct Keyspace {
    pub(crate) shards: Box<[CachePadded<ShardCell>]>,
    pub(crate) gate: CachePadded<RwLock<()>>,
    pub(crate) state: CachePadded<AtomicU64>,
    hasher: KeyHasher,
    memory: Memory,
    miss_ratio: MissRatio,
    log: Log,
    databases: u32,
    snapshot: Arc<SnapshotProgress>,
    ended_pins: Arc<EndedPins>,
    arrivals: Arc<Arrivals>,
    /// When all shards were last asked whether they have keys to evict.
    shards_asked_at: AtomicI64,
}

impl Keyspace {
    /// An empty keyspace.
    pub fn new(options: KeyspaceOptions) -> Self {
        assert!(options.databases > 0, "there is at least one database");
        let hasher = KeyHasher::new(options.shards, options.seed);
        let memory = Memory::default();
        memory.set_limit(options.maxmemory_bytes);
        let readers = Arc::new(ReaderTable::new());
        let arrivals: Arc<Arrivals> = Arc::default();
        let cell = |index: usize| {
            let shard = Shard::new(index as u16, options.databases, Arc::clone(&arrivals));
            CachePadded::new(ShardCell {
                lock: ShardLock::new(&readers, index as u16, shard),
                next_due: AtomicI64::new(i64::MAX),
                chores: AtomicBool::new(false),
                dead: AtomicBool::new(false),
                sparse: AtomicBool::new(false),
                victims: AtomicUsize::new(0),
            })
        };
        Self {
            shards: (0..options.shards).map(cell).collect(),
            gate: CachePadded::new(RwLock::new(())),
            state: CachePadded::new(AtomicU64::new(State::default().0)),
            hasher,
            memory,
            miss_ratio: MissRatio::new(),
            log: Log::new(),
            databases: options.databases,
            snapshot: Arc::default(),
            ended_pins: Arc::default(),
            arrivals: Arc::clone(&arrivals),
            shards_asked_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Where keys live.
    #[inline]
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// `bytes` as a key.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.hasher.key(bytes)
    }

    /// Number of shards.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Number of databases.
    pub fn databases(&self) -> u32 {
        self.databases
    }

    /// Process-wide memory counters.
    #[inline]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The estimate of the hit ratio at other sizes.
    #[inline]
    pub fn miss_ratio(&self) -> &MissRatio {
        &self.miss_ratio
    }

    /// Bytes that the shards' allocators hold for entries: touched pages and single large blocks. Looks into one
    /// shard after the other.
    pub fn resident_bytes(&self) -> u64 {
        let of = |shard: &Shard| shard.slab.resident_bytes() + shard.slab.large_bytes();
        self.shards
            .iter()
            .map(|cell| of(&cell.lock.read()) as u64)
            .sum()
    }

    /// Has keys evicted in another way from now on, or not at all.
    pub fn set_eviction(&self, settings: Option<EvictionSettings>) {
        for cell in &self.shards {
            let mut shard = cell.lock.write();
            shard.set_eviction(settings);
            self.publish(&mut shard);
        }
    }

    /// Pins that have ended and are yet to be freed.
    pub(crate) fn ended_pins(&self) -> &Arc<EndedPins> {
        &self.ended_pins
    }

    /// The ordered log of effects.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The state word as it is now: outside a unit a hint only.
    #[inline]
    pub fn state(&self) -> State {
        // Acquire: pairs with the release store in `cut`.
        State(self.state.load(Ordering::Acquire))
    }

    /// Shards in which [`crate::Unit::expire_due`] has something to do at `now`; none while storage may not take
    /// keys away.
    pub fn due_shards(&self, now: UnixMillis) -> impl Iterator<Item = u16> {
        let shards = if self.state().may_expire() {
            self.shards.len()
        } else {
            0
        };
        // Relaxed: the caller takes the shard's lock before it acts, and a stale answer only delays it.
        let is_due =
            move |&index: &usize| self.shards[index].next_due.load(Ordering::Relaxed) <= now.0;
        (0..shards).filter(is_due).map(|index| index as u16)
    }

    /// When [`crate::Unit::expire_due`] next has something to do in a shard: at the latest 16 ms after its earliest
    /// expire time.
    pub fn next_due(&self, shard: u16) -> Option<UnixMillis> {
        let at = self.shards[usize::from(shard)]
            .next_due
            .load(Ordering::Relaxed);
        (at != i64::MAX).then_some(UnixMillis(at))
    }

    /// A shard with memory to free that no key needs: dead memory or else sparse pages, which may prove not worth emptying.
    /// `random` is any number. As it was when memory there had last changed much, as with the next one.
    pub fn shard_to_reclaim(&self, random: u64) -> Option<u16> {
        let from = random as usize % self.shards.len();
        // Relaxed, here and below: hints; whoever acts on them looks again under the shard's lock.
        let first = |flag: fn(&ShardCell) -> &AtomicBool| {
            let mut all = (from..self.shards.len()).chain(0..from);
            all.find(|&shard| flag(&self.shards[shard]).load(Ordering::Relaxed))
        };
        let dead = self.memory.has_dead().then(|| first(|cell| &cell.dead));
        let sparse = || self.memory.is_sparse().then(|| first(|cell| &cell.sparse));
        let shard = dead.flatten().or_else(|| sparse().flatten());
        shard.map(|shard| shard as u16)
    }

    /// A shard to evict keys of, and how many there are that may be: of three that are drawn as often as they have such keys
    /// the one with more. So all keys are equally likely to be looked at, and shards stay equally full. `random` is any three
    /// numbers. `None` if no shard is known to have such keys ([`Self::has_something_to_free`]).
    pub fn shard_to_evict_from(&self, random: [u64; 3]) -> Option<(u16, usize)> {
        let victims = |shard: usize| self.shards[shard].victims.load(Ordering::Relaxed);
        let all: usize = (0..self.shards.len()).map(victims).sum();
        let ranks = random.map(|random| ((u128::from(random) * all as u128) >> 64) as usize);
        let mut drawn = [None; 3];
        let mut before = 0;
        for shard in 0..self.shards.len() {
            let victims = victims(shard);
            for (drawn, &rank) in drawn.iter_mut().zip(&ranks) {
                if (before..before + victims).contains(&rank) {
                    *drawn = Some((shard as u16, victims));
                }
            }
            before += victims;
        }
        let fullest = |shards: &mut dyn Iterator<Item = (u16, usize)>| {
            shards.max_by_key(|&(_, victims)| victims)
        };
        // Others may have taken keys away meanwhile, so that no shard was where the lots fell.
        fullest(&mut drawn.into_iter().flatten()).or_else(|| {
            let all = (0..).zip((0..self.shards.len()).map(victims));
            fullest(&mut all.filter(|&(_, victims)| victims > 0))
        })
    }

    /// Whether any shard is known to have keys to evict.
    pub fn has_victims(&self) -> bool {
        let has_some = |cell: &CachePadded<ShardCell>| cell.victims.load(Ordering::Relaxed) > 0;
        self.shards.iter().any(has_some)
    }

    /// Whether there may be something to free, be it that keys go for it. While no shard is known to have such keys each of
    /// them is asked, under its lock, but once a millisecond at most.
    pub fn has_something_to_free(&self, now: UnixMillis) -> bool {
        let is_known = || self.memory.has_dead() || self.has_victims();
        // What a shard has been given says nothing below some kilobytes.
        let ask = |cell: &CachePadded<ShardCell>| self.publish_now(&mut cell.lock.write());
        // Relaxed: who comes second may ask as well, or do without.
        is_known()
            || self.shards_asked_at.swap(now.0, Ordering::Relaxed) != now.0 && {
                self.shards.iter().for_each(ask);
                is_known()
            }
    }

    /// Whether a shard has dead memory to free or sparse pages to compact.
    pub fn has_chores(&self, shard: u16) -> bool {
        self.shards[usize::from(shard)]
            .chores
            .load(Ordering::Relaxed)
            || self.snapshot.is_abandoned()
            || self.ended_pins.any()
    }

    /// Publishes what others may know of a shard without its lock.
    #[inline]
    pub(crate) fn publish(&self, shard: &mut Shard) {
        if shard.needs_publishing() {
            self.publish_now(shard);
        }
    }

    #[cold]
    fn publish_now(&self, shard: &mut Shard) {
        let (used, dataset) = shard.take_unpublished();
        if used != 0 || dataset != 0 {
            self.memory.add_shard(used, dataset);
        }
        let freed = shard.take_freed();
        if freed > 0 {
            self.memory.add_freed_in_background(freed);
        }
        let cell = &self.shards[usize::from(shard.index)];
        let due = shard.next_due().map_or(i64::MAX, |at| at.0);
        // Relaxed: hints; see `due_shards`.
        if cell.next_due.load(Ordering::Relaxed) != due {
            cell.next_due.store(due, Ordering::Relaxed);
        }
        let dead = shard.has_dead_memory();
        if cell.dead.load(Ordering::Relaxed) != dead {
            cell.dead.store(dead, Ordering::Relaxed);
            self.memory.shard_has_dead(dead);
        }
        let relocated = shard.take_relocated();
        if relocated.moved + relocated.declined > 0 {
            let Relocated { moved, declined } = relocated;
            self.memory.add_moved_by_compaction(moved, declined);
        }
        let sparse = shard.is_sparse();
        if cell.sparse.load(Ordering::Relaxed) != sparse {
            cell.sparse.store(sparse, Ordering::Relaxed);
            self.memory.shard_is_sparse(sparse);
        }
        cell.victims.store(shard.evictable(), Ordering::Relaxed);
        let chores = shard.has_chores();
        if cell.chores.load(Ordering::Relaxed) != chores {
            cell.chores.store(chores, Ordering::Relaxed);
        }
    }

    /// Ends the watches of `flag` on `keys`, one shard lock at a time.
    pub fn unwatch<'k>(
        &self,
        flag: &Arc<WatchFlag>,
        keys: impl Iterator<Item = (DbIndex, &'k [u8])>,
    ) {
        for (db, key) in keys {
            let shard = self.hasher.hash(key).shard;
            let mut shard = self.shards[usize::from(shard)].lock.write();
            shard.watches.unwatch(db, key, flag);
            shard.set_stale();
            self.publish(&mut shard);
        }
    }

    /// Numbers arrivals of blocked clients.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// **The cut**: no unit is running while `with` runs, and all see its outcome together. Takes the gate
    /// exclusively, then all shards ascending; `with` may lock channel stripes after that.
    pub fn cut<R>(&self, with: impl FnOnce(&mut Cut<'_>) -> R) -> R {
        let _gate = self.gate.write();
        let shards = self.shards.iter().map(|cell| cell.lock.write()).collect();
        let mut cut = Cut {
            keyspace: self,
            shards,
            state: self.state(),
        };
        let result = with(&mut cut);
        // Release: pairs with the acquire load in `state`; every unit also takes a lock that is held here.
        self.state.store(cut.state.0, Ordering::Release);
        result
    }

    /// Goes on with a snapshot that nobody reads any more, in one shard; whether there is more to do there.
    pub(crate) fn sweep_abandoned(&self, shard: &mut Shard) -> bool {
        if !self.snapshot.is_abandoned() || !shard.is_walked() {
            return false;
        }
        let more = shard.walk_step(&mut |_, _| {});
        if !more {
            self.snapshot.shard_done();
        }
        more
    }
}

/// What may be changed while everything stands still.
pub struct Cut<'k> {
    keyspace: &'k Keyspace,
    shards: Vec<WriteGuard<'k, Shard>>,
    state: State,
}

impl Cut<'_> {
    /// The state word that units will see.
    pub fn state(&self) -> State {
        self.state
    }

    /// Replaces the state word, its parity apart, which only a snapshot changes.
    pub fn set_state(&mut self, state: State) {
        self.state = state.with_parity(self.state.parity());
    }

    /// The log's tail, T0: every effect of a unit before this cut has a smaller ticket, every later one a
    /// ticket at or above it.
    pub fn log_tail(&self) -> Ticket {
        self.keyspace.log.tail()
    }

    /// Begins a snapshot of exactly what is stored now, or `None` while another one is still running, or has
    /// been dropped and is still being cleared away by [`crate::Unit::maintain`].
    pub fn start_snapshot(&mut self) -> Option<Snapshot> {
        let snapshot = Snapshot::new(&self.keyspace.snapshot, self.shards.len())?;
        self.state = self.state.with_parity(!self.state.parity());
        let parity = self.state.parity();
        self.shards
            .iter_mut()
            .for_each(|shard| shard.begin_walk(parity));
        Some(snapshot)
    }

    /// The latest instant any unit has seen.
    pub fn now(&self) -> UnixMillis {
        self.shards
            .iter()
            .map(|shard| shard.clock())
            .max()
            .unwrap_or_default()
    }
}
