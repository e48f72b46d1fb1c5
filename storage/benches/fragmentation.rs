//! What a cache holds under a steady budget while the sizes of its values shift: four phases, each writing twice the
//! budget and throwing out random keys, then three quarters of all keys deleted.
//!
//! ```text
//! cargo bench -p nuthatch-storage --bench fragmentation -- [live MB, default 240] [shards, default 64]
//! ```
//!
//! Prints a Markdown row per phase. `live` is the bytes of keys and values, `blocks` what they take in the slab, `resident` is what the shards' allocators hold, `used` the number compared with
//! `maxmemory`, RSS that of this process above its start.

use std::time::{Duration, Instant};

use nuthatch_storage::{
    Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, Unit, UnixMillis,
};
use rustix::time::{ClockId, clock_gettime};

// As in the server: tables and wheels come from here.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
/// Smallest and largest value of each phase.
const PHASES: [(u64, u64); 4] = [(32, 96), (128, 320), (400, 800), (900, 1800)];
/// Length of a key.
const KEY_BYTES: u64 = 16;
/// How many writes share one slice of housekeeping.
const WRITES_PER_SLICE: u64 = 64;

struct Cache {
    keyspace: Keyspace,
    /// Numbers of the keys that are there, and the lengths of their values.
    present: Vec<(u64, u32)>,
    /// Bytes of all keys and values.
    live: u64,
    next: u64,
    state: u64,
    value: Vec<u8>,
    slices: Duration,
}

impl Cache {
    fn random(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 29) % limit
    }

    fn unit<R>(
        &self,
        n: u64,
        run: impl FnOnce(&mut Unit<'_>, &nuthatch_storage::Key<'_>) -> R,
    ) -> R {
        let name = format!("key:{n:012}");
        let key = self.keyspace.key(name.as_bytes());
        run(
            &mut Unit::begin(&self.keyspace, LockPlan::Write(key.hash.shard), NOW),
            &key,
        )
    }

    fn write(&mut self, len: usize) {
        let n = self.next;
        self.next += 1;
        let value = &self.value[..len];
        self.unit(n, |unit, key| {
            unit.set(0, key, NewValue::Bytes(value), NewExpiry::None)
        });
        self.present.push((n, len as u32));
        self.live += KEY_BYTES + len as u64;
        if n.is_multiple_of(WRITES_PER_SLICE) {
            let shard = (n / WRITES_PER_SLICE) as usize % self.keyspace.shard_count();
            self.slice(shard as u16);
        }
    }

    /// Housekeeping of one shard, if it has any to do.
    fn slice(&mut self, shard: u16) -> bool {
        if !self.keyspace.has_chores(shard) {
            return false;
        }
        let started = thread_cpu();
        let more = Unit::begin(&self.keyspace, LockPlan::Write(shard), NOW).maintain(shard);
        self.slices += thread_cpu() - started;
        more
    }

    fn delete_random(&mut self) {
        let at = self.random(self.present.len() as u64) as usize;
        let (n, len) = self.present.swap_remove(at);
        self.live -= KEY_BYTES + u64::from(len);
        self.unit(n, |unit, key| unit.delete(0, key));
    }

    fn run_phase(&mut self, (least, most): (u64, u64), bytes: u64, budget: u64) {
        let mut written = 0;
        while written < bytes {
            let len = least + self.random(most - least);
            self.write(len as usize);
            written += len;
            while self.live > budget {
                self.delete_random();
            }
        }
    }

    /// Up to `slices` rounds of housekeeping, as an idle server does.
    fn rest(&mut self, slices: usize) {
        for _ in 0..slices {
            let mut more = false;
            for shard in 0..self.keyspace.shard_count() as u16 {
                more |= self.slice(shard);
            }
            if !more {
                break;
            }
        }
    }

    fn report(&mut self, name: &str, base: u64, busy: Duration, started: Instant) {
        let memory = self.keyspace.memory();
        let (blocks, used) = (memory.dataset_bytes(), memory.used_bytes());
        let (resident, rss) = (self.keyspace.resident_bytes(), rss_bytes() - base);
        let ratio = |bytes: u64| bytes as f64 / self.live as f64;
        println!(
            "| {name} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.1} s, {:.0} % housekeeping |",
            self.live / 1_000_000,
            ratio(blocks),
            ratio(resident),
            ratio(used),
            ratio(rss),
            started.elapsed().as_secs_f64(),
            100.0 * self.slices.as_secs_f64() / busy.as_secs_f64(),
        );
        self.slices = Duration::ZERO;
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * 4096
}

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse::<u64>().ok());
    let budget = numbers.next().unwrap_or(240) * 1_000_000;
    let shards = numbers.next().unwrap_or(64) as usize;
    let options = KeyspaceOptions {
        shards,
        databases: 16,
        seed: 42,
        maxmemory_bytes: 0,
    };
    // The list of keys is the bench's own and must not grow while it is measured.
    let present = vec![(0, 0); 4 << 20];
    let base = rss_bytes();
    let mut cache = Cache {
        keyspace: Keyspace::new(options),
        present,
        live: 0,
        next: 0,
        state: 7,
        value: vec![b'v'; 4096],
        slices: Duration::ZERO,
    };
    cache.present.fill((1, 1));
    let base = base.max(rss_bytes());
    cache.present.clear();
    println!(
        "| phase | live MB | blocks / live | resident / live | used / live | RSS / live | time |\n|---|--:|--:|--:|--:|--:|---|"
    );
    for (number, phase) in PHASES.into_iter().enumerate() {
        let (started, cpu) = (Instant::now(), thread_cpu());
        cache.run_phase(phase, 2 * budget, budget);
        let name = format!("{}: {} to {} bytes", number + 1, phase.0, phase.1);
        cache.report(&name, base, thread_cpu() - cpu, started);
    }
    let (started, cpu) = (Instant::now(), thread_cpu());
    cache.rest(2000);
    cache.report("after a rest", base, thread_cpu() - cpu, started);
    let (started, cpu) = (Instant::now(), thread_cpu());
    for _ in 0..cache.present.len() * 3 / 4 {
        cache.delete_random();
    }
    cache.rest(20_000);
    cache.report("three quarters deleted", base, thread_cpu() - cpu, started);
}
