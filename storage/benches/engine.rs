//! In-process figures of the storage engine: scaling over two threads, worst insert, table bytes under one
//! hash tag.
//!
//! ```text
//! cargo bench -p nuthatch-storage --bench engine -- [scaling|fill|onetag|ops]
//! valgrind --tool=callgrind target/release/deps/engine-* hot    # instructions per operation
//! ```
//!
//! Prints a Markdown row per figure. Times of single inserts are CPU time of the thread, page faults
//! included, so a busy machine does not show in them.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use nuthatch_storage::{
    Key, Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, Unit, UnixMillis,
};
use rustix::time::{ClockId, clock_gettime};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const VALUE: &[u8] = &[b'v'; 64];

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == name);
    println!("| figure | value |\n|---|--:|");
    // Only on request: meant for an instruction count, not for a clock.
    if chosen.iter().any(|arg| arg == "hot") {
        hot();
    }
    if wanted("ops") {
        operations();
    }
    if wanted("scaling") {
        scaling();
    }
    if wanted("fill") {
        fill("16-byte keys, 10 M, 64 shards", 64, 10_000_000, |n| {
            format!("key:{n:012}")
        });
    }
    if wanted("onetag") {
        fill("one hash tag, 10 M keys", 64, 10_000_000, |n| {
            format!("{{tag}}:{n:010}")
        });
    }
}

fn keyspace(shards: usize) -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        shards,
        databases: 16,
        seed: 42,
        maxmemory_bytes: 0,
    })
}

fn set(keyspace: &Keyspace, key: &[u8]) {
    let key = keyspace.key(key);
    let mut unit = Unit::begin(keyspace, LockPlan::Write(key.hash.shard), NOW);
    unit.set(0, &key, NewValue::Bytes(VALUE), NewExpiry::None);
}

fn get(keyspace: &Keyspace, key: &[u8]) -> usize {
    let key = keyspace.key(key);
    let mut unit = Unit::begin(keyspace, LockPlan::Read(key.hash.shard), NOW);
    unit.string(0, &key)
        .expect("a string")
        .map_or(0, |value| value.len() as usize)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A fixed number of reads and overwrites in a small keyspace.
fn hot() {
    let keyspace = keyspace(64);
    let names: Vec<String> = (0..1000).map(|n| format!("key:{n:012}")).collect();
    names.iter().for_each(|key| set(&keyspace, key.as_bytes()));
    for _ in 0..100 {
        names.iter().for_each(|key| {
            black_box(get(&keyspace, key.as_bytes()));
        });
        names.iter().for_each(|key| set(&keyspace, key.as_bytes()));
    }
}

/// Nanoseconds per operation on one thread.
fn operations() {
    for keys in [100_000u64, 10_000_000] {
        let keyspace = keyspace(64);
        (0..keys).for_each(|n| set(&keyspace, format!("key:{n:012}").as_bytes()));
        let names: Vec<String> = (0..2_000_000)
            .map(|n| format!("key:{:012}", mix(n) % keys))
            .collect();
        let time = |name: &str, run: &dyn Fn(&[u8])| {
            let started = thread_cpu();
            names.iter().for_each(|key| run(key.as_bytes()));
            let each = (thread_cpu() - started).as_nanos() as f64 / names.len() as f64;
            println!("| {name}, {keys} keys | {each:.0} ns |");
        };
        time("GET", &|key| {
            black_box(get(&keyspace, key));
        });
        time("SET (overwrite)", &|key| set(&keyspace, key));
        let started = thread_cpu();
        for batch in names.chunks(16) {
            let hashes: Vec<_> = batch
                .iter()
                .map(|key| keyspace.hasher().hash(key.as_bytes()))
                .collect();
            keyspace.warm_table(0, hashes.iter().copied());
            keyspace.warm_entries(0, hashes.iter().copied());
            for (key, hash) in batch.iter().zip(hashes) {
                let mut unit = Unit::begin(&keyspace, LockPlan::Read(hash.shard), NOW);
                let _ = black_box(unit.string(
                    0,
                    &Key {
                        bytes: key.as_bytes(),
                        hash,
                    },
                ));
            }
        }
        let each = (thread_cpu() - started).as_nanos() as f64 / names.len() as f64;
        println!("| GET, warmed in batches of 16, {keys} keys | {each:.0} ns |");
    }
}

fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (n ^ n >> 27).wrapping_mul(0x81da_def4_bc2d_d44d) >> 8
}

/// Throughput of two threads over that of one: uniform reads and writes, and one hot key.
fn scaling() {
    const KEYS: u64 = 100_000;
    let keyspace = keyspace(64);
    (0..KEYS).for_each(|n| set(&keyspace, format!("key:{n:012}").as_bytes()));
    let names: Vec<String> = (0..1_000_000)
        .map(|n| format!("key:{:012}", mix(n) % KEYS))
        .collect();
    let uniform_get = |n: usize| {
        black_box(get(&keyspace, names[n % names.len()].as_bytes()));
    };
    let uniform_set = |n: usize| set(&keyspace, names[n % names.len()].as_bytes());
    let hot_get = |_: usize| {
        black_box(get(&keyspace, b"key:000000000007"));
    };
    let cases: [(&str, &(dyn Fn(usize) + Sync)); 3] = [
        ("uniform GET", &uniform_get),
        ("uniform SET", &uniform_set),
        ("one hot key, GET", &hot_get),
    ];
    for (name, run) in cases {
        let mut ratios: Vec<f64> = (0..5)
            .map(|_| throughput(2, run) / throughput(1, run))
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("| {name}: two threads against one | {:.2} x |", ratios[2]);
    }
}

/// Operations per second over all threads.
fn throughput(threads: usize, run: &(dyn Fn(usize) + Sync)) -> f64 {
    const OPERATIONS: usize = 1_500_000;
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    (0..OPERATIONS).for_each(|n| run(n + thread * 333_333));
                })
            })
            .collect();
        barrier.wait();
        let started = Instant::now();
        workers
            .into_iter()
            .for_each(|worker| worker.join().expect("no panic"));
        (threads * OPERATIONS) as f64 / started.elapsed().as_secs_f64()
    })
}

/// Worst insert while filling, and what the table takes per key.
fn fill(name: &str, shards: usize, keys: u64, key: impl Fn(u64) -> String) {
    let keyspace = keyspace(shards);
    let mut slow: Vec<Duration> = Vec::new();
    for n in 0..keys {
        let key = key(n);
        let started = thread_cpu();
        set(&keyspace, key.as_bytes());
        slow.push(thread_cpu() - started);
    }
    slow.sort_unstable();
    let table = keyspace.memory().used_bytes() - keyspace.memory().dataset_bytes();
    println!(
        "| {name}: worst insert, CPU time | {} µs |",
        slow[slow.len() - 1].as_micros()
    );
    println!(
        "| {name}: p99.999 insert | {} µs |",
        slow[slow.len() - slow.len() / 100_000].as_micros()
    );
    println!(
        "| {name}: table bytes per key | {:.1} |",
        table as f64 / keys as f64
    );
}
